// test_graph_infer.c: the types that inference gives, and the exact reasons of what it refuses.
#include "tests/support/vg.h"

#define X "%1 = input \"x\" : f32[2,3,4,5] "
#define V "%1 = input \"x\" : f32[6] "
#define I "%2 = input \"i\" : i64[6] "
#define B "%3 = input \"b\" : bool[6] "
#define V2 "%2 = input \"v\" : f32[6] "
#define IMAGE "%1 = input \"x\" : f32[1,4,8,8] "

typedef struct Case {
    const char *lines, *want;      // the type of %9, or the reason
} Case;
static const Case accepted[] = {
    {V "%9 = neg %1", "f32[6]"},
    {X "%2 = input \"y\" : f32[4,1] %9 = add %1, %2", "f32[2,3,4,5]"},
    {X "%2 = input \"y\" : f32[7,1,3,1,1] %9 = lt %2, %1", "bool[7,2,3,4,5]"},
    {V "%9 = isnan %1", "bool[6]"},
    {I "%9 = cast %2 {to=f16}", "f16[6]"},
    {V I "%9 = pow %1, %2", "f32[6]"},
    {B "%1 = const : f32[] = [1] %2 = const : f32[2,1] = [1, 2] %9 = where %3, %1, %2", "f32[2,6]"},
    {X "%9 = reshape %1 {shape=[6,20]}", "f32[6,20]"},
    {X "%9 = reshape %1 {shape=[120,1,1,1,1,1,1,1]}", "f32[120,1,1,1,1,1,1,1]"},
    {"%1 = const : f32[1] = [1] %9 = reshape %1 {shape=[]}", "f32[]"},
    {X "%9 = transpose %1 {perm=[3,0,2,1]}", "f32[5,2,4,3]"},
    {X "%9 = slice %1 {starts=[1,2,3,0], sizes=[1,2,4,3], steps=[1,-2,-1,2]}", "f32[1,2,4,3]"},
    {V "%9 = slice %1 {starts=[6], sizes=[0]}", "f32[0]"},
    {V "%9 = expand %1 {shape=[3,6]}", "f32[3,6]"},
    {X "%9 = concat %1, %1, %1 {axis=2}", "f32[2,3,12,5]"},
    {X "%2 = const : i64[1,2] = [0, 1] %9 = gather %1, %2 {axis=1}", "f32[2,1,2,4,5]"},
    {X "%2 = const : i64[] = [0] %9 = gather %1, %2 {axis=0}", "f32[3,4,5]"},
    {V "%9 = pad %1 {pads=[2,-3]}", "f32[5]"},
    {X "%9 = reduce_sum %1 {axes=[1,3]}", "f32[2,4]"},
    {X "%9 = reduce_max %1 {axes=[1,3], keepdims=1}", "f32[2,1,4,1]"},
    {X "%9 = reduce_mean %1 {axes=[0,1,2,3]}", "f32[]"},
    {X "%9 = argmax %1 {axis=3}", "i64[2,3,4]"},
    {X "%2 = input \"w\" : f32[5,7] %9 = matmul %1, %2", "f32[2,3,4,7]"},
    {X "%2 = input \"w\" : f32[6,1,3,7,5] %9 = matmul %1, %2 {trans_b=1}", "f32[6,2,3,4,7]"},
    {IMAGE "%2 = input \"w\" : f32[6,4,3,3] %9 = conv %1, %2", "f32[1,6,6,6]"},
    {IMAGE "%2 = input \"w\" : f32[6,2,3,2] %9 = conv %1, %2 {group=2, strides=[2,3], "
           "pads=[1,0,1,0], dilations=[1,2]}", "f32[1,6,4,2]"},
    {X "%9 = softmax %1", "f32[2,3,4,5]"},
    {V "%2 = input \"g\" : f32[6] %9 = layernorm %1, %2 {eps=1e-5}", "f32[6]"},
    {X "%2 = input \"k\" : f32[2,7,4,5] %3 = input \"v\" : f32[2,7,4,9] "
       "%9 = attention %1, %2, %3 {scale=0.5}", "f32[2,3,4,9]"},
};
static const Case refused[] = {
    {V "%9 = neg %1, %1", "neg: 2 operands, expected 1"},
    {V "%9 = add %1", "add: 1 operands, expected 2"},
    {V "%9 = layernorm {eps=1}", "layernorm: 0 operands, expected 1 to 3"},
    {B "%9 = neg %3", "neg: operand 1 is bool[6] where a number is expected"},
    {I "%9 = sqrt %2", "sqrt: operand 1 is i64[6] where floating point is expected"},
    {V "%9 = and %1, %1", "and: operand 1 is f32[6] where bool is expected"},
    {V I "%9 = add %1, %2", "add: operands of different element types: f32[6] and i64[6]"},
    {V B "%9 = pow %1, %3", "pow: operand 2 is bool[6] where a number is expected"},
    {V "%9 = where %1, %1, %1", "where: the condition is f32[6] where bool is expected"},
    {V I B "%9 = where %3, %1, %2", "where: operands of different element types"},
    {X V2 "%9 = add %1, %2",
     "operand shapes f32[2,3,4,5] and f32[6] do not broadcast (5 against 6)"},
    {V "%9 = cast %1", "cast: attribute 'to' is missing"},
    {V "%9 = neg %1 {axis=0}", "neg: attribute 'axis' is not known here"},
    {V "%9 = argmax %1 {axis=0, axis=0}", "argmax: attribute 'axis' is given twice"},
    {V "%9 = reshape %1 {shape=[4]}", "reshape: f32[6] has 6 elements, f32[4] has 4"},
    {V "%9 = reshape %1 {shape=[-1]}", "attribute 'shape': -1 is out of range (0 to 1073741824)"},
    {V "%9 = reshape %1 {shape=[1,1,1,1,1,1,1,1,6]}", "the result has rank 9, more than 8"},
    {X "%9 = transpose %1 {perm=[0,1,2]}", "attribute 'perm' has 3 values where 4 are expected"},
    {X "%9 = transpose %1 {perm=[0,1,2,4]}", "axis 4 is out of range for rank 4"},
    {X "%9 = transpose %1 {perm=[0,1,1,2]}", "attribute 'perm' names axis 1 twice"},
    {V "%9 = slice %1 {starts=[4], sizes=[3]}",
     "axis 0: 3 elements from 4 in steps of 1 leave 0..5"},
    {V "%9 = slice %1 {starts=[1], sizes=[3], steps=[-1]}", "3 elements from 1 in steps of -1"},
    {V "%9 = slice %1 {starts=[0], sizes=[1], steps=[0]}", "axis 0 has step 0"},
    {V "%9 = slice %1 {starts=[7], sizes=[0]}", "attribute 'starts': 7 is out of range (0 to 6)"},
    {V "%9 = slice %1 {starts=[0], sizes=[-1]}", "attribute 'sizes': -1 is out of range"},
    {V "%9 = expand %1 {shape=[3,7]}", "f32[6] does not expand to f32[3,7]"},
    {X "%9 = expand %1 {shape=[5]}", "f32[2,3,4,5] does not expand to f32[5]"},
    {V "%9 = expand %1 {shape=[1073741824,1073741824,6]}", "is too large"},
    {X "%9 = concat %1, %1 {axis=4}", "axis 4 is out of range for rank 4"},
    {X V2 "%9 = concat %1, %2 {axis=0}",
     "operand 2 is f32[6], which does not continue f32[2,3,4,5] along axis 0"},
    {V "%9 = gather %1, %1 {axis=0}", "the indices are f32[6] where i64 is expected"},
    {I "%1 = const : f32[0] = [] %9 = gather %1, %2 {axis=0}", "axis 0 of f32[0] has no elements"},
    {V "%9 = pad %1 {pads=[-4,-3]}", "axis 0: padding by -4 and -3 leaves -1 elements"},
    {X "%9 = reduce_sum %1 {axes=[1,1]}", "attribute 'axes' is not sorted: 1 after 1"},
    {X "%9 = reduce_sum %1 {axes=[-1]}", "axis -1 is out of range for rank 4"},
    {X "%9 = argmax %1 {axis=7}", "argmax: axis 7 is out of range for rank 4"},
    {"%1 = const : f32[0,2] = [] %9 = argmax %1 {axis=0}", "axis 0 of f32[0,2] has no elements"},
    {V "%9 = matmul %1, %1", "operand 1 is f32[6] where rank at least 2 is expected"},
    {X "%2 = input \"w\" : f32[7,5] %9 = matmul %1, %2",
     "inner sizes differ: 5 in f32[2,3,4,5], 7 in f32[7,5]"},
    {X "%2 = input \"w\" : f32[5,7] %9 = matmul %1, %2 {trans_b=1}", "7 in f32[5,7] (trans_b)"},
    {X "%2 = input \"w\" : f32[4,5,7] %9 = matmul %1, %2", "do not broadcast (3 against 4)"},
    {IMAGE "%2 = input \"w\" : f32[6,3,3,3] %9 = conv %1, %2",
     "weights f32[6,3,3,3] do not fit f32[1,4,8,8] in 1 groups"},
    {IMAGE "%2 = input \"w\" : f32[5,2,3,3] %9 = conv %1, %2 {group=2}", "in 2 groups"},
    {IMAGE "%2 = input \"w\" : f32[6,4,9,3] %9 = conv %1, %2",
     "spatial axis 0: a kernel of 9 (dilation 1) does not fit 8"},
    {IMAGE "%2 = input \"w\" : f32[6,4,3,3] %9 = conv %1, %2 {strides=[0,1]}", "0 is out of range"},
    {IMAGE "%2 = input \"w\" : f32[6,4,3,3] %9 = conv %1, %2 {pads=[1,1]}",
     "attribute 'pads' has 2 values where 4 are expected"},
    {IMAGE "%2 = input \"w\" : f32[6,4,3,3] %9 = conv %1, %2 {pads=[-1,0,0,0]}",
     "-1 is out of range"},
    {"%1 = const : f32[] = [1] %9 = softmax %1", "rank at least 1"},
    {X V2 "%9 = layernorm %1, %2 {eps=0}",
     "the gain is f32[6] where the last axis of f32[2,3,4,5] has 5 elements"},
    {X V2 "%9 = attention %1, %1, %2 {scale=1}", "operand 3 is f32[6] where rank 4 is expected"},
    {X "%2 = input \"v\" : f32[1,4,8,8] %9 = attention %1, %1, %2 {scale=1}",
     "(want [B,S,n,d], [B,T,n,d], [B,T,n,e])"},
};

