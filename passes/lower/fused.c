// fused.c: the elementwise part of a group: which operands it needs from outside, and its
// arithmetic on whole vectors. Every kernel shape that takes an epilogue, and the plain elementwise
// kernel, use it.
#include "ir/isa.h"
#include "passes/lower/lower.h"
#include <assert.h>
#include <math.h>

DType compute_dtype(DType stored) {
    if (dtype_is_half(stored)) return DT_F32;
    return stored == DT_BOOL ? DT_U8 : stored;
}
Val load_as(Kern *k, DType stored, Val p, int64_t disp, int64_t stride, int n, int lanes) {
    VType t = vec_type(stored == DT_BOOL ? DT_U8 : stored, n);
    int64_t nbytes = dtype_info[stored].nbytes;
    Val v = stride == 0                      ? k_loadb(k, t, p, disp)
            : stride == nbytes || lanes == 1 ? k_load(k, t, p, disp, lanes)
                                             : k_loads(k, t, p, disp, stride, lanes);
    return k_cvt(k, compute_dtype(stored), v);
}
// Where the target has an instruction that rounds to bf16, it makes zeros of subnormal numbers.
static Val stored_value(Kern *k, DType stored, Val v) {
    if (stored == DT_BF16 && kern_type(k, v).dt == DT_F32 && isa_find(K_CVTDZ, DT_BF16, k->target))
        return k_cvtdz(k, v);
    return k_cvt(k, stored == DT_BOOL ? DT_U8 : stored, v);
}
void store_as(Kern *k, DType stored, Val p, int64_t disp, int64_t stride, Val v, int lanes) {
    v = stored_value(k, stored, v);
    if (stride == (int64_t)dtype_info[stored].nbytes || lanes == 1)
        k_store(k, p, disp, v, lanes);
    else
        k_stores(k, p, disp, stride, v, lanes);
}

// ---- collecting ------------------------------------------------------------------------------
static bool is_member(const Fused *f, NodeId n) {
    for (uint32_t i = 0; i < f->n; i++)
        if (f->node[i] == n) return true;
    return n == f->anchor && n;
}
static bool add_external(Fused *f, NodeId n, const Type *result) {
    Graph *g = f->l->g;
    double c;
    if (is_member(f, n) || graph_const_scalar(g, n, &c)) return true;
    for (uint32_t i = 0; i < f->next; i++)
        if (f->ext[i] == n) return true;
    if (f->next == MAX_ARGS - 4)
        return diag_error(f->l->c->diag, ERR_UNSUPPORTED, graph_node(g, n)->loc,
                          "more than %d operands in one fused kernel", MAX_ARGS - 4);
    View v = lower_view(f->l, n);
    f->ext[f->next] = n;
    f->view[f->next++] = view_broadcast(&v, result->rank, result->dim);
    return true;
}
// Every store rounds to what is stored, so an anchor that cannot do more than store its result can
// have this behind it.
static void leave_to_store(Fused *f) {
    if (!f->n) return;
    const Node *last = graph_node(f->l->g, f->result);
    if (last->op != OP_CAST || !dtype_is_half(last->type.dt) || !is_member(f, last->in[0])) return;
    if (graph_type(f->l->g, last->in[0])->dt != DT_F32) return;
    f->is_rounded = true;
    f->n--;
}
bool fused_collect(Lower *l, uint32_t group, NodeId anchor, Fused *f) {
    Graph *g = l->g;
    *f = (Fused){.l = l, .anchor = anchor, .result = anchor};
    for (NodeId i = l->first[group]; i; i = l->node.data[i].next) {
        if (i == anchor) continue;
        if (f->n == MAX_FUSED)
            return diag_error(l->c->diag, ERR_UNSUPPORTED, graph_node(g, i)->loc,
                              "more than %d nodes in one group", MAX_FUSED);
        f->node[f->n++] = i;
        f->result = i;
    }
    leave_to_store(f);
    for (uint32_t i = 0; i < f->n; i++) {
        const Node *n = graph_node(g, f->node[i]);
        for (uint32_t j = 0; j < n->nin; j++)
            if (!add_external(f, n->in[j], graph_type(g, f->result))) return false;
    }
    return true;
}
uint32_t fused_max_nbytes(const Fused *f, const View *dst) {
    uint32_t most = dtype_info[compute_dtype(dst->dt)].nbytes;
    for (uint32_t i = 0; i < f->next; i++) {
        uint32_t b = dtype_info[compute_dtype(f->view[i].dt)].nbytes;
        if (b > most) most = b;
    }
    for (uint32_t i = 0; i < f->n; i++) {
        uint32_t b = dtype_info[compute_dtype(graph_type(f->l->g, f->node[i])->dt)].nbytes;
        if (b > most) most = b;
    }
    return most;
}
const char *fused_suffix(const Fused *f) {
    Str s = str_new(f->l->arena);
    for (uint32_t i = 0; i < f->n; i++)
        str_addf(&s, "_%s", graph_op[graph_node(f->l->g, f->node[i])->op].text);
    if (f->is_rounded) str_addf(&s, "_to_%s", dtype_info[graph_type(f->l->g, f->result)->dt].text);
    return str_cstr(&s);
}

