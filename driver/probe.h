// probe.h: what this machine can do at most, measured with kernels of our own builder and printer,
// so that "% of peak" compares like with like at every level.
#ifndef DRIVER_PROBE_H
#define DRIVER_PROBE_H
#include "driver/build.h"

typedef struct Limits {
    int64_t threads;
    double flops;    // f32 a second; a multiply-add is two
    double bf16;     // the same of products of bf16 summed in f32; 0: the level has none
    double dram, l2; // bytes read a second: from a buffer as large as weights, from half of L2 each
} Limits;
// For each count of threads at once; below 1.5 s for a few. Must run in a child. False after a
// diagnostic.
bool probe_limits(Tool *t, const Target *target, const int64_t *threads, size_t n, Limits *out);
#endif
