// c_types.c: names of types and literals in C.
#include "backends/c/c_print.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *c_elem(DType dt) {
    switch (dt) {
    case DT_F32: return "float";
    case DT_F64: return "double";
    case DT_I8: return "int8_t";
    case DT_I16: return "int16_t";
    case DT_U16:
    case DT_F16:
    case DT_BF16: return "uint16_t";
    case DT_I32: return "int32_t";
    case DT_U32: return "uint32_t";
    case DT_I64: return "int64_t";
    case DT_U64: return "uint64_t";
    default: return "uint8_t";
    }
}
const char *c_unsigned(DType dt) {
    static const char *const by_size[9] = {
        [1] = "uint8_t", [2] = "uint16_t", [4] = "uint32_t", [8] = "uint64_t"};
    return by_size[dtype_info[dt].nbytes];
}
const char *c_short(Arena *a, VType t) {
    if (t.kind == V_MASK) return arena_printf(a, "maskx%d", t.n);
    return t.n == 1 ? dtype_info[t.dt].text : arena_printf(a, "%sx%d", dtype_info[t.dt].text, t.n);
}
const char *c_type(Arena *a, VType t) {
    if (t.kind == V_INDEX) return "int64_t";
    if (t.kind == V_PTR) return "char *";
    if (t.kind == V_MASK && t.n == 1) return "int";
    return t.kind != V_MASK && t.n == 1 ? c_elem((DType)t.dt) : c_short(a, t);
}
static const char *float_literal(Arena *a, DType dt, double v) {
    const char *suffix = dt == DT_F32 ? "f" : "";
    char text[64];
    for (int digits = dt == DT_F32 ? 6 : 15; digits <= 17;
         digits++) { // the shortest that reads back
        snprintf(text, sizeof text, "%.*g", digits, v);
        double back = strtod(text, NULL);
        if (dt == DT_F32 ? (float)back == (float)v : back == v) break;
    }
    bool is_whole = !strpbrk(text, ".en");
    return arena_printf(a, "%s%s%s", text, is_whole ? ".0" : "", suffix);
}
const char *c_constant(Arena *a, DType dt, int64_t bits) {
    if (dt == DT_F32 || dt == DT_F64) {
        double v = dtype_read_f(dt, &bits, 0);
        if (isfinite(v)) return float_literal(a, dt, v);
        return arena_printf(a, "%s_bits(0x%" PRIx64 "%s)", dtype_info[dt].text,
                            dt == DT_F32 ? (uint64_t)(uint32_t)bits : (uint64_t)bits,
                            dt == DT_F32 ? "u" : "ull");
    }
    int64_t v = dtype_read_i(dtype_is_half(dt) ? DT_U16 : dt, &bits, 0);
    if (dt == DT_I64 && v == INT64_MIN) return "INT64_MIN";
    if (dt == DT_I32 && v == INT32_MIN) return "INT32_MIN";
    if (dt == DT_U64) return arena_printf(a, "%" PRIu64 "u", (uint64_t)v);
    return arena_printf(a, "%" PRId64 "%s", v, dt == DT_U32 ? "u" : "");
}

typedef struct Spelling {
    KOp op;
    DType dt;
    int lanes;
    uint64_t feature;
    const char *text;
} Spelling;
static const Spelling spelling[] = {
#define SPELL(op, dt, lanes, feature, text) {K_##op, DT_##dt, lanes, feature, text},
#include "backends/c/c_spelling.def"
#undef SPELL
};
const char *c_spelling(const CModule *m, KOp op, DType dt, int lanes) {
    for (size_t i = 0; i < COUNT_OF(spelling) && m->has_vectors; i++) {
        const Spelling *s = &spelling[i];
        if (s->op == op && s->dt == dt && s->lanes == lanes && target_has(m->target, s->feature))
            return s->text;
    }
    return NULL;
}
