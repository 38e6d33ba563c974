// test_graph_text.c: .vg prints and parses back byte for byte; damaged text is one clear error.
#include "tests/support/vg.h"
#include <stdlib.h>

static const char *print(const Graph *g, Arena *a) {
    Str s = str_new(a);
    graph_print(g, &s);
    return str_cstr(&s);
}
static const void *map_test_file(void *ctx, const char *name, Loc at, uint64_t *nbytes) {
    TestCtx *t = ctx;
    static const uint8_t bytes[512] = {1, 2, 3};
    if (strcmp(name, "w.safetensors"))
        return diag_error(t->c.diag, ERR_IO, at, "no file '%s'", name), NULL;
    *nbytes = sizeof bytes;
    return bytes;
}
static Graph *parse(TestCtx *t, const char *text, size_t n) {
    GraphFiles files = {map_test_file, t};
    return graph_parse_files(t->c.arena, t->c.diag, "t.vg", text, n, &files);
}

static const char canonical[] =
    "graph {\n"
    "  %1 = input \"pixel \\042values\\042\\134\\303\\251\" : f32[1,3,4,4]\n"
    "  %2 = const : f32[2,3,2,2] = [1, 2, 3, 0.5, nan, inf, -inf, 1e-45, 3.4028235e+38, -0, "
    "0.1, -nan, 1, 2, 3, 0.5, 1000, 123456792, 0.016777217, 1e+10, 3, 1, 0.1, 7]\n"
    "  %3 = conv %1, %2 {strides=[2,2], pads=[0,0,0,0]} : f32[1,2,2,2] loc \"a/b\\012c\"\n"
    "  %4 = const : i64[2] = [-9223372036854775808, 9223372036854775807] loc \"ints\"\n"
    "  %5 = cast %4 {to=bf16} : bf16[2] group 4294967295\n"
    "  %6 = reduce_sum %3 {axes=[2,3], keepdims=1} : f32[1,2,1,1] group 7\n"
    "  %7 = pad %6 {pads=[0,0,0,0,0,0,0,1], value=0.30000000000000004} : f32[1,2,1,2]\n"
    "  %8 = const : f32[0,3] = []\n"
    "  %9 = const : u64[1] = [18446744073709551615]\n"
    "  %10 = const : bool[2] = [0, 1]\n"
    "  %11 = const : bool[2] = hex \"0002\"\n"
    "  %12 = const : f16[2] = hex \"017c003c\"\n"
    "  %13 = const : i8[5,7] = hex \"000102030405060708090a0b0c0d0e0f10111213141516171819"
    "1a1b1c1d1e1f202122\"\n"
    "  %14 = const : f32[8,8] = file \"w.safetensors\" +256 loc \"encoder.weight\"\n"
    "  %15 = reduce_max %14 {axes=[]} : f32[8,8]\n"
    "  output \"logits\" = %7\n"
    "  output \"half\" = %5\n"
    "}\n"
    "info {\n"
    "  name \"digits\"\n"
    "  producer \"pytorch \\042x\\042\"\n"
    "  sha256 \"00ff\"\n"
    "  task single_label\n"
    "  batch 1\n"
    "  hidden 768\n"
    "  preprocess.present 1\n"
    "  preprocess.do_resize 1\n"
    "  preprocess.resample 3\n"
    "  preprocess.height 224\n"
    "  preprocess.rescale_factor 0.00392156862745098\n"
    "  preprocess.nchannels 3\n"
    "  preprocess.mean [0.485, 0.456, 0.406, 0]\n"
    "  label \"cat\"\n"
    "  label \"d\\303\\266g\"\n"
    "}\n";

