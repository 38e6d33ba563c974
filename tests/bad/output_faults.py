#!/usr/bin/env python3
"""Outputs that cannot be written: an error, exit 5, and nothing new under any name.

output_faults.py --vitc PATH [--sanitized]
"""

import argparse
import os
import resource
import shutil
import sys
import tempfile

from cases import IO, LIMIT, OK, USAGE, write_file
from formats import filled, hf, one_node, safetensors
from run_bad import tree
from vitc_process import Vitc, error_faults

SIZE_LIMIT = 1024  # of RLIMIT_FSIZE: less than any object


class Place:
    """A fresh folder with models and an old output, in which one command must change nothing."""

    def __init__(self, vitc, scratch, failures):
        self.vitc, self.folder, self.failures = vitc, os.path.join(scratch, "case"), failures
        self.total = 0

    def reset(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        four = filled([1, 1, 4, 4])
        files = {
            **hf(),
            "m.onnx": one_node("Relu"),
            "x.safetensors": safetensors({"pixel_values": ([1, 1, 4, 4], four)}),
            "out/file": b"plain",
            "out/notes.o": b"my notes, no object",
        }
        for path, data in files.items():
            write_file(self.path(path), data)
        old = self.vitc.run(["compile", "m.onnx", "-q", "-o", "out/old.o"], self.folder)
        assert old.exit == 0, old.err

    def path(self, name):
        return os.path.join(self.folder, name)

    def check(self, name, argv, code, says="", stdout=None, prepare=None, limit=False):
        """Runs vitc; whatever is wrong goes to `failures`."""
        self.reset()
        if prepare:
            prepare(self.path)
        before = contents(self.folder)
        options = {"preexec_fn": limit_files} if limit else {}
        if stdout:
            options["stdout"] = open(stdout, "wb")
        run = self.vitc.run(argv, self.folder, **options)
        found = self.vitc.faults(run)
        if run.exit != code:
            found.append(f"exit {run.exit}, not {code}")
        if code != OK:
            found += error_faults(run, says, ["error"], argv[1] if len(argv) > 1 else "vitc")
            after = contents(self.folder)
            changed = [n for n in sorted({*before, *after}) if before.get(n) != after.get(n)]
            found += [f"changed: {n}" for n in changed]
        self.total += 1
        if found:
            said = run.err.decode(errors="replace")[:500]
            self.failures.append(f"{name}: {'; '.join(found)}\n    {said}")


def limit_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE_LIMIT, SIZE_LIMIT))


def contents(folder):
    """What lies in a folder, bytes included."""
    found = tree(folder)
    for path in found:
        if os.path.isfile(path) and not os.path.islink(path):
            with open(path, "rb") as f:
                found[path] += (f.read(),)
    return found


def link(target, name):
    return lambda path: os.symlink(target, path(name))


