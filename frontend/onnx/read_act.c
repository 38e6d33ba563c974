// read_act.c: activations in terms of graph ops. Only those with a kernel of their own (gelu,
// sigmoid, tanh, erf, softplus) are ops. The same rows serve the fused operators of onnxruntime,
// which name an activation in an attribute.
#include "frontend/onnx/onnx_act.h"
#include <string.h>

// The activation of x with parameters a and b.
typedef NodeId Activate(Import *m, NodeId x, double a, double b);
typedef struct ActRow {
    const char *name;
    double alpha, beta; // defaults of the attributes alpha, or gamma, and beta
    Activate *make;
} ActRow;

static NodeId negative(Import *m, NodeId x) {
    return t_binary(m, OP_LT, x, t_like(m, x, 0));
}
static NodeId exp_minus_one(Import *m, NodeId x) {
    NodeId e = t_unary(m, OP_EXP, x);
    return t_binary(m, OP_SUB, e, t_like(m, e, 1));
}
static NodeId relu(Import *m, NodeId x, double a, double b) {
    (void)a, (void)b;
    return t_binary(m, OP_MAX, x, t_like(m, x, 0));
}
static NodeId leaky_relu(Import *m, NodeId x, double a, double b) {
    (void)b;
    return t_where(m, negative(m, x), t_scale(m, x, a), x);
}
static NodeId thresholded_relu(Import *m, NodeId x, double a, double b) {
    (void)b;
    return t_where(m, t_binary(m, OP_LT, t_like(m, x, a), x), x, t_like(m, x, 0));
}
static NodeId elu(Import *m, NodeId x, double a, double b) {
    (void)b;
    return t_where(m, negative(m, x), t_scale(m, exp_minus_one(m, x), a), x);
}
static NodeId selu(Import *m, NodeId x, double a, double gamma) {
    return t_scale(m, elu(m, x, a, 0), gamma);
}
static NodeId celu(Import *m, NodeId x, double a, double b) {
    (void)b;
    NodeId scaled = t_binary(m, OP_DIV, x, t_like(m, x, a));
    return t_where(m, negative(m, x), t_scale(m, exp_minus_one(m, scaled), a), x);
}
static NodeId clamp01(Import *m, NodeId x) {
    NodeId low = t_binary(m, OP_MAX, x, t_like(m, x, 0));
    return t_binary(m, OP_MIN, low, t_like(m, low, 1));
}
static NodeId hard_sigmoid(Import *m, NodeId x, double a, double b) {
    NodeId line = t_scale(m, x, a);
    return clamp01(m, t_binary(m, OP_ADD, line, t_like(m, line, b)));
}
static NodeId hard_swish(Import *m, NodeId x, double a, double b) {
    return t_binary(m, OP_MUL, x, hard_sigmoid(m, x, a, b));
}
static NodeId mish(Import *m, NodeId x, double a, double b) {
    (void)a, (void)b;
    return t_binary(m, OP_MUL, x, t_unary(m, OP_TANH, t_unary(m, OP_SOFTPLUS, x)));
}
static NodeId swish(Import *m, NodeId x, double a, double b) {
    (void)b;
    return t_binary(m, OP_MUL, x, t_unary(m, OP_SIGMOID, t_scale(m, x, a)));
}
static NodeId softsign(Import *m, NodeId x, double a, double b) {
    (void)a, (void)b;
    NodeId size = t_unary(m, OP_ABS, x);
    return t_binary(m, OP_DIV, x, t_binary(m, OP_ADD, size, t_like(m, size, 1)));
}
static NodeId act_sigmoid(Import *m, NodeId x, double a, double b) {
    (void)a, (void)b;
    return t_unary(m, OP_SIGMOID, x);
}
static NodeId act_tanh(Import *m, NodeId x, double a, double b) {
    (void)a, (void)b;
    return t_unary(m, OP_TANH, x);
}
static NodeId act_clip(Import *m, NodeId x, double low, double high) {
    NodeId c = t_binary(m, OP_MAX, x, t_like(m, x, low));
    return t_binary(m, OP_MIN, c, t_like(m, c, high));
}

