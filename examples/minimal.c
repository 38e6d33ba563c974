/* minimal.c: the smallest host of a compiled model: all memory is static, and no thread is started.
 *
 *     vitc compile tests/fixtures/digits/model -o digits.o
 *     cc -I. -Iruntime examples/minimal.c digits.o libvitc-runtime.a -lm -lpthread -o minimal */
#include "digits.h"
#include <stdio.h>

static float image[DIGITS_BATCH * DIGITS_CHANNELS * DIGITS_IMAGE_H * DIGITS_IMAGE_W];
static float logits[DIGITS_BATCH * DIGITS_LABELS];
static _Alignas(DIGITS_ARENA_ALIGN) char arena[DIGITS_ARENA_BYTES];

int main(void) {
    vitc_status s = digits_run(image, logits, arena, NULL);
    if (s != VITC_OK) {
        fprintf(stderr, "%s\n", vitc_status_str(s));
        return 1;
    }
    size_t best;
    vitc_topk(logits, DIGITS_LABELS, 1, &best);
    printf("%s\n", digits_model.labels[best]);
    return 0;
}
