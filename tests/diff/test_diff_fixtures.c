// test_diff_fixtures.c: every kernel that real models need, each once, on random contents in
// buffers that end where its accesses end: the interpreter against every printer, on every level.
//
//     test_diff_fixtures [--target T] [--printers llvm,gcc-O1] [--dtype bf16] MODEL…
//
// Each model is lowered with all its outputs; then with a batch of 3, its own outputs and, where it
// can, a mask of patches and pixels as bytes.
#include "frontend/frontend.h"
#include "ir/program_access.h"
#include "passes/passes.h"
#include "tests/diff/kernel_run.h"
#include <stdio.h>
#include <string.h>

enum { BATCH = 100 };
typedef struct Kernels { // of one level
    Ctx c;
    VEC(const Kern *) kern;
    VEC(const char *) text;
    VEC(Memory) m;
    VEC(int64_t) tasks;
    DType dtype; // of weights
} Kernels;

// ---- gathering -------------------------------------------------------------------------------
static uint64_t bytes_behind(const Program *p, const Place *at) {
    switch (at->kind) {
    case PLACE_INPUT: return type_nbytes(&p->input.data[at->index].type) - at->offset;
    case PLACE_OUTPUT: return type_nbytes(&p->output.data[at->index].type) - at->offset;
    case PLACE_WEIGHTS: return p->weight_bytes - at->offset;
    default: return p->arena_bytes - at->offset;
    }
}
static Memory memory_of(Kernels *s, const Program *p, const Launch *l) {
    const Kern *k = p->kern.data[l->kern];
    const Access *access = launch_access(k, l->grid, s->c.arena);
    Memory m = {0};
    for (uint32_t i = 0; i < l->nargs; i++) {
        int64_t most = (int64_t)bytes_behind(p, &l->arg[i]);
        int64_t hi = access[i].is_unbounded ? most : min_i64(access[i].hi, most);
        int64_t lo = min_i64(access[i].lo, 0);
        m.lead[m.n] = -lo;
        memory_add(&m, k->param.data[i].name, k->param.data[i].dt, (uint64_t)(hi - lo));
    }
    memory_add(&m, "scratch", DT_NONE, round_up(k->scratch_bytes, 64));
    return m;
}
static bool is_known(const Kernels *s, const char *text) {
    for (uint32_t i = 0; i < s->text.n; i++)
        if (!strcmp(s->text.data[i], text)) return true;
    return false;
}
static void add_kernels(Kernels *s, const Program *p) {
    for (uint32_t i = 0; i < p->launch.n; i++) {
        const Launch *l = &p->launch.data[i];
        Kern *k = arena_copy(s->c.arena, p->kern.data[l->kern], sizeof(Kern));
        Str text = str_new(s->c.arena);
        kern_print(k, &text, NULL);
        if (is_known(s, str_cstr(&text))) continue;
        k->name = arena_printf(s->c.arena, "%s_%u", k->name, s->kern.n); // models share names
        *PUSH(s->c.arena, &s->kern) = k;
        *PUSH(s->c.arena, &s->text) = str_cstr(&text);
        *PUSH(s->c.arena, &s->m) = memory_of(s, p, l);
        *PUSH(s->c.arena, &s->tasks) = l->grid;
    }
}
static bool add_model(Kernels *s, const Target *t, const char *path, const FrontendOptions *o,
                      bool must) {
    Ctx c = s->c;
    if (!must) c.diag = diag_new(c.arena, NULL, NULL);
    Graph *g = frontend_load(&c, path, o);
    PassOptions passes = {.target = t, .max_slices = 4, .dtype = s->dtype};
    Program *p = g ? pipeline_run(&c, g, &passes) : NULL;
    if (p) add_kernels(s, p);
    return p != NULL;
}
static bool add_variants(Kernels *s, const Target *t, const char *path) {
    static const FrontendOptions all = {.outputs = "all"};
    static const FrontendOptions other[] = {
        {.batch = 3, .bool_masked_pos = true, .input_u8 = true},
        {.batch = 3, .bool_masked_pos = true},
        {.batch = 3},
    };
    for (size_t i = 0; i < COUNT_OF(other); i++)
        if (add_model(s, t, path, &other[i], false)) break;
    return add_model(s, t, path, &all, true);
}

// ---- running ---------------------------------------------------------------------------------
typedef struct Test {
    Words w;
    Printer printer[MAX_PRINTERS];
    uint32_t nprinters, failures;
} Test;
static void find_failures(Test *t, const KernelRun *r) {
    for (uint32_t i = 0; i < r->n; i++) {
        KernelRun one = *r;
        one.kern += i;
        one.m += i;
        one.tasks += i;
        one.n = 1;
        Verdict v = kernel_run(&one, false);
        if (v == SAME) continue;
        Ctx c = loud_ctx("report");
        Str text = str_new(c.arena);
        kern_print(one.kern[0], &text, NULL);
        printf("%s: %s\n%s\n", r->target->name, verdict_text(v), str_cstr(&text));
        ctx_free(&c);
        t->failures++;
    }
}
static void run_target(Test *t, const Target *target) {
    Kernels s = {.c = loud_ctx("kernels"), .dtype = t->w.dtype};
    for (int i = 0; i < t->w.nfiles; i++) t->failures += !add_variants(&s, target, t->w.file[i]);
    for (uint32_t from = 0; from < s.kern.n; from += BATCH) {
        KernelRun r = {.target = target,
                       .printer = t->printer,
                       .nprinters = t->nprinters,
                       .m = s.m.data + from,
                       .kern = s.kern.data + from,
                       .tasks = s.tasks.data + from,
                       .n = s.kern.n - from < BATCH ? s.kern.n - from : BATCH,
                       .is_model = true};
        if (kernel_run(&r, false) != SAME) find_failures(t, &r);
    }
    printf("%s: %u kernels of %d models on %u printers, %u failures so far\n", target->name,
           s.kern.n, t->w.nfiles, t->nprinters, t->failures);
    for (uint32_t i = 0; i < s.m.n; i++) memory_free(&s.m.data[i]);
    ctx_free(&s.c);
}
int main(int argc, char **argv) {
    Test t = {.w = {.printers = "llvm", .dtype = DT_F32}};
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!words_parse(&t.w, argc, argv)) return 2;
    t.nprinters = printers_parse(arena_new("printers"), t.w.printers, t.printer);
    if (!t.nprinters) return 2;
    for (size_t i = 0; target_at(i); i++) {
        const Target *target = target_at(i);
        if (t.w.target && strcmp(t.w.target, target->name)) continue;
        bool runs = t.w.target ? host_can_run_or_emulate(target) : host_can_run(target);
        if (runs) run_target(&t, target);
    }
    printf("%.1f s of processor time\n", cpu_seconds());
    return t.failures != 0;
}
