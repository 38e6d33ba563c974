// micro_tile.c: the matrix micro-kernel on tiles (KERNELS sections 2, 4 and 14): two tiles of rows
// by two of columns, 32 x 32 sums. A step takes 16 words of two bf16: each tile of A and of B is
// loaded once and used twice, B's from L1 where its panel stays, A's past L1, which it would empty.
//
// A store of sums takes as long as three products, so those of a block go to memory one by one
// between the first products of the next block, when the operands of these are there.
//
// Eight registers hold four sums and two tiles of each operand. A depth that is no multiple of 16
// words ends in a step of other shapes, which need registers of their own; in such a kernel A and B
// have one tile each, and B's are loaded twice a step.
#include "passes/lower/lower.h"
#include <assert.h>

enum { SPAN = TILE_ROWS }; // rows of a tile, columns of one, words of a step
typedef struct Operands {
    Val a[2], b[2];
    bool is_shared; // a[0] is a[1], b[0] is b[1]
} Operands;

static Operands operands(Kern *k, const TileMicro *t, int words, bool is_shared) {
    Operands o = {.is_shared = is_shared};
    for (int r = 0; r < t->tiles; r++)
        o.a[r] = is_shared && r ? o.a[0] : k_tile(k, t->rows, 4 * words);
    for (int c = 0; c < t->columns; c++)
        o.b[c] = is_shared && c ? o.b[0] : k_tile(k, words, 4 * SPAN);
    return o;
}
static void load_a(Kern *k, const TileMicro *t, const Operands *o, Val a, int r) {
    k_tload(k, K_TSTREAM, o->a[r], a, r * t->second * t->a_row, t->a_row);
}
static void load_b(Kern *k, const TileMicro *t, const Operands *o, Val b, int c) {
    k_tload(k, K_TLOAD, o->b[c], b, c * 4 * SPAN, t->b_row);
}
static int64_t place(const TileMicro *t, int second, int r, int c) { // of a tile of sums
    return r * second * t->c_row + (int64_t)c * 4 * SPAN;
}

// ---- steps -----------------------------------------------------------------------------------
// A loaded tile is used at once.
static void step(Kern *k, const TileMicro *t, const Operands *o, Val a, Val b, const TileSums *s) {
    for (int r = 0; r < t->tiles; r++)
        for (int c = 0; c < t->columns; c++) {
            if (r == 0 || o->is_shared) load_b(k, t, o, b, c);
            if (c == 0) load_a(k, t, o, a, r);
            k_tdp(k, K_TDPBF16, s->v[r][c], o->a[r], o->b[c]);
        }
}
static void put(Kern *k, const TileMicro *t, const TileSums *s, int r, int c, Val to) {
    k_tstore(k, to, place(t, SPAN, r, c), t->c_row, s->v[r][c]);
}
// The first step of a block: each sum leaves with what it had and begins anew.
static void first_step(Kern *k, const TileMicro *t, const Operands *o, Val a, Val b,
                       const TileSums *s, const TileStart *from) {
    for (int n = 0; n < 2 && !o->is_shared; n++) {
        if (n < t->columns) load_b(k, t, o, b, n);
        if (n < t->tiles) load_a(k, t, o, a, n);
    }
    for (int r = 0; r < t->tiles; r++)
        for (int c = 0; c < t->columns; c++) {
            if (o->is_shared) load_b(k, t, o, b, c);
            if (o->is_shared && c == 0) load_a(k, t, o, a, r);
            if (r < from->tiles_before) put(k, t, s, r, c, from->before);
            if (from->sums)
                k_tload(k, K_TLOAD, s->v[r][c], from->sums, place(t, t->second, r, c), t->c_row);
            else
                k_tzero(k, s->v[r][c]);
            k_tdp(k, K_TDPBF16, s->v[r][c], o->a[r], o->b[c]);
        }
    for (int r = t->tiles; r < from->tiles_before; r++)
        for (int c = 0; c < t->columns; c++) put(k, t, s, r, c, from->before);
}
int64_t tile_steps(int64_t depth) {
    return max_i64(depth / SPAN - 1, 0);
}
void tile_block(Kern *k, const TileMicro *t, Val a, Val b, int64_t depth, const TileSums *s,
                const TileStart *from) {
    int64_t whole = depth / SPAN;
    int rest = (int)(depth % SPAN);
    assert(!rest || t->has_rest);
    if (whole) {
        Operands o = operands(k, t, SPAN, t->has_rest);
        first_step(k, t, &o, a, b, s, from);
        if (whole > 1) {
            Val one = k_index(k, 1), end = k_index(k, whole), i = k_loop(k, one, end, 1);
            Val ai = k_padd(k, a, k_imuli(k, i, 4 * SPAN));
            Val bi = k_padd(k, b, k_imuli(k, i, SPAN * t->b_row));
            step(k, t, &o, ai, bi, s);
            if (t->beside) t->beside(t->ctx, k_isub(k, i, one), whole - 1);
            k_end(k);
        }
    }
    if (!rest) return;
    Operands o = operands(k, t, rest, true);
    Val at = k_paddi(k, a, whole * 4 * SPAN), bt = k_paddi(k, b, whole * SPAN * t->b_row);
    if (whole)
        step(k, t, &o, at, bt, s);
    else
        first_step(k, t, &o, at, bt, s, from);
}

// ---- sums ------------------------------------------------------------------------------------
TileSums tile_sums(Kern *k, const TileMicro *t) {
    TileSums s;
    for (int r = 0; r < t->tiles; r++)
        for (int c = 0; c < t->columns; c++) s.v[r][c] = k_tile(k, t->rows, 4 * SPAN);
    return s;
}
void tile_zero(Kern *k, const TileMicro *t, const TileSums *s) {
    for (int r = 0; r < t->tiles; r++)
        for (int c = 0; c < t->columns; c++) k_tzero(k, s->v[r][c]);
}
void tile_put(Kern *k, const TileMicro *t, const TileSums *s, Val to) {
    for (int r = 0; r < t->tiles; r++)
        for (int c = 0; c < t->columns; c++)
            k_tstore(k, to, place(t, t->second, r, c), t->c_row, s->v[r][c]);
}
TileSplit tile_split(int64_t m) {
    int64_t tiles = ceil_div(m, SPAN), pairs = tiles / 2;
    if (m < SPAN) return (TileSplit){.last = 1, .rows = (int)m, .second = SPAN};
    if (m < 2 * SPAN && tiles == 2) // the second one reaches back into the first
        return (TileSplit){.last = 2, .rows = SPAN, .second = (int)m - SPAN};
    TileSplit s = {.whole = pairs, .rows = SPAN, .second = SPAN};
    if (m % (2 * SPAN) == 0) return s;
    s.last = tiles % 2 ? 1 : 2;
    s.whole -= s.last == 2;
    s.at = m - s.last * SPAN;
    s.done = (int)(s.whole * 2 * SPAN - s.at);
    return s;
}
