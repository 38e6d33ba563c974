// probe.c: see probe.h. Three kernels: one multiplies and adds in registers only, one does so with
// bf16 where the level has such products, one only reads. All data are random: some processors
// clock higher on zeros.
#include "driver/execute.h"
#include "driver/probe.h"
#include "ir/isa.h"
#include "runtime/vitc_object.h"
#include <math.h>

enum {
    STEPS = 256,             // multiply-adds in a row before new data
    CHUNK = 16 << 10,        // bytes that one task of the reader reads
    WEIGHTS_LIKE = 256 << 20 // bytes of the large buffer
};
static const double shortest = 3e-3; // seconds of one timing

// ---- kernels --------------------------------------------------------------------------------
static int accumulators(const Target *t) { // the rest holds operands and, without FMA, a product
    return (int)t->nvregs * 3 / 4;
}
static Kern *fma_kernel(Arena *a, const Target *t) {
    Kern *k = kern_new(a, "probe_fma", t);
    VType v = vec_type(DT_F32, (int)target_lanes(t, 4));
    int n = accumulators(t);
    Val data = k_param(k, "data", DT_F32, false), sums = k_param(k, "sums", DT_F32, true);
    Val acc[64], lo = k_lo(k), hi = k_hi(k);
    Val factor = k_const_f(k, v, 0.99), term = k_load(k, v, data, 0, v.n);
    for (int i = 0; i < n; i++) acc[i] = k_reg(k, v);
    k_loop(k, lo, hi, 1);
    for (int i = 0; i < n; i++) k_set(k, acc[i], k_load(k, v, data, i * (int)t->vbytes, v.n));
    k_loopn(k, STEPS);
    for (int i = 0; i < n; i++) k_set(k, acc[i], k_fma(k, k_get(k, acc[i]), factor, term));
    k_end(k);
    for (int i = 0; i < n; i++) k_store(k, sums, i * (int)t->vbytes, k_get(k, acc[i]), v.n);
    k_end(k);
    return k;
}
// Products of bf16 in vectors: the accumulators are f32 as above, words of two or four the data.
static Kern *words_kernel(Arena *a, const Target *t) {
    Kern *k = kern_new(a, "probe_words", t);
    VType v = vec_type(DT_F32, (int)target_lanes(t, 4)), words = vec_type(DT_I32, v.n);
    bool has_blocks = isa_has_blocks(t);
    if (has_blocks) words = vec_type(DT_I64, v.n / 2);
    int n = accumulators(t);
    Val data = k_param(k, "data", DT_F32, false), sums = k_param(k, "sums", DT_F32, true);
    Val acc[64], lo = k_lo(k), hi = k_hi(k), x = k_load(k, words, data, 0, v.n);
    Val y = k_load(k, words, data, (int64_t)t->vbytes, v.n);
    for (int i = 0; i < n; i++) acc[i] = k_reg(k, v);
    k_loop(k, lo, hi, 1);
    for (int i = 0; i < n; i++) k_set(k, acc[i], k_load(k, v, data, i * (int)t->vbytes, v.n));
    k_loopn(k, STEPS);
    for (int i = 0; i < n; i++) {
        Val sum = k_get(k, acc[i]);
        k_set(k, acc[i], has_blocks ? k_bfmmla(k, x, y, sum) : k_dpbf16(k, x, y, sum));
    }
    k_end(k);
    for (int i = 0; i < n; i++) k_store(k, sums, i * (int)t->vbytes, k_get(k, acc[i]), v.n);
    k_end(k);
    return k;
}
// Products of bf16 on tiles: 2 x 2 of them, operands stay.
static Kern *tiles_kernel(Arena *a, const Target *t) {
    Kern *k = kern_new(a, "probe_tiles", t);
    Val data = k_param(k, "data", DT_F32, false), sums = k_param(k, "sums", DT_F32, true);
    Val c[4], in[4], lo = k_lo(k), hi = k_hi(k);
    for (int i = 0; i < 4; i++) c[i] = k_tile(k, TILE_ROWS, TILE_BYTES);
    for (int i = 0; i < 4; i++) in[i] = k_tile(k, TILE_ROWS, TILE_BYTES);
    k_loop(k, lo, hi, 1);
    for (int i = 0; i < 4; i++) {
        k_tzero(k, c[i]);
        k_tload(k, K_TLOAD, in[i], data, i * TILE_ROWS * TILE_BYTES, TILE_BYTES);
    }
    k_loopn(k, STEPS);
    for (int i = 0; i < 4; i++) k_tdp(k, K_TDPBF16, c[i], in[i / 2], in[2 + i % 2]);
    k_end(k);
    for (int i = 0; i < 4; i++) k_tstore(k, sums, i * TILE_ROWS * TILE_BYTES, TILE_BYTES, c[i]);
    k_end(k);
    return k;
}
// How this level multiplies bf16, and operations of one task of it.
typedef struct Products {
    Kern *kern; // NULL: it does not
    double flops;
} Products;
static Products products_of(Arena *a, const Target *t) {
    Products p = {0};
    if (isa_has_tiles(t)) {
        p.kern = tiles_kernel(a, t);
        p.flops = 4.0 * 2 * TILE_ROWS * TILE_ROWS * TILE_BYTES / 2 * STEPS;
    } else if (isa_has_products(t)) {
        double each = isa_has_blocks(t) ? 8 : 4; // of a lane
        p.kern = words_kernel(a, t);
        p.flops = each * accumulators(t) * target_lanes(t, 4) * STEPS;
    }
    return p;
}
static Kern *read_kernel(Arena *a, const Target *t) {
    enum { SUMS = 8 };
    Kern *k = kern_new(a, "probe_read", t);
    VType v = vec_type(DT_F32, (int)target_lanes(t, 4));
    int step = SUMS * (int)t->vbytes;
    Val data = k_param(k, "data", DT_F32, false), sums = k_param(k, "sums", DT_F32, true);
    Val acc[SUMS], lo = k_lo(k), hi = k_hi(k), zero = k_const_f(k, v, 0);
    for (int i = 0; i < SUMS; i++) acc[i] = k_reg(k, v);
    for (int i = 0; i < SUMS; i++) k_set(k, acc[i], zero);
    Val task = k_loop(k, lo, hi, 1), at = k_padd(k, data, k_imuli(k, task, CHUNK));
    Val p = k_padd(k, at, k_imuli(k, k_loopn(k, CHUNK / step), step));
    for (int i = 0; i < SUMS; i++) {
        Val x = k_load(k, v, p, i * (int)t->vbytes, v.n);
        k_set(k, acc[i], k_op2(k, K_ADD, k_get(k, acc[i]), x));
    }
    k_end(k);
    k_end(k);
    for (int i = 0; i < SUMS; i++) k_store(k, sums, i * (int)t->vbytes, k_get(k, acc[i]), v.n);
    return k;
}
// A model of two launches, to be loaded; its launches are called one by one.
static const vitc_object *load_probe(Tool *t, const Target *target, Kern *products) {
    Ctx *c = &t->c;
    Program *p = program_new(c->arena, target, graph_new(c->arena));
    Kern *made[] = {fma_kernel(c->arena, target), read_kernel(c->arena, target), products};
    for (uint32_t i = 0; i < COUNT_OF(made) && made[i]; i++) {
        Kern *legal = kern_new(c->arena, made[i]->name, target);
        Kern *numbered = kern_new(c->arena, made[i]->name, target);
        pass_tiles(made[i], numbered);
        pass_legal(numbered, legal);
        *PUSH(c->arena, &p->kern) = legal;
        *PUSH(c->arena, &p->launch) = (Launch){.kern = i, .nargs = 2, .grid = 1, .label = ""};
    }
    EmitOptions e = emit_options(p, "probe");
    Str object = str_new(c->arena);
    if (!llvm_emit_object(c, p, &e, &object)) return NULL;
    Executable exe = {
        .object = {object.data, object.n}, .weights = {"", 0}, .prefix = e.prefix, .program = p};
    const vitc_model_info *info = executable_load(t, &exe);
    return info ? info->object : NULL;
}

