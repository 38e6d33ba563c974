// test_image.c: decoding, resizing and normalising an image give Pillow's and the Hugging Face
// image processor's arrays bit for bit. The goldens were made by the genuine libraries.
#include "driver/image_file.h"
#include "frontend/frontend.h"
#include "runtime/vitc.h"
#include "tests/support/ctx.h"
#include <stdlib.h>

static const char *folder;
static const vitc_preprocess digits = {.height = 32,
                                       .width = 32,
                                       .channels = 3,
                                       .resample = 2,
                                       .do_resize = 1,
                                       .do_rescale = 1,
                                       .do_normalize = 1,
                                       .rescale = 1 / 255.0,
                                       .mean = {0.5f, 0.5f, 0.5f},
                                       .std = {0.5f, 0.5f, 0.5f}};

static const WeightTensor *golden(const Weights *w, const char *name) {
    const WeightTensor *t = weights_find(w, name);
    if (!t) fail_msg("no golden tensor %s", name);
    return t;
}
static void check_file(TestCtx *t, const Weights *w, const char *file) {
    FileView f;
    vitc_image img;
    assert_true(file_map(&t->c, arena_printf(t->c.arena, "%s/%s", folder, file), &f));
    assert_true(is_image(&f));
    assert_true(image_read(&t->c, &f, &img));
    uint8_t resized[32 * 32 * 3];
    assert_int_equal(vitc_image_resize(&img, resized, 32, 32, 3, digits.resample, NULL), VITC_OK);
    const WeightTensor *u8 = golden(w, arena_printf(t->c.arena, "%s.resized_u8", file));
    assert_memory_equal(resized, u8->data, sizeof resized);
    float input[3 * 32 * 32];
    void *work = malloc(vitc_image_work_bytes(&digits, &img));
    assert_int_equal(vitc_image_to_input(&digits, &img, input, work), VITC_OK);
    free(work);
    const WeightTensor *x = golden(w, file);
    for (int i = 0; i < 3 * 32 * 32; i++)
        assert_true(input[i] == (float)dtype_read_f(DT_F32, x->data, (uint64_t)i));
}
static void test_digit_files(void **state) {
    (void)state;
    static const char *const files[] = {
        "a_8x8_grey.png",      "b_16x16_rgb.png",        "c_20x28_grey.png", "d_32x32_rgb.png",
        "e_33x31_rgb.png",     "f_48x24_rgb.png",        "g_40x64_rgba.png", "h_64x64_rgb.png",
        "i_64x64_palette.png", "j_12x8_grey16steps.png", "k_64x64_rgb.ppm",  "l_24x30_grey.pgm"};
    TestCtx *t = test_ctx();
    FileView f;
    Weights w = {0};
    assert_true(file_map(&t->c, arena_printf(t->c.arena, "%s/golden.safetensors", folder), &f));
    assert_true(safetensors_read(&t->c, &f, &w));
    for (size_t i = 0; i < COUNT_OF(files); i++) check_file(t, &w, files[i]);
    test_ctx_free(t);
}
static void test_refusals(void **state) {
    (void)state;
    uint8_t pixels[12] = {0}, out[12];
    vitc_image img = {pixels, 2, 2, 3, 6};
    assert_int_equal(vitc_image_resize(NULL, out, 2, 2, 3, 2, NULL), VITC_E_ARG);
    assert_int_equal(vitc_image_resize(&img, out, 0, 2, 3, 2, NULL), VITC_E_ARG);
    assert_int_equal(vitc_image_resize(&img, out, 2, 2, 2, 2, NULL), VITC_E_ARG);
    assert_int_equal(vitc_image_resize(&img, out, 2, 2, 3, 6, NULL), VITC_E_ARG);
    img.stride = 5;
    assert_int_equal(vitc_image_resize(&img, out, 2, 2, 3, 2, NULL), VITC_E_ARG);
    assert_int_equal(vitc_image_work_bytes(&digits, &img), 0);
}
static void test_every_filter_keeps_a_flat_image(void **state) {
    (void)state;
    uint8_t pixels[20 * 14 * 3], out[9 * 31 * 3];
    memset(pixels, 77, sizeof pixels);
    const vitc_image img = {pixels, 20, 14, 3, 60};
    for (int kind = 0; kind <= 5; kind++) {
        memset(out, 0, sizeof out);
        assert_int_equal(vitc_image_resize(&img, out, 9, 31, 3, kind, NULL), VITC_OK);
        for (size_t i = 0; i < sizeof out; i++) assert_int_equal(out[i], 77);
    }
}
int main(int argc, char **argv) {
    if (argc != 2) return 2;
    folder = argv[1];
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_digit_files),
                                       cmocka_unit_test(test_refusals),
                                       cmocka_unit_test(test_every_filter_keeps_a_flat_image)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
