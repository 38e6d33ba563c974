"""ONNX files that nobody sane writes: the wire format, tensors, graphs, external data."""

import struct

from cases import (
    IO,
    LIMIT,
    MODEL,
    OK,
    UNSUPPORTED,
    Fifo,
    Folder,
    HardLink,
    Link,
    Repeat,
    Sparse,
    bad_model,
    bad_onnx,
)
from formats import (
    BOOL,
    F16,
    F32,
    I32,
    I64,
    STRING,
    attribute,
    external,
    floats,
    function,
    graph,
    integer,
    ints,
    key,
    model,
    nest,
    nested,
    node,
    one_node,
    opset,
    tensor,
    value,
    varint,
)

GOOD = one_node("Relu")
GRAPH, NODE, INITIALIZER, INPUT, VALUE_INFO = 7, 1, 5, 11, 13  # field numbers
TERA = 1 << 40


def deep(levels):
    """graph > node > attribute > graph > …"""
    return nest([GRAPH] + [(1, 5, 6)[i % 3] for i in range(levels)])


def wire():
    many = 10 << 20
    yield bad_onnx("empty", b"", IO, "is empty")
    yield bad_onnx("text", b"this is no model\n", MODEL, "not a readable ONNX file")
    yield bad_onnx("zeros", bytes(64), MODEL, "malformed field number")
    yield bad_onnx(
        "git_lfs_pointer",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        MODEL,
        "not a readable ONNX file",
    )
    yield bad_onnx("group_start", GOOD + key(9, 3) + key(9, 4), MODEL, "wire type")
    yield bad_onnx("group_end", GOOD + key(9, 4), MODEL, "wire type")
    yield bad_onnx("wire_type_6", GOOD + key(9, 6), MODEL, "wire type")
    yield bad_onnx("wire_type_7", GOOD + key(9, 7), MODEL, "wire type")
    yield bad_onnx("field_0", GOOD + b"\0\0", MODEL, "malformed field number")
    yield bad_onnx("field_2_pow_29", GOOD + varint((1 << 29) << 3), MODEL, "field number")
    yield bad_onnx(
        "varint_of_11_bytes", GOOD + key(99, 0) + b"\xff" * 10 + b"\1", MODEL, "malformed number"
    )
    yield bad_onnx("varint_without_end", GOOD + key(99, 0) + b"\xff", MODEL, "malformed number")
    yield bad_onnx("varint_of_10_bytes_in_unknown_field", GOOD + integer(99, -1), OK, "")
    yield bad_onnx(
        "unknown_fields_of_every_type",
        GOOD + integer(99, 1) + nested(98, b"abc") + key(97, 1) + bytes(8) + key(96, 5) + bytes(4),
        OK,
        "",
    )
    yield bad_onnx("key_padded_to_5_bytes", GOOD + b"\x98\x86\x80\x80\0\1", OK, "")
    for name, length in (("2_31", (1 << 31) - 1), ("2_63", (1 << 63) - 1), ("2_64", (1 << 64) - 1)):
        yield bad_onnx(
            "length_" + name,
            key(GRAPH, 2) + varint(length) + bytes(20),
            MODEL,
            "runs past its message",
        )
    yield bad_onnx(
        "child_longer_than_its_parent",
        nested(GRAPH, key(NODE, 2) + varint(30)) + bytes(60),
        MODEL,
        "runs past its message",
    )
    yield bad_onnx("nested_4000", deep(4000), LIMIT, "nested too deeply")
    yield bad_onnx("nested_100000", deep(100_000), LIMIT, "nested too deeply")
    for name, field in (("initializers", INITIALIZER), ("nodes", NODE), ("inputs", INPUT)):
        head = key(GRAPH, 2) + varint(many)
        yield bad_onnx(
            "ten_megabytes_of_empty_" + name,
            Repeat(head, nested(field, b""), many // 2),
            LIMIT,
            "too many messages",
        )
    yield bad_onnx(
        "ten_megabytes_of_empty_value_infos",
        Repeat(key(GRAPH, 2) + varint(many), nested(VALUE_INFO, b""), many // 2),
        MODEL,
        "no operator set",
    )
    yield bad_onnx(
        "ten_megabytes_of_unknown_fields", Repeat(GOOD, integer(99, 1), many // 3), OK, ""
    )
    yield bad_onnx(
        "ten_megabytes_of_dims",
        Repeat(
            key(GRAPH, 2) + varint(many + 5) + key(INITIALIZER, 2) + varint(many),
            integer(1, 1),
            many // 2,
        ),
        LIMIT,
        "messages exceed",
    )
    yield bad_onnx(
        "graph_16000_times",
        nested(GRAPH, nested(NODE, b"")) * 16_000,
        MODEL,
        "must be single is repeated",
    )
    yield bad_onnx(
        "type_of_an_input_twice",
        model(graph([], [value("x", [1]) + nested(2, b"")])),
        MODEL,
        "must be single is repeated",
    )
    yield bad_onnx("graph_as_a_number", integer(GRAPH, 1), MODEL, "wrong wire type")
    yield bad_onnx(
        "dims_as_a_string_of_half_a_varint",
        model(graph([], constants=[nested(1, b"\x80") + integer(2, F32)])),
        MODEL,
        "not a valid ONNX model",
    )
    yield bad_onnx("name_with_nul", model(graph([node("Relu", ["x\0y"], ["y"])])), MODEL, "NUL")
    yield bad_onnx(
        "name_of_a_mebibyte", one_node("Relu", inputs=["x" * (1 << 20)]), LIMIT, "name is too long"
    )
    yield bad_onnx("no_graph", integer(1, 8) + opset(), MODEL, "no graph")
    yield bad_onnx("no_opset", model(graph([]), opsets=b""), MODEL, "no operator set")
    yield bad_onnx("opset_999", model(graph([]), opsets=opset(999)), UNSUPPORTED, "999")
    yield bad_onnx("opset_negative", model(graph([]), opsets=opset(-1)), UNSUPPORTED, "-1")


def with_tensor(t):
    """x + w -> y, with w as given."""
    return model(graph([node("Add", ["x", "w"], ["y"])], [value("x", [4])], [value("y", [4])], [t]))


def tensors():
    four = struct.pack("<4f", 1, 2, 3, 4)
    for name, dims in (
        ("negative", [-4]),
        ("2_31", [1 << 31]),
        ("2_62", [1 << 62]),
        ("product_overflow", [1 << 33, 1 << 33]),
        ("product_wraps_to_4", [1 << 29, 1 << 29, 1 << 6, 4]),
        ("zero_times_2_62", [0, 1 << 62]),
    ):
        yield bad_onnx(
            "dims_" + name, with_tensor(tensor("w", dims, four)), MODEL, "negative or too large"
        )
    yield bad_onnx("dims_rank_65", with_tensor(tensor("w", [1] * 65, four)), UNSUPPORTED, "rank 65")
    yield bad_onnx(
        "raw_too_short", with_tensor(tensor("w", [4], four[:12])), MODEL, "its shape needs"
    )
    yield bad_onnx(
        "raw_too_long", with_tensor(tensor("w", [4], four + four)), MODEL, "its shape needs"
    )
    yield bad_onnx(
        "raw_half_an_element", with_tensor(tensor("w", [4], four[:15])), MODEL, "its shape needs"
    )
    yield bad_onnx("no_data", with_tensor(tensor("w", [4], None)), MODEL, "its shape needs")
    yield bad_onnx(
        "raw_and_float_data",
        with_tensor(tensor("w", [4], four, extra=nested(4, four))),
        MODEL,
        "more than once",
    )
    yield bad_onnx(
        "float_data_too_short",
        with_tensor(tensor("w", [4], None, extra=nested(4, four[:8]))),
        MODEL,
        "its shape",
    )
    yield bad_onnx(
        "int64_data_for_floats",
        with_tensor(tensor("w", [4], None, extra=nested(7, b"\1\2\3\4"))),
        MODEL,
        "int64_data holds",
    )
    yield bad_onnx(
        "int32_data_beyond_f16",
        with_tensor(tensor("w", [4], None, F16, nested(5, varint(1 << 20) * 4))),
        MODEL,
        "does not fit",
    )
    yield bad_onnx(
        "dtype_string", with_tensor(tensor("w", [4], None, STRING)), UNSUPPORTED, "element type 8"
    )
    yield bad_onnx(
        "dtype_4096", with_tensor(tensor("w", [4], four, 4096)), UNSUPPORTED, "element type 4096"
    )
    yield bad_onnx(
        "dtype_absent",
        with_tensor(nested(8, "w") + integer(1, 4) + nested(9, four)),
        UNSUPPORTED,
        "element type 0",
    )
    yield bad_onnx(
        "segments",
        with_tensor(tensor("w", [4], four, extra=nested(3, integer(1, 1)))),
        UNSUPPORTED,
        "segments",
    )
    yield bad_onnx("wrong_shape_for_add", with_tensor(floats("w", [3])), MODEL, "do not broadcast")
    for name, dims, code in (
        ("negative", [-1, 4], OK),
        ("2_62", [1 << 62], LIMIT),
        ("product_overflow", [1 << 29, 1 << 29], LIMIT),
        ("rank_65", [1] * 65, UNSUPPORTED),
        ("open", ["n", "m"], UNSUPPORTED),
    ):
        yield bad_onnx(
            "input_dims_" + name, one_node("Relu", dims=dims), code, "input 'x'" if code else ""
        )
    yield bad_onnx(
        "input_without_type",
        model(graph([node("Relu", ["x"], ["y"])], [nested(1, "x")], [value("y", [])])),
        UNSUPPORTED,
        "input 'x'",
    )
    yield bad_onnx(
        "input_of_strings",
        model(graph([node("Relu", ["x"], ["y"])], [value("x", [2], STRING)], [value("y", [])])),
        UNSUPPORTED,
        "element type 8",
    )


def recursion(*bodies):
    """Local functions F0, F1…: each body lists the functions that it calls."""
    out = []
    for i, calls in enumerate(bodies):
        names = ["x"] + [f"t{k}" for k in range(len(calls) - 1)] + ["y"]
        nodes = [node(f"F{c}", [names[k]], [names[k + 1]], "my") for k, c in enumerate(calls)]
        out.append(function(f"F{i}", ["x"], ["y"], nodes or [node("Relu", ["x"], ["y"])]))
    last = len(bodies) - 1
    return model(
        graph([node(f"F{last}", ["x"], ["y"], "my")], [value("x", [2])], [value("y", [2])]),
        b"".join(out),
        opset() + opset(1, "my"),
    )


def graphs():
    x, y = value("x", [2, 3]), value("y", [2, 3])

    def of(*nodes, constants=()):
        return model(graph(nodes, [x], [y], constants))

    yield bad_onnx(
        "no_outputs", model(graph([node("Relu", ["x"], ["y"])], [x])), MODEL, "no outputs"
    )
    yield bad_onnx("output_undefined", of(node("Relu", ["x"], ["z"])), MODEL, "'y' is not defined")
    yield bad_onnx("input_undefined", of(node("Relu", ["q"], ["y"])), MODEL, "'q'")
    yield bad_onnx(
        "cycle",
        of(node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"]), node("Relu", ["b"], ["y"])),
        MODEL,
        "cycle",
    )
    yield bad_onnx("node_reads_itself", of(node("Relu", ["y"], ["y"])), MODEL, "cycle")
    yield bad_onnx(
        "name_defined_twice",
        of(node("Relu", ["x"], ["y"]), node("Neg", ["x"], ["y"])),
        MODEL,
        "'y'",
    )
    yield bad_onnx("no_operator_name", of(node("", ["x"], ["y"])), UNSUPPORTED, "''")
    yield bad_onnx(
        "unknown_operator", of(node("Frobnicate", ["x"], ["y"])), UNSUPPORTED, "Frobnicate"
    )
    yield bad_onnx(
        "unknown_domain", of(node("Relu", ["x"], ["y"], "org.evil")), UNSUPPORTED, "org.evil"
    )
    yield bad_onnx(
        "escape_in_operator",
        of(node("\x1b[2J\x1b]0;owned\x07", ["x"], ["y"])),
        UNSUPPORTED,
        "\\x1b[2J",
    )
    yield bad_onnx("too_few_inputs", of(node("Add", ["x"], ["y"])), MODEL, "input 1 is missing")
    yield bad_onnx("too_many_inputs", of(node("Relu", ["x"] * 1000, ["y"])), MODEL, "1000 inputs")
    yield bad_onnx("no_node_outputs", of(node("Relu", ["x"], [])), MODEL, "'y' is not defined")
    yield bad_onnx("no_inputs", of(node("Concat", [], ["y"], axis=0)), MODEL, "input 0 is missing")
    # constants: a list holds integers, a tuple is the shape of floats
    for name, op, constants, attributes, says in (
        ("reshape_to_another_count", "Reshape", [[7]], {}, "cannot have the shape"),
        ("reshape_to_two_unknowns", "Reshape", [[-1, -1]], {}, "two open dimensions"),
        ("reshape_to_2_64", "Reshape", [[1 << 62, 4]], {}, "negative or too large"),
        ("matmul_of_3_and_2", "MatMul", [(2, 2)], {}, "inner sizes differ"),
        ("gemm_of_3_and_7", "Gemm", [(7, 7)], {}, "inner sizes differ"),
        ("transpose_repeats_an_axis", "Transpose", [], {"perm": [0, 0]}, "axis 0 twice"),
        ("transpose_axis_2_40", "Transpose", [], {"perm": [0, 1 << 40]}, "out of range"),
        ("concat_of_unlike_shapes", "Concat", [(3, 4)], {"axis": 0}, "does not continue"),
        ("concat_axis_2_62", "Concat", [(2, 3)], {"axis": 1 << 62}, "out of range"),
        ("softmax_axis_99", "Softmax", [], {"axis": 99}, "axis 99"),
        ("gather_behind_the_end", "Gather", [[5]], {"axis": 0}, "index 5"),
        ("gather_at_minus_2_63", "Gather", [[-(1 << 63)]], {"axis": 0}, "out of range"),
        ("squeeze_of_2", "Squeeze", [[0]], {}, "not 1"),
        ("unsqueeze_at_2_62", "Unsqueeze", [[1 << 62]], {}, "out of range"),
        ("slice_step_0", "Slice", [[0], [1], [0], [0]], {}, "step of axis 0"),
        ("split_beyond", "Split", [[1, 7]], {"axis": 0}, "2 sizes"),
        ("reduce_axis_99", "ReduceMean", [], {"axes": [99]}, "axis 99"),
        ("conv_of_rank_2", "Conv", [(1, 1, 3, 3)], {}, "rank 2"),
        ("layernorm_of_3_and_7", "LayerNormalization", [(7,)], {"axis": -1}, "does not expand"),
        ("cast_to_99", "Cast", [], {"to": 99}, "element type 99"),
        ("einsum_without_operands", "Einsum", [], {"equation": "ij->k"}, "no operand has"),
        ("einsum_of_60_letters", "Einsum", [], {"equation": "abcdefghij" * 6 + "->a"}, "60 labels"),
    ):
        names = [f"c{i}" for i in range(len(constants))]
        made = [(floats if isinstance(v, tuple) else ints)(n, v) for n, v in zip(names, constants)]
        yield bad_onnx(
            name,
            of(node(op, ["x"] + names, ["y"], **attributes), constants=made),
            UNSUPPORTED if op == "Cast" else MODEL,
            says,
        )
    yield bad_onnx("input_left_out", of(node("Relu", [""], ["y"])), MODEL, "input 0 is missing")
    image = [value("x", [1, 1, 8, 8])]
    for name, attributes, says in (
        ("stride_0", {"strides": [0, 0]}, "'strides': 0"),
        ("negative_pads", {"pads": [-9] * 4}, "pads: -9"),
        ("huge_pads", {"pads": [1 << 40] * 4}, "pads: 1099511627776"),
        ("group_0", {"group": 0}, "0 groups"),
        ("dilation_2_40", {"dilations": [1 << 40] * 2}, "out of range"),
    ):
        yield bad_onnx(
            "conv_" + name,
            model(
                graph(
                    [node("Conv", ["x", "w"], ["y"], **attributes)],
                    image,
                    [y],
                    [floats("w", [1, 1, 3, 3])],
                )
            ),
            MODEL,
            says,
        )
    yield bad_onnx(
        "attribute_of_the_wrong_type", of(node("Softmax", ["x"], ["y"], axis="no")), MODEL, "axis"
    )
    yield bad_onnx(
        "attribute_twice",
        of(node("Softmax", ["x"], ["y"], axis=1) + nested(5, attribute("axis", 0))),
        MODEL,
        "axis",
    )


def amplifiers():
    """A few bytes that ask for much: memory, time, or nodes."""

    def of(*nodes, constants=(), dims=(1,)):
        return model(graph(nodes, [value("x", dims)], [value("y", [])], constants))

    too_big, large = ints("s", [1 << 30, 1 << 30]), ints("s", [1 << 16, 1 << 15])  # 8 GiB
    expand, tile = node("Expand", ["x", "s"], ["y"]), node("Tile", ["x", "s"], ["y"])
    fill = [node("ConstantOfShape", ["s"], ["c"]), node("Add", ["x", "c"], ["y"])]
    yield bad_onnx("expand_too_far", of(expand, constants=[too_big]), MODEL, "too large")
    yield bad_onnx("tile_too_far", of(tile, constants=[too_big], dims=(1, 1)), LIMIT, "too large")
    yield bad_onnx("constant_too_large", of(*fill, constants=[too_big]), MODEL, "too large")
    yield bad_onnx("expand_to_8_gib", of(expand, constants=[large]), OK, "")
    yield bad_onnx("tile_to_8_gib", of(tile, constants=[large], dims=(1, 1)), OK, "")
    yield bad_onnx("constant_of_8_gib", of(*fill, constants=[large]), OK, "")
    yield bad_onnx(
        "range_of_2_62",
        of(
            node("Range", ["a", "b", "d"], ["c"]),
            node("Cast", ["c"], ["f"], to=F32),
            node("Add", ["x", "f"], ["y"]),
            constants=[
                tensor(n, [], struct.pack("<q", v), I64)
                for n, v in (("a", 0), ("b", 1 << 62), ("d", 1))
            ],
        ),
        MODEL,
        "too long",
    )
    yield bad_onnx(
        "pad_by_2_40",
        of(node("Pad", ["x", "p"], ["y"]), constants=[ints("p", [1 << 40, 1 << 40])]),
        MODEL,
        "out of range",
    )
    yield bad_onnx(
        "resize_by_1e30",
        model(
            graph(
                [node("Resize", ["x", "", "s"], ["y"], mode="nearest")],
                [value("x", [1, 1, 2, 2])],
                [value("y", [])],
                [tensor("s", [4], struct.pack("<4f", 1, 1, 1e30, 1e30))],
            )
        ),
        MODEL,
        "out of range",
    )
    yield bad_onnx("classes_without_names_2_28", one_node("Relu", dims=[1, 1 << 28]), OK, "")
    yield bad_onnx("function_calls_itself", recursion([0]), MODEL, "F0")
    yield bad_onnx("functions_call_each_other", recursion([1], [0]), MODEL, "calls itself")
    yield bad_onnx(
        "functions_double_30_times",
        recursion([], *[[i, i] for i in range(30)]),
        LIMIT,
        "expand to more than",
    )
    yield bad_onnx(
        "functions_200_deep", recursion([], *[[i] for i in range(200)]), LIMIT, "nested more than"
    )
    yield bad_onnx("loop", of(node("Loop", ["", ""], ["y"], body=graph([]))), UNSUPPORTED, "Loop")
    yield bad_onnx(
        "data_dependent_shape", of(node("NonZero", ["x"], ["y"])), UNSUPPORTED, "NonZero"
    )
    yield bad_onnx(
        "if_on_data",
        model(
            graph(
                [
                    node(
                        "If",
                        ["c"],
                        ["y"],
                        then_branch=graph([node("Relu", ["x"], ["t"])], [], [value("t", [])]),
                        else_branch=graph([node("Neg", ["x"], ["t"])], [], [value("t", [])]),
                    )
                ],
                [value("x", [2]), value("c", [], BOOL)],
                [value("y", [])],
            )
        ),
        UNSUPPORTED,
        "If",
    )
    many = range(3000)
    yield bad_onnx(
        "three_thousand_inputs_and_outputs",
        model(
            graph(
                [node("Relu", [f"x{i}"], [f"y{i}"]) for i in many],
                [value(f"x{i}", [4]) for i in many],
                [value(f"y{i}", [4]) for i in many],
            )
        ),
        LIMIT,
        "6000 inputs and outputs",
    )
    chain = [node("Relu", ["x" if i == 0 else f"t{i}"], [f"t{i + 1}"]) for i in range(20_000)]
    yield bad_onnx(
        "chain_of_20000_nodes_that_ends_badly",
        of(*chain, node("Frobnicate", ["t20000"], ["y"])),
        UNSUPPORTED,
        "Frobnicate",
    )
    yield bad_onnx("input_of_4_gib", one_node("Relu", dims=[1 << 30]), OK, "")


def with_external(*pairs, dims=(4,), extra=b""):
    return with_tensor(external("w", dims, pairs, extra))


def externals():
    w = struct.pack("<4f", 1, 2, 3, 4)
    for name, location, code, says in (
        ("parent", "../w.bin", MODEL, "contains '..'"),
        ("parent_behind_a_folder", "a/../../w.bin", MODEL, "contains '..'"),
        ("parent_at_the_end", "a/..", MODEL, "contains '..'"),
        ("absolute", "/etc/passwd", MODEL, "is absolute"),
        ("proc", "/proc/self/mem", MODEL, "is absolute"),
        ("backslash", "..\\w.bin", MODEL, "backslash"),
        ("drive", "C:w.bin", MODEL, "names a drive"),
        ("empty", "", MODEL, "no location"),
        ("dot", ".", IO, "a directory"),
        ("absent", "none.bin", IO, "none.bin"),
        ("long", "a" * 300, IO, "name too long"),
        ("very_long", "a/" * 4000, MODEL, "too long"),
        ("escapes", "\x1b[2J.bin", IO, "\\x1b[2J.bin"),
    ):
        yield bad_onnx("location_" + name, with_external(("location", location)), code, says)
    yield bad_onnx("location_with_nul", with_external(("location", "w.bin\0.txt")), MODEL, "NUL")
    yield bad_onnx("no_location", with_external(("offset", "0")), MODEL, "no location")
    data = {"w.bin": w}
    for name, offset, says in (
        ("huge", str((1 << 64) - 1), "lie outside"),
        ("overflow", str(1 << 64), "not a number"),
        ("negative", "-4", "not a number"),
        ("signed", "+0", "not a number"),
        ("space", " 0", "not a number"),
        ("hexadecimal", "0x0", "not a number"),
        ("empty", "", "not a number"),
        ("behind_the_end", "4", "lie outside"),
    ):
        yield bad_onnx(
            "offset_" + name,
            with_external(("location", "w.bin"), ("offset", offset), ("length", "16")),
            MODEL,
            says,
            **data,
        )
    for name, length in (("huge", str((1 << 64) - 1)), ("short", "12"), ("zero", "0")):
        yield bad_onnx(
            "length_" + name,
            with_external(("location", "w.bin"), ("length", length)),
            MODEL,
            "its shape needs",
            **data,
        )
    yield bad_onnx(
        "length_negative",
        with_external(("location", "w.bin"), ("length", "-1")),
        MODEL,
        "not a number",
        **data,
    )
    yield bad_onnx(
        "wrong_checksum",
        with_external(("location", "w.bin"), ("checksum", "0" * 40)),
        MODEL,
        "SHA-1",
        **data,
    )
    yield bad_onnx(
        "external_and_raw",
        with_external(("location", "w.bin"), extra=nested(9, w)),
        MODEL,
        "more than once",
        **data,
    )
    here = with_external(("location", "w.bin"))
    yield bad_onnx(
        "unknown_key", with_external(("location", "w.bin"), ("colour", "red")), OK, "", **data
    )
    yield bad_onnx("data_is_a_hard_link", here, OK, "", **{"v.bin": w, "w.bin": HardLink("v.bin")})
    yield bad_onnx("data_is_a_link_inside", here, OK, "", **{"v.bin": w, "w.bin": Link("v.bin")})
    yield bad_onnx("data_is_a_link_out", here, MODEL, "outside", **{"w.bin": Link("/etc/passwd")})
    yield bad_onnx(
        "data_is_a_link_up", here, MODEL, "outside", **{"w.bin": Link("../" * 20 + "etc/passwd")}
    )
    yield bad_onnx("data_is_dev_zero", here, MODEL, "outside", **{"w.bin": Link("/dev/zero")})
    yield bad_onnx(
        "data_is_a_loop_of_links", here, IO, "Too many levels", **{"w.bin": Link("w.bin")}
    )
    yield bad_onnx(
        "data_through_a_linked_folder",
        with_external(("location", "d/passwd")),
        MODEL,
        "outside",
        d=Link("/etc"),
    )
    yield bad_onnx("data_is_a_pipe", here, IO, "a pipe", **{"w.bin": Fifo()})
    yield bad_onnx("data_is_a_folder", here, IO, "a directory", **{"w.bin": Folder()})
    yield bad_onnx("data_is_a_terabyte", here, LIMIT, "the limit is", **{"w.bin": Sparse(TERA, w)})
    yield bad_onnx(
        "data_ends_a_terabyte",
        with_external(("location", "w.bin"), ("offset", str(TERA - 16)), ("length", "16")),
        LIMIT,
        "the limit is",
        **{"w.bin": Sparse(TERA)},
    )
    for name, what, code, says in (
        ("a_pipe", Fifo(), IO, "a pipe"),
        ("dev_zero", Link("/dev/zero"), IO, "a device"),
        ("a_terabyte", Sparse(TERA, b"\x08\x08"), LIMIT, "the limit is"),
        ("a_loop_of_links", Link("m.onnx"), IO, "Too many levels"),
    ):
        yield bad_onnx("model_is_" + name, what, code, says)
    yield bad_model("model_is_absent", "none.onnx", {}, IO, "none.onnx")
    yield bad_model("model_is_an_empty_folder", "m", {"m": Folder()}, IO, "config.json")


def cases():
    for family in (wire, tensors, graphs, amplifiers, externals):
        yield from family()
