// test_graph_eval_random.c: random shapes and attributes against index arithmetic written anew: one
// element at a time, no tiles, no coalescing, no chunks.
#include "tests/support/vg.h"

typedef struct World {
    TestCtx *t;
    Graph *g;
    uint64_t seed;
} World;
static int64_t below(World *w, int64_t n) { return vg_below(&w->seed, n); }
static NodeId random_const(World *w, DType dt, int rank, const int64_t *dim) {
    Type t = type_of(dt, rank, dim);
    void *data = arena_alloc(w->t->c.arena, type_nbytes(&t));
    for (int64_t i = 0; i < type_count(&t); i++)
        dtype_write_f(dt, data, (uint64_t)i, (double)(below(w, 2000) - 1000) / 64);
    return graph_const(w->g, t, data, 0);
}
static double at_index(const World *w, NodeId n, const int64_t *index) {
    const Type *t = graph_type(w->g, n);
    int64_t at = 0;
    for (int i = 0; i < t->rank; i++) {
        assert_true(index[i] >= 0 && index[i] < t->dim[i]);
        at = at * t->dim[i] + index[i];
    }
    return dtype_read_f(t->dt, graph_const_of(w->g, n)->data, (uint64_t)at);
}
static void index_of(const Type *t, int64_t at, int64_t *index) {
    for (int i = t->rank - 1; i >= 0; i--) {
        index[i] = at % t->dim[i];
        at /= t->dim[i];
    }
}
// Aligned to the right, axes of size 1 repeat.
static double at_broadcast(const World *w, NodeId n, const int64_t *index, int rank) {
    const Type *t = graph_type(w->g, n);
    int64_t own[MAX_RANK];
    for (int i = 0; i < t->rank; i++) own[i] = t->dim[i] == 1 ? 0 : index[rank - t->rank + i];
    return at_index(w, n, own);
}
// Every element of node n is what `want` says, rounded to its type.
typedef double (*Want)(const World *w, const Node *n, const int64_t *index);
static void check(World *w, NodeId n, Want want, double tolerance) {
    const Node *node = graph_node(w->g, n);
    Tensor got = graph_eval_const(w->g, n, w->t->c.arena);
    for (int64_t i = 0; i < type_count(&node->type); i++) {
        int64_t index[MAX_RANK];
        uint64_t bits = 0;
        index_of(&node->type, i, index);
        double x = dtype_read_f(got.type.dt, got.data, (uint64_t)i);
        dtype_write_f(got.type.dt, &bits, 0, want(w, node, index));
        double y = dtype_read_f(got.type.dt, &bits, 0);
        if (fabs(x - y) > tolerance * (1 + fabs(y))) {
            Str s = str_new(w->t->c.arena);
            graph_print(w->g, &s);
            fail_msg("element %lld of %%%u is %g, want %g\n%s", (long long)i, n, x, y,
                     str_cstr(&s));
        }
    }
}

