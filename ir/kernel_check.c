// kernel_check.c: the verifier of kernels, run after every kernel pass and on every parsed text.
// What it accepts, kern_eval and the printers handle; they check nothing again.
#include "ir/kernel.h"
#include "ir/isa.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { CF = 1, CI = 2, CB = 4, CH = 8, ANY = CF | CI | CB | CH };     // CH: f16 and bf16 only move
enum { MAX_LANES = 64, MAX_PARAMS = 64 };
static const int64_t MAX_OFFSET = (int64_t)1 << 40; // bytes; sums stay far from overflow

// Which element types an op takes, where that is not everything: of its result, or of what it
// stores.
static const uint8_t op_classes[K_COUNT] = {
    [K_CONST] = ANY, [K_IOTA] = CI, [K_TOINDEX] = CI, [K_FROMINDEX] = CI,
    [K_LOAD] = ANY, [K_LOADB] = ANY, [K_LOADS] = ANY, [K_STORE] = ANY, [K_STORES] = ANY,
    [K_REG] = ANY, [K_GET] = ANY, [K_SET] = ANY,
    [K_ADD] = CF | CI, [K_SUB] = CF | CI, [K_MUL] = CF | CI, [K_DIV] = CF | CI, [K_REM] = CI,
    [K_MIN] = CF | CI, [K_MAX] = CF | CI, [K_NEG] = CF | CI, [K_ABS] = CF | CI,
    [K_FMA] = CF, [K_DPBF16] = CF, [K_BFMMLA] = CF, [K_SQRT] = CF, [K_FLOOR] = CF,
    [K_CEIL] = CF, [K_RINT] = CF,
    [K_AND] = CI | CB, [K_OR] = CI | CB, [K_XOR] = CI | CB, [K_SHL] = CI, [K_SHR] = CI,
    [K_CMP] = CF | CI | CB, [K_SELECT] = ANY, [K_CVT] = ANY, [K_CVTDZ] = CH,
    [K_BITCAST] = CF | CI | CH,
    [K_BCAST] = ANY, [K_ZIPLO] = ANY, [K_ZIPHI] = ANY,
    [K_RSUM] = CF | CI, [K_RMAX] = CF | CI, [K_RMIN] = CF | CI,
    [K_EXP2] = CF, [K_EXP] = CF, [K_LOG] = CF, [K_ERF] = CF, [K_TANH] = CF, [K_SIN] = CF,
    [K_COS] = CF, [K_GELU] = CF,
};
static int class_of(uint32_t dt) {
    if (dtype_is_half(dt)) return CH;
    DClass c = dtype_info[dt].cls;
    return c == CLASS_FLOAT ? CF : c == CLASS_INT ? CI : CB;
}

// What a pointer is known to point into.
typedef struct Pointer {
    enum { INTO_PARAM, INTO_SCRATCH } base;
    int64_t param;
    bool is_exact;             // offset is known
    int64_t offset;
} Pointer;
typedef struct Checker {
    Arena *arena;              // lives as long as the check
    const Kern *k;
    Diag *d;
    Val at;                    // the instruction being checked
    bool after_math;
    Val *loop_of;              // innermost loop around each value, 0 = none
    bool *is_open;             // of each LOOP
    Pointer *pointer;          // of each pointer
    bool *is_set;              // of each REG and TILE: on every path to here
    VEC(Val) open;             // loops around `at`
    VEC(Val) set;              // registers in the order in which they were set first
    VEC(uint32_t) set_before;  // set.n when each open loop began
    Val in_register[TILE_REGISTERS]; // the first tile of each
    bool is_configured;        // between TCONFIG and TRELEASE
} Checker;

static bool PRINTF_LIKE(2, 3) bad(Checker *c, const char *fmt, ...) {
    Str what = str_new(c->arena), line = str_new(c->arena);
    va_list ap;
    va_start(ap, fmt);
    str_vaddf(&what, fmt, ap);
    va_end(ap);
    diag_error(c->d, ERR_MODEL, 0, "kernel @%s: %s", c->k->name, str_cstr(&what));
    if (!c->at) return false;
    kern_print_ins(c->k, c->at, &line);
    return diag_note(c->d, "in: %s", str_cstr(&line));
}

