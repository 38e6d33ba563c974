// test_diff_kernels.c: kern_eval says what a kernel means; what every printer makes of it must
// leave the same bytes in every buffer, on every target that this machine can run.
//
//     test_diff_kernels [--count N] [--seed S] [--index I] [--size STATEMENTS] [--target T]
//                       [--printers llvm,gcc-O1,clang-19-O1] [FILE.vk…]
//     test_diff_kernels --write DIR --target T [--count N] [--seed S]
//
// Kernel I of a run is the one with seed S + I; its size varies up to STATEMENTS. What fails is
// made smaller while it fails, and printed. A file is run on all printers, with the inputs that
// --inputs random|bytes|zero and --seed say. --write leaves N kernels, at most 128, with their
// expected bytes for a machine that this one is not; run_cases.c runs them there.
#include "tests/diff/shrink_failure.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 128, MOST_SHRUNK = 3 };
typedef struct Test {
    Words w;
    Printer printer[MAX_PRINTERS];
    uint32_t nprinters;
    Memory m;
    uint32_t shrunk; // failures that were made smaller so far
} Test;

static void report(Test *t, Ctx *c, KernelRun *one, Verdict v) {
    if (t->shrunk++ < MOST_SHRUNK) {
        Str text = str_new(c->arena);
        shrink_failure(c, one, v, &text);
        printf("%s", str_cstr(&text));
    } else {
        printf("%s: @%s: %s %s\n", one->target->name, one->kern[0]->name, one->printer->name,
               verdict_text(v));
    }
}
// Which kernels of a batch fail, on which printers. Returns how many.
static uint32_t find_failures(Test *t, Ctx *c, const KernelRun *r) {
    uint32_t failures = 0;
    for (uint32_t i = 0; i < r->n; i++)
        for (uint32_t j = 0; j < r->nprinters; j++) {
            KernelRun one = *r;
            one.kern += i;
            one.seed += i;
            one.n = one.nprinters = 1;
            one.printer += j;
            Verdict v = kernel_run(&one, false);
            if (v == SAME) continue;
            failures++;
            report(t, c, &one, v);
        }
    if (!failures) printf("a batch fails, but none of its kernels alone\n");
    return failures ? failures : 1;
}
typedef struct Draw { // some random kernels
    const Kern *kern[BATCH];
    uint64_t seed[BATCH];
} Draw;
static KernelRun draw(const Test *t, Ctx *c, const Target *target, uint64_t seed, uint32_t n) {
    Draw *d = NEW(c->arena, Draw);
    for (uint32_t i = 0; i < n; i++) {
        const char *name = arena_printf(c->arena, "seed_%llu", (unsigned long long)(seed + i));
        d->seed[i] = seed + i;
        d->kern[i] = random_kernel(c->arena, target, seed + i, name, t->w.size);
    }
    return (KernelRun){.target = target,
                       .printer = t->printer,
                       .nprinters = t->nprinters,
                       .m = &t->m,
                       .kern = d->kern,
                       .seed = d->seed,
                       .n = n};
}
static uint32_t run_batch(Test *t, const Target *target, uint64_t seed, uint32_t n) {
    Ctx c = loud_ctx("batch");
    KernelRun r = draw(t, &c, target, seed, n);
    uint32_t failures = kernel_run(&r, false) == SAME ? 0 : find_failures(t, &c, &r);
    ctx_free(&c);
    return failures;
}
static bool write_batch(const Test *t) {
    Ctx c = loud_ctx("written");
    if (!t->w.target || t->w.count > BATCH)
        return fprintf(stderr, "--write asks too much\n"), false;
    KernelRun r = draw(t, &c, target_find(t->w.target), t->w.seed, (uint32_t)t->w.count);
    bool ok = kernel_write(&c, &r, t->w.write);
    ctx_free(&c);
    return ok;
}
static uint32_t run_target(Test *t, const Target *target) {
    uint32_t failures = 0;
    uint64_t count = t->w.count, first = t->w.seed;
    if (t->w.index >= 0) {
        first += (uint64_t)t->w.index;
        count = 1;
    }
    for (uint64_t done = 0; done < count; done += BATCH)
        failures +=
            run_batch(t, target, first + done, (uint32_t)min_i64(BATCH, (int64_t)(count - done)));
    printf("%s: %llu kernels from seed %llu on %u printers, %u failures\n", target->name,
           (unsigned long long)count, (unsigned long long)first, t->nprinters, failures);
    return failures;
}

// ---- files -----------------------------------------------------------------------------------
static bool inputs_of(const Words *w, Inputs *out) {
    for (*out = INPUT_RANDOM; *out < INPUT_COUNT; (*out)++)
        if (!strcmp(w->inputs, inputs_text[*out])) return true;
    return fprintf(stderr, "no inputs '%s'\n", w->inputs), false;
}
static uint32_t run_file(Test *t, const char *path) {
    Ctx c = loud_ctx("file");
    Inputs inputs;
    Str text = str_new(c.arena);
    bool read = read_text(path, &text);
    Kern *k = read ? kern_parse(c.arena, c.diag, path, text.data, text.n, NULL) : NULL;
    Memory m = {0};
    if (!k || !inputs_of(&t->w, &inputs) || !kern_check(k, c.diag, false)) return 1;
    if (!kernel_memory(k, &m)) return 1;
    uint32_t failures = 0;
    for (uint32_t j = 0; j < t->nprinters; j++) {
        const Kern *kern[] = {k};
        KernelRun r = {.target = k->target,
                       .printer = &t->printer[j],
                       .nprinters = 1,
                       .m = &m,
                       .inputs = inputs,
                       .kern = kern,
                       .seed = &t->w.seed,
                       .n = 1};
        Verdict v = kernel_run(&r, false);
        printf("%s: %s %s\n", path, t->printer[j].name, verdict_text(v));
        failures += v != SAME;
    }
    memory_free(&m);
    ctx_free(&c);
    return failures;
}

int main(int argc, char **argv) {
    Test t = {.w = {.count = 512,
                    .seed = 1,
                    .size = 16,
                    .inputs = "random",
                    .printers = "llvm,gcc-O1,clang-19-O0"}};
    setvbuf(stdout, NULL, _IOLBF, 0);
    Arena *a = arena_new("printers");
    if (!words_parse(&t.w, argc, argv)) return 2;
    t.nprinters = printers_parse(a, t.w.printers, t.printer);
    if (!t.nprinters) return 2;
    t.m = random_kernel_memory();
    if (t.w.write) return !write_batch(&t);
    uint32_t failures = 0;
    for (int i = 0; i < t.w.nfiles; i++) failures += run_file(&t, t.w.file[i]);
    for (size_t i = 0; target_at(i) && !t.w.nfiles; i++) {
        const Target *target = target_at(i);
        if (t.w.target && strcmp(t.w.target, target->name)) continue;
        if (host_can_run(target)) failures += run_target(&t, target);
    }
    printf("%.1f s of processor time\n", cpu_seconds());
    return failures != 0;
}
