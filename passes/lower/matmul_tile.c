// matmul_tile.c: a panel of a matrix product on tiles (KERNELS sections 4 and 14).
//     for each K chunk of the panel, which stays in L1 meanwhile
//       for each line of rows, for each block of 32 of them: micro-kernel
// The sums of all blocks wait in `tile` where there are several chunks; else two of them have room
// there, as the epilogue of a block runs beside the products of the next. So does the prefetch of
// the weights of the chunk after the next: line by line, round robin over its pages, so that the
// hardware's prefetcher follows one stream in each.
#include "passes/lower/matmul.h"
#include <string.h>

enum { BLOCK_ROWS = 2 * TILE_ROWS, LINES_OF_PAGE = 64, LINE = 64, PAGE = 4096, CHUNKS_AHEAD = 2 };
typedef struct TileRows {
    MatMul *m;
    const Micro *u;
    TileSplit split;
    int64_t chunk;              // words
    bool in_chunks;             // there are several
    bool is_first, is_last;     // of the chunks
    Val weights;                // what to prefetch; 0 = nothing
    int64_t pages, lines;       // of it; lines of each page a step
    Val line_block, nth;        // the line's first block and the one at hand, in the pass
    Val pending;                // rows of the block before whose epilogue is to do; 0 = none
    Val sums, at[MAX_OPERANDS]; // of that block
} TileRows;

static void prefetch_beside(const TileRows *t, Val step, int64_t nsteps) {
    Kern *k = t->m->k;
    Val nth = k_iadd(k, k_imuli(k, t->nth, nsteps), step), most = k_index(k, LINES_OF_PAGE);
    Val lo = k_imuli(k, nth, t->lines), hi = k_imin(k, k_iaddi(k, lo, t->lines), most);
    Val line = k_loop(k, lo, hi, 1), p = k_padd(k, t->weights, k_imuli(k, line, LINE));
    for (int64_t page = 0; page < t->pages; page++) k_prefetch(k, p, page * PAGE, 1);
    k_end(k);
}
static void beside_products(void *ctx, Val step, int64_t nsteps) {
    TileRows *t = ctx;
    Kern *k = t->m->k;
    if (t->weights) prefetch_beside(t, step, nsteps);
    if (!t->pending) return;
    int64_t share = ceil_div(BLOCK_ROWS, nsteps);
    Val lo = k_imuli(k, step, share), hi = k_imin(k, k_iaddi(k, lo, share), t->pending);
    matmul_epilogue(t->m, t->u, t->sums, t->at, lo, hi);
}

// ---- where the sums of a block of this line lie ----------------------------------------------
// With several chunks each block has a place, behind one for what accumulators hold before the
// first block; else two take turns.
static Val sums_at(const TileRows *t, Val place) {
    Kern *k = t->m->k;
    return k_padd(k, t->m->tile, k_imuli(k, place, BLOCK_ROWS * t->m->tile_row));
}
static Val sums_of(const TileRows *t, Val block) {
    Kern *k = t->m->k;
    Val place = k_iaddi(k, k_iadd(k, t->line_block, block), 1);
    return sums_at(t, t->in_chunks ? place : k_imod(k, place, k_index(k, 2)));
}
static Val sums_before(const TileRows *t, Val block) { // of `block`: of the one before, or of none
    Kern *k = t->m->k;
    Val place = k_iadd(k, t->line_block, block);
    if (!t->in_chunks) return sums_at(t, k_imod(k, place, k_index(k, 2)));
    return sums_at(t, k_imul(k, place, k_imin(k, block, k_index(k, 1))));
}

