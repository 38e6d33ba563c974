// test_passes_graph.c: the graph passes on graphs built here. Two things are asked of every graph:
// it computes the same as before, and it has become the form that lowering expects.
#include "passes/passes.h"
#include "tests/support/ctx.h"
#include <math.h>
#include <stdlib.h>

// ---- graphs to test with ---------------------------------------------------------------------
typedef struct Env {
    TestCtx *t;
    Graph *g;
    uint64_t seed;
} Env;
static Env env_new(void) {
    TestCtx *t = test_ctx();
    return (Env){t, graph_new(t->c.arena), 88172645463325252u};
}
static uint32_t next_random(Env *e) {
    e->seed ^= e->seed << 13;
    e->seed ^= e->seed >> 7;
    e->seed ^= e->seed << 17;
    return (uint32_t)(e->seed >> 32);
}
static float random_float(Env *e) { return (float)next_random(e) / 2147483648.0f - 1.0f; }
static void *random_floats(Env *e, const Type *t) {
    int64_t n = type_count(t);
    float *p = NEW_N(e->t->c.arena, float, (size_t)n + 1);
    for (int64_t i = 0; i < n; i++) p[i] = random_float(e);
    return p;
}
#define DIMS(...) (const int64_t[]){__VA_ARGS__}, (int)COUNT_OF(((const int64_t[]){__VA_ARGS__}))
static NodeId input(Env *e, const int64_t *dim, int rank) {
    return graph_input(e->g, "x", type_of(DT_F32, rank, dim), 0);
}
static NodeId weight(Env *e, const int64_t *dim, int rank) {
    Type t = type_of(DT_F32, rank, dim);
    return graph_const(e->g, t, random_floats(e, &t), 0);
}
static NodeId scalar(Env *e, double v) { return graph_scalar(e->g, DT_F32, v, 0); }
static NodeId add(Env *e, NodeId x, NodeId y) { return g_binary(e->g, OP_ADD, x, y); }
static NodeId sub(Env *e, NodeId x, NodeId y) { return g_binary(e->g, OP_SUB, x, y); }
static NodeId mul(Env *e, NodeId x, NodeId y) { return g_binary(e->g, OP_MUL, x, y); }
static NodeId divide(Env *e, NodeId x, NodeId y) { return g_binary(e->g, OP_DIV, x, y); }
static NodeId unary(Env *e, GraphOp op, NodeId x) { return g_unary(e->g, op, x); }
static NodeId reshape(Env *e, NodeId x, const int64_t *dim, int rank) {
    return g_reshape(e->g, x, rank, dim);
}
static NodeId transpose(Env *e, NodeId x, const int64_t *perm, int rank) {
    assert_int_equal(rank, graph_type(e->g, x)->rank);
    return g_transpose(e->g, x, perm);
}

// ---- what is asked of a graph ----------------------------------------------------------------
typedef bool (*Pass)(PassCtx *p, Graph *g);
static void run(Env *e, const Pass *passes) {
    PassOptions o = {0};
    PassCtx p = {&e->t->c, &o};
    for (; *passes; passes++) {
        (*passes)(&p, e->g);
        if (!graph_check(e->g, e->t->c.diag)) fail_msg("%s", e->t->said);
    }
}
static const Pass ALL[] = {pass_fold,  pass_cse,     pass_canon, pass_recognise,
                           pass_slice, pass_algebra, pass_fuse,  NULL};
static const Pass CANON[] = {pass_fold, pass_cse, pass_canon, NULL};
static const Pass RECOGNISE[] = {pass_fold, pass_cse, pass_canon, pass_recognise, NULL};

static int count(const Graph *g, GraphOp op) {
    int n = 0;
    for (NodeId i = 1; i < g->node.n; i++) n += graph_node(g, i)->op == op;
    return n;
}
static NodeId result_of(const Env *e) { return e->g->output.data[0].node; }
static bool is(const Env *e, NodeId n, GraphOp op) { return graph_node(e->g, n)->op == op; }

