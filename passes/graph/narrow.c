// narrow.c: pass dtype. Operands of linear layers are rounded to bf16 or f16: weights, which are
// kept so in the image, in half the bytes; and activations to bf16, when a level that is compiled
// for multiplies that. Sums, biases, LayerNorm, softmax and the residual stream stay f32. (Or, with
// --f32-math, operands are split into parts: split.c.)
//
// It is written as CAST(CAST(x, half), F32), which means just that: the eager reference rounds
// alike, and lowering reads from it how x is stored. The rounding is the last thing that the
// producer of an activation does, in its own kernel. An operand that is only a window on something
// else (patches of the image, the class row of an output) is read in place and stays f32.
#include "passes/graph/match.h"
#include <fnmatch.h>

bool keeps_f32(const Sweep *s, Loc loc) {
    const PassOptions *o = s->p->opt;
    const LocInfo *at = diag_at(s->p->c->diag, loc);
    for (uint32_t i = 0; at->node && i < o->nkeep_f32; i++)
        if (!fnmatch(o->keep_f32[i], at->node, 0)) return true;
    return false;
}
// By the name of the layer, or of a constant that the weight is made of.
bool stays_f32(const Sweep *s, NodeId matmul) {
    NodeId w = operand(s, matmul, 1), *below;
    uint32_t n = s->p->opt->nkeep_f32 ? graph_order(s->g, &w, 1, s->arena, &below) : 0;
    bool kept = keeps_f32(s, at(s, matmul)->loc);
    for (uint32_t i = 0; i < n; i++) kept = kept || keeps_f32(s, at(s, below[i])->loc);
    return kept;
}
bool is_narrow(const Sweep *s, NodeId x) {
    return is_op(s, x, OP_CAST) && dtype_is_half(type_at(s, operand(s, x, 0))->dt);
}
static NodeId narrow_weight(Sweep *s, NodeId w) {
    if (type_at(s, w)->dt != DT_F32 || is_narrow(s, w)) return w;
    return g_cast(s->g, g_cast(s->g, w, s->p->opt->dtype), DT_F32);
}
// Only linear layers that are rounded read x, or windows on it that only they read.
static bool is_for_linears(Sweep *s, NodeId x) {
    uint32_t n;
    const uint32_t *user = users(s, x, &n);
    bool all = n > 0 && n == nuses(s, x);
    for (uint32_t i = 0; i < n && all; i++) {
        bool is_view = is_op(s, user[i], OP_RESHAPE) || is_op(s, user[i], OP_SLICE);
        all =
            is_view ? is_for_linears(s, user[i]) : is_linear(s, user[i]) && !stays_f32(s, user[i]);
    }
    return all;
}
// What x is a view of: reshaped, and cut out of what others do not need in f32.
static NodeId below_views(Sweep *s, NodeId x) {
    NodeId whole = x, part = x;
    while (is_op(s, whole, OP_RESHAPE) || is_op(s, whole, OP_SLICE)) whole = operand(s, whole, 0);
    while (is_op(s, part, OP_RESHAPE)) part = operand(s, part, 0);
    return is_for_linears(s, whole) ? whole : part;
}
static NodeId views_on(Sweep *s, NodeId from, NodeId x, NodeId base) {
    return x == from ? base : rebuild1(s, x, views_on(s, from, operand(s, x, 0), base));
}
static NodeId narrow_activation(Sweep *s, NodeId x) {
    const PassOptions *o = s->p->opt;
    if (o->dtype != DT_BF16 || !passes_have_products(o) || is_const(s, x)) return x;
    NodeId made = below_views(s, x);
    GraphOp op = at(s, made)->op;
    bool is_window = op == OP_INPUT || op_is(op, VIEW | MOVE);
    if (type_at(s, made)->dt != DT_F32 || is_window || is_narrow(s, x) || is_narrow(s, made))
        return x;
    NodeId half = views_on(s, made, x, g_cast(s->g, made, DT_BF16));
    return g_cast(s->g, half, DT_F32);
}
// A weight per batch (few_queries.c) multiplies few rows, so only its bytes count: x stays f32.
static NodeId rule_narrow(Sweep *s, NodeId n) {
    if (!is_op(s, n, OP_MATMUL) || !is_const(s, operand(s, n, 1)) || stays_f32(s, n)) return 0;
    NodeId x = operand(s, n, 0), w = operand(s, n, 1);
    NodeId in[] = {is_linear(s, n) ? narrow_activation(s, x) : x, narrow_weight(s, w)};
    return in[0] == x && in[1] == w ? 0 : rebuild(s, n, in);
}
static void check_names(const PassCtx *p, const Graph *g) {
    Diag *d = p->c->diag;
    for (uint32_t i = 0; i < p->opt->nkeep_f32; i++) {
        const char *pattern = p->opt->keep_f32[i];
        bool found = false;
        for (NodeId n = 1; n < g->node.n && !found; n++) {
            const char *name = diag_at(d, graph_node(g, n)->loc)->node;
            found = name && !fnmatch(pattern, name, 0);
        }
        if (!found) diag_warning(d, 0, "--keep-f32: no layer or weight is named '%s'", pattern);
    }
}
GRAPH_PASS(dtype) {
    static const Rule narrow[] = {rule_narrow, rule_narrow_attention, NULL};
    static const Rule split[] = {rule_split, NULL};
    const Rule *rules = dtype_is_half(p->opt->dtype) ? narrow : p->opt->f32_parts ? split : NULL;
    check_names(p, g);
    if (!rules || !sweep_rules(p, g, "dtype", rules)) return false;
    if (passes_have_products(p->opt)) pass_cse(p, g); // who reads the same shares its rounding
    return true;
}
