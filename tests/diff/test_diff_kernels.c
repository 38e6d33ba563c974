// test_diff_kernels.c: kern_eval says what a kernel means; what LLVM makes of it must leave the
// same bytes in every buffer, on every target that this machine can run.
//
//     test_diff_kernels [llvm|c] [kernels per target] [first seed] [statements] [target]
#include "tests/diff/harness.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 50 };

static int run_batch(const Target *t, const Memory *m, uint64_t seed, int statements, bool from_c) {
    Batch b = batch_new(t);
    Random r = {seed ^ 0x5eed};
    int failures = 0;
    for (uint64_t i = 0; i < BATCH; i++) {
        char name[40];
        snprintf(name, sizeof name, "seed_%llu", (unsigned long long)(seed + i));
        batch_add(&b, random_kernel(b.c.arena, t, seed + i, name, statements), false);
    }
    batch_compile(&b, from_c);
    for (uint32_t i = 0; i < BATCH; i++) {
        bool same = true;
        for (int64_t hi = 0; hi <= MAX_TASKS && same; hi++) {
            for (int k = 0; k < m->n; k++) random_bytes(&r, m->start[k], m->nbytes[k], k == 2);
            same = batch_same(&b, i, m, hi ? random_below(&r, (uint32_t)hi) : 0, hi);
        }
        failures += !same;
    }
    batch_free(&b);
    return failures;
}
static long long argument(int argc, char **argv, int n, long long otherwise) {
    return argc > n ? strtoll(argv[n], NULL, 0) : otherwise;
}
int main(int argc, char **argv) {
    static const char *const names[] = {"x", "y", "flags", "out"};
    Memory m = {0};
    for (int i = 0; i < BUFFERS; i++) memory_add(&m, names[i], BUFFER_BYTES);
    memory_add(&m, "scratch", SCRATCH_BYTES);
    bool from_c = argc > 1 && !strcmp(argv[1], "c");
    uint64_t count = (uint64_t)argument(argc, argv, 2, 500);
    uint64_t first = (uint64_t)argument(argc, argv, 3, 1);
    int statements = (int)argument(argc, argv, 4, 40), failures = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; target_at(i); i++) {
        const Target *t = target_at(i);
        if ((argc > 5 && strcmp(argv[5], t->name)) || !host_can_run(t)) continue;
        int differ = 0;
        uint64_t done = 0;
        for (; done < count; done += BATCH) {
            crash_reports(t->name, first + done);
            differ += run_batch(t, &m, first + done, statements, from_c);
        }
        printf("%s: %llu kernels from seed %llu, %d differ\n", t->name, (unsigned long long)done,
               (unsigned long long)first, differ);
        failures += differ;
    }
    return failures != 0;
}
