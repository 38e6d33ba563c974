// model_run.c: see model_run.h.
#include "tests/diff/model_run.h"
#include "ir/isa.h"
#include "passes/passes.h"
#include "runtime/vitc.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_TENSORS = 64, THREADS = 3 };
typedef struct Tensors {
    uint32_t n;
    Type type[MAX_TENSORS];
    void *data[MAX_TENSORS]; // exactly its bytes, then an unmapped page
} Tensors;

static void tensors_add(Tensors *t, const Type *type) {
    t->type[t->n] = *type;
    t->data[t->n++] = guarded_new(type_nbytes(type));
}
static void tensors_free(Tensors *t) {
    for (uint32_t i = 0; i < t->n; i++) guarded_free(t->data[i], type_nbytes(&t->type[i]));
}
static Tensors inputs_new(const Graph *g, uint64_t seed) {
    Tensors t = {0};
    Random r = {seed ^ 0x1a2b};
    for (uint32_t i = 0; i < g->input.n; i++) {
        const Type *type = graph_type(g, g->input.data[i]);
        DClass cls = dtype_info[type->dt].cls;
        tensors_add(&t, type);
        for (int64_t e = 0; e < type_count(type); e++) {
            double unit = (double)(int64_t)random_next(&r) * 0x1p-63; // -1 to 1
            double v = cls == CLASS_FLOAT ? unit : random_below(&r, cls == CLASS_BOOL ? 2 : 256);
            dtype_write_f(type->dt, t.data[i], (uint64_t)e, v);
        }
    }
    return t;
}
static Tensors outputs_new(const Graph *g) {
    Tensors t = {0};
    for (uint32_t i = 0; i < g->output.n; i++)
        tensors_add(&t, graph_type(g, g->output.data[i].node));
    return t;
}

// ---- comparisons -----------------------------------------------------------------------------
static bool same_bytes(const Graph *g, const Tensors *a, const Tensors *b, const char *what) {
    for (uint32_t i = 0; i < a->n; i++) {
        uint64_t n = type_nbytes(&a->type[i]);
        if (!memcmp(a->data[i], b->data[i], n)) continue;
        const char *x = a->data[i], *y = b->data[i];
        uint64_t at = 0;
        while (x[at] == y[at]) at++;
        fprintf(stderr, "%s: output \"%s\" differs at byte %llu of %llu\n", what,
                g->output.data[i].name, (unsigned long long)at, (unsigned long long)n);
        return false;
    }
    return true;
}

