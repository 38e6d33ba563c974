// algebra.c: arithmetic that does not depend on the image moves into the weights. What is built are
// constant expressions; nothing is computed here. Each rule removes work per image:
// * layernorm gain and bias go into the linear layers behind it, when only linear layers read it;
// * a scale behind a linear layer goes into its weights and bias;
// * a scale or shift before a linear layer goes there too, through views: pixels / 255, mean, std;
// * attention scale * log2 e goes into the query projection: softmax in powers of two;
// * class token, positions and patch bias become a constant row and one table.
// few_queries.c then does away with keys and values of many tokens for few queries, and merge.c
// packs the projections that read the same tensor.
#include "passes/graph/match.h"

// ---- layernorm(x) * gain + beta, then linear layers
// A view that leaves the last axis alone.
static bool keeps_rows(const Sweep *s, NodeId n) {
    const Type *t = type_at(s, n);
    if ((!is_op(s, n, OP_SLICE) && !is_op(s, n, OP_RESHAPE)) || t->rank == 0) return false;
    const Type *from = type_at(s, operand(s, n, 0));
    if (is_op(s, n, OP_RESHAPE)) return last_dim(t) == last_dim(from);
    Cutout c = cutout_of(s, n);
    return is_whole(&c, t->rank - 1, from);
}
static bool only_linears_read(Sweep *s, NodeId n, int depth) {
    uint32_t count;
    const uint32_t *user = users(s, n, &count);
    if (count == 0 || count != nuses(s, n)) return false;
    for (uint32_t i = 0; i < count; i++) {
        if (is_linear(s, user[i]) && operand(s, user[i], 1) != n) continue;
        if (depth == 0 || !keeps_rows(s, user[i]) || !only_linears_read(s, user[i], depth - 1))
            return false;
    }
    return true;
}
// n is views of a layernorm: the same without gain and bias.
static NodeId bare_layernorm(Sweep *s, NodeId n) {
    if (!is_op(s, n, OP_LAYERNORM)) return rebuild1(s, n, bare_layernorm(s, operand(s, n, 0)));
    Loc loc = at(s, n)->loc;
    double eps = node_float(at(s, n), AT_EPS, 0);
    return placed(s, g_layernorm(s->g, operand(s, n, 0), 0, 0, eps), loc);
}
static NodeId rule_layernorm_into_linear(Sweep *s, NodeId n) {
    Linear l;
    if (!is_op(s, n, OP_MATMUL) || !linear_of(s, n, &l)) return 0;
    NodeId ln = l.x;
    for (int i = 0; i < 4 && keeps_rows(s, ln); i++) ln = operand(s, ln, 0);
    if (!is_op(s, ln, OP_LAYERNORM) || at(s, ln)->nin == 1 || !only_linears_read(s, ln, 4))
        return 0;
    NodeId beta = at(s, ln)->nin == 3 ? operand(s, ln, 2) : 0;
    if (beta) l.bias = weight_dot(s, &l, beta);
    l.w = weight_times_inputs(s, &l, operand(s, ln, 1));
    l.x = bare_layernorm(s, l.x);
    return linear_build(s, &l);
}

// ---- (x W + b) * c
static bool is_scalar_or_row(const Sweep *s, NodeId c, int64_t k) {
    return type_count(type_at(s, c)) == 1 || is_row_vector(type_at(s, c), k);
}
static NodeId rule_scale_behind_linear(Sweep *s, NodeId n) {
    Linear l;
    NodeId c, y = with_const(s, n, OP_MUL, &c);
    if (!y || nuses(s, y) != 1 || !linear_of(s, y, &l) ||
        !is_scalar_or_row(s, c, last_dim(type_at(s, n))))
        return 0;
    l.w = weight_times_outputs(s, &l, c);
    if (l.bias) l.bias = g_binary(s->g, OP_MUL, l.bias, c);
    return linear_build(s, &l);
}

