// kernel.c: the builder of kernels. Lowering calls it like an assembler; what it adds over writing
// instructions down is the result type of each, and constant index arithmetic, which folds here so
// that a schedule can say `i * stride + 0` for any stride and offset without leaving a trace.
#include "ir/kernel.h"
#include <string.h>

const KOpInfo kernel_op[K_COUNT] = {
    [K_NOP] = {"nop", 0, V_NONE, ""},
#define K(op, text, nargs, result, operands) [K_##op] = {text, nargs, V_##result, operands},
#include "ir/kernel_ops.def"
#undef K
};
const char *const kernel_pred[P_COUNT] = {"eq", "ne", "lt", "le", "gt", "ge", "unord"};

static const VType index_type = {V_INDEX, DT_NONE, 0};
static const VType ptr_type = {V_PTR, DT_NONE, 0};

Kern *kern_new(Arena *a, const char *name, const Target *t) {
    Kern *k = NEW(a, Kern);
    k->arena = a;
    k->name = arena_strdup(a, name);
    k->target = t;
    *PUSH(a, &k->ins) = (Ins){.op = K_NOP};
    return k;
}
// A lowering that misuses the builder is a bug of ours, and is told so in every build.
static void require(const Kern *k, bool ok, KOp op, const char *what) {
    if (!ok) die("the kernel builder", "@%s: %s: %s", k->name, kernel_op[op].text, what);
}
Val kern_emit(Kern *k, Ins i) {
    for (int a = 0; a < kernel_op[i.op].nargs; a++)
        require(k, i.arg[a] && i.arg[a] < k->ins.n, (KOp)i.op, "an operand that is no value");
    *PUSH(k->arena, &k->ins) = i;
    return k->ins.n - 1;
}
uint32_t kern_loop_end(const Kern *k, Val loop) {
    uint32_t depth = 0;
    for (uint32_t n = loop; n < k->ins.n; n++) {
        uint8_t op = k->ins.data[n].op;
        if (op == K_LOOP) depth++;
        if (op == K_END && --depth == 0) return n;
    }
    die("kern_loop_end", "%s: the loop at %u has no end", k->name, loop);
}
static Val emit0(Kern *k, KOp op, VType t, int64_t imm) {
    return kern_emit(k, (Ins){.op = (uint8_t)op, .type = t, .imm = imm});
}
static Val emit1(Kern *k, KOp op, VType t, Val a, int64_t imm) {
    return kern_emit(k, (Ins){.op = (uint8_t)op, .type = t, .arg = {a}, .imm = imm});
}
static Val emit2(Kern *k, KOp op, VType t, Val a, Val b, int64_t imm) {
    return kern_emit(k, (Ins){.op = (uint8_t)op, .type = t, .arg = {a, b}, .imm = imm});
}
static void require_same(const Kern *k, KOp op, Val a, Val b) {
    VType x = kern_type(k, a), y = kern_type(k, b);
    require(k, x.kind == y.kind && x.dt == y.dt && x.n == y.n, op, "operands of different types");
}

// ---- sources ---------------------------------------------------------------------------------
Val k_param(Kern *k, const char *name, DType dt, bool is_mutable) {
    *PUSH(k->arena, &k->param) = (KParam){arena_strdup(k->arena, name), dt, is_mutable};
    return emit0(k, K_PARAM, ptr_type, k->param.n - 1);
}
Val k_scratch(Kern *k, uint64_t nbytes) {
    uint64_t offset = k->scratch_bytes;
    k->scratch_bytes += round_up(nbytes, 64);
    return k_paddi(k, emit0(k, K_SCRATCH, ptr_type, 0), (int64_t)offset);
}
Val k_lo(Kern *k) { return emit0(k, K_LO, index_type, 0); }
Val k_hi(Kern *k) { return emit0(k, K_HI, index_type, 0); }
Val k_index(Kern *k, int64_t v) { return emit0(k, K_INDEX, index_type, v); }
static Val constant(Kern *k, VType t, const void *element) {
    uint64_t bits = 0;
    for (uint32_t i = 0; i < dtype_info[t.dt].nbytes; i++)
        bits |= (uint64_t)((const uint8_t *)element)[i] << 8 * i;
    return emit0(k, K_CONST, t, (int64_t)bits);
}
Val k_const_f(Kern *k, VType t, double v) {
    uint8_t element[8];
    dtype_write_f((DType)t.dt, element, 0, v);
    return constant(k, t, element);
}
Val k_const_i(Kern *k, VType t, int64_t v) {
    uint8_t element[8];
    dtype_write_i((DType)t.dt, element, 0, v);
    return constant(k, t, element);
}
Val k_iota(Kern *k, VType t) { return emit0(k, K_IOTA, t, 0); }

