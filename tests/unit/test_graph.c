// test_graph.c: building, rewriting and ordering graphs, and what the verifier refuses.
#include "tests/support/vg.h"

static const int64_t two_three[] = {2, 3};

static const char *text_of(const Graph *g, Arena *a) {
    Str s = str_new(a);
    graph_print(g, &s);
    return str_cstr(&s);
}

static void test_compact(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Graph *g = graph_new(t->c.arena);
    NodeId unused_input = graph_input(g, "u", type_of(DT_F32, 0, NULL), 0);
    NodeId x = graph_input(g, "x", type_of(DT_F32, 2, two_three), 0);
    NodeId dead = g_unary(g, OP_EXP, x), a = g_unary(g, OP_NEG, x), b = g_unary(g, OP_ABS, a);
    graph_output(g, "y", b);
    graph_output(g, "z", a);
    graph_replace(g, a, g_unary(g, OP_SQRT, a));      // the new node still reads the old one
    (void)unused_input, (void)dead;
    graph_compact(g);
    const char *want = "graph {\n"
                       "  %1 = input \"u\" : f32[]\n"
                       "  %2 = input \"x\" : f32[2,3]\n"
                       "  %3 = neg %2 : f32[2,3]\n"
                       "  %4 = sqrt %3 : f32[2,3]\n"
                       "  %5 = abs %4 : f32[2,3]\n"
                       "  output \"y\" = %5\n"
                       "  output \"z\" = %4\n"
                       "}\n";
    assert_string_equal(text_of(g, t->c.arena), want);
    graph_compact(g);
    assert_string_equal(text_of(g, t->c.arena), want);
    assert_true(graph_check(g, t->c.diag));
    test_ctx_free(t);
}
// Neither building, ordering nor evaluating recurses.
static void test_deep(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Graph *g = graph_new(t->c.arena);
    NodeId x = graph_scalar(g, DT_F32, 1, 0);
    for (int i = 0; i < 200001; i++) x = g_unary(g, OP_NEG, x);
    graph_output(g, "y", x);
    graph_compact(g);
    assert_int_equal(g->node.n, 200003);
    uint8_t *memo = arena_alloc(t->c.arena, g->node.n);
    assert_true(graph_is_const(g, x, memo));
    Tensor y = graph_eval_const(g, g->output.data[0].node, t->c.arena);
    assert_true(*(float *)y.data == -1);
    test_ctx_free(t);
}
static void test_constants(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Graph *g = graph_new(t->c.arena);
    NodeId x = graph_input(g, "x", type_of(DT_F32, 2, two_three), 0);
    NodeId c = graph_scalar(g, DT_F16, 0.5, 0), ints = graph_ints(g, two_three, 2, 0);
    NodeId same = graph_const(g, type_of(DT_F32, 2, two_three), (float[6]){3, 3, 3, 3, 3, 3}, 0);
    NodeId mixed = g_binary(g, OP_ADD, x, same), folded = g_binary(g, OP_ADD, same, same);
    double v;
    assert_true(graph_const_scalar(g, c, &v) && v == 0.5);
    assert_true(graph_const_scalar(g, same, &v) && v == 3);
    assert_false(graph_const_scalar(g, ints, &v));
    assert_false(graph_const_scalar(g, x, &v));
    assert_null(graph_const_of(g, mixed));
    uint8_t memo[16] = {0};
    assert_false(graph_is_const(g, mixed, memo));
    assert_true(graph_is_const(g, folded, memo));
    assert_true(graph_is_const(g, folded, memo));
    uint32_t *uses = graph_uses(g, t->c.arena);
    assert_int_equal(uses[same], 3);
    assert_int_equal(uses[mixed], 0);
    test_ctx_free(t);
}
static void test_attributes(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Graph *g = graph_new(t->c.arena);
    NodeId x = graph_input(g, "x", type_of(DT_F32, 2, two_three), 0);
    NodeId n = g_reduce(g, OP_REDUCE_SUM, x, 1, false), s = g_slice(g, x, 1, 1, 2);
    node_set_attr(g, n, attr_int(AT_KEEPDIMS, 1));
    node_set_attr(g, n, attr_int(AT_KEEPDIMS, 0));
    assert_int_equal(graph_node(g, n)->nattr, 2);
    assert_int_equal(node_int(graph_node(g, n), AT_KEEPDIMS, 7), 0);
    assert_int_equal(node_int(graph_node(g, n), AT_LAST, 7), 7);
    assert_true(node_float(graph_node(g, n), AT_EPS, 0.5) == 0.5);
    uint32_t count;
    assert_int_equal(node_ints(graph_node(g, n), AT_AXES, &count)[0], 1);
    assert_int_equal(count, 1);
    assert_null(node_ints(graph_node(g, x), AT_AXES, &count));
    assert_int_equal(graph_type(g, s)->dim[1], 2);
    test_ctx_free(t);
}
static void test_layernorm_without_gain(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Graph *g = graph_new(t->c.arena);
    int64_t two = 2;
    NodeId x = graph_const(g, type_of(DT_F32, 1, &two), (float[]){1, 3}, 0);
    NodeId bias = graph_const(g, type_of(DT_F32, 1, &two), (float[]){10, 20}, 0);
    Tensor y = graph_eval_const(g, g_layernorm(g, x, 0, bias, 0), t->c.arena);
    assert_string_equal(vg_tensor(t->c.arena, y), "f32[2] = [9, 21]");
    test_ctx_free(t);
}
static void test_flops(void **state) {
    (void)state;
    static const struct {
        const char *lines;
        double want;
    } cases[] = {
        {"%1 = input \"x\" : f32[2,3,5] %2 = input \"w\" : f32[5,7] %9 = matmul %1, %2", 420},
        {"%1 = input \"x\" : f32[1,4,8,8] %2 = input \"w\" : f32[6,2,3,3] "
         "%9 = conv %1, %2 {group=2}", 2 * 6 * 36 * 18},
        {"%1 = input \"q\" : f32[1,2,3,4] %2 = input \"k\" : f32[1,5,3,4] "
         "%3 = input \"v\" : f32[1,5,3,6] %9 = attention %1, %2, %3 {scale=1}",
         2 * (2 * 3 * 5) * (4 + 6)},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        TestCtx *t = test_ctx();
        assert_true(graph_flops(vg_parse(t, cases[i].lines)) == cases[i].want);
        test_ctx_free(t);
    }
}

