// test_kernel_check.c: one broken kernel for every rule of kern_check, and what it says.
#include "passes/passes.h"
#include "tests/support/ctx.h"

typedef struct Wrong {
    const char *body, *says;
} Wrong;

static const Wrong wrong[] = {
    // scope and operands
    {"loop %i = 0 to 4 step 1 {\n%j = iadd %i, 1\n}\n%k = iadd %j, 1", "a loop that has ended"},
    {"loop %i = 0 to 4 step 1 {\n}\n%k = iadd %i, 1", "a loop that has ended"},
    {"%v = load f32x8 %x\n%i = iadd %v, 1", "operand 1 is not an index"},
    {"%v = neg %x", "operand 1 is not a vector"},
    {"%v = load f32x8 %x\n%w = mnot %v", "operand 1 is not a mask"},
    {"%v = load f32x8 4", "operand 1 is not a pointer"},
    {"%v = load f32x8 %x\n%w = get %v", "operand 1 is not a register"},
    // vectors
    {"%v = load f32x16 %x", "a vector of 64 bytes; those of x86-64-v3 have 32"},
    {"%v = load f32x3 %x", "3 lanes"},
    {"%v = load u8x128 %x", "128 lanes"},
    {"%r = reg f64x8", "a vector of 64 bytes"},
    {"%v = load f32x8 %x lanes 9", "9 lanes of a vector of 8"},
    {"%v = load f32x8 %x lanes 0", "0 lanes of a vector of 8"},
    // types
    {"%v = load f32x8 %x\n%w = load f32x4 %x\n%a = add %v, %w", "operands of different types"},
    {"%v = load f32x8 %x\n%w = load i32x8 %x\n%a = add %v, %w", "operands of different types"},
    {"%v = load f32x8 %x\n%w = load f32x4 %x\n%m = cmp lt %v, %w", "operands of different types"},
    {"%v = load f32x8 %x\n%w = load f32x4 %x\n%m = cmp lt %v, %v\n%s = select %m, %w, %w",
     "a mask of 8 lanes for 4"},
    {"%v = load bf16x8 %x\n%a = add %v, %v", "not defined for bf16"},
    {"%v = load boolx8 %x\n%a = add %v, %v", "not defined for bool"},
    {"%v = load f32x8 %x\n%a = and %v, %v", "not defined for f32"},
    {"%v = load i32x8 %x\n%a = sqrt %v", "not defined for i32"},
    {"%v = load f64x4 %x\n%a = exp %v", "defined for f32 alone, not for f64x4"},
    {"%v = load f64x4 %x\n%a = cvt %v to bf16", "convert only by way of f32"},
    {"%v = load f32x8 %x\n%a = dpbf16 %v, %v, %v", "operand 1 is f32x8, not i32x8"},
    {"%v = load i32x8 %x\n%w = load f32x4 %x\n%a = dpbf16 %v, %v, %w",
     "operand 1 is i32x8, not i32x4"},
    {"%v = load i32x8 %x\n%a = dpbf16 %v, %v, %v", "not defined for i32"},
    {"%v = load f64x4 %x\n%w = load i32x4 %x\n%a = dpbf16 %w, %w, %v",
     "operand 3 is f64x4, not f32x4"},
    {"%v = load i64x2 %x\n%w = load f32x2 %x\n%a = bfmmla %v, %v, %w", "no blocks of 2 x 2"},
    {"%v = load i64x2 %x\n%w = load f32x8 %x\n%a = bfmmla %v, %v, %w",
     "operand 1 is i64x2, not i64x4"},
    {"%v = load i64x2 %x\n%w = load i32x4 %x\n%a = bfmmla %v, %v, %w", "not defined for i32"},
    {"%v = load i32x8 %x\n%a = cvtdz %v", "operand 1 is i32x8, not f32x8"},
    {"%v = load f32 %x\n%a = bitcast %v to i64", "same number of bits"},
    {"%v = load f32x4 %x\n%a = bcast i32x4 %v", "another type"},
    {"%v = load f32 %x\n%a = ziplo %v, %v", "one lane has no halves"},
    {"%v = load i32x4 %x\n%a = toindex %v", "4 lanes"},
    {"%v = fromindex i32x4 3", "4 lanes"},
    {"%r = reg f32x8\n%v = load f32x4 %x\nset %r, %v", "a register of f32x8, not f32x4"},
    // immediates
    {"loop %i = 0 to 4 step 0 {\n}", "a step of 0"},
    {"loop %i = 0 to 4 step -1 {\n}", "a step of -1"},
    {"%v = load i32x8 %x\n%a = shl %v by 32", "a shift by 32"},
    {"%v = load f32x8 %x\n%a = exp2 %v degree 7", "no polynomial of degree 7"},
    {"%i = idiv lo, 0", "a divisor of 0, less than 1"},
    {"%v = const u8x8 bits 0x100", "bits beyond the element"},
    {"%v = const boolx8 bits 2", "bits beyond the element"},
    {"%v = load f32x8 %x + 9223372036854775807", "an offset beyond all memory"},
    {"%p = padd %x, lo + 9223372036854775807", "an offset beyond all memory"},
    // memory
    {"%v = load f32x8 %y\nstore %x, %v", "writes to %x, which is not mut"},
    {"%p = padd %x, lo\n%v = load f32x8 %y\nstore %p, %v", "writes to %x, which is not mut"},
    {"%v = load f32x8 scratch + 36", "scratch bytes 36 to 68 of 64"},
    {"%p = padd scratch, 40\n%v = load f32x8 %p - 44", "scratch bytes -4 to 28 of 64"},
    {"%v = loads f32x8 scratch + 0 stride 12", "scratch bytes 0 to 88 of 64"},
    // slots are set before they are read, on every path
    {"%r = reg f32x8\n%v = get %r", "may not have been set"},
    {"%r = reg f32x8\n%v = load f32x8 %x\nloop %i = lo to hi step 1 {\nset %r, %v\n}\n%w = get %r",
     "may not have been set"},
};
static void check_says(const char *text, bool after_math, const char *says) {
    TestCtx *t = test_ctx();
    Kern *k = kern_parse(t->c.arena, t->c.diag, "t.vk", text, strlen(text), NULL);
    if (!k) fail_msg("%s\n%s", t->said, text);
    bool ok = kern_check(k, t->c.diag, after_math);
    if (says && ok) fail_msg("accepted: %s", text);
    if (says) test_ctx_expect(t, ERR_MODEL, says);
    else if (!ok) fail_msg("%s\n%s", t->said, text);
    test_ctx_free(t);
}
// Tiles: %t has 4 rows of 16 bytes, %u and %v fit it as A and B.
static const Wrong wrong_tiles[] = {
    {"%w = tile 17 x 64", "17 rows"},
    {"%w = tile 0 x 64", "0 rows"},
    {"%w = tile 4 x 68", "rows of 68 bytes"},
    {"%w = tile 4 x 6", "rows of 6 bytes"},
    {"%w = tile 4 x 16 in 8", "no tile register 8"},
    {"%w = tile 4 x 16 in 1\n%s = tile 3 x 16 in 1", "tiles of another shape"},
    {"tstore %y stride 16, %t", "the tile may not have been set"},
    {"loop %i = lo to hi step 1 {\ntzero %t\n}\ntstore %y stride 16, %t", "may not have been set"},
    {"tzero %t\ntstore %x stride 16, %t", "writes to %x, which is not mut"},
    {"tzero %t\ntstore scratch + 4 stride 16, %t", "scratch bytes 4 to 68 of 64"},
    {"tload %t, %x stride -16", "a stride of -16"},
    {"tload %t, %x + 9223372036854775807 stride 16", "an offset beyond all memory"},
    {"%a = load f32x4 %x\ntzero %a", "operand 1 is not a tile"},
    {"tzero %u\ntzero %v\ntdpbf16 %t, %u, %v", "the tile may not have been set"},
    {"tzero %t\ntzero %u\ntdpbf16 %t, %u, %u", "the same tile twice"},
    {"tzero %t\ntzero %u\ntzero %v\ntdpbf16 %t, %v, %u", "4 x 16, 2 x 16 and 4 x 8 do not fit"},
    {"trelease", "tiles are not configured"},
    {"tconfig\ntconfig", "tiles are configured already"},
    {"tconfig", "tiles are configured and not released"},
    {"loop %i = lo to hi step 1 {\ntconfig\ntrelease\n}", "inside a loop"},
};
static void check_tiles(const char *body, const char *says) {
    Arena *a = arena_new("test");
    static const char head[] =
        "kernel @t(%x: ptr f32, %y: mut ptr f32) target x86-64-amx scratch 64 {\n"
        "%t = tile 4 x 16\n%u = tile 4 x 8\n%v = tile 2 x 16";
    check_says(arena_printf(a, "%s\n%s\n}\n", head, body), false, says);
    arena_free(a);
}
static void test_wrong_tiles(void **state) {
    (void)state;
    for (size_t n = 0; n < COUNT_OF(wrong_tiles); n++)
        check_tiles(wrong_tiles[n].body, wrong_tiles[n].says);
    check_tiles("tzero %t\nloop %i = 0 to 2 step 1 {\ntload %u, %x stride 8\n"
                "tstream %v, %x + 32 stride 16\ntdpbf16 %t, %u, %v\ntdpbssd %t, %u, %v\n"
                "tdpbusd %t, %u, %v\n}\ntstore scratch stride 16, %t", NULL);
}
static void check_body(const char *body, const char *says) {
    Arena *a = arena_new("test");
    static const char head[] =
        "kernel @t(%x: ptr f32, %y: mut ptr f32) target x86-64-v3 scratch 64 {";
    check_says(arena_printf(a, "%s\n%s\n}\n", head, body), false, says);
    arena_free(a);
}
static void test_wrong_kernels(void **state) {
    (void)state;
    for (size_t n = 0; n < COUNT_OF(wrong); n++) check_body(wrong[n].body, wrong[n].says);
}
static void test_right_kernels(void **state) {
    (void)state;
    static const char *const right[] = {
        "",
        "%v = load f64 scratch + 56",
        "%v = load f32x8 scratch + 32\nstores scratch + 60 stride -8, %v",
        "%r = reg f32x8\n%v = load f32x8 %x\nloop %i = 0 to 3 step 2 {\nset %r, %v\n}\n%w = get %r",
        "%v = load bf16x8 %x\n%w = cvt %v to f32\nstore %y, %w",
        "loop %i = lo to hi step 1 {\nloop %j = %i to hi step 8 {\n%k = iadd %i, %j\n}\n}",
        "%v = const boolx16 1\n%w = xor %v, %v\n%m = cmp ne %v, %w",
    };
    for (size_t n = 0; n < COUNT_OF(right); n++) check_body(right[n], NULL);
}
static void test_head(void **state) {
    (void)state;
    check_says("kernel @4x(%x: ptr f32) target generic {\n}\n", false, "not an identifier");
    TestCtx *t = test_ctx();
    Kern *k = kern_new(t->c.arena, "two", target_find("generic"));
    k_param(k, "x", DT_F32, false);
    k_param(k, "x", DT_F32, false);
    assert_false(kern_check(k, t->c.diag, false));
    test_ctx_expect(t, ERR_MODEL, "two parameters %x");
    test_ctx_free(t);
}
// Built by hand, because the parser refuses them earlier.
static void test_loops_close(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Kern *k = kern_new(t->c.arena, "open", target_find("generic"));
    k_loopn(k, 3);
    assert_false(kern_check(k, t->c.diag, false));
    test_ctx_expect(t, ERR_MODEL, "a loop has no end");
    test_ctx_free(t);
    t = test_ctx();
    k = kern_new(t->c.arena, "close", target_find("generic"));
    k_end(k);
    assert_false(kern_check(k, t->c.diag, false));
    test_ctx_expect(t, ERR_MODEL, "no loop is open");
    test_ctx_free(t);
}
static void test_use_before_definition(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Kern *k = kern_new(t->c.arena, "early", target_find("generic"));
    Val a = k_lo(k), b = k_hi(k), c = k_iadd(k, a, b);
    kern_ins(k, c)->arg[0] = c;
    assert_false(kern_check(k, t->c.diag, false));
    test_ctx_expect(t, ERR_MODEL, "operand 1 is not defined before");
    test_ctx_free(t);
}
static void test_phases(void **state) {
    (void)state;
    static const char gelu[] = "kernel @t(%x: mut ptr f32) target generic {\n"
                               "%v = load f32x4 %x\n%w = gelu %v\nstore %x, %w\n}\n";
    static const char fma[] = "kernel @t(%x: mut ptr f32) target generic {\n"
                              "%v = load f32x4 %x\n%w = fma %v, %v, %v\nstore %x, %w\n}\n";
    check_says(gelu, false, NULL);
    check_says(gelu, true, "it should be arithmetic by now");
    check_says(fma, false, NULL);
    check_says(fma, true, "generic does not have it");
    static const char dot[] = "kernel @t(%x: mut ptr f32) target x86-64-v4 {\n%v = load f32x4 %x\n"
                              "%w = load i32x4 %x\n%r = dpbf16 %w, %w, %v\nstore %x, %r\n}\n";
    check_says(dot, false, NULL);
    check_says(dot, true, "x86-64-v4 does not have it");
    static const char v4[] = "kernel @t(%x: mut ptr f32) target x86-64-v4 {\n%t = tile 4 x 16\n}\n";
    static const char late[] = "kernel @t() target x86-64-amx {\n%t = tile 4 x 16\n}\n";
    static const char bare[] =
        "kernel @t() target x86-64-amx {\n%t = tile 4 x 16 in 0\ntzero %t\n}\n";
    check_says(v4, false, "x86-64-v4 does not have it");
    check_says(late, false, NULL);
    check_says(late, true, "it should have a register by now");
    check_says(bare, false, NULL);
    check_says(bare, true, "tiles are not configured");
}
// After both passes every kernel is legal on its target, whatever that is.
static void test_passes_make_legal(void **state) {
    (void)state;
    const Target *target;
    for (size_t n = 0; (target = target_at(n)); n++)
        for (KOp op = K_EXP2; op < K_COUNT; op++) {
            TestCtx *t = test_ctx();
            Kern *k = kern_new(t->c.arena, "f", target);
            Val y = k_param(k, "y", DT_F32, true);
            k_loopn(k, 2);
            int lanes = (int)target_lanes(target, 4);
            Val v = k_op1(k, op, k_load(k, vec_type(DT_F32, lanes), y, 0, lanes));
            kern_ins(k, v)->imm = op == K_EXP2 ? 5 : 0;
            k_store(k, y, 0, v, lanes);
            k_end(k);
            Kern *arithmetic = kern_new(t->c.arena, "f", target);
            Kern *legal = kern_new(t->c.arena, "f", target);
            Kern *alive = kern_new(t->c.arena, "f", target);
            pass_math(k, arithmetic);
            pass_legal(arithmetic, legal);
            if (!kern_check(legal, t->c.diag, true)) fail_msg("%s: %s", target->name, t->said);
            pass_dead(legal, alive);
            if (!kern_check(alive, t->c.diag, true)) fail_msg("%s: %s", target->name, t->said);
            test_ctx_free(t);
        }
}
int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_tiles),
        cmocka_unit_test(test_wrong_kernels),         cmocka_unit_test(test_right_kernels),
        cmocka_unit_test(test_head),                  cmocka_unit_test(test_loops_close),
        cmocka_unit_test(test_use_before_definition), cmocka_unit_test(test_phases),
        cmocka_unit_test(test_passes_make_legal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
