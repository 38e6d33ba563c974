// llvm_convert.c: conversions between element types, as kernel_ops.def defines CVT. Half formats go
// through integer arithmetic where the machine has no instruction, since an object may call no library.
#include "backends/llvm/llvm_print.h"

LLVMTypeRef llvm_vec(const Module *m, LLVMTypeRef elem, unsigned n) {
    (void)m;
    return n == 1 ? elem : LLVMVectorType(elem, n);
}
LLVMValueRef llvm_splat_const(const Module *m, LLVMValueRef c, unsigned n) {
    (void)m;
    LLVMValueRef lane[64];
    if (n == 1) return c;
    for (unsigned i = 0; i < n; i++) lane[i] = c;
    return LLVMConstVector(lane, n);
}

typedef struct Cv {            // one conversion under way
    Module *m;
    unsigned n;
    LLVMTypeRef i32, f32;
} Cv;
static LLVMValueRef c32(const Cv *c, uint32_t v) { return llvm_splat_const(c->m, LLVMConstInt(c->m->i32, v, 0), c->n); }
static LLVMValueRef as_i32(const Cv *c, LLVMValueRef v) { return LLVMBuildBitCast(c->m->b, v, c->i32, ""); }
static LLVMValueRef as_f32(const Cv *c, LLVMValueRef v) { return LLVMBuildBitCast(c->m->b, v, c->f32, ""); }
static LLVMValueRef and_c(const Cv *c, LLVMValueRef v, uint32_t mask) { return LLVMBuildAnd(c->m->b, v, c32(c, mask), ""); }
static LLVMValueRef shl_c(const Cv *c, LLVMValueRef v, uint32_t by) { return LLVMBuildShl(c->m->b, v, c32(c, by), ""); }
static LLVMValueRef shr_c(const Cv *c, LLVMValueRef v, uint32_t by) { return LLVMBuildLShr(c->m->b, v, c32(c, by), ""); }
static LLVMValueRef scale(const Cv *c, LLVMValueRef v, float by) {
    return LLVMBuildFMul(c->m->b, v, llvm_splat_const(c->m, LLVMConstReal(c->m->f32, (double)by), c->n), "");
}
static LLVMValueRef when(const Cv *c, LLVMIntPredicate p, LLVMValueRef x, uint32_t y, LLVMValueRef a, LLVMValueRef b) {
    return LLVMBuildSelect(c->m->b, LLVMBuildICmp(c->m->b, p, x, c32(c, y), ""), a, b, "");
}

// Exponent and fraction move into place, then one exact multiply sets the bias, subnormals included.
static LLVMValueRef half_to_float(const Cv *c, LLVMValueRef h) {
    LLVMBuilderRef b = c->m->b;
    LLVMValueRef w = LLVMBuildZExt(b, h, c->i32, ""), mag = and_c(c, w, 0x7fff);
    LLVMValueRef f = as_i32(c, scale(c, as_f32(c, shl_c(c, mag, 13)), 0x1p112f));
    f = when(c, LLVMIntUGE, mag, 0x7c00, LLVMBuildOr(b, shl_c(c, mag, 13), c32(c, 0x7f800000), ""), f);
    return as_f32(c, LLVMBuildOr(b, f, shl_c(c, and_c(c, w, 0x8000), 16), ""));
}
static LLVMValueRef float_to_half(const Cv *c, LLVMValueRef f) {
    LLVMBuilderRef b = c->m->b;
    LLVMValueRef u = as_i32(c, f), sign = and_c(c, shr_c(c, u, 16), 0x8000), mag = and_c(c, u, 0x7fffffff);
    // normal: round to nearest even by adding half an ulp of the result
    LLVMValueRef odd = and_c(c, shr_c(c, mag, 13), 1);
    LLVMValueRef r = LLVMBuildAdd(b, LLVMBuildAdd(b, mag, c32(c, 0xfff), ""), odd, "");
    LLVMValueRef h = shr_c(c, LLVMBuildSub(b, r, c32(c, 0x38000000), ""), 13);
    // subnormal: 2^23 + x 2^24 rounds x to a multiple of 2^-24
    LLVMValueRef magic = llvm_splat_const(c->m, LLVMConstReal(c->m->f32, 0x1p23), c->n);
    LLVMValueRef small = and_c(c, as_i32(c, LLVMBuildFAdd(b, scale(c, as_f32(c, mag), 0x1p24f), magic, "")), 0x7fffff);
    h = when(c, LLVMIntULT, mag, 0x38800000, small, h);
    h = when(c, LLVMIntUGE, mag, 0x477ff000, c32(c, 0x7c00), h);
    LLVMValueRef nan = LLVMBuildOr(b, and_c(c, shr_c(c, mag, 13), 0x3ff), c32(c, 0x7e00), "");
    h = when(c, LLVMIntUGT, mag, 0x7f800000, nan, h);
    return LLVMBuildTrunc(b, LLVMBuildOr(b, h, sign, ""), llvm_vec(c->m, c->m->i16, c->n), "");
}
static LLVMValueRef bfloat_to_float(const Cv *c, LLVMValueRef h) {
    return as_f32(c, shl_c(c, LLVMBuildZExt(c->m->b, h, c->i32, ""), 16));
}
static LLVMValueRef float_to_bfloat(const Cv *c, LLVMValueRef f) {
    LLVMBuilderRef b = c->m->b;
    LLVMValueRef u = as_i32(c, f), odd = and_c(c, shr_c(c, u, 16), 1);
    LLVMValueRef r = shr_c(c, LLVMBuildAdd(b, LLVMBuildAdd(b, u, c32(c, 0x7fff), ""), odd, ""), 16);
    LLVMValueRef nan = LLVMBuildOr(b, shr_c(c, u, 16), c32(c, 0x40), "");
    r = when(c, LLVMIntUGT, and_c(c, u, 0x7fffffff), 0x7f800000, nan, r);
    return LLVMBuildTrunc(b, r, llvm_vec(c->m, c->m->i16, c->n), "");
}
static LLVMValueRef widen_half(const Cv *c, const Target *t, LLVMValueRef v, DType from) {
    if (from == DT_BF16) return bfloat_to_float(c, v);
    if (!target_has(t, F_F16C)) return half_to_float(c, v);
    LLVMValueRef h = LLVMBuildBitCast(c->m->b, v, llvm_vec(c->m, c->m->f16, c->n), "");
    return LLVMBuildFPExt(c->m->b, h, c->f32, "");
}
static LLVMValueRef narrow_half(const Cv *c, const Target *t, LLVMValueRef v, DType to) {
    if (to == DT_BF16) return float_to_bfloat(c, v);
    if (!target_has(t, F_F16C)) return float_to_half(c, v);
    LLVMValueRef h = LLVMBuildFPTrunc(c->m->b, v, llvm_vec(c->m, c->m->f16, c->n), "");
    return LLVMBuildBitCast(c->m->b, h, llvm_vec(c->m, c->m->i16, c->n), "");
}

