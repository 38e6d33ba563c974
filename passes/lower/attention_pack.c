// attention_pack.c: K^T and V of a head in panels, so that both products read on and on: K^T by
// squares that are transposed in registers, V by rows, in words of two keys where steps are pairs.
#include "passes/lower/attention.h"
#include <string.h>

static Val zero(const Attention *a) {
    VType t = att_step_type(a);
    return a->pairs ? k_const_i(a->k, t, 0) : k_const_f(a->k, t, 0);
}
// K^T by strided loads, where squares do not fit: a vector holds one step of `lanes` keys. `count`
// vectors from vector `first` on, of which `keys` lanes exist; the others become zeros.
static void pack_vectors(Attention *a, int64_t first, int64_t count, int keys) {
    Kern *k = a->k;
    VType vt = att_step_type(a);
    if (count <= 0) return;
    Val vector = k_iaddi(k, k_loopn(k, count), first), nv = k_index(k, a->nv);
    Val panel = k_idiv(k, vector, nv), nth = k_imod(k, vector, nv), c = k_loopn(k, a->dk);
    Val src = k_padd(k, a->kb, k_imuli(k, vector, att_row(&a->kk) * a->lanes));
    src = k_padd(k, src, k_imuli(k, c, att_step(a, &a->kk)));
    Val dst = k_padd(k, a->kt, k_imuli(k, panel, a->dk * a->panel * 4));
    dst = k_padd(k, dst, k_imuli(k, nth, (int64_t)a->lanes * 4));
    dst = k_padd(k, dst, k_imuli(k, c, a->panel * 4));
    k_store(k, dst, 0, k_loads(k, vt, src, 0, att_row(&a->kk), keys), a->lanes);
    k_end(k);
    k_end(k);
}
// n vectors of n lanes: v[i] lane j becomes v[j] lane i, in log2 n rounds of zips (a perfect
// shuffle of rows; n log2 n instructions where strided loads need n^2).
static void transpose(Kern *k, Val *v, int n) {
    for (int round = 1; round < n; round *= 2) {
        Val next[VLANES];
        for (int i = 0; i < n / 2; i++) {
            next[2 * i] = k_op2(k, K_ZIPLO, v[i], v[i + n / 2]);
            next[2 * i + 1] = k_op2(k, K_ZIPHI, v[i], v[i + n / 2]);
        }
        memcpy(v, next, (size_t)n * sizeof *v);
    }
}
// The first `count` vectors of keys, in squares of `lanes` keys by `lanes` steps.
static void pack_squares(Attention *a, int64_t count) {
    Kern *k = a->k;
    Val vector = k_loopn(k, count), nv = k_index(k, a->nv), square = k_loopn(k, a->dk / a->lanes);
    Val panel = k_idiv(k, vector, nv), nth = k_imod(k, vector, nv), v[VLANES];
    Val src = k_padd(k, a->kb, k_imuli(k, vector, att_row(&a->kk) * a->lanes));
    src = k_padd(k, src, k_imuli(k, square, (int64_t)a->lanes * 4));
    for (int i = 0; i < a->lanes; i++)
        v[i] = k_load(k, att_step_type(a), src, i * att_row(&a->kk), a->lanes);
    transpose(k, v, a->lanes);
    Val dst = k_padd(k, a->kt, k_imuli(k, panel, a->dk * a->panel * 4));
    dst = k_padd(k, dst, k_imuli(k, nth, (int64_t)a->lanes * 4));
    dst = k_padd(k, dst, k_imuli(k, square, a->lanes * a->panel * 4));
    for (int i = 0; i < a->lanes; i++) k_store(k, dst, i * a->panel * 4, v[i], a->lanes);
    k_end(k);
    k_end(k);
}
void attention_pack_keys(Attention *a) {
    int64_t whole = a->t / a->lanes, rest = a->t % a->lanes, partial = rest ? 1 : 0;
    if (a->dk % a->lanes == 0 && att_step(a, &a->kk) == 4 && whole)
        pack_squares(a, whole);
    else
        pack_vectors(a, 0, whole, a->lanes);
    pack_vectors(a, whole, partial, (int)rest);
}
// `lanes` columns of a step of V: of one key, or of two as words.
static Val value_step(const Attention *a, Val src, int64_t disp, int lanes, int keys) {
    Kern *k = a->k;
    if (lanes <= 0) return zero(a);
    if (!a->pairs) return k_load(k, att_step_type(a), src, disp, lanes);
    VType half = vec_type(DT_U16, a->lanes);
    Val word = k_cvt(k, DT_U32, k_load(k, half, src, disp, lanes));
    if (keys == 2) {
        Val high = k_cvt(k, DT_U32, k_load(k, half, src, disp + att_row(&a->v), lanes));
        word = k_op2(k, K_OR, word, k_shift(k, K_SHL, high, 16));
    }
    return k_bitcast(k, DT_I32, word);
}
// Of panel p: steps first .. first + steps - 1, of `keys` keys each.
static void pack_steps(Attention *a, Val p, int64_t first, int64_t steps, int keys,
                       int64_t columns) {
    Kern *k = a->k;
    int64_t size = dtype_info[a->v.dt].nbytes, keys_before = first * (a->pairs ? 2 : 1);
    if (!steps) return;
    Val t = k_loopn(k, steps);
    Val src = k_padd(k, a->vb, k_imuli(k, p, a->panel * att_col(&a->v)));
    src = k_paddi(k, k_padd(k, src, k_imuli(k, t, keys * att_row(&a->v))),
                  keys_before * att_row(&a->v));
    Val dst = k_padd(k, a->vp, k_imuli(k, p, a->tk * a->panel * 4));
    dst = k_paddi(k, k_padd(k, dst, k_imuli(k, t, a->panel * 4)), first * a->panel * 4);
    for (int j = 0; j < a->nv; j++) {
        int64_t at = (int64_t)j * a->lanes, have = min_i64(a->lanes, columns - at);
        k_store(k, dst, at * 4, value_step(a, src, at * size, (int)have, keys), a->lanes);
    }
    k_end(k);
}
// `count` panels of V from panel `first` on, of `columns` columns each; padding becomes zeros.
static void pack_value_panels(Attention *a, int64_t first, int64_t count, int64_t columns) {
    Kern *k = a->k;
    if (!count) return;
    int keys = a->pairs ? 2 : 1;
    int64_t whole = a->t / keys, single = a->t % keys;
    Val p = k_iaddi(k, k_loopn(k, count), first);
    pack_steps(a, p, 0, whole, keys, columns);
    pack_steps(a, p, whole, single, 1, columns);
    pack_steps(a, p, whole + single, a->tk - whole - single, 0, 0);
    k_end(k);
}
void attention_pack_values(Attention *a) {
    int64_t whole = a->e / a->panel, rest = a->e % a->panel;
    pack_value_panels(a, 0, whole, a->panel);
    pack_value_panels(a, whole, rest ? 1 : 0, rest);
}
