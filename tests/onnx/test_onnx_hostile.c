// test_onnx_hostile.c: ONNX files that nobody sane writes. Each gives one clean error (or a graph)
// in bounded time, and the arenas are as full afterwards as before.
#include "frontend/frontend.h"
#include "tests/onnx/onnx_text.h"
#include "tests/support/ctx.h"
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
enum { MAX_SECONDS = 10 };
#else
enum { MAX_SECONDS = 1 };
#endif
static double seconds(void) { // of processor time: the machine may be busy
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}
static Graph *load_bytes(TestCtx *t, const void *p, size_t n) {
    int fd = memfd_create("model", 0);
    assert_true(fd >= 0 && write(fd, p, n) == (ssize_t)n);
    Graph *g =
        onnx_load(&t->c, arena_printf(t->c.arena, "/proc/self/fd/%d", fd), &(FrontendOptions){0});
    close(fd);
    assert_true(g || diag_kind(t->c.diag) != ERR_NONE);
    return g;
}
// The bytes are refused with this kind and message, quickly and without leaving memory behind.
static void refused(ErrKind kind, const char *message, const void *p, size_t n) {
    uint64_t before = arena_total();
    double start = seconds();
    TestCtx *t = test_ctx();
    assert_null(load_bytes(t, p, n));
    test_ctx_expect(t, kind, message);
    test_ctx_free(t);
    assert_int_equal(arena_total(), before);
    assert_true(seconds() - start < MAX_SECONDS);
}

// ---- wire format -----------------------------------------------------------------------------
static void wire_format(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        ErrKind kind;
        const char *message;
    } cases[] = {
        {"\x00\x00", 2, ERR_MODEL, "malformed field number"},
        {"\x0b", 1, ERR_MODEL, "wire type that ONNX does not use"},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, ERR_MODEL, "malformed number"},
        {"\x08", 1, ERR_MODEL, "malformed number"},
        {"\x3a\xff\xff\xff\xff\x07", 6, ERR_MODEL, "runs past its message"},
        {"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, ERR_MODEL, "runs past its message"},
        {"\x38\x01", 2, ERR_MODEL, "wrong wire type"},
        {"\x12\x03"
         "a\0b",
         5, ERR_MODEL, "NUL"},
        {"\x3a\x00\x3a\x00", 4, ERR_MODEL, "must be single is repeated"},
        {"\x08\x08", 2, ERR_MODEL, "no graph"},
        {"\x3a\x00", 2, ERR_MODEL, "no operator set"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        refused(cases[i].kind, cases[i].message, cases[i].bytes, cases[i].n);
    }
}
static uint8_t *prepend_length(uint8_t *p, uint64_t n) {
    uint8_t v[10];
    int k = 0;
    do {
        v[k++] = (uint8_t)((n & 0x7f) | (n > 0x7f ? 0x80 : 0));
    } while (n >>= 7);
    while (k > 0) *--p = v[--k];
    return p;
}
static void nested_4000_times(void **state) {
    (void)state;
    enum { SIZE = 1 << 16, DEPTH = 4000 };
    static const uint8_t key[3] = {0x0a, 0x2a, 0x32}; // node, attribute, graph
    uint8_t *all = malloc(SIZE), *p = all + SIZE;
    for (int i = 0; i <= DEPTH; i++) {
        p = prepend_length(p, (uint64_t)(all + SIZE - p));
        *--p = i == DEPTH ? 0x3a : key[(DEPTH - 1 - i) % 3];
    }
    refused(ERR_LIMIT, "nested too deeply", p, (size_t)(all + SIZE - p));
    free(all);
}
static void ten_megabytes_of_empty_initialisers(void **state) {
    (void)state;
    enum { SIZE = 10 << 20 };
    uint8_t *all = malloc(SIZE + 16), *p = all + 16;
    for (size_t i = 0; i < SIZE; i += 2) {
        p[i] = 0x2a;
        p[i + 1] = 0;
    }
    p = prepend_length(p, SIZE);
    *--p = 0x3a;
    refused(ERR_LIMIT, "too many messages", p, (size_t)(all + 16 + SIZE - p));
    free(all);
}
static void repeated_graph(void **state) {
    (void)state;
    enum { TIMES = 100000 };
    Arena *a = arena_new("test");
    Str s = str_new(a);
    for (int i = 0; i < TIMES; i++) str_add_n(&s, "\x3a\x04\x0a\x02\x0a\x00", 6);
    refused(ERR_MODEL, "must be single is repeated", s.data, s.n);
    arena_free(a);
}
static void long_name(void **state) {
    (void)state;
    Arena *a = arena_new("test");
    Str s = str_new(a);
    str_addf(&s, "opset 17\nfeed x f32[1] 1\nnode Abs x -> ");
    for (int i = 0; i < 70000; i++) str_add(&s, "y");
    str_add(&s, "\noutput y\n");
    OnnxText t = onnx_text(a, str_cstr(&s));
    refused(ERR_LIMIT, "a name is too long", t.bytes.data, t.bytes.n);
    arena_free(a);
}

