// shrink_kernel.c: see shrink_kernel.h. A candidate is the kernel without some of its instructions,
// or with one of them simpler; it is kept when it costs less and still fails. What a dropped
// instruction made becomes the simplest value of its type, or one of its operands. The cost falls
// with every step, so this ends.
#include "tests/diff/shrink_kernel.h"

typedef struct Shrink {
    Arena *a;
    const Kern *k; // the smallest so far
    KernelFails fails;
    void *ctx;
    uint32_t tried;
} Shrink;

// ---- what a kernel costs a reader ------------------------------------------------------------
static bool is_source(KOp op) {
    return op <= K_IOTA && op != K_NOP;
}
static int64_t one_of(VType t) {
    uint64_t bits = 0;
    dtype_write_f((DType)t.dt, &bits, 0, 1);
    return (int64_t)bits;
}
static uint64_t cost(const Kern *k) {
    uint64_t sum = 0;
    for (uint32_t v = 1; v < k->ins.n; v++) {
        const Ins *i = kern_ins(k, v);
        KOp op = (KOp)i->op;
        sum += is_source(op) ? 4 : 40;
        sum += (uint64_t)i->type.n + i->lanes;
        if (op == K_PARAM || op == K_CMP || op == K_PREFETCH) continue;
        int64_t one = op == K_CONST ? one_of(i->type) : 1;
        bool odd[] = {i->imm != 0, i->imm != 0 && i->imm != one, i->imm2 != 0, i->imm2 > 8};
        for (size_t n = 0; n < COUNT_OF(odd); n++) sum += odd[n];
    }
    return sum;
}

// ---- building candidates ---------------------------------------------------------------------
static Kern *empty_like(Arena *a, const Kern *k) {
    Kern *to = kern_new(a, k->name, k->target);
    for (uint32_t n = 0; n < k->param.n; n++) *PUSH(a, &to->param) = k->param.data[n];
    to->scratch_bytes = k->scratch_bytes;
    return to;
}
// The simplest value of that kind, in place of an instruction.
static Val simplest(Kern *to, const Ins *i, const Val *now) {
    VType byte = vec_type(DT_U8, i->type.n);
    switch ((ValKind)i->type.kind) {
    case V_VEC: return k_const_i(to, i->type, 0);
    case V_MASK: {
        Val zero = k_const_i(to, byte, 0);
        return k_cmp(to, P_EQ, zero, zero);
    }
    case V_PTR: return now[i->arg[0]];
    case V_INDEX: return i->op == K_LOOP ? now[i->arg[0]] : k_index(to, 0);
    default: return 0;
    }
}
// Copies k without the marked instructions. by: operand (1…) that takes the place, 0: the simplest.
static Kern *without(Shrink *s, const bool *drop, int by) {
    const Kern *k = s->k;
    Kern *to = empty_like(s->a, k);
    Val *now = NEW_N(s->a, Val, k->ins.n);
    for (Val v = 1; v < k->ins.n; v++) {
        Ins i = *kern_ins(k, v);
        if (drop[v]) {
            now[v] = by ? now[i.arg[by - 1]] : simplest(to, &i, now);
            continue;
        }
        for (int n = 0; n < kernel_op[i.op].nargs; n++) i.arg[n] = now[i.arg[n]];
        now[v] = kern_emit(to, i);
    }
    return to;
}
// What nobody reads, and loops without a body.
static bool is_effect(const Kern *k, Val v, const bool *is_read) {
    const Ins *i = kern_ins(k, v);
    if (i->op == K_SET) return is_read[i->arg[0]];
    return kernel_op[i->op].result == V_NONE;
}
static const Kern *sweep(Shrink *s, const Kern *k) {
    bool *is_read = NEW_N(s->a, bool, k->ins.n), *drop = NEW_N(s->a, bool, k->ins.n);
    Val *last_in = NEW_N(s->a, Val, k->ins.n); // the end of the loop that a kept body lies in
    uint32_t depth = 0, dropped = 0;
    bool *full = NEW_N(s->a, bool, k->ins.n);
    for (Val v = 1; v < k->ins.n; v++) // slots that are read
        if (kern_ins(k, v)->op == K_GET) is_read[kern_ins(k, v)->arg[0]] = true;
    for (Val v = k->ins.n - 1; v > 0; v--) {
        const Ins *i = kern_ins(k, v);
        if (i->op == K_END) {
            last_in[depth] = v;
            full[depth++] = false;
            continue;
        }
        bool keep = i->op == K_LOOP ? full[depth - 1] : is_read[v] || is_effect(k, v, is_read);
        if (i->op == K_LOOP) depth--;
        if (!keep) {
            drop[v] = true;
            dropped++;
            if (i->op == K_LOOP) drop[last_in[depth]] = true;
            continue;
        }
        bool counts = i->op == K_LOOP || kernel_op[i->op].result == V_NONE;
        if (counts && depth) full[depth - 1] = true;
        for (int n = 0; n < kernel_op[i->op].nargs; n++) is_read[i->arg[n]] = true;
    }
    if (!dropped) return k;
    Kern *to = empty_like(s->a, k);
    Val *now = NEW_N(s->a, Val, k->ins.n);
    for (Val v = 1; v < k->ins.n; v++) {
        if (drop[v]) continue;
        Ins i = *kern_ins(k, v);
        for (int n = 0; n < kernel_op[i.op].nargs; n++) i.arg[n] = now[i.arg[n]];
        now[v] = kern_emit(to, i);
    }
    return sweep(s, to);
}
static bool try(Shrink *s, const Kern *candidate) {
    const Kern *k = sweep(s, candidate);
    if (cost(k) >= cost(s->k)) return false;
    s->tried++;
    if (!s->fails(s->ctx, k)) return false;
    s->k = k;
    return true;
}