// ---- the verifier ----------------------------------------------------------------------------
static void break_reference(Graph *g) { graph_node(g, 3)->in[0] = 99; }
static void break_order(Graph *g) { graph_node(g, 3)->in[0] = 4; }
static void break_type(Graph *g) { graph_node(g, 3)->type.dim[0] = 7; }
static void break_input_type(Graph *g) { graph_node(g, 1)->type.dim[0] = -7; }
static void break_op(Graph *g) { graph_node(g, 3)->op = OP_COUNT; }
static void break_const(Graph *g) { graph_node(g, 2)->konst = 9; }
static void break_const_size(Graph *g) { g->konst.data[1].nbytes = 8; }
static void break_arity(Graph *g) { graph_node(g, 4)->nin = 1; }
static void break_attr(Graph *g) { node_set_attr(g, 3, attr_int(AT_AXIS, 0)); }
static void break_output(Graph *g) { g->output.data[0].node = 0; }
static void break_output_name(Graph *g) { graph_output(g, "y", 3); }
static void break_input_name(Graph *g) { graph_input(g, "x", *graph_type(g, 1), 0); }
static void break_input_list(Graph *g) { g->input.n = 0; }
static void break_input_node(Graph *g) { g->input.data[0] = 3; }

static void test_check(void **state) {
    (void)state;
    static const struct {
        void (*damage)(Graph *);
        const char *want;
    } cases[] = {
        {break_reference, "neg: operand 1 of node 3 is node 99, which does not come before it"},
        {break_order, "neg: operand 1 of node 3 is node 4, which does not come before it"},
        {break_type, "neg: the type is f32[2,3], not f32[7,3]"},
        {break_input_type, "input: the type is out of range"},
        {break_op, "node 3: no such operation"},
        {break_const, "const: no data (constant 9)"},
        {break_const_size, "const: 8 bytes of data for f32[3]"},
        {break_arity, "add: 1 operands, expected 2"},
        {break_attr, "neg: attribute 'axis' is not known here"},
        {break_output, "output 1 is node 0, which does not exist"},
        {break_output_name, "two outputs are named 'y'"},
        {break_input_name, "two inputs are named 'x'"},
        {break_input_list, "1 input nodes, but 0 listed inputs"},
        {break_input_node, "input 1 is not an input node"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        TestCtx *t = test_ctx();
        Graph *g = vg_parse(t, "%1 = input \"x\" : f32[2,3] %2 = const : f32[3] = [1, 2, 3] "
                               "%3 = neg %1 %9 = add %3, %2");
        assert_true(graph_check(g, t->c.diag));
        cases[i].damage(g);
        assert_false(graph_check(g, t->c.diag));
        test_ctx_expect(t, ERR_MODEL, cases[i].want);
        test_ctx_free(t);
    }
}
int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compact),    cmocka_unit_test(test_deep),
        cmocka_unit_test(test_constants),  cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_layernorm_without_gain),
        cmocka_unit_test(test_flops),      cmocka_unit_test(test_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
