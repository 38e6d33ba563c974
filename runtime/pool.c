/* pool.c: worker threads that spin briefly, then sleep. One job at a time: the caller is worker 0,
 * takes tasks 0, n, 2n…, and waits for the others. A child after fork has no workers; its first job
 * starts new ones (the pid is compared, so no handler is registered in the host).
 * Nobody spins on the processor of the thread that he waits for: it could not run. When other
 * programs are busy the kernel does put both on one, and each job would cost two whole spins. */
#include "vitc.h"
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    LINE = 64,
    SPIN_NS = 30000,
    GLANCE_NS = 2000, /* spun in any case: where the other ran last may be old news */
    STACK_BYTES = 256 << 10,
    SPINS_PER_LOOK = 32,
    MAX_THREADS = 1024
};
typedef struct worker {
    pthread_t thread;
    vitc_pool *pool;
    int index;
    _Atomic int cpu; /* where it ran last */
    char pad[LINE];
} worker;
struct vitc_pool {
    vitc_parallel face;
    worker *workers; /* workers[0] is the caller */
    int threads;
    pid_t owner;
    void (*task)(void *arg, int index);
    void *arg;
    int count, stop, may_spin;
    _Alignas(LINE) _Atomic uint32_t job;  /* raised for every job; workers wait for it to change */
    _Alignas(LINE) _Atomic uint32_t busy; /* workers still in the job */
    _Alignas(LINE) _Atomic uint32_t sleepers;
};

static void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}
static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
static void futex_wait(_Atomic uint32_t *word, uint32_t seen) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}
static void futex_wake(_Atomic uint32_t *word) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}
static int note_cpu(worker *w) {
    int cpu = sched_getcpu();
    if (atomic_load_explicit(&w->cpu, memory_order_relaxed) != cpu)
        atomic_store_explicit(&w->cpu, cpu, memory_order_relaxed);
    return cpu;
}
/* Whether a thread that w may be waiting for (a worker: the caller; the caller: any) ran last where
 * w runs now. */
static int is_in_the_way(worker *w) {
    const vitc_pool *p = w->pool;
    int cpu = note_cpu(w), end = w->index == 0 ? p->threads : 1;
    for (int i = w->index == 0 ? 1 : 0; i < end; i++)
        if (atomic_load_explicit(&p->workers[i].cpu, memory_order_relaxed) == cpu) return 1;
    return 0;
}
static int is_time_to_sleep(worker *w, uint64_t spun_ns) {
    return spun_ns > SPIN_NS || (spun_ns > GLANCE_NS && is_in_the_way(w));
}
/* Waits until *word is no longer `seen`: spins, then sleeps. */
static void wait_change(worker *w, _Atomic uint32_t *word, uint32_t seen) {
    vitc_pool *p = w->pool;
    uint64_t begun = p->may_spin ? now_ns() : 0;
    for (int i = 1; p->may_spin; i++) {
        if (atomic_load_explicit(word, memory_order_acquire) != seen) return;
        relax();
        if (i % SPINS_PER_LOOK == 0 && is_time_to_sleep(w, now_ns() - begun)) break;
    }
    atomic_fetch_add(&p->sleepers, 1);
    while (atomic_load(word) == seen) futex_wait(word, seen);
    atomic_fetch_sub(&p->sleepers, 1);
    note_cpu(w);
}
static void do_tasks(const vitc_pool *p, int first) {
    for (int i = first; i < p->count; i += p->threads) p->task(p->arg, i);
}
static void *work(void *arg) {
    worker *w = (worker *)arg;
    vitc_pool *p = w->pool;
    uint32_t seen = 0; /* jobs count from 1 in every set of workers */
    for (;;) {
        wait_change(w, &p->job, seen);
        seen = atomic_load_explicit(&p->job, memory_order_acquire);
        if (p->stop) return NULL;
        do_tasks(p, w->index);
        if (atomic_fetch_sub(&p->busy, 1) == 1 && atomic_load(&p->sleepers)) futex_wake(&p->busy);
    }
}
/* Workers take no signals: those belong to the host's threads. Where the system gives fewer threads
 * than asked, the pool is smaller; results do not depend on it. */
static void start_workers(vitc_pool *p) {
    sigset_t every, old;
    pthread_attr_t attr;
    int wanted = p->threads;
    atomic_store(&p->job, 0);
    atomic_store(&p->busy, 0);
    atomic_store(&p->sleepers, 0);
    p->stop = 0;
    p->owner = getpid();
    p->threads = 1;
    for (int i = 0; i < wanted; i++) {
        p->workers[i].pool = p;
        p->workers[i].index = i;
        atomic_store(&p->workers[i].cpu, -1);
    }
    if (pthread_attr_init(&attr) == 0) {
        pthread_attr_setstacksize(&attr, STACK_BYTES);
        sigfillset(&every);
        pthread_sigmask(SIG_SETMASK, &every, &old);
        for (; p->threads < wanted; p->threads++) {
            worker *w = &p->workers[p->threads];
            if (pthread_create(&w->thread, &attr, work, w)) break;
        }
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        pthread_attr_destroy(&attr);
    }
    p->face.threads = p->threads;
}
static void stop_workers(vitc_pool *p) {
    p->stop = 1;
    atomic_fetch_add(&p->job, 1);
    futex_wake(&p->job);
    for (int i = 1; i < p->threads; i++) pthread_join(p->workers[i].thread, NULL);
}
static void pool_run(void *ctx, void (*task)(void *arg, int index), void *arg, int count) {
    vitc_pool *p = (vitc_pool *)ctx;
    if (p->owner != getpid()) start_workers(p);
    p->task = task;
    p->arg = arg;
    p->count = count;
    if (count <= 1 || p->threads == 1) {
        for (int i = 0; i < count; i++) task(arg, i);
        return;
    }
    note_cpu(&p->workers[0]);
    atomic_store(&p->busy, (uint32_t)p->threads - 1);
    atomic_fetch_add(&p->job, 1);
    if (atomic_load(&p->sleepers)) futex_wake(&p->job);
    do_tasks(p, 0);
    for (uint32_t left; (left = atomic_load_explicit(&p->busy, memory_order_acquire)) != 0;)
        wait_change(&p->workers[0], &p->busy, left);
}

vitc_pool *vitc_pool_create(int threads) {
    int available = vitc_threads_available();
    if (threads == 0) threads = available < MAX_THREADS ? available : MAX_THREADS;
    if (threads < 1 || threads > MAX_THREADS) return NULL;
    void *memory = NULL;
    if (posix_memalign(&memory, LINE, sizeof(vitc_pool))) return NULL;
    vitc_pool *p = (vitc_pool *)memory;
    *p = (vitc_pool){.threads = threads, .may_spin = threads <= available};
    p->workers = (worker *)calloc((size_t)threads, sizeof *p->workers);
    if (!p->workers) {
        free(p);
        return NULL;
    }
    start_workers(p);
    p->face.ctx = p;
    p->face.run = pool_run;
    return p;
}
const vitc_parallel *vitc_pool_parallel(vitc_pool *p) {
    return p ? &p->face : NULL;
}
void vitc_pool_destroy(vitc_pool *p) {
    if (!p) return;
    if (p->owner == getpid()) stop_workers(p);
    free(p->workers);
    free(p);
}