// ---- views(x * c) W and views(x + c) W
// c, which broadcasts against the operand of the view n, as what broadcasts against its result.
static NodeId through_view(Sweep *s, NodeId n, NodeId c) {
    Type from = *type_at(s, operand(s, n, 0)), to = *type_at(s, n);
    if (type_at(s, c)->rank == 0) return c;
    if (is_op(s, n, OP_RESHAPE)) return const_reshape(s, c, &from, &to, true);
    if (is_op(s, n, OP_TRANSPOSE))
        return const_transpose(s, c, from.rank, node_ints(at(s, n), AT_PERM, NULL));
    Cutout part = cutout_of(s, n);
    return cut_broadcast(s, c, &part);
}
static bool is_view(const Sweep *s, NodeId n) {
    return is_op(s, n, OP_RESHAPE) || is_op(s, n, OP_TRANSPOSE) || is_op(s, n, OP_SLICE);
}
enum { MAX_VIEWS = 8 };
static NodeId rule_affine_before_linear(Sweep *s, NodeId n) {
    Linear l;
    NodeId view[MAX_VIEWS], c, x;
    int nview = 0;
    if (!is_op(s, n, OP_MATMUL) || !linear_of(s, n, &l) || type_count(type_at(s, l.x)) == 0)
        return 0;
    NodeId y = l.x;
    for (; nview < MAX_VIEWS && is_view(s, y) && nuses(s, y) == 1; y = operand(s, y, 0))
        view[nview++] = y;
    bool adds = (x = with_const(s, y, OP_ADD, &c)) != 0;
    if (!adds) x = with_const(s, y, OP_MUL, &c);
    if (!x || nuses(s, y) != 1) return 0;
    int64_t k = last_dim(type_at(s, l.x));
    l.x = x;
    for (int i = nview - 1; i >= 0; i--) {
        c = through_view(s, view[i], c);
        l.x = rebuild1(s, view[i], l.x);
    }
    if (type_at(s, c)->rank == 0) c = g_expand(s->g, c, 1, &k);
    if (!is_row_vector(type_at(s, c), k)) return 0;
    if (adds)
        l.bias = weight_dot(s, &l, c);
    else
        l.w = weight_times_inputs(s, &l, c);
    return linear_build(s, &l);
}

// ---- a patch is read in the order in which its pixels lie in memory (NHWC input)
// Inputs of the layer were [dim[0], dim[1], ..] flat; now axis order[i] of those comes i-th.
static NodeId weight_reordered(Sweep *s, const Linear *l, const int64_t *dim, const int *order,
                               int n) {
    Type t = *type_at(s, l->w);
    int k = l->trans_b ? 1 : 0, other = l->trans_b ? 0 : n; // axes of the inputs, of the outputs
    int64_t split[MAX_RANK], perm[MAX_RANK];
    split[other] = t.dim[1 - k];
    perm[other] = other;
    for (int i = 0; i < n; i++) {
        split[k + i] = dim[i];
        perm[k + i] = k + order[i];
    }
    return reshape_to(s, g_transpose(s->g, g_reshape(s->g, l->w, n + 1, split), perm), &t);
}
// Insertion sort of positions by value. False when they were in order.
static bool sort_positions(const int64_t *value, int *order, int n) {
    bool moved = false;
    for (int i = 0; i < n; i++) {
        int j = i;
        for (; j > 0 && value[order[j - 1]] > value[i]; j--) order[j] = order[j - 1];
        order[j] = i;
        moved |= j != i;
    }
    return moved;
}
static NodeId rule_patch_order(Sweep *s, NodeId n) {
    Linear l;
    if (!is_op(s, n, OP_MATMUL) || !linear_of(s, n, &l) || !is_op(s, l.x, OP_RESHAPE)) return 0;
    NodeId moved = operand(s, l.x, 0);
    if (!is_op(s, moved, OP_TRANSPOSE) || nuses(s, l.x) != 1 || nuses(s, moved) != 1) return 0;
    Type t = *type_at(s, moved), flat = *type_at(s, l.x);
    int first = t.rank; // axes first.. of the transposed tensor make the last axis of l.x
    int64_t width = 1;
    while (first > 0 && width < last_dim(&flat)) width *= t.dim[--first];
    int order[MAX_RANK], count = t.rank - first;
    const int64_t *perm = node_ints(at(s, moved), AT_PERM, NULL);
    if (width != last_dim(&flat) || count >= MAX_RANK) return 0;
    if (!sort_positions(perm + first, order, count)) return 0;
    int64_t sorted[MAX_RANK];
    for (int i = 0; i < t.rank; i++)
        sorted[i] = i < first ? perm[i] : perm[first + order[i - first]];
    l.w = weight_reordered(s, &l, t.dim + first, order, count);
    l.x = reshape_to(s, g_transpose(s->g, operand(s, moved, 0), sorted), &flat);
    return linear_build(s, &l);
}

