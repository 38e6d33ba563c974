// split.c: --f32-math bf16x3 and bf16x6, f32 products on units that multiply bf16. An f32 is nearly
// the sum of its parts: bf16(x), bf16 of what is left, and so on. The product of two such sums is
// the sum of the products of their parts; those that count are the ones whose indices add up to
// less than the number of parts, 3 products of 2 parts or 6 of 3. A linear layer becomes one matmul
// over that many times the depth, the small terms first:
//     y = [lo hi hi] x [hi; lo; hi]
// Parts of weights are constant expressions, evaluated when the image is written. The row of parts
// of an activation is one elementwise expression over the repeated row: in each repetition, 0 or 1
// says which parts are taken off before the rest is rounded. So one launch makes it.
#include "passes/graph/match.h"

enum { MAX_PARTS = 3, MAX_TERMS = MAX_PARTS * (MAX_PARTS + 1) / 2 };
typedef struct Terms { // of the product: which part of x is multiplied by which one of w
    uint32_t n, x[MAX_TERMS], w[MAX_TERMS];
} Terms;
static Terms terms_of(uint32_t parts) {
    Terms t = {0};
    for (uint32_t sum = parts; sum-- > 0;)
        for (uint32_t w = 0; w <= sum; w++, t.n++) {
            t.x[t.n] = sum - w;
            t.w[t.n] = w;
        }
    return t;
}
static NodeId round_to_bf16(Sweep *s, NodeId x) {
    return g_cast(s->g, g_cast(s->g, x, DT_BF16), DT_F32);
}

static NodeId weight_parts(Sweep *s, NodeId w, const Terms *t, int axis) {
    NodeId part[MAX_PARTS], in[MAX_TERMS], rest = w;
    for (uint32_t i = 0; i < s->p->opt->f32_parts; i++) {
        part[i] = g_cast(s->g, rest, DT_BF16);
        rest = g_binary(s->g, OP_SUB, rest, g_cast(s->g, part[i], DT_F32));
    }
    for (uint32_t i = 0; i < t->n; i++) in[i] = part[t->w[i]];
    return g_concat(s->g, in, t->n, axis);
}

// [terms,1]: 1 where part `i` is taken off.
static NodeId taken_off(Sweep *s, const Terms *t, uint32_t i) {
    float *is = NEW_N(s->g->arena, float, t->n);
    for (uint32_t j = 0; j < t->n; j++) is[j] = t->x[j] > i;
    return graph_const(s->g, type_of(DT_F32, 2, (int64_t[]){t->n, 1}), is, 0);
}
// [..,K]: the parts side by side, as [..,terms,K] while they are computed.
static NodeId activation_parts(Sweep *s, NodeId x, const Terms *t) {
    Type wide = *type_at(s, x), flat = wide;
    int last = wide.rank++ - 1;
    wide.dim[last + 1] = wide.dim[last];
    wide.dim[last] = 1;
    flat.dim[last] *= t->n;
    NodeId rest = reshape_to(s, x, &wide);
    wide.dim[last] = t->n;
    rest = expand_to(s, rest, &wide);
    for (uint32_t i = 0; i + 1 < s->p->opt->f32_parts; i++) {
        NodeId part = g_binary(s->g, OP_MUL, round_to_bf16(s, rest), taken_off(s, t, i));
        rest = g_binary(s->g, OP_SUB, rest, part);
    }
    return reshape_to(s, g_cast(s->g, rest, DT_BF16), &flat);
}

// The model's input is read in place, patch by patch, or its pixels are whole numbers far from
// zero.
static bool is_window_on_input(const Sweep *s, NodeId x) {
    while (op_is(at(s, x)->op, VIEW | MOVE) || is_op(s, x, OP_CAST)) x = operand(s, x, 0);
    return is_op(s, x, OP_INPUT);
}
NodeId rule_split(Sweep *s, NodeId n) {
    if (!is_linear(s, n) || stays_f32(s, n)) return 0;
    NodeId x = operand(s, n, 0), w = operand(s, n, 1);
    bool is_f32 = type_at(s, x)->dt == DT_F32 && type_at(s, w)->dt == DT_F32;
    if (!is_f32 || is_const(s, x) || is_narrow(s, x) || is_window_on_input(s, x)) return 0;
    if (type_at(s, x)->rank == MAX_RANK || type_count(type_at(s, x)) == 0) return 0;
    bool trans_b = node_int(at(s, n), AT_TRANS_B, 0) != 0;
    Terms t = terms_of(s->p->opt->f32_parts);
    NodeId a = activation_parts(s, x, &t), b = weight_parts(s, w, &t, trans_b ? 1 : 0);
    NodeId in[] = {g_cast(s->g, a, DT_F32), g_cast(s->g, b, DT_F32)};
    return rebuild(s, n, in);
}
