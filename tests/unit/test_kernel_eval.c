// test_kernel_eval.c: every row of kernel_ops.def against values worked out by hand. A row of the
// table below is a few lines of .vk between loads of %a, %b, %c (four lanes each, side by side at
// %x) and the store of %r. The last test fails for an op that has no row.
#include "ir/kernel.h"
#include "tests/support/ctx.h"
#include <math.h>
#include <stdlib.h>

#define INF INFINITY
#define DOT                                                                                        \
    "%p = bitcast %a to i32\n%q = bitcast %b to i32\n%s = bitcast %c to f32\n%r = dpbf16 %p, %q, %s"
#define MMLA                                                                                       \
    "%p = bitcast %a to i64\n%q = bitcast %b to i64\n%s = bitcast %c to f32\n%r = bfmmla %p, %q, %s"
typedef struct Case {
    KOp op;
    const char *in, *out;      // element types of a, b, c and of r
    const char *body;
    double a[4], b[4], c[4], want[4];
} Case;

// clang-format off
static const Case cases[] = {
    // ---- sources
    {K_PARAM, "f32", "f32", "%r = load f32x4 %x", {1, 2, 3, 4}, {0}, {0}, {1, 2, 3, 4}},
    {K_SCRATCH, "f32", "f32", "store scratch + 64, %b\n%r = load f32x4 scratch + 64", {0},
     {5, 6, 7, 8}, {0}, {5, 6, 7, 8}},
    {K_LO, "i32", "i32", "%i = fromindex i32 lo\n%r = bcast i32x4 %i", {0}, {0}, {0}, {3, 3, 3, 3}},
    {K_HI, "i32", "i32", "%i = fromindex i32 hi\n%r = bcast i32x4 %i", {0}, {0}, {0}, {8, 8, 8, 8}},
    {K_INDEX, "i64", "i64", "%i = fromindex i64 -7\n%r = bcast i64x4 %i", {0}, {0}, {0},
     {-7, -7, -7, -7}},
    {K_CONST, "f32", "f32", "%r = const f32x4 0.1", {0}, {0}, {0}, {0.1, 0.1, 0.1, 0.1}},
    {K_CONST, "f16", "f16", "%r = const f16x4 -2.5", {0}, {0}, {0}, {-2.5, -2.5, -2.5, -2.5}},
    {K_CONST, "bf16", "bf16", "%r = const bf16x4 1.0078125", {0}, {0}, {0},
     {1.0078125, 1.0078125, 1.0078125, 1.0078125}},
    {K_CONST, "u8", "u8", "%r = const u8x4 200", {0}, {0}, {0}, {200, 200, 200, 200}},
    {K_CONST, "bool", "bool", "%r = const boolx4 1", {0}, {0}, {0}, {1, 1, 1, 1}},
    {K_IOTA, "i16", "i16", "%r = iota i16x4", {0}, {0}, {0}, {0, 1, 2, 3}},
    // ---- index arithmetic
    {K_IADD, "i32", "i32", "%i = iadd 5, -7\n%v = fromindex i32 %i\n%r = bcast i32x4 %v", {0}, {0},
     {0}, {-2, -2, -2, -2}},
    {K_ISUB, "i32", "i32", "%i = isub 5, -7\n%v = fromindex i32 %i\n%r = bcast i32x4 %v", {0}, {0},
     {0}, {12, 12, 12, 12}},
    {K_IMUL, "i32", "i32", "%i = imul 5, -7\n%v = fromindex i32 %i\n%r = bcast i32x4 %v", {0}, {0},
     {0}, {-35, -35, -35, -35}},
    {K_IDIV, "i32", "i32", "%i = idiv 23, 7\n%v = fromindex i32 %i\n%r = bcast i32x4 %v", {0}, {0},
     {0}, {3, 3, 3, 3}},
    {K_IMOD, "i32", "i32", "%i = imod 23, 7\n%v = fromindex i32 %i\n%r = bcast i32x4 %v", {0}, {0},
     {0}, {2, 2, 2, 2}},
    {K_IMIN, "i32", "i32", "%i = imin 5, -7\n%v = fromindex i32 %i\n%r = bcast i32x4 %v", {0}, {0},
     {0}, {-7, -7, -7, -7}},
    {K_IMAX, "i32", "i32", "%i = imax 5, -7\n%v = fromindex i32 %i\n%r = bcast i32x4 %v", {0}, {0},
     {0}, {5, 5, 5, 5}},
    {K_TOINDEX, "i16", "i16",
     "%v = load i16 %x + 2\n%i = toindex %v\n%j = imul %i, 2\n%p = padd %x, %j\n%r = loadb i16x4 "
     "%p", {10, 3, 12, 13}, {0}, {0}, {13, 13, 13, 13}},
    {K_FROMINDEX, "i32", "i32", "%v = fromindex i32 4294967297\n%r = bcast i32x4 %v", {0}, {0},
     {0}, {1, 1, 1, 1}},
    {K_PADD, "f32", "f32", "%p = padd %x, 8 + 4\n%r = load f32x4 %p", {1, 2, 3, 4}, {5, 6, 7, 8},
     {0}, {4, 5, 6, 7}},
    // ---- control: 1 + 4 + 7; a loop without a turn; loops in loops
    {K_LOOP, "i32", "i32",
     "%s = reg i32x4\nset %s, %a\nloop %i = 1 to 8 step 3 {\n%v = fromindex i32 %i\n"
     "%w = bcast i32x4 %v\n%o = get %s\n%n = add %o, %w\nset %s, %n\n}\n%r = get %s", {0, 1, 2, 3},
     {0}, {0}, {12, 13, 14, 15}},
    {K_LOOP, "i32", "i32",
     "%s = reg i32x4\nset %s, %a\nloop %i = 5 to 5 step 1 {\nset %s, %b\n}\n%r = get %s",
     {1, 2, 3, 4}, {0}, {0}, {1, 2, 3, 4}},
    {K_END, "i32", "i32",
     "%s = reg i32x4\nset %s, %a\n%one = const i32x4 1\nloop %i = 0 to 3 step 1 {\n"
     "loop %j = %i to 3 step 1 {\n%o = get %s\n%n = add %o, %one\nset %s, %n\n}\n}\n%r = get %s",
     {0, 10, 20, 30}, {0}, {0}, {6, 16, 26, 36}},
    // ---- memory: lanes beyond become zero
    {K_LOAD, "f32", "f32", "%r = load f32x4 %x + 4 lanes 3", {1, 2, 3, 4}, {5}, {0}, {2, 3, 4, 0}},
    {K_LOADB, "u8", "u8", "%r = loadb u8x4 %x + 2", {1, 2, 250, 4}, {0}, {0}, {250, 250, 250, 250}},
    {K_LOADS, "f32", "f32", "%r = loads f32x4 %x + 4 stride 12 lanes 3", {0, 1, 2, 3},
     {4, 5, 6, 7}, {8, 9, 10, 11}, {1, 4, 7, 0}},
    {K_LOADS, "f32", "f32", "%r = loads f32x4 %x + 44 stride -4", {0, 1, 2, 3}, {4, 5, 6, 7},
     {8, 9, 10, 11}, {11, 10, 9, 8}},
    {K_STORE, "f32", "f32", "store %y, %a\nstore %y, %b lanes 2\n%r = load f32x4 %y", {1, 2, 3, 4},
     {5, 6, 7, 8}, {0}, {5, 6, 3, 4}},
    {K_STORES, "f32", "f32",
     "store %y, %a\nstores %y + 4 stride 8, %b lanes 2\n%r = load f32x4 %y", {1, 2, 3, 4},
     {5, 6, 7, 8}, {0}, {1, 5, 3, 6}},
    {K_PREFETCH, "f32", "f32", "prefetch %x - 4096 to L2\n%r = load f32x4 %x", {1, 2, 3, 4}, {0},
     {0}, {1, 2, 3, 4}},
    // ---- slots
    {K_REG, "f64", "f64", "%s = reg f64x4\n%t = reg f64x4\nset %s, %a\nset %t, %b\n%r = get %s",
     {1, 2, 3, 4}, {5, 6, 7, 8}, {0}, {1, 2, 3, 4}},
    {K_GET, "f32", "f32", "%s = reg f32x4\nset %s, %a\n%o = get %s\nset %s, %b\n%r = add %o, %a",
     {1, 2, 3, 4}, {5, 6, 7, 8}, {0}, {2, 4, 6, 8}},
    {K_SET, "f32", "f32", "%s = reg f32x4\nset %s, %a\nset %s, %b\n%r = get %s", {1, 2, 3, 4},
     {5, 6, 7, 8}, {0}, {5, 6, 7, 8}},
    // ---- arithmetic
    {K_ADD, "f32", "f32", "%r = add %a, %b", {1, INF, 0x1p-140, 16777216}, {2, -INF, 0x1p-140, 1},
     {0}, {3, NAN, 0x1p-139, 16777216}},
    {K_ADD, "u8", "u8", "%r = add %a, %b", {200, 255, 1, 0}, {100, 1, 2, 0}, {0}, {44, 0, 3, 0}},
    {K_ADD, "i32", "i32", "%r = add %a, %b", {2147483647, -1, 5, 0}, {1, 1, -7, 0}, {0},
     {-2147483648.0, 0, -2, 0}},
    {K_SUB, "f64", "f64", "%r = sub %a, %b", {1, 0, -0.0, 3}, {2, 0, 0, 0.5}, {0},
     {-1, 0, -0.0, 2.5}},
    {K_SUB, "u16", "u16", "%r = sub %a, %b", {1, 0, 5, 9}, {2, 0, 3, 9}, {0}, {65535, 0, 2, 0}},
    {K_MUL, "f32", "f32", "%r = mul %a, %b", {3, -2, 1e30, INF}, {4, 0, 1e30, 0}, {0},
     {12, -0.0, INF, NAN}},
    {K_MUL, "u16", "u16", "%r = mul %a, %b", {65535, 256, 3, 0}, {65535, 256, 4, 9}, {0},
     {1, 0, 12, 0}},
    {K_DIV, "f32", "f32", "%r = div %a, %b", {1, 1, -1, 0}, {3, 0, 0, 0}, {0},
     {1.0f / 3.0f, INF, -INF, NAN}},
    {K_DIV, "i32", "i32", "%r = div %a, %b", {-7, 7, -2147483648.0, 5}, {2, -2, -1, 0}, {0},
     {-3, -3, -2147483648.0, 0}},
    {K_DIV, "u8", "u8", "%r = div %a, %b", {200, 255, 7, 5}, {3, 255, 0, 6}, {0}, {66, 1, 0, 0}},
    {K_REM, "i8", "i8", "%r = rem %a, %b", {-7, 7, -128, 5}, {2, -2, -1, 0}, {0}, {-1, 1, 0, 0}},
    {K_REM, "u32", "u32", "%r = rem %a, %b", {4294967295.0, 7, 8, 5}, {10, 4294967295.0, 4, 0},
     {0}, {5, 7, 0, 0}},
    {K_MIN, "f32", "f32", "%r = min %a, %b", {1, NAN, 3, -0.0}, {2, 1, NAN, 0}, {0},
     {1, 1, NAN, 0}},
    {K_MIN, "u64", "u64", "%r = min %a, %b", {1, 0x1p63, 3, 9}, {2, 1, 0x1p63, 9}, {0},
     {1, 1, 3, 9}},
    {K_MAX, "f32", "f32", "%r = max %a, %b", {1, NAN, 3, 0}, {2, 1, NAN, -0.0}, {0},
     {2, 1, NAN, -0.0}},
    {K_MAX, "i8", "i8", "%r = max %a, %b", {-128, 5, -1, 0}, {127, -5, 1, 0}, {0}, {127, 5, 1, 0}},
    // one rounding: (1 + 2^-23)^2 - 1 keeps 2^-46
    {K_FMA, "f32", "f32", "%r = fma %a, %b, %c", {1 + 0x1p-23, 2, INF, 1e-30f},
     {1 + 0x1p-23, 3, 0, 1e-10f}, {-1, 4, 1, 0},
     {0x1p-22 + 0x1p-46, 10, NAN, (double)1e-30f * (double)1e-10f}},
    {K_FMA, "f64", "f64", "%r = fma %a, %b, %c", {1 + 0x1p-52, 2, 3, 4}, {1 + 0x1p-52, 3, 3, 4},
     {-1, 4, 1, 0}, {0x1p-51 + 0x1p-104, 10, 10, 16}},
    // pairs of bf16: an element is odd << 16 | even, and c holds the bits of an f32. A plain sum; the
    // odd product is added first, and each addition rounds
    {K_DPBF16, "u32", "f32", DOT, {0x3f804000, 0x4b803f80, 0x4b804b80, 0x3f810000},
     {0x40404080, 0xbf803f80, 0x3f80bf80, 0x3f810000},
     {0x3f000000, 0x4b800000, 0x3f800000, 0xbf800000}, {11.5, 1, 0, 0x1p-6 + 0x1p-14}},
    // subnormal numbers are zeros: c, of either sign; a; the sum after the odd product
    {K_DPBF16, "u32", "f32", DOT, {0, 0x80008000, 0x007f807f, 0x20002000},
     {0, 0, 0x7f007f00, 0x1f801f80}, {0x007fffff, 0x80000001, 0x80000000, 0}, {0, -0.0, 0, 0}},
    // 2^-126 - 2^-150 has 24 bits and is below the smallest normal number; 2^-126 - 2^-151 is
    // rounded to that number
    {K_DPBF16, "u32", "f32", DOT, {0x1a000000, 0x19800000, 0x00001a00, 0x00001980},
     {0x9a000000, 0x9a000000, 0x00001a00, 0x00001a00},
     {0x00800000, 0x00800000, 0x80800000, 0x80800000}, {0, 0x1p-126, -0.0, -0x1p-126}},
    {K_DPBF16, "u32", "f32", DOT, {0x7f80007f, 0x7f803f80, 0x7f7f7f7f, 0x3f807fc0},
     {0x3f807f80, 0x3f80ff80, 0x7f7f0000, 0x3f803f80}, {0, 0, 0xff800000, 0}, {NAN, NAN, -INF, NAN}},
    // blocks of 2 x 2: two elements of a are a row, two of b a column
    {K_BFMMLA, "u32", "f32", MMLA, {0x40003f80, 0x40804040, 0x00003f80, 0},
     {0x3f803f80, 0x3f803f80, 0, 0x40000000}, {0x3f000000, 0x3f800000, 0, 0}, {10.5, 9, 1, 0}},
    // sums are rounded to odd: 2^24 + 1 is 2^24 + 2, so is 2^24 + 3; first that of a pair
    {K_BFMMLA, "u32", "f32", MMLA, {0x00003f80, 0, 0x4b803f80, 0}, {0x00003f80, 0, 0x3f803f80, 0},
     {0x4b800000, 0x4b800001, 0xcb800000, 0xcb800000},
     {0x1p24 + 2, 0x1p24 + 2, -0x1p24 + 1, 2}},
    // subnormal numbers are zeros: of a, of c, products
    {K_BFMMLA, "u32", "f32", MMLA, {0x007f007f, 0, 0x00001a00, 0}, {0x7f007f00, 0, 0x00001980, 0},
     {0x007fffff, 0x80000001, 0, 0x00800000}, {0, 0, 0x1p52, 0x1p-126}},
    {K_BFMMLA, "u32", "f32", MMLA, {0x00007f80, 0, 0x7f7f7f7f, 0}, {0x00003f80, 0, 0, 0},
     {0, 0, 0x7f7fffff, 0xff800000}, {INF, NAN, INF, -INF}},
    {K_NEG, "f32", "f32", "%r = neg %a", {1, 0, -0.0, -INF}, {0}, {0}, {-1, -0.0, 0, INF}},
    {K_NEG, "i8", "i8", "%r = neg %a", {-128, 1, 0, -5}, {0}, {0}, {-128, -1, 0, 5}},
    {K_ABS, "f32", "f32", "%r = abs %a", {-1, -0.0, -INF, 2}, {0}, {0}, {1, 0, INF, 2}},
    {K_ABS, "i32", "i32", "%r = abs %a", {-2147483648.0, -1, 0, 7}, {0}, {0},
     {-2147483648.0, 1, 0, 7}},
    {K_ABS, "u8", "u8", "%r = abs %a", {200, 1, 0, 255}, {0}, {0}, {200, 1, 0, 255}},
    {K_SQRT, "f32", "f32", "%r = sqrt %a", {2, -1, -0.0, INF}, {0}, {0},
     {1.41421356f, NAN, -0.0, INF}},
    {K_FLOOR, "f32", "f32", "%r = floor %a", {1.5, -1.5, -0.0, 1e30}, {0}, {0},
     {1, -2, -0.0, 1e30f}},
    {K_CEIL, "f32", "f32", "%r = ceil %a", {1.5, -1.5, -0.5, 1e30}, {0}, {0}, {2, -1, -0.0, 1e30f}},
    {K_RINT, "f32", "f32", "%r = rint %a", {1.5, 2.5, -0.5, 8388609}, {0}, {0},
     {2, 2, -0.0, 8388609}},
    {K_AND, "i32", "i32", "%r = and %a, %b", {12, -1, 0, 5}, {10, 7, 9, 5}, {0}, {8, 7, 0, 5}},
    {K_AND, "bool", "bool", "%r = and %a, %b", {1, 1, 0, 0}, {1, 0, 1, 0}, {0}, {1, 0, 0, 0}},
    {K_OR, "u8", "u8", "%r = or %a, %b", {12, 128, 0, 5}, {10, 7, 9, 5}, {0}, {14, 135, 9, 5}},
    {K_XOR, "i64", "i64", "%r = xor %a, %b", {12, -1, 0, 5}, {10, 7, 9, 5}, {0}, {6, -8, 9, 0}},
    {K_SHL, "i32", "i32", "%r = shl %a by 23", {1, 256, -1, 3}, {0}, {0},
     {8388608, -2147483648.0, -8388608, 25165824}},
    {K_SHL, "u8", "u8", "%r = shl %a by 7", {1, 2, 255, 3}, {0}, {0}, {128, 0, 128, 128}},
    {K_SHR, "i32", "i32", "%r = shr %a by 2", {-1, -8, 9, 0}, {0}, {0}, {-1, -2, 2, 0}},
    {K_SHR, "u8", "u8", "%r = shr %a by 2", {255, 8, 9, 0}, {0}, {0}, {63, 2, 2, 0}},
    {K_CMP, "f32", "f32", "%m = cmp eq %a, %b\n%r = select %m, %a, %c", {1, NAN, 0, 5},
     {1, NAN, -0.0, 6}, {9, 9, 9, 9}, {1, 9, 0, 9}},
    {K_CMP, "f32", "f32", "%m = cmp ne %a, %b\n%r = select %m, %a, %c", {1, 7, 0, NAN},
     {1, NAN, -0.0, NAN}, {9, 9, 9, 9}, {9, 7, 9, NAN}},
    {K_CMP, "f32", "f32", "%m = cmp lt %a, %b\n%r = select %m, %a, %c", {1, NAN, 2, -INF},
     {2, 1, 2, INF}, {9, 9, 9, 9}, {1, 9, 9, -INF}},
    {K_CMP, "i8", "i8", "%m = cmp le %a, %b\n%r = select %m, %a, %c", {1, -1, 2, 3}, {2, 1, 2, -3},
     {9, 9, 9, 9}, {1, -1, 2, 9}},
    {K_CMP, "u8", "u8", "%m = cmp gt %a, %b\n%r = select %m, %a, %c", {200, 1, 2, 3},
     {100, 1, 255, 2}, {9, 9, 9, 9}, {200, 9, 9, 3}},
    {K_CMP, "u64", "u64", "%m = cmp ge %a, %b\n%r = select %m, %a, %c", {0x1p63, 1, 2, 3},
     {1, 0x1p63, 2, 4}, {9, 9, 9, 9}, {0x1p63, 9, 2, 9}},
    {K_CMP, "f64", "f64", "%m = cmp unord %a, %b\n%r = select %m, %c, %a", {1, NAN, 2, 3},
     {1, 1, NAN, 4}, {9, 9, 9, 9}, {1, 9, 9, 3}},
    {K_MAND, "i32", "i32",
     "%m = cmp lt %a, %b\n%n = cmp lt %b, %c\n%o = mand %m, %n\n%r = select %o, %a, %c",
     {1, 1, 3, 3}, {2, 2, 2, 2}, {9, 0, 9, 0}, {1, 0, 9, 0}},
    {K_MOR, "i32", "i32",
     "%m = cmp lt %a, %b\n%n = cmp lt %b, %c\n%o = mor %m, %n\n%r = select %o, %a, %c",
     {1, 1, 3, 3}, {2, 2, 2, 2}, {9, 0, 9, 0}, {1, 1, 3, 0}},
    {K_MNOT, "i32", "i32", "%m = cmp lt %a, %b\n%n = mnot %m\n%r = select %n, %a, %c",
     {1, 1, 3, 3}, {2, 2, 2, 2}, {9, 9, 9, 9}, {9, 9, 3, 3}},
    {K_SELECT, "u8", "u8", "%m = cmp lt %a, %b\n%r = select %m, %a, %b", {1, 7, 3, 255},
     {2, 6, 3, 0}, {0}, {1, 6, 3, 0}},
    // ---- conversions
    {K_CVT, "f32", "i32", "%r = cvt %a to i32", {1.9, -1.9, 3e9, NAN}, {0}, {0},
     {1, -1, 2147483647, 0}},
    {K_CVT, "f32", "u8", "%r = cvt %a to u8", {1.9, -1.9, 255.9, 300}, {0}, {0}, {1, 0, 255, 255}},
    {K_CVT, "f64", "i8", "%r = cvt %a to i8", {-128.9, -200, 127.9, INF}, {0}, {0},
     {-128, -128, 127, 127}},
    {K_CVT, "f32", "u64", "%r = cvt %a to u64", {0x1p63, -1, 1.5, NAN}, {0}, {0},
     {0x1p63, 0, 1, 0}},
    {K_CVT, "i64", "f32", "%r = cvt %a to f32", {16777217, -1, 0x1p53, 0}, {0}, {0},
     {16777216, -1, 0x1p53, 0}},
    {K_CVT, "i32", "u8", "%r = cvt %a to u8", {-1, 256, 300, 5}, {0}, {0}, {255, 0, 44, 5}},
    {K_CVT, "u8", "i32", "%r = cvt %a to i32", {255, 128, 0, 5}, {0}, {0}, {255, 128, 0, 5}},
    {K_CVT, "f32", "bool", "%r = cvt %a to bool", {0, -0.0, 0.1, NAN}, {0}, {0}, {0, 0, 1, 1}},
    {K_CVT, "i32", "bool", "%r = cvt %a to bool", {0, 256, -1, 1}, {0}, {0}, {0, 1, 1, 1}},
    {K_CVT, "bool", "f32", "%r = cvt %a to f32", {0, 1, 1, 0}, {0}, {0}, {0, 1, 1, 0}},
    {K_CVT, "f32", "bf16", "%r = cvt %a to bf16", {1 + 0x1p-8, 1 + 3 * 0x1p-8, 3.4e38, NAN}, {0},
     {0}, {1, 1 + 0x1p-6, INF, NAN}},
    {K_CVT, "bf16", "f32", "%r = cvt %a to f32", {1.5, -2, 0x1p-133, INF}, {0}, {0},
     {1.5, -2, 0x1p-133, INF}},
    {K_CVT, "f32", "f16", "%r = cvt %a to f16", {1 + 0x1p-11, 65520, 0x1p-25, 0x1p-24}, {0}, {0},
     {1, INF, 0, 0x1p-24}},
    {K_CVT, "f32", "f64", "%r = cvt %a to f64", {0.1f, 1e-45, -INF, NAN}, {0}, {0},
     {(double)0.1f, 0x1p-149, -INF, NAN}},
    {K_CVT, "f64", "f32", "%r = cvt %a to f32", {0.1, 1e300, 1e-300, 0}, {0}, {0},
     {0.1f, INF, 0, 0}},
    {K_BITCAST, "f32", "i32", "%r = bitcast %a to i32", {1, -0.0, 2, INF}, {0}, {0},
     {1065353216, -2147483648.0, 1073741824, 2139095040}},
    {K_BITCAST, "u32", "i16", "%p = bitcast %a to i64\n%r = bitcast %p to i16",
     {0x00020001, 0x00040003, 7, 8}, {0}, {0}, {1, 2, 3, 4}},
    {K_BITCAST, "u16", "bf16", "%r = bitcast %a to bf16", {16256, 32768, 16384, 32640}, {0}, {0},
     {1, -0.0, 2, INF}},
    {K_BCAST, "f32", "f32", "%v = load f32 %x + 8\n%r = bcast f32x4 %v", {1, 2, 3, 4}, {0}, {0},
     {3, 3, 3, 3}},
    {K_ZIPLO, "f32", "f32", "%r = ziplo %a, %b", {1, 2, 3, 4}, {5, 6, 7, 8}, {0}, {1, 5, 2, 6}},
    {K_ZIPHI, "f32", "f32", "%r = ziphi %a, %b", {1, 2, 3, 4}, {5, 6, 7, 8}, {0}, {3, 7, 4, 8}},
    {K_ZIPHI, "u8", "u8", "%r = ziphi %a, %b", {1, 2, 3, 4}, {5, 6, 7, 8}, {0}, {3, 7, 4, 8}},
    {K_CVTDZ, "f32", "bf16", "%r = cvtdz %a",
     {1 + 0x1p-8, -1 - 3 * 0x1p-8, 0x1.fffffcp-127, -0x1p-140}, {0}, {0},
     {1, -1 - 0x1p-6, 0, -0.0}},
    {K_CVTDZ, "f32", "bf16", "%r = cvtdz %a", {0x1p-126, 3.4e38, NAN, -INF}, {0}, {0},
     {0x1p-126, INF, NAN, -INF}},
    // ---- across lanes: (a0 + a2) + (a1 + a3), not from left to right
    {K_RSUM, "f32", "f32", "%v = rsum %a\n%r = bcast f32x4 %v", {1, 1e8, 0, -1e8}, {0}, {0},
     {1, 1, 1, 1}},
    {K_RSUM, "f32", "f32", "%v = rsum %a\n%r = bcast f32x4 %v", {1e8, 1, -1e8, 1}, {0}, {0},
     {2, 2, 2, 2}},
    {K_RMAX, "i32", "i32", "%v = rmax %a\n%r = bcast i32x4 %v", {-5, -9, -2, -7}, {0}, {0},
     {-2, -2, -2, -2}},
    {K_RMIN, "f32", "f32", "%v = rmin %a\n%r = bcast f32x4 %v", {-5, -9, -2, -7}, {0}, {0},
     {-9, -9, -9, -9}},
    // ---- tiles: shapes that are not full; those with one register share it; denormals are zeros
    {K_TILE, "f32", "f32", "%t = tile 1 x 16\ntload %t, %x stride 0\ntstore %y stride 0, %t\n"
     "%r = load f32x4 %y", {1, 2, 3, 4}, {0}, {0}, {1, 2, 3, 4}},
    {K_TILE, "f32", "f32", "tconfig\n%t = tile 1 x 16 in 7\n%u = tile 1 x 16 in 7\ntzero %t\n"
     "tload %u, %x stride 0\ntstore %y stride 0, %t\ntrelease\n%r = load f32x4 %y", {1, 2, 3, 4},
     {0}, {0}, {1, 2, 3, 4}},
    {K_TZERO, "f32", "f32", "%t = tile 2 x 8\ntload %t, %x stride 8\ntzero %t\n"
     "tstore %y stride 8, %t\n%r = load f32x4 %y", {1, 2, 3, 4}, {0}, {0}, {0, 0, 0, 0}},
    {K_TLOAD, "f32", "f32", "%t = tile 2 x 8\ntload %t, %x + 4 stride 16\n"
     "tstore %y stride 8, %t\n%r = load f32x4 %y", {0, 1, 2, 3}, {4, 5, 6, 7}, {0}, {1, 2, 5, 6}},
    {K_TSTREAM, "f32", "f32", "%t = tile 2 x 8\ntstream %t, %x + 4 stride 16\n"
     "tstore %y stride 8, %t\n%r = load f32x4 %y", {0, 1, 2, 3}, {4, 5, 6, 7}, {0}, {1, 2, 5, 6}},
    {K_TSTORE, "f32", "f32", "store %y, %b\n%t = tile 2 x 4\ntload %t, %x stride 4\n"
     "tstore %y + 4 stride 8, %t\n%r = load f32x4 %y", {1, 2}, {5, 6, 7, 8}, {0}, {5, 1, 7, 2}},
    {K_TDPBF16, "bf16", "f32", "%s = tile 1 x 4\n%a1 = tile 1 x 8\n%b1 = tile 2 x 4\ntzero %s\n"
     "tload %a1, %x stride 0\ntload %b1, %x + 8 stride 4\ntdpbf16 %s, %a1, %b1\n"
     "tdpbf16 %s, %a1, %b1\ntstore %y stride 0, %s\n%r = loadb f32x4 %y", {1, 2, 3, 4},
     {5, 6, 7, -8}, {0}, {12, 12, 12, 12}},
    {K_TDPBF16, "bf16", "f32", "%s = tile 1 x 4\n%a1 = tile 1 x 8\n%b1 = tile 2 x 4\ntzero %s\n"
     "tload %a1, %x stride 0\ntload %b1, %x + 8 stride 4\ntdpbf16 %s, %a1, %b1\n"
     "tstore %y stride 0, %s\n%r = loadb f32x4 %y", {0x1p-130, 0x1p-70, -1, 3},
     {0x1p120, 0x1p-70, 0x1p-20, 0x1p-20}, {0}, {0x1p-19, 0x1p-19, 0x1p-19, 0x1p-19}},
    {K_TDPBSSD, "i8", "i32", "%s = tile 1 x 4\n%a1 = tile 1 x 4\n%b1 = tile 1 x 4\ntzero %s\n"
     "tload %a1, %x stride 0\ntload %b1, %x + 4 stride 4\ntdpbssd %s, %a1, %b1\n"
     "tstore %y stride 0, %s\n%r = loadb i32x4 %y", {-1, 2, 3, 127}, {1, -2, 3, 127}, {0},
     {16133, 16133, 16133, 16133}},
    {K_TDPBUSD, "u8", "i32", "%s = tile 1 x 4\n%a1 = tile 1 x 4\n%b1 = tile 1 x 4\ntzero %s\n"
     "tload %a1, %x stride 0\ntload %b1, %x + 4 stride 4\ntdpbusd %s, %a1, %b1\n"
     "tstore %y stride 0, %s\n%r = loadb i32x4 %y", {255, 1, 2, 3}, {255, 1, 1, 1}, {0},
     {-249, -249, -249, -249}},
    {K_TCONFIG, "f32", "f32", "%t = tile 1 x 16 in 0\ntconfig\ntload %t, %x stride 0\ntrelease\n"
     "tconfig\ntstore %y stride 0, %t\ntrelease\n%r = load f32x4 %y", {1, 2, 3, 4}, {0}, {0},
     {0, 0, 0, 0}},
    {K_TRELEASE, "f32", "f32", "%t = tile 1 x 16 in 0\ntconfig\ntload %t, %x stride 0\n"
     "tstore %y stride 0, %t\ntrelease\n%r = load f32x4 %y", {1, 2, 3, 4}, {0}, {0}, {1, 2, 3, 4}},
    // ---- mathematics, as exact as f32 allows before `math` has run
    {K_EXP2, "f32", "f32", "%r = exp2 %a degree 3", {3, -125.5, -INF, 0.5}, {0}, {0},
     {8, 0, 0, 1.41421356f}},
    {K_EXP, "f32", "f32", "%r = exp %a", {0, 1, -INF, 100}, {0}, {0}, {1, 2.71828183f, 0, INF}},
    {K_LOG, "f32", "f32", "%r = log %a", {1, 0, -1, INF}, {0}, {0}, {0, -INF, NAN, INF}},
    {K_ERF, "f32", "f32", "%r = erf %a", {0, INF, -INF, 1}, {0}, {0}, {0, 1, -1, 0.842700793f}},
    {K_TANH, "f32", "f32", "%r = tanh %a", {0, INF, -INF, 1}, {0}, {0}, {0, 1, -1, 0.761594156f}},
    {K_SIN, "f32", "f32", "%r = sin %a", {-0.0, 1, -1, INF}, {0}, {0},
     {-0.0, 0.841470985f, -0.841470985f, NAN}},
    {K_COS, "f32", "f32", "%r = cos %a", {0, 1, 3, INF}, {0}, {0},
     {1, 0.540302306f, -0.989992497f, NAN}},
    {K_GELU, "f32", "f32", "%r = gelu %a", {0, INF, -INF, 1}, {0}, {0},
     {0, INF, -0.0, 0.841344746f}},
};
// clang-format on

