// exact_host.c: a host that gives a model (prefix "model") exactly the bytes it asks for, each
// buffer a block of its own, so that a sanitizer sees the first byte too far. Runs with 1, 2 and 3
// threads, expects the same bytes each time, and writes the outputs to a file.
//
//     exact_host OUT [BYTES]     BYTES: how much smaller the arena is than it should be
#include "vitc.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const vitc_model_info model_model;

enum { MOST = 64 };
static void *block(uint64_t n) {
    void *p = malloc(n);
    if (!p) exit(9);
    return p;
}
static void fill(const vitc_tensor_info *t, void *p) {
    unsigned char *byte = p;
    float *f = p;
    for (uint64_t i = 0; i < t->bytes; i++) byte[i] = (unsigned char)(i % 3 == 0);
    for (uint64_t i = 0; i < t->bytes / 4 && t->dtype == VITC_F32; i++)
        f[i] = (float)(i * 7919 % 1000) / 500.0f - 1.0f;
}
static vitc_status run(const vitc_model_info *m, int threads, size_t less, void *const *out) {
    void *in[MOST];
    for (uint32_t i = 0; i < m->n_inputs; i++) {
        in[i] = block(m->inputs[i].bytes);
        fill(&m->inputs[i], in[i]);
    }
    void *arena = aligned_alloc(64, m->arena_bytes - less);
    vitc_pool *pool = vitc_pool_create(threads);
    vitc_status s =
        m->run((const void *const *)in, out, arena, threads > 1 ? vitc_pool_parallel(pool) : NULL);
    vitc_pool_destroy(pool);
    free(arena);
    for (uint32_t i = 0; i < m->n_inputs; i++) free(in[i]);
    return s;
}
static int write_outputs(const char *path, void *const *out) {
    FILE *f = fopen(path, "wb");
    for (uint32_t i = 0; f && i < model_model.n_outputs; i++)
        fwrite(out[i], 1, model_model.outputs[i].bytes, f);
    return !f || fclose(f);
}
int main(int argc, char **argv) {
    const vitc_model_info *m = &model_model;
    void *out[MOST], *again[MOST];
    size_t less = argc > 2 ? (size_t)atol(argv[2]) : 0;
    int rc = 0;
    if (argc < 2 || m->n_inputs > MOST || m->n_outputs > MOST) return 2;
    for (uint32_t i = 0; i < m->n_outputs; i++) {
        out[i] = block(m->outputs[i].bytes);
        again[i] = block(m->outputs[i].bytes);
    }
    vitc_status s = run(m, 1, less, out);
    if (s == VITC_E_CPU) return 77;
    for (int threads = 2; threads <= 3 && s == VITC_OK; threads++) {
        s = run(m, threads, less, again);
        for (uint32_t i = 0; i < m->n_outputs; i++)
            rc |= memcmp(out[i], again[i], m->outputs[i].bytes) != 0;
    }
    if (s != VITC_OK) fprintf(stderr, "%s\n", vitc_status_str(s));
    if (rc) fprintf(stderr, "other bytes with more threads\n");
    rc |= s != VITC_OK || write_outputs(argv[1], out);
    for (uint32_t i = 0; i < m->n_outputs; i++) {
        free(out[i]);
        free(again[i]);
    }
    return rc;
}
