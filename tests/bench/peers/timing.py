"""Times the contenders of a cell in turns, so that all of them see the same phases of the machine.

A turn is one untimed inference, which brings caches and threads back, and then some timed ones; a
model so slow that this would take half of the turn goes without. The order changes from round to
round. Whatever a contender's threads still do after their turn (OpenMP and thread pools spin for
some milliseconds before they sleep) ends in the pause before the next.
"""
import math
import os
import random
import statistics
import time

from contenders import Contender, Failure, read_floats

ROUNDS = 5          # turns that a contender's budget is spread over
MIN_ROUNDS = 3      # turns that it gets in any case
PAUSE = 0.05
TOLERANCE = {"f32": 1e-4, "bf16": 0.05, "f16": 0.01, "int8": 0.2}  # relative L2 error


def relative_error(values, reference):
    """L2; infinite where they cannot be compared"""
    if len(values) != len(reference):
        return math.inf
    error = math.dist(values, reference) / (math.hypot(*reference) or 1.0)
    return error if math.isfinite(error) else math.inf


class MachineLoad:
    """how much of the machine others used meanwhile, in processors"""

    def __init__(self, processes):
        self.processes = processes
        self.start = self.read()

    def read(self):
        tick = os.sysconf("SC_CLK_TCK")
        with open("/proc/stat", encoding="ascii") as f:
            busy = [int(n) / tick for n in f.readline().split()[1:9]]
        ours = sum(os.times()[:4])  # those that have ended count here
        for pid in self.processes:
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
                    fields = f.read().rpartition(")")[2].split()
            except OSError:
                continue
            ours += (int(fields[11]) + int(fields[12])) / tick
        used = busy[0] + busy[1] + busy[2] + busy[5] + busy[6]
        return used - ours, busy[7], time.monotonic()

    def facts(self):
        others, stolen, now = (b - a for a, b in zip(self.start, self.read()))
        return {"others": round(max(0.0, others / now), 3), "stolen": round(stolen / now, 3)}


def start_all(files, cell, names, results):
    """the contenders that load; the others' results say why not"""
    started = []
    for name in names:
        log = os.path.join(files.setup.work, name + ".log")
        try:
            command, env = files.command(name, cell)
            contender = Contender(name, command, env, log, files.setup.timeout)
            started.append(contender)
            contender.facts("ready")
            contender.run(1)
        except Failure as failure:
            drop(started, name, results, failure)
    return started


def drop(started, name, results, why):
    for contender in [c for c in started if c.name == name]:
        contender.close()
        started.remove(contender)
    results[name] = {"failed": str(why)}


def check_outputs(files, cell, started, results):
    """nobody is timed on wrong work; the answer says what the outputs were compared with"""
    path = os.path.join(files.setup.work, "output.f32")
    outputs = {}
    for contender in list(started):
        try:
            outputs[contender.name] = contender.output(path)
        except Failure as failure:
            drop(started, contender.name, results, failure)
    what, reference = find_reference(files, cell, outputs)
    for contender in list(started):
        error = relative_error(outputs[contender.name], reference)
        results[contender.name] = {"error": error}
        if error > TOLERANCE[cell.dtype]:
            drop(started, contender.name, results, f"WRONG OUTPUT: relative error {error:.2g} "
                 f"against {what}, allowed {TOLERANCE[cell.dtype]:g}")
    return what


def find_reference(files, cell, outputs):
    """PyTorch's result in f32; without PyTorch that of the first peer; without peers vitc's own"""
    if not outputs:
        return "nothing", []
    if files.setup.python:
        try:
            return "torch-eager f32", read_floats(files.reference(cell))
        except Failure:
            pass
    name = next((n for n in outputs if n != "vitc"), "vitc")
    return name + " itself" * (len(outputs) == 1), outputs[name]


def runs_of_a_turn(started, turn, results):
    """name -> (untimed inferences, timed ones) that fit into a turn of so many seconds"""
    runs = {}
    for contender in list(started):
        time.sleep(PAUSE)
        try:
            seconds = contender.run(1)[0] / 1e3
        except Failure as failure:
            drop(started, contender.name, results, failure)
            continue
        untimed = int(2 * seconds < turn)
        fit = round(turn / max(seconds, 1e-6))
        runs[contender.name] = untimed, max(1, fit - untimed)
    return runs


def take_turns(started, budget, results):
    """fills in the times of every contender; the budget is of seconds for each"""
    order = random.Random(1)
    runs = runs_of_a_turn(started, budget / ROUNDS, results)
    times = {c.name: [] for c in started}
    spent = {c.name: 0.0 for c in started}
    done = 0
    while any(done < MIN_ROUNDS or spent[c.name] < budget for c in started):
        order.shuffle(started)
        for contender in list(started):
            if done >= MIN_ROUNDS and spent[contender.name] >= budget:
                continue
            time.sleep(PAUSE)
            untimed, timed = runs[contender.name]
            try:
                turn = contender.run(untimed + timed)
            except Failure as failure:
                drop(started, contender.name, results, failure)
                continue
            times[contender.name] += turn[untimed:]
            spent[contender.name] += sum(turn) / 1e3
        done += 1
    for contender in started:
        ms = times[contender.name]
        results[contender.name].update(median=round(statistics.median(ms), 4),
                                       min=round(min(ms), 4), runs=len(ms))


def time_cell(files, cell, names, budget):
    """the cell's record in the results"""
    results = {}
    started = start_all(files, cell, names, results)
    try:
        compared = check_outputs(files, cell, started, results)
        load = MachineLoad([c.process.pid for c in started])
        if started:
            take_turns(started, budget, results)
        machine = load.facts()
    finally:
        for contender in started:
            contender.close()
    return {"model": cell.model, "batch": cell.batch, "threads": cell.threads, "dtype": cell.dtype,
            "compared_with": compared, **machine,
            "results": {name: results[name] for name in names}}