static Tensor evaluate(const Env *e, const Tensor *in) {
    Tensor out;
    NodeId want = result_of(e);
    assert_true(graph_eval(e->g, in, &want, 1, &out, e->t->c.arena, e->t->c.diag));
    return out;
}
static double distance(const Tensor *a, const Tensor *b) { // relative L2
    double diff = 0, norm = 0;
    assert_true(type_equal(&a->type, &b->type));
    for (int64_t i = 0; i < type_count(&a->type); i++) {
        double x = dtype_read_f(a->type.dt, a->data, (uint64_t)i),
               y = dtype_read_f(b->type.dt, b->data, (uint64_t)i);
        diff += (x - y) * (x - y);
        norm += x * x;
    }
    return sqrt(diff / (norm > 0 ? norm : 1));
}
// Runs the passes; the first output must stay the same for a random input.
static void run_and_compare(Env *e, const Pass *passes, double tolerance) {
    Tensor in[4] = {0};
    for (uint32_t i = 0; i < e->g->input.n; i++) {
        in[i].type = *graph_type(e->g, e->g->input.data[i]);
        in[i].data = random_floats(e, &in[i].type);
        uint8_t *bytes = in[i].data;
        for (int64_t k = 0; in[i].type.dt == DT_U8 && k < type_count(&in[i].type); k++)
            bytes[k] = (uint8_t)next_random(e);
    }
    Tensor before = evaluate(e, in);
    run(e, passes);
    Tensor after = evaluate(e, in);
    double d = distance(&before, &after);
    if (!(d <= tolerance)) fail_msg("the passes moved the result by %g", d);
}

// ---- fold, neutral, cse ----------------------------------------------------------------------
static void test_fold(void **state) {
    (void)state;
    Env e = env_new();
    NodeId x = input(&e, DIMS(2, 3));
    NodeId c = add(&e, scalar(&e, 1), mul(&e, weight(&e, DIMS(3)), scalar(&e, 2)));
    NodeId y = add(&e, mul(&e, x, scalar(&e, 1)), c);
    y = add(&e, reshape(&e, y, DIMS(2, 3)), weight(&e, DIMS(1)));
    y = unary(&e, OP_NEG, unary(&e, OP_NEG, sub(&e, y, scalar(&e, 0))));
    graph_output(e.g, "y", y);
    run_and_compare(&e, (Pass[]){pass_fold, NULL}, 0);
    assert_int_equal(count(e.g, OP_ADD), 2);
    assert_int_equal(
        count(e.g, OP_MUL) + count(e.g, OP_NEG) + count(e.g, OP_SUB) + count(e.g, OP_RESHAPE), 0);
    test_ctx_free(e.t);
}
// A large constant expression stays a recipe; a reshape or a leading part of it stays a view of the
// file.
static void test_fold_keeps_recipes(void **state) {
    (void)state;
    Env e = env_new();
    NodeId x = input(&e, DIMS(1, 512)), w = weight(&e, DIMS(512 * 512));
    const void *data = graph_const_of(e.g, w)->data;
    NodeId m = reshape(&e, w, DIMS(512, 512));
    NodeId y = g_matmul(e.g, x, mul(&e, m, scalar(&e, 3)), false);
    NodeId rows = g_slice(e.g, m, 0, 100, 400);
    y = g_concat(e.g, (NodeId[]){y, g_matmul(e.g, x, rows, true)}, 2, 1);
    graph_output(e.g, "y", y);
    run_and_compare(&e, (Pass[]){pass_fold, NULL}, 0);
    assert_int_equal(count(e.g, OP_MUL), 1);
    assert_int_equal(count(e.g, OP_RESHAPE) + count(e.g, OP_SLICE), 0);
    for (NodeId i = 1; i < e.g->node.n; i++) {
        const Const *c = graph_const_of(e.g, i);
        if (c && graph_type(e.g, i)->rank == 2 && graph_type(e.g, i)->dim[0] == 400)
            assert_ptr_equal(c->data, (const char *)data + 100 * 512 * 4);
    }
    test_ctx_free(e.t);
}
static void test_cse(void **state) {
    (void)state;
    Env e = env_new();
    NodeId x = input(&e, DIMS(4)), a = scalar(&e, 2), b = scalar(&e, 2);
    NodeId y = mul(&e, unary(&e, OP_TANH, mul(&e, x, a)), unary(&e, OP_TANH, mul(&e, x, b)));
    graph_output(e.g, "y", add(&e, y, scalar(&e, 3)));
    run_and_compare(&e, (Pass[]){pass_cse, NULL}, 0);
    assert_int_equal(count(e.g, OP_TANH), 1);
    assert_int_equal(count(e.g, OP_MUL), 2);
    assert_int_equal(count(e.g, OP_CONST), 2);
    test_ctx_free(e.t);
}