// ---- blocks ----------------------------------------------------------------------------------
// What is to be done beside the block after this one, which begins at row `first` of its line.
static void leave_epilogue(TileRows *t, const Val line[MAX_OPERANDS], Val block, Val first,
                           Val pending) {
    matmul_move_rows(t->m, matmul_row_stride, first, line, t->at);
    t->sums = sums_of(t, block);
    t->pending = pending;
}
static void finish_epilogue(TileRows *t, int64_t from, int64_t to) {
    Val lo = k_index(t->m->k, from), hi = k_index(t->m->k, to);
    matmul_epilogue(t->m, t->u, t->sums, t->at, lo, hi);
    t->pending = 0;
}
static TileMicro tile_micro(TileRows *t, int tiles, int second) {
    MatMul *m = t->m;
    return (TileMicro){.tiles = tiles,
                       .rows = t->split.rows,
                       .second = second,
                       .columns = t->u->nv,
                       .has_rest = m->kn % TILE_ROWS != 0,
                       .a_row = t->u->a_row,
                       .b_row = m->b_k,
                       .c_row = m->tile_row,
                       .beside = beside_products,
                       .ctx = t};
}
static void products(TileRows *t, const TileMicro *u, const Val line[MAX_OPERANDS], Val first,
                     Val block, int64_t words, const TileSums *s, TileStart from) {
    Kern *k = t->m->k;
    Val a = k_padd(k, line[A], k_imuli(k, first, u->a_row));
    t->nth = k_iadd(k, t->line_block, block);
    if (!t->is_first) from.sums = sums_of(t, block);
    tile_block(k, u, a, line[B], words, s, &from);
}
// The whole blocks of a line. Afterwards the accumulators hold the sums of the last one, unless
// nothing runs beside products.
static void whole_blocks(TileRows *t, const Val line[MAX_OPERANDS], int64_t words, bool is_beside,
                         const TileMicro *u, const TileSums *s) {
    Kern *k = t->m->k;
    const int64_t count = t->split.whole;
    Val one = k_index(k, 1), none = k_index(k, 0);
    bool is_late = count > 1 && (is_beside || !t->is_last);
    if (is_late) tile_zero(k, u, s);
    Val i = k_loopn(k, count), row = k_imuli(k, i, BLOCK_ROWS);
    TileStart from = {0};
    if (is_late) from = (TileStart){.before = sums_before(t, i), .tiles_before = 2};
    if (is_late && t->is_last) {
        Val before = k_imax(k, k_isub(k, i, one), none);
        Val some = k_imuli(k, k_imin(k, i, one), BLOCK_ROWS);
        leave_epilogue(t, line, before, k_imuli(k, before, BLOCK_ROWS), some);
    }
    products(t, u, line, row, i, words, s, from);
    t->pending = 0;
    if (!is_late && count > 1) {
        tile_put(k, u, s, sums_of(t, i));
        leave_epilogue(t, line, i, row, 0);
        finish_epilogue(t, 0, BLOCK_ROWS);
    }
    k_end(k);
}
// One chunk of `words` for all blocks of a line; line: its first row.
static void tile_blocks(TileRows *t, const Val line[MAX_OPERANDS], int64_t words) {
    MatMul *m = t->m;
    Kern *k = m->k;
    const TileSplit *s = &t->split;
    bool is_beside = t->is_last && tile_steps(words) > 0;
    bool is_held = s->whole == 1 || (s->whole > 1 && (is_beside || !t->is_last));
    TileMicro two = tile_micro(t, 2, TILE_ROWS), last = tile_micro(t, s->last, s->second);
    TileSums sums = tile_sums(k, s->whole ? &two : &last);
    t->pending = 0;
    if (s->whole) whole_blocks(t, line, words, is_beside, &two, &sums);
    Val block = k_index(k, s->whole - 1), row = k_index(k, (s->whole - 1) * BLOCK_ROWS);
    TileStart from = {0};
    if (is_held && s->last && (is_beside || !t->is_last)) {
        from = (TileStart){.before = sums_of(t, block), .tiles_before = 2};
        if (t->is_last) leave_epilogue(t, line, block, row, k_index(k, BLOCK_ROWS));
    } else if (is_held) {
        tile_put(k, &two, &sums, sums_of(t, block));
        if (t->is_last) leave_epilogue(t, line, block, row, 0);
        if (t->is_last) finish_epilogue(t, 0, BLOCK_ROWS);
    }
    if (!s->last) return;
    block = k_index(k, s->whole);
    row = k_index(k, s->at);
    products(t, &last, line, row, block, words, &sums, from);
    t->pending = 0;
    tile_put(k, &last, &sums, sums_of(t, block));
    if (!t->is_last) return;
    leave_epilogue(t, line, block, row, 0);
    finish_epilogue(t, s->done, m->m - s->at);
}

// ---- chunks ----------------------------------------------------------------------------------
// All rows of the pass with the chunk of the panel that begins at word `from`.
static void tile_chunk(TileRows *t, const Val at[MAX_OPERANDS], Val from, int64_t words) {
    MatMul *m = t->m;
    Kern *k = m->k;
    int64_t blocks = t->split.whole + (t->split.last > 0);
    int64_t steps = m->lines * blocks * tile_steps(words), nbytes = words * m->b_k;
    Val here[MAX_OPERANDS], there[MAX_OPERANDS] = {0};
    memcpy(here, at, sizeof here);
    here[A] = k_padd(k, at[A], k_imuli(k, from, 4));
    here[B] = k_padd(k, at[B], k_imuli(k, from, m->b_k));
    t->weights = 0;
    if (m->choice.prefetch_ahead && steps > 1) {
        t->pages = ceil_div(nbytes / m->parts, PAGE);
        t->lines = ceil_div(LINES_OF_PAGE, steps);
        t->weights = k_paddi(k, here[B], m->choice.prefetch_ahead * CHUNKS_AHEAD * nbytes);
        if (m->parts > 1) // each part fetches its share of a panel
            t->weights = k_padd(k, t->weights, k_imuli(k, m->part, nbytes / m->parts));
    }
    Val line = m->lines > 1 ? k_loopn(k, m->lines) : k_index(k, 0);
    matmul_move_rows(m, matmul_line_stride, line, here, there);
    t->line_block = k_imuli(k, line, blocks);
    tile_blocks(t, there, words);
    if (m->lines > 1) k_end(k);
}
void matmul_tile_panel(MatMul *m, const Micro *u, const Val at[MAX_OPERANDS]) {
    Kern *k = m->k;
    TileRows t = {.m = m, .u = u, .split = tile_split(m->m)};
    t.chunk = sched_tile_chunk(&m->choice, m->kn);
    int64_t count = ceil_div(m->kn, t.chunk), last = m->kn - (count - 1) * t.chunk;
    t.in_chunks = count > 1;
    t.is_first = true;
    t.is_last = count == 1;
    Val from = k_index(k, 0);
    tile_chunk(&t, at, from, count == 1 ? last : t.chunk);
    if (count == 1) return;
    t.is_first = false;
    if (count > 2) {
        Val second = k_index(k, 1), end = k_index(k, count - 1), c = k_loop(k, second, end, 1);
        tile_chunk(&t, at, k_imuli(k, c, t.chunk), t.chunk);
        k_end(k);
    }
    t.is_last = true;
    from = k_index(k, (count - 1) * t.chunk);
    tile_chunk(&t, at, from, last);
}
int64_t matmul_tile_rows(const MatMul *m) {
    TileSplit s = tile_split(m->m);
    int64_t blocks = m->lines * (s.whole + (s.last > 0));
    bool in_chunks = sched_tile_chunk(&m->choice, m->kn) < m->kn;
    return BLOCK_ROWS * (in_chunks ? blocks + 1 : 2);
}