// ---- arithmetic ------------------------------------------------------------------------------
static Val constant(Kern *k, DType dt, int n, double c) {
    VType t = vec_type(dt, n);
    return dtype_info[dt].cls == CLASS_FLOAT ? k_const_f(k, t, c) : k_const_i(k, t, (int64_t)c);
}
static Val like(Kern *k, Val x, double c) {
    VType t = kern_type(k, x);
    return constant(k, (DType)t.dt, t.n, c);
}
static Val as_bool(Kern *k, Val mask, int n) {
    VType t = vec_type(DT_U8, n);
    Val one = k_const_i(k, t, 1), zero = k_const_i(k, t, 0);
    return k_select(k, mask, one, zero);
}
static Val is_nonzero(Kern *k, Val x) {
    return k_cmp(k, P_NE, x, like(k, x, 0));
}
// In f32 whatever the type: the transcendental ops have one precision.
static Val in_f32(Kern *k, KOp op, Val x) {
    DType dt = (DType)kern_type(k, x).dt;
    return k_cvt(k, dt, k_op1(k, op, k_cvt(k, DT_F32, x)));
}
static Val extremum(Kern *k, KOp op, Val a, Val b) { // a NaN in either operand wins
    Val r = k_op2(k, op, a, b);
    if (dtype_info[kern_type(k, a).dt].cls != CLASS_FLOAT) return r;
    return k_select(k, k_cmp(k, P_UNORD, a, a), a, r); // the op itself gives b when b is NaN
}
static Val remainder_of(Kern *k, bool truncated, Val a, Val b) {
    if (dtype_info[kern_type(k, a).dt].cls == CLASS_FLOAT) {
        Val q = k_op2(k, K_DIV, a, b), whole = k_op1(k, K_FLOOR, q);
        if (truncated) {
            Val up = k_op1(k, K_CEIL, q);
            whole = k_select(k, k_cmp(k, P_LT, q, like(k, q, 0)), up, whole);
        }
        return k_fma(k, k_op1(k, K_NEG, whole), b, a);
    }
    Val r = k_op2(k, K_REM, a, b);
    if (truncated) return r;
    Val zero = like(k, a, 0), other = k_op2(k, K_ADD, r, b); // the divisor's sign
    Val moved = k_select(k, k_cmp(k, P_LT, k_op2(k, K_XOR, r, b), zero), other, r);
    return k_select(k, k_cmp(k, P_EQ, r, zero), r, moved);
}
// x^y = exp(y log |x|) with the sign of odd powers; x^0 = 1, 0^y = 0 or inf by the limits of log
// and exp.
static Val power(Kern *k, Val x, Val y) {
    Val one = like(k, x, 1), zero = like(k, x, 0), half = like(k, x, 0.5);
    Val m = in_f32(k, K_EXP, k_op2(k, K_MUL, y, in_f32(k, K_LOG, k_op1(k, K_ABS, x))));
    Val yh = k_op2(k, K_MUL, y, half);
    Val is_even = k_cmp(k, P_EQ, k_op1(k, K_FLOOR, yh), yh),
        is_whole = k_cmp(k, P_EQ, k_op1(k, K_FLOOR, y), y);
    Val signed_m = k_select(k, is_even, m, k_op1(k, K_NEG, m));
    Val negative = k_select(k, is_whole, signed_m, like(k, x, (double)NAN));
    Val r = k_select(k, k_cmp(k, P_LT, x, zero), negative, m);
    return k_select(k, k_cmp(k, P_EQ, y, zero), one, r);
}
static Val rsqrt(Kern *k, Val x) {
    Val root = k_op1(k, K_SQRT, x);
    return k_op2(k, K_DIV, like(k, x, 1), root);
}
static Val power_const(Kern *k, Val x, double y) {
    if (y == 2) return k_op2(k, K_MUL, x, x);
    if (y == 3) return k_op2(k, K_MUL, x, k_op2(k, K_MUL, x, x));
    if (y == 1) return x;
    if (y == 0.5) return k_op1(k, K_SQRT, x);
    if (y == -1) return k_op2(k, K_DIV, like(k, x, 1), x);
    if (y == -0.5) return rsqrt(k, x);
    return power(k, x, like(k, x, y));
}
static Val sigmoid(Kern *k, Val x) {
    Val one = like(k, x, 1);
    return k_op2(k, K_DIV, one, k_op2(k, K_ADD, one, in_f32(k, K_EXP, k_op1(k, K_NEG, x))));
}
static Val softplus(Kern *k, Val x) {
    Val zero = like(k, x, 0), one = like(k, x, 1);
    Val e = in_f32(k, K_EXP, k_op1(k, K_NEG, k_op1(k, K_ABS, x)));
    Val log = in_f32(k, K_LOG, k_op2(k, K_ADD, one, e));
    return k_op2(k, K_ADD, k_op2(k, K_MAX, zero, x), log);
}
static Val gelu_tanh(Kern *k, Val x) {
    static const double root = 0.7978845608028654; // sqrt(2 / pi)
    Val x2 = k_op2(k, K_MUL, x, x), cubic = like(k, x, root * 0.044715), linear = like(k, x, root);
    Val u = k_op2(k, K_MUL, x, k_fma(k, x2, cubic, linear));
    Val h = k_op2(k, K_MUL, x, like(k, x, 0.5));
    return k_fma(k, h, in_f32(k, K_TANH, u), h);
}
static Val sign_of(Kern *k, Val x) {
    Val zero = like(k, x, 0), plus = like(k, x, 1), minus = like(k, x, -1);
    Val below = k_select(k, k_cmp(k, P_LT, x, zero), minus, x);
    return k_select(k, k_cmp(k, P_GT, x, zero), plus, below);
}
static Val cast(Kern *k, Val x, DType to) {
    if (to == DT_BOOL) return as_bool(k, is_nonzero(k, x), kern_type(k, x).n);
    if (to == DT_F16 || to == DT_BF16) { // the value is rounded, the register is f32
        return k_cvt(k, DT_F32, k_cvt(k, to, k_cvt(k, DT_F32, x)));
    }
    return k_cvt(k, to, x);
}
static Val unary(Kern *k, const Node *n, Val x) {
    switch (n->op) {
    case OP_NEG: return k_op1(k, K_NEG, x);
    case OP_ABS: return k_op1(k, K_ABS, x);
    case OP_SIGN: return sign_of(k, x);
    case OP_RECIP: return k_op2(k, K_DIV, like(k, x, 1), x);
    case OP_SQRT: return k_op1(k, K_SQRT, x);
    case OP_RSQRT: return rsqrt(k, x);
    case OP_EXP: return in_f32(k, K_EXP, x);
    case OP_LOG: return in_f32(k, K_LOG, x);
    case OP_ERF: return in_f32(k, K_ERF, x);
    case OP_TANH: return in_f32(k, K_TANH, x);
    case OP_SIN: return in_f32(k, K_SIN, x);
    case OP_COS: return in_f32(k, K_COS, x);
    case OP_SIGMOID: return sigmoid(k, x);
    case OP_SOFTPLUS: return softplus(k, x);
    case OP_GELU: return in_f32(k, K_GELU, x);
    case OP_GELU_TANH: return gelu_tanh(k, x);
    case OP_FLOOR: return k_op1(k, K_FLOOR, x);
    case OP_CEIL: return k_op1(k, K_CEIL, x);
    case OP_ROUND: return k_op1(k, K_RINT, x);
    case OP_NOT: return k_op2(k, K_XOR, x, like(k, x, 1));
    case OP_ISNAN: return as_bool(k, k_cmp(k, P_UNORD, x, x), kern_type(k, x).n);
    case OP_CAST: return cast(k, x, (DType)node_int(n, AT_TO, DT_F32));
    default: die("lower", "no arithmetic for %s", graph_op[n->op].text);
    }
}
static Val binary(Kern *k, const Graph *g, const Node *n, Val x, Val y) {
    double c;
    bool is_const = graph_const_scalar(g, n->in[1], &c) && c == c;
    int lanes = kern_type(k, x).n;
    switch (n->op) {
    case OP_ADD: return k_op2(k, K_ADD, x, y);
    case OP_SUB: return k_op2(k, K_SUB, x, y);
    case OP_MUL: return k_op2(k, K_MUL, x, y);
    case OP_DIV: return k_op2(k, K_DIV, x, y);
    case OP_MOD: return remainder_of(k, node_int(n, AT_FMOD, 0) != 0, x, y);
    case OP_POW:
        return is_const ? power_const(k, x, c)
                        : power(k, x, k_cvt(k, (DType)kern_type(k, x).dt, y));
    case OP_MIN: return is_const ? k_op2(k, K_MIN, y, x) : extremum(k, K_MIN, x, y);
    case OP_MAX: return is_const ? k_op2(k, K_MAX, y, x) : extremum(k, K_MAX, x, y);
    case OP_EQ: return as_bool(k, k_cmp(k, P_EQ, x, y), lanes);
    case OP_LT: return as_bool(k, k_cmp(k, P_LT, x, y), lanes);
    case OP_LE: return as_bool(k, k_cmp(k, P_LE, x, y), lanes);
    case OP_AND: return k_op2(k, K_AND, x, y);
    case OP_OR: return k_op2(k, K_OR, x, y);
    case OP_XOR: return k_op2(k, K_XOR, x, y);
    default: die("lower", "no arithmetic for %s", graph_op[n->op].text);
    }
}

