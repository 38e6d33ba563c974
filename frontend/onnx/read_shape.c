// read_shape.c: constants, shapes and views. Shapes are static, so Shape is a constant.
#include "frontend/onnx/onnx_import.h"
#include <math.h>
#include <string.h>

// ---- constants -------------------------------------------------------------------------------
static bool constant_floats(Import *m, OpCall *op) {
    const float *v;
    uint32_t n;
    opt_floats(m, op, "value_floats", &v, &n);
    float *copy = t_alloc(m, n, DT_F32);
    if (n) memcpy(copy, v, n * sizeof *copy);
    return done(op, t_const(m, DT_F32, 1, (int64_t[]){n}, copy));
}
bool read_constant(Import *m, OpCall *op) {
    Ints ints;
    const TensorMsg *t = opt_tensor(m, op, "value");
    if (t) {
        op->out[0] = import_tensor(m, t);
        return op->out[0].node != 0;
    }
    if (opt_ints(m, op, "value_ints", &ints)) return done(op, t_ints(m, ints.v, ints.n));
    if (find_attr(op, "value_floats")) return constant_floats(m, op);
    if (find_attr(op, "value_int")) {
        int64_t v = opt_int(m, op, "value_int", 0);
        int64_t *copy = t_alloc(m, 1, DT_I64);
        *copy = v;
        return done(op, t_const(m, DT_I64, 0, NULL, copy));
    }
    if (find_attr(op, "value_float")) {
        return done(op, graph_scalar(m->g, DT_F32, opt_float(m, op, "value_float", 0), m->loc));
    }
    return fail(m, ERR_UNSUPPORTED, "only dense numeric constants are supported");
}
static bool shape_from(Import *m, const Ints *dims, const char *what) {
    if (dims->n > MAX_RANK) {
        return fail(m, ERR_UNSUPPORTED, "%s has %u dimensions, at most %d are supported", what,
                    dims->n, MAX_RANK);
    }
    if (type_check(dims->v, (int)dims->n)) return true;
    return fail(m, ERR_MODEL, "%s has a dimension that is negative or too large", what);
}
bool read_constantofshape(Import *m, OpCall *op) {
    Ints dims;
    if (!t_ints_of(m, op->in[0], "the shape", &dims) || !shape_from(m, &dims, "the shape"))
        return false;
    Value v = {graph_scalar(m->g, DT_F32, 0, m->loc), DT_F32};
    const TensorMsg *t = opt_tensor(m, op, "value");
    if (t) v = import_tensor(m, t);
    if (v.node == 0) return false;
    if (type_count(t_type(m, v.node)) != 1)
        return fail(m, ERR_MODEL, "value must have one element");
    op->out[0].dt = v.dt;
    return done(op, t_expand(m, t_reshape(m, v.node, 0, NULL), (int)dims.n, dims.v));
}
bool read_shape(Import *m, OpCall *op) {
    const Type *t = t_type(m, op->in[0].node);
    int64_t start = opt_int(m, op, "start", 0), end = opt_int(m, op, "end", t->rank);
    if (start < 0) start += t->rank;
    if (end < 0) end += t->rank;
    start = min_i64(max_i64(start, 0), t->rank);
    end = min_i64(max_i64(end, start), t->rank);
    return done(op, t_ints(m, t->dim + start, (uint32_t)(end - start)));
}
bool read_size(Import *m, OpCall *op) {
    int64_t *n = t_alloc(m, 1, DT_I64);
    *n = type_count(t_type(m, op->in[0].node));
    return done(op, t_const(m, DT_I64, 0, NULL, n));
}
static bool range_values(Import *m, OpCall *op, DType dt, double start, double delta, int64_t n) {
    void *v = t_alloc(m, (uint64_t)n, dt);
    for (int64_t i = 0; i < n; i++) {
        double x = start + (double)i * delta;
        if (dtype_info[dt].cls == CLASS_FLOAT)
            dtype_write_f(dt, v, (uint64_t)i, x);
        else
            dtype_write_i(dt, v, (uint64_t)i, (int64_t)x);
    }
    return done(op, t_const(m, dt, 1, &n, v));
}
bool read_range(Import *m, OpCall *op) {
    enum { MAX_RANGE = 1 << 22 };
    double start, limit, delta;
    if (!t_number_of(m, op->in[0], "the start", &start)) return false;
    if (!t_number_of(m, op->in[1], "the limit", &limit)) return false;
    if (!t_number_of(m, op->in[2], "the step", &delta)) return false;
    double n = ceil((limit - start) / delta);
    if (!(fabs(n) <= MAX_RANGE))
        return fail(m, ERR_MODEL, "the range is too long or its step is zero");
    return range_values(m, op, t_type(m, op->in[0].node)->dt, start, delta, n > 0 ? (int64_t)n : 0);
}

