// test_pool.c: every task runs exactly once, for any number of threads and tasks, after fork, and
// with several pools at once.
#include "runtime/vitc.h"
#include "tests/runtime/sanitizer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

enum { MAX_TASKS = 300 };
typedef struct Count {
    atomic_int done[MAX_TASKS];
    int plain[MAX_TASKS]; // written without atomics: the pool itself must order it
} Count;
static void task(void *arg, int index) {
    Count *c = arg;
    atomic_fetch_add(&c->done[index], 1);
    c->plain[index] = index + 1;
}
static int each_once(vitc_pool *p, int count) {
    static _Thread_local Count c;
    memset(&c, 0, sizeof c);
    const vitc_parallel *par = vitc_pool_parallel(p);
    par->run(par->ctx, task, &c, count);
    for (int i = 0; i < MAX_TASKS; i++) {
        int want = i < count;
        if (atomic_load(&c.done[i]) != want || c.plain[i] != (want ? i + 1 : 0)) return 0;
    }
    return 1;
}
static void test_every_task_once(void **state) {
    (void)state;
    for (int threads = 1; threads <= 8; threads++) {
        vitc_pool *p = vitc_pool_create(threads);
        assert_non_null(p);
        assert_int_equal(vitc_pool_parallel(p)->threads, threads);
        for (int count = 0; count < MAX_TASKS; count += 1 + count / 3)
            assert_true(each_once(p, count));
        vitc_pool_destroy(p);
    }
}
static void test_sleeping_workers_wake(void **state) {
    (void)state;
    vitc_pool *p = vitc_pool_create(3);
    for (int i = 0; i < 20; i++) {
        usleep(2000); // long enough for the workers to sleep
        assert_true(each_once(p, 3));
    }
    vitc_pool_destroy(p);
}
static void test_many_jobs(void **state) {
    (void)state;
    vitc_pool *p = vitc_pool_create(2);
    for (int i = 0; i < 20000; i++) assert_true(each_once(p, 2));
    vitc_pool_destroy(p);
}
static void test_create_and_destroy(void **state) {
    (void)state;
    for (int i = 0; i < 200; i++) vitc_pool_destroy(vitc_pool_create(4));
    vitc_pool_destroy(NULL);
    assert_null(vitc_pool_create(-1));
    assert_null(vitc_pool_create(100000));
    assert_null(vitc_pool_parallel(NULL));
    assert_true(vitc_threads_available() >= 1);
}
static void test_fork(void **state) {
    (void)state;
    if (UNDER_TSAN) skip();
    vitc_pool *p = vitc_pool_create(3);
    assert_true(each_once(p, 10));
    for (int i = 0; i < 5; i++) {
        pid_t child = fork();
        if (child == 0) {
            int ok = each_once(p, 10) && each_once(p, 3);
            vitc_pool_destroy(p);
            _exit(ok ? 0 : 1);
        }
        int status = 0;
        waitpid(child, &status, 0);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        assert_true(each_once(p, 10));
    }
    vitc_pool_destroy(p);
}
static void *own_pool(void *arg) {
    vitc_pool *p = vitc_pool_create(2);
    for (int i = 0; i < 500; i++)
        if (!each_once(p, 5)) *(int *)arg = 1;
    vitc_pool_destroy(p);
    return NULL;
}
static void test_pools_side_by_side(void **state) {
    (void)state;
    pthread_t t[4];
    int bad[4] = {0};
    for (int i = 0; i < 4; i++) pthread_create(&t[i], NULL, own_pool, &bad[i]);
    for (int i = 0; i < 4; i++) {
        pthread_join(t[i], NULL);
        assert_int_equal(bad[i], 0);
    }
}
int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_task_once),
        cmocka_unit_test(test_sleeping_workers_wake),
        cmocka_unit_test(test_many_jobs),
        cmocka_unit_test(test_create_and_destroy),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_pools_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