typedef struct Emit {
    const Fused *f;
    Kern *k;
    Val anchor, value[MAX_FUSED];
    int n;
    FusedLoad load;
    void *ctx;
} Emit;
static Val operand(Emit *e, NodeId n) {
    const Fused *f = e->f;
    if (n == f->anchor && n) return e->anchor;
    for (uint32_t i = 0; i < f->n; i++)
        if (f->node[i] == n) return e->value[i];
    for (uint32_t i = 0; i < f->next; i++)
        if (f->ext[i] == n) return e->load(e->ctx, i, vec_type(f->view[i].dt, e->n));
    double c = 0;
    if (!graph_const_scalar(f->l->g, n, &c)) die("lower", "operand %u of a group is nowhere", n);
    return constant(e->k, compute_dtype(graph_type(f->l->g, n)->dt), e->n, c);
}
Val fused_emit(const Fused *f, Kern *k, Val anchor, int n, FusedLoad load, void *ctx) {
    Emit e = {.f = f, .k = k, .anchor = anchor, .n = n, .load = load, .ctx = ctx};
    Val last = anchor;
    for (uint32_t i = 0; i < f->n; i++) {
        const Node *node = graph_node(f->l->g, f->node[i]);
        Val x = operand(&e, node->in[0]);
        if (node->nin == 3) {
            Val yes = operand(&e, node->in[1]), no = operand(&e, node->in[2]);
            last = k_select(k, is_nonzero(k, x), yes, no);
        } else {
            last = node->nin == 1 ? unary(k, node, x)
                                  : binary(k, f->l->g, node, x, operand(&e, node->in[1]));
        }
        e.value[i] = last;
    }
    return last;
}
