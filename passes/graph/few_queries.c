// few_queries.c: attention with few queries reads the tokens themselves, not their keys and values.
// A CLS-only model has one query per image in its last block, and would multiply all tokens by two
// weights for it. Products are associative, so for each head, with X the tokens:
//     scores = q (X Wk + bk)^T = (q Wk^T) X^T + a constant per query, which softmax does not see
//     output = P (X Wv + bv)   = (P X) Wv + bv, since rows of P have the sum 1
// What is left is one attention of heads x queries rows on X as it is, between two products of a
// few rows with each head's part of the weights.
#include "ir/isa.h"
#include "passes/graph/match.h"

// One of K and V: [B,T,n,width] out of x [B,T,K], which only this attention reads.
typedef struct Tokens {
    Linear l;
    int64_t width, k;
} Tokens;
static bool tokens_of(Sweep *s, NodeId n, Tokens *t) {
    if (nuses(s, n) != 1 || !is_op(s, n, OP_RESHAPE)) return false;
    NodeId y = operand(s, n, 0);
    const Type *heads = type_at(s, n), *rows = type_at(s, y);
    if (nuses(s, y) != 1 || !linear_of(s, y, &t->l) || rows->rank != 3) return false;
    if (rows->dim[0] != heads->dim[0] || rows->dim[1] != heads->dim[1]) return false;
    const Type *x = type_at(s, t->l.x);
    const Type *bias = t->l.bias ? type_at(s, t->l.bias) : NULL;
    if (bias && type_count(bias) != 1 && !is_row_vector(bias, last_dim(rows))) return false;
    t->width = heads->dim[3];
    t->k = last_dim(x);
    return x->rank == 3 && x->dt == DT_F32;
}
// The weight, a matrix per head: [n,width,K], or [n,K,width].
static NodeId weight_of_heads(Sweep *s, const Tokens *t, int64_t heads, bool k_first) {
    static const int64_t k_between[] = {0, 2, 1}, k_last[] = {1, 2, 0}, heads_first[] = {1, 0, 2};
    int64_t by_output[] = {heads, t->width, t->k}, by_input[] = {t->k, heads, t->width};
    if (!t->l.trans_b)
        return g_transpose(s->g, reshape_dims(s, t->l.w, 3, by_input),
                           k_first ? heads_first : k_last);
    NodeId w = reshape_dims(s, t->l.w, 3, by_output);
    return k_first ? g_transpose(s->g, w, k_between) : w;
}
// x [B,S,n,K] times w [n,K,N]: each head's rows, of all images, with its matrix. [n,B,S,N]
static NodeId times_heads(Sweep *s, NodeId x, NodeId w, Loc loc) {
    static const int64_t heads_first[] = {2, 0, 1, 3};
    Type t = *type_at(s, x);
    int64_t rows[] = {t.dim[2], t.dim[0] * t.dim[1], t.dim[3]};
    int64_t result[] = {t.dim[2], t.dim[0], t.dim[1], last_dim(type_at(s, w))};
    x = reshape_dims(s, g_transpose(s->g, x, heads_first), 3, rows);
    return reshape_dims(s, placed(s, g_matmul(s->g, x, w, false), loc), 4, result);
}
static NodeId one_head(Sweep *s, NodeId x) { // [B,T,K] as [B,T,1,K]
    const Type *t = type_at(s, x);
    int64_t dim[] = {t->dim[0], t->dim[1], 1, t->dim[2]};
    return reshape_dims(s, x, 4, dim);
}
// Multiply-adds now must be so many times those that would be: a small gain in them is none in
// time, since products of few rows run slower, and those with tokens would leave the matrix unit.
enum { MIN_GAIN = 2, MIN_GAIN_TILES = 16 };
static bool multiplies_on_tiles(const PassOptions *o) {
    return (o->dtype == DT_BF16 || o->f32_parts) && passes_have(o, isa_has_tiles);
}
static bool pays(Sweep *s, const Type *q, int64_t keys, const Tokens *k, const Tokens *v) {
    double batch = (double)q->dim[0], heads = (double)q->dim[2], t = (double)keys;
    double rows = batch * (double)q->dim[1] * heads; // of scores
    double per_head = (double)k->width * (double)k->k + (double)v->width * (double)v->k;
    double now = batch * t * heads * per_head + rows * t * (double)(k->width + v->width);
    double then = rows * per_head + rows * t * (double)(k->k + v->k);
    return now >= (multiplies_on_tiles(s->p->opt) ? MIN_GAIN_TILES : MIN_GAIN) * then;
}
// [B,n*S,1,K]: each head's query as a query on the tokens.
static NodeId queries_on_tokens(Sweep *s, NodeId q, const Tokens *k) {
    static const int64_t images_first[] = {1, 0, 2, 3};
    Type t = *type_at(s, q);
    int64_t rows[] = {t.dim[0], t.dim[2] * t.dim[1], 1, k->k};
    NodeId x = times_heads(s, q, weight_of_heads(s, k, t.dim[2], false), k->l.loc);
    return reshape_dims(s, g_transpose(s->g, x, images_first), 4, rows);
}
// [B,S,n,e] out of what each query got of the tokens, [B,n*S,1,K].
static NodeId values_of_tokens(Sweep *s, NodeId y, const Tokens *v, const Type *q) {
    static const int64_t heads_last[] = {0, 2, 1, 3}, heads_behind[] = {1, 2, 0, 3};
    int64_t heads = q->dim[2], by_head[] = {q->dim[0], heads, q->dim[1], v->k};
    y = g_transpose(s->g, reshape_dims(s, y, 4, by_head), heads_last);
    y = times_heads(s, y, weight_of_heads(s, v, heads, true), v->l.loc);
    y = g_transpose(s->g, y, heads_behind);
    if (!v->l.bias) return y;
    bool is_scalar = type_count(type_at(s, v->l.bias)) == 1;
    int64_t bias[] = {heads, v->width};
    NodeId b = reshape_dims(s, v->l.bias, is_scalar ? 0 : 2, bias);
    return placed(s, g_binary(s->g, OP_ADD, y, b), v->l.loc);
}
NodeId rule_few_queries(Sweep *s, NodeId n) {
    Tokens k, v;
    if (!is_op(s, n, OP_ATTENTION) || !tokens_of(s, operand(s, n, 1), &k) ||
        !tokens_of(s, operand(s, n, 2), &v))
        return 0;
    Type q = *type_at(s, operand(s, n, 0));
    if (!pays(s, &q, type_at(s, operand(s, n, 1))->dim[1], &k, &v)) return 0;
    NodeId in[] = {queries_on_tokens(s, operand(s, n, 0), &k), one_head(s, k.l.x),
                   one_head(s, v.l.x)};
    return values_of_tokens(s, rebuild(s, n, in), &v, &q);
}
