// model_run.h: a whole model: the eager reference, the interpreter of Programs, and what every
// printer made, on some levels.
#ifndef TESTS_DIFF_MODEL_RUN_H
#define TESTS_DIFF_MODEL_RUN_H
#include "ir/graph.h"
#include "tests/diff/harness.h"

enum { MAX_TARGETS = 16 };
typedef struct ModelRun {
    const char *text; // .vg; passes change a Graph, so each level parses its own
    size_t n;
    uint64_t seed; // of the inputs
    const Target *target[MAX_TARGETS];
    uint32_t ntargets;
    bool is_printed[MAX_TARGETS]; // else only interpreted on that level
    const Printer *printer;
    uint32_t nprinters;
    DType dtype;      // of the weights of matrix products; NONE: f32
    double tolerance; // relative L2 error against the eager reference, which rounds where the
                      // passes say; 0: any will do
} ModelRun;
// In a child. For every target: graph_eval against program_eval, which must be near, and
// program_eval against every printer with 1 and 3 threads, which must be equal. Targets with the
// same arithmetic (FMA or not; products of bf16, when dtype asks for them) must be equal as well.
Verdict model_run(const ModelRun *r, bool quiet);
#endif
