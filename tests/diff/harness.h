// harness.h: runs kernels both ways, in kern_eval and as LLVM compiled them, and compares every
// byte.
#ifndef TESTS_DIFF_HARNESS_H
#define TESTS_DIFF_HARNESS_H
#include "backends/backend.h"
#include "runtime/vitc_object.h"
#include "tests/diff/random_kernel.h"

enum { MAX_REGIONS = 8 };
// What kernels can touch, in three copies: before, after kern_eval, after the compiled kernel. Each
// region ends where an unmapped page begins, so an access beyond the lanes that an op names is a
// crash, not luck. The last region is the scratch.
typedef struct Memory {
    int n;
    uint32_t nbytes[MAX_REGIONS];
    const char *name[MAX_REGIONS];
    char *start[MAX_REGIONS], *want[MAX_REGIONS], *got[MAX_REGIONS];
} Memory;
void memory_add(Memory *m, const char *name, uint32_t nbytes);

// A set of kernels for one target, compiled into one object.
typedef struct Batch {
    Ctx c; // its arenas end with the batch
    const Target *target;
    Program *p;
    VEC(Kern *) meaning; // what kern_eval runs for each kernel of p
    LoadedModel *loaded; // by LLVM
    void *library;       // from C
    const vitc_launch *launch;
} Batch;
Batch batch_new(const Target *t);
// What LLVM compiles is `k` after pass `legal`; kern_eval runs `k` itself, or (exact false: `legal`
// may have split an FMA) the same as LLVM.
void batch_add(Batch *b, Kern *k, bool exact);
void batch_compile(Batch *b, bool from_c); // LLVM's object, or the C printer's text through cc
// Runs kernel i from m->start. When bytes differ, prints the kernel and where, and returns false.
bool batch_same(const Batch *b, uint32_t i, const Memory *m, int64_t lo, int64_t hi);
void batch_free(Batch *b);

bool host_can_run(const Target *t);                  // else says [SKIP]
void crash_reports(const char *what, uint64_t seed); // a signal from here on names these
#endif