// ---- whole models ----------------------------------------------------------------------------
static const char *const sample =
    "opset 17\nopset my 1\n"
    "function my:Line x -> y scale offset=1.0\nnode Constant -> s value_float=$scale\n"
    "node Constant -> o value_float=$offset\nnode Mul x,s -> p\nnode Add p,o -> y\nend\n"
    "feed x f32[1,2,4] 1 2 3 4 5 6 7 8\n"
    "const w f32[4,4] 1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1\ntyped g f32[4] 1 1 1 1\ntyped h f16[4] 1 1 "
    "1 1\n"
    "const c bool[] 1\nconst s i64[2] 1 -1\n"
    "graph yes\nnode Identity x -> t\noutput t\nend\ngraph no\nnode Neg x -> t\noutput t\nend\n"
    "node If c -> a then_branch=@yes else_branch=@no\nnode MatMul a,w -> b\nnode Add b,h -> d\n"
    "node LayerNormalization d,g -> e epsilon=0.001\nnode my:Line e -> f scale=2.0\n"
    "node Softmax f -> i axis=-1\nnode Shape i -> j\nnode Slice i,k0,k1,k2 -> l\nconst k0 i64[1] "
    "0\n"
    "const k1 i64[1] 1\nconst k2 i64[1] 1\nnode Reshape l,s -> m\nnode Gather m,k0 -> n "
    "axis=1\noutput n\n";

