// canon.c: one spelling per idea. The forms are listed in passes.h; most of them are kept by the
// rules shared with later passes (neutral, views, slices, sink, arith). Here are those that only
// this pass makes: how a matmul holds its weights, patch convolutions as matmuls, packed
// projections cut apart.
#include "passes/graph/match.h"

// A right side whose rows were columns before a TRANSPOSE: transposing less, and reading it by
// trans_b, leaves its last axis as it lies in memory.
static NodeId untransposed(Sweep *s, NodeId b) {
    if (!is_op(s, b, OP_TRANSPOSE)) return 0;
    int rank = type_at(s, b)->rank;
    int64_t perm[MAX_RANK];
    for (int i = 0; i < rank; i++) perm[i] = node_ints(at(s, b), AT_PERM, NULL)[i];
    if (perm[rank - 2] != rank - 1) return 0;
    perm[rank - 2] = perm[rank - 1];
    perm[rank - 1] = rank - 1;
    return g_transpose(s->g, operand(s, b, 0), perm);
}
static NodeId rule_matmul(Sweep *s, NodeId n) {
    if (!is_op(s, n, OP_MATMUL)) return 0;
    NodeId a = operand(s, n, 0), b = operand(s, n, 1);
    bool trans_b = node_int(at(s, n), AT_TRANS_B, 0) != 0;
    NodeId plain = untransposed(s, b);
    if (plain) return g_matmul(s->g, a, plain, !trans_b);
    const Type *t = type_at(s, b);
    if (t->rank == 2 || !is_const(s, b) || type_at(s, a)->rank < t->rank) return 0;
    int64_t matrix[2] = {t->dim[t->rank - 2], t->dim[t->rank - 1]};
    if (dims_product(t->dim, t->rank - 2) != 1) return 0;
    return g_matmul(s->g, a, reshape_dims(s, b, 2, matrix), trans_b);
}

// ---- a convolution whose patches do not overlap is a matmul over patches
static bool all_are(const int64_t *v, uint32_t n, int64_t want) {
    for (uint32_t i = 0; v && i < n; i++)
        if (v[i] != want) return false;
    return true;
}
static bool is_patch_conv(const Sweep *s, NodeId n) {
    const Node *node = at(s, n);
    uint32_t count;
    const int64_t *kernel = type_at(s, node->in[1])->dim + 2;
    const int64_t *pads = node_ints(node, AT_PADS, &count);
    if (!all_are(pads, pads ? count : 0, 0) || node_int(node, AT_GROUP, 1) != 1) return false;
    const int64_t *dilations = node_ints(node, AT_DILATIONS, &count);
    if (!all_are(dilations, dilations ? count : 0, 1)) return false;
    const int64_t *strides = node_ints(node, AT_STRIDES, &count);
    for (int i = 0; i < node->type.rank - 2; i++)
        if (kernel[i] != (strides ? strides[i] : 1)) return false;
    return type_count(&node->type) > 0;
}
// Cuts x[B,C,H,W] to whole patches: [B,C,GH,PH,GW,PW] -> [B, GH*GW, C*PH*PW].
static NodeId patches_of(Sweep *s, NodeId x, const int64_t *grid, const int64_t *patch,
                         int spatial) {
    Type t = *type_at(s, x);
    int64_t dim[MAX_RANK] = {t.dim[0], t.dim[1]}, perm[MAX_RANK] = {0};
    for (int i = 0; i < spatial; i++) {
        x = slice_axis(s, x, 2 + i, 0, grid[i] * patch[i]);
        dim[2 + 2 * i] = grid[i];
        dim[3 + 2 * i] = patch[i];
        perm[1 + i] = 2 + 2 * i;
        perm[2 + spatial + i] = 3 + 2 * i;
    }
    perm[1 + spatial] = 1;
    int64_t flat[3] = {t.dim[0], dims_product(grid, spatial),
                       t.dim[1] * dims_product(patch, spatial)};
    return g_reshape(s->g, g_transpose(s->g, g_reshape(s->g, x, 2 + 2 * spatial, dim), perm), 3,
                     flat);
}
static NodeId rule_patch_conv(Sweep *s, NodeId n) {
    if (!is_op(s, n, OP_CONV) || type_at(s, n)->rank > 5 || !is_patch_conv(s, n)) return 0;
    Node node = *at(s, n);
    Type w = *type_at(s, node.in[1]), out = node.type;
    int spatial = out.rank - 2;
    NodeId patches = patches_of(s, node.in[0], out.dim + 2, w.dim + 2, spatial);
    int64_t matrix[2] = {w.dim[0], last_dim(type_at(s, patches))};
    NodeId y = g_matmul(s->g, patches, reshape_dims(s, node.in[1], 2, matrix), true);
    // [B,GH,GW,O] -> [B,O,GH,GW]
    int64_t dim[MAX_RANK] = {out.dim[0]}, perm[MAX_RANK] = {0, spatial + 1};
    for (int i = 0; i < spatial; i++) {
        dim[1 + i] = out.dim[2 + i];
        perm[2 + i] = 1 + i;
    }
    dim[1 + spatial] = out.dim[1];
    return g_transpose(s->g, g_reshape(s->g, y, spatial + 2, dim), perm);
}

// ---- a packed projection (Q, K and V in one matmul, then SLICE) becomes one matmul per slice;
// algebra packs what shares its input again, whatever the exporter did
static bool cuts_last_axis(const Sweep *s, NodeId n, int64_t *start) {
    if (!is_op(s, n, OP_SLICE) || type_at(s, n)->rank == 0) return false;
    Cutout c = cutout_of(s, n);
    int last = c.rank - 1;
    for (int i = 0; i < last; i++)
        if (!is_whole(&c, i, type_at(s, operand(s, n, 0)))) return false;
    *start = c.start[last];
    return c.size[last] > 0 && c.step[last] == 1;
}
static bool only_cut(const Sweep *s, NodeId n) {
    uint32_t count;
    const uint32_t *user = users(s, n, &count);
    int64_t total = 0, start;
    for (uint32_t i = 0; i < count; i++) {
        if (!cuts_last_axis(s, user[i], &start)) return false;
        total += last_dim(type_at(s, user[i]));
    }
    return count > 0 && count == nuses(s, n) && total <= last_dim(type_at(s, n));
}
static NodeId rule_unpack(Sweep *s, NodeId n) {
    int64_t start, size = last_dim(type_at(s, n));
    if (!cuts_last_axis(s, n, &start)) return 0;
    NodeId y = operand(s, n, 0), c;
    if (is_linear(s, y) && only_cut(s, y)) {
        NodeId x = operand(s, y, 0), w = operand(s, y, 1);
        bool trans_b = node_int(at(s, y), AT_TRANS_B, 0) != 0;
        return g_matmul(s->g, x, slice_axis(s, w, trans_b ? 0 : 1, start, size), trans_b);
    }
    NodeId x = with_const(s, y, OP_ADD, &c);
    if (!x || !is_linear(s, x) || !is_row_vector(type_at(s, c), last_dim(type_at(s, y))) ||
        !only_cut(s, y))
        return 0;
    int axis = type_at(s, n)->rank - 1;
    return g_binary(s->g, OP_ADD, g_slice(s->g, x, axis, start, size),
                    slice_axis(s, c, type_at(s, c)->rank - 1, start, size));
}

GRAPH_PASS(canon) {
    static const Rule rules[] = {FORM_RULES, rule_matmul, rule_patch_conv, rule_unpack, NULL};
    bool changed = sweep_rules(p, g, "canon", rules);
    return pass_cse(p, g) || changed;
}
