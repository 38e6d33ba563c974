#!/usr/bin/env python3
"""Write the curated hostile and broken inputs of every family, and the table of what vitc must say.

    make_bad.py FOLDER [FAMILY...]

Each case gets a folder of its own; FOLDER/cases.json lists commands, exit codes and messages.
run_bad.py does the same in a scratch folder and runs vitc on each. The bytes never change.
"""

import importlib
import json
import os
import sys

from cases import write_case

FAMILIES = ("onnx", "json", "weights", "input", "text")


def cases_of(family):
    found = list(importlib.import_module("bad_" + family).cases())
    names = [c.name for c in found]
    twice = sorted({n for n in names if names.count(n) > 1})
    assert not twice, f"{family}: two cases of one name: {twice}"
    return found


def main(folder, families):
    table = []
    for family in families or FAMILIES:
        for case in cases_of(family):
            write_case(case, os.path.join(folder, family, case.name))
            table.append(
                {
                    "family": family,
                    "name": case.name,
                    "commands": case.commands,
                    "exit": case.exit,
                    "says": case.says,
                }
            )
    with open(os.path.join(folder, "cases.json"), "w") as f:
        json.dump(table, f, indent=1)
    print(f"{len(table)} cases")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
