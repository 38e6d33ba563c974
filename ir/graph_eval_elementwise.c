// graph_eval_elementwise.c: what every elementwise op means, one expression each: x, y, z are the
// operands. FLOAT rows are computed in f64, INT rows (integers and bools) in int64.
#include "ir/graph_eval.h"
#include <assert.h>
#include <math.h>

typedef union Chunk {
    double f[CHUNK];
    int64_t i[CHUNK];
} Chunk;
// A chunk of operands to a chunk of results.
typedef void (*Loop)(Chunk *restrict out, const Chunk *in, int64_t n);

static bool elementwise(Eval *e, Loop floats, Loop ints) {
    Chunk in[3] = {0}, out;
    Reader reader[3];
    bool as_float = is_float(&e->out);
    for (uint32_t k = 0; k < e->node->nin; k++) {
        as_float |= is_float(&e->in[k]);
        reader[k] = reader_new(&e->in[k], &e->out.type);
    }
    Loop loop = as_float ? floats : ints;
    assert(loop);
    int64_t count = type_count(&e->out.type);
    for (int64_t at = 0; at < count; at += CHUNK) {
        int64_t n = min_i64(CHUNK, count - at);
        for (uint32_t k = 0; k < e->node->nin; k++)
            if (as_float) reader_f(&reader[k], n, in[k].f);
            else reader_i(&reader[k], n, in[k].i);
        loop(&out, in, n);
        if (as_float) store_f(&e->out, at, n, out.f);
        else store_i(&e->out, at, n, out.i);
    }
    return true;
}

#define LOOP(name, T, field, expr) \
    static void name(Chunk *restrict out, const Chunk *in, int64_t n) { \
        for (int64_t i = 0; i < n; i++) { \
            T x = in[0].field[i], y = in[1].field[i], z = in[2].field[i]; \
            (void)x, (void)y, (void)z; \
            out->field[i] = (expr); \
        } \
    }
#define FLOAT(op, expr) \
    LOOP(f_##op, double, f, expr) \
    bool eval_##op(Eval *e) { return elementwise(e, f_##op, NULL); }
#define INT(op, expr) \
    LOOP(i_##op, int64_t, i, expr) \
    bool eval_##op(Eval *e) { return elementwise(e, NULL, i_##op); }
#define BOTH(op, float_expr, int_expr) \
    LOOP(f_##op, double, f, float_expr) \
    LOOP(i_##op, int64_t, i, int_expr) \
    bool eval_##op(Eval *e) { return elementwise(e, f_##op, i_##op); }

// ---- meanings too long for a row -------------------------------------------------------------
static int64_t wrap_add(int64_t x, int64_t y) { return (int64_t)((uint64_t)x + (uint64_t)y); }
static int64_t wrap_sub(int64_t x, int64_t y) { return (int64_t)((uint64_t)x - (uint64_t)y); }
static int64_t wrap_mul(int64_t x, int64_t y) { return (int64_t)((uint64_t)x * (uint64_t)y); }
static double sign_of(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }      // NaN and zeros stay
static double min_f(double x, double y) { return x != x || x < y ? x : y; }
static double max_f(double x, double y) { return x != x || x > y ? x : y; }
static double softplus(double x) { return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }
static double gelu(double x) { return 0.5 * x * erfc(-x * 0x1.6a09e667f3bcdp-1); }      // sqrt(1/2)
static double gelu_tanh(double x) {
    const double sqrt_2_over_pi = 0x1.9884533d43651p-1;
    return 0.5 * x * (1 + tanh(sqrt_2_over_pi * (x + 0.044715 * x * x * x)));
}
static int64_t div_i(int64_t x, int64_t y) {
    return y == 0 ? 0 : y == -1 ? wrap_sub(0, x) : x / y;
}
static int64_t rem_i(int64_t x, int64_t y) { return y == 0 || y == -1 ? 0 : x % y; }
// The remainder with the sign of the divisor.
static int64_t mod_i(int64_t x, int64_t y) {
    int64_t r = rem_i(x, y);
    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}
static double mod_f(double x, double y) {
    double r = fmod(x, y);
    if (r == 0) return copysign(0, y);
    return (r < 0) != (y < 0) ? r + y : r;
}
static int64_t pow_i(int64_t x, int64_t y) {
    if (y < 0) return x == 1 ? 1 : x == -1 ? (y & 1 ? -1 : 1) : 0;
    int64_t power = 1;
    for (; y > 0; y >>= 1) {
        if (y & 1) power = wrap_mul(power, x);
        x = wrap_mul(x, x);
    }
    return power;
}

// ---- one operand -----------------------------------------------------------------------------
BOTH(NEG, -x, wrap_sub(0, x))
BOTH(ABS, fabs(x), x < 0 ? wrap_sub(0, x) : x)
BOTH(SIGN, sign_of(x), (x > 0) - (x < 0))
FLOAT(RECIP, 1 / x)
FLOAT(SQRT, sqrt(x))
FLOAT(RSQRT, 1 / sqrt(x))
FLOAT(EXP, exp(x))
FLOAT(LOG, log(x))
FLOAT(ERF, erf(x))
FLOAT(TANH, tanh(x))
FLOAT(SIN, sin(x))
FLOAT(COS, cos(x))
FLOAT(SIGMOID, 1 / (1 + exp(-x)))
FLOAT(SOFTPLUS, softplus(x))
FLOAT(GELU, gelu(x))
FLOAT(GELU_TANH, gelu_tanh(x))
FLOAT(FLOOR, floor(x))
FLOAT(CEIL, ceil(x))
FLOAT(ROUND, rint(x))
INT(NOT, !x)
FLOAT(ISNAN, x != x)
BOTH(CAST, x, x)

// ---- two and three operands ------------------------------------------------------------------
BOTH(ADD, x + y, wrap_add(x, y))
BOTH(SUB, x - y, wrap_sub(x, y))
BOTH(MUL, x * y, wrap_mul(x, y))
BOTH(DIV, x / y, div_i(x, y))
BOTH(POW, pow(x, y), pow_i(x, y))
BOTH(MIN, min_f(x, y), x < y ? x : y)
BOTH(MAX, max_f(x, y), x > y ? x : y)
BOTH(EQ, x == y, x == y)
BOTH(LT, x < y, x < y)
BOTH(LE, x <= y, x <= y)
INT(AND, x & y)
INT(OR, x | y)
INT(XOR, x ^ y)
BOTH(WHERE, x != 0 ? y : z, x ? y : z)

LOOP(f_mod, double, f, mod_f(x, y))
LOOP(i_mod, int64_t, i, mod_i(x, y))
LOOP(f_fmod, double, f, fmod(x, y))
LOOP(i_fmod, int64_t, i, rem_i(x, y))
bool eval_MOD(Eval *e) {
    bool like_c = node_int(e->node, AT_FMOD, 0) != 0;
    return elementwise(e, like_c ? f_fmod : f_mod, like_c ? i_fmod : i_mod);
}
