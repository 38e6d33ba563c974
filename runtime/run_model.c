/* run_model.c: runs a compiled model: checks what the host gave, then every launch in order, each
 * cut into slices. Allocates nothing; keeps nothing between calls. */
#include "vitc_object.h"
#include <string.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
#elif !defined(__aarch64__) && !defined(VITC_STANDALONE)
#include <fenv.h>
#endif

/* Results must not depend on the caller's rounding mode or flush-to-zero bits, so every slice runs
 * in the default floating-point environment and gives the caller's back. */
#if defined(__x86_64__)
typedef unsigned fp_state;
static fp_state fp_enter(void) {
    fp_state old = _mm_getcsr();
    if ((old & 0xffc0u) != 0x1f80u)
        _mm_setcsr(0x1f80u); /* all masked, to nearest, no FTZ, no DAZ */
    return old;
}
static void fp_leave(fp_state old) {
    if ((old & 0xffc0u) != 0x1f80u) _mm_setcsr(old);
}
#elif defined(__aarch64__)
typedef uint64_t fp_state;
static fp_state fp_enter(void) {
    fp_state old;
    __asm__ volatile("mrs %0, fpcr" : "=r"(old));
    if (old) __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)0));
    return old;
}
static void fp_leave(fp_state old) {
    if (old) __asm__ volatile("msr fpcr, %0" : : "r"(old));
}
#elif defined(VITC_STANDALONE) /* fesetround is libm's: the mode is the host's to keep */
typedef int fp_state;
static fp_state fp_enter(void) {
    return 0;
}
static void fp_leave(fp_state old) {
    (void)old;
}
#else
typedef int fp_state;
static fp_state fp_enter(void) {
    fp_state old = fegetround();
    fesetround(FE_TONEAREST);
    return old;
}
static void fp_leave(fp_state old) {
    fesetround(old);
}
#endif

/* One launch as its slices see it. */
typedef struct frame {
    vitc_kernel kernel;
    void *const *args;
    char *scratch;
    uint64_t scratch_bytes;
    int64_t grid;
    int slices;
} frame;
static void run_slice(void *arg, int index) {
    const frame *f = (const frame *)arg;
    int64_t lo = f->grid * index / f->slices, hi = f->grid * (index + 1) / f->slices;
    fp_state old = fp_enter();
    f->kernel(f->args, f->scratch + (uint64_t)index * f->scratch_bytes, lo, hi);
    fp_leave(old);
}

/* ---- checks ---- */
static size_t element_bytes(int dtype) {
    static const unsigned char size[] = {0, 4, 1, 1, 2, 2, 4, 8, 0, 1, 2, 8, 4, 8, 0, 0, 2};
    return dtype > 0 && dtype < (int)sizeof size && size[dtype] ? size[dtype] : 1;
}
static size_t input_align(const vitc_model_info *m, uint32_t i) {
    return m->weights_id && i + 1 == m->n_inputs ? 64 : element_bytes(m->inputs[i].dtype);
}
static int overlaps(const void *a, uint64_t na, const void *b, uint64_t nb) {
    uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;
    return x < y + nb && y < x + na;
}
static vitc_status check_tensor(const vitc_tensor_info *t, const void *p, const void *arena,
                                uint64_t used) {
    if (!p) return VITC_E_ARG;
    if ((uintptr_t)p % element_bytes(t->dtype)) return VITC_E_ALIGN;
    return overlaps(p, t->bytes, arena, used) ? VITC_E_ARENA : VITC_OK;
}
static uint64_t used_bytes(const vitc_object *o) { /* of the arena, by a run */
    return o->intermediate_bytes + o->scratch_bytes;
}
static vitc_status check(const vitc_object *o, const void *const *in, void *const *out,
                         const void *arena) {
    const vitc_model_info *m = o->info;
    uint64_t used = used_bytes(o);
    if (o->abi != VITC_ABI || m->abi != VITC_ABI || m->struct_size < sizeof *m) return VITC_E_ABI;
    if (!in || !out || (!arena && used)) return VITC_E_ARG;
    if ((uintptr_t)arena % m->arena_align) return VITC_E_ALIGN;
    for (uint32_t i = 0; i < m->n_inputs; i++) {
        vitc_status s = check_tensor(&m->inputs[i], in[i], arena, used);
        if (s) return s;
        if ((uintptr_t)in[i] % input_align(m, i)) return VITC_E_ALIGN;
    }
    for (uint32_t i = 0; i < m->n_outputs; i++) {
        vitc_status s = check_tensor(&m->outputs[i], out[i], arena, used);
        if (s) return s;
        for (uint32_t j = 0; j < m->n_inputs; j++)
            if (overlaps(out[i], m->outputs[i].bytes, in[j], m->inputs[j].bytes))
                return VITC_E_ARENA;
        for (uint32_t j = 0; j < i; j++)
            if (overlaps(out[i], m->outputs[i].bytes, out[j], m->outputs[j].bytes))
                return VITC_E_ARENA;
    }
    return vitc_cpu_check(m->cpu_features);
}

/* ---- running ---- */
typedef struct places {
    char *arena;
    const char *weights;
    const void *const *in;
    void *const *out;
} places;
static void *resolve(const places *p, const vitc_place *at) {
    switch (at->kind) {
    case VITC_PLACE_ARENA: return p->arena + at->offset;
    case VITC_PLACE_WEIGHTS: return (void *)(uintptr_t)(p->weights + at->offset);
    case VITC_PLACE_INPUT: return (void *)(uintptr_t)((const char *)p->in[at->index] + at->offset);
    default: return (char *)p->out[at->index] + at->offset;
    }
}
static const char *weights_of(const vitc_object *o) {
    return o->weights_anchor ? (const char *)o->weights_anchor + *o->weights_anchor : NULL;
}
static int count_slices(const vitc_object *o, const vitc_launch *l, const vitc_parallel *par) {
    int64_t n = par && par->run ? par->threads : 1;
    if (n > (int64_t)o->max_slices) n = o->max_slices;
    if (n > l->grid) n = l->grid;
    return n < 1 ? 1 : (int)n;
}
vitc_status vitc_execute_marked(const vitc_object *o, const void *const *in, void *const *out,
                                void *arena, const vitc_parallel *par,
                                void (*mark)(void *ctx, uint32_t launch), void *ctx) {
    vitc_status bad = check(o, in, out, arena);
    if (bad) return bad;
    const places p = {(char *)arena, weights_of(o), in, out};
    char *scratch = (char *)arena + o->intermediate_bytes;
    for (uint32_t i = 0; i < o->n_launches; i++) {
        const vitc_launch *l = &o->launches[i];
        void *args[VITC_MAX_ARGS];
        for (uint32_t j = 0; j < l->n_args; j++) args[j] = resolve(&p, &l->args[j]);
        frame f = {l->kernel, args, scratch, l->scratch_bytes, l->grid, count_slices(o, l, par)};
        if (f.slices == 1)
            run_slice(&f, 0);
        else
            par->run(par->ctx, run_slice, &f, f.slices);
        if (mark) mark(ctx, i);
    }
    return VITC_OK;
}
vitc_status vitc_execute(const vitc_object *o, const void *const *in, void *const *out, void *arena,
                         const vitc_parallel *par) {
    return vitc_execute_marked(o, in, out, arena, par, NULL, NULL);
}