// ---- attention in powers of two, its scale in the query projection
static const double LOG2_E = 1.4426950408889634074;
static NodeId scaled_query(Sweep *s, NodeId q, double factor, int depth) {
    Linear l;
    if (nuses(s, q) != 1) return 0;
    if (linear_of(s, q, &l)) {
        NodeId c = scalar_like(s, q, factor);
        l.w = weight_times_outputs(s, &l, c);
        if (l.bias) l.bias = g_binary(s->g, OP_MUL, l.bias, c);
        return linear_build(s, &l);
    }
    if (depth == 0 || !is_view(s, q)) return 0;
    NodeId x = scaled_query(s, operand(s, q, 0), factor, depth - 1);
    return x ? rebuild1(s, q, x) : 0;
}
static NodeId rule_attention_scale(Sweep *s, NodeId n) {
    if (!is_op(s, n, OP_ATTENTION) || node_int(at(s, n), AT_BASE2, 0)) return 0;
    NodeId in[3] = {operand(s, n, 0), operand(s, n, 1), operand(s, n, 2)};
    double factor = node_float(at(s, n), AT_SCALE, 1) * LOG2_E;
    NodeId q = in[0] != in[1] && in[0] != in[2] ? scaled_query(s, in[0], factor, MAX_VIEWS) : 0;
    if (q) in[0] = q;
    Attr attr[2] = {attr_float(AT_SCALE, q ? 1 : factor), attr_int(AT_BASE2, 1)};
    return graph_add(s->g, OP_ATTENTION, in, 3, attr, 2, at(s, n)->loc);
}

// ---- concat(cls, patches) + positions = concat(cls + row, patches + table)
static NodeId rule_positions(Sweep *s, NodeId n) {
    NodeId c, cat = with_const(s, n, OP_ADD, &c);
    if (!cat || !is_op(s, cat, OP_CONCAT) || nuses(s, cat) != 1) return 0;
    const Node *node = at(s, cat);
    Type t = node->type;
    int axis = (int)node_int(node, AT_AXIS, 0);
    bool any_const = false;
    NodeId *part = arena_copy(s->arena, node->in, node->nin * sizeof *part);
    uint32_t nparts = node->nin;
    for (uint32_t i = 0; i < nparts; i++) any_const |= is_const(s, part[i]);
    if (!any_const) return 0;
    Cutout piece = {.rank = t.rank};
    for (int i = 0; i < t.rank; i++) {
        piece.size[i] = t.dim[i];
        piece.step[i] = 1;
    }
    for (uint32_t i = 0; i < nparts; i++) {
        piece.size[axis] = type_at(s, part[i])->dim[axis];
        part[i] = g_binary(s->g, OP_ADD, part[i], cut_broadcast(s, c, &piece));
        piece.start[axis] += piece.size[axis];
    }
    return g_concat(s->g, part, nparts, axis);
}

GRAPH_PASS(algebra) {
    static const Rule rules[] = {FORM_RULES,
                                 rule_layernorm_into_linear,
                                 rule_scale_behind_linear,
                                 rule_affine_before_linear,
                                 rule_patch_order,
                                 rule_attention_scale,
                                 rule_positions,
                                 NULL};
    static const Rule few[] = {FORM_RULES, rule_few_queries, NULL};
    static const Rule merge[] = {FORM_RULES, rule_merge_projections, NULL};
    bool changed = sweep_rules(p, g, "algebra", rules);
    changed |= pass_cse(p, g);
    changed |= sweep_rules(p, g, "algebra", few);
    changed |= sweep_rules(p, g, "algebra", merge);
    return pass_cse(p, g) || changed;
}
