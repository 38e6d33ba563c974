// emulate_tiles.h: the matrix unit for processors without one, so that compiled code with tiles runs
// in tests: each of its instructions is an illegal one there, and the signal's handler does it.
#ifndef TESTS_DIFF_EMULATE_TILES_H
#define TESTS_DIFF_EMULATE_TILES_H
#include "ir/target.h"

// The target needs tiles, and this machine has all of it but them.
bool tiles_can_be_emulated(const Target *t, uint64_t features);
// From here on in this process, SIGILL is the unit. What is no instruction of it, or one that faults
// there (no configuration, shapes that do not fit), goes to `other`.
void tiles_emulate(void (*other)(int signo));
#endif
