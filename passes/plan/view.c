// view.c: strided windows and the algebra that turns movement ops into them.
#include "passes/plan/plan.h"
#include <assert.h>
#include <string.h>

static int64_t elem(const View *v) {
    return (int64_t)dtype_info[v->dt].nbytes;
}

static View empty_view(uint32_t buffer, const Type *t) {
    View v = {.buffer = buffer, .dt = t->dt, .rank = t->rank};
    for (int i = 0; i < t->rank; i++) v.dim[i] = t->dim[i];
    return v;
}
View view_dense(uint32_t buffer, const Type *t) {
    View v = empty_view(buffer, t);
    int64_t step = elem(&v);
    for (int i = t->rank - 1; i >= 0; i--) {
        v.stride[i] = step;
        step *= t->dim[i];
    }
    return v;
}

// Rows of a matrix start at an odd number of cache lines apart: then neither a column of A nor the
// rows of a block fall into one L1 set (KERNELS section 2). Short rows stay dense.
View view_rows(uint32_t buffer, const Type *t, uint64_t *nbytes) {
    enum { LINE = 64, SHORT_ROW = 256 };
    View v = view_dense(buffer, t);
    int64_t row = t->rank ? t->dim[t->rank - 1] * elem(&v) : 0;
    *nbytes = round_up(type_nbytes(t), LINE);
    if (t->rank < 2 || row < SHORT_ROW) return v;
    int64_t pitch = (int64_t)round_up((uint64_t)row, LINE);
    if (pitch / LINE % 2 == 0) pitch += LINE;
    int64_t step = pitch;
    for (int i = t->rank - 2; i >= 0; i--) {
        v.stride[i] = step;
        step *= t->dim[i];
    }
    *nbytes = (uint64_t)max_i64(step, LINE);
    return v;
}
bool view_is_dense(const View *v) {
    int64_t step = elem(v);
    for (int i = v->rank - 1; i >= 0; i--) {
        if (v->dim[i] != 1 && v->stride[i] != step) return false;
        step *= v->dim[i];
    }
    return true;
}

// Old and new dims are cut into groups of equal product; within a group the old strides must be
// those of one contiguous run.
bool view_reshape(const View *v, int rank, const int64_t *dim, View *out) {
    View r = *v;
    r.rank = rank;
    int64_t old_dim[MAX_RANK], old_stride[MAX_RANK];
    int n = 0;
    for (int i = 0; i < v->rank; i++) { // dims of size 1 carry no stride
        if (v->dim[i] == 1) continue;
        old_dim[n] = v->dim[i];
        old_stride[n++] = v->stride[i];
    }
    int i = 0, j = 0;
    while (i < n) {
        int i0 = i, j0 = j;
        int64_t old_count = old_dim[i++], new_count = 1;
        while (new_count != old_count) {
            if (new_count < old_count) {
                if (j == rank) return false;
                new_count *= dim[j++];
            } else {
                if (i == n) return false;
                old_count *= old_dim[i++];
            }
        }
        for (int q = i0; q + 1 < i; q++)
            if (old_stride[q] != old_stride[q + 1] * old_dim[q + 1]) return false;
        int64_t step = old_stride[i - 1];
        for (int q = j - 1; q >= j0; q--) {
            r.stride[q] = step;
            step *= dim[q];
        }
    }
    for (; j < rank; j++) r.stride[j] = elem(v);
    for (int q = 0; q < rank; q++) r.dim[q] = dim[q];
    *out = r;
    return true;
}
View view_transpose(const View *v, const int64_t *perm) {
    View r = *v;
    for (int i = 0; i < v->rank; i++) {
        r.dim[i] = v->dim[perm[i]];
        r.stride[i] = v->stride[perm[i]];
    }
    return r;
}
View view_slice(const View *v, const int64_t *starts, const int64_t *sizes, const int64_t *steps) {
    View r = *v;
    for (int i = 0; i < v->rank; i++) {
        r.offset += starts[i] * v->stride[i];
        r.dim[i] = sizes[i];
        r.stride[i] = v->stride[i] * (steps ? steps[i] : 1);
    }
    return r;
}
View view_broadcast(const View *v, int rank, const int64_t *dim) {
    View r = *v;
    r.rank = rank;
    int skip = rank - v->rank;
    for (int i = 0; i < rank; i++) {
        r.dim[i] = dim[i];
        r.stride[i] = i < skip || v->dim[i - skip] == 1 ? 0 : v->stride[i - skip];
        assert(i < skip || v->dim[i - skip] == 1 || v->dim[i - skip] == dim[i]);
    }
    return r;
}

// ---- loop nests ------------------------------------------------------------------------------
Nest nest_new(int rank, const int64_t *dim) {
    Nest n = {.rank = rank};
    for (int i = 0; i < rank; i++) n.dim[i] = dim[i];
    return n;
}
void nest_add(Nest *n, const View *v) {
    assert(v->rank == n->rank && n->noperands < MAX_OPERANDS);
    for (int i = 0; i < n->rank; i++)
        n->stride[n->noperands][i] = v->dim[i] == 1 ? 0 : v->stride[i];
    n->noperands++;
}
static void nest_drop(Nest *n, int at) {
    for (int i = at; i + 1 < n->rank; i++) {
        n->dim[i] = n->dim[i + 1];
        for (int o = 0; o < n->noperands; o++) n->stride[o][i] = n->stride[o][i + 1];
    }
    n->rank--;
}
static bool mergeable(const Nest *n, int i) {
    for (int o = 0; o < n->noperands; o++)
        if (n->stride[o][i] != n->stride[o][i + 1] * n->dim[i + 1]) return false;
    return true;
}
void nest_collapse(Nest *n, int keep) {
    for (int i = n->rank - 1 - keep; i >= 0; i--)
        if (n->dim[i] == 1) nest_drop(n, i);
    for (int i = n->rank - 2 - keep; i >= 0; i--) {
        if (!mergeable(n, i)) continue;
        n->dim[i + 1] *= n->dim[i];
        nest_drop(n, i);
    }
}
