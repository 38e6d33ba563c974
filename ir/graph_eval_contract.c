// graph_eval_contract.c: matmul, convolution, attention. All three are small tiles of sums of
// products: operands are converted to f64 panels, and each sum runs over k in order in one f64.
#include "ir/graph_eval.h"
#include <math.h>
#include <string.h>

// ---- tiles -----------------------------------------------------------------------------------
enum { ROWS = 4, COLS = 8, BLOCK = 64 };      // of a tile; rows of a that are packed together
typedef double Tile[ROWS][COLS];

// out[i][j] = sum over k of a[k][i] * b[k][j].
static void multiply_tile(const double *restrict a, const double *restrict b, int64_t nk,
                          Tile out) {
    Tile sum = {{0}};
    for (int64_t k = 0; k < nk; k++, a += ROWS, b += COLS)
        for (int i = 0; i < ROWS; i++)
            for (int j = 0; j < COLS; j++) sum[i][j] += a[i] * b[j];
    memcpy(out, sum, sizeof sum);
}
// A matrix inside a tensor: where it begins, and the distances from row to row and from k to k.
typedef struct Matrix {
    const Tensor *t;
    int64_t first, row, k;
} Matrix;
static double element(const Matrix *m, int64_t row, int64_t k) {
    int64_t at = m->first + row * m->row + k * m->k;
    if (m->t->type.dt == DT_F32) return (double)((const float *)m->t->data)[at];
    return dtype_read_f(m->t->type.dt, m->t->data, (uint64_t)at);
}
// Rows row .. row+n of m as to[k][width]; missing rows are zero.
static void pack(double *restrict to, int width, Matrix m, int64_t row, int64_t nrows, int64_t nk) {
    int64_t n = min_i64(width, nrows - row);
    if (n < width) memset(to, 0, (size_t)(nk * width) * sizeof *to);
    if (m.k == 1) {
        for (int64_t r = 0; r < n; r++)
            for (int64_t k = 0; k < nk; k++) to[k * width + r] = element(&m, row + r, k);
        return;
    }
    for (int64_t k = 0; k < nk; k++)
        for (int64_t r = 0; r < n; r++) to[k * width + r] = element(&m, row + r, k);
}
// All rows of m in panels of `width`.
static double *pack_all(Arena *a, int width, Matrix m, int64_t nrows, int64_t nk) {
    int64_t npanels = ceil_div(nrows, width);
    double *to = NEW_N(a, double, (size_t)(npanels * nk * width));
    for (int64_t p = 0; p < npanels; p++) pack(to + p * nk * width, width, m, p * width, nrows, nk);
    return to;
}
static void store_tile(Tensor *out, int64_t first, int64_t row_stride, int64_t nrows, int64_t ncols,
                       Tile tile) {
    for (int64_t i = 0; i < min_i64(ROWS, nrows); i++)
        store_f(out, first + i * row_stride, min_i64(COLS, ncols), tile[i]);
}

// ---- matmul ----------------------------------------------------------------------------------
typedef struct Product {
    Matrix a, b;             // b by columns: its rows are columns of the right operand
    int64_t m, n, k, out;    // sizes; where the result begins
} Product;

