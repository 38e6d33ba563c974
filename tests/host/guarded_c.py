#!/usr/bin/env python3
"""Printed C between guard pages: models printed as C, built with gcc and clang, run by guarded_model.c.

    guarded_c.py VITC SOURCE RUNTIME_LIBRARY [all]

all: every fixture at every level, else some. STACK_LIMIT holds for optimised C only: at -O0 every value has a place."""
import os
import shutil
import sys
import tempfile

import fixtures
from fixtures import CC_LEVEL, LEVELS, must

VITC, SOURCE, RUNTIME = (os.path.abspath(p) for p in sys.argv[1:4])
EVERY = sys.argv[4:] == ["all"]
SOME = (("hf/default", "x86-64-v3"), ("hf/heads1_d40", "generic"), ("onnx/ts17_all_outputs", "x86-64-v4"),
        ("hf/odd_sizes", "x86-64-v2"))
INCLUDE = ["-D_GNU_SOURCE", "-I", SOURCE, "-I", os.path.join(SOURCE, "runtime")]
HOST = [os.path.join(SOURCE, "tests/host", name) for name in ("guarded_model.c", "guarded_run.c")]


def check(folder, cc, name, model, level):
    path, options = model
    must([VITC, "compile", path, "-q", "--emit", "c", "-o", "model.c", "--target", level, "--max-threads", "3",
          *options], folder)
    must([cc, "-std=c11", "-O1", "-ffp-contract=off", *CC_LEVEL[level], *INCLUDE, "-c", "model.c"],
         folder)
    must([cc, "model.o", "guarded_model.o", "guarded_run.o", RUNTIME, "-o", "model", "-lpthread", "-lm"], folder)
    r = fixtures.run(["./model", f"{name} {level} {cc}"], folder)
    if r.returncode == fixtures.SKIP:
        print(f"[SKIP] this processor cannot run {level}")
    elif r.returncode:
        raise AssertionError(f"exit {r.returncode}\n{r.stderr}")
    else:
        print(name, level, cc, r.stdout.strip())


def main():
    models = fixtures.models(os.path.join(SOURCE, "tests/fixtures"))
    pairs = [(name, level) for name in models for level in LEVELS] if EVERY else SOME
    able = [cc for cc in ("gcc", "clang-19") if shutil.which(cc)]
    with tempfile.TemporaryDirectory() as d:
        must(["cc", "-std=c11", "-O1", *INCLUDE, "-c", *HOST], d)
        for i, (name, level) in enumerate(pairs):
            for cc in able if EVERY else [able[i % len(able)]]:
                check(d, cc, name, models[name], level)
    return 0 if able else fixtures.SKIP


sys.exit(main())
