// guarded_run.c: see guarded_run.h.
#include "tests/host/guarded_run.h"
#include "runtime/vitc_object.h"
#include "tests/support/guard.h"
#include <pthread.h>
#include <signal.h>
#include <string.h>

enum { MOST_THREADS = 3, PAINT = 0xa5 };

// ---- signals ---------------------------------------------------------------------------------
static char running[400]; // for the handler
void guarded_now(const char *what, const char *how) {
    snprintf(running, sizeof running, "%s: %s: touches what is not its own\n", what, how);
}
static void on_signal(int signo) {
    (void)signo;
    (void)!write(STDERR_FILENO, running, strlen(running));
    _exit(1);
}
void guarded_name_signals(void) {
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++) signal(fatal[i], on_signal);
}

// ---- threads with small stacks ---------------------------------------------------------------
static void *stack_new(void) {
    size_t page = guard_page_bytes();
    char *p = mmap(NULL, SMALL_STACK + page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || mprotect(p + page, SMALL_STACK, PROT_READ | PROT_WRITE)) abort();
    return memset(p + page, PAINT, SMALL_STACK);
}
static void stack_free(void *stack, size_t *deepest) {
    const unsigned char *byte = stack;
    size_t unused = 0, page = guard_page_bytes();
    while (unused < SMALL_STACK && byte[unused] == PAINT) unused++;
    if (SMALL_STACK - unused > *deepest) *deepest = SMALL_STACK - unused;
    munmap((char *)stack - page, SMALL_STACK + page);
}
static pthread_t start(void *stack, void *(*body)(void *), void *arg) {
    pthread_attr_t attr;
    pthread_t t;
    if (pthread_attr_init(&attr) || pthread_attr_setstack(&attr, stack, SMALL_STACK) ||
        pthread_create(&t, &attr, body, arg))
        abort();
    pthread_attr_destroy(&attr);
    return t;
}

// A host's own pool: one new thread for each task but the first.
typedef struct Crew {
    void *stack[MOST_THREADS];
} Crew;
typedef struct Errand {
    void (*task)(void *arg, int index);
    void *arg;
    int index;
} Errand;
static void *do_errand(void *arg) {
    const Errand *e = arg;
    e->task(e->arg, e->index);
    return NULL;
}
static void crew_run(void *ctx, void (*task)(void *arg, int index), void *arg, int count) {
    const Crew *crew = ctx;
    pthread_t t[MOST_THREADS];
    Errand e[MOST_THREADS];
    for (int i = 1; i < count; i++) {
        e[i] = (Errand){task, arg, i};
        t[i] = start(crew->stack[i], do_errand, &e[i]);
    }
    task(arg, 0);
    for (int i = 1; i < count; i++) pthread_join(t[i], NULL);
}

// ---- one run ---------------------------------------------------------------------------------
typedef struct Run {
    const vitc_object *object;
    const void *const *in;
    void *const *out;
    void *arena;
    const vitc_parallel *par;
    vitc_status status;
} Run;
static void *run(void *arg) {
    Run *r = arg;
    r->status = vitc_execute(r->object, r->in, r->out, r->arena, r->par);
    return NULL;
}
static void run_on_small_stacks(Run *r, int threads, size_t *deepest) {
    Crew crew;
    const vitc_parallel par = {&crew, threads, crew_run};
    for (int i = 0; i < threads; i++) crew.stack[i] = stack_new();
    r->par = &par;
    pthread_join(start(crew.stack[0], run, r), NULL);
    for (int i = 0; i < threads; i++) stack_free(crew.stack[i], deepest);
}