// ---- timing ---------------------------------------------------------------------------------
typedef struct Load { // thread i performs tasks [i * tasks, (i + 1) * tasks) `repeat` times
    vitc_kernel kernel;
    const float *data;
    float *sums; // THREAD_SUMS for each thread
    int64_t tasks, repeat;
} Load;
enum { THREAD_SUMS = 1024 };
static void run_thread(void *arg, int index) {
    const Load *l = arg;
    void *args[2] = {(void *)(uintptr_t)l->data, l->sums + (size_t)index * THREAD_SUMS};
    int64_t lo = index * l->tasks;
    for (int64_t i = 0; i < l->repeat; i++) l->kernel(args, NULL, lo, lo + l->tasks);
}
static double seconds_of(const Load *l, const Session *s) {
    double begin = seconds_now();
    if (s->pool) {
        const vitc_parallel *par = vitc_pool_parallel(s->pool);
        par->run(par->ctx, run_thread, (void *)(uintptr_t)l, s->threads);
    } else {
        run_thread((void *)(uintptr_t)l, 0);
    }
    return seconds_now() - begin;
}
// Work of one task, of all threads, a second. A limit is what the machine can do when nothing else
// runs, so it is the best of a few timings.
static double rate_of(Load l, const Session *s, double work) {
    enum { TIMES = 5 };
    double best = INFINITY;
    l.repeat = 1;
    while (seconds_of(&l, s) < shortest && l.repeat < INT64_MAX / 4) l.repeat *= 2;
    for (int i = 0; i < TIMES; i++) best = fmin(best, seconds_of(&l, s));
    return work * (double)l.tasks * (double)l.repeat * s->threads / best;
}

