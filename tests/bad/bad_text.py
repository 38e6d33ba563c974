"""Dumps that were edited by an enemy (.vg, .vp, .vk), and objects that vitc did not make."""

import struct

from cases import IO, LIMIT, MODEL, OK, USAGE, Case, Fifo, Link, Sparse, bad_model

GRAPH = """graph {
  %1 = input "x" : f32[2,3]
  %2 = max %1, %1 : f32[2,3]
  output "y" = %2
}
"""
KERNEL = """kernel @k(%y: mut ptr f32, %x: ptr f32) target generic {
  %1 = load f32x4 %x
  store %y, %1
}
"""
PROGRAM = """program target generic {
  arena 0 scratch 0 slices 1 weights 0
  input "x" f32[4]
  output "y" f32[4]
}
graph {
}
""" + KERNEL + 'launch @k(output 0 + 0, input 0 + 0) grid 1 flops 0 "copy"\n'


def changed(text, *pairs):
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text.encode()


def graphs():
    def of(name, code, says, *pairs):
        return bad_model(name, "m.vg", {"m.vg": changed(GRAPH, *pairs)}, code, says)

    yield of("graph_good", OK, "")
    for name, says, old, new in (
        ("undefined_value", "no value %9 above", "max %1, %1", "max %1, %9"),
        ("forward_value", "no value %2 above", "max %1, %1", "max %1, %2"),
        ("value_0", "no value %0 above", "max %1, %1", "max %0, %1"),
        ("value_2_40", "%1099511627776 is too large", "%2 = max", f"%{1 << 40} = max"),
        ("value_twice", "%1 is defined twice", "%2 = max", "%1 = max"),
        ("unknown_op", "frobnicate", "max", "frobnicate"),
        ("escape_in_op", "\\x1b", "max", "\x1b[2J"),
        ("unknown_type", "q7", ": f32[2,3]\n  %2", ": q7[2,3]\n  %2"),
        ("wrong_type", "max: the type is f32[2,3], not", "1 : f32[2,3]\n", "1 : f32[3,2]\n"),
        ("dim_negative", "this type is out of range", 'x" : f32[2,3]', 'x" : f32[-2,3]'),
        ("dim_overflow", "expected an integer, found", 'x" : f32[2,3]', f"x\" : f32[{'9' * 30}]"),
        ("rank_65", "a rank of 65, more than 8", 'x" : f32[2,3]', 'x" : f32[' + "1," * 64 + "1]"),
        ("no_end", "expected '%', found the end", 'output "y" = %2\n}\n', 'output "y" = %2\n'),
        ("no_output", "the graph has no output", '  output "y" = %2\n', ""),
        ("output_of_9", "no value %9 above", "= %2\n}", "= %9\n}"),
        ("string_without_end", "a string does not end on its line", '"x"', '"x'),
        ("string_with_newline", "a string does not end on its line", '"x"', '"x\n"'),
        ("bad_octal", "octal", '"x"', '"\\9"'),
        ("nul_in_string", "expected three octal digits", '"x"', '"a\\000b"'),
        ("text_behind", "expected the end of the text,", "%2\n}\n", "%2\n}\nhello\n"),
        ("one_operand", "max: 1 operands, expected 2", "max %1, %1", "max %1"),
        ("many_operands", "max: 9001 operands, expected 2", "max %1, %1", "max %1" + ", %1" * 9000),
        (
            "constant_of_1_tib",
            "this type is out of range",
            "max %1, %1 : f32[2,3]",
            "const : f32[1073741824,1073741824] = [0]",
        ),
        (
            "constant_too_short",
            "1 elements for f32[2,3], which has 6",
            "max %1, %1 : f32[2,3]",
            "const : f32[2,3] = [0]",
        ),
        (
            "constant_hex_odd",
            "too few elements for f32[2,3]",
            "max %1, %1 : f32[2,3]",
            'const : f32[2,3] = hex "012"',
        ),
    ):
        yield of("graph_" + name, MODEL, says, (old, new))
    for name, where in (("outside", '"../w.bin" +0'), ("etc", '"/etc/passwd" +0')):
        yield of(
            "graph_constant_from_" + name,
            USAGE,
            "give that file with --constants",
            ("max %1, %1 : f32[2,3]", "const : f32[2,3] = file " + where),
        )
    data = changed(GRAPH, ("max %1, %1 : f32[2,3]", 'const : f32[2,3] = file "w.bin" +8'))
    yield Case(
        "graph_constant_beyond_its_file",
        {"m.vg": data, "w.bin": bytes(24)},
        [["compile", "m.vg", "--constants", "w.bin", "-o", "out/m.o"]],
        MODEL,
        "w.bin",
    )
    yield of("graph_nlabels_2_30", OK, "", ("%2\n}\n", "%2\n}\ninfo {\n  nlabels 1073741824\n}\n"))
    yield of("graph_unknown_info", MODEL, "frobs", ("%2\n}\n", "%2\n}\ninfo {\n  frobs 1\n}\n"))
    yield bad_model(
        "graph_of_braces",
        "m.vg",
        {"m.vg": b"graph {" * 50_000},
        MODEL,
        "expected '%', found 'graph {graph",
    )
    yield bad_model("graph_empty", "m.vg", {"m.vg": b""}, IO, "is empty")
    yield bad_model(
        "graph_of_zeros", "m.vg", {"m.vg": bytes(1000)}, MODEL, "expected 'graph', found ''"
    )
    yield bad_model(
        "graph_of_300_mib",
        "m.vg",
        {"m.vg": Sparse(300 << 20, b"graph {\n")},
        LIMIT,
        "a text of 314572800 bytes",
    )
    yield bad_model("graph_is_a_pipe", "m.vg", {"m.vg": Fifo()}, IO, "a pipe")
    yield bad_model("graph_is_dev_zero", "m.vg", {"m.vg": Link("/dev/zero")}, IO, "a device")


