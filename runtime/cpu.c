/* cpu.c: what the processor and the operating system offer. CPUID alone is not enough: the system
 * must save the wide registers on a context switch (XCR0; Intel SDM volume 1, section 13.3). */
#include "vitc.h"
#include <stdatomic.h>

#if defined(__x86_64__)
#include <cpuid.h>

static uint64_t xcr0(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}
static int all(uint32_t reg, uint32_t bits) {
    return (reg & bits) == bits;
}
/* Where vdpbf16ps has twice the rate of FMA: on AMD's processors (measured on Zen 5: 546 against
 * 272 GFLOP/s) and those of Hygon, which are AMD's designs. On Intel's it has half of it (109
 * against 217), so that there FMA on widened numbers is the better choice. */
static int has_fast_bf16(void) {
    uint32_t a, b, c, d;
    if (!__get_cpuid(0, &a, &b, &c, &d)) return 0;
    int amd = b == 0x68747541 && d == 0x69746e65 && c == 0x444d4163;   /* "AuthenticAMD" */
    int hygon = b == 0x6f677948 && d == 0x6e65476e && c == 0x656e6975; /* "HygonGenuine" */
    return amd || hygon;
}
static uint64_t detect(void) {
    uint32_t a, b1, c1, d, b7 = 0, c7 = 0, d7 = 0, a71 = 0, x = 0;
    uint64_t have = 0, os = 0;
    if (!__get_cpuid(1, &a, &b1, &c1, &d)) return 0;
    if (all(c1, 1u << 27)) os = xcr0(); /* OSXSAVE */
    __get_cpuid_count(7, 0, &x, &b7, &c7, &d7);
    if (x >= 1) {
        uint32_t b, c, d1;
        __get_cpuid_count(7, 1, &a71, &b, &c, &d1);
    }
    uint32_t ext_c = 0;
    __get_cpuid(0x80000001, &a, &b1, &ext_c, &d);
    const uint32_t v2 = 1u << 0 | 1u << 9 | 1u << 13 | 1u << 19 | 1u << 20 |
                        1u << 23; /* SSE3 SSSE3 CX16 SSE4.1 SSE4.2 POPCNT */
    if (all(c1, v2)) have |= VITC_CPU_SSE42;
    int ymm = (os & 6) == 6, zmm = (os & 0xe6) == 0xe6, tile = (os >> 17 & 3) == 3;
    const uint32_t v3 = 1u << 3 | 1u << 5 | 1u << 8; /* BMI1 AVX2 BMI2 */
    if (ymm && all(c1, 1u << 28 | 1u << 22) && all(b7, v3) && all(ext_c, 1u << 5))
        have |= VITC_CPU_AVX2;
    if (ymm && all(c1, 1u << 12)) have |= VITC_CPU_FMA;
    if (ymm && all(c1, 1u << 29)) have |= VITC_CPU_F16C;
    const uint32_t v4 = 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31; /* F DQ CD BW VL */
    if (zmm && all(b7, v4)) {
        have |= VITC_CPU_AVX512;
        if (all(c7, 1u << 11)) have |= VITC_CPU_VNNI;
        if (all(a71, 1u << 5)) have |= VITC_CPU_BF16;
        if (have & VITC_CPU_BF16 && has_fast_bf16()) have |= VITC_CPU_BF16_2X;
        if (tile && all(d7, 1u << 24 | 1u << 22)) have |= VITC_CPU_AMX_BF16;
        if (tile && all(d7, 1u << 24 | 1u << 25)) have |= VITC_CPU_AMX_INT8;
    }
    return have;
}
/* Linux gives a process the 8 KiB of tile state only on request: without, the first instruction of
 * the matrix unit is a SIGILL. The answer holds for all threads, those that run already too, and
 * for children. It is no when a signal stack is too small for the state (ENOSPC), under a filter of
 * system calls, and on kernels before 5.16. A raw call: standalone objects have no library. */
#if defined(__linux__) && defined(__LP64__)
static long ask_for_tiles(void) {
    const long arch_prctl = 158, request_permission = 0x1023, tile_data = 18;
    long answer;
    __asm__ volatile("syscall"
                     : "=a"(answer)
                     : "0"(arch_prctl), "D"(request_permission), "S"(tile_data)
                     : "rcx", "r11", "memory");
    return answer;
}
#else
static long ask_for_tiles(void) {
    return -1;
}
#endif
#elif defined(__aarch64__) && !__STDC_HOSTED__
static uint64_t detect(void) { /* nobody to ask: what every processor of this kind has */
    return VITC_CPU_NEON;
}
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>

static uint64_t detect(void) {
    const unsigned long cap = getauxval(AT_HWCAP), cap2 = getauxval(AT_HWCAP2);
    uint64_t have = 0;
    if (cap & HWCAP_ASIMD) have |= VITC_CPU_NEON;
    if (cap & HWCAP_ASIMDDP) have |= VITC_CPU_DOTPROD;
    if (cap2 & HWCAP2_I8MM) have |= VITC_CPU_I8MM;
    if (cap2 & HWCAP2_BF16) have |= VITC_CPU_ARM_BF16;
    return have;
}
#else
static uint64_t detect(void) {
    return 0;
}
#endif
#if !defined(__x86_64__)
static long ask_for_tiles(void) {
    return -1;
}
#endif

/* Every run asks, and under a hypervisor each CPUID is a trap of many microseconds, so the answers
 * are kept: the only variables of the library. Threads that ask at once store the same words. */
uint64_t vitc_cpu_features(void) {
    static _Atomic uint64_t answer;
    const uint64_t known = 1ull << 63; /* tells "nothing" from "not asked yet" */
    uint64_t have = atomic_load_explicit(&answer, memory_order_relaxed);
    if (!have) {
        have = detect() | known;
        atomic_store_explicit(&answer, have, memory_order_relaxed);
    }
    return have & ~known;
}
/* What a machine with the features `have` may do. Only code that needs tiles makes it ask for them:
 * permission changes the host's process, which then must give signal handlers more stack. */
static vitc_status decide(uint64_t needed, uint64_t have, long (*may_use_tiles)(void)) {
    if (needed & ~have) return VITC_E_CPU;
    if (!(needed & (VITC_CPU_AMX_BF16 | VITC_CPU_AMX_INT8))) return VITC_OK;
    return may_use_tiles() ? VITC_E_CPU : VITC_OK;
}
static long may_use_tiles(void) { /* 0: yes */
    static _Atomic int answer;
    enum { NOT_ASKED, YES, NO };
    int known = atomic_load_explicit(&answer, memory_order_relaxed);
    if (known == NOT_ASKED) {
        known = ask_for_tiles() ? NO : YES;
        atomic_store_explicit(&answer, known, memory_order_relaxed);
    }
    return known != YES;
}
vitc_status vitc_cpu_check(uint64_t needed) {
    return decide(needed, vitc_cpu_features(), may_use_tiles);
}
