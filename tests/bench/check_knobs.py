#!/usr/bin/env python3
"""Random tunings, each knob anywhere in its range: whatever they say, the outputs of a compiled model
are the same bytes.

    check_knobs.py VITC FIXTURES [COUNT] [SEED]
"""

import json
import os
import random
import subprocess
import sys
import tempfile

# model, more options, registers of the level
CASES = [
    ("digits/model", ["-t", "generic", "-b", "5"], 16),
    ("digits/model", ["-t", "native"], 16),
    ("hf/heads3_d16", ["-t", "generic", "-b", "3", "--outputs", "all"], 16),
    ("hf/patch7", ["-t", "native", "--outputs", "all"], 16),
]


def pick(rng, few, most):
    """Small values most of the time, any sometimes."""
    return rng.randint(1, few) if rng.random() < 0.8 else rng.randint(1, most)


def block(rng, registers, even):
    vectors = rng.choice([1, 2, 4] if even else [1, 2, 3, 4])
    return dict(rows=rng.randint(1, min(16, (registers - 1 - vectors) // vectors)), vectors=vectors)


def tuning(rng, target, registers):
    matmul = dict(op="matmul", shape="*", **block(rng, registers, False), k_chunk=pick(rng, 300, 1 << 20),
                  pass_rows=pick(rng, 100, 1 << 20), panels=pick(rng, 8, 1 << 10), prefetch_ahead=rng.randint(0, 4),
                  prefetch_group=pick(rng, 40, 1 << 10), prefetch_lines=rng.randint(1, 8))
    attention = dict(op="attention", shape="*", **block(rng, registers, True), row_blocks=pick(rng, 8, 1 << 10))
    for row in (matmul, attention):
        for knob in [k for k in row if k not in ("op", "shape", "rows", "vectors") and rng.random() < 0.3]:
            del row[knob]
    return dict(schema="vitc.tuning/1", target=target, rows=[matmul, attention])


def vitc(program, folder, *command):
    done = subprocess.run([program, *command], cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def outputs(program, folder, model, inputs, options):
    vitc(program, folder, "run", model, "-i", inputs, "-o", "y.safetensors", "-q", *options)
    with open(os.path.join(folder, "y.safetensors"), "rb") as f:
        return f.read()


def native(program, folder):
    return next(t["name"] for t in json.loads(vitc(program, folder, "targets", "--json"))["targets"] if t["native"])


def check_case(program, fixtures, folder, case, rng, count):
    path, options, registers = case
    model = os.path.join(fixtures, path)
    target = native(program, folder) if "native" in options else "generic"
    picture = os.path.join(fixtures, "digits", "images", "b_16x16_rgb.png")
    want = outputs(program, folder, model, picture, options)
    for i in range(count):
        said = tuning(rng, target, registers)
        with open(os.path.join(folder, "t.json"), "w", encoding="utf-8") as f:
            json.dump(said, f)
        got = outputs(program, folder, model, picture, [*options, "--tuning", "t.json", "-j", str(1 + i % 3)])
        assert got == want, f"{path} {' '.join(options)}: other bytes with {json.dumps(said)}"


def main():
    program, fixtures = (os.path.abspath(p) for p in sys.argv[1:3])
    count, seed = (int(v) for v in (*sys.argv[3:], 5, 1)[:2]) if len(sys.argv) > 3 else (5, 1)
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        for case in CASES:
            check_case(program, fixtures, folder, case, rng, count)
    return 0


if __name__ == "__main__":
    sys.exit(main())
