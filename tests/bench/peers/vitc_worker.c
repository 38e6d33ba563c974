/* vitc_worker.c: a model compiled by vitc as a contender of peers.py. It loads an input once and
 * answers requests, one per line, as peer_worker.py does:
 *
 *     run N          -> times T1 … TN       milliseconds of N inferences
 *     output FILE    -> done                the last result, raw f32
 *     memory         -> memory rss_kb=… peak_kb=… weights_kb=… arena_kb=…
 *
 * It begins with "ready load_ms=…" or "error TEXT" and ends with its standard input.
 *
 *     vitc compile MODEL -o model.o --prefix model
 *     cc -Iruntime -I. vitc_worker.c model.o libvitc-runtime.a -lm -lpthread -o worker
 *     worker THREADS INPUT.f32 */
#define _GNU_SOURCE
#include "model.h"
#include "vitc_object.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct Host {
    void *input, *output, *arena;
    const vitc_parallel *par; /* NULL: one thread */
} Host;

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int refuse(const char *what) {
    printf("error %s\n", what);
    return 1;
}

static void *buffer(const vitc_tensor_info *t) {
    return aligned_alloc(64, (t->bytes + 63) / 64 * 64);
}

static int read_input(const char *path, const vitc_tensor_info *t, void *to) {
    FILE *f = fopen(path, "rb");
    if (!f) return 0;
    size_t got = fread(to, 1, t->bytes, f);
    int more = fgetc(f) != EOF;
    fclose(f);
    return got == t->bytes && !more;
}

static void answer_output(const Host *h, const char *path) {
    uint64_t bytes = model_model.outputs[0].bytes;
    FILE *f = fopen(path, "wb");
    size_t put = f ? fwrite(h->output, 1, bytes, f) : 0;
    if (f && fclose(f) == 0 && put == bytes)
        puts("done");
    else
        refuse("the output cannot be written");
}

static vitc_status run_once(const Host *h) {
    return model_model.run((const void *const[]){h->input}, (void *const[]){h->output}, h->arena,
                           h->par);
}

static void answer_run(const Host *h, long n) {
    vitc_status status = VITC_OK;
    double *ms = malloc((size_t)n * sizeof *ms);
    for (long i = 0; ms && i < n && status == VITC_OK; i++) {
        double start = now_ms();
        status = run_once(h);
        ms[i] = now_ms() - start;
    }
    if (!ms || status != VITC_OK) {
        refuse(ms ? vitc_status_str(status) : "no memory");
    } else {
        printf("times");
        for (long i = 0; i < n; i++) printf(" %.4f", ms[i]);
        printf("\n");
    }
    free(ms);
}

/* Which of the pages at `start` this process has in memory, in KiB; page tables are asked, because
 * mincore() would count what only the page cache holds. */
static long resident_kb(const void *start, uint64_t bytes) {
    enum { AT_ONCE = 512 };
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), entry[AT_ONCE], pages = 0;
    uint64_t first = (uintptr_t)start / page;
    uint64_t end = ((uintptr_t)start + bytes + page - 1) / page;
    int fd = open("/proc/self/pagemap", O_RDONLY);
    while (fd >= 0 && first < end) {
        size_t want = (size_t)(end - first < AT_ONCE ? end - first : AT_ONCE);
        ssize_t got = pread(fd, entry, want * 8, (off_t)(first * 8));
        if (got <= 0) break;
        for (size_t i = 0; i < (size_t)got / 8; i++) pages += entry[i] >> 63;
        first += (uint64_t)got / 8;
    }
    if (fd >= 0) close(fd);
    return (long)(pages * page / 1024);
}

static long status_kb(const char *key) {
    char line[256];
    long kb = 0;
    FILE *f = fopen("/proc/self/status", "r");
    if (!f) return 0;
    while (fgets(line, sizeof line, f))
        if (!strncmp(line, key, strlen(key))) kb = atol(line + strlen(key));
    fclose(f);
    return kb;
}

static void answer_memory(const Host *h) {
    const int64_t *anchor = model_model.object->weights_anchor;
    printf("memory rss_kb=%ld peak_kb=%ld weights_kb=%ld arena_kb=%ld\n", status_kb("VmRSS:"),
           status_kb("VmHWM:"),
           resident_kb((const char *)anchor + *anchor, model_model.weight_bytes),
           resident_kb(h->arena, model_model.arena_bytes));
}

static void serve(const Host *h) {
    char line[4200];
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        if (!strncmp(line, "run ", 4) && atol(line + 4) > 0)
            answer_run(h, atol(line + 4));
        else if (!strncmp(line, "output ", 7))
            answer_output(h, line + 7);
        else if (!strcmp(line, "memory"))
            answer_memory(h);
        else
            refuse("unknown request");
        fflush(stdout);
    }
}

int main(int argc, char **argv) {
    double start = now_ms();
    if (argc != 3) return refuse("usage: worker THREADS INPUT.f32");
    if (model_model.n_inputs != 1 || model_model.n_outputs != 1)
        return refuse("the model must have one input and one output");
    int threads = atoi(argv[1]);
    vitc_pool *pool = threads > 1 ? vitc_pool_create(threads) : NULL;
    Host h = {buffer(model_model.inputs), buffer(model_model.outputs),
              vitc_arena_create(&model_model), pool ? vitc_pool_parallel(pool) : NULL};
    if (!h.input || !h.output || !h.arena || (threads > 1 && !pool)) return refuse("no memory");
    if (threads > 1 && h.par->threads != threads)
        return refuse("this machine gives the pool fewer threads");
    if (!read_input(argv[2], model_model.inputs, h.input))
        return refuse("the input file has another size");
    vitc_weights_populate(&model_model, NULL, h.par);
    printf("ready load_ms=%.2f\n", now_ms() - start);
    fflush(stdout);
    serve(&h);
    vitc_arena_destroy(&model_model, h.arena);
    free(h.input);
    free(h.output);
    vitc_pool_destroy(pool);
    return 0;
}