// ---- layout algebra --------------------------------------------------------------------------
static void test_views_collapse(void **state) {
    (void)state;
    Env e = env_new(); // how one exporter transposes K: three reshapes, two transposes
    NodeId x = input(&e, DIMS(2, 5, 12));
    NodeId k = transpose(&e, reshape(&e, x, DIMS(2, 5, 3, 4)), DIMS(0, 2, 1, 3));
    k = transpose(&e, reshape(&e, k, DIMS(6, 5, 4)), DIMS(0, 2, 1));
    k = transpose(&e, reshape(&e, k, DIMS(2, 3, 4, 5)), DIMS(0, 3, 1, 2));
    graph_output(e.g, "y", k);
    run_and_compare(&e, CANON, 0);
    assert_int_equal(count(e.g, OP_RESHAPE), 1);
    assert_int_equal(count(e.g, OP_TRANSPOSE), 0);
    test_ctx_free(e.t);
}
// Random chains of views, slices and scalings compute the same afterwards, and do not grow.
static NodeId random_view(Env *e, NodeId x) {
    Type t = *graph_type(e->g, x);
    int64_t perm[MAX_RANK], n = t.rank;
    switch (next_random(e) % 6) {
    case 0:
    case 1:
        for (int i = 0; i < n; i++) perm[i] = i;
        for (int i = (int)n - 1; i > 0; i--) {
            int j = (int)(next_random(e) % (uint32_t)(i + 1));
            int64_t p = perm[i];
            perm[i] = perm[j];
            perm[j] = p;
        }
        return g_transpose(e->g, x, perm);
    case 2: // merge two axes
        if (n < 2) return x;
        for (int i = (int)(next_random(e) % (uint32_t)(n - 1)), first = i; i < n - 1; i++)
            t.dim[i] = i == first ? t.dim[i] * t.dim[i + 1] : t.dim[i + 1];
        return g_reshape(e->g, x, (int)n - 1, t.dim);
    case 3: { // split an axis
        int axis = (int)(next_random(e) % (uint32_t)n);
        int64_t f = t.dim[axis] % 2 == 0 ? 2 : t.dim[axis] % 3 == 0 ? 3 : 1;
        if (n > 5) return x;
        for (int i = (int)n; i > axis + 1; i--) t.dim[i] = t.dim[i - 1];
        t.dim[axis + 1] = t.dim[axis] / f;
        t.dim[axis] = f;
        return g_reshape(e->g, x, (int)n + 1, t.dim);
    }
    case 4: {
        int axis = (int)(next_random(e) % (uint32_t)n);
        int64_t size = t.dim[axis] > 3 ? t.dim[axis] / 2 : t.dim[axis];
        return g_slice(e->g, x, axis, t.dim[axis] - size, size);
    }
    default: return mul(e, x, n && next_random(e) % 2 ? weight(e, &t.dim[n - 1], 1) : scalar(e, 2));
    }
}
static void test_random_views(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        Env e = env_new();
        e.seed += seed * 7919;
        NodeId x = input(&e, DIMS(2, 6, 8));
        for (int i = 0; i < 7; i++) x = random_view(&e, x);
        graph_output(e.g, "y", x);
        int before = count(e.g, OP_TRANSPOSE);
        run_and_compare(&e, CANON, 1e-6);
        assert_true(count(e.g, OP_TRANSPOSE) <= before);
        test_ctx_free(e.t);
    }
}

