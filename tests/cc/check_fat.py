#!/usr/bin/env python3
"""An object of several levels gives, level by level, the bits of the objects that hold one.

    check_fat.py --vitc VITC --source ROOT --runtime LIB --model DIR

Compiles the model once for each level and once for all of them, to an object and to C (gcc and clang-19), forces each
level that this processor can run, and compares every output; without force the best one must have run."""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

# best first
LEVELS = ["x86-64-amx", "x86-64-v4+bf16", "x86-64-v4", "x86-64-v4-256", "x86-64-v3", "x86-64-v2",
          "generic"]
WARNINGS = "-Wall -Wextra -Wpedantic -Wconversion -Werror".split()


def run(argv, cwd, may_skip=False):
    r = subprocess.run(argv, cwd=cwd, capture_output=True, text=True)
    if r.returncode == 77 and may_skip:
        return False
    if r.returncode:
        print("$", " ".join(argv), "\n" + r.stdout + r.stderr)
        sys.exit(1)
    return True


def outputs(program, cwd, *level):
    """The bytes that a program writes, or None where the processor cannot run the level."""
    if not run(["./" + program, "out.bin", *level], cwd, may_skip=True):
        return None
    with open(os.path.join(cwd, "out.bin"), "rb") as f:
        return f.read()


def expect(condition, what):
    if not condition:
        print(what)
        sys.exit(1)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("vitc", "source", "runtime", "model"):
        p.add_argument("--" + name, required=True)
    a = p.parse_args()
    host = [os.path.join(a.source, "tests/cc/run_model.c"), "-D_GNU_SOURCE",
            "-I" + os.path.join(a.source, "runtime")]
    libs = [a.runtime, "-lm", "-lpthread"]
    with tempfile.TemporaryDirectory() as d:
        def compile_model(output, target, *options):
            run([a.vitc, "compile", a.model, "-q", "-o", output, "--prefix", "model", "--target", target,
                 "--outputs", "all", *options], d)

        def link(program, object_file):
            run(["cc", "-O1", *host, object_file, *libs, "-o", program], d)

        want = {}
        for level in LEVELS:
            compile_model("one.o", level)
            link("one", "one.o")
            want[level] = outputs("one", d)
        best = next(level for level in LEVELS if want[level])
        compile_model("model.o", ",".join(LEVELS))
        compile_model("again.o", ",".join(reversed(LEVELS)))
        run(["cmp", "model.o", "again.o"], d)
        link("fat", "model.o")
        programs = ["fat"]
        compile_model("model.c", ",".join(LEVELS), "--emit", "c")
        for cc in filter(shutil.which, ("gcc", "clang-19")):
            run([cc, "-std=c11", "-O1", "-ffp-contract=off", *WARNINGS, host[2], "-c", "model.c", "-o", cc + ".o"], d)
            link(cc, cc + ".o")
            programs.append(cc)
        for program in programs:
            for level in LEVELS:
                expect(outputs(program, d, level) == want[level], f"{program}: {level} differs")
            expect(outputs(program, d) == want[best], f"{program}: {best} was not taken")
            print(program, "equal,", sum(1 for w in want.values() if w), "levels")
        with_fma = [want[level] for level in LEVELS[:4] if want[level]]
        expect(with_fma == with_fma[:1] * len(with_fma), "levels with FMA differ")


main()
