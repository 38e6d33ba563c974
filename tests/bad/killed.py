#!/usr/bin/env python3
"""Stop vitc at random moments of a compilation: the output is the old one or the new one, whole.

    killed.py --vitc PATH --model DIR [--moments N] [--sanitized]

Object and header belong together: a signal that can be caught never leaves one of each.
"""

import argparse
import ctypes
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

from cases import write_file
from formats import one_node
from vitc_process import Vitc

SIGNALS = (signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGHUP)
PR_SET_CHILD_SUBREAPER = 36
PATIENCE = 60  # seconds until everything that vitc started must be gone


def read_pair(folder):
    pair = []
    for name in ("m.o", "m.h"):
        with open(os.path.join(folder, name), "rb") as f:
            pair.append(f.read())
    return pair


def adopt_orphans():
    """What a killed vitc leaves running becomes our child, so that we can wait for its end."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants_are_gone(group):
    """Does everything end that belonged to a stopped vitc?"""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if os.waitpid(-group, os.WNOHANG)[0] == 0:
                time.sleep(0.001)
        except ChildProcessError:
            return True
    return False


def stop_once(vitc, folder, command, moment, number):
    """Starts, waits, stops. The sentences of what is wrong."""
    process = vitc.start(
        command,
        folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    time.sleep(moment)
    process.send_signal(number)
    code = process.wait()
    found = [] if code in (0, -number) else [f"ended with {code}"]
    if not descendants_are_gone(process.pid):
        found.append("a process outlives it")
    return found


def faults_of(folder, old, new, number):
    pair = read_pair(folder)
    names = sorted(os.listdir(folder))
    found = [] if names == ["m.h", "m.o"] else [f"left behind: {names}"]
    for i, name in enumerate(("m.o", "m.h")):
        if pair[i] not in (old[i], new[i]):
            found.append(f"{name} is neither old nor new: {len(pair[i])} bytes")
    if number != signal.SIGKILL and pair not in (old, new):
        found.append("an old file stands beside a new one")
    return found


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--vitc", required=True)
    options.add_argument("--model", required=True)
    options.add_argument("--moments", type=int, default=32)
    options.add_argument("--sanitized", action="store_true")
    o = options.parse_args()
    failures, chance, replaced = [], random.Random(7), 0
    adopt_orphans()
    with tempfile.TemporaryDirectory(prefix="vitc_killed_") as scratch:
        vitc = Vitc(os.path.abspath(o.vitc), scratch, o.sanitized)
        folder = os.path.join(scratch, "out")
        write_file(os.path.join(scratch, "small.onnx"), one_node("Relu"))
        os.mkdir(folder)
        make_old = ["compile", os.path.join(scratch, "small.onnx"), "-o", "m.o", "-q"]
        make_new = ["compile", os.path.abspath(o.model), "-o", "m.o", "-q"]
        pairs = []
        for command in (make_new, make_old):
            start = time.monotonic()
            run = vitc.run(command, folder)
            assert run.exit == 0, run.err
            pairs.append((time.monotonic() - start, read_pair(folder)))
        (length, new), (_, old) = pairs
        for i in range(o.moments):
            if read_pair(folder) != old:
                vitc.run(make_old, folder)
            earliest = 0.7 * length if i % 8 < 4 else 0  # most is written near the end
            number, moment = SIGNALS[i % len(SIGNALS)], chance.uniform(earliest, 1.1 * length)
            found = stop_once(vitc, folder, make_new, moment, number)
            found += faults_of(folder, old, new, number) + vitc.take_reports()
            replaced += read_pair(folder) == new
            failures += [f"{number.name} after {moment * 1000:.1f} ms: {fault}" for fault in found]
            for name in set(os.listdir(folder)) - {"m.o", "m.h"}:
                os.remove(os.path.join(folder, name))
    for failure in failures:
        print("FAIL: " + failure)
    print(
        f"{o.moments} moments within {length * 1000:.0f} ms: {replaced} new, {len(failures)} failures"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
