// read_norm.c: normalisations. LayerNormalization over several axes is one over their product.
#include "frontend/onnx/onnx_import.h"

typedef struct Rows { // x as a matrix: what is normalised is a row
    Type type;        // of x
    int axis;
    int64_t count, width;
} Rows;
static bool rows_of(Import *m, NodeId x, int64_t axis, Rows *r) {
    r->type = *t_type(m, x);
    r->count = r->width = 1;
    if (!t_axis(m, axis, r->type.rank, &r->axis)) return false;
    for (int i = 0; i < r->type.rank; i++) *(i < r->axis ? &r->count : &r->width) *= r->type.dim[i];
    return true;
}
static bool is_one_axis(const Rows *r) {
    return r->axis == r->type.rank - 1;
}
static NodeId to_rows(Import *m, NodeId x, const Rows *r) {
    return is_one_axis(r) ? x : t_reshape(m, x, 2, (int64_t[]){r->count, r->width});
}
static NodeId from_rows(Import *m, NodeId x, const Rows *r) {
    return is_one_axis(r) ? x : t_reshape(m, x, r->type.rank, r->type.dim);
}
// A gain or bias as a vector over the row. 0 when it is absent or, after a diagnostic, does not
// fit.
static NodeId to_vector(Import *m, NodeId v, const Rows *r) {
    if (v == 0) return 0;
    const Type t = *t_type(m, v);
    int first = 0;
    while (first < t.rank && t.dim[first] == 1) first++;
    int rank = t.rank - first, inner = r->type.rank - r->axis;
    v = t_reshape(m, v, rank, t.dim + first);
    if (rank <= inner) v = t_expand(m, v, inner, r->type.dim + r->axis);
    if (v && type_count(t_type(m, v)) == r->width) return t_reshape(m, v, 1, &r->width);
    if (v) {
        fail(m, ERR_MODEL, "a gain or bias of shape %s does not fit rows of %lld",
             type_text(m->tmp, &t), (long long)r->width);
    }
    return 0;
}
static NodeId layer_norm(Import *m, NodeId x, NodeId gain, NodeId bias, double eps, const Rows *r) {
    NodeId in[3] = {to_rows(m, x, r), 0, 0};
    uint32_t n = 1;
    if (gain && (in[n++] = to_vector(m, gain, r)) == 0) return 0;
    if (bias && (in[n++] = to_vector(m, bias, r)) == 0) return 0;
    Attr a = attr_float(AT_EPS, eps);
    return from_rows(m, t_node(m, OP_LAYERNORM, in, n, &a, 1), r);
}
// The optional outputs: mean and 1/sqrt(variance + eps), with the normalised axes kept as 1.
static bool statistics(Import *m, OpCall *op, NodeId x, double eps, const Rows *r) {
    int64_t axes[MAX_RANK];
    uint32_t n = 0;
    if (!op->wanted[1] && !op->wanted[2]) return true;
    for (int i = r->axis; i < r->type.rank; i++) axes[n++] = i;
    NodeId mean = t_reduce(m, OP_REDUCE_MEAN, x, axes, n, true), d = t_binary(m, OP_SUB, x, mean);
    NodeId var = t_reduce(m, OP_REDUCE_MEAN, t_binary(m, OP_MUL, d, d), axes, n, true);
    op->out[1] = (Value){mean, DT_F32};
    op->out[2] =
        (Value){t_unary(m, OP_RSQRT, t_binary(m, OP_ADD, var, t_like(m, var, eps))), DT_F32};
    return op->out[2].node != 0;
}
bool read_layernorm(Import *m, OpCall *op) {
    NodeId x = op->in[0].node;
    double eps = opt_float(m, op, "epsilon", 1e-5);
    Rows r;
    if (!rows_of(m, x, opt_int(m, op, "axis", -1), &r) || !statistics(m, op, x, eps, &r))
        return false;
    return done(op, layer_norm(m, x, op->in[1].node, op->in[2].node, eps, &r));
}
bool read_rmsnorm(Import *m, OpCall *op) {
    NodeId x = op->in[0].node;
    double eps = opt_float(m, op, "epsilon", 1e-5);
    Rows r;
    if (!rows_of(m, x, opt_int(m, op, "axis", -1), &r)) return false;
    int64_t last = is_one_axis(&r) ? r.axis : 1;
    NodeId rows = to_rows(m, x, &r);
    NodeId mean = t_reduce(m, OP_REDUCE_MEAN, t_binary(m, OP_MUL, rows, rows), &last, 1, true);
    NodeId inverse = t_unary(m, OP_RSQRT, t_binary(m, OP_ADD, mean, t_like(m, mean, eps)));
    NodeId gain = to_vector(m, op->in[1].node, &r);
    NodeId y = t_binary(m, OP_MUL, t_binary(m, OP_MUL, rows, inverse), gain);
    return done(op, from_rows(m, y, &r));
}
// (input, skip, gain, bias?, bias of the sum?) -> normalised, mean, 1/deviation, the sum itself
bool read_skiplayernorm(Import *m, OpCall *op) {
    NodeId sum = t_binary(m, OP_ADD, op->in[0].node, op->in[1].node);
    double eps = opt_float(m, op, "epsilon", 1e-12);
    Rows r;
    if (op->in[4].node) sum = t_binary(m, OP_ADD, sum, op->in[4].node);
    if (sum == 0 || !rows_of(m, sum, -1, &r) || !statistics(m, op, sum, eps, &r)) return false;
    op->out[3].node = sum;
    return done(op, layer_norm(m, sum, op->in[2].node, op->in[3].node, eps, &r));
}

// ---- batch normalisation at inference: one multiply and one add per channel
// ----------------------
static NodeId per_channel(Import *m, NodeId v, int rank) {
    if (v == 0) return 0;
    const Type t = *t_type(m, v);
    if (t.rank != 1 || rank < 2) return v; // spatial = 0: one number per element
    int64_t dim[MAX_RANK];
    for (int i = 0; i < rank - 1; i++) dim[i] = i == 0 ? t.dim[0] : 1;
    return t_reshape(m, v, rank - 1, dim);
}
bool read_batchnorm(Import *m, OpCall *op) {
    NodeId x = op->in[0].node, gain = op->in[1].node, bias = op->in[2].node;
    NodeId mean = op->in[3].node, var = op->in[4].node;
    bool training = op->opset >= 14 && opt_int(m, op, "training_mode", 0);
    if (training) return fail(m, ERR_UNSUPPORTED, "the model is in training mode");
    int rank = t_type(m, x)->rank;
    double eps = opt_float(m, op, "epsilon", 1e-5);
    NodeId scale = t_binary(m, OP_ADD, var, t_like(m, var, eps));
    scale = t_binary(m, OP_MUL, gain, t_unary(m, OP_RSQRT, scale));
    NodeId shift = t_binary(m, OP_SUB, bias, t_binary(m, OP_MUL, mean, scale));
    x = t_binary(m, OP_MUL, x, per_channel(m, scale, rank));
    op->out[1].node = mean;
    op->out[2].node = var;
    return done(op, t_binary(m, OP_ADD, x, per_channel(m, shift, rank)));
}
