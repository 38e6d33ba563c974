// narrow_attention.c: part of pass dtype: attention's operands are rounded to bf16, so that both of
// its products are of bf16. The rounding stands above the views that cut heads out of the merged
// product of Q, K and V, which is then stored once, in half the bytes. The powers of softmax are
// rounded by the kernel; scores, their maximum and their sums stay f32. Where Q, K or V are also
// wanted in f32 (probabilities as an output), attention stays f32.
#include "ir/isa.h"
#include "passes/graph/match.h"

static bool is_view(const Sweep *s, NodeId n) {
    return is_op(s, n, OP_RESHAPE) || is_op(s, n, OP_TRANSPOSE) || is_op(s, n, OP_SLICE);
}
static NodeId rounded(Sweep *s, NodeId x) {
    if (is_view(s, x)) return rebuild1(s, x, rounded(s, operand(s, x, 0)));
    return g_cast(s->g, x, DT_BF16);
}
// Only attention reads x and windows on it: who needs it in f32 as well would get a copy.
static bool is_for_attention(Sweep *s, NodeId x) {
    uint32_t n;
    const uint32_t *user = users(s, x, &n);
    bool all = n > 0 && n == nuses(s, x);
    for (uint32_t i = 0; i < n && all; i++)
        all = is_op(s, user[i], OP_ATTENTION) ||
              (is_view(s, user[i]) && is_for_attention(s, user[i]));
    return all;
}
static bool may_round(Sweep *s, NodeId x) {
    while (is_view(s, x)) x = operand(s, x, 0);
    return is_for_attention(s, x);
}
NodeId rule_narrow_attention(Sweep *s, NodeId n) {
    enum { OPERANDS = 3 };
    const PassOptions *o = s->p->opt;
    if (!is_op(s, n, OP_ATTENTION) || type_at(s, n)->dt != DT_F32) return 0;
    if (o->dtype != DT_BF16 || !passes_have(o, isa_has_pairs) || keeps_f32(s, at(s, n)->loc))
        return 0;
    if (last_dim(type_at(s, operand(s, n, 0))) % 2) return 0; // heads are no pairs: it stays f32
    NodeId in[OPERANDS];
    bool changed = false;
    for (uint32_t i = 0; i < OPERANDS; i++) {
        in[i] = operand(s, n, i);
        if (!is_narrow(s, in[i]) && !may_round(s, in[i])) return 0;
    }
    for (uint32_t i = 0; i < OPERANDS; i++) {
        if (is_narrow(s, in[i])) continue;
        in[i] = g_cast(s->g, rounded(s, in[i]), DT_F32);
        changed = true;
    }
    return changed ? rebuild(s, n, in) : 0;
}