// ---- fewer instructions ----------------------------------------------------------------------
static bool is_droppable(const Ins *i) {
    return !is_source((KOp)i->op) && i->op != K_REG && i->op != K_END && i->op != K_NOP;
}
static bool drop_range(Shrink *s, Val from, uint32_t n) {
    const Kern *k = s->k;
    bool *drop = NEW_N(s->a, bool, k->ins.n);
    for (Val v = from; v < from + n && v < k->ins.n; v++) {
        const Ins *i = kern_ins(k, v);
        if (!is_droppable(i)) continue;
        Val end = i->op == K_LOOP ? kern_loop_end(k, v) : 0;
        if (end && n > 1 && end >= from + n) continue; // its body goes on
        drop[v] = true;
        if (end) drop[end] = true;
    }
    return try(s, without(s, drop, 0));
}
static bool drop_ranges(Shrink *s) {
    bool any = false;
    for (uint32_t n = s->k->ins.n; n > 0; n /= 2)
        for (Val v = 1; v < s->k->ins.n;) {
            bool dropped = drop_range(s, v, n);
            any |= dropped;
            if (!dropped) v += n;
        }
    return any;
}
// An operand of the same type in place of the result.
static bool forward(Shrink *s, Val v) {
    const Ins *i = kern_ins(s->k, v);
    if (!is_droppable(i) || i->op == K_LOOP) return false;
    for (int n = 0; n < kernel_op[i->op].nargs; n++) {
        VType t = kern_type(s->k, i->arg[n]);
        if (t.kind != i->type.kind || t.dt != i->type.dt || t.n != i->type.n) continue;
        bool *drop = NEW_N(s->a, bool, s->k->ins.n);
        drop[v] = true;
        if (try(s, without(s, drop, n + 1))) return true;
    }
    return false;
}

// ---- simpler instructions --------------------------------------------------------------------
static bool replace(Shrink *s, Val v, Ins i) {
    Kern *to = empty_like(s->a, s->k);
    to->ins.data = arena_copy(s->a, s->k->ins.data, s->k->ins.n * sizeof(Ins));
    to->ins.n = to->ins.cap = s->k->ins.n;
    to->ins.data[v] = i;
    return try(s, to);
}
static bool simplify(Shrink *s, Val v) {
    const Ins i = *kern_ins(s->k, v);
    bool any = false, moves = i.op >= K_LOAD && i.op <= K_STORES;
    int64_t imms[] = {0, i.op == K_CONST ? one_of(i.type) : 1};
    for (size_t n = 0; n < COUNT_OF(imms) && !any && i.op != K_PARAM; n++) {
        Ins other = i;
        other.imm = imms[n];
        any = replace(s, v, other);
    }
    if (moves && !any && i.imm2) {
        Ins other = i;
        VType t = i.type.kind == V_VEC ? i.type : kern_type(s->k, i.arg[1]);
        other.imm2 = dtype_info[t.dt].nbytes;
        any = other.imm2 != i.imm2 && replace(s, v, other);
    }
    if (moves && !any && i.lanes > 1) {
        Ins other = i;
        other.lanes = 1;
        any = replace(s, v, other);
    }
    return any;
}
static bool each(Shrink *s, bool (*step)(Shrink *s, Val v)) {
    bool any = false;
    for (Val v = s->k->ins.n; v-- > 1;)
        if (v < s->k->ins.n && step(s, v)) any = true;
    return any;
}
static uint16_t halved(uint16_t n) {
    return n > 1 ? n / 2 : n;
}
static bool halve_lanes(Shrink *s) {
    Kern *to = empty_like(s->a, s->k);
    for (Val v = 1; v < s->k->ins.n; v++) {
        Ins i = *kern_ins(s->k, v);
        i.type.n = halved(i.type.n);
        VType t = i.type.kind == V_VEC ? i.type : kern_type(s->k, i.arg[1]);
        if (i.type.kind != V_VEC) t.n = halved(t.n);
        if (i.op >= K_LOAD && i.op <= K_STORES && i.lanes > t.n) i.lanes = t.n;
        kern_emit(to, i);
    }
    return try(s, to);
}

const Kern *shrink_kernel(Arena *a, const Kern *k, KernelFails fails, void *ctx, uint32_t *tried) {
    Shrink s = {a, k, fails, ctx, 0};
    bool any = true;
    while (any) {
        any = drop_ranges(&s);
        any |= each(&s, forward);
        while (halve_lanes(&s)) any = true;
        any |= each(&s, simplify);
    }
    *tried = s.tried;
    return s.k;
}
