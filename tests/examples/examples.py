"""examples.py VITC MINIMAL CLASSIFY DIGITS: what the example programs print is what the model says.

classify must name, for every PNG, the class that the reference predicts (case.json), with sorted scores;
minimal must name the class that `vitc run` finds for the same all-zero input.
"""
import json
import os
import re
import struct
import subprocess
import sys
import tempfile

VITC, MINIMAL, CLASSIFY, DIGITS = sys.argv[1:]


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def read(name):
    with open(os.path.join(DIGITS, name), encoding="utf-8") as f:
        return json.load(f)


def expect(condition, *what):
    if not condition:
        sys.exit("FAILED: " + " ".join(str(w) for w in what))


def check_classify(labels):
    images = {os.path.join(DIGITS, "images", i["file"]): i for i in read("case.json")["images"]}
    paths = [p for p in images if p.endswith(".png")]
    expect(len(paths) >= 10, "too few images")
    r = run(CLASSIFY, *paths)
    expect(r.returncode == 0, r.stderr)
    lines = r.stdout.splitlines()
    expect(len(lines) == len(paths), r.stdout)
    for path, line in zip(paths, lines):
        m = re.fullmatch(r"(.+)  ([0-9.]+) ms((?:  \w+ [0-9.]+ %){3})", line)
        expect(m and m[1] == path, line)
        best = re.findall(r"(\w+) ([0-9.]+) %", m[3])
        expect(best[0][0] == labels[str(images[path]["predicted"])], line, images[path])
        scores = [float(score) for _, score in best]
        expect(scores == sorted(scores, reverse=True) and sum(scores) <= 100.01, line)


def check_refusals(folder):
    expect(run(CLASSIFY).returncode == 2, "no arguments")
    cut = os.path.join(folder, "cut.png")
    whole = os.path.join(DIGITS, "images", "h_64x64_rgb.png")
    with open(whole, "rb") as source, open(cut, "wb") as f:
        f.write(source.read()[:3000])
    r = run(CLASSIFY, os.path.join(folder, "none.png"), cut, whole)
    expect(r.returncode == 1 and len(r.stdout.splitlines()) == 1, "the good image is classified", r)
    expect(len(r.stderr.splitlines()) == 2, "one line for each bad image", r)


def check_minimal(folder):
    zeros = os.path.join(folder, "zeros.npy")
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 32, 32), }".ljust(117) + "\n"
    with open(zeros, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + bytes(3 * 32 * 32 * 4))
    r = run(VITC, "run", os.path.join(DIGITS, "model"), "--input", zeros, "--top", "1")
    expect(r.returncode == 0, r.stderr)
    said = run(MINIMAL)
    expect(said.returncode == 0 and len(said.stdout.split()) == 1, said)
    expect(said.stdout.strip() in r.stdout.split(), said.stdout, r.stdout)


def main():
    with tempfile.TemporaryDirectory() as folder:
        check_classify(read("model/config.json")["id2label"])
        check_refusals(folder)
        check_minimal(folder)


main()
