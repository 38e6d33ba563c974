// views.c: layout algebra. A chain of RESHAPE and TRANSPOSE is one index map, and every index map
// that such a chain can express is RESHAPE, TRANSPOSE, RESHAPE, each of which may be missing. So
// however an exporter splits and merges heads, the same map ends as the same one to three nodes.
//
// A Layout writes each axis of the result as a product of atoms; an atom is an axis of the source
// or a factor of one. Transposing permutes the axes, reshaping cuts the row of atoms anew.
#include "passes/graph/match.h"

enum { MAX_ATOMS = 24 };
typedef struct Atom {
    int64_t size, stride; // in elements of the source
    int axis;             // of the source
} Atom;
typedef struct Layout {
    int rank;
    int end[MAX_RANK]; // atoms end[i-1] .. end[i]-1 make axis i; an axis of size 1 has none
    Atom atom[MAX_ATOMS];
} Layout;

static int atoms_begin(const Layout *l, int axis) { return axis ? l->end[axis - 1] : 0; }
static int natoms(const Layout *l) { return atoms_begin(l, l->rank); }

static Layout layout_of(const Type *t) {
    Layout l = {.rank = t->rank};
    int64_t stride = dims_product(t->dim, t->rank);
    int n = 0;
    for (int i = 0; i < t->rank; i++) {
        stride /= t->dim[i];
        if (t->dim[i] != 1) l.atom[n++] = (Atom){t->dim[i], stride, i};
        l.end[i] = n;
    }
    return l;
}
static Layout layout_transpose(const Layout *from, const int64_t *perm) {
    Layout l = {.rank = from->rank};
    int n = 0;
    for (int i = 0; i < from->rank; i++) {
        int axis = (int)perm[i];
        for (int a = atoms_begin(from, axis); a < from->end[axis]; a++) l.atom[n++] = from->atom[a];
        l.end[i] = n;
    }
    return l;
}
// Cuts the row of atoms into the axes of t. False when the end of an axis cuts an atom unevenly.
static bool layout_reshape(const Layout *from, const Type *t, Layout *to) {
    Layout l = {.rank = t->rank};
    int next = 0, n = 0;
    Atom rest = {.size = 1}; // what is left of the atom before `next`
    for (int i = 0; i < t->rank; i++) {
        for (int64_t need = t->dim[i]; need > 1;) {
            if (rest.size == 1) rest = from->atom[next++];
            int64_t take = need % rest.size == 0 ? rest.size : need;
            if (rest.size % take != 0 || n == MAX_ATOMS) return false;
            rest.size /= take;
            need /= take;
            l.atom[n++] = (Atom){take, rest.size * rest.stride, rest.axis};
        }
        l.end[i] = n;
    }
    *to = l;
    return true;
}
// Merges neighbours that are one run of the source.
static int merge_runs(Atom *atom, int n) {
    int out = 0;
    for (int i = 0; i < n; i++) {
        Atom *before = out ? &atom[out - 1] : NULL;
        if (before && before->stride == atom[i].size * atom[i].stride)
            *before = (Atom){before->size * atom[i].size, atom[i].stride, atom[i].axis};
        else
            atom[out++] = atom[i];
    }
    return out;
}

// ---- from a layout back to nodes
enum { COST_RESHAPE = 1, COST_TRANSPOSE = 4 };
typedef struct Plan {
    int cost;
    bool transposes;
    Type first; // shape before the transpose
    int64_t perm[MAX_RANK];
} Plan;

static void price(Plan *p, const Type *src, const Type *result) {
    Type moved = p->first;
    for (int i = 0; p->transposes && i < moved.rank; i++) moved.dim[i] = p->first.dim[p->perm[i]];
    p->cost = (same_dims(src, &p->first) ? 0 : COST_RESHAPE) +
              (p->transposes ? COST_TRANSPOSE : 0) + (same_dims(&moved, result) ? 0 : COST_RESHAPE);
}
// The source is reshaped to these axes in source order (descending stride), then transposed.
static Plan plan_axes(DType dt, const Atom *axis, int n) {
    Plan p = {.transposes = true, .first = {.dt = dt, .rank = n}};
    int order[MAX_RANK]; // stable insertion sort
    for (int i = 0; i < n; i++) {
        int j = i;
        for (; j > 0 && axis[order[j - 1]].stride < axis[i].stride; j--) order[j] = order[j - 1];
        order[j] = i;
    }
    for (int i = 0; i < n; i++) {
        p.first.dim[i] = axis[order[i]].size;
        p.perm[order[i]] = i;
    }
    return p;
}
// RESHAPE TRANSPOSE: every axis of the result is one run. An axis of size 1 stays behind its
// neighbour.
static bool plan_by_result(const Layout *l, const Type *t, Plan *p) {
    Atom axis[MAX_RANK];
    for (int i = 0; i < l->rank; i++) {
        Atom run[MAX_ATOMS];
        int n = 0;
        for (int a = atoms_begin(l, i); a < l->end[i]; a++) run[n++] = l->atom[a];
        n = merge_runs(run, n);
        if (n > 1) return false;
        axis[i] = n ? run[0] : (Atom){1, i ? axis[i - 1].stride : INT64_MAX, 0};
    }
    *p = plan_axes(t->dt, axis, l->rank);
    return true;
}
// TRANSPOSE RESHAPE: whole axes of the source in another order.
static bool plan_by_source(const Layout *l, const Type *src, Plan *p) {
    *p = (Plan){.transposes = true, .first = *src};
    int n = 0, next_one = 0;
    for (int i = 0; i <= l->rank; i++) { // the last turn takes the axes of size 1 that are left
        bool is_one = i == l->rank || atoms_begin(l, i) == l->end[i];
        for (bool more = is_one; more && next_one < src->rank; next_one++) {
            if (src->dim[next_one] != 1) continue;
            p->perm[n++] = next_one;
            more = i == l->rank;
        }
        for (int a = is_one ? 0 : atoms_begin(l, i); !is_one && a < l->end[i]; a++) {
            if (l->atom[a].size != src->dim[l->atom[a].axis]) return false;
            p->perm[n++] = l->atom[a].axis;
        }
    }
    return n == src->rank;
}
// RESHAPE TRANSPOSE RESHAPE by the longest runs; only RESHAPE when there is one run.
static bool plan_by_runs(const Layout *l, const Type *t, Plan *p) {
    Atom run[MAX_ATOMS];
    int n = natoms(l);
    for (int i = 0; i < n; i++) run[i] = l->atom[i];
    n = merge_runs(run, n);
    if (n > MAX_RANK) return false;
    *p = plan_axes(t->dt, run, n);
    if (n <= 1) *p = (Plan){.first = *t};
    return true;
}
static Plan best_plan(const Layout *l, const Type *src, const Type *result) {
    Plan best = {.cost = INT32_MAX}, p;
    for (int k = 0; k < 3; k++) {
        bool ok = k == 0   ? plan_by_runs(l, result, &p)
                  : k == 1 ? plan_by_source(l, src, &p)
                           : plan_by_result(l, result, &p);
        if (!ok) continue;
        price(&p, src, result);
        if (p.cost < best.cost) best = p;
    }
    return best;
}
static NodeId build_plan(Sweep *s, const Plan *p, NodeId x, const Type *result) {
    x = reshape_to(s, x, &p->first);
    if (p->transposes) x = g_transpose(s->g, x, p->perm);
    return reshape_to(s, x, result);
}

