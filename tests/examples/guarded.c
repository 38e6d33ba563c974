// guarded.c: a model touches nothing outside its buffers. Input, output and arena lie against pages
// that may not be touched, once with their last byte and once with their first, at 1, 2 and 3
// threads; a byte too far is a signal. The logits are the same bytes each time.
#include "digits.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PIXELS = DIGITS_BATCH * DIGITS_CHANNELS * DIGITS_IMAGE_H * DIGITS_IMAGE_W };

// n bytes with forbidden pages around: the last byte, or the first one, touches such a page
static void *guarded(size_t n, int at_end) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), inner = (n + page - 1) / page * page;
    char *p = mmap(NULL, inner + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || mprotect(p + page, inner, PROT_READ | PROT_WRITE)) {
        perror("guarded");
        exit(1);
    }
    return p + page + (at_end ? inner - n : 0);
}
static int run(int at_end, const vitc_parallel *par, float *logits) {
    size_t in_bytes = PIXELS * sizeof(float),
           out_bytes = DIGITS_BATCH * DIGITS_LABELS * sizeof(float);
    float *in = guarded(in_bytes, at_end), *out = guarded(out_bytes, at_end);
    void *arena = guarded(DIGITS_ARENA_BYTES, at_end);
    for (int i = 0; i < PIXELS; i++) in[i] = (float)(i * 7919 % 1000) / 500.0f - 1.0f;
    vitc_status s = digits_run(in, out, arena, par);
    if (s != VITC_OK) fprintf(stderr, "%s\n", vitc_status_str(s));
    memcpy(logits, out, out_bytes);
    return s == VITC_OK;
}
int main(void) {
    float want[DIGITS_BATCH * DIGITS_LABELS], got[DIGITS_BATCH * DIGITS_LABELS];
    if (vitc_cpu_check(digits_model.cpu_features) != VITC_OK) return 77; // skipped
    if (!run(0, NULL, want)) return 1;
    for (int threads = 1; threads <= 3; threads++) {
        vitc_pool *pool = vitc_pool_create(threads);
        for (int at_end = 0; at_end <= 1; at_end++) {
            if (!run(at_end, vitc_pool_parallel(pool), got)) return 1;
            if (memcmp(got, want, sizeof want)) {
                fprintf(stderr, "other bytes with %d threads\n", threads);
                return 1;
            }
        }
        vitc_pool_destroy(pool);
    }
    return 0;
}
