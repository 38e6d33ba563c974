#!/usr/bin/env python3
"""Damage an object of vitc for a test: break_object.py HOW IN OUT

trap   its code becomes instructions that trap
cpu    it asks for a processor that nobody has
abi    it is of another version
"""
import struct
import sys

ABI = 3                       # VITC_ABI
ABI_AT, CPU_AT = 4, 72        # in vitc_model_info


def code_sections(data):
    table, size, count = struct.unpack_from("<Q", data, 40) + struct.unpack_from("<HH", data, 58)
    for i in range(count):
        kind, flags, _, at, n = struct.unpack_from("<IQQQQ", data, table + i * size + 4)[:5]
        if kind == 1 and flags & 4:          # PROGBITS, executable
            yield at, n


def model_info(data):
    """where vitc_model_info lies: its size, the ABI, then four pointers that relocations fill"""
    for size in range(120, 400, 8):
        at = data.find(struct.pack("<II", size, ABI) + bytes(32))
        if at >= 0:
            return at
    raise SystemExit("no vitc_model_info")


how, source, target = sys.argv[1:4]
data = bytearray(open(source, "rb").read())
if how == "trap":
    for at, n in code_sections(data):
        data[at:at + n] = b"\x0f\x0b" * (n // 2) + b"\x90" * (n % 2)
elif how == "cpu":
    struct.pack_into("<Q", data, model_info(data) + CPU_AT, 1 << 63)
else:
    struct.pack_into("<I", data, model_info(data) + ABI_AT, 99)
open(target, "wb").write(data)