static bool is_half(DType dt) { return dt == DT_F16 || dt == DT_BF16; }
static bool is_unsigned(DType dt) { return dt == DT_U8 || dt == DT_U16 || dt == DT_U32 || dt == DT_U64 || dt == DT_BOOL; }
static LLVMValueRef to_int(Module *m, LLVMValueRef v, DType from, DType to, unsigned n) {
    LLVMTypeRef want = llvm_vec(m, llvm_elem_type(m, to), n);
    if (dtype_info[from].cls == CLASS_FLOAT) {
        LLVMTypeRef over[2] = {want, LLVMTypeOf(v)};
        return llvm_intrinsic(m, is_unsigned(to) ? "llvm.fptoui.sat" : "llvm.fptosi.sat", over, 2, &v, 1);
    }
    uint32_t have_bytes = dtype_info[from].nbytes, want_bytes = dtype_info[to].nbytes;
    if (have_bytes == want_bytes) return v;
    if (have_bytes > want_bytes) return LLVMBuildTrunc(m->b, v, want, "");
    return is_unsigned(from) ? LLVMBuildZExt(m->b, v, want, "") : LLVMBuildSExt(m->b, v, want, "");
}
static LLVMValueRef to_float(Module *m, LLVMValueRef v, DType from, DType to, unsigned n) {
    LLVMTypeRef want = llvm_vec(m, to == DT_F64 ? m->f64 : m->f32, n);
    if (dtype_info[from].cls != CLASS_FLOAT)
        return is_unsigned(from) ? LLVMBuildUIToFP(m->b, v, want, "") : LLVMBuildSIToFP(m->b, v, want, "");
    if (LLVMTypeOf(v) == want) return v;
    return to == DT_F64 ? LLVMBuildFPExt(m->b, v, want, "") : LLVMBuildFPTrunc(m->b, v, want, "");
}
static LLVMValueRef to_bool(Module *m, LLVMValueRef v, DType from, unsigned n) {
    LLVMValueRef zero = LLVMConstNull(LLVMTypeOf(v));
    LLVMValueRef bit = dtype_info[from].cls == CLASS_FLOAT ? LLVMBuildFCmp(m->b, LLVMRealUNE, v, zero, "")
                                                           : LLVMBuildICmp(m->b, LLVMIntNE, v, zero, "");
    return LLVMBuildZExt(m->b, bit, llvm_vec(m, m->i8, n), "");
}
LLVMValueRef llvm_convert(Module *m, const Target *t, LLVMValueRef v, DType from, DType to, unsigned n) {
    Cv c = {m, n, llvm_vec(m, m->i32, n), llvm_vec(m, m->f32, n)};
    if (is_half(from)) {
        v = widen_half(&c, t, v, from);
        from = DT_F32;
    }
    if (to == DT_BOOL) return to_bool(m, v, from, n);
    if (is_half(to)) return narrow_half(&c, t, to_float(m, v, from, DT_F32, n), to);
    if (dtype_info[to].cls == CLASS_FLOAT) return to_float(m, v, from, to, n);
    return to_int(m, v, from, to, n);
}
