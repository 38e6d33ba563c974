#!/usr/bin/env python3
"""Every compiler makes the instructions of the matrix unit that the kernel says, in that order.

    tiles.py VITC SOURCE WORK

tests/fixtures/text/tiles.vp becomes an object by LLVM, and C that gcc and clang compile; objdump says what is there."""
import os
import re
import shutil
import subprocess
import sys

WANT = ("ldtilecfg tilezero:0 tileloadd:7 tileloaddt1:4 tdpbf16ps:0,4,7 tdpbssd:0,4,7 tdpbusd:0,4,7 tilestored:0 tileloadd:0 "
        "tilestored:0 tilerelease").split()
FLAGS = "-std=c11 -ffp-contract=off -Wall -Wextra -Wpedantic -Wconversion -Werror -mavx512f -mavx512bw -mavx512vl " \
        "-mavx512dq -mavx512cd -mavx512bf16 -mamx-tile -mamx-bf16 -mamx-int8".split()


def run(argv, cwd):
    r = subprocess.run(argv, cwd=cwd, capture_output=True, text=True)
    if r.returncode:
        print("$", " ".join(argv), "\n" + r.stdout + r.stderr)
        sys.exit(1)
    return r.stdout


def tiles(path):
    """The instructions with their registers, destination first."""
    found = []
    for line in run(["objdump", "-d", "-M", "intel", "--no-show-raw-insn", path], "/").splitlines():
        m = re.search(r"\s((?:ld)?tile\w*|tdp\w+)\s*(.*)", line)
        if m and ":" in line and not line.endswith(":"):
            registers = re.findall(r"tmm(\d)", m.group(2))
            found.append(":".join([m.group(1)] + ([",".join(registers)] if registers else [])))
    return found


def main():
    vitc, source, work = sys.argv[1:]
    os.makedirs(work, exist_ok=True)
    model = os.path.join(source, "tests/fixtures/text/tiles.vp")
    run([vitc, "compile", "-q", model, "-o", "tiles.o", "--prefix", "tiles"], work)
    run([vitc, "compile", "-q", model, "-o", "tiles.c", "--prefix", "tiles", "--emit", "c"], work)
    made = {"llvm": os.path.join(work, "tiles.o")}
    for cc in filter(shutil.which, ("gcc", "clang-14", "clang-19")):
        for level in ("-O0", "-O2"):
            name = cc + level + ".o"
            run([cc, level, *FLAGS, "-I" + os.path.join(source, "runtime"), "-c", "tiles.c", "-o", name], work)
            made[cc + " " + level] = os.path.join(work, name)
    for what, path in made.items():
        got = tiles(path)
        if got != WANT:
            print(what, "made", got, "not", WANT)
            sys.exit(1)
        print(what, "ok")


main()
