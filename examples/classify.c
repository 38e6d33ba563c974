/* classify.c: a complete image classifier around a compiled model: PNG files in; labels, scores and
 * times out. It knows nothing of the model but its description, so it serves any classifier that
 * vitc compiles. MODEL is the description's symbol, <prefix>_model. Build and run:
 *
 *     vitc compile tests/fixtures/digits/model -o digits.o
 *     cc -DMODEL=digits_model -Iruntime examples/classify.c digits.o libvitc-runtime.a
 *         -lpng -lm -lpthread -o classify
 *     ./classify cat.png dog.png */
#include "vitc.h"
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#ifndef MODEL
#define MODEL digits_model
#endif
extern const vitc_model_info MODEL;

enum { TOP = 3 };
typedef struct classifier {
    float *input, *logits, *score;
    void *arena;
    vitc_pool *pool;
} classifier;

/* Only what this program can feed and read: one normalised float image in, one row of logits out.
 */
static int is_classifier(const vitc_model_info *m) {
    const vitc_preprocess *p = m->preprocess;
    return m->n_inputs == 1 && m->n_outputs == 1 && p && m->inputs[0].dtype == VITC_F32 &&
           m->inputs[0].bytes == sizeof(float) * p->channels * p->height * p->width &&
           m->outputs[0].dtype == VITC_F32 && m->task != VITC_REGRESSION && m->n_labels > 0 &&
           m->outputs[0].bytes == sizeof(float) * m->n_labels;
}
static int start(classifier *c) {
    *c = (classifier){malloc(MODEL.inputs[0].bytes), malloc(MODEL.outputs[0].bytes),
                      malloc(MODEL.outputs[0].bytes), vitc_arena_create(&MODEL),
                      vitc_pool_create(0)};
    return c->input && c->logits && c->score && c->arena && c->pool;
}
static void stop(classifier *c) {
    vitc_pool_destroy(c->pool);
    vitc_arena_destroy(&MODEL, c->arena);
    free(c->score);
    free(c->logits);
    free(c->input);
}
/* Any PNG as 8-bit RGBA (alpha is dropped later, as Pillow's convert("RGB") does). The pixels are
 * the caller's to free; NULL: not read, and why is said. */
static void *read_png(const char *path, vitc_image *img) {
    png_image png = {.version = PNG_IMAGE_VERSION};
    void *pixels = NULL;
    if (png_image_begin_read_from_file(&png, path)) {
        png.format = PNG_FORMAT_RGBA;
        pixels = malloc(PNG_IMAGE_SIZE(png));
        if (pixels && png_image_finish_read(&png, NULL, pixels, 0, NULL)) {
            *img = (vitc_image){pixels, png.width, png.height, 4, (size_t)png.width * 4};
            return pixels;
        }
    }
    fprintf(stderr, "%s: %s\n", path, png.message[0] ? png.message : "out of memory");
    free(pixels);
    png_image_free(&png);
    return NULL;
}
static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}
static void print_best(const classifier *c) {
    size_t best[TOP], shown = MODEL.n_labels < TOP ? MODEL.n_labels : TOP;
    (MODEL.task == VITC_SEVERAL_LABELS ? vitc_sigmoid : vitc_softmax)(c->logits, c->score,
                                                                      MODEL.n_labels);
    vitc_topk(c->logits, MODEL.n_labels, shown, best);
    for (size_t i = 0; i < shown; i++) {
        double percent = 100 * (double)c->score[best[i]];
        if (MODEL.labels)
            printf("  %s %.2f %%", MODEL.labels[best[i]], percent);
        else
            printf("  #%zu %.2f %%", best[i], percent);
    }
}
static int classify(classifier *c, const char *path) {
    vitc_image img;
    void *pixels = read_png(path, &img);
    if (!pixels) return 0;
    vitc_status s = vitc_image_to_input(MODEL.preprocess, &img, c->input, NULL);
    free(pixels);
    const void *const in[] = {c->input};
    void *const out[] = {c->logits};
    double begun = now_ms();
    if (s == VITC_OK) s = MODEL.run(in, out, c->arena, vitc_pool_parallel(c->pool));
    double ms = now_ms() - begun;
    if (s != VITC_OK) {
        fprintf(stderr, "%s: %s\n", path, vitc_status_str(s));
        return 0;
    }
    printf("%s  %.3f ms", path, ms);
    print_best(c);
    printf("\n");
    return 1;
}
int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: %s IMAGE.png...\n", argv[0]);
        return 2;
    }
    if (!is_classifier(&MODEL)) {
        fprintf(stderr, "%s: not a classifier of one float image\n", MODEL.name);
        return 1;
    }
    classifier c;
    if (!start(&c)) {
        fprintf(stderr, "out of memory\n");
        stop(&c);
        return 1;
    }
    int failed = 0;
    for (int i = 1; i < argc; i++) failed |= !classify(&c, argv[i]);
    stop(&c);
    return failed;
}