// ---- one level -------------------------------------------------------------------------------
typedef struct Level {
    const ModelRun *r;
    Ctx c;
    const Target *target;
    const Graph *g;       // as it was read
    const Graph *rounded; // after the passes
    Program *p;
    void *image;
    const Tensors *in;
    Tensors want; // what program_eval gives
    bool is_printed;
} Level;
static bool copy_image(void *ctx, const void *bytes, uint64_t n) {
    char **to = ctx;
    memcpy(*to, bytes, n);
    *to += n;
    return true;
}
static bool make_program(Level *l) {
    PassOptions o = {.target = l->target, .max_slices = THREADS + 1, .dtype = l->r->dtype};
    Graph *g = graph_parse(l->c.arena, l->c.diag, "model", l->r->text, l->r->n);
    l->p = g ? pipeline_run(&l->c, g, &o) : NULL;
    if (!l->p) return false;
    l->image = arena_alloc(l->c.arena, l->p->weight_bytes + 64);
    char *to = l->image;
    l->rounded = g;
    return program_image(l->p, l->c.scratch, copy_image, &to);
}
static Verdict run_printed(const Level *l, const Printer *pr, const Printed *printed,
                           const vitc_parallel *par) {
    Tensors out = outputs_new(l->g);
    uint64_t nbytes = program_host_arena(l->p);
    char *arena = guarded_new(nbytes);
    memset(arena, 0xff, nbytes);
    const void *in[MAX_TENSORS];
    for (uint32_t i = 0; i < l->in->n; i++) in[i] = l->in->data[i];
    vitc_status s = printed->info->run(in, out.data, arena, par);
    const char *what = arena_printf(l->c.arena, "%s: %s: %d threads", l->target->name, pr->name,
                                    par ? par->threads : 1);
    bool same = s == VITC_OK && same_bytes(l->g, &l->want, &out, what);
    if (s != VITC_OK) fprintf(stderr, "%s: %s\n", what, vitc_status_str(s));
    guarded_free(arena, nbytes);
    tensors_free(&out);
    return same ? SAME : DIFFERS;
}
static Verdict run_printer(Level *l, const Printer *pr) {
    Source src = {l->p, l->image};
    Printed printed;
    phase_begin(false, 0);
    if (!printer_print(pr, &l->c, &src, 1, &printed)) return REFUSED;
    vitc_pool *pool = vitc_pool_create(THREADS);
    phase_begin(false, 60);
    Verdict v = run_printed(l, pr, &printed, NULL);
    if (v == SAME) v = run_printed(l, pr, &printed, vitc_pool_parallel(pool));
    vitc_pool_destroy(pool);
    printed_free(&printed, 1);
    return v;
}
// What multiplies halves: NOP: nothing.
static KOp product_of_halves(const ModelRun *r, const Target *t) {
    if (r->dtype != DT_BF16 || !isa_has_products(t)) return K_NOP;
    if (isa_has_blocks(t)) return K_BFMMLA;
    return isa_has_tiles(t) ? K_TDPBF16 : K_DPBF16;
}
// Activations are rounded, too: a sum that is off by its last bit may become the next bf16. And
// attention rounds the powers of softmax, which the reference does not.
static double tolerance_of(const Level *l) {
    enum { NEXT_BF16 = 1000 };
    return l->r->tolerance * (product_of_halves(l->r, l->target) ? NEXT_BF16 : 1);
}
static bool is_near(const Level *l, uint32_t output, const Tensor *want) {
    double diff = 0, norm = 0;
    for (uint64_t i = 0; i < (uint64_t)type_count(&want->type); i++) {
        double x = dtype_read_f(want->type.dt, want->data, i);
        double y = dtype_read_f(want->type.dt, l->want.data[output], i);
        if (isnan(x) && isnan(y)) continue;
        diff += (x - y) * (x - y);
        norm += x * x;
    }
    double error = sqrt(diff) / (sqrt(norm) + 1e-6);
    if (error <= tolerance_of(l)) return true;
    fprintf(stderr, "%s: output \"%s\": relative L2 error %g\n", l->target->name,
            l->g->output.data[output].name, error);
    return false;
}
static bool eager_outputs(Ctx *c, const Graph *g, const Tensors *in, Tensor *out) {
    Tensor given[MAX_TENSORS];
    NodeId want[MAX_TENSORS];
    for (uint32_t i = 0; i < in->n; i++) given[i] = (Tensor){in->type[i], in->data[i]};
    for (uint32_t i = 0; i < g->output.n; i++) want[i] = g->output.data[i].node;
    return graph_eval(g, given, want, g->output.n, out, c->arena, c->diag);
}
static Verdict run_level(Level *l, const Tensor *eager) {
    phase_begin(true, 60);
    if (!make_program(l)) return INVALID;
    l->want = outputs_new(l->g);
    const void *in[MAX_TENSORS];
    for (uint32_t i = 0; i < l->in->n; i++) in[i] = l->in->data[i];
    if (!program_eval(l->p, l->image, in, l->want.data, 1, l->c.arena)) return INVALID;
    Tensor rounded[MAX_TENSORS];
    if (dtype_is_half(l->r->dtype)) {
        if (!eager_outputs(&l->c, l->rounded, l->in, rounded)) return INVALID;
        eager = rounded;
    }
    for (uint32_t i = 0; i < l->want.n && l->r->tolerance > 0; i++)
        if (!is_near(l, i, &eager[i])) return FAR;
    Verdict v = SAME;
    for (uint32_t j = 0; j < l->r->nprinters && l->is_printed && v == SAME; j++)
        v = run_printer(l, &l->r->printer[j]);
    return v;
}

// ---- the whole model -------------------------------------------------------------------------
static bool rounds_alike(const ModelRun *r, const Target *a, const Target *b) {
    return target_has(a, F_FMA) == target_has(b, F_FMA) &&
           product_of_halves(r, a) == product_of_halves(r, b);
}
static Verdict run(void *ctx) {
    const ModelRun *r = ctx;
    Ctx c = loud_ctx("model");
    phase_begin(true, 60);
    Graph *g = graph_parse(c.arena, c.diag, "model", r->text, r->n);
    Tensor eager[MAX_TENSORS];
    Level level[MAX_TARGETS];
    if (!g || !graph_check(g, c.diag)) return INVALID;
    if (g->input.n > MAX_TENSORS || g->output.n > MAX_TENSORS) return INVALID;
    Tensors in = inputs_new(g, r->seed);
    if (!eager_outputs(&c, g, &in, eager)) return INVALID;
    for (uint32_t i = 0; i < r->ntargets; i++) {
        level[i] = (Level){.r = r,
                           .c = loud_ctx("level"),
                           .target = r->target[i],
                           .is_printed = r->is_printed[i],
                           .g = g,
                           .in = &in};
        Verdict v = run_level(&level[i], eager);
        if (v != SAME) return v;
        for (uint32_t j = 0; j < i; j++) {
            const char *what =
                arena_printf(c.arena, "%s against %s", r->target[i]->name, r->target[j]->name);
            if (rounds_alike(r, r->target[i], r->target[j]) &&
                !same_bytes(g, &level[i].want, &level[j].want, what))
                return DIFFERS;
        }
    }
    return SAME; // the child ends: nothing is given back
}
Verdict model_run(const ModelRun *r, bool quiet) {
    return in_child(run, (void *)(uintptr_t)r, quiet);
}
