// make_onnx.c: a text in the language of onnx_text.h becomes an ONNX file, for tests that run vitc.
#include "tests/onnx/onnx_text.h"
#include <stdio.h>

int main(int argc, char **argv) {
    if (argc != 3) return fprintf(stderr, "usage: make_onnx TEXT MODEL\n"), 2;
    Arena *a = arena_new("make_onnx");
    Str text = str_new(a);
    FILE *in = fopen(argv[1], "rb");
    char chunk[4096];
    for (size_t n; in && (n = fread(chunk, 1, sizeof chunk, in)) > 0;) str_add_n(&text, chunk, n);
    OnnxText model = onnx_text(a, str_cstr(&text));
    FILE *out = fopen(argv[2], "wb");
    size_t written = out ? fwrite(model.bytes.data, 1, model.bytes.n, out) : 0;
    if (!in || !out || written != model.bytes.n || fclose(out)) return perror("make_onnx"), 1;
    return 0;
}
