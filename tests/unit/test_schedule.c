// test_schedule.c: which schedule a kernel gets: schedule.def for the machine, then the rows of a
// tuning, then rules; and what no tuning may say.
#include "passes/lower/schedule.h"
#include "tests/support/ctx.h"

static const Shape fc1 = {{197, 3072, 768}}, fc2 = {{197, 768, 3072}};
static const Target *v4(void) {
    return target_find("x86-64-v4");
}

static void test_levels(void **state) {
    (void)state;
    static const struct {
        const char *target;
        GraphOp op;
        int64_t rows, vectors;
    } want[] = {{"generic", OP_MATMUL, 4, 2},
                {"x86-64-v3", OP_MATMUL, 6, 2},
                {"x86-64-v3", OP_ATTENTION, 6, 2},
                {"x86-64-v4-256", OP_MATMUL, 9, 3},
                {"x86-64-v4-256", OP_ATTENTION, 6, 4},
                {"x86-64-v4", OP_ATTENTION, 12, 2},
                {"aarch64", OP_MATMUL, 8, 3},
                {"aarch64", OP_ATTENTION, 6, 4}};
    for (size_t i = 0; i < COUNT_OF(want); i++) {
        const Target *t = target_find(want[i].target);
        Choice c = sched_choose(want[i].op, fc1, t, NULL);
        assert_int_equal(c.rows, want[i].rows);
        assert_int_equal(c.vectors, want[i].vectors);
    }
    for (size_t i = 0; target_at(i); i++) { // what is committed must be possible
        for (int op = 0; op < 2; op++) {
            GraphOp which = op ? OP_ATTENTION : OP_MATMUL;
            Choice c = sched_choose(which, fc1, target_at(i), NULL);
            assert_null(sched_refuses(which, &c, target_at(i)));
        }
    }
}
static void test_bf16_weights(void **state) { // panels of two tiles, whatever a tuning says
    (void)state;
    TuningRow row = {OP_MATMUL, true, {{0}}, choice_untuned};
    row.set.vectors = 3;
    row.set.panels = 4;
    Tuning t = {&row, 1};
    const Target *amx = target_find("x86-64-amx"), *also[] = {v4(), NULL};
    assert_int_equal(sched_choose(OP_MATMUL, fc1, amx, NULL).vectors, 3);
    assert_int_equal(sched_choose_for(OP_MATMUL, DT_BF16, fc1, amx, &t).vectors, 2);
    assert_int_equal(sched_choose_for(OP_MATMUL, DT_BF16, fc1, amx, &t).panels, 4);
    assert_int_equal(sched_choose_for(OP_MATMUL, DT_BF16, fc1, v4(), &t).vectors, 3);
    assert_int_equal(sched_panel(DT_BF16, fc1, amx, NULL, NULL), 32);
    assert_int_equal(sched_panel(DT_BF16, fc1, amx, also, NULL), 96);
    assert_int_equal(sched_panel(DT_F32, fc1, amx, also, NULL), 48);
    Choice c = {.k_chunk = 0};
    assert_int_equal(sched_tile_chunk(&c, 384), 192); // K 768: two chunks of 24 KiB
    assert_int_equal(sched_tile_chunk(&c, 512), 176);
    assert_int_equal(sched_tile_chunk(&c, 31), 32);
    c.k_chunk = 65;
    assert_int_equal(sched_tile_chunk(&c, 100), 32);
}
static void test_later_rows_win(void **state) {
    (void)state;
    TuningRow row[3] = {{OP_MATMUL, true, {{0}}, choice_untuned},
                        {OP_MATMUL, false, fc1, choice_untuned},
                        {OP_ATTENTION, true, {{0}}, choice_untuned}};
    row[0].set.rows = 5;
    row[0].set.panels = 4;
    row[1].set.rows = 7;
    row[1].set.prefetch_ahead = 0;
    row[2].set.rows = 2;
    Tuning t = {row, 3};
    Choice a = sched_choose(OP_MATMUL, fc1, v4(), &t), b = sched_choose(OP_MATMUL, fc2, v4(), &t);
    assert_int_equal(a.rows, 7);
    assert_int_equal(a.panels, 4);
    assert_int_equal(a.prefetch_ahead, 0);
    assert_int_equal(b.rows, 5);
    assert_int_equal(b.prefetch_ahead, 1);
    assert_int_equal(sched_choose(OP_ATTENTION, fc1, v4(), &t).rows, 2);
    assert_int_equal(sched_choose(OP_ATTENTION, fc1, v4(), &t).panels, 1);
}
static void test_refused(void **state) {
    (void)state;
    Choice big = {.rows = 8, .vectors = 4}, odd = {.rows = 2, .vectors = 3};
    assert_non_null(sched_refuses(OP_MATMUL, &big, v4()));
    assert_null(sched_refuses(OP_MATMUL, &odd, v4()));
    const Target *v3 = target_find("x86-64-v3"); // 24 columns and 16 lanes do not fit each other
    assert_non_null(sched_refuses(OP_ATTENTION, &odd, v3));
    assert_null(sched_refuses(OP_ATTENTION, &odd, v4()));
}
static void test_k_chunk(void **state) {
    (void)state;
    static const struct {
        int64_t asked, k, want;
    } cases[] = {{1, 768, 768},    {1, 3072, 1024}, {1024, 3072, 1024}, {1025, 3072, 2048},
                 {1, 1500, 750},   {1, 100, 100},   {2049, 3072, 3072}, {1 << 20, 3072, 3072}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Choice c = {.k_chunk = cases[i].asked};
        assert_int_equal(sched_k_chunk(&c, v4(), 197, cases[i].k), cases[i].want);
    }
    Choice rule = {0};
    for (int64_t k = 1; k < 5000; k += 37) {
        int64_t chunk = sched_k_chunk(&rule, v4(), 197, k);
        assert_true(chunk >= 1 && chunk <= k && (chunk == k || chunk % sched_k_block(k) == 0));
    }
}
static void test_prefetch(void **state) {
    (void)state;
    Choice none = {.prefetch_ahead = 0}, rule = {.prefetch_ahead = 1},
           given = {.prefetch_ahead = 1, .prefetch_group = 16, .prefetch_lines = 5},
           odd = {.prefetch_ahead = 1, .prefetch_group = 7};
    assert_int_equal(sched_prefetch(&none, 22, 192, 256, 768).lines, 0);
    assert_int_equal(sched_prefetch(&given, 22, 192, 256, 768).group, 16);
    assert_int_equal(sched_prefetch(&given, 22, 192, 256, 768).lines, 5);
    PrefetchRate r = sched_prefetch(&rule, 22, 192, 256, 768);
    assert_true(10 * 22 * r.lines * 64 >= 9 * r.group * 192);
    PrefetchRate o = sched_prefetch(&odd, 22, 192, 256, 768); // 7 divides no block: the rule
    assert_int_equal(o.group, r.group);
    assert_int_equal(sched_prefetch(&rule, 1, 192, 256, 768).lines, 0);
}
int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels),   cmocka_unit_test(test_bf16_weights), cmocka_unit_test(test_later_rows_win),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_k_chunk),
        cmocka_unit_test(test_prefetch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