// The longest part of the chain above n that composes: its layout, source and cost.
typedef struct Chain {
    NodeId source;
    int cost;
    Layout layout;
} Chain;
enum { MAX_CHAIN = 16 };
static bool is_view(const Sweep *s, NodeId n) {
    return is_op(s, n, OP_RESHAPE) || is_op(s, n, OP_TRANSPOSE);
}
static bool compose(const Sweep *s, const NodeId *view, int n, Chain *c) {
    *c = (Chain){.source = operand(s, view[n - 1], 0)};
    c->layout = layout_of(type_at(s, c->source));
    for (int i = n - 1; i >= 0; i--) {
        bool is_reshape = is_op(s, view[i], OP_RESHAPE);
        c->cost += is_reshape ? COST_RESHAPE : COST_TRANSPOSE;
        if (!is_reshape)
            c->layout = layout_transpose(&c->layout, node_ints(at(s, view[i]), AT_PERM, NULL));
        else if (!layout_reshape(&c->layout, type_at(s, view[i]), &c->layout))
            return false;
    }
    return true;
}
NodeId rule_views(Sweep *s, NodeId n) {
    if (!is_view(s, n) || type_count(type_at(s, n)) == 0) return 0;
    Type t = *type_at(s, n);
    NodeId x = operand(s, n, 0);
    if (is_op(s, n, OP_RESHAPE) && is_op(s, x, OP_RESHAPE))
        return reshape_to(s, operand(s, x, 0), &t);
    NodeId view[MAX_CHAIN];
    int nview = 0;
    for (NodeId v = n; nview < MAX_CHAIN && is_view(s, v); v = operand(s, v, 0)) view[nview++] = v;
    for (; nview > 0; nview--) {
        Chain c;
        if (!compose(s, view, nview, &c)) continue;
        Type src = *type_at(s, c.source);
        Plan p = best_plan(&c.layout, &src, &t);
        if (p.cost < c.cost) return build_plan(s, &p, c.source, &t);
    }
    return 0;
}

// ---- constants beside a view
NodeId const_transpose(Sweep *s, NodeId c, int rank, const int64_t *perm) {
    Type t = *type_at(s, c);
    Type full = {.dt = t.dt, .rank = rank}; // leading axes of size 1 made visible
    for (int i = 0; i < rank; i++) full.dim[i] = i < rank - t.rank ? 1 : t.dim[i - (rank - t.rank)];
    return g_transpose(s->g, reshape_to(s, c, &full), perm);
}

bool next_axis_group(const Type *from, const Type *to, AxisGroup *a) {
    a->f = a->fe;
    a->t = a->te;
    if (a->f == from->rank && a->t == to->rank) return false;
    int64_t nf = 1, nt = 1;
    do {
        if ((nf <= nt && a->fe < from->rank) || a->te == to->rank)
            nf *= from->dim[a->fe++];
        else
            nt *= to->dim[a->te++];
    } while (nf != nt); // ends: both products reach the number of elements, which is not 0
    return true;
}
NodeId const_reshape(Sweep *s, NodeId c, const Type *from, const Type *to, bool may_grow) {
    Type ct = *type_at(s, c), wide = *from, out = *to; // wide: c with the axes that must be whole
    wide.dt = out.dt = ct.dt;
    for (AxisGroup cut = {0}; next_axis_group(from, to, &cut);) {
        bool any = false;
        for (int i = cut.f; i < cut.fe; i++) {
            int at_c = i - (from->rank - ct.rank);
            any |= at_c >= 0 && ct.dim[at_c] != 1;
        }
        for (int i = cut.f; !any && i < cut.fe; i++) wide.dim[i] = 1;
        for (int i = cut.t; !any && i < cut.te; i++) out.dim[i] = 1;
    }
    if (!may_grow && type_count(&wide) != type_count(&ct)) return 0;
    return reshape_to(s, expand_to(s, c, &wide), &out);
}
