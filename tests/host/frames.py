#!/usr/bin/env python3
"""No function of an object has a stack frame above 16 KiB, whatever the level: read from its instructions.

    frames.py VITC SOURCE

A frame beyond a page is probed page by page (the loop compares with a moved copy of the stack pointer), so a thread's
guard page is never jumped over. Exit 77: there is no objdump."""
import os
import re
import shutil
import sys
import tempfile

import fixtures
from fixtures import LEVELS, must

LIMIT = 16 << 10
MODELS = ("hf/default", "hf/odd_sizes", "hf/heads1_d80", "onnx/ts17_all_outputs")
LOWERS = re.compile(r"\b(sub|add|lea)q?\s+(?:\$(-?0x[0-9a-f]+),|(-0x[0-9a-f]+)\(%rsp\),)%r(?:sp|11)$")


def lowered_by(line):
    """Bytes by which an instruction lowers the stack pointer, or the copy of it that a probe compares with"""
    m = LOWERS.search(line.strip())
    if not m:
        return 0
    by = int(m[2] or m[3], 16)
    by -= 1 << 64 if by >= 1 << 63 else 0  # how objdump prints negative immediates
    return max(by if m[1] == "sub" else -by, 0)


def frames(text):
    """{function: bytes}: the largest single step down"""
    found, name = {}, None
    for line in text.splitlines():
        m = re.match(r"[0-9a-f]+ <([^>]+)>:$", line)
        name = m[1] if m else name
        if name:
            found[name] = max(found.get(name, 0), lowered_by(line))
    return found


def main():
    vitc, source = (os.path.abspath(p) for p in sys.argv[1:3])
    if not shutil.which("objdump"):
        print("[SKIP] there is no objdump")
        return fixtures.SKIP
    assert lowered_by("  sub    $0x12f80,%rsp") == 0x12f80 and lowered_by("  add    $0xffffffffffffff80,%rsp") == 0x80
    assert lowered_by("  lea    -0x13000(%rsp),%r11") == 0x13000 and lowered_by("  add    $0x80,%rsp") == 0
    models, worst = fixtures.models(os.path.join(source, "tests/fixtures")), (0, "")
    with tempfile.TemporaryDirectory() as d:
        for name in MODELS:
            for level in LEVELS:
                path, options = models[name]
                must([vitc, "compile", path, "-q", "-o", "model.o", "--target", level, *options], d)
                text = must(["objdump", "-d", "--no-show-raw-insn", "model.o"], d)
                for function, size in frames(text).items():
                    worst = max(worst, (size, f"{function} of {name}, {level}"))
    print(f"largest frame: {worst[0]} bytes, {worst[1]}")
    return worst[0] > LIMIT


sys.exit(main())