// ---- views -----------------------------------------------------------------------------------
// 0 copies a dimension (unless allowzero), one -1 takes what is left.
static bool resolve_reshape(Import *m, const Type *t, const Ints *want, bool allowzero,
                            int64_t *dim) {
    int64_t known = 1;
    int open = -1;
    if (want->n > MAX_RANK) return fail(m, ERR_UNSUPPORTED, "rank %u is not supported", want->n);
    for (uint32_t i = 0; i < want->n; i++) {
        int64_t d = want->v[i];
        if (d == -1 && open >= 0) return fail(m, ERR_MODEL, "the shape has two open dimensions");
        if (d == -1) {
            open = (int)i;
            dim[i] = 1;
            continue;
        }
        if (d == 0 && !allowzero && (int)i >= t->rank) {
            return fail(m, ERR_MODEL, "dimension %u is to be copied from an operand of rank %d", i,
                        t->rank);
        }
        dim[i] = d == 0 && !allowzero ? t->dim[i] : d;
    }
    if (!type_check(dim, (int)want->n)) {
        return fail(m, ERR_MODEL, "the shape has a dimension that is negative or too large");
    }
    for (uint32_t i = 0; i < want->n; i++) known *= dim[i];
    if (open >= 0 && known > 0 && type_count(t) % known == 0) dim[open] = type_count(t) / known;
    Type made = type_of(t->dt, (int)want->n, dim);
    if (type_count(&made) == type_count(t)) return true;
    return fail(m, ERR_MODEL, "%lld elements cannot have the shape %s", (long long)type_count(t),
                type_text(m->tmp, &made));
}
bool read_reshape(Import *m, OpCall *op) {
    Ints want;
    if (op->opset < 5) {
        if (!opt_ints(m, op, "shape", &want))
            return fail(m, ERR_MODEL, "attribute shape is missing");
    } else {
        if (op->in[1].node == 0) return fail(m, ERR_MODEL, "input 1 is missing");
        if (!t_ints_of(m, op->in[1], "the shape", &want)) return false;
    }
    int64_t dim[MAX_RANK];
    bool allowzero = opt_int(m, op, "allowzero", 0) != 0;
    if (!resolve_reshape(m, t_type(m, op->in[0].node), &want, allowzero, dim)) return false;
    return done(op, t_reshape(m, op->in[0].node, (int)want.n, dim));
}
bool read_flatten(Import *m, OpCall *op) {
    const Type *t = t_type(m, op->in[0].node);
    int64_t axis = opt_int(m, op, "axis", 1), dim[2] = {1, 1};
    if (axis < 0) axis += t->rank;
    if (axis < 0 || axis > t->rank) {
        return fail(m, ERR_MODEL, "axis %lld is out of range for rank %d", (long long)axis,
                    t->rank);
    }
    for (int i = 0; i < t->rank; i++) dim[i >= axis] *= t->dim[i];
    return done(op, t_reshape(m, op->in[0].node, 2, dim));
}
// Axes are an attribute before opset 13 and an input after. False: absent, or a diagnostic in *bad.
static bool axes_of(Import *m, OpCall *op, Ints *axes, bool *bad) {
    *bad = false;
    if (op->opset < 13) return opt_ints(m, op, "axes", axes);
    if (op->in[1].node == 0) return false;
    *bad = !t_ints_of(m, op->in[1], "axes", axes);
    return !*bad;
}
bool read_squeeze(Import *m, OpCall *op) {
    const Type t = *t_type(m, op->in[0].node);
    Ints given;
    bool bad, gone[MAX_RANK] = {false}, has = axes_of(m, op, &given, &bad);
    if (bad) return false;
    int64_t axes[MAX_RANK], dim[MAX_RANK];
    uint32_t n = 0;
    if (has && !t_axes(m, &given, t.rank, axes, &n)) return false;
    for (uint32_t i = 0; i < n; i++) {
        if (t.dim[axes[i]] != 1) {
            return fail(m, ERR_MODEL, "axis %lld has size %lld, not 1", (long long)axes[i],
                        (long long)t.dim[axes[i]]);
        }
        gone[axes[i]] = true;
    }
    int rank = 0;
    for (int i = 0; i < t.rank; i++) {
        if (has ? !gone[i] : t.dim[i] != 1) dim[rank++] = t.dim[i];
    }
    return done(op, t_reshape(m, op->in[0].node, rank, dim));
}
bool read_unsqueeze(Import *m, OpCall *op) {
    const Type t = *t_type(m, op->in[0].node);
    Ints given;
    bool bad, has = axes_of(m, op, &given, &bad);
    if (bad) return false;
    if (!has) return fail(m, ERR_MODEL, "axes are missing");
    if (given.n > (uint32_t)(MAX_RANK - t.rank)) {
        return fail(m, ERR_UNSUPPORTED, "the result has more than %d dimensions", MAX_RANK);
    }
    int64_t axes[MAX_RANK], dim[MAX_RANK];
    uint32_t n, k = 0;
    int rank = t.rank + (int)given.n, from = 0;
    if (!t_axes(m, &given, rank, axes, &n)) return false;
    for (int i = 0; i < rank; i++) {
        bool added = k < n && axes[k] == i;
        dim[i] = added ? 1 : t.dim[from++];
        k += added;
    }
    return done(op, t_reshape(m, op->in[0].node, rank, dim));
}