static void test_accepted(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(accepted); i++) {
        TestCtx *t = test_ctx();
        Graph *g = vg_parse(t, accepted[i].lines);
        if (!g) fail_msg("%s: %s", accepted[i].lines, t->said);
        assert_string_equal(type_text(t->c.arena, graph_type(g, g->output.data[0].node)),
                            accepted[i].want);
        test_ctx_free(t);
    }
}
static void test_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        TestCtx *t = test_ctx();
        if (vg_parse(t, refused[i].lines)) fail_msg("accepted: %s", refused[i].lines);
        test_ctx_expect(t, ERR_MODEL, refused[i].want);
        test_ctx_free(t);
    }
}
static void test_operands_must_exist(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Graph *g = graph_new(t->c.arena);
    NodeId in[] = {0, 5};
    assert_int_equal(graph_try(g, t->c.diag, OP_ADD, in, 2, NULL, 0, 0), 0);
    test_ctx_expect(t, ERR_MODEL, "add: operand 1 does not exist (node 0)");
    assert_int_equal(graph_try(g, t->c.diag, OP_INPUT, NULL, 0, NULL, 0, 0), 0);
    assert_int_equal(graph_try(g, t->c.diag, OP_NONE, NULL, 0, NULL, 0, 0), 0);
    test_ctx_free(t);
}
static void test_node_limit(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    uint64_t before = limit(LIM_NODES);
    Graph *g = graph_new(t->c.arena);
    NodeId x = graph_scalar(g, DT_F32, 1, 0);
    limit_set(LIM_NODES, 3);
    while (x) x = graph_try(g, t->c.diag, OP_NEG, &x, 1, NULL, 0, 0);
    limit_set(LIM_NODES, before);
    assert_int_equal(g->node.n, 4);
    test_ctx_expect(t, ERR_LIMIT, "more than 3 nodes");
    test_ctx_free(t);
}
int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_operands_must_exist),
        cmocka_unit_test(test_node_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
