// numbers.c: random numbers, and the numbers at which arithmetic changes its ways: infinities,
// subnormal numbers, -0, NaN, the ends of every integer type, rounding borders.
#include "tests/diff/numbers.h"
#include <math.h>
#include <string.h>

uint64_t random_next(Random *r) { // splitmix64
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}
uint32_t random_below(Random *r, uint32_t n) {
    return (uint32_t)(random_next(r) >> 32) % n;
}
bool random_one_in(Random *r, uint32_t n) {
    return random_below(r, n) == 0;
}

// clang-format off
static const double special[] = {
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 3.75, 0.1, 1e-8, 1e8, 127.5, -128.5, 255.5,
    32767.5, 65504.0, 65519.99, 65520.0, 2147483647.5, -2147483649.0, 4294967295.5,
    9.223372036854775e18, 1.8446744073709552e19, -9.3e18, 1e30, -1e30, 0x1p-14, 0x1p-24,
    0x1.8p-25, 0x1p-25, 0x1p-126, 0x1p-149, 0x1p-1074, 8388607.5, 8388609.0, 4503599627370495.5,
    0x1.fffffep127, 0x1.fffffffffffffp1023, (double)INFINITY, -(double)INFINITY, (double)NAN,
    0x1.01p0, 0x1.00ffp0, 0x1.03p0, 0x1.ffcp4, 0x1.ffep4, -126.0, -125.5
};
// clang-format on
static double some_real(Random *r) {
    if (random_one_in(r, 3)) return special[random_below(r, COUNT_OF(special))];
    double unit = (double)(int64_t)random_next(r) * 0x1p-63;
    return ldexp(unit, (int)random_below(r, random_one_in(r, 8) ? 140 : 12) - 4);
}
// clang-format off
static const int64_t special_integer[] = {
    0, 1, -1, 2, -2, 3, 7, 10, 100, 127, 128, -128, -129, 255, 256, 32767, 32768, -32768, 65535,
    65536, 2147483647, 2147483648, -2147483648, 4294967295, 4294967296, INT64_MAX, INT64_MIN,
    INT64_MAX - 512, 16777217, 9007199254740993, -9007199254740993, 36028799166447617, 1ll <<
    40, (1ll << 40) + (1 << 16) + 1
};
// clang-format on
uint32_t special_count(DType dt) {
    return dtype_info[dt].cls == CLASS_FLOAT ? COUNT_OF(special) : COUNT_OF(special_integer);
}
void special_element(DType dt, uint32_t which, void *p, uint64_t i) {
    which %= special_count(dt);
    if (dtype_info[dt].cls == CLASS_FLOAT)
        dtype_write_f(dt, p, i, special[which]);
    else
        dtype_write_i(dt, p, i, dt == DT_BOOL ? which % 2 : special_integer[which]);
}
static int64_t some_integer(Random *r) {
    if (random_one_in(r, 3)) return special_integer[random_below(r, COUNT_OF(special_integer))];
    return (int64_t)random_next(r) >> random_below(r, 64);
}
void random_element(Random *r, DType dt, void *p, uint64_t i) {
    if (dtype_info[dt].cls == CLASS_FLOAT)
        dtype_write_f(dt, p, i, some_real(r));
    else
        dtype_write_i(dt, p, i, dt == DT_BOOL ? random_one_in(r, 2) : some_integer(r));
}
void random_bytes(Random *r, void *p, size_t n, bool bools) {
    char *at = p;
    for (size_t i = 0; i < n; i += 8) {
        DType dt = bools ? DT_BOOL : (DType)(1 + random_below(r, DT_BOOL - 1));
        uint64_t bits = random_next(r);
        bool raw = !bools && random_one_in(r, 4);
        if (raw) memcpy(at + i, &bits, 8);
        for (uint32_t l = 0; l < 8 / dtype_info[dt].nbytes && !raw; l++)
            random_element(r, dt, at + i, l);
    }
}
