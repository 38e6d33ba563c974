"""Pictures and tensors that are broken or ask for too much, given to a good model."""

import struct
import zlib

from cases import IO, LIMIT, MODEL, OK, UNSUPPORTED, Fifo, Folder, Link, Repeat, Sparse, bad_input
from formats import (
    jpeg_segment,
    npy,
    png,
    png_chunk,
    progressive_jpeg,
    safetensors,
    safetensors_raw,
)

TERA = 1 << 40
ROW = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 4, 4), }"


def arrays():
    for name, data, code, says in (
        ("empty", b"", IO, "is empty"),
        ("magic_alone", b"\x93NUMPY", MODEL, "not a .npy file"),
        ("version_9", b"\x93NUMPY\x09\0" + npy()[8:], UNSUPPORTED, "version"),
        ("header_longer_than_the_file", npy()[:40], MODEL, "truncated"),
        ("header_of_64k", b"\x93NUMPY\1\0\xff\xff" + bytes(70_000), LIMIT, "header is too long"),
        ("version_2_header_of_4g", b"\x93NUMPY\2\0\xff\xff\xff\xff" + bytes(99), LIMIT, "too long"),
        ("asks_for_32_gib", npy("(4294967296, 2)"), LIMIT, "too large"),
        ("asks_for_32_gib_in_steps", npy("(65536, 65536, 2)"), MODEL, "the file has 64"),
        ("dims_overflow", npy("(1073741824, 1073741824, 1073741824)"), LIMIT, "too many elements"),
        ("dim_of_99_digits", npy(f"({'9' * 99},)"), LIMIT, "too large"),
        ("dim_negative", npy("(-1, 4)"), MODEL, "dimension"),
        ("rank_65", npy("(" + "1," * 65 + ")"), LIMIT, "8 dimensions"),
        ("data_too_short", npy(data=bytes(63)), MODEL, "needs 64 bytes"),
        ("data_too_long", npy(data=bytes(65)), MODEL, "needs 64 bytes"),
        ("object_array", npy(descr="'|O'"), UNSUPPORTED, "element type"),
        ("big_endian", npy(descr="'>f4'"), UNSUPPORTED, "element type"),
        ("structured", npy(descr="[('a', '<f4')]"), UNSUPPORTED, "element type"),
        ("fortran", npy(order="True"), UNSUPPORTED, "Fortran"),
        ("code_in_the_header", npy(header="__import__('os').system('true')\n"), MODEL, "dict"),
        ("key_twice", npy(header=ROW[:-1] + "'shape': (1,), }\n"), MODEL, "key"),
        (
            "key_missing",
            npy(header="{'descr': '<f4', 'fortran_order': False, }\n"),
            MODEL,
            "missing",
        ),
        ("key_unknown", npy(header=ROW[:-1] + "'x': 1, }\n"), MODEL, "key"),
        ("text_behind_the_dict", npy(header=ROW + "; import os\n"), MODEL, "after the dict"),
        ("wrong_shape", npy("(4, 4)"), MODEL, "pixel_values"),
        ("batch_of_0", npy("(0, 1, 4, 4)", b""), MODEL, "pixel_values"),
        ("integers", npy(descr="'<i4'"), MODEL, "pixel_values"),
    ):
        yield bad_input("npy_" + name, "x.npy", data, code, says)
    yield bad_input(
        "npy_is_a_terabyte", "x.npy", Sparse(TERA, npy()), LIMIT, "'x.npy' has 1099511627776 bytes;"
    )
    four = struct.pack("<16f", *range(16))
    for name, data, code, says in (
        (
            "wrong_name_among_two",
            safetensors({"a": ([1, 1, 4, 4], four), "b": ([1], four[:4])}),
            MODEL,
            "pixel_values",
        ),
        ("wrong_shape", safetensors({"pixel_values": ([4, 4], four)}), MODEL, "pixel_values"),
        (
            "escapes",
            safetensors({"\x1b[2J": ([1], four[:4]), "b": ([1], four[:4])}),
            MODEL,
            "\\x1b[2J",
        ),
        ("no_tensors", safetensors_raw("{}"), MODEL, "pixel_values"),
        ("truncated", safetensors({"pixel_values": ([1, 1, 4, 4], four)})[:-1], MODEL, "truncated"),
        (
            "dtype_f4",
            safetensors_raw(
                '{"pixel_values":{"dtype":"F4","shape":[1,1,4,4],"data_offsets":[0,8]}}', bytes(8)
            ),
            UNSUPPORTED,
            "element type F4",
        ),
    ):
        yield bad_input("safetensors_" + name, "x.safetensors", data, code, says)


