// read_index.c: operators that choose elements by position: slices, splits, gathers, paddings.
#include "frontend/onnx/onnx_import.h"
#include <string.h>

enum { MAX_INDICES = 1 << 22 }; // positions written down as a constant

// ---- slice, split ----------------------------------------------------------------------------
typedef struct Cut {
    int64_t start, size, step;
} Cut;
// Python's rules: negative counts from the end, then both are clamped.
static Cut cut_axis(int64_t dim, int64_t start, int64_t end, int64_t step) {
    const int64_t far = (int64_t)1 << 40; // beyond any dimension
    step = min_i64(max_i64(step, -far), far);
    if (start < 0) start += dim;
    if (end < 0) end += dim;
    int64_t low = step > 0 ? 0 : -1, high = step > 0 ? dim : dim - 1;
    start = min_i64(max_i64(start, 0), high);
    end = min_i64(max_i64(end, low), high);
    int64_t span = step > 0 ? end - start : start - end, pace = step > 0 ? step : -step;
    int64_t size = span > 0 ? ceil_div(span, pace) : 0;
    return (Cut){size ? start : 0, size, size ? step : 1};
}
// starts, ends, axes and steps: attributes before opset 10, inputs after.
static bool slice_operands(Import *m, OpCall *op, Ints arg[4]) {
    static const char *const names[] = {"starts", "ends", "axes", "steps"};
    for (uint32_t i = 0; i < 4; i++) {
        if (op->opset < 10) {
            opt_ints(m, op, names[i], &arg[i]);
        } else {
            arg[i] = (Ints){0};
            if (op->in[i + 1].node && !t_ints_of(m, op->in[i + 1], names[i], &arg[i])) return false;
        }
    }
    if (arg[0].n != arg[1].n || (arg[2].n && arg[2].n != arg[0].n) ||
        (arg[3].n && arg[3].n != arg[0].n)) {
        return fail(m, ERR_MODEL, "starts, ends, axes and steps have different lengths");
    }
    return true;
}
bool read_slice(Import *m, OpCall *op) {
    const Type t = *t_type(m, op->in[0].node);
    Ints arg[4];
    int64_t starts[MAX_RANK] = {0}, sizes[MAX_RANK], steps[MAX_RANK];
    if (!slice_operands(m, op, arg)) return false;
    for (int i = 0; i < t.rank; i++) {
        sizes[i] = t.dim[i];
        steps[i] = 1;
    }
    for (uint32_t i = 0; i < arg[0].n; i++) {
        int axis;
        int64_t step = arg[3].n ? arg[3].v[i] : 1;
        if (!t_axis(m, arg[2].n ? arg[2].v[i] : (int64_t)i, t.rank, &axis)) return false;
        if (step == 0) return fail(m, ERR_MODEL, "the step of axis %d is zero", axis);
        Cut c = cut_axis(t.dim[axis], arg[0].v[i], arg[1].v[i], step);
        starts[axis] = c.start;
        sizes[axis] = c.size;
        steps[axis] = c.step;
    }
    return done(op, t_slices(m, op->in[0].node, starts, sizes, steps));
}
// The sizes: an attribute, an input (opset 1, and from 13 on), or equal parts.
static bool split_sizes(Import *m, OpCall *op, int64_t dim, Ints *sizes) {
    if (op->opset < 13 && opt_ints(m, op, "split", sizes)) return true;
    if (op->in[1].node) return t_ints_of(m, op->in[1], "split", sizes);
    int64_t parts = opt_int(m, op, "num_outputs", op->nout);
    if (parts != op->nout || parts == 0)
        return fail(m, ERR_MODEL, "num_outputs is not the number of outputs");
    if (op->opset < 18 && dim % parts) {
        return fail(m, ERR_MODEL, "%lld elements do not split into %lld equal parts",
                    (long long)dim, (long long)parts);
    }
    *sizes = (Ints){NEW_N(m->tmp, int64_t, op->nout), op->nout};
    int64_t part = ceil_div(dim, parts), left = dim;
    for (uint32_t i = 0; i < op->nout; i++) {
        sizes->v[i] = min_i64(part, left);
        left -= sizes->v[i];
    }
    return true;
}
bool read_split(Import *m, OpCall *op) {
    NodeId x = op->in[0].node;
    const Type t = *t_type(m, x);
    int axis;
    Ints sizes;
    if (!t_axis(m, opt_int(m, op, "axis", 0), t.rank, &axis)) return false;
    if (!split_sizes(m, op, t.dim[axis], &sizes)) return false;
    if (sizes.n != op->nout)
        return fail(m, ERR_MODEL, "%u sizes for %u outputs", sizes.n, op->nout);
    int64_t at = 0;
    for (uint32_t i = 0; i < op->nout; i++) {
        if (sizes.v[i] < 0 || sizes.v[i] > t.dim[axis] - at) {
            return fail(m, ERR_MODEL, "the sizes do not add up to %lld", (long long)t.dim[axis]);
        }
        if (op->wanted[i]) {
            op->out[i].node = t_slice(m, x, axis, at, sizes.v[i]);
            if (op->out[i].node == 0) return false;
        }
        at += sizes.v[i];
    }
    if (at != t.dim[axis])
        return fail(m, ERR_MODEL, "the sizes do not add up to %lld", (long long)t.dim[axis]);
    return true;
}