// ---- buffers ---------------------------------------------------------------------------------
typedef struct Buffers {
    Guarded in[GUARDED_MOST], out[GUARDED_MOST], arena, weights;
    const void *in_at[GUARDED_MOST];
    void *out_at[GUARDED_MOST];
} Buffers;
void guarded_fill(const vitc_tensor_info *t, void *p) {
    unsigned char *byte = p;
    for (uint64_t i = 0; i < t->bytes; i++) byte[i] = i % 3 == 0;
    for (uint64_t i = 0; i < t->bytes / sizeof(float) && t->dtype == VITC_F32; i++) {
        float f = (float)(i * 7919 % 1000) / 500.0f - 1.0f;
        memcpy(byte + i * sizeof f, &f, sizeof f);
    }
}
static void buffers_new(Buffers *b, const vitc_model_info *m, GuardSide side) {
    for (uint32_t i = 0; i < m->n_inputs; i++) {
        b->in[i] = guarded_new(m->inputs[i].bytes, side);
        guarded_fill(&m->inputs[i], b->in[i].at);
        guarded_read_only(&b->in[i]);
        b->in_at[i] = b->in[i].at;
    }
    for (uint32_t i = 0; i < m->n_outputs; i++) {
        b->out[i] = guarded_new(m->outputs[i].bytes, side);
        b->out_at[i] = b->out[i].at;
    }
    b->arena = guarded_new(m->arena_bytes, side);
    const int64_t *anchor = m->object->weights_anchor; // NULL: there are none
    b->weights = guarded_new(anchor ? m->weight_bytes : 0, side);
    if (anchor) memcpy(b->weights.at, (const char *)anchor + *anchor, m->weight_bytes);
    guarded_read_only(&b->weights);
}
static void buffers_free(const Buffers *b, const vitc_model_info *m) {
    for (uint32_t i = 0; i < m->n_inputs; i++) guarded_free(&b->in[i]);
    for (uint32_t i = 0; i < m->n_outputs; i++) guarded_free(&b->out[i]);
    guarded_free(&b->arena);
    guarded_free(&b->weights);
}
// What the arena and the outputs hold before a run must not matter.
static void spoil(const Buffers *b, const vitc_model_info *m) {
    memset(b->arena.at, 0xff, m->arena_bytes);
    for (uint32_t i = 0; i < m->n_outputs; i++) memset(b->out[i].at, 0xff, m->outputs[i].bytes);
}

// ---- all runs --------------------------------------------------------------------------------
static int failed(const char *what, const char *how, const char *why) {
    fprintf(stderr, "%s: %s: %s\n", what, how, why);
    return 1;
}
static int check_run(const char *what, const char *how, const vitc_model_info *m, const Buffers *b,
                     const Buffers *want, int threads, size_t *deepest) {
    vitc_object object = *m->object; // the same tables, but weights of our own
    const int64_t anchor = (int64_t)((uintptr_t)b->weights.at - (uintptr_t)&anchor);
    if (object.weights_anchor) object.weights_anchor = &anchor;
    Run r = {.object = &object, .in = b->in_at, .out = b->out_at, .arena = b->arena.at};
    spoil(b, m);
    guarded_now(what, how);
    run_on_small_stacks(&r, threads, deepest);
    if (r.status != VITC_OK) return failed(what, how, vitc_status_str(r.status));
    for (uint32_t i = 0; i < m->n_outputs; i++)
        if (memcmp(b->out_at[i], want->out_at[i], m->outputs[i].bytes))
            return failed(what, how, "other bytes");
    return *deepest > STACK_LIMIT ? failed(what, how, "too deep a stack") : 0;
}
static int check_sides(const char *what, const vitc_model_info *m, const Buffers *want,
                       size_t *deepest) {
    static const char *const name[GUARD_SIDES] = {"the last byte", "the first byte"};
    int bad = 0;
    for (GuardSide side = GUARD_END; side < GUARD_SIDES && !bad; side++) {
        Buffers b;
        buffers_new(&b, m, side);
        for (int threads = 1; threads <= MOST_THREADS && !bad; threads++) {
            char how[80];
            snprintf(how, sizeof how, "%s at a guard, %d threads", name[side], threads);
            bad = check_run(what, how, m, &b, want, threads, deepest);
        }
        buffers_free(&b, m);
    }
    return bad;
}
int guarded_run(const char *what, const vitc_model_info *m, size_t *deepest) {
    if (vitc_cpu_check(m->cpu_features) != VITC_OK) return GUARDED_SKIPPED;
    if (m->n_inputs > GUARDED_MOST || m->n_outputs > GUARDED_MOST)
        return failed(what, "buffers", "too many");
    Buffers plain;
    buffers_new(&plain, m, GUARD_START);
    guarded_now(what, "alone");
    vitc_status s = m->run(plain.in_at, plain.out_at, plain.arena.at, NULL);
    int bad = s == VITC_OK ? check_sides(what, m, &plain, deepest)
                           : failed(what, "alone", vitc_status_str(s));
    buffers_free(&plain, m);
    return bad;
}
