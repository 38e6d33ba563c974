#!/usr/bin/env python3
"""Run the commands of a transcript and compare what they print.

    transcript.py VITC FIXTURES FILE [TOOLS...]    (env VITC_BLESS=1 rewrites FILE)

A transcript is text in which a line "$ command" is followed by what the command prints: standard
output, then standard error, then "[exit N]" if N is not 0. Lines before the first command are a
comment. A line "==> NAME" writes the lines behind it, up to the next command, to the file NAME.
Commands run one after another by sh in one empty directory, where "fx" is a link to FIXTURES,
"cli" to the directory of this file, and vitc and what lies in the folders TOOLS are in PATH. In an
expected line "<...>" stands for any text, such as a time.
"""
import difflib
import os
import re
import subprocess
import sys
import tempfile


def parse(text):
    """(comment, [step]); a step is a file ("==>", name, lines) or a run ("$", command, expected)"""
    comment, steps = [], []
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word in ("$", "==>") and rest:
            steps.append((word, rest, []))
        else:
            (steps[-1][2] if steps else comment).append(line)
    return comment, steps


def run(command, folder, env):
    r = subprocess.run(["sh", "-c", command], cwd=folder, env=env, stdin=subprocess.DEVNULL,
                       capture_output=True, timeout=120)
    out = (r.stdout + r.stderr).decode("utf-8", "backslashreplace")
    lines = out.splitlines()
    return lines + ([f"[exit {r.returncode}]"] if r.returncode else [])


def matches(want, got):
    if "<...>" not in want:
        return want == got
    return re.fullmatch(".*".join(re.escape(p) for p in want.split("<...>")), got) is not None


def same(want, got):
    return len(want) == len(got) and all(matches(w, g) for w, g in zip(want, got))


def blessed(want, got):
    """What was printed, but expected lines that still match it keep their wildcards."""
    kept = [w for w in want if "<...>" in w]
    return [next((w for w in kept if matches(w, g)), g) for g in got]


def write(path, lines):
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")


def main():
    vitc, fixtures, path = sys.argv[1:4]
    comment, steps = parse(open(path, encoding="utf-8").read())
    env = {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}
    tools = [os.path.dirname(vitc)] + sys.argv[4:]
    folders = [os.path.abspath(tool) for tool in tools] + [os.environ["PATH"]]
    env.update(PATH=":".join(folders), LC_ALL="C", TERM="dumb")
    new, bad, runs = list(comment), 0, 0
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None      # no waiting for a disk
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        os.symlink(os.path.abspath(fixtures), os.path.join(folder, "fx"))
        os.symlink(os.path.dirname(os.path.abspath(__file__)), os.path.join(folder, "cli"))
        for kind, what, lines in steps:
            if kind == "==>":
                write(os.path.join(folder, what), lines)
                new += [f"==> {what}"] + lines
                continue
            got = run(what, folder, env)
            runs += 1
            if not same(lines, got):
                bad += 1
                print(f"$ {what}")
                diff = difflib.unified_diff(lines, got, "expected", "printed", lineterm="")
                print("\n".join(diff))
            new += [f"$ {what}"] + blessed(lines, got)
    if os.environ.get("VITC_BLESS"):
        write(path, new)
        return 0
    if not runs:
        print("no commands")
    return 1 if bad or not runs else 0


if __name__ == "__main__":
    sys.exit(main())
