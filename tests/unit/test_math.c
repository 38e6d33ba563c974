// test_math.c: how close the expansions of passes/kernel/math.c come, over a dense grid of f32,
// against the double functions of the C library; and what they do at the edges. The bounds are the
// ones that the comment in math.c promises.
#include "passes/passes.h"
#include "tests/support/ctx.h"
#include <math.h>

enum { LANES = 16, BATCH = 4096 };

// y[i] = op x[i] for groups of 16, before and after the passes
static Kern *unary_kernel(Arena *a, KOp op, int64_t imm, const char *target) {
    const Target *t = target_find(target);
    int lanes = (int)target_lanes(t, 4);
    Kern *k = kern_new(a, "unary", t);
    Val x = k_param(k, "x", DT_F32, false), y = k_param(k, "y", DT_F32, true);
    Val i = k_loop(k, k_lo(k), k_hi(k), 1);
    Val at = k_imuli(k, i, 4 * LANES), px = k_padd(k, x, at), py = k_padd(k, y, at);
    for (int l = 0; l < LANES; l += lanes) {
        Val r = k_op1(k, op, k_load(k, vec_type(DT_F32, lanes), px, 4 * l, lanes));
        kern_ins(k, r)->imm = imm;
        k_store(k, py, 4 * l, r, lanes);
    }
    k_end(k);
    Kern *arithmetic = kern_new(a, "unary", t), *legal = kern_new(a, "unary", t);
    pass_math(k, arithmetic);
    pass_legal(arithmetic, legal);
    return legal;
}
static float at_point(KOp op, int64_t imm, float x) {
    Arena *a = arena_new("test");
    float in[LANES] = {0}, out[LANES];
    in[0] = in[7] = in[15] = x;
    kern_eval(unary_kernel(a, op, imm, "x86-64-v4"), (void *[]){in, out}, NULL, 0, 1);
    assert_memory_equal(&out[0], &out[7], 4);
    assert_memory_equal(&out[0], &out[15], 4);
    arena_free(a);
    return out[0];
}
static float float_of(uint32_t bits) {
    float f;
    memcpy(&f, &bits, 4);
    return f;
}
static double ulp_of(double v) {      // distance of neighbouring floats at v
    int e;
    frexp(v, &e);
    return ldexp(1, (e < -125 ? -125 : e) - 24);
}

