#!/usr/bin/env python3
"""A compilation that is stopped while the system's compiler works leaves no file and no directory behind.

    stopped.py VITC MODEL
"""
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

VITC, MODEL = (os.path.abspath(p) for p in sys.argv[1:3])
MOMENTS = 8


def main():
    random.seed(1)
    with tempfile.TemporaryDirectory() as place:
        out, temporary = os.path.join(place, "out"), os.path.join(place, "tmp")
        os.mkdir(out)
        os.mkdir(temporary)
        argv = [VITC, "compile", MODEL, "-o", out + "/libm.so", "--emit", "so", "--backend", "c", "-t", "generic", "-q"]
        for _ in range(MOMENTS):
            p = subprocess.Popen(argv, env=dict(os.environ, TMPDIR=temporary), stderr=subprocess.DEVNULL)
            time.sleep(random.random())
            number = random.choice([signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
            p.send_signal(number)
            status = p.wait()
            left = os.listdir(temporary) + [n for n in os.listdir(out) if n not in ("libm.so", "m.h")]
            if left or status not in (0, -number):
                sys.exit(f"{number.name}: status {status}, left behind: {left}")


main()
