// weights_host.c: a host of a model whose weights are a file of their own: maps it, runs, and sees
// what is refused. Built as weights_host FILE OTHER: OTHER is no weights file of this model.
#include "model.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPECT(status, want)                                                                       \
    if ((status) != (want)) return printf("line %d: not %s\n", __LINE__, #want), 1

int main(int argc, char **argv) {
    const vitc_model_info *m = &model_model;
    const void *weights = NULL;
    if (argc != 3 || !m->weights_id || m->weight_bytes != MODEL_WEIGHTS_BYTES) return 2;
    EXPECT(vitc_weights_map(m, "no-such-file", &weights), VITC_E_IO);
    EXPECT(vitc_weights_map(m, argv[2], &weights), VITC_E_ABI);
    EXPECT(vitc_weights_map(m, "/dev/null", &weights), VITC_E_ABI);
    EXPECT(vitc_weights_map(m, NULL, &weights), VITC_E_ARG);
    EXPECT(vitc_weights_map(m, argv[1], &weights), VITC_OK);
    vitc_weights_populate(m, weights, NULL);

    float *pixels = calloc(1, m->inputs[0].bytes), *logits = malloc(m->outputs[0].bytes);
    char *copy = malloc(MODEL_WEIGHTS_BYTES + 64);
    void *arena = vitc_arena_create(m);
    if (!pixels || !logits || !copy || !arena) return 3;
    EXPECT(model_run(pixels, weights, logits, arena, NULL), VITC_OK);
    EXPECT(model_run(pixels, NULL, logits, arena, NULL), VITC_E_ARG);
    memcpy(copy + 4, weights, MODEL_WEIGHTS_BYTES);
    EXPECT(model_run(pixels, (const uint8_t *)copy + 4, logits, arena, NULL), VITC_E_ALIGN);
    vitc_weights_unmap(m, weights);
    vitc_weights_unmap(m, NULL);
    vitc_arena_destroy(m, arena);
    free(copy);
    free(logits);
    free(pixels);
    return 0;
}
