# link.py: what readelf, nm and the linkers say about an object, and that programs made with it run.
#
#     link.py MAKE_OBJECT RUNTIME_ARCHIVE SOURCE_DIR [large]
#
# large: only the programs around two models with more than 1 GB of weights each.
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

MAKE, RUNTIME, SOURCE = (os.path.abspath(p) for p in sys.argv[1:4])
IS_LARGE = sys.argv[4:] == ["large"]
CASES = []
LIBRARIES = ["-lpthread", "-lm"]
STRICT = "-Wl,-z,now,-z,relro,-z,noexecstack,-z,text,--fatal-warnings"
KINDS = ("-no-pie", "-pie", "-static-pie", "-static", "-shared")

HOST = r"""
#include "one.h"
#include "two.h"
#include <stdio.h>
static _Alignas(64) unsigned char arena[ONE_ARENA_BYTES + TWO_ARENA_BYTES];
#define COUNT (3 * 40)
static int wrong(const float *x, const float *y) {
    for (int i = 0; i < COUNT; i++)
        if (y[i] != x[i] * (1 + (float)(i % 40) / 8) + ((float)(i % 40 % 7) - 3)) return 1;
    return 0;
}
int run_models(void) {
    float x[COUNT], y[COUNT], z[COUNT];
    for (int i = 0; i < COUNT; i++) x[i] = (float)(i * 37 % 101) / 4;
    if (one_run(x, y, arena, 0) != VITC_OK || wrong(x, y)) return 1;
    if (two_run(x, z, arena, 0) != VITC_OK || wrong(x, z)) return 2;
    if (one_model.arena_bytes != two_model.arena_bytes) return 3;
    printf("%s %s\n", one_model.producer, two_model.inputs[0].name);
    return 0;
}
"""
MAIN = "int run_models(void);\nint main(void) { return run_models(); }\n"


def case(f):
    if not IS_LARGE:
        CASES.append(f)
    return f


def large_case(f):
    if IS_LARGE:
        CASES.append(f)
    return f