// ---- index arithmetic ------------------------------------------------------------------------
static bool is_const(const Kern *k, Val v, int64_t *c) {
    const Ins *i = kern_ins(k, v);
    *c = i->imm;
    return i->op == K_INDEX;
}
static int64_t fold(KOp op, int64_t a, int64_t b) {
    switch (op) {
    case K_IADD: return a + b;
    case K_ISUB: return a - b;
    case K_IMUL: return a * b;
    case K_IDIV: return a / b;
    case K_IMOD: return a % b;
    case K_IMIN: return min_i64(a, b);
    default: return max_i64(a, b);      // K_IMAX
    }
}
static Val index2(Kern *k, KOp op, Val a, Val b) {
    int64_t x, y;
    bool cx = is_const(k, a, &x), cy = is_const(k, b, &y);
    bool divides = op == K_IDIV || op == K_IMOD;
    require(k, !divides || !cy || y > 0, op, "a divisor below 1");
    if (cx && cy) return k_index(k, fold(op, x, y));
    bool neutral_y = (y == 0 && (op == K_IADD || op == K_ISUB)) ||
                     (y == 1 && (op == K_IMUL || op == K_IDIV));
    if (cy && neutral_y) return a;
    bool neutral_x = (x == 0 && op == K_IADD) || (x == 1 && op == K_IMUL);
    if (cx && neutral_x) return b;
    bool zero_factor = op == K_IMUL && ((cx && x == 0) || (cy && y == 0));
    if (zero_factor || (op == K_IMOD && cy && y == 1)) return k_index(k, 0);
    return emit2(k, op, index_type, a, b, 0);
}
Val k_iadd(Kern *k, Val a, Val b) { return index2(k, K_IADD, a, b); }
Val k_isub(Kern *k, Val a, Val b) { return index2(k, K_ISUB, a, b); }
Val k_imul(Kern *k, Val a, Val b) { return index2(k, K_IMUL, a, b); }
Val k_idiv(Kern *k, Val a, Val b) { return index2(k, K_IDIV, a, b); }
Val k_imod(Kern *k, Val a, Val b) { return index2(k, K_IMOD, a, b); }
Val k_imin(Kern *k, Val a, Val b) { return index2(k, K_IMIN, a, b); }
Val k_imax(Kern *k, Val a, Val b) { return index2(k, K_IMAX, a, b); }
Val k_imuli(Kern *k, Val a, int64_t b) { return b == 1 ? a : k_imul(k, a, k_index(k, b)); }
Val k_iaddi(Kern *k, Val a, int64_t b) { return b == 0 ? a : k_iadd(k, a, k_index(k, b)); }
Val k_toindex(Kern *k, Val v) { return emit1(k, K_TOINDEX, index_type, v, 0); }
Val k_fromindex(Kern *k, DType dt, Val i) { return emit1(k, K_FROMINDEX, vec_type(dt, 1), i, 0); }
Val k_padd(Kern *k, Val p, Val bytes) {
    int64_t c;
    if (is_const(k, bytes, &c)) return k_paddi(k, p, c);
    return emit2(k, K_PADD, ptr_type, p, bytes, 0);
}
Val k_paddi(Kern *k, Val p, int64_t bytes) {
    return bytes == 0 ? p : emit2(k, K_PADD, ptr_type, p, k_index(k, bytes), 0);
}

