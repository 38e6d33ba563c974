// math.c: exp, log, erf, tanh, sin, cos and gelu become arithmetic, the same at every level, so
// that they cost no call, vectorise at any width, and are defined to the bit. The polynomials come
// from scripts/fit_math.py.
//
// erf and gelu share one trick: a function that falls like a Gaussian has an eighth root that a
// short polynomial follows, so erfc(z) = R(z)^8 costs a polynomial of degree 8 and three squarings;
// no exponential, no division, and the tail dies by itself.
//
// Largest errors over a dense grid of f32 (tests/unit/test_math.c asserts them):
//     exp2   degree 3: 1.1e-4 relative, 4: 2.9e-6 relative, 5: 2.0 ulp, 6: 0.8 ulp
//     exp    1.0 ulp        log   0.9 ulp
//     gelu   2.5e-7 absolute, which is half an ulp at 4.9; 15 instructions
//     erf    2.1e-7 absolute, 3.5 ulp        tanh   1.3e-7 absolute, 2.2 ulp
//     sin    2.0 ulp up to 100, 1.2e-7 absolute up to 12,000; cos the same
//
// Calls that emit are not nested twice in one argument list: C leaves their order open, and the
// text of a kernel must not depend on the compiler that built vitc.
#include "passes/kernel/rewrite.h"
#include "passes/passes.h"
#include <math.h>
#include <string.h>

enum { MAX_DEGREE = 8 };
typedef struct Poly {
    int degree;
    double c[MAX_DEGREE + 1];      // constant first; every one is an f32
} Poly;
// 2^f on [-1/2, 1/2], by degree
static const Poly exp2_poly[] = {
    [3] = {3, {1, 0.693282843, 0.24221091, 0.0550092347}},
    [4] = {4, {1, 0.693124175, 0.240240917, 0.0559064895, 0.00958312582}},
    [5] = {5, {1, 0.693147004, 0.240222469, 0.0555071086, 0.00967129134, 0.00132695213}},
    [6] = {6, {1, 0.693147182, 0.240226477, 0.0555035993, 0.00961850584, 0.00133908063,
               0.000153264715}},
};
// (e^r - 1 - r) / r^2 on [-ln2/2, ln2/2]
static const Poly exp_poly = {4, {
    0.49999994, 0.166665211, 0.0416682623, 0.00836867467, 0.00138210563}};
// (log(1+f) - f + f^2/2) / f^3 on [sqrt 1/2 - 1, sqrt 2 - 1]
static const Poly log_poly = {8, {
    0.333333135, -0.250000149, 0.20002073, -0.166677698, 0.142191574, -0.12407174, 0.119004235,
    -0.116860777, 0.0672708824}};
// R with R(z)^8 = erfc(z / sqrt 2) / 2 on [0, 7], by the absolute error of z R^8
static const Poly gelu_tail = {8, {
    0.917004049, -0.0914580747, -0.0319250412, -0.000678093347, 0.00151081535, 3.05217654e-05,
    -5.9026177e-05, 7.27060842e-06, -2.8157956e-07}};
// R with R(z)^8 = erfc(z) on [0.6, 4]
static const Poly erf_tail = {8, {
    0.999997497, -0.141028196, -0.069693163, -0.00197486882, 0.00646353979, 0.000271932775,
    -0.000547661562, 9.66293228e-05, -5.52182837e-06}};
// erf(x) / x in x^2 for |x| <= 0.65, tanh(x) / x in x^2 for |x| <= 0.6
static const Poly erf_near = {4, {
    1.12837911, -0.376120716, 0.112751946, -0.0264058653, 0.00420082733}};
static const Poly tanh_near = {4, {
    0.99999994, -0.333323598, 0.133106723, -0.0521200188, 0.0154984118}};
// sin r / r and (cos r - 1 + r^2/2) / r^4 in r^2 on [0, pi/4]
static const Poly sin_poly = {3, {1, -0.166666552, 0.00833218824, -0.000195180852}};
static const Poly cos_poly = {2, {0.0416666456, -0.00138873095, 2.44323401e-05}};

