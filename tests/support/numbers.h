// numbers.h: what tests that run Programs share: floats to feed them, their weight image, and how
// far two results are apart.
#ifndef TESTS_SUPPORT_NUMBERS_H
#define TESTS_SUPPORT_NUMBERS_H
#include "ir/program.h"
#include "tests/support/ctx.h"
#include <math.h>

static inline float *random_floats(Arena *a, int64_t n, uint32_t seed) { // in [-1,1]
    float *f = NEW_N(a, float, (size_t)n);
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        f[i] = (float)((seed >> 8) % 200001) / 100000 - 1;
    }
    return f;
}
// Relative L2 error of x against y.
static inline double distance(const float *x, const float *y, int64_t n) {
    double error = 0, norm = 0;
    for (int64_t i = 0; i < n; i++) {
        error += pow((double)x[i] - (double)y[i], 2);
        norm += pow((double)y[i], 2);
    }
    return sqrt(error / norm);
}
static inline bool append_bytes(void *to, const void *bytes, uint64_t n) {
    char **at = to;
    memcpy(*at, bytes, n);
    *at += n;
    return true;
}
static inline const char *weight_image(TestCtx *t, const Program *p) {
    char *image = arena_alloc(t->c.arena, p->weight_bytes + 1), *end = image;
    assert_true(program_image(p, t->c.scratch, append_bytes, &end));
    return image;
}
#endif
