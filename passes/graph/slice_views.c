// slice_views.c: SLICE moves towards the source, above views and concatenations, so that what is
// not needed is not moved, and so that every way to cut Q, K and V (or the CLS row) out of a tensor
// ends as a SLICE of the tensor that was computed. GATHER with constant neighbours is a SLICE.
#include "passes/graph/match.h"

Cutout cutout_of(const Sweep *s, NodeId n) {
    const Node *node = at(s, n);
    const int64_t *starts = node_ints(node, AT_STARTS, NULL),
                  *steps = node_ints(node, AT_STEPS, NULL);
    Cutout c = {.rank = node->type.rank};
    for (int i = 0; i < c.rank; i++) {
        c.start[i] = starts[i];
        c.size[i] = node->type.dim[i];
        c.step[i] = steps ? steps[i] : 1;
    }
    return c;
}
bool is_whole(const Cutout *c, int axis, const Type *t) {
    return c->start[axis] == 0 && c->size[axis] == t->dim[axis] &&
           (c->step[axis] == 1 || c->size[axis] <= 1);
}
NodeId cut(Sweep *s, NodeId x, const Cutout *c) {
    const Type *t = type_at(s, x);
    bool whole = true, plain = true;
    for (int i = 0; i < c->rank; i++) {
        whole &= is_whole(c, i, t);
        plain &= c->step[i] == 1;
    }
    if (whole) return x;
    uint32_t rank = (uint32_t)c->rank;
    Attr attr[3] = {attr_ints(s->g, AT_STARTS, c->start, rank),
                    attr_ints(s->g, AT_SIZES, c->size, rank),
                    attr_ints(s->g, AT_STEPS, c->step, rank)};
    return graph_add(s->g, OP_SLICE, &x, 1, attr, plain ? 2 : 3, at(s, x)->loc);
}

NodeId cut_broadcast(Sweep *s, NodeId x, const Cutout *c) {
    const Type *t = type_at(s, x);
    Cutout own = {.rank = t->rank};
    for (int i = 0; i < t->rank; i++) {
        int o = i + c->rank - t->rank;
        bool repeats = t->dim[i] == 1;
        own.start[i] = repeats ? 0 : c->start[o];
        own.size[i] = repeats ? 1 : c->size[o];
        own.step[i] = repeats ? 1 : c->step[o];
    }
    return cut(s, x, &own);
}

static NodeId above_slice(Sweep *s, NodeId x, const Cutout *outer) {
    Cutout inner = cutout_of(s, x), c = *outer;
    for (int i = 0; i < c.rank; i++) {
        c.start[i] = inner.start[i] + outer->start[i] * inner.step[i];
        c.step[i] = outer->size[i] <= 1 ? 1 : inner.step[i] * outer->step[i];
    }
    return cut(s, operand(s, x, 0), &c);
}
static NodeId above_transpose(Sweep *s, NodeId x, const Cutout *outer) {
    const int64_t *perm = node_ints(at(s, x), AT_PERM, NULL);
    Cutout c = {.rank = outer->rank};
    for (int i = 0; i < c.rank; i++) {
        c.start[perm[i]] = outer->start[i];
        c.size[perm[i]] = outer->size[i];
        c.step[perm[i]] = outer->step[i];
    }
    return rebuild1(s, x, cut(s, operand(s, x, 0), &c));
}
// The first axis of the group that is not 1 may be cut, when the cut falls between elements of the
// first such axis of the source and all axes behind are whole.
static bool cut_group(const Type *from, const Type *to, AxisGroup a, const Cutout *o, Cutout *c) {
    for (int i = a.f; i < a.fe; i++) {
        c->size[i] = from->dim[i];
        c->step[i] = 1;
    }
    while (a.t < a.te && is_whole(o, a.t, to) && to->dim[a.t] == 1) a.t++;
    while (a.f < a.fe && from->dim[a.f] == 1) a.f++;
    bool rest_whole = true;
    for (int i = a.t + 1; i < a.te; i++) rest_whole &= is_whole(o, i, to);
    if (a.t == a.te || (rest_whole && is_whole(o, a.t, to))) return true;
    if (!rest_whole || a.f == a.fe || o->step[a.t] != 1) return false;
    int64_t behind_t = dims_product(to->dim + a.t + 1, a.te - a.t - 1);
    int64_t behind_f = dims_product(from->dim + a.f + 1, a.fe - a.f - 1);
    int64_t start = o->start[a.t] * behind_t, size = o->size[a.t] * behind_t;
    if (start % behind_f || size % behind_f) return false;
    c->start[a.f] = start / behind_f;
    c->size[a.f] = size / behind_f;
    return true;
}
static NodeId above_reshape(Sweep *s, NodeId n, NodeId x, const Cutout *outer) {
    Type from = *type_at(s, operand(s, x, 0)), to = *type_at(s, x), result = *type_at(s, n);
    Cutout c = {.rank = from.rank};
    if (type_count(&to) == 0) return 0;
    for (AxisGroup a = {0}; next_axis_group(&from, &to, &a);)
        if (!cut_group(&from, &to, a, outer, &c)) return 0;
    return reshape_to(s, cut(s, operand(s, x, 0), &c), &result);
}
// Axes that EXPAND repeats need no cut.
static NodeId above_expand(Sweep *s, NodeId n, NodeId x, const Cutout *outer) {
    Type result = *type_at(s, n);
    return expand_to(s, cut_broadcast(s, operand(s, x, 0), outer), &result);
}
// A cut inside one part of a CONCAT.
static NodeId above_concat(Sweep *s, NodeId x, const Cutout *outer) {
    const Node *concat = at(s, x);
    int axis = (int)node_int(concat, AT_AXIS, 0);
    int64_t begin = 0, a = outer->start[axis], b = a + (outer->size[axis] - 1) * outer->step[axis];
    if (outer->size[axis] == 0) return 0;
    for (uint32_t i = 0; i < concat->nin; i++) {
        int64_t end = begin + type_at(s, concat->in[i])->dim[axis];
        if (min_i64(a, b) >= begin && max_i64(a, b) < end) {
            Cutout c = *outer;
            c.start[axis] -= begin;
            return cut(s, concat->in[i], &c);
        }
        begin = end;
    }
    return 0;
}

