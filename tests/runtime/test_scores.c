// test_scores.c: top-k order (ties, NaN), softmax and sigmoid.
#include "runtime/vitc.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void test_topk(void **state) {
    (void)state;
    const float v[] = {1, NAN, 5, 5, -INFINITY, 3};
    size_t index[6];
    vitc_topk(v, 6, 6, index);
    static const size_t want[] = {2, 3, 5, 0, 4, 1};
    assert_memory_equal(index, want, sizeof want);
    vitc_topk(v, 6, 2, index);
    assert_memory_equal(index, want, 2 * sizeof want[0]);
    vitc_topk(v, 6, 0, index);
}
static void test_softmax(void **state) {
    (void)state;
    const float v[] = {1000, 1000, 999};
    float p[3];
    vitc_softmax(v, p, 3);
    assert_true(fabsf(p[0] + p[1] + p[2] - 1) < 1e-6f);
    assert_true(fabsf(p[2] / p[0] - expf(-1)) < 1e-6f);
}
static void test_sigmoid(void **state) {
    (void)state;
    const float v[] = {0, 100, -100};
    float p[3];
    vitc_sigmoid(v, p, 3);
    assert_true(p[0] == 0.5f && p[1] == 1.0f && p[2] < 1e-40f);
}
int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_topk), cmocka_unit_test(test_softmax),
                                       cmocka_unit_test(test_sigmoid)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
