// c_portable.c: element functions that C11 has only in libm, or leaves undefined: rounding, square
// root, saturating conversions, half formats. Exact, from integer arithmetic and the 2^23 trick;
// printed when a kernel needs them and the target has no instruction.
#include "backends/c/c_print.h"
#include <string.h>

typedef struct Fmt { // what differs between float and double
    DType dt;
    const char *elem, *bits, *name, *big, *suffix;
    int fraction, bias, width;
} Fmt;
static const Fmt formats[] = {
    {DT_F32, "float", "uint32_t", "f32", "0x1p23f", "f", 23, 127, 32},
    {DT_F64, "double", "uint64_t", "f64", "0x1p52", "", 52, 1023, 64},
};

static void print_bits(const Fmt *f, Str *out, bool is_back) {
    if (!is_back)
        str_addf(out,
                 "static inline %s %s_bits(%s u) {\n    %s x;\n    memcpy(&x, &u, sizeof x);\n    "
                 "return x;\n}\n",
                 f->elem, f->name, f->bits, f->elem);
    else
        str_addf(out,
                 "static inline %s bits_%s(%s x) {\n    %s u;\n    memcpy(&u, &x, sizeof u);\n    "
                 "return u;\n}\n",
                 f->bits, f->name, f->elem, f->bits);
}
static void print_abs(const Fmt *f, Str *out) {
    str_addf(
        out,
        "static inline %s %s_abs(%s x) {\n    return %s_bits(bits_%s(x) & ~((%s)1 << %d));\n}\n",
        f->elem, f->name, f->elem, f->name, f->name, f->bits, f->width - 1);
}
static void print_rint(const Fmt *f, Str *out) {
    str_addf(out,
             "static inline %s %s_rint(%s x) { // to nearest, ties to even: adding 2^%d drops the "
             "fraction\n"
             "    const %s sign = bits_%s(x) & ((%s)1 << %d);\n"
             "    const %s a = %s_abs(x);\n"
             "    if (!(a < %s)) return x;\n"
             "    volatile %s r = a + %s; // volatile: no wider intermediate, no folding\n"
             "    r = r - %s;\n"
             "    return %s_bits(bits_%s(r) | sign);\n}\n",
             f->elem, f->name, f->elem, f->fraction, f->bits, f->name, f->bits, f->width - 1,
             f->elem, f->name, f->big, f->elem, f->big, f->big, f->name, f->name);
}
static void print_floor(const Fmt *f, Str *out, bool is_ceil) {
    str_addf(out,
             "static inline %s %s_%s(%s x) {\n    const %s sign = bits_%s(x) & ((%s)1 << %d);\n    "
             "%s r = %s_rint(x);\n"
             "    if (r %s x) r = r %s 1;\n    return r == 0 ? %s_bits(sign) : r;\n}\n",
             f->elem, f->name, is_ceil ? "ceil" : "floor", f->elem, f->bits, f->name, f->bits,
             f->width - 1, f->elem, f->name, is_ceil ? "<" : ">", is_ceil ? "+" : "-", f->name);
}
// One root bit a step: r is the remainder, q the root so far, two bits of the operand come in each
// time.
static void print_sqrt(const Fmt *f, Str *out) {
    str_addf(
        out,
        "static inline %s %s_sqrt(%s x) { // correctly rounded, one bit of the root a step\n"
        "    const %s u = bits_%s(x), one = 1;\n"
        "    if (x == 0 || x != x || u == (%s)%d << %d) return x;\n"
        "    if (u >> %d) return %s_bits((%s)%d << %d);\n"
        "    int e = (int)(u >> %d);\n"
        "    %s m = u & ((one << %d) - 1), q = 0, r = 0;\n"
        "    if (e == 0) {\n        for (e = 1; !(m >> %d); e--) m <<= 1;\n    } else {\n        m "
        "|= one << %d;\n    }\n"
        "    e -= %d;\n    const int odd = e & 1;\n"
        "    for (int i = 0; i <= %d; i++) {\n"
        "        const int at = %d - odd - 2 * i; // the pair of bits at, at + 1 of m\n"
        "        const %s pair = at >= 0 ? m >> at & 3 : at == -1 ? m << 1 & 3 : 0, trial = q << 2 "
        "| 1;\n"
        "        r = r << 2 | pair;\n        q <<= 1;\n"
        "        if (r >= trial) {\n            r -= trial;\n            q |= 1;\n        }\n    "
        "}\n"
        "    q = (q >> 1) + (q & 1); // the last bit is the guard; an exact half cannot occur\n"
        "    return %s_bits((%s)((e - odd) / 2 + %d) * (one << %d) + (q - (one << %d)));\n}\n",
        f->elem, f->name, f->elem, f->bits, f->name, f->bits, 2 * f->bias + 1, f->fraction,
        f->width - 1, f->name, f->bits, 4 * f->bias + 3, f->fraction - 1, f->fraction, f->bits,
        f->fraction, f->fraction, f->fraction, f->bias, f->fraction + 1, f->fraction, f->bits,
        f->name, f->bits, f->bias, f->fraction, f->fraction);
}
static void print_saturate(Str *out, DType from, DType to) {
    bool is_signed = to == DT_I8 || to == DT_I16 || to == DT_I32 || to == DT_I64;
    int width = (int)dtype_info[to].nbytes * 8, top = is_signed ? width - 1 : width;
    const char *T = c_elem(to), *F = c_elem(from), *s = from == DT_F32 ? "f" : "";
    str_addf(out, "static inline %s %s_of_%s(%s x) {\n    if (x != x) return 0;\n", T,
             dtype_info[to].text, dtype_info[from].text, F);
    if (is_signed) {
        str_addf(
            out,
            "    if (x >= 0x1p%d%s) return INT%d_MAX;\n    if (x < -0x1p%d%s) return INT%d_MIN;\n",
            top, s, width, top, s, width);
    } else {
        str_addf(out, "    if (x >= 0x1p%d%s) return UINT%d_MAX;\n    if (x < 0) return 0;\n", top,
                 s, width);
    }
    str_addf(out, "    return (%s)x;\n}\n", T);
}
static const char half_to_float[] =
    "static inline float f32_of_f16(uint16_t h) {\n"
    "    const uint32_t sign = (uint32_t)(h & 0x8000u) << 16, mag = h & 0x7fffu;\n"
    "    const uint32_t u = mag >= 0x7c00u ? mag << 13 | 0x7f800000u : bits_f32(f32_bits(mag << "
    "13) * 0x1p112f);\n"
    "    return f32_bits(u | sign);\n}\n";
