// test_hf_numbers.c: the parts of the Hugging Face frontend that compute: activations against libm,
// resized positions, pixels as bytes, and preprocessor_config.json.
#include "frontend/hf/hf.h"
#include "tests/support/ctx.h"
#include <math.h>
#include <stdlib.h>

// ---- activations -----------------------------------------------------------------------------
static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}
static double softplus(double x) {
    return log1p(exp(x));
}
static double gelu(double x) {
    return 0.5 * x * (1 + erf(x / sqrt(2)));
}
static double gelu_10(double x) {
    return fmin(fmax(gelu(x), -10), 10);
}
static double gelu_tanh(double x) {
    return 0.5 * x * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
}
static double quick_gelu(double x) {
    return x * sigmoid(1.702 * x);
}
static double relu(double x) {
    return x > 0 ? x : 0;
}
static double relu6(double x) {
    return fmin(relu(x), 6);
}
static double relu2(double x) {
    return relu(x) * relu(x);
}
static double leaky_relu(double x) {
    return x > 0 ? x : 0.01 * x;
}
static double silu(double x) {
    return x * sigmoid(x);
}
static double mish(double x) {
    return x * tanh(softplus(x));
}
static double linear(double x) {
    return x;
}
static double laplace(double x) {
    return 0.5 * (1 + erf((x - 0.707107) / (0.282095 * sqrt(2))));
}
static double hardswish(double x) {
    return x * fmin(fmax(x + 3, 0), 6) / 6;
}
static double sqrtsoftplus(double x) {
    return sqrt(softplus(x));
}
static double selu(double x) {
    return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * expm1(x));
}
static double prelu(double x) {
    return x > 0 ? x : 0.25 * x;
}
static double xielu(double x) { // alpha_p 0.5, alpha_n -0.25, beta 0.5, eps -1e-6
    double a = softplus(0.5), b = 0.5 + softplus(-0.25);
    return x > 0 ? a * x * x + 0.5 * x : (expm1(fmin(x, -1e-6)) - x) * b + 0.5 * x;
}
static const struct {
    const char *name;
    double (*f)(double);
} references[] = {
    {"gelu", gelu},
    {"gelu_python", gelu},
    {"gelu_10", gelu_10},
    {"gelu_new", gelu_tanh},
    {"gelu_pytorch_tanh", gelu_tanh},
    {"gelu_python_tanh", gelu_tanh},
    {"gelu_accurate", gelu_tanh},
    {"gelu_fast", gelu_tanh},
    {"quick_gelu", quick_gelu},
    {"relu", relu},
    {"relu6", relu6},
    {"relu2", relu2},
    {"leaky_relu", leaky_relu},
    {"silu", silu},
    {"swish", silu},
    {"mish", mish},
    {"sigmoid", sigmoid},
    {"tanh", tanh},
    {"linear", linear},
    {"laplace", laplace},
    {"hardswish", hardswish},
    {"sqrtsoftplus", sqrtsoftplus},
    {"selu", selu},
    {"prelu", prelu},
    {"xielu", xielu},
};
static void computes_every_activation(void **state) {
    (void)state;
    enum { N = 241 };
    static float x[N];
    for (int i = 0; i < N; i++) x[i] = (float)(i - N / 2) / 8; // -15 … 15
    for (size_t k = 0; k < COUNT_OF(references); k++) {
        TestCtx *t = test_ctx();
        Graph *g = graph_new(t->c.arena);
        const HfAct *act = hf_find_act(references[k].name);
        assert_non_null(act);
        NodeId in = graph_input(g, "x", type_of(DT_F32, 1, (int64_t[]){N}), 0);
        bool is_prelu = !strcmp(references[k].name, "prelu");
        const double xielu_params[] = {0.5, -0.25, 0.5, -1e-6}, prelu_params[] = {0.25};
        NodeId learned[4];
        for (int i = 0; i < 4; i++)
            learned[i] = graph_scalar(g, DT_F32, is_prelu ? prelu_params[0] : xielu_params[i], 0);
        NodeId y = hf_build_act(act, g, in, learned);
        graph_output(g, "y", y);
        Tensor xs = {*graph_type(g, in), x}, ys;
        assert_true(graph_eval(g, &xs, &y, 1, &ys, t->c.arena, t->c.diag));
        for (uint64_t i = 0; i < N; i++) {
            double want = references[k].f((double)x[i]), got = dtype_read_f(DT_F32, ys.data, i);
            if (!(fabs(got - want) <= 1e-6 * (1 + fabs(want))))
                fail_msg("%s(%g) = %.9g, not %.9g", references[k].name, (double)x[i], got, want);
        }
        test_ctx_free(t);
    }
}

// ---- positions -------------------------------------------------------------------------------
static void resizes_positions(void **state) {
    (void)state;
    // a class row and a 2x2 grid of one channel, to 3x1; computed by an independent program
    static const float table[] = {7, 1, -2, 3, 0.5f};
    static const double want[2][3] = {{-0.6953125, 0.625, 1.9453125},
                                      {-0.392303974, 0.825449563, 2.151278902}};
    TestCtx *t = test_ctx();
    WeightTensor w = {.type = type_of(DT_F32, 3, (int64_t[]){1, 5, 1}), .data = table};
    for (int legacy = 0; legacy < 2; legacy++) {
        HfResize r = {2, 3, 1, 1, legacy};
        const float *out = hf_resize_positions(t->c.arena, &w, &r);
        assert_true(out[0] == 7);
        for (int i = 0; i < 3; i++) assert_true(fabs((double)out[i + 1] - want[legacy][i]) < 1e-6);
    }
    // the same size is the identity, to the bit
    const float *same = hf_resize_positions(t->c.arena, &w, &(HfResize){2, 2, 2, 1, false});
    assert_memory_equal(same, table, sizeof table);
    test_ctx_free(t);
}

