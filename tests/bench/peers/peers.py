"""Times vitc beside other runtimes: same models, same images, in turns, medians.

    peers.py --models DIR --python VENV/bin/python --cache DIR \\
             --cells small:1,2,4,8 base:1,2,4,8 large:1,8 --threads 1,2

Every cell (model, batch, threads, element type) loads each contender once in a process of its own,
compares all outputs with PyTorch's, and then lets the contenders run in turns. Results are written
after every cell; --resume goes on with a run that was stopped. At the end a table is printed and a
bar chart written. README.md beside this file tells how to make the virtual environment and the
models. Exit codes: 0; 1 when vitc failed somewhere or somebody's output was wrong; 2 usage.
"""
import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile

import report
from contenders import (DEFAULT_PEERS, DTYPES, HERE, LEVELS, PEERS, ROOT, Cell, Failure, Files,
                        Setup, run_tool)
from timing import time_cell

FORMAT = "vitc.peers/1"


# ---- the command line

def parse(argv):
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    a = p.add_argument
    a("--models", metavar="DIR", help="folder of Hugging Face directories")
    a("--cells", nargs="+", metavar="MODEL:BATCH,…", help="names in --models, with batch sizes")
    a("--threads", default="1", metavar="N,…", help="default 1")
    a("--dtype", default="f32", metavar="TYPE,…", help=", ".join(DTYPES) + "; default f32")
    a("--output", default="last_hidden_state", choices=["last_hidden_state", "logits"],
      help="what every contender computes; default last_hidden_state, which leaves nothing out")
    a("--level", default="native", choices=list(LEVELS),
      help="limit vitc and those peers that have a switch for it; default native")
    a("--budget", type=float, default=6.0, metavar="SECONDS",
      help="inference time of each contender in a cell, at least three turns; default 6")
    a("--timeout", type=float, default=900.0, metavar="SECONDS",
      help="of one export, load or turn; default 900")
    a("--python", default="", metavar="PATH", help="Python of the peers' virtual environment")
    a("--only", metavar="NAME,…", help="contenders; default vitc," + ",".join(DEFAULT_PEERS) +
      "; there is " + ", ".join(n for n in PEERS if n not in DEFAULT_PEERS) + " too")
    a("--cache", metavar="DIR", help="keeps the peers' exports; default: a temporary folder")
    a("--build", default=os.path.join(ROOT, "build"), metavar="DIR",
      help="holds vitc and libvitc-runtime.a; default: build/ of this repository")
    a("--cc", default="cc", metavar="COMMAND", help="C compiler for the vitc host; default cc")
    a("--vitc-options", default="", metavar="WORDS", help="more options of vitc compile")
    a("--json", default="peers.json", metavar="FILE", help="results; default peers.json")
    a("--svg", metavar="FILE", help="chart; default: beside the results")
    a("--resume", action="store_true", help="skip the cells that the results already hold")
    a("--report", action="store_true", help="only print the table of the results and draw them")
    options = p.parse_args(argv)
    options.svg = options.svg or os.path.splitext(options.json)[0] + ".svg"
    if not options.report:
        check_options(p, options)
    return options


def check_options(p, o):
    if not o.models or not o.cells:
        p.error("--models and --cells are needed (or --report)")
    if not (0 < o.budget <= 3600 and 0 < o.timeout <= 86400):
        p.error("--budget and --timeout must be positive: at most an hour and a day")
    o.names = list(dict.fromkeys(o.only.split(",") if o.only else ["vitc"] + DEFAULT_PEERS))
    for name in o.names:
        if name != "vitc" and name not in PEERS:
            p.error(f"--only: there is no contender '{name}'; there are vitc, " + ", ".join(PEERS))
    if o.names != ["vitc"] and not o.python:
        p.error("--python is needed for the peers; --only vitc times vitc alone")
    o.dtypes = o.dtype.split(",")
    for dtype in o.dtypes:
        if dtype not in DTYPES:
            p.error(f"--dtype: '{dtype}' is not one of " + ", ".join(DTYPES))
    o.plan = plan(p, o)
    if os.path.exists(o.json) and not o.resume:
        p.error(f"{o.json} exists: --resume continues it, --report shows it; or name another")