static const char float_to_half[] =
    "static inline uint16_t f16_of_f32(float x) {\n"
    "    const uint32_t u = bits_f32(x), mag = u & 0x7fffffffu, sign = u >> 16 & 0x8000u;\n"
    "    uint32_t h = (mag + 0xfffu + (mag >> 13 & 1u) - 0x38000000u) >> 13;\n"
    "    if (mag < 0x38800000u) {\n        volatile float r = f32_bits(mag) * 0x1p24f + 0x1p23f;\n "
    "       h = bits_f32(r) & 0x7fffffu;\n    }\n"
    "    if (mag >= 0x477ff000u) h = 0x7c00u;\n"
    "    if (mag > 0x7f800000u) h = (mag >> 13 & 0x3ffu) | 0x7e00u;\n"
    "    return (uint16_t)(h | sign);\n}\n";
static const char bfloat_to_float[] =
    "static inline float f32_of_bf16(uint16_t h) { return f32_bits((uint32_t)h << 16); }\n";
static const char float_to_bfloat[] =
    "static inline uint16_t bf16_of_f32(float x) {\n"
    "    const uint32_t u = bits_f32(x);\n"
    "    if ((u & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(u >> 16 | 0x40u);\n"
    "    return (uint16_t)((u + 0x7fffu + (u >> 16 & 1u)) >> 16);\n}\n";
