"""Runs vitc and judges what every run must obey, whatever its input: no crash, no sanitizer report,
bounded time and memory, clean text, one clear error, nothing left behind."""

import os
import re
import subprocess
import threading
from typing import NamedTuple

SECONDS, SANITIZED_SECONDS = 1.0, 2.0  # of processor time: the machine may be busy
HANG = 120  # seconds on the clock
MIBIBYTES = 256
MOST_ERRORS = 4
# controls but newline, DEL, C1, and characters that turn text around
UNCLEAN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
REPORT = re.compile("AddressSanitizer|LeakSanitizer|runtime error:")


class Run(NamedTuple):
    exit: int  # negative: the signal that ended it
    out: bytes
    err: bytes
    seconds: float
    mebibytes: float


class Vitc:
    def __init__(self, path, scratch, sanitized=False):
        self.path, self.scratch, self.sanitized = path, scratch, sanitized
        self.reports = os.path.join(scratch, "sanitizer")
        log = f"log_path={self.reports}:exitcode=99"
        self.env = {
            **os.environ,
            "LC_ALL": "C",
            "ASAN_OPTIONS": log,
            "UBSAN_OPTIONS": "print_stacktrace=1",
        }

    def start(self, argv, cwd=None, **options):
        return subprocess.Popen(
            [self.path] + argv, cwd=cwd, env=self.env, stdin=subprocess.DEVNULL, **options
        )

    def run(self, argv, cwd=None, **options):
        names = [os.path.join(self.scratch, n) for n in ("stdout", "stderr")]
        with open(names[0], "wb") as out, open(names[1], "wb") as err:
            process = self.start(argv, cwd, **{"stdout": out, "stderr": err, **options})
            clock = threading.Timer(HANG, process.kill)
            clock.start()
            _, status, usage = os.wait4(process.pid, 0)
            clock.cancel()
            process.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for name in names:
            with open(name, "rb") as f:
                texts.append(f.read(1 << 20))
        return Run(
            process.returncode, *texts, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
        )

    def faults(self, run):
        """What is wrong with any run, as a list of sentences."""
        limit = SANITIZED_SECONDS if self.sanitized else SECONDS
        found = self.take_reports()
        if run.exit < 0 or run.exit > 7:
            found.append(f"ended with {run.exit}")
        if run.seconds > limit:
            found.append(f"{run.seconds:.2f} s, more than {limit} s")
        if not self.sanitized and run.mebibytes > MIBIBYTES:
            found.append(f"{run.mebibytes:.0f} MiB, more than {MIBIBYTES} MiB")
        for name, raw in (("stdout", run.out), ("stderr", run.err)):
            try:
                text = raw.decode()
            except UnicodeDecodeError as e:
                found.append(f"{name} is not UTF-8: {e}")
                continue
            bad = UNCLEAN.search(text)
            if bad:
                found.append(f"{name} has an unescaped U+{ord(bad.group()):04X}")
            if REPORT.search(text):
                found.append(f"a sanitizer report in {name}")
        return found

    def take_reports(self):
        found = []
        folder = os.path.dirname(self.reports)
        for name in sorted(os.listdir(folder)):
            if name.startswith("sanitizer."):
                with open(os.path.join(folder, name), errors="replace") as f:
                    found.append("sanitizer report:\n" + f.read(4000))
                os.remove(os.path.join(folder, name))
        return found


def error_faults(run, says, names, model):
    """A refusal: a few lines `file: error: …`; one is about the model or names a file of it."""
    text = run.err.decode(errors="replace")
    lines = [line for line in text.split("\n") if re.search(r"\berror: ", line)]
    found = []
    if not 1 <= len(lines) <= MOST_ERRORS:
        found.append(f"{len(lines)} lines of errors")
    if not any(line.startswith(model + ":") or n in line for line in lines for n in [*names, "\n"]):
        found.append(f"no error names {model} or any of {', '.join(names)}")
    if says not in text:
        found.append(f"does not say '{says}'")
    if run.out:
        found.append("printed a result all the same")
    return found
