// llvm_convert.c: conversions between element types, as kernel_ops.def defines CVT.
#include "backends/llvm/llvm_print.h"

static LLVMTypeRef of(LLVMTypeRef elem, unsigned n) {
    return n == 1 ? elem : LLVMVectorType(elem, n);
}
static bool is_float(DType dt) {
    return dtype_info[dt].cls == CLASS_FLOAT;
}
static bool is_unsigned(DType dt) {
    return dt == DT_U8 || dt == DT_U16 || dt == DT_U32 || dt == DT_U64 || dt == DT_BOOL;
}
static LLVMValueRef to_bool(Module *m, LLVMValueRef v, DType from, unsigned n) {
    LLVMValueRef zero = LLVMConstNull(LLVMTypeOf(v));
    LLVMValueRef bit = is_float(from) ? LLVMBuildFCmp(m->b, LLVMRealUNE, v, zero, "")
                                      : LLVMBuildICmp(m->b, LLVMIntNE, v, zero, "");
    return LLVMBuildZExt(m->b, bit, of(m->i8, n), "");
}
// f16 travels as i16; the machine's own instruction converts it.
static LLVMValueRef from_half(Module *m, LLVMValueRef v, unsigned n) {
    LLVMValueRef half = LLVMBuildBitCast(m->b, v, of(m->f16, n), "");
    return LLVMBuildFPExt(m->b, half, of(m->f32, n), "");
}
static LLVMValueRef to_half(Module *m, LLVMValueRef v, unsigned n) {
    LLVMValueRef half = LLVMBuildFPTrunc(m->b, v, of(m->f16, n), "");
    return LLVMBuildBitCast(m->b, half, of(m->i16, n), "");
}
static LLVMValueRef to_float(Module *m, LLVMValueRef v, DType from, DType to, unsigned n) {
    LLVMTypeRef want = of(llvm_elem_type(m, to), n);
    if (is_unsigned(from)) return LLVMBuildUIToFP(m->b, v, want, "");
    if (!is_float(from)) return LLVMBuildSIToFP(m->b, v, want, "");
    return to == DT_F64 ? LLVMBuildFPExt(m->b, v, want, "") : LLVMBuildFPTrunc(m->b, v, want, "");
}
static LLVMValueRef to_int(Module *m, LLVMValueRef v, DType from, DType to, unsigned n) {
    LLVMTypeRef want = of(llvm_elem_type(m, to), n);
    if (is_float(from)) { // saturates; a NaN gives 0
        LLVMTypeRef over[2] = {want, LLVMTypeOf(v)};
        const char *name = is_unsigned(to) ? "llvm.fptoui.sat" : "llvm.fptosi.sat";
        return llvm_intrinsic(m, name, over, 2, &v, 1);
    }
    uint32_t have_bytes = dtype_info[from].nbytes, want_bytes = dtype_info[to].nbytes;
    if (have_bytes == want_bytes) return v;
    if (have_bytes > want_bytes) return LLVMBuildTrunc(m->b, v, want, "");
    return is_unsigned(from) ? LLVMBuildZExt(m->b, v, want, "") : LLVMBuildSExt(m->b, v, want, "");
}
LLVMValueRef llvm_convert(Module *m, LLVMValueRef v, DType from, DType to, unsigned n) {
    if (from == to) return v;
    if (from == DT_F16) return from_half(m, v, n); // to f32, says kern_check
    if (to == DT_F16) return to_half(m, v, n);
    if (to == DT_BOOL) return to_bool(m, v, from, n);
    return is_float(to) ? to_float(m, v, from, to, n) : to_int(m, v, from, to, n);
}
