"""Foreign machines for the tests: a cross compiler builds the runtime and a host program for each, qemu runs them.

A missing compiler or emulator ends the test with exit 77, which CTest shows as skipped."""
import glob
import os
import shutil
import subprocess
import sys

WARNINGS = "-Wall -Wextra -Wpedantic -Wconversion -Werror".split()
REFUSED = 77  # of run_model: the processor lacks what the object needs


def skip(why):
    print("[SKIP]", why)
    sys.exit(77)


def fail(*what):
    print(*what)
    sys.exit(1)


def need(*programs):
    for p in programs:
        if not shutil.which(p):
            skip(p + " is not installed (scripts/setup cross)")


def call(argv, cwd=None, env=None):
    return subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True)


def must(argv, cwd=None):
    r = call(argv, cwd)
    if r.returncode:
        fail("$", " ".join(argv), "\n" + r.stdout + r.stderr + "exit", r.returncode)
    return r.stdout


class Machine:
    """cc, flags: of every compilation; emulator: the command in front of a program, [] for this machine itself."""

    def __init__(self, source, work, name, cc, flags=(), emulator=()):
        need(cc, *emulator[:1])
        self.source, self.name, self.cc, self.flags = source, name, cc, list(flags)
        self.emulator = list(emulator)
        self.work = os.path.join(work, name)
        self.include = "-I" + os.path.join(source, "runtime")
        os.makedirs(self.work)
        self.runtime = [self.compile(c, ["-O1", "-D_GNU_SOURCE"] + WARNINGS)
                        for c in sorted(glob.glob(os.path.join(source, "runtime/*.c")))]
        self.host = self.compile(os.path.join(source, "tests/cc/run_model.c"), ["-O1", "-D_GNU_SOURCE"],
                                 out="host.o")

    def compile(self, c, flags, cc=None, out=None):
        """The object file of a C file; cc: another compiler for the same machine."""
        out = os.path.join(self.work, out or os.path.basename(c)[:-2] + ".o")
        must((cc or [self.cc]) + ["-std=c11", self.include] + self.flags + list(flags) + ["-c", os.path.abspath(c), "-o", out],
             os.path.dirname(c))
        return out

    def link(self, model, name):
        out = os.path.join(self.work, name)
        must([self.cc] + self.flags + ["-static", self.host, model] + self.runtime + ["-lm", "-lpthread", "-o", out])
        return out

    def run(self, program, cpu=None):
        """Exit code and outputs."""
        out = os.path.join(self.work, "out.bin")
        if os.path.exists(out):
            os.remove(out)
        r = call(self.emulator + (["-cpu", cpu] if cpu else []) + [program, out])
        if r.returncode not in (0, REFUSED):
            fail(self.name, os.path.basename(program), cpu or "", "exit", r.returncode, r.stdout + r.stderr)
        if r.returncode:
            return r.returncode, b""
        with open(out, "rb") as f:
            return 0, f.read()


class Models:
    """Objects and C of one model for any target, made once each."""

    def __init__(self, vitc, source, work, name):
        self.vitc, self.name = vitc, name
        self.path = os.path.join(source, "tests/fixtures", name)
        self.work = os.path.join(work, name.replace("/", "_"))
        os.makedirs(self.work)

    def make(self, target, *options):
        kind = "c" if "c" in options else "o"
        d = os.path.join(self.work, "-".join((target,) + options).replace("--", ""))
        out = os.path.join(d, "model." + kind)
        if not os.path.exists(out):
            os.makedirs(d)
            must([self.vitc, "compile", "-q", self.path, "-o", out, "--target", target, "--outputs", "all"] +
                 list(options))
        return out

    def object(self, target, *options):
        return self.make(target, *options)

    def c(self, target, *options):
        return self.make(target, "--emit", "c", *options)


def same(what, got, want):
    if got != want:
        at = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
        fail(what, "differs:", len(got), "and", len(want), "bytes, first at", at)
    print(what, "equal,", len(got), "bytes")