// ---- moves -----------------------------------------------------------------------------------
bool read_transpose(Import *m, OpCall *op) {
    int rank = t_type(m, op->in[0].node)->rank;
    int64_t perm[MAX_RANK];
    bool seen[MAX_RANK] = {false};
    Ints given;
    for (int i = 0; i < rank; i++) perm[i] = rank - 1 - i;
    if (opt_ints(m, op, "perm", &given)) {
        if (given.n != (uint32_t)rank)
            return fail(m, ERR_MODEL, "perm has %u entries for rank %d", given.n, rank);
        for (int i = 0; i < rank; i++) {
            int axis;
            if (!t_axis(m, given.v[i], rank, &axis)) return false;
            if (seen[axis]) return fail(m, ERR_MODEL, "perm names axis %d twice", axis);
            seen[axis] = true;
            perm[i] = axis;
        }
    }
    return done(op, t_transpose(m, op->in[0].node, perm));
}
bool read_expand(Import *m, OpCall *op) {
    const Type *t = t_type(m, op->in[0].node);
    Ints want;
    if (!t_ints_of(m, op->in[1], "the shape", &want) || !shape_from(m, &want, "the shape"))
        return false;
    int rank = want.n > (uint32_t)t->rank ? (int)want.n : t->rank;
    int64_t dim[MAX_RANK];
    for (int i = 0; i < rank; i++) { // aligned from the right; a 1 on either side gives way
        int a = i - (rank - t->rank), b = i - (rank - (int)want.n);
        int64_t x = a >= 0 ? t->dim[a] : 1, y = b >= 0 ? want.v[b] : 1;
        dim[i] = y == 1 ? x : y;
    }
    return done(op, t_expand(m, op->in[0].node, rank, dim));
}
bool read_concat(Import *m, OpCall *op) {
    int axis;
    NodeId *in = NEW_N(m->tmp, NodeId, op->nin);
    if (op->opset >= 4 && !find_attr(op, "axis"))
        return fail(m, ERR_MODEL, "attribute 'axis' is missing");
    if (!t_axis(m, opt_int(m, op, "axis", 1), t_type(m, op->in[0].node)->rank, &axis)) return false;
    for (uint32_t i = 0; i < op->nin; i++) {
        in[i] = op->in[i].node;
        if (in[i] == 0) return fail(m, ERR_MODEL, "input %u is missing", i);
    }
    return done(op, t_concat(m, in, op->nin, axis));
}
// Repeats along one axis: a new axis before it, spread, merged.
static NodeId tile_axis(Import *m, NodeId x, int axis, int64_t times) {
    if (x == 0 || times == 1) return x;
    Type t = *t_type(m, x);
    int64_t before = 1, after = 1;
    for (int i = 0; i < t.rank; i++) *(i < axis ? &before : &after) *= t.dim[i];
    x = t_reshape(m, x, 3, (int64_t[]){before, 1, after});
    x = t_expand(m, x, 3, (int64_t[]){before, times, after});
    t.dim[axis] *= times;
    return t_reshape(m, x, t.rank, t.dim);
}
// Before opset 6 the operator repeats one axis: the number and the axis are inputs.
static bool legacy_repeats(Import *m, OpCall *op, int rank, Ints *times) {
    Ints axis;
    int a;
    if (op->in[2].node == 0) return fail(m, ERR_MODEL, "input 2 is missing");
    if (!t_ints_of(m, op->in[2], "the axis", &axis)) return false;
    if (times->n != 1 || axis.n != 1) {
        return fail(m, ERR_MODEL, "tiles and axis must be one number each");
    }
    if (!t_axis(m, axis.v[0], rank, &a)) return false;
    int64_t *all = NEW_N(m->tmp, int64_t, MAX_RANK);
    for (int i = 0; i < rank; i++) all[i] = i == a ? times->v[0] : 1;
    *times = (Ints){all, (uint32_t)rank};
    return true;
}
bool read_tile(Import *m, OpCall *op) {
    Type made = *t_type(m, op->in[0].node);
    NodeId x = op->in[0].node;
    Ints times;
    if (!t_ints_of(m, op->in[1], "repeats", &times)) return false;
    if (op->opset < 6 && !legacy_repeats(m, op, made.rank, &times)) return false;
    if (times.n != (uint32_t)made.rank) {
        return fail(m, ERR_MODEL, "%u repeats for rank %d", times.n, made.rank);
    }
    for (int i = 0; i < made.rank; i++) {
        uint64_t d;
        if (times.v[i] < 0) return fail(m, ERR_MODEL, "repeats must not be negative");
        if (!size_mul((uint64_t)made.dim[i], (uint64_t)times.v[i], &d) || d > limit(LIM_DIM)) {
            return fail(m, ERR_LIMIT, "dimension %d of the result is too large", i);
        }
        made.dim[i] = (int64_t)d;
    }
    if (!type_check(made.dim, made.rank)) return fail(m, ERR_LIMIT, "the result is too large");
    for (int i = 0; i < made.rank; i++) x = tile_axis(m, x, i, times.v[i]);
    return done(op, x);
}
