// compile.c: a model file becomes vit.o and vit.h. verb_compile is the whole walk through the
// compiler; everything above it is about the output's name and safety.
#include "driver/build.h"
#include "driver/memfile.h"
#include "driver/outfile.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

// ---- the symbol prefix ----------------------------------------------------------------------
// Names that C or C++ would not accept, or that would collide with the runtime's and the linker's.
static const char *const reserved[] = {
    "alignas",   "alignof",  "and",      "asm",        "auto",      "bool",        "break",
    "case",      "catch",    "char",     "class",      "compl",     "concept",     "const",
    "constexpr", "continue", "decltype", "default",    "delete",    "do",          "double",
    "else",      "enum",     "explicit", "export",     "extern",    "false",       "float",
    "for",       "friend",   "goto",     "if",         "import",    "inline",      "int",
    "long",      "main",     "module",   "mutable",    "namespace", "new",         "noexcept",
    "not",       "nullptr",  "operator", "or",         "private",   "protected",   "public",
    "register",  "requires", "restrict", "return",     "short",     "signed",      "sizeof",
    "static",    "struct",   "switch",   "template",   "this",      "throw",       "true",
    "try",       "typedef",  "typeid",   "typename",   "typeof",    "union",       "unsigned",
    "using",     "virtual",  "void",     "volatile",   "while",     "xor",         "memcpy",
    "memset",    "memmove",  "vitc",     "vitc_image", "vitc_pool", "vitc_thread",
};
static bool prefix_is_free(const char *name) {
    size_t n = strlen(name);
    bool leading =
        isalpha((unsigned char)name[0]) || (name[0] == '_' && islower((unsigned char)name[1]));
    if (!leading || n > 64) return false;
    for (const char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '_') return false;
    for (size_t i = 0; i < COUNT_OF(reserved); i++)
        if (!strcmp(name, reserved[i])) return false;
    return true;
}
static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}
// "out/vit-small.o" gives vit_small.
static const char *prefix_from_output(Arena *a, const char *output) {
    const char *base = base_name(output);
    char *name = arena_strndup(a, base, strcspn(base, "."));
    for (char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p)) *p = '_';
    return isdigit((unsigned char)*name) ? arena_printf(a, "m%s", name) : name;
}
static const char *choose_prefix(Tool *t) {
    const Options *o = &t->opt;
    bool is_named = o->output && strcmp(o->output, "-");
    const char *name = o->prefix ? o->prefix
                       : is_named ? prefix_from_output(t->c.arena, o->output)
                                  : "vit";
    if (prefix_is_free(name)) return name;
    diag_error(t->c.diag, ERR_USAGE, 0, "'%s' cannot be a symbol prefix", name);
    diag_note(t->c.diag, "a prefix has 1 to 64 letters, digits and _, and is no word of C or C++");
    if (!o->prefix) diag_note(t->c.diag, "it comes from the output's name; --prefix gives another");
    return NULL;
}

// ---- output files ---------------------------------------------------------------------------
static bool io_error(Tool *t, const char *path) {
    Loc at = diag_loc(t->c.diag, (LocInfo){.file = path});
    return diag_error(t->c.diag, ERR_IO, at, "cannot be written: %s", strerror(errno));
}
typedef struct Output {
    const char *object;
    const char *header; // NULL: a device or a pipe receives the object alone
} Output;
static Output choose_output(Tool *t) {
    struct stat st;
    const char *path = t->opt.output;
    if (!strcmp(path, "-") || !strcmp(path, "/dev/stdout")) return (Output){path, NULL};
    if (!stat(path, &st) && (S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode)))
        return (Output){path, NULL};
    size_t n = strlen(path) - (str_ends(path, ".o") || str_ends(path, ".c") ? 2 : 0);
    return (Output){path, arena_printf(t->c.arena, "%.*s.h", (int)n, path)};
}
// An existing output must be what an earlier run left there: no model and no source file is
// overwritten.
static bool may_replace(Tool *t, const char *path, const char *opening) {
    struct stat st;
    Loc at = diag_loc(t->c.diag, (LocInfo){.file = path});
    if (lstat(path, &st) || S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode)) return true;
    if (is_same_file(path, t->opt.file.data[0]))
        return diag_error(t->c.diag, ERR_USAGE, at, "is the input");
    if (!S_ISREG(st.st_mode))
        return diag_error(t->c.diag, ERR_IO, at, "exists and is not a regular file");
    FileView f;
    size_t n = strlen(opening);
    if (!st.st_size) return true;
    if (!file_map(&t->c, path, &f)) return false;
    if (f.nbytes >= n && !memcmp(f.data, opening, n)) return true;
    diag_error(t->c.diag, ERR_USAGE, at, "exists and was not written by vitc");
    return diag_note(t->c.diag, "remove it first, or choose another name");
}

