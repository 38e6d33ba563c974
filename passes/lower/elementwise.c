// elementwise.c: kernels without an anchor: chains of elementwise ops, and copies between views
// (their chain is empty). A task is one row of the merged loop nest; the row runs in vectors with
// an exact tail.
#include "passes/lower/lower.h"

typedef struct Row {
    const Fused *f; // NULL: a copy of operand 1
    Kern *k;
    const Nest *nest;
    Val base[MAX_OPERANDS]; // row starts: operand 0 is the result
    DType dt[MAX_OPERANDS];
    Val at[MAX_OPERANDS]; // this vector's start
    int n, lanes;
} Row;
static int64_t inner_stride(const Row *r, int operand) {
    return r->nest->stride[operand][r->nest->rank - 1];
}
static Val load_operand(void *ctx, uint32_t ext, VType t) {
    const Row *r = ctx;
    (void)t;
    return load_as(r->k, r->dt[ext + 1], r->at[ext + 1], 0, inner_stride(r, (int)ext + 1), r->n,
                   r->lanes);
}
static void vector(Row *r, int lanes) {
    r->lanes = lanes;
    Val v =
        r->f ? fused_emit(r->f, r->k, 0, r->n, load_operand, r) : load_operand(r, 0, (VType){0});
    store_as(r->k, r->dt[0], r->at[0], 0, inner_stride(r, 0), v, lanes);
}
static void advance(Row *r, Val index, int64_t elements) {
    for (int o = 0; o < r->nest->noperands; o++) {
        int64_t step = inner_stride(r, o) * elements;
        r->at[o] = index ? k_padd(r->k, r->base[o], k_imuli(r->k, index, step))
                         : k_paddi(r->k, r->base[o], step);
    }
}
static void row_body(Row *r) {
    int64_t len = r->nest->dim[r->nest->rank - 1];
    if (len / r->n) {
        Val i = k_loopn(r->k, len / r->n);
        advance(r, i, r->n);
        vector(r, r->n);
        k_end(r->k);
    }
    if (len % r->n) {
        advance(r, 0, len / r->n * r->n);
        vector(r, (int)(len % r->n));
    }
}

// A long contiguous run is cut so that threads share it; a scalar becomes one row of one.
static void shape_rows(Nest *n) {
    enum { LONG = 4096, LEAST = 64 };
    if (n->rank == 0) {
        n->rank = 1;
        n->dim[0] = 1;
        for (int o = 0; o < n->noperands; o++) n->stride[o][0] = 0;
    }
    if (n->rank != 1 || n->dim[0] <= LONG) return;
    for (int64_t piece = LONG; piece >= LEAST; piece--) {
        if (n->dim[0] % piece) continue;
        for (int o = 0; o < n->noperands; o++) {
            n->stride[o][1] = n->stride[o][0];
            n->stride[o][0] *= piece;
        }
        n->dim[1] = piece;
        n->dim[0] /= piece;
        n->rank = 2;
        return;
    }
}
static int pick_lanes(const Lower *l, uint32_t elem_nbytes, int64_t len) {
    int n = (int)target_lanes(l->target, elem_nbytes);
    while (n > 1 && n / 2 >= len) n /= 2;
    return n < 1 ? 1 : n;
}
static void emit_rows(Lower *l, const Fused *f, const View *dst, const View *src, int nsrc,
                      const char *name, const char *label) {
    Nest n = nest_new(dst->rank, dst->dim);
    nest_add(&n, dst);
    for (int i = 0; i < nsrc; i++) nest_add(&n, &src[i]);
    nest_collapse(&n, 0);
    shape_rows(&n);
    Build b = build_new(l, name);
    Row r = {.f = f, .k = b.k, .nest = &n};
    uint32_t widest = f ? fused_max_nbytes(f, dst) : dtype_info[compute_dtype(dst->dt)].nbytes;
    if (!f && dtype_info[compute_dtype(src->dt)].nbytes > widest)
        widest = dtype_info[compute_dtype(src->dt)].nbytes;
    r.n = pick_lanes(l, widest, n.dim[n.rank - 1]);
    Val arg[MAX_OPERANDS], index[MAX_RANK];
    int64_t grid = 1;
    for (int o = 0; o < n.noperands; o++) {
        const View *v = o ? &src[o - 1] : dst;
        arg[o] = build_arg(&b, o ? arena_printf(l->prog->arena, "x%d", o) : "y", v, o == 0);
        r.dt[o] = v->dt;
    }
    for (int i = 0; i + 1 < n.rank; i++) grid *= n.dim[i];
    Val t = build_tasks(&b);
    lower_decode(b.k, t, n.rank - 1, n.dim, index);
    for (int o = 0; o < n.noperands; o++)
        r.base[o] = lower_walk(b.k, arg[o], n.rank - 1, index, n.stride[o]);
    row_body(&r);
    k_end(b.k);
    build_launch(&b, grid, 0, label);
}

static const char *dims_text(Lower *l, const View *v) {
    Str s = str_new(l->prog->arena);
    for (int i = 0; i < v->rank; i++) str_addf(&s, "%s%lld", i ? "x" : "", (long long)v->dim[i]);
    if (!v->rank) str_add(&s, "1");
    return str_cstr(&s);
}
bool lower_elementwise(Lower *l, const Fused *f) {
    View dst = lower_dest(l, f->result);
    const char *name =
        arena_printf(l->prog->arena, "elementwise_%s%s", dims_text(l, &dst), fused_suffix(f));
    emit_rows(l, f, &dst, f->view, (int)f->next, name, "elementwise");
    return true;
}
void lower_copy(Lower *l, const View *src, const View *dst, const char *what) {
    const char *name = arena_printf(l->prog->arena, "%s_%s", what, dims_text(l, dst));
    emit_rows(l, NULL, dst, src, 1, name, what);
}

bool lower_then_elementwise(Lower *l, const Fused *f, const View *value) {
    Fused late = *f;
    late.anchor = 0;
    const Type *t = graph_type(l->g, f->result);
    if (late.next == MAX_ARGS - 4)
        return diag_error(l->c->diag, ERR_UNSUPPORTED, graph_node(l->g, f->result)->loc,
                          "too many operands in one fused kernel");
    late.ext[late.next] = f->anchor;
    late.view[late.next++] = view_broadcast(value, t->rank, t->dim);
    return lower_elementwise(l, &late);
}
