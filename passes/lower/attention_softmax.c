// attention_softmax.c: softmax on the score rows of a group, step by step, several rows at a time:
// a row alone is one chain of dependent operations at its start and at its end. Of 197 keys, 16
// scores cost 12.5 cycles so on Zen 5; now 6, of which the exponential's additions and comparisons
// need 4.
#include "passes/lower/attention.h"
#include <math.h>

// Loops take several rows at a time; what lies behind the last row is computed too and never read.
// The greatest of each lane, where products on tiles do not find it.
static void top_rows(Attention *a, Val r) {
    Kern *k = a->k;
    Val p = att_scores(a, r), lane = att_lanes(a, r);
    int64_t whole = a->t / VLANES;
    int rest = (int)(a->t % VLANES);
    VV top[VLANES];
    for (int i = 0; i < a->together; i++) {
        top[i] = vv_reg(k);
        vv_set(k, top[i], vv_const(k, -INFINITY));
    }
    if (whole) {
        Val at = k_padd(k, p, k_imuli(k, k_loopn(k, whole), VLANES * 4));
        for (int i = 0; i < a->together; i++) {
            VV x = vv_load(k, at, i * a->score_row, VLANES);
            vv_set(k, top[i], vv_op2(k, K_MAX, vv_get(k, top[i]), x));
        }
        k_end(k);
    }
    for (int i = 0; i < a->together; i++) {
        VV x = vv_get(k, top[i]);
        if (rest) {
            VV last = vv_load(k, p, i * a->score_row + whole * VLANES * 4, VLANES);
            x = vv_op2(k, K_MAX, x, vv_keep(k, last, rest, -INFINITY));
        }
        vv_store(k, lane, (int64_t)i * VLANES * 4, x, VLANES);
    }
}
// Scores become powers of two, those of padding zero; their sum in each lane. Powers in bf16 lie at
// the start of the row, in half its bytes: behind what is still to be read.
static void power_rows(Attention *a, Val r) {
    Kern *k = a->k;
    Val p = att_scores(a, r), lane = att_lanes(a, r), factor = att_factor(a, r);
    int64_t whole = a->t / VLANES, size = a->pairs ? 2 : 4;
    int rest = (int)(a->t % VLANES);
    VV scale = vv_const(k, a->scale), sum[VLANES], shift[VLANES];
    for (int i = 0; i < a->together; i++) {
        shift[i] = vv_bcast_load(k, factor, (int64_t)i * 4);
        sum[i] = vv_reg(k);
        vv_set(k, sum[i], vv_const(k, 0));
    }
    for (int part = 0; part < 2; part++) {
        if (part ? !rest : !whole) continue;
        Val c = part ? k_index(k, whole) : k_loopn(k, whole);
        Val from = k_padd(k, p, k_imuli(k, c, VLANES * 4));
        Val to = k_padd(k, p, k_imuli(k, c, VLANES * size));
        for (int i = 0; i < a->together; i++) {
            VV x = vv_load(k, from, i * a->score_row, VLANES);
            x = a->scale == 1 ? vv_op2(k, K_ADD, x, shift[i]) : vv_fma(k, x, scale, shift[i]);
            x = vv_exp2(k, x, a->pairs ? EXP2_FOR_BF16 : EXP2_FOR_F32);
            if (part) x = vv_keep(k, x, rest, 0);
            vv_store_as(k, a->pairs ? DT_BF16 : DT_F32, to, i * a->score_row, x, VLANES);
            vv_set(k, sum[i], vv_op2(k, K_ADD, vv_get(k, sum[i]), x));
        }
        if (!part) k_end(k);
    }
    int64_t end = (int64_t)round_up((uint64_t)a->t, VLANES); // zeros make whole tiles of keys
    for (int i = 0; i < a->together; i++) {
        vv_store(k, lane, (int64_t)i * VLANES * 4, vv_get(k, sum[i]), VLANES);
        if (a->tiles && end < 2 * a->tk)
            vv_store_as(k, DT_BF16, p, i * a->score_row + end * 2, vv_const(k, 0), VLANES);
    }
}
static void shift_of_tops(Attention *a, Val r) {
    Kern *k = a->k;
    Val x = vv_reduce_rows(k, K_MAX, att_lanes(a, r), 1);
    VType t = vec_type(DT_F32, vv_lanes(k));
    if (a->scale != 1) x = k_op2(k, K_MUL, x, k_const_f(k, t, a->scale));
    k_store(k, att_factor(a, r), 0, k_op1(k, K_NEG, x), vv_lanes(k));
}
static void inverse_of_sums(Attention *a, Val r) {
    Kern *k = a->k;
    Val x = vv_reduce_rows(k, K_ADD, att_lanes(a, r), VLANES / vv_lanes(k));
    Val one = k_const_f(k, vec_type(DT_F32, vv_lanes(k)), 1);
    k_store(k, att_factor(a, r), 0, k_op2(k, K_DIV, one, x), vv_lanes(k));
}
void attention_softmax(Attention *a, const Group *g) {
    static void (*const step[])(Attention *, Val) = {top_rows, shift_of_tops, power_rows,
                                                     inverse_of_sums};
    Kern *k = a->k;
    const int rows[] = {a->together, vv_lanes(k), a->together, vv_lanes(k)};
    for (size_t i = a->tiles ? 0 : 1; i < COUNT_OF(step); i++) {
        step[i](a, k_loop(k, k_index(k, g->done), k_imuli(k, g->count, g->mr), rows[i]));
        k_end(k);
    }
}
// `count` blocks of query rows, like `g`, from row `first` on, group by group.
