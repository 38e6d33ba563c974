// conv.c: general convolutions (any strides, pads, dilations, groups; up to three spatial axes).
// Patch embeddings and 1x1 convolutions are matrix products before they come here, so this path is
// plain: the operand is copied into a padded one, a task is one row of the result, its pixels run
// in vectors.
#include "passes/lower/lower.h"

typedef struct Conv {
    Lower *l;
    Kern *k;
    int spatial;  // axes 2 .. 2+spatial-1
    View x, w, y; // padded operand, weights, result
    const int64_t *strides, *dilations;
    int64_t group;
    Val xb, wb, yb; // of this row
} Conv;

static View padded_operand(Lower *l, const View *x, const int64_t *pads, int spatial) {
    Type t = type_of(DT_F32, x->rank, x->dim);
    int64_t starts[MAX_RANK] = {0};
    bool is_padded = false;
    for (int i = 0; i < spatial; i++) {
        starts[2 + i] = pads[i];
        t.dim[2 + i] += pads[i] + pads[spatial + i];
        is_padded = is_padded || pads[i] || pads[spatial + i];
    }
    if (!is_padded && x->dt == DT_F32) return *x;
    View whole = lower_temp(l, &t);
    View zero = lower_view(l, graph_scalar(l->g, DT_F32, 0, 0));
    zero = view_broadcast(&zero, t.rank, t.dim);
    lower_copy(l, &zero, &whole, "fill");
    View inside = view_slice(&whole, starts, x->dim, NULL);
    lower_copy(l, x, &inside, "pad");
    return whole;
}
// `lanes` pixels of the row starting at pixel index `first` (0 = loop variable given as `pixel`).
static void pixels(Conv *c, Val pixel, int64_t disp_pixels, int n, int lanes) {
    Kern *k = c->k;
    int last = 1 + c->spatial;
    int64_t step = c->strides[c->spatial - 1] * c->x.stride[last];
    VType vt = vec_type(DT_F32, n);
    Val acc = k_reg(k, vt), x = k_paddi(k, c->xb, disp_pixels * step), w = c->wb;
    k_set(k, acc, k_const_f(k, vt, 0));
    if (pixel) x = k_padd(k, x, k_imuli(k, pixel, step * n));
    for (int i = 1; i < c->w.rank; i++) { // channels of the group, then the window
        Val j = k_loopn(k, c->w.dim[i]);
        int64_t xstep = c->x.stride[i] * (i > 1 ? c->dilations[i - 2] : 1);
        x = k_padd(k, x, k_imuli(k, j, xstep));
        w = k_padd(k, w, k_imuli(k, j, c->w.stride[i]));
    }
    Val xv =
        step == 4 || lanes == 1 ? k_load(k, vt, x, 0, lanes) : k_loads(k, vt, x, 0, step, lanes);
    Val wv = k_loadb(k, vt, w, 0);
    k_set(k, acc, k_fma(k, xv, wv, k_get(k, acc)));
    for (int i = 1; i < c->w.rank; i++) k_end(k);
    Val y = k_paddi(k, c->yb, disp_pixels * c->y.stride[last]);
    if (pixel) y = k_padd(k, y, k_imuli(k, pixel, c->y.stride[last] * n));
    store_as(k, c->y.dt, y, 0, c->y.stride[last], k_get(k, acc), lanes);
}
static void result_row(Conv *c) {
    int n = (int)target_lanes(c->l->target, 4);
    int64_t len = c->y.dim[1 + c->spatial];
    if (len / n) {
        Val i = k_loopn(c->k, len / n);
        pixels(c, i, 0, n, n);
        k_end(c->k);
    }
    if (len % n) pixels(c, 0, len / n * n, n, (int)(len % n));
}
bool lower_conv(Lower *l, const Fused *f) {
    Node n = *graph_node(l->g, f->anchor);
    Conv c = {.l = l, .spatial = n.type.rank - 2, .group = node_int(&n, AT_GROUP, 1)};
    static const int64_t ones[MAX_RANK] = {1, 1, 1, 1, 1, 1, 1, 1}, zeros[2 * MAX_RANK];
    const int64_t *pads = node_ints(&n, AT_PADS, NULL);
    c.strides = node_ints(&n, AT_STRIDES, NULL);
    c.dilations = node_ints(&n, AT_DILATIONS, NULL);
    if (!c.strides) c.strides = ones;
    if (!c.dilations) c.dilations = ones;
    View x = lower_view(l, n.in[0]);
    c.x = padded_operand(l, &x, pads ? pads : zeros, c.spatial);
    c.w = lower_view(l, n.in[1]);
    c.y = f->n ? lower_temp(l, &n.type) : lower_dest(l, f->result);
    Build b = build_new(l, arena_printf(l->prog->arena, "conv_%lldx%lld", (long long)n.type.dim[1],
                                        (long long)c.w.dim[1]));
    Kern *k = c.k = b.k;
    Val xa = build_arg(&b, "x", &c.x, false), wa = build_arg(&b, "w", &c.w, false),
        ya = build_arg(&b, "y", &c.y, true);
    int rank = n.type.rank - 1; // batch, output channel, all but the last spatial axis
    int64_t grid = 1, out_per_group = n.type.dim[1] / c.group;
    for (int i = 0; i < rank; i++) grid *= n.type.dim[i];
    Val t = build_tasks(&b), index[MAX_RANK];
    lower_decode(b.k, t, rank, n.type.dim, index);
    c.yb = lower_walk(b.k, ya, rank, index, c.y.stride);
    c.wb = k_padd(k, wa, k_imuli(k, index[1], c.w.stride[0]));
    Val g = k_idiv(k, index[1], k_index(k, out_per_group));
    c.xb = k_padd(k, xa, k_imuli(k, index[0], c.x.stride[0]));
    c.xb = k_padd(k, c.xb, k_imuli(k, g, c.x.stride[1] * c.w.dim[1]));
    for (int i = 2; i < rank; i++)
        c.xb = k_padd(k, c.xb, k_imuli(k, index[i], c.strides[i - 2] * c.x.stride[i]));
    result_row(&c);
    k_end(k);
    double flops = 2.0 * (double)type_count(&n.type) *
                   (double)(type_count(graph_type(l->g, n.in[1])) / n.type.dim[1]);
    build_launch(&b, grid, flops, "conv");
    return !f->n || lower_then_elementwise(l, f, &c.y);
}