static Kern *parse_case(TestCtx *t, const Case *c) {
    const char *text =
        arena_printf(t->c.arena,
                     "kernel @t(%%x: ptr %s, %%y: mut ptr %s) target x86-64-amx scratch 128 {\n"
                     "%%a = load %sx4 %%x\n%%b = load %sx4 %%x + %u\n%%c = load %sx4 %%x + "
                     "%u\n%s\nstore %%y, %%r\n}\n",
                     c->in, c->out, c->in, c->in, 4 * dtype_info[dtype_from_text(c->in)].nbytes,
                     c->in, 8 * dtype_info[dtype_from_text(c->in)].nbytes, c->body);
    Kern *k = kern_parse(t->c.arena, t->c.diag, "case.vk", text, strlen(text), NULL);
    if (!k || !kern_check(k, t->c.diag, false)) fail_msg("%s\n%s", t->said, text);
    return k;
}
static void test_case(TestCtx *t, const Case *c) {
    DType in = dtype_from_text(c->in), out = dtype_from_text(c->out);
    Kern *k = parse_case(t, c);
    char x[96], y[32], want[32], scratch[128];
    memset(y, 0x55, sizeof y);
    for (uint64_t l = 0; l < 4; l++) {
        dtype_write_f(in, x, l, c->a[l]);
        dtype_write_f(in, x, l + 4, c->b[l]);
        dtype_write_f(in, x, l + 8, c->c[l]);
        dtype_write_f(out, want, l, c->want[l]);
        if (out == DT_U64) dtype_write_i(out, want, l, (int64_t)(uint64_t)c->want[l]);
        if (in == DT_U64) {
            dtype_write_i(in, x, l, (int64_t)(uint64_t)c->a[l]);
            dtype_write_i(in, x, l + 4, (int64_t)(uint64_t)c->b[l]);
            dtype_write_i(in, x, l + 8, (int64_t)(uint64_t)c->c[l]);
        }
    }
    kern_eval(k, (void *[]){x, y}, scratch, 3, 8);
    uint32_t nbytes = dtype_info[out].nbytes;
    for (uint64_t l = 0; l < 4; l++) {
        double got = dtype_read_f(out, y, l);
        bool both_nan = isnan(got) && isnan(c->want[l]);
        if (!both_nan && memcmp(y + l * nbytes, want + l * nbytes, nbytes))
            fail_msg("%s, lane %d: %.9g, not %.9g", c->body, (int)l, got, c->want[l]);
    }
}
static void test_ops(void **state) {
    (void)state;
    for (size_t n = 0; n < COUNT_OF(cases); n++) {
        TestCtx *t = test_ctx();
        test_case(t, &cases[n]);
        test_ctx_free(t);
    }
}
static void test_every_op_has_a_case(void **state) {
    (void)state;
    for (int op = K_NOP + 1; op < K_COUNT; op++) {
        bool found = false;
        for (size_t n = 0; n < COUNT_OF(cases); n++) found |= (int)cases[n].op == op;
        if (!found) fail_msg("no case for %s", kernel_op[op].text);
    }
}

