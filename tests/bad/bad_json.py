"""Configurations that are no JSON, or JSON that no configuration may be."""

from cases import (
    IO,
    LIMIT,
    MODEL,
    OK,
    UNSUPPORTED,
    Fifo,
    Folder,
    Link,
    Repeat,
    Sparse,
    bad_hf,
    bad_model,
)
from formats import CONFIG, PREPROCESS, hf, text, weights

TERA = 1 << 40
BIDI = "\u202e"


def with_member(member):
    """A valid config.json with one more member in front, as raw bytes."""
    member = member.encode() if isinstance(member, str) else member
    return hf(config=b"{" + member + b"," + text(CONFIG)[1:])


def syntax():
    for name, member, says in (
        ("number_01", '"x": 01', "number"),
        ("number_ends_in_a_dot", '"x": 1.', "a digit"),
        ("number_starts_with_a_dot", '"x": .5', "value"),
        ("number_plus", '"x": +1', "value"),
        ("number_hexadecimal", '"x": 0x10', "expected ',' or '}'"),
        ("number_1e400", '"x": 1e400', "a number beyond the range of a"),
        ("number_minus", '"x": -', "a digit"),
        ("number_exponent", '"x": 1e', "a digit"),
        ("number_of_2000_digits", '"x": ' + "1" * 2000, "a number of more than 63"),
        ("nan", '"x": NaN', "value"),
        ("infinity", '"x": Infinity', "value"),
        ("literal_cut", '"x": tru', "expected a value"),
        ("literal_upper", '"x": True', "value"),
        ("key_twice", '"x": 1, "x": 2', "twice"),
        ("key_twice_by_escape", '"ab": 1, "\\u0061b": 2', "twice"),
        ("known_key_twice", '"hidden_size": 8', "twice"),
        ("key_without_quotes", "x: 1", "key"),
        ("key_in_single_quotes", "'x': 1", "key"),
        ("no_colon", '"x" 1', "':'"),
        ("comma_twice", '"x": 1,', "key"),
        ("comment", '"x": 1 /* two */', "expected ',' or '}'"),
        ("unclosed_string", '"x": "abc', "expected ',' or '}'"),
        ("unclosed_list", '"x": [1, 2', "expected ',' or ']'"),
        ("mismatched_brackets", '"x": [1}', "expected ',' or ']'"),
        ("list_ends_in_a_comma", '"x": [1,]', "value"),
        ("raw_newline", '"x": "a\nb"', "control"),
        ("raw_escape", '"x": "a\x1b[2Jb"', "control"),
        ("nul_byte", '"x": "a\0b"', "a NUL byte"),
        ("nul_escape", '"x": "a\\u0000b"', "\\u0000 in a string"),
        ("nul_between_values", '"x": 1\0', "a NUL byte"),
        ("unknown_escape", '"x": "\\q"', "escape"),
        ("short_escape", '"x": "\\u12"', "four hexadecimal digits"),
        ("escape_in_hex_x", '"x": "\\x41"', "escape"),
        ("lone_high_surrogate", '"x": "\\ud800"', "surrogate"),
        ("lone_low_surrogate", '"x": "\\udc00"', "surrogate"),
        ("two_high_surrogates", '"x": "\\ud800\\ud800"', "surrogate"),
        ("utf8_cut", b'"x": "\xe2\x82"', "UTF-8"),
        ("utf8_overlong", b'"x": "\xc0\x80"', "UTF-8"),
        ("utf8_overlong_slash", b'"x": "\xe0\x80\xaf"', "UTF-8"),
        ("utf8_surrogate", b'"x": "\xed\xa0\x80"', "UTF-8"),
        ("utf8_beyond_unicode", b'"x": "\xf4\x90\x80\x80"', "UTF-8"),
        ("utf8_lone_tail", b'"x": "\x80"', "UTF-8"),
        ("latin_1", b'"x": "\xe9"', "UTF-8"),
        ("byte_in_the_open", b'"x": \xff', "expected a value"),
    ):
        yield bad_hf(name, with_member(member), MODEL, says)
    good = text(CONFIG)
    for name, data, says in (
        ("empty_object_cut", b"{", "key"),
        ("text_behind", good + b" x", "after"),
        ("second_value", good + b"{}", "after"),
        ("byte_order_mark", b"\xef\xbb\xbf" + good, "mark"),
        ("utf_16", b"\xff\xfe" + good.decode().encode("utf-16-le"), "a NUL byte"),
        ("a_list", b"[" + good + b"]", "object"),
        ("a_string", b'"vit_msn"', "object"),
        ("white_space", b" \n\t ", "expected '{': the text must be an"),
        ("html", b"<!doctype html><html></html>", "object"),
        ("python", str(CONFIG).encode(), "key"),
        ("a_vertical_tab", b"\x0b" + good, "expected '{': the text must be an"),
    ):
        yield bad_hf(name, hf(config=data), MODEL, says)
    yield bad_hf("empty_file", hf(config=b""), IO, "is empty")
    for name, deep in (
        ("lists", b'{"x":' + b"[" * 100_000),
        ("objects", b'{"x":' * 100_000),
        ("65_closed_lists", b'{"x":' + b"[" * 65 + b"]" * 65 + b"}"),
    ):
        yield bad_hf("nested_" + name, hf(config=deep), LIMIT, "nest")
    yield bad_hf("five_megabytes", hf(config=Repeat(b'{"x": "', b"a", 5 << 20)), LIMIT, "limit")
    yield bad_hf(
        "two_million_values",
        hf(config=Repeat(b'{"x": [0', b",0", (4 << 19) - 100)),
        LIMIT,
        "too many values",
    )
    keys = b"".join(b'"k%d":0,' % i for i in range(100_000))
    yield bad_hf("hundred_thousand_keys", hf(config=b"{" + keys + text(CONFIG)[1:]), OK, "")
    yield bad_hf(
        "hundred_thousand_keys_and_one_twice",
        hf(config=b"{" + keys + b'"k0":0,' + text(CONFIG)[1:]),
        MODEL,
        "twice",
    )


