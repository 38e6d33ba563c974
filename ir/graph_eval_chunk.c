// graph_eval_chunk.c: between stored elements and chunks of f64 or int64, and walks over strided
// memory. The loops for f32, f16 and bf16 are written out: whole checkpoints pass through them.
#include "ir/graph_eval.h"
#include <string.h>

// ---- loading and storing ---------------------------------------------------------------------
// Without a branch, so that the loop is vectorised: an exponent that is 112 too small is right
// after a multiplication, also for subnormals; infinities and NaN get their exponent by force.
static float half_to_float(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, bits = (uint32_t)(h & 0x7fffu) << 13;
    uint32_t special = bits >= 0x0f800000u ? 0x7f800000u : 0;
    float f;
    memcpy(&f, &bits, 4);
    f *= 0x1p112f;
    memcpy(&bits, &f, 4);
    bits |= sign | special;
    memcpy(&f, &bits, 4);
    return f;
}
static float bfloat_to_float(uint16_t h) {
    uint32_t bits = (uint32_t)h << 16;
    float f;
    memcpy(&f, &bits, 4);
    return f;
}
void load_f(const Tensor *t, int64_t first, int64_t n, double *restrict out) {
    const float *f = t->data;
    const uint16_t *h = t->data;
    switch (t->type.dt) {
    case DT_F32:
        for (int64_t i = 0; i < n; i++) out[i] = (double)f[first + i];
        return;
    case DT_F64: memcpy(out, (const double *)t->data + first, (size_t)n * sizeof *out); return;
    case DT_F16:
        for (int64_t i = 0; i < n; i++) out[i] = (double)half_to_float(h[first + i]);
        return;
    case DT_BF16:
        for (int64_t i = 0; i < n; i++) out[i] = (double)bfloat_to_float(h[first + i]);
        return;
    default:
        for (int64_t i = 0; i < n; i++)
            out[i] = dtype_read_f(t->type.dt, t->data, (uint64_t)(first + i));
    }
}
void load_i(const Tensor *t, int64_t first, int64_t n, int64_t *restrict out) {
    for (int64_t i = 0; i < n; i++)
        out[i] = dtype_read_i(t->type.dt, t->data, (uint64_t)(first + i));
}
void store_f(Tensor *t, int64_t first, int64_t n, const double *restrict v) {
    float *f = t->data;
    if (t->type.dt == DT_F32)
        for (int64_t i = 0; i < n; i++) f[first + i] = (float)v[i];
    else
        for (int64_t i = 0; i < n; i++)
            dtype_write_f(t->type.dt, t->data, (uint64_t)(first + i), v[i]);
}
void store_i(Tensor *t, int64_t first, int64_t n, const int64_t *restrict v) {
    for (int64_t i = 0; i < n; i++)
        dtype_write_i(t->type.dt, t->data, (uint64_t)(first + i), v[i]);
}

// ---- walks -----------------------------------------------------------------------------------
void strides_of(const Type *t, int64_t *stride) {
    int64_t n = 1;
    for (int i = t->rank - 1; i >= 0; i--) {
        stride[i] = n;
        n *= t->dim[i];
    }
}
void axes_coalesce(Axes *x) {
    int n = 0;
    for (int i = 0; i < x->rank; i++) {
        int64_t d = x->dim[i];
        if (d == 1) continue;
        bool merges = n && x->a[n - 1] == x->a[i] * d && x->b[n - 1] == x->b[i] * d;
        if (!merges) n++;
        x->dim[n - 1] = merges ? x->dim[n - 1] * d : d;
        x->a[n - 1] = x->a[i];
        x->b[n - 1] = x->b[i];
    }
    if (n == 0) x->dim[n++] = 1;
    x->rank = n;
}
bool axes_next(const Axes *x, int rank, int64_t *at, int64_t *a, int64_t *b) {
    for (int i = rank - 1; i >= 0; i--) {
        *a += x->a[i];
        *b += x->b[i];
        if (++at[i] < x->dim[i]) return true;
        at[i] = 0;
        *a -= x->a[i] * x->dim[i];
        *b -= x->b[i] * x->dim[i];
    }
    return false;
}
Reader reader_new(const Tensor *t, const Type *shape) {
    Reader r = {.t = t, .axes.rank = shape->rank};
    int64_t stride[MAX_RANK];
    int more = shape->rank - t->type.rank;
    strides_of(&t->type, stride);
    for (int i = 0; i < shape->rank; i++) {
        r.axes.dim[i] = shape->dim[i];
        r.axes.a[i] = i < more || t->type.dim[i - more] == 1 ? 0 : stride[i - more];
    }
    axes_coalesce(&r.axes);
    return r;
}
// Up to n elements that lie together (or are one element); moves the reader behind them.
static int64_t next_run(Reader *r, int64_t n, bool *is_repeated) {
    int last = r->axes.rank - 1;
    int64_t unused = 0, run = min_i64(n, r->axes.dim[last] - r->at[last]);
    *is_repeated = r->axes.a[last] == 0;
    r->at[last] += run;
    if (!*is_repeated) r->offset += run;
    if (r->at[last] < r->axes.dim[last]) return run;
    r->at[last] = 0;
    r->offset -= r->axes.a[last] * r->axes.dim[last];
    axes_next(&r->axes, last, r->at, &r->offset, &unused);
    return run;
}
#define READER(name, T, load) \
    void name(Reader *r, int64_t n, T *out) { \
        while (n > 0) { \
            bool is_repeated; \
            int64_t first = r->offset, run = next_run(r, n, &is_repeated); \
            load(r->t, first, is_repeated ? 1 : run, out); \
            for (int64_t i = 1; is_repeated && i < run; i++) out[i] = out[0]; \
            out += run; \
            n -= run; \
        } \
    }
READER(reader_f, double, load_f)
READER(reader_i, int64_t, load_i)
#undef READER
