// program_eval.c: what a compiled object does, done by the interpreter. Memory that no kernel wrote
// is all ones (NaN as a float), so that a kernel that reads it is noticed.
#include "ir/program.h"
#include <string.h>

typedef struct Memory {
    char *arena;
    const char *image;
    const void *const *in;
    void *const *out;
} Memory;

static void *address(const Memory *m, const Place *at) {
    switch (at->kind) {
    case PLACE_ARENA: return m->arena + at->offset;
    case PLACE_WEIGHTS: return (char *)m->image + at->offset;      // kernels do not write there
    case PLACE_INPUT: return (char *)m->in[at->index] + at->offset;
    case PLACE_OUTPUT: return (char *)m->out[at->index] + at->offset;
    case PLACE_COUNT: break;
    }
    die("program_eval", "no place %d", (int)at->kind);
}
static void run_launch(const Program *p, const Launch *l, const Memory *m, void *scratch,
                       int64_t slices) {
    void *args[MAX_ARGS];
    for (uint32_t n = 0; n < l->nargs; n++) args[n] = address(m, &l->arg[n]);
    for (int64_t s = 0; s < slices; s++) {
        memset(scratch, 0xff, p->kern.data[l->kern]->scratch_bytes);
        int64_t lo = l->grid * s / slices, hi = l->grid * (s + 1) / slices;
        kern_eval(p->kern.data[l->kern], args, scratch, lo, hi);
    }
}
bool program_eval(const Program *p, const void *image, const void *const *in, void *const *out,
                  uint32_t slices, Arena *a) {
    if (slices == 0) return false;
    Memory m = {arena_alloc(a, p->arena_bytes), image, in, out};
    memset(m.arena, 0xff, p->arena_bytes);
    void *scratch = arena_alloc(a, p->scratch_bytes);
    for (uint32_t i = 0; i < p->launch.n; i++) {
        const Launch *l = &p->launch.data[i];
        int64_t most = min_i64(slices, p->max_slices);
        run_launch(p, l, &m, scratch, max_i64(1, min_i64(most, l->grid)));
    }
    return true;
}