// ---- what each op means ----------------------------------------------------------------------
static double want_add(const World *w, const Node *n, const int64_t *index) {
    return at_broadcast(w, n->in[0], index, n->type.rank) +
           at_broadcast(w, n->in[1], index, n->type.rank);
}
static double want_transpose(const World *w, const Node *n, const int64_t *index) {
    const int64_t *perm = node_ints(n, AT_PERM, NULL);
    int64_t from[MAX_RANK];
    for (int i = 0; i < n->type.rank; i++) from[perm[i]] = index[i];
    return at_index(w, n->in[0], from);
}
static double want_slice(const World *w, const Node *n, const int64_t *index) {
    const int64_t *start = node_ints(n, AT_STARTS, NULL), *step = node_ints(n, AT_STEPS, NULL);
    int64_t from[MAX_RANK];
    for (int i = 0; i < n->type.rank; i++) from[i] = start[i] + index[i] * step[i];
    return at_index(w, n->in[0], from);
}
static double want_expand(const World *w, const Node *n, const int64_t *index) {
    return at_broadcast(w, n->in[0], index, n->type.rank);
}
static double want_pad(const World *w, const Node *n, const int64_t *index) {
    const int64_t *pad = node_ints(n, AT_PADS, NULL);
    int64_t from[MAX_RANK];
    for (int i = 0; i < n->type.rank; i++) {
        from[i] = index[i] - pad[i];
        if (from[i] < 0 || from[i] >= graph_type(w->g, n->in[0])->dim[i])
            return node_float(n, AT_VALUE, 0);
    }
    return at_index(w, n->in[0], from);
}
static double want_concat(const World *w, const Node *n, const int64_t *index) {
    int64_t axis = node_int(n, AT_AXIS, 0), from[MAX_RANK];
    memcpy(from, index, sizeof from);
    uint32_t k = 0;
    while (from[axis] >= graph_type(w->g, n->in[k])->dim[axis])
        from[axis] -= graph_type(w->g, n->in[k++])->dim[axis];
    return at_index(w, n->in[k], from);
}
static double want_gather(const World *w, const Node *n, const int64_t *index) {
    int axis = (int)node_int(n, AT_AXIS, 0), nindex = graph_type(w->g, n->in[1])->rank;
    int64_t from[MAX_RANK];
    for (int i = 0; i < axis; i++) from[i] = index[i];
    from[axis] = (int64_t)at_index(w, n->in[1], index + axis);
    for (int i = axis + nindex; i < n->type.rank; i++) from[i - nindex + 1] = index[i];
    return at_index(w, n->in[0], from);
}
static double want_sum(const World *w, const Node *n, const int64_t *index) {
    const Type *t = graph_type(w->g, n->in[0]);
    uint32_t naxes;
    const int64_t *axes = node_ints(n, AT_AXES, &naxes);
    double sum = 0;
    for (int64_t i = 0; i < type_count(t); i++) {
        int64_t from[MAX_RANK];
        bool belongs = true;
        index_of(t, i, from);
        for (int a = 0, o = 0; a < t->rank; a++) {
            bool is_reduced = false;
            for (uint32_t k = 0; k < naxes; k++) is_reduced |= axes[k] == a;
            if (!is_reduced) belongs &= from[a] == index[o++];
        }
        if (belongs) sum += at_index(w, n->in[0], from);
    }
    return sum;
}
static double want_matmul(const World *w, const Node *n, const int64_t *index) {
    const Type *a = graph_type(w->g, n->in[0]), *b = graph_type(w->g, n->in[1]);
    int rank = n->type.rank;
    bool trans = node_int(n, AT_TRANS_B, 0) != 0;
    double sum = 0;
    for (int64_t k = 0; k < a->dim[a->rank - 1]; k++) {
        int64_t ia[MAX_RANK], ib[MAX_RANK];
        for (int i = 0; i < rank - 2; i++) {
            int from_a = i - (rank - a->rank), from_b = i - (rank - b->rank);
            if (from_a >= 0) ia[from_a] = a->dim[from_a] == 1 ? 0 : index[i];
            if (from_b >= 0) ib[from_b] = b->dim[from_b] == 1 ? 0 : index[i];
        }
        ia[a->rank - 2] = index[rank - 2];
        ia[a->rank - 1] = k;
        ib[b->rank - 2] = trans ? index[rank - 1] : k;
        ib[b->rank - 1] = trans ? k : index[rank - 1];
        sum += at_index(w, n->in[0], ia) * at_index(w, n->in[1], ib);
    }
    return sum;
}
static double want_conv2d(const World *w, const Node *n, const int64_t *index) {
    const Type *x = graph_type(w->g, n->in[0]), *k = graph_type(w->g, n->in[1]);
    const int64_t *stride = node_ints(n, AT_STRIDES, NULL), *pad = node_ints(n, AT_PADS, NULL);
    const int64_t *dilation = node_ints(n, AT_DILATIONS, NULL);
    int64_t group = index[1] / (k->dim[0] / node_int(n, AT_GROUP, 1));
    double sum = 0;
    for (int64_t c = 0; c < k->dim[1]; c++)
        for (int64_t i = 0; i < k->dim[2]; i++)
            for (int64_t j = 0; j < k->dim[3]; j++) {
                int64_t y = index[2] * stride[0] + i * dilation[0] - pad[0];
                int64_t z = index[3] * stride[1] + j * dilation[1] - pad[1];
                if (y < 0 || y >= x->dim[2] || z < 0 || z >= x->dim[3]) continue;
                int64_t from[] = {index[0], group * k->dim[1] + c, y, z};
                int64_t of[] = {index[1], c, i, j};
                sum += at_index(w, n->in[0], from) * at_index(w, n->in[1], of);
            }
    return sum;
}
static double want_attention(const World *w, const Node *n, const int64_t *index) {
    const Type *k = graph_type(w->g, n->in[1]);
    double sum = 0, weighted = 0, most = -INFINITY, score[64];
    for (int64_t t = 0; t < k->dim[1]; t++) {
        score[t] = 0;
        for (int64_t i = 0; i < k->dim[3]; i++)
            score[t] += at_index(w, n->in[0], (int64_t[]){index[0], index[1], index[2], i}) *
                        at_index(w, n->in[1], (int64_t[]){index[0], t, index[2], i});
        score[t] *= node_float(n, AT_SCALE, 1);
        most = fmax(most, score[t]);
    }
    for (int64_t t = 0; t < k->dim[1]; t++) {
        double p = node_int(n, AT_BASE2, 0) ? exp2(score[t] - most) : exp(score[t] - most);
        sum += p;
        weighted += p * at_index(w, n->in[2], (int64_t[]){index[0], t, index[2], index[3]});
    }
    return weighted / sum;
}

