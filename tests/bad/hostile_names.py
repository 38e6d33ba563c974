#!/usr/bin/env python3
"""Names that are code, markup or terminal commands, as labels and as names in a graph.

    hostile_names.py --vitc PATH --include RUNTIME [--sanitized]

They must come back unharmed from JSON, escaped from every text, and compile in the header and in C.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import xml.dom.minidom

from cases import write_file
from formats import filled, graph, hf, model, nested, node, safetensors, value, weights
from vitc_process import Vitc

STRINGS = (
    '"', "\\", "'", "\n", "a\nvitc: error: faked", "\r", "\t", "*/", "*/ int evil = 1; /*", "//", "\\\n",
    "??/", "??/\n", "??=define", '"; system("true"); "', "%s%n%s%n", "%999999999d", "$(reboot)", "`reboot`",
    "; rm -rf /", "<script>alert(1)</script>", "&lt;", "\x1b[2J", "\x1b]0;title\x07", "\x07", "\x08\x08\x08",
    "\x7f", "\u0085", "\u009b31m", "\u202egnp.exe", "\u2066x\u2069", "\u200f", "\u2028", "\u2029", "=cmd|'/C calc'!A0",
    "int", "class", "main", "memcpy", "arena", "par", "NULL", "VITC_OK", "vitc_status", "float", "_Bool", "__func__",
    "restrict", "", " ", ".", "..", "/", "../../etc/passwd", "a b", "a_b", "a.b", "a-b", "A_B", "1", "1x", "_",
    "Ünïcödé", "猫", "\U0001f431", "\U000e0041", "x" * 5000)  # fmt: skip
TEXT = [s for s in STRINGS if s]
HEADER_FLAGS = ("-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only")


class Failures(list):
    def expect(self, true, sentence):
        if not true:
            self.append(sentence)


def labelled():
    """The tiny model with every string as a label."""
    n = len(STRINGS)
    data = weights({"classifier.weight": [n, 4], "classifier.bias": [n]})
    labels = {str(i): s for i, s in enumerate(STRINGS)}
    return hf(files={"model.safetensors": data}, id2label=labels)


def named():
    """A graph in which inputs, outputs, nodes, operators' domains and the producer bear the names."""
    nodes = [node("Relu", [s], ["out " + s], name=s) for s in TEXT]
    inputs = [value(s, [4]) for s in TEXT]
    outputs = [value("out " + s, [4]) for s in TEXT]
    return model(graph(nodes, inputs, outputs), nested(2, "".join(TEXT)[:400]) + nested(3, TEXT[7]))


def good_run(vitc, failures, argv, cwd):
    run = vitc.run(argv, cwd)
    found = vitc.faults(run) + ([f"exit {run.exit}"] if run.exit else [])
    said = run.err.decode(errors="replace")
    for fault in found:
        failures.append(f"vitc {' '.join(argv)}: {fault}\n{said[:500]}")
    failures.expect(
        "faked" not in [line[-5:] for line in said.splitlines() if line[:5] == "vitc:"],
        f"vitc {' '.join(argv)}: a name became a message",
    )
    return run.out.decode(errors="replace")


def compile_all(failures, folder, include):
    """The headers as C and C++, and the printed C."""
    for header in ("labelled.h", "named.h"):
        text = open(os.path.join(folder, header), encoding="ascii").read()
        failures.expect(
            "evil" not in text.replace("int_evil", ""), f"{header}: holds evil:\n{text}"
        )
        for compiler, language, standard in (
            ("cc", "c", "c11"),
            ("c++", "c++", "c++17"),
            ("clang", "c", "c99"),
            ("clang++", "c++", "c++11"),
        ):
            if shutil.which(compiler):
                command = [
                    compiler,
                    "-x",
                    language,
                    "-std=" + standard,
                    "-I",
                    include,
                    *HEADER_FLAGS,
                    header,
                ]
                check(failures, command, folder)
    for source in ("labelled.c", "named.c"):
        check(
            failures,
            [
                "cc",
                "-std=c11",
                "-Wall",
                "-Werror",
                "-Wno-unused",
                "-I",
                include,
                "-c",
                source,
                "-o",
                source + ".o",
            ],
            folder,
        )


