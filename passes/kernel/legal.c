// legal.c: instructions that the target does not have (isa.def) become some that it has. Rounding
// and half formats are spelled so that every bit stays the same. FMA cannot be: split, it rounds
// twice, so results of a level without FMA differ from the others in the last bits, and kern_eval
// of the split kernel defines them.
#include "passes/kernel/rewrite.h"
#include "ir/isa.h"
#include "passes/passes.h"
#include <assert.h>

// ---- the builder once more, shorter ----------------------------------------------------------
static Val bits(Kern *k, VType t, uint64_t v) { return k_const_i(k, t, (int64_t)v); }
static Val and_bits(Kern *k, Val v, uint64_t mask) {
    return k_op2(k, K_AND, v, bits(k, kern_type(k, v), mask));
}
static Val add_bits(Kern *k, Val v, uint64_t n) {
    return k_op2(k, K_ADD, v, bits(k, kern_type(k, v), n));
}
static Val shl(Kern *k, Val v, int by) { return k_shift(k, K_SHL, v, by); }
static Val shr(Kern *k, Val v, int by) { return k_shift(k, K_SHR, v, by); }
static Val scale(Kern *k, Val v, double by) {
    return k_op2(k, K_MUL, v, k_const_f(k, kern_type(k, v), by));
}
// x compared with a constant ? a : b
static Val when(Kern *k, Val x, KPred p, uint64_t c, Val a, Val b) {
    return k_select(k, k_cmp(k, p, x, bits(k, kern_type(k, x), c)), a, b);
}

// ---- rounding to an integer ------------------------------------------------------------------
// 2^23 (f64: 2^52) has no fraction: adding and subtracting it rounds to nearest even.
static Val round_to_integer(Kern *k, const Ins *i) {
    VType t = i->type;
    bool is_double = t.dt == DT_F64;
    DType word = is_double ? DT_U64 : DT_U32;
    Val x = i->arg[0], one = k_const_f(k, t, 1);
    Val big = k_const_f(k, t, is_double ? 0x1p52 : 0x1p23), size = k_op1(k, K_ABS, x);
    Val sign = and_bits(k, k_bitcast(k, word, x), is_double ? 1ull << 63 : 1u << 31);
    Val r = k_op2(k, K_SUB, k_op2(k, K_ADD, size, big), big);
    r = k_bitcast(k, (DType)t.dt, k_op2(k, K_OR, k_bitcast(k, word, r), sign));
    if (i->op == K_FLOOR) {
        Val less = k_op2(k, K_SUB, r, one);
        r = k_select(k, k_cmp(k, P_GT, r, x), less, r);
    }
    if (i->op == K_CEIL) { // -0.5 gives -0
        Val more = k_op2(k, K_ADD, r, one);
        r = k_select(k, k_cmp(k, P_LT, r, x), more, r);
        r = k_bitcast(k, (DType)t.dt, k_op2(k, K_OR, k_bitcast(k, word, r), sign));
    }
    return k_select(k, k_cmp(k, P_LT, size, big), r, x);
}

// ---- half formats ----------------------------------------------------------------------------
static Val wide_bits(Kern *k, Val half) { return k_cvt(k, DT_U32, k_bitcast(k, DT_U16, half)); }
static Val half_of_bits(Kern *k, DType to, Val b) { return k_bitcast(k, to, k_cvt(k, DT_U16, b)); }

