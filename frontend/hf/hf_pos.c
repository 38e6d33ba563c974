// hf_pos.c: the position table for another image size: bicubic, border replicated, no antialiasing,
// as transformers does it. Computed once at import in f64, so that no pass has to know about it.
#include "frontend/hf/hf.h"
#include <math.h>

enum { TAPS = 4 };
typedef struct Tap {
    int64_t at[TAPS];
    double w[TAPS];
} Tap;

static double cubic(double t) {
    const double a = -0.75;
    t = fabs(t);
    if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
    if (t < 2) return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a;
    return 0;
}
// The four source points of each of `to` points; `from` points lie a distance 1/step apart.
static Tap *taps(Arena *a, int64_t from, int64_t to, double step) {
    Tap *tap = NEW_N(a, Tap, (size_t)to);
    for (int64_t i = 0; i < to; i++) {
        double src = ((double)i + 0.5) * step - 0.5, base = floor(src);
        for (int k = 0; k < TAPS; k++) {
            int64_t at = (int64_t)base - 1 + k;
            tap[i].at[k] = min_i64(max_i64(at, 0), from - 1);
            tap[i].w[k] = cubic(src - (base - 1 + k));
        }
    }
    return tap;
}
static double step_of(const HfResize *r, int64_t to) {
    // legacy: interpolate was given scale_factor = (to + 0.1) / from, and uses it as it is
    return (double)r->from / ((double)to + (r->legacy ? 0.1 : 0.0));
}
float *hf_resize_positions(Arena *a, const WeightTensor *table, const HfResize *r) {
    const int64_t h = r->hidden;
    const Tap *rows = taps(a, r->from, r->gh, step_of(r, r->gh));
    const Tap *cols = taps(a, r->from, r->gw, step_of(r, r->gw));
    float *out = arena_alloc_n(a, (size_t)(1 + r->gh * r->gw), (size_t)h * sizeof *out);
    for (int64_t ch = 0; ch < h; ch++) // the class token keeps its position
        out[ch] = (float)dtype_read_f(table->type.dt, table->data, (uint64_t)ch);
    for (int64_t p = 0; p < r->gh * r->gw; p++) {
        const Tap *y = &rows[p / r->gw], *x = &cols[p % r->gw];
        for (int64_t ch = 0; ch < h; ch++) {
            double sum = 0;
            for (int k = 0; k < TAPS * TAPS; k++) {
                int64_t at = 1 + y->at[k / TAPS] * r->from + x->at[k % TAPS];
                sum += y->w[k / TAPS] * x->w[k % TAPS] *
                       dtype_read_f(table->type.dt, table->data, (uint64_t)(at * h + ch));
            }
            out[(1 + p) * h + ch] = (float)sum;
        }
    }
    return out;
}
