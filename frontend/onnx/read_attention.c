// read_attention.c: ONNX Attention. Without an effective mask it becomes the graph's attention op;
// with one it is spelled out: product, softcap, bias, softmax, product.
#include "frontend/onnx/onnx_attn.h"
#include <math.h>

enum { MAX_MASK = 1 << 22 };

// ---- shared ----------------------------------------------------------------------------------
NodeId t_split_heads(Import *m, NodeId x, int64_t n) {
    if (x == 0) return 0;
    const Type t = *t_type(m, x);
    if (t.rank != 3 || n <= 0 || n > (int64_t)limit(LIM_HEADS) || t.dim[2] % n) {
        fail(m, ERR_MODEL, "%s cannot be split into %lld heads", type_text(m->tmp, &t),
             (long long)n);
        return 0;
    }
    return t_swap(m, t_reshape(m, x, 4, (int64_t[]){t.dim[0], t.dim[1], n, t.dim[2] / n}), 1, 2);
}
NodeId t_merge_heads(Import *m, NodeId x) {
    if (x == 0) return 0;
    const Type t = *t_type(m, x);
    return t_reshape(m, t_swap(m, x, 1, 2), 3,
                     (int64_t[]){t.dim[0], t.dim[2], t.dim[1] * t.dim[3]});
}
NodeId t_and(Import *m, NodeId x, NodeId y) {
    return x && y ? t_binary(m, OP_AND, x, y) : x ? x : y;
}
NodeId t_plus(Import *m, NodeId x, NodeId y) {
    return x && y ? t_binary(m, OP_ADD, x, y) : x ? x : y;
}
NodeId t_bias_of(Import *m, NodeId allowed, double otherwise) {
    NodeId zero = graph_scalar(m->g, DT_F32, 0, m->loc);
    return t_where(m, allowed, zero, graph_scalar(m->g, DT_F32, otherwise, m->loc));
}
NodeId t_distance(Import *m, int64_t queries, int64_t keys) {
    if (queries * keys > MAX_MASK) {
        fail(m, ERR_LIMIT, "a mask of %lld by %lld is too large", (long long)queries,
             (long long)keys);
        return 0;
    }
    int64_t *v = t_alloc(m, (uint64_t)(queries * keys), DT_I64);
    for (int64_t i = 0; i < queries * keys; i++) v[i] = i % keys - i / keys;
    return t_const(m, DT_I64, 4, (int64_t[]){1, 1, queries, keys}, v);
}
NodeId t_positions(Import *m, int64_t keys) {
    int64_t *v = t_alloc(m, (uint64_t)keys, DT_I64);
    for (int64_t i = 0; i < keys; i++) v[i] = i;
    return t_const(m, DT_I64, 4, (int64_t[]){1, 1, 1, keys}, v);
}

