// pool_latency.c: what one parallel call of the pool costs, for nothing done in it: a model pays
// this once a launch. Run it on an idle machine; it is no test, for a busy one says nothing.
#include "runtime/vitc.h"
#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { CALLS = 20000 };
static double now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}
static void nothing(void *arg, int index) {
    (void)arg;
    (void)index;
}
static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}
// Puts every thread of the process on one processor, as the kernel does when the others are busy.
static void stack_up(void) {
    cpu_set_t all, one;
    size_t first = 0;
    if (sched_getaffinity(0, sizeof all, &all)) return;
    while (!CPU_ISSET(first, &all)) first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *e; tasks && (e = readdir(tasks)) != NULL;)
        if (atoi(e->d_name) > 0) sched_setaffinity(atoi(e->d_name), sizeof one, &one);
    if (tasks) closedir(tasks);
}
// pause_us: a wait between calls; longer than the spin it shows the cost of waking sleepers
static void measure(int threads, double pause_us, int calls, int on_one) {
    static double us[CALLS];
    vitc_pool *p = vitc_pool_create(threads);
    const vitc_parallel *par = vitc_pool_parallel(p);
    if (!par) return;
    if (on_one) stack_up();
    for (int i = 0; i < calls; i++) {
        double begun = now_us();
        while (now_us() - begun < pause_us) {
        }
        begun = now_us();
        par->run(par->ctx, nothing, NULL, threads);
        us[i] = now_us() - begun;
    }
    qsort(us, (size_t)calls, sizeof us[0], ascending);
    printf("%2d threads%s, %4.0f us between calls: min %.2f  median %.2f  p99 %.2f us\n", threads,
           on_one ? " on one processor" : "", pause_us, us[0], us[calls / 2], us[calls * 99 / 100]);
    vitc_pool_destroy(p);
}
int main(void) {
    int available = vitc_threads_available();
    for (int threads = 1; threads <= available; threads++) {
        measure(threads, 0, CALLS, 0);
        measure(threads, 5, CALLS, 0);
        measure(threads, 200, 500, 0);
    }
    measure(available, 5, CALLS, 1); // last: nothing moves the threads back
    return 0;
}
