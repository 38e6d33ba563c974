// read_math.c: elementwise operators, casts, and those that are nothing at inference.
#include "frontend/onnx/onnx_import.h"
#include <math.h>
#include <string.h>

bool read_unary(Import *m, OpCall *op) {
    return done(op, t_unary(m, (GraphOp)op->arg, op->in[0].node));
}
bool read_isinf(Import *m, OpCall *op) {
    NodeId x = op->in[0].node;
    bool negative = opt_int(m, op, "detect_negative", 1) != 0;
    bool positive = opt_int(m, op, "detect_positive", 1) != 0;
    if (negative && positive) {
        return done(op, t_binary(m, OP_EQ, t_unary(m, OP_ABS, x), t_like(m, x, INFINITY)));
    }
    if (negative || positive) {
        return done(op, t_binary(m, OP_EQ, x, t_like(m, x, positive ? INFINITY : -INFINITY)));
    }
    NodeId no = graph_scalar(m->g, DT_BOOL, 0, m->loc);
    return done(op, t_expand(m, no, t_type(m, x)->rank, t_type(m, x)->dim));
}

// Before opset 7 the second operand was aligned by an attribute: its axes start at `axis` of the
// first.
static NodeId align_legacy(Import *m, OpCall *op, NodeId x, NodeId y) {
    const Type *tx = t_type(m, x), *ty = t_type(m, y);
    if (op->opset >= 7 || !opt_int(m, op, "broadcast", 0) || !find_attr(op, "axis")) return y;
    int axis;
    if (!t_axis(m, opt_int(m, op, "axis", 0), tx->rank, &axis)) return 0;
    if (axis + ty->rank > tx->rank) {
        fail(m, ERR_MODEL, "axis %d leaves no room for rank %d", axis, ty->rank);
        return 0;
    }
    int64_t dim[MAX_RANK];
    int rank = tx->rank - axis;
    for (int i = 0; i < rank; i++) dim[i] = i < ty->rank ? ty->dim[i] : 1;
    return t_reshape(m, y, rank, dim);
}
bool read_binary(Import *m, OpCall *op) {
    NodeId x = op->in[0].node;
    return done(op, t_binary(m, (GraphOp)op->arg, x, align_legacy(m, op, x, op->in[1].node)));
}
bool read_greater(Import *m, OpCall *op) {
    NodeId x = op->in[0].node;
    return done(op, t_binary(m, (GraphOp)op->arg, align_legacy(m, op, x, op->in[1].node), x));
}
bool read_mod(Import *m, OpCall *op) {
    Attr a = attr_int(AT_FMOD, opt_int(m, op, "fmod", 0) != 0);
    NodeId in[] = {op->in[0].node, op->in[1].node};
    return done(op, t_node(m, OP_MOD, in, 2, &a, 1));
}
static NodeId combine(Import *m, OpCall *op, GraphOp with) {
    NodeId x = op->in[0].node;
    for (uint32_t i = 1; i < op->nin; i++) x = t_binary(m, with, x, op->in[i].node);
    return x;
}
bool read_variadic(Import *m, OpCall *op) {
    return done(op, combine(m, op, (GraphOp)op->arg));
}
bool read_mean(Import *m, OpCall *op) {
    return done(op, t_scale(m, combine(m, op, OP_ADD), 1.0 / op->nin));
}

// ---- where -----------------------------------------------------------------------------------
// Can the scores below a softmax be minus infinity? Then a fully masked row would give NaN.
static bool may_be_masked(const Import *m, NodeId n) {
    for (int i = 0; i < LOOK_BACK; i++) {
        const Node *node = graph_node(m->g, n);
        if (node->op == OP_MATMUL) return false;
        bool passes = node->op == OP_MUL || node->op == OP_DIV || node->op == OP_RESHAPE;
        if (!passes) return true;
        n = node->in[0];
    }
    return true;
}
// Exporters write Where(IsNaN(p), 0, p) after a softmax that can have a mask. Without one it is p.
static bool is_idle_guard(const Import *m, NodeId cond, NodeId otherwise) {
    const Node *c = graph_node(m->g, cond), *p = graph_node(m->g, otherwise);
    return c->op == OP_ISNAN && c->in[0] == otherwise && p->op == OP_SOFTMAX &&
           !may_be_masked(m, p->in[0]);
}
bool read_where(Import *m, OpCall *op) {
    NodeId cond = op->in[0].node, yes = op->in[1].node, no = op->in[2].node;
    if (is_idle_guard(m, cond, no)) return done(op, no);
    return done(op, t_where(m, cond, yes, no));
}