def pictures():
    pixels = zlib.compress(b"\0\0\0\0\0\0")
    for name, data, code, says in (
        ("signature_alone", png()[:8], MODEL, "neither a picture"),
        ("signature_and_one_byte", png()[:9], MODEL, "damaged PNG"),
        ("2_31_wide", png((1 << 31) - 1, (1 << 31) - 1, data=pixels), MODEL, "damaged PNG"),
        ("beyond_2_31_wide", png((1 << 32) - 1, 1, data=pixels), MODEL, "damaged PNG"),
        ("60000_square", png(60_000, 60_000, data=pixels), LIMIT, "pixels"),
        ("999999_square", png(999_999, 999_999, data=pixels), LIMIT, "pixels"),
        ("one_row_of_2_27", png(1 << 27, 1, data=pixels), MODEL, "damaged PNG"),
        ("0_wide", png(0, 2, data=pixels), MODEL, "damaged PNG"),
        ("depth_3", png(depth=3), MODEL, "damaged PNG"),
        ("colour_9", png(colour=9), MODEL, "damaged PNG"),
        ("no_data", png(data=b""), MODEL, "damaged PNG"),
        ("data_is_no_zlib", png(data=b"hello"), MODEL, "damaged PNG"),
        ("data_too_short", png(data=zlib.compress(b"\0")), MODEL, "damaged PNG"),
        ("palette_missing", png(colour=3), MODEL, "damaged PNG"),
        ("filter_9", png(data=zlib.compress(b"\x09\0\0" * 2)), MODEL, "damaged PNG"),
        ("wrong_crc", png()[:-20] + b"\1" + png()[-19:], MODEL, "damaged PNG"),
        (
            "chunk_of_2_31",
            png()[:33] + struct.pack(">I", 0x7FFFFFFF) + b"IDAT",
            MODEL,
            "damaged PNG",
        ),
    ):
        yield bad_input("png_" + name, "x.png", data, code, says)
    text = zlib.compress(bytes(64 << 20), 9)
    yield bad_input(
        "png_text_bomb", "x.png", png(extra=png_chunk(b"zTXt", b"a\0\0" + text) * 20), OK, ""
    )
    yield bad_input(
        "png_profile_bomb", "x.png", png(extra=png_chunk(b"iCCP", b"a\0\0" + text)), OK, ""
    )
    full = png(8000, 8000, data=zlib.compress(bytes(8001 * 8000), 9))
    yield bad_input("png_64_megapixels_cut", "x.png", full[:-30], MODEL, "damaged PNG")
    jpeg = progressive_jpeg(16, 16, 1)
    for name, data, code, says in (
        ("start_alone", jpeg[:4], MODEL, "damaged JPEG"),
        ("cut_in_the_frame", jpeg[:80], MODEL, "damaged JPEG"),
        ("cut_in_the_scan", jpeg[:-6], MODEL, "damaged JPEG"),
        ("no_scan", b"\xff\xd8\xff\xd9\0", MODEL, "damaged JPEG"),
        ("segment_of_length_0", b"\xff\xd8\xff\xe0\0\0" + jpeg[2:], OK, ""),
        (
            "0_wide",
            jpeg.replace(b"\0\x10\0\x10\1\1\x11", b"\0\x10\0\0\1\1\x11"),
            MODEL,
            "damaged JPEG",
        ),
        (
            "65535_square",
            jpeg.replace(b"\0\x10\0\x10\1\1\x11", b"\xff\xff\xff\xff\1\1\x11"),
            MODEL,
            "JPEG",
        ),
        (
            "65500_square",
            jpeg.replace(b"\0\x10\0\x10\1\1\x11", b"\xff\xdc\xff\xdc\1\1\x11"),
            LIMIT,
            "pixels",
        ),
        (
            "frame_missing",
            b"\xff\xd8" + jpeg_segment(0xDA, b"\1\1\0\0\0\0") + b"\0",
            MODEL,
            "damaged JPEG",
        ),
        ("arithmetic_coding", jpeg.replace(b"\xff\xc2", b"\xff\xca"), OK, ""),
    ):
        yield bad_input("jpeg_" + name, "x.jpg", data, code, says)
    yield bad_input(
        "jpeg_of_2000_scans", "x.jpg", progressive_jpeg(8000, 8000, 2000), LIMIT, "scans"
    )
    for name, data, code, says in (
        ("header_alone", b"P5 ", MODEL, "header"),
        ("0_wide", b"P5 0 4 255 ", MODEL, "without pixels"),
        ("negative", b"P5 -4 4 255 ", MODEL, "header"),
        ("2_30_square", b"P6 1000000000 1000000000 255 ", LIMIT, "pixels"),
        ("99_digits", b"P5 " + b"9" * 99 + b" 4 255 ", MODEL, "header"),
        ("cut", b"P5 4 4 255 " + bytes(15), MODEL, "ends early"),
        ("cut_before", b"P5 4 4 255", MODEL, "ends early"),
        ("16_bits", b"P5 4 4 65535 " + bytes(32), UNSUPPORTED, "65535"),
        ("most_0", b"P5 4 4 0 " + bytes(16), MODEL, "header"),
        ("comment_without_end", b"P5 # hello", MODEL, "header"),
    ):
        yield bad_input("pnm_" + name, "x.pgm", data, code, says)
    yield bad_input(
        "pnm_comment_of_10_mib", "x.pgm", Repeat(b"P5 #", b"a", 10 << 20), MODEL, "header"
    )


def files():
    for name, what, code, says in (
        ("a_pipe", Fifo(), IO, "a pipe"),
        ("a_folder", Folder(), IO, "a directory"),
        ("dev_zero", Link("/dev/zero"), IO, "a device"),
        ("a_terabyte", Sparse(TERA, png()[:33]), LIMIT, "'x.png' has 1099511627776 bytes;"),
        ("text", b"hello, this is not a picture\n", MODEL, "neither a picture"),
        ("gif", b"GIF89a" + bytes(40), MODEL, "neither a picture"),
        ("zip", b"PK\3\4" + bytes(40), MODEL, "neither a picture"),
    ):
        yield bad_input("picture_is_" + name, "x.png", what, code, says)


def cases():
    for family in (arrays, pictures, files):
        yield from family()
