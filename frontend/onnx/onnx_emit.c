// onnx_emit.c: the builder that readers use. It folds as it goes: a node whose operands are
// constants and whose result is small becomes a constant at once, so the shape arithmetic of an
// export never reaches the graph. Big constant expressions (a transposed weight, a widened f16
// table) stay nodes: the image writer evaluates them in streams.
#include "frontend/onnx/onnx_import.h"
#include <string.h>

enum { FOLD_MAX = 65536, FOLD_STEP = 1 << 22 }; // elements of a result, work for one node
enum { FOLD_COST = 1024 };                      // of starting an evaluation, in elements

const Type *t_type(const Import *m, NodeId n) {
    return graph_type(m->g, n);
}
bool t_is_const(const Import *m, NodeId n) {
    return graph_node(m->g, n)->op == OP_CONST;
}
// What readers and folding compute is counted: a small file must not keep us busy for long.
static void charge(Import *m, uint64_t elements) {
    m->fold_work += elements;
}
static bool is_spent(const Import *m) {
    return m->fold_work > limit(LIM_FOLD_WORK);
}
static NodeId spent(Import *m) {
    fail(m, ERR_LIMIT, "the model computes too much from its constants");
    return 0;
}
static bool is_spread(GraphOp op) {
    return op == OP_EXPAND || op == OP_RESHAPE || op == OP_TRANSPOSE || op == OP_SLICE;
}
// A constant may be spread over a big shape: look through a few nodes that only do that.
bool t_uniform(Import *m, NodeId n, double *v) {
    for (int i = 0; i < LOOK_BACK && is_spread(graph_node(m->g, n)->op); i++) {
        n = graph_node(m->g, n)->in[0];
    }
    if (graph_const_scalar(m->g, n, v)) return true;
    const Const *k = graph_const_of(m->g, n);
    uint64_t size = dtype_info[t_type(m, n)->dt].nbytes;
    if (!k || k->nbytes <= size) return false;
    charge(m, k->nbytes / 64); // comparing is cheap, but not free
    if (is_spent(m)) return false;
    const uint8_t *p = k->data;
    if (memcmp(p, p + size, k->nbytes - size) != 0) return false;
    *v = dtype_read_f(t_type(m, n)->dt, p, 0);
    return true;
}

// ---- folding ---------------------------------------------------------------------------------
// Takes back the node just added.
static void pop(Import *m) {
    m->g->node.n--;
}

