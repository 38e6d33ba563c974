// test_lower_halves.c: weights kept in bf16 or f16 lie in the image in half the bytes, mean what
// the rounded weights mean, and cost only their rounding.
#include "ir/isa.h"
#include "passes/lower/schedule.h"
#include "passes/passes.h"
#include "tests/support/numbers.h"

enum { ROWS = 21, K = 2100, N = 75 }; // three blocks of k; the last panel is partial at every level
static const int64_t depths[] = {K, K - 2, K - 1, 1}; // the last word of a depth ends with zeros
enum { TRANS = 1, IS_F16 = 2, IN_CHUNKS = 4, CASES = 8 };
static Graph *linear(Arena *a, int64_t depth, bool trans) {
    Graph *g = graph_new(a);
    int64_t w[] = {trans ? N : depth, trans ? depth : N};
    NodeId x = graph_input(g, "x", type_of(DT_F32, 2, (int64_t[]){ROWS, depth}), 0);
    NodeId c = graph_const(g, type_of(DT_F32, 2, w), random_floats(a, N * depth, 5), 0);
    graph_output(g, "y", g_matmul(g, x, c, trans));
    return g;
}
static const float *eager(TestCtx *t, const Graph *g, const float *x) {
    Tensor in = {*graph_type(g, g->input.data[0]), (void *)(uintptr_t)x}, y;
    assert_true(graph_eval(g, &in, &g->output.data[0].node, 1, &y, t->c.arena, t->c.diag));
    return y.data;
}
// k of bf16 that lie side by side.
static int64_t word_of(const Target *t) {
    return isa_has_blocks(t) ? 4 : 2;
}
static void compare(TestCtx *t, int64_t depth, unsigned how, const Target *target) {
    Arena *a = t->c.arena;
    bool trans = how & TRANS;
    DType dt = how & IS_F16 ? DT_F16 : DT_BF16;
    TuningRow row = {.op = OP_MATMUL, .any_shape = true, .set = choice_untuned};
    row.set.k_chunk = 1; // one block; two where its length is odd and the weights lie in pairs
    Tuning tuning = {&row, 1};
    Graph *g = linear(a, depth, trans);
    float *x = random_floats(a, ROWS * depth, 9), got[ROWS * N];
    const float *exact = eager(t, g, x);
    PassOptions o = {.target = target, .max_slices = 3, .dtype = dt};
    if (how & IN_CHUNKS) o.tuning = &tuning;
    Program *p = pipeline_run(&t->c, g, &o);
    assert_non_null(p);
    assert_int_equal(p->region.n, 1);
    int64_t columns = (int64_t)round_up(N, (uint64_t)p->region.data[0].nr);
    int64_t deep = dt == DT_BF16 ? word_of(target) : 1, stored = ceil_div(depth, deep) * deep;
    assert_int_equal(p->weight_bytes, round_up((uint64_t)(columns * stored * 2), 64));
    const char *image = weight_image(t, p);
    assert_true(program_eval(p, image, (const void *[]){x}, (void *[]){got}, 3, a));
    assert_true(distance(got, eager(t, g, x), ROWS * N) < 1e-6); // g holds the rounding now
    double rounding = distance(got, exact, ROWS * N), unit = dt == DT_BF16 ? 0x1p-8 : 0x1p-11;
    assert_true(rounding > 0.1 * unit && rounding < unit);
}
static void test_halves(void **state) {
    (void)state;
    for (size_t i = 0; target_at(i); i++)
        for (unsigned n = 0; n < COUNT_OF(depths) * CASES; n++) {
            TestCtx *t = test_ctx();
            compare(t, depths[n / CASES], n % CASES, target_at(i));
            test_ctx_free(t);
        }
}
// Levels of one object read the same panels, each as many at a time as it takes.
static void test_levels(void **state) {
    (void)state;
    static const char *const names[][2] = {{"x86-64-v4", "x86-64-v3"},
                                           {"aarch64+dotprod+i8mm+bf16", "aarch64"}};
    for (unsigned n = 0; n < 2 * COUNT_OF(depths); n++) {
        TestCtx *t = test_ctx();
        Arena *a = t->c.arena;
        const Target *also[] = {target_find(names[n % 2][1]), NULL};
        PassOptions o = {.target = target_find(names[n % 2][0]), .also = also, .dtype = DT_BF16};
        int64_t depth = depths[n / 2];
        Program *p = pipeline_run(&t->c, linear(a, depth, true), &o);
        assert_non_null(p);
        assert_int_equal(program_levels(p), 2);
        const char *image = weight_image(t, p);
        float *x = random_floats(a, ROWS * depth, 9), first[ROWS * N], second[ROWS * N];
        assert_true(program_eval(p, image, (const void *[]){x}, (void *[]){first}, 1, a));
        assert_true(program_eval(p->next, image, (const void *[]){x}, (void *[]){second}, 2, a));
        assert_memory_equal(first, second, sizeof first);
        test_ctx_free(t);
    }
}
// ---- products of bf16 --------------------------------------------------------------------------
static bool has_op(const Program *p, KOp op) {
    for (uint32_t i = 0; i < p->kern.n; i++)
        for (uint32_t j = 0; j < p->kern.data[i]->ins.n; j++)
            if (kern_ins(p->kern.data[i], j)->op == op) return true;
    return false;
}
// y = (-x) W: x itself would be read in place.
static Graph *computed_linear(Arena *a, int64_t depth) {
    Graph *g = linear(a, depth, true);
    NodeId y = g->output.data[0].node, x = g->input.data[0];
    Node *matmul = graph_node(g, y);
    NodeId w = matmul->in[1];
    g->output.data[0].node = g_matmul(g, g_unary(g, OP_NEG, x), w, true);
    return g;
}
static void multiply(TestCtx *t, int64_t depth, const Target *target, int64_t k_chunk) {
    Arena *a = t->c.arena;
    TuningRow row = {.op = OP_MATMUL, .any_shape = true, .set = choice_untuned};
    row.set.k_chunk = k_chunk;
    Tuning tuning = {&row, 1};
    PassOptions o = {.target = target, .max_slices = 3, .dtype = DT_BF16};
    if (k_chunk) o.tuning = &tuning;
    Graph *g = computed_linear(a, depth);
    Program *p = pipeline_run(&t->c, g, &o);
    assert_non_null(p);
    bool multiplies = has_op(p, K_DPBF16) || has_op(p, K_TDPBF16) || has_op(p, K_BFMMLA);
    assert_int_equal(multiplies, passes_have_products(&o) && depth % word_of(target) == 0);
    const char *image = weight_image(t, p);
    float *x = random_floats(a, ROWS * depth, 9), got[ROWS * N];
    assert_true(program_eval(p, image, (const void *[]){x}, (void *[]){got}, 3, a));
    assert_true(distance(got, eager(t, g, x), ROWS * N) < 1e-6);
}
static void test_products(void **state) {
    (void)state;
    for (size_t i = 0; target_at(i); i++)
        for (unsigned n = 0; n < 2 * COUNT_OF(depths); n++) {
            TestCtx *t = test_ctx();
            multiply(t, depths[n / 2], target_at(i), n % 2);
            test_ctx_free(t);
        }
}
static void test_keep(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Graph *g = linear(t->c.arena, K, true);
    Loc loc = diag_loc(t->c.diag, (LocInfo){.node = "classifier.weight"});
    graph_node(g, 2)->loc = loc;
    PassOptions o = {.target = target_find("generic"), .max_slices = 1, .dtype = DT_BF16};
    o.keep_f32 = (const char *const[]){"other", "classifier.*"};
    o.nkeep_f32 = 2;
    Program *p = pipeline_run(&t->c, g, &o);
    assert_non_null(p);
    assert_int_equal(region_dtype(p->graph, &p->region.data[0]), DT_F32);
    test_ctx_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_halves), cmocka_unit_test(test_levels),
                                       cmocka_unit_test(test_products),
                                       cmocka_unit_test(test_keep)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
