// schedule.c: looking up choices: the row of schedule.def for the machine, then the tuning, then
// rules for what neither says.
#include "passes/lower/schedule.h"

typedef struct Sched {
    GraphOp op;
    DType weights; // NONE = any
    uint64_t features;
    uint32_t vbytes; // 0 = any
    int64_t mr, nv;  // register block: rows, vectors
    const char *reason;
} Sched;
static const Sched rows[] = {
#define SCHED(op, features, vbytes, mr, nv, reason)                                                \
    {OP_##op, DT_NONE, features, vbytes, mr, nv, reason},
#define SCHED_BF16(op, features, vbytes, mr, nv, reason)                                           \
    {OP_##op, DT_BF16, features, vbytes, mr, nv, reason},
#include "passes/lower/schedule.def"
#undef SCHED
#undef SCHED_BF16
};
enum { MM = 1, ATT = 2 };
const KnobInfo knob_info[] = {
#define KNOB(id, ops, lo, hi, what) {#id, what, offsetof(Choice, id), lo, hi, ops},
#include "passes/lower/knobs.def"
};
const size_t knob_rows = COUNT_OF(knob_info);
const Choice choice_untuned = {
#define KNOB(id, ops, lo, hi, what) .id = UNTUNED,
#include "passes/lower/knobs.def"
};

bool knob_is_for(const KnobInfo *i, GraphOp op) {
    return (i->ops & (op == OP_MATMUL ? MM : op == OP_ATTENTION ? ATT : 0)) != 0;
}
static bool is_for(const TuningRow *r, GraphOp op, const Shape *s) {
    if (r->op != op) return false;
    bool same = true;
    for (size_t i = 0; i < COUNT_OF(s->dim); i++) same = same && r->shape.dim[i] == s->dim[i];
    return r->any_shape || same;
}
static bool fits(const Sched *s, GraphOp op, DType weights, const Target *t) {
    return s->op == op && target_has(t, s->features) && (!s->vbytes || s->vbytes == t->vbytes) &&
           (s->weights == DT_NONE || s->weights == weights);
}
Choice sched_choose(GraphOp op, Shape s, const Target *t, const Tuning *tuning) {
    return sched_choose_for(op, DT_NONE, s, t, tuning);
}
Choice sched_choose_for(GraphOp op, DType weights, Shape s, const Target *t,
                        const Tuning *tuning) {
    Choice c = {.panels = 1, .prefetch_ahead = 1};
    const Sched *row = NULL;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (fits(&rows[i], op, weights, t)) row = &rows[i];
    c.rows = row ? row->mr : 0;
    c.vectors = row ? row->nv : 0;
    for (uint32_t i = 0; tuning && i < tuning->n; i++) {
        TuningRow r = tuning->row[i];
        if (!is_for(&r, op, &s)) continue;
        for (size_t k = 0; k < knob_rows; k++)
            if (*knob_of(&r.set, k) != UNTUNED) *knob_of(&c, k) = *knob_of(&r.set, k);
    }
    if (row && row->weights != DT_NONE) {
        c.rows = row->mr;
        c.vectors = row->nv;
    }
    return c;
}
static int64_t common_divisor(int64_t a, int64_t b) {
    return b ? common_divisor(b, a % b) : a;
}
int64_t sched_panel(DType weights, Shape s, const Target *t, const Target *const *also,
                    const Tuning *tuning) {
    int64_t vectors = sched_choose_for(OP_MATMUL, weights, s, t, tuning).vectors;
    int64_t panel = vectors * target_lanes(t, 4);
    for (; also && *also; also++) {
        int64_t other = sched_panel(weights, s, *also, NULL, tuning);
        panel = panel / common_divisor(panel, other) * other;
    }
    return panel;
}
const char *sched_refuses(GraphOp op, const Choice *c, const Target *t) {
    if (c->rows * c->vectors + c->vectors + 1 > (int64_t)t->nvregs)
        return "rows x vectors + vectors + 1 is more than the registers of the target";
    int64_t panel = c->vectors * (int64_t)target_lanes(t, 4);
    if (op == OP_ATTENTION && panel % VLANES && VLANES % panel)
        return "the vectors neither fill nor divide the 16 lanes that softmax sums over";
    return NULL;
}

int64_t sched_k_block(int64_t k) {
    return ceil_div(k, max_i64(ceil_div(k, K_BLOCK), 1));
}
int64_t sched_k_chunk(const Choice *c, const Target *t, int64_t nrows, int64_t k) {
    int64_t block = sched_k_block(k), half = (int64_t)t->l2_kib * 1024 / 2;
    int64_t fit = c->k_chunk ? (int64_t)round_up((uint64_t)c->k_chunk, (uint64_t)block)
                             : half / (nrows * 4) / block * block;
    if (fit >= k) return k;
    if (c->k_chunk) return fit;
    if (fit < block) fit = block;
    int64_t chunks = ceil_div(k, fit);
    return ceil_div(ceil_div(k, chunks), block) * block; // even chunks
}
int64_t sched_tile_chunk(const Choice *c, int64_t words) {
    enum { SPAN = 16, FIT = 192 }; // words of a step; a panel of 32 columns is half of L1 then
    int64_t chunks = ceil_div(words, c->k_chunk ? ceil_div(c->k_chunk, 2) : FIT);
    return (int64_t)round_up((uint64_t)ceil_div(words, chunks), SPAN);
}
int64_t sched_m_chunk(const Choice *c, const Target *t, int64_t nrows, int64_t k) {
    enum { LEAST = 192 }; // rows that share one pass over the weights
    int64_t fit = (int64_t)t->l2_kib * 1024 / 2 / (min_i64(k, K_BLOCK) * 4);
    int64_t chunks = ceil_div(nrows, c->pass_rows ? c->pass_rows : max_i64(fit, LEAST));
    return ceil_div(nrows, chunks);
}
int64_t sched_row_blocks(const Choice *c, const Target *t, int64_t nrows, int64_t keys,
                         int64_t per_key) {
    int64_t l1 = (int64_t)t->l1_kib * 1024, l2 = (int64_t)t->l2_kib * 1024;
    bool stays = keys * per_key * 4 <= l2 / 2;
    int64_t fit = (stays ? l1 : l2 / 4) / (keys * 4 * c->rows);
    int64_t most = ceil_div(nrows, c->rows);
    return max_i64(1, min_i64(c->row_blocks ? c->row_blocks : fit, most));
}
PrefetchRate sched_prefetch(const Choice *c, int64_t nblocks, int64_t bytes_per_k, int64_t block,
                            int64_t depth) {
    enum { LINE = 64, MOST_LINES = 3, FIRST_GROUP = 32, LAST_GROUP = 4 };
    PrefetchRate none = {0, 0};
    if (nblocks < 2 || !c->prefetch_ahead || depth % block) return none;
    bool is_given = c->prefetch_group && block % c->prefetch_group == 0;
    int64_t first = is_given ? c->prefetch_group : FIRST_GROUP;
    int64_t last = is_given ? c->prefetch_group : LAST_GROUP;
    for (int64_t group = first; group >= last; group /= 2) {
        if (block % group) continue;
        if (c->prefetch_lines) return (PrefetchRate){(int)group, (int)c->prefetch_lines};
        for (int lines = 1; lines <= MOST_LINES; lines++)
            if (4 * nblocks * lines * LINE >= 5 * group * bytes_per_k)
                return (PrefetchRate){(int)group, lines};
    }
    return none;
}
RowSplit sched_rows(int64_t m, int64_t mr) {
    int64_t n = ceil_div(m, mr);
    int64_t base = m / n, more = m % n;
    if (!more) return (RowSplit){n, n, (int)base};
    return (RowSplit){n, more, (int)base + 1};
}
