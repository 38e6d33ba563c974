// test_tiles.c: products on tiles: how rows are split, sums of any shape against sums in f64, and
// linear layers that lower to them against the eager reference, in the interpreter: no processor
// with tiles is needed.
#include "frontend/frontend.h"
#include "passes/lower/lower.h"
#include "tests/support/numbers.h"
#include <stdlib.h>

static const Target *amx(void) {
    return target_find("x86-64-amx");
}
// ---- the split -------------------------------------------------------------------------------
static void cover(int *times, int64_t from, int64_t to) {
    for (int64_t r = from; r < to; r++) times[r]++;
}
static void test_split(void **state) {
    (void)state;
    enum { MOST = 300 };
    for (int64_t m = 1; m <= MOST; m++) {
        TileSplit s = tile_split(m);
        int times[MOST + 32] = {0};
        int64_t tiles = 2 * s.whole + s.last;
        assert_int_equal(tiles, ceil_div(m, 16)); // a tile costs the same, full or not
        cover(times, 0, s.whole * 32);
        if (s.last) cover(times, s.at + s.done, m);
        for (int64_t r = 0; r < m; r++) assert_int_equal(times[r], 1);
        assert_int_equal(times[m], 0);
        assert_true(s.at >= 0 && s.done >= 0);
        if (!s.last) continue;
        int64_t last_row = s.at + (s.last == 2 ? s.second : 0) + s.rows;
        assert_int_equal(last_row, m);
        assert_true(s.last == 1 || s.second <= 16);
    }
}

// ---- sums ------------------------------------------------------------------------------------
static uint16_t random_bf16(uint32_t *seed) { // -2 .. 2 in 64 steps: exact in f32 sums of few
    *seed = *seed * 1664525u + 1013904223u;
    return f32_to_bf16((float)((int)(*seed >> 26) - 32) / 16);
}
typedef struct Case {
    int tiles, rows, second, columns;
    int64_t depth;
    bool add;
} Case;
static void check_sums(const Case *c, uint32_t seed) {
    TestCtx *t = test_ctx();
    Arena *a = t->c.arena;
    int64_t m = (c->tiles == 2 ? c->second : 0) + c->rows, n = 16 * c->columns, k2 = 2 * c->depth;
    Kern *k = kern_new(a, "block", amx()), *numbered = kern_new(a, "block", amx());
    Val pa = k_param(k, "a", DT_BF16, false), pb = k_param(k, "b", DT_BF16, false);
    Val pc = k_param(k, "c", DT_F32, true);
    TileMicro u = {.tiles = c->tiles,
                   .rows = c->rows,
                   .second = c->second,
                   .columns = c->columns,
                   .has_rest = c->depth % 16 != 0,
                   .a_row = k2 * 2,
                   .b_row = n * 4,
                   .c_row = n * 4};
    TileSums sums = tile_sums(k, &u);
    TileStart from = {.sums = c->add ? pc : 0};
    tile_block(k, &u, pa, pb, c->depth, &sums, &from);
    tile_put(k, &u, &sums, pc);
    pass_tiles(k, numbered);
    if (!kern_check(numbered, t->c.diag, true)) fail_msg("%s", t->said);
    uint16_t *x = malloc((size_t)(m * k2) * 2), *y = malloc((size_t)(k2 * n) * 2); // ASan watches
    float *z = malloc((size_t)(m * n) * 4), *want = malloc((size_t)(m * n) * 4);
    for (int64_t i = 0; i < m * k2; i++) x[i] = random_bf16(&seed);
    for (int64_t i = 0; i < k2 * n; i++) y[i] = random_bf16(&seed);
    for (int64_t r = 0; r < m; r++)
        for (int64_t j = 0; j < n; j++) {
            double sum = c->add ? (double)(r - j) : 0;
            for (int64_t i = 0; i < k2; i++)
                sum += (double)bf16_to_f32(x[r * k2 + i]) *
                       (double)bf16_to_f32(y[(i / 2 * n + j) * 2 + i % 2]);
            want[r * n + j] = (float)sum;
            z[r * n + j] = c->add ? (float)(r - j) : NAN;
        }
    kern_eval(numbered, (void *[]){x, y, z}, NULL, 0, 1);
    assert_memory_equal(z, want, (size_t)(m * n) * 4);
    free(x), free(y), free(z), free(want);
    test_ctx_free(t);
}
static void test_sums(void **state) {
    (void)state;
    static const Case cases[] = {
        {2, 16, 16, 2, 16, false}, {2, 16, 16, 2, 48, true}, {1, 16, 16, 2, 32, false},
        {2, 16, 16, 1, 32, true},  {1, 5, 16, 1, 16, false}, {2, 16, 3, 2, 16, true},
        {2, 16, 16, 2, 17, false}, {2, 16, 16, 2, 47, true}, {1, 1, 16, 2, 1, false},
        {2, 16, 1, 1, 31, true},
    };
    for (uint32_t i = 0; i < COUNT_OF(cases); i++) check_sums(&cases[i], i);
}

