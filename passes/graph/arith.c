// arith.c: one spelling of elementwise arithmetic. The constant operand comes second, as a scalar
// of rank 0 or a vector of rank 1 where it can; subtracting and dividing by constants become adding
// and multiplying; small powers become products and roots; constants added or multiplied in a row
// meet.
#include "passes/graph/match.h"
#include <math.h>

// Another operand has the shape of the result, so operand i is free to broadcast.
static bool is_free(const Sweep *s, const NodeId *in, uint32_t nin, uint32_t i,
                    const Type *result) {
    for (uint32_t j = 0; j < nin; j++)
        if (j != i && same_dims(type_at(s, in[j]), result)) return true;
    return false;
}
// The plainest x that broadcasts like this one.
static NodeId plain_operand(Sweep *s, NodeId x) {
    const Type *t = type_at(s, x);
    double v;
    if (t->rank == 0) return x;
    if (is_op(s, x, OP_EXPAND)) return operand(s, x, 0);
    if (!is_const(s, x)) return x;
    if (is_float(s, x) && scalar_of(s, x, &v)) return scalar_like(s, x, v);
    if (type_count(t) == 1) return reshape_dims(s, x, 0, NULL);
    int64_t k = last_dim(t);
    return t->rank > 1 && is_row_vector(t, k) ? reshape_dims(s, x, 1, &k) : x;
}
static NodeId plain_operands(Sweep *s, NodeId n) {
    Node node = *at(s, n);
    NodeId in[3];
    bool changed = false;
    for (uint32_t i = 0; i < node.nin; i++) in[i] = node.in[i];
    for (uint32_t i = 0; i < node.nin; i++) {
        if (is_free(s, in, node.nin, i, &node.type)) in[i] = plain_operand(s, in[i]);
        changed |= in[i] != node.in[i];
    }
    if (node.nin == 2 && op_is(node.op, COMM) && is_const(s, in[0]) && !is_const(s, in[1])) {
        NodeId t = in[0];
        in[0] = in[1];
        in[1] = t;
        changed = true;
    }
    return changed ? rebuild(s, n, in) : 0;
}

static NodeId plain_div(Sweep *s, NodeId n) {
    double v;
    NodeId x = operand(s, n, 0), y = operand(s, n, 1);
    if (!is_float(s, n)) return 0;
    if (scalar_of(s, x, &v) && v == 1 && same_dims(type_at(s, n), type_at(s, y)))
        return g_unary(s->g, OP_RECIP, y);
    bool usable = scalar_of(s, y, &v) && v != 0 && isnormal(1 / v) && fabs(1 / v) > 1e-30 &&
                  fabs(1 / v) < 1e30;
    return usable ? g_binary(s->g, OP_MUL, x, scalar_like(s, y, 1 / v)) : 0;
}
static NodeId plain_pow(Sweep *s, NodeId n) {
    double v;
    NodeId x = operand(s, n, 0);
    if (!is_float(s, x) || !scalar_of(s, operand(s, n, 1), &v) ||
        !same_dims(type_at(s, n), type_at(s, x)))
        return 0;
    if (v == 1) return x;
    if (v == 2) return g_binary(s->g, OP_MUL, x, x);
    if (v == 3) return g_binary(s->g, OP_MUL, x, g_binary(s->g, OP_MUL, x, x));
    if (v == 0.5) return g_unary(s->g, OP_SQRT, x);
    if (v == -0.5) return g_unary(s->g, OP_RSQRT, x);
    return v == -1 ? g_unary(s->g, OP_RECIP, x) : 0;
}
// op(op(x, c1), c2) = op(x, op(c1, c2)) for ADD and MUL, unless the constant would grow.
static NodeId meet_constants(Sweep *s, NodeId n) {
    GraphOp op = at(s, n)->op;
    NodeId c1, c2, y = is_float(s, n) ? with_const(s, n, op, &c2) : 0;
    if (!y || nuses(s, y) != 1) return 0;
    NodeId x = with_const(s, y, op, &c1);
    if (!x || is_const(s, x)) return 0;
    NodeId c = g_binary(s->g, op, c1, c2);
    int64_t most = max_i64(type_count(type_at(s, c1)), type_count(type_at(s, c2)));
    return type_count(type_at(s, c)) <= most ? g_binary(s->g, op, x, c) : 0;
}

NodeId rule_arith(Sweep *s, NodeId n) {
    GraphOp op = at(s, n)->op;
    if (!op_is(op, ELEM) || is_const(s, n)) return 0;
    NodeId plain = at(s, n)->nin > 1 ? plain_operands(s, n) : 0;
    if (plain) return plain;
    switch (op) {
    case OP_SUB:
        if (!is_float(s, n) || !is_const(s, operand(s, n, 1))) return 0;
        return g_binary(s->g, OP_ADD, operand(s, n, 0), g_unary(s->g, OP_NEG, operand(s, n, 1)));
    case OP_DIV: return plain_div(s, n);
    case OP_POW: return plain_pow(s, n);
    case OP_RECIP:
        return is_op(s, operand(s, n, 0), OP_SQRT)
                   ? g_unary(s->g, OP_RSQRT, operand(s, operand(s, n, 0), 0))
                   : 0;
    case OP_ADD:
    case OP_MUL: return meet_constants(s, n);
    default: return 0;
    }
}
