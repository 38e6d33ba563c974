// header.c: vit.h, the typed face of a compiled model (ABI.md section 2).
#include "backends/backend.h"
#include <ctype.h>

static const char *c_type(DType dt) {
    switch (dt) {
    case DT_F32: return "float";
    case DT_F64: return "double";
    case DT_I8: return "int8_t";
    case DT_U8:
    case DT_BOOL: return "uint8_t";
    case DT_I16: return "int16_t";
    case DT_U16:
    case DT_F16:
    case DT_BF16: return "uint16_t";
    case DT_I32: return "int32_t";
    case DT_U32: return "uint32_t";
    case DT_I64: return "int64_t";
    default: return "uint64_t";
    }
}
// A C identifier from a model's name; position makes equal ones differ.
static const char *c_name(Arena *a, const ProgramTensor *all, uint32_t at, const char *fallback) {
    Str s = str_new(a);
    const char *name = all[at].name ? all[at].name : "";
    for (const char *p = name; *p && s.n < 60; p++)
        str_addf(&s, "%c", isalnum((unsigned char)*p) && (unsigned char)*p < 128 ? *p : '_');
    bool is_plain = s.n && !isdigit((unsigned char)s.data[0]) && s.data[0] != '_';
    const char *clean = is_plain ? str_cstr(&s) : arena_printf(a, "%s%u", fallback, at);
    static const char *const taken[] = {
        "arena",    "par",      "auto",    "break",     "case",     "char",   "const",
        "continue", "default",  "do",      "double",    "else",     "enum",   "extern",
        "float",    "for",      "goto",    "if",        "inline",   "int",    "long",
        "register", "restrict", "return",  "short",     "signed",   "sizeof", "static",
        "struct",   "switch",   "typedef", "union",     "unsigned", "void",   "volatile",
        "while",    "bool",     "class",   "new",       "delete",   "this",   "template",
        "operator", "private",  "public",  "namespace", "try",      "catch",  "throw",
        "using",    "virtual",  "true",    "false",     "and",      "or",     "not",
        "xor",      "input",    "output"};
    for (size_t i = 0; i < COUNT_OF(taken); i++)
        if (!__builtin_strcmp(taken[i], clean)) return arena_printf(a, "%s_%u", clean, at);
    for (uint32_t i = 0; i < at; i++)
        if (all[i].name && !__builtin_strcmp(all[i].name, name))
            return arena_printf(a, "%s_%u", clean, at);
    return clean;
}
static void dims(Str *out, const Type *t) {
    for (int i = 0; i < t->rank; i++) str_addf(out, "[%lld]", (long long)t->dim[i]);
}
static void describe(Str *out, const Program *p) {
    Arena *a = p->arena;
    str_add(out, "/* ");
    for (uint32_t i = 0; i < p->input.n + p->output.n; i++) {
        bool is_input = i < p->input.n;
        const ProgramTensor *t = is_input ? p->input.data : p->output.data;
        uint32_t at = is_input ? i : i - p->input.n;
        str_addf(out, "%s%s: %s%s ", i ? " *  " : "", c_name(a, t, at, is_input ? "in" : "out"),
                 is_input ? "const " : "", c_type(t[at].type.dt));
        dims(out, &t[at].type);
        str_add(out, t[at].type.rank ? "" : "(one)");
        str_add(out, "\n");
    }
    str_add(
        out,
        " *  arena: memory of the sizes above, this call's alone; vitc_arena_create() makes one\n"
        " *  par: threads, or NULL for the calling thread */\n");
}
const char *header_param(const Program *p, bool is_input, uint32_t i) {
    return is_input ? c_name(p->arena, p->input.data, i, "in")
                    : c_name(p->arena, p->output.data, i, "out");
}
static void macro(Str *out, const char *upper, const char *name, uint64_t v, const char *suffix) {
    if (v) str_addf(out, "#define %s_%s %llu%s\n", upper, name, (unsigned long long)v, suffix);
}
void header_signature(const Program *p, const char *prefix, Str *out) {
    str_addf(out, "vitc_status %s_run(", prefix);
    for (uint32_t i = 0; i < p->input.n; i++)
        str_addf(out, "const %s *%s, ", c_type(p->input.data[i].type.dt),
                 c_name(p->arena, p->input.data, i, "in"));
    for (uint32_t i = 0; i < p->output.n; i++)
        str_addf(out, "%s *%s, ", c_type(p->output.data[i].type.dt),
                 c_name(p->arena, p->output.data, i, "out"));
    str_add(out, "void *arena, const vitc_parallel *par)");
}
void header_print(const Program *p, const EmitOptions *o, Str *out) {
    const ModelInfo *info = &p->graph->info;
    Str up = str_new(p->arena);
    for (const char *s = o->prefix; *s; s++) str_addf(&up, "%c", toupper((unsigned char)*s));
    const char *upper = str_cstr(&up);
    str_addf(out, "/* Made by %s for target %s; lies beside the object of the same name. */\n",
             o->version, p->target->name);
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
    str_addf(out, "\nextern const vitc_model_info %s_model;\n", o->prefix);
    describe(out, p);
    header_signature(p, o->prefix, out);
    str_add(out, ";\n");
    str_add(out, "\n#ifdef __cplusplus\n}\n#endif\n#endif\n");
}
