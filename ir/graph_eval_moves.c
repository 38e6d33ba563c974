// graph_eval_moves.c: ops that only move elements. All but GATHER are one strided copy: per axis a
// size, a distance in the result and a distance in the operand.
#include "ir/graph_eval.h"
#include <string.h>

// A copy over two axes in tiles, so that a transpose uses whole cache lines on both sides.
typedef struct Plane {
    int64_t n0, d0, s0;      // outer: count, distance in the destination, in the source
    int64_t n1, d1, s1;      // inner
} Plane;
enum { TILE = 32 };
#define COPY_PLANE(T) \
    static void copy_##T(Plane p, T *d, const T *s) { \
        for (int64_t i0 = 0; i0 < p.n0; i0 += TILE) \
            for (int64_t j0 = 0; j0 < p.n1; j0 += TILE) \
                for (int64_t i = i0; i < min_i64(i0 + TILE, p.n0); i++) \
                    for (int64_t j = j0; j < min_i64(j0 + TILE, p.n1); j++) \
                        d[i * p.d0 + j * p.d1] = s[i * p.s0 + j * p.s1]; \
    }
COPY_PLANE(uint8_t)
COPY_PLANE(uint16_t)
COPY_PLANE(uint32_t)
COPY_PLANE(uint64_t)
#undef COPY_PLANE

static void copy_plane(uint32_t size, Plane p, char *d, const char *s) {
    if (p.d1 == 1 && p.s1 == 1) {
        for (int64_t i = 0; i < p.n0; i++)
            memcpy(d + i * p.d0 * size, s + i * p.s0 * size, (size_t)p.n1 * size);
        return;
    }
    switch (size) {
    case 1: copy_uint8_t(p, (uint8_t *)d, (const uint8_t *)s); return;
    case 2: copy_uint16_t(p, (uint16_t *)d, (const uint16_t *)s); return;
    case 4: copy_uint32_t(p, (uint32_t *)d, (const uint32_t *)s); return;
    default: copy_uint64_t(p, (uint64_t *)d, (const uint64_t *)s); return;
    }
}
static void swap_axes(Axes *x, int i, int j) {
    Axes old = *x;
    x->dim[i] = old.dim[j], x->a[i] = old.a[j], x->b[i] = old.b[j];
    x->dim[j] = old.dim[i], x->a[j] = old.a[i], x->b[j] = old.b[i];
}
// a: distances in the destination, b: in the source. The order of axes is free; the innermost plane
// gets the axis along which the source is contiguous.
static void copy_strided(uint32_t size, Axes x, char *d, const char *s) {
    for (int i = 0; i < x.rank; i++)
        if (x.dim[i] == 0) return;
    axes_coalesce(&x);
    int outer = x.rank - 2, last = x.rank - 1;
    Plane p = {1, 0, 0, x.dim[last], x.a[last], x.b[last]};
    if (outer >= 0) {
        for (int i = 0; i < outer; i++)
            if (x.b[i] == 1) swap_axes(&x, i, outer);
        p.n0 = x.dim[outer], p.d0 = x.a[outer], p.s0 = x.b[outer];
    }
    int64_t at[MAX_RANK] = {0}, to = 0, from = 0;
    do copy_plane(size, p, d + to * size, s + from * size);
    while (axes_next(&x, outer, at, &to, &from));
}
static uint32_t size_of(const Tensor *t) { return dtype_info[t->type.dt].nbytes; }

