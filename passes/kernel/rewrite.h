// rewrite.h: what kernel passes share: copying a kernel while some instructions become others.
#ifndef PASSES_KERNEL_REWRITE_H
#define PASSES_KERNEL_REWRITE_H
#include "ir/kernel.h"

// Copies `from` into `to`, behind what that has, which is no parameter. `expand` sees every
// instruction with operands that are values of `to`; it may build others there and return the value
// that stands for it, or return 0 to have it copied, or KERN_DROP to have it left out, where no
// instruction uses it.
#define KERN_DROP UINT32_MAX
typedef Val (*Expand)(void *ctx, Kern *to, const Ins *i);
void kern_rewrite(const Kern *from, Kern *to, Expand expand, void *ctx);
#endif
