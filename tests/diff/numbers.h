// numbers.h: numbers worth computing with, reproducible from a seed.
#ifndef TESTS_DIFF_NUMBERS_H
#define TESTS_DIFF_NUMBERS_H
#include "ir/dtype.h"

typedef struct Random {
    uint64_t state;
} Random;
uint64_t random_next(Random *r);
uint32_t random_below(Random *r, uint32_t n); // n > 0
bool random_one_in(Random *r, uint32_t n);

// Element i of p becomes the which-th number at which something changes, or a random one.
uint32_t special_count(DType dt);
void special_element(DType dt, uint32_t which, void *p, uint64_t i);
void random_element(Random *r, DType dt, void *p, uint64_t i);
// Numbers worth computing with: special values of every type, small ones, any bits. bools: 0 and 1.
void random_bytes(Random *r, void *p, size_t n, bool bools);
#endif