// ---- layers ----------------------------------------------------------------------------------
typedef struct Layer {
    int64_t batch, rows, k, n;
    int64_t k_chunk;  // 0: what the schedule says
    const char *also; // a worse level of the same object
} Layer;
// y = x + gelu(round(tanh(x)) W + b) W2, so that sums meet a residual, an epilogue and a half.
static Graph *layers(Arena *a, const Layer *c) {
    Graph *g = graph_new(a);
    int64_t dim[] = {c->batch, c->rows, c->k}, w[] = {c->k, c->n}, v[] = {c->n, c->k};
    NodeId x = graph_input(g, "x", type_of(DT_F32, 3, dim), 0);
    NodeId w1 = graph_const(g, type_of(DT_F32, 2, w), random_floats(a, c->n * c->k, 5), 0);
    NodeId w2 = graph_const(g, type_of(DT_F32, 2, v), random_floats(a, c->n * c->k, 6), 0);
    NodeId b = graph_const(g, type_of(DT_F32, 1, &c->n), random_floats(a, c->n, 7), 0);
    NodeId t = g_unary(g, OP_TANH, x);
    NodeId h = g_unary(g, OP_GELU, g_binary(g, OP_ADD, g_matmul(g, t, w1, false), b));
    graph_output(g, "y", g_binary(g, OP_ADD, x, g_matmul(g, h, w2, false)));
    return g;
}
static uint32_t count_tiled(const Program *p) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->launch.n; i++)
        n += kern_has_tiles(p->kern.data[p->launch.data[i].kern]);
    return n;
}
static void check_layers(const Layer *c) {
    TestCtx *t = test_ctx();
    Arena *a = t->c.arena;
    TuningRow row = {.op = OP_MATMUL, .any_shape = true, .set = choice_untuned};
    row.set.k_chunk = c->k_chunk;
    row.set.vectors = 3; // which panels of tiles do not mind
    Tuning tuning = {&row, 1};
    const Target *also[] = {c->also ? target_find(c->also) : NULL, NULL};
    PassOptions o = {.target = amx(), .max_slices = 3, .dtype = DT_BF16, .also = also};
    if (c->k_chunk) o.tuning = &tuning;
    Graph *g = layers(a, c);
    Program *p = pipeline_run(&t->c, g, &o);
    if (!p) fail_msg("%s", t->said);
    assert_int_equal(count_tiled(p), 2);
    int64_t n = c->batch * c->rows * c->k;
    const char *image = weight_image(t, p);
    float *x = random_floats(a, n, 9), *one = NEW_N(a, float, (size_t)n);
    float *three = NEW_N(a, float, (size_t)n);
    assert_true(program_eval(p, image, (const void *[]){x}, (void *[]){one}, 1, a));
    assert_true(program_eval(p, image, (const void *[]){x}, (void *[]){three}, 3, a));
    assert_memory_equal(one, three, (size_t)n * 4);
    Tensor in = {*graph_type(g, g->input.data[0]), x}, y;
    assert_true(graph_eval(g, &in, &g->output.data[0].node, 1, &y, a, t->c.diag));
    double d = distance(one, y.data, n);
    if (!(d < 2e-4)) fail_msg("%d x %d x %d: %g", (int)c->rows, (int)c->n, (int)c->k, d);
    for (Program *l = p->next; l; l = l->next) {
        assert_true(program_eval(l, image, (const void *[]){x}, (void *[]){three}, 2, a));
        assert_true(distance(three, y.data, n) < 2e-4);
    }
    test_ctx_free(t);
}
static void test_layers(void **state) {
    (void)state;
    static const Layer cases[] = {
        {1, 32, 64, 96, 0, NULL},                                    // whole tiles
        {1, 197, 64, 96, 0, NULL},                                   // 13 tiles
        {1, 61, 62, 70, 0, NULL},                                    // nothing is whole
        {1, 100, 62, 70, 0, NULL},                                   // blocks one after the other
        {1, 128, 34, 80, 0, NULL},          {1, 5, 48, 34, 0, NULL}, // few rows
        {1, 23, 30, 130, 0, NULL},          // less than a step; two tiles that overlap
        {1, 50, 256, 512, 64, NULL},        // several chunks
        {1, 61, 202, 90, 64, NULL},         // several chunks and a rest
        {3, 50, 64, 96, 0, NULL},           // a batch
        {2, 257, 448, 32, 96, "x86-64-v4"}, // panels that another level shares
        {1, 47, 64, 200, 32, "x86-64-v3"},
    };
    for (uint32_t i = 0; i < COUNT_OF(cases); i++) check_layers(&cases[i]);
}

