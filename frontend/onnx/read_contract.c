// read_contract.c: matrix products and convolutions, with the activations that onnxruntime fuses
// in.
#include "frontend/onnx/onnx_act.h"
#include <string.h>

bool read_matmul(Import *m, OpCall *op) {
    if (t_type(m, op->in[0].node)->rank == 0 || t_type(m, op->in[1].node)->rank == 0) {
        return fail(m, ERR_MODEL, "a scalar is not a matrix");
    }
    return done(op, t_matmul(m, op->in[0].node, op->in[1].node, false));
}
// The activation attribute of a fused operator, if it has one.
static NodeId fused_activation(Import *m, OpCall *op, NodeId x) {
    const char *name = opt_text(m, op, "activation", "");
    const float *params;
    uint32_t n;
    if (!*name) return x;
    if (opt_floats(m, op, "activation_params", &params, &n)) {
        return t_activation(m, name, x, params, n);
    }
    float one[2] = {(float)opt_float(m, op, "activation_alpha", 0),
                    (float)opt_float(m, op, "activation_beta", 0)};
    n = find_attr(op, "activation_beta") ? 2 : find_attr(op, "activation_alpha") ? 1 : 0;
    return t_activation(m, name, x, one, n);
}
bool read_gemm(Import *m, OpCall *op) {
    NodeId a = op->in[0].node, b = op->in[1].node, c = op->in[2].node;
    if (t_type(m, a)->rank != 2 || t_type(m, b)->rank != 2) {
        return fail(m, ERR_MODEL, "A and B must be matrices");
    }
    if (opt_int(m, op, "transA", 0)) a = t_swap(m, a, 0, 1);
    NodeId y = t_matmul(m, a, b, opt_int(m, op, "transB", 0) != 0);
    y = t_scale(m, y, opt_float(m, op, "alpha", 1));
    double beta = opt_float(m, op, "beta", 1);
    if (c && beta != 0) y = t_binary(m, OP_ADD, y, t_scale(m, c, beta));
    if (y && t_type(m, y)->rank != 2) return fail(m, ERR_MODEL, "C is larger than the product");
    return done(op, op->arg ? fused_activation(m, op, y) : y);
}

// onnxruntime: transBatch brings the first axis of an operand next to the last.
static NodeId move_first_axis(Import *m, NodeId x) {
    int64_t perm[MAX_RANK];
    int rank = t_type(m, x)->rank;
    for (int i = 0; i < rank; i++) perm[i] = i < rank - 2 ? i + 1 : i == rank - 2 ? 0 : i;
    return t_transpose(m, x, perm);
}
bool read_fusedmatmul(Import *m, OpCall *op) {
    NodeId a = op->in[0].node, b = op->in[1].node;
    int rank_a = t_type(m, a)->rank, rank_b = t_type(m, b)->rank;
    bool trans_a = opt_int(m, op, "transA", 0) && rank_a > 1;
    bool trans_b = opt_int(m, op, "transB", 0) && rank_b > 1;
    if (rank_a == 0 || rank_b == 0) return fail(m, ERR_MODEL, "a scalar is not a matrix");
    if (opt_int(m, op, "transBatchA", 0) && rank_a > 2) a = move_first_axis(m, a);
    if (opt_int(m, op, "transBatchB", 0) && rank_b > 2) b = move_first_axis(m, b);
    if (trans_a) a = t_swap(m, a, rank_a - 2, rank_a - 1);
    return done(op, t_scale(m, t_matmul(m, a, b, trans_b), opt_float(m, op, "alpha", 1)));
}
bool read_biasadd(Import *m, OpCall *op) {
    NodeId x = t_binary(m, OP_ADD, op->in[0].node, op->in[1].node);
    return done(op, t_binary(m, OP_ADD, x, op->in[2].node));
}

