// schedule.c: looking up choices.
#include "passes/lower/schedule.h"

static const Sched rows[] = {
#define SCHED(op, features, mr, nv, reason) {OP_##op, features, mr, nv, reason},
#include "passes/lower/schedule.def"
#undef SCHED
};
const Sched *sched_find(GraphOp op, const Target *t) {
    const Sched *best = NULL;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (rows[i].op == op && target_has(t, rows[i].features)) best = &rows[i];
    return best;
}
int64_t sched_k_block(int64_t k) {
    return ceil_div(k, max_i64(ceil_div(k, K_BLOCK), 1));
}
int64_t sched_k_chunk(const Target *t, int64_t nrows, int64_t k) {
    int64_t block = sched_k_block(k), half = (int64_t)t->l2_kib * 1024 / 2;
    int64_t fit = half / (nrows * 4) / block * block;
    if (fit >= k) return k;
    if (fit < block) fit = block;
    int64_t chunks = ceil_div(k, fit);
    return ceil_div(ceil_div(k, chunks), block) * block; // even chunks
}
int64_t sched_m_chunk(const Target *t, int64_t nrows, int64_t k) {
    enum { LEAST = 192 }; // rows that share one pass over the weights
    int64_t fit = (int64_t)t->l2_kib * 1024 / 2 / (min_i64(k, 4 * K_BLOCK) * 4);
    int64_t chunks = ceil_div(nrows, max_i64(fit, LEAST));
    return ceil_div(nrows, chunks);
}
PrefetchRate sched_prefetch(int64_t nblocks, int64_t bytes_per_k, int64_t block, int64_t depth) {
    enum { LINE = 64, MOST_LINES = 3 };
    if (nblocks < 2) return (PrefetchRate){0, 0};
    for (int group = 32; group >= 4; group /= 2) {
        if (block % group || depth % block) continue;
        for (int lines = 1; lines <= MOST_LINES; lines++)
            if (10 * nblocks * lines * LINE >= 9 * group * bytes_per_k)
                return (PrefetchRate){group, lines};
    }
    return (PrefetchRate){0, 0};
}
RowSplit sched_rows(int64_t m, int mr) {
    int64_t n = ceil_div(m, mr);
    int64_t base = m / n, more = m % n;
    if (!more) return (RowSplit){n, n, (int)base};
    return (RowSplit){n, more, (int)base + 1};
}