// ---- operands --------------------------------------------------------------------------------
static bool check_operand(Checker *c, const Ins *i, int n) {
    static const struct {
        char letter;
        ValKind kind;
        const char *text;
    } kinds[] = {{'i', V_INDEX, "an index"}, {'p', V_PTR, "a pointer"}, {'v', V_VEC, "a vector"},
                 {'m', V_MASK, "a mask"}, {'r', V_REG, "a register"}, {'t', V_TILE, "a tile"}};
    Val v = i->arg[n];
    if (v == 0 || v >= c->at) return bad(c, "operand %d is not defined before", n + 1);
    Val loop = c->loop_of[v];
    if (loop && !c->is_open[loop])
        return bad(c, "operand %d belongs to a loop that has ended", n + 1);
    for (size_t j = 0; j < COUNT_OF(kinds); j++)
        if (kinds[j].letter == kernel_op[i->op].operands[n] &&
            kinds[j].kind != kern_type(c->k, v).kind)
            return bad(c, "operand %d is not %s", n + 1, kinds[j].text);
    return true;
}
static bool same(VType a, VType b) { return a.dt == b.dt && a.n == b.n; }
static const char *text_of(Checker *c, VType t) { // f32x4
    return arena_printf(c->arena, t.n == 1 ? "%s" : "%sx%u", dtype_info[t.dt].text, t.n);
}
static bool same_types(Checker *c, VType a, VType b) {
    return same(a, b) ||
           bad(c, "operands of different types: %s and %s", text_of(c, a), text_of(c, b));
}
static bool in_register(Checker *c, VType reg, VType t) {
    return same(reg, t) || bad(c, "a register of %s, not %s", text_of(c, reg), text_of(c, t));
}
static bool one_lane(Checker *c, uint32_t n) {
    return n == 1 || bad(c, "%u lanes where one is expected", n);
}