// ---- control ---------------------------------------------------------------------------------
Val k_loop(Kern *k, Val lo, Val hi, int64_t step) {
    require(k, step > 0, K_LOOP, "the step is not positive");
    return emit2(k, K_LOOP, index_type, lo, hi, step);
}
Val k_loopn(Kern *k, int64_t n) {
    Val lo = k_index(k, 0), hi = k_index(k, n);
    return k_loop(k, lo, hi, 1);
}
void k_end(Kern *k) { emit0(k, K_END, (VType){0}, 0); }

// ---- memory ----------------------------------------------------------------------------------
static void require_lanes(const Kern *k, KOp op, VType t, int lanes) {
    require(k, t.kind == V_VEC && lanes >= 1 && lanes <= t.n, op, "lanes that the vector lacks");
}
Val k_load(Kern *k, VType t, Val p, int64_t disp, int lanes) {
    require_lanes(k, K_LOAD, t, lanes);
    return kern_emit(k, (Ins){.op = K_LOAD, .lanes = (uint16_t)lanes, .type = t, .arg = {p},
                              .imm = disp});
}
Val k_loadb(Kern *k, VType t, Val p, int64_t disp) {
    return kern_emit(k, (Ins){.op = K_LOADB, .lanes = 1, .type = t, .arg = {p}, .imm = disp});
}
Val k_loads(Kern *k, VType t, Val p, int64_t disp, int64_t stride, int lanes) {
    require_lanes(k, K_LOADS, t, lanes);
    return kern_emit(k, (Ins){.op = K_LOADS, .lanes = (uint16_t)lanes, .type = t, .arg = {p},
                              .imm = disp, .imm2 = stride});
}
void k_store(Kern *k, Val p, int64_t disp, Val v, int lanes) {
    require_lanes(k, K_STORE, kern_type(k, v), lanes);
    kern_emit(k, (Ins){.op = K_STORE, .lanes = (uint16_t)lanes, .arg = {p, v}, .imm = disp});
}
void k_stores(Kern *k, Val p, int64_t disp, int64_t stride, Val v, int lanes) {
    require_lanes(k, K_STORES, kern_type(k, v), lanes);
    kern_emit(k, (Ins){.op = K_STORES, .lanes = (uint16_t)lanes, .arg = {p, v},
                       .imm = disp, .imm2 = stride});
}
void k_prefetch(Kern *k, Val p, int64_t disp, int level) {
    kern_emit(k, (Ins){.op = K_PREFETCH, .arg = {p}, .imm = disp, .imm2 = level});
}

// ---- slots -----------------------------------------------------------------------------------
Val k_reg(Kern *k, VType t) { return emit0(k, K_REG, (VType){V_REG, t.dt, t.n}, 0); }
Val k_get(Kern *k, Val reg) {
    VType t = kern_type(k, reg);
    return emit1(k, K_GET, (VType){V_VEC, t.dt, t.n}, reg, 0);
}
void k_set(Kern *k, Val reg, Val v) { emit2(k, K_SET, (VType){0}, reg, v, 0); }

// ---- tiles -----------------------------------------------------------------------------------
Val k_tile(Kern *k, int rows, int nbytes) {
    VType t = {.kind = V_TILE};
    return kern_emit(k, (Ins){.op = K_TILE, .type = t, .imm = rows, .imm2 = nbytes});
}
void k_tzero(Kern *k, Val tile) { emit1(k, K_TZERO, (VType){0}, tile, 0); }
void k_tload(Kern *k, KOp op, Val tile, Val p, int64_t disp, int64_t stride) {
    kern_emit(k, (Ins){.op = (uint8_t)op, .arg = {tile, p}, .imm = disp, .imm2 = stride});
}
void k_tstore(Kern *k, Val p, int64_t disp, int64_t stride, Val tile) {
    kern_emit(k, (Ins){.op = K_TSTORE, .arg = {p, tile}, .imm = disp, .imm2 = stride});
}
void k_tdp(Kern *k, KOp op, Val c, Val a, Val b) {
    kern_emit(k, (Ins){.op = (uint8_t)op, .arg = {c, a, b}});
}
void tile_config_of(const Kern *k, uint8_t config[TILE_CONFIG_BYTES]) {
    enum { PALETTE = 0, BYTES_OF_ROW = 16, ROWS = 48 }; // Intel SDM volume 1, section 18.2
    memset(config, 0, TILE_CONFIG_BYTES);
    config[PALETTE] = 1;
    for (Val v = 1; v < k->ins.n; v++) {
        const Ins *i = kern_ins(k, v);
        if (i->op != K_TILE || !i->number) continue;
        config[BYTES_OF_ROW + 2 * (i->number - 1)] = (uint8_t)i->imm2; // of 16 bits the lower 8
        config[ROWS + i->number - 1] = (uint8_t)i->imm;
    }
}
bool kern_has_tiles(const Kern *k) {
    for (Val v = 1; v < k->ins.n; v++)
        if (kern_ins(k, v)->op == K_TILE) return true;
    return false;
}