static NodeId fused(Import *m, const Attn *a) {
    NodeId in[] = {t_swap(m, a->q, 1, 2), t_swap(m, a->k, 1, 2), t_swap(m, a->v, 1, 2)};
    Attr scale = attr_float(AT_SCALE, a->scale);
    return t_swap(m, t_node(m, OP_ATTENTION, in, 3, &scale, 1), 1, 2);
}
// A query that may see no key gets zeros. The bias alone tells which those are.
static NodeId zero_blind_rows(Import *m, NodeId p, NodeId bias) {
    const int64_t last = t_type(m, bias)->rank - 1;
    NodeId best = last < 0 ? bias : t_reduce(m, OP_REDUCE_MAX, bias, &last, 1, true);
    NodeId blind = t_binary(m, OP_EQ, best, t_like(m, best, -INFINITY));
    return t_where(m, blind, t_like(m, p, 0), p);
}
static bool is_zero(Import *m, NodeId bias) {
    double v;
    return bias == 0 || (t_uniform(m, bias, &v) && v == 0);
}
NodeId t_attention(Import *m, Attn *a) {
    if (!a->q || !a->k || !a->v) return 0;
    const Type q = *t_type(m, a->q), k = *t_type(m, a->k), v = *t_type(m, a->v);
    if (q.dim[0] != k.dim[0] || q.dim[1] != k.dim[1] || k.dim[1] != v.dim[1]) {
        fail(m, ERR_MODEL, "queries %s, keys %s and values %s do not fit", type_text(m->tmp, &q),
             type_text(m->tmp, &k), type_text(m->tmp, &v));
        return 0;
    }
    bool masked = !is_zero(m, a->bias);
    if (!masked && a->softcap == 0 && !a->want_scores) return fused(m, a);
    NodeId s = a->score[0] = t_scale(m, t_matmul(m, a->q, a->k, true), a->scale);
    if (a->softcap != 0)
        s = t_scale(m, t_unary(m, OP_TANH, t_scale(m, s, 1 / a->softcap)), a->softcap);
    a->score[1] = s;
    if (masked && s) {
        const Type want = *t_type(m, s);
        s = t_binary(m, OP_ADD, s, a->bias);
        if (s && !type_equal(t_type(m, s), &want)) {
            fail(m, ERR_MODEL, "a mask of shape %s does not fit scores %s",
                 type_text(m->tmp, t_type(m, a->bias)), type_text(m->tmp, &want));
            return 0;
        }
    }
    a->score[2] = s;
    NodeId p = t_unary(m, OP_SOFTMAX, s);
    if (masked && p) p = zero_blind_rows(m, p, a->bias);
    a->score[3] = p;
    return t_matmul(m, p, a->v, false);
}

