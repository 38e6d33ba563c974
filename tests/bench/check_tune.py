#!/usr/bin/env python3
"""`vitc tune` ends in time, on SIGINT too, and writes a tuning that compile and run take and that
changes no bit of a result. No speed is judged: what it finds on a busy machine is up to the machine.

    check_tune.py VITC FIXTURES
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time

from check_bench import NUMBER, conforms

SPOT = dict(op=str, shape=[int], launches=int, tried=int, before=NUMBER, after=NUMBER, changes=dict)
REPORT = dict(schema=str, model=str, target=str, threads=int, seconds=NUMBER, interrupted=bool, spots=[SPOT])
GIVEN = dict(schema="vitc.tuning/1", target="generic",
             rows=[dict(op="matmul", shape="*", panels=2), dict(op="attention", shape="*", rows=3)])


def vitc(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=120)
    assert done.returncode == 0, (command, done.stderr.decode("utf-8", "replace"))
    return done.stdout


def check_report(text, where):
    report = json.loads(text)
    whole = report.pop("whole")
    conforms(report, REPORT, where)
    assert whole is None or (whole["same_bytes"] is True and whole["calls"] > 0)
    assert report["schema"] == "vitc.tune/1"
    assert report["spots"][0]["op"] == "matmul" and any(s["op"] == "attention" for s in report["spots"])
    shapes = [(s["op"], *s["shape"]) for s in report["spots"]]
    assert len(set(shapes)) == len(shapes)
    return report, whole


def check_rows(report, given, path):
    """The file holds the rows it began with, then what each spot changed, in order of launch."""
    with open(path, encoding="utf-8") as f:
        tuning = json.load(f)
    want = [dict(op=s["op"], shape=s["shape"], **s["changes"]) for s in report["spots"] if s["changes"]]
    assert tuning == dict(schema="vitc.tuning/1", target="generic", rows=given + want), tuning


def outputs(program, model, picture, folder, *options):
    vitc([program, "run", model, *options, "-i", picture, "-o", "y.safetensors", "-q"], folder)
    with open(os.path.join(folder, "y.safetensors"), "rb") as f:
        return f.read()


def check_tuning(program, model, picture, folder):
    tune = [program, "tune", model, "-t", "generic", "--threads", "2", "--budget", "2", "--json", "-o", "t.json"]
    begun = time.monotonic()
    report, _ = check_report(vitc(tune, folder), "tune")
    assert time.monotonic() - begun < 60, "a budget of 2 seconds took more than a minute"
    check_rows(report, [], os.path.join(folder, "t.json"))
    vitc([program, "compile", model, "-t", "generic", "--tuning", "t.json", "-o", "tuned.o", "-q"], folder)
    plain = outputs(program, model, picture, folder, "-t", "generic")
    assert outputs(program, "tuned.o", picture, folder) == plain
    assert outputs(program, model, picture, folder, "-t", "generic", "--tuning", "t.json") == plain


def check_interrupt(program, model, folder):
    with open(os.path.join(folder, "given.json"), "w", encoding="utf-8") as f:
        json.dump(GIVEN, f)
    tune = [program, "tune", model, "-t", "generic", "--threads", "1", "--budget", "100", "--json",
            "--tuning", "given.json", "-o", "i.json"]
    begun = time.monotonic()
    with subprocess.Popen(tune, cwd=folder, stdout=subprocess.PIPE) as running:
        time.sleep(2)
        running.send_signal(signal.SIGINT)
        text, _ = running.communicate(timeout=60)
    assert running.returncode == 0, running.returncode
    assert time.monotonic() - begun < 60
    report, whole = check_report(text, "interrupted")
    assert report["interrupted"] is True and whole is None
    check_rows(report, GIVEN["rows"], os.path.join(folder, "i.json"))


def main():
    program, fixtures = (os.path.abspath(p) for p in sys.argv[1:3])
    model = os.path.join(fixtures, "digits", "model")
    picture = os.path.join(fixtures, "digits", "images", "b_16x16_rgb.png")
    with tempfile.TemporaryDirectory() as folder:
        check_tuning(program, model, picture, folder)
        check_interrupt(program, model, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
