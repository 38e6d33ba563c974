"""What a bad-input case is, and how its files come to lie in a folder."""

import os
from typing import NamedTuple

OK, USAGE, MODEL, UNSUPPORTED, IO, LIMIT = 0, 2, 3, 4, 5, 6  # vitc's exit codes


class Case(NamedTuple):
    name: str  # also the name of its folder
    files: dict  # path in the folder -> bytes or one of the classes below
    commands: list  # of arguments for vitc, run in the folder
    exit: int
    says: str  # a part of the error message


class Link(NamedTuple):
    target: str  # {folder} stands for the case's folder


class HardLink(NamedTuple):
    target: str  # another file of the case


class Fifo(NamedTuple):
    pass


class Folder(NamedTuple):
    pass


class Sparse(NamedTuple):
    """`start`, then zeros up to a size that no disk has."""

    size: int
    start: bytes = b""


class Repeat(NamedTuple):
    """Many bytes that need not be kept in memory."""

    head: bytes
    unit: bytes
    times: int


def bad_model(name, path, files, code, says):
    """A model that compile and inspect refuse (or, with OK, accept) alike."""
    return Case(name, files, [["compile", path, "-o", "out/m.o"], ["inspect", path]], code, says)


def bad_onnx(name, data, code, says, **files):
    return bad_model(name, "m.onnx", {"m.onnx": data, **files}, code, says)


def bad_hf(name, files, code, says):
    return bad_model(name, "m", files, code, says)


def bad_input(name, path, data, code, says):
    """A picture or tensor for the tiny model, which was compiled before."""
    return Case(
        name, {path: data}, [["run", "{object}", "-i", path, "-o", "out/y.safetensors"]], code, says
    )


def write_file(path, data):
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    if isinstance(data, Link):
        os.symlink(data.target.format(folder=folder), path)
    elif isinstance(data, HardLink):
        os.link(os.path.join(folder, data.target), path)
    elif isinstance(data, Fifo):
        os.mkfifo(path)
    elif isinstance(data, Folder):
        os.mkdir(path)
    elif isinstance(data, Sparse):
        with open(path, "wb") as f:
            f.write(data.start)
            f.truncate(data.size)
    elif isinstance(data, Repeat):
        with open(path, "wb") as f:
            f.write(data.head)
            block = max(1, (1 << 20) // len(data.unit))
            for _ in range(data.times // block):
                f.write(data.unit * block)
            f.write(data.unit * (data.times % block))
    else:
        with open(path, "wb") as f:
            f.write(data)


def write_case(case, folder):
    """Writes the case's files and an empty folder `out` for what vitc may write."""
    os.makedirs(os.path.join(folder, "out"))
    for path, data in case.files.items():
        write_file(os.path.join(folder, path), data)
