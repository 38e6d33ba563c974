// test_lower_split.c: --f32-math. Products of bf16 parts come near to those of f32, and with three
// parts as near as f32 comes itself: also where sums cancel, where few channels are far larger than
// the others, and at every depth. One launch makes the parts of what a layer reads.
#include "passes/passes.h"
#include "tests/support/numbers.h"
#include <math.h>

enum { ROWS = 21, K = 1060, N = 75 };
static const int64_t depths[] = {K, K - 1, 3, 1};
typedef enum { EVEN, OUTLIERS, CANCELS, KINDS } Kind;
typedef struct Data {
    int64_t depth;
    float *x, *w; // [ROWS,depth], [depth,N]
} Data;

static double next_random(uint32_t *state) { // in (-1,1), all 24 bits of an f32 in use
    *state = *state * 1664525u + 1013904223u;
    return (double)(*state >> 7) * 0x1p-24 - 1;
}
static Data make_data(Arena *a, int64_t depth, Kind kind) {
    Data d = {depth, NEW_N(a, float, (size_t)(ROWS * depth)), NEW_N(a, float, (size_t)(depth * N))};
    uint32_t state = 77;
    for (int64_t i = 0; i < ROWS * depth; i++) d.x[i] = (float)next_random(&state);
    for (int64_t i = 0; i < depth * N; i++) d.w[i] = (float)next_random(&state);
    for (int64_t k = 0; k < depth; k++) { // of channel k
        bool is_outlier = kind == OUTLIERS && k % 97 == 5, is_other = kind == CANCELS && k % 2;
        for (int64_t r = 0; r < ROWS && (is_outlier || is_other); r++)
            d.x[r * depth + k] = is_other ? d.x[r * depth + k - 1] : 3000 * d.x[r * depth + k];
        for (int64_t n = 0; n < N && is_other; n++)
            d.w[k * N + n] = -d.w[(k - 1) * N + n] * (float)(1 + 0.01 * next_random(&state));
    }
    return d;
}
// What the layer reads is computed: the input itself would be left as it is.
static Graph *linear(TestCtx *t, const Data *d, bool trans) {
    Graph *g = graph_new(t->c.arena);
    NodeId x = graph_input(g, "x", type_of(DT_F32, 3, (int64_t[]){3, ROWS / 3, d->depth}), 0);
    NodeId w = graph_const(g, type_of(DT_F32, 2, (int64_t[]){d->depth, N}), d->w, 0);
    if (trans) w = g_transpose(g, w, (int64_t[]){1, 0});
    graph_output(g, "y", g_matmul(g, g_unary(g, OP_NEG, x), w, trans));
    return g;
}
// Relative to what the sums would be if nothing cancelled.
static double error_of(const Data *d, const float *y) {
    double error = 0, norm = 0;
    for (int64_t r = 0; r < ROWS; r++)
        for (int64_t n = 0; n < N; n++) {
            double sum = 0, size = 0;
            for (int64_t k = 0; k < d->depth; k++) {
                double term = -(double)d->x[r * d->depth + k] * d->w[k * N + n];
                sum += term;
                size += term * term;
            }
            error += pow(y[r * N + n] - sum, 2);
            norm += size;
        }
    return sqrt(error / norm);
}
static const float *eager(TestCtx *t, const Graph *g, const float *x) {
    Tensor in = {*graph_type(g, g->input.data[0]), (void *)(uintptr_t)x}, y;
    assert_true(graph_eval(g, &in, &g->output.data[0].node, 1, &y, t->c.arena, t->c.diag));
    return y.data;
}
// The error of level `which` of the program, and of the graph that it was made from.
static double error_with(TestCtx *t, const Data *d, uint32_t parts, const PassOptions *like,
                         uint32_t which, bool trans) {
    PassOptions o = *like;
    float y[ROWS * N];
    o.max_slices = 3;
    o.f32_parts = parts;
    Graph *g = linear(t, d, trans);
    Program *p = pipeline_run(&t->c, g, &o);
    assert_non_null(p);
    const char *image = weight_image(t, p);
    while (which--) p = p->next;
    assert_true(program_eval(p, image, (const void *[]){d->x}, (void *[]){y}, 3, t->c.arena));
    double error = error_of(d, y), rounding = error_of(d, eager(t, g, d->x));
    assert_true(rounding < (parts == 2 ? 5e-6 : 3e-8)); // that of the parts alone
    return error;
}
static void compare(TestCtx *t, int64_t depth, Kind kind, const PassOptions *o, uint32_t which) {
    for (int trans = 0; trans < 2; trans++) {
        Data d = make_data(t->c.arena, depth, kind);
        double f32 = error_with(t, &d, 0, o, which, trans);
        double two = error_with(t, &d, 2, o, which, trans);
        double three = error_with(t, &d, 3, o, which, trans);
        assert_true(f32 < 6e-7);
        assert_true(two < 5e-6);
        assert_true(depth < K - 1 || two > 5e-7);
        assert_true(three < 1.5 * f32 + 2e-8);
    }
}
static void test_errors(void **state) {
    (void)state;
    static const char *const level[] = {"x86-64-v4+bf16", "x86-64-amx"};
    for (size_t i = 0; i < COUNT_OF(level) * COUNT_OF(depths) * KINDS; i++) {
        TestCtx *t = test_ctx();
        PassOptions o = {.target = target_find(level[i % 2])};
        compare(t, depths[i / 2 % COUNT_OF(depths)], (Kind)(i / 2 / COUNT_OF(depths)), &o, 0);
        test_ctx_free(t);
    }
}
// A level without products beside one that has them widens the parts to copies.
static void test_levels(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    const Target *const also[] = {target_find("x86-64-v3"), target_find("generic"), NULL};
    PassOptions o = {.target = target_find("x86-64-v4+bf16"), .also = also};
    for (uint32_t which = 0; which < 3; which++) compare(t, K, OUTLIERS, &o, which);
    test_ctx_free(t);
}
static uint32_t count(const Program *p, const char *part) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->launch.n; i++)
        n += strstr(p->kern.data[p->launch.data[i].kern]->name, part) != NULL;
    return n;
}
static void test_launches(void **state) {
    (void)state;
    for (uint32_t parts = 2; parts <= 3; parts++) {
        TestCtx *t = test_ctx();
        Data d = make_data(t->c.arena, K, EVEN);
        PassOptions o = {.target = target_find("x86-64-v4+bf16"), .f32_parts = parts};
        const Program *p = pipeline_run(&t->c, linear(t, &d, false), &o);
        assert_non_null(p);
        assert_int_equal(p->launch.n, 3);
        assert_int_equal(count(p, "_neg"), 1);
        assert_int_equal(count(p, "_to_bf16"), 1);
        assert_int_equal(count(p, "matmul"), 1);
        test_ctx_free(t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_errors), cmocka_unit_test(test_levels),
                                       cmocka_unit_test(test_launches)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
