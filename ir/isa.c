// isa.c: looks into the menu.
#include "ir/isa.h"

#define FB(f) ((uint64_t)F_##f)
#define NOWHERE (~(uint64_t)0)
static const IsaRow rows[] = {
#define ISA(op, dt, features, llvm) {K_##op, DT_##dt, features, llvm},
#include "ir/isa.def"
#undef ISA
};

static bool is_listed(KOp op, DType dt) {
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (rows[i].op == op && rows[i].dt == dt) return true;
    return false;
}
const IsaRow *isa_find(KOp op, DType dt, const Target *t) {
    for (size_t i = COUNT_OF(rows); i-- > 0;)
        if (rows[i].op == op && rows[i].dt == dt && target_has(t, rows[i].features))
            return &rows[i];
    return NULL;
}
bool isa_has_pairs(const Target *t) {
    return isa_find(K_DPBF16, DT_F32, t) != NULL;
}
bool isa_has_blocks(const Target *t) {
    return isa_find(K_BFMMLA, DT_F32, t) != NULL;
}
bool isa_has_tiles(const Target *t) {
    return isa_find(K_TDPBF16, DT_NONE, t) != NULL;
}
bool isa_has_products(const Target *t) {
    return isa_has_pairs(t) || isa_has_blocks(t) || isa_has_tiles(t);
}
static bool has(KOp op, DType dt, const Target *t) {
    return !is_listed(op, dt) || isa_find(op, dt, t);
}
bool isa_legal(const Kern *k, const Ins *i) {
    KOp op = (KOp)i->op;
    if (op == K_CVT && !has(op, (DType)kern_type(k, i->arg[0]).dt, k->target)) return false;
    return has(op, (DType)i->type.dt, k->target);
}
