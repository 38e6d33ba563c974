#!/usr/bin/env python3
"""One model of tests/fixtures, compiled for one target and run at 1 and 2 threads, against its
golden outputs.

    check_case.py VITC CASE_DIR TARGET

The object file that `vitc compile` writes is what runs. Exit 77 (skipped) when this machine lacks
the target.
"""
import json
import os
import subprocess
import sys

import tensors

LIMIT = 2e-5          # relative L2
NO_TARGET = 7         # exit code: this processor lacks what the object needs
SKIP = 77


def vitc(tool, *args):
    r = subprocess.run([tool, *args], capture_output=True, text=True, errors="replace", timeout=300)
    if r.returncode:
        print(f"vitc {' '.join(args)}\n{r.stdout}{r.stderr}exit {r.returncode}")
    return r.returncode


def options(case, gold):
    batch, _, height, width = gold["pixel_values"][1]
    mask = ("--mask", "bool_masked_pos") if "bool_masked_pos" in case.get("options", {}) else ()
    return ("--batch", str(batch), "--image", f"{height}x{width}", *mask)


def wanted_outputs(case, gold):
    """{name of an output: its golden tensor}"""
    if case["kind"] == "onnx":
        return case["outputs"]
    name = "logits" if "logits" in gold else "last_hidden_state"
    return {name: name}


def near(case, got, want, rtol):
    """the rule of lossy files: within atol + rtol * the largest golden value"""
    limit = case["tolerance"]["atol"] + case["tolerance"][rtol] * max(abs(v) for v in want)
    return max(abs(a - b) for a, b in zip(got, want)) <= limit


def check_lossy(case, gold, name, key, values):
    """A file of rounded weights may be near the exact model, or near onnxruntime on this file."""
    ok = near(case, values, gold[key + "_f32"][2], "rtol_f32")
    ok = ok or near(case, values, gold[key + "_ort"][2], "rtol")
    print(f"output '{name}' of a lossy file is {'near' if ok else 'far'}")
    return ok


def check_output(case, gold, name, key, got):
    if name not in got:
        print(f"output '{name}' is missing; there are {sorted(got)}")
        return False
    _, shape, values = got[name]
    if case.get("lossy"):
        return check_lossy(case, gold, name, key, values)
    if shape != gold[key][1]:
        print(f"output '{name}' is {shape}, golden {gold[key][1]}")
        return False
    error = tensors.relative_l2(values, gold[key][2])
    print(f"output '{name}': relative L2 error {error:.2e}")
    return error <= LIMIT


def check_outputs(case, gold, got):
    wanted = wanted_outputs(case, gold)
    return all(check_output(case, gold, name, key, got) for name, key in wanted.items())


def main():
    tool, folder, target = sys.argv[1:4]
    case = json.load(open(os.path.join(folder, "case.json")))
    gold = tensors.load(os.path.join(folder, case["golden"]["file"]))
    known = ("pixel_values", "bool_masked_pos")
    inputs = case.get("inputs") or {name: name for name in known if name in gold}
    model = os.path.join(folder, case["model"])
    with tensors.scratch_folder() as t:
        obj, src, dst = (os.path.join(t, n) for n in ("vit.o", "in.safetensors", "out.safetensors"))
        tensors.save(src, {name: gold[key] for name, key in inputs.items()})
        if vitc(tool, "compile", model, "-o", obj, "--target", target, *options(case, gold)):
            return 1
        seen = []
        for threads in ("1", "2"):
            code = vitc(tool, "run", obj, "--input", src, "-o", dst, "--threads", threads)
            if code == NO_TARGET:
                print(f"[SKIP] this processor cannot run {target}")
                return SKIP
            if code or not check_outputs(case, gold, tensors.load(dst)):
                return 1
            seen.append(open(dst, "rb").read())
    if seen[0] != seen[1]:
        print("1 and 2 threads give different bytes")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