typedef struct Stream {
    Tool *tool;
    const Program *program;
    const char *path;
} Stream;
static bool stream_weights(void *ctx, int fd) {
    const Stream *s = ctx;
    return build_write_image(s->tool, s->program, fd, s->path);
}
static bool write_object(Tool *t, const Program *p, const char *prefix, Bytes object, int fd) {
    bool x86 = p->target->arch == ARCH_X86_64;
    ElfWeights w = {
        .symbol = arena_printf(t->c.arena, "%s_weights", prefix),
        .section =
            x86 ? ".lrodata.vitc" : ".rodata.vitc", // outside of the 2 GB that code can reach
        .nbytes = p->weight_bytes,
        .align = p->weight_bytes < 4096 ? 64 : 4096,
        .large = x86,
    };
    Stream s = {t, p, t->opt.output};
    return elf_append(&t->c, object.data, object.n, &w, fd, t->opt.output, stream_weights, &s);
}
static bool write_text(Tool *t, Str *text, int fd, const char *path) {
    return write_all(fd, text->data, text->n) || io_error(t, path);
}
// Both files appear, or neither.
static bool write_pair(Tool *t, const Program *p, const EmitOptions *e, const Output *to,
                       Bytes object) {
    Str text = str_new(t->c.arena);
    header_print(p, e, &text);
    OutFile o, h;
    if (!out_open(&o, to->object)) return io_error(t, to->object);
    if (!out_open(&h, to->header)) return out_abort(&o), io_error(t, to->header);
    bool written =
        write_object(t, p, e->prefix, object, o.fd) && write_text(t, &text, h.fd, to->header);
    if (!written) return out_abort(&o), out_abort(&h), false;
    return out_commit_both(&o, &h) || io_error(t, to->object);
}
static bool write_stream(Tool *t, const Program *p, const EmitOptions *e, const Output *to,
                         Bytes object) {
    OutFile o;
    if (!out_open(&o, to->object)) return io_error(t, to->object);
    if (!write_object(t, p, e->prefix, object, o.fd)) return out_abort(&o), false;
    return out_commit(&o) || io_error(t, to->object);
}
static bool write_llvm(Tool *t, const Program *p, const EmitOptions *e) {
    Bytes text;
    const char *path = t->opt.output && strcmp(t->opt.output, "-") ? t->opt.output : NULL;
    Str s = str_new(t->c.arena);
    if (path && !may_replace(t, path, "; ModuleID = 'vitc'")) return false;
    if (!build_llvm_text(t, p, e, &text)) return false;
    str_add_n(&s, text.data, text.n);
    if (!path) return tool_print(t, &s);
    OutFile o;
    if (!out_open(&o, path)) return io_error(t, path);
    if (!write_text(t, &s, o.fd, path)) return out_abort(&o), false;
    return out_commit(&o) || io_error(t, path);
}

// vit.c, vit.h and vit.weights.bin, which vit.c takes in. The weights come first: a new vit.c never
// stands beside an old image.
static bool write_c(Tool *t, const Program *p, const EmitOptions *e, const Output *to) {
    Str source = str_new(t->c.arena), header = str_new(t->c.arena);
    size_t n = strlen(to->header) - 2;
    const char *weights = arena_printf(t->c.arena, "%.*s.weights.bin", (int)n, to->header);
    if (!may_replace(t, to->object, "// Made by vitc ") ||
        !may_replace(t, to->header, "/* Made by vitc ") || !may_replace(t, weights, ""))
        return false;
    if (!c_emit_source(&t->c, p, e, base_name(weights), base_name(to->header), &source))
        return false;
    header_print(p, e, &header);
    OutFile c, h, w;
    if (!out_open(&w, weights)) return io_error(t, weights);
    if (!build_write_image(t, p, w.fd, weights)) return out_abort(&w), false;
    if (!out_open(&c, to->object)) return out_abort(&w), io_error(t, to->object);
    if (!out_open(&h, to->header)) return out_abort(&w), out_abort(&c), io_error(t, to->header);
    bool written =
        write_text(t, &source, c.fd, to->object) && write_text(t, &header, h.fd, to->header);
    if (!written) return out_abort(&w), out_abort(&c), out_abort(&h), false;
    if (!out_commit(&w)) return out_abort(&c), out_abort(&h), io_error(t, weights);
    return out_commit_both(&c, &h) || io_error(t, to->object);
}