static void test_canonical(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Graph *g = parse(t, canonical, strlen(canonical));
    if (!g) fail_msg("%s", t->said);
    assert_string_equal(print(g, t->c.arena), canonical);
    assert_string_equal(graph_node(g, 1)->name, "pixel \"values\"\\\303\251");
    assert_string_equal(g->info.labels[1], "d\303\266g");
    assert_int_equal(g->info.task, TASK_SINGLE_LABEL);
    assert_true(g->info.preprocess.present && g->info.preprocess.mean[1] == 0.456);
    assert_string_equal(diag_at(t->c.diag, graph_node(g, 14)->loc)->node, "encoder.weight");
    assert_int_equal(diag_at(t->c.diag, graph_node(g, 3)->loc)->line, 4);
    test_ctx_free(t);
}
// Numbers with holes, comments, other spacing and missing types are read, and print in order.
static void test_relaxed(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    static const char text[] = "// a comment\ngraph{%7=input\"x\":f32[ 2 ]\n\t%3 = neg %7 // here\n"
                               "%1=add %3,%7 output\"y\"=%1}";
    Graph *g = parse(t, text, strlen(text));
    if (!g) fail_msg("%s", t->said);
    assert_string_equal(print(g, t->c.arena), "graph {\n"
                                              "  %1 = input \"x\" : f32[2]\n"
                                              "  %2 = neg %1 : f32[2]\n"
                                              "  %3 = add %2, %1 : f32[2]\n"
                                              "  output \"y\" = %3\n"
                                              "}\n");
    test_ctx_free(t);
}
static void test_labels_without_names(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    static const char text[] = "graph {\n  %1 = input \"x\" : f32[1]\n  output \"y\" = %1\n}\n"
                               "info {\n  nlabels 10\n}\n";
    Graph *g = parse(t, text, strlen(text));
    assert_true(g && g->info.nlabels == 10 && !g->info.labels);
    assert_string_equal(print(g, t->c.arena), text);
    test_ctx_free(t);
}
// Every prefix is refused with a message, or is whole.
static void test_truncated(void **state) {
    (void)state;
    size_t n = strlen(canonical), graph_end = (size_t)(strstr(canonical, "info {") - canonical);
    for (size_t cut = 0; cut < n - 1; cut++) {
        TestCtx *t = test_ctx();
        char *exact = malloc(cut ? cut : 1);      // so that a read past the end is seen
        memcpy(exact, canonical, cut);
        Graph *g = parse(t, exact, cut);
        bool is_whole = cut == graph_end || cut == graph_end - 1;
        if ((g != NULL) != is_whole) fail_msg("cut at %zu: %s", cut, g ? "accepted" : t->said);
        if (!g) assert_int_equal(diag_count(t->c.diag), 1);
        free(exact);
        test_ctx_free(t);
    }
}
// Random damage is refused or gives a graph that verifies and prints to a fixed point.
static void test_damaged(void **state) {
    (void)state;
    uint64_t seed = 2463534242u;
    size_t n = strlen(canonical);
    for (int round = 0; round < 5000; round++) {
        TestCtx *t = test_ctx();
        char *text = malloc(n);
        memcpy(text, canonical, n);
        for (int64_t k = vg_below(&seed, 3); k >= 0; k--) {
            size_t at = (size_t)vg_below(&seed, (int64_t)n);
            text[at] = vg_below(&seed, 2) ? canonical[vg_below(&seed, (int64_t)n)]
                                          : (char)vg_below(&seed, 256);
        }
        Graph *g = parse(t, text, n);
        if (g) {
            const char *once = print(g, t->c.arena);
            Graph *again = parse(t, once, strlen(once));
            if (!again) fail_msg("%s\n%s", t->said, once);
            assert_string_equal(print(again, t->c.arena), once);
        } else {
            assert_int_not_equal(diag_kind(t->c.diag), ERR_NONE);
        }
        free(text);
        test_ctx_free(t);
    }
}

