// small_program.h: a Program made by hand, y = x * w + b over 3 rows of 40, with everything that an
// object can describe: labels, preprocessing, strings that try to be something else.
#ifndef TESTS_LINK_SMALL_PROGRAM_H
#define TESTS_LINK_SMALL_PROGRAM_H
#include "ir/program.h"

enum { SMALL_ROWS = 3, SMALL_COLUMNS = 40, SMALL_ELEMENTS = SMALL_ROWS * SMALL_COLUMNS };
extern const char *const small_labels[4];
// name: of its kernel. extra_bytes: weights that nothing reads, a multiple of 64.
Program *small_program(Arena *a, const Target *t, const char *name, uint64_t extra_bytes);
static inline float small_weight(int column) {
    return 1 + (float)column / 8;
}
static inline float small_bias(int column) {
    return (float)(column % 7) - 3;
}
// The image, all of it in memory.
void *small_image(Arena *a, const Program *p);
#endif
