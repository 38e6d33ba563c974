// llvm_bf16.c: bf16 instructions. What LLVM calls a vector of bf16 is of another type from one
// version to the next, so the declaration is asked. The intrinsics of AVX-512 exist for registers
// of 128, 256 and 512 bits, so shorter vectors lie at the beginning of a register.
#include "backends/llvm/llvm_print.h"
#include <string.h>

enum { MAX_LANES = 16 };
static LLVMValueRef with_lanes(Module *m, LLVMValueRef v, unsigned have, unsigned n) {
    LLVMValueRef pick[MAX_LANES], first = LLVMConstInt(m->i32, 0, 0);
    LLVMTypeRef t = LLVMTypeOf(v);
    if (have == n) return v;
    if (n == 1) return LLVMBuildExtractElement(m->b, v, first, "");
    if (have == 1)
        return LLVMBuildInsertElement(m->b, LLVMConstNull(LLVMVectorType(t, n)), v, first, "");
    for (unsigned l = 0; l < n; l++) // the others are zeros, from the second operand
        pick[l] = LLVMConstInt(m->i32, l < have ? l : have, 0);
    return LLVMBuildShuffleVector(m->b, v, LLVMConstNull(t), LLVMConstVector(pick, n), "");
}
static LLVMValueRef call(Module *m, const char *name, LLVMValueRef *args, unsigned nargs) {
    LLVMTypeRef param[3];
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    if (!id) die("llvm", "no intrinsic %s", name);
    LLVMTypeRef type = LLVMIntrinsicGetType(m->ctx, id, NULL, 0);
    LLVMGetParamTypes(type, param);
    for (unsigned i = 0; i < nargs; i++) args[i] = LLVMBuildBitCast(m->b, args[i], param[i], "");
    LLVMValueRef f = LLVMGetIntrinsicDeclaration(m->m, id, NULL, 0);
    return LLVMBuildCall2(m->b, type, f, args, nargs, "");
}
static const char *of_width(Module *m, const char *name, unsigned nbits) {
    return arena_printf(m->c->scratch, "%s.%u", name, nbits);
}
LLVMValueRef llvm_bfmmla(Module *m, const char *name, LLVMValueRef args[3]) {
    return call(m, name, args, 3);
}
LLVMValueRef llvm_dpbf16(Module *m, const char *name, unsigned n, LLVMValueRef args[3]) {
    unsigned lanes = n < 4 ? 4 : n;
    for (int i = 0; i < 3; i++) args[i] = with_lanes(m, args[i], n, lanes);
    LLVMValueRef sum_first[3] = {args[2], args[0], args[1]};
    return with_lanes(m, call(m, of_width(m, name, 32 * lanes), sum_first, 3), lanes, n);
}
LLVMValueRef llvm_cvtdz(Module *m, const char *name, unsigned n, LLVMValueRef v) {
    unsigned lanes = n < 8 ? 8 : n; // that of 128 bits exists only with a mask
    LLVMValueRef arg = with_lanes(m, v, n, lanes);
    LLVMValueRef r = call(m, of_width(m, name, 32 * lanes), &arg, 1);
    return with_lanes(m, LLVMBuildBitCast(m->b, r, LLVMVectorType(m->i16, lanes), ""), lanes, n);
}
