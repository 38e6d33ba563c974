// recognise_attention.c: MATMUL, SOFTMAX, MATMUL becomes ATTENTION on [B,S,n,d] operands.
//
// A scale may stand on Q, on K, on both (as a root), or on the scores, before or behind any view:
// it is peeled off and multiplied out. Heads may be an axis or merged with the batch: the operands
// are brought to [B,S,n,d] by RESHAPE and TRANSPOSE, and the layout algebra of views.c cancels what
// the exporter had put there for the opposite purpose.
#include "passes/graph/match.h"

enum { PEEL_DEPTH = 8 };
// n without factors: n = *scale * result. Looks through views.
static NodeId peel_scale(Sweep *s, NodeId n, double *scale, int depth) {
    double v;
    NodeId x = times_scalar(s, n, OP_MUL, &v);
    if (depth == 0) return n;
    if (x) {
        *scale *= v;
        return peel_scale(s, x, scale, depth - 1);
    }
    if (!is_op(s, n, OP_RESHAPE) && !is_op(s, n, OP_TRANSPOSE)) return n;
    x = peel_scale(s, operand(s, n, 0), scale, depth - 1);
    return x == operand(s, n, 0) ? n : rebuild1(s, n, x);
}
// n without reshapes that only regroup the axes before the last two.
static NodeId peel_groups(const Sweep *s, NodeId n) {
    while (is_op(s, n, OP_RESHAPE)) {
        const Type *t = type_at(s, n), *from = type_at(s, operand(s, n, 0));
        if (t->rank < 2 || from->rank < 2 || t->dim[t->rank - 1] != from->dim[from->rank - 1] ||
            t->dim[t->rank - 2] != from->dim[from->rank - 2])
            break;
        n = operand(s, n, 0);
    }
    return n;
}

// x[.., rows, width] with B*n groups in front -> [B, rows, n, width]
static NodeId to_heads(Sweep *s, NodeId x, int64_t batch, int64_t heads) {
    static const int64_t perm[4] = {0, 2, 1, 3};
    Type t = *type_at(s, x);
    int64_t dim[4] = {batch, heads, t.dim[t.rank - 2], t.dim[t.rank - 1]};
    return g_transpose(s->g, reshape_dims(s, x, 4, dim), perm);
}
static int64_t groups_of(const Type *t) { return dims_product(t->dim, t->rank - 2); }

// How many of the groups are images: the axis that says so, or the batch of the model's input.
static int64_t batch_of(const Sweep *s, const Type *q, int64_t groups) {
    if (q->rank == 4) return q->dim[0];
    const Type *in = s->g->input.n ? type_at(s, s->g->input.data[0]) : NULL;
    bool fits = in && in->rank > 0 && in->dim[0] > 0 && groups % in->dim[0] == 0;
    return fits ? in->dim[0] : 1;
}

NodeId rule_attention(Sweep *s, NodeId n) {
    if (!is_op(s, n, OP_MATMUL) || !is_float(s, n)) return 0;
    NodeId p = peel_groups(s, operand(s, n, 0)), v = operand(s, n, 1);
    if (!is_op(s, p, OP_SOFTMAX) || nuses(s, p) != 1 || nuses(s, operand(s, n, 0)) != 1 ||
        is_const(s, v))
        return 0;
    double scale = 1;
    NodeId scores = peel_groups(s, peel_scale(s, operand(s, p, 0), &scale, PEEL_DEPTH));
    if (!is_op(s, scores, OP_MATMUL) || nuses(s, scores) != 1) return 0;
    NodeId q = operand(s, scores, 0), k = operand(s, scores, 1);
    int64_t groups = groups_of(type_at(s, n));
    if (is_const(s, k) || groups == 0 || type_count(type_at(s, p)) == 0) return 0;
    if (groups_of(type_at(s, q)) != groups || groups_of(type_at(s, k)) != groups ||
        groups_of(type_at(s, v)) != groups)
        return 0;

    Type result = *type_at(s, n);
    int64_t batch = batch_of(s, type_at(s, q), groups), heads = groups / batch;
    if (!node_int(at(s, scores), AT_TRANS_B, 0)) k = swap_last(s, k);
    if (node_int(at(s, n), AT_TRANS_B, 0)) v = swap_last(s, v);
    q = peel_scale(s, q, &scale, PEEL_DEPTH);
    k = peel_scale(s, k, &scale, PEEL_DEPTH);
    NodeId y = g_attention(s->g, to_heads(s, q, batch, heads), to_heads(s, k, batch, heads),
                           to_heads(s, v, batch, heads), scale);
    static const int64_t perm[4] = {0, 2, 1, 3};
    return reshape_to(s, g_transpose(s->g, y, perm), &result);
}
