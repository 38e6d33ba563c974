// test_diff_ops.c: every op on every element type and vector length, alone, over all pairs of the
// numbers at which something changes: what random kernels meet too rarely. All 65,536 half and
// bfloat16 values are widened, and all their rounding borders narrowed.
//
//     test_diff_ops [--printers llvm,gcc-O1] [--target T] [--count LENGTHS]
//
// LENGTHS: how many vector lengths of each type, from the widest; one lane is always among them.
#include "tests/diff/kernel_run.h"
#include <stdio.h>
#include <string.h>

enum { X, Y, Z, OUT }; // parameters
typedef struct Sweep { // all kernels for one element type
    Ctx c;
    const Target *target;
    Memory m;
    VType t; // the type under test
    int64_t elements;
    VEC(const Kern *) kern;
    VEC(int64_t) tasks; // of each
} Sweep;

// ---- the numbers -----------------------------------------------------------------------------
static bool is_half(DType dt) {
    return dt == DT_F16 || dt == DT_BF16;
}
static bool is_real(DType dt) {
    return dtype_info[dt].cls == CLASS_FLOAT && !is_half(dt);
}
static bool is_int(DType dt) {
    return dtype_info[dt].cls == CLASS_INT;
}
static int64_t count_elements(DType dt) {
    return is_half(dt) || dt == DT_F32 ? 65536 : 16384 / dtype_info[dt].nbytes;
}
// f32 bits at and around the values of a half type and the middles between them.
static void rounding_border(Random *r, float *to) {
    static const int32_t off[] = {0,      1,      -1,     0xfff,  0x1000, 0x1001,
                                  0x7fff, 0x8000, 0x8001, 0x17ff, 0x1800};
    uint16_t half = (uint16_t)random_next(r);
    float f = random_one_in(r, 2) ? f16_to_f32(half) : bf16_to_f32(half);
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    bits += (uint32_t)off[random_below(r, COUNT_OF(off))];
    memcpy(to, &bits, sizeof bits);
}
static void fill(Sweep *s, DType dt) {
    Random r = {dt};
    uint32_t n = special_count(dt);
    for (uint32_t i = 0; i < s->elements; i++) {
        special_element(dt, i, s->m.start[X], i);
        special_element(dt, i / n, s->m.start[Y], i);
        special_element(dt, random_below(&r, n), s->m.start[Z], i);
        if (is_half(dt)) memcpy(s->m.start[X] + 2 * i, &(uint16_t){(uint16_t)i}, 2);
        if (is_half(dt) || i < n * n) continue;
        random_element(&r, dt, s->m.start[X], i);
        random_element(&r, dt, s->m.start[Y], i);
        random_element(&r, dt, s->m.start[Z], i);
        if (dt == DT_F32 && i % 2) rounding_border(&r, (float *)(void *)s->m.start[X] + i);
    }
    memset(s->m.start[OUT], 0x5a, s->m.nbytes[OUT]);
}

// ---- kernels ---------------------------------------------------------------------------------
typedef struct Body { // a kernel under construction: inside its loop over tasks
    Kern *k;
    Val task, param[4];
} Body;
static Body begin(Sweep *s, const char *name) {
    static const char *const names[] = {"x", "y", "z", "out"};
    Arena *a = s->c.arena;
    const char *full = arena_printf(a, "%s_%sx%u", name, dtype_info[s->t.dt].text, s->t.n);
    Body b = {.k = kern_new(a, full, s->target)};
    for (int i = 0; i < 4; i++) b.param[i] = k_param(b.k, names[i], (DType)s->t.dt, i == OUT);
    k_scratch(b.k, 64);
    b.task = k_loop(b.k, k_lo(b.k), k_hi(b.k), 1);
    return b;
}
static Val at_task(Body *b, int param, int64_t bytes) {
    return k_padd(b->k, b->param[param], k_imuli(b->k, b->task, bytes));
}
static Val input(const Sweep *s, Body *b, int param) {
    int64_t span = s->t.n * (int64_t)dtype_info[s->t.dt].nbytes;
    return k_load(b->k, s->t, at_task(b, param, span), 0, s->t.n);
}
static void add_kernel(Sweep *s, const Kern *k, int64_t tasks) {
    *PUSH(s->c.arena, &s->kern) = k;
    *PUSH(s->c.arena, &s->tasks) = tasks;
}
static void end(Sweep *s, Body *b) {
    k_end(b->k);
    add_kernel(s, b->k, s->elements / s->t.n);
}
static void output(Sweep *s, Body *b, Val v) {
    VType t = kern_type(b->k, v);
    k_store(b->k, at_task(b, OUT, t.n * (int64_t)dtype_info[t.dt].nbytes), 0, v, t.n);
    end(s, b);
}

