// read_reduce.c: reductions along axes, softmax, argmax.
#include "frontend/onnx/onnx_import.h"
#include <string.h>

// Axes are an attribute or, from the opset named, an input. None means all of them, unless
// noop_with_empty_axes asks for none.
typedef struct Axes {
    int64_t v[MAX_RANK];
    uint32_t n;
    bool keepdims;
} Axes;
static bool read_axes(Import *m, OpCall *op, int64_t input_since, Axes *out) {
    int rank = t_type(m, op->in[0].node)->rank;
    Ints given = {0};
    out->keepdims = opt_int(m, op, "keepdims", 1) != 0;
    if (op->opset < input_since)
        opt_ints(m, op, "axes", &given);
    else if (op->in[1].node && !t_ints_of(m, op->in[1], "axes", &given))
        return false;
    if (!t_axes(m, &given, rank, out->v, &out->n)) return false;
    if (given.n || opt_int(m, op, "noop_with_empty_axes", 0)) return true;
    out->n = (uint32_t)rank;
    for (int i = 0; i < rank; i++) out->v[i] = i;
    return true;
}
static NodeId reduce(Import *m, GraphOp op, NodeId x, const Axes *a) {
    if (x && t_type(m, x)->dt == DT_BOOL) { // from opset 20 on
        return t_cast(m, t_reduce(m, op, t_cast(m, x, DT_U8), a->v, a->n, a->keepdims), DT_BOOL);
    }
    return t_reduce(m, op, x, a->v, a->n, a->keepdims);
}
bool read_reduce(Import *m, OpCall *op) {
    Axes axes;
    NodeId x = op->in[0].node;
    const char *kind = op->type + strlen("Reduce");
    if (!read_axes(m, op, strcmp(kind, "Sum") == 0 ? 13 : 18, &axes)) return false;
    if (strcmp(kind, "L1") == 0) x = t_unary(m, OP_ABS, x);
    if (strcmp(kind, "L2") == 0 || strcmp(kind, "SumSquare") == 0) x = t_binary(m, OP_MUL, x, x);
    x = reduce(m, (GraphOp)op->arg, x, &axes);
    if (strcmp(kind, "L2") == 0) x = t_unary(m, OP_SQRT, x);
    if (strcmp(kind, "LogSum") == 0) x = t_unary(m, OP_LOG, x);
    return done(op, x);
}
// log(sum(exp(x))) around the largest element.
bool read_reducelogsumexp(Import *m, OpCall *op) {
    Axes axes;
    NodeId x = op->in[0].node;
    if (!read_axes(m, op, 18, &axes)) return false;
    Axes kept = axes;
    kept.keepdims = true;
    NodeId top = reduce(m, OP_REDUCE_MAX, x, &kept);
    NodeId sum = reduce(m, OP_REDUCE_SUM, t_unary(m, OP_EXP, t_binary(m, OP_SUB, x, top)), &axes);
    NodeId log = t_unary(m, OP_LOG, sum);
    if (log == 0) return false;
    top = t_reshape(m, top, t_type(m, log)->rank, t_type(m, log)->dim);
    return done(op, t_binary(m, OP_ADD, log, top));
}
// The smallest is the largest of the negated; in i64, because unsigned numbers have no negative.
bool read_argmax(Import *m, OpCall *op) {
    NodeId x = op->in[0].node;
    int axis;
    if (!t_axis(m, opt_int(m, op, "axis", 0), t_type(m, x)->rank, &axis)) return false;
    if (op->arg) {
        if (dtype_info[t_type(m, x)->dt].cls == CLASS_INT) x = t_cast(m, x, DT_I64);
        x = t_unary(m, OP_NEG, x);
    }
    Attr a[] = {attr_int(AT_AXIS, axis), attr_int(AT_KEEPDIMS, opt_int(m, op, "keepdims", 1) != 0),
                attr_int(AT_LAST, opt_int(m, op, "select_last_index", 0) != 0)};
    return done(op, t_node(m, OP_ARGMAX, &x, 1, a, COUNT_OF(a)));
}

// ---- softmax ---------------------------------------------------------------------------------
static NodeId log_softmax(Import *m, NodeId x, int axis) {
    Axes a = {.v = {axis}, .n = 1, .keepdims = true};
    NodeId below = t_binary(m, OP_SUB, x, reduce(m, OP_REDUCE_MAX, x, &a));
    NodeId sum = reduce(m, OP_REDUCE_SUM, t_unary(m, OP_EXP, below), &a);
    return t_binary(m, OP_SUB, below, t_unary(m, OP_LOG, sum));
}
static NodeId softmax_along(Import *m, NodeId x, int axis, bool log) {
    return log ? log_softmax(m, x, axis) : t_softmax(m, x, axis);
}
// Before opset 13 the operand is a matrix: the axes from `axis` on are its columns.
static NodeId softmax_flat(Import *m, NodeId x, int axis, bool log) {
    if (x == 0) return 0;
    const Type t = *t_type(m, x);
    int64_t dim[2] = {1, 1};
    if (axis == t.rank - 1) return softmax_along(m, x, axis, log);
    for (int i = 0; i < t.rank; i++) dim[i >= axis] *= t.dim[i];
    return t_reshape(m, softmax_along(m, t_reshape(m, x, 2, dim), 1, log), t.rank, t.dim);
}
bool read_softmax(Import *m, OpCall *op) {
    NodeId x = op->in[0].node;
    int axis, rank = t_type(m, x)->rank;
    bool flat = op->opset < 13;
    if (rank == 0) { // a distribution over one thing
        return done(op, t_like(m, x, op->arg ? 0 : 1));
    }
    if (!t_axis(m, opt_int(m, op, "axis", flat ? 1 : -1), rank, &axis)) return false;
    return done(op, flat ? softmax_flat(m, x, axis, op->arg != 0)
                         : softmax_along(m, x, axis, op->arg != 0));
}
// The bias is spread over the leading or the inner axes; numpy's rules cover both where its rank is
// full.
bool read_biassoftmax(Import *m, OpCall *op) {
    NodeId x = op->in[0].node;
    int axis;
    if (!t_axis(m, opt_int(m, op, "axis", 1), t_type(m, x)->rank, &axis)) return false;
    NodeId sum = t_binary(m, OP_ADD, x, op->in[1].node);
    return done(op, softmax_flat(m, sum, axis, false));
}
bool read_globalpool(Import *m, OpCall *op) {
    NodeId x = op->in[0].node;
    int rank = t_type(m, x)->rank;
    Axes a = {.keepdims = true};
    if (rank < 3) return fail(m, ERR_MODEL, "an image is needed, the rank is %d", rank);
    for (int i = 2; i < rank; i++) a.v[a.n++] = i;
    return done(op, reduce(m, (GraphOp)op->arg, x, &a));
}
