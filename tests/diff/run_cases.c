// run_cases.c: on the machine that they were made for, runs the kernels that test_diff_kernels
// --write left, and compares memory with what the interpreter said:
//     run_cases cases.bin        linked with kernels.o, or with kernels.c
#include "vitc_object.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_REGIONS = 24 };
extern const vitc_model_info kernels_model;
typedef struct Case {
    int64_t kernel, nregions, lo, hi;
} Case;

static void *take(FILE *f, uint64_t n) {
    void *p = aligned_alloc(64, (n + 64) / 64 * 64);
    if (!p || fread(p, 1, n, f) != n) exit(2);
    return p;
}
static int run(FILE *f, const Case *c) {
    void *got[MAX_REGIONS];
    int differ = 0;
    uint64_t *nbytes = take(f, 8 * (uint64_t)c->nregions);
    for (int64_t i = 0; i < c->nregions; i++) got[i] = take(f, nbytes[i]);
    kernels_model.object->launches[c->kernel].kernel(got, got[c->nregions - 1], c->lo, c->hi);
    for (int64_t i = 0; i < c->nregions; i++) {
        void *want = take(f, nbytes[i]);
        if (memcmp(got[i], want, nbytes[i])) {
            printf("kernel %d differs in region %d\n", (int)c->kernel, (int)i);
            differ = 1;
        }
        free(want);
        free(got[i]);
    }
    free(nbytes);
    return differ;
}
int main(int argc, char **argv) {
    FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;
    Case c;
    int count = 0, differ = 0;
    if (!f) return 2;
    for (; fread(&c, sizeof c, 1, f) == 1; count++) differ += run(f, &c);
    fclose(f);
    printf("%d kernels, %d differ\n", count, differ);
    return count == 0 || differ;
}
