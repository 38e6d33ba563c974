// test_threads.c: the thread count obeys the quota of every control group around the process, in
// both versions of the kernel's interface. A directory of our own plays /sys/fs/cgroup.
#include "runtime/threads.h"
#include "runtime/vitc.h"
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char root[] = "/tmp/vitc-cgroup-XXXXXX";
static const char *at(const char *name) {
    static char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}
static void put(const char *name, const char *text) {
    FILE *f = fopen(at(name), "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}
static int limit(const char *list) {
    put("list", list);
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s", at("list"));
    return vitc_cgroup_cpus(path, root);
}
static int setup(void **state) {
    (void)state;
    if (!mkdtemp(root)) return -1;
    static const char *const folders[] = {"outer", "outer/inner", "cpu", "cpu/pod"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        if (mkdir(at(folders[i]), 0700)) return -1;
    return 0;
}
static int teardown(void **state) {
    (void)state;
    static const char *const all[] = {"outer/inner/cpu.max",
                                      "outer/cpu.max",
                                      "cpu.max",
                                      "cpu/pod/cpu.cfs_quota_us",
                                      "cpu/pod/cpu.cfs_period_us",
                                      "list",
                                      "outer/inner",
                                      "outer",
                                      "cpu/pod",
                                      "cpu",
                                      ""};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) remove(at(all[i]));
    return 0;
}
static void test_unified(void **state) {
    (void)state;
    assert_int_equal(limit("0::/outer/inner\n"), 0);
    put("outer/inner/cpu.max", "max 100000\n");
    assert_int_equal(limit("0::/outer/inner\n"), 0);
    put("outer/cpu.max", "250000 100000\n"); // the parent's quota binds too, rounded up
    assert_int_equal(limit("0::/outer/inner\n"), 3);
    put("outer/inner/cpu.max", "50000 100000\n");
    assert_int_equal(limit("0::/outer/inner\n"), 1);
    put("cpu.max", "200000 100000\n"); // a container may see only its own root
    assert_int_equal(limit("0::/not/visible/here\n"), 2);
    assert_int_equal(limit("0::/\n"), 2);
    remove(at("cpu.max"));
}
static void test_version_one(void **state) {
    (void)state;
    put("cpu/pod/cpu.cfs_quota_us", "-1\n");
    put("cpu/pod/cpu.cfs_period_us", "100000\n");
    assert_int_equal(limit("5:memory:/pod\n4:cpu,cpuacct:/pod\n"), 0);
    put("cpu/pod/cpu.cfs_quota_us", "400000\n");
    assert_int_equal(limit("5:memory:/pod\n4:cpu,cpuacct:/pod\n"), 4);
    assert_int_equal(limit("5:cpuset:/pod\n"), 0); // cpuset is not cpu
}
static void test_damaged(void **state) {
    (void)state;
    static const char *const texts[] = {"",      "\n",  ":",         "::",        "0",
                                        "0:cpu", "0::", "a:b:c:d\n", "4:,cpu,:\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(limit(texts[i]), 0);
    put("outer/inner/cpu.max", "nonsense\n");
    put("outer/cpu.max", "99999999999999999999 1\n");
    assert_true(limit("0::/outer/inner\n") >= 0);
    assert_int_equal(vitc_cgroup_cpus("/nowhere", root), 0);
}
static void test_affinity(void **state) {
    (void)state;
    cpu_set_t all, one;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    size_t first = 0;
    while (!CPU_ISSET(first, &all)) first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(vitc_threads_available(), 1);
    vitc_pool *p = vitc_pool_create(0);
    assert_int_equal(vitc_pool_parallel(p)->threads, 1);
    vitc_pool_destroy(p);
    sched_setaffinity(0, sizeof all, &all);
}
int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unified), cmocka_unit_test(test_version_one),
        cmocka_unit_test(test_damaged), cmocka_unit_test(test_affinity)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
