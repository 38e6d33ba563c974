// host.c: a host that links no library of vitc's: runs the model on the calling thread, then on
// "threads" of its own, and writes every output to a file; or runs its self-test.
//
//     host OUT      exit: 0, or 100 + the status that the model returned
//     host          the self-test (built with -DSELFTEST)
#include "model.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void in_turn(void *ctx, void (*task)(void *arg, int index), void *arg, int count) {
    (void)ctx;
    for (int i = count - 1; i >= 0; i--) task(arg, i);
}
static void *room(uint64_t bytes) {
    void *p = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!p) exit(9);
    return memset(p, 0x55, bytes);
}
static int refuses(const void *const *in, void *const *out, char *arena) {
    const void *none[16] = {NULL};
    vitc_status (*run)(const void *const *, void *const *, void *, const vitc_parallel *) =
        model_model.run;
    return run(none, out, arena, NULL) == VITC_E_ARG && run(in, out, NULL, NULL) == VITC_E_ARG &&
           run(in, out, arena + 4, NULL) == VITC_E_ALIGN &&
           run(in, (void *const *)in, arena, NULL) == VITC_E_ARENA;
}
static int run_model(const char *path) {
    const vitc_model_info *m = &model_model;
    const vitc_parallel three = {NULL, 3, in_turn};
    const void *in[16];
    void *out[64], *again[64], *arena = room(MODEL_ARENA_BYTES);
    if (m->n_inputs != 1 || m->n_outputs > 64 || m->arena_bytes > MODEL_ARENA_BYTES) return 2;
    float *x = room(m->inputs[0].bytes);
    for (uint64_t i = 0; i < m->inputs[0].bytes / sizeof *x; i++) x[i] = (float)(i % 97) / 48 - 1;
    in[0] = x;
    for (uint32_t i = 0; i < m->n_outputs; i++) {
        out[i] = room(m->outputs[i].bytes);
        again[i] = room(m->outputs[i].bytes);
    }
    vitc_status s = m->run(in, out, arena, NULL);
    if (s == VITC_OK) s = m->run(in, again, arena, &three);
    if (s != VITC_OK) return 100 + (int)s;
    if (!refuses(in, out, arena)) return 3;
    FILE *f = fopen(path, "wb");
    for (uint32_t i = 0; f && i < m->n_outputs; i++) {
        if (memcmp(out[i], again[i], m->outputs[i].bytes)) return 4;
        fwrite(out[i], 1, m->outputs[i].bytes, f);
    }
    return !f || fclose(f);
}
int main(int argc, char **argv) {
    if (argc > 1) return run_model(argv[1]);
#ifdef SELFTEST
    vitc_status s = model_selftest(room(MODEL_ARENA_BYTES), NULL);
    return s == VITC_OK ? 0 : 100 + (int)s;
#else
    return 2;
#endif
}