// ---- the largest errors over a grid ------------------------------------------------------------
typedef struct Worst {
    double absolute, relative, ulp;
} Worst;
static void compare(Worst *w, const float *x, const float *y, double (*exact)(double)) {
    for (int i = 0; i < BATCH; i++) {
        double want = exact((double)x[i]);
        bool both_nan = isnan(want) && isnan(y[i]);
        if ((float)want == y[i] || both_nan) continue;      // correctly rounded, or both infinite
        double error = fabs((double)y[i] - want);
        w->absolute = fmax(w->absolute, error);
        w->relative = fmax(w->relative, error / fabs(want));
        w->ulp = isnan(error) ? INFINITY : fmax(w->ulp, error / ulp_of(want));
    }
}
// Every `step`-th f32 of both signs with lo <= |x| <= hi.
static Worst sweep(KOp op, int64_t imm, double (*exact)(double), float lo, float hi,
                   uint32_t step) {
    Arena *a = arena_new("test");
    const Kern *k = unary_kernel(a, op, imm, "x86-64-v4");
    float *x = NEW_N(a, float, BATCH), *y = NEW_N(a, float, BATCH);
    uint32_t bits, end;
    memcpy(&bits, &lo, 4);
    memcpy(&end, &hi, 4);
    Worst w = {0};
    while (bits < end) {
        for (int i = 0; i < BATCH; i += 2, bits += step) {
            x[i] = bits < end ? float_of(bits) : hi;
            x[i + 1] = -x[i];
        }
        kern_eval(k, (void *[]){x, y}, NULL, 0, BATCH / LANES);
        compare(&w, x, y, exact);
    }
    arena_free(a);
    print_message("%s: absolute %.3g, relative %.3g, %.2f ulp\n", kernel_op[op].text, w.absolute,
                  w.relative, w.ulp);
    return w;
}
static void test_exp2(void **state) {
    (void)state;
    assert_true(sweep(K_EXP2, 3, exp2, 1e-20f, 125.4f, 997).relative < 1.1e-4);
    assert_true(sweep(K_EXP2, 4, exp2, 1e-20f, 125.4f, 997).relative < 2.9e-6);
    assert_true(sweep(K_EXP2, 5, exp2, 1e-20f, 125.4f, 997).ulp < 2);
    assert_true(sweep(K_EXP2, 6, exp2, 1e-20f, 125.4f, 997).ulp < 1);
    for (int degree = 3; degree <= 6; degree++) {
        assert_true(at_point(K_EXP2, degree, 0) == 1);
        assert_true(at_point(K_EXP2, degree, -125.5f) == 0);
        assert_true(at_point(K_EXP2, degree, -1e30f) == 0);
        assert_true(at_point(K_EXP2, degree, -INFINITY) == 0);
        assert_true(at_point(K_EXP2, degree, 127.5f) < INFINITY);
        assert_true(at_point(K_EXP2, degree, 128) == INFINITY);
        assert_true(at_point(K_EXP2, degree, INFINITY) == INFINITY);
        assert_true(isnan(at_point(K_EXP2, degree, NAN)));
    }
}
static void test_exp(void **state) {
    (void)state;
    assert_true(sweep(K_EXP, 0, exp, 1e-20f, 103.9f, 997).ulp < 1);      // denormal results too
    assert_true(at_point(K_EXP, 0, 0) == 1);
    assert_true(at_point(K_EXP, 0, 88.72f) < INFINITY);
    assert_true(at_point(K_EXP, 0, 88.73f) == INFINITY);
    assert_true(at_point(K_EXP, 0, INFINITY) == INFINITY);
    assert_true(at_point(K_EXP, 0, -104) == 0);
    assert_true(at_point(K_EXP, 0, -INFINITY) == 0);
    assert_true(isnan(at_point(K_EXP, 0, NAN)));
}
static void test_log(void **state) {
    (void)state;
    assert_true(sweep(K_LOG, 0, log, 1e-45f, 3.4e38f, 997).ulp < 1);      // denormal operands too
    assert_true(sweep(K_LOG, 0, log, 0.5f, 2, 13).ulp < 1);
    assert_true(at_point(K_LOG, 0, 1) == 0);
    assert_true(at_point(K_LOG, 0, 0) == -INFINITY);
    assert_true(at_point(K_LOG, 0, -0.0f) == -INFINITY);
    assert_true(isnan(at_point(K_LOG, 0, -1)));
    assert_true(isnan(at_point(K_LOG, 0, -INFINITY)));
    assert_true(at_point(K_LOG, 0, INFINITY) == INFINITY);
    assert_true(isnan(at_point(K_LOG, 0, NAN)));
}
static void test_erf(void **state) {
    (void)state;
    Worst w = sweep(K_ERF, 0, erf, 1e-30f, 10, 497);
    assert_true(w.absolute < 2.1e-7 && w.ulp < 3.6);
    assert_true(at_point(K_ERF, 0, INFINITY) == 1);
    assert_true(at_point(K_ERF, 0, -INFINITY) == -1);
    assert_true(at_point(K_ERF, 0, 4) == 1);
    assert_true(at_point(K_ERF, 0, 0) == 0 && !signbit(at_point(K_ERF, 0, 0)));
    assert_true(signbit(at_point(K_ERF, 0, -0.0f)));
    assert_true(isnan(at_point(K_ERF, 0, NAN)));
}
static void test_tanh(void **state) {
    (void)state;
    Worst w = sweep(K_TANH, 0, tanh, 1e-30f, 20, 497);
    assert_true(w.absolute < 1.3e-7 && w.ulp < 2.3);
    assert_true(at_point(K_TANH, 0, INFINITY) == 1);
    assert_true(at_point(K_TANH, 0, -INFINITY) == -1);
    assert_true(at_point(K_TANH, 0, 0) == 0);
    assert_true(signbit(at_point(K_TANH, 0, -0.0f)));
    assert_true(isnan(at_point(K_TANH, 0, NAN)));
}
static void test_circle(void **state) {
    (void)state;
    const struct {
        KOp op;
        double (*exact)(double);
    } half[] = {{K_SIN, sin}, {K_COS, cos}};
    for (size_t i = 0; i < COUNT_OF(half); i++) {
        assert_true(sweep(half[i].op, 0, half[i].exact, 1e-20f, 100, 997).ulp < 2);
        assert_true(sweep(half[i].op, 0, half[i].exact, 100, 12000, 97).absolute < 1.2e-7);
        assert_true(fabsf(at_point(half[i].op, 0, 3e38f)) <= 1);
        assert_true(isnan(at_point(half[i].op, 0, INFINITY)));
        assert_true(isnan(at_point(half[i].op, 0, NAN)));
    }
    assert_true(at_point(K_SIN, 0, 0) == 0 && !signbit(at_point(K_SIN, 0, 0)));
    assert_true(signbit(at_point(K_SIN, 0, -0.0f)));
    assert_true(at_point(K_COS, 0, 0) == 1);
}
static double exact_gelu(double x) { return 0.5 * x * erfc(-x / sqrt(2)); }
static void test_gelu(void **state) {
    (void)state;
    assert_true(sweep(K_GELU, 0, exact_gelu, 1e-30f, 8, 197).absolute < 2.5e-7);
    assert_true(sweep(K_GELU, 0, exact_gelu, 1e-30f, 0.5f, 197).relative < 7e-7);
    assert_true(sweep(K_GELU, 0, exact_gelu, 8, 1e30f, 997).absolute < 1e-10);
    float far = at_point(K_GELU, 0, -10);
    assert_true(far <= 0 && far > -1e-10f);
    assert_true(at_point(K_GELU, 0, 10) == 10);
    assert_true(at_point(K_GELU, 0, 1e30f) == 1e30f);
    assert_true(at_point(K_GELU, 0, INFINITY) == INFINITY);
    float end = at_point(K_GELU, 0, -INFINITY);
    assert_true(end <= 0 && end > -1e-10f);
    assert_true(at_point(K_GELU, 0, 0) == 0);
    assert_true(isnan(at_point(K_GELU, 0, NAN)));
}
static void test_gelu_is_cheap(void **state) {
    (void)state;
    Arena *a = arena_new("test");
    const Target *t = target_find("x86-64-v4");
    Kern *k = kern_new(a, "g", t), *out = kern_new(a, "g", t);
    Val x = k_param(k, "x", DT_F32, true);
    k_store(k, x, 0, k_op1(k, K_GELU, k_load(k, vec_type(DT_F32, 16), x, 0, 16)), 16);
    pass_math(k, out);
    int count = 0;
    for (Val v = 1; v < out->ins.n; v++) count += kern_ins(out, v)->op != K_CONST;
    assert_int_equal(count - 3, 16);      // param, load, store; neg goes into the fma: 15
    arena_free(a);
}