// ---- gather ----------------------------------------------------------------------------------
// Known indices are checked and made non-negative here; others at run time, where they are clamped.
static NodeId known_indices(Import *m, NodeId index, int64_t dim) {
    const Type t = *t_type(m, index);
    const Const *k = graph_const_of(m->g, index);
    int64_t n = type_count(&t), *v = t_alloc(m, (uint64_t)n, DT_I64);
    for (int64_t i = 0; i < n; i++) {
        int64_t at = dtype_read_i(t.dt, k->data, (uint64_t)i);
        if (at < -dim || at >= dim) {
            fail(m, ERR_MODEL, "index %lld is out of range for %lld elements", (long long)at,
                 (long long)dim);
            return 0;
        }
        v[i] = at < 0 ? at + dim : at;
    }
    return t_const(m, DT_I64, t.rank, t.dim, v);
}
static NodeId computed_indices(Import *m, NodeId index, int64_t dim) {
    NodeId i = t_cast(m, index, DT_I64), n = t_like(m, i, (double)dim);
    i = t_where(m, t_binary(m, OP_LT, i, t_like(m, i, 0)), t_binary(m, OP_ADD, i, n), i);
    i = t_binary(m, OP_MAX, i, t_like(m, i, 0));
    return t_binary(m, OP_MIN, i, t_like(m, i, (double)(dim - 1)));
}
bool read_gather(Import *m, OpCall *op) {
    NodeId x = op->in[0].node, index = op->in[1].node;
    const Type t = *t_type(m, x), ti = *t_type(m, index);
    int axis;
    if (!t_axis(m, opt_int(m, op, "axis", 0), t.rank, &axis)) return false;
    if (dtype_info[ti.dt].cls != CLASS_INT) return fail(m, ERR_MODEL, "indices must be integers");
    if (t.dim[axis] == 0) return fail(m, ERR_MODEL, "axis %d is empty", axis);
    bool known = t_is_const(m, index);
    index = known ? known_indices(m, index, t.dim[axis]) : computed_indices(m, index, t.dim[axis]);
    if (index == 0) return false;
    if (!known || type_count(&ti) != 1) return done(op, t_gather(m, x, index, axis));
    // one element is a slice, which later passes move more easily
    int64_t at = dtype_read_i(DT_I64, graph_const_of(m->g, index)->data, 0), dim[2 * MAX_RANK];
    int rank = 0;
    for (int i = 0; i < axis; i++) dim[rank++] = t.dim[i];
    for (int i = 0; i < ti.rank; i++) dim[rank++] = 1;
    for (int i = axis + 1; i < t.rank; i++) dim[rank++] = t.dim[i];
    if (rank > MAX_RANK)
        return fail(m, ERR_UNSUPPORTED, "the result has more than %d dimensions", MAX_RANK);
    return done(op, t_reshape(m, t_slice(m, x, axis, at, 1), rank, dim));
}
// Rows of indices name a position in `n` axes of dim, after `batch` leading ones: their flat
// offsets.
typedef struct Flat {
    int64_t *at;
    int64_t n;
} Flat;
static bool flatten_indices(Import *m, Value indices, const Type *t, int batch, int width,
                            Flat *out) {
    Ints v;
    if (!t_ints_of(m, indices, "indices", &v)) return false;
    int64_t batches = 1, block = 1;
    for (int i = 0; i < batch; i++) batches *= t->dim[i];
    for (int i = 0; i < width; i++) block *= t->dim[batch + i];
    out->n = width ? (int64_t)v.n / width : type_count(t_type(m, indices.node));
    out->at = t_alloc(m, (uint64_t)out->n, DT_I64);
    int64_t per_batch = max_i64(out->n / max_i64(batches, 1), 1);
    for (int64_t r = 0; r < out->n; r++) {
        int64_t flat = 0;
        for (int i = 0; i < width; i++) {
            int64_t dim = t->dim[batch + i], at = v.v[r * width + i];
            if (at < -dim || at >= dim) {
                return fail(m, ERR_MODEL, "index %lld is out of range for %lld elements",
                            (long long)at, (long long)dim);
            }
            flat = flat * dim + (at < 0 ? at + dim : at);
        }
        out->at[r] = r / per_batch * block + flat;
    }
    return true;
}
bool read_gathernd(Import *m, OpCall *op) {
    NodeId x = op->in[0].node;
    const Type t = *t_type(m, x), ti = *t_type(m, op->in[1].node);
    int64_t batch = opt_int(m, op, "batch_dims", 0), width = ti.rank ? ti.dim[ti.rank - 1] : 0;
    if (batch < 0 || batch >= ti.rank || width < 1 || batch + width > t.rank) {
        return fail(m, ERR_MODEL, "indices of shape %s do not fit", type_text(m->tmp, &ti));
    }
    for (int i = 0; i < batch; i++) {
        if (t.dim[i] != ti.dim[i]) return fail(m, ERR_MODEL, "the batch dimensions differ");
    }
    Flat flat;
    if (!flatten_indices(m, op->in[1], &t, (int)batch, (int)width, &flat)) return false;
    int64_t dim[2 * MAX_RANK], rows = 1, rest = 1;
    int rank = 0;
    for (int i = 0; i < batch + width; i++) rows *= t.dim[i];
    for (int i = 0; i < ti.rank - 1; i++) dim[rank++] = ti.dim[i];
    for (int64_t i = batch + width; i < t.rank; i++) {
        dim[rank++] = t.dim[i];
        rest *= t.dim[i];
    }
    if (rank > MAX_RANK)
        return fail(m, ERR_UNSUPPORTED, "the result has more than %d dimensions", MAX_RANK);
    NodeId index = t_const(m, DT_I64, 1, &flat.n, flat.at);
    x = t_gather(m, t_reshape(m, x, 2, (int64_t[]){rows, rest}), index, 0);
    return done(op, t_reshape(m, x, rank, dim));
}

