// header.c: vit.h, the typed face of a compiled model (ABI.md section 2).
#include "backends/backend.h"
#include <ctype.h>
#include <string.h>

// ---- names of parameters ---------------------------------------------------------------------
// What a parameter may not be called: words of C and C++, our own parameters, what the printed C
// calls in their sight, and lower-case macros that compilers and system headers define.
static const char *const taken[] = {"and",           "and_eq",
                                    "arena",         "asm",
                                    "assert",        "auto",
                                    "bitand",        "bitor",
                                    "bool",          "break",
                                    "case",          "catch",
                                    "char",          "class",
                                    "compl",         "complex",
                                    "concept",       "const",
                                    "constexpr",     "continue",
                                    "decltype",      "default",
                                    "delete",        "do",
                                    "double",        "else",
                                    "enum",          "errno",
                                    "explicit",      "export",
                                    "extern",        "false",
                                    "float",         "for",
                                    "friend",        "goto",
                                    "i386",          "if",
                                    "imaginary",     "inline",
                                    "int",           "linux",
                                    "long",          "mutable",
                                    "namespace",     "new",
                                    "noexcept",      "not",
                                    "not_eq",        "nullptr",
                                    "operator",      "or",
                                    "or_eq",         "par",
                                    "private",       "protected",
                                    "public",        "register",
                                    "requires",      "restrict",
                                    "return",        "run_any",
                                    "short",         "signed",
                                    "sizeof",        "static",
                                    "stderr",        "stdin",
                                    "stdout",        "struct",
                                    "switch",        "template",
                                    "this",          "throw",
                                    "true",          "try",
                                    "typedef",       "typeid",
                                    "typename",      "typeof",
                                    "union",         "unix",
                                    "unsigned",      "using",
                                    "virtual",       "vitc_model_info",
                                    "vitc_parallel", "vitc_status",
                                    "void",          "volatile",
                                    "while",         "xor",
                                    "xor_eq"};

static bool is_among(const char *name, const char *const *all, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (all[i] && !strcmp(all[i], name)) return true;
    return false;
}
// Types keep their names, too.
static bool is_taken(const char *name) {
    return is_among(name, taken, COUNT_OF(taken)) || str_ends(name, "_t");
}
static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
// Letters stay, unless all are capitals, as in macros.
static const char *identifier(Arena *a, const char *name, const char *otherwise) {
    enum { LONGEST = 60 };
    char *clean = name ? arena_strndup(a, name, strnlen(name, LONGEST)) : arena_strdup(a, "");
    bool has_small = false;
    for (char *p = clean; *p; p++) {
        if (!is_letter(*p) && !is_digit(*p)) *p = '_';
        has_small |= *p >= 'a' && *p <= 'z';
    }
    for (char *p = clean; *p && !has_small; p++) *p = (char)tolower((unsigned char)*p);
    return is_letter(clean[0]) ? clean : otherwise;
}
// Two that look alike become name and name_2.
const char **header_params(const Program *p) {
    uint32_t n = p->input.n + p->output.n;
    const char **names = NEW_N(p->arena, const char *, n);
    for (uint32_t i = 0; i < n; i++) {
        bool is_input = i < p->input.n;
        const ProgramTensor *t = is_input ? &p->input.data[i] : &p->output.data[i - p->input.n];
        const char *plain = identifier(p->arena, t->name, is_input ? "in" : "out"), *name = plain;
        for (uint32_t k = 2; is_among(name, names, i) || is_taken(name); k++)
            name = arena_printf(p->arena, "%s_%u", plain, k);
        names[i] = name;
    }
    return names;
}

