// rowwise.c: LayerNorm and Softmax over the last axis; a task is one row. Two passes for the
// variance: exact in the presence of outlier channels, and the row is in L1 after the first.
#include "passes/lower/lower.h"
#include <math.h>

typedef struct Rows {
    Lower *l;
    Kern *k;
    int64_t len, grid;
    Val x, y, gain, bias; // this row of operand and result; whole gain and bias
    DType y_dt;           // f32, or a half that is only written
    Val y_at;             // bytes from y to the virtual vector that is being walked
    VV shift, factor;     // of the pass being emitted
} Rows;
typedef VV (*RowStep)(Rows *r, VV x, Val at, int64_t disp, int lanes);

// Calls step on every virtual vector of the row; sums what it returns when `op` is not K_NOP.
static VV walk(Rows *r, Val p, KOp op, double start, RowStep step) {
    Kern *k = r->k;
    int64_t whole = r->len / VLANES;
    int rest = (int)(r->len % VLANES);
    VV acc = {0};
    if (op != K_NOP) {
        acc = vv_reg(k);
        vv_set(k, acc, vv_const(k, start));
    }
    if (whole) {
        Val i = k_loopn(k, whole), at = k_imuli(k, i, VLANES * 4);
        r->y_at = r->y_dt == DT_F32 ? at : k_imuli(k, i, VLANES * dtype_info[r->y_dt].nbytes);
        VV x = step(r, vv_load(k, k_padd(k, p, at), 0, VLANES), at, 0, VLANES);
        if (op != K_NOP) vv_set(k, acc, vv_op2(k, op, vv_get(k, acc), x));
        k_end(k);
    }
    if (rest) {
        int64_t disp = whole * VLANES * 4;
        VV x = vv_load(k, p, disp, rest);
        r->y_at = k_index(k, 0);
        x = step(r, x, r->y_at, disp, rest);
        if (op != K_NOP) {
            x = vv_keep(k, x, rest, start);
            vv_set(k, acc, vv_op2(k, op, vv_get(k, acc), x));
        }
    }
    return op == K_NOP ? acc : vv_get(k, acc);
}
static void put(Rows *r, VV x, int64_t disp, int lanes) { // disp: of f32
    Val to = k_padd(r->k, r->y, r->y_at);
    vv_store_as(r->k, r->y_dt, to, disp / 4 * dtype_info[r->y_dt].nbytes, x, lanes);
}
static VV same(Rows *r, VV x, Val at, int64_t disp, int lanes) {
    (void)r, (void)at, (void)disp, (void)lanes;
    return x;
}
static VV squared_distance(Rows *r, VV x, Val at, int64_t disp, int lanes) {
    (void)at, (void)disp, (void)lanes;
    VV d = vv_op2(r->k, K_SUB, x, r->shift);
    return vv_op2(r->k, K_MUL, d, d);
}
static VV normalise(Rows *r, VV x, Val at, int64_t disp, int lanes) {
    Kern *k = r->k;
    x = vv_op2(k, K_MUL, vv_op2(k, K_SUB, x, r->shift), r->factor);
    if (r->gain) x = vv_op2(k, K_MUL, x, vv_load(k, k_padd(k, r->gain, at), disp, lanes));
    if (r->bias) x = vv_op2(k, K_ADD, x, vv_load(k, k_padd(k, r->bias, at), disp, lanes));
    put(r, x, disp, lanes);
    return x;
}
static VV power_of_e(Rows *r, VV x, Val at, int64_t disp, int lanes) {
    Kern *k = r->k;
    x = vv_exp2(k, vv_fma(k, x, vv_const(k, 1.4426950408889634), r->shift), EXP2_FOR_F32);
    vv_store(k, k_padd(k, r->y, at), disp, x, lanes);
    return x;
}
static VV scale(Rows *r, VV x, Val at, int64_t disp, int lanes) {
    x = vv_op2(r->k, K_MUL, x, r->factor);
    vv_store(r->k, k_padd(r->k, r->y, at), disp, x, lanes);
    return x;
}
static Val one_lane(Kern *k, double c) {
    return k_const_f(k, vec_type(DT_F32, 1), c);
}

