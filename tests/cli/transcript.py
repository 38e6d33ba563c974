#!/usr/bin/env python3
"""Run the commands of a transcript and compare what they print.

    transcript.py VITC FIXTURES FILE        (env VITC_BLESS=1 rewrites FILE)

A transcript is text in which a line "$ command" is followed by what the command prints: standard
output, then standard error, then "[exit N]" if N is not 0. Lines before the first command are a
comment. Commands run one after another by sh in one empty directory, where "fx" is a link to
FIXTURES, "cli" to the directory of this file, and vitc is in PATH. In an expected line "<...>"
stands for any text, such as a time.
"""
import difflib
import os
import re
import subprocess
import sys
import tempfile


def parse(text):
    """(comment, [(command, [expected line])])"""
    comment, cases = [], []
    for line in text.splitlines():
        if line.startswith("$ "):
            cases.append((line[2:], []))
        elif cases:
            cases[-1][1].append(line)
        else:
            comment.append(line)
    return comment, cases


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


def main():
    vitc, fixtures, path = sys.argv[1:4]
    comment, cases = parse(open(path, encoding="utf-8").read())
    env = {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}
    folder_of_vitc = os.path.dirname(os.path.abspath(vitc))
    env.update(PATH=f"{folder_of_vitc}:{os.environ['PATH']}", LC_ALL="C", TERM="dumb")
    new, bad = list(comment), 0
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None      # no waiting for a disk
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        os.symlink(os.path.abspath(fixtures), os.path.join(folder, "fx"))
        os.symlink(os.path.dirname(os.path.abspath(__file__)), os.path.join(folder, "cli"))
        for command, want in cases:
            got = run(command, folder, env)
            if not same(want, got):
                bad += 1
                print(f"$ {command}")
                diff = difflib.unified_diff(want, got, "expected", "printed", lineterm="")
                print("\n".join(diff))
            new += [f"$ {command}"] + blessed(want, got)
    if os.environ.get("VITC_BLESS"):
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(new) + "\n")
        return 0
    if not cases:
        print("no commands")
    return 1 if bad or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
