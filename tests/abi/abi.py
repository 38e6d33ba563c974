#!/usr/bin/env python3
"""--standalone objects need no library and give the same bits; --selftest finds every damaged byte.

    abi.py --vitc VITC --source ROOT --runtime LIB --cc CC CASE

A CASE is "obj TARGETS" or "c TARGETS": what is compiled, and for which levels (or native)."""
import argparse
import os
import re
import subprocess
import sys
import tempfile

SELFTEST_FAILED = 107          # 100 + VITC_E_SELFTEST
CPU_REFUSED = 104
LIBC_MEMORY = {"memcpy", "memset", "memmove", "memcmp", "bcmp",
               "_GLOBAL_OFFSET_TABLE_"}  # the linker's own, where a compiler names it
STRICT = "-Wall -Wextra -Wpedantic -Wconversion -Werror".split()
MEMORY = """
#include <stddef.h>
void *memcpy(void *to, const void *from, size_t n) { char *t = to; const char *f = from; while (n--) *t++ = *f++; return to; }
void *memset(void *to, int v, size_t n) { char *t = to; while (n--) *t++ = (char)v; return to; }
int memcmp(const void *a, const void *b, size_t n) { const char *x = a, *y = b; while (n && *x == *y) n--, x++, y++; return n ? 1 : 0; }
int bcmp(const void *a, const void *b, size_t n) { return memcmp(a, b, n); }
"""


def sh(argv, cwd, ok=(0,)):
    r = subprocess.run(argv, cwd=cwd, capture_output=True, text=True)
    if r.returncode == CPU_REFUSED:
        print("[SKIP] this processor cannot run the target")
        sys.exit(77)
    if r.returncode not in ok:
        print("$", " ".join(argv), "\n" + r.stdout + r.stderr, "exit", r.returncode)
        sys.exit(1)
    return r


def expect(condition, what):
    if not condition:
        print(what)
        sys.exit(1)


def read(path):
    with open(path, "rb") as f:
        return f.read()


class Models:
    def __init__(self, a, directory):
        self.a, self.d = a, directory
        self.runtime = os.path.join(a.source, "runtime")
        self.model = os.path.join(a.source, "tests/fixtures/hf/default")

    def path(self, name):
        return os.path.join(self.d, name)

    def compile(self, kind, target, *options):
        """model.o and model.h; for C, model.weights.bin as well."""
        for name in ("model.o", "model.c", "model.h", "model.weights.bin"):
            if os.path.exists(self.path(name)):
                os.unlink(self.path(name))
        output = "model.c" if kind == "c" else "model.o"
        emit = ["--emit", "c"] if kind == "c" else []
        sh([self.a.vitc, "compile", self.model, "-q", "-o", output, "--target", target, *emit, *options], self.d)
        if kind == "c":
            self.compile_c()

    def compile_c(self):
        flags = re.search(r"Compile with: cc (.*)", read(self.path("model.c")).decode()).group(1)
        sh([self.a.cc, *flags.split(), "-O0", "-fPIC", *STRICT, "-I" + self.runtime, "-c", "model.c", "-o", "model.o"], self.d)

    def link(self, program, *more):
        sh(["cc", "-O1", "-std=c11", "-I" + self.runtime, "-I.", os.path.join(self.a.source, "tests/abi/host.c"),
            "model.o", *more, "-o", program], self.d)

    def outputs(self, program):
        sh(["./" + program, "out.bin"], self.d)
        return read(self.path("out.bin"))

    def weights(self):
        """Where the image lies: (file, offset, size)"""
        if os.path.exists(self.path("model.weights.bin")):
            return "model.weights.bin", 0, os.path.getsize(self.path("model.weights.bin"))
        text = sh(["readelf", "-SW", "model.o"], self.d).stdout
        at = re.search(r"rodata\.vitc +PROGBITS +\S+ (\S+) (\S+)", text)
        return "model.o", int(at.group(1), 16), int(at.group(2), 16)


def standalone(m, kind, target):
    m.compile(kind, target)
    m.link("with_library", m.a.runtime, "-lm", "-lpthread")
    want = m.outputs("with_library")
    m.compile(kind, target, "--standalone")
    undefined = set(re.findall(r"U (\w+)", sh(["nm", "-u", "model.o"], m.d).stdout))
    expect(undefined <= LIBC_MEMORY, f"undefined: {undefined}")
    m.link("alone")
    expect(m.outputs("alone") == want, "a standalone model differs from one that uses the library")
    with open(m.path("memory.c"), "w", encoding="ascii") as f:
        f.write(MEMORY)
    sh(["cc", "-O1", "-ffreestanding", "-fPIC", "-shared", "-nostdlib", "-Wl,-z,defs,-z,text", "model.o", "memory.c",
        "-o", "model.so"], m.d)


def selftest(m, kind, target, *options):
    plain = ("--max-threads", "2", *options)
    m.compile(kind, target, *plain)
    header = read(m.path("model.h"))
    expect(b"selftest" not in header, "a self-test that nobody asked for")
    arena = re.compile(rb"ARENA_BYTES (\d+)")
    without = int(arena.search(header).group(1))
    m.compile(kind, target, "--selftest", *plain)
    header = read(m.path("model.h"))
    expect(b"model_selftest(void *arena" in header, "no declaration")
    expect(int(arena.search(header).group(1)) > without, "no room for the outputs")
    libraries = [] if "--standalone" in options else [m.a.runtime, "-lm", "-lpthread"]
    m.link("tested", "-DSELFTEST", *libraries)
    sh(["./tested"], m.d)
    file, start, size = m.weights()
    for at in (0, size // 3, size // 2 + 1, size - 1) if kind == "obj" else (size // 3,):
        data = bytearray(read(m.path(file)))
        data[start + at] ^= 1
        with open(m.path(file), "wb") as f:
            f.write(data)
        if kind == "c":
            m.compile_c()
        m.link("damaged", "-DSELFTEST", *libraries)
        sh(["./damaged"], m.d, ok=(SELFTEST_FAILED,))
        data[start + at] ^= 1
        with open(m.path(file), "wb") as f:
            f.write(data)


def two_in_one_program(m, kind, target):
    m.compile(kind, target, "--standalone", "--selftest")
    os.rename(m.path("model.o"), m.path("first.o"))
    m.compile(kind, target, "--standalone", "--selftest", "--prefix", "other")
    with open(m.path("both.c"), "w", encoding="ascii") as f:
        f.write('#include "vitc.h"\nextern const vitc_model_info model_model, other_model;\n'
                "int main(void) { return model_model.arena_bytes != other_model.arena_bytes; }\n")
    sh(["cc", "-I" + m.runtime, "both.c", "first.o", "model.o", "-o", "both"], m.d)
    sh(["./both"], m.d)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("vitc", "source", "runtime", "cc"):
        p.add_argument("--" + name, required=True)
    p.add_argument("kind", choices=("obj", "c"))
    p.add_argument("target")
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        m = Models(a, directory)
        standalone(m, a.kind, a.target)
        selftest(m, a.kind, a.target)
        selftest(m, a.kind, a.target, "--standalone")
        two_in_one_program(m, a.kind, a.target)
    print("ok")


main()