// ---- known values only -----------------------------------------------------------------------
typedef enum {
    SCATTER_SET,
    SCATTER_ADD,
    SCATTER_MUL,
    SCATTER_MIN,
    SCATTER_MAX,
    SCATTER_COUNT
} Scatter;
static double scatter_one(Scatter how, double old, double v) {
    switch (how) {
    case SCATTER_ADD: return old + v;
    case SCATTER_MUL: return old * v;
    case SCATTER_MIN: return old < v ? old : v;
    case SCATTER_MAX: return old > v ? old : v;
    default: return v;
    }
}
static bool scatter_kind(Import *m, OpCall *op, Scatter *how) {
    static const char *const names[SCATTER_COUNT] = {"none", "add", "mul", "min", "max"};
    const char *name = opt_text(m, op, "reduction", "none");
    for (int i = 0; i < SCATTER_COUNT; i++) {
        *how = (Scatter)i;
        if (strcmp(name, names[i]) == 0) return true;
    }
    return fail(m, ERR_UNSUPPORTED, "reduction '%s' is not supported", name);
}
bool read_scatternd(Import *m, OpCall *op) {
    const Type t = *t_type(m, op->in[0].node), ti = *t_type(m, op->in[1].node),
               tu = *t_type(m, op->in[2].node);
    const Const *x = graph_const_of(m->g, op->in[0].node),
                *u = graph_const_of(m->g, op->in[2].node);
    if (!x || !u)
        return fail(m, ERR_UNSUPPORTED, "it is supported on values known at compile time only");
    int64_t width = ti.rank ? ti.dim[ti.rank - 1] : 0, rest = 1;
    if (width < 1 || width > t.rank) return fail(m, ERR_MODEL, "indices do not fit");
    Flat flat;
    Scatter how;
    if (!scatter_kind(m, op, &how)) return false;
    if (!flatten_indices(m, op->in[1], &t, 0, (int)width, &flat)) return false;
    for (int64_t i = width; i < t.rank; i++) rest *= t.dim[i];
    if (tu.dt != t.dt || type_count(&tu) != flat.n * rest)
        return fail(m, ERR_MODEL, "updates do not fit");
    void *out = arena_copy(m->g->arena, x->data, x->nbytes);
    for (int64_t i = 0; i < flat.n * rest; i++) {
        uint64_t at = (uint64_t)(flat.at[i / rest] * rest + i % rest), from = (uint64_t)i;
        if (how == SCATTER_SET && dtype_info[t.dt].cls != CLASS_FLOAT) {
            dtype_write_i(t.dt, out, at, dtype_read_i(t.dt, u->data, from));
            continue;
        }
        double v = dtype_read_f(t.dt, u->data, from);
        dtype_write_f(t.dt, out, at, scatter_one(how, dtype_read_f(t.dt, out, at), v));
    }
    return done(op, t_const(m, t.dt, t.rank, t.dim, out));
}
bool read_nonzero(Import *m, OpCall *op) {
    const Type t = *t_type(m, op->in[0].node);
    const Const *k = graph_const_of(m->g, op->in[0].node);
    int64_t count = type_count(&t), found = 0;
    if (!k) return fail(m, ERR_UNSUPPORTED, "the shape of its result depends on data");
    if (count > MAX_INDICES) return fail(m, ERR_LIMIT, "the operand is too large");
    int64_t *at = NEW_N(m->tmp, int64_t, (size_t)count);
    for (int64_t i = 0; i < count; i++) {
        if (dtype_read_f(t.dt, k->data, (uint64_t)i) != 0) at[found++] = i;
    }
    int64_t *out = t_alloc(m, (uint64_t)(found * max_i64(t.rank, 1)), DT_I64), inner = 1;
    for (int axis = t.rank - 1; axis >= 0; axis--) {
        for (int64_t i = 0; i < found; i++) out[axis * found + i] = at[i] / inner % t.dim[axis];
        inner *= t.dim[axis];
    }
    return done(op, t_const(m, DT_I64, 2, (int64_t[]){t.rank, found}, out));
}

