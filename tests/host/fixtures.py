"""The models of tests/fixtures, as vitc takes them, and programs around them."""
import glob
import json
import os
import shutil
import subprocess

LEVELS = ("generic", "x86-64-v2", "x86-64-v3", "x86-64-v4-256", "x86-64-v4", "x86-64-v4+bf16",
          "x86-64-amx")
CC_LEVEL = {"generic": [], "x86-64-v2": ["-march=x86-64-v2"], "x86-64-v3": ["-march=x86-64-v3"],
            "x86-64-v4-256": ["-march=x86-64-v4", "-mprefer-vector-width=256"],
            "x86-64-v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
            "x86-64-v4+bf16": ["-march=x86-64-v4", "-mavx512bf16", "-mprefer-vector-width=512"],
            "x86-64-amx": ["-march=x86-64-v4", "-mavx512bf16", "-mamx-tile", "-mamx-bf16", "-mamx-int8",
                           "-mprefer-vector-width=512"]}
SKIP = 77


def models(folder):
    """{name: (path, options)} of every fixture with a case.json"""
    found = {}
    for case in sorted(glob.glob(os.path.join(folder, "*", "*", "case.json"))):
        with open(case, encoding="utf-8") as f:
            text = json.load(f)
        home = os.path.dirname(case)
        masked = text["kind"] == "hf" and "bool_masked_pos" in text.get("options", {})
        options = ["--mask", "bool_masked_pos"] if masked else []
        found[os.path.relpath(home, folder)] = (os.path.join(home, text["model"]), options)
    return found


def run(argv, cwd, env=None):
    return subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, errors="replace")


def must(argv, cwd, env=None):
    r = run(argv, cwd, env)
    if r.returncode:
        raise AssertionError(f"{' '.join(argv)}: exit {r.returncode}\n{r.stdout}{r.stderr}")
    return r.stdout


def compilers(flags, cwd):
    """Those of gcc and clang-19 that can link a program with these flags; the others are named."""
    found = []
    with open(os.path.join(cwd, "empty.c"), "w", encoding="ascii") as f:
        f.write("int main(void) { return 0; }\n")
    for cc in ("gcc", "clang-19"):
        able = shutil.which(cc) and not run([cc, *flags, "empty.c", "-o", "empty"], cwd).returncode
        print("" if able else f"[SKIP] {cc} {' '.join(flags)} is not available\n", end="")
        found += [cc] if able else []
    return found


def read(path):
    with open(path, "rb") as f:
        return f.read()
