// shrink_kernel.h: makes a failing kernel as small as it can be while it still fails.
#ifndef TESTS_DIFF_SHRINK_KERNEL_H
#define TESTS_DIFF_SHRINK_KERNEL_H
#include "ir/kernel.h"

// Must say no to a kernel that kern_check refuses.
typedef bool (*KernelFails)(void *ctx, const Kern *k);
// The result lies in `a`; tried: how many kernels were tried.
const Kern *shrink_kernel(Arena *a, const Kern *k, KernelFails fails, void *ctx, uint32_t *tried);
#endif
