// test_cpu.c: who may use the matrix unit, and who asks the system for it. The decision is tested
// with made-up processors and answers; then this process, in children that filter system calls,
// have a small signal stack, fork, or started threads before: never a signal. Where the unit is and
// the system gives it, tile instructions run there.
#include "runtime/cpu.c"
#include "runtime/vitc_object.h"
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

// ---- the decision ----------------------------------------------------------------------------
static const uint64_t tiles = VITC_CPU_AMX_BF16 | VITC_CPU_AMX_INT8;
static int asked;
static long yes(void) {
    asked++;
    return 0;
}
static long no(void) {
    asked++;
    return -1;
}
static void test_decision(void **state) {
    (void)state;
    const uint64_t avx = VITC_CPU_AVX2 | VITC_CPU_AVX512, all = avx | tiles;
    static const struct {
        int needs_tiles, has_tiles;
        long (*answer)(void);
        int asks;
        vitc_status want;
    } cases[] = {
        {0, 0, yes, 0, VITC_OK},    {0, 1, yes, 0, VITC_OK},
        {0, 1, no, 0, VITC_OK}, // code without tiles never makes it ask
        {1, 0, yes, 0, VITC_E_CPU}, {1, 0, no, 0, VITC_E_CPU}, // nothing to ask for
        {1, 1, yes, 1, VITC_OK},    {1, 1, no, 1, VITC_E_CPU},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        asked = 0;
        vitc_status s = decide(cases[i].needs_tiles ? all : avx, cases[i].has_tiles ? all : avx,
                               cases[i].answer);
        assert_int_equal(s, cases[i].want);
        assert_int_equal(asked, cases[i].asks);
    }
    assert_int_equal(decide(VITC_CPU_AMX_BF16, VITC_CPU_AMX_INT8, yes), VITC_E_CPU);
    assert_int_equal(decide(VITC_CPU_AMX_INT8, tiles, no), VITC_E_CPU);
    assert_int_equal(decide(0, 0, no), VITC_OK);
}

// ---- children --------------------------------------------------------------------------------
static int in_child(int (*work)(void)) { // what it returns; 1000 + a signal
    int status = 0;
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) _exit(work());
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}
enum { SAME = 40, NOT_POSSIBLE = 77 };

#if defined(__x86_64__)
#include <immintrin.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static int filter_arch_prctl(uint32_t action) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_arch_prctl, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, action),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}
// The unit, or what a processor without it has in its place.
__attribute__((target("amx-tile"))) static int use_tiles(void) {
    static const uint8_t config[64] __attribute__((aligned(64))) = {1, [16] = 64, [48] = 16};
    static __thread uint8_t bytes[16 * 64];
    bytes[77] = 5;
    _tile_loadconfig(config);
    __asm__ volatile("" : : : "memory");
    _tile_loadd(0, bytes, 64);
    bytes[77] = 6;
    _tile_stored(0, bytes, 64);
    _tile_release();
    return bytes[77] == 5 ? SAME : 1;
}
static int check_and_use(void) {
    return vitc_cpu_check(VITC_CPU_AMX_BF16) == VITC_OK ? use_tiles() : VITC_E_CPU;
}
static int is_allowed(void) { // here, without any obstacle
    return in_child(check_and_use) == SAME;
}
// What a child must give that meets no obstacle.
static int expected(void) {
    if (is_allowed()) return SAME;
    printf("[SKIP] no matrix unit here: only the refusal is tested\n");
    return VITC_E_CPU;
}

