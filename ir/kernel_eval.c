// kernel_eval.c: the meaning of every kernel op. What a backend prints must give the same bytes as
// this interpreter; whoever wonders what an op does looks here and in kernel_lanes.def. It runs
// whole models in tests, so a kernel is first turned into steps with resolved addresses and known
// loop ends.
#include "ir/kernel.h"
#include "ir/kernel_tiles.h"
#include <math.h>
#include <string.h>

enum { SLOT_BYTES = 64 };      // the widest vector of any target
typedef union Slot {
    int64_t index;
    char *ptr;
    Tile *tile;
    uint8_t mask[SLOT_BYTES];      // one byte a lane: 0 or 1
    uint8_t bytes[SLOT_BYTES];
#define LANES_OF(T) SLOT_BYTES / sizeof(T)
    float f32[LANES_OF(float)];
    double f64[LANES_OF(double)];
    int8_t i8[LANES_OF(int8_t)];
    uint8_t u8[LANES_OF(uint8_t)];
    int16_t i16[LANES_OF(int16_t)];
    uint16_t u16[LANES_OF(uint16_t)];
    int32_t i32[LANES_OF(int32_t)];
    uint32_t u32[LANES_OF(uint32_t)];
    int64_t i64[LANES_OF(int64_t)];
    uint64_t u64[LANES_OF(uint64_t)];
} Slot;

#define MATH(name) name##f
#define LANE float
#define FIELD f32
#include "ir/kernel_lanes.def"
#define MATH(name) name
#define LANE double
#define FIELD f64
#include "ir/kernel_lanes.def"
#define LANE int8_t
#define FIELD i8
#include "ir/kernel_lanes.def"
#define LANE uint8_t
#define FIELD u8
#include "ir/kernel_lanes.def"
#define LANE int16_t
#define FIELD i16
#include "ir/kernel_lanes.def"
#define LANE uint16_t
#define FIELD u16
#include "ir/kernel_lanes.def"
#define LANE int32_t
#define FIELD i32
#include "ir/kernel_lanes.def"
#define LANE uint32_t
#define FIELD u32
#include "ir/kernel_lanes.def"
#define LANE int64_t
#define FIELD i64
#include "ir/kernel_lanes.def"
#define LANE uint64_t
#define FIELD u64
#include "ir/kernel_lanes.def"

