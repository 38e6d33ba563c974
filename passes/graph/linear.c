// linear.c: how weights of a linear layer absorb what stands before and behind it. W is [N,K]
// (trans_b) or [K,N]; what is built here are constant expressions, evaluated when the weight image
// is written.
#include "passes/graph/match.h"

bool linear_of(Sweep *s, NodeId n, Linear *l) {
    NodeId bias = 0, m = is_op(s, n, OP_MATMUL) ? n : with_const(s, n, OP_ADD, &bias);
    if (!m || is_const(s, n) || !is_linear(s, m) || (bias && nuses(s, m) != 1)) return false;
    bool trans_b = node_int(at(s, m), AT_TRANS_B, 0) != 0;
    *l = (Linear){operand(s, m, 0), operand(s, m, 1), bias, trans_b, at(s, m)->loc};
    return true;
}
NodeId linear_build(Sweep *s, const Linear *l) {
    NodeId y = placed(s, g_matmul(s->g, l->x, l->w, l->trans_b), l->loc);
    return l->bias ? placed(s, g_binary(s->g, OP_ADD, y, l->bias), l->loc) : y;
}

// c as a vector of rank 1, or of a column when the scaled axis of W is its first.
static NodeId along(Sweep *s, NodeId c, bool first_axis) {
    int64_t dim[2] = {type_count(type_at(s, c)), 1};
    return reshape_dims(s, c, first_axis ? 2 : 1, dim);
}
NodeId weight_times_inputs(Sweep *s, const Linear *l, NodeId c) {
    return g_binary(s->g, OP_MUL, l->w, along(s, c, !l->trans_b));
}
NodeId weight_times_outputs(Sweep *s, const Linear *l, NodeId c) {
    bool scalar = type_count(type_at(s, c)) == 1;
    return g_binary(s->g, OP_MUL, l->w,
                    scalar ? reshape_dims(s, c, 0, NULL) : along(s, c, l->trans_b));
}
NodeId weight_dot(Sweep *s, const Linear *l, NodeId c) {
    int64_t row[2] = {1, type_count(type_at(s, c))};
    NodeId y = g_matmul(s->g, reshape_dims(s, c, 2, row), l->w, l->trans_b);
    return reshape_dims(s, y, 1, &type_at(s, y)->dim[1]);
}