// ---- the machine ----------------------------------------------------------------------------
static size_t buffer_bytes(void) {
    uint64_t most = limit(LIM_MEMORY) / 4;
    return most < WEIGHTS_LIKE ? (size_t)most / CHUNK * CHUNK : WEIGHTS_LIKE;
}
bool probe_limits(Tool *t, const Target *target, const int64_t *threads, size_t n, Limits *out) {
    Products products = products_of(t->c.arena, target);
    const vitc_object *probe = load_probe(t, target, products.kern);
    if (!probe) return false;
    vitc_kernel fma = probe->launches[0].kernel, read = probe->launches[1].kernel;
    Arena *a = arena_new("probe");
    size_t nbytes = buffer_bytes();
    uint64_t state = 1;
    float *data = arena_alloc(a, nbytes);
    random_floats(&state, data, nbytes / sizeof *data);
    int64_t fmas = (int64_t)STEPS * accumulators(target) * target_lanes(target, 4);
    for (size_t i = 0; i < n; i++) {
        Session s = {.threads = 1};
        if (!session_threads(t, &s, (int)threads[i])) return false;
        Load l = {.data = data,
                  .sums = NEW_N(a, float, (size_t)threads[i] * THREAD_SUMS),
                  .tasks = max_i64(1, (int64_t)target->l2_kib * 1024 / 2 / CHUNK)};
        out[i].threads = threads[i];
        if ((uint64_t)(l.tasks * threads[i] * CHUNK) > nbytes) l.tasks = 1;
        l.kernel = read;
        out[i].l2 = rate_of(l, &s, CHUNK);
        l.tasks = max_i64(1, (int64_t)nbytes / CHUNK / threads[i]);
        out[i].dram = rate_of(l, &s, CHUNK);
        l.kernel = fma;
        l.tasks = 1;
        out[i].flops = rate_of(l, &s, 2.0 * (double)fmas);
        if (products.kern) l.kernel = probe->launches[2].kernel;
        if (products.kern) out[i].bf16 = rate_of(l, &s, products.flops);
        session_threads(t, &s, 1);
    }
    arena_free(a);
    return true;
}