// ---- types -----------------------------------------------------------------------------------
static bool check_lanes(Checker *c, uint32_t n) {
    bool power_of_two = n && (n & (n - 1)) == 0;
    return (power_of_two && n <= MAX_LANES) ||
           bad(c, "%u lanes; a power of two up to %d is expected", n, MAX_LANES);
}
static bool check_vector(Checker *c, VType t) {
    if (t.dt == DT_NONE || t.dt >= DT_COUNT) return bad(c, "no element type");
    if (!check_lanes(c, t.n)) return false;
    uint32_t nbytes = t.n * dtype_info[t.dt].nbytes, most = c->k->target->vbytes;
    if (t.n > 1 && nbytes > most)
        return bad(c, "a vector of %u bytes; those of %s have %u", nbytes, c->k->target->name,
                   most);
    return true;
}
static bool check_result_kind(Checker *c, const Ins *i) {
    ValKind want = kernel_op[i->op].result;
    if (i->type.kind != want) return bad(c, "a result of the wrong kind");
    if (want == V_VEC || want == V_REG) return check_vector(c, i->type);
    return want != V_MASK || check_lanes(c, i->type.n);
}
static bool is_store(const Ins *i) {
    return i->op == K_STORE || i->op == K_STORES || i->op == K_SET;
}
// The type that op_classes speaks of.
static VType subject(const Kern *k, const Ins *i) {
    if (i->op == K_CMP || i->op == K_TOINDEX) return kern_type(k, i->arg[0]);
    return is_store(i) ? kern_type(k, i->arg[1]) : i->type;
}
static bool check_cvt(Checker *c, VType from, VType to) {
    if (from.n != to.n) return bad(c, "%u lanes become %u", from.n, to.n);
    bool half = class_of(from.dt) == CH || class_of(to.dt) == CH;
    if (half && from.dt != DT_F32 && to.dt != DT_F32)
        return bad(c, "%s and %s convert only by way of f32", dtype_info[from.dt].text,
                   dtype_info[to.dt].text);
    return true;
}
static bool check_bitcast(Checker *c, VType from, VType to) {
    if (from.n * dtype_info[from.dt].nbytes != to.n * dtype_info[to.dt].nbytes ||
        class_of(from.dt) == CB)
        return bad(c, "%s and %s do not have the same number of bits", text_of(c, from),
                   text_of(c, to));
    return true;
}
// Operands of exactly these types.
static bool has_types(Checker *c, const Ins *i, const VType *want) {
    for (int n = 0; n < kernel_op[i->op].nargs; n++) {
        VType t = kern_type(c->k, i->arg[n]);
        if (!same(t, want[n]))
            return bad(c, "operand %d is %s, not %s", n + 1, text_of(c, t), text_of(c, want[n]));
    }
    return true;
}
static bool check_dpbf16(Checker *c, const Ins *i) {
    VType pairs = vec_type(DT_I32, i->type.n), sum = vec_type(DT_F32, i->type.n);
    return has_types(c, i, (VType[]){pairs, pairs, sum}) && same_types(c, i->type, sum);
}
static bool check_bfmmla(Checker *c, const Ins *i) {
    VType quads = vec_type(DT_I64, i->type.n / 2), sum = vec_type(DT_F32, i->type.n);
    if (i->type.n % 4) return bad(c, "%u lanes are no blocks of 2 x 2", i->type.n);
    return has_types(c, i, (VType[]){quads, quads, sum}) && same_types(c, i->type, sum);
}
static bool check_cvtdz(Checker *c, const Ins *i) {
    return has_types(c, i, (VType[]){vec_type(DT_F32, i->type.n)}) &&
           same_types(c, i->type, vec_type(DT_BF16, i->type.n));
}
// The operands against the result: by default all vectors have its type.
static bool check_shape(Checker *c, const Ins *i) {
    const Kern *k = c->k;
    VType a = kern_type(k, i->arg[0]), b = kern_type(k, i->arg[1]);
    switch ((KOp)i->op) {
    case K_TOINDEX: return one_lane(c, a.n);
    case K_FROMINDEX: return one_lane(c, i->type.n);
    case K_GET: return in_register(c, a, i->type);
    case K_SET: return in_register(c, a, b);
    case K_CMP: return same_types(c, a, b) &&
                        (i->type.n == a.n || bad(c, "%u lanes give a mask of %u", a.n, i->type.n));
    case K_SELECT:
        if (a.n != i->type.n) return bad(c, "a mask of %u lanes for %u", a.n, i->type.n);
        return same_types(c, b, kern_type(k, i->arg[2])) && same_types(c, b, i->type);
    case K_DPBF16: return check_dpbf16(c, i);
    case K_BFMMLA: return check_bfmmla(c, i);
    case K_CVTDZ: return check_cvtdz(c, i);
    case K_CVT: return check_cvt(c, a, i->type);
    case K_BITCAST: return check_bitcast(c, a, i->type);
    case K_ZIPLO:
    case K_ZIPHI:
        if (i->type.n < 2) return bad(c, "one lane has no halves");
        break;
    case K_BCAST: 
        return a.dt == i->type.dt || bad(c, "%s becomes %s: of another type", text_of(c, a),
                                         text_of(c, i->type));
    case K_RSUM:
    case K_RMAX:
    case K_RMIN:
        return (a.dt == i->type.dt && i->type.n == 1) || bad(c, "the result is not one lane");
    default: break;
    }
    for (int n = 0; n < kernel_op[i->op].nargs; n++) {
        char letter = kernel_op[i->op].operands[n];
        bool plain =
            (letter == 'v' && i->type.kind == V_VEC) || (letter == 'm' && i->type.kind == V_MASK);
        if (plain && letter == 'm' && kern_type(k, i->arg[n]).n != i->type.n)
            return bad(c, "masks of %u and %u lanes", kern_type(k, i->arg[n]).n, i->type.n);
        if (plain && letter == 'v' && !same_types(c, i->type, kern_type(k, i->arg[n])))
            return false;
    }
    return true;
}

