// attention.c: softmax(scale Q K^T) V of one head in one task; score rows live in the slice's
// scratch and never leave the cache, so any token count works (KERNELS section 5: full score rows
// are fine while they sit in L2).
//     once a head: K^T and V are packed in panels, so that the products below read on and on
//     for each group of blocks of query rows (as many as L1, or L2, holds scores of)
//         for each panel of keys, for each block:           S = Q K^T
//         for each row:                                     P = 2^(S - max)
//         for each block of keys, panel of V, for each block: O += P V, at last times 1 / sum P
// Where Q, K and V lie in bf16 and the machine multiplies pairs of it, a step of both products is a
// word of two: neighbours of a row of Q and of K, two keys of P and V. Half the steps and half the
// bytes; the scores, their powers and the sums stay f32. On a matrix unit a block is two tiles of
// query rows, and all keys are one block.
#include "ir/isa.h"
#include "passes/lower/attention.h"
#include <math.h>

// ---- the two products --------------------------------------------------------------------------
// A block's product on tiles, `columns` tiles wide.
static void tile_product(const Attention *a, const Group *g, int columns, Val x, int64_t x_row,
                         Val y, int64_t words, Val to, int64_t to_row) {
    TileMicro u = {.tiles = g->tiles,
                   .rows = (int)min_i64(a->s, TILE_ROWS),
                   .second = g->second,
                   .columns = columns,
                   .has_rest = a->dk % TILE_ROWS != 0,
                   .a_row = x_row,
                   .b_row = a->panel * 4,
                   .c_row = to_row};
    TileSums sums = tile_sums(a->k, &u);
    tile_block(a->k, &u, x, y, words, &sums, &(TileStart){0});
    tile_put(a->k, &u, &sums, to);
}
static Micro micro_of(const Attention *a, int mr) {
    return (Micro){.mr = mr,
                   .nv = a->nv,
                   .lanes = a->lanes,
                   .tail = a->lanes,
                   .word = a->pairs ? 2 : 0,
                   .b_k = a->panel * 4};
}
// Scores of a block's rows for `keys` keys, and the greatest in each lane so far: the units that
// compare are idle beside the products, and a pass of its own would load all scores again.
static void put_scores(Attention *a, int mr, int64_t keys, Val dst, Val lane,
                       Val acc[MR_MAX][NV_MAX]) {
    Kern *k = a->k;
    VType vt = vec_type(DT_F32, a->lanes);
    for (int r = 0; r < mr; r++) {
        Val top = k_load(k, vt, lane, (int64_t)r * VLANES * 4, a->lanes), here = 0;
        for (int64_t c = 0; c < keys; c += a->lanes) {
            Val x = acc[r][c / a->lanes];
            k_store(k, dst, r * a->score_row + c * 4, x, a->lanes);
            VV v = {.parts = 1, .n = a->lanes, .v = {x}};
            int have = (int)min_i64(a->lanes, keys - c);
            x = vv_keep(k, v, have, -INFINITY).v[0];
            here = here ? k_op2(k, K_MAX, here, x) : x;
        }
        k_store(k, lane, (int64_t)r * VLANES * 4, k_op2(k, K_MAX, top, here), a->lanes);
    }
}
// `count` panels of scores from panel `first` on, of so many keys each.
static void score_panels(Attention *a, const Group *g, int64_t first, int64_t count, int64_t keys) {
    Kern *k = a->k;
    Micro u = micro_of(a, g->mr);
    u.nv = (int)ceil_div(keys, a->lanes);
    u.a_row = att_row(&a->q);
    u.a_k = att_step(a, &a->q);
    if (!count) return;
    Val p = k_iaddi(k, k_loopn(k, count), first), i = k_loop(k, k_index(k, 0), g->count, 1);
    Val q = k_padd(k, g->q, k_imuli(k, i, g->mr * att_row(&a->q))), acc[MR_MAX][NV_MAX];
    Val kt = k_padd(k, a->kt, k_imuli(k, p, a->dk * a->panel * 4));
    Val r = k_imuli(k, i, g->mr);
    Val dst = k_padd(k, att_scores(a, r), k_imuli(k, p, a->panel * 4));
    if (a->tiles) {
        tile_product(a, g, u.nv, q, u.a_row, kt, a->dk, dst, a->score_row);
    } else {
        micro_sum(k, &u, q, kt, a->dk, acc);
        put_scores(a, g->mr, keys, dst, att_lanes(a, r), acc);
    }
    k_end(k);
    k_end(k);
}
static void scores(Attention *a, const Group *g) {
    Kern *k = a->k;
    int64_t whole = a->t / a->panel, rest = a->t % a->panel;
    if (!a->tiles) {
        Val r = k_loop(k, k_index(k, 0), k_imuli(k, g->count, g->mr), 1);
        Val least = k_const_f(k, vec_type(DT_F32, a->lanes), -INFINITY);
        k_store(k, att_lanes(a, r), 0, least, a->lanes);
        k_end(k);
    }
    score_panels(a, g, 0, whole, a->panel);
    score_panels(a, g, whole, rest ? 1 : 0, rest);
}
// One product over all keys in tiles; the sums go to scratch.
static void tile_values(Attention *a, const Group *g) {
    Kern *k = a->k;
    Val p = k_loopn(k, ceil_div(a->e, a->panel)), i = k_loop(k, k_index(k, 0), g->count, 1);
    Val w = k_padd(k, a->score, k_imuli(k, i, g->mr * a->score_row));
    Val v = k_padd(k, a->vp, k_imuli(k, p, a->tk * a->panel * 4));
    Val sum = k_padd(k, a->sum, k_imuli(k, i, g->mr * a->sum_row));
    sum = k_padd(k, sum, k_imuli(k, p, a->panel * 4));
    tile_product(a, g, a->nv, w, a->score_row, v, a->tk, sum, a->sum_row);
    k_end(k);
    k_end(k);
}
static void outputs(Attention *a, const Group *g) { // sums times 1 / sum P
    Kern *k = a->k;
    VType vt = vec_type(DT_F32, a->lanes);
    Val r = k_loop(k, k_index(k, g->done), k_imuli(k, g->count, g->mr), 1);
    Val sum = k_padd(k, a->sum, k_imuli(k, r, a->sum_row));
    Val dst = k_padd(k, g->o, k_imuli(k, r, att_row(&a->o)));
    Val f = k_loadb(k, vt, k_padd(k, a->factor, k_imuli(k, r, 4)), 0);
    for (int64_t c = 0; c < a->e; c += a->lanes) {
        Val v = k_op2(k, K_MUL, k_load(k, vt, sum, c * 4, a->lanes), f);
        store_as(k, a->o.dt, dst, c * att_col(&a->o), att_col(&a->o), v,
                 (int)min_i64(a->lanes, a->e - c));
    }
    k_end(k);
}
typedef struct Steps { // of P V: a block of the sum
    Val from;
    int64_t n;
    bool is_first, is_last;
} Steps;
// Block i of rows, `columns` of panel p: into the sums, or times 1 / sum P to where they belong.
static void put_values(Attention *a, const Group *g, const Steps *s, Val p, Val i, int64_t columns,
                       Val acc[MR_MAX][NV_MAX]) {
    Kern *k = a->k;
    VType vt = vec_type(DT_F32, a->lanes);
    Val sum = 0, o = 0, factor = 0;
    if (!s->is_first || !s->is_last) {
        sum = k_padd(k, a->sum, k_imuli(k, i, g->mr * a->sum_row));
        sum = k_padd(k, sum, k_imuli(k, p, a->panel * 4));
    }
    if (s->is_last) {
        o = k_padd(k, g->o, k_imuli(k, i, g->mr * att_row(&a->o)));
        o = k_padd(k, o, k_imuli(k, p, a->panel * att_col(&a->o)));
        factor = k_padd(k, a->factor, k_imuli(k, i, g->mr * 4));
    }
    for (int r = 0; r < g->mr; r++) {
        Val f = s->is_last ? k_loadb(k, vt, factor, (int64_t)r * 4) : 0;
        for (int64_t c = 0; c < columns; c += a->lanes) {
            Val x = acc[r][c / a->lanes];
            int64_t at = r * a->sum_row + c * 4, to = r * att_row(&a->o) + c * att_col(&a->o);
            if (!s->is_first) x = k_op2(k, K_ADD, k_load(k, vt, sum, at, a->lanes), x);
            if (s->is_last)
                store_as(k, a->o.dt, o, to, att_col(&a->o), k_op2(k, K_MUL, x, f),
                         (int)min_i64(a->lanes, columns - c));
            else
                k_store(k, sum, at, x, a->lanes);
        }
    }
}
// P V over these steps for `count` panels of V from panel `first` on, of `columns` columns each.
static void value_panels(Attention *a, const Group *g, const Steps *s, int64_t first, int64_t count,
                         int64_t columns) {
    Kern *k = a->k;
    if (!count) return;
    Micro u = micro_of(a, g->mr);
    u.nv = (int)ceil_div(columns, a->lanes);
    u.a_row = a->score_row;
    u.a_k = 4;
    Val p = k_iaddi(k, k_loopn(k, count), first), i = k_loop(k, k_index(k, 0), g->count, 1);
    Val w = k_padd(k, a->score, k_imuli(k, i, g->mr * a->score_row)), acc[MR_MAX][NV_MAX];
    w = k_padd(k, w, k_imuli(k, s->from, 4));
    Val v = k_padd(k, a->vp, k_imuli(k, p, a->tk * a->panel * 4));
    v = k_padd(k, v, k_imuli(k, s->from, a->panel * 4));
    micro_sum(k, &u, w, v, s->n, acc);
    put_values(a, g, s, p, i, columns, acc);
    k_end(k);
    k_end(k);
}
static void weighted_values(Attention *a, const Group *g, const Steps *s) {
    int64_t whole = a->e / a->panel, rest = a->e % a->panel;
    value_panels(a, g, s, 0, whole, a->panel);
    value_panels(a, g, s, whole, rest ? 1 : 0, rest);
}
// Blocks of keys as matmul's blocks of k: each summed from zero, added in order.
static void all_values(Attention *a, const Group *g) {
    Kern *k = a->k;
    int64_t block = a->block, last = ceil_div(a->tk, block) - 1;
    Steps s = {.from = k_index(k, 0), .n = block, .is_first = true};
    if (last) weighted_values(a, g, &s);
    if (last > 1) {
        Val i = k_loopn(k, last - 1);
        s = (Steps){.from = k_imuli(k, k_iaddi(k, i, 1), block), .n = block};
        weighted_values(a, g, &s);
        k_end(k);
    }
    s = (Steps){.from = k_index(k, last * block),
                .n = a->tk - last * block,
                .is_first = !last,
                .is_last = true};
    weighted_values(a, g, &s);
}

