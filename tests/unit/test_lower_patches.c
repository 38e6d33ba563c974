// test_lower_patches.c: the patch embedding reads the image in place: one launch, whatever the
// shape of patches and grid, and a copy only where a sum's blocks would cut a line of pixels.
#include "passes/passes.h"
#include "tests/support/numbers.h"
#include <math.h>

typedef struct Patches {
    int64_t batch, channels, grid_h, grid_w, patch_h, patch_w, hidden;
    uint32_t launches; // 1: in place
} Patches;
static const Patches shapes[] = {
    {1, 3, 14, 14, 16, 16, 40, 1}, // three blocks of k, each a channel
    {2, 3, 5, 7, 4, 4, 17, 1},     // images in a batch do not merge
    {1, 1, 3, 2, 5, 3, 8, 1},      // one channel, lines of an odd length
    {3, 4, 2, 9, 2, 6, 50, 1},     // more channels, wide patches
    {1, 3, 1, 11, 20, 20, 20, 1},  // one line of patches; blocks of 240 cross channels
    {1, 3, 20, 1, 3, 8, 9, 1},     // one patch a line: rows of the grid merge
    {1, 2, 30, 16, 1, 1, 33, 1},   // patches of one pixel
    {1, 3, 2, 3, 13, 31, 12, 2},   // 1,209 k in blocks of 605, which cut lines of 31
};
static Graph *patch_embedding(Arena *a, const Patches *s) {
    Graph *g = graph_new(a);
    int64_t tokens = s->grid_h * s->grid_w, k = s->channels * s->patch_h * s->patch_w;
    int64_t image[] = {s->batch, s->channels, s->grid_h * s->patch_h, s->grid_w * s->patch_w};
    int64_t cut[] = {s->batch, s->channels, s->grid_h, s->patch_h, s->grid_w, s->patch_w};
    int64_t flat[] = {s->batch, tokens, k}, w[] = {s->hidden, k}, table[] = {1, tokens, s->hidden};
    NodeId x = graph_input(g, "x", type_of(DT_F32, 4, image), 0);
    x = g_transpose(g, g_reshape(g, x, 6, cut), (int64_t[]){0, 2, 4, 1, 3, 5});
    float *wf = random_floats(a, s->hidden * k, 7), *tf = random_floats(a, tokens * s->hidden, 8);
    NodeId weight = graph_const(g, type_of(DT_F32, 2, w), wf, 0);
    NodeId y = g_matmul(g, g_reshape(g, x, 3, flat), weight, true);
    y = g_binary(g, OP_ADD, y, graph_const(g, type_of(DT_F32, 3, table), tf, 0));
    graph_output(g, "y", y);
    return g;
}
static void compare(TestCtx *t, const Patches *s, const Target *target) {
    Arena *a = t->c.arena;
    Graph *g = patch_embedding(a, s);
    Type xt = *graph_type(g, g->input.data[0]), yt = *graph_type(g, g->output.data[0].node);
    Tensor in = {xt, random_floats(a, type_count(&xt), 9)}, want;
    assert_true(graph_eval(g, &in, &g->output.data[0].node, 1, &want, a, t->c.diag));
    PassOptions o = {.target = target, .max_slices = 3};
    Program *p = pipeline_run(&t->c, g, &o);
    assert_non_null(p);
    assert_int_equal(p->launch.n, s->launches);
    const char *image = weight_image(t, p);
    float *got = arena_alloc(a, type_nbytes(&yt));
    const void *ins[] = {in.data};
    void *outs[] = {got};
    assert_true(program_eval(p, image, ins, outs, 3, a));
    double error = 0, norm = 0;
    for (int64_t i = 0; i < type_count(&yt); i++) {
        double w = ((float *)want.data)[i], d = got[i] - w;
        error += d * d;
        norm += w * w;
    }
    assert_true(norm > 0 && sqrt(error / norm) < 1e-6);
}
static void test_patches(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        for (size_t j = 0; target_at(j); j++) {
            TestCtx *t = test_ctx();
            compare(t, &shapes[i], target_at(j));
            test_ctx_free(t);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_patches)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
