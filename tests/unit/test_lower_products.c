// test_lower_products.c: with --dtype bf16, a level that multiplies bf16 has activations rounded
// behind their producers. That adds no launch, means what the rounded graph means, and other levels
// of the same object do the same with copies widened to f32.
#include "frontend/frontend.h"
#include "passes/passes.h"
#include "tests/support/numbers.h"
#include <stdlib.h>

static Graph *digits(TestCtx *t, const char *outputs) {
    FrontendOptions o = {.outputs = outputs};
    const char *path = arena_printf(t->c.arena, "%s/digits/model", getenv("FIXTURES"));
    Graph *g = frontend_load(&t->c, path, &o);
    assert_non_null(g);
    return g;
}
static Program *compile(TestCtx *t, Graph *g, DType dt, const char *level,
                        const Target *const *also) {
    PassOptions o = {.target = target_find(level), .also = also, .max_slices = 2, .dtype = dt};
    Program *p = pipeline_run(&t->c, g, &o);
    assert_non_null(p);
    return p;
}
static bool has_name(const Program *p, const Launch *l, const char *part) {
    return strstr(p->kern.data[l->kern]->name, part) != NULL;
}
static uint32_t count(const Program *p, const char *part) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->launch.n; i++) n += has_name(p, &p->launch.data[i], part);
    return n;
}

// Every launch is one that f32 has as well: products take bf16 as it lies.
static void test_launches(void **state) {
    (void)state;
    static const char *const outputs[] = {NULL, "cls", "last_hidden_state", "all"};
    for (size_t i = 0; i < COUNT_OF(outputs); i++) {
        TestCtx *t = test_ctx();
        const Program *f32 = compile(t, digits(t, outputs[i]), DT_F32, "x86-64-v4+bf16", NULL);
        const Program *bf16 = compile(t, digits(t, outputs[i]), DT_BF16, "x86-64-v4+bf16", NULL);
        const Program *v4 = compile(t, digits(t, outputs[i]), DT_BF16, "x86-64-v4", NULL);
        assert_int_equal(bf16->launch.n, f32->launch.n);
        assert_int_equal(v4->launch.n, f32->launch.n);
        assert_int_equal(count(v4, "_to_bf16"), 0);
        test_ctx_free(t);
    }
}
// In every layer: both LayerNorms, Q, K and V, attention and the first half of the MLP. In the last
// one attention reads tokens in f32: not its LayerNorm, nor what comes before the value weight.
static void test_stores(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    const Program *p = compile(t, digits(t, NULL), DT_BF16, "x86-64-v4+bf16", NULL);
    uint32_t layers = (uint32_t)p->graph->info.layers;
    assert_int_equal(count(p, "layernorm"), 2 * layers + 1);
    for (uint32_t i = 0; i < p->launch.n; i++) {
        const Launch *l = &p->launch.data[i];
        bool rounds = has_name(p, l, "layernorm") || strstr(l->label, "attention.attention") ||
                      has_name(p, l, "gelu");
        const char *last = arena_printf(t->c.arena, "layer.%u.", layers - 1);
        bool on_tokens = strstr(l->label, last) && (strstr(l->label, "layernorm_before") ||
                                                    strstr(l->label, "attention.attention"));
        if (on_tokens) rounds = strstr(l->label, "attention.attention.value") != NULL;
        assert_int_equal(has_name(p, l, "_to_bf16"), rounds);
    }
    test_ctx_free(t);
}

static void evaluate(TestCtx *t, const Program *p, const void *image, const float *x, float *y) {
    assert_true(program_eval(p, image, (const void *[]){x}, (void *[]){y}, 2, t->c.arena));
}
static const float *eager(TestCtx *t, const Graph *g, const float *x) {
    Tensor in = {*graph_type(g, g->input.data[0]), (void *)(uintptr_t)x}, y;
    assert_true(graph_eval(g, &in, &g->output.data[0].node, 1, &y, t->c.arena, t->c.diag));
    return y.data;
}
static void test_numbers(void **state) {
    (void)state;
    enum { LABELS = 10 };
    TestCtx *t = test_ctx();
    const Target *const also[] = {target_find("x86-64-v4"), target_find("x86-64-v3"), NULL};
    Graph *g = digits(t, NULL);
    const Type *type = graph_type(g, g->input.data[0]);
    assert_int_equal(type_count(graph_type(g, g->output.data[0].node)), LABELS);
    float *x = NEW_N(t->c.arena, float, (size_t)type_count(type));
    for (int64_t i = 0; i < type_count(type); i++) x[i] = (float)(i * 7919 % 2001) / 1000 - 1;
    const float *exact = eager(t, g, x);
    const Program *p = compile(t, g, DT_BF16, "x86-64-v4+bf16", also);
    const float *rounded = eager(t, g, x); // g holds the roundings now
    const char *image = weight_image(t, p);
    float first[LABELS], y[LABELS], last[LABELS];
    evaluate(t, p, image, x, first);
    evaluate(t, p->next, image, x, y);
    evaluate(t, p->next->next, image, x, last);
    assert_memory_equal(y, last, sizeof y);               // both widen, and have FMA
    assert_true(distance(first, rounded, LABELS) < 4e-3); // and the powers of softmax are rounded
    assert_true(distance(y, rounded, LABELS) < 1e-3);
    double rounding = distance(first, exact, LABELS);
    assert_true(rounding > 1e-4 && rounding < 1e-2);
    test_ctx_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_launches),
                                       cmocka_unit_test(test_stores),
                                       cmocka_unit_test(test_numbers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
