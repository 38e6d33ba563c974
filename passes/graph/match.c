// match.c: the questions that rules ask about a node, and the nodes that many rules build.
#include "passes/graph/match.h"
#include <math.h>

bool is_const(Sweep *s, NodeId n) {
    // operands of node i were there before it was made, so one walk in order knows them all; a node
    // that lost its operands to replacements since then still has the same value
    while (s->is_const.n < s->g->node.n) {
        const Node *node = at(s, s->is_const.n);
        bool all = node->op == OP_CONST || node->nin > 0;
        for (uint32_t i = 0; i < node->nin && all; i++) all = s->is_const.data[node->in[i]];
        *PUSH(s->arena, &s->is_const) = all;
    }
    return s->is_const.data[n];
}
bool is_float(const Sweep *s, NodeId n) {
    return dtype_info[type_at(s, n)->dt].cls == CLASS_FLOAT;
}

uint32_t nuses(const Sweep *s, NodeId n) {
    if (n < s->nold) return s->nuse[n];
    return n < s->origin.n && s->origin.data[n] ? s->nuse[s->origin.data[n]] : 1;
}
const uint32_t *users(const Sweep *s, NodeId n, uint32_t *count) {
    enum { MANY = 64 }; // no pattern has so many; each of them asking about all would be slow
    if (n >= s->nold) n = n < s->origin.n ? s->origin.data[n] : 0;
    *count = n ? s->user_at[n + 1] - s->user_at[n] : 0;
    if (*count > MANY) *count = 0;
    return s->user + s->user_at[n];
}

bool dims_equal(const Type *t, int rank, const int64_t *dim) {
    if (t->rank != rank) return false;
    for (int i = 0; i < rank; i++)
        if (t->dim[i] != dim[i]) return false;
    return true;
}
bool same_dims(const Type *a, const Type *b) {
    return dims_equal(a, b->rank, b->dim);
}
int64_t dims_product(const int64_t *dim, int rank) {
    int64_t n = 1;
    for (int i = 0; i < rank; i++) n *= dim[i];
    return n;
}
int64_t last_dim(const Type *t) {
    return t->rank ? t->dim[t->rank - 1] : 1;
}

bool near_to(const Sweep *s, NodeId n, double v, double want) {
    DType dt = type_at(s, n)->dt;
    double tolerance = dtype_is_half(dt) ? 1e-3 : 1e-4;
    return fabs(v - want) <= tolerance * fabs(want);
}

static bool scalar_at(Sweep *s, NodeId n, double *v, int depth) {
    const Node *node = at(s, n);
    if (node->op == OP_CONST) return graph_const_scalar(s->g, n, v);
    if (depth == 0 || !is_const(s, n)) return false;
    double x, y;
    switch (node->op) {
    case OP_RESHAPE:
    case OP_TRANSPOSE:
    case OP_SLICE:
    case OP_EXPAND: return scalar_at(s, node->in[0], v, depth - 1);
    case OP_CAST:
        if (!is_float(s, n) || !scalar_at(s, node->in[0], &x, depth - 1)) return false;
        return *v = x, true;
    case OP_ADD:
    case OP_MUL:
        if (!is_float(s, n) || !scalar_at(s, node->in[0], &x, depth - 1) ||
            !scalar_at(s, node->in[1], &y, depth - 1))
            return false;
        return *v = node->op == OP_ADD ? x + y : x * y, true;
    case OP_WHERE:
        if (!scalar_at(s, node->in[0], &x, depth - 1)) return false;
        return scalar_at(s, node->in[x != 0 ? 1 : 2], v, depth - 1);
    default: return false;
    }
}
bool scalar_of(Sweep *s, NodeId n, double *v) {
    return scalar_at(s, n, v, 8);
}

NodeId times_scalar(Sweep *s, NodeId n, GraphOp op, double *v) {
    if (!is_op(s, n, op)) return 0;
    const Node *node = at(s, n);
    for (uint32_t i = 0; i < 2; i++)
        if (scalar_of(s, node->in[1 - i], v) && same_dims(&node->type, type_at(s, node->in[i])))
            return node->in[i];
    return 0;
}
NodeId with_const(Sweep *s, NodeId n, GraphOp op, NodeId *c) {
    if (!is_op(s, n, op)) return 0;
    const Node *node = at(s, n);
    for (uint32_t i = 0; i < 2; i++) {
        *c = node->in[1 - i];
        if (is_const(s, *c) && same_dims(&node->type, type_at(s, node->in[i]))) return node->in[i];
    }
    return 0;
}
bool is_row_vector(const Type *t, int64_t k) {
    return last_dim(t) == k && type_count(t) == k;
}

bool is_linear(Sweep *s, NodeId n) {
    return is_op(s, n, OP_MATMUL) && type_at(s, operand(s, n, 1))->rank == 2 &&
           is_const(s, operand(s, n, 1));
}

// ---- building
NodeId rebuild(Sweep *s, NodeId n, const NodeId *in) {
    Node node = *at(s, n); // by value: graph_add may move the nodes
    return placed(s, graph_add(s->g, node.op, in, node.nin, node.attr, node.nattr, 0), node.loc);
}
NodeId placed(Sweep *s, NodeId n, Loc loc) {
    graph_node(s->g, n)->loc = loc;
    *PUSH(s->arena, &s->placed) = n;
    return n;
}
NodeId rebuild1(Sweep *s, NodeId n, NodeId x) {
    const Node *node = at(s, n);
    NodeId *in = arena_copy(s->arena, node->in, node->nin * sizeof *in);
    in[0] = x;
    return rebuild(s, n, in);
}
NodeId scalar_like(Sweep *s, NodeId like, double v) {
    return graph_scalar(s->g, type_at(s, like)->dt, v, at(s, like)->loc);
}
NodeId reshape_dims(Sweep *s, NodeId x, int rank, const int64_t *dim) {
    return dims_equal(type_at(s, x), rank, dim) ? x : g_reshape(s->g, x, rank, dim);
}
NodeId reshape_to(Sweep *s, NodeId x, const Type *shape) {
    Type t = *shape; // it may point into the node array
    return reshape_dims(s, x, t.rank, t.dim);
}
NodeId expand_to(Sweep *s, NodeId x, const Type *shape) {
    Type t = *shape;
    if (type_count(type_at(s, x)) == type_count(&t)) return reshape_to(s, x, &t);
    return g_expand(s->g, x, t.rank, t.dim);
}
NodeId swap_last(Sweep *s, NodeId x) {
    int64_t perm[MAX_RANK];
    int rank = type_at(s, x)->rank;
    for (int i = 0; i < rank; i++) perm[i] = i;
    perm[rank - 1] = rank - 2;
    perm[rank - 2] = rank - 1;
    return g_transpose(s->g, x, perm);
}
NodeId slice_axis(Sweep *s, NodeId x, int axis, int64_t start, int64_t size) {
    return size == type_at(s, x)->dim[axis] ? x : g_slice(s->g, x, axis, start, size);
}