// ---- spellings -------------------------------------------------------------------------------
static NodeId gelu_spelled(Env *e, NodeId x, int how) {
    double r = 0.70710678118654752440, c = 0.79788456080286535588;
    NodeId half = scalar(e, 0.5), one = scalar(e, 1), t;
    switch (how) {
    case 0: return unary(e, OP_GELU, x);
    case 1:
        t = add(e, unary(e, OP_ERF, divide(e, x, scalar(e, 1.41421354))), one);
        return mul(e, mul(e, x, t), half);
    case 2:
        t = add(e, one, unary(e, OP_ERF, mul(e, x, scalar(e, r))));
        return mul(e, mul(e, x, half), t);
    case 3:
        t = mul(e, half, add(e, one, unary(e, OP_ERF, mul(e, scalar(e, r), x))));
        return mul(e, x, t);
    case 4:
        t = add(e, mul(e, half, unary(e, OP_ERF, mul(e, x, scalar(e, r)))), half);
        return mul(e, x, t);
    case 5: // gelu_new: pow
        t = add(e, x, mul(e, scalar(e, 0.044715), g_binary(e->g, OP_POW, x, scalar(e, 3))));
        t = add(e, one, unary(e, OP_TANH, mul(e, t, scalar(e, c))));
        return mul(e, mul(e, x, half), t);
    case 6: // gelu_pytorch_tanh: products
        t = add(e, x, mul(e, scalar(e, 0.044715), mul(e, x, mul(e, x, x))));
        t = add(e, unary(e, OP_TANH, mul(e, scalar(e, c), t)), one);
        return mul(e, mul(e, half, x), t);
    default: // gelu_fast
        t = mul(e, mul(e, x, scalar(e, c)), add(e, one, mul(e, mul(e, x, scalar(e, 0.044715)), x)));
        return mul(e, mul(e, x, half), add(e, one, unary(e, OP_TANH, t)));
    }
}
enum { GELUS = 8 };
static void test_gelu(void **state) {
    (void)state;
    for (int how = 0; how < GELUS; how++) {
        Env e = env_new();
        NodeId x = add(&e, input(&e, DIMS(3, 7)), weight(&e, DIMS(7)));
        graph_output(e.g, "y", gelu_spelled(&e, x, how));
        run_and_compare(&e, RECOGNISE, 1e-5);
        assert_true(is(&e, result_of(&e), how < 5 ? OP_GELU : OP_GELU_TANH));
        assert_int_equal(e.g->node.n - 1, 4); // input, bias, add, gelu
        test_ctx_free(e.t);
    }
}
static void test_not_gelu(void **state) {
    (void)state;
    Env e = env_new(); // laplace: erf of a shifted argument; and a wrong constant
    NodeId x = input(&e, DIMS(3, 7));
    NodeId t = add(&e, scalar(&e, 1),
                   unary(&e, OP_ERF, mul(&e, sub(&e, x, scalar(&e, 0.7)), scalar(&e, 0.7071))));
    NodeId u = add(&e, scalar(&e, 1), unary(&e, OP_ERF, mul(&e, x, scalar(&e, 0.72))));
    graph_output(
        e.g, "y",
        add(&e, mul(&e, mul(&e, x, t), scalar(&e, 0.5)), mul(&e, mul(&e, x, u), scalar(&e, 0.5))));
    run_and_compare(&e, RECOGNISE, 1e-6);
    assert_int_equal(count(e.g, OP_GELU), 0);
    assert_int_equal(count(e.g, OP_ERF), 2);
    test_ctx_free(e.t);
}
static NodeId layernorm_spelled(Env *e, NodeId x, int how) {
    Type t = *graph_type(e->g, x);
    int64_t k = t.dim[t.rank - 1];
    NodeId gain = weight(e, &k, 1), bias = weight(e, &k, 1), eps = scalar(e, 1e-3);
    if (how == 0) return g_layernorm(e->g, x, gain, bias, 1e-3);
    NodeId d = sub(e, x, g_reduce(e->g, OP_REDUCE_MEAN, x, t.rank - 1, true));
    NodeId square = how == 1 ? g_binary(e->g, OP_POW, d, scalar(e, 2)) : mul(e, d, d);
    NodeId var = how == 3 ? mul(e, g_reduce(e->g, OP_REDUCE_SUM, square, t.rank - 1, true),
                                scalar(e, 1.0 / (double)k))
                          : g_reduce(e->g, OP_REDUCE_MEAN, square, t.rank - 1, true);
    NodeId root = how == 2 ? unary(e, OP_RECIP, unary(e, OP_SQRT, add(e, eps, var)))
                           : unary(e, OP_SQRT, add(e, var, eps));
    NodeId y = how == 2 ? mul(e, d, root) : divide(e, d, root);
    return add(e, mul(e, y, gain), bias);
}
enum { LAYERNORMS = 4 };
static void test_layernorm(void **state) {
    (void)state;
    for (int how = 0; how < LAYERNORMS; how++) {
        Env e = env_new();
        graph_output(e.g, "y", layernorm_spelled(&e, input(&e, DIMS(2, 3, 8)), how));
        run_and_compare(&e, RECOGNISE, 1e-5);
        assert_true(is(&e, result_of(&e), OP_LAYERNORM));
        assert_int_equal(e.g->node.n - 1, 4);
        assert_true(fabs(node_float(graph_node(e.g, result_of(&e)), AT_EPS, 0) - 1e-3) < 1e-9);
        test_ctx_free(e.t);
    }
}
static void test_softmax(void **state) {
    (void)state;
    Env e = env_new();
    NodeId x = input(&e, DIMS(4, 9));
    NodeId ex = unary(&e, OP_EXP, sub(&e, x, g_reduce(e.g, OP_REDUCE_MAX, x, 1, true)));
    NodeId p = divide(&e, ex, g_reduce(e.g, OP_REDUCE_SUM, ex, 1, true));
    NodeId in[] = {unary(&e, OP_ISNAN, p), scalar(&e, 0), p};
    graph_output(e.g, "y", graph_add(e.g, OP_WHERE, in, 3, NULL, 0, 0));
    run_and_compare(&e, RECOGNISE, 1e-6);
    assert_true(is(&e, result_of(&e), OP_SOFTMAX));
    assert_int_equal(e.g->node.n - 1, 2);
    test_ctx_free(e.t);
}

