// test_host.c: what a host may do around a run: any floating-point environment on any of its
// threads, small stacks, signals, its own pool, many runs at once, a run within a task, fork. The
// result is always the same bits.
#include "runtime/vitc_object.h"
#include "tests/runtime/sanitizer.h"
#include <float.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

// Two launches over the arena: a[i] = x[i] * tiny (denormal for some i); y[i] = a[i] / tiny +
// a[n-1-i] / 3
enum { N = 512, ROW = 8, GRID = N / ROW, MAX_SLICES = 8, SCRATCH = 64 };
static void shrink(void *const *args, void *scratch, int64_t lo, int64_t hi) {
    const float *x = args[0];
    float *a = args[1];
    memset(scratch, (int)(lo & 0x7f), SCRATCH);
    for (int64_t i = lo * ROW; i < hi * ROW; i++) a[i] = x[i] * FLT_MIN;
}
static void grow(void *const *args, void *scratch, int64_t lo, int64_t hi) {
    const float *a = args[0];
    float *y = args[1];
    memset(scratch, (int)(lo & 0x7f), SCRATCH);
    for (int64_t i = lo * ROW; i < hi * ROW; i++) y[i] = a[i] / FLT_MIN + a[N - 1 - i] / 3.0f;
}
static const vitc_place into[] = {{VITC_PLACE_INPUT, 0, 0}, {VITC_PLACE_ARENA, 0, 64}};
static const vitc_place from[] = {{VITC_PLACE_ARENA, 0, 64}, {VITC_PLACE_OUTPUT, 0, 0}};
static const vitc_launch launches[] = {{shrink, into, 2, 0, GRID, SCRATCH, "shrink", 0},
                                       {grow, from, 2, 0, GRID, SCRATCH, "grow", 0}};
static const int64_t no_weights;
static const vitc_tensor_info tensor = {"t", VITC_F32, 1, {N, 1, 1, 1, 1, 1, 1, 1}, N * 4};
enum { INTERMEDIATE = 64 + N * 4, ARENA = INTERMEDIATE + MAX_SLICES * SCRATCH };
static const vitc_model_info info = {.struct_size = sizeof info,
                                     .abi = VITC_ABI,
                                     .arena_bytes = ARENA,
                                     .arena_align = 64,
                                     .n_inputs = 1,
                                     .n_outputs = 1,
                                     .inputs = &tensor,
                                     .outputs = &tensor};
static const vitc_object object = {.abi = VITC_ABI,
                                   .n_launches = 2,
                                   .launches = launches,
                                   .weights_anchor = &no_weights,
                                   .intermediate_bytes = INTERMEDIATE,
                                   .scratch_bytes = MAX_SLICES * SCRATCH,
                                   .max_slices = MAX_SLICES,
                                   .info = &info};
static float x[N], want[N];