// ---- random nodes ----------------------------------------------------------------------------
static const DType float_types[] = {DT_F32, DT_F32, DT_F64, DT_F16, DT_BF16};
static const DType any_types[] = {DT_F32, DT_F64, DT_F16, DT_I8, DT_U8, DT_I32, DT_I64};
static int random_dims(World *w, int least, int most, int64_t size, int64_t *dim) {
    int rank = least + (int)below(w, most - least + 1);
    for (int i = 0; i < rank; i++) dim[i] = 1 + below(w, below(w, 3) ? size : 2);
    return rank;
}
static DType random_type(World *w) { return any_types[below(w, COUNT_OF(any_types))]; }

static void try_add(World *w) {
    int64_t dim[MAX_RANK], other[MAX_RANK];
    DType dt = float_types[below(w, COUNT_OF(float_types))];
    int rank = random_dims(w, 0, 5, 9, dim), skip = (int)below(w, rank + 1);
    for (int i = skip; i < rank; i++) other[i - skip] = below(w, 3) ? dim[i] : 1;
    for (int i = 0; i < rank; i++) dim[i] = below(w, 3) ? dim[i] : 1;
    for (int i = skip; i < rank; i++)
        if (dim[i] == 1) other[i - skip] = 1 + below(w, 4);
    NodeId x = random_const(w, dt, rank, dim), y = random_const(w, dt, rank - skip, other);
    NodeId sum = below(w, 2) ? g_binary(w->g, OP_ADD, x, y) : g_binary(w->g, OP_ADD, y, x);
    check(w, sum, want_add, 0);
}
static void try_transpose(World *w) {
    int64_t dim[MAX_RANK], perm[MAX_RANK] = {0};
    int rank = random_dims(w, 1, 5, 11, dim);
    for (int i = 0; i < rank; i++) {
        int64_t j = below(w, i + 1);
        perm[i] = perm[j];
        perm[j] = i;
    }
    NodeId x = random_const(w, random_type(w), rank, dim);
    check(w, g_transpose(w->g, x, perm), want_transpose, 0);
}
static void try_slice(World *w) {
    int64_t dim[MAX_RANK], start[MAX_RANK], size[MAX_RANK], step[MAX_RANK];
    int rank = random_dims(w, 1, 4, 9, dim);
    for (int i = 0; i < rank; i++) {
        start[i] = below(w, dim[i]);
        step[i] = below(w, 2) ? 1 : below(w, 2) ? 1 + below(w, 3) : -1 - below(w, 3);
        int64_t room = step[i] > 0 ? (dim[i] - 1 - start[i]) / step[i] : start[i] / -step[i];
        size[i] = 1 + below(w, room + 1);
    }
    NodeId x = random_const(w, random_type(w), rank, dim);
    uint32_t n = (uint32_t)rank;
    Attr a[] = {attr_ints(w->g, AT_STARTS, start, n), attr_ints(w->g, AT_SIZES, size, n),
                attr_ints(w->g, AT_STEPS, step, n)};
    check(w, graph_add(w->g, OP_SLICE, &x, 1, a, 3, 0), want_slice, 0);
}
static void try_expand(World *w) {
    int64_t dim[MAX_RANK], from[MAX_RANK];
    int rank = random_dims(w, 1, 5, 6, dim), skip = (int)below(w, rank + 1);
    for (int i = skip; i < rank; i++) from[i - skip] = below(w, 2) ? dim[i] : 1;
    NodeId x = random_const(w, random_type(w), rank - skip, from);
    check(w, g_expand(w->g, x, rank, dim), want_expand, 0);
}
static void try_pad(World *w) {
    int64_t dim[MAX_RANK], pad[2 * MAX_RANK];
    int rank = random_dims(w, 1, 4, 6, dim);
    for (int i = 0; i < rank; i++) {
        pad[i] = below(w, 6) - 2;
        pad[rank + i] = max_i64(below(w, 6) - 2, -dim[i] - pad[i]);
    }
    NodeId x = random_const(w, random_type(w), rank, dim);
    Attr a[] = {attr_ints(w->g, AT_PADS, pad, (uint32_t)(2 * rank)), attr_float(AT_VALUE, 7)};
    check(w, graph_add(w->g, OP_PAD, &x, 1, a, 2, 0), want_pad, 0);
}
static void try_concat(World *w) {
    int64_t dim[MAX_RANK];
    int rank = random_dims(w, 1, 4, 6, dim), axis = (int)below(w, rank);
    DType dt = random_type(w);
    NodeId in[4];
    uint32_t n = 1 + (uint32_t)below(w, 4);
    for (uint32_t i = 0; i < n; i++) {
        dim[axis] = below(w, 5);
        in[i] = random_const(w, dt, rank, dim);
    }
    check(w, g_concat(w->g, in, n, axis), want_concat, 0);
}
static void try_gather(World *w) {
    int64_t dim[MAX_RANK], size[MAX_RANK];
    int rank = random_dims(w, 1, 4, 6, dim), axis = (int)below(w, rank);
    int nindex = random_dims(w, 0, 3, 4, size);
    Type t = type_of(DT_I64, nindex, size);
    int64_t *index = arena_alloc(w->t->c.arena, type_nbytes(&t));
    for (int64_t i = 0; i < type_count(&t); i++) index[i] = below(w, dim[axis]);
    NodeId in[] = {random_const(w, random_type(w), rank, dim), graph_const(w->g, t, index, 0)};
    Attr a = attr_int(AT_AXIS, axis);
    check(w, graph_add(w->g, OP_GATHER, in, 2, &a, 1, 0), want_gather, 0);
}
static void try_sum(World *w) {
    int64_t dim[MAX_RANK], axes[MAX_RANK];
    int rank = random_dims(w, 1, 4, 6, dim);
    uint32_t n = 0;
    for (int i = 0; i < rank; i++)
        if (below(w, 2)) axes[n++] = i;
    NodeId x = random_const(w, float_types[below(w, 3)], rank, dim);
    Attr a = attr_ints(w->g, AT_AXES, axes, n);
    check(w, graph_add(w->g, OP_REDUCE_SUM, &x, 1, &a, 1, 0), want_sum, 1e-7);
}
static void try_matmul(World *w) {
    int64_t a[MAX_RANK], b[MAX_RANK], batch[MAX_RANK];
    int rank = random_dims(w, 0, 3, 4, batch), na = 0, nb = 0;
    int skip_a = (int)below(w, rank + 1), skip_b = (int)below(w, rank + 1);
    for (int i = skip_a; i < rank; i++) a[na++] = below(w, 3) ? batch[i] : 1;
    for (int i = skip_b; i < rank; i++) b[nb++] = below(w, 3) ? batch[i] : 1;
    int64_t m = 1 + below(w, below(w, 4) ? 9 : 150), k = 1 + below(w, 20), n = 1 + below(w, 20);
    bool trans = below(w, 2) != 0;
    a[na++] = m, a[na++] = k;
    b[nb++] = trans ? n : k, b[nb++] = trans ? k : n;
    DType dt = below(w, 4) ? float_types[below(w, COUNT_OF(float_types))] : DT_I32;
    NodeId x = random_const(w, dt, na, a), y = random_const(w, dt, nb, b);
    check(w, g_matmul(w->g, x, y, trans), want_matmul, 1e-7);
}
static void try_conv2d(World *w) {
    int64_t group = 1 + below(w, 3), channels = 1 + below(w, 3), out = group * (1 + below(w, 6));
    int64_t two[2], four[4];
    int64_t x[] = {1 + below(w, 2), group * channels, 6 + below(w, 8), 6 + below(w, 8)};
    int64_t k[] = {out, channels, 1 + below(w, 3), 1 + below(w, 3)};
    NodeId in[] = {random_const(w, DT_F32, 4, x), random_const(w, DT_F32, 4, k)};
    Attr a[] = {{0}, {0}, {0}, attr_int(AT_GROUP, group)};
    for (int i = 0; i < 2; i++) two[i] = 1 + below(w, 3);
    a[0] = attr_ints(w->g, AT_STRIDES, two, 2);
    for (int i = 0; i < 2; i++) two[i] = 1 + below(w, 2);
    a[1] = attr_ints(w->g, AT_DILATIONS, two, 2);
    for (int i = 0; i < 4; i++) four[i] = below(w, 3);
    a[2] = attr_ints(w->g, AT_PADS, four, 4);
    check(w, graph_add(w->g, OP_CONV, in, 2, a, 4, 0), want_conv2d, 1e-7);
}
static void try_attention(World *w) {
    int64_t q[] = {1 + below(w, 2), 1 + below(w, 9), 1 + below(w, 3), 1 + below(w, 9)};
    int64_t k[] = {q[0], 1 + below(w, 20), q[2], q[3]}, v[] = {k[0], k[1], k[2], 1 + below(w, 20)};
    NodeId in[] = {random_const(w, DT_F32, 4, q), random_const(w, DT_F32, 4, k),
                   random_const(w, DT_F32, 4, v)};
    Attr a[] = {attr_float(AT_SCALE, 0.01), attr_int(AT_BASE2, below(w, 2))};
    check(w, graph_add(w->g, OP_ATTENTION, in, 3, a, 2, 0), want_attention, 1e-7);
}