static void arith(const Ins *i, Slot *d, const Slot *x, const Slot *y, const Slot *z) {
    switch ((DType)i->type.dt) {
    case DT_F32: arith_f32(i, d, x, y, z); return;
    case DT_F64: arith_f64(i, d, x, y, z); return;
    case DT_I8: arith_i8(i, d, x, y); return;
    case DT_BOOL:
    case DT_U8: arith_u8(i, d, x, y); return;
    case DT_I16: arith_i16(i, d, x, y); return;
    case DT_U16: arith_u16(i, d, x, y); return;
    case DT_I32: arith_i32(i, d, x, y); return;
    case DT_U32: arith_u32(i, d, x, y); return;
    case DT_I64: arith_i64(i, d, x, y); return;
    case DT_U64: arith_u64(i, d, x, y); return;
    default: die("kern_eval", "%s of %s", kernel_op[i->op].text, dtype_info[i->type.dt].text);
    }
}
static void compare(DType dt, int64_t pred, Slot *d, const Slot *x, const Slot *y) {
    switch (dt) {
    case DT_F32: compare_f32(pred, d, x, y); return;
    case DT_F64: compare_f64(pred, d, x, y); return;
    case DT_I8: compare_i8(pred, d, x, y); return;
    case DT_BOOL:
    case DT_U8: compare_u8(pred, d, x, y); return;
    case DT_I16: compare_i16(pred, d, x, y); return;
    case DT_U16: compare_u16(pred, d, x, y); return;
    case DT_I32: compare_i32(pred, d, x, y); return;
    case DT_U32: compare_u32(pred, d, x, y); return;
    case DT_I64: compare_i64(pred, d, x, y); return;
    case DT_U64: compare_u64(pred, d, x, y); return;
    default: die("kern_eval", "comparison of %s", dtype_info[dt].text);
    }
}
// The hot op, with the processor's instruction where it has one; the C library gives the same bits.
#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static void fma_f32_fast(Slot *d, const Slot *x, const Slot *y,
                                                             const Slot *z) {
    for (size_t l = 0; l < COUNT_OF(d->f32); l++)
        d->f32[l] = __builtin_fmaf(x->f32[l], y->f32[l], z->f32[l]);
}
static bool has_fast_fma(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#else
static void fma_f32_fast(Slot *d, const Slot *x, const Slot *y, const Slot *z) {
    for (size_t l = 0; l < COUNT_OF(d->f32); l++)
        d->f32[l] = fmaf(x->f32[l], y->f32[l], z->f32[l]);
}
static bool has_fast_fma(void) { return true; }
#endif

// ---- pairs of bf16 ---------------------------------------------------------------------------
// Computed as if there were no subnormal numbers: operands and results are flushed. AVX-512's:
static inline float flushed(uint32_t bits) {
    float f;
    if (!(bits & 0x7f800000)) bits &= 0x80000000;
    memcpy(&f, &bits, sizeof f);
    return f;
}
// What decides is the sum rounded to 24 bits as if exponents had no end: from 2^-126 - 2^-151 on
// that is the smallest normal number. Close to it, double holds the sum of such operands exactly.
static inline float fma_flushed(float a, float b, float c) {
    float r = __builtin_fmaf(a, b, c);
    double size = __builtin_fabs((double)a * (double)b + (double)c);
    return size < 0x1p-126 - 0x1p-151 ? __builtin_copysignf(0, r) : r;
}
// First the odd products, then the even ones, each with one rounding. As hot as FMA.
__attribute__((always_inline)) static inline void dot_bf16(Slot *d, const Slot *x, const Slot *y,
                                                           const Slot *z) {
    Slot sum;
    for (size_t l = 0; l < COUNT_OF(d->u32); l++)
        sum.f32[l] = fma_flushed(flushed(x->u32[l] & 0xffff0000), flushed(y->u32[l] & 0xffff0000),
                                 flushed(z->u32[l]));
    for (size_t l = 0; l < COUNT_OF(d->u32); l++)
        sum.f32[l] = fma_flushed(flushed(x->u32[l] << 16), flushed(y->u32[l] << 16), sum.f32[l]);
    *d = sum;
}
#if defined(__x86_64__)
__attribute__((target("avx2,fma")))
#endif
static void dot_bf16_fast(Slot *d, const Slot *x, const Slot *y, const Slot *z) {
    dot_bf16(d, x, y, z);
}
static void to_bf16_flushed(Slot *d, const Slot *x) {
    for (size_t l = 0; l < COUNT_OF(x->u32); l++) d->u16[l] = f32_to_bf16(flushed(x->u32[l]));
}

// ARM's rounds products and sums to odd: towards zero, and the last bit is set if that was not
// exact. Subnormal numbers are zeros to it, too, but what decides is the exact number.
static inline float product_flushed(float a, float b) {
    float r = a * b;
    double size = __builtin_fabs((double)a * (double)b); // exact, and so is r between these borders
    if (size >= 0x1p128) return __builtin_copysignf(INFINITY, r);
    return size < 0x1p-126 ? __builtin_copysignf(0, r) : r;
}
static inline float sum_to_odd(float a, float b) {
    enum { BELOW = 29 };       // bits of a double that a float does not have
    double s = (double)a + (double)b, size = __builtin_fabs(s), from_b = s - (double)a;
    double error = ((double)a - (s - from_b)) + ((double)b - from_b); // the exact sum is s + error
    uint64_t bits, below = ((uint64_t)1 << BELOW) - 1;
    if (size < 0x1p-126) return __builtin_copysignf(0, (float)s);
    if (!(size < 0x1p128)) return (float)s;
    memcpy(&bits, &s, sizeof bits);
    if (error != 0) bits = (bits - ((error < 0) != (s < 0))) | 1;
    if (bits & below) bits = (bits & ~below) | (below + 1);
    memcpy(&s, &bits, sizeof s);
    return (float)s;
}
static inline float add_pair(float c, uint32_t p, uint32_t q) {
    float even = product_flushed(flushed(p << 16), flushed(q << 16));
    float odd = product_flushed(flushed(p & 0xffff0000), flushed(q & 0xffff0000));
    uint32_t bits;
    memcpy(&bits, &c, sizeof bits);
    return sum_to_odd(flushed(bits), sum_to_odd(even, odd));
}
static void mmla_bf16(Slot *d, const Slot *x, const Slot *y, const Slot *z, uint32_t n) {
    Slot sum;
    for (uint32_t l = 0; l < n; l++) {
        uint64_t p = x->u64[l / 4 * 2 + l % 4 / 2], q = y->u64[l / 4 * 2 + l % 2];
        float first = add_pair(z->f32[l], (uint32_t)p, (uint32_t)q);
        sum.f32[l] = add_pair(first, (uint32_t)(p >> 32), (uint32_t)(q >> 32));
    }
    memcpy(d, &sum, n * sizeof(float));
}

// ---- lanes as elements -----------------------------------------------------------------------
static uint32_t element_bytes(VType t) { return dtype_info[t.dt].nbytes; }

static void broadcast(Slot *d, VType t, const void *element) {
    Slot e;
    memcpy(&e, element, element_bytes(t));
    switch (element_bytes(t)) {
    case 1: memset(d, e.u8[0], sizeof *d); return;
    case 2: for (size_t l = 0; l < COUNT_OF(d->u16); l++) d->u16[l] = e.u16[0]; return;
    case 4: for (size_t l = 0; l < COUNT_OF(d->u32); l++) d->u32[l] = e.u32[0]; return;
    default: for (size_t l = 0; l < COUNT_OF(d->u64); l++) d->u64[l] = e.u64[0]; return;
    }
}
static void select_lanes(const Ins *i, Slot *d, const Slot *mask, const Slot *x, const Slot *y) {
    uint32_t nbytes = element_bytes(i->type);
    if (nbytes == 4) {
        for (size_t l = 0; l < COUNT_OF(d->u32); l++)
            d->u32[l] = mask->mask[l] ? x->u32[l] : y->u32[l];
        return;
    }
    for (uint32_t l = 0; l < i->type.n; l++)
        memcpy(d->bytes + l * nbytes, (mask->mask[l] ? x : y)->bytes + l * nbytes, nbytes);
}
static void reduce(const Ins *i, VType from, Slot *d, const Slot *x) {
    KOp op = i->op == K_RSUM ? K_ADD : i->op == K_RMAX ? K_MAX : K_MIN;
    Ins step = {.op = (uint8_t)op, .type = from};
    *d = *x;
    for (uint32_t n = from.n / 2; n > 0; n /= 2) {
        Slot lower = *d, upper = {0};
        memcpy(upper.bytes, d->bytes + n * element_bytes(from), n * element_bytes(from));
        arith(&step, d, &lower, &upper, &upper);
    }
}
static void zip(const Ins *i, Slot *d, const Slot *x, const Slot *y) {
    uint32_t nbytes = element_bytes(i->type), half = i->type.n / 2u;
    uint32_t from = i->op == K_ZIPHI ? half : 0;
    Slot r;
    for (uint32_t l = 0; l < half; l++) {
        memcpy(r.bytes + 2 * l * nbytes, x->bytes + (from + l) * nbytes, nbytes);
        memcpy(r.bytes + (2 * l + 1) * nbytes, y->bytes + (from + l) * nbytes, nbytes);
    }
    memcpy(d, &r, i->type.n * nbytes);
}
static int64_t saturate(DType dt, double v) {      // toward zero; NaN gives 0
    bool is_signed = dt == DT_I8 || dt == DT_I16 || dt == DT_I32 || dt == DT_I64;
    uint32_t nbits = 8 * dtype_info[dt].nbytes - is_signed;
    uint64_t most = ~0ull >> (64 - nbits), least = is_signed ? ~most : 0;
    if (v != v) return 0;
    if (v >= ldexp(1, (int)nbits)) return (int64_t)most;
    if (v <= (is_signed ? -ldexp(1, (int)nbits) : 0)) return (int64_t)least;
    return dt == DT_U64 ? (int64_t)(uint64_t)v : (int64_t)v;
}
static void convert_float(DType to, Slot *d, uint32_t l, double v) {
    DClass cls = dtype_info[to].cls;
    if (cls == CLASS_FLOAT) dtype_write_f(to, d, l, v);
    else dtype_write_i(to, d, l, cls == CLASS_BOOL ? v != 0 : saturate(to, v));
}
static void convert_int(DType from, DType to, Slot *d, uint32_t l, int64_t v) {
    bool is_u64 = from == DT_U64;
    if (dtype_info[to].cls != CLASS_FLOAT) dtype_write_i(to, d, l, v);
    else if (to == DT_F64) dtype_write_f(to, d, l, is_u64 ? (double)(uint64_t)v : (double)v);
    else dtype_write_f(to, d, l, (double)(is_u64 ? (float)(uint64_t)v : (float)v));
}
static void convert(VType from, VType to, Slot *d, const Slot *x) {
    bool is_float = dtype_info[from.dt].cls == CLASS_FLOAT;
    for (uint32_t l = 0; l < to.n; l++) {
        if (is_float) convert_float((DType)to.dt, d, l, dtype_read_f((DType)from.dt, x, l));
        else convert_int((DType)from.dt, (DType)to.dt, d, l, dtype_read_i((DType)from.dt, x, l));
    }
}
static double exact_math(KOp op, double x) {
    switch (op) {
    case K_EXP2: return x <= -125.5 ? 0 : exp2(x);
    case K_EXP: return exp(x);
    case K_LOG: return log(x);
    case K_ERF: return erf(x);
    case K_TANH: return tanh(x);
    case K_SIN: return sin(x);
    case K_COS: return cos(x);
    case K_GELU: return x == -INFINITY ? -0.0 : x * 0.5 * erfc(-x * 0.70710678118654752440);
    default: die("kern_eval", "%s is not a function", kernel_op[op].text);
    }
}

// ---- memory ----------------------------------------------------------------------------------
static void load(const Ins *i, Slot *d, const char *p) {
    uint32_t nbytes = element_bytes(i->type), touched = i->lanes * nbytes;
    if (touched == SLOT_BYTES) {
        memcpy(d, p, SLOT_BYTES);
        return;
    }
    memcpy(d, p, touched);
    memset(d->bytes + touched, 0, i->type.n * nbytes - touched);
}
static void load_strided(const Ins *i, Slot *d, const char *p) {
    uint32_t nbytes = element_bytes(i->type);
    memset(d, 0, sizeof *d);
    for (uint32_t l = 0; l < i->lanes; l++) memcpy(d->bytes + l * nbytes, p + l * i->imm2, nbytes);
}
static void store_strided(const Ins *i, uint32_t nbytes, char *p, const Slot *v) {
    for (uint32_t l = 0; l < i->lanes; l++) memcpy(p + l * i->imm2, v->bytes + l * nbytes, nbytes);
}

// ---- running ---------------------------------------------------------------------------------
typedef struct Step {
    KOp op;
    uint32_t jump;             // LOOP: the step behind its END. END: the first step of the body
    const Ins *ins;            // END: its LOOP, and so are d and y
    Slot *d, *x, *y, *z;       // the result and the operands
    VType from;                // type of the first operand; of the vector that a store writes
} Step;
typedef struct Steps {
    Step *data;
    uint32_t n;
} Steps;

// Values that never change get their slot once; everything else becomes a step.
typedef struct Call {
    void *const *args;
    void *scratch;
    int64_t lo, hi;
} Call;
static bool preset(const Ins *i, Slot *d, const Call *c) {
    switch ((KOp)i->op) {
    case K_PARAM: d->ptr = c->args[i->imm]; return true;
    case K_SCRATCH: d->ptr = c->scratch; return true;
    case K_LO: d->index = c->lo; return true;
    case K_HI: d->index = c->hi; return true;
    case K_INDEX: d->index = i->imm; return true;
    case K_CONST: broadcast(d, i->type, &i->imm); return true;
    case K_IOTA:
        for (uint32_t l = 0; l < i->type.n; l++) dtype_write_i((DType)i->type.dt, d, l, l);
        return true;
    case K_NOP:
    case K_REG:
    case K_TILE:
    case K_PREFETCH: return true;
    default: return false;
    }
}
static Steps prepare(const Kern *k, Arena *a, const Call *c, Tiles *tiles) {
    Steps s = {NEW_N(a, Step, k->ins.n), 0};
    Slot *slot = NEW_N(a, Slot, k->ins.n);
    uint32_t *open = NEW_N(a, uint32_t, k->ins.n), depth = 0;
    for (Val v = 0; v < k->ins.n; v++) {
        const Ins *i = kern_ins(k, v);
        if (i->op == K_TILE) slot[v].tile = tiles_add(tiles, i);
        if (preset(i, &slot[v], c)) continue;
        Step *step = &s.data[s.n];
        if (i->op == K_LOOP) open[depth++] = s.n;
        if (i->op == K_END) {
            Step *loop = &s.data[open[--depth]];
            loop->jump = s.n + 1;
            *step = *loop;
            step->op = K_END;
            step->jump = open[depth] + 1;
        } else {
            bool is_store = i->op == K_STORE || i->op == K_STORES;
            *step = (Step){(KOp)i->op, 0, i, &slot[v], &slot[i->arg[0]], &slot[i->arg[1]],
                           &slot[i->arg[2]], kern_type(k, i->arg[is_store])};
        }
        s.n++;
    }
    return s;
}
static int64_t index_arith(KOp op, int64_t a, int64_t b) {
    if ((op == K_IDIV || op == K_IMOD) && (a < 0 || b <= 0))
        die("kern_eval", "%s of %lld by %lld", kernel_op[op].text, (long long)a, (long long)b);
    switch (op) {
    case K_IADD: return (int64_t)((uint64_t)a + (uint64_t)b);
    case K_ISUB: return (int64_t)((uint64_t)a - (uint64_t)b);
    case K_IMUL: return (int64_t)((uint64_t)a * (uint64_t)b);
    case K_IDIV: return a / b;
    case K_IMOD: return a % b;
    case K_IMIN: return min_i64(a, b);
    default: return max_i64(a, b);
    }
}
// One step that is not control flow.
static void perform(const Step *s) {
    const Ins *i = s->ins;
    Slot *d = s->d;
    const Slot *x = s->x, *y = s->y, *z = s->z;
    switch (s->op) {
    case K_NOP:
    case K_PARAM:
    case K_SCRATCH:
    case K_LO:
    case K_HI:
    case K_INDEX:
    case K_CONST:
    case K_IOTA:
    case K_REG:
    case K_PREFETCH:
    case K_TILE:
    case K_TRELEASE:
    case K_TCONFIG:
    case K_LOOP:
    case K_END:
    case K_COUNT: return;      // preset, or done by the caller
    case K_IADD:
    case K_ISUB:
    case K_IMUL:
    case K_IDIV:
    case K_IMOD:
    case K_IMIN:
    case K_IMAX: d->index = index_arith(s->op, x->index, y->index); return;
    case K_TOINDEX: d->index = dtype_read_i((DType)s->from.dt, x, 0); return;
    case K_FROMINDEX: dtype_write_i((DType)i->type.dt, d, 0, x->index); return;
    case K_PADD: d->ptr = x->ptr + y->index + i->imm; return;
    case K_LOAD: load(i, d, x->ptr + i->imm); return;
    case K_LOADB: broadcast(d, i->type, x->ptr + i->imm); return;
    case K_LOADS: load_strided(i, d, x->ptr + i->imm); return;
    case K_STORE: memcpy(x->ptr + i->imm, y, i->lanes * element_bytes(s->from)); return;
    case K_STORES: store_strided(i, element_bytes(s->from), x->ptr + i->imm, y); return;
    case K_GET: *d = *x; return;
    case K_SET: *s->x = *y; return;
    case K_ADD:
    case K_SUB:
    case K_MUL:
    case K_DIV:
    case K_REM:
    case K_MIN:
    case K_MAX:
    case K_FMA:
    case K_NEG:
    case K_ABS:
    case K_SQRT:
    case K_FLOOR:
    case K_CEIL:
    case K_RINT:
    case K_AND:
    case K_OR:
    case K_XOR:
    case K_SHL:
    case K_SHR: arith(i, d, x, y, z); return;
    case K_DPBF16: dot_bf16(d, x, y, z); return;
    case K_BFMMLA: mmla_bf16(d, x, y, z, i->type.n); return;
    case K_CVTDZ: to_bf16_flushed(d, x); return;
    case K_CMP: compare((DType)s->from.dt, i->imm, d, x, y); return;
    case K_MAND: for (int l = 0; l < SLOT_BYTES; l++) d->mask[l] = x->mask[l] & y->mask[l]; return;
    case K_MOR: for (int l = 0; l < SLOT_BYTES; l++) d->mask[l] = x->mask[l] | y->mask[l]; return;
    case K_MNOT: for (int l = 0; l < SLOT_BYTES; l++) d->mask[l] = !x->mask[l]; return;
    case K_SELECT: select_lanes(i, d, x, y, z); return;
    case K_CVT: convert(s->from, i->type, d, x); return;
    case K_BITCAST: *d = *x; return;
    case K_BCAST: broadcast(d, i->type, x); return;
    case K_ZIPLO:
    case K_ZIPHI: zip(i, d, x, y); return;
    case K_RSUM:
    case K_RMAX:
    case K_RMIN: reduce(i, s->from, d, x); return;
    case K_TZERO: memset(x->tile->u8, 0, sizeof x->tile->u8); return;
    case K_TLOAD:
    case K_TSTREAM: tile_load(x->tile, y->ptr + i->imm, i->imm2); return;
    case K_TSTORE: tile_store(y->tile, x->ptr + i->imm, i->imm2); return;
    case K_TDPBF16: tile_dp_bf16(x->tile, y->tile, z->tile); return;
    case K_TDPBSSD: tile_dp_i8(x->tile, y->tile, z->tile, true); return;
    case K_TDPBUSD: tile_dp_i8(x->tile, y->tile, z->tile, false); return;
    case K_EXP2:
    case K_EXP:
    case K_LOG:
    case K_ERF:
    case K_TANH:
    case K_SIN:
    case K_COS:
    case K_GELU:
        for (uint32_t l = 0; l < i->type.n; l++)
            d->f32[l] = (float)exact_math(s->op, (double)x->f32[l]);
        return;
    }
}
static void run(Steps steps, Tiles *tiles) {
    bool fast_fma = has_fast_fma();
    for (uint32_t pc = 0; pc < steps.n; pc++) {
        const Step *s = &steps.data[pc];
        if (s->op == K_LOOP) {
            s->d->index = s->x->index;
            if (s->d->index >= s->y->index) pc = s->jump - 1;
        } else if (s->op == K_END) {
            s->d->index += s->ins->imm;
            if (s->d->index < s->y->index) pc = s->jump - 1;
        } else if (s->op == K_FMA && s->ins->type.dt == DT_F32 && fast_fma) {
            fma_f32_fast(s->d, s->x, s->y, s->z);
        } else if (s->op == K_DPBF16 && fast_fma) {
            dot_bf16_fast(s->d, s->x, s->y, s->z);
        } else if (s->op == K_TCONFIG) {
            tiles_clear(tiles);
        } else {
            perform(s);
        }
    }
}
void kern_eval(const Kern *k, void *const *args, void *scratch, int64_t lo, int64_t hi) {
    Arena *a = arena_new("kern_eval");
    Tiles tiles = {.arena = a};
    run(prepare(k, a, &(Call){args, scratch, lo, hi}, &tiles), &tiles);
    arena_free(a);
}