// ---- levels ------------------------------------------------------------------------------------
static void evaluate(const char *target, KOp op, const float *x, float *y) {
    Arena *a = arena_new("test");
    kern_eval(unary_kernel(a, op, 5, target), (void *[]){(void *)(uintptr_t)x, y}, NULL, 0,
              BATCH / LANES);
    arena_free(a);
}
// Pass dead changes no bit; what nobody reads is gone.
static void test_dead_keeps_bits(void **state) {
    (void)state;
    static float x[BATCH], want[BATCH], got[BATCH];
    for (int i = 0; i < BATCH; i++) x[i] = (float)(i - BATCH / 2) * 0.01f;
    for (KOp op = K_EXP2; op < K_COUNT; op++) {
        Arena *a = arena_new("test");
        Kern *k = unary_kernel(a, op, 5, "generic"), *out = kern_new(a, "f", k->target);
        kern_eval(k, (void *[]){x, want}, NULL, 0, BATCH / LANES);
        uint32_t before = k->ins.n;
        k_op1(k, K_NEG, k_const_f(k, vec_type(DT_F32, 4), 1));
        pass_dead(k, out);
        assert_true(out->ins.n <= before);
        kern_eval(out, (void *[]){x, got}, NULL, 0, BATCH / LANES);
        assert_memory_equal(want, got, sizeof want);
        arena_free(a);
    }
}
// 8 lanes or 16, the bits are the same; without FMA the results are close.
static void test_levels_agree(void **state) {
    (void)state;
    static float x[BATCH], wide[BATCH], narrow[BATCH], kept[BATCH], split[BATCH];
    for (int i = 0; i < BATCH; i++) x[i] = (float)(i - BATCH / 2) * 0.01f;
    for (KOp op = K_EXP2; op < K_COUNT; op++) {
        evaluate("x86-64-v4", op, x, wide);
        evaluate("x86-64-v3", op, x, narrow);
        evaluate("x86-64-v4-256", op, x, kept);
        evaluate("generic", op, x, split);
        assert_memory_equal(wide, narrow, sizeof wide);
        assert_memory_equal(wide, kept, sizeof wide);
        for (int i = 0; i < BATCH; i++) {
            double difference = fabs((double)wide[i] - (double)split[i]);
            bool same = wide[i] == split[i] || (isnan(wide[i]) && isnan(split[i]));
            assert_true(same || difference <= 6 * ulp_of((double)wide[i]) || difference < 1e-6);
        }
    }
}
static void test_fma_splits(void **state) {
    (void)state;
    Arena *a = arena_new("test");
    const Target *t = target_find("generic");
    Kern *k = kern_new(a, "f", t), *out = kern_new(a, "f", t);
    Val x = k_param(k, "x", DT_F32, true);
    Val v = k_load(k, vec_type(DT_F32, 1), x, 0, 1), one = k_const_f(k, vec_type(DT_F32, 1), -1);
    k_store(k, x, 0, k_fma(k, v, v, one), 1);
    pass_legal(k, out);
    float together = 1 + 0x1p-23f, apart = 1 + 0x1p-23f;
    kern_eval(k, (void *[]){&together}, NULL, 0, 1);
    kern_eval(out, (void *[]){&apart}, NULL, 0, 1);
    assert_true(together == 0x1p-22f + 0x1p-46f);
    assert_true(apart == 0x1p-22f);
    arena_free(a);
}
int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exp2),          cmocka_unit_test(test_exp),
        cmocka_unit_test(test_log),           cmocka_unit_test(test_erf),
        cmocka_unit_test(test_tanh),          cmocka_unit_test(test_gelu),
        cmocka_unit_test(test_gelu_is_cheap), cmocka_unit_test(test_levels_agree),
        cmocka_unit_test(test_fma_splits),    cmocka_unit_test(test_circle),
        cmocka_unit_test(test_dead_keeps_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
