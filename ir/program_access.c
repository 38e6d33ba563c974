// program_access.c: which bytes a launch can touch through each of its arguments, by interval
// arithmetic on the index values of its kernel. The intervals may be too wide (a tail is not told
// from a block), so program_check only calls an access wrong when all of it is.
#include "ir/program_access.h"

typedef struct Range {
    int64_t lo, hi;            // inclusive
    bool is_known;
} Range;
typedef struct Analysis {
    const Kern *k;
    Range *range;              // of each index; of each pointer its offset
    Val *root;                 // of each pointer: its PARAM or SCRATCH
    Access *access;            // of each parameter
} Analysis;

static const Range unknown = {0};
static const int64_t FAR = (int64_t)1 << 50; // sums and differences of such values do not overflow

static Range known(int64_t lo, int64_t hi) {
    bool fits = lo > -FAR && hi < FAR && lo <= hi;
    return fits ? (Range){lo, hi, true} : unknown;
}
static Range product(Range a, Range b) {
    int64_t p[4];
    bool overflow =
        __builtin_mul_overflow(a.lo, b.lo, &p[0]) || __builtin_mul_overflow(a.lo, b.hi, &p[1]) ||
        __builtin_mul_overflow(a.hi, b.lo, &p[2]) || __builtin_mul_overflow(a.hi, b.hi, &p[3]);
    if (overflow) return unknown;
    return known(min_i64(min_i64(p[0], p[1]), min_i64(p[2], p[3])),
                 max_i64(max_i64(p[0], p[1]), max_i64(p[2], p[3])));
}
static Range arithmetic(KOp op, Range a, Range b) {
    if (!a.is_known || !b.is_known) return unknown;
    switch (op) {
    case K_IADD: return known(a.lo + b.lo, a.hi + b.hi);
    case K_ISUB: return known(a.lo - b.hi, a.hi - b.lo);
    case K_IMUL: return product(a, b);
    case K_IDIV:
        return b.lo > 0 && a.hi >= 0 ? known(max_i64(a.lo, 0) / b.hi, a.hi / b.lo) : unknown;
    case K_IMOD:
        if (b.lo <= 0 || a.hi < 0) return unknown;
        return a.lo >= 0 && a.hi < b.lo ? a : known(0, b.hi - 1);
    case K_IMIN: return known(min_i64(a.lo, b.lo), min_i64(a.hi, b.hi));
    case K_IMAX: return known(max_i64(a.lo, b.lo), max_i64(a.hi, b.hi));
    default: return unknown;
    }
}
static Range counter(Range lo, Range hi, int64_t step) {
    if (!lo.is_known || !hi.is_known) return unknown;
    int64_t last = hi.hi - 1;
    if (lo.lo == lo.hi && last >= lo.lo) last = lo.lo + (last - lo.lo) / step * step;
    return known(lo.lo, max_i64(last, lo.lo));      // a loop that never runs: any value will do
}
static void widen(Access *a, bool store, Range at, int64_t nbytes) {
    a->reads |= !store;
    a->writes |= store;
    if (!at.is_known) a->is_unbounded = true;
    if (a->is_unbounded) return;
    bool is_first = a->lo == a->hi;
    a->lo = is_first ? at.lo : min_i64(a->lo, at.lo);
    a->hi = is_first ? at.hi + nbytes : max_i64(a->hi, at.hi + nbytes);
}
static void memory(Analysis *s, const Ins *i, bool store) {
    const Ins *root = kern_ins(s->k, s->root[i->arg[0]]);
    if (root->op != K_PARAM) return;
    VType t = store ? kern_type(s->k, i->arg[1]) : i->type;
    int64_t element = dtype_info[t.dt].nbytes;
    bool strided = i->op == K_LOADS || i->op == K_STORES;
    int64_t span = (i->lanes - 1) * (strided ? i->imm2 : element);
    Range at = s->range[i->arg[0]];
    if (at.is_known)
        at = known(at.lo + i->imm + min_i64(span, 0), at.hi + i->imm + min_i64(span, 0));
    widen(&s->access[root->imm], store, at, element + max_i64(span, -span));
}
static void tile_memory(Analysis *s, const Ins *i, bool store) {
    Val p = i->arg[!store];
    const Ins *root = kern_ins(s->k, s->root[p]), *tile = kern_ins(s->k, i->arg[store]);
    if (root->op != K_PARAM) return;
    Range at = arithmetic(K_IADD, s->range[p], known(i->imm, i->imm));
    widen(&s->access[root->imm], store, at, (tile->imm - 1) * i->imm2 + tile->imm2);
}
static void step(Analysis *s, Val v, int64_t grid) {
    const Ins *i = kern_ins(s->k, v);
    Range a = s->range[i->arg[0]], b = s->range[i->arg[1]], *r = &s->range[v];
    switch ((KOp)i->op) {
    case K_PARAM:
    case K_SCRATCH:
        s->root[v] = v;
        *r = known(0, 0);
        return;
    case K_LO: *r = known(0, max_i64(grid - 1, 0)); return;
    case K_HI: *r = known(min_i64(grid, 1), grid); return;
    case K_INDEX: *r = known(i->imm, i->imm); return;
    case K_PADD:
        s->root[v] = s->root[i->arg[0]];
        *r = arithmetic(K_IADD, arithmetic(K_IADD, a, b), known(i->imm, i->imm));
        return;
    case K_LOOP: *r = counter(a, b, i->imm); return;
    case K_LOAD:
    case K_LOADB:
    case K_LOADS: memory(s, i, false); return;
    case K_STORE:
    case K_STORES: memory(s, i, true); return;
    case K_TLOAD:
    case K_TSTREAM: tile_memory(s, i, false); return;
    case K_TSTORE: tile_memory(s, i, true); return;
    default:
        if (i->type.kind == V_INDEX) *r = arithmetic((KOp)i->op, a, b);
    }
}
Access *launch_access(const Kern *k, int64_t grid, Arena *a) {
    Analysis s = {k, NEW_N(a, Range, k->ins.n), NEW_N(a, Val, k->ins.n),
                  NEW_N(a, Access, k->param.n)};
    for (Val v = 1; v < k->ins.n; v++) step(&s, v, grid);
    return s.access;
}