// ---- memory ----------------------------------------------------------------------------------
static bool constant_index(const Kern *k, Val v, int64_t *value) {
    *value = kern_ins(k, v)->imm;
    return kern_ins(k, v)->op == K_INDEX;
}
static bool small(int64_t offset) { return offset > -MAX_OFFSET && offset < MAX_OFFSET; }
static void know_pointer(Checker *c, const Ins *i) {
    Pointer p = {.base = INTO_PARAM, .param = i->imm};
    int64_t by = 0;
    if (i->op == K_SCRATCH) p = (Pointer){.base = INTO_SCRATCH, .is_exact = true};
    if (i->op == K_PADD) {
        p = c->pointer[i->arg[0]];
        p.is_exact = p.is_exact && constant_index(c->k, i->arg[1], &by) && small(by);
        if (p.is_exact) p.offset += by + i->imm;
        p.is_exact = p.is_exact && small(p.offset);
    }
    c->pointer[c->at] = p;
}
static bool check_access(Checker *c, const Ins *i) {
    const Kern *k = c->k;
    bool store = is_store(i);
    VType t = subject(k, i);
    Pointer p = c->pointer[i->arg[0]];
    if (i->lanes < 1 || i->lanes > t.n) return bad(c, "%u lanes of a vector of %u", i->lanes, t.n);
    if (!small(i->imm) || !small(i->imm2)) return bad(c, "an offset beyond all memory");
    if (store && p.base == INTO_PARAM && !k->param.data[p.param].is_mutable)
        return bad(c, "writes to %%%s, which is not mut", k->param.data[p.param].name);
    if (p.base != INTO_SCRATCH || !p.is_exact) return true;
    int64_t element = dtype_info[t.dt].nbytes;
    bool strided = i->op == K_LOADS || i->op == K_STORES;
    int64_t first = p.offset + i->imm,
            last = first + (i->lanes - 1) * (strided ? i->imm2 : element);
    int64_t lo = min_i64(first, last), hi = max_i64(first, last) + element;
    if (lo < 0 || hi > (int64_t)k->scratch_bytes)
        return bad(c, "scratch bytes %lld to %lld of %llu", (long long)lo, (long long)hi,
                   (unsigned long long)k->scratch_bytes);
    return true;
}

// ---- control and slots -----------------------------------------------------------------------
static bool runs_at_least_once(const Kern *k, const Ins *loop) {
    int64_t lo, hi;
    return constant_index(k, loop->arg[0], &lo) && constant_index(k, loop->arg[1], &hi) && lo < hi;
}
static bool check_end(Checker *c) {
    if (!c->open.n) return bad(c, "no loop is open");
    Val loop = c->open.data[--c->open.n];
    uint32_t before = c->set_before.data[--c->set_before.n];
    c->is_open[loop] = false;
    if (runs_at_least_once(c->k, kern_ins(c->k, loop))) return true;
    while (c->set.n > before) c->is_set[c->set.data[--c->set.n]] = false;
    return true;
}
static bool check_loop(Checker *c, const Ins *i) {
    if (i->imm <= 0) return bad(c, "a step of %lld, less than 1", (long long)i->imm);
    *PUSH(c->arena, &c->open) = c->at;
    *PUSH(c->arena, &c->set_before) = c->set.n;
    c->is_open[c->at] = true;
    c->loop_of[c->at] = c->at;
    return true;
}
static bool check_set(Checker *c, Val reg) { // or tile
    if (!c->is_set[reg]) *PUSH(c->arena, &c->set) = reg;
    return c->is_set[reg] = true;
}

