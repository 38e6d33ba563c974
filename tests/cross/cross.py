#!/usr/bin/env python3
"""Compiled models on machines that are not this one.

    cross.py MACHINE --vitc VITC --source ROOT [--all]

aarch64           LLVM's object and printed C (gcc, clang) give the bytes of the x86-64-v3 object, and one another's
                  where bf16 is multiplied
x86-64            on a Nehalem a v3 object refuses without a signal, on a Haswell it gives its bytes
riscv64, s390x    generic C, for s390x with a big-endian image, gives the bytes of the generic object
i386              the same; with -fno-builtin, and nothing but memcpy from a library
--all: more models, and generic C at every level of optimisation, for which gcc takes seconds; else at -O0.
Exit 77: something is not installed."""
import argparse
import array
import os
import shutil
import tempfile

from machines import REFUSED, WARNINGS, Machine, Models, call, fail, must, same, skip

SMALL, DIGITS, LARGE = "hf/heads3_d16", "digits/model", "hf/odd_sizes"
FLAGS = ["-ffp-contract=off"] + WARNINGS


def native(m, model, target):
    """What the object for a level of this machine gives."""
    code, out = m.run(m.link(model.object(target), model.name.replace("/", "_") + target))
    if code:
        skip("this processor cannot run " + target)
    return out


def check_bf16(m, model, target, exact):
    """Products of bf16: the object and the C of both compilers agree, and are near the f32 model."""
    dtype, flags = ["--dtype", "bf16"], FLAGS + ["-O2", "-march=armv8.2-a+dotprod+i8mm+bf16"]
    want = m.run(m.link(model.object(target, *dtype), "llvm_bf16"), "max")[1]
    if not 0 < close(want, exact) < 0.05:
        fail(model.name, "in bf16 is at a distance of", close(want, exact))
    c = model.c(target, *dtype)
    same(model.name + " bf16 C, gcc", m.run(m.link(m.compile(c, flags), "c_bf16"))[1], want)
    if shutil.which("clang-19"):
        clang = ["clang-19", "--target=aarch64-linux-gnu"]
        same(model.name + " bf16 C, clang", m.run(m.link(m.compile(c, flags, clang), "c_bf16"))[1], want)


def check_aarch64(a, work, here):
    m = Machine(a.source, work, "aarch64", "aarch64-linux-gnu-gcc", [], ["qemu-aarch64-static"])
    full = "aarch64+dotprod+i8mm+bf16"
    for name in [SMALL, DIGITS] + ([LARGE] if a.all else []):
        model = Models(a.vitc, a.source, work, name)
        want = native(here, model, "x86-64-v3")
        code, wide = here.run(here.link(model.object("x86-64-v4"), "wide"))
        if code == 0:
            same(name + " x86-64-v4", wide, want)
        same(name + " aarch64", m.run(m.link(model.object("aarch64"), "llvm"))[1], want)
        program = m.link(model.object(full), "llvm_full")
        same(name + " " + full, m.run(program, "max")[1], want)
        if m.run(program, "cortex-a57")[0] != REFUSED:
            fail(full, "did not refuse a processor without its features")
        check_bf16(m, model, full, want)
        c = model.c("aarch64")
        same(name + " aarch64 C, gcc", m.run(m.link(m.compile(c, FLAGS + ["-O2"]), "c"))[1], want)
        if shutil.which("clang-19"):
            clang = ["clang-19", "--target=aarch64-linux-gnu"]
            same(name + " aarch64 C, clang", m.run(m.link(m.compile(c, FLAGS + ["-O2"], clang), "c"))[1], want)


def check_x86(a, work, here):
    m = Machine(a.source, work, "x86-64", "gcc", [], ["qemu-x86_64-static"])
    model = Models(a.vitc, a.source, work, SMALL)
    want = native(here, model, "x86-64-v3")
    c = m.compile(model.c("x86-64-v3"), FLAGS + ["-O2", "-mavx2", "-mfma", "-mf16c"])
    for what, v3 in ("object", m.link(model.object("x86-64-v3"), "v3")), ("C", m.link(c, "v3_c")):
        if m.run(v3, "Nehalem")[0] != REFUSED:
            fail("the x86-64-v3", what, "ran on a Nehalem")
        print("x86-64-v3", what, "refuses a Nehalem")
        same("x86-64-v3 " + what + " on a Haswell", m.run(v3, "Haswell")[1], want)
    v2 = m.link(model.object("x86-64-v2"), "v2")
    same("x86-64-v2 on a Nehalem", m.run(v2, "Nehalem")[1], native(here, model, "generic"))


