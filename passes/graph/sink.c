// sink.c: RESHAPE and TRANSPOSE move towards the outputs, below elementwise and row-wise ops and
// below matmuls with weights. There they meet the view that undoes them (2-D Gemms of some
// exporters, NCHW convolutions), and a matmul meets its bias, activation and residual, which its
// kernel can swallow.
#include "passes/graph/match.h"

static bool is_reshape(const Sweep *s, NodeId n) { return is_op(s, n, OP_RESHAPE); }
// [B,1,h] -> [B,h] selects the one row of a classifier; below it everything may stay 2-D.
static bool drops_the_row_axis(const Type *from, const Type *to) {
    return to->rank < from->rank && from->rank >= 2 && from->dim[from->rank - 2] == 1;
}
static bool same_view(const Sweep *s, NodeId a, NodeId b) {
    if (at(s, a)->op != at(s, b)->op || !same_dims(type_at(s, a), type_at(s, b))) return false;
    if (!same_dims(type_at(s, operand(s, a, 0)), type_at(s, operand(s, b, 0)))) return false;
    if (is_reshape(s, a)) return true;
    const int64_t *pa = node_ints(at(s, a), AT_PERM, NULL),
                  *pb = node_ints(at(s, b), AT_PERM, NULL);
    for (int i = 0; i < type_at(s, a)->rank; i++)
        if (pa[i] != pb[i]) return false;
    return true;
}
// What stands above the view where x stood below it; 0: nothing can.
static NodeId above_view(Sweep *s, NodeId view, NodeId x) {
    if (same_view(s, view, x)) return operand(s, x, 0);
    if (!is_const(s, x)) return 0;
    Type from = *type_at(s, view), to = *type_at(s, operand(s, view, 0));
    if (type_at(s, x)->rank == 0) return x;
    if (is_reshape(s, view)) return const_reshape(s, x, &from, &to, false);
    int64_t inverse[MAX_RANK];
    const int64_t *perm = node_ints(at(s, view), AT_PERM, NULL);
    for (int i = 0; i < from.rank; i++) inverse[perm[i]] = i;
    return const_transpose(s, x, from.rank, inverse);
}
static bool may_sink(const Sweep *s, NodeId view, const Type *result) {
    if (!same_dims(type_at(s, view), result)) return false;
    if (is_op(s, view, OP_TRANSPOSE)) return nuses(s, view) == 1;
    return is_reshape(s, view) &&
           !drops_the_row_axis(type_at(s, operand(s, view, 0)), type_at(s, view));
}
static NodeId sink_elementwise(Sweep *s, NodeId n) {
    Node node = *at(s, n);
    NodeId view = 0, in[3];
    if (type_count(&node.type) == 0) return 0;
    for (uint32_t i = 0; i < node.nin && !view; i++)
        if (may_sink(s, node.in[i], &node.type)) view = node.in[i];
    if (!view) return 0;
    for (uint32_t i = 0; i < node.nin; i++)
        if (!(in[i] = above_view(s, view, node.in[i]))) return 0;
    return rebuild1(s, view, rebuild(s, n, in));
}

// LAYERNORM and SOFTMAX see only the last axis.
static NodeId sink_rowwise(Sweep *s, NodeId n) {
    NodeId view = operand(s, n, 0);
    Type t = *type_at(s, n);
    if (!may_sink(s, view, &t) || !is_reshape(s, view)) return 0;
    NodeId x = operand(s, view, 0);
    if (last_dim(type_at(s, x)) != last_dim(&t) || type_at(s, x)->rank == 0) return 0;
    return reshape_to(s, rebuild1(s, n, x), &t);
}

// matmul(reshape(x, [M,K]), W) on the rank that x had: reshape(matmul(x as [B,M/B,K], W), [M,N]).
static NodeId sink_linear(Sweep *s, NodeId n) {
    NodeId a = operand(s, n, 0);
    Type t = *type_at(s, n);
    if (!is_linear(s, n) || !is_reshape(s, a) || t.rank != 2 || type_count(&t) == 0) return 0;
    const Type *from = type_at(s, operand(s, a, 0));
    int64_t rows = type_at(s, a)->dim[0], width = type_at(s, a)->dim[1], seen = 1;
    int k = 0;
    while (k < from->rank && seen < rows) seen *= from->dim[k++];
    if (k < 2 || seen != rows || rows == from->dim[0]) return 0;
    int64_t dim[3] = {from->dim[0], rows / from->dim[0], width};
    return reshape_to(s, rebuild1(s, n, reshape_dims(s, operand(s, a, 0), 3, dim)), &t);
}

NodeId rule_sink(Sweep *s, NodeId n) {
    if (is_const(s, n)) return 0;
    GraphOp op = at(s, n)->op;
    if (op_is(op, ELEM)) return sink_elementwise(s, n);
    if (op_is(op, ROWWISE)) return sink_rowwise(s, n);
    return op == OP_MATMUL ? sink_linear(s, n) : 0;
}
