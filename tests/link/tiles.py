#!/usr/bin/env python3
"""Every compiler makes the instructions of the matrix unit that kernels say, and no host meets a signal for them.

    tiles.py VITC SOURCE RUNTIME WORK

tests/fixtures/text/tiles.vp becomes an object by LLVM, and C that gcc and clang compile; objdump says what is there.
Then a model whose matrix products take tiles, alone and with a level for other processors: where the unit is missing
(here, perhaps, and on a Haswell of qemu) it refuses, or takes the other level and gives that level's bytes. Where the
unit is, LLVM's object and the C of every compiler give the same bytes."""
import os
import re
import shutil
import subprocess
import sys

WANT = ("ldtilecfg tilezero:0 tileloadd:7 tileloaddt1:4 tdpbf16ps:0,4,7 tdpbssd:0,4,7 tdpbusd:0,4,7 tilestored:0 "
        "tileloadd:0 tilestored:0 tilerelease").split()
FEATURES = "-mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512cd -mavx2 -mfma -mf16c -mavx512bf16 -mamx-tile -mamx-bf16 " \
           "-mamx-int8".split()
FLAGS = "-std=c11 -ffp-contract=off -Wall -Wextra -Wpedantic -Wconversion -Werror".split()
COMPILERS = [cc for cc in ("gcc", "clang-14", "clang-19") if shutil.which(cc)]
REFUSED = 77


def run(argv, cwd, expect=(0,)):
    r = subprocess.run(argv, cwd=cwd, capture_output=True, text=True)
    if r.returncode not in expect:
        print("$", " ".join(argv), "\n" + r.stdout + r.stderr + "exit", r.returncode)
        sys.exit(1)
    return r


def fail(*what):
    print(*what)
    sys.exit(1)


def tiles(path):
    """The instructions with their registers, destination first."""
    found = []
    for line in run(["objdump", "-d", "-M", "intel", "--no-show-raw-insn", path], "/").stdout.splitlines():
        m = re.search(r"\s((?:ld)?tile\w*|tdp\w+)\s*(.*)", line)
        if m and ":" in line and not line.endswith(":"):
            registers = re.findall(r"tmm(\d)", m.group(2))
            found.append(":".join([m.group(1)] + ([",".join(registers)] if registers else [])))
    return found


class Work:
    def __init__(self, vitc, source, runtime, work):
        self.vitc, self.source, self.runtime, self.work = vitc, source, runtime, work
        self.include = "-I" + os.path.join(source, "runtime")
        os.makedirs(work, exist_ok=True)

    def vitc_compile(self, model, out, *options):
        run([self.vitc, "compile", "-q", os.path.join(self.source, model), "-o", out, "--prefix", "model", *options], self.work)
        return os.path.join(self.work, out)

    def cc(self, cc, level, source, flags=()):
        out = source[:-2] + "-" + cc + level + ".o"
        run([cc, level, *FLAGS, *flags, self.include, "-c", source, "-o", out], self.work)
        return os.path.join(self.work, out)

    def link(self, model, name):
        out = os.path.join(self.work, name)
        run(["cc", "-O1", "-D_GNU_SOURCE", self.include, "-static", os.path.join(self.source, "tests/cc/run_model.c"), model,
             self.runtime, "-lm", "-lpthread", "-o", out], self.work)
        return out

    def outputs(self, program, *before):
        """The bytes that it writes, None when it refuses."""
        out = os.path.join(self.work, "out.bin")
        if run([*before, program, out], self.work, (0, REFUSED)).returncode:
            return None
        with open(out, "rb") as f:
            return f.read()


def check_instructions(w):
    made = {"llvm": w.vitc_compile("tests/fixtures/text/tiles.vp", "tiles.o")}
    w.vitc_compile("tests/fixtures/text/tiles.vp", "tiles.c", "--emit", "c")
    for cc in COMPILERS:
        for level in ("-O0", "-O2"):
            made[cc + level] = w.cc(cc, level, "tiles.c", FEATURES)
    for what, path in made.items():
        if tiles(path) != WANT:
            fail(what, "made", tiles(path), "not", WANT)
        print(what, "ok")


def check_model(w):
    model, options = "tests/fixtures/digits/model", ["--dtype", "bf16", "--target"]
    alone = w.vitc_compile(model, "alone.o", *options, "x86-64-amx")
    if not any(i.startswith("tdpbf16ps") for i in tiles(alone)):
        fail("no product on tiles in", alone)
    both = w.vitc_compile(model, "both.o", *options, "x86-64-amx,x86-64-v3")
    fits_all = w.vitc_compile(model, "standalone.o", *options, "x86-64-amx,x86-64-v3", "--standalone")
    w.vitc_compile(model, "alone.c", *options, "x86-64-amx", "--emit", "c")
    w.vitc_compile(model, "both.c", *options, "x86-64-amx,x86-64-v3", "--emit", "c")
    programs = {"object": w.link(alone, "alone"), "both": w.link(both, "both"), "standalone": w.link(fits_all, "standalone")}
    for cc in COMPILERS:
        programs[cc] = w.link(w.cc(cc, "-O1", "alone.c", FEATURES), "alone-" + cc)
        programs[cc + " both"] = w.link(w.cc(cc, "-O1", "both.c"), "both-" + cc)
    want = {"alone": w.outputs(programs["object"])}
    run([programs["both"], "out.bin", "x86-64-v3"], w.work)
    with open(os.path.join(w.work, "out.bin"), "rb") as f:
        want["both"] = want["alone"] or f.read()
    print("matrix unit", "here" if want["alone"] else "[SKIP] not here: only refusals are tested")
    for what, program in programs.items():
        kind = "both" if "both" in what or what == "standalone" else "alone"
        if w.outputs(program) != want[kind]:
            fail(what, "differs")
        print(what, "ok")
    if shutil.which("qemu-x86_64-static"):
        run([programs["both"], "out.bin", "x86-64-v3"], w.work)
        with open(os.path.join(w.work, "out.bin"), "rb") as f:
            v3 = f.read()
        haswell = ["qemu-x86_64-static", "-cpu", "Haswell"]
        if w.outputs(programs["object"], *haswell) is not None or w.outputs(programs["both"], *haswell) != v3:
            fail("on a Haswell: no refusal, or other bytes")
        print("qemu ok")


def main():
    w = Work(*sys.argv[1:])
    check_instructions(w)
    check_model(w)


main()
