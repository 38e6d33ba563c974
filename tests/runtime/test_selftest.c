// test_selftest.c: vitc_model_selftest on hand-made tables: what is near enough, what is not, and
// that a damaged image is found before anything runs.
#include "runtime/vitc_object.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { N = 16 };
// The image: an input, its expected result, the digest. The model doubles its input.
static _Alignas(64) struct {
    float in[N], out[N];
    uint64_t rest[7], digest;
} image;
static int64_t anchor;
static int runs;
static void twice(void *const *args, void *scratch, int64_t lo, int64_t hi) {
    const float *x = args[0];
    float *y = args[1];
    (void)scratch;
    for (int64_t i = lo; i < hi; i++) y[i] = 2 * x[i];
    runs++;
}
static const vitc_place places[] = {{VITC_PLACE_INPUT, 0, 0}, {VITC_PLACE_OUTPUT, 0, 0}};
static const vitc_launch launches[] = {
    {.kernel = twice, .args = places, .n_args = 2, .grid = N, .label = "twice"}};
static vitc_tensor_info tensor = {"t", VITC_F32, 1, {N, 1, 1, 1, 1, 1, 1, 1}, sizeof image.in};
static const uint64_t offsets[] = {0, sizeof image.in};
static const vitc_sample sample = {offsets, 64, 1e-5};
static vitc_status run(const void *const *in, void *const *out, void *arena,
                       const vitc_parallel *par);
static vitc_model_info info;
static vitc_object object = {.abi = VITC_ABI,
                             .n_launches = 1,
                             .launches = launches,
                             .weights_anchor = &anchor,
                             .intermediate_bytes = 64,
                             .max_slices = 1,
                             .info = &info,
                             .sample = &sample};
static vitc_model_info info = {.struct_size = sizeof info,
                               .abi = VITC_ABI,
                               .target = "any",
                               .arena_bytes = 64 + 64 + 64,
                               .arena_align = 64,
                               .weight_bytes = sizeof image,
                               .n_inputs = 1,
                               .n_outputs = 1,
                               .inputs = &tensor,
                               .outputs = &tensor,
                               .run = run,
                               .object = &object};
static vitc_status run(const void *const *in, void *const *out, void *arena,
                       const vitc_parallel *par) {
    return vitc_execute(&object, in, out, arena, par);
}
static _Alignas(64) char arena[64 + 64 + 64];

static void seal(void) {
    uint64_t sum = 0, word;
    for (size_t i = 0; i < sizeof image - sizeof word; i += sizeof word) {
        memcpy(&word, (const char *)&image + i, sizeof word);
        sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
    }
    image.digest = sum;
}
static int setup(void **state) {
    (void)state;
    anchor = (char *)&image - (char *)&anchor;
    for (int i = 0; i < N; i++) {
        image.in[i] = (float)(i - 5) / 3;
        image.out[i] = 2 * image.in[i];
    }
    tensor.dtype = VITC_F32;
    runs = 0;
    seal();
    return 0;
}
static vitc_status test(void) {
    return vitc_model_selftest(&info, arena, NULL);
}
static void floats_may_differ_a_little(void **state) {
    (void)state;
    assert_int_equal(test(), VITC_OK);
    image.out[3] *= 1 + 1e-6f;
    seal();
    assert_int_equal(test(), VITC_OK);
    image.out[3] *= 1 + 1e-3f;
    seal();
    assert_int_equal(test(), VITC_E_SELFTEST);
}
static void what_is_not_finite_must_be_expected(void **state) {
    (void)state;
    image.out[0] = NAN;
    seal();
    assert_int_equal(test(), VITC_E_SELFTEST);
    image.in[0] = NAN;
    image.in[1] = image.out[1] = INFINITY;
    seal();
    assert_int_equal(test(), VITC_OK);
    image.in[2] = -INFINITY;
    seal();
    assert_int_equal(test(), VITC_E_SELFTEST);
}
static void other_types_must_be_equal(void **state) {
    (void)state;
    tensor.dtype = VITC_I32;
    assert_int_equal(test(), VITC_OK);
    image.out[3] *= 1 + 1e-6f;
    seal();
    assert_int_equal(test(), VITC_E_SELFTEST);
}
static void damage_is_found_before_anything_runs(void **state) {
    (void)state;
    for (size_t bit = 0; bit < 8 * sizeof image; bit += 5) {
        ((char *)&image)[bit / 8] ^= (char)(1 << bit % 8);
        assert_int_equal(test(), VITC_E_SELFTEST);
        ((char *)&image)[bit / 8] ^= (char)(1 << bit % 8);
    }
    assert_int_equal(runs, 0);
    assert_int_equal(test(), VITC_OK);
}
static void misuse_is_refused(void **state) {
    (void)state;
    assert_int_equal(vitc_model_selftest(&info, NULL, NULL), VITC_E_ARG);
    assert_int_equal(vitc_model_selftest(NULL, arena, NULL), VITC_E_ARG);
    assert_int_equal(vitc_model_selftest(&info, arena + 8, NULL), VITC_E_ALIGN);
    object.sample = NULL;
    assert_int_equal(test(), VITC_E_ARG);
    object.sample = &sample;
    info.cpu_features = 1ull << 60;
    assert_int_equal(test(), VITC_E_CPU);
    info.cpu_features = 0;
    info.abi--;
    assert_int_equal(test(), VITC_E_ABI);
    info.abi++;
}
static void levels_are_taken_best_first(void **state) {
    (void)state;
    vitc_model_info best = info;
    best.target = "best";
    best.cpu_features = 1ull << 60;
    const vitc_model_info *const both[] = {&best, &info};
    const vitc_model_info all = {.struct_size = sizeof all,
                                 .abi = VITC_ABI,
                                 .arena_align = 64,
                                 .n_levels = 2,
                                 .levels = both};
    assert_ptr_equal(vitc_model_chosen(&all), &info);
    assert_ptr_equal(vitc_model_level(&all, "best"), &best);
    assert_ptr_equal(vitc_model_level(&all, "any"), &info);
    assert_null(vitc_model_level(&all, "none"));
    assert_null(vitc_model_level(&info, "best"));
    assert_null(vitc_model_chosen(&best));
    assert_int_equal(vitc_model_selftest(&all, arena, NULL), VITC_OK);
    best.cpu_features = 0;
    assert_ptr_equal(vitc_model_chosen(&all), &best);
}
int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(floats_may_differ_a_little, setup),
        cmocka_unit_test_setup(what_is_not_finite_must_be_expected, setup),
        cmocka_unit_test_setup(other_types_must_be_equal, setup),
        cmocka_unit_test_setup(damage_is_found_before_anything_runs, setup),
        cmocka_unit_test_setup(misuse_is_refused, setup),
        cmocka_unit_test_setup(levels_are_taken_best_first, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
