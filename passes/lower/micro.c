// micro.c: the matrix micro-kernel: mr rows x nv vectors of accumulators, one broadcast of A and nv
// vectors of B a step, no unrolling (KERNELS section 14: rolled 9x48 is the fastest f32 shape). A
// step is one k of f32 or a word of them in bf16.
// Words of four k multiply two rows by two columns. Accumulator [r][j] is such a block then, of
// rows r / 2 * 2 and the next, and of columns 2 p and 2 p + 1 where p = 2 j + r % 2.
#include "passes/lower/lower.h"

enum { LINE = 64, BLOCK_COLUMNS = 2 };
static bool has_blocks(const Micro *m) {
    return m->word == 4;
}
static int slot_rows(const Micro *m) {
    return has_blocks(m) ? m->mr + m->mr % 2 : m->mr;
}
static VType operand_type(const Micro *m) {
    if (has_blocks(m)) return vec_type(DT_I64, m->lanes / 2);
    return vec_type(m->word ? DT_I32 : DT_F32, m->lanes);
}
static Val a_load(Kern *k, const Micro *m, Val a, int r) {
    VType vt = operand_type(m);
    if (!has_blocks(m)) return k_loadb(k, vt, a, r * m->a_row);
    return k_loads(k, vt, a, r * m->a_row, m->a_row, r + 1 < m->mr ? 2 : 1);
}
// What a step reads of B: nv vectors, or so many pairs of columns; a panel has them all.
static int b_loads(const Micro *m) {
    return has_blocks(m) ? 2 * m->nv : m->nv;
}
static Val b_load(Kern *k, const Micro *m, Val b, int j) {
    VType vt = operand_type(m);
    int lanes = j == m->nv - 1 && !has_blocks(m) ? m->tail : vt.n;
    return k_load(k, vt, b, (int64_t)j * vt.n * dtype_info[vt.dt].nbytes, lanes);
}
static Val multiply_add(Kern *k, const Micro *m, Val a, Val b, Val c) {
    if (has_blocks(m)) return k_bfmmla(k, a, b, c);
    return m->word ? k_dpbf16(k, a, b, c) : k_fma(k, a, b, c);
}
typedef struct Slots {
    Val v[MR_MAX][NV_MAX];
} Slots;
// kn steps in a rolled loop: unrolled ones were never faster and often slower.
static void steps(Kern *k, const Micro *m, Val a, Val b, int64_t kn, const Slots *acc) {
    Val i = k_loopn(k, kn), bv[2 * NV_MAX], av = 0;
    Val ai = k_padd(k, a, k_imuli(k, i, m->a_k)), bi = k_padd(k, b, k_imuli(k, i, m->b_k));
    for (int j = 0; j < b_loads(m); j++) bv[j] = b_load(k, m, bi, j);
    for (int r = 0; r < slot_rows(m); r++) {
        if (!has_blocks(m) || r % 2 == 0) av = a_load(k, m, ai, r);
        for (int j = 0; j < m->nv; j++) {
            Val columns = bv[has_blocks(m) ? 2 * j + r % 2 : j];
            k_set(k, acc->v[r][j], multiply_add(k, m, av, columns, k_get(k, acc->v[r][j])));
        }
    }
    k_end(k);
}
static void prefetch(Kern *k, const Prefetch *next, Val burst) {
    Val at = k_padd(k, next->at, k_imuli(k, burst, next->lines * LINE));
    for (int l = 0; l < next->lines; l++) k_prefetch(k, at, l * LINE, 1);
}
static Val run_start(Kern *k, const Runs *r, Val a, Val nth) {
    Val index[MAX_RANK], run = k_iadd(k, r->first, nth);
    lower_decode(k, run, r->rank, r->dim, index);
    return lower_walk(k, a, r->rank, index, r->stride);
}
// A and the runs of `m` moved on by `by` steps of k, a whole number of runs.
static Val move_on(Kern *k, Micro *m, Val a, Val by) {
    if (!m->runs.run) return k_padd(k, a, k_imuli(k, by, m->a_k));
    Val runs = k_idiv(k, by, k_index(k, m->runs.run));
    m->runs.first = k_iadd(k, m->runs.first, runs);
    return a;
}
void micro_sum(Kern *k, const Micro *m, Val a, Val b, int64_t kn, Val acc[MR_MAX][NV_MAX]) {
    VType vt = vec_type(DT_F32, m->lanes);
    Val zero = k_const_f(k, vt, 0);
    Slots slot;
    for (int r = 0; r < slot_rows(m); r++)
        for (int j = 0; j < m->nv; j++) {
            slot.v[r][j] = k_reg(k, vt);
            k_set(k, slot.v[r][j], zero);
        }
    int64_t group = m->runs.run ? m->runs.run : m->next.group;
    bool prefetches = m->next.at && m->next.group == group;
    if (m->runs.run || (prefetches && kn % group == 0)) {
        Val g = k_loopn(k, kn / group);
        if (prefetches) prefetch(k, &m->next, g);
        Val ag = m->runs.run ? run_start(k, &m->runs, a, g)
                             : k_padd(k, a, k_imuli(k, g, group * m->a_k));
        Val bg = k_padd(k, b, k_imuli(k, g, group * m->b_k));
        steps(k, m, ag, bg, group, &slot);
        k_end(k);
    } else {
        steps(k, m, a, b, kn, &slot);
    }
    for (int r = 0; r < slot_rows(m); r++)
        for (int j = 0; j < m->nv; j++) acc[r][j] = k_get(k, slot.v[r][j]);
}

