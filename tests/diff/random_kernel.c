// random_kernel.c: a kernel as a sequence of random statements over a pool of values. What keeps it
// valid: a value is used only while its loop is open, an address is a multiple of the element and
// inside its buffer for every counter, and a NaN is made the one canonical NaN before its bits can
// be seen, since which of two NaNs an addition returns is nobody's promise.
#include "tests/diff/random_kernel.h"
#include "passes/passes.h"
#include <math.h>

enum { MAX_POOL = 256, MAX_OPEN = 3, REGS = 4, MAX_INDEX = 8 };
typedef struct Gen {
    Random r;
    Kern *k;
    Val pool[MAX_POOL]; // vectors in scope
    int npool;
    Val mask[MAX_POOL];
    int nmasks;
    Val index[MAX_POOL]; // each in [0, MAX_INDEX)
    int nindices;
    int open[MAX_OPEN][3]; // npool, nmasks, nindices when a loop began
    int depth;
    Val param[BUFFERS], scratch;
    Val reg[REGS]; // all set at the start
    int nregs;
} Gen;

// ---- choosing --------------------------------------------------------------------------------
static uint32_t below(Gen *g, uint32_t n) {
    return random_below(&g->r, n);
}
static bool one_in(Gen *g, uint32_t n) {
    return random_one_in(&g->r, n);
}
static DClass class_of(VType t) {
    return dtype_info[t.dt].cls;
}
static bool is_half(VType t) {
    return t.dt == DT_F16 || t.dt == DT_BF16;
}
static bool is_real(VType t) {
    return class_of(t) == CLASS_FLOAT && !is_half(t);
}
static uint32_t nbytes(VType t) {
    return dtype_info[t.dt].nbytes;
}

static VType some_type(Gen *g) {
    DType dt = one_in(g, 3) ? DT_F32 : (DType)(1 + below(g, DT_COUNT - 1));
    uint32_t most = g->k->target->vbytes / dtype_info[dt].nbytes;
    int n = 1 << below(g, 7);
    return vec_type(dt, n > (int)most ? (int)most : n);
}
static Val keep(Gen *g, Val v) {
    if (g->npool < MAX_POOL) g->pool[g->npool++] = v;
    return v;
}
static Val constant(Gen *g, VType t) {
    int64_t element = 0;
    random_element(&g->r, (DType)t.dt, &element, 0);
    if (class_of(t) != CLASS_FLOAT) return k_const_i(g->k, t, element);
    return k_const_f(g->k, t, dtype_read_f((DType)t.dt, &element, 0));
}
static Val some_value(Gen *g) {
    uint32_t n = (uint32_t)g->npool, recent = n < 6 || one_in(g, 3) ? n : 6;
    return g->pool[n - 1 - below(g, recent)];
}
// A value in scope that has the type, or a new constant.
static Val like(Gen *g, VType t) {
    int start = (int)below(g, (uint32_t)g->npool);
    for (int i = 0; i < g->npool; i++) {
        Val v = g->pool[(start + i) % g->npool];
        VType have = kern_type(g->k, v);
        if (have.dt == t.dt && have.n == t.n) return v;
    }
    return constant(g, t);
}
Val tame_nan(Kern *k, Val v) {
    VType t = kern_type(k, v);
    if (!is_real(t)) return v;
    Val nan = k_const_f(k, t, (double)NAN);
    return k_select(k, k_cmp(k, P_UNORD, v, v), nan, v);
}
static Val tame(Gen *g, Val v) {
    return tame_nan(g->k, v);
}

// ---- addresses -------------------------------------------------------------------------------
typedef struct Spot {
    Val p;
    int64_t disp;
} Spot;
// Somewhere in a buffer of `size` bytes where `span` bytes fit; the pointer may move by an index.
static Spot spot(Gen *g, Val base, uint32_t size, uint32_t span, uint32_t element) {
    uint32_t step = element * (one_in(g, 2) ? 1 : 1 + below(g, 5));
    bool moving = g->nindices && one_in(g, 2) && span + step * (MAX_INDEX - 1) <= size;
    uint32_t room = size - span - (moving ? step * (MAX_INDEX - 1) : 0);
    uint32_t slots = room / element + 1, at = below(g, slots);
    if (one_in(g, 4)) at = slots - 1;
    Spot s = {base, (int64_t)(at * element)};
    if (moving)
        s.p = k_padd(g->k, base, k_imuli(g->k, g->index[below(g, (uint32_t)g->nindices)], step));
    if (one_in(g, 4)) { // part of the distance goes into the pointer
        int64_t part = element * below(g, 9);
        s.p = k_paddi(g->k, s.p, part);
        s.disp -= part;
    }
    return s;
}
static Spot readable(Gen *g, VType t, uint32_t span) {
    if (t.dt == DT_BOOL) return spot(g, g->param[2], BUFFER_BYTES, span, 1);
    uint32_t which = below(g, 4);
    if (which == 2) return spot(g, g->scratch, SCRATCH_BYTES, span, nbytes(t));
    return spot(g, g->param[which], BUFFER_BYTES, span, nbytes(t));
}
static Spot writable(Gen *g, VType t, uint32_t span) {
    if (one_in(g, 3)) return spot(g, g->scratch, SCRATCH_BYTES, span, nbytes(t));
    return spot(g, g->param[3], BUFFER_BYTES, span, nbytes(t));
}
static int some_lanes(Gen *g, VType t) {
    return one_in(g, 2) ? t.n : 1 + (int)below(g, t.n);
}