def plan(p, o):
    """the cells; those that share a compiled model follow one another"""
    cells = {}
    for word in o.cells:
        model, colon, batches = word.rpartition(":")
        if not colon:
            p.error(f"--cells: '{word}' is not MODEL:BATCH,…")
        if not os.path.isfile(os.path.join(o.models, model, "config.json")):
            p.error(f"--cells: no Hugging Face directory '{os.path.join(o.models, model)}'")
        for dtype in o.dtypes:
            for batch in numbers(p, "--cells", batches, 64):
                for threads in numbers(p, "--threads", o.threads, 256):
                    cells[Cell(model, batch, threads, dtype)] = None
    return list(cells)


def numbers(p, option, text, most):
    words = text.split(",")
    if not all(w.isascii() and w.isdigit() and 1 <= int(w) <= most for w in words):
        p.error(f"{option}: '{text}' is not a list of numbers from 1 to {most}")
    return [int(w) for w in words]


# ---- what the results say about where they come from

def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        models = [line.partition(":")[2].strip() for line in f if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cpu": models[0] if models else platform.machine(),
            "processors": len(os.sched_getaffinity(0)), "memory_gib": round(memory / 2**30),
            "kernel": platform.release()}


def versions(setup, names):
    found = {}
    if "vitc" in names:
        said = json.loads(run_tool([os.path.join(setup.build, "vitc"), "version", "--json"],
                                   "vitc version", 60))
        found["vitc"] = said["version"] + commit()
    if setup.python:
        peers = json.loads(run_tool([setup.python, os.path.join(HERE, "peer_exports.py"),
                                     "versions"], "--python", 120))
        wanted = {PEERS[n].package for n in names if n != "vitc"}
        found.update({k: v for k, v in peers.items() if k in wanted | {"transformers", "onnx"}})
    return found


def commit():
    """+COMMIT when the sources are a git checkout"""
    r = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return "+" + r.stdout.strip() if r.returncode == 0 else ""


# ---- results

def load(path):
    try:
        with open(path, encoding="utf-8") as f:
            data = json.load(f)
    except (OSError, ValueError) as error:
        raise Failure(f"{path}: {error}") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise Failure(f"{path}: not results of this script ({FORMAT})")
    return data


def save(path, data):
    with open(path + ".part", "w", encoding="utf-8") as f:
        json.dump(data, f, indent=1)
        f.write("\n")
    os.replace(path + ".part", path)


def beginning(o, setup):
    return {"format": FORMAT, "date": datetime.date.today().isoformat(), "machine": machine(),
            "versions": versions(setup, o.names), "contenders": o.names,
            "settings": {"level": o.level, "output": o.output, "budget": o.budget,
                         "vitc_options": o.vitc_options}, "cells": []}


def open_results(o, setup):
    data = beginning(o, setup)
    if not (o.resume and os.path.exists(o.json)):
        return data
    old = load(o.json)
    for key in ("machine", "versions", "contenders", "settings"):
        if old[key] != data[key]:
            raise Failure(f"{o.json} was made with other {key}: {old[key]}, now {data[key]}")
    return old


def key(record):
    return Cell(record["model"], record["batch"], record["threads"], record["dtype"])


def measure(o, setup, data):
    files = Files(setup)
    finished = {key(c) for c in data["cells"]}
    for i, cell in enumerate(o.plan):
        if cell in finished:
            continue
        say(f"[{i + 1}/{len(o.plan)}] {cell} …")
        record = time_cell(files, cell, o.names, o.budget)
        data["cells"].append(record)
        save(o.json, data)
        say("    " + ", ".join(f"{n} " + (f"{r['median']:.2f} ms" if "median" in r else "FAILED")
                               for n, r in record["results"].items()))


def say(line):
    print(line, file=sys.stderr, flush=True)


def show(o, data):
    print(report.text(data), end="")
    with open(o.svg, "w", encoding="utf-8") as f:
        f.write(report.svg(data))
    say(f"{o.json}, {o.svg}")


def exit_code(data):
    results = [(n, r) for c in data["cells"] for n, r in c["results"].items() if "failed" in r]
    return int(any(n == "vitc" or r["failed"].startswith("WRONG") for n, r in results))


def main(argv):
    o = parse(argv)
    try:
        if o.report:
            data = load(o.json)
        else:
            with tempfile.TemporaryDirectory(prefix="vitc-peers-") as work:
                setup = Setup(o.models, o.build, o.cc, o.python, o.cache or work, work, o.level,
                              o.output, o.timeout, tuple(o.vitc_options.split()))
                data = open_results(o, setup)
                measure(o, setup, data)
        show(o, data)
    except Failure as failure:
        say(f"peers.py: error: {failure}")
        return 2
    except KeyboardInterrupt:
        say(f"\nstopped; --resume continues {o.json}")
        return 130
    return exit_code(data)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
