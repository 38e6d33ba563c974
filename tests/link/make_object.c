// make_object.c: writes the small program as OUT.o and OUT.h, for the tests that link it.
//
//     make_object OUT PREFIX TARGET EXTRA_WEIGHT_BYTES [hostile|c]
//
// EXTRA_WEIGHT_BYTES: zeros between the weights that it uses, a hole in the file.
// hostile: with many more outputs, whose names try to be something else.
// c: OUT.c, which takes in OUT.weights, instead of OUT.o.
#include "backends/backend.h"
#include "tests/link/small_program.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
static bool is_zero(const char *bytes, uint64_t n) {
    return n == 0 || (!bytes[0] && !memcmp(bytes, bytes + 1, n - 1));
}
static bool put(void *ctx, const void *bytes, uint64_t n) {
    const Image *i = ctx;
    if (is_zero(bytes, n)) return lseek(i->fd, (off_t)n, SEEK_CUR) > 0;
    return write_all(i->fd, bytes, n);
}
static bool stream(void *ctx, int fd) {
    Image *i = ctx;
    Arena *scratch = arena_new("image");
    i->fd = fd;
    bool ok = program_image(i->p, scratch, put, i);
    arena_free(scratch);
    off_t end = lseek(fd, 0, SEEK_CUR);
    return ok && end >= 0 && !ftruncate(fd, end);
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
static bool write_object(Ctx *c, const Program *p, const EmitOptions *o, const char *out,
                         Image *image) {
    ElfWeights w = {arena_printf(c->arena, "%s_weights", o->prefix), ".lrodata.vitc",
                    p->weight_bytes, 4096, true};
    Str object = str_new(c->arena);
    return llvm_emit_object(c, p, o, &object) &&
           elf_append(c, object.data, object.n, &w, create(c, out, ".o"), out, stream, image);
}
static bool write_c(Ctx *c, const Program *p, const EmitOptions *o, const char *out, Image *image) {
    Str source = str_new(c->arena);
    const char *slash = strrchr(out, '/'), *name = slash ? slash + 1 : out;
    return c_emit_source(c, p, o, arena_printf(c->arena, "%s.weights", name),
                         arena_printf(c->arena, "%s.h", name), &source) &&
           write_all(create(c, out, ".c"), source.data, source.n) &&
           stream(image, create(c, out, ".weights"));
}
int main(int argc, char **argv) {
    if (argc < 5) return 2;
    Ctx c = {arena_new("command"), arena_new("scratch"), NULL, NULL};
    c.diag = diag_new(c.arena, sink, NULL);
    const char *out = argv[1], *mode = argc > 5 ? argv[5] : "";
    const Target *t = target_find(argv[3]);
    Program *p = t ? small_program(c.arena, t, "scale", strtoull(argv[4], NULL, 0)) : NULL;
    if (!p) return 2;
    if (!strcmp(mode, "hostile")) add_hostile_outputs(p);
    EmitOptions o = {.prefix = argv[2], .source_sha256 = "", .version = "vitc test"};
    Str header = str_new(c.arena);
    Image image = {p, -1};
    header_print(p, &o, &header);
    bool ok = write_all(create(&c, out, ".h"), header.data, header.n);
    return !(ok && (strcmp(mode, "c") ? write_object : write_c)(&c, p, &o, out, &image));
}
