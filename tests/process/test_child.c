// test_child.c: every way in which work can end comes back as one sentence and the right kind.
#include "driver/child.h"
#include "tests/support/ctx.h"
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static int answers(int out, void *ctx) {
    return write(out, ctx, strlen(ctx)) != (ssize_t)strlen(ctx);
}
static int complains(int out, void *ctx) {
    (void)out;
    fprintf(stderr, "LLVM ERROR: %s\nand more\n", (const char *)ctx);
    return 1;
}
static int exits(int out, void *ctx) {
    (void)out;
    fprintf(stderr, "vitc: error: too much\n");
    _exit(*(int *)ctx);
}
static int dies(int out, void *ctx) {
    (void)out;
    raise(*(int *)ctx);
    return 0;
}
static int allocates(int out, void *ctx) {
    (void)out;
    (void)ctx;
    for (;;) {
        void *p = mmap(NULL, 1 << 24, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) break;
    }
    fprintf(stderr, "terminate called after throwing an instance of 'std::bad_alloc'\n");
    abort();
}
static int never_ends(int out, void *ctx) {
    (void)out;
    (void)ctx;
    volatile bool always = true;
    while (always) continue;
    return 0;
}
static int prints(int out, void *ctx) {
    (void)out;
    (void)ctx;
    printf("this must not reach the real stdout\n");
    fflush(stdout);
    for (int i = 0; i < 100000; i++) fputs("much text ", stderr);
    return 0;
}
static void expect_failure(ChildFn fn, void *ctx, ChildLimits lim, ErrKind kind,
                           const char *message) {
    ChildResult r;
    assert_false(child_run(fn, ctx, &lim, &r));
    assert_string_equal(r.message, message);
    assert_int_equal(r.kind, kind);
    assert_int_equal(r.fd, -1);
}

static void result_comes_back(void **state) {
    (void)state;
    ChildResult r;
    char text[32] = "";
    assert_true(child_run(answers, "forty-two", &(ChildLimits){0}, &r));
    assert_int_equal(r.size, 9);
    assert_int_equal(read(r.fd, text, sizeof text), 9);
    assert_string_equal(text, "forty-two");
    close(r.fd);
}
static void failures_are_told(void **state) {
    (void)state;
    int code_limit = ERR_LIMIT, code_io = ERR_IO, code_other = 42;
    expect_failure(complains, "Cannot select: \033[31mx", (ChildLimits){0}, ERR_INTERNAL,
                   "failed: Cannot select: ?[31mx");
    expect_failure(exits, &code_limit, (ChildLimits){0}, ERR_LIMIT, "failed: too much");
    expect_failure(exits, &code_io, (ChildLimits){0}, ERR_IO, "failed: too much");
    expect_failure(exits, &code_other, (ChildLimits){0}, ERR_INTERNAL, "failed: too much");
}
static void deaths_are_told(void **state) {
    (void)state;
    int abrt = SIGABRT, segv = SIGSEGV, ill = SIGILL, kill9 = SIGKILL;
    expect_failure(dies, &abrt, (ChildLimits){0}, ERR_INTERNAL, "aborted");
    expect_failure(dies, &segv, (ChildLimits){0}, ERR_INTERNAL, "crashed");
    expect_failure(dies, &ill, (ChildLimits){0}, ERR_INTERNAL, "stopped at an illegal instruction");
    expect_failure(dies, &kill9, (ChildLimits){0}, ERR_LIMIT, "was killed (out of memory?)");
}
static void limits_hold(void **state) {
    (void)state;
    expect_failure(allocates, NULL, (ChildLimits){.extra_as = 1 << 28}, ERR_LIMIT,
                   "ran out of memory");
    expect_failure(never_ends, NULL, (ChildLimits){.cpu_seconds = 1}, ERR_LIMIT,
                   "took too much processor time");
}
static void its_output_stays_inside(void **state) {
    (void)state;
    ChildResult r;
    assert_true(child_run(prints, NULL, &(ChildLimits){0}, &r));
    assert_int_equal(r.size, 0);
    close(r.fd);
}
static void no_descriptor_is_left(void **state) {
    (void)state;
    int abrt = SIGABRT, before = dup(0), after;
    ChildResult r;
    close(before);
    for (int i = 0; i < 8; i++) child_run(dies, &abrt, &(ChildLimits){0}, &r);
    after = dup(0);
    close(after);
    assert_int_equal(after, before);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}
int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(result_comes_back),       cmocka_unit_test(failures_are_told),
        cmocka_unit_test(deaths_are_told),         cmocka_unit_test(limits_hold),
        cmocka_unit_test(its_output_stays_inside), cmocka_unit_test(no_descriptor_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