// ---- what must not happen -----------------------------------------------------------------------
// Rows read backwards between a layernorm and a linear layer: the gain does not fit the weights.
static void test_reversed_rows(void **state) {
    (void)state;
    Env e = env_new();
    NodeId x = layernorm_spelled(&e, input(&e, DIMS(3, 4)), 0);
    Attr back[] = {attr_ints(e.g, AT_STARTS, (const int64_t[]){0, 3}, 2),
                   attr_ints(e.g, AT_SIZES, (const int64_t[]){3, 4}, 2),
                   attr_ints(e.g, AT_STEPS, (const int64_t[]){1, -1}, 2)};
    x = graph_add(e.g, OP_SLICE, &x, 1, back, 3, 0);
    graph_output(e.g, "y", g_matmul(e.g, x, weight(&e, DIMS(4, 2)), false));
    run_and_compare(&e, ALL, 1e-6);
    test_ctx_free(e.t);
}
// An index out of range is reported by whoever computes; the passes leave it where it is.
static void test_gather_out_of_range(void **state) {
    (void)state;
    Env e = env_new();
    NodeId in[] = {input(&e, DIMS(3)), graph_ints(e.g, (const int64_t[]){7}, 1, 0)};
    Attr axis = attr_int(AT_AXIS, 0);
    NodeId of_const[] = {weight(&e, DIMS(3)), in[1]};
    NodeId y = graph_add(e.g, OP_GATHER, of_const, 2, &axis, 1, 0);
    graph_output(e.g, "y", add(&e, graph_add(e.g, OP_GATHER, in, 2, &axis, 1, 0), y));
    run(&e, ALL);
    assert_int_equal(count(e.g, OP_GATHER), 2);
    test_ctx_free(e.t);
}