bool gather_in_range(const Sweep *s, NodeId n) {
    const Node *node = at(s, n);
    const Const *index = graph_const_of(s->g, node->in[1]);
    int64_t size = type_at(s, node->in[0])->dim[node_int(node, AT_AXIS, 0)];
    int64_t count = type_count(type_at(s, node->in[1]));
    for (int64_t i = 0; index && i < count; i++) {
        int64_t v = dtype_read_i(DT_I64, index->data, (uint64_t)i);
        if (v < 0 || v >= size) return false;
    }
    return index != NULL;
}
// GATHER with constant indices i, i+d, i+2d…: a SLICE of that axis, then the shape of the indices.
static NodeId gather_as_slice(Sweep *s, NodeId n) {
    const Node *node = at(s, n);
    const Const *k = graph_const_of(s->g, node->in[1]);
    Type index = *type_at(s, node->in[1]), data = *type_at(s, node->in[0]), result = node->type;
    int64_t count = type_count(&index);
    if (!k || count == 0 || type_count(&result) == 0 || !gather_in_range(s, n)) return 0;
    int axis = (int)node_int(node, AT_AXIS, 0);
    int64_t first = dtype_read_i(index.dt, k->data, 0);
    int64_t step = count > 1 ? dtype_read_i(index.dt, k->data, 1) - first : 1;
    if (step == 0) return 0;
    for (int64_t i = 1; i < count; i++)
        if (dtype_read_i(index.dt, k->data, (uint64_t)i) != first + i * step) return 0;
    Cutout c = {.rank = data.rank};
    for (int i = 0; i < data.rank; i++) {
        c.start[i] = i == axis ? first : 0;
        c.size[i] = i == axis ? count : data.dim[i];
        c.step[i] = i == axis ? step : 1;
    }
    return reshape_to(s, cut(s, node->in[0], &c), &result);
}

NodeId rule_slice_views(Sweep *s, NodeId n) {
    if (is_op(s, n, OP_GATHER)) return gather_as_slice(s, n);
    if (!is_op(s, n, OP_SLICE)) return 0;
    NodeId x = operand(s, n, 0);
    Cutout c = cutout_of(s, n);
    switch (at(s, x)->op) {
    case OP_SLICE: return above_slice(s, x, &c);
    case OP_TRANSPOSE: return above_transpose(s, x, &c);
    case OP_RESHAPE: return above_reshape(s, n, x, &c);
    case OP_EXPAND: return above_expand(s, n, x, &c);
    case OP_CONCAT: return above_concat(s, x, &c);
    default: return 0;
    }
}
