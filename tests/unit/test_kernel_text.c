// test_kernel_text.c: .vk printed is .vk read: the same bytes come back, whatever is in the kernel;
// and texts that are no kernels get one error with its place.
#include "passes/passes.h"
#include "tests/support/ctx.h"

// Every way in which an operand is written.
static const char canonical[] =
    "kernel @all(%x: ptr f32, %y: mut ptr bf16) target x86-64-v4 scratch 128 {\n"
    "  %1 = const f32x16 0.1\n"
    "  %2 = const f32x16 -0\n"
    "  %3 = const f32x16 inf\n"
    "  %4 = const f32x16 bits 0x7fc00001\n"
    "  %5 = const f64 1e-300\n"
    "  %6 = const bf16x2 3.14\n"
    "  %7 = const f16x4 65504\n"
    "  %8 = const i8x64 -128\n"
    "  %9 = const u64 18446744073709551615\n"
    "  %10 = const boolx8 1\n"
    "  %11 = iota i32x16\n"
    "  %12 = reg f32x16\n"
    "  set %12, %1\n"
    "  %13 = padd scratch, 64\n"
    "  loop %14 = lo to hi step 1 {\n"
    "    %15 = imul %14, -64\n"
    "    %16 = padd %x, %15 + 8\n"
    "    loop %17 = 0 to 12 step 4 {\n"
    "      %18 = load f32x16 %16 - 128 lanes 5\n"
    "      %19 = loadb f32x16 %16 + 4\n"
    "      %20 = loads f32x16 %16 + 4 stride -12 lanes 3\n"
    "      %21 = get %12\n"
    "      %22 = fma %18, %19, %21\n"
    "      set %12, %22\n"
    "      prefetch %16 + 4096 to L3\n"
    "    }\n"
    "    %23 = imod %14, 7\n"
    "    %24 = fromindex i64 %23\n"
    "    %25 = toindex %24\n"
    "  }\n"
    "  %26 = get %12\n"
    "  %27 = gelu %26\n"
    "  %28 = exp2 %27 degree 5\n"
    "  %29 = cmp unord %28, %1\n"
    "  %30 = mnot %29\n"
    "  %31 = mand %29, %30\n"
    "  %32 = select %31, %28, %1\n"
    "  %33 = cvt %32 to bf16\n"
    "  %34 = bitcast %33 to u16\n"
    "  %35 = shr %34 by 3\n"
    "  %36 = rsum %32\n"
    "  %37 = bcast f32x16 %36\n"
    "  %38 = idiv 7, 2\n"
    "  %39 = bitcast %37 to i32\n"
    "  %40 = dpbf16 %39, %39, %37\n"
    "  %41 = cvtdz %40\n"
    "  %42 = ziplo %37, %40\n"
    "  %43 = ziphi %40, %37\n"
    "  %44 = bitcast %37 to i64\n"
    "  %45 = bfmmla %44, %44, %37\n"
    "  store %y, %33\n"
    "  store %13, %37 lanes 7\n"
    "  stores %13 - 4 stride 8, %37 lanes 2\n"
    "}\n";

static Kern *parse(TestCtx *t, const char *text) {
    return kern_parse(t->c.arena, t->c.diag, "t.vk", text, strlen(text), NULL);
}
static void assert_round_trip(TestCtx *t, const Kern *k) {
    Str first = str_new(t->c.arena), second = str_new(t->c.arena);
    kern_print(k, &first, NULL);
    Kern *again = parse(t, str_cstr(&first));
    if (!again) fail_msg("%s\n%s", t->said, first.data);
    kern_print(again, &second, NULL);
    assert_string_equal(str_cstr(&first), str_cstr(&second));
}
static void test_canonical(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Kern *k = parse(t, canonical);
    if (!k || !kern_check(k, t->c.diag, false)) fail_msg("%s", t->said);
    Str s = str_new(t->c.arena);
    kern_print(k, &s, NULL);
    assert_string_equal(str_cstr(&s), canonical);
    Kern *out = kern_new(t->c.arena, "all", k->target);
    pass_math(k, out);
    assert_round_trip(t, out);
    test_ctx_free(t);
}
static void test_names_and_comments(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Kern *k = parse(t, "// a comment\nkernel @t(%x: mut ptr f32)target generic{ // here too\n"
                       "%first=load f32x4 %x%second=neg %first store %x,%second}");
    if (!k) fail_msg("%s", t->said);
    Str s = str_new(t->c.arena);
    kern_print(k, &s, NULL);
    assert_string_equal(str_cstr(&s), "kernel @t(%x: mut ptr f32) target generic {\n"
                                      "  %1 = load f32x4 %x\n  %2 = neg %1\n  store %x, %2\n}\n");
    test_ctx_free(t);
}
static void test_sources_are_comments(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Kern *k = kern_new(t->c.arena, "t", target_find("generic"));
    LocInfo at = {.file = "m.onnx", .node = "blocks.3/fc1\n*/evil", .op = "MatMul"};
    *PUSH(t->c.arena, &k->loc) = diag_loc(t->c.diag, at);
    Str s = str_new(t->c.arena);
    kern_print(k, &s, t->c.diag);
    assert_string_equal(str_cstr(&s),
                        "// blocks.3/fc1__/evil MatMul\nkernel @t() target generic {\n}\n");
    assert_non_null(parse(t, s.data));
    test_ctx_free(t);
}
static void test_two_kernels(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    static const char text[] = "kernel @a() target generic {\n}\nkernel @b() target generic {\n}\n";
    size_t used;
    Kern *a = kern_parse(t->c.arena, t->c.diag, "t.vk", text, strlen(text), &used);
    assert_string_equal(a->name, "a");
    Kern *b = kern_parse(t->c.arena, t->c.diag, "t.vk", text + used, strlen(text) - used, &used);
    assert_string_equal(b->name, "b");
    assert_null(parse(t, text));
    test_ctx_expect(t, ERR_MODEL, "t.vk:3:1: expected the end of the text");
    test_ctx_free(t);
}

