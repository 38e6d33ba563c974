// make_object.c: writes the small program as OUT.o and OUT.h, for the tests that link it.
//
//     make_object OUT PREFIX TARGET EXTRA_WEIGHT_BYTES [hostile]
//
// hostile: with many more outputs, whose names try to be something else.
#include "backends/backend.h"
#include "tests/link/small_program.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void sink(void *ctx, Severity sev, const LocInfo *at, const char *message) {
    (void)ctx;
    (void)sev;
    fprintf(stderr, "%s: %s\n", at->file ? at->file : "", message);
}
typedef struct Image {
    const Program *p;
    int fd;
} Image;
static bool put(void *ctx, const void *bytes, uint64_t n) {
    return write_all(((const Image *)ctx)->fd, bytes, n);
}
static bool stream(void *ctx, int fd) {
    Image *i = ctx;
    Arena *scratch = arena_new("image");
    i->fd = fd;
    bool ok = program_image(i->p, scratch, put, i);
    arena_free(scratch);
    return ok;
}
static int create(Ctx *c, const char *out, const char *suffix) {
    return open(arena_printf(c->arena, "%s%s", out, suffix), O_WRONLY | O_CREAT | O_TRUNC, 0666);
}
static void add_hostile_outputs(Program *p) {
    static const char *const names[] = {
        "logits",
        "logits",
        "a/b",
        "a.b",
        "a_b",
        "a_b_2",
        "",
        NULL,
        "1st",
        "_x",
        "arena",
        "par",
        "float",
        "uint8_t",
        "vitc_parallel",
        "linux",
        "errno",
        "NULL",
        "BAD_BATCH",
        "class",
        "x y",
        "*/ int main(void) { /*",
        "\"",
        "\\",
        "\n#error",
        "%s%n",
        "\xe2\x80\xae",
        "$(touch x)",
        "<b>",
        "a_very_long_name_that_goes_on_and_on_until_nobody_wants_to_read_it_any_more",
        "a_very_long_name_that_goes_on_and_on_until_nobody_wants_to_read_it_any_longer"};
    const Type type = p->output.data[0].type;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        *PUSH(p->arena, &p->output) = (ProgramTensor){names[i], type};
}
int main(int argc, char **argv) {
    if (argc < 5) return 2;
    Ctx c = {arena_new("command"), arena_new("scratch"), NULL};
    c.diag = diag_new(c.arena, sink, NULL);
    const char *out = argv[1], *prefix = argv[2];
    const Target *t = target_find(argv[3]);
    Program *p = t ? small_program(c.arena, t, "scale", strtoull(argv[4], NULL, 0)) : NULL;
    if (!p) return 2;
    if (argc > 5) add_hostile_outputs(p);
    EmitOptions o = {.prefix = prefix, .source_sha256 = "", .version = "vitc test"};
    ElfWeights w = {arena_printf(c.arena, "%s_weights", prefix), ".lrodata.vitc", p->weight_bytes,
                    4096, true};
    Str object = str_new(c.arena), header = str_new(c.arena);
    Image image = {p, -1};
    header_print(p, &o, &header);
    bool ok =
        llvm_emit_object(&c, p, &o, &object) &&
        elf_append(&c, object.data, object.n, &w, create(&c, out, ".o"), out, stream, &image) &&
        write_all(create(&c, out, ".h"), header.data, header.n);
    return !ok;
}
