#!/usr/bin/env python3
"""What `vitc bench` writes for programs: the JSON has the members that docs/speed.md lists and its
numbers fit together; the roofline is XML that a hostile name cannot break. No speed is judged.

    check_bench.py VITC FIXTURES
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

NUMBER = (int, float)
TIMING = dict(threads=int, runs=int, min=NUMBER, median=NUMBER, p99=NUMBER, gflops=NUMBER, of_peak=NUMBER)
LIMITS = dict(threads=int, gflops=NUMBER, bf16_gflops=type(None), memory_gbps=NUMBER, l2_gbps=NUMBER)
COST = dict(label=str, calls=int, seconds=NUMBER, share=NUMBER, flops=int, bytes=NUMBER, gflops=NUMBER, gbps=NUMBER,
            of_peak=NUMBER, of_memory=NUMBER, bound=str)
PROFILE = dict(threads=int, runs=int, seconds=NUMBER, kernels=[COST], launches=[COST])
SCHEMA = dict(schema=str, model=str, target=str, batch=int, flops=int, limits=[LIMITS], results=[TIMING],
              profile=PROFILE)
HOSTILE = "</text><script>&\"'\x01]]>\udcff%s"


def conforms(value, schema, where="bench"):
    """Exactly these members, of these types."""
    if isinstance(schema, list):
        assert isinstance(value, list) and value, f"{where}: no list"
        for i, v in enumerate(value):
            conforms(v, schema[0], f"{where}[{i}]")
    elif isinstance(schema, dict):
        assert isinstance(value, dict), f"{where}: no object"
        assert set(value) == set(schema), f"{where}: {sorted(set(value) ^ set(schema))}"
        for key in schema:
            conforms(value[key], schema[key], f"{where}.{key}")
    else:
        assert isinstance(value, schema) and isinstance(value, bool) == (schema is bool), f"{where}: {value!r}"


def bench(vitc, model, *options):
    command = [vitc, "bench", model, "--target", "generic", "--runs", "3", "--min-time", "0", *options]
    done = subprocess.run(command, capture_output=True, timeout=100)
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    return done.stdout


def check_json(vitc, model, folder):
    svg = os.path.join(folder, "a.svg")
    d = json.loads(bench(vitc, model, "--json", "--launches", "--threads", "1,2", "--roofline", svg))
    conforms(d, SCHEMA)
    assert d["schema"] == "vitc.bench/1" and d["target"] == "generic"
    assert [r["threads"] for r in d["results"]] == [r["threads"] for r in d["limits"]] == [1, 2]
    for limits in d["limits"]:
        del limits["bf16_gflops"]  # the generic level has no such products
    assert all(v > 0 for limits in d["limits"] for v in limits.values())
    p = d["profile"]
    assert sum(k["calls"] for k in p["kernels"]) == len(p["launches"])
    assert sum(k["flops"] for k in p["kernels"]) == d["flops"] == sum(k["flops"] for k in p["launches"])
    assert abs(sum(k["share"] for k in p["kernels"]) - 1) < 1e-6
    assert any(k["label"].startswith("matmul_") for k in p["kernels"])
    assert all(k["bytes"] > 0 for k in p["kernels"])
    plain = json.loads(bench(vitc, model, "--json", "--no-probe", "--profile", "--threads", "1"))
    assert plain["limits"] == [] and "launches" not in plain["profile"]
    assert plain["results"][0]["of_peak"] is None and plain["profile"]["kernels"][0]["bound"] is None
    return svg


def texts(path):
    return [t for e in xml.parse(path).iter() for t in [e.text] if t]


def check_svg(vitc, model, svg, folder):
    assert any("Roofline of" in t for t in texts(svg))
    dots = [e for e in xml.parse(svg).iter() if e.tag.endswith("circle")]
    assert len(dots) > 5
    hostile = os.path.join(folder, HOSTILE.replace("/", "_"))
    shutil.copytree(model, hostile)
    bench(vitc, hostile, "--threads", "1", "--roofline", svg)      # replaces its own earlier file
    said = "".join(texts(svg))
    assert "<_text><script>&\"'" in said and "\x01" not in said, said
    assert not any(e.tag.endswith("script") for e in xml.parse(svg).iter())


def main():
    vitc, fixtures = sys.argv[1:3]
    model = os.path.join(fixtures, "hf", "default")
    with tempfile.TemporaryDirectory() as folder:
        svg = check_json(vitc, model, folder)
        check_svg(vitc, model, svg, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
