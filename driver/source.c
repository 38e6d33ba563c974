// source.c: what the file on the command line is. Models go to the frontend; the text of any level
// is read back here, from a file or from standard input, so that every dump can be fed in again.
#include "driver/build.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

FrontendOptions frontend_options(const Options *o) {
    return (FrontendOptions){
        .batch = o->batch,
        .image_h = o->image.h,
        .image_w = o->image.w,
        .outputs = o->outputs,
        .pos_interp_legacy = !strcmp(o->pos_interp, "legacy"),
        .input_u8 = !strcmp(o->pixels, "u8-hwc"),
        .bool_masked_pos = !strcmp(o->mask, "bool_masked_pos"),
    };
}

static bool read_stdin(Tool *t, Str *text) {
    char buffer[1 << 16];
    for (;;) {
        ssize_t n = read(STDIN_FILENO, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return diag_error(t->c.diag, ERR_IO, 0, "standard input: %s", strerror(errno));
        if (n == 0) return true;
        if (text->n + (size_t)n > limit(LIM_TEXT_BYTES))
            return diag_error(t->c.diag, ERR_LIMIT, 0,
                              "standard input: more than %llu bytes of text",
                              (unsigned long long)limit(LIM_TEXT_BYTES));
        str_add_n(text, buffer, (size_t)n);
    }
}
static const char *skip_blanks(const char *p, const char *end) { // and comments
    while (p < end && (*p == ' ' || *p == '\n' || *p == '/')) {
        const char *line = memchr(p, '\n', (size_t)(end - p));
        if (*p == '/')
            p = line ? line : end;
        else
            p++;
    }
    return p;
}
static bool is_blank(const char *text, size_t n) {
    return skip_blanks(text, text + n) == text + n;
}
// The level of a text is its first word behind comments and blank lines.
static bool opens_with(const char *text, size_t n, const char *word) {
    const char *end = text + n, *p = skip_blanks(text, end);
    size_t m = strlen(word);
    return (size_t)(end - p) >= m && !memcmp(p, word, m);
}
// A constant that a .vg text names lies in a file of --constants: a text opens nothing by itself.
static const void *map_constants(void *ctx, const char *name, Loc at, uint64_t *nbytes) {
    Tool *t = ctx;
    const TextList *files = &t->opt.constants;
    const char *base = path_base(t->c.arena, name);
    FileView f;
    for (uint32_t i = 0; i < files->n; i++) {
        if (strcmp(path_base(t->c.arena, files->data[i]), base)) continue;
        if (!file_map(&t->c, files->data[i], &f)) return NULL;
        *nbytes = f.nbytes;
        return f.data;
    }
    diag_error(t->c.diag, ERR_USAGE, at, "the constants of '%s' are needed", name);
    diag_note(t->c.diag, "give that file with --constants");
    return NULL;
}
static bool parse_kernel(Tool *t, const char *file, const char *text, size_t n, Source *out) {
    size_t used = 0;
    out->kern = kern_parse(t->c.arena, t->c.diag, file, text, n, &used);
    if (!out->kern || !kern_check(out->kern, t->c.diag, false)) return false;
    if (is_blank(text + used, n - used)) return true;
    LocInfo at = {.file = file, .line = 1};
    const char *rest = skip_blanks(text + used, text + n);
    for (const char *c = text; c < rest; c++) at.line += *c == '\n';
    return diag_error(t->c.diag, ERR_MODEL, diag_loc(t->c.diag, at), "text after the kernel");
}
static bool parse_program(Tool *t, const char *file, const char *text, size_t n,
                          const FrontendOptions *f, Source *out) {
    out->program = program_parse_files(t->c.arena, t->c.diag, file, text, n, f->files);
    return out->program && program_check(out->program, t->c.diag);
}
static bool parse_graph(Tool *t, const char *file, const char *text, size_t n,
                        const FrontendOptions *f, Source *out) {
    out->graph = graph_parse_files(t->c.arena, t->c.diag, file, text, n, f->files);
    if (out->graph) out->graph->info.name = file;
    return out->graph && graph_check(out->graph, t->c.diag) &&
           frontend_select_outputs(&t->c, out->graph, f->outputs, NULL);
}
static bool parse_text(Tool *t, const char *file, const char *text, size_t n,
                       const FrontendOptions *f, Source *out) {
    if (n > limit(LIM_TEXT_BYTES))
        return diag_error(t->c.diag, ERR_LIMIT, diag_loc(t->c.diag, (LocInfo){.file = file}),
                          "%zu bytes of text, more than %llu", n,
                          (unsigned long long)limit(LIM_TEXT_BYTES));
    if (opens_with(text, n, "kernel")) return parse_kernel(t, file, text, n, out);
    if (opens_with(text, n, "program")) return parse_program(t, file, text, n, f, out);
    return parse_graph(t, file, text, n, f, out);
}
static bool load(Tool *t, const char *path, const FrontendOptions *options, Source *out) {
    GraphFiles files = {map_constants, t};
    FrontendOptions f = *options;
    f.files = &files;
    *out = (Source){0};
    if (!strcmp(path, "-")) {
        Str text = str_new(t->c.arena);
        return read_stdin(t, &text) && parse_text(t, "stdin", str_cstr(&text), text.n, &f, out);
    }
    if (str_ends(path, ".vk") || str_ends(path, ".vp")) {
        FileView view;
        return file_map(&t->c, path, &view) &&
               parse_text(t, path, (const char *)view.data, view.nbytes, &f, out);
    }
    if (access(path, F_OK))
        return diag_error(t->c.diag, ERR_IO, diag_loc(t->c.diag, (LocInfo){.file = path}), "%s",
                          strerror(errno));
    out->graph = frontend_load(&t->c, path, &f);
    return out->graph != NULL;
}
bool source_load(Tool *t, const char *path, const FrontendOptions *options, Source *out) {
    diag_subject(t->c.diag, strcmp(path, "-") ? path : "stdin");
    bool ok = load(t, path, options, out) && (out->graph || tuning_is_absent(t));
    diag_subject(t->c.diag, NULL);
    return ok;
}