// ---- a whole vision transformer, in the spellings of exporters ---------------------------------
typedef enum { SCALE_SCORES, DIVIDE_SCORES, SCALE_Q, SCALE_BOTH, SCALES } ScaleAt;
typedef enum { HEADS_AXIS, HEADS_K_SWAPPED, HEADS_MERGED, HEADS_OP, HEADS } Heads;
typedef enum { QKV_THREE, QKV_SPLIT, QKV_FIVE_AXES, QKVS } Qkv;
typedef struct Spelling {
    int64_t batch;
    int gelu, layernorm;
    ScaleAt scale;
    Heads heads;
    Qkv qkv;
    bool flat;    // 2-D matmuls between reshapes
    bool trans_w; // weights [N,K] behind a TRANSPOSE
    bool mask;    // a mask that masks nothing, and the NaN guard
    bool conv;    // the patches by a convolution, or from u8 NHWC pixels
} Spelling;
enum {
    IMAGE = 8,
    PATCH = 4,
    CHANNELS = 3,
    HIDDEN = 12,
    NHEADS = 3,
    MLP = 20,
    LAYERS = 3,
    CLASSES = 5
};
enum { TOKENS = (IMAGE / PATCH) * (IMAGE / PATCH) + 1 };

static NodeId linear(Env *e, const Spelling *how, NodeId x, int64_t n) {
    Type t = *graph_type(e->g, x);
    int64_t k = t.dim[t.rank - 1], rows = type_count(&t) / k;
    NodeId b = weight(e, &n, 1);
    NodeId w =
        how->trans_w ? transpose(e, weight(e, DIMS(n, k)), DIMS(1, 0)) : weight(e, DIMS(k, n));
    w = mul(e, w, scalar(e, 0.3));
    if (!how->flat || t.rank == 2) return add(e, b, g_matmul(e->g, x, w, false));
    NodeId y = add(e, g_matmul(e->g, reshape(e, x, DIMS(rows, k)), w, false), b);
    t.dim[t.rank - 1] = n;
    return g_reshape(e->g, y, t.rank, t.dim);
}
static NodeId pick(Env *e, NodeId x, int64_t i, int axis) { // x without this axis
    int64_t index[1] = {i};
    Attr a = attr_int(AT_AXIS, axis);
    NodeId k = graph_const_copy(e->g, type_of(DT_I64, 0, NULL), index, 0), in[] = {x, k};
    return graph_add(e->g, OP_GATHER, in, 2, &a, 1, 0);
}
// Q, K and V as [B,n,S,d].
static void project(Env *e, const Spelling *how, NodeId x, NodeId *qkv) {
    int64_t b = how->batch, d = HIDDEN / NHEADS;
    if (how->qkv == QKV_FIVE_AXES) {
        NodeId five = reshape(e, linear(e, how, x, 3 * HIDDEN), DIMS(b, TOKENS, 3, NHEADS, d));
        five = transpose(e, five, DIMS(2, 0, 3, 1, 4));
        for (int i = 0; i < 3; i++) qkv[i] = pick(e, five, i, 0);
        return;
    }
    NodeId packed = how->qkv == QKV_SPLIT ? linear(e, how, x, 3 * HIDDEN) : 0;
    for (int i = 0; i < 3; i++) {
        NodeId y =
            packed ? g_slice(e->g, packed, 2, i * HIDDEN, HIDDEN) : linear(e, how, x, HIDDEN);
        qkv[i] = transpose(e, reshape(e, y, DIMS(b, TOKENS, NHEADS, d)), DIMS(0, 2, 1, 3));
    }
}
static NodeId all_true_mask(Env *e, NodeId scores) {
    NodeId index = graph_ints(e->g, (const int64_t[]){0, 1, 2, 3, 4}, TOKENS, 0);
    NodeId zero = graph_ints(e->g, (const int64_t[]){0}, 1, 0);
    NodeId seen = g_expand(e->g, g_binary(e->g, OP_LE, zero, index), 4,
                           (const int64_t[]){1, 1, TOKENS, TOKENS});
    NodeId in[] = {seen, scalar(e, 0), scalar(e, -INFINITY)};
    return add(e, scores, graph_add(e->g, OP_WHERE, in, 3, NULL, 0, 0));
}
static NodeId attend(Env *e, const Spelling *how, NodeId x) {
    NodeId h[3];
    int64_t b = how->batch, d = HIDDEN / NHEADS;
    double scale = 1 / sqrt((double)d);
    project(e, how, x, h);
    if (how->heads == HEADS_OP) {
        for (int i = 0; i < 3; i++) h[i] = transpose(e, h[i], DIMS(0, 2, 1, 3));
        return reshape(e, g_attention(e->g, h[0], h[1], h[2], scale), DIMS(b, TOKENS, HIDDEN));
    }
    if (how->heads == HEADS_MERGED)
        for (int i = 0; i < 3; i++) h[i] = reshape(e, h[i], DIMS(b * NHEADS, TOKENS, d));
    if (how->scale == SCALE_Q) h[0] = mul(e, h[0], scalar(e, scale));
    bool swap = how->heads != HEADS_AXIS;
    if (how->heads == HEADS_MERGED) h[1] = transpose(e, h[1], DIMS(0, 2, 1));
    if (how->heads == HEADS_K_SWAPPED) h[1] = transpose(e, h[1], DIMS(0, 1, 3, 2));
    for (int i = 0; i < 2 && how->scale == SCALE_BOTH; i++)
        h[i] = mul(e, h[i], unary(e, OP_SQRT, scalar(e, scale)));
    NodeId s = g_matmul(e->g, h[0], h[1], !swap);
    if (how->scale == SCALE_SCORES) s = mul(e, scalar(e, scale), s);
    if (how->scale == DIVIDE_SCORES) s = divide(e, s, scalar(e, sqrt((double)d)));
    if (how->mask) s = all_true_mask(e, s);
    NodeId p = unary(e, OP_SOFTMAX, s);
    NodeId guard[] = {unary(e, OP_ISNAN, p), scalar(e, 0), p};
    if (how->mask) p = graph_add(e->g, OP_WHERE, guard, 3, NULL, 0, 0);
    NodeId y = g_matmul(e->g, p, h[2], false);
    if (how->heads == HEADS_MERGED) y = reshape(e, y, DIMS(b, NHEADS, TOKENS, d));
    return reshape(e, transpose(e, y, DIMS(0, 2, 1, 3)), DIMS(b, TOKENS, HIDDEN));
}
static NodeId patches(Env *e, const Spelling *how) {
    int64_t b = how->batch;
    NodeId x;
    if (how->conv) {
        x = input(e, DIMS(b, CHANNELS, IMAGE, IMAGE + 1)); // the last column is ignored
    } else {
        x = graph_input(e->g, "pixels",
                        type_of(DT_U8, 4, (const int64_t[]){b, IMAGE, IMAGE, CHANNELS}), 0);
        x = mul(e, g_cast(e->g, x, DT_F32), scalar(e, 1.0 / 255));
        x = divide(e, sub(e, x, weight(e, DIMS(CHANNELS))), scalar(e, 0.25));
        x = transpose(e, x, DIMS(0, 3, 1, 2));
    }
    NodeId in[] = {x, weight(e, DIMS(HIDDEN, CHANNELS, PATCH, PATCH))};
    Attr a = attr_ints(e->g, AT_STRIDES, (const int64_t[]){PATCH, PATCH}, 2);
    NodeId y = graph_add(e->g, OP_CONV, in, 2, &a, 1, 0);
    y = add(e, y, weight(e, DIMS(1, HIDDEN, 1, 1)));
    y = transpose(e, reshape(e, y, DIMS(b, HIDDEN, TOKENS - 1)), DIMS(0, 2, 1));
    NodeId cls = g_expand(e->g, weight(e, DIMS(1, 1, HIDDEN)), 3, (const int64_t[]){b, 1, HIDDEN});
    return add(e, g_concat(e->g, (NodeId[]){cls, y}, 2, 1), weight(e, DIMS(1, TOKENS, HIDDEN)));
}
static void build_vit(Env *e, const Spelling *how) {
    NodeId x = patches(e, how);
    for (int i = 0; i < LAYERS; i++) {
        x = add(e, linear(e, how, attend(e, how, layernorm_spelled(e, x, how->layernorm)), HIDDEN),
                x);
        NodeId m = linear(e, how, layernorm_spelled(e, x, how->layernorm), MLP);
        x = add(e, linear(e, how, gelu_spelled(e, m, how->gelu), HIDDEN), x);
    }
    x = layernorm_spelled(e, x, how->layernorm);
    x = how->flat ? reshape(e, g_slice(e->g, x, 1, 0, 1), DIMS(how->batch, HIDDEN))
                  : pick(e, x, 0, 1);
    graph_output(e->g, "logits", linear(e, how, x, CLASSES));
}