typedef struct Bad {
    const char *text, *want;
} Bad;
static const Bad bad[] = {
    {"", "t.vg:1:1: expected 'graph'"},
    {"graph {}", "the graph has no output"},
    {"graph {} x", "t.vg:1:10: expected the end of the text, found"},
    {"graph {\n  %1 = frob\n}", "t.vg:2:8: no operation 'frob'"},
    {"graph { %1 = reshpe }", "no operation 'reshpe'; did you mean 'reshape'?"},
    {"graph { %1 = neg %2 output \"y\" = %1 }", "no value %2 above"},
    {"graph { %1 = neg %1 }", "no value %1 above"},
    {"graph { %1 = input \"x\" : f32[1] %1 = neg %1 }", "%1 is defined twice"},
    {"graph { %1 = input \"x\" : f32[1]\n\n  %2 = neg %1 : f32[2] }",
     "t.vg:3:3: neg: the type is f32[1], not f32[2]"},
    {"graph { %1 = input \"x\" : f32[1]\n %2 = argmax %1 {axis=1} loc \"head/argmax\" }",
     "t.vg:2:2: head/argmax"},
    {"graph { %1 = input \"x\" : f33[1] }", "t.vg:1:26: no element type 'f33'; did you mean"},
    {"graph { %1 = input \"x\" : f32[1,1,1,1,1,1,1,1,1] }", "a rank of 9, more than 8"},
    {"graph { %1 = input \"x\" : f32[-1] }", "this type is out of range"},
    {"graph { %1 = input \"x\" : f32[1073741824,1073741824] }", "this type is out of range"},
    {"graph { %1 = input \"x\" }", "input has a type, and no operands"},
    {"graph { %1 = input \"x\" : f32[1] %2 = input \"y\" %1 : f32[1] }", "and no operands"},
    {"graph { %1 = const : f32[4] }", "expected '='"},
    {"graph { %1 = const : f32[2] = [1, 2, 3] }", "more than the 2 elements of f32[2]"},
    {"graph { %1 = const : f32[2] = [1] }", "1 elements for f32[2], which has 2"},
    {"graph { %1 = const : u8[2] = [1, 256] }", "256 does not fit u8"},
    {"graph { %1 = const : f32[1000000000] = [1] }", "too few elements for f32[1000000000]"},
    {"graph { %1 = const : f32[1000000000] = hex \"00\" }", "too few elements"},
    {"graph { %1 = const : u8[2] = hex \"00g0\" }", "expected two hexadecimal digits"},
    {"graph { %1 = const : u8[2] = hex \"000000\" }", "expected '\"'"},
    {"graph { %1 = const : f32[4] = file \"w.safetensors\" +497 }",
     "f32[4] at 497 lies beyond the 512 bytes of 'w.safetensors'"},
    {"graph { %1 = const : f32[4] = file \"w.safetensors\" +18446744073709551615 }", "lies beyond"},
    {"graph { %1 = const : f32[4] = file \"other\" +0 }", "t.vg:1:31: no file 'other'"},
    {"graph { %1 = input \"x\" : f32[1] %2 = neg %1 {keepdim=1} }",
     "no attribute 'keepdim'; did you mean 'keepdims'?"},
    {"graph { %1 = input \"x\" : f32[1] %2 = cast %1 {to=f8} }", "no element type 'f8'"},
    {"graph { %1 = input \"x\" : f32[1] output \"y\" = %1 output \"y\" = %1 }", "named 'y'"},
    {"graph { %9999999 = input \"x\" : f32[1] }", "%9999999 is too large"},
    {"graph { } info { nam \"x\" }", "'nam' is not known in info"},
    {"graph { } info { preprocess.nchannels 5 }", "5 is out of range (0 to 4)"},
    {"graph { } info { task frob }", "no task 'frob'"},
    {"graph { } info { sha256 "
     "\"00000000000000000000000000000000000000000000000000000000000000000\" }",
     "more than 64 digits"},
};
static void test_bad(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        TestCtx *t = test_ctx();
        if (parse(t, bad[i].text, strlen(bad[i].text))) fail_msg("accepted: %s", bad[i].text);
        if (!strstr(t->said, bad[i].want))
            fail_msg("%s\n    says %s\n    want %s", bad[i].text, t->said, bad[i].want);
        assert_int_equal(diag_count(t->c.diag), 1);
        test_ctx_free(t);
    }
}
static void test_no_files(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    assert_null(vg_parse(t, "%9 = const : f32[1] = file \"x\" +0"));
    test_ctx_expect(t, ERR_MODEL, "constants in files are not accepted here");
    test_ctx_free(t);
}

