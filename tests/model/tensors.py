"""safetensors files and error measures with the standard library alone."""
import array
import json
import math
import os
import struct
import tempfile

CODE = {"F64": "d", "F32": "f", "I64": "q", "I32": "i", "U8": "B", "I8": "b", "BOOL": "B"}


def scratch_folder():
    """A temporary directory, in memory where possible: vitc waits until its output is on disk."""
    memory = "/dev/shm"
    return tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None)


def load(path):
    """{name: (dtype, shape, array)}; F16 becomes F32"""
    with open(path, "rb") as f:
        data = f.read()
    n = struct.unpack_from("<Q", data)[0]
    out = {}
    for name, t in json.loads(data[8:8 + n]).items():
        if name == "__metadata__":
            continue
        begin, end = (8 + n + o for o in t["data_offsets"])
        dtype, raw = t["dtype"], data[begin:end]
        if dtype == "F16":
            dtype, values = "F32", array.array("f", struct.unpack(f"<{len(raw) // 2}e", raw))
        else:
            values = array.array(CODE[dtype], raw)
        out[name] = (dtype, t["shape"], values)
    return out


def save(path, tensors):
    head, at = {}, 0
    for name, (dtype, shape, values) in tensors.items():
        n = len(values) * values.itemsize
        head[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + n]}
        at += n
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for _, _, values in tensors.values():
            f.write(values.tobytes())


def relative_l2(got, want):
    diff = math.sqrt(sum((a - b) ** 2 for a, b in zip(got, want)))
    norm = math.sqrt(sum(b * b for b in want))
    return diff / norm if norm else diff