// ---- pad -------------------------------------------------------------------------------------
typedef enum { PAD_EDGE, PAD_REFLECT, PAD_WRAP } PadMode;
static int64_t source_of(PadMode mode, int64_t at, int64_t dim) {
    int64_t period = mode == PAD_REFLECT ? max_i64(2 * (dim - 1), 1) : dim;
    if (mode == PAD_EDGE) return min_i64(max_i64(at, 0), dim - 1);
    at = (at % period + period) % period;
    return at < dim ? at : period - at;
}
// Every axis of the result repeats elements of the operand's.
static NodeId pad_by_gather(Import *m, NodeId x, PadMode mode, const int64_t *begin,
                            const int64_t *end) {
    int rank = t_type(m, x)->rank;
    for (int axis = 0; axis < rank && x; axis++) {
        int64_t dim = t_type(m, x)->dim[axis], n = dim + begin[axis] + end[axis];
        if (begin[axis] == 0 && end[axis] == 0) continue;
        if (dim == 0 || n < 0 || n > MAX_INDICES) {
            fail(m, ERR_MODEL, "axis %d of size %lld cannot be padded like this", axis,
                 (long long)dim);
            return 0;
        }
        int64_t *from = t_alloc(m, (uint64_t)n, DT_I64);
        for (int64_t i = 0; i < n; i++) from[i] = source_of(mode, i - begin[axis], dim);
        x = t_gather(m, x, t_const(m, DT_I64, 1, &n, from), axis);
    }
    return x;
}
// Attributes before opset 11, inputs after; axes from 18 on.
static bool pad_operands(Import *m, OpCall *op, int rank, int64_t *begin, int64_t *end,
                         double *value) {
    Ints pads = {0}, axes = {0};
    *value = 0;
    if (op->opset < 11) {
        opt_ints(m, op, op->opset < 2 ? "paddings" : "pads", &pads);
        *value = opt_float(m, op, "value", 0);
    } else {
        if (op->in[1].node == 0) return fail(m, ERR_MODEL, "input 1 is missing");
        if (!t_ints_of(m, op->in[1], "pads", &pads)) return false;
        if (op->in[2].node && !t_number_of(m, op->in[2], "the padding value", value)) return false;
        if (op->in[3].node && !t_ints_of(m, op->in[3], "axes", &axes)) return false;
    }
    uint32_t n = op->in[3].node ? axes.n : (uint32_t)rank;
    if (pads.n != 2 * n)
        return fail(m, ERR_MODEL, "pads has %u entries, %u are needed", pads.n, 2 * n);
    for (uint32_t i = 0; i < n; i++) {
        int axis;
        if (!t_axis(m, op->in[3].node ? axes.v[i] : (int64_t)i, rank, &axis)) return false;
        begin[axis] = pads.v[i];
        end[axis] = pads.v[n + i];
        const int64_t most = (int64_t)limit(LIM_DIM);
        if (begin[axis] < -most || begin[axis] > most || end[axis] < -most || end[axis] > most) {
            return fail(m, ERR_MODEL, "the padding of axis %d is out of range", axis);
        }
    }
    return true;
}
bool read_pad(Import *m, OpCall *op) {
    NodeId x = op->in[0].node;
    int rank = t_type(m, x)->rank;
    int64_t begin[MAX_RANK] = {0}, end[MAX_RANK] = {0}, pads[2 * MAX_RANK];
    double value;
    if (!pad_operands(m, op, rank, begin, end, &value)) return false;
    const char *mode = opt_text(m, op, "mode", "constant");
    if (strcmp(mode, "edge") == 0) return done(op, pad_by_gather(m, x, PAD_EDGE, begin, end));
    if (strcmp(mode, "reflect") == 0) return done(op, pad_by_gather(m, x, PAD_REFLECT, begin, end));
    if (strcmp(mode, "wrap") == 0) return done(op, pad_by_gather(m, x, PAD_WRAP, begin, end));
    if (strcmp(mode, "constant") != 0)
        return fail(m, ERR_UNSUPPORTED, "mode '%s' is not supported", mode);
    for (int i = 0; i < rank; i++) {
        pads[i] = begin[i];
        pads[rank + i] = end[i];
    }
    Attr a[] = {attr_ints(m->g, AT_PADS, pads, (uint32_t)(2 * rank)), attr_float(AT_VALUE, value)};
    return done(op, t_node(m, OP_PAD, &x, 1, a, COUNT_OF(a)));
}

// ---- trilu -----------------------------------------------------------------------------------
bool read_trilu(Import *m, OpCall *op) {
    NodeId x = op->in[0].node;
    const Type t = *t_type(m, x);
    double shift = 0;
    bool upper = opt_int(m, op, "upper", 1) != 0;
    if (t.rank < 2) return fail(m, ERR_MODEL, "a matrix is needed, the rank is %d", t.rank);
    if (op->in[1].node && !t_number_of(m, op->in[1], "k", &shift)) return false;
    int64_t rows = t.dim[t.rank - 2], columns = t.dim[t.rank - 1];
    if (rows * columns > MAX_INDICES) return fail(m, ERR_LIMIT, "the matrix is too large");
    uint8_t *keep = t_alloc(m, (uint64_t)(rows * columns), DT_BOOL);
    for (int64_t i = 0; i < rows * columns; i++) {
        double diagonal = (double)(i % columns - i / columns);
        keep[i] = upper ? diagonal >= shift : diagonal <= shift;
    }
    NodeId mask = t_const(m, DT_BOOL, 2, (int64_t[]){rows, columns}, keep);
    return done(op, t_where(m, mask, x, t_like(m, x, 0)));
}