// Groups that compute something: everything but views and moves.
static int work_groups(const Graph *g) {
    uint32_t last = 0;
    int n = 0;
    bool *seen = calloc(g->node.n + 1, 1);
    for (NodeId i = 1; i < g->node.n; i++) {
        const Node *node = graph_node(g, i);
        bool moves = op_is(node->op, VIEW | MOVE);
        if (node->group > last) last = node->group;
        if (!node->group || moves || seen[node->group]) continue;
        seen[node->group] = true;
        n++;
    }
    free(seen);
    return n;
}
// Patches, then per layer: layernorm, Q K V, attention, out, layernorm, fc1, fc2. The last layer
// reads one row, so its Q has a matmul of its own, and where its K and V are the tokens, two products
// stand for theirs. Then layernorm and classifier.
enum { WANT_GROUPS = 1 + 7 * LAYERS + 1 + 2 };
static void check_vit(const Spelling *how) {
    Env e = env_new();
    build_vit(&e, how);
    run_and_compare(&e, ALL, 2e-6);
    int want = WANT_GROUPS + (how->conv ? 0 : 1); // the cast of the pixels
    for (NodeId i = 1; i < e.g->node.n; i++) {
        const Node *n = graph_node(e.g, i);
        want += n->op == OP_ATTENTION && n->in[1] == n->in[2];
    }
    if (work_groups(e.g) != want) {
        Str text = str_new(e.t->c.arena);
        graph_print(e.g, &text);
        fail_msg("%d groups instead of %d:\n%s", work_groups(e.g), want, str_cstr(&text));
    }
    assert_int_equal(count(e.g, OP_ATTENTION), LAYERS);
    assert_int_equal(count(e.g, OP_LAYERNORM), 2 * LAYERS + 1);
    assert_int_equal(count(e.g, OP_GELU) + count(e.g, OP_GELU_TANH), LAYERS);
    for (NodeId i = 1; i < e.g->node.n; i++) {
        const Node *n = graph_node(e.g, i);
        if (n->op == OP_LAYERNORM) assert_int_equal(n->nin, 1);
        if (n->op != OP_ATTENTION) continue;
        assert_true(node_float(n, AT_SCALE, 0) == 1 && node_int(n, AT_BASE2, 0) == 1);
        bool on_tokens = n->in[1] == n->in[2]; // then queries come head by head
        for (uint32_t k = on_tokens; k < 3; k++) assert_true(is(&e, n->in[k], OP_RESHAPE));
    }
    test_ctx_free(e.t);
}
static void test_vit(void **state) {
    (void)state;
    Spelling base = {.batch = 2, .conv = true};
    for (int i = 0; i < GELUS; i++) check_vit(&(Spelling){.batch = 1, .conv = true, .gelu = i});
    for (int i = 0; i < LAYERNORMS; i++)
        check_vit(&(Spelling){.batch = 2, .conv = true, .layernorm = i});
    for (int heads = 0; heads < HEADS; heads++)
        for (int scale = 0; scale < SCALES; scale++)
            for (int qkv = 0; qkv < QKVS; qkv++)
                for (int flags = 0; flags < 8; flags++) {
                    Spelling how = base;
                    how.batch = 1 + flags % 2;
                    how.heads = (Heads)heads;
                    how.scale = (ScaleAt)scale;
                    how.qkv = (Qkv)qkv;
                    how.flat = (flags & 2) != 0;
                    how.trans_w = (flags & 4) != 0;
                    how.mask = scale % 2 == 1;
                    how.conv = qkv != QKV_SPLIT;
                    check_vit(&how);
                }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fold),          cmocka_unit_test(test_fold_keeps_recipes),
        cmocka_unit_test(test_cse),           cmocka_unit_test(test_views_collapse),
        cmocka_unit_test(test_random_views),  cmocka_unit_test(test_gelu),
        cmocka_unit_test(test_not_gelu),      cmocka_unit_test(test_layernorm),
        cmocka_unit_test(test_softmax),       cmocka_unit_test(test_vit),
        cmocka_unit_test(test_reversed_rows), cmocka_unit_test(test_gather_out_of_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