def compile_faults(place):
    def compile_to(name, output, code, says="", **options):
        place.check(
            "compile to " + name, ["compile", "m.onnx", "-o", output], code, says, **options
        )

    compile_to("a good place", "out/made.o", OK)
    compile_to("what vitc wrote before", "out/old.o", OK)
    compile_to("a missing folder", "none/made.o", IO, "No such file")
    compile_to("a file taken for a folder", "out/file/made.o", IO, "Not a directory")
    compile_to("a folder without permission", "/proc/made.o", IO)
    compile_to("a folder", "out/", USAGE)
    compile_to("a folder by name", "out", IO, "not a regular file")
    compile_to("a name of 300 bytes", "out/" + "n" * 300 + ".o", USAGE)
    compile_to("no name", "", USAGE)
    compile_to("a full device", "/dev/full", IO, "No space left")
    compile_to("the null device", "/dev/null", OK)
    compile_to("its own input", "m.onnx", USAGE, "is the input")
    compile_to("a foreign file", "out/notes.o", USAGE, "not written by vitc")
    compile_to("a limit on file sizes", "out/made.o", IO, "File too large", limit=True)
    compile_to("a limit, over an old output", "out/old.o", IO, "File too large", limit=True)
    compile_to("a link", "out/l.o", IO, "not a regular file", prepare=link("old.o", "out/l.o"))
    compile_to(
        "a dangling link", "out/l.o", IO, "not a regular file", prepare=link("no", "out/l.o")
    )
    compile_to("a link to its input", "out/l.o", USAGE, prepare=link("../m.onnx", "out/l.o"))
    compile_to(
        "a hard link to its input",
        "out/l.o",
        USAGE,
        "is the input",
        prepare=lambda path: os.link(path("m.onnx"), path("out/l.o")),
    )
    compile_to(
        "a header that is a link",
        "out/made.o",
        IO,
        "not a regular file",
        prepare=link("old.h", "out/made.h"),
    )
    compile_to(
        "a header that is a folder",
        "out/made.o",
        IO,
        "not a regular file",
        prepare=lambda path: os.mkdir(path("out/made.h")),
    )
    compile_to(
        "a foreign header",
        "out/made.o",
        USAGE,
        "not written by vitc",
        prepare=lambda path: write_file(path("out/made.h"), b"#define MINE 1\n"),
    )
    if os.geteuid():
        compile_to(
            "a folder that is read only",
            "out/made.o",
            IO,
            "Permission denied",
            prepare=lambda path: os.chmod(path("out"), 0o555),
        )
    for emit in ("c", "llvm"):
        argv = ["compile", "m.onnx", "--emit", emit, "-o"]
        if emit == "llvm":
            place.check("llvm to a full device", argv + ["/dev/full"], IO, "No space left")
        place.check(emit + " to a missing folder", argv + ["none/made." + emit], IO, "No such file")
        place.check(emit + " to its input", argv + ["m.onnx"], USAGE, "is the input")
        place.check(
            emit + " to a foreign file", argv + ["out/notes.o"], USAGE, "not written by vitc"
        )
        place.check(emit + " to a link", argv + ["out/l"], IO, prepare=link("file", "out/l"))
        place.check(
            emit + " under a limit", argv + ["out/made." + emit], IO, "File too large", limit=True
        )
    for name in ("config.json", "model.safetensors"):
        place.check("compile over " + name, ["compile", "m", "-o", "m/" + name], USAGE)
    place.check(
        "too little memory",
        ["compile", "m", "-o", "out/made.o", "--max-memory", "100K"],
        LIMIT,
        "--max-memory",
    )


def run_faults(place):
    def run_to(name, output, code, says="", **options):
        argv = ["run", "m", "-t", "generic", "-i", "x.safetensors", "-o", output]
        place.check("run to " + name, argv, code, says, **options)

    run_to("a good place", "out/y.safetensors", OK)
    run_to("a missing folder", "none/y", IO, "No such file")
    run_to("a full device", "/dev/full", IO, "No space left")
    run_to("a folder", "out", IO, "directory")
    run_to("a link", "out/l", IO, prepare=link("file", "out/l"))
    run_to("its own input", "x.safetensors", USAGE, "is an input")
    run_to("the model's weights", "m/model.safetensors", USAGE)
    run_to(
        "a limit on file sizes",
        "out/y",
        IO,
        "File too large",
        limit=True,
        prepare=lambda path: write_file(path("out/y"), b""),
    )


def full_standard_output(place):
    for argv in (
        ["inspect", "m"],
        ["inspect", "m", "--json"],
        ["version"],
        ["help"],
        ["targets"],
        ["doctor"],
        ["run", "m", "-i", "x.safetensors"],
        ["compile", "m", "-d", "fuse"],
        ["compile", "m", "-o", "-"],
        ["verify", "m"],
        ["bench", "m", "--min-time", "0", "-n", "1", "--no-probe"],
    ):
        place.check(" ".join(argv) + " > /dev/full", argv, IO, "No space left", stdout="/dev/full")


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--vitc", required=True)
    options.add_argument("--sanitized", action="store_true")
    o = options.parse_args()
    failures = []
    with tempfile.TemporaryDirectory(prefix="vitc_output_") as scratch:
        place = Place(Vitc(os.path.abspath(o.vitc), scratch, o.sanitized), scratch, failures)
        for family in (compile_faults, run_faults, full_standard_output):
            family(place)
    for failure in failures:
        print("FAIL: " + failure)
    print(f"{place.total - len(failures)} of {place.total} outputs are treated as they must be")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
