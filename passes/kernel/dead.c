// dead.c: drops instructions whose value nobody uses; lowering and `legal` leave some. The printers
// and the compilers behind them would skip these too, but texts of kernels are read by people, and
// the interpreter and the verifier take time for each. One walk from the end finds them all, as
// operands stand before their users.
// What acts stays: stores, sets of registers, prefetches, loops; and parameters, which the table of
// launches counts.
#include "passes/kernel/rewrite.h"
#include "passes/passes.h"

typedef struct Dead {
    const bool *is_used;
    Val at; // the instruction that was visited last
} Dead;

static bool acts(const Ins *i) {
    return kernel_op[i->op].result == V_NONE || i->op == K_LOOP || i->op == K_PARAM;
}
static const bool *find_used(const Kern *k, Arena *a) {
    bool *is_used = NEW_N(a, bool, k->ins.n);
    for (Val v = k->ins.n; v-- > 1;) {
        const Ins *i = kern_ins(k, v);
        is_used[v] = is_used[v] || acts(i);
        for (int n = 0; is_used[v] && n < kernel_op[i->op].nargs; n++) is_used[i->arg[n]] = true;
    }
    return is_used;
}
static Val keep_used(void *ctx, Kern *to, const Ins *i) {
    Dead *d = ctx;
    (void)to, (void)i;
    return d->is_used[++d->at] ? 0 : KERN_DROP;
}
void pass_dead(Kern *k, Kern *out) {
    Dead d = {.is_used = find_used(k, out->arena)};
    kern_rewrite(k, out, keep_used, &d);
}