// Loads and stores touch only their lanes: the arrays are exactly as long, and ASan watches.
static void test_tails_touch_nothing_else(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    for (int lanes = 1; lanes <= 16; lanes++) {
        Kern *k = kern_new(t->c.arena, "tail", target_find("x86-64-v4"));
        Val x = k_param(k, "x", DT_F32, false), y = k_param(k, "y", DT_F32, true);
        k_store(k, y, 0, k_load(k, vec_type(DT_F32, 16), x, 0, lanes), lanes);
        float *in = malloc((size_t)lanes * 4), *out = malloc((size_t)lanes * 4);
        for (int l = 0; l < lanes; l++) in[l] = (float)l;
        kern_eval(k, (void *[]){in, out}, NULL, 0, 1);
        assert_memory_equal(in, out, (size_t)lanes * 4);
        free(in);
        free(out);
    }
    test_ctx_free(t);
}
static void test_wide_vectors(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Kern *k = kern_new(t->c.arena, "wide", target_find("x86-64-v4"));
    Val x = k_param(k, "x", DT_U8, false), y = k_param(k, "y", DT_U8, true);
    Val v = k_load(k, vec_type(DT_U8, 64), x, 0, 64);
    k_store(k, y, 0, k_op2(k, K_ADD, v, v), 64);
    Val sum = k_rtree(k, K_RMAX, v);
    k_store(k, y, 64, sum, 1);
    assert_true(kern_check(k, t->c.diag, false));
    uint8_t in[64], out[65];
    for (int l = 0; l < 64; l++) in[l] = (uint8_t)(l * 3);
    kern_eval(k, (void *[]){in, out}, NULL, 0, 1);
    for (int l = 0; l < 64; l++) assert_int_equal(out[l], (uint8_t)(l * 6));
    assert_int_equal(out[64], 189);
    test_ctx_free(t);
}