static uint64_t work_of(const Import *m, const Node *n) {
    uint64_t work = (uint64_t)type_count(&n->type);
    if (n->op == OP_MATMUL) {
        const Type *x = t_type(m, n->in[0]);
        work *= (uint64_t)max_i64(x->dim[x->rank - 1], 1);
    }
    if (op_is(n->op, REDUCE)) work += (uint64_t)type_count(t_type(m, n->in[0]));
    return work;
}
static bool is_foldable(const Import *m, const Node *n) {
    if (n->op == OP_CONV || n->op == OP_ATTENTION || type_count(&n->type) > FOLD_MAX) return false;
    for (uint32_t i = 0; i < n->nin; i++) {
        if (!t_is_const(m, n->in[i])) return false;
    }
    return work_of(m, n) <= FOLD_STEP;
}
static NodeId fold(Import *m, NodeId n) {
    charge(m, work_of(m, graph_node(m->g, n)) + FOLD_COST);
    if (is_spent(m)) return spent(m);
    Tensor t = graph_eval_const(m->g, n, m->g->arena);
    pop(m);
    return graph_const(m->g, t.type, t.data, m->loc);
}
// A view of a constant is a constant with the same bytes.
static NodeId view_const(Import *m, NodeId n) {
    const Node *node = graph_node(m->g, n);
    const Const *k = graph_const_of(m->g, node->in[0]);
    Type t = node->type;
    pop(m);
    if (k->file) return graph_const_file(m->g, t, k->data, k->file, k->offset, m->loc);
    return graph_const(m->g, t, k->data, m->loc);
}
// An elementwise result of spread constants: compute one element, spread it.
static NodeId fold_uniform(Import *m, NodeId n) {
    const Node node = *graph_node(m->g, n);
    double v[3];
    if (!op_is(node.op, ELEM) || node.nin > COUNT_OF(v)) return n;
    for (uint32_t i = 0; i < node.nin; i++) {
        if (!t_uniform(m, node.in[i], &v[i])) return n;
    }
    pop(m);
    NodeId one[COUNT_OF(v)];
    for (uint32_t i = 0; i < node.nin; i++) {
        one[i] = graph_scalar(m->g, t_type(m, node.in[i])->dt, v[i], m->loc);
    }
    NodeId r = t_node(m, node.op, one, node.nin, node.attr, node.nattr);
    return t_expand(m, r, node.type.rank, node.type.dim);
}
// x + 0 is x. Masks that mask nothing end here.
static NodeId drop_zero(Import *m, NodeId n) {
    const Node *node = graph_node(m->g, n);
    double v;
    if (node->op != OP_ADD) return n;
    for (int i = 0; i < 2; i++) {
        NodeId other = node->in[1 - i];
        if (t_uniform(m, node->in[i], &v) && v == 0 && type_equal(&node->type, t_type(m, other))) {
            pop(m);
            return other;
        }
    }
    return n;
}
NodeId t_node(Import *m, GraphOp op, const NodeId *in, uint32_t nin, const Attr *attr,
              uint32_t nattr) {
    for (uint32_t i = 0; i < nin; i++) {
        if (in[i] == 0) return 0;
    }
    if (m->g->node.n >= limit(LIM_NODES)) {
        fail(m, ERR_LIMIT, "the graph has more than %llu nodes",
             (unsigned long long)limit(LIM_NODES));
        return 0;
    }
    NodeId n = graph_try(m->g, m->c->diag, op, in, nin, attr, nattr, m->loc);
    if (n == 0) return 0;
    const Node *node = graph_node(m->g, n);
    if (op_is(op, VIEW) && t_is_const(m, in[0])) return view_const(m, n);
    if (is_foldable(m, node)) return fold(m, n);
    NodeId uniform = fold_uniform(m, n);
    return uniform == n ? drop_zero(m, n) : uniform;
}

