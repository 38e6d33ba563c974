// recognise.c: ideas that have a kernel of their own are found in their parts: softmax and
// layernorm here, GELU and attention in recognise_*.c. The rules of arith.c ran first, so each idea
// has few spellings.
#include "passes/graph/match.h"

// n reduces x over the last axis and keeps it as 1: x, or 0.
static NodeId reduces_last(const Sweep *s, NodeId n, GraphOp op) {
    if (!is_op(s, n, op) || !node_int(at(s, n), AT_KEEPDIMS, 0)) return 0;
    uint32_t count;
    const int64_t *axes = node_ints(at(s, n), AT_AXES, &count);
    NodeId x = operand(s, n, 0);
    return axes && count == 1 && axes[0] == type_at(s, x)->rank - 1 ? x : 0;
}
// The mean over the last axis, also as a sum times 1/n.
static NodeId mean_of(Sweep *s, NodeId n) {
    NodeId x = reduces_last(s, n, OP_REDUCE_MEAN);
    if (x) return x;
    double v;
    NodeId sum = times_scalar(s, n, OP_MUL, &v);
    x = sum ? reduces_last(s, sum, OP_REDUCE_SUM) : 0;
    return x && near_to(s, n, v * (double)last_dim(type_at(s, x)), 1) ? x : 0;
}
// n is x/y, as a division, or as a product with recip(y): *y, and whether it is the root that
// divides.
typedef struct Quotient {
    NodeId x, y;
    bool by_root; // n = x / sqrt(y)
} Quotient;
static bool quotient_of(const Sweep *s, NodeId n, Quotient *q) {
    if (is_op(s, n, OP_DIV)) {
        NodeId y = operand(s, n, 1);
        bool root = is_op(s, y, OP_SQRT);
        *q = (Quotient){operand(s, n, 0), root ? operand(s, y, 0) : y, root};
        return true;
    }
    for (uint32_t i = 0; i < 2 && is_op(s, n, OP_MUL); i++) {
        NodeId y = operand(s, n, 1 - i);
        if (!is_op(s, y, OP_RECIP) && !is_op(s, y, OP_RSQRT)) continue;
        *q = (Quotient){operand(s, n, i), operand(s, y, 0), is_op(s, y, OP_RSQRT)};
        return true;
    }
    return false;
}

// d / sqrt(mean(d*d) + eps), d = x - mean(x)
static NodeId rule_layernorm(Sweep *s, NodeId n) {
    Quotient q;
    double eps = 0;
    if (!is_float(s, n) || !quotient_of(s, n, &q) || !q.by_root || !is_op(s, q.x, OP_SUB)) return 0;
    NodeId d = q.x, x = operand(s, d, 0), var = times_scalar(s, q.y, OP_ADD, &eps);
    if (!var) eps = 0;
    NodeId square = mean_of(s, var ? var : q.y);
    if (!square || !is_op(s, square, OP_MUL) || operand(s, square, 0) != d ||
        operand(s, square, 1) != d)
        return 0;
    if (mean_of(s, operand(s, d, 1)) != x || !same_dims(type_at(s, n), type_at(s, x))) return 0;
    return g_layernorm(s->g, x, 0, 0, eps);
}
// layernorm(x) * gain + bias
static NodeId rule_layernorm_affine(Sweep *s, NodeId n) {
    NodeId c, ln = with_const(s, n, is_op(s, n, OP_MUL) ? OP_MUL : OP_ADD, &c);
    if (!ln || !is_op(s, ln, OP_LAYERNORM) || nuses(s, ln) != 1) return 0;
    const Node *node = at(s, ln);
    int64_t k = last_dim(&node->type);
    bool fits = node->nin == (is_op(s, n, OP_MUL) ? 1 : 2);
    if (!fits || type_at(s, c)->dt != node->type.dt || (!is_row_vector(type_at(s, c), k))) return 0;
    NodeId vector = reshape_dims(s, c, 1, &k), gain = node->nin == 1 ? vector : node->in[1];
    node = at(s, ln);
    return g_layernorm(s->g, node->in[0], gain, node->nin == 1 ? 0 : vector,
                       node_float(node, AT_EPS, 0));
}

// exp(x - max(x)) / sum(exp(x - max(x))); the maximum may be missing, then the result is only safer
static NodeId rule_softmax(Sweep *s, NodeId n) {
    Quotient q;
    if (!quotient_of(s, n, &q) || q.by_root || !is_op(s, q.x, OP_EXP)) return 0;
    if (reduces_last(s, q.y, OP_REDUCE_SUM) != q.x) return 0;
    NodeId x = operand(s, q.x, 0);
    if (is_op(s, x, OP_SUB) && reduces_last(s, operand(s, x, 1), OP_REDUCE_MAX) == operand(s, x, 0))
        x = operand(s, x, 0);
    return g_unary(s->g, OP_SOFTMAX, x);
}
// where(isnan(p), 0, p): exporters guard rows that a mask empties. Without a mask no row is empty.
static NodeId rule_nan_guard(Sweep *s, NodeId n) {
    if (!is_op(s, n, OP_WHERE)) return 0;
    double v;
    NodeId test = operand(s, n, 0), p = operand(s, n, 2);
    bool guards = is_op(s, test, OP_ISNAN) && operand(s, test, 0) == p &&
                  scalar_of(s, operand(s, n, 1), &v) && v == 0;
    return guards && is_op(s, p, OP_SOFTMAX) && same_dims(type_at(s, n), type_at(s, p)) ? p : 0;
}

GRAPH_PASS(recognise) {
    static const Rule rules[] = {
        FORM_RULES,     rule_layernorm, rule_layernorm_affine, rule_softmax,
        rule_nan_guard, rule_gelu,      rule_attention,        NULL};
    bool changed = sweep_rules(p, g, "recognise", rules);
    return pass_cse(p, g) || changed;
}
