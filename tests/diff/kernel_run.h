// kernel_run.h: kernels, run by the interpreter and as every printer made them, compared byte by
// byte.
#ifndef TESTS_DIFF_KERNEL_RUN_H
#define TESTS_DIFF_KERNEL_RUN_H
#include "tests/diff/harness.h"
#include "tests/diff/random_kernel.h"

// What lies in memory before. Simple contents make a shrunk failure readable.
typedef enum { INPUT_RANDOM, INPUT_BYTES, INPUT_ZERO, INPUT_COUNT } Inputs;
extern const char *const inputs_text[INPUT_COUNT]; // random, bytes (0, 1, 2…), zero
// Elements of the regions' types: moderate numbers, or special ones among them (floats only).
void elements_fill(const Memory *m, uint64_t seed, bool special);
// Fills m->start for the run of tasks ..hi-1 of the kernel with this seed.
void inputs_fill(Inputs inputs, const Memory *m, uint64_t seed, int64_t hi);
int64_t inputs_first_task(uint64_t seed, int64_t hi); // random, in [0, hi)

typedef struct KernelRun {
    const Target *target;
    const Printer *printer;
    uint32_t nprinters;
    const Memory *m; // of all kernels, or (is_model) of each
    Inputs inputs;
    const Kern *const *kern; // after pass math
    const uint64_t *seed;    // of the inputs of each
    uint32_t n;
    // NULL: tasks 0 to MAX_TASKS of each. Else how many it has; they run once, on what m->start
    // holds.
    const int64_t *tasks;
    // Kernels of a model: tasks are there, contents come from elements_fill, once moderate, once
    // special. Kernels of a model do not say which of two NaNs they give, so f32 NaNs are alike.
    bool is_model;
    // What is printed is each kernel after pass `legal`. exact: the interpreter runs the kernel
    // before it. Else the same, as `legal` may have split an FMA.
    bool exact;
} KernelRun;
// All kernels in one program, in a child.
Verdict kernel_run(const KernelRun *r, bool quiet);
// That program: a launch for every kernel. NULL after a diagnostic.
Program *kernel_program(Ctx *c, const KernelRun *r);
// For a machine that this one is not: what kernel_program makes, as kernels.c, kernels.h,
// kernels.weights and kernels.o, and cases.bin with the memory before and after each run.
// run_cases.c runs them there. False after a message.
bool kernel_write(Ctx *c, const KernelRun *r, const char *dir);
// Memory for any kernel: what launch_access says, at least BUFFER_BYTES a parameter.
bool kernel_memory(const Kern *k, Memory *m);
Memory random_kernel_memory(void); // of random_kernel
#endif