// ---- tiles -----------------------------------------------------------------------------------
static bool same_shape(const Ins *a, const Ins *b) {
    return a->imm == b->imm && a->imm2 == b->imm2;
}
static bool check_tile(Checker *c, const Ins *i) {
    if (i->imm < 1 || i->imm > TILE_ROWS) return bad(c, "%lld rows (1 to 16)", (long long)i->imm);
    if (i->imm2 < 4 || i->imm2 > TILE_BYTES || i->imm2 % 4)
        return bad(c, "rows of %lld bytes (4 to 64, a multiple of 4)", (long long)i->imm2);
    if (!i->number) return !c->after_math || bad(c, "it should have a register by now");
    if (i->number > TILE_REGISTERS) return bad(c, "no tile register %u (0 to 7)", i->number - 1u);
    Val *first = &c->in_register[i->number - 1];
    if (!*first) *first = c->at;
    return same_shape(i, kern_ins(c->k, *first)) ||
           bad(c, "a register with tiles of another shape");
}
static bool check_tile_set(Checker *c, Val tile) {
    return c->is_set[tile] || bad(c, "the tile may not have been set");
}
static bool check_product(Checker *c, const Ins *i) {
    const Ins *sum = kern_ins(c->k, i->arg[0]), *a = kern_ins(c->k, i->arg[1]),
              *b = kern_ins(c->k, i->arg[2]);
    if (i->arg[0] == i->arg[1] || i->arg[0] == i->arg[2] || i->arg[1] == i->arg[2])
        return bad(c, "the same tile twice");
    if (sum->imm != a->imm || sum->imm2 != b->imm2 || a->imm2 != 4 * b->imm)
        return bad(c, "tiles of %lld x %lld, %lld x %lld and %lld x %lld do not fit",
                   (long long)sum->imm, (long long)sum->imm2, (long long)a->imm,
                   (long long)a->imm2, (long long)b->imm, (long long)b->imm2);
    return check_tile_set(c, i->arg[0]) && check_tile_set(c, i->arg[1]) &&
           check_tile_set(c, i->arg[2]);
}
static bool check_tile_access(Checker *c, const Ins *i) {
    const Kern *k = c->k;
    bool store = i->op == K_TSTORE;
    const Ins *tile = kern_ins(k, i->arg[store]);
    Pointer p = c->pointer[i->arg[!store]];
    if (!small(i->imm) || !small(i->imm2)) return bad(c, "an offset beyond all memory");
    if (i->imm2 < 0) return bad(c, "a stride of %lld, less than 0", (long long)i->imm2);
    if (store && p.base == INTO_PARAM && !k->param.data[p.param].is_mutable)
        return bad(c, "writes to %%%s, which is not mut", k->param.data[p.param].name);
    int64_t lo = p.offset + i->imm, hi = lo + (tile->imm - 1) * i->imm2 + tile->imm2;
    if (p.base == INTO_SCRATCH && p.is_exact && (lo < 0 || hi > (int64_t)k->scratch_bytes))
        return bad(c, "scratch bytes %lld to %lld of %llu", (long long)lo, (long long)hi,
                   (unsigned long long)k->scratch_bytes);
    return store ? check_tile_set(c, i->arg[1]) : check_set(c, i->arg[0]);
}
static bool check_config(Checker *c, const Ins *i) {
    bool begins = i->op == K_TCONFIG;
    if (c->open.n) return bad(c, "inside a loop");
    if (begins == c->is_configured)
        return bad(c, begins ? "tiles are configured already" : "tiles are not configured");
    c->is_configured = begins;
    return true;
}
static bool check_tiles(Checker *c, const Ins *i) {
    bool uses = i->op != K_TILE && i->op != K_TCONFIG && i->op != K_TRELEASE;
    if (!isa_legal(c->k, i)) return bad(c, "%s does not have it", c->k->target->name);
    if (uses && c->after_math && !c->is_configured) return bad(c, "tiles are not configured");
    switch ((KOp)i->op) {
    case K_TILE: return check_tile(c, i);
    case K_TCONFIG:
    case K_TRELEASE: return check_config(c, i);
    case K_TZERO: return check_set(c, i->arg[0]);
    case K_TLOAD:
    case K_TSTREAM:
    case K_TSTORE: return check_tile_access(c, i);
    default: return check_product(c, i);
    }
}

// ---- immediates and the target ---------------------------------------------------------------
static bool check_const(Checker *c, const Ins *i) {
    uint32_t nbits = 8 * dtype_info[i->type.dt].nbytes;
    uint64_t bits = (uint64_t)i->imm, most = i->type.dt == DT_BOOL ? 1 : ~0ull >> (64 - nbits);
    return bits <= most || bad(c, "bits beyond the element");
}
static bool check_immediate(Checker *c, const Ins *i) {
    int64_t v = i->imm, divisor;
    switch ((KOp)i->op) {
    case K_PARAM: return (v >= 0 && v < c->k->param.n) || bad(c, "no parameter %lld", (long long)v);
    case K_CONST: return check_const(c, i);
    case K_IDIV:
    case K_IMOD:
        return !constant_index(c->k, i->arg[1], &divisor) || divisor > 0 ||
               bad(c, "a divisor of %lld, less than 1", (long long)divisor);
    case K_PADD: return small(v) || bad(c, "an offset beyond all memory");
    case K_PREFETCH:
        if (!small(v)) return bad(c, "an offset beyond all memory");
        return (i->imm2 >= 0 && i->imm2 <= 2) ||
               bad(c, "no cache level %lld (0 to 2)", (long long)i->imm2);
    case K_SHL:
    case K_SHR:
        return (v >= 0 && v < 8 * dtype_info[i->type.dt].nbytes) ||
               bad(c, "a shift by %lld of %s", (long long)v, text_of(c, i->type));
    case K_CMP: return (v >= 0 && v < P_COUNT) || bad(c, "no such predicate");
    case K_EXP2: return (v >= 3 && v <= 6) || 
                       bad(c, "no polynomial of degree %lld (3 to 6)", (long long)v);
    default: return true;
    }
}
static bool check_legal(Checker *c, const Ins *i) {
    bool math = kernel_is_math(i->op);
    if (math && i->type.dt != DT_F32)
        return bad(c, "defined for f32 alone, not for %s", text_of(c, i->type));
    if (!c->after_math) return true;
    if (math) return bad(c, "it should be arithmetic by now");
    if (!isa_legal(c->k, i)) return bad(c, "%s does not have it", c->k->target->name);
    return true;
}