static bool computes(KOp op) { // can make a NaN or meet two
    return op == K_ADD || op == K_SUB || op == K_MUL || op == K_DIV || op == K_SQRT ||
           op == K_FMA || op == K_RSUM || op == K_FLOOR || op == K_CEIL || op == K_RINT;
}
static void add_plain(Sweep *s, KOp op) {
    Body b = begin(s, kernel_op[op].text);
    Val x = input(s, &b, X), v;
    if (op == K_FMA)
        v = k_fma(b.k, x, input(s, &b, Y), input(s, &b, Z));
    else if (op == K_RSUM || op == K_RMAX || op == K_RMIN)
        v = k_rtree(b.k, op, x);
    else
        v = kernel_op[op].nargs == 1 ? k_op1(b.k, op, x) : k_op2(b.k, op, x, input(s, &b, Y));
    output(s, &b, computes(op) ? tame_nan(b.k, v) : v);
}
// Pairs of bf16 in i32: the upper halves of two f32.
static Val pairs(Body *b, Val odd, Val even) {
    VType t = vec_type(DT_I32, kern_type(b->k, odd).n);
    Val upper = k_op2(b->k, K_AND, k_bitcast(b->k, DT_I32, odd), k_const_i(b->k, t, -65536));
    Val lower = k_shift(b->k, K_SHR, k_bitcast(b->k, DT_U32, even), 16);
    return k_op2(b->k, K_OR, upper, k_bitcast(b->k, DT_I32, lower));
}
static void add_dpbf16(Sweep *s) {
    Body b = begin(s, "dpbf16");
    Val x = input(s, &b, X), y = input(s, &b, Y), z = input(s, &b, Z);
    output(s, &b, tame_nan(b.k, k_dpbf16(b.k, pairs(&b, x, z), pairs(&b, y, x), z)));
}
static Val replace_bits(Body *b, Val v, uint32_t kept, uint32_t by) {
    VType t = kern_type(b->k, v);
    v = k_op2(b->k, K_AND, v, k_const_i(b->k, t, (int32_t)kept));
    return k_op2(b->k, K_OR, v, k_const_i(b->k, t, (int32_t)by));
}
// Sums about the smallest normal number: products from 2^-151 up, and c of 2^-126.
static void add_tiny_dpbf16(Sweep *s) {
    Body b = begin(s, "dpbf16_tiny");
    Val x = input(s, &b, X), y = input(s, &b, Y), z = input(s, &b, Z);
    Val p = replace_bits(&b, pairs(&b, x, y), 0x807f807f, 0x1a001a00);
    Val q = replace_bits(&b, pairs(&b, y, z), 0x807f807f, 0x19801980);
    Val c = replace_bits(&b, k_bitcast(b.k, DT_I32, z), 0x80000007, 0x00800000);
    output(s, &b, k_dpbf16(b.k, p, q, k_bitcast(b.k, DT_F32, c)));
}
// Words of four bf16 from the upper halves of eight f32.
static Val quads(Body *b, Val odd, Val even) {
    return k_bitcast(b->k, DT_I64, pairs(b, odd, even));
}
static void add_bfmmla(Sweep *s) {
    Body b = begin(s, "bfmmla");
    Val x = input(s, &b, X), y = input(s, &b, Y), z = input(s, &b, Z);
    output(s, &b, tame_nan(b.k, k_bfmmla(b.k, quads(&b, x, z), quads(&b, y, x), z)));
}
// The same of numbers so near to each other that sums are inexact and cancel, and some so small
// that products and sums are subnormal.
static void add_near_bfmmla(Sweep *s, const char *name, uint32_t exponent) {
    Body b = begin(s, name);
    Val x = input(s, &b, X), y = input(s, &b, Y), z = input(s, &b, Z);
    uint32_t some = exponent << 23 | exponent << 7;
    Val p = replace_bits(&b, pairs(&b, x, y), 0x81ff81ff, some);
    Val q = replace_bits(&b, pairs(&b, y, z), 0x807f807f, 0x3e003e00);
    Val c = replace_bits(&b, k_bitcast(b.k, DT_I32, z), 0x81ffffff, exponent << 23);
    Val u = k_bitcast(b.k, DT_I64, p), v = k_bitcast(b.k, DT_I64, q);
    output(s, &b, k_bfmmla(b.k, u, v, k_bitcast(b.k, DT_F32, c)));
}
static void add_cvtdz(Sweep *s) {
    Body b = begin(s, "cvtdz");
    output(s, &b, k_cvtdz(b.k, input(s, &b, X)));
}
static void add_shift(Sweep *s, KOp op, int by) {
    Body b = begin(s, arena_printf(s->c.arena, "%s%d", kernel_op[op].text, by));
    output(s, &b, k_shift(b.k, op, input(s, &b, X), by));
}
static void add_compare(Sweep *s, KPred p) {
    Body b = begin(s, arena_printf(s->c.arena, "cmp_%s", kernel_pred[p]));
    Val x = input(s, &b, X), y = input(s, &b, Y);
    output(s, &b, k_select(b.k, k_cmp(b.k, p, x, y), x, y));
}
static void add_mask_logic(Sweep *s, KOp op) {
    Body b = begin(s, kernel_op[op].text);
    Val x = input(s, &b, X), y = input(s, &b, Y), z = input(s, &b, Z);
    Val lt = k_cmp(b.k, P_LT, x, y), eq = k_cmp(b.k, P_EQ, x, z);
    Ins i = {.op = (uint8_t)op, .type = kern_type(b.k, lt), .arg = {lt, op == K_MNOT ? 0 : eq}};
    Val mask = kern_emit(b.k, i);
    output(s, &b, k_select(b.k, mask, x, z));
}
static void add_cvt(Sweep *s, DType to) {
    Body b = begin(s, arena_printf(s->c.arena, "to_%s", dtype_info[to].text));
    Val x = input(s, &b, X);
    output(s, &b, tame_nan(b.k, k_cvt(b.k, to, is_half(to) ? tame_nan(b.k, x) : x)));
}
static void add_bitcast(Sweep *s, DType to) {
    Body b = begin(s, arena_printf(s->c.arena, "as_%s", dtype_info[to].text));
    output(s, &b, k_bitcast(b.k, to, input(s, &b, X)));
}
static void add_bcast(Sweep *s, int n) {
    Body b = begin(s, arena_printf(s->c.arena, "bcast_%d", n));
    Val v = k_bcast(b.k, input(s, &b, X), n);
    k_store(b.k, at_task(&b, OUT, 0), 0, v, n);
    end(s, &b);
}
static void add_constant(Sweep *s, uint32_t which) {
    Body b = begin(s, arena_printf(s->c.arena, "const%u", which));
    int64_t element = 0;
    special_element((DType)s->t.dt, which, &element, 0);
    bool real = dtype_info[s->t.dt].cls == CLASS_FLOAT;
    output(s, &b,
           real ? k_const_f(b.k, s->t, dtype_read_f((DType)s->t.dt, &element, 0))
                : k_const_i(b.k, s->t, element));
}
// Loads and stores of some of the lanes; the last task's end where the buffer ends.
static void add_partial(Sweep *s, int lanes) {
    Body b = begin(s, arena_printf(s->c.arena, "lanes%d", lanes));
    int64_t e = dtype_info[s->t.dt].nbytes, behind = s->t.n - lanes;
    Val x = k_load(b.k, s->t, at_task(&b, X, s->t.n * e), behind * e, lanes);
    k_store(b.k, at_task(&b, OUT, 2 * s->t.n * e), 0, x, s->t.n);
    k_store(b.k, at_task(&b, OUT, 2 * s->t.n * e), s->t.n * e, x, lanes);
    end(s, &b);
}
static void add_strided(Sweep *s, int lanes, int stride) {
    Body b = begin(s, arena_printf(s->c.arena, "stride%s%d_lanes%d", stride < 0 ? "m" : "",
                                   stride < 0 ? -stride : stride, lanes));
    int64_t e = dtype_info[s->t.dt].nbytes, room = s->elements / 2, span = (lanes - 1) * stride;
    int64_t first = span < 0 ? -span : 0;
    Val x = k_loads(b.k, s->t, at_task(&b, X, e), first * e, stride * e, lanes);
    k_store(b.k, at_task(&b, OUT, 8), 0, x, s->t.n);
    k_stores(b.k, at_task(&b, OUT, e), (room + first) * e, stride * e, x, lanes);
    k_end(b.k);
    add_kernel(s, b.k, room / 4);
}
static void add_from_index(Sweep *s) {
    Body b = begin(s, "fromindex");
    Val v = k_fromindex(b.k, (DType)s->t.dt,
                        k_isub(b.k, k_index(b.k, 7), k_imuli(b.k, b.task, 1 << 20)));
    output(s, &b, v);
}
static void add_to_index(Sweep *s) {
    Body b = begin(s, "toindex");
    output(s, &b, k_fromindex(b.k, DT_I64, k_toindex(b.k, input(s, &b, X))));
}

