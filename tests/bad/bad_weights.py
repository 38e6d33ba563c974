"""Checkpoints that lie: safetensors, and PyTorch's archives and pickles."""

import json
import struct

from cases import IO, LIMIT, MODEL, OK, UNSUPPORTED, Fifo, Folder, Link, Sparse, bad_hf
from formats import (
    SHAPES,
    archive,
    filled,
    hf,
    pickled_tensor,
    safetensors,
    safetensors_raw,
    state_dict,
    unicode,
    weights,
    zip_file,
)

TERA = 1 << 40


def with_header(header, data=b"", **lies):
    header = header if isinstance(header, (bytes, str)) else json.dumps(header)
    return hf(files={"model.safetensors": safetensors_raw(header, data, **lies)})


def entry(begin=0, end=16, dtype="F32", shape=(4,)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


def headers():
    four = bytes(16)
    yield bad_hf("empty", hf(files={"model.safetensors": b""}), IO, "is empty")
    yield bad_hf("seven_bytes", hf(files={"model.safetensors": b"1234567"}), MODEL, "truncated")
    yield bad_hf("header_alone", with_header({}), MODEL, "missing from the checkpoint")
    for name, length, code, says in (
        ("2_64", (1 << 64) - 1, MODEL, "truncated"),
        ("2_63", 1 << 63, MODEL, "truncated"),
        ("one_too_long", 3, MODEL, "truncated"),
        ("zero", 0, MODEL, "expected '{': the text must be an"),
        ("one", 1, MODEL, "expected a key in quotes"),
    ):
        yield bad_hf("header_length_" + name, with_header("{}", length=length), code, says)
    padded = Sparse((17 << 20) + 8, struct.pack("<Q", 17 << 20) + b"{}")
    yield bad_hf("header_of_17_mib", hf(files={"model.safetensors": padded}), LIMIT, "17825792")
    yield bad_hf(
        "header_of_zeros",
        hf(files={"model.safetensors": Sparse(1 << 20, struct.pack("<Q", 1 << 19))}),
        MODEL,
        "a NUL byte",
    )
    many = (
        "{"
        + ",".join(
            f'"{i}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}' for i in range(70_000)
        )
        + "}"
    )
    yield bad_hf("seventy_thousand_tensors", with_header(many), LIMIT, "one tensor too many")
    for name, header, says in (
        ("not_json", "xxxxxxxx", "expected '{': the text must be an"),
        ("a_list", "[]", "expected '{': the text must be an"),
        ("name_twice", '{"a":1,"a":2}', "twice"),
        ("name_twice_by_escape", '{"a":1,"\\u0061":2}', "twice"),
        ("float", '{"a":1.5}', "expected an integer from 0 to"),
        ("negative", '{"a":-1}', "expected an integer from 0 to"),
        ("2_53", '{"a":9007199254740993}', "expected an integer from 0 to"),
        ("text_behind", "{} {}", "after"),
        ("nul_behind", "{}\0", "a NUL byte"),
        ("metadata_of_numbers", '{"__metadata__":{"a":1}}', "string"),
        ("metadata_is_a_list", '{"__metadata__":[]}', "object"),
        ("tensor_is_a_number", '{"a":1}', "object"),
        ("tensor_is_empty", '{"a":{}}', "exactly dtype, shape and data_offsets"),
        ("extra_key", '{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"x":1}}', "exactly"),
        (
            "dtype_number",
            '{"a":{"dtype":1,"shape":[],"data_offsets":[0,4]}}',
            "'a.dtype' must be a string",
        ),
        (
            "shape_number",
            '{"a":{"dtype":"F32","shape":1,"data_offsets":[0,4]}}',
            "list of integers",
        ),
        (
            "shape_string",
            '{"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}}',
            "'a.shape[0]' must be an integer",
        ),
        ("offsets_one", '{"a":{"dtype":"F32","shape":[],"data_offsets":[0]}}', "two integers"),
        (
            "offsets_three",
            '{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4,8]}}',
            "two integers",
        ),
    ):
        yield bad_hf("header_" + name, with_header(header, four), MODEL, says)
    for name, tensors, code, says in (
        ("hole", {"a": entry(0, 8, shape=[2]), "b": entry(12, 16, shape=[1])}, MODEL, "starts at"),
        (
            "overlap",
            {"a": entry(0, 12, shape=[3]), "b": entry(8, 16, shape=[2])},
            MODEL,
            "starts at",
        ),
        ("same_place", {"a": entry(), "b": entry()}, MODEL, "starts at"),
        ("late_start", {"a": entry(4, 16, shape=[3])}, MODEL, "starts at"),
        ("early_end", {"a": entry(0, 12, shape=[3])}, MODEL, "data after the last tensor"),
        ("late_end", {"a": entry(0, 20, shape=[5])}, MODEL, "truncated"),
        ("backwards", {"a": entry(16, 0)}, MODEL, "'a.data_offsets[1]' must be an"),
        ("too_short", {"a": entry(0, 12)}, MODEL, "need 16"),
        ("dtype_unknown", {"a": entry(dtype="F128")}, MODEL, "unknown dtype"),
        ("dtype_escapes", {"a": entry(dtype="\x1b[2J")}, MODEL, "\\x1b[2J"),
        ("dim_negative", {"a": entry(shape=[-4])}, MODEL, "expected an integer from 0 to"),
        ("dim_2_40", {"a": entry(shape=[1 << 40])}, MODEL, "'a.shape[0]' must be an integer"),
        ("dims_overflow", {"a": entry(shape=[1 << 30] * 3)}, LIMIT, "too many elements"),
        ("rank_65", {"a": entry(shape=[1] * 65)}, LIMIT, "dimensions"),
        ("half_a_byte", {"a": entry(0, 1, "F4", [1])}, MODEL, "'a' has 1 bytes of data, its"),
    ):
        yield bad_hf("tensors_" + name, with_header(tensors, four), code, says)


def files():
    for name, what, code, says in (
        ("a_pipe", Fifo(), IO, "a pipe"),
        ("a_folder", Folder(), IO, "model.safetensors' is a"),
        ("a_terabyte", Sparse(TERA, b"\x08" + bytes(7)), LIMIT, "model.safetensors' has"),
        ("a_link_out", Link("/etc/passwd"), MODEL, "outside"),
        ("dev_zero", Link("/dev/zero"), MODEL, "outside"),
        ("text", b"just text, no weights", MODEL, "truncated"),
        ("git_lfs", b"version https://git-lfs.github.com/spec/v1\n", MODEL, "git lfs pull"),
    ):
        yield bad_hf("checkpoint_is_" + name, hf(files={"model.safetensors": what}), code, says)


def tensors():
    for name, change, says in (
        ("missing", {"vit.layernorm.bias": None}, "'layernorm.bias'"),
        ("extra", {"vit.layers.0.gamma_1": [4]}, "'vit.layers.0.gamma_1'"),
        ("layer_beyond", {"vit.layers.1.mlp.fc1.bias": [4]}, "'vit.layers.1.mlp.fc1.bias'"),
        ("layer_01", {"vit.layers.00.mlp.fc1.bias": [4]}, "'vit.layers.00.mlp.fc1.bias'"),
        ("twice", {"layernorm.bias": [4]}, "two tensors of one meaning"),
        ("transposed", {"classifier.weight": [4, 2]}, "classifier"),
        ("wrong_rank", {"vit.layernorm.bias": [4, 1]}, "'vit.layernorm.bias' is"),
        ("empty", {"vit.layernorm.bias": [0]}, "'vit.layernorm.bias' is"),
        (
            "classifier_without_rows",
            {"classifier.weight": [0, 4], "classifier.bias": [0]},
            "has no rows",
        ),
        ("classifier_half", {"classifier.bias": None}, "'classifier.bias'"),
        ("name_with_escapes", {"a\x1b[2J\u202eb": [1]}, "\\x1b[2J"),
        ("name_of_100000_bytes", {"n" * 100_000: [1]}, "is too long a name"),
        ("thousand_extra", {f"extra.{i}": [1] for i in range(1000)}, "and 990 more"),
    ):
        yield bad_hf(
            "tensor_" + name,
            hf(files={"model.safetensors": weights(change)}),
            LIMIT if "100000" in name else MODEL,
            says,
        )
    integers = {n: (s, filled(s)) for n, s in SHAPES.items()}
    data = safetensors(integers).replace(b'"F32"', b'"I32"')
    yield bad_hf("tensors_of_integers", hf(files={"model.safetensors": data}), UNSUPPORTED, "I32")


def torch(data):
    return hf(files={"model.safetensors": None, "pytorch_model.bin": data})


def pickles():
    good = state_dict(pickled_tensor())
    data = bytes(16)
    yield bad_hf("pickle_valid_but_not_vit", torch(archive(good, data)), MODEL, "missing")
    for name, code, says in (
        ("os_system", b"cos\nsystem\n(X\x07\0\0\0echo hiitR.", "'os.system'"),
        ("builtins_eval", b"cbuiltins\neval\n(X\x01\0\0\x001tR.", "'builtins.eval'"),
        ("posix", b"cposix\nsystem\n.", "'posix.system'"),
        ("subprocess", b"csubprocess\nPopen\n.", "'subprocess.Popen'"),
        ("nested_import", b"ctorch\nos.system\n.", "'torch.os.system'"),
        ("escapes", b"c\x1b[2J\n\x1b]0;x\x07\n.", "\\x1b[2J"),
        ("stack_global", b"X\x02\0\0\0osX\x06\0\0\0system\x93.", "0x93"),
        ("inst", b"(ios\nsystem\n.", "instruction 0x69 is not used by"),
        ("reduce_of_nothing", b")R.", "the stack is empty"),
        ("reduce_of_a_number", b"K\1)R.", "nothing that can be rebuilt"),
        ("build_of_a_number", b"K\1}b.", "attributes of no dict"),
        ("empty_stack", b"0.", "instruction 0x30 is not used by"),
        ("stop_without_a_value", b".", "the stack is empty"),
        ("no_stop", b"}", "it does not end"),
        ("memo_unset", b"h\7.", "a memo number that was never set"),
        ("memo_2_32", b"j\xff\xff\xff\xff.", "a memo number that was never set"),
        ("memo_put_2_32", b"}r\xff\xff\xff\xff.", "a memo number is too large"),
        ("string_2_32", b"X\xff\xff\xff\xff", "it ends within an instruction"),
        ("mark_missing", b"K\1t.", "no mark"),
        ("setitem_of_a_list", b"]K\1K\2s.", "no container to add to"),
        ("setitems_odd", b"}(K\1u.", "a key without a value"),
        ("persistent_id_of_a_number", b"K\1Q.", "an unknown persistent id"),
        ("unknown_opcode", b"\xff.", "0xff"),
        ("a_number", b"K\1.", "not a dict of tensors"),
        ("a_list", b"].", "not a dict of tensors"),
        ("itself", b"}q\0X\1\0\0\0ah\0s.", "dicts are nested too deeply"),
    ):
        yield bad_hf("pickle_" + name, torch(archive(b"\x80\x02" + code, data)), MODEL, says)
    yield bad_hf(
        "pickle_of_a_million_marks",
        torch(archive(b"\x80\x02" + b"(" * (2 << 20) + b".")),
        LIMIT,
        "has more than 1048576 instructions",
    )
    yield bad_hf(
        "pickle_of_nested_tuples",
        torch(archive(b"\x80\x02" + b")" + b"\x85" * 1_000_000 + b".")),
        MODEL,
        "not a dict of tensors",
    )
    for name, lies, says in (
        ("offset_beyond", {"offset": 1}, "beyond its storage"),
        ("offset_negative", {"offset": -1}, "offset is negative"),
        ("size_negative", {"size": (-2, 2)}, "size is out of range"),
        ("size_2_31", {"size": ((1 << 31) - 1,) * 2}, "size is out of range"),
        ("stride_negative", {"stride": (-2, 1)}, "stride is no number"),
        ("stride_2_31", {"stride": ((1 << 31) - 1, 1)}, "beyond its storage"),
        ("stride_missing", {"stride": (1,)}, "stride differ"),
        ("rank_65", {"size": (1,) * 65, "stride": (1,) * 65}, "too many dimensions"),
        ("storage_longer_than_its_file", {"count": 5}, "its storage 20"),
        ("storage_shorter", {"count": 3}, "its storage 12"),
        ("storage_of_2_31", {"count": (1 << 31) - 1}, "its storage 8589934588"),
        ("storage_unknown", {"storage": "EvilStorage"}, "'torch.EvilStorage'"),
        ("storage_key_path", {"file_key": "../../etc/passwd"}, "a bad storage"),
        ("storage_key_absent", {"file_key": "7"}, "no entry 'a/data/7'"),
        ("storage_key_empty", {"file_key": ""}, "a bad storage"),
    ):
        made = archive(state_dict(pickled_tensor(**lies)), data)
        yield bad_hf("tensor_" + name, torch(made), MODEL, says)
    yield bad_hf(
        "tensor_name_twice",
        torch(archive(state_dict(pickled_tensor(), pickled_tensor()), data)),
        MODEL,
        "the tensor 'w' occurs twice",
    )
    yield bad_hf(
        "tensor_name_is_a_number",
        torch(archive(b"\x80\x02}(K\1" + pickled_tensor()[len(unicode("w")) :] + b"u.", data)),
        MODEL,
        "not in the model of config.json:",
    )


def archives():
    good, data = state_dict(pickled_tensor()), bytes(16)
    for name, made, says in (
        ("compressed", archive(good, data, method=8), "compress"),
        ("method_99", archive(good, data, method=99), "an entry is compressed or"),
        ("size_unlike_packed", archive(good, data, size=1 << 20), "the sizes of an entry differ"),
        (
            "size_2_32",
            archive(good, data, size=(1 << 32) - 2, packed=(1 << 32) - 2),
            "local header and directory",
        ),
        ("offset_beyond", archive(good, data, at=1 << 30), "no local header"),
        ("count_wrong", archive(good, data, count=9), "the directory is shorter than it"),
        ("count_65535", archive(good, data, count=65535), "no 64-bit end record"),
        ("without_entries", zip_file([]), "neither a safetensors file nor a"),
        ("without_pickle", zip_file([("a/data/0", data)]), "data.pkl"),
        (
            "two_pickles",
            zip_file([("a/data.pkl", good), ("b/data.pkl", good)]),
            "no entry 'a/data/0'",
        ),
        (
            "name_twice",
            zip_file([("a/data.pkl", good), ("a/data/0", data), ("a/data/0", data)]),
            "a name occurs twice",
        ),
        ("directory_cut", archive(good, data)[:-40], "no central directory"),
        ("end_cut", archive(good, data)[:-1], "no central directory"),
        ("start_alone", b"PK\3\4", "neither a safetensors file nor a"),
        ("text_behind", archive(good, data) + bytes(70_000), "no central directory"),
        ("legacy_magic_alone", bytes.fromhex("80028a0a6cfc9c46f9206aa850192e"), "it does not end"),
        (
            "big_endian",
            zip_file([("a/data.pkl", good), ("a/byteorder", b"big"), ("a/data/0", data)]),
            "big-endian",
        ),
    ):
        yield bad_hf("zip_" + name, torch(made), UNSUPPORTED if "endian" in says else MODEL, says)
    yield bad_hf(
        "zip_overlapping_entries",
        torch(zip_file([("a/data.pkl", good), ("a/data/0", data)], at=0)),
        MODEL,
        "disagree about a name",
    )
    yield bad_hf(
        "torch_is_a_terabyte", torch(Sparse(TERA, b"PK\3\4")), LIMIT, "has 1099511627776 bytes; the"
    )


def cases():
    for family in (headers, files, tensors, pickles, archives):
        yield from family()
