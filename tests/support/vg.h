// vg.h: small graphs as text for unit tests, and tensors as the text of a constant.
#ifndef TESTS_SUPPORT_VG_H
#define TESTS_SUPPORT_VG_H
#include "ir/graph.h"
#include "tests/support/ctx.h"
#include <math.h>

// The graph with these lines, which name its result %9. NULL after a diagnostic.
static inline Graph *vg_parse(TestCtx *t, const char *lines) {
    const char *text = arena_printf(t->c.arena, "graph {%s output \"y\" = %%9 }", lines);
    return graph_parse(t->c.arena, t->c.diag, "t", text, strlen(text));
}
// "f32[2] = [1, 2]"; the sign of a NaN depends on the machine and is left out.
static inline const char *vg_tensor(Arena *a, Tensor x) {
    Graph *g = graph_new(a);
    void *data = arena_copy(a, x.data, type_nbytes(&x.type));
    for (uint64_t i = 0; i < (uint64_t)type_count(&x.type); i++)
        if (isnan(dtype_read_f(x.type.dt, data, i))) dtype_write_f(x.type.dt, data, i, (double)NAN);
    graph_const(g, x.type, data, 0);
    Str s = str_new(a);
    graph_print(g, &s);
    const char *begin = strstr(str_cstr(&s), "const : ") + strlen("const : ");
    return arena_strndup(a, begin, strcspn(begin, "\n"));
}
// A reproducible sequence (xorshift).
static inline uint64_t vg_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}
static inline int64_t vg_below(uint64_t *state, int64_t n) {
    return (int64_t)(vg_random(state) % (uint64_t)n);
}
#endif