// ---- preprocessor_config.json ----------------------------------------------------------------
static bool read(TestCtx *t, const char *text, int64_t channels, Preprocess *p) {
    FileView f = {"p", (const uint8_t *)text, strlen(text)};
    return hf_read_preprocess(&t->c, &f, channels, p);
}
static void reads_preprocessing(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Preprocess p;
    assert_true(read(t, "{}", 3, &p));
    assert_true(p.present && p.do_resize && p.do_rescale && p.do_normalize && !p.do_center_crop &&
                p.resample == 2 && p.height == 224 && p.width == 224 && p.nchannels == 3 &&
                p.rescale_factor == 1.0 / 255 && p.mean[0] == 0.5 && p.std[2] == 0.5);
    assert_true(read(t,
                     "{\"size\":{\"height\":16,\"width\":24},\"image_mean\":[0.1,0.2,0.3],"
                     "\"image_std\":2,\"resample\":3,\"do_resize\":false,\"crop_size\":30,"
                     "\"do_convert_rgb\":null,\"size_divisor\":[]}",
                     3, &p));
    assert_true(p.height == 16 && p.width == 24 && p.mean[2] == 0.3 && p.std[2] == 2 &&
                p.resample == 3 && !p.do_resize && p.crop_height == 16);
    assert_true(read(t, "{\"do_center_crop\":true,\"crop_size\":30,\"size\":[5,6]}", 1, &p));
    assert_true(p.crop_width == 30 && p.height == 5 && p.width == 6 && p.nchannels == 1);
    test_ctx_free(t);
}
static void refuses_bad_preprocessing(void **state) {
    (void)state;
    static const struct {
        const char *text, *want;
        ErrKind kind;
    } cases[] = {
        {"{\"size\":{\"shortest_edge\":9}}", "'size' must have height and width", ERR_UNSUPPORTED},
        {"{\"size\":0}", "'size' must be an integer from 1", ERR_MODEL},
        {"{\"size\":\"big\"}", "'size' must be a number", ERR_MODEL},
        {"{\"image_mean\":[0.5,0.5]}", "'image_mean' has 2 values for 3 channels", ERR_MODEL},
        {"{\"image_std\":[1,0,1]}", "'image_std' must be positive", ERR_MODEL},
        {"{\"image_std\":[1,1,\"1\"]}", "'image_std[2]' must be a number", ERR_MODEL},
        {"{\"resample\":9}", "'resample' must be an integer from 0 to 5", ERR_MODEL},
        {"{\"do_resize\":\"yes\"}", "'do_resize' must be true or false", ERR_MODEL},
        {"[1]", "must be an object", ERR_MODEL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        TestCtx *t = test_ctx();
        Preprocess p;
        assert_false(read(t, cases[i].text, 3, &p));
        test_ctx_expect(t, cases[i].kind, cases[i].want);
        test_ctx_free(t);
    }
}

// ---- pixels as bytes -------------------------------------------------------------------------
// The u8 graph on bytes equals the f32 graph on what the image processor makes of them.
static void takes_bytes_as_pixels(void **state) {
    (void)state;
    const char *fixtures = getenv("FIXTURES");
    if (!fixtures) skip();
    TestCtx *t = test_ctx();
    const char *dir = arena_printf(t->c.arena, "%s/hf/default", fixtures);
    Graph *bytes = hf_load(&t->c, dir, &(FrontendOptions){.input_u8 = true});
    Graph *floats = hf_load(&t->c, dir, &(FrontendOptions){0});
    assert_non_null(bytes);
    enum { SIDE = 16, CHANNELS = 3, N = SIDE * SIDE * CHANNELS };
    static uint8_t u8[N];
    static float f32[N];
    const Preprocess *p = &bytes->info.preprocess;
    for (int i = 0; i < N; i++) u8[i] = (uint8_t)(i * 41 % 256);
    for (int i = 0; i < N; i++) {
        int ch = i % CHANNELS, pixel = i / CHANNELS;
        double x = (u8[i] * p->rescale_factor - p->mean[ch]) / p->std[ch];
        f32[ch * SIDE * SIDE + pixel] = (float)x;
    }
    Tensor in[] = {{*graph_type(bytes, bytes->input.data[0]), u8},
                   {*graph_type(floats, floats->input.data[0]), f32}},
           out[2];
    assert_int_equal(in[0].type.dt, DT_U8);
    assert_int_equal(type_nbytes(&in[0].type), N);
    assert_true(
        graph_eval(bytes, &in[0], &bytes->output.data[0].node, 1, &out[0], t->c.arena, t->c.diag));
    assert_true(graph_eval(floats, &in[1], &floats->output.data[0].node, 1, &out[1], t->c.arena,
                           t->c.diag));
    for (uint64_t i = 0; i < 5; i++) {
        double a = dtype_read_f(DT_F32, out[0].data, i), b = dtype_read_f(DT_F32, out[1].data, i);
        assert_true(fabs(a - b) < 1e-5);
    }
    test_ctx_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(computes_every_activation), cmocka_unit_test(resizes_positions),
        cmocka_unit_test(reads_preprocessing),       cmocka_unit_test(refuses_bad_preprocessing),
        cmocka_unit_test(takes_bytes_as_pixels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
