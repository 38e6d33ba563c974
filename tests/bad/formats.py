"""The file formats that vitc reads, written byte by byte, so that a test can write them wrongly.

Only what the bad files need; nothing here checks anything.
"""

import json
import struct
import zlib

F32, U8, I32, I64, STRING, BOOL, F16 = 1, 2, 6, 7, 8, 9, 10  # TensorProto.DataType


# ---- protobuf ----------------------------------------------------------------------------------
def varint(v):
    v &= (1 << 64) - 1
    out = bytearray()
    while v > 0x7F:
        out.append(v & 0x7F | 0x80)
        v >>= 7
    out.append(v)
    return bytes(out)


def key(number, wire):
    return varint(number << 3 | wire)


def integer(number, v):
    return key(number, 0) + varint(v)


def nested(number, payload):
    if isinstance(payload, str):
        payload = payload.encode()
    return key(number, 2) + varint(len(payload)) + payload


def nest(path, innermost=b""):
    """One message inside the other; path lists the field numbers from the outside in. Linear."""
    head, inside = [], len(innermost)
    for number in reversed(path):
        head.append(key(number, 2) + varint(inside))
        inside += len(head[-1])
    return b"".join(reversed(head)) + innermost


# ---- ONNX --------------------------------------------------------------------------------------
def tensor(name, dims, data=b"", dtype=F32, extra=b""):
    raw = nested(9, data) if data is not None else b""
    return b"".join(integer(1, d) for d in dims) + integer(2, dtype) + nested(8, name) + raw + extra


def floats(name, dims, value=1.0):
    count = 1
    for d in dims:
        count *= d
    return tensor(name, dims, struct.pack("<f", value) * count)


def ints(name, values):
    return tensor(name, [len(values)], struct.pack(f"<{len(values)}q", *values), I64)


def value(name, dims, dtype=F32):
    dim = b"".join(nested(1, nested(2, d) if isinstance(d, str) else integer(1, d)) for d in dims)
    return nested(1, name) + nested(2, nested(1, integer(1, dtype) + nested(2, dim)))


def attribute(name, v):
    if isinstance(v, int):
        return nested(1, name) + integer(3, v) + integer(20, 2)
    if isinstance(v, float):
        return nested(1, name) + key(2, 5) + struct.pack("<f", v) + integer(20, 1)
    if isinstance(v, str):
        return nested(1, name) + nested(4, v) + integer(20, 3)
    if isinstance(v, bytes):  # a graph
        return nested(1, name) + nested(6, v) + integer(20, 5)
    return nested(1, name) + b"".join(integer(8, i) for i in v) + integer(20, 7)


def node(op, inputs, outputs, domain="", name="n", **attributes):
    parts = [nested(1, i) for i in inputs] + [nested(2, o) for o in outputs]
    parts += [nested(3, name), nested(4, op), nested(7, domain)]
    parts += [nested(5, attribute(k, v)) for k, v in attributes.items()]
    return b"".join(parts)


def graph(nodes, inputs=(), outputs=(), constants=()):
    return b"".join(
        [nested(1, n) for n in nodes]
        + [nested(2, "g")]
        + [nested(5, c) for c in constants]
        + [nested(11, i) for i in inputs]
        + [nested(12, o) for o in outputs]
    )


def opset(version=17, domain=""):
    return nested(8, nested(1, domain) + integer(2, version))


def model(g, extra=b"", opsets=opset()):
    return integer(1, 8) + nested(2, "test") + opsets + nested(7, g) + extra


def function(name, inputs, outputs, nodes, domain="my"):
    return nested(
        25,
        nested(1, name)
        + b"".join(nested(4, i) for i in inputs)
        + b"".join(nested(5, o) for o in outputs)
        + b"".join(nested(7, n) for n in nodes)
        + nested(9, nested(1, "") + integer(2, 17))
        + nested(10, domain),
    )


def one_node(op, inputs=("x",), constants=(), dims=(2, 3), outputs=("y",), **attributes):
    """x -> op -> y, the smallest model there is."""
    return model(
        graph(
            [node(op, inputs, outputs, **attributes)],
            [value("x", dims)],
            [value(o, []) for o in outputs],
            constants,
        )
    )


def external(name, dims, pairs, extra=b""):
    entries = b"".join(nested(13, nested(1, k) + nested(2, v)) for k, v in pairs)
    return tensor(name, dims, None, F32, entries + integer(14, 1) + extra)


# ---- safetensors -------------------------------------------------------------------------------
def safetensors_raw(header, data=b"", length=None):
    if isinstance(header, str):
        header = header.encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def safetensors(named):
    """name -> (shape, bytes), all of them F32."""
    header, at = {}, 0
    for name, (shape, data) in named.items():
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    return safetensors_raw(text, b"".join(data for _, data in named.values()))


# ---- a Hugging Face directory ------------------------------------------------------------------
CONFIG = {
    "model_type": "vit_msn",
    "hidden_size": 4,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 4,
    "image_size": 4,
    "patch_size": 2,
    "num_channels": 1,
    "id2label": {"0": "cat", "1": "dog"},
}
PREPROCESS = {"size": {"height": 4, "width": 4}, "image_mean": [0.5], "image_std": [0.5]}
SHAPES = {
    "vit.embeddings.cls_token": [1, 1, 4],
    "vit.embeddings.position_embeddings": [1, 5, 4],
    "vit.embeddings.patch_embeddings.projection.weight": [4, 1, 2, 2],
    "vit.embeddings.patch_embeddings.projection.bias": [4],
    **{
        f"vit.layers.0.{part}.{kind}": [4, 4] if kind == "weight" and "norm" not in part else [4]
        for part in (
            "layernorm_before",
            "attention.q_proj",
            "attention.k_proj",
            "attention.v_proj",
            "attention.o_proj",
            "layernorm_after",
            "mlp.fc1",
            "mlp.fc2",
        )
        for kind in ("weight", "bias")
    },
    "vit.layernorm.weight": [4],
    "vit.layernorm.bias": [4],
    "classifier.weight": [2, 4],
    "classifier.bias": [2],
}