// ---- shorthands ------------------------------------------------------------------------------
NodeId t_unary(Import *m, GraphOp op, NodeId x) {
    return t_node(m, op, &x, 1, NULL, 0);
}
NodeId t_binary(Import *m, GraphOp op, NodeId x, NodeId y) {
    return t_node(m, op, (NodeId[]){x, y}, 2, NULL, 0);
}
// A known condition picks its branch.
NodeId t_where(Import *m, NodeId cond, NodeId yes, NodeId no) {
    NodeId n = t_node(m, OP_WHERE, (NodeId[]){cond, yes, no}, 3, NULL, 0);
    double v;
    if (n == 0 || graph_node(m->g, n)->op != OP_WHERE || !t_uniform(m, cond, &v)) return n;
    Type t = *t_type(m, n);
    pop(m);
    return t_expand(m, v != 0 ? yes : no, t.rank, t.dim);
}
NodeId t_cast(Import *m, NodeId x, DType to) {
    if (x == 0 || t_type(m, x)->dt == to) return x;
    Attr a = attr_int(AT_TO, to);
    return t_node(m, OP_CAST, &x, 1, &a, 1);
}
NodeId t_like(Import *m, NodeId x, double v) {
    return x ? graph_scalar(m->g, t_type(m, x)->dt, v, m->loc) : 0;
}
NodeId t_scale(Import *m, NodeId x, double by) {
    return by == 1 ? x : t_binary(m, OP_MUL, x, t_like(m, x, by));
}
static bool has_shape(const Import *m, NodeId x, int rank, const int64_t *dim) {
    const Type *t = t_type(m, x);
    return t->rank == rank && (rank == 0 || memcmp(t->dim, dim, (size_t)rank * sizeof *dim) == 0);
}
NodeId t_reshape(Import *m, NodeId x, int rank, const int64_t *dim) {
    if (x == 0 || has_shape(m, x, rank, dim)) return x;
    Attr a = attr_ints(m->g, AT_SHAPE, dim, (uint32_t)rank);
    return t_node(m, OP_RESHAPE, &x, 1, &a, 1);
}
NodeId t_expand(Import *m, NodeId x, int rank, const int64_t *dim) {
    if (x == 0 || has_shape(m, x, rank, dim)) return x;
    Attr a = attr_ints(m->g, AT_SHAPE, dim, (uint32_t)rank);
    return t_node(m, OP_EXPAND, &x, 1, &a, 1);
}
// Two transposes in a row are one.
NodeId t_transpose(Import *m, NodeId x, const int64_t *perm) {
    if (x == 0) return 0;
    const Node *node = graph_node(m->g, x);
    int rank = node->type.rank, moved = 0;
    const int64_t *below = node->op == OP_TRANSPOSE ? node_ints(node, AT_PERM, NULL) : NULL;
    int64_t both[MAX_RANK];
    for (int i = 0; i < rank; i++) both[i] = below ? below[perm[i]] : perm[i];
    for (int i = 0; i < rank; i++) moved += both[i] != i;
    if (below) x = node->in[0];
    if (!moved) return x;
    Attr a = attr_ints(m->g, AT_PERM, both, (uint32_t)rank);
    return t_node(m, OP_TRANSPOSE, &x, 1, &a, 1);
}
NodeId t_swap(Import *m, NodeId x, int a, int b) {
    int64_t perm[MAX_RANK];
    for (int i = 0; i < MAX_RANK; i++) perm[i] = i == a ? b : i == b ? a : i;
    return t_transpose(m, x, perm);
}
NodeId t_slices(Import *m, NodeId x, const int64_t *starts, const int64_t *sizes,
                const int64_t *steps) {
    if (x == 0) return 0;
    const Type *t = t_type(m, x);
    uint32_t rank = (uint32_t)t->rank;
    bool whole = true;
    for (uint32_t i = 0; i < rank; i++) {
        whole = whole && starts[i] == 0 && sizes[i] == t->dim[i] && steps[i] == 1;
    }
    if (whole) return x;
    Attr a[] = {attr_ints(m->g, AT_STARTS, starts, rank), attr_ints(m->g, AT_SIZES, sizes, rank),
                attr_ints(m->g, AT_STEPS, steps, rank)};
    return t_node(m, OP_SLICE, &x, 1, a, COUNT_OF(a));
}
NodeId t_slice(Import *m, NodeId x, int axis, int64_t start, int64_t size) {
    if (x == 0) return 0;
    Type t = *t_type(m, x);
    int64_t starts[MAX_RANK] = {0}, steps[MAX_RANK];
    for (int i = 0; i < MAX_RANK; i++) steps[i] = 1;
    starts[axis] = start;
    t.dim[axis] = size;
    return t_slices(m, x, starts, t.dim, steps);
}
NodeId t_concat(Import *m, const NodeId *in, uint32_t n, int axis) {
    if (n == 1) return in[0];
    Attr a = attr_int(AT_AXIS, axis);
    return t_node(m, OP_CONCAT, in, n, &a, 1);
}
NodeId t_gather(Import *m, NodeId x, NodeId index, int axis) {
    Attr a = attr_int(AT_AXIS, axis);
    return t_node(m, OP_GATHER, (NodeId[]){x, t_cast(m, index, DT_I64)}, 2, &a, 1);
}
NodeId t_reduce(Import *m, GraphOp op, NodeId x, const int64_t *axes, uint32_t n, bool keepdims) {
    if (x == 0 || n == 0) return x;
    Attr a[] = {attr_ints(m->g, AT_AXES, axes, n), attr_int(AT_KEEPDIMS, keepdims)};
    return t_node(m, op, &x, 1, a, COUNT_OF(a));
}
// A vector is a row on the left and a column on the right; its axis is gone from the result.
NodeId t_matmul(Import *m, NodeId x, NodeId y, bool trans_b) {
    if (x == 0 || y == 0) return 0;
    const Type tx = *t_type(m, x), ty = *t_type(m, y);
    bool row = tx.rank == 1, column = ty.rank == 1;
    if (row) x = t_reshape(m, x, 2, (int64_t[]){1, tx.dim[0]});
    if (column) y = t_reshape(m, y, 2, (int64_t[]){ty.dim[0], 1});
    Attr a = attr_int(AT_TRANS_B, trans_b);
    NodeId r = t_node(m, OP_MATMUL, (NodeId[]){x, y}, 2, &a, trans_b ? 1 : 0);
    if (r == 0 || (!row && !column)) return r;
    const Type *t = t_type(m, r);
    int64_t dim[MAX_RANK];
    int rank = 0;
    for (int i = 0; i < t->rank; i++) {
        bool gone = (row && i == t->rank - 2) || (column && i == t->rank - 1);
        if (!gone) dim[rank++] = t->dim[i];
    }
    return t_reshape(m, r, rank, dim);
}
NodeId t_softmax(Import *m, NodeId x, int axis) {
    if (x == 0) return 0;
    int last = t_type(m, x)->rank - 1;
    return t_swap(m, t_unary(m, OP_SOFTMAX, t_swap(m, x, axis, last)), axis, last);
}