// Constants that are visible where the pass stands; a loop's own go when it ends.
typedef struct Known {
    VType type;
    uint32_t bits;
    Val v;
} Known;
typedef struct Math {
    Kern *k;
    VType t, ti;               // f32 of the op at hand, and i32 of as many lanes
    VEC(Known) known;
    VEC(uint32_t) opened;      // known.n when each open loop began
} Math;

// ---- the builder once more, shorter ----------------------------------------------------------
static Val constant(Math *m, VType t, uint32_t bits) {
    for (uint32_t n = 0; n < m->known.n; n++) {
        const Known *c = &m->known.data[n];
        if (c->bits == bits && c->type.dt == t.dt && c->type.n == t.n) return c->v;
    }
    Val v = kern_emit(m->k, (Ins){.op = K_CONST, .type = t, .imm = bits});
    *PUSH(m->k->arena, &m->known) = (Known){t, bits, v};
    return v;
}
static Val num(Math *m, double v) {
    float f = (float)v;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return constant(m, m->t, bits);
}
static Val inum(Math *m, int32_t v) { return constant(m, m->ti, (uint32_t)v); }
static Val add(Math *m, Val a, Val b) { return k_op2(m->k, K_ADD, a, b); }
static Val sub(Math *m, Val a, Val b) { return k_op2(m->k, K_SUB, a, b); }
static Val mul(Math *m, Val a, Val b) { return k_op2(m->k, K_MUL, a, b); }
static Val fma3(Math *m, Val a, Val b, Val c) { return k_fma(m->k, a, b, c); }
static Val shl(Math *m, Val a, int by) { return k_shift(m->k, K_SHL, a, by); }
static Val as_int(Math *m, Val a) { return k_bitcast(m->k, DT_I32, a); }
static Val as_float(Math *m, Val a) { return k_bitcast(m->k, DT_F32, a); }
// A NaN in x stays: MIN and MAX return their second operand when they cannot compare.
static Val at_most(Math *m, Val x, double limit) { return k_op2(m->k, K_MIN, num(m, limit), x); }
static Val at_least(Math *m, Val x, double limit) { return k_op2(m->k, K_MAX, num(m, limit), x); }
static Val horner_scaled(Math *m, const Poly *p, double scale, Val x) {
    Val r = num(m, p->c[p->degree] * scale);
    for (int n = p->degree - 1; n >= 0; n--) r = fma3(m, r, x, num(m, p->c[n] * scale));
    return r;
}
static Val horner(Math *m, const Poly *p, Val x) { return horner_scaled(m, p, 1, x); }
static Val eighth_power(Math *m, Val r) {
    Val r2 = mul(m, r, r), r4 = mul(m, r2, r2);
    return mul(m, r4, r4);
}

// ---- the functions ---------------------------------------------------------------------------
// Adding 1.5 * 2^23 rounds to an integer, and leaves it in the low bits of the sum.
static const double ROUNDER = 0x1.8p23;

// x = n + f. The exponent field of 2^(n-1) is n + 126, hence 2 P(f) and a rounder with 126 in it.
// x is kept in [-126, 128], whose ends give exactly 0 and infinity.
static Val expand_exp2(Math *m, Val x, int degree) {
    Val y = at_most(m, at_least(m, x, -126), 128);
    Val rounder = num(m, ROUNDER + 126);
    Val t = add(m, y, rounder);
    Val f = sub(m, y, sub(m, t, rounder));
    Val scale = as_float(m, shl(m, as_int(m, t), 23));
    return mul(m, horner_scaled(m, &exp2_poly[degree], 2, f), scale);
}
// 2^n for an integer n in [-126, 127]
static Val power_of_two(Math *m, Val n) { return as_float(m, shl(m, add(m, n, inum(m, 127)), 23)); }

