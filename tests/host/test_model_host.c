// test_model_host.c: what a product does around a compiled model (prefix "model"): many threads
// with arenas of their own, fork at any time, small stacks, any floating-point environment. Every
// run gives the bits of a plain run on the calling thread.
#include "runtime/vitc.h"
#include "tests/runtime/sanitizer.h"
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#if defined(__x86_64__)
#include <fenv.h>
#include <xmmintrin.h>
#endif

extern const vitc_model_info model_model;
enum { MOST = 64, CALLERS = 4, RUNS = 10 };
static void *in[MOST], *want[MOST];

typedef struct Session {
    void *out[MOST], *arena;
} Session;
static Session session_new(void) {
    Session s = {.arena = vitc_arena_create(&model_model)};
    for (uint32_t i = 0; i < model_model.n_outputs; i++)
        s.out[i] = calloc(1, model_model.outputs[i].bytes);
    return s;
}
static void session_free(Session *s) {
    for (uint32_t i = 0; i < model_model.n_outputs; i++) free(s->out[i]);
    vitc_arena_destroy(&model_model, s->arena);
}
static vitc_status run(const Session *s, const vitc_parallel *par) {
    memset(s->arena, 0xff, model_model.arena_bytes);
    return model_model.run((const void *const *)in, s->out, s->arena, par);
}
static int is_right(const Session *s, const vitc_parallel *par) {
    if (run(s, par) != VITC_OK) return 0;
    for (uint32_t i = 0; i < model_model.n_outputs; i++)
        if (memcmp(s->out[i], want[i], model_model.outputs[i].bytes)) return 0;
    return 1;
}
static int setup(void **state) {
    (void)state;
    const vitc_model_info *m = &model_model;
    if (m->n_inputs > MOST || m->n_outputs > MOST) return -1;
    for (uint32_t i = 0; i < m->n_inputs; i++) {
        float *f = calloc(1, m->inputs[i].bytes);
        for (uint64_t k = 0; k < m->inputs[i].bytes / sizeof *f; k++)
            f[k] = (float)(k * 7919 % 1000) / 500.0f - 1.0f;
        in[i] = f;
    }
    Session s = session_new();
    for (uint32_t i = 0; i < m->n_outputs; i++) want[i] = s.out[i];
    int bad = run(&s, NULL) != VITC_OK;
    vitc_arena_destroy(m, s.arena);
    return bad;
}
static int teardown(void **state) {
    (void)state;
    for (uint32_t i = 0; i < model_model.n_inputs; i++) free(in[i]);
    for (uint32_t i = 0; i < model_model.n_outputs; i++) free(want[i]);
    return 0;
}

// ---- threads ---------------------------------------------------------------------------------
static void *many_runs(void *arg) {
    Session s = session_new();
    vitc_pool *p = vitc_pool_create(2);
    vitc_weights_populate(&model_model, NULL, vitc_pool_parallel(p));
    int ok = 1;
    for (int i = 0; i < RUNS; i++) ok &= is_right(&s, i % 3 ? vitc_pool_parallel(p) : NULL);
    vitc_pool_destroy(p);
    session_free(&s);
    *(int *)arg = ok;
    return NULL;
}
static void four_threads_at_once(void **state) {
    (void)state;
    pthread_t t[CALLERS];
    int ok[CALLERS] = {0};
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, many_runs, &ok[i]), 0);
    for (int i = 0; i < CALLERS; i++) {
        pthread_join(t[i], NULL);
        assert_true(ok[i]);
    }
}
static void a_small_stack_is_enough(void **state) {
    (void)state;
    if (UNDER_TSAN) skip(); // its own frames are larger
    pthread_attr_t attr;
    pthread_t t;
    int ok = 0;
    pthread_attr_init(&attr);
    assert_int_equal(pthread_attr_setstacksize(&attr, 64 << 10), 0);
    assert_int_equal(pthread_create(&t, &attr, many_runs, &ok), 0);
    pthread_join(t, NULL);
    pthread_attr_destroy(&attr);
    assert_true(ok);
}