def filled(shape, seed=1):
    """Deterministic F32 bytes for a shape: small, neither equal nor symmetric."""
    count, out = 1, bytearray()
    for d in shape:
        count *= d
    for _ in range(count):
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        out += struct.pack("<f", seed / 0x40000000 - 1)
    return bytes(out)


def weights(change=None):
    """The tensors of the tiny model; `change` replaces shapes, adds names or, with None, drops."""
    shapes = {**SHAPES, **(change or {})}
    return safetensors(
        {
            name: (shape, filled(shape, 7 + i))
            for i, (name, shape) in enumerate(shapes.items())
            if shape is not None
        }
    )


def text(value_):
    return json.dumps(value_).encode()


def hf(config=None, files=None, **overrides):
    """The files of a valid directory, with keys of config.json or whole files replaced."""
    out = {
        "m/config.json": text({**CONFIG, **overrides}) if config is None else config,
        "m/preprocessor_config.json": text(PREPROCESS),
        "m/model.safetensors": weights(),
    }
    for name, data in (files or {}).items():
        out.pop("m/" + name, None)
        if data is not None:
            out["m/" + name] = data
    return out


# ---- zip and pickle ----------------------------------------------------------------------------
def zip_file(entries, method=0, size=None, packed=None, at=None, count=None):
    """Entries as PyTorch stores them; the keywords put lies into the central directory."""
    body, directory = bytearray(), bytearray()
    for name, data in entries:
        raw, crc = name.encode(), zlib.crc32(data)
        true_packed = len(data) if packed is None else packed
        true_size = len(data) if size is None else size
        where = len(body) if at is None else at
        body += (
            struct.pack(
                "<IHHHHHIIIHH",
                0x04034B50,
                20,
                0,
                method,
                0,
                0,
                crc,
                len(data),
                len(data),
                len(raw),
                0,
            )
            + raw
            + data
        )
        directory += (
            struct.pack(
                "<IHHHHHHIIIHHHHHII",
                0x02014B50,
                20,
                20,
                0,
                method,
                0,
                0,
                crc,
                true_packed,
                true_size,
                len(raw),
                0,
                0,
                0,
                0,
                0,
                where,
            )
            + raw
        )
    n = len(entries) if count is None else count
    return bytes(
        body
        + directory
        + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, n, n, len(directory), len(body), 0)
    )


def archive(pickle, data=b"", **lies):
    return zip_file([("a/data.pkl", pickle), ("a/data/0", data), ("a/version", b"3\n")], **lies)


def unicode(s):
    return b"X" + struct.pack("<I", len(s)) + s.encode()


def pickled_tensor(
    name="w", storage="FloatStorage", count=4, offset=0, size=(2, 2), stride=(2, 1), file_key="0"
):
    def tuple_of(numbers):
        return b"(" + b"".join(b"J" + struct.pack("<i", n) for n in numbers) + b"t"

    return (
        unicode(name)
        + b"ctorch._utils\n_rebuild_tensor_v2\n(("
        + unicode("storage")
        + b"ctorch\n"
        + storage.encode()
        + b"\n"
        + unicode(file_key)
        + unicode("cpu")
        + b"J"
        + struct.pack("<i", count)
        + b"tQJ"
        + struct.pack("<i", offset)
        + tuple_of(size)
        + tuple_of(stride)
        + b"\x89ccollections\nOrderedDict\n)RtR"
    )


def state_dict(*tensors):
    return b"\x80\x02ccollections\nOrderedDict\n)R(" + b"".join(tensors) + b"u."


# ---- arrays and pictures -----------------------------------------------------------------------
def npy(shape="(1, 1, 4, 4)", data=bytes(64), descr="'<f4'", order="False", header=None):
    text_ = header or f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text_)) + text_.encode() + data


def png_chunk(kind, data, crc=None):
    return (
        struct.pack(">I", len(data))
        + kind
        + data
        + struct.pack(">I", zlib.crc32(kind + data) if crc is None else crc)
    )


def png(width=2, height=2, depth=8, colour=0, data=None, extra=b""):
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 1)
    rows = b"\0" + bytes(width * samples) if width < 1 << 16 else b""
    data = zlib.compress(rows * height if height < 1 << 16 else rows) if data is None else data
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
        + extra
        + png_chunk(b"IDAT", data)
        + png_chunk(b"IEND", b"")
    )


def jpeg_segment(marker, data):
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data


def progressive_jpeg(width, height, scans):
    """A grey picture of one colour whose DC comes in `scans` scans of long runs of nothing."""
    frame = struct.pack(">BHHBBBB", 8, height, width, 1, 1, 0x11, 0)
    dc = jpeg_segment(0xC4, b"\0" + bytes([1] + [0] * 15) + b"\0")
    ac = jpeg_segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\xe0")  # 0 = a run of 2^14 blocks
    blocks = -(-width // 8) * -(-height // 8)
    first = jpeg_segment(0xDA, b"\1\1\0\0\0\0") + bytes(-(-blocks // 8))
    bits = 15 * -(-blocks // (1 << 14))
    later = jpeg_segment(0xDA, b"\1\1\0\1\x3f\0") + bytes(-(-bits // 8))
    return (
        b"\xff\xd8"
        + jpeg_segment(0xDB, b"\0" + b"\1" * 64)
        + jpeg_segment(0xC2, frame)
        + dc
        + ac
        + first
        + later * scans
        + b"\xff\xd9"
    )
