#!/usr/bin/env python3
"""Objects of `vitc compile --sanitize address`, and printed C under ASan and UBSan, run without a report.

    sanitize.py VITC SOURCE [all]

Each fixture is compiled with and without checks and run by exact_host.c, whose buffers are exactly as large as they
must be; both runs give the same bytes. An arena that is too small is reported. Objects link with the sanitizer of gcc
and with that of clang. all: every fixture at every level, else some. Exit 77: no compiler has the sanitizers."""
import glob
import os
import sys
import tempfile

import fixtures
from fixtures import CC_LEVEL, LEVELS, must, read

VITC, SOURCE = (os.path.abspath(p) for p in sys.argv[1:3])
EVERY = sys.argv[3:] == ["all"]
RUNTIME = os.path.join(SOURCE, "runtime")
HOST = os.path.join(SOURCE, "tests/host/exact_host.c")
SOME = (("hf/default", "generic"), ("hf/odd_sizes", "x86-64-v4"), ("hf/heads1_d40", "x86-64-v3"),
        ("hf/mask_token", "x86-64-v2"), ("onnx/ts17_all_outputs", "x86-64-v4"))
SOME_C = (("hf/odd_sizes", "generic"), ("hf/heads3_d16", "x86-64-v3"))
CHECKED = ["-g", "-fno-omit-frame-pointer", "-D_GNU_SOURCE", "-I", RUNTIME]
LIBRARIES = ["-lm", "-lpthread"]
ENVIRONMENT = dict(os.environ, ASAN_OPTIONS="detect_leaks=1:exitcode=9",
                   UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1:exitcode=9")


def compile_model(folder, model, level, *options):
    path, own = model
    must([VITC, "compile", path, "-q", "--target", level, "--max-threads", "3", *own, *options], folder)


def build_surroundings(folder, name, cc, flags):
    """The host and the runtime as object files NAME/*.o"""
    home = os.path.join(folder, name)
    os.mkdir(home)
    sources = [HOST] + sorted(glob.glob(os.path.join(RUNTIME, "*.c")))
    must([cc, *CHECKED, *flags, "-c", *sources], home)
    return sorted(glob.glob(os.path.join(home, "*.o")))


def run_program(folder, program):
    """Its outputs; None when this processor lacks the level"""
    out = os.path.join(folder, "out.bin")
    r = fixtures.run([program, out], folder, ENVIRONMENT)
    if r.returncode == fixtures.SKIP:
        return None
    if r.returncode:
        raise AssertionError(f"{program}: exit {r.returncode}\n{r.stderr}")
    return read(out)


def plain_outputs(folder, model, level, plain):
    compile_model(folder, model, level, "-o", "model.o", "--prefix", "model")
    must(["cc", "model.o", *plain, "-o", "plain", *LIBRARIES], folder)
    return run_program(folder, "./plain")


def check_object(folder, model, level, surroundings, plain, *options):
    want = plain_outputs(folder, model, level, plain)
    if want is None:
        return print(f"[SKIP] this processor cannot run {level}")
    compile_model(folder, model, level, "-o", "checked.o", "--prefix", "model", "--sanitize", "address", *options)
    for cc, objects in surroundings.items():
        must([cc, "-fsanitize=address", "checked.o", *objects, "-o", cc, *LIBRARIES], folder)
        if run_program(folder, "./" + cc) != want:
            raise AssertionError(f"{model[0]} {level} {cc}: the checked object gives other bytes")
        print("object", model[0], level, *options, cc)


def check_c(folder, model, level, surroundings, plain, flags):
    want = plain_outputs(folder, model, level, plain)
    if want is None:
        return print(f"[SKIP] this processor cannot run {level}")
    compile_model(folder, model, level, "-o", "checked.c", "--prefix", "model", "--emit", "c")
    for cc, objects in surroundings.items():
        must([cc, "-std=c11", "-ffp-contract=off", *CHECKED, *CC_LEVEL[level], *flags, "checked.c", *objects, "-o",
              cc, *LIBRARIES], folder)
        if run_program(folder, "./" + cc) != want:
            raise AssertionError(f"{model[0]} {level} {cc}: the checked C gives other bytes")
        print("C     ", model[0], level, cc)


def check_small_arena(folder, model, level, surroundings):
    """An arena without the last part of its last buffer, of which up to 1 KiB may be padding."""
    path, own = model
    must([VITC, "compile", path, "-q", "--target", level, "--max-threads", "1", *own, "-o", "small.o", "--prefix",
          "model", "--sanitize", "address"], folder)
    for cc, objects in surroundings.items():
        must([cc, "-fsanitize=address", "small.o", *objects, "-o", cc, *LIBRARIES], folder)
        run_program(folder, "./" + cc)
        less = 64
        while less <= 1024 and not fixtures.run(["./" + cc, "out.bin", str(less)], folder, ENVIRONMENT).returncode:
            less *= 2
        r = fixtures.run(["./" + cc, "out.bin", str(less)], folder, ENVIRONMENT)
        if r.returncode != 9 or "heap-buffer-overflow" not in r.stderr or "kernel." not in r.stderr:
            raise AssertionError(f"{cc}: a small arena is not reported: exit {r.returncode}\n{r.stderr}")
        print("arena ", cc, f"smaller by {less} bytes: reported")


def main():
    models = fixtures.models(os.path.join(SOURCE, "tests/fixtures"))
    pairs = [(name, level) for name in models for level in LEVELS]
    undefined = ["-fsanitize=address,undefined"]
    with tempfile.TemporaryDirectory() as d:
        able = fixtures.compilers(["-fsanitize=address"], d)
        if not able:
            return fixtures.SKIP
        plain = build_surroundings(d, "plain.d", "cc", [])
        checked = {cc: build_surroundings(d, cc + ".d", cc, ["-fsanitize=address"]) for cc in able}
        for name, level in pairs if EVERY else SOME:
            check_object(d, models[name], level, checked, plain)
        check_object(d, models["hf/default"], "x86-64-v3", checked, plain, "--backend", "c")
        check_small_arena(d, models["hf/default"], "generic", checked)
        able = fixtures.compilers(undefined, d)
        strict = {cc: build_surroundings(d, cc + ".u", cc, undefined) for cc in able[:None if EVERY else 1]}
        for name, level in pairs if EVERY else SOME_C:
            check_c(d, models[name], level, strict, plain, undefined)
    return 0


sys.exit(main())
