// lower_build.c: a kernel under construction together with the launch that will call it.
#include "passes/lower/lower.h"
#include <assert.h>
#include <string.h>

Build build_new(Lower *l, const char *name) {
    Build b = {.l = l, .k = kern_new(l->prog->arena, name, l->target)};
    return b;
}
static uint64_t view_nbytes(const View *v) { // of its elements, each once
    uint64_t n = dtype_info[v->dt].nbytes;
    for (int i = 0; i < v->rank; i++)
        if (v->stride[i]) n *= (uint64_t)v->dim[i];
    return n;
}
Val build_arg(Build *b, const char *name, const View *v, bool is_mutable) {
    assert(b->launch.nargs < MAX_ARGS);
    uint32_t i = b->launch.nargs++;
    b->buffer[i] = v->buffer;
    b->launch.arg[i].offset = (uint64_t)v->offset;
    b->launch.nbytes += view_nbytes(v);
    return k_param(b->k, name, v->dt, is_mutable);
}

static bool same_kernel(const Kern *x, const Kern *y) {
    if (x->ins.n != y->ins.n || x->param.n != y->param.n || x->scratch_bytes != y->scratch_bytes)
        return false;
    for (uint32_t i = 0; i < x->param.n; i++)
        if (x->param.data[i].dt != y->param.data[i].dt ||
            x->param.data[i].is_mutable != y->param.data[i].is_mutable)
            return false;
    return !memcmp(x->ins.data, y->ins.data, x->ins.n * sizeof(Ins));
}
// Twelve layers use the same kernels: the new one is dropped when an equal one exists. A different
// one of the same name gets a number.
static uint32_t share(Program *p, Kern *k) {
    int same_name = 0;
    size_t n = strlen(k->name);
    for (uint32_t i = 0; i < p->kern.n; i++) {
        const Kern *o = p->kern.data[i];
        if (strncmp(o->name, k->name, n) || (o->name[n] && strncmp(o->name + n, "_v", 2))) continue;
        if (same_kernel(o, k)) return i;
        same_name++;
    }
    if (same_name) k->name = arena_printf(p->arena, "%s_v%d", k->name, same_name + 1);
    *PUSH(p->arena, &p->kern) = k;
    return p->kern.n - 1;
}
void build_launch(Build *b, int64_t grid, double flops, const char *label) {
    Lower *l = b->l;
    Program *p = l->prog;
    b->launch.kern = share(p, b->k);
    b->launch.grid = grid;
    b->launch.flops = flops;
    b->launch.label = label;
    *PUSH(p->arena, &p->launch) = b->launch;
    uint32_t at = p->launch.n - 1;
    if (at >= l->ncap) {
        uint32_t cap = l->ncap ? 2 * l->ncap : 64;
        uint32_t *d = NEW_N(l->arena, uint32_t, (size_t)cap * MAX_ARGS);
        if (at) memcpy(d, l->launch_buffer, (size_t)at * MAX_ARGS * sizeof *d);
        l->launch_buffer = d;
        l->ncap = cap;
    }
    for (uint32_t i = 0; i < b->launch.nargs; i++) {
        l->launch_buffer[at * MAX_ARGS + i] = b->buffer[i];
        plan_touch(&l->plan, b->buffer[i], at);
    }
    uint64_t scratch = program_launch_scratch(p, &p->launch.data[at]);
    if (scratch > p->scratch_bytes) p->scratch_bytes = scratch;
}
void build_tunable(Lower *l, GraphOp op, Shape s) {
    Tunables *all = l->opt->tunables;
    if (all) *PUSH(all->arena, &all->at) = (Tunable){l->prog->launch.n - 1, op, s};
}

// Calls that emit never stand twice in one argument list: C leaves their order open, and the text
// of a kernel must not depend on the compiler that built vitc.
Val build_tasks(Build *b) {
    Val lo = k_lo(b->k), hi = k_hi(b->k);
    return k_loop(b->k, lo, hi, 1);
}
void lower_decode(Kern *k, Val task, int rank, const int64_t *dim, Val *index) {
    for (int i = rank - 1; i >= 0; i--) {
        if (dim[i] == 1) {
            index[i] = k_index(k, 0);
            continue;
        }
        bool is_first = true;
        for (int j = 0; j < i; j++) is_first = is_first && dim[j] == 1;
        index[i] = is_first ? task : k_imod(k, task, k_index(k, dim[i]));
        if (!is_first) task = k_idiv(k, task, k_index(k, dim[i]));
    }
}
Val lower_walk(Kern *k, Val p, int rank, const Val *index, const int64_t *stride) {
    for (int i = 0; i < rank; i++)
        if (stride[i]) p = k_padd(k, p, k_imuli(k, index[i], stride[i]));
    return p;
}
