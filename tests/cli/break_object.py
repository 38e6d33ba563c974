#!/usr/bin/env python3
"""Overwrite the code of an object with instructions that trap: break_object.py IN OUT"""
import struct
import sys

data = bytearray(open(sys.argv[1], "rb").read())
table, size, count, names = struct.unpack_from("<Q", data, 40) + struct.unpack_from("<HHH", data, 58)
for i in range(count):
    head = struct.unpack_from("<IIQQQQ", data, table + i * size)
    if head[1] == 1 and head[2] & 4:          # PROGBITS, executable
        data[head[4]:head[4] + head[5]] = b"\x0f\x0b" * (head[5] // 2) + b"\x90" * (head[5] % 2)
open(sys.argv[2], "wb").write(data)
