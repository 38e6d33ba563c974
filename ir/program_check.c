// program_check.c: the verifier of programs, run on what lowering made and on every parsed text. It
// checks the plan (who lies where, written before read); kern_check has the kernels.
#include "ir/program.h"
#include "ir/program_access.h"
#include <string.h>

enum { ALIGN = 64, MAX_SLICES = 1 << 12 };
typedef struct Span {
    int64_t lo, hi;
} Span;
typedef struct Checker {
    Arena *arena;              // lives as long as the check
    const Program *p;
    Diag *d;
    VEC(Span) written;         // of the intermediates, disjoint
    bool *has_output;          // of each output: some launch writes to it
    uint64_t work;             // so that a hostile text costs bounded time
} Checker;

static bool PRINTF_LIKE(2, 3) bad(Checker *c, const char *fmt, ...) {
    Str s = str_new(c->arena);
    va_list ap;
    va_start(ap, fmt);
    str_vaddf(&s, fmt, ap);
    va_end(ap);
    return diag_error(c->d, ERR_MODEL, 0, "program: %s", str_cstr(&s));
}

// ---- the weight image ------------------------------------------------------------------------
static bool check_panel(Checker *c, uint32_t n, const Region *r) {
    const Type *t = graph_type(c->p->graph, r->expr);
    if (r->nr < 1 || r->nr > MAX_NR) return bad(c, "region %u: panels of %d columns", n, r->nr);
    if (dtype_info[t->dt].cls != CLASS_FLOAT || t->rank < 2)
        return bad(c, "region %u: %s is not a matrix of floats", n, type_text(c->arena, t));
    for (int i = 0; i < t->rank - 2; i++)
        if (t->dim[i] != 1)
            return bad(c, "region %u: %s is not one matrix", n, type_text(c->arena, t));
    if (pack_deep(r->pack) > 1 && t->dt != DT_BF16)
        return bad(c, "region %u: %s of %s", n, pack_text[r->pack], type_text(c->arena, t));
    return true;
}
static bool check_region(Checker *c, uint32_t n, uint8_t *is_const) {
    const Program *p = c->p;
    const Region *r = &p->region.data[n];
    if (r->expr == 0 || r->expr >= p->graph->node.n) return bad(c, "region %u: no such node", n);
    if (!graph_is_const(p->graph, r->expr, is_const))
        return bad(c, "region %u depends on an input", n);
    if (pack_is_panels(r->pack) && !check_panel(c, n, r)) return false;
    if (r->nbytes != region_nbytes(p->graph, r))
        return bad(c, "region %u has %llu bytes, not %llu", n, (unsigned long long)r->nbytes,
                   (unsigned long long)region_nbytes(p->graph, r));
    if (r->offset % ALIGN)
        return bad(c, "region %u begins at byte %llu, which is no multiple of %d", n,
                   (unsigned long long)r->offset, ALIGN);
    uint64_t begin = n ? r[-1].offset + r[-1].nbytes : 0, end;
    if (r->offset < begin) return bad(c, "region %u begins inside the one before", n);
    if (!size_add(r->offset, r->nbytes, &end) || end > p->weight_bytes)
        return bad(c, "region %u, %llu bytes from %llu, ends behind the image of %llu", n,
                   (unsigned long long)r->nbytes, (unsigned long long)r->offset,
                   (unsigned long long)p->weight_bytes);
    return true;
}
static bool check_regions(Checker *c) {
    uint8_t *is_const = NEW_N(c->arena, uint8_t, c->p->graph->node.n);
    for (uint32_t n = 0; n < c->p->region.n; n++)
        if (!check_region(c, n, is_const)) return false;
    return true;
}

// ---- kernels ---------------------------------------------------------------------------------
static bool check_kernels(Checker *c) {
    const Program *p = c->p;
    if (p->kern.n > MAX_KERNELS) return bad(c, "%u kernels", p->kern.n);
    for (uint32_t n = 0; n < p->kern.n; n++) {
        const Kern *k = p->kern.data[n];
        c->work += k->ins.n;
        if (!kern_check(k, c->d, false)) return false;
        if (k->target != p->target)
            return bad(c, "kernel @%s is for %s, the program for %s", k->name, k->target->name,
                       p->target->name);
        for (uint32_t m = 0; m < n; m++)
            if (!strcmp(p->kern.data[m]->name, k->name)) return bad(c, "two kernels @%s", k->name);
    }
    return true;
}