// ---- statements ------------------------------------------------------------------------------
static void source(Gen *g) {
    VType t = some_type(g);
    if (class_of(t) == CLASS_INT && one_in(g, 2))
        keep(g, k_iota(g->k, t));
    else
        keep(g, constant(g, t));
}
static void load(Gen *g) {
    VType t = some_type(g);
    int lanes = some_lanes(g, t);
    if (one_in(g, 4)) {
        Spot s = readable(g, t, nbytes(t));
        keep(g, k_loadb(g->k, t, s.p, s.disp));
        return;
    }
    if (one_in(g, 3)) {
        int64_t stride = nbytes(t) * (int64_t)below(g, 4);
        Spot s = readable(g, t, (uint32_t)stride * (uint32_t)(lanes - 1) + nbytes(t));
        keep(g, k_loads(g->k, t, s.p, s.disp, stride, lanes));
        return;
    }
    Spot s = readable(g, t, (uint32_t)lanes * nbytes(t));
    keep(g, k_load(g->k, t, s.p, s.disp, lanes));
}
static void store_value(Gen *g, Val value) {
    Val v = tame(g, value);
    VType t = kern_type(g->k, v);
    int lanes = some_lanes(g, t);
    if (one_in(g, 4)) {
        int64_t stride = nbytes(t) * (int64_t)(1 + below(g, 3));
        Spot s = writable(g, t, (uint32_t)stride * (uint32_t)(lanes - 1) + nbytes(t));
        k_stores(g->k, s.p, s.disp, stride, v, lanes);
        return;
    }
    Spot s = writable(g, t, (uint32_t)lanes * nbytes(t));
    k_store(g->k, s.p, s.disp, v, lanes);
}
static void store(Gen *g) {
    store_value(g, some_value(g));
}
static Val pairs(Gen *g, int n) { // of bf16: any bits, but often those of numbers
    if (one_in(g, 3)) return like(g, vec_type(DT_I32, n));
    return k_bitcast(g->k, DT_I32, tame(g, like(g, vec_type(DT_F32, n))));
}
static void arithmetic_on_reals(Gen *g, Val a) {
    static const KOp two[] = {K_ADD, K_SUB, K_MUL, K_DIV, K_MIN, K_MAX};
    static const KOp one[] = {K_NEG, K_ABS, K_SQRT, K_FLOOR, K_CEIL, K_RINT};
    VType t = kern_type(g->k, a);
    uint32_t what = below(g, 10);
    if (t.dt == DT_F32 && target_has(g->k->target, F_BF16) && one_in(g, 4))
        keep(g, k_dpbf16(g->k, pairs(g, t.n), pairs(g, t.n), a));
    else if (t.dt == DT_F32 && t.n == 4 && target_has(g->k->target, F_ARM_BF16) && one_in(g, 4))
        keep(g, k_bfmmla(g->k, k_bitcast(g->k, DT_I64, pairs(g, 4)),
                         k_bitcast(g->k, DT_I64, pairs(g, 4)), a));
    else if (what < 5)
        keep(g, k_op2(g->k, two[below(g, COUNT_OF(two))], a, like(g, t)));
    else if (what < 8)
        keep(g, k_op1(g->k, one[below(g, COUNT_OF(one))], a));
    else if (what < 9 || t.dt != DT_F32)
        keep(g, k_fma(g->k, a, like(g, t), like(g, t)));
    else if (one_in(g, 3)) {
        Val v = k_op1(g->k, (KOp)(K_EXP2 + below(g, K_COUNT - K_EXP2)), a);
        if (kern_ins(g->k, v)->op == K_EXP2) kern_ins(g->k, v)->imm = 3 + below(g, 4);
        keep(g, v);
    }
}
static void arithmetic_on_integers(Gen *g, Val a) {
    static const KOp two[] = {K_ADD, K_SUB, K_MUL, K_DIV, K_REM, K_MIN, K_MAX, K_AND, K_OR, K_XOR};
    VType t = kern_type(g->k, a);
    if (one_in(g, 6))
        keep(g, k_op1(g->k, one_in(g, 2) ? K_NEG : K_ABS, a));
    else if (one_in(g, 4))
        keep(g, k_shift(g->k, one_in(g, 2) ? K_SHL : K_SHR, a, (int)below(g, 8 * nbytes(t))));
    else
        keep(g, k_op2(g->k, two[below(g, COUNT_OF(two))], a, like(g, t)));
}
static void arithmetic(Gen *g) {
    static const KOp logic[] = {K_AND, K_OR, K_XOR};
    Val a = some_value(g);
    VType t = kern_type(g->k, a);
    if (is_real(t))
        arithmetic_on_reals(g, a);
    else if (class_of(t) == CLASS_INT)
        arithmetic_on_integers(g, a);
    else if (class_of(t) == CLASS_BOOL)
        keep(g, k_op2(g->k, logic[below(g, 3)], a, like(g, t)));
}
static void convert(Gen *g) {
    Val a = some_value(g);
    VType t = kern_type(g->k, a);
    DType to = (DType)(1 + below(g, DT_COUNT - 1));
    bool half = is_half(t) || to == DT_F16 || to == DT_BF16;
    if (half && t.dt != DT_F32) to = DT_F32;
    if (t.dt == to || (t.n > 1 && t.n * dtype_info[to].nbytes > g->k->target->vbytes)) return;
    if (t.dt == DT_F32 && to == DT_BF16 && one_in(g, 2)) {
        keep(g, k_cvtdz(g->k, tame(g, a)));
        return;
    }
    bool narrows = to == DT_F16 || to == DT_BF16;
    keep(g, k_cvt(g->k, to, narrows ? tame(g, a) : a));
}
static void reinterpret(Gen *g) {
    Val a = some_value(g);
    VType t = kern_type(g->k, a);
    DType to = (DType)(1 + below(g, DT_BOOL - 1));
    if (t.dt == DT_BOOL || dtype_info[to].nbytes != nbytes(t) || t.dt == to) return;
    keep(g, k_bitcast(g->k, to, tame(g, a)));
}
static void compare(Gen *g) {
    Val a = some_value(g);
    VType t = kern_type(g->k, a);
    if (is_half(t) || g->nmasks == MAX_POOL) return;
    g->mask[g->nmasks++] = k_cmp(g->k, (KPred)below(g, P_COUNT), a, like(g, t));
}
static Val some_mask(Gen *g, uint32_t n) { // with n lanes, or 0
    for (int i = g->nmasks; i-- > 0;)
        if (kern_type(g->k, g->mask[i]).n == n && !one_in(g, 4)) return g->mask[i];
    return 0;
}
static void mask_logic(Gen *g) {
    if (!g->nmasks || g->nmasks == MAX_POOL) return;
    Val m = g->mask[below(g, (uint32_t)g->nmasks)], n = some_mask(g, kern_type(g->k, m).n);
    Ins i = {.op = K_MNOT, .type = kern_type(g->k, m), .arg = {m}};
    if (n) {
        i.op = one_in(g, 2) ? K_MAND : K_MOR;
        i.arg[1] = n;
    }
    g->mask[g->nmasks++] = kern_emit(g->k, i);
}
static void choose(Gen *g) {
    Val a = some_value(g);
    VType t = kern_type(g->k, a);
    Val m = some_mask(g, t.n);
    if (m) keep(g, k_select(g->k, m, a, like(g, t)));
}
static void across(Gen *g) {
    static const KOp tree[] = {K_RSUM, K_RMAX, K_RMIN};
    Val a = some_value(g);
    VType t = kern_type(g->k, a);
    uint32_t most = g->k->target->vbytes / nbytes(t);
    if (one_in(g, 2))
        keep(g, k_bcast(g->k, a, 1 << below(g, (uint32_t)__builtin_ctz(most) + 1)));
    else if (is_real(t) || class_of(t) == CLASS_INT)
        keep(g, k_rtree(g->k, tree[below(g, 3)], a));
}
static void new_slot(Gen *g) {
    source(g);
    Val a = some_value(g), r = k_reg(g->k, kern_type(g->k, a));
    k_set(g->k, r, a);
    g->reg[g->nregs++] = r;
}
static void slots(Gen *g) {
    Val r = g->reg[below(g, (uint32_t)g->nregs)], v = k_get(g->k, r);
    keep(g, v);
    if (one_in(g, 2)) k_set(g->k, r, like(g, kern_type(g->k, v)));
}
static Val small_index(Gen *g, Val i) { // any index into [0, MAX_INDEX)
    Val zero = k_index(g->k, 0);
    if (one_in(g, 2))
        return k_imod(g->k, k_imax(g->k, i, zero), k_index(g->k, 1 + below(g, MAX_INDEX)));
    return k_imin(g->k, k_imax(g->k, i, zero), k_index(g->k, below(g, MAX_INDEX)));
}
static void index_arithmetic(Gen *g) {
    if (!g->nindices || g->nindices == MAX_POOL) return;
    Val a = g->index[below(g, (uint32_t)g->nindices)],
        b = g->index[below(g, (uint32_t)g->nindices)], v = 0;
    switch (below(g, 6)) {
    case 0: v = k_iadd(g->k, k_imuli(g->k, a, 1 + below(g, 9)), b); break;
    case 1: v = k_isub(g->k, a, b); break;
    case 2: v = k_idiv(g->k, k_imul(g->k, a, b), k_index(g->k, 1 + below(g, 5))); break;
    case 3: v = k_imod(g->k, k_imuli(g->k, a, 7), k_iaddi(g->k, b, 1)); break;
    case 4: {
        Val x = some_value(g);
        VType t = kern_type(g->k, x);
        if (t.n == 1 && class_of(t) == CLASS_INT) v = k_toindex(g->k, x);
        break;
    }
    default: keep(g, k_fromindex(g->k, one_in(g, 2) ? DT_I64 : DT_I32, k_isub(g->k, a, b))); break;
    }
    if (v) g->index[g->nindices++] = small_index(g, v);
}
static void open_loop(Gen *g) {
    if (g->depth == MAX_OPEN || g->nindices == MAX_POOL) return;
    int *o = g->open[g->depth++];
    o[0] = g->npool;
    o[1] = g->nmasks;
    o[2] = g->nindices;
    Val lo = k_index(g->k, below(g, 3)), hi = k_index(g->k, below(g, MAX_INDEX));
    if (g->nindices && one_in(g, 3)) hi = g->index[below(g, (uint32_t)g->nindices)];
    if (g->nindices && one_in(g, 4)) lo = g->index[below(g, (uint32_t)g->nindices)];
    g->index[g->nindices++] = k_loop(g->k, lo, hi, 1 + below(g, 3));
}
// What a scope made last is seen outside of it.
static void store_latest(Gen *g) {
    int begin = g->open[g->depth - 1][0], first = g->npool - begin > 6 ? g->npool - 6 : begin;
    for (int i = first; i < g->npool; i++) store_value(g, g->pool[i]);
}
static void close_loop(Gen *g) {
    store_latest(g);
    int *o = g->open[--g->depth];
    g->npool = o[0];
    g->nmasks = o[1];
    g->nindices = o[2];
    k_end(g->k);
}
static void close_inner(Gen *g) {
    if (g->depth > 1) close_loop(g);
}
static void prefetch(Gen *g) {
    int64_t far = (int64_t)below(g, 1 << 20) - (1 << 19);
    k_prefetch(g->k, g->param[below(g, BUFFERS)], far, (int)below(g, 3));
}
static void statement(Gen *g) {
    static void (*const all[])(Gen *) = {load,       load,
                                         load,       store,
                                         store,      arithmetic,
                                         arithmetic, arithmetic,
                                         arithmetic, convert,
                                         convert,    compare,
                                         choose,     reinterpret,
                                         across,     slots,
                                         slots,      source,
                                         mask_logic, prefetch,
                                         open_loop,  index_arithmetic,
                                         close_inner};
    all[below(g, COUNT_OF(all))](g);
}

Kern *random_kernel(Arena *a, const Target *t, uint64_t seed, const char *name, int statements) {
    static const char *const names[BUFFERS] = {"x", "y", "flags", "out"};
    Gen g = {.r = {seed}, .k = kern_new(a, name, t)};
    for (int i = 0; i < BUFFERS; i++)
        g.param[i] = k_param(g.k, names[i], i == 2 ? DT_BOOL : DT_F32, i == 3);
    g.scratch = k_scratch(g.k, SCRATCH_BYTES);
    load(&g);
    while (g.nregs < REGS) new_slot(&g);
    g.open[0][0] = g.npool;
    g.depth = 1; // all of it is the loop over tasks
    g.index[g.nindices++] = k_loop(g.k, k_lo(g.k), k_hi(g.k), 1);
    int size = 4 + (int)below(&g, (uint32_t)statements - 3);
    for (int i = 0; i < size; i++) statement(&g);
    while (g.depth) close_loop(&g);
    Kern *arithmetic_only = kern_new(a, name, t);
    pass_math(g.k, arithmetic_only);
    return arithmetic_only;
}