// ---- constants -------------------------------------------------------------------------------
void *t_alloc(Import *m, uint64_t n, DType dt) {
    charge(m, n);
    return arena_alloc_n(m->g->arena, n, dtype_info[dt].nbytes);
}
NodeId t_const(Import *m, DType dt, int rank, const int64_t *dim, const void *data) {
    if (is_spent(m)) return spent(m);
    return graph_const(m->g, type_of(dt, rank, dim), data, m->loc);
}
NodeId t_ints(Import *m, const int64_t *v, uint32_t n) {
    return graph_ints(m->g, v, (int)n, m->loc);
}
bool t_ints_of(Import *m, Value v, const char *what, Ints *out) {
    const Type *t = t_type(m, v.node);
    *out = (Ints){0};
    if (dtype_info[t->dt].cls == CLASS_FLOAT)
        return fail(m, ERR_MODEL, "%s must be integers", what);
    const Const *k = graph_const_of(m->g, v.node);
    if (!k) {
        return fail(m, ERR_UNSUPPORTED,
                    "%s depends on data: only shapes known at compile time are supported", what);
    }
    if (type_count(t) > FOLD_MAX)
        return fail(m, ERR_LIMIT, "%s has more than %d elements", what, FOLD_MAX);
    out->n = (uint32_t)type_count(t);
    charge(m, out->n);
    out->v = NEW_N(m->tmp, int64_t, out->n);
    for (uint32_t i = 0; i < out->n; i++) out->v[i] = dtype_read_i(t->dt, k->data, i);
    return true;
}
bool t_number_of(Import *m, Value v, const char *what, double *out) {
    if (type_count(t_type(m, v.node)) == 1 && graph_const_scalar(m->g, v.node, out)) return true;
    return fail(m, ERR_UNSUPPORTED, "%s must be a number known at compile time", what);
}

// ---- axes ------------------------------------------------------------------------------------
bool t_axis(Import *m, int64_t axis, int rank, int *out) {
    if (axis < -rank || axis >= rank) {
        return fail(m, ERR_MODEL, "axis %lld is out of range for rank %d", (long long)axis, rank);
    }
    *out = (int)(axis < 0 ? axis + rank : axis);
    return true;
}
bool t_axes(Import *m, const Ints *axes, int rank, int64_t *sorted, uint32_t *n) {
    bool has[MAX_RANK] = {false};
    *n = 0;
    for (uint32_t i = 0; i < axes->n; i++) {
        int axis = 0;
        if (!t_axis(m, axes->v[i], rank, &axis)) return false;
        if (has[axis]) return fail(m, ERR_MODEL, "axis %lld is given twice", (long long)axes->v[i]);
        has[axis] = true;
    }
    for (int i = 0; i < rank; i++) {
        if (has[i]) sorted[(*n)++] = i;
    }
    return true;
}
