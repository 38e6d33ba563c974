// hf_act.c: the activations that `hidden_act` can name, as graph primitives. One row per name; the
// formulas are those of transformers.
#include "frontend/hf/hf.h"
#include <math.h>
#include <string.h>

// Every constant is an f32 scalar, as in the frameworks. One line per formula where it fits:
// clang-format off
static NodeId num(Graph *g, double v) { return graph_scalar(g, DT_F32, v, 0); }
static NodeId add(Graph *g, NodeId x, NodeId y) { return g_binary(g, OP_ADD, x, y); }
static NodeId mul(Graph *g, NodeId x, NodeId y) { return g_binary(g, OP_MUL, x, y); }
static NodeId max(Graph *g, NodeId x, NodeId y) { return g_binary(g, OP_MAX, x, y); }
static NodeId min(Graph *g, NodeId x, NodeId y) { return g_binary(g, OP_MIN, x, y); }
static NodeId where_positive(Graph *g, NodeId x, NodeId yes, NodeId no) {
    NodeId in[] = {g_binary(g, OP_LT, num(g, 0), x), yes, no};
    return graph_add(g, OP_WHERE, in, 3, NULL, 0, 0);
}

#define ACT(name) static NodeId act_##name(Graph *g, NodeId x)
ACT(gelu) { return g_unary(g, OP_GELU, x); }
ACT(gelu_tanh) { return g_unary(g, OP_GELU_TANH, x); }
ACT(gelu_10) { return max(g, min(g, g_unary(g, OP_GELU, x), num(g, 10)), num(g, -10)); }
ACT(quick_gelu) { return mul(g, x, g_unary(g, OP_SIGMOID, mul(g, x, num(g, 1.702)))); }
ACT(relu) { return max(g, x, num(g, 0)); }
ACT(relu6) { return min(g, max(g, x, num(g, 0)), num(g, 6)); }
ACT(relu2) {
    NodeId r = act_relu(g, x);
    return mul(g, r, r);
}
ACT(leaky_relu) { return max(g, x, mul(g, x, num(g, 0.01))); }
ACT(silu) { return mul(g, x, g_unary(g, OP_SIGMOID, x)); }
ACT(mish) { return mul(g, x, g_unary(g, OP_TANH, g_unary(g, OP_SOFTPLUS, x))); }
ACT(sigmoid) { return g_unary(g, OP_SIGMOID, x); }
ACT(tanh) { return g_unary(g, OP_TANH, x); }
ACT(linear) { return (void)g, x; }
ACT(sqrtsoftplus) { return g_unary(g, OP_SQRT, g_unary(g, OP_SOFTPLUS, x)); }
ACT(hardswish) {               // x min(max(x + 3, 0), 6) / 6
    NodeId gate = act_relu6(g, add(g, x, num(g, 3)));
    return mul(g, x, mul(g, gate, num(g, 1.0 / 6)));
}
ACT(laplace) {                 // (1 + erf((x - mu) / (sigma sqrt 2))) / 2
    NodeId t = g_binary(g, OP_SUB, x, num(g, 0.707107));
    NodeId e = g_unary(g, OP_ERF, g_binary(g, OP_DIV, t, num(g, 0.282095 * sqrt(2.0))));
    return mul(g, add(g, e, num(g, 1)), num(g, 0.5));
}
ACT(selu) {                    // scale (x > 0 ? x : alpha (exp(x) - 1))
    NodeId below = g_unary(g, OP_EXP, min(g, x, num(g, 0)));
    below = mul(g, g_binary(g, OP_SUB, below, num(g, 1)), num(g, 1.6732632423543772));
    return mul(g, where_positive(g, x, x, below), num(g, 1.0507009873554805));
}
#undef ACT
// Those with parameters that were learned, in the order of their slots.
#define ACT(name) static NodeId act_##name(Graph *g, NodeId x, const NodeId *learned)
ACT(prelu) { return where_positive(g, x, x, mul(g, x, learned[0])); }
// x > 0: a x^2 + beta x with a = softplus(alpha_p); else (exp(min(x, eps)) - 1 - x) b + beta x with
// b = beta + softplus(alpha_n)
ACT(xielu) {
    NodeId beta = learned[2], eps = learned[3];
    NodeId a = g_unary(g, OP_SOFTPLUS, learned[0]);
    NodeId b = add(g, g_unary(g, OP_SOFTPLUS, learned[1]), beta);
    NodeId above = mul(g, mul(g, x, x), a);
    NodeId e = g_binary(g, OP_SUB, g_unary(g, OP_EXP, min(g, x, eps)), num(g, 1));
    NodeId below = mul(g, g_binary(g, OP_SUB, e, x), b);
    return add(g, where_positive(g, x, above, below), mul(g, x, beta));
}
#undef ACT

struct HfAct {
    const char *name;
    NodeId (*plain)(Graph *g, NodeId x);
    NodeId (*with_learned)(Graph *g, NodeId x, const NodeId *learned);
    HfSlot first;              // slots of the learned parameters
    int nlearned;
};
#define PLAIN(name, fn) {name, act_##fn, NULL, HF_SLOT_COUNT, 0}
#define LEARNED(name, fn, first, n) {name, NULL, act_##fn, first, n}
static const HfAct acts[] = {
    PLAIN("gelu", gelu),
    PLAIN("gelu_python", gelu),
    PLAIN("gelu_10", gelu_10),
    PLAIN("gelu_new", gelu_tanh),
    PLAIN("gelu_pytorch_tanh", gelu_tanh),
    PLAIN("gelu_python_tanh", gelu_tanh),
    PLAIN("gelu_accurate", gelu_tanh),
    PLAIN("gelu_fast", gelu_tanh),
    PLAIN("quick_gelu", quick_gelu),
    PLAIN("relu", relu),
    PLAIN("relu6", relu6),
    PLAIN("relu2", relu2),
    PLAIN("leaky_relu", leaky_relu),
    PLAIN("silu", silu),
    PLAIN("swish", silu),
    PLAIN("mish", mish),
    PLAIN("sigmoid", sigmoid),
    PLAIN("tanh", tanh),
    PLAIN("linear", linear),
    PLAIN("laplace", laplace),
    PLAIN("hardswish", hardswish),
    PLAIN("sqrtsoftplus", sqrtsoftplus),
    PLAIN("selu", selu),
    LEARNED("prelu", prelu, HF_PRELU, 1),
    LEARNED("xielu", xielu, HF_XIELU_P, 4),
};
// clang-format on
const HfAct *hf_find_act(const char *name) {
    for (size_t i = 0; i < COUNT_OF(acts); i++)
        if (!strcmp(acts[i].name, name)) return &acts[i];
    return NULL;
}
const char *hf_suggest_act(const char *name) {
    const char *names[COUNT_OF(acts)];
    for (size_t i = 0; i < COUNT_OF(acts); i++) names[i] = acts[i].name;
    return str_did_you_mean(name, names, COUNT_OF(names));
}
bool hf_act_learns(const HfAct *act, HfSlot slot) {
    return slot >= act->first && (int)slot < (int)act->first + act->nlearned;
}
NodeId hf_build_act(const HfAct *act, Graph *g, NodeId x, const NodeId *learned) {
    return act->plain ? act->plain(g, x) : act->with_learned(g, x, learned);
}