// ---- which kernels ---------------------------------------------------------------------------
static void add_all(Sweep *s, const KOp *ops, size_t n) {
    for (size_t i = 0; i < n; i++) add_plain(s, ops[i]);
}
static void add_reals(Sweep *s) {
    static const KOp ops[] = {K_ADD,  K_SUB,   K_MUL,  K_DIV,  K_MIN,  K_MAX,  K_NEG, K_ABS,
                              K_SQRT, K_FLOOR, K_CEIL, K_RINT, K_RSUM, K_RMAX, K_RMIN};
    add_all(s, ops, COUNT_OF(ops));
    if (target_has(s->target, F_FMA)) add_plain(s, K_FMA);
    if (s->t.dt != DT_F32) return;
    add_cvtdz(s);
    if (target_has(s->target, F_ARM_BF16) && s->t.n == 4) {
        add_bfmmla(s);
        add_near_bfmmla(s, "bfmmla_near", 0x7c);
        add_near_bfmmla(s, "bfmmla_tiny", 0);
    }
    if (!target_has(s->target, F_BF16)) return;
    add_dpbf16(s);
    add_tiny_dpbf16(s);
}
static void add_integers(Sweep *s) {
    static const KOp ops[] = {K_ADD, K_SUB, K_MUL, K_DIV, K_REM,  K_MIN,  K_MAX, K_NEG,
                              K_ABS, K_AND, K_OR,  K_XOR, K_RSUM, K_RMAX, K_RMIN};
    int nbits = 8 * (int)dtype_info[s->t.dt].nbytes;
    const int by[] = {0, 1, nbits / 2, nbits - 1};
    add_all(s, ops, COUNT_OF(ops));
    for (size_t i = 0; i < COUNT_OF(by); i++) {
        add_shift(s, K_SHL, by[i]);
        add_shift(s, K_SHR, by[i]);
    }
    Body b = begin(s, "iota");
    output(s, &b, k_iota(b.k, s->t));
    if (s->t.n > 1) return;
    add_to_index(s);
    if (s->t.dt == DT_I32 || s->t.dt == DT_I64) add_from_index(s);
}
static void add_conversions(Sweep *s, DType from) {
    for (DType to = 1; to < DT_COUNT; to++) {
        bool half = is_half(to) || is_half(from),
             fits = s->t.n == 1 || s->t.n * dtype_info[to].nbytes <= s->target->vbytes;
        if (to != from && fits && (!half || to == DT_F32 || from == DT_F32)) add_cvt(s, to);
        bool bits = to != DT_BOOL && from != DT_BOOL &&
                    s->t.n * dtype_info[from].nbytes % dtype_info[to].nbytes == 0;
        if (to != from && bits) add_bitcast(s, to);
    }
}
static void add_moves(Sweep *s) {
    static const int strides[] = {0, 1, 3, -2};
    for (uint32_t i = 0; i < 4; i++) add_constant(s, 3 * i);
    for (int lanes = 1; lanes <= s->t.n; lanes += lanes < 5 || lanes >= s->t.n - 2 ? 1 : 3)
        add_partial(s, lanes);
    for (size_t i = 0; i < COUNT_OF(strides); i++) {
        add_strided(s, s->t.n, strides[i]);
        if (s->t.n > 2) add_strided(s, s->t.n - 1, strides[i]);
    }
    uint32_t most = s->target->vbytes / dtype_info[s->t.dt].nbytes;
    for (uint32_t n = 1; n <= most; n *= 2) add_bcast(s, (int)n);
    static const KOp zips[] = {K_ZIPLO, K_ZIPHI};
    if (s->t.n > 1) add_all(s, zips, COUNT_OF(zips));
}
static void add_type(Sweep *s, DType dt) {
    static const KOp masks[] = {K_MAND, K_MOR, K_MNOT}, logic[] = {K_AND, K_OR, K_XOR};
    if (is_real(dt)) add_reals(s);
    if (is_int(dt)) add_integers(s);
    if (dt == DT_BOOL) add_all(s, logic, COUNT_OF(logic));
    if (!is_half(dt)) {
        for (KPred p = 0; p < P_COUNT; p++) add_compare(s, p);
        for (size_t i = 0; i < COUNT_OF(masks); i++) add_mask_logic(s, masks[i]);
    }
    add_conversions(s, dt);
    add_moves(s);
}

