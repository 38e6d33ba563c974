// compile.c: a model file becomes vit.o and vit.h. verb_compile is the whole walk through the
// compiler; everything above it is about the output's name and safety.
#include "driver/emit.h"
#include "driver/sample.h"
#include <ctype.h>
#include <string.h>

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
// "out/vit-small.o" gives vit_small.
static const char *prefix_from_output(Tool *t, const char *output) {
    const char *base = emit_base(t, output);
    char *name = arena_strndup(t->c.arena, base, strcspn(base, "."));
    for (char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p)) *p = '_';
    return isdigit((unsigned char)*name) ? arena_printf(t->c.arena, "m%s", name) : name;
}
static const char *choose_prefix(Tool *t) {
    const Options *o = &t->opt;
    bool is_named = o->output && strcmp(o->output, "-");
    const char *name = o->prefix ? o->prefix : is_named ? prefix_from_output(t, o->output) : "vit";
    if (prefix_is_free(name)) return name;
    diag_error(t->c.diag, ERR_USAGE, 0, "'%s' cannot be a symbol prefix", name);
    diag_note(t->c.diag, "a prefix has 1 to 64 letters, digits and _, and is no word of C or C++");
    if (!o->prefix) diag_note(t->c.diag, "it comes from the output's name; --prefix gives another");
    return NULL;
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
static bool print_program(Tool *t, const Program *p) {
    Str s = str_new(t->c.arena);
    program_print(p, &s, t->c.diag);
    return tool_print(t, &s);
}
// A kernel's text names its machine; --target puts another in its place.
static bool kernel_passes(Tool *t, Kern *k, const PassOptions *o) {
    if (strcmp(t->opt.target, "native")) k->target = o->target;
    diag_subject(t->c.diag, t->opt.file.data[0]);
    if (!kern_check(k, t->c.diag, false)) return false;
    diag_subject(t->c.diag, NULL);
    if (o->only && !pipeline_kernel(&t->c, &k, o)) return false;
    return (o->only && o->dump) || print_kernel(t, k);
}
static bool program_passes(Tool *t, Program *p, const PassOptions *o) {
    return pipeline_program(&t->c, p, o) && (o->dump || print_program(t, p));
}
// -p: exactly these passes; --stop-after: the first ones. What comes of them is printed unless -d
// already showed what was wanted.
static bool graph_passes(Tool *t, Graph *g, const PassOptions *o) {
    const Program *p = pipeline_run(&t->c, g, o);
    if (diag_count(t->c.diag)) return false;
    if (o->dump) return true;
    if (p) return print_program(t, p);
    Str s = str_new(t->c.arena);
    graph_print(g, &s);
    return tool_print(t, &s);
}
static bool can_sanitize(Tool *t) {
    const Options *o = &t->opt;
    if (!strcmp(o->sanitize, "none") || strcmp(o->emit, "c")) return true;
    diag_error(t->c.diag, ERR_USAGE, 0, "--sanitize is for objects, not for --emit c");
    return diag_note(t->c.diag, "the compiler of the C does it: cc -fsanitize=%s", o->sanitize);
}
// Only the C of target generic runs on machines that are not little-endian.
static bool can_be_big_endian(Tool *t, const Target *target) {
    const Options *o = &t->opt;
    bool is_portable = !strcmp(o->emit, "c") && !target->features;
    return strcmp(o->byte_order, "big") || is_portable ||
           diag_error(t->c.diag, ERR_USAGE, 0,
                      "--byte-order big is for --emit c --target generic: %s is little-endian",
                      target->features ? target->name : "an object");
}
static bool needs_output(Tool *t) {
    const Options *o = &t->opt;
    if (o->output || o->dump || emit_can_print(t)) return true;
    diag_error(t->c.diag, ERR_USAGE, 0, "compile needs -o FILE for the object");
    return diag_note(t->c.diag, "vitc compile %s -o vit.o", o->file.data[0]);
}

// ---- summary ---------------------------------------------------------------------------------
static bool summary(Tool *t, const Program *p, const EmitOptions *e, const Emitted *to,
                    double seconds) {
    Arena *a = t->c.arena;
    if (!t->opt.json) {
        terminal_say(&t->term,
                     "%s: %s, %u launches of %u kernels, code %s, weights %s, arena %s, %s",
                     to->output, program_target(p), p->launch.n, p->kern.n,
                     text_bytes(a, to->code_bytes), text_bytes(a, p->weight_bytes),
                     text_bytes(a, program_host_arena(p)), text_seconds(a, seconds));
        return true;
    }
    Str s = str_new(a);
    Json j = json_put_begin(&s, "compile");
    json_put_text(&j, "object", to->output);
    json_put_text(&j, "header", to->header);
    json_put_text(&j, "prefix", e->prefix);
    json_put_text(&j, "target", program_target(p));
    json_put_uint(&j, "kernels", p->kern.n);
    json_put_uint(&j, "launches", p->launch.n);
    json_put_uint(&j, "code_bytes", to->code_bytes);
    json_put_uint(&j, "weight_bytes", p->weight_bytes);
    json_put_uint(&j, "arena_bytes", program_host_arena(p));
    json_put_real(&j, "seconds", seconds);
    json_put_finish(&j);
    return tool_print(t, &s);
}

// ---- the walk --------------------------------------------------------------------------------
static bool emit(Tool *t, const Program *p, const FileNames *opened, double started) {
    Emitted out;
    const char *prefix = choose_prefix(t);
    if (!prefix) return false;
    EmitOptions e = emit_options(p, prefix);
    e.standalone = t->opt.standalone;
    e.sanitize_address = !strcmp(t->opt.sanitize, "address");
    return emit_program(t, p, &e, opened, &out) &&
           (emit_can_print(t) || summary(t, p, &e, &out, seconds_now() - started));
}
static Program *make_program(Tool *t, const Source *s, const PassOptions *passes) {
    SampleData test;
    if (t->opt.selftest && !s->graph)
        return diag_error(t->c.diag, ERR_USAGE, 0, "--selftest needs a model or a graph"), NULL;
    if (t->opt.selftest && !sample_make(t, s->graph, &test)) return NULL;
    Program *p = s->program ? s->program : pipeline_run(&t->c, s->graph, passes);
    if (p) p->big_endian = !strcmp(t->opt.byte_order, "big");
    if (p && t->opt.selftest) program_add_sample(p, test.in, test.out, tolerance_of(&t->opt));
    return p;
}
bool verb_compile(Tool *t) {
    double started = seconds_now();
    const Options *o = &t->opt;
    PassOptions passes;
    Source source;
    FrontendOptions front = frontend_options(o);
    FileNames *opened = t->c.opened = NEW(t->c.arena, FileNames);
    if (!can_sanitize(t) || !pass_options(t, &passes)) return false;
    if (!source_load(t, o->file.data[0], &front, &source)) return false;
    if (!can_be_big_endian(t, source.program ? source.program->target : passes.target))
        return false;
    passes.report = report;
    passes.report_ctx = t;
    if (source.kern) return kernel_passes(t, source.kern, &passes);
    if (source.program && o->passes) return program_passes(t, source.program, &passes);
    if (source.graph && (o->passes || o->stop_after)) return graph_passes(t, source.graph, &passes);
    if (!needs_output(t)) return false;

    Program *p = make_program(t, &source, &passes);
    t->c.opened = NULL; // what comes now is no part of the model
    bool only_shown = !o->output && !emit_can_print(t);
    return p && (only_shown || emit(t, p, opened, started));
}
