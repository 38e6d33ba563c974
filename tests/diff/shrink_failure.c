// shrink_failure.c: see shrink_failure.h.
#include "tests/diff/shrink_failure.h"
#include "tests/diff/shrink_kernel.h"
#include <stdio.h>

typedef struct Question {
    KernelRun r;
    Verdict v;
} Question;
static bool still_fails(void *ctx, const Kern *k) {
    Question *q = ctx;
    Ctx c = quiet_ctx("candidate");
    bool valid = kern_check(k, c.diag, false);
    ctx_free(&c);
    KernelRun r = q->r;
    r.kern = &k;
    return valid && kernel_run(&r, true) == q->v;
}
// The simplest contents of memory with which it fails.
static void simplify_inputs(Question *q, const Kern *k) {
    Inputs before = q->r.inputs;
    for (Inputs i = INPUT_COUNT; i-- > before + 1;) {
        q->r.inputs = i;
        if (still_fails(q, k)) return;
    }
    q->r.inputs = before;
}
void shrink_failure(Ctx *c, KernelRun *r, Verdict v, Str *text) {
    Question q = {*r, v};
    const Kern **k = NEW(c->arena, const Kern *);
    unsigned long long seed = r->seed[0];
    uint32_t tried = 0;
    simplify_inputs(&q, r->kern[0]);
    *k = shrink_kernel(c->arena, r->kern[0], still_fails, &q, &tried);
    simplify_inputs(&q, *k);
    str_addf(text,
             "// %s %s: the smallest of %u kernels tried, from --index 0 --seed %llu --target %s\n"
             "// With this text in a file: test_diff_kernels --printers %s --seed %llu --inputs %s "
             "FILE\n",
             r->printer->name, verdict_text(v), tried, seed, r->target->name, r->printer->name,
             seed, inputs_text[q.r.inputs]);
    kern_print(*k, text, NULL);
    r->kern = k;
    r->inputs = q.r.inputs;
}