// ---- the optimiser's view -------------------------------------------------------------------
// Dumps open with a comment that names the pass; the table of times does not, and goes to stderr.
static void report(void *ctx, const char *text) {
    Tool *t = ctx;
    if (!str_starts(text, "//")) {
        terminal_say(&t->term, "%s", text);
        return;
    }
    Str s = str_new(t->c.arena);
    str_add(&s, text);
    tool_print(t, &s);
}
static bool print_kernel(Tool *t, const Kern *k) {
    Str s = str_new(t->c.arena);
    kern_print(k, &s, NULL);
    return tool_print(t, &s);
}
// -p: exactly these passes on a graph. It is printed unless -d already showed what was wanted.
static bool print_passes(Tool *t, Graph *g, const PassOptions *o) {
    if (!pipeline_graph(&t->c, g, o)) return false;
    if (o->dump) return true;
    Str s = str_new(t->c.arena);
    graph_print(g, &s);
    return tool_print(t, &s);
}
static bool print_stopped(Tool *t, Graph *g, const PassOptions *o) {
    const Program *p = pipeline_run(&t->c, g, o);
    if (diag_count(t->c.diag)) return false;
    if (o->dump) return true;
    Str s = str_new(t->c.arena);
    if (p)
        program_print(p, &s, t->c.diag);
    else
        graph_print(g, &s);
    return tool_print(t, &s);
}
static bool can_sanitize(Tool *t) {
    const Options *o = &t->opt;
    if (!strcmp(o->sanitize, "none") || strcmp(o->emit, "c")) return true;
    diag_error(t->c.diag, ERR_USAGE, 0, "--sanitize is for objects, not for --emit c");
    return diag_note(t->c.diag, "the compiler of the C does it: cc -fsanitize=%s", o->sanitize);
}
static bool needs_output(Tool *t) {
    const Options *o = &t->opt;
    if (o->output || o->dump || !strcmp(o->emit, "llvm")) return true;
    diag_error(t->c.diag, ERR_USAGE, 0, "compile needs -o FILE for the object");
    return diag_note(t->c.diag, "vitc compile %s -o vit.o", o->file.data[0]);
}

// ---- summary ---------------------------------------------------------------------------------
static bool summary(Tool *t, const Program *p, const EmitOptions *e, const Output *to, Bytes object,
                    double seconds) {
    Arena *a = t->c.arena;
    if (!t->opt.json) {
        terminal_say(&t->term,
                     "%s: %s, %u launches of %u kernels, code %s, weights %s, arena %s, %s",
                     to->object, program_target(p), p->launch.n, p->kern.n, text_bytes(a, object.n),
                     text_bytes(a, p->weight_bytes), text_bytes(a, program_host_arena(p)),
                     text_seconds(a, seconds));
        return true;
    }
    Str s = str_new(a);
    Json j = json_put_begin(&s, "compile");
    json_put_text(&j, "object", to->object);
    json_put_text(&j, "header", to->header);
    json_put_text(&j, "prefix", e->prefix);
    json_put_text(&j, "target", program_target(p));
    json_put_uint(&j, "kernels", p->kern.n);
    json_put_uint(&j, "launches", p->launch.n);
    json_put_uint(&j, "code_bytes", object.n);
    json_put_uint(&j, "weight_bytes", p->weight_bytes);
    json_put_uint(&j, "arena_bytes", program_host_arena(p));
    json_put_real(&j, "seconds", seconds);
    json_put_finish(&j);
    return tool_print(t, &s);
}

// ---- the walk --------------------------------------------------------------------------------
// Program to object and header.
static bool emit_program(Tool *t, const Program *p, double started) {
    const char *prefix = choose_prefix(t);
    if (!prefix) return false;
    EmitOptions emit = emit_options(p, prefix);
    emit.sanitize_address = !strcmp(t->opt.sanitize, "address");
    if (!strcmp(t->opt.emit, "llvm")) return write_llvm(t, p, &emit);

    Output to = choose_output(t);
    if (!strcmp(t->opt.emit, "c")) {
        if (to.header)
            return write_c(t, p, &emit, &to) &&
                   summary(t, p, &emit, &to, (Bytes){0}, seconds_now() - started);
        return diag_error(t->c.diag, ERR_USAGE, 0, "--emit c writes three files: give -o FILE.c");
    }
    Bytes object;
    if (to.header &&
        (!may_replace(t, to.object, "\177ELF") || !may_replace(t, to.header, "/* Made by vitc ")))
        return false;
    if (!build_object(t, p, &emit, &object)) return false;
    bool written =
        to.header ? write_pair(t, p, &emit, &to, object) : write_stream(t, p, &emit, &to, object);
    return written && summary(t, p, &emit, &to, object, seconds_now() - started);
}
bool verb_compile(Tool *t) {
    double started = seconds_now();
    const Options *o = &t->opt;
    PassOptions passes;
    Source source;
    FrontendOptions front = frontend_options(o);
    if (!can_sanitize(t) || !pass_options(t, &passes)) return false;
    if (!source_load(t, o->file.data[0], &front, &source)) return false;
    passes.report = report;
    passes.report_ctx = t;
    if (source.kern) return print_kernel(t, source.kern);
    if (source.graph && o->passes) return print_passes(t, source.graph, &passes);
    if (source.graph && o->stop_after) return print_stopped(t, source.graph, &passes);
    if (!needs_output(t)) return false;

    Program *p = source.program ? source.program : pipeline_run(&t->c, source.graph, &passes);
    bool only_shown = !o->output && strcmp(o->emit, "llvm");
    return p && (only_shown || emit_program(t, p, started));
}