// Exponent and fraction move into place, then one exact multiplication sets the bias, subnormal
// numbers included.
static Val f16_to_f32_by_parts(Kern *k, Val half) {
    Val w = wide_bits(k, half), size = and_bits(k, w, 0x7fff), moved = shl(k, size, 13);
    Val f = k_bitcast(k, DT_U32, scale(k, k_bitcast(k, DT_F32, moved), 0x1p112));
    Val inf = k_op2(k, K_OR, moved, bits(k, kern_type(k, w), 0x7f800000)); // and NaN
    f = when(k, size, P_GE, 0x7c00, inf, f);
    Val sign = shl(k, and_bits(k, w, 0x8000), 16);
    return k_bitcast(k, DT_F32, k_op2(k, K_OR, f, sign));
}
// Adds just under half of the place that is rounded to, and the bit above it, so that ties go to
// even.
static Val round_bits(Kern *k, Val b, int dropped) {
    Val odd = and_bits(k, shr(k, b, dropped), 1);
    return k_op2(k, K_ADD, add_bits(k, b, (1u << (dropped - 1)) - 1), odd);
}
static Val f32_to_f16_by_parts(Kern *k, Val x) {
    Val b = k_bitcast(k, DT_U32, x), sign = and_bits(k, shr(k, b, 16), 0x8000);
    Val size = and_bits(k, b, 0x7fffffff);
    Val normal = shr(k, add_bits(k, round_bits(k, size, 13), 0u - 0x38000000u), 13);
    // subnormal: 2^23 + x 2^24 rounds x to a multiple of 2^-24
    Val magic = k_const_f(k, kern_type(k, x), 0x1p23);
    Val sum = k_op2(k, K_ADD, scale(k, k_bitcast(k, DT_F32, size), 0x1p24), magic);
    Val subnormal = and_bits(k, k_bitcast(k, DT_U32, sum), 0x7fffff);
    Val h = when(k, size, P_LT, 0x38800000, subnormal, normal);
    h = when(k, size, P_GE, 0x477ff000, bits(k, kern_type(k, b), 0x7c00), h);
    Val payload = and_bits(k, shr(k, size, 13), 0x3ff);
    Val nan = k_op2(k, K_OR, payload, bits(k, kern_type(k, b), 0x7e00));
    h = when(k, size, P_GT, 0x7f800000, nan, h);
    return half_of_bits(k, DT_F16, k_op2(k, K_OR, h, sign));
}
static Val bf16_to_f32_by_parts(Kern *k, Val half) {
    return k_bitcast(k, DT_F32, shl(k, wide_bits(k, half), 16));
}
static Val f32_to_bf16_by_parts(Kern *k, Val x) {
    Val b = k_bitcast(k, DT_U32, x), size = and_bits(k, b, 0x7fffffff);
    Val quiet = bits(k, kern_type(k, b), 0x40);
    Val nan = k_op2(k, K_OR, shr(k, b, 16), quiet);
    Val h = when(k, size, P_GT, 0x7f800000, nan, shr(k, round_bits(k, b, 16), 16));
    return half_of_bits(k, DT_BF16, h);
}
static Val cvtdz_by_parts(Kern *k, Val x) {
    Val b = k_bitcast(k, DT_U32, x), size = and_bits(k, b, 0x7fffffff);
    Val zero = k_bitcast(k, DT_F32, and_bits(k, b, 1u << 31));
    return f32_to_bf16_by_parts(k, when(k, size, P_LT, 0x00800000, zero, x));
}
static Val convert_half(Kern *k, const Ins *i) {
    Val x = i->arg[0];
    switch ((DType)kern_type(k, x).dt) {
    case DT_F16: return f16_to_f32_by_parts(k, x);
    case DT_BF16: return bf16_to_f32_by_parts(k, x);
    default: break;
    }
    return i->type.dt == DT_F16 ? f32_to_f16_by_parts(k, x) : f32_to_bf16_by_parts(k, x);
}

static Val spell(void *ctx, Kern *to, const Ins *i) {
    (void)ctx;
    if (isa_legal(to, i)) return 0;
    switch ((KOp)i->op) {
    case K_FMA: return k_op2(to, K_ADD, k_op2(to, K_MUL, i->arg[0], i->arg[1]), i->arg[2]);
    case K_FLOOR:
    case K_CEIL:
    case K_RINT: return round_to_integer(to, i);
    case K_CVTDZ: return cvtdz_by_parts(to, i->arg[0]);
    case K_BFMMLA:
    case K_DPBF16: return 0; // only where it exists, else a mistake that kern_check tells
    default: assert(i->op == K_CVT); return convert_half(to, i);
    }
}
void pass_legal(Kern *k, Kern *out) { kern_rewrite(k, out, spell, NULL); }
