// test_outputs.c: which outputs a model gives, and which loader a path gets.
#include "frontend/frontend.h"
#include "tests/support/ctx.h"
#include <stdlib.h>

static const char *fixture(TestCtx *t, const char *path) {
    const char *root = getenv("FIXTURES");
    return arena_printf(t->c.arena, "%s/%s", root ? root : "tests/fixtures", path);
}
static Graph *load(TestCtx *t, const char *path, const char *outputs) {
    return frontend_load(&t->c, fixture(t, path), &(FrontendOptions){.outputs = outputs});
}
static void expect_output(const Graph *g, uint32_t i, const char *name, GraphOp op, int rank) {
    assert_true(i < g->output.n);
    assert_string_equal(g->output.data[i].name, name);
    const Node *n = graph_node(g, g->output.data[i].node);
    assert_int_equal(n->op, op);
    assert_int_equal(n->type.rank, rank);
}
static void own_outputs_by_default(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Graph *g = load(t, "onnx/ts17_eager/model.onnx", NULL);
    assert_non_null(g);
    assert_int_equal(g->output.n, 1);
    assert_string_equal(g->output.data[0].name, "logits");
    assert_int_equal(g->info.task, TASK_SINGLE_LABEL);
    assert_int_equal(g->info.tokens, 17);
    assert_int_equal(g->info.hidden, 48);
    assert_int_equal(g->info.layers, 2);
    assert_int_equal(g->info.heads, 3);
    assert_int_equal(g->info.channels, 3);
    assert_int_equal(g->info.image_h, 16);
    assert_string_equal(g->info.name, "model.onnx");
    assert_string_equal(g->info.producer, "pytorch 2.15.0");
    test_ctx_free(t);
}
static void derived_outputs(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Graph *g = load(t, "onnx/ts17_eager/model.onnx", "probs,logits");
    assert_non_null(g);
    assert_int_equal(g->output.n, 2);
    expect_output(g, 0, "probs", OP_SOFTMAX, 2);
    g = load(t, "onnx/ts17_headless/model.onnx", "cls");
    assert_non_null(g);
    expect_output(g, 0, "cls", OP_RESHAPE, 2);
    g = load(t, "onnx/ts17_headless/model.onnx", "all");
    assert_non_null(g);
    assert_int_equal(g->output.n, 2);
    test_ctx_free(t);
}
static void a_group_of_outputs(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Graph *g = load(t, "onnx/ts17_all_outputs/model.onnx", "attentions,hidden_states.1");
    assert_non_null(g);
    assert_int_equal(g->output.n, 3);
    assert_string_equal(g->output.data[1].name, "attentions.1");
    assert_string_equal(g->output.data[2].name, "hidden_states.1");
    test_ctx_free(t);
}
static void unknown_outputs(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    assert_null(load(t, "onnx/ts17_eager/model.onnx", "logit"));
    test_ctx_expect(t, ERR_USAGE, "no output 'logit'; did you mean 'logits'?");
    assert_non_null(strstr(t->said, "it has logits, probs, cls"));
    test_ctx_free(t);
    t = test_ctx();
    assert_null(load(t, "onnx/ts17_eager/model.onnx", "cls"));
    test_ctx_expect(t, ERR_USAGE,
                    "follows from 'last_hidden_state', which this model does not give");
    test_ctx_free(t);
    t = test_ctx();
    assert_null(load(t, "onnx/ts17_eager/model.onnx", ","));
    test_ctx_expect(t, ERR_USAGE, "no output is asked for");
    test_ctx_free(t);
}
static void directories_and_siblings(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Graph *g = load(t, "onnx/optimum_classification", NULL); // model.onnx and config.json
    assert_non_null(g);
    assert_int_equal(g->info.nlabels, 4);
    assert_non_null(g->info.labels);
    assert_int_equal(g->info.image_h, 16);
    assert_non_null(load(t, "onnx/optimum_classification/config.json", NULL));
    test_ctx_free(t);
    t = test_ctx();
    assert_null(load(t, "onnx/optimum_classification/none.onnx", NULL));
    assert_int_equal(diag_kind(t->c.diag), ERR_IO);
    test_ctx_free(t);
    t = test_ctx();
    assert_null(load(t, "onnx_node/cases.txt", NULL));
    test_ctx_expect(t, ERR_USAGE, "not a model");
    test_ctx_free(t);
}
static void sizes_that_are_asked_for(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    const char *path = fixture(t, "onnx/ts13_eager_dynbatch/model.onnx");
    Graph *g = frontend_load(&t->c, path, &(FrontendOptions){.batch = 5});
    assert_non_null(g);
    assert_int_equal(g->info.batch, 5);
    assert_int_equal(graph_type(g, g->output.data[0].node)->dim[0], 5);
    path = fixture(t, "onnx/ts17_eager/model.onnx");
    assert_null(frontend_load(&t->c, path, &(FrontendOptions){.batch = 5}));
    test_ctx_expect(t, ERR_USAGE, "the model fixes the batch at 2, 5 was asked for");
    test_ctx_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_outputs_by_default),   cmocka_unit_test(derived_outputs),
        cmocka_unit_test(a_group_of_outputs),       cmocka_unit_test(unknown_outputs),
        cmocka_unit_test(directories_and_siblings), cmocka_unit_test(sizes_that_are_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
