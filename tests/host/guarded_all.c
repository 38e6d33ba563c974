// guarded_all.c: guarded runs of many models, compiled by LLVM in this process: files for every
// level that this processor has, batches of 1 to 3 and every type of weights, or graphs drawn at
// random. Besides the whole model, every launch runs alone, each argument in a block of exactly the
// bytes that its kernel may touch.
//
//     guarded_all EVERY MODEL...      of all models x levels x types x batches, each EVERY-th
//     guarded_all random COUNT        graphs, one level each
#include "frontend/frontend.h"
#include "passes/passes.h"
#include "tests/host/guarded_launch.h"
#include "tests/host/guarded_run.h"
#include "tests/support/random_graph.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCHES = 3 };
typedef struct Tally {
    uint32_t ran, skipped, refused, failed;
    size_t deepest;
} Tally;

static void sink(void *quiet, Severity sev, const LocInfo *at, const char *message) {
    if (!quiet && sev == SEV_ERROR) fprintf(stderr, "%s: %s\n", at->file ? at->file : "", message);
}
static Ctx ctx_new(bool quiet) {
    static char silent;
    Ctx c = {arena_new("model"), arena_new("model scratch"), NULL, NULL};
    c.diag = diag_new(c.arena, sink, quiet ? &silent : NULL);
    return c;
}
static void ctx_free(Ctx *c) {
    arena_free(c->scratch);
    arena_free(c->arena);
}

// ---- from a Graph to a verdict ---------------------------------------------------------------
typedef struct Image {
    char *to;
} Image;
static bool copy_bytes(void *ctx, const void *bytes, uint64_t n) {
    Image *i = ctx;
    memcpy(i->to, bytes, n);
    i->to += n;
    return true;
}
static void *image_of(Ctx *c, const Program *p) {
    void *bytes = arena_alloc(c->arena, p->weight_bytes + 1);
    Image i = {bytes};
    return program_image(p, c->scratch, copy_bytes, &i) ? bytes : NULL;
}
static LoadedModel *load(Ctx *c, const Program *p) {
    static const EmitOptions options = {.prefix = "model", .source_sha256 = "", .version = "test"};
    const HostSymbol execute = {"vitc_execute", (const void *)(uintptr_t)vitc_execute};
    Str object = str_new(c->arena);
    const void *image = image_of(c, p);
    if (!image || !llvm_emit_object(c, p, &options, &object)) return NULL;
    return llvm_load(c, object.data, object.n, options.prefix, image, &execute, 1);
}
static bool check_program(Ctx *c, const Program *p, const char *what, Tally *t) {
    LoadedModel *m = load(c, p);
    const vitc_model_info *info = m ? llvm_loaded_symbol(m, "model_model") : NULL;
    bool ok = info && !guarded_run(what, info, &t->deepest) && guarded_launches(what, p, info);
    if (m) llvm_unload(m);
    return ok;
}
static void check_graph(Ctx *c, Graph *g, const Target *target, DType weights, const char *what,
                        Tally *t) {
    PassOptions o = {.target = target, .max_slices = 3, .dtype = weights};
    const Program *p = pipeline_run(c, g, &o);
    if (!p && diag_kind(c->diag) == ERR_UNSUPPORTED) {
        t->refused++;
        return;
    }
    t->ran++;
    t->failed += !p || !check_program(c, p, what, t);
}

// ---- models ----------------------------------------------------------------------------------
// A model may fix its own batch: then that one.
static Graph *load_model(Ctx *c, const char *path, int64_t batch) {
    Ctx quiet = ctx_new(true);
    FrontendOptions o = {.batch = batch, .outputs = batch == 2 ? "all" : NULL};
    if (!frontend_load(&quiet, path, &o)) o.batch = 0;
    ctx_free(&quiet);
    return frontend_load(c, path, &o);
}
static void check_model(const char *path, const Target *target, DType weights, int64_t batch,
                        Tally *t) {
    if (vitc_cpu_check(target->features) != VITC_OK) {
        t->skipped++;
        return;
    }
    Ctx c = ctx_new(false);
    const char *what = arena_printf(c.arena, "%s, %s, %s, batch %lld", path, target->name,
                                    dtype_info[weights].text, (long long)batch);
    Graph *g = load_model(&c, path, batch);
    if (g)
        check_graph(&c, g, target, weights, what, t);
    else
        t->failed++;
    ctx_free(&c);
}
static void check_models(char *const *path, int n, uint32_t every, Tally *t) {
    static const DType weights[] = {DT_F32, DT_BF16, DT_F16};
    uint32_t number = 0;
    for (int i = 0; i < n; i++)
        for (size_t level = 0; target_at(level); level++)
            for (size_t w = 0; w < COUNT_OF(weights); w++)
                for (int64_t batch = 1; batch <= BATCHES; batch++)
                    if (number++ % every == 0)
                        check_model(path[i], target_at(level), weights[w], batch, t);
}
static void check_random(uint32_t count, Tally *t) {
    uint32_t levels = 0;
    while (target_at(levels) && vitc_cpu_check(target_at(levels)->features) == VITC_OK) levels++;
    for (uint32_t seed = 1; seed <= count; seed++) {
        Ctx c = ctx_new(true);
        const Target *target = target_at(seed % levels);
        const char *what = arena_printf(c.arena, "random graph %u, %s", seed, target->name);
        check_graph(&c, random_graph(&c, seed), target, DT_F32, what, t);
        ctx_free(&c);
    }
}
int main(int argc, char **argv) {
    Tally t = {0};
    if (argc < 3) return 2;
    guarded_name_signals();
    if (!strcmp(argv[1], "random"))
        check_random((uint32_t)atoi(argv[2]), &t);
    else
        check_models(argv + 2, argc - 2, (uint32_t)atoi(argv[1]), &t);
    printf("%u ran, %u failed, %u levels this processor lacks, %u unsupported; deepest stack %zu\n",
           t.ran, t.failed, t.skipped, t.refused, t.deepest);
    if (t.skipped) printf("[SKIP] some levels\n");
    return t.failed || !t.ran;
}
