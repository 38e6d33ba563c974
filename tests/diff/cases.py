#!/usr/bin/env python3
"""Random kernels on a machine that this one is not, in an emulator: LLVM's object and the printed C
leave the interpreter's bytes.

    cases.py TEST_DIFF_KERNELS SOURCE_ROOT TARGET CC EMULATOR FLAGS…

Exit 77 (skipped) when the compiler or the emulator is not installed."""
import os
import shutil
import subprocess
import sys
import tempfile


def main():
    tool, root, target, cc, emulator = sys.argv[1:6]
    flags = sys.argv[6:]
    if not shutil.which(cc) or not shutil.which(emulator):
        print(f"[SKIP] {cc} or {emulator} is not installed")
        return 77
    runtime = os.path.join(root, "runtime")
    common = [cc, "-std=c11", "-O1", "-w", "-static", "-ffp-contract=off", "-D_GNU_SOURCE",
              "-I" + runtime, *flags, os.path.join(root, "tests/diff/run_cases.c"),
              os.path.join(runtime, "run_model.c"), os.path.join(runtime, "cpu.c")]
    with tempfile.TemporaryDirectory() as d:
        subprocess.run([tool, "--write", d, "--target", target, "--count", "128"], check=True)
        with open(os.path.join(d, "weights.c"), "w") as f:  # what the object leaves undefined
            f.write('const char kernels_weights[64] __attribute__((visibility("hidden"))) = {0};\n')
        for part in (["kernels.c"], ["kernels.o", "weights.c"]):
            subprocess.run([*common, *part, "-o", "run"], cwd=d, check=True)
            print(part[0], flush=True)
            subprocess.run([emulator, os.path.join(d, "run"), os.path.join(d, "cases.bin")], check=True)
    return 0


sys.exit(main())
