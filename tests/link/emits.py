#!/usr/bin/env python3
"""Everything that compile can write becomes the same program: --emit obj, asm, archive, so and c, and what
--save-temps keeps, give equal bytes with every assembler and linker there is.

The same with --weights file, whose host maps the weights.

    emits.py VITC ROOT RUNTIME_ARCHIVE MODEL
"""
import os
import shutil
import subprocess
import sys
import tempfile

VITC, ROOT, RUNTIME, MODEL = (os.path.abspath(p) for p in sys.argv[1:5])
TARGET = "x86-64-v2"
INCLUDE = "-I" + os.path.join(ROOT, "runtime")
HERE = os.path.dirname(os.path.abspath(__file__))
HOST = os.path.join(ROOT, "tests/cc/run_model.c")
LINKERS = {"bfd": "ld.bfd", "gold": "ld.gold", "lld": "ld.lld"}


def sh(*argv, cwd):
    r = subprocess.run(argv, cwd=cwd, capture_output=True, text=True)
    if r.returncode:
        sys.exit(f"$ {' '.join(argv)}\n{r.stdout}{r.stderr}exit {r.returncode}")
    return r.stdout


def emit(place, folder, name, *options):
    os.makedirs(os.path.join(place, folder), exist_ok=True)
    sh(VITC, "compile", MODEL, "-o", f"{folder}/{name}", "-t", TARGET, "-q", *options, cwd=place)


def expect(condition, what):
    if not condition:
        sys.exit(what)


def build_and_run(place, parts, *flags, weights=()):
    """Links the host with `parts` and returns what its outputs are."""
    runtime = [] if any(".so" in p for p in parts) else [RUNTIME]
    sh("cc", "-O1", INCLUDE, HOST, *parts, *runtime, "-lm", "-lpthread", "-Wl,-rpath," + place + "/" + os.path.dirname(parts[0]),
       *flags, "-o", "program", cwd=place)
    sh("./program", "outputs", *weights, cwd=place)
    with open(os.path.join(place, "outputs"), "rb") as f:
        return f.read()


def linkers():
    return [name for name, program in LINKERS.items() if shutil.which(program)]


def check_archive(place):
    sh("ar", "x", "libmodel.a", cwd=place + "/archive")
    with open(place + "/archive/model.o", "rb") as a, open(place + "/obj/model.o", "rb") as b:
        expect(a.read() == b.read(), "the archive's member is not the object")
    sh("ar", "rcsD", "ours.a", "model.o", cwd=place + "/archive")
    index = [sh("nm", "-s", a, cwd=place + "/archive").split("\n\n")[0] for a in ("libmodel.a", "ours.a")]
    expect(index[0].replace("libmodel", "ours") == index[1], f"the index differs from ar's:\n{index}")
    emit(place, "archive", "libmodel_with_a_long_name.a", "--emit", "archive", "--prefix", "model")
    expect(sh("ar", "t", "libmodel_with_a_long_name.a", cwd=place + "/archive") ==
           "model_with_a_long_name.o\n", "a long name is not kept")
    return "archive/libmodel_with_a_long_name.a"


def check_exports(place):
    names = {line.split()[-1] for line in sh("nm", "-D", "--defined-only", "so/libmodel.so", cwd=place).splitlines()}
    expect({"model_run", "model_model", "vitc_pool_create", "vitc_arena_create"} <= names, f"missing: {names}")
    other = {n for n in names if not n.startswith(("model_run", "model_model", "vitc_"))}
    expect(not other and "vitc_execute" not in names, f"exported besides: {other}")


def check_weights_file(place, want):
    kinds = {"obj": "model.o", "so": "libmodel.so", "archive": "libmodel.a", "c": "model.c", "asm": "model.s"}
    for kind, name in kinds.items():
        folder = "apart_" + kind
        emit(place, folder, name, "--emit", kind, "--weights", "file")
        if kind in ("c", "asm"):
            sh("gcc", "-std=c11", "-O2", "-ffp-contract=off", "-msse4.2", INCLUDE, "-c", name, "-o", "made.o",
               cwd=f"{place}/{folder}")
            name = "made.o"
        got = build_and_run(place, [f"{folder}/{name}"], weights=[folder + "/model.weights.bin"])
        expect(got == want, f"--weights file --emit {kind}: other outputs")
        print("weights file,", kind, "equal")
    symbols = sh("nm", "model.o", cwd=place + "/apart_obj")
    expect("model_weights" not in symbols, f"the object still has its weights:\n{symbols}")
    with open(place + "/apart_obj/model.weights.bin", "rb") as f, open(place + "/other.bin", "wb") as other:
        data = bytearray(f.read())
        data[-8] ^= 1                                            # of another model with the same size
        other.write(data)
    sh("cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-Iapart_obj", INCLUDE, HERE + "/weights_host.c",
       "apart_obj/model.o", RUNTIME, "-lm", "-lpthread", "-o", "host", cwd=place)
    sh("./host", "apart_obj/model.weights.bin", "other.bin", cwd=place)


def main():
    with tempfile.TemporaryDirectory() as place:
        emit(place, "obj", "model.o", "--save-temps")
        emit(place, "asm", "model.s", "--emit", "asm")
        emit(place, "archive", "libmodel.a", "--emit", "archive")
        emit(place, "so", "libmodel.so", "--emit", "so")
        emit(place, "cobj", "model.o", "--backend", "c", "--save-temps")
        emit(place, "casm", "model.s", "--backend", "c", "--emit", "asm")
        want = build_and_run(place, ["obj/model.o"])

        def same(what, parts, *flags):
            expect(build_and_run(place, parts, *flags) == want, f"{what}: other outputs than the object's")
            print(what, "equal")

        same("obj of --backend c", ["cobj/model.o"])
        same("so", ["so/libmodel.so"])
        check_exports(place)
        long_name = check_archive(place)
        for linker in linkers():
            same(f"archive, {linker}", ["archive/libmodel.a"], "-fuse-ld=" + linker)
            same(f"archive with a long name, {linker}", [long_name], "-fuse-ld=" + linker)
        for cc in filter(shutil.which, ("gcc", "clang", "clang-19")):
            for folder in ("asm", "casm"):
                sh(cc, "-c", "model.s", "-o", "made.o", cwd=f"{place}/{folder}")
                same(f"{folder}, {cc}", [f"{folder}/made.o"])
        sh("gcc", "-std=c11", "-O2", "-ffp-contract=off", "-msse4.2", "-Wall", "-Werror", INCLUDE, "-c", "model.c",
           "-o", "made.o", cwd=place + "/cobj")
        for temp in ("obj/model.s", "obj/model.ll", "cobj/model.s", "cobj/model.c"):
            expect(os.path.getsize(os.path.join(place, temp)) > 1000, temp + " is missing")
        check_weights_file(place, want)
        left = [n for f in os.listdir(place) if os.path.isdir(os.path.join(place, f))
                for n in os.listdir(os.path.join(place, f)) if n.startswith(".")]
        expect(not left, f"temporaries are left: {left}")


main()
