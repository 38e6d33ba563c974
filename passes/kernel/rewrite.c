// rewrite.c: one walk over a kernel; a pass only says which instructions become which.
#include "passes/kernel/rewrite.h"
#include <assert.h>

void kern_rewrite(const Kern *from, Kern *to, Expand expand, void *ctx) {
    assert(to->param.n == 0);
    for (uint32_t n = 0; n < from->param.n; n++) *PUSH(to->arena, &to->param) = from->param.data[n];
    for (uint32_t n = 0; n < from->loc.n; n++) *PUSH(to->arena, &to->loc) = from->loc.data[n];
    to->scratch_bytes = from->scratch_bytes;
    Val *now = NEW_N(to->arena, Val, from->ins.n);
    for (Val v = 1; v < from->ins.n; v++) {
        Ins i = *kern_ins(from, v);
        for (int a = 0; a < kernel_op[i.op].nargs; a++) i.arg[a] = now[i.arg[a]];
        Val by = expand(ctx, to, &i);
        if (by != KERN_DROP) now[v] = by ? by : kern_emit(to, i);
    }
}
