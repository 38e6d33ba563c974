// test_resize.c: every filter, channel conversion and order of passes gives Pillow's bytes. Each
// line of argv[1] (made by make_resize.py beside it) names a case and the CRC-32 of what Pillow
// made.
#include "runtime/vitc.h"
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const char *cases;

// The same pixels as make_resize.py's, in rows `stride` bytes apart.
static void fill(uint8_t *p, uint32_t width, uint32_t height, uint32_t channels, size_t stride) {
    uint32_t state = width * 65536u + height * 256u + channels;
    for (uint32_t y = 0; y < height; y++) {
        for (uint32_t i = 0; i < width * channels; i++) {
            state = state * 1664525u + 1013904223u;
            uint32_t byte = state >> 24;
            p[y * stride + i] = (uint8_t)(byte > 200 ? 255 : byte < 55 ? 0 : byte);
        }
    }
}
static uint32_t crc32_of(const uint8_t *p, size_t n) {
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (0xedb88320u & -(crc & 1u));
    }
    return ~crc;
}
static void test_pillow(void **state) {
    (void)state;
    enum { PADDING = 5 };
    FILE *f = fopen(cases, "r");
    assert_non_null(f);
    char line[128];
    int seen = 0;
    for (; fgets(line, sizeof line, f); seen++) {
        uint32_t w, h, c, ow, oh, oc, want;
        int filter;
        assert_int_equal(sscanf(line,
                                "%" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32
                                " %" SCNu32 " %d %" SCNx32,
                                &w, &h, &c, &ow, &oh, &oc, &filter, &want),
                         8);
        // exact buffers: AddressSanitizer sees a byte too far
        size_t stride = (size_t)w * c + PADDING, n = (size_t)ow * oh * oc;
        uint8_t *in = malloc(stride * h - PADDING), *out = malloc(n);
        assert_true(in && out);
        fill(in, w, h, c, stride);
        const vitc_image img = {in, w, h, c, stride};
        assert_int_equal(vitc_image_resize(&img, out, ow, oh, oc, filter, NULL), VITC_OK);
        if (crc32_of(out, n) != want) fail_msg("not Pillow's bytes: %s", line);
        free(in);
        free(out);
    }
    fclose(f);
    assert_true(seen > 300);
}
static void test_work_memory(void **state) {
    (void)state;
    const vitc_preprocess p = {
        .height = 24, .width = 16, .channels = 3, .do_resize = 1, .std = {1, 1, 1}};
    uint8_t pixels[33 * 57 * 4];
    fill(pixels, 33, 57, 4, 33 * 4);
    const vitc_image img = {pixels, 33, 57, 4, 33 * 4};
    for (int kind = 0; kind < 6; kind++) {
        vitc_preprocess q = p;
        q.resample = kind;
        float own[3 * 16 * 24], given[3 * 16 * 24];
        void *work = malloc(vitc_image_work_bytes(&q, &img)); // exactly as much as it says
        assert_non_null(work);
        assert_int_equal(vitc_image_to_input(&q, &img, own, NULL), VITC_OK);
        assert_int_equal(vitc_image_to_input(&q, &img, given, work), VITC_OK);
        assert_memory_equal(own, given, sizeof own);
        free(work);
    }
}
static void test_steps_are_optional(void **state) {
    (void)state;
    uint8_t pixels[2 * 2 * 3] = {0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 255};
    const vitc_image img = {pixels, 2, 2, 3, 6};
    vitc_preprocess p = {.height = 2,
                         .width = 2,
                         .channels = 3,
                         .rescale = 0.5,
                         .mean = {1, 2, 3},
                         .std = {2, 4, 8}};
    float x[12];
    assert_int_equal(vitc_image_to_input(&p, &img, x, NULL), VITC_OK); // raw values, planes
    static const float raw[12] = {0, 30, 60, 90, 10, 40, 70, 100, 20, 50, 80, 255};
    assert_memory_equal(x, raw, sizeof raw);
    p.do_rescale = p.do_normalize = 1;
    assert_int_equal(vitc_image_to_input(&p, &img, x, NULL), VITC_OK);
    static const float mean[3] = {1, 2, 3}, std[3] = {2, 4, 8};
    for (int i = 0; i < 12; i++) assert_true(x[i] == (raw[i] * 0.5f - mean[i / 4]) / std[i / 4]);
    p.height = 3; // another size, and resizing is not asked for
    assert_int_equal(vitc_image_to_input(&p, &img, x, NULL), VITC_E_ARG);
}
int main(int argc, char **argv) {
    if (argc != 2) return 2;
    cases = argv[1];
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pillow),
                                       cmocka_unit_test(test_work_memory),
                                       cmocka_unit_test(test_steps_are_optional)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
