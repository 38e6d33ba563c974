#!/usr/bin/env python3
"""Cut a small file of every format after every byte: each piece is refused as what it is.

    truncated.py --vitc PATH [--sanitized]

A format whose pieces would be many is cut after every `step` bytes only.
"""

import argparse
import os
import sys
import tempfile

from cases import IO, MODEL, write_file
from formats import (
    archive,
    filled,
    floats,
    graph,
    hf,
    model,
    node,
    npy,
    pickled_tensor,
    png,
    progressive_jpeg,
    safetensors,
    state_dict,
    value,
)
from run_bad import compile_tiny
from vitc_process import Vitc, error_faults

ONNX = model(
    graph(
        [node("Add", ["x", "w"], ["y"])], [value("x", [2])], [value("y", [2])], [floats("w", [2])]
    )
)
TEXT = b'graph {\n  %1 = input "x" : f32[2]\n  %2 = max %1, %1 : f32[2]\n  output "y" = %2\n}'
PIXELS = safetensors({"pixel_values": ([1, 1, 4, 4], filled([1, 1, 4, 4]))})
INPUT = ["run", "{object}", "-i", "{file}", "-o", "out/y.safetensors"]
# the file that is cut, its bytes, its step, and the command
FORMATS = (
    ("m.onnx", ONNX, 1, ["compile", "m.onnx", "-o", "out/m.o"]),
    ("m.vg", TEXT, 1, ["compile", "m.vg", "-o", "out/m.o"]),
    ("m/config.json", None, 1, ["inspect", "m"]),
    ("m/preprocessor_config.json", None, 1, ["inspect", "m"]),
    ("m/model.safetensors", None, 16, ["inspect", "m"]),
    ("m/pytorch_model.bin", archive(state_dict(pickled_tensor()), bytes(16)), 4, ["inspect", "m"]),
    ("x.safetensors", PIXELS, 1, INPUT),
    ("x.npy", npy(), 1, INPUT),
    ("x.png", png(), 1, INPUT),
    ("x.jpg", progressive_jpeg(16, 16, 1), 1, INPUT),
    ("x.pgm", b"P5 4 4 255 " + bytes(16), 1, INPUT),
    ("tiny.o", None, 64, ["inspect", "tiny.o"]),
)


def check(vitc, folder, path, data, command):
    """The faults of one piece."""
    write_file(os.path.join(folder, path), data)
    run = vitc.run(command, folder)
    faults = vitc.faults(run) + error_faults(run, "", [os.path.basename(path)], command[1])
    expected = MODEL if data else IO
    if run.exit != expected:
        faults.append(f"exit {run.exit}, not {expected}")
    if os.listdir(os.path.join(folder, "out")):
        faults.append("left something behind")
    return faults + ([run.err.decode(errors="replace")[:500]] if faults else [])


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--vitc", required=True)
    options.add_argument("--sanitized", action="store_true")
    o = options.parse_args()
    total = failed = 0
    with tempfile.TemporaryDirectory(prefix="vitc_cut_") as scratch:
        vitc = Vitc(os.path.abspath(o.vitc), scratch, o.sanitized)
        tiny = compile_tiny(vitc, scratch)
        for path, data, step, command in FORMATS:
            folder = os.path.join(scratch, "case", os.path.basename(path))
            os.makedirs(os.path.join(folder, "out"))
            files = hf(files={"model.safetensors": None} if path.endswith(".bin") else {})
            for name, whole in files.items():
                write_file(os.path.join(folder, name), whole)
            if path == "tiny.o":
                with open(tiny, "rb") as f:
                    data = f.read()
            data = files[path] if data is None else data
            line = [
                tiny if word == "{object}" else path if word == "{file}" else word
                for word in command
            ]
            for length in range(0, len(data), step):
                faults = check(vitc, folder, path, data[:length], line)
                total += 1
                failed += bool(faults)
                if faults:
                    print(
                        f"FAIL: {path} cut to {length} of {len(data)} bytes\n    "
                        + "\n    ".join(faults)
                    )
    print(f"{total - failed} of {total} pieces are refused as they must be")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