static void print_division(Str *out, DType dt, bool is_rem) {
    const char *T = c_elem(dt), *n = dtype_info[dt].text;
    bool is_signed = dt == DT_I8 || dt == DT_I16 || dt == DT_I32 || dt == DT_I64;
    if (is_rem) {
        str_addf(
            out,
            "static inline %s %s_rem(%s a, %s b) {\n    return b == 0%s ? 0 : (%s)(a %% b);\n}\n",
            T, n, T, T, is_signed ? " || b == -1" : "", T);
        return;
    }
    str_addf(
        out,
        "static inline %s %s_div(%s a, %s b) { // by zero gives 0\n    if (b == 0) return 0;\n", T,
        n, T, T);
    if (is_signed) str_addf(out, "    if (b == -1) return (%s)(0u - (%s)a);\n", T, c_unsigned(dt));
    str_addf(out, "    return (%s)(a / b);\n}\n", T);
}
// ---- choosing --------------------------------------------------------------------------------
// Candidates stand in an order in which each may call those before it. Going backwards, one is kept
// when what is already kept names it.
enum { MAX_FUNCTIONS = 128 };
typedef struct Functions {
    CModule *m;
    const char *name[MAX_FUNCTIONS], *text[MAX_FUNCTIONS];
    int n;
} Functions;
static void candidate(Functions *all, const char *name, Str *text) {
    if (all->n == MAX_FUNCTIONS) die("c printer", "too many element functions");
    all->name[all->n] = arena_printf(all->m->c->scratch, "%s(", name);
    all->text[all->n++] = str_cstr(text);
}
static void print_instruction(const CModule *m, Str *out, KOp op, const Fmt *f) {
    str_addf(out, "static inline %s %s_%s(", f->elem, f->name, kernel_op[op].text);
    str_addf(out, "%s a", f->elem);
    if (op == K_FMA) str_addf(out, ", %s b, %s c", f->elem, f->elem);
    str_add(out, ") {\n    return ");
    for (const char *t = c_spelling(m, op, f->dt, 1); *t; t++) {
        if (*t == '%')
            str_addf(out, "%c", 'a' + (*++t - '0'));
        else
            str_add_n(out, t, 1);
    }
    str_add(out, ";\n}\n");
}
static void float_function(Functions *all, const Fmt *f, KOp op) {
    Str s = str_new(all->m->c->scratch);
    if (c_spelling(all->m, op, f->dt, 1))
        print_instruction(all->m, &s, op, f);
    else if (op == K_ABS)
        print_abs(f, &s);
    else if (op == K_RINT)
        print_rint(f, &s);
    else if (op == K_SQRT)
        print_sqrt(f, &s);
    else if (op == K_FLOOR || op == K_CEIL)
        print_floor(f, &s, op == K_CEIL);
    else
        return;
    candidate(all, arena_printf(all->m->c->scratch, "%s_%s", f->name, kernel_op[op].text), &s);
}
static void float_functions(Functions *all, const Fmt *f) {
    static const KOp ops[] = {K_ABS, K_RINT, K_FLOOR, K_CEIL, K_SQRT, K_FMA};
    Arena *a = all->m->c->scratch;
    for (int back = 0; back < 2; back++) {
        Str s = str_new(a);
        print_bits(f, &s, back);
        candidate(all, arena_printf(a, back ? "bits_%s" : "%s_bits", f->name), &s);
    }
    for (size_t i = 0; i < COUNT_OF(ops); i++) float_function(all, f, ops[i]);
}
static void literal(Functions *all, const char *name, const char *text) {
    Str s = str_new(all->m->c->scratch);
    str_add(&s, text);
    candidate(all, name, &s);
}
static void integer_functions(Functions *all, DType to) {
    Arena *a = all->m->c->scratch;
    for (size_t i = 0; i < COUNT_OF(formats); i++) {
        Str s = str_new(a);
        print_saturate(&s, formats[i].dt, to);
        candidate(all, arena_printf(a, "%s_of_%s", dtype_info[to].text, formats[i].name), &s);
    }
    for (int is_rem = 0; is_rem < 2; is_rem++) {
        Str s = str_new(a);
        print_division(&s, to, is_rem);
        candidate(all, arena_printf(a, "%s_%s", dtype_info[to].text, is_rem ? "rem" : "div"), &s);
    }
}
void c_print_portable(CModule *m, const char *rest, Str *out) {
    Functions all = {.m = m};
    for (size_t i = 0; i < COUNT_OF(formats); i++) float_functions(&all, &formats[i]);
    literal(&all, "f32_of_f16", half_to_float);
    literal(&all, "f16_of_f32", float_to_half);
    literal(&all, "f32_of_bf16", bfloat_to_float);
    literal(&all, "bf16_of_f32", float_to_bfloat);
    for (int dt = DT_NONE + 1; dt < DT_COUNT; dt++)
        if (dtype_info[dt].cls == CLASS_INT) integer_functions(&all, (DType)dt);
    const char *kept = rest;
    for (int i = all.n - 1; i >= 0; i--) {
        if (strstr(kept, all.name[i]))
            kept = arena_printf(m->c->scratch, "%s%s", all.text[i], kept);
    }
    str_add(out, kept);
}