// ---- random graphs ---------------------------------------------------------------------------
static NodeId random_leaf(Graph *g, uint64_t *seed) {
    static const DType types[] = {DT_F32, DT_F32, DT_F16, DT_F64, DT_I64, DT_BOOL, DT_U8};
    int64_t dim[3];
    int rank = (int)vg_below(seed, 4);
    for (int i = 0; i < rank; i++) dim[i] = 1 + vg_below(seed, 3);
    Type t = type_of(types[vg_below(seed, COUNT_OF(types))], rank, dim);
    if (!vg_below(seed, 4)) return graph_input(g, arena_printf(g->arena, "in%u", g->node.n), t, 0);
    uint8_t *data = arena_alloc(g->arena, type_nbytes(&t));
    bool is_bool = t.dt == DT_BOOL;
    for (uint64_t i = 0; i < type_nbytes(&t); i++)
        data[i] = (uint8_t)vg_below(seed, is_bool ? 2 : 256);
    return graph_const(g, t, data, 0);
}
static Attr random_attr(Graph *g, uint64_t *seed, AttrKey k) {
    int64_t v[6];
    uint32_t n = (uint32_t)vg_below(seed, 5);
    for (uint32_t i = 0; i < n; i++) v[i] = vg_below(seed, 4) - (vg_below(seed, 5) == 0);
    if (k == AT_TO) return attr_int(k, 1 + vg_below(seed, DT_COUNT - 1));
    if (graph_attr[k].kind == ATTR_INT) return attr_int(k, vg_below(seed, 3));
    if (graph_attr[k].kind == ATTR_FLOAT) return attr_float(k, (double)vg_below(seed, 9) / 7);
    return attr_ints(g, k, v, n);
}
// Tries nodes until enough of them type-check; most do not.
static Graph *random_graph(TestCtx *t, uint64_t *seed) {
    Graph *g = graph_new(t->c.arena);
    Diag *quiet = diag_new(t->c.arena, NULL, NULL);
    for (int i = 0; i < 6; i++) random_leaf(g, seed);
    for (int i = 0; i < 3000 && g->node.n < 60; i++) {
        GraphOp op = (GraphOp)(1 + vg_below(seed, OP_COUNT - 1));
        NodeId in[3];
        Attr attr[2];
        uint32_t nin = graph_op[op].min_in + (uint32_t)vg_below(seed, 2), nattr = 0;
        for (uint32_t k = 0; k < nin && k < 3; k++)
            in[k] = 1 + (NodeId)vg_below(seed, g->node.n - 1);
        while (nattr < 2 && vg_below(seed, 3))
            attr[nattr++] = random_attr(g, seed, (AttrKey)vg_below(seed, AT_COUNT));
        if (nin <= 3) graph_try(g, quiet, op, in, nin, attr, nattr, 0);
    }
    for (NodeId n = 1; n < g->node.n; n++)
        if (!vg_below(seed, 9)) graph_output(g, arena_printf(g->arena, "out%u", n), n);
    graph_output(g, "last", g->node.n - 1);
    return g;
}
// Prints, parses and prints; what does not depend on inputs evaluates to the same bytes.
static void test_random_graphs(void **state) {
    (void)state;
    uint64_t seed = 88172645463325252u;
    uint32_t nodes[OP_COUNT] = {0};
    for (int round = 0; round < 200; round++) {
        TestCtx *t = test_ctx();
        Graph *g = random_graph(t, &seed);
        assert_true(graph_check(g, t->c.diag));
        for (NodeId n = 1; n < g->node.n; n++) nodes[graph_node(g, n)->op]++;
        const char *text = print(g, t->c.arena);
        Graph *again = parse(t, text, strlen(text));
        if (!again) fail_msg("%s\n%s", t->said, text);
        assert_string_equal(print(again, t->c.arena), text);
        uint8_t *memo = arena_alloc(t->c.arena, g->node.n);
        for (NodeId n = 1; n < g->node.n; n++) {
            if (!graph_is_const(g, n, memo)) continue;
            Tensor x = graph_eval_const(g, n, t->c.arena);
            Tensor y = graph_eval_const(again, n, t->c.arena);
            assert_int_equal(x.data != NULL, y.data != NULL);      // an index out of range
            if (x.data) assert_memory_equal(x.data, y.data, type_nbytes(&x.type));
        }
        test_ctx_free(t);
    }
    assert_true(nodes[OP_ADD] && nodes[OP_REDUCE_SUM] && nodes[OP_MATMUL] && nodes[OP_CAST]);
}
int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonical), cmocka_unit_test(test_relaxed),
        cmocka_unit_test(test_labels_without_names),
        cmocka_unit_test(test_truncated), cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_bad),       cmocka_unit_test(test_no_files),
        cmocka_unit_test(test_random_graphs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