// ---- fork ------------------------------------------------------------------------------------
static int child_is_right(const Session *s, vitc_pool *used) {
    pid_t child = fork();
    if (child == 0) {
        int ok = 0;
        many_runs(&ok); // with a pool of its own
        ok &= is_right(s, NULL);
        for (int i = 0; i < 2 && used; i++) ok &= is_right(s, vitc_pool_parallel(used));
        vitc_pool_destroy(used);
        _exit(ok ? 0 : 1);
    }
    int status = 1;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
static void both_sides_of_a_fork_run(void **state) {
    (void)state;
    if (UNDER_TSAN) skip();
    Session s = session_new();
    vitc_pool *p = vitc_pool_create(3), *idle = vitc_pool_create(2);
    assert_true(is_right(&s, vitc_pool_parallel(p)));
    for (int i = 0; i < 5; i++) {
        assert_true(child_is_right(&s, p));
        assert_true(child_is_right(&s, idle));
        assert_true(is_right(&s, vitc_pool_parallel(p)));
    }
    vitc_pool_destroy(idle);
    vitc_pool_destroy(p);
    session_free(&s);
}
typedef struct Busy {
    atomic_int stop, runs, wrong;
} Busy;
static void *run_until_told(void *arg) {
    Busy *b = arg;
    Session s = session_new();
    vitc_pool *p = vitc_pool_create(2);
    while (!atomic_load(&b->stop)) {
        if (!is_right(&s, vitc_pool_parallel(p))) atomic_fetch_add(&b->wrong, 1);
        atomic_fetch_add(&b->runs, 1);
    }
    vitc_pool_destroy(p);
    session_free(&s);
    return NULL;
}
static void a_fork_while_another_thread_runs(void **state) {
    (void)state;
    if (UNDER_TSAN) skip();
    Busy b = {0};
    pthread_t t;
    Session s = session_new();
    assert_int_equal(pthread_create(&t, NULL, run_until_told, &b), 0);
    while (atomic_load(&b.runs) < 2) usleep(100);
    int ok = 1;
    for (int i = 0; i < 10; i++) ok &= child_is_right(&s, NULL);
    atomic_store(&b.stop, 1);
    pthread_join(t, NULL);
    session_free(&s);
    assert_true(ok);
    assert_int_equal(atomic_load(&b.wrong), 0);
}

// ---- floating point --------------------------------------------------------------------------
#if defined(__x86_64__)
enum { CONTROL = 0xffc0, QUIET = 0x1f80, FTZ = 0x8000, DAZ = 0x0040, X87_SINGLE = 0x007f };
static unsigned short x87_control(void) {
    unsigned short w;
    __asm__ volatile("fnstcw %0" : "=m"(w));
    return w;
}
static void set_x87_control(unsigned short w) {
    __asm__ volatile("fldcw %0" : : "m"(w));
}
// Runs with the thread in this state; the state must be the same afterwards.
static int is_right_in(const Session *s, const vitc_parallel *par, unsigned csr,
                       unsigned short x87) {
    fenv_t before;
    fegetenv(&before);
    set_x87_control(x87);
    _mm_setcsr(csr);
    vitc_status status = run(s, par);
    unsigned csr_after = _mm_getcsr();
    unsigned short x87_after = x87_control();
    fesetenv(&before);
    int same = status == VITC_OK;
    for (uint32_t i = 0; i < model_model.n_outputs && same; i++)
        same = !memcmp(s->out[i], want[i], model_model.outputs[i].bytes);
    return same && (csr_after & CONTROL) == (csr & CONTROL) && x87_after == x87;
}
static void any_floating_point_environment(void **state) {
    (void)state;
    static const unsigned flush[] = {0, FTZ, DAZ, FTZ | DAZ};
    Session s = session_new();
    vitc_pool *p = vitc_pool_create(2);
    for (unsigned rounding = 0; rounding < 4; rounding++)
        for (unsigned i = 0; i < 4; i++) {
            unsigned csr = QUIET | rounding << 13 | flush[i];
            unsigned short x87 = (unsigned short)(X87_SINGLE | rounding << 10);
            assert_true(is_right_in(&s, NULL, csr, x87));
            assert_true(is_right_in(&s, vitc_pool_parallel(p), csr, x87));
        }
    vitc_pool_destroy(p);
    session_free(&s);
}
// Every exception would be a signal: invalid, denormal, division, overflow, underflow, inexact.
static void unmasked_exceptions(void **state) {
    (void)state;
    enum { NOTHING_MASKED = 0, X87_NOTHING_MASKED = 0x0340 };
    Session s = session_new();
    vitc_pool *before = vitc_pool_create(2);
    assert_true(is_right_in(&s, NULL, NOTHING_MASKED, X87_NOTHING_MASKED));
    assert_true(is_right_in(&s, vitc_pool_parallel(before), NOTHING_MASKED, X87_NOTHING_MASKED));
    feenableexcept(FE_ALL_EXCEPT); // a new thread inherits them
    vitc_pool *p = vitc_pool_create(3);
    vitc_status status = run(&s, vitc_pool_parallel(p));
    int enabled = fegetexcept();
    fedisableexcept(FE_ALL_EXCEPT);
    feclearexcept(FE_ALL_EXCEPT);
    assert_int_equal(status, VITC_OK);
    assert_int_equal(enabled, FE_ALL_EXCEPT);
    assert_true(is_right(&s, vitc_pool_parallel(p)));
    vitc_pool_destroy(p);
    vitc_pool_destroy(before);
    session_free(&s);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_threads_at_once),
        cmocka_unit_test(a_small_stack_is_enough),
        cmocka_unit_test(both_sides_of_a_fork_run),
        cmocka_unit_test(a_fork_while_another_thread_runs),
#if defined(__x86_64__)
        cmocka_unit_test(any_floating_point_environment),
        cmocka_unit_test(unmasked_exceptions),
#endif
    };
    if (vitc_cpu_check(model_model.cpu_features) != VITC_OK) return 77;
    return cmocka_run_group_tests(tests, setup, teardown);
}
