// shrink_failure.h: what is told about a kernel on which a printer and the interpreter disagree.
#ifndef TESTS_DIFF_SHRINK_FAILURE_H
#define TESTS_DIFF_SHRINK_FAILURE_H
#include "tests/diff/kernel_run.h"

// r: one kernel, one printer, for which kernel_run said v. It becomes the smallest for which
// kernel_run says the same; text: that as .vk text that parses, and in comments how to run it
// again.
void shrink_failure(Ctx *c, KernelRun *r, Verdict v, Str *text);
#endif
