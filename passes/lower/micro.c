// micro.c: the matrix micro-kernel: mr rows x nv vectors of accumulators, one broadcast of A and nv
// vectors of B a step, no unrolling (KERNELS section 14: rolled 9x48 is the fastest f32 shape). A
// step is one k of f32 or a pair of them in bf16.
#include "passes/lower/lower.h"

enum { LINE = 64 };
static VType operand_type(const Micro *m) {
    return vec_type(m->is_pairs ? DT_I32 : DT_F32, m->lanes);
}
static Val b_load(Kern *k, const Micro *m, Val b, int j) {
    int lanes = j == m->nv - 1 ? m->tail : m->lanes;
    return k_load(k, operand_type(m), b, (int64_t)j * m->lanes * 4, lanes);
}
static Val multiply_add(Kern *k, const Micro *m, Val a, Val b, Val c) {
    return m->is_pairs ? k_dpbf16(k, a, b, c) : k_fma(k, a, b, c);
}
typedef struct Slots {
    Val v[MR_MAX][NV_MAX];
} Slots;
// kn steps in a rolled loop: unrolled ones were never faster and often slower.
static void steps(Kern *k, const Micro *m, Val a, Val b, int64_t kn, const Slots *acc) {
    VType vt = operand_type(m);
    Val i = k_loopn(k, kn), bv[NV_MAX];
    Val ai = k_padd(k, a, k_imuli(k, i, m->a_k)), bi = k_padd(k, b, k_imuli(k, i, m->b_k));
    for (int j = 0; j < m->nv; j++) bv[j] = b_load(k, m, bi, j);
    for (int r = 0; r < m->mr; r++) {
        Val av = k_loadb(k, vt, ai, r * m->a_row);
        for (int j = 0; j < m->nv; j++)
            k_set(k, acc->v[r][j], multiply_add(k, m, av, bv[j], k_get(k, acc->v[r][j])));
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
    for (int r = 0; r < m->mr; r++)
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
    for (int r = 0; r < m->mr; r++)
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
void micro_blocked(Kern *k, const Micro *m, Val a, Val b, int64_t kn, int64_t block, Val tile,
                   int64_t tile_row, bool add) {
    Val acc[MR_MAX][NV_MAX];
    int64_t done = 0;
    if (!add) { // the first block starts the sum
        done = min_i64(block, kn);
        micro_sum(k, m, a, b, done, acc);
        to_tile(k, m, acc, tile, tile_row, false);
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
        to_tile(k, m, acc, tile, tile_row, true);
        k_end(k);
    }
    if (rest) {
        int64_t at = done + whole * block;
        Micro here = *m;
        Val ai = move_on(k, &here, a, k_index(k, at)), bi = k_paddi(k, b, at * m->b_k);
        micro_sum(k, &here, ai, bi, rest, acc);
        to_tile(k, m, acc, tile, tile_row, true);
    }
}
