"""The contenders of peers.py: what each one loads, how it is started, and how it is talked to.

A contender is a process that loads one model for one cell (model, batch, threads, element type) and
then answers requests, one line each; peer_worker.py and vitc_worker.c say which. This file prepares
the files that they load, and keeps those in a cache.
"""
import array
import hashlib
import json
import os
import random
import select
import shlex
import shutil
import subprocess
import time
from dataclasses import dataclass

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
SEED = 7


class Failure(Exception):
    """why a contender has no place in a cell; it is named in the table"""


@dataclass(frozen=True)
class Cell:
    model: str
    batch: int
    threads: int
    dtype: str

    def __str__(self):
        return f"{self.model} batch {self.batch}, {self.threads} thread{'s'[:self.threads > 1]}, " \
               f"{self.dtype}"


@dataclass(frozen=True)
class Peer:
    package: str        # whose version is named
    artefacts: dict     # element type -> what it loads: a method of Files
    limits: tuple       # the switches that keep it to a processor level, if it has any


FOLDER = {"f32": "folder", "bf16": "folder", "f16": "folder"}
PEERS = {
    "openvino": Peer("openvino", {"f32": "ir", "bf16": "ir", "f16": "ir", "int8": "int8_ir"},
                     ("onednn",)),
    "onnxruntime": Peer("onnxruntime", {"f32": "onnx_dynamo", "int8": "int8_onnx"}, ()),
    "torch-eager": Peer("torch", FOLDER, ("onednn", "aten", "mkl")),
    "torch-sdpa": Peer("torch", FOLDER, ("onednn", "aten", "mkl")),
    "torch-compile": Peer("torch", FOLDER, ("onednn", "aten", "mkl", "inductor")),
    "torch-compile-max": Peer("torch", FOLDER, ("onednn", "aten", "mkl", "inductor")),
}
DEFAULT_PEERS = [name for name in PEERS if name != "torch-compile-max"]
DTYPES = ("f32", "bf16", "f16", "int8")

SWITCHES = {"onednn": "ONEDNN_MAX_CPU_ISA", "aten": "ATEN_CPU_CAPABILITY",
            "mkl": "MKL_ENABLE_INSTRUCTIONS", "inductor": "TORCHINDUCTOR_CPP_MARCH"}
LEVELS = {
    "native": {},
    "x86-64-v4": {"onednn": "AVX512_CORE", "aten": "avx512", "mkl": "AVX512",
                  "inductor": "x86-64-v4"},
    "x86-64-v3": {"onednn": "AVX2", "aten": "avx2", "mkl": "AVX2", "inductor": "x86-64-v3"},
}


def limits(name, level):
    """the environment that keeps a peer to a level"""
    return {SWITCHES[s]: LEVELS[level][s] for s in PEERS[name].limits if s in LEVELS[level]}


def limits_text(names, level):
    """one line that says how each contender is kept to the level"""
    if level == "native":
        return "level native: nobody is limited"
    parts = ["vitc --target " + level]
    for name in names:
        if name in PEERS:
            switches = " ".join(f"{k}={v}" for k, v in limits(name, level).items())
            parts.append(f"{name} {switches or 'NOT limited: it has no switch'}")
    return f"level {level}: " + "; ".join(parts)


@dataclass(frozen=True)
class Setup:
    """what the command line says"""
    models: str     # folder of Hugging Face directories
    build: str      # vitc and libvitc-runtime.a
    cc: str
    python: str     # of the peers' virtual environment; empty: none
    cache: str
    work: str       # a temporary folder
    level: str
    output: str
    timeout: float
    options: tuple = ()     # of vitc compile


def run_tool(command, what, timeout):
    """what a program prints; Failure says why it could not"""
    try:
        r = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True, errors="replace", timeout=timeout)
    except subprocess.TimeoutExpired:
        raise Failure(f"{what}: not done within {timeout:g} s") from None
    except OSError as error:
        raise Failure(f"{what}: {error}") from None
    if r.returncode:
        raise Failure(f"{what}: {complaint(r.stderr) or 'exit status ' + str(r.returncode)}")
    return r.stdout


