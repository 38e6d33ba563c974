#!/usr/bin/env python3
"""What vitc shows on a terminal: colour and progress there, neither elsewhere.

    terminal.py VITC FIXTURES
"""
import os
import pty
import subprocess
import sys

RED, CLEAR = b"\033[1;31m", b"\033[K"


def on_terminal(command, **env):
    """(what a terminal receives on stderr, exit code)"""
    try:
        leader, follower = pty.openpty()
    except OSError as why:            # a container without /dev/pts
        print(f"[SKIP] no pseudo-terminal here: {why}")
        sys.exit(77)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=follower, env={**os.environ, "TERM": "xterm", **env})
    os.close(follower)
    seen = b""
    while True:
        try:
            part = os.read(leader, 4096)
        except OSError:               # the last writer closed it
            break
        if not part:
            break
        seen += part
    os.close(leader)
    return seen, child.wait()


def in_pipe(command):
    return subprocess.run(command, capture_output=True).stderr


def main():
    vitc, fixtures = sys.argv[1:3]
    os.environ.pop("NO_COLOR", None)
    digits = os.path.join(fixtures, "digits", "model")
    verify = [vitc, "verify", digits, "--target", "generic"]
    checks = {
        "an error is red": RED in on_terminal([vitc, "bogus"])[0],
        "NO_COLOR": RED not in on_terminal([vitc, "bogus"], NO_COLOR="1")[0],
        "TERM=dumb": RED not in on_terminal([vitc, "help", "x"], TERM="dumb")[0],
        "--color never": RED not in on_terminal([vitc, "help", "x", "--color", "never"])[0],
        "a pipe has no colour": RED not in in_pipe([vitc, "bogus"]),
        "--color always": RED in in_pipe([vitc, "help", "x", "--color=always"]),
        "progress": b"reference" in on_terminal(verify)[0],
        "progress is cleared": on_terminal(verify)[0].endswith(CLEAR),
        "--no-progress": on_terminal(verify + ["--no-progress"]) == (b"", 0),
        "no progress in a pipe": in_pipe(verify) == b"",
    }
    for name, ok in checks.items():
        print(f"{'ok  ' if ok else 'FAIL'} {name}")
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