// ---- texts that are no kernels -----------------------------------------------------------------
static void test_errors(void **state) {
    (void)state;
    static const struct {
        const char *text, *says;
    } wrong[] = {
        {"", "1:1: expected 'kernel'"},
        {"kernel t() target generic {}", "1:8: expected '@', found 't() target generic {}'"},
        {"kernel @t() target vax {}", "no target 'vax'"},
        {"kernel @t(%x: ptr f33) target generic {}", "'f33' is not an element type"},
        {"kernel @t(%x: ptr f32, %x: ptr f32) target generic {}", "%x is defined twice"},
        {"kernel @t() target generic {\n  %1 = ad %2, %3\n}", "2:8: no instruction 'ad'; did you"},
        {"kernel @t() target generic {\n  %1 = iadd 2, %3\n}", "2:17: no value %3"},
        {"kernel @t() target generic {\n  %1 = iadd 2\n}", "3:1: expected ',', found '}'"},
        {"kernel @t() target generic {\n  iadd 2, 3\n}", "iadd has a result to name"},
        {"kernel @t(%x: ptr f32) target generic {\n  %1 = prefetch %x to L1\n}", "has no result"},
        {"kernel @t(%x: ptr f32) target generic {\n  prefetch %x to L4\n}",
         "expected a cache level"},
        {"kernel @t() target generic {\n  %1 = const f32y4 1\n}", "'f32y4' is not a vector type"},
        {"kernel @t() target generic {\n  %1 = const f32x99999 1\n}", "is not a vector type"},
        {"kernel @t() target generic {\n  %1 = const f32x0 1\n}", "is not a vector type"},
        {"kernel @t() target generic {\n  %1 = const u8 300\n}", "300 does not fit u8"},
        {"kernel @t() target generic {\n  %1 = const u8 -1\n}", "-1 does not fit u8"},
        {"kernel @t() target generic {\n  %1 = const f32 x\n}", "expected a number"},
        {"kernel @t() target generic {\n  %1 = const f32 nan\n}", "expected a number"},
        {"kernel @t() target generic {\n  %1 = iadd 99999999999999999999, 1\n}", "an integer"},
        {"kernel @t() target generic {\n  loop %i = 0 to 4 step 1\n}", "expected '{'"},
        {"kernel @t() target generic {\n  loop %i = 0 to 4 step 1 {\n}", "3:2: expected a name"},
        {"kernel @t() target generic {\n  %i = loop 0 to 4 step 1 {\n}\n}", "a loop is written"},
        {"kernel @t() target generic {\n  %1 = cmp xx 1, 2\n}", "expected a predicate"},
        {"kernel @t() target generic {\n  %1 = param\n}", "no instruction 'param'"},
        {"kernel @t() target generic", "expected '{'"},
    };
    for (size_t n = 0; n < COUNT_OF(wrong); n++) {
        TestCtx *t = test_ctx();
        if (parse(t, wrong[n].text)) fail_msg("accepted: %s", wrong[n].text);
        test_ctx_expect(t, ERR_MODEL, wrong[n].says);
        assert_int_equal(diag_count(t->c.diag), 1);
        test_ctx_free(t);
    }
}
// Whatever a damaged text holds: no crash, and what the verifier accepts prints and reads back.
static void test_damaged_texts(void **state) {
    (void)state;
    uint32_t random = 1, accepted = 0;
    static const char bits[] = "%%%0123456789abcfilopsx-+,{}= \n@\"";
    for (int round = 0; round < 20000; round++) {
        TestCtx *t = test_ctx();
        char text[sizeof canonical];
        memcpy(text, canonical, sizeof text);
        for (int n = 0; n < 1 + round % 3; n++) {
            random = random * 1664525u + 1013904223u;
            uint32_t at = (random >> 8) % (sizeof text - 1);
            random = random * 1664525u + 1013904223u;
            text[at] = round % 7 ? bits[(random >> 8) % (sizeof bits - 1)] : (char)(random >> 16);
        }
        Kern *k = kern_parse(t->c.arena, t->c.diag, "t.vk", text, sizeof text - 1, NULL);
        if (k && kern_check(k, t->c.diag, false)) {
            assert_round_trip(t, k);
            accepted++;
        }
        test_ctx_free(t);
    }
    assert_true(accepted > 100);
}
int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonical),            cmocka_unit_test(test_names_and_comments),
        cmocka_unit_test(test_sources_are_comments), cmocka_unit_test(test_two_kernels),
        cmocka_unit_test(test_errors),               cmocka_unit_test(test_damaged_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
