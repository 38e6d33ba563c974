// test_diff_tiles.c: random kernels of the matrix unit. Everywhere: pass `tiles` changes no result,
// and every printer and compiler takes what it makes. Where the processor has the unit and the
// system gives it, or emulated where the processor has all else of the level: the interpreter's
// bytes are those of the compiled code, denormal numbers included.
//
//     test_diff_tiles [--count N] [--seed S] [--printers llvm,gcc-O1]
//
// Exit 77 when they are compiled only.
#include "passes/passes.h"
#include "tests/diff/kernel_run.h"
#include <stdio.h>
#include <string.h>

enum { X, Y, OUT = 3, GROUPS = 2, STEPS = 3 };
typedef struct Group { // a product of one shape
    int m, k4, n;
    Val c, a, b;
    KOp dp;
} Group;
typedef struct Gen {
    Random r;
    Kern *k;
    Val param[BUFFERS], task;
} Gen;

static int below(Gen *g, int n) {
    return (int)random_below(&g->r, (uint32_t)n);
}
static int size(Gen *g) { // full tiles are the common case
    return below(g, 3) ? TILE_ROWS : 1 + below(g, TILE_ROWS);
}
static Group group(Gen *g, const Group *like) {
    Group p = {.m = size(g), .k4 = size(g), .n = size(g), .dp = (KOp)(K_TDPBF16 + below(g, 3))};
    if (like) p = *like;
    p.c = k_tile(g->k, p.m, 4 * p.n);
    p.a = k_tile(g->k, p.m, 4 * p.k4);
    p.b = k_tile(g->k, p.k4, 4 * p.n);
    return p;
}
static void begin(Gen *g, const Group *p) {
    if (below(g, 2))
        k_tzero(g->k, p->c);
    else
        k_tload(g->k, K_TLOAD, p->c, g->param[Y], 4 * below(g, 64), 64 * below(g, 3));
}
static void add(Gen *g, const Group *p, Val step) {
    Val by = k_imuli(g->k, k_iadd(g->k, step, g->task), 64);
    Val a = k_padd(g->k, g->param[X], by), b = k_padd(g->k, g->param[Y], by);
    KOp load = below(g, 2) ? K_TLOAD : K_TSTREAM;
    k_tload(g->k, load, p->a, a, 4 * below(g, 64), 4 * below(g, 40));
    k_tload(g->k, K_TLOAD, p->b, b, 4 * below(g, 64), 64);
    k_tdp(g->k, p->dp, p->c, p->a, p->b);
}
static void end(Gen *g, const Group *p, int nth) {
    Val to = k_padd(g->k, g->param[OUT], k_imuli(g->k, g->task, 512));
    k_tstore(g->k, to, 1024 * nth, 64, p->c);
}
// Two products side by side in a loop, then a third in the registers of the first.
static Kern *random_tiles(Arena *a, const Target *t, uint64_t seed, const char *name) {
    static const char *const names[BUFFERS] = {"x", "y", "flags", "out"};
    Gen g = {.r = {seed}, .k = kern_new(a, name, t)};
    for (int i = 0; i < BUFFERS; i++)
        g.param[i] = k_param(g.k, names[i], i == 2 ? DT_BOOL : DT_F32, i == OUT);
    g.task = k_loop(g.k, k_lo(g.k), k_hi(g.k), 1);
    Group p[GROUPS + 1];
    for (int i = 0; i < GROUPS; i++) {
        p[i] = group(&g, NULL);
        begin(&g, &p[i]);
    }
    Val step = k_loopn(g.k, 1 + below(&g, STEPS));
    for (int i = 0; i < GROUPS; i++) add(&g, &p[i], step);
    k_end(g.k);
    for (int i = 0; i < GROUPS; i++) end(&g, &p[i], i);
    p[GROUPS] = group(&g, &p[0]);
    begin(&g, &p[GROUPS]);
    add(&g, &p[GROUPS], g.task);
    end(&g, &p[GROUPS], below(&g, GROUPS));
    k_end(g.k);
    return g.k;
}
// bf16 whose sums stay finite; in some kernels most of them denormal, or their products.
static void fill(const Memory *m, uint64_t seed) {
    static const int window[][2] = {{0, 3}, {0, 160}, {45, 40}, {100, 50}, {120, 8}};
    Random r = {seed};
    for (int k = 0; k < m->n; k++) {
        const int *w = window[random_below(&r, COUNT_OF(window))];
        for (uint64_t i = 0; i < m->nbytes[k] / 2; i++) {
            uint32_t exponent = (uint32_t)w[0] + random_below(&r, (uint32_t)w[1]);
            uint16_t h = (uint16_t)((random_next(&r) & 0x807f) | exponent << 7);
            memcpy(m->start[k] + 2 * i, &h, 2);
        }
    }
}
static bool same_when_numbered(const Memory *m, Kern *k, Arena *a) {
    Kern *numbered = kern_new(a, k->name, k->target);
    void *want[MAX_REGIONS], *got[MAX_REGIONS];
    pass_tiles(k, numbered);
    for (int i = 0; i < m->n; i++) {
        want[i] = memcpy(m->want[i], m->start[i], m->nbytes[i]);
        got[i] = memcpy(m->got[i], m->start[i], m->nbytes[i]);
    }
    kern_eval(k, want, want[m->n - 1], 0, MAX_TASKS);
    kern_eval(numbered, got, got[m->n - 1], 0, MAX_TASKS);
    bool same = !memcmp(m->want[OUT], m->got[OUT], m->nbytes[OUT]);
    if (!same) printf("@%s: pass tiles changes what it computes\n", k->name);
    return same;
}
static Verdict print_all(void *ctx) {
    const KernelRun *r = ctx;
    Ctx c = loud_ctx("tiles");
    Source src = {kernel_program(&c, r), NULL};
    Printed printed[MAX_PRINTERS];
    if (!src.p) return INVALID;
    for (uint32_t j = 0; j < r->nprinters; j++)
        if (!printer_print(&r->printer[j], &c, &src, 1, &printed[j])) return REFUSED;
    return SAME;
}
int main(int argc, char **argv) {
    Words w = {.count = 64, .seed = 1, .printers = "llvm,gcc-O1,clang-19-O1"};
    Printer printer[MAX_PRINTERS];
    Ctx c = loud_ctx("kernels");
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!words_parse(&w, argc, argv)) return 2;
    Memory m = random_kernel_memory();
    const Target *t = target_find("x86-64-amx");
    uint32_t n = (uint32_t)w.count, failures = 0;
    const Kern **kern = NEW_N(c.arena, const Kern *, n);
    int64_t *tasks = NEW_N(c.arena, int64_t, n);
    fill(&m, w.seed);
    for (uint32_t i = 0; i < n; i++) {
        const char *name = arena_printf(c.arena, "seed_%llu", (unsigned long long)(w.seed + i));
        Kern *k = random_tiles(c.arena, t, w.seed + i, name);
        kern[i] = k;
        tasks[i] = MAX_TASKS;
        failures += !same_when_numbered(&m, k, c.arena);
    }
    KernelRun r = {.target = t,
                   .printer = printer,
                   .nprinters = printers_parse(c.arena, w.printers, printer),
                   .m = &m,
                   .kern = kern,
                   .n = n,
                   .tasks = tasks,
                   .exact = true};
    bool runs = host_can_run_or_emulate(t);
    Verdict v = runs ? kernel_run(&r, false) : in_child(print_all, &r, false);
    printf("%u kernels on %u printers: %s\n", n, r.nprinters,
           v != SAME || runs ? verdict_text(v) : "compiled, not run");
    return failures || v != SAME ? 1 : runs ? 0 : 77;
}
