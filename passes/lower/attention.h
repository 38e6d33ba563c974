// attention.h: attention while its kernel is made: shared by attention.c, which finds the shapes
// and makes the two products, attention_pack.c, which lays out K and V for them, and
// attention_softmax.c, which is between them.
#ifndef PASSES_LOWER_ATTENTION_H
#define PASSES_LOWER_ATTENTION_H
#include "passes/lower/lower.h"

typedef struct Attention {
    Lower *l;
    Kern *k;
    int mr, nv, lanes;
    int64_t panel;          // columns of a full panel: nv vectors
    bool pairs;             // steps are words of two bf16, else floats: four bytes in any case
    bool tiles;             // both products on the matrix unit, in pairs
    int64_t s, t, d, e, tp; // queries, keys, head size of q and k, of v; keys padded
    int64_t dk, tk, block;  // steps of S, of O, and of one block of O
    int64_t group;          // blocks of query rows that share a pass over K^T and V
    View o, q, kk, v;       // [outer.., tokens, heads, size]; heads is the last outer loop
    Val ob, qb, kb, vb;     // of the current head
    int together;           // rows that a loop of softmax works on
    // scratch: K^T [panels][dk][panel]; V [panels][tk][panel]; of the group's rows: scores, sums of
    // products [e, padded], lanes of a maximum or a sum, and a factor: the exponent's shift at
    // first, then 1 / sum of powers
    Val kt, vp, score, sum, lane, factor;
    int64_t score_row, sum_row; // bytes
    double scale;               // of the exponent, base 2
} Attention;
typedef struct Group { // the row blocks first .. first + count - 1 of mr rows each
    int mr;
    int tiles, second; // of rows; the row of the block at which the second tile begins
    int done;          // rows of the block that the one before did
    Val count;         // how many
    Val q, o;          // their first rows
} Group;

static inline int64_t att_row(const View *v) {
    return v->dim[v->rank - 3] == 1 ? 0 : v->stride[v->rank - 3];
}
static inline int64_t att_col(const View *v) {
    return v->stride[v->rank - 1];
}
static inline VType att_step_type(const Attention *a) {
    return vec_type(a->pairs ? DT_I32 : DT_F32, a->lanes);
}
// Bytes from step to step of a row of Q or K.
static inline int64_t att_step(const Attention *a, const View *v) {
    return a->pairs ? 2 * att_col(v) : att_col(v);
}
static inline Val att_scores(const Attention *a, Val r) {
    return k_padd(a->k, a->score, k_imuli(a->k, r, a->score_row));
}
static inline Val att_lanes(const Attention *a, Val r) {
    return k_padd(a->k, a->lane, k_imuli(a->k, r, VLANES * 4));
}
static inline Val att_factor(const Attention *a, Val r) {
    return k_padd(a->k, a->factor, k_imuli(a->k, r, 4));
}

// K^T and V of the current head go to scratch, in panels; what lies behind the last key is zero.
void attention_pack_keys(Attention *a);
void attention_pack_values(Attention *a);
// Scores of the group's rows become powers of two; 1 / their sum goes to `factor`.
void attention_softmax(Attention *a, const Group *g);
#endif
