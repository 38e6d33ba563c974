// schedule.h: the choices of schedule.def, and the numbers that are part of a kernel's meaning and
// so the same on every machine.
#ifndef PASSES_LOWER_SCHEDULE_H
#define PASSES_LOWER_SCHEDULE_H
#include "ir/graph.h"
#include "ir/target.h"

enum {
    MR_MAX = 16,
    NV_MAX = 4,
    // Part of the results' bits (ARCHITECTURE section 5):
    VLANES = 16, // reductions run over 16 virtual lanes, then a fixed tree
    // A sum over k is split into the fewest equal blocks of at most this length, each summed from
    // zero in order, block sums added in order: short chains round less, but every seam costs about
    // a hundred cycles. With 1024, ViT-S, B and L are within 1.4e-6 of f64, outlier channels
    // included, and their products 2 to 4 % faster than with 256.
    K_BLOCK = 1024,
};
// The length of the k blocks of a sum over `k`.
int64_t sched_k_block(int64_t k);

// ---- the schedule of one kernel: its row of schedule.def, then what a tuning says --------------
typedef struct Choice { // 0: a rule below decides
#define KNOB(name, ops, least, most, meaning) int64_t name;
#include "passes/lower/knobs.def"
} Choice;
typedef struct Shape { // MATMUL: rows, columns, depth; ATTENTION: queries, keys, head size
    int64_t dim[3];
} Shape;
enum { UNTUNED = -1 };
typedef struct TuningRow {
    GraphOp op;
    bool any_shape; // else only kernels of `shape`
    Shape shape;
    Choice set; // UNTUNED: left as it is
} TuningRow;
typedef struct Tuning { // from a tuning file; a later row wins
    TuningRow *row;
    uint32_t n;
} Tuning;
typedef struct Tunable { // a launch whose kernel has a schedule
    uint32_t launch;
    GraphOp op;
    Shape shape;
} Tunable;
typedef struct Tunables {
    Arena *arena;
    VEC(Tunable) at;
} Tunables;
typedef struct KnobInfo {
    const char *name, *meaning;
    size_t at; // of its int64_t in Choice
    int64_t least, most;
    int ops; // MM, ATT
} KnobInfo;
extern const KnobInfo knob_info[];
extern const size_t knob_rows;
static inline int64_t *knob_of(Choice *c, size_t knob) {
    return (int64_t *)(void *)((char *)c + knob_info[knob].at);
}
bool knob_is_for(const KnobInfo *i, GraphOp op);
Choice sched_choose(GraphOp op, Shape s, const Target *t, const Tuning *tuning);
Choice sched_choose_for(GraphOp op, DType weights, Shape s, const Target *t, const Tuning *tuning);
// Columns of a panel of packed weights: those of the register block of `t`, or, in an object of
// several levels (`also`: the others, ends with NULL), the least common multiple of theirs.
int64_t sched_panel(DType weights, Shape s, const Target *t, const Target *const *also,
                    const Tuning *tuning);
// Why the register block cannot be, or NULL.
const char *sched_refuses(GraphOp op, const Choice *c, const Target *t);
extern const Choice choice_untuned; // every knob UNTUNED

// How many k (a multiple of the block) of `rows` rows of A stay in half of L2 while all panels
// pass.
int64_t sched_k_chunk(const Choice *c, const Target *t, int64_t rows, int64_t k);
// How many words (two bf16) of a panel on tiles stay in L1 while all rows pass; whole steps.
int64_t sched_tile_chunk(const Choice *c, int64_t words);
// Rows of one pass over the weights: as many as keep A's rows in half of L2, never less than 192.
int64_t sched_m_chunk(const Choice *c, const Target *t, int64_t rows, int64_t k);
// Attention: blocks of query rows that share one pass over a head's K^T and V (`per_key` floats a
// key): as many as keep their scores in L1, or in a quarter of L2 when K^T and V themselves do not
// stay in half of it.
int64_t sched_row_blocks(const Choice *c, const Target *t, int64_t rows, int64_t keys,
                         int64_t per_key);
// How weights ahead (`bytes_per_k` a step of k, `depth` steps) are prefetched while `nblocks` row
// blocks pass over these: `lines` cache lines every `group` steps, with the fewest instructions
// that cover five quarters of a panel: all of the next and the head of the one behind it, whose
// first block begins before its own prefetches do (nine tenths: ViT-B f32 3 to 5 % slower on Zen 5,
// ViT-L 3 %). lines = 0: not worth it.
typedef struct PrefetchRate {
    int group, lines;
} PrefetchRate;
PrefetchRate sched_prefetch(const Choice *c, int64_t nblocks, int64_t bytes_per_k, int64_t block,
                            int64_t depth);
// An exact split of m rows into `count` blocks: the first `big` have `rows` rows, the others one
// less.
typedef struct RowSplit {
    int64_t count, big;
    int rows;
} RowSplit;
RowSplit sched_rows(int64_t m, int64_t mr);
#endif
