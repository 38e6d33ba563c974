// graph_eval_rows.c: reductions, and the ops over the last axis. Sums are f64, in the order of the
// elements; layernorm takes two passes over a row.
#include "ir/graph_eval.h"
#include <math.h>

// ---- reductions ------------------------------------------------------------------------------
// acc and x are n neighbours; or all of x goes into one acc.
typedef void (*FoldF)(double *acc, bool into_one, const double *x, int64_t n);
typedef void (*FoldI)(int64_t *acc, bool into_one, const int64_t *x, int64_t n);
#define FOLD(name, T, expr) \
    static void name(T *acc, bool into_one, const T *x, int64_t n) { \
        T a = acc[0]; \
        for (int64_t i = 0; into_one && i < n; i++) { \
            T b = x[i]; \
            a = (expr); \
        } \
        if (into_one) acc[0] = a; \
        for (int64_t i = 0; !into_one && i < n; i++) { \
            T b = x[i]; \
            a = acc[i]; \
            acc[i] = (expr); \
        } \
    }
FOLD(sum_f, double, a + b)
FOLD(prod_f, double, a * b)
FOLD(max_f, double, a != a || a > b ? a : b)
FOLD(min_f, double, a != a || a < b ? a : b)
FOLD(sum_i, int64_t, (int64_t)((uint64_t)a + (uint64_t)b))
FOLD(prod_i, int64_t, (int64_t)((uint64_t)a * (uint64_t)b))
FOLD(max_i, int64_t, a > b ? a : b)
FOLD(min_i, int64_t, a < b ? a : b)

// Walks the operand in order: a = distance in the operand, b = in the result, 0 on reduced axes.
static Axes reduced_axes(const Eval *e) {
    uint32_t n;
    const int64_t *axes = node_ints(e->node, AT_AXES, &n);
    const Type *t = &e->in->type;
    Axes x = {.rank = t->rank};
    int64_t stride = 1;
    strides_of(t, x.a);
    for (int i = t->rank - 1; i >= 0; i--) {
        bool is_reduced = false;
        for (uint32_t k = 0; k < n; k++) is_reduced |= axes[k] == i;
        x.dim[i] = t->dim[i];
        x.b[i] = is_reduced ? 0 : stride;
        if (!is_reduced) stride *= t->dim[i];
    }
    axes_coalesce(&x);
    return x;
}
#define REDUCE(name, T, Fold, load) \
    static T *name(Eval *e, Fold fold, T start) { \
        int64_t count = type_count(&e->out.type), at[MAX_RANK] = {0}, from = 0, to = 0; \
        T *acc = NEW_N(e->scratch, T, (size_t)count), chunk[CHUNK]; \
        for (int64_t i = 0; i < count; i++) acc[i] = start; \
        if (type_count(&e->in->type) == 0) return acc; \
        Axes x = reduced_axes(e); \
        int last = x.rank - 1; \
        do { \
            for (int64_t i = 0; i < x.dim[last]; i += CHUNK) { \
                int64_t n = min_i64(CHUNK, x.dim[last] - i); \
                load(e->in, from + i, n, chunk); \
                fold(acc + to + i * x.b[last], x.b[last] == 0, chunk, n); \
            } \
        } while (axes_next(&x, last, at, &from, &to)); \
        return acc; \
    }
REDUCE(reduce_f, double, FoldF, load_f)
REDUCE(reduce_i, int64_t, FoldI, load_i)
#undef REDUCE