// ---- the text --------------------------------------------------------------------------------
static void dims(Str *out, const Type *t) {
    for (int i = 0; i < t->rank; i++) str_addf(out, "[%lld]", (long long)t->dim[i]);
}
static void describe(Str *out, const Program *p, const EmitOptions *o) {
    const char **names = header_params(p);
    str_add(out, "/* ");
    for (uint32_t i = 0; i < p->input.n + p->output.n; i++) {
        bool is_input = i < p->input.n;
        const Type *t = is_input ? &p->input.data[i].type : &p->output.data[i - p->input.n].type;
        str_addf(out, "%s%s: %s%s ", i ? " * " : "", names[i], is_input ? "const " : "",
                 c_elem(t->dt));
        dims(out, t);
        str_add(out, t->rank ? "\n" : "(one)\n");
        if (o->weights_id && i + 1 == p->input.n)
            str_add(out, " *   the file *.weights.bin beside this one, from vitc_weights_map(); "
                         "for any number of calls\n");
    }
    str_add(out, " * arena: ARENA_BYTES aligned to ARENA_ALIGN, of this call alone; "
                 "vitc_arena_create() makes one\n"
                 " * par: threads, or NULL for the calling thread */\n");
}
static void macro(Str *out, const char *upper, const char *name, uint64_t v, const char *suffix) {
    if (v) str_addf(out, "#define %s_%s %llu%s\n", upper, name, (unsigned long long)v, suffix);
}
void header_signature(const Program *p, const char *prefix, Str *out) {
    const char **names = header_params(p);
    str_addf(out, "vitc_status %s_run(", prefix);
    for (uint32_t i = 0; i < p->input.n; i++)
        str_addf(out, "const %s *%s, ", c_elem(p->input.data[i].type.dt), names[i]);
    for (uint32_t i = 0; i < p->output.n; i++)
        str_addf(out, "%s *%s, ", c_elem(p->output.data[i].type.dt), names[p->input.n + i]);
    str_add(out, "void *arena, const vitc_parallel *par)");
}
void header_print(const Program *p, const EmitOptions *o, Str *out) {
    const ModelInfo *info = &p->graph->info;
    Str up = str_new(p->arena);
    for (const char *s = o->prefix; *s; s++) str_addf(&up, "%c", toupper((unsigned char)*s));
    const char *upper = str_cstr(&up);
    str_addf(out, "/* Made by %s for target %s; lies beside the object of the same name. */\n",
             o->version, program_target(p));
    if (info->name) str_addf(out, "/* model: %s */\n", escape(p->arena, SINK_COMMENT, info->name));
    str_addf(out, "#ifndef %s_VITC_MODEL_H\n#define %s_VITC_MODEL_H\n#include \"vitc.h\"\n", upper,
             upper);
    str_add(out, "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
    macro(out, upper, "ARENA_BYTES", program_host_arena(p) ? program_host_arena(p) : 64, "u");
    macro(out, upper, "ARENA_ALIGN", 64, "u");
    macro(out, upper, "BATCH", (uint64_t)info->batch, "");
    macro(out, upper, "IMAGE_H", (uint64_t)info->image_h, "");
    macro(out, upper, "IMAGE_W", (uint64_t)info->image_w, "");
    macro(out, upper, "CHANNELS", (uint64_t)info->channels, "");
    macro(out, upper, "LABELS", info->nlabels, "");
    macro(out, upper, "TOKENS", (uint64_t)info->tokens, "");
    macro(out, upper, "HIDDEN", (uint64_t)info->hidden, "");
    if (o->weights_id) macro(out, upper, "WEIGHTS_BYTES", p->weight_bytes, "u");
    str_addf(out, "\nextern const vitc_model_info %s_model;\n", o->prefix);
    if (o->standalone)
        str_add(out, "/* Standalone: needs no library, and vitc.h for its types only. */\n");
    describe(out, p, o);
    header_signature(p, o->prefix, out);
    str_add(out, ";\n");
    if (p->sample)
        str_addf(out,
                 "/* Runs an input from the object and compares with the results of the eager "
                 "reference, that\n"
                 " * also lie there: VITC_E_SELFTEST when they, or the weights, are damaged. */\n"
                 "vitc_status %s_selftest(void *arena, const vitc_parallel *par);\n",
                 o->prefix);
    str_add(out, "\n#ifdef __cplusplus\n}\n#endif\n#endif\n");
}