// ---- the whole -------------------------------------------------------------------------------
static void query_blocks(Attention *a, Group g, int64_t first, int64_t count) {
    Kern *k = a->k;
    if (!count) return;
    int64_t step = min_i64(a->group, count);
    Val i = k_loop(k, k_index(k, 0), k_index(k, count), step);
    Val r0 = k_iaddi(k, k_imuli(k, i, g.mr), first), left = k_isub(k, k_index(k, count), i);
    g.count = k_imin(k, left, k_index(k, step));
    g.q = k_padd(k, a->qb, k_imuli(k, r0, att_row(&a->q)));
    g.o = k_padd(k, a->ob, k_imuli(k, r0, att_row(&a->o)));
    scores(a, &g);
    attention_softmax(a, &g);
    if (a->tiles) {
        tile_values(a, &g);
        outputs(a, &g);
    } else {
        all_values(a, &g);
    }
    k_end(k);
}
static void all_queries(Attention *a) {
    if (!a->tiles) {
        RowSplit s = sched_rows(a->s, a->mr);
        query_blocks(a, (Group){.mr = s.rows}, 0, s.big);
        query_blocks(a, (Group){.mr = s.rows - 1}, s.big * s.rows, s.count - s.big);
        return;
    }
    TileSplit s = tile_split(a->s);
    Group full = {.mr = 2 * TILE_ROWS, .tiles = 2, .second = TILE_ROWS};
    Group last = {.mr = s.last == 2 ? s.second + s.rows : s.rows,
                  .tiles = s.last,
                  .second = s.second,
                  .done = s.done};
    query_blocks(a, full, 0, s.whole);
    query_blocks(a, last, s.at, s.last ? 1 : 0);
}