static void repeat(uint64_t times, void (*one)(World *)) {
    for (uint64_t i = 0; i < times; i++) {
        World w = {.t = test_ctx(), .seed = 88172645463325252u + i};
        w.g = graph_new(w.t->c.arena);
        for (int warm = 0; warm < 8; warm++) below(&w, 2);
        one(&w);
        test_ctx_free(w.t);
    }
}
#define TEST(name, times) \
    static void test_##name(void **state) { \
        (void)state; \
        repeat(times, try_##name); \
    }
TEST(add, 300)
TEST(transpose, 300)
TEST(slice, 300)
TEST(expand, 200)
TEST(pad, 200)
TEST(concat, 200)
TEST(gather, 200)
TEST(sum, 200)
TEST(matmul, 200)
TEST(conv2d, 100)
TEST(attention, 100)
// Larger than a chunk and a tile, with a remainder.
static void test_long(void **state) {
    (void)state;
    World w = {.t = test_ctx(), .seed = 7};
    w.g = graph_new(w.t->c.arena);
    NodeId x = random_const(&w, DT_F32, 2, (int64_t[]){37, 1301});
    NodeId y = random_const(&w, DT_F32, 1, (int64_t[]){1301});
    NodeId z = random_const(&w, DT_F32, 2, (int64_t[]){37, 1});
    check(&w, g_binary(w.g, OP_ADD, x, y), want_add, 0);
    check(&w, g_binary(w.g, OP_ADD, z, x), want_add, 0);
    check(&w, g_binary(w.g, OP_ADD, z, y), want_add, 0);
    check(&w, g_transpose(w.g, x, (int64_t[]){1, 0}), want_transpose, 0);
    check(&w, g_reduce(w.g, OP_REDUCE_SUM, y, 0, false), want_sum, 1e-7);
    test_ctx_free(w.t);
}
int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add),    cmocka_unit_test(test_transpose),
        cmocka_unit_test(test_slice),  cmocka_unit_test(test_expand),
        cmocka_unit_test(test_pad),    cmocka_unit_test(test_concat),
        cmocka_unit_test(test_gather), cmocka_unit_test(test_sum),
        cmocka_unit_test(test_matmul), cmocka_unit_test(test_conv2d),
        cmocka_unit_test(test_attention), cmocka_unit_test(test_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