// ---- convolution -----------------------------------------------------------------------------
typedef struct Window {
    int64_t stride[MAX_RANK], dilation[MAX_RANK], pad[2 * MAX_RANK];
} Window;
static bool per_axis(Import *m, OpCall *op, const char *name, uint32_t n, int64_t fill,
                     int64_t *out) {
    Ints given;
    bool has = opt_ints(m, op, name, &given);
    if (has && given.n != n) {
        return fail(m, ERR_MODEL, "attribute %s has %u entries, %u are needed", name, given.n, n);
    }
    for (uint32_t i = 0; i < n; i++) {
        out[i] = has ? given.v[i] : fill;
        if (out[i] < 0 || out[i] > (int64_t)limit(LIM_DIM)) {
            return fail(m, ERR_MODEL, "attribute %s: %lld is out of range", name,
                        (long long)out[i]);
        }
    }
    return true;
}
// SAME: as many results as strides fit; the odd element goes to the end (UPPER) or the start
// (LOWER).
static bool automatic_pads(Import *m, OpCall *op, const Type *x, const Type *w, Window *win) {
    const char *mode = opt_text(m, op, "auto_pad", "NOTSET");
    int n = x->rank - 2;
    if (strcmp(mode, "NOTSET") == 0) return true;
    bool upper = strcmp(mode, "SAME_UPPER") == 0, lower = strcmp(mode, "SAME_LOWER") == 0;
    if (!upper && !lower && strcmp(mode, "VALID") != 0) {
        return fail(m, ERR_MODEL, "auto_pad '%s' is unknown", mode);
    }
    for (int i = 0; i < n; i++) {
        int64_t size = x->dim[2 + i], stride = win->stride[i];
        int64_t span = win->dilation[i] * (w->dim[2 + i] - 1) + 1;
        int64_t all = stride ? max_i64((ceil_div(size, stride) - 1) * stride + span - size, 0) : 0;
        int64_t half = all / 2;
        win->pad[i] = upper ? half : lower ? all - half : 0;
        win->pad[n + i] = upper ? all - half : lower ? half : 0;
    }
    return true;
}
static bool read_window(Import *m, OpCall *op, const Type *x, const Type *w, Window *win) {
    uint32_t n = (uint32_t)x->rank - 2;
    Ints kernel;
    if (!per_axis(m, op, "strides", n, 1, win->stride)) return false;
    if (!per_axis(m, op, "dilations", n, 1, win->dilation)) return false;
    if (!per_axis(m, op, "pads", 2 * n, 0, win->pad)) return false;
    if (opt_ints(m, op, "kernel_shape", &kernel)) {
        bool fits = kernel.n == n;
        for (uint32_t i = 0; fits && i < n; i++) fits = kernel.v[i] == w->dim[2 + i];
        if (!fits) return fail(m, ERR_MODEL, "kernel_shape is not the shape of the weight");
    }
    return automatic_pads(m, op, x, w, win);
}
// (x, weight, bias?, and for FusedConv an addend before the activation)
bool read_conv(Import *m, OpCall *op) {
    NodeId in[2] = {op->in[0].node, op->in[1].node}, bias = op->in[2].node, addend = op->in[3].node;
    const Type x = *t_type(m, in[0]), w = *t_type(m, in[1]);
    Window win;
    if (x.rank < 3 || w.rank != x.rank) {
        return fail(m, ERR_MODEL, "an image of rank %d and a weight of rank %d do not fit", x.rank,
                    w.rank);
    }
    if (!read_window(m, op, &x, &w, &win)) return false;
    uint32_t n = (uint32_t)x.rank - 2;
    Attr a[] = {attr_ints(m->g, AT_STRIDES, win.stride, n),
                attr_ints(m->g, AT_PADS, win.pad, 2 * n),
                attr_ints(m->g, AT_DILATIONS, win.dilation, n),
                attr_int(AT_GROUP, opt_int(m, op, "group", 1))};
    NodeId y = t_node(m, OP_CONV, in, 2, a, COUNT_OF(a));
    if (bias) {
        int64_t dim[MAX_RANK] = {1, w.dim[0]};
        for (int i = 2; i < x.rank; i++) dim[i] = 1;
        y = t_binary(m, OP_ADD, y, t_reshape(m, bias, x.rank, dim));
    }
    if (addend) y = t_binary(m, OP_ADD, y, addend);
    return done(op, op->arg ? fused_activation(m, op, y) : y);
}