static bool check_ins(Checker *c) {
    const Ins *i = kern_ins(c->k, c->at);
    if (i->op == K_NOP) return true;
    if (i->op >= K_COUNT) return bad(c, "no such op");
    c->loop_of[c->at] = c->open.n ? c->open.data[c->open.n - 1] : 0;
    for (int n = 0; n < kernel_op[i->op].nargs; n++)
        if (!check_operand(c, i, n)) return false;
    if (!check_result_kind(c, i)) return false;
    uint8_t classes = op_classes[i->op];
    VType t = subject(c->k, i);
    if (classes && !(class_of(t.dt) & classes))
        return bad(c, "not defined for %s", dtype_info[t.dt].text);
    if (kernel_is_tile(i->op)) return check_tiles(c, i);
    if (!check_shape(c, i) || !check_immediate(c, i) || !check_legal(c, i)) return false;
    switch ((KOp)i->op) {
    case K_PARAM:
    case K_SCRATCH:
    case K_PADD: know_pointer(c, i); return true;
    case K_LOOP: return check_loop(c, i);
    case K_END: return check_end(c);
    case K_LOAD:
    case K_LOADB:
    case K_LOADS:
    case K_STORE:
    case K_STORES: return check_access(c, i);
    case K_GET: return c->is_set[i->arg[0]] || bad(c, "the register may not have been set");
    case K_SET: return check_set(c, i->arg[0]);
    default: return true;
    }
}

// ---- the kernel as a whole -------------------------------------------------------------------
static bool is_identifier(const char *s) {
    if (!s || !(isalpha((unsigned char)*s) || *s == '_')) return false;
    while (isalnum((unsigned char)*s) || *s == '_') s++;
    return !*s;
}
static bool check_head(Checker *c) {
    const Kern *k = c->k;
    if (!is_identifier(k->name)) return bad(c, "the name is not an identifier");
    if (k->param.n > MAX_PARAMS) return bad(c, "%u parameters", k->param.n);
    for (uint32_t n = 0; n < k->param.n; n++) {
        const KParam *p = &k->param.data[n];
        if (!is_identifier(p->name))
            return bad(c, "the name of parameter %u is not an identifier", n);
        for (uint32_t m = 0; m < n; m++)
            if (!strcmp(p->name, k->param.data[m].name))
                return bad(c, "two parameters %%%s", p->name);
    }
    return true;
}
static bool check_body(Checker *c) {
    uint32_t n = c->k->ins.n;
    c->loop_of = NEW_N(c->arena, Val, n);
    c->is_open = NEW_N(c->arena, bool, n);
    c->pointer = NEW_N(c->arena, Pointer, n);
    c->is_set = NEW_N(c->arena, bool, n);
    for (c->at = 1; c->at < n; c->at++)
        if (!check_ins(c)) return false;
    c->at = 0;
    if (c->is_configured) return bad(c, "tiles are configured and not released");
    return !c->open.n || bad(c, "a loop has no end");
}
bool kern_check(const Kern *k, Diag *d, bool after_math) {
    Arena *a = arena_new("kern_check");
    Checker c = {.arena = a, .k = k, .d = d, .after_math = after_math};
    bool ok = check_head(&c) && check_body(&c);
    arena_free(a);
    return ok;
}
