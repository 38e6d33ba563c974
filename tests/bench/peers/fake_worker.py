"""A contender for test_peers.py that needs no runtime: fake_worker.py BEHAVIOUR [MILLISECONDS]."""
import array
import os
import signal
import sys
import time

behaviour = sys.argv[1]
milliseconds = float(sys.argv[2]) if len(sys.argv) > 2 else 1.0
values = array.array("f", [1.0, 2.0, 3.0, 4.0])
requests = 0


def say(line):
    print(line, flush=True)


def misbehave():
    if behaviour == "dies":
        sys.exit("fake: the model does not fit")
    if behaviour == "refuses":
        say("error no such operator")
    if behaviour == "hangs":
        time.sleep(60)
    if behaviour == "babbles":
        say("hello")


misbehave()
say("ready load_ms=1.5")
for line in sys.stdin:
    word, *rest = line.split(maxsplit=1)
    requests += 1
    if behaviour == "killed later" and requests == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "run":
        say("times" + f" {milliseconds:.4f}" * int(rest[0]))
    elif word == "output":
        if behaviour == "wrong":
            values[2] += 0.1
        if behaviour == "not a number":
            values[2] = float("nan")
        if behaviour == "short":
            values.pop()
        with open(rest[0].rstrip("\n"), "wb") as f:
            values.tofile(f)
        say("done")
