// program.c: making a Program, and what everybody must agree on about its parts.
#include "ir/program.h"
#include <assert.h>

const char *const place_text[PLACE_COUNT] = {"arena", "weights", "input", "output"};

Program *program_new(Arena *a, const Target *t, const Graph *g) {
    Program *p = NEW(a, Program);
    p->arena = a;
    p->target = t;
    p->graph = g;
    p->max_slices = 1;
    return p;
}
uint64_t program_launch_scratch(const Program *p, const Launch *l) {
    const Kern *k = p->kern.data[l->kern];
    uint64_t slices = (uint64_t)min_i64(p->max_slices, l->grid), total;
    bool fits = k->scratch_bytes <= INT64_MAX && size_mul(kern_slice_bytes(k), slices, &total);
    return fits ? total : UINT64_MAX; // more than any check lets through
}
DType region_dtype(const Graph *g, const Region *r) {
    DType dt = graph_type(g, r->expr)->dt;
    return dtype_info[dt].cls == CLASS_FLOAT ? DT_F32 : dt;
}
Matrix region_matrix(const Graph *g, const Region *r) {
    const Type *t = graph_type(g, r->expr);
    assert(t->rank >= 2);
    int64_t rows = t->dim[t->rank - 2], columns = t->dim[t->rank - 1];
    return r->trans ? (Matrix){.n = rows, .k = columns} : (Matrix){.n = columns, .k = rows};
}
uint64_t region_nbytes(const Graph *g, const Region *r) {
    uint64_t element = dtype_info[region_dtype(g, r)].nbytes;
    if (r->pack == PACK_PLAIN) return (uint64_t)type_count(graph_type(g, r->expr)) * element;
    Matrix m = region_matrix(g, r);
    return (uint64_t)(ceil_div(m.n, r->nr) * r->nr * m.k) * element;
}