// ---- launches --------------------------------------------------------------------------------
static uint64_t place_nbytes(const Program *p, const Place *at) {
    switch (at->kind) {
    case PLACE_ARENA: return p->arena_bytes;
    case PLACE_WEIGHTS: return p->weight_bytes;
    case PLACE_INPUT:
        return at->index < p->input.n ? type_nbytes(&p->input.data[at->index].type) : 0;
    case PLACE_OUTPUT:
        return at->index < p->output.n ? type_nbytes(&p->output.data[at->index].type) : 0;
    case PLACE_COUNT: break;
    }
    return 0;
}
static void mark_written(Checker *c, Span s) {
    uint32_t kept = 0;
    for (uint32_t n = 0; n < c->written.n; n++) {
        Span o = c->written.data[n];
        bool touches = o.lo <= s.hi && s.lo <= o.hi;
        if (touches) s = (Span){min_i64(s.lo, o.lo), max_i64(s.hi, o.hi)};
        else c->written.data[kept++] = o;
    }
    c->work += c->written.n;
    c->written.n = kept;
    *PUSH(c->arena, &c->written) = s;
}
static bool was_written(Checker *c, Span s) {
    c->work += c->written.n;
    for (uint32_t n = 0; n < c->written.n; n++)
        if (c->written.data[n].lo < s.hi && s.lo < c->written.data[n].hi) return true;
    return false;
}
static bool check_argument(Checker *c, const char *who, const Place *at, const Access *a) {
    uint64_t nbytes = place_nbytes(c->p, at);
    if (at->kind >= PLACE_COUNT || nbytes > INT64_MAX / 2 || at->offset >= nbytes)
        return bad(c, "%s: the place is outside of its object: byte %llu of %llu", who,
                   (unsigned long long)at->offset, (unsigned long long)nbytes);
    if (a->writes && (at->kind == PLACE_INPUT || at->kind == PLACE_WEIGHTS))
        return bad(c, "%s: it would write to %s", who, place_text[at->kind]);
    if (a->writes && at->kind == PLACE_OUTPUT) c->has_output[at->index] = true;
    if (a->lo == a->hi || a->is_unbounded) return true;
    Span s = {(int64_t)at->offset + a->lo, (int64_t)at->offset + a->hi};
    if (s.hi <= 0 || s.lo >= (int64_t)nbytes)
        return bad(c, "%s: bytes %lld to %lld of %llu", who, (long long)s.lo, (long long)s.hi,
                   (unsigned long long)nbytes);
    bool only_reads = a->reads && !a->writes;
    bool is_fresh = (at->kind == PLACE_ARENA && !was_written(c, s)) ||
                    (at->kind == PLACE_OUTPUT && !c->has_output[at->index]);
    if (only_reads && is_fresh) return bad(c, "%s: nothing wrote the bytes that it reads", who);
    return true;
}
static bool check_launch(Checker *c, uint32_t n) {
    const Launch *l = &c->p->launch.data[n];
    if (l->kern >= c->p->kern.n) return bad(c, "launch %u: no such kernel", n);
    const Kern *k = c->p->kern.data[l->kern];
    if (l->nargs != k->param.n || l->nargs > MAX_ARGS)
        return bad(c, "launch %u: %u arguments for @%s, which takes %u", n, l->nargs, k->name,
                   k->param.n);
    if (l->grid < 1 || (uint64_t)l->grid > limit(LIM_ELEMENTS))
        return bad(c, "launch %u: %lld tasks (1 to %llu)", n, (long long)l->grid,
                   (unsigned long long)limit(LIM_ELEMENTS));
    if (program_launch_scratch(c->p, l) > c->p->scratch_bytes)
        return bad(c, "launch %u: @%s wants %llu bytes of scratch a slice", n, k->name,
                   (unsigned long long)k->scratch_bytes);
    if (!(l->flops >= 0 && l->flops < 1e18))
        return bad(c, "launch %u: %g flops (0 to 1e18)", n, l->flops);
    Arena *scratch = arena_new("launch_access");
    const Access *a = launch_access(k, l->grid, scratch);
    bool ok = true;
    for (uint32_t i = 0; i < l->nargs && ok; i++) {
        const char *who =
            arena_printf(scratch, "launch %u (@%s): %%%s", n, k->name, k->param.data[i].name);
        ok = check_argument(c, who, &l->arg[i], &a[i]);
    }
    for (uint32_t i = 0; i < l->nargs && ok; i++) {
        int64_t at = (int64_t)l->arg[i].offset;
        if (l->arg[i].kind == PLACE_ARENA && a[i].writes)
            mark_written(c, a[i].is_unbounded ? (Span){0, (int64_t)c->p->arena_bytes}
                                              : (Span){at + a[i].lo, at + a[i].hi});
    }
    arena_free(scratch);
    c->work += k->ins.n;
    if (c->work > limit(LIM_CHECK_STEPS))
        return diag_error(c->d, ERR_LIMIT, 0, "program: too large to be verified");
    return ok;
}
static bool check_launches(Checker *c) {
    const Program *p = c->p;
    if (p->launch.n > MAX_LAUNCHES) return bad(c, "%u launches", p->launch.n);
    c->has_output = NEW_N(c->arena, bool, p->output.n);
    for (uint32_t n = 0; n < p->launch.n; n++)
        if (!check_launch(c, n)) return false;
    for (uint32_t n = 0; n < p->output.n; n++)
        if (!c->has_output[n]) return bad(c, "nothing writes output %u", n);
    return true;
}
static bool check_sizes(Checker *c) {
    const Program *p = c->p;
    if (p->arena_bytes % ALIGN || p->scratch_bytes % ALIGN)
        return bad(c, "an arena of %llu bytes and a scratch of %llu; both must be multiples of %d",
                   (unsigned long long)p->arena_bytes, (unsigned long long)p->scratch_bytes, ALIGN);
    if (p->max_slices < 1 || p->max_slices > MAX_SLICES)
        return bad(c, "%u slices (1 to %d)", p->max_slices, MAX_SLICES);
    if (p->input.n > limit(LIM_BORDERS) || p->output.n > limit(LIM_BORDERS) - p->input.n)
        return bad(c, "too many inputs and outputs: %u and %u", p->input.n, p->output.n);
    uint64_t total;
    if (!size_add(p->scratch_bytes, p->arena_bytes, &total) || total > INT64_MAX / 2 ||
        p->weight_bytes > INT64_MAX / 2)
        return bad(c, "more memory than there is");
    return true;
}
bool program_check(const Program *p, Diag *d) {
    Arena *a = arena_new("program_check");
    Checker c = {.arena = a, .p = p, .d = d};
    bool ok = check_sizes(&c) && check_regions(&c) && check_kernels(&c) && check_launches(&c);
    arena_free(a);
    return ok;
}