// ---- clip ------------------------------------------------------------------------------------
bool read_clip(Import *m, OpCall *op) {
    NodeId x = op->in[0].node, low = op->in[1].node, high = op->in[2].node;
    if (op->opset < 11) {
        if (find_attr(op, "min")) low = t_like(m, x, opt_float(m, op, "min", 0));
        if (find_attr(op, "max")) high = t_like(m, x, opt_float(m, op, "max", 0));
    }
    if (low) x = t_binary(m, OP_MAX, x, low);
    if (high) x = t_binary(m, OP_MIN, x, high);
    return done(op, x);
}

// ---- casts -----------------------------------------------------------------------------------
// A constant that only moved since it was stored: its rounding is part of the model.
static bool is_stored(const Import *m, NodeId n) {
    for (int i = 0; i < LOOK_BACK; i++) {
        const Node *node = graph_node(m->g, n);
        if (node->op == OP_CONST) return true;
        if (node->nin != 1 || !(op_is(node->op, VIEW | MOVE) || node->op == OP_CAST)) return false;
        n = node->in[0];
    }
    return false;
}
static NodeId convert(Import *m, NodeId x, DType to) {
    if (dtype_info[to].cls != CLASS_FLOAT) return t_cast(m, x, to);
    bool narrow = to == DT_F16 || to == DT_BF16;
    if (narrow && is_stored(m, x)) x = t_cast(m, x, to);
    return t_cast(m, x, DT_F32);
}
static DType legacy_type(const char *name) {
    static const struct {
        const char *name;
        DType dt;
    } names[] = {{"FLOAT", DT_F32},  {"UINT8", DT_U8},   {"INT8", DT_I8},    {"UINT16", DT_U16},
                 {"INT16", DT_I16},  {"INT32", DT_I32},  {"INT64", DT_I64},  {"BOOL", DT_BOOL},
                 {"DOUBLE", DT_F64}, {"UINT32", DT_U32}, {"UINT64", DT_U64}, {"FLOAT16", DT_F16}};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (strcmp(names[i].name, name) == 0) return names[i].dt;
    }
    return DT_NONE;
}
bool read_cast(Import *m, OpCall *op) {
    DType to;
    if (op->opset < 6) {
        const char *name = opt_text(m, op, "to", "");
        to = legacy_type(name);
        if (to == DT_NONE)
            return fail(m, ERR_UNSUPPORTED, "element type '%s' is not supported", name);
    } else {
        int64_t code = opt_int(m, op, "to", 0);
        to = code > 0 && code < INT32_MAX ? dtype_from_onnx((int)code) : DT_NONE;
        if (to == DT_NONE) {
            return fail(m, ERR_UNSUPPORTED, "element type %lld is not supported", (long long)code);
        }
    }
    op->out[0].dt = to;
    return done(op, convert(m, op->in[0].node, to));
}
bool read_castlike(Import *m, OpCall *op) {
    op->out[0].dt = op->in[1].dt;
    return done(op, convert(m, op->in[0].node, op->in[1].dt));
}

// ---- nothing at inference --------------------------------------------------------------------
bool read_identity(Import *m, OpCall *op) {
    (void)m;
    return done(op, op->in[0].node);
}
bool read_dropout(Import *m, OpCall *op) {
    NodeId x = op->in[0].node;
    double training = 0, ratio = opt_float(m, op, "ratio", 0.5);
    if (op->in[2].node && !t_number_of(m, op->in[2], "training_mode", &training)) return false;
    if (training != 0 && op->in[1].node && !t_number_of(m, op->in[1], "the ratio", &ratio)) {
        return false;
    }
    if (training != 0 && ratio != 0) {
        return fail(m, ERR_UNSUPPORTED, "the model is in training mode");
    }
    if (op->wanted[1]) { // the mask: everything was kept
        NodeId kept = graph_scalar(m->g, op->opset < 10 ? DT_F32 : DT_BOOL, 1, m->loc);
        op->out[1].node = t_expand(m, kept, t_type(m, x)->rank, t_type(m, x)->dim);
    }
    return done(op, x);
}