def programs():
    def of(name, code, says, *pairs):
        return bad_model(name, "m.vp", {"m.vp": changed(PROGRAM, *pairs)}, code, says)

    yield of("program_good", OK, "'m.o' is a device, not a regular")
    for name, says, old, new in (
        ("unknown_target", "no target 'z80'", "program target generic", "program target z80"),
        (
            "reads_behind_the_input",
            "the place is outside of its object",
            "input 0 + 0",
            "input 0 + 16",
        ),
        (
            "reads_before_the_input",
            "expected a number, found '-16)",
            "input 0 + 0",
            "input 0 + -16",
        ),
        (
            "offset_2_63",
            "the place is outside of its object",
            "input 0 + 0",
            f"input 0 + {(1 << 63) - 1}",
        ),
        ("input_7", "the place is outside of its object", "input 0 + 0", "input 7 + 0"),
        ("output_7", "the place is outside of its object", "output 0 + 0", "output 7 + 0"),
        ("writes_the_input", "it would write to input", "output 0 + 0", "input 0 + 0"),
        ("unknown_kernel", "no kernel @q", "launch @k", "launch @q"),
        ("missing_argument", "1 arguments for @k", ", input 0 + 0)", ")"),
        ("grid_2_62", "4611686018427387904 tasks", "grid 1", f"grid {1 << 62}"),
        ("grid_negative", "-1 tasks", "grid 1", "grid -1"),
        ("arena_2_63", "program: more memory than there is", "arena 0", f"arena {1 << 63}"),
        ("slices_0", "program: 0 slices", "slices 1", "slices 0"),
        ("no_launches", "expected region, kernel or", "launch", "lunch"),
    ):
        yield of("program_" + name, MODEL, says, (old, new))
    many = "".join(f'  input "i{i}" f32[4]\n' for i in range(5000))
    yield of(
        "program_of_5000_inputs",
        MODEL,
        "inputs and outputs",
        ('  output "y"', many + '  output "y"'),
    )
    yield bad_model(
        "program_cut",
        "m.vp",
        {"m.vp": PROGRAM[:60].encode()},
        MODEL,
        "expected 'weights', found 'weight'",
    )


def kernels():
    def of(name, code, says, *pairs):
        return Case(name, {"m.vk": changed(KERNEL, *pairs)}, [["compile", "m.vk"]], code, says)

    yield of("kernel_good", OK, "")
    deep = "loop %9 = 0 to 2 step 1 {\n" * 5000
    for name, says, old, new in (
        ("undefined_value", "no value %q", "%x\n", "%q\n"),
        ("vector_of_3", "kernel @k: 3 lanes", "load f32x4", "load f32x3"),
        ("vector_of_2_31", "'f32' is not a vector type", "load f32x4", "load f32x2147483648"),
        ("no_end", "found the end", "%1\n}\n", "%1\n"),
        ("end_twice", "5: error: text after the kernel", "%1\n}\n", "%1\n}\n}\n"),
        ("unknown_op", "frob", "load", "frob"),
        ("store_to_input", "kernel @k: writes to %x, which is", "store %y", "store %x"),
        ("loops_5000_deep", "%9 is defined twice", "  %1 = load", deep + "  %1 = load"),
        (
            "step_0",
            "kernel @k: a step of 0",
            "  store",
            "  loop %5 = 0 to 4 step 0 {\n  }\n  store",
        ),
    ):
        yield of("kernel_" + name, MODEL, says, (old, new))


def elf(kind=1, machine=62, sections=2, where=64, size=64, names=1, body=bytes(128)):
    return (
        b"\x7fELF\2\1\1"
        + bytes(9)
        + struct.pack(
            "<HHIQQQIHHHHHH", kind, machine, 1, 0, 0, where, 0, 64, 0, 0, size, sections, names
        )
        + body
    )


def objects():
    for name, data, code, says in (
        ("empty", b"", IO, "is empty"),
        ("text", b"int main;\n", MODEL, "not an object made by vitc"),
        ("magic_alone", b"\x7fELF", MODEL, "not an object made by vitc"),
        ("header_alone", elf(body=b""), MODEL, "not an object made by vitc"),
        ("no_sections", elf(sections=0), MODEL, "not an object made by vitc"),
        ("executable", elf(kind=2), MODEL, "not an object made by vitc"),
        ("other_machine", elf(machine=8), MODEL, "not an object made by vitc"),
        ("table_beyond", elf(where=1 << 40), MODEL, "not an object made by vitc"),
        ("table_wraps", elf(where=(1 << 64) - 64), MODEL, "not an object made by vitc"),
        ("65535_sections", elf(sections=65535), MODEL, "not an object made by vitc"),
        ("section_size_0", elf(size=0), MODEL, "not an object made by vitc"),
        ("names_beyond", elf(names=999), MODEL, "not an object made by vitc"),
        ("no_model", elf(), MODEL, "not an object made by vitc"),
    ):
        yield Case(
            "object_" + name, {"m.o": data}, [["inspect", "m.o"], ["bench", "m.o"]], code, says
        )
    for name, what, code, says in (
        ("a_pipe", Fifo(), IO, "a pipe"),
        ("dev_zero", Link("/dev/zero"), IO, "a device"),
        ("a_terabyte", Sparse(1 << 40, elf()), LIMIT, "the limit is"),
    ):
        yield Case("object_is_" + name, {"m.o": what}, [["inspect", "m.o"]], code, says)


def cases():
    for family in (graphs, programs, kernels, objects):
        yield from family()