def config_files():
    for name, what, code, says in (
        ("a_pipe", Fifo(), IO, "a pipe"),
        ("a_folder", Folder(), IO, "config.json' is a directory, not"),
        ("a_terabyte", Sparse(TERA), LIMIT, "config.json' has 1099511627776"),
        ("a_link_out", Link("/etc/passwd"), MODEL, "outside"),
        ("dev_zero", Link("/dev/zero"), MODEL, "outside"),
        ("a_loop_of_links", Link("config.json"), IO, "Too many levels"),
    ):
        yield bad_hf("config_is_" + name, hf(config=what), code, says)
    yield bad_model("config_is_absent", "m", hf(files={"config.json": None}), IO, "config.json")


def values():
    """One key of a valid config.json with a value that it must not have."""
    for key in (
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "intermediate_size",
        "image_size",
        "patch_size",
        "num_channels",
    ):
        for name, v in (
            ("0", 0),
            ("negative", -1),
            ("fraction", 2.5),
            ("2_63", 1 << 63),
            ("2_53", (1 << 53) + 1),
            ("boolean", True),
            ("string", "4"),
            ("object", {}),
        ):
            yield bad_hf(f"{key}_{name}", hf(**{key: v}), MODEL, f"'{key}'")
    for key, v, code, says in (
        ("num_hidden_layers", 1_000_000, MODEL, "'num_hidden_layers'"),
        ("hidden_size", 5, MODEL, "not a multiple"),
        ("num_attention_heads", 3, MODEL, "not a multiple"),
        ("num_attention_heads", 1024, MODEL, "not a multiple"),
        ("hidden_size", 1 << 31, MODEL, "'hidden_size'"),
        ("patch_size", 5, MODEL, "larger than"),
        ("patch_size", [2, 2, 2], MODEL, "'patch_size'"),
        ("image_size", [4, 0], MODEL, "'image_size[1]'"),
        ("image_size", [], MODEL, "'image_size'"),
        ("image_size", 1 << 29, LIMIT, "patches"),
        ("image_size", [1 << 30, 1 << 30], LIMIT, "patches"),
        ("image_size", 6, MODEL, "position_embeddings"),
        ("patch_size", [1, 4], MODEL, "projection.weight"),
        ("num_channels", 3, MODEL, "projection"),
        ("intermediate_size", 5, MODEL, "fc1"),
        ("num_hidden_layers", 2, MODEL, "missing"),
        ("head_dim", 3, OK, ""),
        ("head_dim", 1 << 20, MODEL, "'head_dim'"),
        ("hidden_act", "frobnicate", UNSUPPORTED, "frobnicate"),
        ("hidden_act", "gleu", UNSUPPORTED, "did you mean"),
        ("hidden_act", 7, MODEL, "'hidden_act'"),
        ("hidden_act", "\x1b]0;x\x07", UNSUPPORTED, "\\x1b"),
        ("hidden_act", BIDI + "uleg", UNSUPPORTED, "\\xe2\\x80\\xae"),
        ("hidden_act", "%s%n%n%n", UNSUPPORTED, "%s%n%n%n"),
        ("hidden_act", None, OK, ""),
        ("layer_norm_eps", -1, MODEL, "'layer_norm_eps'"),
        ("layer_norm_eps", "1e-6", MODEL, "'layer_norm_eps'"),
        ("qkv_bias", 1, MODEL, "'qkv_bias'"),
        ("qkv_bias", False, MODEL, "not in the model"),
        ("model_type", "deit", UNSUPPORTED, "deit"),
        ("model_type", 3, MODEL, "'model_type'"),
        ("id2label", [], MODEL, "'id2label'"),
        ("id2label", {"0": "a", "2": "b"}, MODEL, "'id2label'"),
        ("id2label", {"-1": "a"}, MODEL, "label number"),
        ("id2label", {"x": "a"}, MODEL, "label number"),
        ("id2label", {"99999999999999999999": "a"}, MODEL, "label number"),
        ("id2label", {"0": "a", "00": "b"}, MODEL, "'id2label'"),
        ("id2label", {"0": 1}, MODEL, "must be a string"),
        ("problem_type", "guess", UNSUPPORTED, "guess"),
        ("pruned_heads", {"0": [0, 1]}, UNSUPPORTED, "leaves no head"),
        ("pruned_heads", {"0": [0, 0]}, MODEL, "twice"),
        ("pruned_heads", {"7": [0]}, MODEL, "layer"),
        ("pruned_heads", {"0": [2]}, MODEL, "'pruned_heads.0[0]'"),
        ("pruned_heads", [], MODEL, "must be an object"),
    ):
        shown = "".join(c if c.isalnum() else "_" for c in str(v))[:40]
        yield bad_hf(f"{key}_is_{shown}", hf(**{key: v}), code, says)


