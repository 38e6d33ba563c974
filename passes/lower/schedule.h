// schedule.h: the choices of schedule.def, and the numbers that are part of a kernel's meaning and
// so the same on every machine.
#ifndef PASSES_LOWER_SCHEDULE_H
#define PASSES_LOWER_SCHEDULE_H
#include "ir/graph.h"
#include "ir/target.h"

typedef struct Sched {
    GraphOp op;
    uint64_t features;
    int mr, nv; // register block: rows, vectors
    const char *reason;
} Sched;
const Sched *sched_find(GraphOp op, const Target *t);

enum {
    MR_MAX = 16,
    NV_MAX = 4,
    // Part of the results' bits (ARCHITECTURE section 5):
    VLANES = 16, // reductions run over 16 virtual lanes, then a fixed tree
    K_BLOCK =
        256, // a sum over k is split into the fewest equal blocks of at most this length, each
             // summed from zero in order, block sums added in order: short chains round less
};
// The length of the k blocks of a sum over `k`.
int64_t sched_k_block(int64_t k);
// How many k (a multiple of the block) of `rows` rows of A stay in half of L2 while all panels
// pass.
int64_t sched_k_chunk(const Target *t, int64_t rows, int64_t k);
// Rows of one pass over the weights: as many as keep A's rows in half of L2, never less than 192.
int64_t sched_m_chunk(const Target *t, int64_t rows, int64_t k);
// How the next panel (`panel_bytes` a step of k, `depth` steps) is prefetched while `nblocks` row
// blocks pass over this one: `lines` cache lines every `group` steps, covering nine tenths or more
// with the fewest instructions. lines = 0: not worth it.
typedef struct PrefetchRate {
    int group, lines;
} PrefetchRate;
PrefetchRate sched_prefetch(int64_t nblocks, int64_t bytes_per_k, int64_t block, int64_t depth);
// An exact split of m rows into `count` blocks: the first `big` have `rows` rows, the others one
// less.
typedef struct RowSplit {
    int64_t count, big;
    int rows;
} RowSplit;
RowSplit sched_rows(int64_t m, int mr);
#endif
