// isa.h: which ops a machine has, and how a printer spells them. The rows are in isa.def.
#ifndef IR_ISA_H
#define IR_ISA_H
#include "ir/kernel.h"

typedef struct IsaRow {
    KOp op;
    DType dt;
    uint64_t features;
    const char *llvm;
} IsaRow;
// The row of an op that the target has; NULL when it is not listed or the target lacks it.
const IsaRow *isa_find(KOp op, DType dt, const Target *t);
// How the target multiplies bf16: in pairs of k, in blocks of two rows and two columns, on tiles;
// in any of these ways.
bool isa_has_pairs(const Target *t);
bool isa_has_blocks(const Target *t);
bool isa_has_tiles(const Target *t);
bool isa_has_products(const Target *t);
// The target has the instruction: no row speaks against it.
bool isa_legal(const Kern *k, const Ins *i);
#endif