// x = n ln 2 + r with ln 2 in two parts, the first so short that its product with n is exact. 2^n
// is applied in two halves, so that results overflow and become denormal as they should.
static const double LN2_HIGH = 0.693359375, LN2_LOW = -2.12194440054690583e-4;
static Val expand_exp(Math *m, Val x) {
    Val y = at_most(m, at_least(m, x, -104), 89);
    Val rounder = num(m, ROUNDER);
    Val t = fma3(m, y, num(m, 1.44269504088896341), rounder);
    Val n = sub(m, t, rounder);
    Val r = fma3(m, n, num(m, -LN2_HIGH), y);
    r = fma3(m, n, num(m, -LN2_LOW), r);
    Val r2 = mul(m, r, r);
    Val p = fma3(m, r2, horner(m, &exp_poly, r), r);
    p = add(m, p, num(m, 1));
    Val ni = as_int(m, t);
    ni = sub(m, ni, as_int(m, rounder));
    Val half = k_shift(m->k, K_SHR, ni, 1);
    p = mul(m, p, power_of_two(m, half));
    return mul(m, p, power_of_two(m, sub(m, ni, half)));
}
// x = 2^e (1 + f) with 1 + f in [sqrt 1/2, sqrt 2); denormals are scaled up first.
static Val log_of_positive(Math *m, Val x) {
    Kern *k = m->k;
    Val tiny = k_cmp(k, P_LT, x, num(m, 0x1p-126));
    Val y = k_select(k, tiny, mul(m, x, num(m, 0x1p23)), x);
    Val bits = as_int(m, y);
    Val e = k_shift(k, K_SHR, sub(m, bits, inum(m, 0x3f3504f3)), 23);
    Val f = as_float(m, sub(m, bits, shl(m, e, 23)));
    f = sub(m, f, num(m, 1));
    Val zero = num(m, 0), shift = k_select(k, tiny, num(m, -23), zero);
    Val n = add(m, k_cvt(k, DT_F32, e), shift);
    Val f2 = mul(m, f, f), f3 = mul(m, f2, f);
    Val q = mul(m, f3, horner(m, &log_poly, f));
    q = fma3(m, n, num(m, LN2_LOW), q);
    q = fma3(m, f2, num(m, -0.5), q);
    q = add(m, f, q);
    return fma3(m, n, num(m, LN2_HIGH), q);
}
static Val expand_log(Math *m, Val x) {
    Kern *k = m->k;
    Val zero = num(m, 0), infinity = num(m, INFINITY), nan = num(m, NAN);
    Val r = log_of_positive(m, x);
    r = k_select(k, k_cmp(k, P_LT, x, infinity), r, x);      // infinity and NaN stay
    Val pole = k_select(k, k_cmp(k, P_EQ, x, zero), num(m, -INFINITY), nan);
    return k_select(k, k_cmp(k, P_LE, x, zero), pole, r);
}
// `far` for |x| >= end, with the sign of x; x P(x^2) below.
static Val join_odd(Math *m, Val x, Val z, Val far, const Poly *near, double end) {
    Val sign = as_int(m, x), magnitude = as_int(m, far);
    sign = k_op2(m->k, K_AND, sign, inum(m, INT32_MIN));
    far = as_float(m, k_op2(m->k, K_OR, magnitude, sign));
    Val close = mul(m, x, horner(m, near, mul(m, x, x)));
    return k_select(m->k, k_cmp(m->k, P_LT, z, num(m, end)), close, far);
}
static Val expand_erf(Math *m, Val x) {
    Val z = at_most(m, k_op1(m->k, K_ABS, x), 4), one = num(m, 1);
    Val far = sub(m, one, eighth_power(m, horner(m, &erf_tail, z)));
    return join_odd(m, x, z, far, &erf_near, 0.65);
}
// tanh z = (1 - e) / (1 + e) with e = exp(-2z)
static Val expand_tanh(Math *m, Val x) {
    Val z = at_most(m, k_op1(m->k, K_ABS, x), 10), one = num(m, 1);
    Val e = expand_exp2(m, mul(m, z, num(m, -2.88539008177792681)), 5);
    Val numerator = sub(m, one, e), denominator = add(m, one, e);
    Val far = k_op2(m->k, K_DIV, numerator, denominator);
    return join_odd(m, x, z, far, &tanh_near, 0.6);
}
// x = n pi/2 + r with |r| <= pi/4, and pi/2 in three parts, the first two so short that their
// products with n are exact for n < 2^13. Beyond, r loses digits, and is kept where the polynomials
// stay within [-1, 1]. Odd n exchange sine and cosine, bit 1 of n turns the sign; the cosine is the
// sine a quarter of the circle (`quarters` = 1) further.
static const double HALF_PI[] = {1.5703125, 4.837512969970703125e-4, 7.54978995489188216e-8};
static Val expand_circle(Math *m, Val x, int quarters) {
    Kern *k = m->k;
    Val rounder = num(m, ROUNDER);
    Val t = fma3(m, x, num(m, 0.636619772367581343), rounder);
    Val n = sub(m, t, rounder), r = x;
    for (size_t i = 0; i < COUNT_OF(HALF_PI); i++) r = fma3(m, n, num(m, -HALF_PI[i]), r);
    r = at_most(m, at_least(m, r, -0.8), 0.8);
    Val r2 = mul(m, r, r), r4 = mul(m, r2, r2);
    Val sine = mul(m, r, horner(m, &sin_poly, r2));
    Val near_one = fma3(m, r2, num(m, -0.5), num(m, 1));
    Val cosine = fma3(m, r4, horner(m, &cos_poly, r2), near_one);
    Val quadrant = as_int(m, t);
    if (quarters) quadrant = add(m, quadrant, inum(m, quarters));
    Val odd = k_op2(k, K_AND, quadrant, inum(m, 1));
    Val y = k_select(k, k_cmp(k, P_EQ, odd, inum(m, 0)), sine, cosine);
    Val sign = shl(m, k_op2(k, K_AND, quadrant, inum(m, 2)), 30);
    return as_float(m, k_op2(k, K_XOR, as_int(m, y), sign));
}
// gelu x = max(x, 0) - z erfc(z / sqrt 2) / 2 with z = |x|: what is subtracted is at most 0.17, so
// its rounding does not show, and both tails are right without a special case.
static Val expand_gelu(Math *m, Val x) {
    Val z = at_most(m, k_op1(m->k, K_ABS, x), 7);
    Val tail = eighth_power(m, horner(m, &gelu_tail, z));
    Val minus_z = k_op1(m->k, K_NEG, z);
    return fma3(m, minus_z, tail, at_least(m, x, 0));
}

static Val expand(void *ctx, Kern *to, const Ins *i) {
    Math *m = ctx;
    m->t = i->type;
    m->ti = vec_type(DT_I32, i->type.n);
    switch ((KOp)i->op) {
    case K_LOOP: *PUSH(to->arena, &m->opened) = m->known.n; return 0;
    case K_END: m->known.n = m->opened.data[--m->opened.n]; return 0;
    case K_EXP2: return expand_exp2(m, i->arg[0], (int)i->imm);
    case K_EXP: return expand_exp(m, i->arg[0]);
    case K_LOG: return expand_log(m, i->arg[0]);
    case K_ERF: return expand_erf(m, i->arg[0]);
    case K_TANH: return expand_tanh(m, i->arg[0]);
    case K_SIN: return expand_circle(m, i->arg[0], 0);
    case K_COS: return expand_circle(m, i->arg[0], 1);
    case K_GELU: return expand_gelu(m, i->arg[0]);
    default: return 0;
    }
}
void pass_math(Kern *k, Kern *out) {
    Math m = {.k = out};
    kern_rewrite(k, out, expand, &m);
}