typedef struct Memory {
    _Alignas(64) char arena[ARENA];
    float y[N];
} Memory;
static int run(Memory *m, const vitc_parallel *par) { // 1: ran, and the bits are right
    const void *const in[1] = {x};
    void *const out[1] = {m->y};
    memset(m, 0xa5, sizeof *m);
    return vitc_execute(&object, in, out, m->arena, par) == VITC_OK &&
           memcmp(m->y, want, sizeof want) == 0;
}
static int setup(void **state) {
    (void)state;
    volatile float shrunk[N];
    for (int i = 0; i < N; i++) x[i] = (float)(i - 200) / 64.0f;
    for (int i = 0; i < N; i++) shrunk[i] = x[i] * FLT_MIN;
    for (int i = 0; i < N; i++) want[i] = shrunk[i] / FLT_MIN + shrunk[N - 1 - i] / 3.0f;
    return 0;
}
static void test_threads(void **state) {
    (void)state;
    Memory m;
    assert_true(run(&m, NULL));
    for (int threads = 1; threads <= 9; threads++) {
        vitc_pool *p = vitc_pool_create(threads);
        for (int i = 0; i < 50; i++) assert_true(run(&m, vitc_pool_parallel(p)));
        vitc_pool_destroy(p);
    }
}
#if defined(__x86_64__)
static void strange_floats(void *ctx, void (*task)(void *arg, int index), void *arg, int count) {
    unsigned old = _mm_getcsr();
    for (int i = 0; i < count; i++) {
        _mm_setcsr(*(const unsigned *)ctx);
        task(arg, i);
        if ((_mm_getcsr() & 0xffc0u) != *(const unsigned *)ctx) *(unsigned *)ctx = 0;
    }
    _mm_setcsr(old);
}
static void test_floating_point_environment(void **state) {
    (void)state;
    Memory m;
    for (unsigned rounding = 0; rounding < 4; rounding++) {
        for (unsigned flush = 0; flush < 4; flush++) { // FTZ and DAZ
            unsigned csr = 0x1f80u | rounding << 13 | (flush & 1) << 15 | (flush >> 1) << 6,
                     old = csr;
            vitc_parallel host = {&csr, 3, strange_floats};
            assert_true(run(&m, &host));
            assert_int_equal(csr, old); // and every task gave it back
            unsigned mine = _mm_getcsr();
            _mm_setcsr(csr);
            int ok = run(&m, NULL);
            unsigned after = _mm_getcsr();
            _mm_setcsr(mine);
            assert_true(ok);
            assert_int_equal(after & 0xffc0u, csr);
        }
    }
}
#else
static void test_floating_point_environment(void **state) {
    (void)state;
}
#endif
static void *on_small_stack(void *arg) {
    static Memory m;
    vitc_pool *p = vitc_pool_create(2);
    *(int *)arg = run(&m, NULL) && run(&m, vitc_pool_parallel(p));
    vitc_pool_destroy(p);
    return NULL;
}
static void test_small_stack(void **state) {
    (void)state;
    pthread_attr_t attr;
    pthread_t t;
    int ok = 0;
    pthread_attr_init(&attr);
    assert_int_equal(pthread_attr_setstacksize(&attr, 64 << 10), 0);
    assert_int_equal(pthread_create(&t, &attr, on_small_stack, &ok), 0);
    pthread_join(t, NULL);
    pthread_attr_destroy(&attr);
    assert_true(ok);
}
static void *many_runs(void *arg) {
    Memory m;
    vitc_pool *p = vitc_pool_create(2);
    int ok = 1;
    for (int i = 0; i < 200; i++) ok &= run(&m, i % 2 ? vitc_pool_parallel(p) : NULL);
    vitc_pool_destroy(p);
    *(int *)arg = ok;
    return NULL;
}
static void test_many_at_once(void **state) {
    (void)state;
    pthread_t t[4];
    int ok[4] = {0};
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&t[i], NULL, many_runs, &ok[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(t[i], NULL);
        assert_true(ok[i]);
    }
}
static void run_inside(void *arg, int index) { // a batch over images, each image a whole run
    Memory m;
    ((int *)arg)[index] = run(&m, NULL);
}
static void test_run_within_a_task(void **state) {
    (void)state;
    int ok[20] = {0};
    vitc_pool *p = vitc_pool_create(3);
    const vitc_parallel *par = vitc_pool_parallel(p);
    par->run(par->ctx, run_inside, ok, 20);
    vitc_pool_destroy(p);
    for (int i = 0; i < 20; i++) assert_true(ok[i]);
}
static volatile sig_atomic_t ticks, foreign;
static pthread_t host_thread;
static void on_tick(int signal) {
    (void)signal;
    ticks++;
    if (!pthread_equal(pthread_self(), host_thread)) foreign++;
}
static void test_signals(void **state) {
    (void)state;
    Memory m;
    struct sigaction tick = {.sa_handler = on_tick}, old;
    host_thread = pthread_self();
    vitc_pool *p = vitc_pool_create(3);
    sigaction(SIGALRM, &tick, &old);
    const struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &often, NULL);
    int ok = 1;
    for (int i = 0; (i < 2000 || ticks < 20) && ok; i++) ok = run(&m, vitc_pool_parallel(p));
    setitimer(ITIMER_REAL, &never, NULL);
    sigaction(SIGALRM, &old, NULL);
    vitc_pool_destroy(p);
    assert_true(ok);
    assert_int_equal(foreign, 0); // workers take no signals
}
static void test_fork(void **state) {
    (void)state;
    if (UNDER_TSAN) skip();
    Memory m;
    vitc_pool *p = vitc_pool_create(3);
    assert_true(run(&m, vitc_pool_parallel(p)));
    pid_t child = fork();
    if (child == 0) _exit(run(&m, vitc_pool_parallel(p)) && run(&m, NULL) ? 0 : 1);
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(run(&m, vitc_pool_parallel(p)));
    vitc_pool_destroy(p);
}
int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_floating_point_environment),
        cmocka_unit_test(test_small_stack),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_run_within_a_task),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_fork),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
