// test_diff_models.c: random vision transformers. For each: the interpreter of the lowered program
// is near the eager reference, and what every printer made of it gives the interpreter's bytes, on
// every level of this machine, with 1 and 3 threads. Levels that round alike give the same bytes.
//
//     test_diff_models [--count N] [--seed S] [--index I] [--target T] [--printers llvm,gcc-O1]
//                      [--size K] [--dtype f32|bf16|f16] [FILE.vg…]
//
// Model I of a run is the one with seed S + I. Printing is slow: one in K models goes through the
// printers of C, and a model is printed for one level, which takes turns; with --size 1 all of them
// are printed everywhere. What fails is made smaller while it fails, and printed as .vg.
#include "tests/diff/shrink_model.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SHRUNK = 3 };
static const double TOLERANCE = 2e-5;
typedef struct Test {
    Words w;
    Printer printer[MAX_PRINTERS];
    uint32_t nprinters;
    const Target *target[MAX_TARGETS];
    uint32_t ntargets, models, failures;
    uint32_t printed[MAX_PRINTERS][MAX_TARGETS]; // models that went through each printer
} Test;

static uint32_t kinds(const Test *t, uint64_t i) { // printers for model i: C is slow
    uint32_t n = 0;
    while (n < t->nprinters && (!t->printer[n].cc || i % (uint64_t)t->w.size == 0)) n++;
    return n;
}
// Where it fails alone: one level, or two that should be equal, and one printer or none.
static void narrow(const Test *t, ModelRun *r, Verdict v) {
    for (uint32_t i = 0; i < t->ntargets; i++)
        for (uint32_t j = 0; j <= r->nprinters; j++) {
            ModelRun one = *r;
            one.target[0] = t->target[i];
            one.is_printed[0] = true;
            one.ntargets = 1;
            one.printer = r->printer + (j ? j - 1 : 0);
            one.nprinters = j != 0;
            if (model_run(&one, true) != v) continue;
            *r = one;
            return;
        }
}
static void report(Ctx *c, const Test *t, ModelRun *r, const Vit *vit, Verdict v) {
    narrow(t, r, v);
    uint32_t tried = shrink_model(c, r, vit, v);
    const char *printer = r->nprinters == 1 ? r->printer[0].name : t->w.printers;
    const char *target = r->ntargets == 1 ? r->target[0]->name : "any";
    printf("// The smallest of %u models tried.\n"
           "// With this text in a file: test_diff_models --printers %s --seed %llu --dtype %s%s%s "
           "FILE\n%s",
           tried, printer, (unsigned long long)r->seed, dtype_info[r->dtype].text,
           r->ntargets == 1 ? " --target " : "", r->ntargets == 1 ? target : "", r->text);
}
static void run_model(Test *t, Ctx *c, const char *name, const Str *text, uint64_t seed,
                      const Vit *vit, uint32_t nprinters, bool everywhere) {
    ModelRun r = {.text = text->data,
                  .n = text->n,
                  .seed = seed,
                  .ntargets = t->ntargets,
                  .printer = t->printer,
                  .nprinters = nprinters,
                  .tolerance = TOLERANCE,
                  .dtype = vit ? vit_dtype(vit) : t->w.dtype};
    for (uint32_t i = 0; i < t->ntargets; i++) {
        r.target[i] = t->target[i];
        r.is_printed[i] = everywhere || (i + seed) % t->ntargets == 0;
        for (uint32_t j = 0; j < nprinters; j++) t->printed[j][i] += r.is_printed[i];
    }
    Verdict v = model_run(&r, false);
    t->models++;
    if (v == SAME) return;
    printf("%s: %s\n", name, verdict_text(v));
    if (t->failures++ < MOST_SHRUNK) report(c, t, &r, vit, v);
}
static void run_seed(Test *t, uint64_t i) {
    Ctx c = loud_ctx("model");
    Str text = str_new(c.arena), fields = str_new(c.arena);
    Vit vit = random_vit(t->w.seed + i);
    graph_print(vit_graph(c.arena, &vit), &text);
    vit_print(&vit, &fields);
    bool everywhere = t->w.size == 1 || t->ntargets == 1;
    run_model(t, &c, str_cstr(&fields), &text, vit.seed, &vit, kinds(t, i), everywhere);
    ctx_free(&c);
}
static bool run_file(Test *t, const char *path) {
    Ctx c = loud_ctx("file");
    Str text = str_new(c.arena);
    bool ok = read_text(path, &text);
    if (ok) run_model(t, &c, path, &text, t->w.seed, NULL, t->nprinters, true);
    ctx_free(&c);
    return ok;
}
int main(int argc, char **argv) {
    Test t = {.w = {.count = 300, .seed = 1, .size = 15, .dtype = DT_F32, .printers = "llvm"}};
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!words_parse(&t.w, argc, argv)) return 2;
    t.nprinters = printers_parse(arena_new("printers"), t.w.printers, t.printer);
    if (!t.nprinters) return 2;
    for (size_t i = 0; target_at(i); i++) {
        const Target *target = target_at(i);
        if (t.w.target && strcmp(t.w.target, target->name)) continue;
        if (host_can_run(target)) t.target[t.ntargets++] = target;
    }
    for (int i = 0; i < t.w.nfiles; i++)
        if (!run_file(&t, t.w.file[i])) return 2;
    for (uint64_t i = 0; i < t.w.count && !t.w.nfiles; i++)
        if (t.w.index < 0 || i == (uint64_t)t.w.index) run_seed(&t, i);
    for (uint32_t j = 0; j < t.nprinters; j++)
        for (uint32_t k = 0; k < t.ntargets; k++)
            printf("%s: %s: %u models\n", t.target[k]->name, t.printer[j].name, t.printed[j][k]);
    printf("%u models, each interpreted on %u levels, %u failures, %.1f s of processor time\n",
           t.models, t.ntargets, t.failures, cpu_seconds());
    return t.failures != 0;
}
