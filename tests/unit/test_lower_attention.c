// test_lower_attention.c: attention in bf16, on levels that multiply pairs of it: any number of
// tokens, heads and elements of a head. With whole numbers for Q and K the powers of softmax are
// powers of two, which bf16 holds, so every key and element must be where it belongs to the last
// bits; with others the result is as near as bf16 is.
#include "ir/isa.h"
#include "passes/passes.h"
#include "tests/support/vg.h"

typedef struct Sizes {
    int64_t batch, queries, keys, heads, d, e;
} Sizes;
static const Sizes sizes[] = {
    {1, 1, 1, 1, 2, 1},     {2, 3, 3, 2, 2, 3},       {1, 5, 5, 1, 4, 5},
    {1, 17, 17, 2, 6, 33},  {1, 31, 31, 1, 8, 8},     {2, 32, 32, 3, 16, 16},
    {1, 33, 33, 2, 10, 70}, {1, 197, 197, 2, 64, 64}, {1, 7, 65, 2, 12, 9},
    {1, 40, 13, 1, 20, 20}, {1, 1, 257, 2, 32, 32},   {2, 3, 513, 1, 2, 31},
    {1, 13, 2051, 1, 4, 5}, {1, 2, 770, 1, 4, 4},     {1, 20, 20, 1, 80, 80},
    {1, 50, 47, 2, 34, 16}, {1, 16, 64, 1, 96, 48},
};
// Q and K, V are slices of an input each; of one input when they have as many tokens.
static NodeId heads_of(Graph *g, NodeId x, int64_t first, int64_t heads, int64_t size) {
    Type t = *graph_type(g, x);
    NodeId part = g_slice(g, x, 2, first, heads * size);
    return g_reshape(g, part, 4, (int64_t[]){t.dim[0], t.dim[1], heads, size});
}
static Graph *attention(Arena *a, const Sizes *s) {
    Graph *g = graph_new(a);
    int64_t nq = s->heads * s->d, nv = s->heads * s->e;
    NodeId x, y;
    if (s->queries == s->keys) {
        int64_t dim[] = {s->batch, s->queries, 2 * nq + nv};
        x = y = graph_input(g, "x", type_of(DT_F32, 3, dim), 0);
    } else {
        x = graph_input(g, "x", type_of(DT_F32, 3, (int64_t[]){s->batch, s->queries, nq}), 0);
        int64_t dim[] = {s->batch, s->keys, 2 * nq + nv};
        y = graph_input(g, "y", type_of(DT_F32, 3, dim), 0);
    }
    NodeId in[] = {heads_of(g, x, 0, s->heads, s->d), heads_of(g, y, nq, s->heads, s->d),
                   heads_of(g, y, 2 * nq, s->heads, s->e)};
    Attr attr[] = {attr_float(AT_SCALE, 1), attr_int(AT_BASE2, 1)};
    NodeId o = graph_add(g, OP_ATTENTION, in, 3, attr, 2, 0);
    graph_output(g, "o", g_reshape(g, o, 3, (int64_t[]){s->batch, s->queries, nv}));
    return g;
}
static const void *numbers(Arena *a, const Type *t, const Sizes *s, bool whole, uint64_t *seed) {
    int64_t n = type_count(t), width = t->dim[2], nq = s->heads * s->d;
    float *f = NEW_N(a, float, (size_t)n);
    for (int64_t i = 0; i < n; i++) {
        double r = (double)vg_below(seed, 20001) / 10000 - 1;
        bool is_value = i % width >= 2 * nq;
        f[i] = (float)(whole && !is_value ? rint(1.5 * r) : 1.5 * r);
    }
    return f;
}
static bool has_op(const Program *p, KOp op) {
    for (uint32_t i = 0; i < p->kern.n; i++)
        for (Val v = 1; v < p->kern.data[i]->ins.n; v++)
            if (kern_ins(p->kern.data[i], v)->op == op) return true;
    return false;
}
static double distance(const float *x, Tensor y) {
    double error = 0, norm = 0;
    for (int64_t i = 0; i < type_count(&y.type); i++) {
        double want = dtype_read_f(y.type.dt, y.data, (uint64_t)i);
        error += (x[i] - want) * (x[i] - want);
        norm += want * want;
    }
    return sqrt(error / (norm + 1e-30));
}
static void compare(const Target *target, const Sizes *s, bool whole, double tolerance) {
    TestCtx *t = test_ctx();
    Arena *a = t->c.arena;
    Graph *g = attention(a, s);
    PassOptions o = {.target = target, .max_slices = 3, .dtype = DT_BF16};
    Program *p = pipeline_run(&t->c, g, &o);
    assert_non_null(p);
    KOp product = isa_has_tiles(target) ? K_TDPBF16 : K_DPBF16;
    assert_int_equal(has_op(p, product), s->d % 2 == 0);
    uint64_t seed = 7;
    const void *in[2];
    Tensor given[2], want; // g holds the rounding of Q, K and V now, not that of the powers
    for (uint32_t i = 0; i < g->input.n; i++) {
        Type type = *graph_type(g, g->input.data[i]);
        in[i] = numbers(a, &type, s, whole, &seed);
        given[i] = (Tensor){type, (void *)(uintptr_t)in[i]};
    }
    assert_true(graph_eval(g, given, &g->output.data[0].node, 1, &want, a, t->c.diag));
    float *got = NEW_N(a, float, (size_t)type_count(&want.type));
    char image[64] = {0}; // there are no weights
    assert_true(program_eval(p, image, in, (void *[]){got}, 3, a));
    double error = distance(got, want);
    if (error > tolerance)
        fail_msg("%s: %lldx%lldx%lldx%lld, d %lld, e %lld: error %g", target->name,
                 (long long)s->batch, (long long)s->queries, (long long)s->keys,
                 (long long)s->heads, (long long)s->d, (long long)s->e, error);
    test_ctx_free(t);
}
static void everywhere(bool whole, double tolerance) {
    for (size_t i = 0; target_at(i); i++)
        for (size_t k = 0; k < COUNT_OF(sizes) && isa_has_pairs(target_at(i)); k++)
            compare(target_at(i), &sizes[k], whole, tolerance);
}
static void test_whole(void **state) {
    (void)state;
    everywhere(true, 1e-6);
}
static void test_near(void **state) {
    (void)state;
    everywhere(false, 3e-3);
}
static void test_odd_head(void **state) { // no pairs: stays f32
    (void)state;
    for (size_t i = 0; target_at(i); i++)
        compare(target_at(i), &(Sizes){1, 19, 19, 2, 5, 6}, false, 1e-6);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_whole), cmocka_unit_test(test_near),
                                       cmocka_unit_test(test_odd_head)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
