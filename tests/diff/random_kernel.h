// random_kernel.h: kernels that are valid by construction and use every op on every element type.
#ifndef TESTS_DIFF_RANDOM_KERNEL_H
#define TESTS_DIFF_RANDOM_KERNEL_H
#include "ir/kernel.h"
#include "tests/diff/numbers.h"

enum { BUFFER_BYTES = 4096, BUFFERS = 4, SCRATCH_BYTES = 1024, MAX_TASKS = 3 };
// Parameters: 0 and 1 are read, 2 holds bools and is read, 3 is read and written. All accesses of
// tasks 0 to MAX_TASKS - 1 lie inside, up to their very first and last bytes.

// The same seed gives the same kernel. statements: how long it gets at most, 4 or more.
Kern *random_kernel(Arena *a, const Target *t, uint64_t seed, const char *name, int statements);
// v with every NaN replaced by the same one: which of two NaNs an addition returns is nobody's
// promise.
Val tame_nan(Kern *k, Val v);
#endif