static void multiply_floats(Eval *e, const Product *p, double *panels_a, double *panel_b) {
    for (int64_t block = 0; block < p->m; block += BLOCK) {
        int64_t end = min_i64(block + BLOCK, p->m);
        for (int64_t r = block; r < end; r += ROWS)
            pack(panels_a + (r - block) * p->k, ROWS, p->a, r, p->m, p->k);
        for (int64_t c = 0; c < p->n; c += COLS) {
            pack(panel_b, COLS, p->b, c, p->n, p->k);
            for (int64_t r = block; r < end; r += ROWS) {
                Tile tile;
                multiply_tile(panels_a + (r - block) * p->k, panel_b, p->k, tile);
                store_tile(&e->out, p->out + r * p->n + c, p->n, p->m - r, p->n - c, tile);
            }
        }
    }
}
static void multiply_ints(Eval *e, const Product *p) {
    const Tensor *a = p->a.t, *b = p->b.t;
    for (int64_t r = 0; r < p->m; r++)
        for (int64_t c = 0; c < p->n; c++) {
            uint64_t sum = 0;
            for (int64_t k = 0; k < p->k; k++) {
                int64_t i = p->a.first + r * p->a.row + k * p->a.k;
                int64_t j = p->b.first + c * p->b.row + k * p->b.k;
                sum += (uint64_t)dtype_read_i(a->type.dt, a->data, (uint64_t)i) *
                       (uint64_t)dtype_read_i(b->type.dt, b->data, (uint64_t)j);
            }
            dtype_write_i(e->out.type.dt, e->out.data, (uint64_t)(p->out + r * p->n + c),
                          (int64_t)sum);
        }
}
// Distances of the matrices of t along the batch axes of the result.
static void batch_strides(const Type *t, const Type *out, int64_t *stride) {
    int64_t own[MAX_RANK];
    int more = out->rank - t->rank;
    strides_of(t, own);
    for (int i = 0; i < out->rank - 2; i++)
        stride[i] = i < more || t->dim[i - more] == 1 ? 0 : own[i - more];
}
bool eval_MATMUL(Eval *e) {
    const Type *a = &e->in[0].type, *b = &e->in[1].type, *out = &e->out.type;
    bool trans = node_int(e->node, AT_TRANS_B, 0) != 0;
    int64_t m = a->dim[a->rank - 2], k = a->dim[a->rank - 1], n = out->dim[out->rank - 1];
    if (type_count(out) == 0) return true;
    Axes batch = {.rank = out->rank - 2};
    if (b->rank == 2) {      // one right operand for all: the batch is only more rows
        m = type_count(out) / n;
        batch.rank = 0;
    }
    memcpy(batch.dim, out->dim, sizeof batch.dim);
    batch_strides(a, out, batch.a);
    batch_strides(b, out, batch.b);
    Product p = {.a = {&e->in[0], 0, k, 1}, .m = m, .n = n, .k = k};
    p.b = (Matrix){&e->in[1], 0, trans ? k : 1, trans ? 1 : n};
    double *panels_a = NEW_N(e->scratch, double, (size_t)(BLOCK * k));
    double *panel_b = NEW_N(e->scratch, double, (size_t)(COLS * k));
    int64_t at[MAX_RANK] = {0};
    do {
        if (is_float(&e->out)) multiply_floats(e, &p, panels_a, panel_b);
        else multiply_ints(e, &p);
        p.out += m * n;
    } while (axes_next(&batch, batch.rank, at, &p.a.first, &p.b.first));
    return true;
}

// ---- convolution -----------------------------------------------------------------------------
typedef struct Window {
    const int64_t *stride, *dilation, *pad;      // NULL: 1, 1, 0
    const int64_t *size, *kernel, *out;          // spatial sizes of x, w and the result
    int n;
} Window;
// The index of an element of one channel of x for position `to` of the result and place `k` of the
// kernel, or -1 in the padding.
static int64_t window_at(const Window *w, int64_t to, int64_t k) {
    int64_t index = 0, scale = 1;
    for (int i = w->n - 1; i >= 0; i--) {
        int64_t x = to % w->out[i] * (w->stride ? w->stride[i] : 1) +
                    k % w->kernel[i] * (w->dilation ? w->dilation[i] : 1) -
                    (w->pad ? w->pad[i] : 0);
        if (x < 0 || x >= w->size[i]) return -1;
        index += x * scale;
        scale *= w->size[i];
        to /= w->out[i];
        k /= w->kernel[i];
    }
    return index;
}
static int64_t product_of(const int64_t *dim, int n) {
    int64_t count = 1;
    for (int i = 0; i < n; i++) count *= dim[i];
    return count;
}
// What the kernel sees at positions first .. first+COLS of the result: to[c * nkernel + k][COLS].
static void pack_windows(double *to, const Window *w, Matrix x, int64_t nchannels, int64_t first,
                         int64_t npositions) {
    int64_t nkernel = product_of(w->kernel, w->n), nsize = product_of(w->size, w->n);
    for (int64_t k = 0; k < nkernel; k++)
        for (int64_t j = 0; j < COLS; j++) {
            int64_t at = first + j < npositions ? window_at(w, first + j, k) : -1;
            for (int64_t c = 0; c < nchannels; c++)
                to[(c * nkernel + k) * COLS + j] = at < 0 ? 0 : element(&x, 0, c * nsize + at);
        }
}
bool eval_CONV(Eval *e) {
    const Node *node = e->node;
    const Type *tx = &e->in[0].type, *tw = &e->in[1].type, *out = &e->out.type;
    Window w = {node_ints(node, AT_STRIDES, NULL), node_ints(node, AT_DILATIONS, NULL),
                node_ints(node, AT_PADS, NULL), tx->dim + 2, tw->dim + 2, out->dim + 2,
                tx->rank - 2};
    int64_t ngroups = node_int(node, AT_GROUP, 1), nchannels = tw->dim[1];
    int64_t nrows = tw->dim[0] / ngroups, npositions = product_of(w.out, w.n);
    int64_t nk = nchannels * product_of(w.kernel, w.n), nx = nchannels * product_of(w.size, w.n);
    if (type_count(out) == 0) return true;
    double *panel = NEW_N(e->scratch, double, (size_t)(nk * COLS));
    for (int64_t g = 0; g < ngroups; g++) {
        double *rows = pack_all(e->scratch, ROWS, (Matrix){&e->in[1], g * nrows * nk, nk, 1}, nrows,
                                nk);
        for (int64_t b = 0; b < tx->dim[0]; b++)
            for (int64_t p = 0; p < npositions; p += COLS) {
                Matrix x = {&e->in[0], (b * ngroups + g) * nx, 0, 1};
                int64_t to = (b * ngroups + g) * nrows * npositions + p;
                pack_windows(panel, &w, x, nchannels, p, npositions);
                for (int64_t r = 0; r < nrows; r += ROWS) {
                    Tile tile;
                    multiply_tile(rows + r * nk, panel, nk, tile);
                    store_tile(&e->out, to + r * npositions, npositions, nrows - r, npositions - p,
                               tile);
                }
            }
    }
    return true;
}

