// test_pipeline.c: the pipeline runs passes.def in order, verifies, dumps, times, stops, and
// refuses names it does not know.
#include "passes/passes.h"
#include "tests/support/ctx.h"

typedef struct Run {
    TestCtx *t;
    Graph *g;
    PassOptions o;
    char seen[1 << 16]; // what was reported
} Run;
static void take(void *to, const char *text) {
    Run *r = to;
    size_t n = strlen(r->seen);
    snprintf(r->seen + n, sizeof r->seen - n, "%s", text);
}
// y = relu(x W + b), with something to fold
static Run *run_new(void) {
    TestCtx *t = test_ctx();
    Run *r = NEW(t->c.arena, Run);
    *r = (Run){.t = t, .g = graph_new(t->c.arena)};
    r->o = (PassOptions){
        .target = target_find("generic"), .max_slices = 2, .report = take, .report_ctx = r};
    static const float w[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, b[4] = {1, 2, 3, 4};
    Graph *g = r->g;
    NodeId x = graph_input(g, "x", type_of(DT_F32, 2, (int64_t[]){2, 3}), 0);
    NodeId y = g_matmul(g, x, graph_const(g, type_of(DT_F32, 2, (int64_t[]){3, 4}), w, 0), false);
    NodeId twice = g_binary(g, OP_MUL, graph_const(g, type_of(DT_F32, 1, (int64_t[]){4}), b, 0),
                            graph_scalar(g, DT_F32, 2, 0));
    y = g_binary(g, OP_MAX, g_binary(g, OP_ADD, y, twice), graph_scalar(g, DT_F32, 0, 0));
    graph_output(g, "y", y);
    return r;
}
static bool mentions(const Run *r, const char *text) {
    return strstr(r->seen, text) != NULL;
}

static void test_whole(void **state) {
    (void)state;
    Run *r = run_new();
    r->o.time = true;
    Program *p = pipeline_run(&r->t->c, r->g, &r->o);
    assert_non_null(p);
    assert_int_equal(p->launch.n, 1);
    assert_true(mentions(r, "fold ") && mentions(r, "lower ") && mentions(r, "legal ") &&
                mentions(r, " ms"));
    test_ctx_free(r->t);
}
static void test_dumps(void **state) {
    (void)state;
    Run *r = run_new();
    r->o.dump = "+fold,cse,fuse";
    assert_true(pipeline_graph(&r->t->c, r->g, &r->o));
    assert_true(mentions(r, "// before fold\ngraph {") && mentions(r, "// after fold\ngraph {"));
    assert_true(mentions(r, "// after cse (unchanged)\n") && !mentions(r, "before cse") &&
                !mentions(r, "canon"));
    assert_true(mentions(r, "// after fuse\ngraph {") && mentions(r, " group 1"));
    test_ctx_free(r->t);
}
static void test_program_dump(void **state) {
    (void)state;
    Run *r = run_new();
    r->o.dump = "lower";
    assert_non_null(pipeline_run(&r->t->c, r->g, &r->o));
    assert_true(mentions(r, "// after lower\n") && mentions(r, "kernel @"));
    test_ctx_free(r->t);
}
static void test_only_and_stop(void **state) {
    (void)state;
    Run *r = run_new();
    r->o.only = "cse";
    assert_true(pipeline_graph(&r->t->c, r->g, &r->o));
    assert_true(graph_node(r->g, r->g->node.n - 1)->group == 0);
    r->o.only = "fold,fuse";
    assert_true(pipeline_graph(&r->t->c, r->g, &r->o));
    assert_true(graph_node(r->g, r->g->node.n - 1)->group == 1);
    r->o.only = NULL;
    r->o.stop_after = "canon";
    r->o.dump = "all";
    r->seen[0] = 0;
    assert_null(pipeline_run(&r->t->c, r->g, &r->o));
    assert_int_equal(diag_count(r->t->c.diag), 0);
    assert_true(mentions(r, "after canon") && !mentions(r, "after recognise"));
    test_ctx_free(r->t);
}
static void expect_refusal(void (*set)(PassOptions *o), const char *text) {
    Run *r = run_new();
    set(&r->o);
    assert_null(pipeline_run(&r->t->c, r->g, &r->o));
    test_ctx_expect(r->t, ERR_USAGE, text);
    test_ctx_free(r->t);
}
static void dump_typo(PassOptions *o) {
    o->dump = "fold,+cannon";
}
static void only_all(PassOptions *o) {
    o->only = "all";
}
static void stop_unknown(PassOptions *o) {
    o->stop_after = "zzz";
}
static void lower_alone(PassOptions *o) {
    o->only = "fold,lower";
}
static void test_refusals(void **state) {
    (void)state;
    expect_refusal(dump_typo, "-d: no pass is named 'cannon'; did you mean 'canon'?");
    expect_refusal(only_all, "-p: no pass is named 'all'");
    expect_refusal(stop_unknown, "--stop-after: no pass is named 'zzz'");
    expect_refusal(lower_alone, "pass 'lower' needs 'fuse' before it");
}
static void test_help(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Str s = str_new(t->c.arena);
    pipeline_help(&s);
    const char *text = str_cstr(&s);
    assert_true(str_starts(text, "fold ") && strstr(text, "bridge") && strstr(text, "kernel"));
    test_ctx_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),        cmocka_unit_test(test_dumps),
        cmocka_unit_test(test_program_dump), cmocka_unit_test(test_only_and_stop),
        cmocka_unit_test(test_refusals),     cmocka_unit_test(test_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