// ---- a trained model -------------------------------------------------------------------------
static const void *tensor(TestCtx *t, const char *path, const char *name) {
    FileView f;
    Weights w = {0};
    assert_true(file_map(&t->c, path, &f) && safetensors_read(&t->c, &f, &w));
    return weights_find(&w, name)->data;
}
static int best(const float *v) {
    int at = 0;
    for (int i = 1; i < 10; i++)
        if (v[i] > v[at]) at = i;
    return at;
}
static void test_digits(void **state) {
    (void)state;
    const char *fixtures = getenv("FIXTURES");
    if (!fixtures) skip();
    enum { IMAGES = 4, N = IMAGES * 10 };
    TestCtx *t = test_ctx();
    Arena *a = t->c.arena;
    const char *golden = arena_printf(a, "%s/digits/golden.safetensors", fixtures);
    const char *model = arena_printf(a, "%s/digits/model", fixtures);
    Graph *g = frontend_load(&t->c, model, &(FrontendOptions){.batch = IMAGES});
    assert_non_null(g);
    const float *x = tensor(t, golden, "pixel_values"), *want = tensor(t, golden, "first4.logits");
    PassOptions o = {.target = amx(), .max_slices = 2, .dtype = DT_BF16};
    Program *p = pipeline_run(&t->c, g, &o);
    assert_non_null(p);
    assert_true(count_tiled(p) >= 4 * 4); // Q K V, out, fc1, fc2 of four layers
    const char *image = weight_image(t, p);
    float got[N];
    assert_true(program_eval(p, image, (const void *[]){x}, (void *[]){got}, 2, a));
    Tensor in = {*graph_type(g, g->input.data[0]), (void *)(uintptr_t)x}, y;
    assert_true(graph_eval(g, &in, &g->output.data[0].node, 1, &y, a, t->c.diag));
    assert_true(distance(got, y.data, N) < 1e-3); // the same rounding
    assert_true(distance(got, want, N) < 2e-2);   // and none
    for (int i = 0; i < IMAGES; i++) assert_int_equal(best(got + i * 10), best(want + i * 10));
    test_ctx_free(t);
}
int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_split), cmocka_unit_test(test_sums),
                                       cmocka_unit_test(test_layers),
                                       cmocka_unit_test(test_digits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
