// slice.c: only the rows that are read are computed. A classifier reads the CLS row of the last
// block, so its SLICE moves up through everything that treats rows alike: elementwise ops,
// layernorm, matmuls with weights, the queries of attention. It stops where someone needs all rows:
// at the keys and values.
#include "passes/graph/match.h"

static bool same_cut(const Sweep *s, NodeId a, NodeId b) {
    Cutout x = cutout_of(s, a), y = cutout_of(s, b);
    for (int i = 0; i < x.rank; i++)
        if (x.start[i] != y.start[i] || x.size[i] != y.size[i] || x.step[i] != y.step[i])
            return false;
    return true;
}
// Every reader of x takes the same slice as n does.
static bool all_take(const Sweep *s, NodeId x, NodeId n) {
    uint32_t count;
    const uint32_t *user = users(s, x, &count);
    for (uint32_t i = 0; i < count; i++)
        if (!is_op(s, user[i], OP_SLICE) || !same_cut(s, user[i], n)) return false;
    return count > 0 && count == nuses(s, x);
}
static bool whole_from(const Cutout *c, int axis, const Type *t) {
    for (int i = axis; i < t->rank; i++)
        if (!is_whole(c, i, t)) return false;
    return true;
}
static NodeId above_elementwise(Sweep *s, NodeId x, const Cutout *c) {
    NodeId in[3];
    const Node node = *at(s, x);
    for (uint32_t i = 0; i < node.nin; i++) in[i] = cut_broadcast(s, node.in[i], c);
    return rebuild(s, x, in);
}
static NodeId above_matmul(Sweep *s, NodeId x, const Cutout *c) {
    Type t = *type_at(s, x);
    const Type *a = type_at(s, operand(s, x, 0)), *b = type_at(s, operand(s, x, 1));
    if (!whole_from(c, t.rank - 1, &t) || a->rank != t.rank) return 0;
    for (int i = 0; i < t.rank - 2; i++) // batches of a computed right side stay whole
        if ((b->rank != 2 || a->dim[i] != t.dim[i]) && !is_whole(c, i, &t)) return 0;
    Cutout rows = *c;
    rows.size[t.rank - 1] = a->dim[t.rank - 1];
    for (int i = 0; i < t.rank - 2; i++)
        if (a->dim[i] == 1) rows.start[i] = 0, rows.size[i] = rows.step[i] = 1;
    return rebuild1(s, x, cut(s, operand(s, x, 0), &rows));
}
static NodeId above_attention(Sweep *s, NodeId x, const Cutout *c) {
    Type t = *type_at(s, x);
    if (!is_whole(c, 0, &t) || !whole_from(c, 2, &t)) return 0;
    Cutout rows = *c;
    rows.size[3] = type_at(s, operand(s, x, 0))->dim[3];
    return rebuild1(s, x, cut(s, operand(s, x, 0), &rows));
}
static NodeId rule_slice_up(Sweep *s, NodeId n) {
    if (!is_op(s, n, OP_SLICE)) return 0;
    NodeId x = operand(s, n, 0);
    GraphOp op = at(s, x)->op;
    if (is_const(s, x) || !all_take(s, x, n)) return 0;
    Cutout c = cutout_of(s, n);
    Type t = *type_at(s, x);
    if (op_is(op, ELEM)) return above_elementwise(s, x, &c);
    if (op_is(op, ROWWISE))
        return whole_from(&c, t.rank - 1, &t) ? rebuild1(s, x, cut(s, operand(s, x, 0), &c)) : 0;
    if (op == OP_MATMUL) return above_matmul(s, x, &c);
    return op == OP_ATTENTION ? above_attention(s, x, &c) : 0;
}

GRAPH_PASS(slice) {
    static const Rule rules[] = {FORM_RULES, rule_slice_up, NULL};
    bool changed = sweep_rules(p, g, "slice", rules);
    return pass_cse(p, g) || changed;
}
