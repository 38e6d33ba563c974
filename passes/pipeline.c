// pipeline.c: runs passes.def. Between passes the verifier runs, so that a broken graph names the
// pass that broke it; dumps show the text form, which is valid input again.
#include "ir/isa.h"
#include "passes/passes.h"
#include <string.h>
#include <time.h>

enum PassId {
#define PASS(name, level, needs, breaks, help) PI_##name,
#include "passes/passes.def"
#undef PASS
    PI_COUNT
};
enum PassBit {
#define PASS(name, level, needs, breaks, help) P_##name = 1 << PI_##name,
#include "passes/passes.def"
#undef PASS
};
typedef enum { GRAPH, BRIDGE, KERNEL } Level;
static const char *const level_text[] = {"graph", "bridge", "kernel"};
typedef union Run {
    bool (*graph)(PassCtx *p, Graph *g);
    Program *(*bridge)(PassCtx *p, Graph *g, const Target *t);
    void (*kernel)(Kern *k, Kern *out);
} Run;
#define RUN_GRAPH(name)                                                                            \
    { .graph = pass_##name }
#define RUN_BRIDGE(name)                                                                           \
    { .bridge = name##_program }
#define RUN_KERNEL(name)                                                                           \
    { .kernel = pass_##name }
static const struct {
    const char *name;
    Level level;
    int needs, breaks;
    const char *help;
    Run run;
} table[PI_COUNT] = {
#define PASS(name, level, needs, breaks, help)                                                     \
    {#name, level, needs, breaks, help, RUN_##level(name)},
#include "passes/passes.def"
#undef PASS
};

// ---- lists of names ("fold,+fuse", "all")
static bool list_has(const char *list, const char *prefix, const char *name) {
    size_t np = strlen(prefix), n = strlen(name);
    for (const char *p = list; p && *p; p += strcspn(p, ","), p += *p == ',') {
        size_t len = strcspn(p, ",");
        if (len == np + n && !strncmp(p, prefix, np) && !strncmp(p + np, name, n)) return true;
    }
    return false;
}
static int pass_by_name(const char *name, size_t n) {
    for (int i = 0; i < PI_COUNT; i++)
        if (strlen(table[i].name) == n && !strncmp(table[i].name, name, n)) return i;
    return -1;
}
static bool check_list(Ctx *c, const char *option, const char *list, bool for_dump) {
    for (const char *p = list; p && *p; p += strcspn(p, ","), p += *p == ',') {
        size_t skip = for_dump && *p == '+', len = strcspn(p, ",") - skip;
        if (pass_by_name(p + skip, len) >= 0 ||
            (for_dump && len == 3 && !strncmp(p + skip, "all", 3)))
            continue;
        const char *names[PI_COUNT], *word = arena_strndup(c->arena, p + skip, len);
        for (int i = 0; i < PI_COUNT; i++) names[i] = table[i].name;
        const char *meant = str_did_you_mean(word, names, PI_COUNT);
        return diag_error(c->diag, ERR_USAGE, 0, "%s: no pass is named '%s'%s%s%s", option, word,
                          meant ? "; did you mean '" : "", meant ? meant : "", meant ? "'?" : "");
    }
    return true;
}

// ---- one run
typedef struct Pipeline {
    PassCtx p;
    Graph *g;
    Program *prog;  // the first level
    bool is_kernel; // prog is only the wrapping of one kernel
    int done;       // PassBits in force
    Str times;
} Pipeline;

static void report(const Pipeline *l, Str *text) {
    if (l->p.opt->report) l->p.opt->report(l->p.opt->report_ctx, str_cstr(text));
}
static bool same_image(const Program *a, const Program *b) {
    bool same = a->region.n == b->region.n && a->weight_bytes == b->weight_bytes;
    for (uint32_t i = 0; i < a->region.n && same; i++) {
        const Region *x = &a->region.data[i], *y = &b->region.data[i];
        same = x->expr == y->expr && x->pack == y->pack && x->trans == y->trans && x->nr == y->nr &&
               x->offset == y->offset && x->nbytes == y->nbytes;
    }
    return same;
}
static void dump(Pipeline *l, const char *when, const char *name, bool changed) {
    Str text = str_new(l->p.c->scratch);
    str_addf(&text, "// %s %s%s\n", when, name, changed ? "" : " (unchanged)");
    if (changed && l->is_kernel) kern_print(l->prog->kern.data[0], &text, l->p.c->diag);
    for (const Program *p = l->prog; p && changed && !l->is_kernel; p = p->next)
        program_print(p, &text, l->p.c->diag);
    if (changed && !l->prog) graph_print(l->g, &text);
    report(l, &text);
}
// All levels from one graph. They share the weight image, so lowering must have asked for the same
// constants in the same order.
static Program *run_bridge(Pipeline *l, int i) {
    const PassOptions *o = l->p.opt;
    Program *first = table[i].run.bridge(&l->p, l->g, o->target), *last = first;
    for (const Target *const *t = o->also; last && t && *t; t++) {
        Program *p = table[i].run.bridge(&l->p, l->g, *t);
        if (!p) return NULL;
        if (!same_image(first, p))
            die(table[i].name, "levels %s and %s do not share their weights", o->target->name,
                (*t)->name);
        last->next = p;
        last = p;
    }
    return first;
}
static void run_kernel_pass(int i, Program *prog) {
    for (uint32_t k = 0; k < prog->kern.n; k++) {
        Kern *from = prog->kern.data[k], *to = kern_new(prog->arena, from->name, from->target);
        table[i].run.kernel(from, to);
        prog->kern.data[k] = to;
    }
}
static bool verify_level(const Pipeline *l, const Program *p) {
    Diag *d = l->p.c->diag;
    for (uint32_t k = 0; k < p->kern.n; k++)
        if (!kern_check(p->kern.data[k], d, (l->done & P_legal) != 0)) return false;
    return l->is_kernel || program_check(p, d);
}
static void verify(const Pipeline *l, int i) {
    bool ok = l->prog || graph_check(l->g, l->p.c->diag);
    for (const Program *p = l->prog; p && ok; p = p->next) ok = verify_level(l, p);
    if (!ok) die(table[i].name, "the pass broke its %s", l->prog ? "program" : "graph");
}
static bool run_pass(Pipeline *l, int i) {
    const PassOptions *o = l->p.opt;
    const char *name = table[i].name;
    if (l->prog && table[i].level != KERNEL)
        return diag_error(l->p.c->diag, ERR_USAGE, 0, "pass '%s' works on a graph, not on a %s",
                          name, l->is_kernel ? "kernel" : "program");
    int missing = table[i].needs & ~l->done;
    for (int k = 0; k < PI_COUNT; k++)
        if (missing & 1 << k)
            return diag_error(l->p.c->diag, ERR_USAGE, 0, "pass '%s' needs '%s' before it", name,
                              table[k].name);
    if (list_has(o->dump, "+", name) || list_has(o->dump, "+", "all"))
        dump(l, "before", name, true);
    clock_t start = clock();
    bool changed = true;
    switch (table[i].level) {
    case GRAPH: changed = table[i].run.graph(&l->p, l->g); break;
    case BRIDGE: l->prog = run_bridge(l, i); break;
    case KERNEL:
        for (Program *p = l->prog; p; p = p->next) run_kernel_pass(i, p);
        break;
    }
    if (table[i].level == BRIDGE && !l->prog) return false;
    l->done = (l->done & ~table[i].breaks) | 1 << i;
    if (o->time)
        str_addf(&l->times, "%-10s %8.1f ms  %6u nodes\n", name,
                 1e3 * (double)(clock() - start) / CLOCKS_PER_SEC, l->g ? l->g->node.n - 1 : 0);
    verify(l, i);
    if (list_has(o->dump, "", name) || list_has(o->dump, "+", name) ||
        list_has(o->dump, "", "all") || list_has(o->dump, "+", "all"))
        dump(l, "after", name, changed);
    arena_reset(l->p.c->scratch);
    return true;
}

static bool run_only(Pipeline *l, const char *list, Level until) {
    for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',') {
        int i = pass_by_name(p, strcspn(p, ","));
        if (i >= 0 && table[i].level <= until && !run_pass(l, i)) return false;
    }
    return true;
}
static bool run_all(Pipeline *l, Level from, Level until) {
    const char *stop = l->p.opt->stop_after;
    for (int i = 0; i < PI_COUNT; i++) {
        if (table[i].level < from || table[i].level > until) continue;
        if (!run_pass(l, i)) return false;
        if (stop && !strcmp(stop, table[i].name)) break;
    }
    return true;
}
static bool run(Pipeline *l, Level until) {
    Ctx *c = l->p.c;
    const PassOptions *o = l->p.opt;
    if (!check_list(c, "-d", o->dump, true) || !check_list(c, "-p", o->only, false) ||
        !check_list(c, "--stop-after", o->stop_after, false))
        return false;
    l->times = str_new(c->arena);
    bool ok = o->only ? run_only(l, o->only, until) : run_all(l, GRAPH, until);
    if (o->time) report(l, &l->times);
    return ok;
}
bool passes_have(const PassOptions *o, bool (*has)(const Target *)) {
    bool some = o->target && has(o->target);
    for (const Target *const *t = o->also; t && *t; t++) some = some || has(*t);
    return some;
}
bool passes_have_products(const PassOptions *o) {
    return passes_have(o, isa_has_products);
}
bool pipeline_graph(Ctx *c, Graph *g, const PassOptions *o) {
    Pipeline l = {.p = {c, o}, .g = g};
    return run(&l, GRAPH);
}
Program *pipeline_run(Ctx *c, Graph *g, const PassOptions *o) {
    Pipeline l = {.p = {c, o}, .g = g};
    return run(&l, KERNEL) ? l.prog : NULL;
}
Program *pipeline_lower(Ctx *c, Graph *g, const PassOptions *o) {
    Pipeline l = {.p = {c, o}, .g = g};
    for (int i = 0; i < PI_COUNT; i++)
        if (table[i].level == GRAPH) l.done |= 1 << i;
    return run_all(&l, BRIDGE, KERNEL) ? l.prog : NULL;
}
// What must have happened to a program that was read: all of lowering, and `math` and `tiles` if
// nothing is left for them.
static int done_before(const Program *p) {
    bool has_math = false, has_tiles = false;
    for (uint32_t i = 0; i < p->kern.n; i++)
        for (uint32_t v = 1; v < p->kern.data[i]->ins.n; v++) {
            const Ins *ins = kern_ins(p->kern.data[i], v);
            has_math = has_math || kernel_is_math(ins->op);
            has_tiles = has_tiles || (ins->op == K_TILE && !ins->number);
        }
    return P_lower | (has_math ? 0 : P_math) | (has_tiles ? 0 : P_tiles);
}
static bool tiles_fit(Ctx *c, const Program *p) {
    for (uint32_t i = 0; i < p->kern.n; i++)
        if (!kern_tiles_fit(p->kern.data[i]))
            return diag_error(c->diag, ERR_MODEL, 0, "kernel @%s: more than %d tiles at once",
                              p->kern.data[i]->name, TILE_REGISTERS);
    return true;
}
bool pipeline_program(Ctx *c, Program *p, const PassOptions *o) {
    if (!tiles_fit(c, p)) return false;
    Pipeline l = {.p = {c, o}, .prog = p, .done = done_before(p)};
    return run(&l, KERNEL);
}
bool pipeline_kernel(Ctx *c, Kern **k, const PassOptions *o) {
    Program *p = program_new(c->arena, (*k)->target, NULL);
    *PUSH(c->arena, &p->kern) = *k;
    if (!tiles_fit(c, p)) return false;
    Pipeline l = {.p = {c, o}, .prog = p, .is_kernel = true, .done = done_before(p)};
    bool ok = run(&l, KERNEL);
    *k = p->kern.data[0];
    return ok;
}
void pipeline_help(Str *out) {
    for (int i = 0; i < PI_COUNT; i++)
        str_addf(out, "%-10s %-6s  %s\n", table[i].name, level_text[table[i].level], table[i].help);
}
