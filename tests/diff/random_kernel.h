// random_kernel.h: kernels that are valid by construction and use every op on every element type.
#ifndef TESTS_DIFF_RANDOM_KERNEL_H
#define TESTS_DIFF_RANDOM_KERNEL_H
#include "ir/kernel.h"

enum { BUFFER_BYTES = 4096, BUFFERS = 4, SCRATCH_BYTES = 1024, MAX_TASKS = 3 };
// Parameters: 0 and 1 are read, 2 holds bools and is read, 3 is read and written. All accesses of
// tasks 0 to MAX_TASKS - 1 lie inside, up to their very first and last bytes.

typedef struct Random {
    uint64_t state;
} Random;
uint64_t random_next(Random *r);
uint32_t random_below(Random *r, uint32_t n); // n > 0
bool random_one_in(Random *r, uint32_t n);

// The same seed gives the same kernel. statements: how long it gets.
Kern *random_kernel(Arena *a, const Target *t, uint64_t seed, const char *name, int statements);
// v with every NaN replaced by the same one: which of two NaNs an addition returns is nobody's
// promise.
Val tame_nan(Kern *k, Val v);
// Element i of p becomes the which-th number at which something changes, or a random one.
uint32_t special_count(DType dt);
void special_element(DType dt, uint32_t which, void *p, uint64_t i);
void random_element(Random *r, DType dt, void *p, uint64_t i);
// Numbers worth computing with: special values of every type, small ones, any bits. bools: 0 and 1.
void random_bytes(Random *r, void *p, size_t n, bool bools);
#endif
