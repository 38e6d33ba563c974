// pool_latency.c: what one parallel call of the pool costs, for nothing done in it: a model pays
// this once a launch. Run it on an idle machine; it is no test, for a busy one says nothing.
#include "runtime/vitc.h"
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
// pause_us: a wait between calls; longer than the spin it shows the cost of waking sleepers
static void measure(int threads, double pause_us, int calls) {
    static double us[CALLS];
    vitc_pool *p = vitc_pool_create(threads);
    const vitc_parallel *par = vitc_pool_parallel(p);
    if (!par) return;
    for (int i = 0; i < calls; i++) {
        double begun = now_us();
        while (now_us() - begun < pause_us) {
        }
        begun = now_us();
        par->run(par->ctx, nothing, NULL, threads);
        us[i] = now_us() - begun;
    }
    qsort(us, (size_t)calls, sizeof us[0], ascending);
    printf("%2d threads, %4.0f us between calls: min %.2f  median %.2f  p99 %.2f us\n", threads,
           pause_us, us[0], us[calls / 2], us[calls * 99 / 100]);
    vitc_pool_destroy(p);
}
int main(void) {
    for (int threads = 1; threads <= vitc_threads_available(); threads++) {
        measure(threads, 0, CALLS);
        measure(threads, 5, CALLS);
        measure(threads, 200, 500);
    }
    return 0;
}
