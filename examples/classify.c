/* classify.c: a complete image classifier around a compiled model: PNG files in, labels, scores and
 * times out. It knows nothing of the model but its description, so it serves any classifier that
 * vitc compiles; MODEL is the description's symbol (<prefix>_model). Build: vitc compile
 * tests/fixtures/digits/model -o digits.o cc -DMODEL=digits_model -Iruntime examples/classify.c
 * digits.o libvitc-runtime.a -lpng -lm -lpthread -o classify
 *     ./classify image.png… */
#include "vitc.h"
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#ifndef MODEL
#define MODEL digits_model
#endif
extern const vitc_model_info MODEL;

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}
/* Any PNG as 8-bit RGB. The pixels are the caller's to free. */
static int read_png(const char *path, vitc_image *img) {
    png_image png = {.version = PNG_IMAGE_VERSION};
    if (!png_image_begin_read_from_file(&png, path)) {
        fprintf(stderr, "%s: %s\n", path, png.message);
        return 0;
    }
    png.format = PNG_FORMAT_RGBA; /* alpha is dropped later, as Pillow's convert("RGB") does */
    void *pixels = malloc(PNG_IMAGE_SIZE(png));
    if (!pixels || !png_image_finish_read(&png, NULL, pixels, 0, NULL)) {
        fprintf(stderr, "%s: %s\n", path, pixels ? png.message : "out of memory");
        free(pixels);
        png_image_free(&png);
        return 0;
    }
    *img = (vitc_image){pixels, png.width, png.height, 4, (size_t)png.width * 4};
    return 1;
}
typedef struct classifier {
    float *input, *logits, *score;
    void *arena;
    vitc_pool *pool;
} classifier;

static int classify(classifier *c, const char *path) {
    vitc_image img;
    if (!read_png(path, &img)) return 0;
    vitc_status s = vitc_image_to_input(MODEL.preprocess, &img, c->input, NULL);
    free((void *)(uintptr_t)img.pixels);
    double start = now_ms();
    const void *in[1] = {c->input};
    void *out[1] = {c->logits};
    if (s == VITC_OK) s = MODEL.run(in, out, c->arena, vitc_pool_parallel(c->pool));
    double ms = now_ms() - start;
    if (s != VITC_OK) {
        fprintf(stderr, "%s: %s\n", path, vitc_status_str(s));
        return 0;
    }
    size_t best;
    vitc_topk(c->logits, MODEL.n_labels, 1, &best);
    vitc_softmax(c->logits, c->score, MODEL.n_labels);
    printf("%-50s %-8s %6.2f %%  %7.3f ms\n", path, MODEL.labels[best],
           100.0 * (double)c->score[best], ms);
    return 1;
}
int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: classify IMAGE.png…\n");
        return 2;
    }
    if (MODEL.n_inputs != 1 || MODEL.n_outputs != 1 || !MODEL.preprocess || !MODEL.n_labels) {
        fprintf(stderr, "%s is not an image classifier with one input and one output\n",
                MODEL.name);
        return 1;
    }
    classifier c = {malloc(MODEL.inputs[0].bytes), malloc(MODEL.outputs[0].bytes),
                    malloc(MODEL.outputs[0].bytes), vitc_arena_create(&MODEL), vitc_pool_create(0)};
    if (!c.input || !c.logits || !c.score || !c.arena || !c.pool) {
        fprintf(stderr, "out of memory\n");
        return 1;
    }
    int failed = 0;
    for (int i = 1; i < argc; i++) failed |= !classify(&c, argv[i]);
    vitc_pool_destroy(c.pool);
    vitc_arena_destroy(&MODEL, c.arena);
    free(c.input);
    free(c.logits);
    free(c.score);
    return failed;
}