// ---- the ONNX operator -----------------------------------------------------------------------
// Fewer key heads than query heads: each serves a group of neighbours.
static NodeId repeat_heads(Import *m, NodeId x, int64_t heads) {
    if (x == 0) return 0;
    const Type t = *t_type(m, x);
    if (t.dim[1] == heads) return x;
    if (t.dim[1] == 0 || heads % t.dim[1]) {
        fail(m, ERR_MODEL, "%lld query heads for %lld key heads", (long long)heads,
             (long long)t.dim[1]);
        return 0;
    }
    int64_t times = heads / t.dim[1];
    x = t_reshape(m, x, 5, (int64_t[]){t.dim[0], t.dim[1], 1, t.dim[2], t.dim[3]});
    x = t_expand(m, x, 5, (int64_t[]){t.dim[0], t.dim[1], times, t.dim[2], t.dim[3]});
    return t_reshape(m, x, 4, (int64_t[]){t.dim[0], heads, t.dim[2], t.dim[3]});
}
static NodeId to_heads(Import *m, OpCall *op, NodeId x, const char *count) {
    int rank = t_type(m, x)->rank;
    if (rank == 4) return x;
    if (rank == 3) return t_split_heads(m, x, opt_int(m, op, count, 0));
    fail(m, ERR_MODEL, "an operand of rank 3 or 4 is needed, not %d", rank);
    return 0;
}
// A mask may be shorter than the keys: the rest is not seen.
static NodeId lengthen(Import *m, NodeId mask, int64_t keys, double fill) {
    const Type t = *t_type(m, mask);
    if (t.rank == 0 || t.dim[t.rank - 1] >= keys || t.dim[t.rank - 1] == 1) return mask;
    int64_t pads[2 * MAX_RANK] = {0};
    pads[2 * t.rank - 1] = keys - t.dim[t.rank - 1];
    Attr a[] = {attr_ints(m->g, AT_PADS, pads, (uint32_t)(2 * t.rank)), attr_float(AT_VALUE, fill)};
    return t_node(m, OP_PAD, &mask, 1, a, 2);
}
// The keys that positions allow: causal, within a window, not padding. 0 = all. *ok: no error.
static NodeId allowed_keys(Import *m, OpCall *op, int64_t queries, int64_t keys, int64_t past,
                           bool *ok) {
    NodeId valid = op->in[6].node, allowed = 0, offset;
    bool causal = opt_int(m, op, "is_causal", 0) != 0;
    int64_t left = opt_int(m, op, "left_window_size", -1),
            right = opt_int(m, op, "right_window_size", -1);
    if (causal) right = right < 0 ? 0 : min_i64(right, 0);
    *ok = true;
    if (!valid && left < 0 && right < 0) return 0;
    offset = graph_ints(m->g, &past, 1, m->loc);
    if (valid) {
        int64_t batch = type_count(t_type(m, valid));
        valid = t_reshape(m, t_cast(m, valid, DT_I64), 4, (int64_t[]){batch, 1, 1, 1});
        allowed = t_binary(m, OP_LT, t_positions(m, keys), valid);
        if (past == 0) offset = t_binary(m, OP_SUB, valid, t_like(m, valid, (double)queries));
    }
    if (left >= 0 || right >= 0) {
        NodeId distance = t_distance(m, queries, keys);
        NodeId most = t_binary(m, OP_ADD, offset, t_like(m, offset, (double)right));
        NodeId least = t_binary(m, OP_SUB, offset, t_like(m, offset, (double)left));
        if (right >= 0) allowed = t_and(m, allowed, t_binary(m, OP_LE, distance, most));
        if (left >= 0) allowed = t_and(m, allowed, t_binary(m, OP_LE, least, distance));
    }
    *ok = allowed != 0;
    return allowed;
}
static bool bias_of(Import *m, OpCall *op, const Attn *a, int64_t past, NodeId *bias) {
    int64_t queries = t_type(m, a->q)->dim[2], keys = t_type(m, a->k)->dim[2];
    NodeId mask = op->in[3].node;
    bool ok, is_bool = mask && t_type(m, mask)->dt == DT_BOOL;
    NodeId allowed = allowed_keys(m, op, queries, keys, past, &ok);
    if (!ok) return false;
    if (mask) mask = lengthen(m, mask, keys, is_bool ? 0 : -INFINITY);
    if (op->in[3].node && !mask) return false;
    if (is_bool) mask = t_bias_of(m, mask, -INFINITY);
    *bias = t_plus(m, allowed ? t_bias_of(m, allowed, -INFINITY) : 0, mask);
    return !(allowed || op->in[3].node) || *bias != 0;
}
bool read_attention(Import *m, OpCall *op) {
    Attn a = {.softcap = opt_float(m, op, "softcap", 0), .want_scores = op->wanted[3]};
    bool flat = t_type(m, op->in[0].node)->rank == 3;
    int64_t past = 0;
    a.q = to_heads(m, op, op->in[0].node, "q_num_heads");
    a.k = to_heads(m, op, op->in[1].node, "kv_num_heads");
    a.v = to_heads(m, op, op->in[2].node, "kv_num_heads");
    if (op->in[4].node && op->in[5].node && t_type(m, op->in[4].node)->rank == 4) {
        past = t_type(m, op->in[4].node)->dim[2];
        a.k = t_concat(m, (NodeId[]){op->in[4].node, a.k}, 2, 2);
        a.v = t_concat(m, (NodeId[]){op->in[5].node, a.v}, 2, 2);
    }
    if (!a.q || !a.k || !a.v) return false;
    op->out[1].node = a.k;
    op->out[2].node = a.v;
    a.scale = opt_float(m, op, "scale", 1 / sqrt((double)t_type(m, a.q)->dim[3]));
    a.k = repeat_heads(m, a.k, t_type(m, a.q)->dim[1]);
    a.v = repeat_heads(m, a.v, t_type(m, a.q)->dim[1]);
    if (!a.k || !a.v || !bias_of(m, op, &a, past, &a.bias)) return false;
    NodeId y = t_attention(m, &a);
    int64_t mode = opt_int(m, op, "qk_matmul_output_mode", 0);
    if (mode < 0 || mode > 3)
        return fail(m, ERR_MODEL, "qk_matmul_output_mode is %lld", (long long)mode);
    op->out[3].node = a.score[mode];
    return done(op, flat ? t_merge_heads(m, y) : y);
}
