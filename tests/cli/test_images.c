// test_images.c: picture files decode to exactly the samples that PIL's convert("RGB") gives, and a
// damaged one is an error with a place, wherever it is cut.
#include "driver/image_file.h"
#include "tests/support/ctx.h"
#include <nettle/sha2.h>
#include <stdlib.h>

static vitc_image decode(TestCtx *t, const char *name) {
    FileView f;
    vitc_image img = {0};
    const char *path = arena_printf(t->c.arena, "%s/pictures/%s", getenv("FIXTURES"), name);
    if (!file_map(&t->c, path, &f) || !is_image(&f) || !image_read(&t->c, &f, &img))
        fail_msg("%s: %s", path, t->said);
    return img;
}
// SHA-256 of the picture as rows of R G B.
static const char *rgb_hash(TestCtx *t, const vitc_image *img) {
    struct sha256_ctx sha;
    sha256_init(&sha);
    for (uint32_t y = 0; y < img->height; y++) {
        for (uint32_t x = 0; x < img->width; x++) {
            const uint8_t *p = img->pixels + y * img->stride + x * img->channels;
            uint8_t rgb[3] = {p[0], img->channels < 3 ? p[0] : p[1], img->channels < 3 ? p[0] : p[2]};
            sha256_update(&sha, 3, rgb);
        }
    }
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_digest(&sha, sizeof digest, digest);
    Str s = str_new(t->c.arena);
    for (size_t i = 0; i < sizeof digest; i++) str_addf(&s, "%02x", digest[i]);
    return str_cstr(&s);
}
static void test_samples(void **state) {
    (void)state;
    static const struct {
        const char *name;
        uint32_t width, height, channels;
        const char *hash;         // of Pillow's convert("RGB")
    } want[] = {
        {"chelsea.jpg", 451, 300, 3,
         "8da7d8449f0c1685288c0d82c4aa03b43510a851e276b8f7b516758df1f0ff76"},
        {"coffee.jpg", 512, 341, 3,
         "1eac15bb9ede94d1b1530e96b06c4c3ca1d68a982a9f2a6abbfe8d38c57303b6"},
        {"camera.jpg", 512, 512, 1,
         "1c86068f081d678dd22d8e1916235ee619bc2e7ef49622c84214fca00788fe7b"},
        {"rocket_alpha.png", 300, 200, 4,
         "9d14fe44461d2fda61137041c3fa2d23b80059e450f92d150ed701b92617a6c3"},
    };
    for (size_t i = 0; i < COUNT_OF(want); i++) {
        TestCtx *t = test_ctx();
        vitc_image img = decode(t, want[i].name);
        assert_int_equal(img.width, want[i].width);
        assert_int_equal(img.height, want[i].height);
        assert_int_equal(img.channels, want[i].channels);
        assert_string_equal(rgb_hash(t, &img), want[i].hash);
        test_ctx_free(t);
    }
}

static bool decode_bytes(TestCtx *t, const void *bytes, size_t n, vitc_image *out) {
    FileView f = {"x", arena_copy(t->c.arena, bytes, n), n};
    return is_image(&f) && image_read(&t->c, &f, out);
}
static void test_netpbm(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    vitc_image img;
    assert_true(decode_bytes(t, "P5 # grey\n2 2\n255\n\0\1\2\377", 22, &img));
    assert_memory_equal(img.pixels, "\0\1\2\377", 4);
    assert_true(decode_bytes(t, "P6 1 1 15 \0\10\17", 13, &img));      // scaled to 255
    assert_memory_equal(img.pixels, "\0\210\377", 3);
    test_ctx_free(t);
}
// Every prefix of a small file of each kind is refused or decodes; nothing is read past its end (ASan).
static void test_truncated(void **state) {
    (void)state;
    static const char *const names[] = {"rocket_alpha.png", "chelsea.jpg"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        TestCtx *whole = test_ctx();
        FileView f;
        assert_true(file_map(&whole->c, arena_printf(whole->c.arena, "%s/pictures/%s",
                                                     getenv("FIXTURES"), names[i]), &f));
        for (uint64_t n = 0; n < f.nbytes - 16; n += n < 700 ? 1 : 997) {
            TestCtx *t = test_ctx();
            vitc_image img;
            assert_false(decode_bytes(t, f.data, n, &img));
            test_ctx_free(t);
        }
        test_ctx_free(whole);
    }
}
static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        ErrKind kind;
        const char *says;
    } bad[] = {
        {"P5 100000 100000 255 x", 22, ERR_LIMIT, "100000 x 100000 pixels"},
        {"P5 0 4 255 x", 12, ERR_MODEL, "without pixels"},
        {"P5 4 4 255 abc", 14, ERR_MODEL, "ends early"},
        {"P5 4 x 255 abc", 14, ERR_MODEL, "header"},
        {"P5 4 4 65535 abc", 16, ERR_UNSUPPORTED, "65535"},
        {"P6 99999999999999 4 255 abc", 27, ERR_MODEL, "header"},
        {"\xff\xd8\xff\xe0garbage", 11, ERR_MODEL, "JPEG"},
        {"\x89PNG\r\n\x1a\ngarbage that is no chunk", 32, ERR_MODEL, "PNG"},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        TestCtx *t = test_ctx();
        vitc_image img;
        assert_false(decode_bytes(t, bad[i].bytes, bad[i].n, &img));
        test_ctx_expect(t, bad[i].kind, bad[i].says);
        test_ctx_free(t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_netpbm),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