def check_generic(a, work, here, machine, big=False):
    emulated = [SMALL, DIGITS, LARGE] if a.all else [SMALL]
    for name in emulated if machine.emulator else [SMALL, DIGITS, LARGE]:
        model = Models(a.vitc, a.source, work, name)
        want = native(here, model, "generic")
        c = model.c("generic", *(["--byte-order", "big"] if big else []))
        for level in ["-O0", "-O1", "-O2", "-O3"] if a.all else ["-O0"]:
            got = machine.run(machine.link(machine.compile(c, FLAGS + [level]), "c"))[1]
            if big:
                numbers = array.array("f", got)
                numbers.byteswap()
                got = numbers.tobytes()
            same(" ".join((name, "generic C on", machine.name, level)), got, want)


def check_riscv64(a, work, here):
    check_generic(a, work, here, Machine(a.source, work, "riscv64", "riscv64-linux-gnu-gcc", [], ["qemu-riscv64-static"]))


def check_s390x(a, work, here):
    m = Machine(a.source, work, "s390x", "s390x-linux-gnu-gcc", [], ["qemu-s390x-static"])
    check_generic(a, work, here, m, big=True)
    c = Models(a.vitc, a.source, work + "/little", SMALL).c("generic")
    said = call(["s390x-linux-gnu-gcc", "-std=c11", m.include, "-c", c, "-o", "/dev/null"]).stderr
    if "compile the model with --byte-order big" not in said:
        fail("a little-endian image was taken:", said)


def close(got, want):
    """Relative distance of two arrays of floats."""
    a, b = array.array("f", got), array.array("f", want)
    return (sum((x - y) ** 2 for x, y in zip(a, b)) / sum(y * y for y in b)) ** 0.5


def check_i386(a, work, here):
    flags = ["-m32", "-fno-builtin", "-idirafter", "/usr/include/x86_64-linux-gnu"]
    if call(["gcc"] + flags + ["-static", os.path.join(a.source, "tests/cross/nothing.c"), "-o", work + "/nothing"]).returncode:
        skip("gcc -m32 cannot link a program (scripts/setup cross)")
    m = Machine(a.source, work, "i386", "gcc", flags + ["-msse2", "-mfpmath=sse"])
    check_generic(a, work, here, m)
    model = Models(a.vitc, a.source, work + "/x87", SMALL)
    x87 = Machine(a.source, work, "i386-x87", "gcc", flags)
    c = x87.compile(model.c("generic"), FLAGS + ["-O0"])
    undefined = set(must(["nm", "-u", c]).replace(" U ", " ").split())
    of_the_compiler = {"__divdi3", "__moddi3"}  # libgcc: 64-bit division on a 32-bit machine
    if not undefined - of_the_compiler <= {"memcpy", "memset", "vitc_execute", "_GLOBAL_OFFSET_TABLE_"}:
        fail("generic C calls", undefined)
    # the registers of the x87 are wider than float: other bits, the same numbers
    distance = close(x87.run(x87.link(c, "c"))[1], native(here, model, "generic"))
    print("i386 with x87 arithmetic: relative distance", distance)
    if not distance < 1e-5:
        fail("too far")


CHECKS = {"aarch64": check_aarch64, "x86-64": check_x86, "riscv64": check_riscv64, "s390x": check_s390x,
          "i386": check_i386}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("machine", choices=CHECKS)
    p.add_argument("--vitc", required=True)
    p.add_argument("--source", required=True)
    p.add_argument("--all", action="store_true")
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as work:
        CHECKS[a.machine](a, work, Machine(a.source, work, "here", "gcc"))


main()