static void check_one(const uint8_t *bytes, size_t n) {
    TestCtx *t = test_ctx();
    Graph *g = load_bytes(t, bytes, n);
    if (g) assert_true(graph_check(g, t->c.diag));
    ErrKind kind = diag_kind(t->c.diag);
    if (!g && kind != ERR_MODEL && kind != ERR_UNSUPPORTED && kind != ERR_LIMIT && kind != ERR_IO) {
        fail_msg("error %d: %s", kind, t->said);
    }
    test_ctx_free(t);
}
static void every_truncation(void **state) {
    (void)state;
    Arena *a = arena_new("test");
    OnnxText t = onnx_text(a, sample);
    uint64_t before = arena_total();
    for (size_t n = 1; n <= t.bytes.n; n++) check_one((const uint8_t *)t.bytes.data, n);
    assert_int_equal(arena_total(), before);
    arena_free(a);
}
static void every_bit_flipped(void **state) {
    (void)state;
    Arena *a = arena_new("test");
    OnnxText t = onnx_text(a, sample);
    uint8_t *bytes = (uint8_t *)t.bytes.data;
    uint64_t before = arena_total();
    for (size_t i = 0; i < t.bytes.n * 8; i++) {
        bytes[i / 8] ^= (uint8_t)(1u << i % 8);
        check_one(bytes, t.bytes.n);
        bytes[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    assert_int_equal(arena_total(), before);
    arena_free(a);
}
// Thirty functions, each calling the one before twice.
static void functions_that_multiply(void **state) {
    (void)state;
    Arena *a = arena_new("test");
    Str s = str_new(a);
    str_add(&s, "opset my 1\nopset 17\nfunction my:F0 x -> y\nnode Neg x -> y\nend\n");
    for (int i = 1; i < 30; i++) {
        str_addf(&s, "function my:F%d x -> y\nnode my:F%d x -> t\nnode my:F%d t -> y\nend\n", i,
                 i - 1, i - 1);
    }
    str_add(&s, "feed x f32[1] 1\nnode my:F29 x -> y\noutput y\n");
    OnnxText t = onnx_text(a, str_cstr(&s));
    refused(ERR_LIMIT, "functions expand to more than", t.bytes.data, t.bytes.n);
    arena_free(a);
}
// A few bytes a node, each computing 4 million elements.
static void constants_that_multiply(void **state) {
    (void)state;
    Arena *a = arena_new("test");
    Str s = str_new(a);
    str_add(&s, "feed x f32[1] 1\nconst k i64[] 0\nconst z f32[1] 0\nconst n i64[2] 2000 "
                "2000\nnode Expand z,n -> big\n");
    for (int i = 0; i < 1000; i++)
        str_addf(&s, "node Trilu big,k -> t%d\nnode Add t%d,x -> u%d\n", i, i, i);
    for (int i = 0; i < 1000; i++) str_addf(&s, "output u%d\n", i);
    OnnxText t = onnx_text(a, str_cstr(&s));
    refused(ERR_LIMIT, "computes too much", t.bytes.data, t.bytes.n);
    arena_free(a);
}

// ---- external data ---------------------------------------------------------------------------
typedef struct Folder {
    char path[64];
    TestCtx *t;
} Folder;
static void put_file(const Folder *f, const char *name, const void *p, size_t n) {
    FILE *out = fopen(arena_printf(f->t->c.arena, "%s/%s", f->path, name), "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(p, 1, n, out), n);
    fclose(out);
}
static Graph *load_with_tensor(const Folder *f, const char *external) {
    Arena *a = f->t->c.arena;
    OnnxText t = onnx_text(
        a, arena_printf(a, "feed x f32[2] 1 1\nextern w f32[2] %s\nnode Add x,w -> y\noutput y\n",
                        external));
    put_file(f, "model.onnx", t.bytes.data, t.bytes.n);
    return onnx_load(&f->t->c, arena_printf(a, "%s/model.onnx", f->path), &(FrontendOptions){0});
}
static Folder folder_new(void) {
    Folder f = {.path = "/tmp/vitc_onnx_XXXXXX", .t = test_ctx()};
    static const float data[4] = {1, 2, 3, 4};
    assert_non_null(mkdtemp(f.path));
    put_file(&f, "w.bin", data, sizeof data);
    return f;
}
static void folder_free(Folder *f) {
    static const char *const names[] = {"w.bin", "model.onnx", "link.bin", "out.bin"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        unlink(arena_printf(f->t->c.arena, "%s/%s", f->path, names[i]));
    rmdir(f->path);
    test_ctx_free(f->t);
}
static void external_data_is_read(void **state) {
    (void)state;
    Folder f = folder_new();
    Graph *g = load_with_tensor(
        &f, "location=w.bin offset=4 length=8 checksum=8b60fd0d6b9bb0bdf63e0c4ad9bc0cbfd7c3d0b2");
    assert_null(g);
    test_ctx_expect(f.t, ERR_MODEL, "does not have the SHA-1");
    folder_free(&f);
    f = folder_new();
    g = load_with_tensor(&f, "location=w.bin offset=4 length=8");
    assert_non_null(g);
    Tensor x = {type_of(DT_F32, 1, (int64_t[]){2}), (float[]){1, 1}}, y;
    assert_true(graph_eval(g, &x, &g->output.data[0].node, 1, &y, f.t->c.arena, f.t->c.diag));
    assert_true(((float *)y.data)[0] == 3 && ((float *)y.data)[1] == 4);
    assert_int_equal(strlen(g->info.sha256), 64);
    folder_free(&f);
}
static void external_data_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *external;
        ErrKind kind;
        const char *message;
    } cases[] = {
        {"location=w.bin offset=12", ERR_MODEL, "lie outside"},
        {"location=w.bin offset=18446744073709551615", ERR_MODEL, "lie outside"},
        {"location=w.bin offset=18446744073709551616", ERR_MODEL, "not a number"},
        {"location=w.bin", ERR_MODEL, "holds 16 bytes to its end"},
        {"location=w.bin length=16", ERR_MODEL, "its shape needs 8"},
        {"location=/etc/passwd", ERR_MODEL, "/etc/passwd"},
        {"location=../w.bin", ERR_MODEL, ".."},
        {"location=a/../../w.bin", ERR_MODEL, ".."},
        {"location=none.bin", ERR_IO, "none.bin"},
        {"offset=0", ERR_MODEL, "no location"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Folder f = folder_new();
        assert_null(load_with_tensor(&f, cases[i].external));
        test_ctx_expect(f.t, cases[i].kind, cases[i].message);
        folder_free(&f);
    }
}
static void external_link_must_stay(void **state) {
    (void)state;
    Folder f = folder_new();
    assert_int_equal(symlink("/etc/passwd", arena_printf(f.t->c.arena, "%s/out.bin", f.path)), 0);
    assert_null(load_with_tensor(&f, "location=out.bin length=8"));
    assert_int_not_equal(diag_kind(f.t->c.diag), ERR_NONE);
    folder_free(&f);
    f = folder_new();
    assert_int_equal(symlink("w.bin", arena_printf(f.t->c.arena, "%s/link.bin", f.path)), 0);
    assert_non_null(load_with_tensor(&f, "location=link.bin length=8"));
    folder_free(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wire_format),
        cmocka_unit_test(nested_4000_times),
        cmocka_unit_test(ten_megabytes_of_empty_initialisers),
        cmocka_unit_test(repeated_graph),
        cmocka_unit_test(long_name),
        cmocka_unit_test(every_truncation),
        cmocka_unit_test(every_bit_flipped),
        cmocka_unit_test(functions_that_multiply),
        cmocka_unit_test(constants_that_multiply),
        cmocka_unit_test(external_data_is_read),
        cmocka_unit_test(external_data_is_refused),
        cmocka_unit_test(external_link_must_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
