// attention.c: softmax(scale Q K^T) V of one head in one task; a block of score rows lives in the
// slice's scratch and never leaves the cache, so any token count works (KERNELS section 5: the full
// score row is fine while it sits in L2).
//     K^T is packed once a head: [d][tokens, padded]
//     for each block of query rows: S = Q K^T; P = 2^(S - max); O = P V, scaled by 1 / sum P
#include "passes/lower/lower.h"
#include <math.h>

typedef struct Attention {
    Lower *l;
    Kern *k;
    int mr, nv, lanes;
    int64_t s, t, d, e, tp; // queries, keys, head size of q and k, of v; keys padded
    View o, q, kk, v;       // [outer.., tokens, heads, size]; heads is the last outer loop
    Val ob, qb, kb, vb;     // of the current head
    Val kt, score, inverse; // scratch: K^T, score rows, 1 / sum of each row
    double scale;           // of the exponent, base 2
} Attention;

static int64_t row(const View *v) {
    return v->dim[v->rank - 3] == 1 ? 0 : v->stride[v->rank - 3];
}
static int64_t col(const View *v) {
    return v->stride[v->rank - 1];
}

// K^T by strided loads: a vector holds one channel of `lanes` keys. `count` vectors from vector
// `first` on, of which `keys` lanes exist; the others become zeros.
static void pack_vectors(Attention *a, int64_t first, int64_t count, int keys) {
    Kern *k = a->k;
    VType vt = vec_type(DT_F32, a->lanes);
    if (count <= 0) return;
    Val vector = k_iaddi(k, k_loopn(k, count), first), c = k_loopn(k, a->d);
    Val src = k_padd(k, a->kb, k_imuli(k, vector, row(&a->kk) * a->lanes));
    src = k_padd(k, src, k_imuli(k, c, col(&a->kk)));
    Val dst = k_padd(k, a->kt, k_imuli(k, vector, (int64_t)a->lanes * 4));
    dst = k_padd(k, dst, k_imuli(k, c, a->tp * 4));
    Val x = keys ? k_loads(k, vt, src, 0, row(&a->kk), keys) : k_const_f(k, vt, 0);
    k_store(k, dst, 0, x, a->lanes);
    k_end(k);
    k_end(k);
}
static void pack_keys(Attention *a) {
    int64_t whole = a->t / a->lanes, rest = a->t % a->lanes, partial = rest ? 1 : 0;
    pack_vectors(a, 0, whole, a->lanes);
    pack_vectors(a, whole, partial, (int)rest);
    pack_vectors(a, whole + partial, a->tp / a->lanes - whole - partial, 0);
}
// acc rows into memory, scaled by the row's factor when `inverse`.
static void store_block(Attention *a, const Micro *u, Val acc[MR_MAX][NV_MAX], Val dst,
                        int64_t dst_row, bool is_output) {
    Kern *k = a->k;
    VType vt = vec_type(DT_F32, u->lanes);
    for (int r = 0; r < u->mr; r++) {
        Val f = is_output ? k_loadb(k, vt, a->inverse, 4 * r) : 0;
        for (int j = 0; j < u->nv; j++) {
            int lanes = j == u->nv - 1 ? u->tail : u->lanes;
            int64_t at = r * dst_row, step = is_output ? col(&a->o) : 4;
            Val v = is_output ? k_op2(k, K_MUL, acc[r][j], f) : acc[r][j];
            at += step * j * u->lanes;
            if (is_output)
                store_as(k, a->o.dt, dst, at, step, v, lanes);
            else
                k_store(k, dst, at, v, u->lanes);
        }
    }
}
static void scores(Attention *a, int mr, Val q) {
    Kern *k = a->k;
    int64_t panel = (int64_t)a->nv * a->lanes;
    Micro u = {.mr = mr,
               .nv = a->nv,
               .lanes = a->lanes,
               .tail = a->lanes,
               .a_row = row(&a->q),
               .a_k = col(&a->q),
               .b_k = a->tp * 4};
    Val p = k_loopn(k, a->tp / panel), acc[MR_MAX][NV_MAX];
    micro_sum(k, &u, q, k_padd(k, a->kt, k_imuli(k, p, panel * 4)), a->d, acc);
    store_block(a, &u, acc, k_padd(k, a->score, k_imuli(k, p, panel * 4)), a->tp * 4, false);
    k_end(k);
}
// One row of scores becomes powers of two; 1 / their sum goes to inverse[r]. Padding becomes zero.
static void softmax_row(Attention *a, Val r) {
    Kern *k = a->k;
    Val p = k_padd(k, a->score, k_imuli(k, r, a->tp * 4));
    int64_t whole = a->t / VLANES;
    int rest = (int)(a->t % VLANES);
    VV top = vv_reg(k), sum = vv_reg(k);
    vv_set(k, top, vv_const(k, -INFINITY));
    if (whole) {
        Val i = k_loopn(k, whole);
        VV x = vv_load(k, k_padd(k, p, k_imuli(k, i, VLANES * 4)), 0, VLANES);
        vv_set(k, top, vv_op2(k, K_MAX, vv_get(k, top), x));
        k_end(k);
    }
    if (rest) {
        VV x = vv_keep(k, vv_load(k, p, whole * VLANES * 4, VLANES), rest, -INFINITY);
        vv_set(k, top, vv_op2(k, K_MAX, vv_get(k, top), x));
    }
    VV scale = vv_const(k, a->scale), most = vv_bcast(k, vv_reduce(k, K_MAX, vv_get(k, top)));
    VV shift =
        a->scale == 1 ? vv_op1(k, K_NEG, most) : vv_op1(k, K_NEG, vv_op2(k, K_MUL, most, scale));
    vv_set(k, sum, vv_const(k, 0));
    for (int part = 0; part < 2; part++) {
        if (part ? !rest : !whole) continue;
        Val at = p;
        if (!part) at = k_padd(k, p, k_imuli(k, k_loopn(k, whole), VLANES * 4));
        int64_t disp = part ? whole * VLANES * 4 : 0;
        VV x = vv_load(k, at, disp, VLANES);
        x = vv_exp2(k, a->scale == 1 ? vv_op2(k, K_ADD, x, shift) : vv_fma(k, x, scale, shift));
        if (part) x = vv_keep(k, x, rest, 0);
        vv_store(k, at, disp, x, VLANES);
        vv_set(k, sum, vv_op2(k, K_ADD, vv_get(k, sum), x));
        if (!part) k_end(k);
    }
    Val total = vv_reduce(k, K_ADD, vv_get(k, sum));
    Val inverse = k_op2(k, K_DIV, k_const_f(k, vec_type(DT_F32, 1), 1), total);
    k_store(k, k_padd(k, a->inverse, k_imuli(k, r, 4)), 0, inverse, 1);
}
static void value_panel(Attention *a, int mr, Val o, int64_t from, int64_t columns) {
    Kern *k = a->k;
    Micro u = {.mr = mr,
               .nv = (int)ceil_div(columns, a->lanes),
               .lanes = a->lanes,
               .a_row = a->tp * 4,
               .a_k = 4,
               .b_k = row(&a->v)};
    u.tail = (int)(columns - (int64_t)(u.nv - 1) * a->lanes);
    Val b = k_paddi(k, a->vb, from * col(&a->v)), acc[MR_MAX][NV_MAX];
    Val dst = k_paddi(k, o, from * col(&a->o));
    int64_t block = sched_k_block(a->t);
    if (block >= a->t) {
        micro_sum(k, &u, a->score, b, a->t, acc);
    } else {
        int64_t tile_row = (int64_t)u.nv * a->lanes * 4;
        Val tile = k_scratch(k, (uint64_t)(mr * tile_row));
        micro_blocked(k, &u, a->score, b, a->t, block, tile, tile_row, false);
        for (int r = 0; r < mr; r++)
            for (int j = 0; j < u.nv; j++)
                acc[r][j] = k_load(k, vec_type(DT_F32, a->lanes), tile,
                                   r * tile_row + (int64_t)j * a->lanes * 4, a->lanes);
    }
    store_block(a, &u, acc, dst, row(&a->o), true);
}
static void query_blocks(Attention *a, int mr, int64_t first, int64_t count) {
    Kern *k = a->k;
    if (!count) return;
    Val i = k_loopn(k, count);
    Val r0 = k_iaddi(k, k_imuli(k, i, mr), first);
    Val q = k_padd(k, a->qb, k_imuli(k, r0, row(&a->q))),
        o = k_padd(k, a->ob, k_imuli(k, r0, row(&a->o)));
    scores(a, mr, q);
    Val r = k_loopn(k, mr);
    softmax_row(a, r);
    k_end(k);
    int64_t panel = (int64_t)a->nv * a->lanes, whole = a->e / panel;
    for (int64_t p = 0; p < whole; p++) value_panel(a, mr, o, p * panel, panel);
    if (a->e % panel) value_panel(a, mr, o, whole * panel, a->e % panel);
    k_end(k);
}

