#!/usr/bin/env python3
"""Run vitc on the curated bad inputs of make_bad.py and compare exit code and message.

    run_bad.py --vitc PATH [--sanitized] [--only REGEX] [--verbose] FAMILY...

Every run must also obey vitc_process.py: time, memory, clean text, no report, nothing left behind.
"""

import argparse
import os
import re
import sys
import tempfile

from cases import OK, write_case, write_file
from formats import hf
from make_bad import cases_of
from vitc_process import Vitc, error_faults


def tree(folder):
    """Every path below a folder, with the kind and size of what is there."""
    found = {}
    for here, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(here, name)
            state = os.lstat(path)
            found[path] = (state.st_mode, state.st_size)
    return found


def run_case(vitc, case, folder, tiny):
    """The sentences of what went wrong, and the runs."""
    write_case(case, folder)
    before, found, runs = tree(folder), [], []
    for command in case.commands:
        run = vitc.run(
            [part.format(object=tiny) if part == "{object}" else part for part in command], folder
        )
        faults = vitc.faults(run)
        if run.exit != case.exit:
            faults.append(f"exit {run.exit}, not {case.exit}")
        if case.exit != OK:
            names = [os.path.basename(path) for path in case.files]
            faults += error_faults(run, case.says, names, command[1])
            if tree(folder) != before:
                faults.append(f"left behind: {sorted(set(tree(folder)) ^ set(before))}")
        found += [f"{command[0]}: {fault}" for fault in faults]
        runs.append(run)
    return found, runs


def compile_tiny(vitc, scratch):
    """The small valid model that pictures and tensors are given to."""
    for path, data in hf().items():
        write_file(os.path.join(scratch, "tiny", path), data)
    made = os.path.join(scratch, "tiny.o")
    run = vitc.run(["compile", os.path.join(scratch, "tiny", "m"), "-o", made])
    assert run.exit == 0, run.err.decode(errors="replace")
    return made


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--vitc", required=True)
    options.add_argument("--sanitized", action="store_true")
    options.add_argument("--only", default="")
    options.add_argument("--verbose", action="store_true")
    options.add_argument("families", nargs="+")
    o = options.parse_args()
    total = failed = 0
    with tempfile.TemporaryDirectory(prefix="vitc_bad_") as scratch:
        vitc = Vitc(os.path.abspath(o.vitc), scratch, o.sanitized)
        tiny = compile_tiny(vitc, scratch)
        for case in (c for family in o.families for c in cases_of(family)):
            if not re.search(o.only, case.name):
                continue
            found, runs = run_case(vitc, case, os.path.join(scratch, "case", case.name), tiny)
            total += 1
            failed += bool(found)
            if found or o.verbose:
                print(f"{'FAIL' if found else 'ok'}: {case.name}")
                for line in found + [
                    r.err.decode(errors="replace").rstrip()[:2000] for r in runs[:1]
                ]:
                    print("    " + line.replace("\n", "\n    "))
    print(f"{total - failed} of {total} bad inputs are handled as they must be")
    return 1 if failed or not total else 0


if __name__ == "__main__":
    sys.exit(main())