bool eval_TRANSPOSE(Eval *e) {
    const int64_t *perm = node_ints(e->node, AT_PERM, NULL);
    Axes x = {.rank = e->out.type.rank};
    int64_t stride[MAX_RANK];
    strides_of(&e->in->type, stride);
    strides_of(&e->out.type, x.a);
    for (int i = 0; i < x.rank; i++) {
        x.dim[i] = e->out.type.dim[i];
        x.b[i] = stride[perm[i]];
    }
    copy_strided(size_of(&e->out), x, e->out.data, e->in->data);
    return true;
}
bool eval_SLICE(Eval *e) {
    const int64_t *start = node_ints(e->node, AT_STARTS, NULL);
    const int64_t *step = node_ints(e->node, AT_STEPS, NULL);
    Axes x = {.rank = e->out.type.rank};
    int64_t stride[MAX_RANK], from = 0;
    strides_of(&e->in->type, stride);
    strides_of(&e->out.type, x.a);
    for (int i = 0; i < x.rank; i++) {
        x.dim[i] = e->out.type.dim[i];
        x.b[i] = stride[i] * (step ? step[i] : 1);
        from += stride[i] * start[i];
    }
    if (type_count(&e->out.type) == 0) return true;      // `from` may lie outside
    copy_strided(size_of(&e->out), x, e->out.data,
                 (const char *)e->in->data + from * size_of(&e->out));
    return true;
}
bool eval_EXPAND(Eval *e) {
    Axes x = {.rank = e->out.type.rank};
    int64_t stride[MAX_RANK];
    int more = x.rank - e->in->type.rank;
    strides_of(&e->in->type, stride);
    strides_of(&e->out.type, x.a);
    for (int i = 0; i < x.rank; i++) {
        x.dim[i] = e->out.type.dim[i];
        x.b[i] = i < more || e->in->type.dim[i - more] == 1 ? 0 : stride[i - more];
    }
    copy_strided(size_of(&e->out), x, e->out.data, e->in->data);
    return true;
}
bool eval_CONCAT(Eval *e) {
    int64_t axis = node_int(e->node, AT_AXIS, 0), done = 0;
    uint32_t size = size_of(&e->out);
    Axes x = {.rank = e->out.type.rank};
    strides_of(&e->out.type, x.a);
    for (uint32_t k = 0; k < e->node->nin; k++) {
        const Type *t = &e->in[k].type;
        Axes part = x;
        strides_of(t, part.b);
        memcpy(part.dim, t->dim, sizeof part.dim);
        copy_strided(size, part, (char *)e->out.data + done * x.a[axis] * size, e->in[k].data);
        done += t->dim[axis];
    }
    return true;
}
bool eval_PAD(Eval *e) {
    const int64_t *pad = node_ints(e->node, AT_PADS, NULL);
    Tensor value = {.type.dt = e->out.type.dt, .data = (uint64_t[1]){0}};
    uint32_t size = size_of(&e->out);
    int64_t count = type_count(&e->out.type), to = 0, from = 0;
    store_f(&value, 0, 1, &(double){node_float(e->node, AT_VALUE, 0)});
    for (int64_t i = 0; i < count; i++) memcpy((char *)e->out.data + i * size, value.data, size);
    Axes x = {.rank = e->out.type.rank};
    strides_of(&e->out.type, x.a);
    strides_of(&e->in->type, x.b);
    for (int i = 0; i < x.rank; i++) {
        int64_t begin = pad[i], skip = max_i64(-begin, 0), room = max_i64(begin, 0);
        x.dim[i] = min_i64(e->in->type.dim[i] - skip, e->out.type.dim[i] - room);
        if (x.dim[i] <= 0) return true;                   // nothing of the operand is left
        to += room * x.a[i];
        from += skip * x.b[i];
    }
    copy_strided(size, x, (char *)e->out.data + to * size, (const char *)e->in->data + from * size);
    return true;
}
static bool indices_in_range(Eval *e, int64_t size) {
    const int64_t *index = e->in[1].data;
    int64_t n = type_count(&e->in[1].type), i = 0;
    while (i < n && index[i] >= 0 && index[i] < size) i++;
    if (i == n) return true;
    if (!e->diag) return false;
    return diag_error(e->diag, ERR_MODEL, e->node->loc,
                      "gather: index %lld is out of range for an axis of size %lld",
                      (long long)index[i], (long long)size);
}
bool eval_GATHER(Eval *e) {
    const Type *t = &e->in[0].type;
    int axis = (int)node_int(e->node, AT_AXIS, 0);
    const int64_t *index = e->in[1].data;
    int64_t outer = 1, n = type_count(&e->in[1].type), size = size_of(&e->out);
    for (int i = 0; i < axis; i++) outer *= t->dim[i];
    for (int i = axis + 1; i < t->rank; i++) size *= t->dim[i];
    if (!indices_in_range(e, t->dim[axis])) return false;
    char *to = e->out.data;
    const char *from = e->in[0].data;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < n; i++)
            memcpy(to + (o * n + i) * size, from + (o * t->dim[axis] + index[i]) * size,
                   (size_t)size);
    return true;
}