static void emit_attention(Attention *a, const Node *node) {
    Lower *l = a->l;
    Build b = build_new(l, arena_printf(l->prog->arena, "attention_%lldx%lldx%lld", (long long)a->s,
                                        (long long)a->t, (long long)a->d));
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
    a->kt = k_scratch(k, (uint64_t)(a->d * a->tp * 4));
    a->score = k_scratch(k, (uint64_t)(mr * a->tp * 4));
    a->inverse = k_scratch(k, (uint64_t)mr * 4);
    Val t = build_tasks(&b);
    build_decode(&b, t, rank, dim, index);
    Val *base[4] = {&a->ob, &a->qb, &a->kb, &a->vb};
    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < rank; j++) {
            int axis = j < rank - 1 ? j : view[i]->rank - 2;
            stride[j] = view[i]->dim[axis] == 1 ? 0 : view[i]->stride[axis];
        }
        *base[i] = build_walk(&b, arg[i], rank, index, stride);
    }
    pack_keys(a);
    RowSplit s = sched_rows(a->s, a->mr);
    query_blocks(a, s.rows, 0, s.big);
    query_blocks(a, s.rows - 1, s.big * s.rows, s.count - s.big);
    k_end(k);
    *PUSH(k->arena, &k->loc) = node->loc;
    const LocInfo *at = diag_at(l->c->diag, node->loc);
    double flops = 2.0 * (double)grid * (double)a->s * (double)a->t * (double)(a->d + a->e);
    build_launch(&b, grid, flops, at->node ? at->node : "attention");
}
static View operand(Lower *l, NodeId n) { // f32
    View v = lower_view(l, n);
    if (v.dt == DT_F32) return v;
    Type t = type_of(DT_F32, v.rank, v.dim);
    View w = lower_temp(l, &t);
    lower_copy(l, &v, &w, "widen");
    return w;
}
bool lower_attention(Lower *l, const Fused *f) {
    Node node = *graph_node(l->g, f->anchor);
    Attention a = {.l = l, .lanes = (int)target_lanes(l->target, 4)};
    a.q = operand(l, node.in[0]);
    a.kk = operand(l, node.in[1]);
    View v = operand(l, node.in[2]);
    a.v = lower_contiguous_rows(l, &v);
    View value = f->n ? lower_temp(l, &node.type) : lower_dest(l, f->result);
    a.o = value;
    int r = a.q.rank;
    a.s = a.q.dim[r - 3];
    a.t = a.kk.dim[r - 3];
    a.d = a.q.dim[r - 1];
    a.e = a.v.dim[r - 1];
    Shape shape = {{a.s, a.t, a.d}};
    Choice choice = sched_choose(OP_ATTENTION, shape, l->target, l->tuning);
    a.mr = (int)choice.rows;
    a.nv = (int)choice.vectors;
    // whole panels and whole virtual vectors; one is a multiple of the other
    a.tp = (int64_t)round_up((uint64_t)a.t, (uint64_t)max_i64(a.nv * a.lanes, VLANES));
    a.scale = node_float(&node, AT_SCALE, 1.0);
    if (!node_int(&node, AT_BASE2, 0)) a.scale *= 1.4426950408889634;
    if (a.d == 1) a.q.stride[r - 1] = a.kk.stride[r - 1] = 4;
    if (a.e == 1) a.v.stride[r - 1] = 4;
    emit_attention(&a, &node);
    return !f->n || lower_then_elementwise(l, f, &value);
}
