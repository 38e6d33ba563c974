// test_execute.c: vitc_execute on hand-made tables: what it checks, how it slices, and that the
// caller's floating-point environment changes nothing.
#include "runtime/vitc_object.h"
#include <fenv.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { N = 1000 };
// y[i] = x[i] / 3 + w[0]; the scratch byte of the slice is set, so that overlap of slices shows
static void third(void *const *args, void *scratch, int64_t lo, int64_t hi) {
    const float *x = args[0], *w = args[1];
    float *y = args[2];
    memset(scratch, (int)lo & 0x7f, 64);
    for (int64_t i = lo; i < hi; i++) y[i] = x[i] / 3.0f + w[0];
}
static struct {
    int64_t anchor;
    float weights[16];
} image = {.weights = {0.25f}};
static const vitc_place places[3] = {
    {VITC_PLACE_INPUT, 0, 0}, {VITC_PLACE_WEIGHTS, 0, 0}, {VITC_PLACE_OUTPUT, 0, 0}};
static const vitc_launch launches[1] = {{third, places, 3, 0, N, 64, "third", 0}};
static const vitc_tensor_info in_info = {"x", VITC_F32, 1, {N, 1, 1, 1, 1, 1, 1, 1}, N * 4};
static const vitc_tensor_info out_info = {"y", VITC_F32, 1, {N, 1, 1, 1, 1, 1, 1, 1}, N * 4};
static vitc_model_info info = {.struct_size = sizeof info,
                               .abi = VITC_ABI,
                               .arena_bytes = 8 * 64,
                               .arena_align = 64,
                               .n_inputs = 1,
                               .n_outputs = 1,
                               .inputs = &in_info,
                               .outputs = &out_info};
static vitc_object object = {.abi = VITC_ABI,
                             .n_launches = 1,
                             .launches = launches,
                             .weights_anchor = &image.anchor,
                             .scratch_bytes = 8 * 64,
                             .max_slices = 8,
                             .info = &info};
static _Alignas(64) char arena[8 * 64];
static float x[N + 1], y[N + 1], want[N];

static int setup(void **state) {
    (void)state;
    image.anchor = (char *)image.weights - (char *)&image.anchor;
    for (int i = 0; i < N; i++) x[i] = (float)(i * 37 % 101) / 7.0f;
    for (int i = 0; i < N; i++) want[i] = x[i] / 3.0f + 0.25f;
    return 0;
}
static vitc_status run(const void *in, void *out, void *memory, const vitc_parallel *par) {
    const void *const ins[1] = {in};
    void *const outs[1] = {out};
    return vitc_execute(&object, ins, outs, memory, par);
}
static void backwards(void *ctx, void (*task)(void *arg, int index), void *arg, int count) {
    *(int *)ctx = count;
    for (int i = count - 1; i >= 0; i--) task(arg, i);
}
static void test_slices(void **state) {
    (void)state;
    int count = 0;
    for (int threads = 1; threads <= 20; threads++) {
        vitc_parallel par = {&count, threads, backwards};
        memset(y, 0, sizeof y);
        count = 1;
        assert_int_equal(run(x, y, arena, &par), VITC_OK);
        assert_memory_equal(y, want, sizeof want);
        assert_int_equal(count, threads > 8 ? 8 : threads);
    }
    assert_int_equal(run(x, y, arena, NULL), VITC_OK);
}
static void test_bad_arguments(void **state) {
    (void)state;
    assert_int_equal(run(NULL, y, arena, NULL), VITC_E_ARG);
    assert_int_equal(run(x, NULL, arena, NULL), VITC_E_ARG);
    assert_int_equal(run(x, y, NULL, NULL), VITC_E_ARG);
    assert_int_equal(run((const char *)x + 1, y, arena, NULL), VITC_E_ALIGN);
    assert_int_equal(run(x, y, arena + 4, NULL), VITC_E_ALIGN);
    assert_int_equal(run(x + 1, y, arena, NULL), VITC_OK); // an element's alignment is enough
    assert_int_equal(run(x, x, arena, NULL), VITC_E_ARENA);
    assert_int_equal(run(x, x + 1, arena, NULL), VITC_E_ARENA);
    assert_int_equal(run(arena, y, arena, NULL), VITC_E_ARENA);
}
static void test_refusals(void **state) {
    (void)state;
    info.cpu_features = 1ull << 62;
    assert_int_equal(run(x, y, arena, NULL), VITC_E_CPU);
    info.cpu_features = 0;
    object.abi = VITC_ABI + 1;
    assert_int_equal(run(x, y, arena, NULL), VITC_E_ABI);
    object.abi = VITC_ABI;
    for (int s = VITC_OK; s <= VITC_E_MEMORY; s++)
        assert_string_not_equal(vitc_status_str((vitc_status)s), "unknown status");
    assert_string_equal(vitc_status_str((vitc_status)99), "unknown status");
}
static void test_rounding_mode_of_the_caller(void **state) {
    (void)state;
    static const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        memset(y, 0, sizeof y);
        fesetround(modes[i]);
        vitc_status s = run(x, y, arena, NULL);
        int after = fegetround();
        fesetround(FE_TONEAREST);
        assert_int_equal(s, VITC_OK);
        assert_int_equal(after, modes[i]);
        assert_memory_equal(y, want, sizeof want);
    }
}
static int marks;
static void mark(void *ctx, uint32_t launch) {
    (void)ctx;
    marks += (int)launch + 1;
}
static void test_marks(void **state) {
    (void)state;
    const void *const ins[1] = {x};
    void *const outs[1] = {y};
    marks = 0;
    assert_int_equal(vitc_execute_marked(&object, ins, outs, arena, NULL, mark, NULL), VITC_OK);
    assert_int_equal(marks, 1);
}
static void test_arena(void **state) {
    (void)state;
    static const uint64_t sizes[] = {1, 64, 4096, 3 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        vitc_model_info m = {.arena_bytes = sizes[i], .arena_align = 64};
        char *a = vitc_arena_create(&m);
        assert_non_null(a);
        assert_int_equal((uintptr_t)a % 64, 0);
        memset(a, 1, sizes[i]);
        vitc_arena_destroy(&m, a);
    }
}
int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slices),   cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_rounding_mode_of_the_caller),
        cmocka_unit_test(test_marks),    cmocka_unit_test(test_arena),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
