// read_msattention.c: the attention operators of onnxruntime: one with the projections inside, one
// without. Caches and padded-batch formats belong to text models and are refused.
#include "frontend/onnx/onnx_attn.h"
#include <math.h>

// Masks are integers: 1 = seen. [B,T] and [B,S,T] say it per key, [B] gives the number of keys.
static bool key_mask(Import *m, OpCall *op, NodeId mask, int64_t batch, int64_t keys,
                     NodeId *bias) {
    const Type t = *t_type(m, mask);
    int64_t dim[4] = {t.dim[0], 1, 1, keys};
    double hidden = opt_float(m, op, "mask_filter_value", -10000);
    NodeId allowed;
    if (t.rank == 1 && t.dim[0] == batch) {
        NodeId count = t_reshape(m, t_cast(m, mask, DT_I64), 4, (int64_t[]){batch, 1, 1, 1});
        allowed = t_binary(m, OP_LT, t_positions(m, keys), count);
    } else if ((t.rank == 2 || t.rank == 3) && t.dim[t.rank - 1] == keys) {
        if (t.rank == 3) dim[2] = t.dim[1];
        NodeId seen = t_reshape(m, mask, 4, dim);
        allowed = t_binary(m, OP_LT, t_like(m, seen, 0), seen);
    } else {
        return fail(m, ERR_UNSUPPORTED, "a mask of shape %s is not supported",
                    type_text(m->tmp, &t));
    }
    *bias = t_plus(m, t_bias_of(m, allowed, hidden), *bias);
    return *bias != 0;
}
static bool finish(Import *m, OpCall *op, Attn *a, NodeId mask, NodeId extra) {
    if (!a->q || !a->k || !a->v) return false;
    const Type q = *t_type(m, a->q), k = *t_type(m, a->k);
    a->scale = opt_float(m, op, "scale", 0);
    if (a->scale == 0) a->scale = 1 / sqrt((double)q.dim[3]);
    a->bias = extra;
    if (mask && !key_mask(m, op, mask, q.dim[0], k.dim[2], &a->bias)) return false;
    if (opt_int(m, op, "unidirectional", 0)) {
        NodeId distance = t_distance(m, q.dim[2], k.dim[2]);
        NodeId most = t_like(m, distance, (double)(k.dim[2] - q.dim[2]));
        NodeId causal = t_bias_of(m, t_binary(m, OP_LE, distance, most), -INFINITY);
        if (causal == 0) return false;
        a->bias = t_plus(m, causal, a->bias);
    }
    return done(op, t_merge_heads(m, t_attention(m, a)));
}
// (input, weight [h, q+k+v], bias, mask?, past?, attention bias?)
bool read_msattention(Import *m, OpCall *op) {
    NodeId qkv = t_matmul(m, op->in[0].node, op->in[1].node, false), part[3];
    if (op->in[2].node) qkv = t_binary(m, OP_ADD, qkv, op->in[2].node);
    if (op->in[4].node || op->in[6].node)
        return fail(m, ERR_UNSUPPORTED, "a cache is not supported");
    if (opt_int(m, op, "do_rotary", 0))
        return fail(m, ERR_UNSUPPORTED, "rotary embedding is not supported");
    if (qkv == 0) return false;
    const Type t = *t_type(m, qkv);
    if (t.rank != 3) return fail(m, ERR_MODEL, "the input must have rank 3");
    int64_t third = t.dim[2] / 3, at = 0, heads = opt_int(m, op, "num_heads", 0);
    int64_t equal[] = {third, third, third};
    Ints sizes;
    if (!opt_ints(m, op, "qkv_hidden_sizes", &sizes)) sizes = (Ints){equal, 3};
    for (uint32_t i = 0; i < 3; i++) {
        if (sizes.n != 3 || sizes.v[i] < 1 || sizes.v[i] > t.dim[2] - at) {
            return fail(m, ERR_MODEL, "the weight does not split into queries, keys and values");
        }
        part[i] = t_split_heads(m, t_slice(m, qkv, 2, at, sizes.v[i]), heads);
        at += sizes.v[i];
    }
    Attn a = {.q = part[0], .k = part[1], .v = part[2]};
    return finish(m, op, &a, op->in[3].node, op->in[5].node);
}

// [B,T,n,parts,d] holds several operands: one of them as [B,n,T,d].
static NodeId unpack(Import *m, NodeId x, int64_t part) {
    const Type t = *t_type(m, x);
    x = t_reshape(m, t_slice(m, x, 3, part, 1), 4,
                  (int64_t[]){t.dim[0], t.dim[1], t.dim[2], t.dim[4]});
    return t_swap(m, x, 1, 2);
}
static NodeId operand_heads(Import *m, NodeId x, int64_t heads) {
    return x && t_type(m, x)->rank == 4 ? x : t_split_heads(m, x, heads);
}
static bool is_packed(const Import *m, NodeId x, int64_t parts) {
    return x && t_type(m, x)->rank == 5 && t_type(m, x)->dim[3] == parts;
}
// The slice of a common bias that belongs to a projection, added in [B,n,T,d] form.
static NodeId add_bias(Import *m, NodeId x, NodeId bias, int64_t *at) {
    if (x == 0 || bias == 0) return x;
    const Type t = *t_type(m, x), tb = *t_type(m, bias);
    int64_t size = t.dim[1] * t.dim[3];
    if (tb.rank != 1 || size > tb.dim[0] - *at) {
        fail(m, ERR_MODEL, "a bias of shape %s does not fit", type_text(m->tmp, &tb));
        return 0;
    }
    NodeId part =
        t_reshape(m, t_slice(m, bias, 0, *at, size), 4, (int64_t[]){1, t.dim[1], 1, t.dim[3]});
    *at += size;
    return t_binary(m, OP_ADD, x, part);
}
// (query, key?, value?, bias?, key mask?, attention bias?, past..): separate or packed
bool read_multihead(Import *m, OpCall *op) {
    NodeId q = op->in[0].node, k = op->in[1].node, v = op->in[2].node;
    int64_t heads = opt_int(m, op, "num_heads", 0), at = 0;
    Attn a = {0};
    if (op->in[6].node || op->in[7].node)
        return fail(m, ERR_UNSUPPORTED, "a cache is not supported");
    if (is_packed(m, q, 3)) {
        a = (Attn){.q = unpack(m, q, 0), .k = unpack(m, q, 1), .v = unpack(m, q, 2)};
    } else if (is_packed(m, k, 2)) {
        a = (Attn){.q = operand_heads(m, q, heads), .k = unpack(m, k, 0), .v = unpack(m, k, 1)};
    } else if (k && v) {
        a = (Attn){.q = operand_heads(m, q, heads),
                   .k = operand_heads(m, k, heads),
                   .v = operand_heads(m, v, heads)};
    } else {
        return fail(m, ERR_MODEL, "keys or values are missing");
    }
    a.q = add_bias(m, a.q, op->in[3].node, &at);
    a.k = add_bias(m, a.k, op->in[3].node, &at);
    a.v = add_bias(m, a.v, op->in[3].node, &at);
    return finish(m, op, &a, op->in[4].node, op->in[5].node);
}
