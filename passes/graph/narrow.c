// narrow.c: pass dtype. Weights of matrix products are rounded to bf16 or f16 and kept so in the
// image: half the bytes. Activations, sums, biases, LayerNorm and softmax stay f32, so the rounding
// of the weights is the only error. It is written as CAST(CAST(w, half), F32), which means just
// that: the eager reference rounds alike, and lowering reads from it how the weight is stored.
#include "passes/graph/match.h"
#include <fnmatch.h>

static bool is_kept(const Sweep *s, Loc loc) {
    const PassOptions *o = s->p->opt;
    const LocInfo *at = diag_at(s->p->c->diag, loc);
    for (uint32_t i = 0; at->node && i < o->nkeep_f32; i++)
        if (!fnmatch(o->keep_f32[i], at->node, 0)) return true;
    return false;
}
// By the name of the layer, or of a constant that the weight is made of.
static bool stays_f32(const Sweep *s, NodeId matmul) {
    NodeId w = operand(s, matmul, 1), *below;
    uint32_t n = s->p->opt->nkeep_f32 ? graph_order(s->g, &w, 1, s->arena, &below) : 0;
    bool kept = is_kept(s, at(s, matmul)->loc);
    for (uint32_t i = 0; i < n; i++) kept = kept || is_kept(s, at(s, below[i])->loc);
    return kept;
}
static bool is_narrow(const Sweep *s, NodeId w) {
    return is_op(s, w, OP_CAST) && dtype_is_half(type_at(s, operand(s, w, 0))->dt);
}
static NodeId rule_narrow(Sweep *s, NodeId n) {
    if (!is_linear(s, n)) return 0;
    NodeId w = operand(s, n, 1);
    if (type_at(s, w)->dt != DT_F32 || is_narrow(s, w) || stays_f32(s, n)) return 0;
    NodeId half = g_cast(s->g, w, s->p->opt->dtype), in[] = {operand(s, n, 0), 0};
    in[1] = g_cast(s->g, half, DT_F32);
    return rebuild(s, n, in);
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
    static const Rule rules[] = {rule_narrow, NULL};
    check_names(p, g);
    return dtype_is_half(p->opt->dtype) && sweep_rules(p, g, "dtype", rules);
}