def preprocessing():
    for key, v, code, says in (
        ("size", 0, MODEL, "'size'"),
        ("size", {"height": 4}, UNSUPPORTED, "height and width"),
        ("size", {"height": -4, "width": 4}, MODEL, "height"),
        ("size", [4], OK, ""),
        ("size", [4, 4, 4], MODEL, "'size'"),
        ("size", 1 << 40, MODEL, "'size'"),
        ("image_mean", [0.5] * 9, MODEL, "'image_mean'"),
        ("image_mean", ["a"], MODEL, "'image_mean[0]'"),
        ("image_std", [0.0], MODEL, "positive"),
        ("image_std", [-1.0], MODEL, "positive"),
        ("image_std", [0.5, 0.5], MODEL, "2 values for 1 channels"),
        ("resample", 6, MODEL, "'resample'"),
        ("resample", 2.5, MODEL, "'resample'"),
        ("rescale_factor", 1e300, MODEL, "'rescale_factor'"),
        ("do_resize", "yes", MODEL, "'do_resize'"),
    ):
        shown = "".join(c if c.isalnum() else "_" for c in str(v))[:30]
        files = hf(files={"preprocessor_config.json": text({**PREPROCESS, key: v})})
        yield bad_hf(f"preprocess_{key}_is_{shown}", files, code, says)
    yield bad_hf(
        "preprocess_is_no_json", hf(files={"preprocessor_config.json": b"{01}"}), MODEL, "key"
    )
    yield bad_hf(
        "preprocess_is_a_pipe", hf(files={"preprocessor_config.json": Fifo()}), IO, "a pipe"
    )


def shards():
    def indexed(index, **files):
        return hf(
            files={
                "model.safetensors": None,
                "model.safetensors.index.json": index if isinstance(index, bytes) else text(index),
                **{name + ".safetensors": data for name, data in files.items()},
            }
        )

    one = {"vit.layernorm.bias": "a.safetensors"}
    for name, index, says in (
        ("without_a_map", {"metadata": {}}, "weight_map"),
        ("map_is_a_list", {"weight_map": []}, "has no weight_map"),
        ("map_of_numbers", {"weight_map": {"a": 1}}, "file name"),
        ("of_nothing", {"weight_map": {}}, "missing"),
        ("tensor_absent", {"weight_map": {"nope": "a.safetensors"}}, "is not in the file"),
        ("parent", {"weight_map": {"a": "../a.safetensors"}}, "contains '..'"),
        ("absolute", {"weight_map": {"a": "/etc/passwd"}}, "is absolute"),
        ("backslash", {"weight_map": {"a": "..\\a"}}, "backslash"),
        ("empty", {"weight_map": {"a": ""}}, "is empty"),
        (
            "itself",
            {"weight_map": {"a": "model.safetensors.index.json"}},
            "neither a safetensors file nor a",
        ),
        ("tensors_missing", {"weight_map": one}, "missing from the checkpoint"),
    ):
        yield bad_hf("shard_" + name, indexed(index, a=weights()), MODEL, says)
    yield bad_hf(
        "shard_absent", indexed({"weight_map": {"a": "b.safetensors"}}), IO, "b.safetensors"
    )
    yield bad_hf("shard_with_escapes", indexed({"weight_map": {"a": "\x1b[31m"}}), IO, "\\x1b[31m")
    yield bad_hf(
        "shard_is_a_link_out", indexed({"weight_map": one}, a=Link("/etc/passwd")), MODEL, "outside"
    )
    yield bad_hf("shard_is_a_pipe", indexed({"weight_map": one}, a=Fifo()), IO, "a pipe")
    many = {"weight_map": {f"t{i}": f"s{i}.safetensors" for i in range(50_000)}}
    yield bad_hf("fifty_thousand_shards", indexed(many), IO, "s0.safetensors")
    yield bad_hf("index_key_twice", indexed(b'{"weight_map":{"a":"b","a":"c"}}'), MODEL, "twice")


def cases():
    for family in (syntax, config_files, values, preprocessing, shards):
        yield from family()
    yield bad_model("config_by_name", "m/config.json", hf(config=b"{01}"), MODEL, "config.json:1:2")
