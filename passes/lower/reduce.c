// reduce.c: the generic path: reductions over any axes, and gathers. Scalar loops, one result a
// task: these ops are rare in vision transformers, so they are short rather than fast.
#include "passes/lower/lower.h"
#include <math.h>

// ---- reductions ------------------------------------------------------------------------------
typedef struct Reduction {
    KOp op;
    double start;
} Reduction;
static Reduction reduction_of(GraphOp op) {
    switch (op) {
    case OP_REDUCE_MAX: return (Reduction){K_MAX, -INFINITY};
    case OP_REDUCE_MIN: return (Reduction){K_MIN, INFINITY};
    case OP_REDUCE_PROD: return (Reduction){K_MUL, 1};
    default: return (Reduction){K_ADD, 0};
    }
}
static Val scalar(Kern *k, DType dt, double v) {
    VType t = vec_type(dt, 1);
    if (dtype_info[dt].cls == CLASS_FLOAT) return k_const_f(k, t, v);
    return k_const_i(k, t, v == INFINITY ? INT64_MAX : v == -INFINITY ? INT64_MIN : (int64_t)v);
}
// Splits x's axes into kept and reduced ones; both keep their order.
typedef struct Axes {
    int nkept, nreduced;
    int64_t kept[MAX_RANK], kept_stride[MAX_RANK], reduced[MAX_RANK], reduced_stride[MAX_RANK],
        count;
} Axes;
static Axes split_axes(const View *x, const bool *is_reduced) {
    Axes a = {.count = 1};
    for (int i = 0; i < x->rank; i++) {
        if (is_reduced[i]) {
            a.reduced[a.nreduced] = x->dim[i];
            a.reduced_stride[a.nreduced++] = x->stride[i];
            a.count *= x->dim[i];
        } else {
            a.kept[a.nkept] = x->dim[i];
            a.kept_stride[a.nkept++] = x->stride[i];
        }
    }
    return a;
}
static Val reduce_loops(Build *b, const Axes *a, Val x) { // opens nreduced loops
    for (int i = 0; i < a->nreduced; i++)
        x = k_padd(b->k, x, k_imuli(b->k, k_loopn(b->k, a->reduced[i]), a->reduced_stride[i]));
    return x;
}
static Val reduce_value(Build *b, const Node *n, const View *x, const Axes *a, Val row) {
    Kern *k = b->k;
    Reduction red = reduction_of(n->op);
    DType dt = compute_dtype(x->dt);
    Val acc = k_reg(k, vec_type(dt, 1));
    k_set(k, acc, scalar(k, dt, red.start));
    Val at = reduce_loops(b, a, row), v = load_as(k, x->dt, at, 0, 0, 1, 1), old = k_get(k, acc),
        next = k_op2(k, red.op, old, v);
    bool keeps_nan = (red.op == K_MAX || red.op == K_MIN) && dtype_info[dt].cls == CLASS_FLOAT;
    if (keeps_nan) // the op gives v when either is NaN: keep an old NaN
        next = k_select(k, k_cmp(k, P_UNORD, old, old), old, next);
    k_set(k, acc, next);
    for (int i = 0; i < a->nreduced; i++) k_end(k);
    Val r = k_get(k, acc);
    if (n->op == OP_REDUCE_MEAN) r = k_op2(k, K_DIV, r, scalar(k, dt, (double)a->count));
    return r;
}
static Val reduce_index(Build *b, const Node *n, const View *x, const Axes *a, Val row) {
    Kern *k = b->k;
    DType dt = compute_dtype(x->dt);
    Val best = k_reg(k, vec_type(dt, 1)), where = k_reg(k, vec_type(DT_I64, 1));
    k_set(k, best, load_as(k, x->dt, row, 0, 0, 1, 1));
    k_set(k, where, k_const_i(k, vec_type(DT_I64, 1), 0));
    Val i = k_loopn(k, a->reduced[0]);
    Val v = load_as(k, x->dt, k_padd(k, row, k_imuli(k, i, a->reduced_stride[0])), 0, 0, 1, 1);
    Val better = k_cmp(k, node_int(n, AT_LAST, 0) ? P_GE : P_GT, v, k_get(k, best));
    Val here = k_fromindex(k, DT_I64, i);
    k_set(k, where, k_select(k, better, here, k_get(k, where)));
    k_set(k, best, k_select(k, better, v, k_get(k, best)));
    k_end(k);
    return k_get(k, where);
}
bool lower_reduce(Lower *l, const Fused *f) {
    Node n = *graph_node(l->g, f->anchor);
    View x = lower_view(l, n.in[0]);
    bool is_reduced[MAX_RANK] = {false};
    uint32_t naxes = 0;
    const int64_t *axes = node_ints(&n, AT_AXES, &naxes);
    for (uint32_t i = 0; i < naxes; i++) is_reduced[axes[i]] = true;
    if (n.op == OP_ARGMAX) is_reduced[node_int(&n, AT_AXIS, 0)] = true;
    Axes a = split_axes(&x, is_reduced);
    View y = f->n ? lower_temp(l, &n.type) : lower_dest(l, f->result), flat;
    if (!view_reshape(&y, a.nkept, a.kept, &flat)) {
        Type t = n.type;
        y = lower_temp(l, &t);
        if (!view_reshape(&y, a.nkept, a.kept, &flat))
            die("lower_reduce", "a fresh place cannot be reshaped");
    }
    Build b = build_new(
        l, arena_printf(l->prog->arena, "%s_%lld", graph_op[n.op].text, (long long)a.count));
    Val xa = build_arg(&b, "x", &x, false), ya = build_arg(&b, "y", &flat, true), index[MAX_RANK];
    int64_t grid = 1;
    for (int i = 0; i < a.nkept; i++) grid *= a.kept[i];
    Val t = build_tasks(&b);
    lower_decode(b.k, t, a.nkept, a.kept, index);
    Val row = lower_walk(b.k, xa, a.nkept, index, a.kept_stride),
        out = lower_walk(b.k, ya, a.nkept, index, flat.stride);
    Val r =
        n.op == OP_ARGMAX ? reduce_index(&b, &n, &x, &a, row) : reduce_value(&b, &n, &x, &a, row);
    store_as(b.k, flat.dt, out, 0, 0, r, 1);
    k_end(b.k);
    build_launch(&b, grid, 0, graph_op[n.op].text);
    if (f->n) return lower_then_elementwise(l, f, &y);
    View want = lower_dest(l, f->result);
    if (want.buffer != y.buffer) lower_copy(l, &y, &want, "reduce");
    return true;
}