def sh(*argv, cwd=None, fails=False):
    r = subprocess.run(argv, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if (r.returncode != 0) != fails:
        raise AssertionError(f"{' '.join(argv)}: exit {r.returncode}\n{r.stdout}")
    return r.stdout


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def make(directory, prefix, target="generic", extra=0, *mode):
    sh(MAKE, os.path.join(directory, prefix), prefix, target, str(extra), *mode)
    return os.path.join(directory, prefix + ".o")


def write(directory, name, text):
    with open(os.path.join(directory, name), "w", encoding="utf-8") as f:
        f.write(text)


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def project(directory, extra=0):
    make(directory, "one", extra=extra)
    make(directory, "two", extra=extra)
    write(directory, "host.c", HOST)
    write(directory, "main.c", MAIN)
    flags = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fPIC"]
    sh("cc", *flags, "-I", os.path.join(SOURCE, "runtime"), "-c", "host.c", "main.c", cwd=directory)


def linkers(d):
    """{name: options that choose it}. gcc takes ld.lld alone, so one with a version gets that name in a folder."""
    found = {}
    for ld in ("bfd", "gold", "lld", "lld-19"):
        path = shutil.which("ld." + ld)
        if not path:
            print(f"[SKIP] there is no ld.{ld}")
            continue
        found[ld] = ["-fuse-ld=" + ld.split("-")[0]]
        if "-" in ld:
            folder = os.path.join(d, ld)
            os.makedirs(folder, exist_ok=True)
            os.symlink(path, os.path.join(folder, "ld.lld"))
            found[ld].append("-B" + folder)
    return found


def flags_of(ld, kind):
    """None: this linker cannot do it. docs/host.md says why."""
    if ld == "gold" and kind == "-static-pie":
        return None
    if ld == "gold" and kind == "-static":
        return [STRICT.replace("relro", "norelro")]
    return [STRICT]


def link_and_run(d, chosen, kind, objects, flags):
    """main.o calls into a program of these objects, or into a shared library of them."""
    if kind == "-shared":
        sh("cc", kind, *chosen, *flags, "-Wl,-z,defs", *objects, RUNTIME, "-o", "libmodels.so", *LIBRARIES, cwd=d)
        sh("cc", *chosen, "main.o", "-L.", "-lmodels", "-Wl,-rpath," + d, "-o", "program", cwd=d)
    else:
        sh("cc", kind, *chosen, *flags, "main.o", *objects, RUNTIME, "-o", "program", *LIBRARIES, cwd=d)
    said = sh(os.path.join(d, "program"))
    expect(said == 'vitc test pixel "values"\n', said)
    for made in ("program", "libmodels.so") if kind == "-shared" else ("program",):
        dynamic = sh("readelf", "-dWl", os.path.join(d, made))
        expect("TEXTREL" not in dynamic and not re.search(r"GNU_STACK.* RWE", dynamic), dynamic)


def every_link(d, what, objects, known=()):
    for ld, chosen in linkers(d).items():
        for kind in KINDS:
            flags = None if (ld, kind) in known else flags_of(ld, kind)
            if flags:
                link_and_run(d, chosen, kind, objects, flags)
            print(f"     {what:24} {ld:7} {kind:12} {' '.join(flags) if flags else 'see docs/host.md'}", flush=True)


@case
def symbols_are_the_promised_ones(d):
    for target in ("generic", "x86-64-v4"):
        lines = sh("nm", make(d, "one", target)).splitlines()
        public = {line.split()[-1]: line.split()[-2] for line in lines if line.split()[-2].isupper()}
        expect(set(public) == {"one_run", "one_model", "one_weights", "vitc_execute"}, str(public))
        expect(public["vitc_execute"] == "U", "vitc_execute is defined")
        local = [line.split()[-1] for line in lines if line.split()[-2].islower()]
        expect(all("." in name or name in ("run", "weights_anchor") for name in local), str(local))
    symbols = sh("readelf", "-sW", os.path.join(d, "one.o"))
    expect(re.search(r"OBJECT +GLOBAL +HIDDEN .* one_weights", symbols), symbols)
    expect(re.search(r"FILE +LOCAL +DEFAULT +ABS vitc$", symbols, re.M), symbols)


@case
def sections_are_harmless(d):
    text = sh("readelf", "-SWn", make(d, "one"))
    names = set(re.findall(r"^  \[ *\d+\] (\.\S+)", text, re.M))
    allowed = {".strtab", ".symtab", ".text", ".rela.text", ".note.gnu.property", ".rodata",
               ".rodata.cst4", ".rodata.cst16", ".rela.rodata", ".data.rel.ro",
               ".rela.data.rel.ro", ".rodata.str1.1", ".note.GNU-stack", ".lrodata.vitc"}
    expect(names <= allowed, str(names - allowed))
    expect(re.search(r"\.lrodata\.vitc +PROGBITS .* +Al +", text), text)
    expect(re.search(r"\.note\.GNU-stack +PROGBITS +0+ \S+ 0+ 00 +0 ", text), "executable stack")
    expect("IBT, SHSTK" in text, "no CET note")
    expect(re.search(r"R_X86_64_PC64 .*one_weights", sh("readelf", "-rW", os.path.join(d, "one.o"))),
           "the anchor has no PC64 relocation")


@case
def same_bytes_anywhere(d):
    other = os.path.join(d, "another directory")
    os.mkdir(other)
    first = digest(make(d, "one", "x86-64-v4", 64 << 10))
    expect(digest(make(d, "one", "x86-64-v4", 64 << 10)) == first, "twice")
    environment = dict(os.environ, LC_ALL="de_DE.UTF-8", TZ="Asia/Tokyo", HOME="/nonexistent")
    subprocess.run([MAKE, "one", "one", "x86-64-v4", str(64 << 10)], cwd=other, env=environment,
                   check=True)
    expect(digest(os.path.join(other, "one.o")) == first, "in another directory")
    with open(os.path.join(d, "one.o"), "rb") as f:
        expect(os.fsencode(d) not in f.read(), "a path is in the object")


@case
def two_objects_link_and_run(d):
    project(d)
    every_link(d, "two objects", ["host.o", "one.o", "two.o"])
    if os.path.exists(os.path.join(d, "libmodels.so")):
        exported = sh("nm", "-D", "--defined-only", os.path.join(d, "libmodels.so"))
        expect("one_run" in exported and "weights" not in exported, exported)


@case
def printed_c_and_an_object_link_and_run(d):
    project(d)
    make(d, "two", "generic", 0, "c")
    flags = ["-std=c11", "-O1", "-ffp-contract=off", "-fPIC", "-I", os.path.join(SOURCE, "runtime")]
    sh("cc", *flags, "-c", "two.c", "-o", "two.o", cwd=d)
    every_link(d, "an object and printed C", ["host.o", "one.o", "two.o"])


@case
def cxx_hosts_link_and_run(d):
    """The header in two C++ files, one of them with the other model's, too."""
    make(d, "one")
    make(d, "two")
    write(d, "host.cc", HOST.replace("static _Alignas(64)", "alignas(64) static").replace("<stdio.h>", "<cstdio>"))
    write(d, "main.cc", '#include "one.h"\nint run_models();\n'
          "int main() { return one_model.abi == VITC_ABI ? run_models() : 9; }\n")
    flags = ["-Wall", "-Wextra", "-pedantic", "-Werror", "-I", os.path.join(SOURCE, "runtime")]
    for compiler in ("g++", "clang++", "clang++-19"):
        for std in ("c++11", "c++20"):
            if not shutil.which(compiler):
                print(f"[SKIP] there is no {compiler}")
                continue
            sh(compiler, "-std=" + std, *flags, "host.cc", "main.cc", "one.o", "two.o", RUNTIME, "-o", "program",
               *LIBRARIES, cwd=d)
            sh(os.path.join(d, "program"))


@case
def tools_keep_it_whole(d):
    project(d)
    sh("strip", "--strip-unneeded", "one.o", cwd=d)
    sh("objcopy", "two.o", "copy.o", cwd=d)
    sh("ld", "-r", "one.o", "copy.o", "-o", "both.o", cwd=d)
    sh("ar", "rcs", "libboth.a", "both.o", cwd=d)
    sh("cc", "-Wl,--gc-sections", "host.o", "main.o", "libboth.a", RUNTIME, "-o", "program",
       "-lpthread", "-lm", cwd=d)
    sh(os.path.join(d, "program"))


@case
def two_models_with_one_prefix_collide(d):
    make(d, "one")
    write(d, "empty.c", "int main(void) { return 0; }\n")
    said = sh("cc", "empty.c", "one.o", "one.o", RUNTIME, "-lpthread", "-lm", cwd=d, fails=True)
    expect("multiple definition" in said and "one_run" in said, said)


def check_header(d, prefix):
    text = f'#include "{prefix}.h"\n#include "{prefix}.h"\n'
    write(d, "main.c", text + f"int main(void) {{ return {prefix}_model.abi != VITC_ABI; }}\n")
    write(d, "main.cc", text + f"int main() {{ return {prefix}_model.abi != VITC_ABI; }}\n")
    include = ["-I", os.path.join(SOURCE, "runtime"), "-Wall", "-Wextra", "-Werror", "-pedantic"]
    for compiler, name, standards in (("gcc", "main.c", ("c11", "gnu17")), ("clang", "main.c", ("c11",)),
                                      ("g++", "main.cc", ("c++11", "gnu++20")),
                                      ("clang++", "main.cc", ("c++11",))):
        for std in standards if shutil.which(compiler) else ():
            sh(compiler, "-std=" + std, *include, "-fsyntax-only", name, cwd=d)


@case
def the_header_is_c_and_cxx(d):
    make(d, "one")
    check_header(d, "one")
    with open(os.path.join(d, "one.h"), encoding="ascii") as f:
        text = f.read()
    for line in ("#define ONE_BATCH 3", "#define ONE_IMAGE_H 4", "#define ONE_LABELS 4",
                 "vitc_status one_run(const float *pixel__values_, float *logits, void *arena, "):
        expect(line in text, f"{line} is missing from\n{text}")


@case
def hostile_names_stay_names(d):
    sh(MAKE, os.path.join(d, "bad"), "bad", "generic", "0", "hostile")
    check_header(d, "bad")
    with open(os.path.join(d, "bad.h"), encoding="ascii") as f:
        text = f.read()
    expect("main" not in text.split("bad_run")[0] and "#error" not in text, text)
    names = re.findall(r"float \*(\w+)", text.split("bad_run(")[1])
    expect(len(names) == len(set(names)) == 33, str(names))


@case
def weights_of_many_pages_link(d):
    project(d, extra=96 << 20)
    sh("cc", "host.o", "main.o", "one.o", "two.o", RUNTIME, "-o", "program", *LIBRARIES, cwd=d)
    sh(os.path.join(d, "program"))


@large_case
def two_large_objects_link_and_run(d):
    project(d, extra=1200 << 20)
    known = [("bfd", kind) for kind in ("-static", "-static-pie")]
    known += [("lld-19", kind) for kind in ("-no-pie", "-static", "-static-pie")]
    known += [("lld", kind) for kind in KINDS]
    every_link(d, "two objects of 1.2 GB", ["host.o", "one.o", "two.o"], known)


@large_case
def one_large_object_links_and_runs(d):
    project(d)
    make(d, "one", extra=1200 << 20)
    every_link(d, "one object of 1.2 GB", ["host.o", "one.o", "two.o"])


def main():
    failed = 0
    for f in CASES:
        with tempfile.TemporaryDirectory() as directory:
            try:
                f(directory)
                print("ok  ", f.__name__)
            except AssertionError as e:
                failed += 1
                print("FAIL", f.__name__, e)
    sys.exit(failed != 0)


main()