def complaint(text):
    """the line that says what is wrong: a compiler's first error, or the end of a traceback"""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error: " in line]
    return (errors[:1] or lines[-1:] or [""])[0][:300]


class Files:
    """what contenders load, made when it is first asked for"""

    def __init__(self, setup):
        self.setup = setup
        self.compiled = None
        self.failed = {}    # target -> the Failure of making it

    # ---- the model and its input

    def folder(self, cell):
        return os.path.join(self.setup.models, cell.model)

    def image_shape(self, cell):
        with open(os.path.join(self.folder(cell), "config.json"), encoding="utf-8") as f:
            config = json.load(f)
        size = config.get("image_size", 224)
        height, width = size if isinstance(size, list) else (size, size)
        return [config.get("num_channels", 3), height, width]

    def shape(self, cell):
        return [cell.batch] + self.image_shape(cell)

    def input(self, cell):
        """random images, the same for every contender and every run of the script"""
        shape = self.shape(cell)
        path = self.in_cache(cell, f"input-{text_of(shape)}-{SEED}.f32")
        if not os.path.exists(path):
            numbers = random.Random(SEED)
            count = shape[0] * shape[1] * shape[2] * shape[3]
            values = array.array("f", (numbers.gauss(0, 1) for _ in range(count)))
            with open(path + ".part", "wb") as f:
                values.tofile(f)
            os.replace(path + ".part", path)
        return path

    # ---- the peers' files

    def in_cache(self, cell, name):
        """a place that belongs to this very model: config and weights are known by size and time"""
        folder = self.folder(cell)
        identity = hashlib.sha256()
        for entry in sorted(os.listdir(folder)):
            s = os.stat(os.path.join(folder, entry))
            identity.update(f"{entry} {s.st_size} {s.st_mtime_ns}\n".encode())
        place = os.path.join(self.setup.cache, f"{cell.model}-{identity.hexdigest()[:12]}")
        os.makedirs(place, exist_ok=True)
        return os.path.join(place, name)

    def exported(self, target, *command):
        if target in self.failed:
            raise self.failed[target]
        if not os.path.exists(target):
            program = os.path.join(HERE, "peer_exports.py")
            try:
                run_tool([self.setup.python, program, *command, target], "export " + command[0],
                         self.setup.timeout)
            except Failure as failure:
                self.failed[target] = failure
                raise
        return target

    def onnx(self, cell, exporter):
        target = self.in_cache(cell, f"{self.setup.output}-{exporter}.onnx")
        return self.exported(target, "onnx", self.folder(cell), self.setup.output, exporter,
                             text_of(self.image_shape(cell)))

    def onnx_dynamo(self, cell):
        return self.onnx(cell, "dynamo")

    def int8_onnx(self, cell):
        source = self.onnx(cell, "torchscript")
        return self.exported(self.in_cache(cell, f"{self.setup.output}-int8.onnx"), "int8-onnx",
                             source)

    def ir(self, cell, kind="ir"):
        source = self.onnx(cell, "torchscript")
        target = self.in_cache(cell, f"{self.setup.output}-{kind}-b{cell.batch}.xml")
        return self.exported(target, kind, source, text_of(self.shape(cell)))

    def int8_ir(self, cell):
        return self.ir(cell, "int8-ir")

    def reference(self, cell):
        """the result of PyTorch in f32, for every element type"""
        target = self.in_cache(cell, f"{self.setup.output}-reference-b{cell.batch}-{SEED}.f32")
        return self.exported(target, "reference", self.folder(cell), self.setup.output,
                             self.input(cell), text_of(self.shape(cell)))

    # ---- vitc's program

    def program(self, cell):
        """vitc_worker.c linked with the model; kept until another model or batch is asked for"""
        key = (cell.model, cell.batch, cell.dtype)
        place = os.path.join(self.setup.work, "vitc")
        if self.compiled != key:
            self.compiled = None
            shutil.rmtree(place, ignore_errors=True)
            os.makedirs(place)
            self.compile(cell, place)
            self.compiled = key
        return os.path.join(place, "worker")

    def compile(self, cell, place):
        s = self.setup
        model = os.path.join(place, "model.o")
        dtype = ["--dtype", cell.dtype] if cell.dtype != "f32" else []
        run_tool([os.path.join(s.build, "vitc"), "compile", "-q", self.folder(cell), "-o", model,
                  "--prefix", "model", "--target", s.level, "--batch", str(cell.batch),
                  "--outputs", s.output, *dtype, *s.options], "vitc compile", s.timeout)
        run_tool([*shlex.split(s.cc), "-std=c11", "-O2", "-I" + os.path.join(ROOT, "runtime"),
                  "-I" + place, os.path.join(HERE, "vitc_worker.c"), model,
                  os.path.join(s.build, "libvitc-runtime.a"), "-lm", "-lpthread",
                  "-o", os.path.join(place, "worker")], "link", s.timeout)
        os.remove(model)

    # ---- the command that starts a contender

    def command(self, name, cell, **more):
        """(argv, environment)"""
        env = dict(os.environ, OMP_NUM_THREADS=str(cell.threads))
        if name == "vitc":
            return [self.program(cell), str(cell.threads), self.input(cell)], env
        peer = PEERS[name]
        if cell.dtype not in peer.artefacts:
            raise Failure(f"does not run {cell.dtype} here")
        spec = {"peer": name, "file": getattr(self, peer.artefacts[cell.dtype])(cell),
                "output": self.setup.output, "threads": cell.threads, "dtype": cell.dtype,
                "input": self.input(cell), "shape": self.shape(cell), **more}
        env.update(limits(name, self.setup.level))
        env["TORCHINDUCTOR_CACHE_DIR"] = os.path.join(self.setup.cache,
                                                      "inductor-" + self.setup.level)
        program = os.path.join(HERE, "peer_worker.py")
        return [self.setup.python, program, json.dumps(spec)], env


