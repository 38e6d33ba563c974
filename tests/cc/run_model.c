// run_model.c: a host that fills the model's inputs from a fixed generator, runs it (or one level of
// it) with one and with three threads, and writes every output to a file: two builds of a model are
// equal when their files are.
//
//     run_model OUT [LEVEL]
//     run_model OUT WEIGHTS      a model whose weights are a file of their own
#include "vitc.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const vitc_model_info model_model;

static uint32_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}
static void fill(const vitc_tensor_info *t, void *p) {
    uint64_t state = 42;
    float *f = p;
    for (uint64_t i = 0; i < t->bytes / sizeof(float); i++)
        f[i] = (float)next_random(&state) / (float)(1u << 30) - 1.0f;
}
static void *room(uint64_t bytes) {
    void *p = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!p) exit(9);
    return p;
}
int main(int argc, char **argv) {
    const vitc_model_info *m =
        argc > 2 && !model_model.weights_id ? vitc_model_level(&model_model, argv[2]) : &model_model;
    const void *in[16];
    void *out[64], *again[64];
    if (argc < 2 || !m || m->n_inputs > 16 || m->n_outputs > 64) return 2;
    uint32_t given = m->n_inputs - (m->weights_id ? 1 : 0);
    if (m->weights_id && (argc != 3 || vitc_weights_map(m, argv[2], &in[given]))) return 4;
    for (uint32_t i = 0; i < given; i++) {
        void *p = room(m->inputs[i].bytes);
        fill(&m->inputs[i], p);
        in[i] = p;
    }
    for (uint32_t i = 0; i < m->n_outputs; i++) {
        out[i] = room(m->outputs[i].bytes);
        again[i] = room(m->outputs[i].bytes);
    }
    void *arena = vitc_arena_create(m);
    vitc_pool *pool = vitc_pool_create(3);
    vitc_status s = m->run(in, out, arena, NULL);
    if (s == VITC_OK) s = m->run(in, again, arena, vitc_pool_parallel(pool));
    if (s != VITC_OK) {
        fprintf(stderr, "%s\n", vitc_status_str(s));
        return s == VITC_E_CPU ? 77 : 1;
    }
    FILE *f = fopen(argv[1], "wb");
    for (uint32_t i = 0; f && i < m->n_outputs; i++) {
        if (memcmp(out[i], again[i], m->outputs[i].bytes)) return 3;
        fwrite(out[i], 1, m->outputs[i].bytes, f);
    }
    return !f || fclose(f);
}
