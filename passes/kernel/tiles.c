// tiles.c: gives every tile slot one of the eight tile registers, configures the matrix unit where
// the kernel starts and releases it at its end. The configuration says the shape of each register
// and costs some 50 ns, so there is one for the whole kernel, and slots share a register only when
// they have the same shape and the lifetime of one ends before the other's begins.
//
// A lifetime reaches from the first to the last instruction that names the slot. One that crosses
// the border of a loop holds through all of that loop: the next turn may need it. One inside of a
// loop starts with a complete write, says the verifier, so nothing of it lives from turn to turn.
//
// A register that was free for long is better than one that was read just now, whose products may
// still be under way; so registers are taken in turn, and frugally only when that does not suffice.
#include "passes/kernel/rewrite.h"
#include "passes/passes.h"
#include <string.h>

typedef struct Life {
    Val first, last;
} Life;
typedef VEC(Val) Slots;
typedef struct Numbering {
    Val taken[TILE_REGISTERS]; // the slot that had the register last; 0 = none yet
    bool is_frugal;            // leaves registers alone that nobody had
    const Life *life;
    Slots slot;      // that are used
    uint8_t *number; // of each
    Val at;          // the instruction that was visited last
} Numbering;

static Life *find_lives(const Kern *k, Arena *a) {
    Life *life = NEW_N(a, Life, k->ins.n);
    for (Val v = 1; v < k->ins.n; v++) {
        const Ins *i = kern_ins(k, v);
        for (int n = 0; n < kernel_op[i->op].nargs; n++) {
            Life *l = &life[i->arg[n]];
            if (kern_type(k, i->arg[n]).kind != V_TILE) continue;
            if (!l->first) l->first = v;
            l->last = v;
        }
    }
    return life;
}
// Inner loops first, so that what grows to the end of one is seen by those around it.
static void hold_through_loops(const Kern *k, Life *life, const Slots *slots) {
    for (Val loop = k->ins.n; loop-- > 1;) {
        if (kern_ins(k, loop)->op != K_LOOP) continue;
        Val end = kern_loop_end(k, loop);
        for (uint32_t n = 0; n < slots->n; n++) {
            Life *l = &life[slots->data[n]];
            bool starts_inside = l->first > loop && l->first < end;
            bool ends_inside = l->last > loop && l->last < end;
            if (starts_inside && !ends_inside) l->first = loop;
            if (ends_inside && !starts_inside) l->last = end;
        }
    }
}
static bool same_shape(const Ins *a, const Ins *b) {
    return a->imm == b->imm && a->imm2 == b->imm2;
}
static bool is_better(const Numbering *t, int r, int than) {
    Val a = t->taken[r], b = t->taken[than];
    if (t->is_frugal && !a != !b) return a != 0;
    return a && b ? t->life[a].last < t->life[b].last : !a && b;
}
static bool number(Numbering *t, const Kern *k, Val slot) {
    const Life *l = t->life;
    int best = -1;
    for (int r = 0; r < TILE_REGISTERS; r++) {
        Val had = t->taken[r];
        bool fits = !had || (same_shape(kern_ins(k, had), kern_ins(k, slot)) &&
                             l[had].last < l[slot].first);
        if (fits && (best < 0 || is_better(t, r, best))) best = r;
    }
    if (best < 0) return false;
    t->taken[best] = slot;
    t->number[slot] = (uint8_t)(best + 1);
    return true;
}
// In the order in which lifetimes begin.
static bool number_all(Numbering *t, const Kern *k, bool is_frugal) {
    memset(t->taken, 0, sizeof t->taken);
    t->is_frugal = is_frugal;
    for (Val v = 1; v < k->ins.n; v++)
        for (uint32_t n = 0; n < t->slot.n; n++) {
            Val slot = t->slot.data[n];
            if (t->life[slot].first == v && !number(t, k, slot)) return false;
        }
    return true;
}
static Val rewrite(void *ctx, Kern *to, const Ins *i) {
    Numbering *t = ctx;
    (void)to;
    t->at++;
    if (i->op == K_TCONFIG || i->op == K_TRELEASE) return KERN_DROP;
    if (i->op != K_TILE) return 0;
    Ins numbered = *i;
    numbered.number = t->number[t->at];
    return numbered.number ? kern_emit(to, numbered) : KERN_DROP;
}
static bool find_numbers(Numbering *t, const Kern *k, Arena *a) {
    Life *life = find_lives(k, a);
    *t = (Numbering){.life = life, .number = NEW_N(a, uint8_t, k->ins.n)};
    for (Val v = 1; v < k->ins.n; v++)
        if (kern_ins(k, v)->op == K_TILE && life[v].first) *PUSH(a, &t->slot) = v;
    hold_through_loops(k, life, &t->slot);
    return !t->slot.n || number_all(t, k, false) || number_all(t, k, true);
}
bool kern_tiles_fit(const Kern *k) {
    Arena *a = arena_new("tiles");
    Numbering t;
    bool fit = find_numbers(&t, k, a);
    arena_free(a);
    return fit;
}
void pass_tiles(Kern *k, Kern *out) {
    Numbering t;
    if (!find_numbers(&t, k, out->arena))
        die("tiles", "@%s: more than %d tiles at once", k->name, TILE_REGISTERS);
    if (t.slot.n) kern_emit(out, (Ins){.op = K_TCONFIG});
    kern_rewrite(k, out, rewrite, &t);
    if (t.slot.n) kern_emit(out, (Ins){.op = K_TRELEASE});
}