def text_of(shape):
    return "x".join(str(n) for n in shape)


class Contender:
    """a running worker; every answer is one line, and whatever else happens is a Failure"""

    def __init__(self, name, command, env, log, timeout):
        self.name, self.log, self.timeout, self.unread = name, log, timeout, b""
        with open(log, "wb") as errors:
            try:
                self.process = subprocess.Popen(command, stdin=subprocess.PIPE, env=env, bufsize=0,
                                                stdout=subprocess.PIPE, stderr=errors)
            except OSError as error:
                raise Failure(f"cannot start: {error}") from None

    def answer(self):
        """(first word, the rest) of the next line"""
        end = time.monotonic() + self.timeout
        while b"\n" not in self.unread:
            left = max(0.0, end - time.monotonic())
            if not select.select([self.process.stdout], [], [], left)[0]:
                raise Failure(f"no answer within {self.timeout:g} s")
            piece = os.read(self.process.stdout.fileno(), 65536)
            if not piece:
                raise Failure(self.how_it_died())
            self.unread += piece
        line, self.unread = self.unread.split(b"\n", 1)
        word, _, rest = line.decode(errors="replace").partition(" ")
        if word == "error":
            raise Failure(rest)
        return word, rest

    def how_it_died(self):
        status = self.process.wait()
        with open(self.log, encoding="utf-8", errors="replace") as f:
            said = complaint(f.read())
        how = f"killed by signal {-status}" if status < 0 else f"ended with status {status}"
        if status == -9:
            how += " (out of memory?)"
        return how + (": " + said if said else "")

    def send(self, request):
        try:
            self.process.stdin.write((request + "\n").encode())
        except OSError:  # it has died: the missing answer says how
            pass

    def expect(self, word):
        got, rest = self.answer()
        if got != word:
            raise Failure(f"answered '{got}' instead of '{word}'")
        return rest

    def facts(self, word):
        """an answer of KEY=NUMBER words"""
        return {k: float(v) for k, v in (pair.split("=") for pair in self.expect(word).split())}

    def run(self, count):
        self.send(f"run {count}")
        return [float(t) for t in self.expect("times").split()]

    def output(self, path):
        self.send("output " + path)
        self.expect("done")
        return read_floats(path)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def read_floats(path):
    values = array.array("f")
    with open(path, "rb") as f:
        values.frombytes(f.read())
    return values
