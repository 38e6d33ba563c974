#!/usr/bin/env python3
"""The C that vitc prints is clean under the compilers' warnings and gives the same bits as the object.

    check_c.py --vitc VITC --source ROOT --runtime LIB --model DIR --target NAME [--all]

Compiles the model to an object and to C, builds tests/cc/run_model.c against both with gcc, clang-19 (and clang with
--all) at -O2 (-O1, -O2, -O3 with --all), runs them and compares their outputs byte for byte. Exit 77: the processor
cannot run the target."""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

WARNINGS = "-Wall -Wextra -Wpedantic -Wconversion -Werror".split()
FLAGS = {"generic": [], "x86-64-v2": ["-march=x86-64-v2"], "x86-64-v3": ["-march=x86-64-v3"],
         "x86-64-amx": ["-march=x86-64-v4", "-mavx512bf16", "-mamx-tile", "-mamx-bf16", "-mamx-int8",
                        "-mprefer-vector-width=512"],
         "x86-64-v4-256": ["-march=x86-64-v4", "-mprefer-vector-width=256"],
         "x86-64-v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
         "x86-64-v4+bf16": ["-march=x86-64-v4", "-mavx512bf16", "-mprefer-vector-width=512"]}


def run(argv, cwd):
    r = subprocess.run(argv, cwd=cwd, capture_output=True, text=True)
    if r.returncode == 77:
        print("[SKIP] this processor cannot run the target")
        sys.exit(77)
    if r.returncode:
        print("$", " ".join(argv), "\n" + r.stdout + r.stderr)
        sys.exit(1)
    return r


def outputs(argv, cwd):
    run(argv + ["out.bin"], cwd)
    with open(os.path.join(cwd, "out.bin"), "rb") as f:
        return f.read()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("vitc", "source", "runtime", "model", "target"):
        p.add_argument("--" + name, required=True)
    p.add_argument("--all", action="store_true")
    a = p.parse_args()
    host = os.path.join(a.source, "tests/cc/run_model.c")
    include = "-I" + os.path.join(a.source, "runtime")
    libs = [a.runtime, "-lm", "-lpthread"]
    with tempfile.TemporaryDirectory() as d:
        run([a.vitc, "compile", a.model, "-o", "model.o", "--target", a.target, "--outputs", "all"], d)
        run([a.vitc, "compile", a.model, "-o", "model.c", "--emit", "c", "--target", a.target, "--outputs", "all"], d)
        run(["cc", "-O1", "-D_GNU_SOURCE", include, host, "model.o"] + libs + ["-o", "object"], d)
        want = outputs(["./object"], d)
        for cc in ["gcc", "clang-19"] + (["clang"] if a.all else []):
            if not shutil.which(cc):
                print("[SKIP]", cc, "is not installed")
                continue
            for level in ["-O1", "-O2", "-O3"] if a.all else ["-O2"]:
                run([cc, "-std=c11", level, "-ffp-contract=off"] + WARNINGS + FLAGS[a.target] +
                    [include, "-c", "model.c", "-o", "c.o"], d)
                run(["cc", "-O1", "-D_GNU_SOURCE", include, host, "c.o"] + libs + ["-o", "c"], d)
                if outputs(["./c"], d) != want:
                    print(cc, level, "differs from the object")
                    sys.exit(1)
                print(cc, level, "equal,", len(want), "bytes")


main()