// A model without tiles in a process that dies when it asks for them.
static int plain_under_killing_filter(void) {
    if (filter_arch_prctl(SECCOMP_RET_KILL_PROCESS)) return NOT_POSSIBLE;
    uint64_t have = vitc_cpu_features();
    return vitc_cpu_check(have & ~tiles) == VITC_OK ? SAME : 1;
}
static int tiles_under_filter(void) {
    if (filter_arch_prctl(SECCOMP_RET_ERRNO | EPERM)) return NOT_POSSIBLE;
    for (int i = 0; i < 2; i++)
        if (check_and_use() != VITC_E_CPU) return 1;
    return ask_for_tiles() ? SAME : 2;
}
static int with_small_signal_stack(void) {
    static char memory[8192];
    stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory};
    if (sigaltstack(&stack, NULL)) return NOT_POSSIBLE;
    return check_and_use();
}
static int in_grandchild(void) { // permission is asked for before fork, used behind it
    vitc_status before = vitc_cpu_check(VITC_CPU_AMX_BF16);
    int got = in_child(check_and_use);
    return before == VITC_OK || got == VITC_E_CPU ? got : 1;
}
static pthread_barrier_t barrier;
static void *wait_then_use(void *arg) {
    int *got = arg;
    pthread_barrier_wait(&barrier); // running already
    pthread_barrier_wait(&barrier); // and now there is an answer
    *got = check_and_use();
    return NULL;
}
static int thread_before_permission(void) {
    pthread_t thread;
    int got = 0;
    if (pthread_barrier_init(&barrier, NULL, 2)) return 1;
    if (pthread_create(&thread, NULL, wait_then_use, &got)) return 1;
    pthread_barrier_wait(&barrier);
    vitc_status here = vitc_cpu_check(VITC_CPU_AMX_BF16);
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
    return here == VITC_OK || got == VITC_E_CPU ? got : 1;
}
static void expect_child(int (*work)(void), int want) {
    int got = in_child(work);
    if (got == NOT_POSSIBLE)
        printf("[SKIP] the system does not let this be tried\n");
    else
        assert_int_equal(got, want);
}
static void test_process(void **state) {
    (void)state;
    int want = expected();
    expect_child(plain_under_killing_filter, SAME);
    expect_child(tiles_under_filter, SAME);
    expect_child(with_small_signal_stack, VITC_E_CPU);
    expect_child(in_grandchild, want);
    expect_child(thread_before_permission, want);
}
#else
static void test_process(void **state) {
    (void)state;
    assert_int_equal(vitc_cpu_check(VITC_CPU_AMX_BF16), VITC_E_CPU);
}
#endif

// ---- models ----------------------------------------------------------------------------------
static vitc_status run_plain(const void *const *in, void *const *out, void *arena,
                             const vitc_parallel *par) {
    (void)in, (void)arena, (void)par;
    *(int *)out[0] = SAME;
    return VITC_OK;
}
static vitc_status run_tiles(const void *const *in, void *const *out, void *arena,
                             const vitc_parallel *par) {
    (void)in, (void)arena, (void)par;
    *(int *)out[0] = 1;
    return VITC_OK;
}
static int fat_model(void) { // with the unit refused: the next level; alone: an error
#if defined(__x86_64__)
    if (filter_arch_prctl(SECCOMP_RET_ERRNO | ENOSYS)) return NOT_POSSIBLE;
#endif
    const vitc_model_info best = {.struct_size = sizeof best,
                                  .abi = VITC_ABI,
                                  .arena_align = 64,
                                  .cpu_features = tiles,
                                  .run = run_tiles},
                          plain = {.struct_size = sizeof plain, .abi = VITC_ABI, .run = run_plain};
    const vitc_model_info *const level[] = {&best, &plain};
    const vitc_model_info fat = {
        .struct_size = sizeof fat, .abi = VITC_ABI, .n_levels = 2, .levels = level};
    const vitc_object object = {.abi = VITC_ABI, .info = &best};
    int took = 0;
    void *out[] = {&took};
    if (vitc_model_chosen(&fat) != &plain || vitc_model_chosen(&best)) return 1;
    if (vitc_execute(&object, (const void *const *)out, out, NULL, NULL) != VITC_E_CPU) return 2;
    return vitc_execute_level(&fat, NULL, out, NULL, NULL) ? 3 : took;
}
static void test_model(void **state) {
    (void)state;
    int got = in_child(fat_model);
    if (got != NOT_POSSIBLE) assert_int_equal(got, SAME);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decision),
        cmocka_unit_test(test_process),
        cmocka_unit_test(test_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