// ---- attention -------------------------------------------------------------------------------
typedef struct Head {
    double *keys, *values;      // panels of COLS keys, and of COLS elements of the values
    double *queries, *scores;   // [d][ROWS], [T][ROWS]
    int64_t nkeys, d, ne;
} Head;
static void score_row(double *x, int64_t n, double scale, bool base2) {
    double most = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++) {
        double v = x[i * ROWS] *= scale;
        if (v > most || v != v) most = v;
    }
    for (int64_t i = 0; i < n; i++) {
        double v = x[i * ROWS] - most;
        sum += x[i * ROWS] = base2 ? exp2(v) : exp(v);
    }
    for (int64_t i = 0; i < n; i++) x[i * ROWS] /= sum;
}
// Up to ROWS rows of the result: only their scores exist at a time.
static void attend(Eval *e, const Head *h, Matrix q, int64_t row, int64_t nrows, int64_t to,
                   int64_t row_stride) {
    Tile tile;
    pack(h->queries, ROWS, q, row, nrows, h->d);
    for (int64_t t = 0; t < h->nkeys; t += COLS) {
        multiply_tile(h->queries, h->keys + t * h->d, h->d, tile);
        for (int64_t j = 0; j < min_i64(COLS, h->nkeys - t); j++)
            for (int i = 0; i < ROWS; i++) h->scores[(t + j) * ROWS + i] = tile[i][j];
    }
    for (int i = 0; i < ROWS; i++)
        score_row(h->scores + i, h->nkeys, node_float(e->node, AT_SCALE, 1),
                  node_int(e->node, AT_BASE2, 0) != 0);
    for (int64_t c = 0; c < h->ne; c += COLS) {
        multiply_tile(h->scores, h->values + c * h->nkeys, h->nkeys, tile);
        store_tile(&e->out, to + row * row_stride + c, row_stride, nrows - row, h->ne - c, tile);
    }
}
bool eval_ATTENTION(Eval *e) {
    const int64_t *q = e->in[0].type.dim, *v = e->in[2].type.dim;
    int64_t ns = q[1], nh = q[2], d = q[3], nt = v[1], ne = v[3];
    Head h = {.nkeys = nt, .d = d, .ne = ne};
    h.queries = NEW_N(e->scratch, double, (size_t)(d * ROWS));
    h.scores = NEW_N(e->scratch, double, (size_t)(nt * ROWS));
    for (int64_t b = 0; b < q[0]; b++)
        for (int64_t head = 0; head < nh; head++) {
            Arena *a = arena_new("head");
            Matrix query = {&e->in[0], (b * ns * nh + head) * d, nh * d, 1};
            Matrix key = {&e->in[1], (b * nt * nh + head) * d, nh * d, 1};
            Matrix value = {&e->in[2], (b * nt * nh + head) * ne, 1, nh * ne};
            h.keys = pack_all(a, COLS, key, nt, d);
            h.values = pack_all(a, COLS, value, ne, nt);
            for (int64_t s = 0; s < ns; s += ROWS)
                attend(e, &h, query, s, ns, (b * ns * nh + head) * ne, nh * ne);
            arena_free(a);
        }
    return true;
}