def check(failures, command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    failures.expect(done.returncode == 0, f"{' '.join(command)}:\n{done.stderr[:3000]}")


def check_labels(vitc, failures, folder):
    write_file(
        os.path.join(folder, "x.safetensors"),
        safetensors({"pixel_values": ([1, 1, 4, 4], filled([1, 1, 4, 4]))}),
    )
    for model_file in ("m", "labelled.o"):
        shown = json.loads(good_run(vitc, failures, ["inspect", model_file, "--json"], folder))
        failures.expect(shown["labels"] == list(STRINGS), f"inspect {model_file}: other labels")
        good_run(vitc, failures, ["inspect", model_file], folder)
    top = ["run", "labelled.o", "-i", "x.safetensors", "-k", str(len(STRINGS))]
    lines = good_run(vitc, failures, top, folder).splitlines()
    failures.expect(
        len(lines) == 1 + len(STRINGS), f"run: {len(lines)} lines for {len(STRINGS)} labels"
    )
    items = json.loads(good_run(vitc, failures, top + ["--json"], folder))["items"]
    failures.expect(
        sorted(t["label"] or "" for t in items[0]["top"]) == sorted(STRINGS), "run: other labels"
    )


def check_names(vitc, failures, folder):
    four = filled([4])
    write_file(os.path.join(folder, "y.safetensors"), safetensors({s: ([4], four) for s in TEXT}))
    for model_file in ("named.onnx", "named.o"):
        shown = json.loads(good_run(vitc, failures, ["inspect", model_file, "--json"], folder))
        failures.expect(
            [i["name"] for i in shown["inputs"]] == TEXT, f"inspect {model_file}: other inputs"
        )
        good_run(vitc, failures, ["inspect", model_file], folder)
        bench = ["bench", model_file, "--roofline", "r.svg", "--min-time", "0", "-n", "1", "--max-memory", "400M"]
        good_run(vitc, failures, bench, folder)
        xml.dom.minidom.parse(os.path.join(folder, "r.svg"))
    good_run(vitc, failures, ["verify", "named.onnx"], folder)
    good_run(
        vitc, failures, ["run", "named.o", "-i", "y.safetensors", "-o", "z.safetensors"], folder
    )
    with open(os.path.join(folder, "z.safetensors"), "rb") as f:
        head = json.loads(f.read()[8:].split(b"}}")[0] + b"}}")
    failures.expect(sorted(head) == sorted("out " + s for s in TEXT), "run: other outputs")
    for dump in ("fuse", "legal"):
        text = good_run(vitc, failures, ["compile", "named.onnx", "-d", dump], folder)
        suffix = {"fuse": ".vg", "legal": ".vp"}[dump]
        write_file(os.path.join(folder, "dump" + suffix), text.encode())
        good_run(vitc, failures, ["compile", "dump" + suffix, "-o", "dump.o"], folder)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--vitc", required=True)
    options.add_argument("--include", required=True)
    options.add_argument("--sanitized", action="store_true")
    o = options.parse_args()
    failures = Failures()
    with tempfile.TemporaryDirectory(prefix="vitc_names_") as scratch:
        vitc = Vitc(os.path.abspath(o.vitc), scratch, o.sanitized)
        folder = os.path.join(scratch, "case")
        for path, data in {**labelled(), "named.onnx": named()}.items():
            write_file(os.path.join(folder, path), data)
        for source, name in (("m", "labelled"), ("named.onnx", "named")):
            good_run(vitc, failures, ["compile", source, "-o", name + ".o"], folder)
            good_run(
                vitc,
                failures,
                ["compile", source, "--emit", "c", "-t", "generic", "-o", name + ".c"],
                folder,
            )
        compile_all(failures, folder, os.path.abspath(o.include))
        check_labels(vitc, failures, folder)
        check_names(vitc, failures, folder)
    for failure in failures:
        print("FAIL: " + failure)
    print(f"{len(STRINGS)} names, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
