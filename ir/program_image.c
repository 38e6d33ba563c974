// program_image.c: the bytes of the weight image, streamed. One region at a time is evaluated from
// its recipe, converted, packed and handed on, so that memory stays near the largest tensor.
#include "ir/program.h"
#include <assert.h>
#include <string.h>

typedef struct Writer {
    ImageSink sink;
    void *ctx;
    uint64_t at;               // bytes handed on
    bool big_endian;
    bool has_digest;
    uint64_t digest, word;     // of all whole words so far; the bytes behind them
} Writer;

// Where byte `at` of the image stands in the words that its machine reads.
static uint64_t byte_shift(const Writer *w, uint64_t at) {
    return 8 * (w->big_endian ? 7 - at % 8 : at % 8);
}
// runtime/selftest.c has the other half.
static void digest_bytes(Writer *w, const uint8_t *bytes, uint64_t n) {
    for (uint64_t i = 0; i < n; i++) {
        uint64_t at = w->at + i;
        w->word |= (uint64_t)bytes[i] << byte_shift(w, at);
        if (at % 8 < 7) continue;
        w->digest = (w->digest ^ w->word) * 0x9e3779b97f4a7c15u;
        w->word = 0;
    }
}
static bool put(Writer *w, const void *bytes, uint64_t n) {
    if (w->has_digest) digest_bytes(w, bytes, n);
    w->at += n;
    return n == 0 || w->sink(w->ctx, bytes, n);
}
// n bytes of elements of `width` bytes each, as the machine of the image wants them.
static bool put_elements(Writer *w, const void *elements, uint64_t n, uint32_t width) {
    uint8_t turned[4096]; // whole elements
    const uint8_t *from = elements;
    if (!w->big_endian || width == 1) return put(w, elements, n);
    for (uint64_t at = 0; at < n; at += sizeof turned) {
        uint64_t part = n - at < sizeof turned ? n - at : sizeof turned;
        dtype_reverse(turned, from + at, part, width);
        if (!put(w, turned, part)) return false;
    }
    return true;
}
static bool put_zeros(Writer *w, uint64_t until) {
    static const uint8_t zeros[4096];
    while (w->at < until)
        if (!put(w, zeros, until - w->at < sizeof zeros ? until - w->at : sizeof zeros))
            return false;
    return true;
}
// A constant of f16, bf16 or f64 as f32; others as they are.
static const void *as_stored(const Tensor *t, DType want, Arena *a) {
    if (t->type.dt == want) return t->data;
    int64_t n = type_count(&t->type);
    float *f = NEW_N(a, float, (size_t)n);
    for (int64_t i = 0; i < n; i++) f[i] = (float)dtype_read_f(t->type.dt, t->data, (uint64_t)i);
    return f;
}

// Columns first..first+width-1 of a matrix as [k / deep][nr][deep], elements of 2 or 4 bytes.
typedef struct Panel {
    Matrix m;
    int64_t nr, first, width, deep; // deep: pack_deep
    size_t elem;
} Panel;
static void panel_of_rows(char *panel, const char *b, const Panel *p) { // of [K,N]
    for (int64_t k = 0; k < p->m.k; k++)
        memcpy(panel + (size_t)(k * p->nr) * p->elem,
               b + (size_t)(k * p->m.n + p->first) * p->elem, (size_t)p->width * p->elem);
}
static void words_of_rows(char *panel, const char *b, const Panel *p) {
    for (int64_t k = 0; k < p->m.k; k++) {
        const char *row = b + (size_t)(k * p->m.n + p->first) * 2;
        char *to = panel + (size_t)(k / p->deep * p->nr * p->deep + k % p->deep) * 2;
        for (int64_t j = 0; j < p->width; j++) memcpy(to + j * p->deep * 2, row + j * 2, 2);
    }
}
// The same of an [N,K] matrix: a transposition, in blocks that read and write whole cache lines.
// `elem` and `deep` are those of p as constants.
static inline void transpose(char *panel, const char *b, const Panel *p, size_t elem,
                             int64_t deep) {
    enum { BLOCK = 16 };
    for (int64_t k0 = 0; k0 < p->m.k; k0 += BLOCK) {
        int64_t k1 = min_i64(k0 + BLOCK, p->m.k);
        for (int64_t j = 0; j < p->width; j++) {
            const char *row = b + (size_t)((p->first + j) * p->m.k) * elem;
            for (int64_t k = k0; k < k1; k++) {
                int64_t at = (k / deep * p->nr + j) * deep + k % deep;
                memcpy(panel + (size_t)at * elem, row + (size_t)k * elem, elem);
            }
        }
    }
}
static void panel_of_columns(char *panel, const char *b, const Panel *p) {
    if (p->deep == 4) transpose(panel, b, p, 2, 4);
    else if (p->deep == 2) transpose(panel, b, p, 2, 2);
    else if (p->elem == 2) transpose(panel, b, p, 2, 1);
    else transpose(panel, b, p, 4, 1);
}
static void fill_panel(char *panel, const char *b, const Panel *p, bool trans) {
    if (trans) panel_of_columns(panel, b, p);
    else if (p->deep > 1) words_of_rows(panel, b, p);
    else panel_of_rows(panel, b, p);
}
static bool put_panels(Writer *w, const Graph *g, const Region *r, const void *b, Arena *a) {
    Panel p = {.m = region_matrix(g, r), .nr = r->nr, .deep = pack_deep(r->pack)};
    p.elem = dtype_info[region_dtype(g, r)].nbytes;
    assert(p.elem == 2 || p.elem == 4);
    size_t nbytes = (size_t)(ceil_div(p.m.k, p.deep) * p.deep * r->nr) * p.elem;
    char *panel = NEW_N(a, char, nbytes);
    for (; p.first < p.m.n; p.first += r->nr) {
        p.width = min_i64(r->nr, p.m.n - p.first);
        if (p.width < r->nr) memset(panel, 0, nbytes);
        fill_panel(panel, b, &p, r->trans);
        if (!put_elements(w, panel, nbytes, (uint32_t)(p.elem * (size_t)p.deep))) return false;
    }
    return true;
}
static bool put_region(Writer *w, const Graph *g, const Region *r, Arena *a) {
    Tensor t = graph_eval_const(g, r->expr, a);
    if (!t.data) return false;      // a gather beyond its operand
    DType dt = region_dtype(g, r);
    const void *data = as_stored(&t, dt, a);
    if (!pack_is_panels(r->pack))
        return put_elements(w, data, r->nbytes, dtype_info[dt].nbytes);
    return put_panels(w, g, r, data, a);
}
static bool put_digest(Writer *w) {
    uint8_t bytes[sizeof w->digest];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(w->digest >> byte_shift(w, i));
    return put(w, bytes, sizeof bytes);
}
bool program_image(const Program *p, Arena *scratch, ImageSink sink, void *ctx) {
    Writer w = {.sink = sink,
                .ctx = ctx,
                .has_digest = p->sample != NULL,
                .big_endian = p->big_endian};
    for (uint32_t i = 0; i < p->region.n; i++) {
        const Region *r = &p->region.data[i];
        if (!put_zeros(&w, r->offset) || !put_region(&w, p->graph, r, scratch)) return false;
        arena_reset(scratch);
    }
    if (!p->sample) return put_zeros(&w, p->weight_bytes);
    return put_zeros(&w, p->weight_bytes - sizeof w.digest) && put_digest(&w);
}