static void emit_attention(Attention *a, const Node *node, const char *suffix) {
    Lower *l = a->l;
    const char *type = a->pairs ? "_bf16" : "";
    Build b =
        build_new(l, arena_printf(l->prog->arena, "attention_%lldx%lldx%lld%s%s", (long long)a->s,
                                  (long long)a->t, (long long)a->d, type, suffix));
    Kern *k = a->k = b.k;
    View *view[4] = {&a->o, &a->q, &a->kk, &a->v};
    static const char *const name[4] = {"o", "q", "k", "v"};
    Val arg[4], index[MAX_RANK];
    int rank = a->o.rank - 2; // outer loops: leading dims, then heads
    int64_t dim[MAX_RANK], stride[MAX_RANK], grid = 1;
    for (int i = 0; i < rank; i++) {
        dim[i] = a->o.dim[i < rank - 1 ? i : a->o.rank - 2];
        grid *= dim[i];
    }
    for (int i = 0; i < 4; i++) arg[i] = build_arg(&b, name[i], view[i], i == 0);
    int64_t mr = min_i64(a->mr, a->s);
    int64_t rows = mr * a->group, ep = ceil_div(a->e, a->panel) * a->panel;
    int64_t most = rows + VLANES; // loops of softmax end behind the last row
    a->sum_row = ep * 4;
    a->kt = k_scratch(k, (uint64_t)(a->dk * a->tp * 4));
    a->vp = k_scratch(k, (uint64_t)(a->tk * ep * 4));
    a->score = k_scratch(k, (uint64_t)((rows + a->together - 1) * a->score_row));
    a->lane = k_scratch(k, (uint64_t)most * VLANES * 4);
    a->factor = k_scratch(k, (uint64_t)most * 4);
    if (a->tiles || a->tk > a->block) a->sum = k_scratch(k, (uint64_t)(rows * a->sum_row));
    Val t = build_tasks(&b);
    lower_decode(b.k, t, rank, dim, index);
    Val *base[4] = {&a->ob, &a->qb, &a->kb, &a->vb};
    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < rank; j++) {
            int axis = j < rank - 1 ? j : view[i]->rank - 2;
            stride[j] = view[i]->dim[axis] == 1 ? 0 : view[i]->stride[axis];
        }
        *base[i] = lower_walk(b.k, arg[i], rank, index, stride);
    }
    attention_pack_keys(a);
    attention_pack_values(a);
    all_queries(a);
    k_end(k);
    *PUSH(k->arena, &k->loc) = node->loc;
    const LocInfo *at = diag_at(l->c->diag, node->loc);
    double flops = 2.0 * (double)grid * (double)a->s * (double)a->t * (double)(a->d + a->e);
    build_launch(&b, grid, flops, at->node ? at->node : "attention");
}
// Rows of Q or K as words: elements side by side, and every row where a word may begin.
static View rows_of_words(Lower *l, const View *v) {
    bool ok = l->plan.buffer.data[v->buffer].kind == PLACE_ARENA && v->offset % 4 == 0 &&
              v->stride[v->rank - 1] == 2;
    for (int i = 0; i < v->rank - 1; i++) ok = ok && (v->dim[i] == 1 || v->stride[i] % 4 == 0);
    if (ok) return *v;
    Type t = type_of(v->dt, v->rank, v->dim);
    View copy = lower_temp(l, &t);
    lower_copy(l, v, &copy, "align");
    return copy;
}
// A half that a CAST widens, as it lies; else as f32.
static View operand(Lower *l, NodeId n) {
    View v;
    return lower_unmade(l, n, &v) ? v : lower_view(l, n);
}
// In pairs, when all three lie in bf16, a head has an even size and the machine is fast with them.
static void find_operands(Attention *a, const Node *node) {
    Lower *l = a->l;
    View *view[3] = {&a->q, &a->kk, &a->v};
    bool is_bf16 = true;
    for (int i = 0; i < 3; i++) {
        *view[i] = operand(l, node->in[i]);
        is_bf16 = is_bf16 && view[i]->dt == DT_BF16;
    }
    a->pairs = is_bf16 && a->q.dim[3] % 2 == 0 && isa_has_pairs(l->target);
    a->tiles = a->pairs && isa_has_tiles(l->target);
    for (int i = 0; i < 3 && !a->pairs; i++) *view[i] = lower_f32_view(l, node->in[i]);
    for (int i = 0; i < 2 && a->pairs; i++) *view[i] = rows_of_words(l, view[i]);
    a->v = lower_contiguous_rows(l, &a->v);
}
// An eighth of the registers for their sums, another for their shifts.
static int rows_together(const Attention *a) {
    int64_t parts = ceil_div(VLANES, a->lanes), fit = a->l->target->nvregs / 8 / parts;
    return (int)max_i64(1, min_i64(fit, a->s));
}
// How many steps there are, and how they are blocked.
static void cut_steps(Attention *a, Choice choice) {
    int per_step = a->pairs ? 2 : 1;
    if (a->tiles) { // 2 x 2 of them are all that there are
        choice.rows = 2 * TILE_ROWS;
        choice.vectors = 2;
    }
    a->mr = (int)choice.rows;
    a->nv = (int)choice.vectors;
    a->panel = (int64_t)a->nv * a->lanes;
    // whole panels and whole virtual vectors; one is a multiple of the other
    a->tp = (int64_t)round_up((uint64_t)a->t, (uint64_t)max_i64(a->panel, VLANES));
    a->score_row = (int64_t)round_up((uint64_t)a->t, VLANES) * 4;
    if (a->pairs && a->score_row % 128 == 0) a->score_row += 64; // an odd number of cache lines
    a->dk = a->d / per_step;
    a->tk = ceil_div(a->t, per_step);
    a->block = ceil_div(sched_k_block(a->t), per_step);
    if (a->tiles) // a product begins its sums anew
        a->block = a->tk = (int64_t)round_up((uint64_t)a->tk, TILE_ROWS);
    a->together = rows_together(a);
    a->group = sched_row_blocks(&choice, a->l->target, a->s, a->t, (a->d + a->e) / per_step);
}
bool lower_attention(Lower *l, const Fused *f) {
    Node node = *graph_node(l->g, f->anchor);
    Attention a = {.l = l, .lanes = (int)target_lanes(l->target, 4)};
    find_operands(&a, &node);
    View value = f->n ? lower_temp(l, &node.type) : lower_dest(l, f->result);
    a.o = value;
    int r = a.q.rank;
    a.s = a.q.dim[r - 3];
    a.t = a.kk.dim[r - 3];
    a.d = a.q.dim[r - 1];
    a.e = a.v.dim[r - 1];
    Shape shape = {{a.s, a.t, a.d}};
    Choice choice = sched_choose(OP_ATTENTION, shape, l->target, l->opt->tuning);
    cut_steps(&a, choice);
    a.scale = node_float(&node, AT_SCALE, 1.0);
    if (!node_int(&node, AT_BASE2, 0)) a.scale *= 1.4426950408889634;
    if (a.d == 1) a.q.stride[r - 1] = a.kk.stride[r - 1] = 4;
    if (a.e == 1) a.v.stride[r - 1] = dtype_info[a.v.dt].nbytes;
    emit_attention(&a, &node, f->n ? "" : fused_suffix(f));
    build_tunable(l, OP_ATTENTION, shape);
    return !f->n || lower_then_elementwise(l, f, &value);
}