// ---- vector arithmetic -----------------------------------------------------------------------
Val k_op1(Kern *k, KOp op, Val a) { return emit1(k, op, kern_type(k, a), a, 0); }
Val k_op2(Kern *k, KOp op, Val a, Val b) {
    require_same(k, op, a, b);
    return emit2(k, op, kern_type(k, a), a, b, 0);
}
Val k_fma(Kern *k, Val a, Val b, Val c) {
    require_same(k, K_FMA, a, b);
    require_same(k, K_FMA, a, c);
    return kern_emit(k, (Ins){.op = K_FMA, .type = kern_type(k, a), .arg = {a, b, c}});
}
Val k_dpbf16(Kern *k, Val a, Val b, Val c) {
    require_same(k, K_DPBF16, a, b);
    require(k, kern_type(k, a).n == kern_type(k, c).n, K_DPBF16, "a sum of other lanes");
    return kern_emit(k, (Ins){.op = K_DPBF16, .type = kern_type(k, c), .arg = {a, b, c}});
}
Val k_bfmmla(Kern *k, Val a, Val b, Val c) {
    require_same(k, K_BFMMLA, a, b);
    require(k, 2 * kern_type(k, a).n == kern_type(k, c).n, K_BFMMLA, "a sum of other lanes");
    return kern_emit(k, (Ins){.op = K_BFMMLA, .type = kern_type(k, c), .arg = {a, b, c}});
}
Val k_shift(Kern *k, KOp op, Val a, int by) { return emit1(k, op, kern_type(k, a), a, by); }
Val k_cmp(Kern *k, KPred p, Val a, Val b) {
    VType t = kern_type(k, a);
    require_same(k, K_CMP, a, b);
    return emit2(k, K_CMP, (VType){V_MASK, DT_NONE, t.n}, a, b, p);
}
Val k_select(Kern *k, Val mask, Val a, Val b) {
    VType t = kern_type(k, a);
    require_same(k, K_SELECT, a, b);
    require(k, kern_type(k, mask).n == t.n, K_SELECT, "a mask of other lanes");
    return kern_emit(k, (Ins){.op = K_SELECT, .type = t, .arg = {mask, a, b}});
}
Val k_cvt(Kern *k, DType to, Val v) {
    VType t = kern_type(k, v);
    return t.dt == to ? v : emit1(k, K_CVT, vec_type(to, t.n), v, 0);
}
Val k_cvtdz(Kern *k, Val v) {
    return emit1(k, K_CVTDZ, vec_type(DT_BF16, kern_type(k, v).n), v, 0);
}
Val k_bitcast(Kern *k, DType to, Val v) {
    VType t = kern_type(k, v);
    if (t.dt == to) return v;
    int n = (int)(t.n * dtype_info[t.dt].nbytes / dtype_info[to].nbytes);
    return emit1(k, K_BITCAST, vec_type(to, n), v, 0);
}
Val k_bcast(Kern *k, Val v, int n) {
    VType t = kern_type(k, v);
    return t.n == 1 && n == 1 ? v : emit1(k, K_BCAST, vec_type((DType)t.dt, n), v, 0);
}
Val k_rtree(Kern *k, KOp op, Val v) {
    return emit1(k, op, vec_type((DType)kern_type(k, v).dt, 1), v, 0);
}
