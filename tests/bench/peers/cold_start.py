"""Process start to the first result, and memory: vitc beside other runtimes, one model, batch 1.

    cold_start.py --models DIR --model base --python VENV/bin/python --cache DIR

Each start is a fresh process; the page cache is warm. The contenders take turns, and the numbers
are medians. Every peer starts from the best form that it is deployed in: onnxruntime from .onnx,
OpenVINO from its IR, once plainly and once with its model cache, PyTorch from a state dict
(safetensors). The peers are started from Python: 'load + first' leaves that out, as a program in
C++ around the same peer would at best. vitc's is a C program with the weights embedded in the
object; its memory is split into what it owns.
"""
import argparse
import os
import statistics
import sys
import tempfile
import time

import peers
from contenders import PEERS, ROOT, Cell, Contender, Failure, Files, Setup
from report import aligned

KINDS = ["vitc", "openvino", "openvino-cache", "onnxruntime", "torch-sdpa"]
FORMAT = "vitc.cold_start/1"


def parse(argv):
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    a = p.add_argument
    a("--models", required=True, metavar="DIR", help="folder of Hugging Face directories")
    a("--model", default="base", help="a name in --models; default base")
    a("--threads", type=int, default=1, metavar="N", help="default 1")
    a("--output", default="last_hidden_state", choices=["last_hidden_state", "logits"],
      help="default last_hidden_state")
    a("--starts", type=int, default=7, metavar="N", help="of each contender; default 7")
    a("--timeout", type=float, default=300.0, metavar="SECONDS", help="default 300")
    a("--python", default="", metavar="PATH", help="Python of the peers' virtual environment")
    a("--only", metavar="NAME,…", help="contenders; default all: " + ",".join(KINDS))
    a("--cache", metavar="DIR", help="keeps the peers' files; default: a temporary folder")
    a("--build", default=os.path.join(ROOT, "build"), metavar="DIR",
      help="holds vitc and libvitc-runtime.a; default: build/ of this repository")
    a("--cc", default="cc", metavar="COMMAND", help="C compiler for the vitc host; default cc")
    a("--json", metavar="FILE", help="writes the results")
    o = p.parse_args(argv)
    o.names = list(dict.fromkeys(o.only.split(",") if o.only else KINDS))
    for name in o.names:
        if name not in KINDS:
            p.error(f"--only: there is no contender '{name}'; there are " + ", ".join(KINDS))
    if o.names != ["vitc"] and not o.python:
        p.error("--python is needed for the peers; --only vitc starts vitc alone")
    if not os.path.isfile(os.path.join(o.models, o.model, "config.json")):
        p.error(f"no Hugging Face directory '{os.path.join(o.models, o.model)}'")
    if not (1 <= o.threads <= 256 and 1 <= o.starts <= 1000 and o.timeout > 0):
        p.error("--threads, --starts and --timeout must be positive; threads at most 256, "
                "starts at most 1000")
    return o


def command(files, cell, name):
    if name != "openvino-cache":
        return files.command(name, cell)
    return files.command("openvino", cell, model_cache=files.in_cache(cell, "openvino-cache"))


def start(files, cell, name):
    """one fresh process: milliseconds and KiB"""
    argv, env = command(files, cell, name)
    log = os.path.join(files.setup.work, name + ".log")
    begin = time.monotonic()
    contender = Contender(name, argv, env, log, files.setup.timeout)
    try:
        contender.send("run 1")
        load = contender.facts("ready")["load_ms"]
        first = float(contender.expect("times"))
        total = (time.monotonic() - begin) * 1e3
        contender.send("memory")
        memory = contender.facts("memory")
        return {"total": total, "load": load, "first": first, "second": contender.run(1)[0],
                "warm": min(contender.run(5)), **memory}
    finally:
        contender.close()


def measure(files, cell, o):
    """name -> medians, or why there are none"""
    starts = {name: [] for name in o.names}
    failed = {}
    for i in range(1 + o.starts):
        for name in o.names:
            if name in failed:
                continue
            try:
                facts = start(files, cell, name)
            except Failure as failure:
                failed[name] = str(failure)
                continue
            if i > 0:  # the first start fills the page cache and OpenVINO's model cache
                starts[name].append(facts)
        peers.say(f"round {i} of {o.starts}")
    return {name: {"failed": failed[name]} if name in failed else
            {k: round(statistics.median(s[k] for s in starts[name]), 2) for k in starts[name][0]}
            for name in o.names}


def table(results):
    rows = [["", "start to first result ms", "load + first", "load", "first run", "second run",
             "warm run", "RSS MB", "peak MB"]]
    for name, r in results.items():
        if "failed" in r:
            rows.append([name, "FAILED"] + ["-"] * 7)
            continue
        times = [r["total"], r["load"] + r["first"], r["load"], r["first"], r["second"], r["warm"]]
        rows.append([name] + [f"{t:.1f}" for t in times] +
                    [megabytes(r["rss_kb"]), megabytes(r["peak_kb"])])
    return aligned(rows)


def megabytes(kib):
    return f"{kib * 1024 / 1e6:.1f}"


def comparison(results):
    """lines: vitc against the best peer, and where its memory is"""
    ok = {n: r for n, r in results.items() if "failed" not in r}
    lines = [f"FAILED  {n}: {r['failed']}" for n, r in results.items() if "failed" in r]
    ours = ok.pop("vitc", None)
    if not ours:
        return lines
    rest = ours["rss_kb"] - ours["weights_kb"] - ours["arena_kb"]
    lines.append("vitc's RSS: weights " + megabytes(ours["weights_kb"]) + " MB, arena " +
                 megabytes(ours["arena_kb"]) + " MB, rest " + megabytes(rest) + " MB")
    lines.append(f"vitc's start to first result is {ours['total'] / ours['warm']:.2f} of a warm "
                 f"run, its first run {ours['first'] / ours['second']:.2f} of the second")
    measures = (("start to first result", lambda r: r["total"], ours["total"]),
                ("load + first run", lambda r: r["load"] + r["first"], ours["total"]),
                ("RSS", lambda r: r["rss_kb"], ours["rss_kb"]),
                ("peak RSS", lambda r: r["peak_kb"], ours["peak_kb"]))
    for what, value, vitc in measures if ok else ():
        best = min(ok, key=lambda n: value(ok[n]))
        whole = "whole start" if what.startswith("load") else what
        lines.append(f"{what} of {best}, the best peer: {value(ok[best]) / vitc:.2f} x the {whole} "
                     "of vitc")
    return lines


def main(argv):
    o = parse(argv)
    cell = Cell(o.model, 1, o.threads, "f32")
    try:
        with tempfile.TemporaryDirectory(prefix="vitc-cold-") as work:
            setup = Setup(o.models, o.build, o.cc, o.python, o.cache or work, work, "native",
                          o.output, o.timeout)
            versions = peers.versions(setup, [n for n in o.names if n in PEERS or n == "vitc"])
            results = measure(Files(setup), cell, o)
    except Failure as failure:
        peers.say(f"cold_start.py: error: {failure}")
        return 2
    if o.json:
        peers.save(o.json, {"format": FORMAT, "machine": peers.machine(), "versions": versions,
                            "model": o.model, "threads": o.threads, "output": o.output,
                            "starts": o.starts, "results": results})
    print(f"{cell}, {o.output}, median of {o.starts} starts, page cache warm")
    print(", ".join(f"{k} {v}" for k, v in versions.items()))
    print("\n".join(["", *table(results), "", *comparison(results)]))
    return int("failed" in results.get("vitc", {}))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
