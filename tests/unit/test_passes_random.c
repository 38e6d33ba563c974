// test_passes_random.c: whatever verified graph the passes get, they neither die nor change what it
// computes.
#include "passes/passes.h"
#include "tests/support/ctx.h"
#include "tests/support/random_graph.h"
#include <math.h>

static bool agree(const Tensor *a, const Tensor *b, double *diff) {
    double sum = 0, norm = 0;
    if (!type_equal(&a->type, &b->type)) return false;
    for (int64_t i = 0; i < type_count(&a->type); i++) {
        double x = dtype_read_f(a->type.dt, a->data, (uint64_t)i),
               y = dtype_read_f(b->type.dt, b->data, (uint64_t)i);
        if (isnan(x) && isnan(y)) continue;
        sum += (x - y) * (x - y);
        norm += x * x;
    }
    *diff = sqrt(sum / (norm > 1 ? norm : 1));
    return *diff <= 1e-4;
}
static void check_passes(uint64_t seed) {
    static bool (*const passes[])(PassCtx *, Graph *) = {
        pass_fold, pass_cse, pass_canon, pass_recognise, pass_slice, pass_algebra, pass_fuse};
    TestCtx *t = test_ctx();
    Graph *g = random_graph(&t->c, seed);
    Tensor before[3], after[3];
    NodeId want[3];
    Type type = *graph_type(g, g->input.data[0]);
    Tensor in = {type, random_graph_data(&t->c, seed, &type)};
    for (int i = 0; i < 3; i++) want[i] = g->output.data[i].node;
    assert_true(graph_eval(g, &in, want, 3, before, t->c.arena, t->c.diag));
    PassOptions o = {0};
    PassCtx p = {&t->c, &o};
    for (size_t k = 0; k < COUNT_OF(passes); k++) {
        passes[k](&p, g);
        if (!graph_check(g, t->c.diag))
            fail_msg("seed %llu, pass %zu: %s", (unsigned long long)seed, k, t->said);
        for (int i = 0; i < 3; i++) want[i] = g->output.data[i].node;
        assert_true(graph_eval(g, &in, want, 3, after, t->c.arena, t->c.diag));
        for (int i = 0; i < 3; i++) {
            double diff = 0;
            if (!agree(&before[i], &after[i], &diff))
                fail_msg("seed %llu: pass %zu moved output %d by %g", (unsigned long long)seed, k,
                         i, diff);
        }
    }
    test_ctx_free(t);
}
static void test_random_graphs(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 4000; seed++) check_passes(seed);
}
int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_graphs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