// ---- gather ----------------------------------------------------------------------------------
// y[before.., indices.., after..] = x[before.., index, after..]; indices are in range.
bool lower_gather(Lower *l, const Fused *f) {
    Node n = *graph_node(l->g, f->anchor);
    int axis = (int)node_int(&n, AT_AXIS, 0);
    View x = lower_view(l, n.in[0]), ix = lower_view(l, n.in[1]);
    View y = f->n ? lower_temp(l, &n.type) : lower_dest(l, f->result);
    Build b = build_new(l, arena_printf(l->prog->arena, "gather_axis%d_rank%d", axis, y.rank));
    Val xa = build_arg(&b, "x", &x, false), ia = build_arg(&b, "index", &ix, false),
        ya = build_arg(&b, "y", &y, true);
    int64_t grid = 1, xs[MAX_RANK] = {0}, is[MAX_RANK] = {0};
    for (int i = 0; i < y.rank; i++) {
        grid *= y.dim[i];
        if (i < axis)
            xs[i] = x.stride[i];
        else if (i < axis + ix.rank)
            is[i] = ix.stride[i - axis];
        else
            xs[i] = x.stride[i - ix.rank + 1];
    }
    Val t = build_tasks(&b), index[MAX_RANK];
    lower_decode(b.k, t, y.rank, y.dim, index);
    Val which = load_as(b.k, ix.dt, lower_walk(b.k, ia, y.rank, index, is), 0, 0, 1, 1);
    Val src = lower_walk(b.k, xa, y.rank, index, xs);
    src = k_padd(b.k, src, k_imuli(b.k, k_toindex(b.k, which), x.stride[axis]));
    Val v = load_as(b.k, x.dt, src, 0, 0, 1, 1);
    store_as(b.k, y.dt, lower_walk(b.k, ya, y.rank, index, y.stride), 0, 0, v, 1);
    k_end(b.k);
    build_launch(&b, grid, 0, "gather");
    return !f->n || lower_then_elementwise(l, f, &y);
}
