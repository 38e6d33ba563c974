// legal.c: instructions that the target does not have become some that it has. Only one is free for
// lowering to use although not every level has it: FMA. Split, it rounds twice, so results of a
// level without FMA differ from the others in the last bits; kern_eval of the split kernel defines
// them.
#include "passes/kernel/rewrite.h"
#include "passes/passes.h"

static Val split_fma(void *ctx, Kern *to, const Ins *i) {
    (void)ctx;
    if (i->op != K_FMA || target_has(to->target, F_FMA)) return 0;
    return k_op2(to, K_ADD, k_op2(to, K_MUL, i->arg[0], i->arg[1]), i->arg[2]);
}
void pass_legal(Kern *k, Kern *out) { kern_rewrite(k, out, split_fma, NULL); }