static void layernorm_row(Rows *r, double eps) {
    Kern *k = r->k;
    Val n = one_lane(k, 1.0 / (double)r->len);
    VV sum = walk(r, r->x, K_ADD, 0, same);
    r->shift = vv_bcast(k, k_op2(k, K_MUL, vv_reduce(k, K_ADD, sum), n));
    VV squares = walk(r, r->x, K_ADD, 0, squared_distance);
    Val var = k_op2(k, K_MUL, vv_reduce(k, K_ADD, squares), n);
    Val deviation = k_op1(k, K_SQRT, k_op2(k, K_ADD, var, one_lane(k, eps)));
    r->factor = vv_bcast(k, k_op2(k, K_DIV, one_lane(k, 1), deviation));
    walk(r, r->x, K_NOP, 0, normalise);
}
static void softmax_row(Rows *r) {
    Kern *k = r->k;
    VV top = walk(r, r->x, K_MAX, -INFINITY, same);
    Val most = vv_reduce(k, K_MAX, top);
    most = k_op2(k, K_MUL, most, one_lane(k, -1.4426950408889634));
    r->shift = vv_bcast(k, most);
    VV sum = walk(r, r->x, K_ADD, 0, power_of_e);
    Val total = vv_reduce(k, K_ADD, sum);
    r->factor = vv_bcast(k, k_op2(k, K_DIV, one_lane(k, 1), total));
    walk(r, r->y, K_NOP, 0, scale);
}

// f32 rows without gaps between elements, for whatever the operand is.
static View row_operand(Lower *l, NodeId n) {
    View v = lower_f32_view(l, n);
    return lower_contiguous_rows(l, &v);
}
static bool is_row_place(const View *v, bool is_layernorm) { // softmax reads its result again
    bool is_type = v->dt == DT_F32 || (is_layernorm && dtype_is_half(v->dt));
    int64_t nbytes = dtype_info[v->dt].nbytes;
    return is_type && (v->dim[v->rank - 1] == 1 || v->stride[v->rank - 1] == nbytes);
}
static bool lower_rows(Lower *l, const Fused *f, bool is_layernorm) {
    Node node = *graph_node(l->g, f->anchor);
    View x = row_operand(l, node.in[0]), y, extra[2], want = {0};
    int next = is_layernorm ? (int)node.nin - 1 : 0;
    for (int i = 0; i < next; i++) extra[i] = row_operand(l, node.in[i + 1]);
    if (!f->n) want = lower_dest(l, f->result);
    Type t = node.type;
    t.dt = DT_F32;
    bool is_direct = !f->n && is_row_place(&want, is_layernorm);
    y = is_direct ? want : lower_temp(l, &t);
    Rows r = {.l = l, .len = x.dim[x.rank - 1], .grid = 1, .y_dt = y.dt};
    Nest n = nest_new(x.rank, x.dim);
    nest_add(&n, &x);
    nest_add(&n, &y);
    nest_collapse(&n, 1);
    const char *what = is_layernorm ? "layernorm" : "softmax";
    for (int i = 0; i + 1 < n.rank; i++) r.grid *= n.dim[i];
    const char *suffix = is_direct ? fused_suffix(f) : "";
    Build b = build_new(l, arena_printf(l->prog->arena, "%s_%lldx%lld%s%s", what, (long long)r.grid,
                                        (long long)r.len, next ? "_gain" : "", suffix));
    Kern *k = r.k = b.k;
    Val xa = build_arg(&b, "x", &x, false), ya = build_arg(&b, "y", &y, true), index[MAX_RANK];
    if (next > 0) r.gain = build_arg(&b, "gain", &extra[0], false);
    if (next > 1) r.bias = build_arg(&b, "bias", &extra[1], false);
    Val task = build_tasks(&b);
    lower_decode(b.k, task, n.rank - 1, n.dim, index);
    r.x = lower_walk(b.k, xa, n.rank - 1, index, n.stride[0]);
    r.y = lower_walk(b.k, ya, n.rank - 1, index, n.stride[1]);
    if (is_layernorm)
        layernorm_row(&r, node_float(&node, AT_EPS, 1e-5));
    else
        softmax_row(&r);
    k_end(k);
    *PUSH(k->arena, &k->loc) = node.loc;
    const LocInfo *at = diag_at(l->c->diag, node.loc);
    build_launch(&b, r.grid, 0, at->node ? at->node : what);
    if (f->n) return lower_then_elementwise(l, f, &y);
    if (!is_direct) lower_copy(l, &y, &want, what);
    return true;
}
bool lower_layernorm(Lower *l, const Fused *f) {
    return lower_rows(l, f, true);
}
bool lower_softmax(Lower *l, const Fused *f) {
    return lower_rows(l, f, false);
}