static const ActRow acts[] = {
    {"Relu", 0, 0, relu},
    {"LeakyRelu", 0.01, 0, leaky_relu},
    {"ThresholdedRelu", 1, 0, thresholded_relu},
    {"Elu", 1, 0, elu},
    {"Selu", 1.67326319217681884765625, 1.05070102214813232421875, selu},
    {"Celu", 1, 0, celu},
    {"HardSigmoid", 0.2, 0.5, hard_sigmoid},
    {"HardSwish", 1.0 / 6, 0.5, hard_swish},
    {"Mish", 0, 0, mish},
    {"Swish", 1, 0, swish},
    {"Softsign", 0, 0, softsign},
    {"Sigmoid", 0, 0, act_sigmoid},
    {"Tanh", 0, 0, act_tanh},
    {"Clip", 0, 0, act_clip},
};
static const ActRow *find_act(const char *name) {
    for (size_t i = 0; i < COUNT_OF(acts); i++) {
        if (strcmp(acts[i].name, name) == 0) return &acts[i];
    }
    return NULL;
}

NodeId t_activation(Import *m, const char *name, NodeId x, const float *param, uint32_t nparam) {
    const ActRow *row = find_act(name);
    if (!row) {
        fail(m, ERR_UNSUPPORTED, "activation '%s' is not supported", name);
        return 0;
    }
    double a = nparam > 0 ? (double)param[0] : row->alpha,
           b = nparam > 1 ? (double)param[1] : row->beta;
    return x ? row->make(m, x, a, b) : 0;
}
bool read_activation(Import *m, OpCall *op) {
    const ActRow *row = find_act(op->type);
    bool fixed = strcmp(op->type, "HardSwish") == 0; // its alpha and beta are not attributes
    const char *second = strcmp(op->type, "Selu") == 0 ? "gamma" : "beta";
    double a = fixed ? row->alpha : opt_float(m, op, "alpha", row->alpha);
    double b = fixed ? row->beta : opt_float(m, op, second, row->beta);
    return done(op, row->make(m, op->in[0].node, a, b));
}

// The slope is aligned with x from the right; before opset 7, and in old files after, [C] means
// channels.
bool read_prelu(Import *m, OpCall *op) {
    NodeId x = op->in[0].node, slope = op->in[1].node;
    const Type *tx = t_type(m, x), *ts = t_type(m, slope);
    if (op->opset < 7 && ts->rank == 1 && tx->rank > 2 && ts->dim[0] != 1) {
        int64_t dim[MAX_RANK];
        for (int i = 0; i < tx->rank - 1; i++) dim[i] = i == 0 ? ts->dim[0] : 1;
        slope = t_reshape(m, slope, tx->rank - 1, dim);
    }
    return done(op, t_where(m, negative(m, x), t_binary(m, OP_MUL, x, slope), x));
}
bool read_gelu(Import *m, OpCall *op) {
    const char *kind = opt_text(m, op, "approximate", "none");
    if (strcmp(kind, "none") == 0) return done(op, t_unary(m, OP_GELU, op->in[0].node));
    if (strcmp(kind, "tanh") == 0) return done(op, t_unary(m, OP_GELU_TANH, op->in[0].node));
    return fail(m, ERR_MODEL, "approximate is '%s', not none or tanh", kind);
}
bool read_biasgelu(Import *m, OpCall *op) {
    NodeId x = op->in[0].node;
    if (op->in[1].node) x = t_binary(m, OP_ADD, x, op->in[1].node);
    return done(op, t_unary(m, (GraphOp)op->arg, x));
}
bool read_quickgelu(Import *m, OpCall *op) {
    return done(op, swish(m, op->in[0].node, opt_float(m, op, "alpha", 1.702), 0));
}