// ---- running ---------------------------------------------------------------------------------
typedef struct Test {
    Words w;
    Printer printer[MAX_PRINTERS];
    uint32_t nprinters, kernels, failures;
} Test;
static Memory memory_for(DType dt) {
    static const char *const names[] = {"x", "y", "z", "out"};
    Memory m = {0};
    uint32_t n = (uint32_t)count_elements(dt);
    for (int i = 0; i < 4; i++)
        memory_add(&m, names[i], dt, n * (i == OUT ? 16 : dtype_info[dt].nbytes));
    memory_add(&m, "scratch", DT_NONE, 64);
    return m;
}
static void sweep_type(Test *test, const Target *t, DType dt, const Memory *m) {
    Sweep s = {.c = loud_ctx("sweep"), .target = t, .m = *m, .elements = count_elements(dt)};
    uint32_t most = t->vbytes / dtype_info[dt].nbytes;
    fill(&s, dt);
    for (uint32_t n = 1; n <= most; n *= 2) {
        if (n > 1 && n << test->w.count <= most) continue;
        s.t = vec_type(dt, (int)n);
        add_type(&s, dt);
    }
    KernelRun r = {.target = t,
                   .printer = test->printer,
                   .nprinters = test->nprinters,
                   .m = &s.m,
                   .kern = s.kern.data,
                   .n = s.kern.n,
                   .tasks = s.tasks.data,
                   .exact = true};
    Verdict v = kernel_run(&r, false);
    if (v != SAME) printf("%s: %s: %s\n", t->name, dtype_info[dt].text, verdict_text(v));
    test->failures += v != SAME;
    test->kernels += r.n;
    ctx_free(&s.c);
}
int main(int argc, char **argv) {
    Memory m[DT_COUNT];
    Test test = {.w = {.count = 8, .printers = "llvm"}};
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!words_parse(&test.w, argc, argv)) return 2;
    test.nprinters = printers_parse(arena_new("printers"), test.w.printers, test.printer);
    if (!test.nprinters) return 2;
    for (DType dt = 1; dt < DT_COUNT; dt++) m[dt] = memory_for(dt);
    for (size_t i = 0; target_at(i); i++) {
        const Target *t = target_at(i);
        if ((test.w.target && strcmp(test.w.target, t->name)) || !host_can_run(t)) continue;
        test.kernels = 0;
        for (DType dt = 1; dt < DT_COUNT; dt++) sweep_type(&test, t, dt, &m[dt]);
        printf("%s: %u kernels on %u printers, %u failures so far\n", t->name, test.kernels,
               test.nprinters, test.failures);
    }
    printf("%.1f s of processor time\n", cpu_seconds());
    return test.failures != 0;
}
