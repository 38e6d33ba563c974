// random_graph.c: see random_graph.h.
#include "tests/support/random_graph.h"

typedef struct Draw {
    Ctx *c;
    Graph *g;
    uint64_t seed;
} Draw;
static uint32_t below(Draw *d, uint32_t n) {
    d->seed ^= d->seed << 13;
    d->seed ^= d->seed >> 7;
    d->seed ^= d->seed << 17;
    return (uint32_t)(d->seed >> 33) % n;
}
static int64_t random_size(Draw *d) {
    return (int64_t[]){1, 1, 2, 3, 4, 6, 8, 0}[below(d, 100) ? below(d, 7) : 7];
}
static void *random_data(Draw *d, const Type *t) {
    char *p = arena_alloc(d->c->arena, type_nbytes(t) + 1);
    for (int64_t i = 0; i < type_count(t); i++)
        dtype_write_f(t->dt, p, (uint64_t)i,
                      dtype_info[t->dt].cls == CLASS_FLOAT ? (below(d, 4001) - 2000.0) / 1000
                                                           : below(d, 2));
    return p;
}
static NodeId add(Draw *d, GraphOp op, const NodeId *in, uint32_t nin, const Attr *attr,
                  uint32_t nattr) {
    Diag *quiet = diag_new(d->c->scratch, NULL, NULL);
    return graph_try(d->g, quiet, op, in, nin, attr, nattr, 0);
}
static NodeId any_node(Draw *d) { // a recent one rather than an old one
    uint32_t n = d->g->node.n - 1, a = below(d, n), b = below(d, n);
    return 1 + (a > b ? a : b);
}
static NodeId draw_const(Draw *d) {
    Type like = *graph_type(d->g, any_node(d)), t = {.dt = below(d, 8) ? like.dt : DT_F32};
    int drop = (int)below(d, (uint32_t)like.rank + 1);
    for (int i = drop; i < like.rank; i++) t.dim[t.rank++] = below(d, 3) ? like.dim[i] : 1;
    if (below(d, 5) == 0)
        return graph_scalar(d->g, t.dt, (double[]){0, 1, 2, 0.5, -1, 3}[below(d, 6)], 0);
    return graph_const(d->g, t, random_data(d, &t), 0);
}
static NodeId draw_view(Draw *d, NodeId x) {
    Type t = *graph_type(d->g, x);
    int64_t v[3][MAX_RANK];
    uint32_t rank = (uint32_t)t.rank;
    switch (below(d, 5)) {
    case 0:
        for (uint32_t i = 0; i < rank; i++) {
            uint32_t j = below(d, i + 1);
            v[0][i] = v[0][j];
            v[0][j] = i;
        }
        return g_transpose(d->g, x, v[0]);
    case 1: {
        int64_t left = type_count(&t);
        int n = 0;
        for (; n < 4 && left > 1; n++) {
            int64_t f = (int64_t[]){2, 3, 4, 6, 1, 8}[below(d, 6)];
            v[0][n] = left % f ? 1 : f;
            left /= v[0][n];
        }
        v[0][n++] = left;
        return g_reshape(d->g, x, n, v[0]);
    }
    case 2:
        for (uint32_t i = 0; i < rank; i++) {
            int64_t n = t.dim[i];
            bool whole = n < 2 || below(d, 2);
            v[0][i] = whole ? 0 : below(d, (uint32_t)n);
            v[1][i] = whole ? n : 1 + below(d, (uint32_t)(n - v[0][i]));
            v[2][i] = 1;
            if (!whole && below(d, 6) == 0) v[0][i] = n - 1, v[1][i] = n, v[2][i] = -1;
        }
        return add(d, OP_SLICE, &x, 1,
                   (Attr[]){attr_ints(d->g, AT_STARTS, v[0], rank),
                            attr_ints(d->g, AT_SIZES, v[1], rank),
                            attr_ints(d->g, AT_STEPS, v[2], rank)},
                   3);
    case 3:
        for (int i = 0; i < t.rank; i++)
            if (t.dim[i] == 1) t.dim[i] = random_size(d);
        return g_expand(d->g, x, t.rank, t.dim);
    default: {
        if (rank == 0) return x;
        Attr axis = attr_int(AT_AXIS, below(d, rank));
        return add(d, OP_CONCAT, (NodeId[]){x, any_node(d), x}, 1 + below(d, 3), &axis, 1);
    }
    }
}
static NodeId draw_rows(Draw *d, NodeId x) {
    static const GraphOp reduce[] = {OP_REDUCE_SUM, OP_REDUCE_MEAN, OP_REDUCE_MAX,
                                     OP_REDUCE_MIN, OP_REDUCE_PROD, OP_ARGMAX};
    Type t = *graph_type(d->g, x);
    if (t.rank == 0 || dtype_info[t.dt].cls != CLASS_FLOAT) return x;
    int64_t k = t.dim[t.rank - 1];
    Type vector = type_of(t.dt, 1, &k);
    NodeId gain = below(d, 2) ? graph_const(d->g, vector, random_data(d, &vector), 0) : 0;
    switch (below(d, 4)) {
    case 0: return k ? add(d, OP_SOFTMAX, &x, 1, NULL, 0) : x;
    case 1: return k ? g_layernorm(d->g, x, gain, gain, 1e-2) : x;
    case 2:
        return k ? g_reduce(d->g, reduce[below(d, COUNT_OF(reduce))], x, t.rank - 1, below(d, 2))
                 : x;
    default: {
        bool trans_b = below(d, 2);
        int64_t n = random_size(d),
                dim[3] = {below(d, 4) ? 1 : 2, trans_b ? n : k, trans_b ? k : n};
        int rank = 2 + (below(d, 4) == 0);
        Type w = type_of(t.dt, rank, dim + 3 - rank);
        if (t.rank < 2) return x;
        return add(d, OP_MATMUL, (NodeId[]){x, graph_const(d->g, w, random_data(d, &w), 0)}, 2,
                   (Attr[]){attr_int(AT_TRANS_B, trans_b)}, 1);
    }
    }
}
static NodeId draw_special(Draw *d, NodeId x) {
    Type t = *graph_type(d->g, x);
    NodeId y = any_node(d), z = any_node(d);
    int64_t k[3] = {0, 1, 2}, two[MAX_RANK] = {2, 2};
    uint32_t start = below(d, 2);
    switch (below(d, 7)) {
    case 0:
        return add(d, OP_MATMUL, (NodeId[]){x, y}, 2, (Attr[]){attr_int(AT_TRANS_B, below(d, 2))},
                   1);
    case 1:
        return add(d, OP_ATTENTION, (NodeId[]){x, y, z}, 3, (Attr[]){attr_float(AT_SCALE, 0.5)}, 1);
    case 2: {
        if (t.rank != 4 || dtype_info[t.dt].cls != CLASS_FLOAT) return x;
        Type w = type_of(t.dt, 4, (int64_t[]){3, t.dim[1], 2, 2});
        return add(d, OP_CONV, (NodeId[]){x, graph_const(d->g, w, random_data(d, &w), 0)}, 2,
                   (Attr[]){attr_ints(d->g, AT_STRIDES, two, 2)}, below(d, 2));
    }
    case 3: {
        if (t.rank == 0) return x;
        int axis = (int)below(d, (uint32_t)t.rank);
        if (t.dim[axis] < 3) return x;
        NodeId index = graph_const_copy(d->g, type_of(DT_I64, (int)start, (int64_t[]){3}), k, 0);
        return add(d, OP_GATHER, (NodeId[]){x, index}, 2, (Attr[]){attr_int(AT_AXIS, axis)}, 1);
    }
    case 4: return add(d, OP_WHERE, (NodeId[]){x, y, z}, 3, NULL, 0);
    case 5: return g_cast(d->g, x, (DType[]){DT_F32, DT_F64, DT_I32, DT_BOOL}[below(d, 4)]);
    default: {
        int64_t pads[2 * MAX_RANK] = {0};
        if (t.rank && below(d, 2)) pads[below(d, 2 * (uint32_t)t.rank)] = 1;
        return add(d, OP_PAD, &x, 1, (Attr[]){attr_ints(d->g, AT_PADS, pads, 2 * (uint32_t)t.rank)},
                   1);
    }
    }
}
static NodeId draw_node(Draw *d) {
    static const GraphOp unary[] = {OP_NEG, OP_ABS, OP_SIGN,  OP_TANH,     OP_SIGMOID, OP_GELU,
                                    OP_ERF, OP_NOT, OP_ISNAN, OP_SOFTPLUS, OP_CEIL,
                                    OP_SIN, OP_COS};
    static const GraphOp binary[] = {OP_ADD, OP_MUL, OP_SUB, OP_ADD, OP_MUL, OP_MIN,
                                     OP_MAX, OP_LT,  OP_AND, OP_OR,  OP_MOD};
    NodeId x = any_node(d), y = below(d, 2) ? any_node(d) : draw_const(d);
    switch (below(d, 8)) {
    case 0: return add(d, unary[below(d, COUNT_OF(unary))], &x, 1, NULL, 0);
    case 1:
    case 2:
    case 3:
        return add(d, binary[below(d, COUNT_OF(binary))],
                   below(d, 3) ? (NodeId[]){x, y} : (NodeId[]){y, x}, 2, NULL, 0);
    case 4: return draw_special(d, x);
    case 5: return draw_rows(d, x);
    default: return draw_view(d, x);
    }
}
static void draw_graph(Draw *d) {
    int64_t dim[4] = {random_size(d), random_size(d), random_size(d), random_size(d)};
    graph_input(d->g, "x", type_of(DT_F32, (int)below(d, 5), dim), 0);
    draw_const(d);
    for (int i = 0; i < 40; i++) {
        NodeId n = draw_node(d);
        if (n && type_count(graph_type(d->g, n)) > 4000) break;
    }
    uint32_t n = d->g->node.n;
    for (uint32_t i = 0; i < 3; i++)
        graph_output(d->g, (const char *[]){"a", "b", "c"}[i], i ? any_node(d) : n - 1);
}
Graph *random_graph(Ctx *c, uint64_t seed) {
    Draw d = {c, graph_new(c->arena), seed * 0x9e3779b97f4a7c15u + 1};
    draw_graph(&d);
    return d.g;
}
void *random_graph_data(Ctx *c, uint64_t seed, const Type *t) {
    Draw d = {c, NULL, seed * 0xbf58476d1ce4e5b9u + 1};
    return random_data(&d, t);
}
