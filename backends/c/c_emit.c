// c_emit.c: a Program as one C file that a person can read and any gcc or clang compiles to the
// same bits as the object: contraction off, fma written out.
#include "backends/c/c_print.h"
#include <string.h>

static const char *level_suffix(Arena *a, const Program *p) { // "_x86_64_v3"
    char *s = arena_printf(a, "_%s", p->target->name);
    for (char *c = s; *c; c++)
        if (strchr("-+.", *c)) *c = '_';
    return s;
}
CModule c_module(Ctx *c, const Program *p, const EmitOptions *o, bool is_alone) {
    return (CModule){.c = c,
                     .p = p,
                     .o = o,
                     .target = p->target,
                     .has_vectors = p->target->features != 0,
                     .suffix = is_alone ? "" : level_suffix(c->scratch, p)};
}
bool c_uses_vectors(const Program *p) {
    for (; p; p = p->next)
        if (p->target->features) return true;
    return false;
}
static bool c_uses_tiles(const Program *p) {
    for (; p; p = p->next)
        if (program_has_tiles(p)) return true;
    return false;
}
void c_flags(const Program *p, Str *out) {
    const Target *t = p->target;
    str_add(out, "-std=c11 -O2 -ffp-contract=off");
    if (p->next) return; // each level's part of the file says it for itself
    for (size_t i = 0; feature_at(i); i++)
        if (target_has(t, feature_at(i)->bit) && feature_at(i)->cc[0])
            str_addf(out, " %s", feature_at(i)->cc);
    if (target_vector_bits(t)) str_addf(out, " -mprefer-vector-width=%u", target_vector_bits(t));
}
static void print_byte_order(const CModule *m, Str *out) {
    bool big = m->p->big_endian;
    const char *other = big ? "little" : "big";
    str_addf(out,
             "\n#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_%s_ENDIAN__\n"
             "#error \"the weight image is %s-endian%s%s\"\n#endif\n\n",
             big ? "BIG" : "LITTLE", big ? "big" : "little",
             c_uses_vectors(m->p) ? "" : ": compile the model with --byte-order ",
             c_uses_vectors(m->p) ? "" : other);
}
static void print_head(const CModule *m, const char *header, Str *out) {
    Arena *a = m->c->scratch;
    str_addf(out, "// Made by %s for target %s", m->o->version, program_target(m->p));
    if (m->p->graph->info.name)
        str_addf(out, " from the model %s", escape(a, SINK_COMMENT, m->p->graph->info.name));
    str_add(out, ".\n// Compile with: cc ");
    c_flags(m->p, out);
    str_add(
        out,
        "\n//\n// A kernel performs tasks lo..hi-1 of its launch; the table `launches` below says "
        "in which order\n"
        "// kernels run and where their arguments lie. `tile` is the thread's private scratch.\n");
    str_addf(out, "#include \"%s\"\n%s#include <stdint.h>\n#include <string.h>\n",
             escape(a, SINK_C_STRING, header),
             m->o->standalone ? "" : "#include \"vitc_object.h\"\n");
    static const char *const intrinsics[ARCH_COUNT] = {
        [ARCH_X86_64] = "immintrin.h", [ARCH_AARCH64] = "arm_neon.h"};
    if (c_uses_vectors(m->p)) str_addf(out, "#include <%s>\n", intrinsics[m->target->arch]);
    if (c_uses_tiles(m->p))
        str_add(out, "#define tile_fence() __asm__ volatile(\"\" : : : \"memory\")\n");
    print_byte_order(m, out);
    if (m->o->standalone) c_print_runtime(m, out);
}
// Types, helpers and kernels of one level.
static void print_code(CModule *m, Str *out) {
    Str kernels = str_new(m->c->scratch), text = str_new(m->c->scratch);
    for (uint32_t i = 0; i < m->p->kern.n; i++) c_print_kernel(m, m->p->kern.data[i], &kernels);
    c_print_helpers(m, str_cstr(&kernels), &text);
    if (*m->suffix)
        c_print_level(m, str_cstr(&text), out);
    else
        str_add_n(out, text.data, text.n);
}
bool c_emit_source(Ctx *c, const Program *p, const EmitOptions *o, const char *weights,
                   const char *header, Str *source) {
    CModule m = c_module(c, p, o, !p->next);
    print_head(&m, header, source);
    for (const Program *l = p; l; l = l->next) {
        CModule level = c_module(c, l, o, !p->next);
        print_code(&level, source);
    }
    c_print_tables(&m, weights, source);
    return true;
}
