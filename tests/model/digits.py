#!/usr/bin/env python3
"""The trained digits model on its 360 test images and on picture files, from PGM or PNG to logits.

    digits.py VITC DIGITS_DIR [DTYPE]

Every top-1 must be the reference's, so the accuracy is too, and every logit within the dtype's
limit of it.
"""
import json
import os
import subprocess
import sys

import tensors

LIMITS = {"f32": 1e-4, "f16": 5e-3, "bf16": 5e-2}


def write_images(folder, images):
    """8x8 grey PGM files"""
    paths, grey = [], bytes(images)
    for i in range(len(grey) // 64):
        path = os.path.join(folder, f"{i:03}.pgm")
        with open(path, "wb") as f:
            f.write(b"P5 8 8 255\n" + grey[64 * i:64 * i + 64])
        paths.append(path)
    return paths


def run(tool, obj, paths, output):
    inputs = [a for p in paths for a in ("--input", p)]
    command = [tool, "run", obj, *inputs, "-o", output, "--top", "1", "--json"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def top1(row):
    return max(range(len(row)), key=lambda k: row[k])


def compare(what, got, want, labels, limit):
    """Prints and returns whether `got` agrees with the reference `want`, row by row."""
    n = len(want) // 10
    pairs = [(got[10 * i:10 * i + 10], want[10 * i:10 * i + 10]) for i in range(n)]
    worst = max(abs(a - b) for g, w in pairs for a, b in zip(g, w))
    same = sum(top1(g) == top1(w) for g, w in pairs)
    right = sum(top1(g) == label for (g, _), label in zip(pairs, labels))
    print(f"{what}: {right} of {n} right, {same} as the reference, logits within {worst:.1e}")
    return same == n and worst <= limit


def main():
    tool, folder = sys.argv[1:3]
    dtype = sys.argv[3] if len(sys.argv) > 3 else "f32"
    limit = LIMITS[dtype]
    case = json.load(open(os.path.join(folder, "case.json")))
    test_set = tensors.load(os.path.join(folder, "test_set.safetensors"))
    golden = tensors.load(os.path.join(folder, "golden.safetensors"))["logits"][2]
    files = tensors.load(os.path.join(folder, "images", "golden.safetensors"))
    with tensors.scratch_folder() as t:
        obj, out = os.path.join(t, "digits.o"), os.path.join(t, "out.safetensors")
        model = os.path.join(folder, "model")
        subprocess.run([tool, "compile", model, "-o", obj, "--batch", "8", "--dtype", dtype, "-q"],
                       check=True)
        run(tool, obj, write_images(t, test_set["images"][2]), out)
        got = tensors.load(out)["logits"][2]
        ok = compare("test set", got, golden, test_set["labels"][2], limit)

        pictures = case["images"]
        text = run(tool, obj, [os.path.join(folder, "images", p["file"]) for p in pictures], out)
        want = [x for p in pictures for x in files[p["file"] + ".logits"][2]]
        got = tensors.load(out)["logits"][2]
        ok &= compare("pictures", got, want, [p["label"] for p in pictures], limit)
        said = [item["top"][0]["index"] for item in json.loads(text)["items"]]
        ok &= said == [p["predicted"] for p in pictures]
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