static bool reduce(Eval *e, FoldF floats, double start_f, FoldI ints, int64_t start_i) {
    int64_t count = type_count(&e->out.type);
    if (is_float(e->in)) store_f(&e->out, 0, count, reduce_f(e, floats, start_f));
    else store_i(&e->out, 0, count, reduce_i(e, ints, start_i));
    return true;
}
// The extremes of an integer type, as int64 (u64 is computed in int64).
static int64_t least_of(DType dt) {
    const DTypeInfo *info = &dtype_info[dt];
    bool is_signed = dt == DT_I8 || dt == DT_I16 || dt == DT_I32 || dt == DT_I64 || dt == DT_U64;
    return is_signed ? INT64_MIN >> (64 - 8 * info->nbytes) : 0;
}
static int64_t most_of(DType dt) {
    if (dt == DT_BOOL) return 1;
    if (dtype_info[dt].nbytes == 8 || least_of(dt) < 0) return ~least_of(dt);
    return ((int64_t)1 << (8 * dtype_info[dt].nbytes)) - 1;
}
bool eval_REDUCE_SUM(Eval *e) { return reduce(e, sum_f, 0, sum_i, 0); }
bool eval_REDUCE_PROD(Eval *e) { return reduce(e, prod_f, 1, prod_i, 1); }
bool eval_REDUCE_MAX(Eval *e) {
    return reduce(e, max_f, -INFINITY, max_i, least_of(e->in->type.dt));
}
bool eval_REDUCE_MIN(Eval *e) {
    return reduce(e, min_f, INFINITY, min_i, most_of(e->in->type.dt));
}
bool eval_REDUCE_MEAN(Eval *e) {
    int64_t count = type_count(&e->out.type);
    int64_t each = count ? type_count(&e->in->type) / count : 0;
    if (is_float(e->in)) {
        double *sum = reduce_f(e, sum_f, 0);
        for (int64_t i = 0; i < count; i++) sum[i] /= (double)each;
        store_f(&e->out, 0, count, sum);
        return true;
    }
    int64_t *sum = reduce_i(e, sum_i, 0);
    for (int64_t i = 0; i < count && each; i++) sum[i] /= each;
    store_i(&e->out, 0, count, sum);
    return true;
}
// Does element i come before element j as the greatest? NaN is greater than every number.
static bool is_greater(const Tensor *t, int64_t i, int64_t j, bool or_equal) {
    if (!is_float(t)) {
        int64_t x = dtype_read_i(t->type.dt, t->data, (uint64_t)i);
        int64_t y = dtype_read_i(t->type.dt, t->data, (uint64_t)j);
        return x > y || (or_equal && x == y);
    }
    double x = dtype_read_f(t->type.dt, t->data, (uint64_t)i);
    double y = dtype_read_f(t->type.dt, t->data, (uint64_t)j);
    if (x != x || y != y) return x != x && (y == y || or_equal);
    return x > y || (or_equal && x == y);
}
bool eval_ARGMAX(Eval *e) {
    const Type *t = &e->in->type;
    int axis = (int)node_int(e->node, AT_AXIS, 0);
    bool last = node_int(e->node, AT_LAST, 0) != 0;
    int64_t inner = 1, *result = e->out.data, count = type_count(&e->out.type);
    for (int i = axis + 1; i < t->rank; i++) inner *= t->dim[i];
    for (int64_t r = 0; r < count; r++) {
        int64_t first = r / inner * inner * t->dim[axis] + r % inner, best = 0;
        for (int64_t i = 1; i < t->dim[axis]; i++)
            if (is_greater(e->in, first + i * inner, first + best * inner, last)) best = i;
        result[r] = best;
    }
    return true;
}

// ---- over the last axis ----------------------------------------------------------------------
static int64_t last_dim(const Tensor *t) { return t->type.dim[t->type.rank - 1]; }

static void softmax_row(double *x, int64_t n) {
    double most = -INFINITY, sum = 0;
    max_f(&most, true, x, n);
    for (int64_t i = 0; i < n; i++) sum += x[i] = exp(x[i] - most);
    for (int64_t i = 0; i < n; i++) x[i] /= sum;
}
bool eval_SOFTMAX(Eval *e) {
    int64_t n = last_dim(e->in), count = type_count(&e->out.type);
    double *row = NEW_N(e->scratch, double, (size_t)n);
    for (int64_t at = 0; at < count; at += n) {
        load_f(e->in, at, n, row);
        softmax_row(row, n);
        store_f(&e->out, at, n, row);
    }
    return true;
}
static void normalise_row(double *x, int64_t n, double eps) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) sum += x[i];
    double mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++) squares += (x[i] - mean) * (x[i] - mean);
    double deviation = sqrt(squares / (double)n + eps);
    for (int64_t i = 0; i < n; i++) x[i] = (x[i] - mean) / deviation;
}
bool eval_LAYERNORM(Eval *e) {
    int64_t n = last_dim(e->in), count = type_count(&e->out.type);
    double eps = node_float(e->node, AT_EPS, 0);
    double *row = NEW_N(e->scratch, double, (size_t)n), *gain = NULL, *bias = NULL;
    if (e->node->nin > 1) load_f(&e->in[1], 0, n, gain = NEW_N(e->scratch, double, (size_t)n));
    if (e->node->nin > 2) load_f(&e->in[2], 0, n, bias = NEW_N(e->scratch, double, (size_t)n));
    for (int64_t at = 0; at < count; at += n) {
        load_f(e->in, at, n, row);
        normalise_row(row, n, eps);
        for (int64_t i = 0; gain && i < n; i++) row[i] *= gain[i];
        for (int64_t i = 0; bias && i < n; i++) row[i] += bias[i];
        store_f(&e->out, at, n, row);
    }
    return true;
}
