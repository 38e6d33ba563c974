// neutral.c: nodes that do nothing, alone or together with their operand.
#include "passes/graph/match.h"

static NodeId neutral_arith(Sweep *s, NodeId n) {
    const Node *node = at(s, n);
    double v, want = node->op == OP_ADD || node->op == OP_SUB ? 0 : 1;
    bool either_side = op_is(node->op, COMM);
    for (uint32_t i = 0; i < (either_side ? 2u : 1u); i++)
        if (scalar_of(s, node->in[1 - i], &v) && v == want)
            return expand_to(s, node->in[i], &node->type);
    return 0;
}

// Whether every value of `from` is a value of `to`.
static bool holds_all(DType from, DType to) {
    if (from == to || from == DT_BOOL) return true;
    DClass a = dtype_info[from].cls, b = dtype_info[to].cls;
    uint32_t na = dtype_info[from].nbytes, nb = dtype_info[to].nbytes;
    if (a == CLASS_FLOAT && b == CLASS_FLOAT) return nb > na;
    if (a == CLASS_INT && b == CLASS_FLOAT) return to == DT_F64 ? na <= 4 : to == DT_F32 && na <= 2;
    return false;
}
static NodeId neutral_cast(Sweep *s, NodeId n) {
    NodeId x = operand(s, n, 0);
    DType to = type_at(s, n)->dt;
    if (type_at(s, x)->dt == to) return x;
    if (!is_op(s, x, OP_CAST)) return 0;
    NodeId y = operand(s, x, 0); // y -> wide -> to: the detour loses nothing
    if (!holds_all(type_at(s, y)->dt, type_at(s, x)->dt)) return 0;
    if (type_at(s, y)->dt == to) return y;
    return is_float(s, y) && is_float(s, n) ? g_cast(s->g, y, to) : 0;
}
static NodeId neutral_where(Sweep *s, NodeId n) {
    const Node *node = at(s, n);
    double v;
    if (!scalar_of(s, node->in[0], &v)) return 0;
    return expand_to(s, node->in[v != 0 ? 1 : 2], &node->type);
}
static bool is_identity_perm(const Node *node) {
    const int64_t *perm = node_ints(node, AT_PERM, NULL);
    for (int i = 0; i < node->type.rank; i++)
        if (perm[i] != i) return false;
    return true;
}
static bool slice_steps_are_one(const Node *node) {
    const int64_t *steps = node_ints(node, AT_STEPS, NULL);
    for (int i = 0; steps && i < node->type.rank; i++)
        if (steps[i] != 1 && node->type.dim[i] > 1) return false;
    return true;
}
// concat(…, slice(x, 0..3), slice(x, 3..7), …): neighbours of one tensor are one slice.
static bool continues(const Sweep *s, NodeId a, NodeId b, int axis) {
    if (!is_op(s, a, OP_SLICE) || !is_op(s, b, OP_SLICE) || operand(s, a, 0) != operand(s, b, 0))
        return false;
    if (!slice_steps_are_one(at(s, a)) || !slice_steps_are_one(at(s, b))) return false;
    const int64_t *sa = node_ints(at(s, a), AT_STARTS, NULL),
                  *sb = node_ints(at(s, b), AT_STARTS, NULL);
    for (int i = 0; i < type_at(s, a)->rank; i++) {
        int64_t want = i == axis ? sa[i] + type_at(s, a)->dim[i] : sa[i];
        if (sb[i] != want || (i != axis && type_at(s, a)->dim[i] != type_at(s, b)->dim[i]))
            return false;
    }
    return true;
}
static NodeId join_slices(Sweep *s, NodeId a, NodeId b, int axis) {
    Type t = *type_at(s, a);
    t.dim[axis] += type_at(s, b)->dim[axis];
    Node first = *at(s, a);
    Attr attr[3] = {*node_attr(&first, AT_STARTS),
                    attr_ints(s->g, AT_SIZES, t.dim, (uint32_t)t.rank)};
    uint32_t nattr = 2;
    if (node_attr(&first, AT_STEPS)) attr[nattr++] = *node_attr(&first, AT_STEPS);
    return graph_add(s->g, OP_SLICE, &first.in[0], 1, attr, nattr, first.loc);
}
static NodeId neutral_concat(Sweep *s, NodeId n) {
    Node node = *at(s, n);
    if (node.nin == 1) return node.in[0];
    int axis = (int)node_int(&node, AT_AXIS, 0);
    VEC(NodeId) part = {0};
    bool changed = false;
    for (uint32_t i = 0; i < node.nin; i++) {
        const Node *in = at(s, node.in[i]);
        bool nested =
            in->op == OP_CONCAT && node_int(in, AT_AXIS, 0) == axis && nuses(s, node.in[i]) == 1;
        NodeId *last = part.n ? &part.data[part.n - 1] : NULL;
        changed |= nested;
        if (nested)
            for (uint32_t j = 0; j < in->nin; j++) *PUSH(s->arena, &part) = in->in[j];
        else if (type_at(s, node.in[i])->dim[axis] == 0)
            changed = true;
        else if (last && continues(s, *last, node.in[i], axis))
            *last = join_slices(s, *last, node.in[i], axis), changed = true;
        else
            *PUSH(s->arena, &part) = node.in[i];
    }
    bool fits = part.n > 0 && part.n <= graph_op[OP_CONCAT].max_in;
    return changed && fits ? g_concat(s->g, part.data, part.n, axis) : 0;
}
static NodeId neutral_pad(Sweep *s, NodeId n) {
    uint32_t count;
    const int64_t *pads = node_ints(at(s, n), AT_PADS, &count);
    for (uint32_t i = 0; i < count; i++)
        if (pads[i]) return 0;
    return operand(s, n, 0);
}

NodeId rule_neutral(Sweep *s, NodeId n) {
    const Node *node = at(s, n);
    NodeId x = node->nin ? node->in[0] : 0;
    switch (node->op) {
    case OP_ADD:
    case OP_SUB:
    case OP_MUL:
    case OP_DIV: return neutral_arith(s, n);
    case OP_CAST: return neutral_cast(s, n);
    case OP_NEG:
    case OP_NOT: return is_op(s, x, node->op) ? operand(s, x, 0) : 0;
    case OP_WHERE: return neutral_where(s, n);
    case OP_RESHAPE: return same_dims(&node->type, type_at(s, x)) ? x : 0;
    case OP_EXPAND:
        return type_count(&node->type) == type_count(type_at(s, x)) ? reshape_to(s, x, &node->type)
                                                                    : 0;
    case OP_TRANSPOSE: return is_identity_perm(node) ? x : 0;
    case OP_SLICE:
        return same_dims(&node->type, type_at(s, x)) && slice_steps_are_one(node) ? x : 0;
    case OP_CONCAT: return neutral_concat(s, n);
    case OP_PAD: return neutral_pad(s, n);
    default: return 0;
    }
}