static void to_tile(Kern *k, const Micro *m, Val acc[MR_MAX][NV_MAX], Val tile, int64_t tile_row,
                    bool add) {
    VType vt = vec_type(DT_F32, m->lanes);
    for (int r = 0; r < m->mr; r++)
        for (int j = 0; j < m->nv; j++) {
            int64_t at = r * tile_row + (int64_t)j * m->lanes * 4;
            Val v = acc[r][j];
            if (add) v = k_op2(k, K_ADD, k_load(k, vt, tile, at, m->lanes), v);
            k_store(k, tile, at, v, m->lanes);
        }
}
// The same of blocks: a row of one, two columns, moves as an i64.
static void blocks_to_tile(Kern *k, const Micro *m, Val acc[MR_MAX][NV_MAX], Val tile,
                           int64_t tile_row, bool add) {
    VType row = vec_type(DT_I64, m->lanes / 2);
    for (int r = 0; r < slot_rows(m); r++)
        for (int j = 0; j < m->nv; j++) {
            int first = r / 2 * 2, lanes = first + 1 < m->mr ? 2 : 1;
            int64_t at = first * tile_row + (2 * j + r % 2) * BLOCK_COLUMNS * 4;
            Val v = acc[r][j];
            if (add) {
                Val sum = k_loads(k, row, tile, at, tile_row, lanes);
                v = k_op2(k, K_ADD, k_bitcast(k, DT_F32, sum), v);
            }
            k_stores(k, tile, at, tile_row, k_bitcast(k, DT_I64, v), lanes);
        }
}
static void put_sums(Kern *k, const Micro *m, Val acc[MR_MAX][NV_MAX], Val tile, int64_t tile_row,
                     bool add) {
    if (has_blocks(m)) blocks_to_tile(k, m, acc, tile, tile_row, add);
    else to_tile(k, m, acc, tile, tile_row, add);
}
void micro_blocked(Kern *k, const Micro *m, Val a, Val b, int64_t kn, int64_t block, Val tile,
                   int64_t tile_row, bool add) {
    Val acc[MR_MAX][NV_MAX];
    int64_t done = 0;
    if (!add) { // the first block starts the sum
        done = min_i64(block, kn);
        micro_sum(k, m, a, b, done, acc);
        put_sums(k, m, acc, tile, tile_row, false);
    }
    int64_t whole = (kn - done) / block, rest = (kn - done) % block;
    if (whole) {
        Val i = k_loopn(k, whole);
        Val at = k_iaddi(k, k_imuli(k, i, block), done);
        Micro here = *m;
        Val ai = move_on(k, &here, a, at), bi = k_padd(k, b, k_imuli(k, at, m->b_k));
        if (m->next.at) {
            int64_t per_block = block / m->next.group * m->next.lines * LINE;
            Val nth = k_iaddi(k, i, done / block);
            here.next.at = k_padd(k, m->next.at, k_imuli(k, nth, per_block));
        }
        micro_sum(k, &here, ai, bi, block, acc);
        put_sums(k, m, acc, tile, tile_row, true);
        k_end(k);
    }
    if (rest) {
        int64_t at = done + whole * block;
        Micro here = *m;
        Val ai = move_on(k, &here, a, k_index(k, at)), bi = k_paddi(k, b, at * m->b_k);
        micro_sum(k, &here, ai, bi, rest, acc);
        put_sums(k, m, acc, tile, tile_row, true);
    }
}