// ---- the builder folds constant index arithmetic -----------------------------------------------
static void test_folding(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Kern *k = kern_new(t->c.arena, "fold", target_find("generic"));
    Val p = k_param(k, "x", DT_F32, false), lo = k_lo(k);
    assert_int_equal(k_imuli(k, lo, 1), lo);
    assert_int_equal(k_iaddi(k, lo, 0), lo);
    assert_int_equal(k_isub(k, lo, k_index(k, 0)), lo);
    assert_int_equal(k_imul(k, k_index(k, 1), lo), lo);
    assert_int_equal(k_padd(k, p, k_index(k, 0)), p);
    static const struct {
        Val (*build)(Kern *, Val, Val);
        int64_t want;
    } ops[] = {{k_iadd, 26}, {k_isub, 20}, {k_imul, 69}, {k_idiv, 7},
               {k_imod, 2},  {k_imin, 3},  {k_imax, 23}};
    for (size_t n = 0; n < COUNT_OF(ops); n++) {
        Val a = k_index(k, 23), b = k_index(k, 3), r = ops[n].build(k, a, b);
        assert_int_equal(kern_ins(k, r)->op, K_INDEX);
        assert_int_equal(kern_ins(k, r)->imm, ops[n].want);
    }
    Val zero = k_imul(k, lo, k_index(k, 0));
    assert_int_equal(kern_ins(k, zero)->op, K_INDEX);
    assert_int_equal(kern_ins(k, zero)->imm, 0);
    Val first = k_scratch(k, 100), second = k_scratch(k, 1);
    assert_int_equal(kern_ins(k, first)->op, K_SCRATCH);
    assert_int_equal(kern_ins(k, kern_ins(k, second)->arg[1])->imm, 128);
    assert_int_equal(k->scratch_bytes, 192);
    test_ctx_free(t);
}
int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ops),          cmocka_unit_test(test_every_op_has_a_case),
        cmocka_unit_test(test_tails_touch_nothing_else), cmocka_unit_test(test_wide_vectors),
        cmocka_unit_test(test_folding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
