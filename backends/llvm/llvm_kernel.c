// llvm_kernel.c: one kernel becomes one LLVM function, instruction by instruction. Slots are
// allocas that mem2reg turns into registers; loops are rotated, so that strength reduction sees
// what it expects. No fast-math: kernel_eval, the C printer and this one agree bit for bit.
#include "backends/llvm/llvm_print.h"
#include "ir/isa.h"
#include <string.h>

enum { MAX_LANES = 64 }; // kern_check allows no more
typedef struct Loop {
    LLVMBasicBlockRef body, exit;
    LLVMValueRef counter, hi;
    int64_t step;
} Loop;
typedef struct Fn {
    Module *m;
    const Kern *k;
    LLVMValueRef fn, args, scratch, lo, hi;
    LLVMBasicBlockRef entry;
    LLVMValueRef *value;
    VEC(Loop) open; // loops around the instruction at hand
} Fn;

LLVMTypeRef llvm_elem_type(const Module *m, DType dt) {
    switch (dt) {
    case DT_F32: return m->f32;
    case DT_F64: return m->f64;
    case DT_F16:
    case DT_BF16:
    case DT_I16:
    case DT_U16: return m->i16;
    case DT_I32:
    case DT_U32: return m->i32;
    case DT_I64:
    case DT_U64: return m->i64;
    default: return m->i8;
    }
}

// ---- small helpers ---------------------------------------------------------------------------
static LLVMTypeRef vector_of(LLVMTypeRef elem, unsigned n) {
    return n == 1 ? elem : LLVMVectorType(elem, n);
}
static LLVMTypeRef vector_type(const Fn *f, VType t) {
    return vector_of(llvm_elem_type(f->m, (DType)t.dt), t.n);
}
static LLVMValueRef imm64(const Fn *f, int64_t v) {
    return LLVMConstInt(f->m->i64, (unsigned long long)v, 1);
}
static LLVMValueRef imm32(const Fn *f, unsigned v) {
    return LLVMConstInt(f->m->i32, v, 0);
}
static LLVMValueRef at_bytes(const Fn *f, LLVMValueRef p, LLVMValueRef bytes) {
    return LLVMBuildGEP2(f->m->b, f->m->i8, p, &bytes, 1, "");
}
static LLVMValueRef address(const Fn *f, const Ins *i, int64_t extra) {
    int64_t disp = i->imm + extra;
    LLVMValueRef p = f->value[i->arg[0]];
    return disp ? at_bytes(f, p, imm64(f, disp)) : p;
}
static bool is_float(DType dt) {
    return dtype_info[dt].cls == CLASS_FLOAT;
}
static bool is_signed(DType dt) {
    return dt == DT_I8 || dt == DT_I16 || dt == DT_I32 || dt == DT_I64;
}
static LLVMValueRef splat(const Fn *f, LLVMValueRef x, unsigned n) {
    if (n == 1) return x;
    LLVMTypeRef t = vector_of(LLVMTypeOf(x), n);
    LLVMValueRef v = LLVMBuildInsertElement(f->m->b, LLVMGetPoison(t), x, imm32(f, 0), "");
    LLVMValueRef all_first = LLVMConstNull(vector_of(f->m->i32, n));
    return LLVMBuildShuffleVector(f->m->b, v, LLVMGetPoison(t), all_first, "");
}
static LLVMValueRef lane(const Fn *f, LLVMValueRef v, unsigned n, unsigned l) {
    return n == 1 ? v : LLVMBuildExtractElement(f->m->b, v, imm32(f, l), "");
}
static LLVMValueRef load_elem(const Fn *f, DType dt, LLVMValueRef p) {
    LLVMValueRef v = LLVMBuildLoad2(f->m->b, llvm_elem_type(f->m, dt), p, "");
    LLVMSetAlignment(v, dtype_info[dt].nbytes);
    return v;
}
static void store_elem(const Fn *f, DType dt, LLVMValueRef p, LLVMValueRef v) {
    LLVMSetAlignment(LLVMBuildStore(f->m->b, v, p), dtype_info[dt].nbytes);
}
static LLVMValueRef same_lanes(LLVMValueRef c, unsigned n) { // of a constant
    LLVMValueRef all[MAX_LANES];
    for (unsigned l = 0; l < n; l++) all[l] = c;
    return n == 1 ? c : LLVMConstVector(all, n);
}
static LLVMValueRef first_lanes(const Fn *f, unsigned n, unsigned lanes) { // a mask
    LLVMValueRef bit[MAX_LANES];
    for (unsigned l = 0; l < n; l++) bit[l] = LLVMConstInt(f->m->i1, l < lanes, 0);
    return LLVMConstVector(bit, n);
}
// Lanes from, from + 1, … of v; those beyond its end are zero.
static LLVMValueRef lanes_from(const Fn *f, LLVMValueRef v, unsigned have, unsigned from,
                               unsigned n) {
    LLVMValueRef pick[MAX_LANES];
    for (unsigned l = 0; l < n; l++) pick[l] = imm32(f, from + l < have ? from + l : have);
    LLVMValueRef zero = LLVMConstNull(LLVMTypeOf(v));
    return LLVMBuildShuffleVector(f->m->b, v, zero, LLVMConstVector(pick, n), "");
}

// ---- memory ----------------------------------------------------------------------------------
static LLVMValueRef gather_lanes(const Fn *f, const Ins *i, int64_t stride) {
    LLVMTypeRef t = vector_type(f, i->type);
    LLVMValueRef v = LLVMConstNull(t);
    for (unsigned l = 0; l < i->lanes; l++) {
        LLVMValueRef x = load_elem(f, (DType)i->type.dt, address(f, i, (int64_t)l * stride));
        if (i->type.n == 1) return x;
        v = LLVMBuildInsertElement(f->m->b, v, x, imm32(f, l), "");
    }
    return v;
}
static bool is_power_of_two(unsigned n) {
    return (n & (n - 1)) == 0;
}
static LLVMValueRef load_masked(const Fn *f, const Ins *i) {
    LLVMTypeRef t = vector_type(f, i->type), over[2] = {t, f->m->ptr};
    LLVMValueRef align = imm32(f, dtype_info[i->type.dt].nbytes);
    LLVMValueRef mask = first_lanes(f, i->type.n, i->lanes);
    LLVMValueRef args[4] = {address(f, i, 0), align, mask, LLVMConstNull(t)};
    return llvm_intrinsic(f->m, "llvm.masked.load", over, 2, args, 4);
}
static LLVMValueRef print_load(const Fn *f, const Ins *i) {
    DType dt = (DType)i->type.dt;
    if (i->lanes == 1) return gather_lanes(f, i, 0);
    if (!is_power_of_two(i->lanes)) return load_masked(f, i);
    LLVMTypeRef narrow = vector_of(llvm_elem_type(f->m, dt), i->lanes);
    LLVMValueRef v = LLVMBuildLoad2(f->m->b, narrow, address(f, i, 0), "");
    LLVMSetAlignment(v, dtype_info[dt].nbytes);
    return i->lanes == i->type.n ? v : lanes_from(f, v, i->lanes, 0, i->type.n);
}
static void store_masked(const Fn *f, const Ins *i, VType t, LLVMValueRef v) {
    LLVMTypeRef over[2] = {vector_type(f, t), f->m->ptr};
    LLVMValueRef align = imm32(f, dtype_info[t.dt].nbytes);
    LLVMValueRef args[4] = {v, address(f, i, 0), align, first_lanes(f, t.n, i->lanes)};
    llvm_intrinsic(f->m, "llvm.masked.store", over, 2, args, 4);
}
static void print_store(const Fn *f, const Ins *i) {
    VType t = kern_type(f->k, i->arg[1]);
    LLVMValueRef v = f->value[i->arg[1]];
    if (!is_power_of_two(i->lanes)) {
        store_masked(f, i, t, v);
        return;
    }
    if (i->lanes == 1)
        v = lane(f, v, t.n, 0);
    else if (i->lanes < t.n)
        v = lanes_from(f, v, t.n, 0, i->lanes);
    store_elem(f, (DType)t.dt, address(f, i, 0), v);
}
static void print_strided_store(const Fn *f, const Ins *i) {
    VType t = kern_type(f->k, i->arg[1]);
    for (unsigned l = 0; l < i->lanes; l++) {
        LLVMValueRef v = lane(f, f->value[i->arg[1]], t.n, l);
        store_elem(f, (DType)t.dt, address(f, i, (int64_t)l * i->imm2), v);
    }
}
static void print_prefetch(const Fn *f, const Ins *i) {
    LLVMValueRef args[4] = {address(f, i, 0), imm32(f, 0), imm32(f, 3 - (unsigned)i->imm2),
                            imm32(f, 1)};
    llvm_intrinsic(f->m, "llvm.prefetch", &f->m->ptr, 1, args, 4);
}

// ---- tiles -----------------------------------------------------------------------------------
// Raw intrinsics with literal registers: of the managed ones, LLVM 19 miscompiles those it spills.
static LLVMValueRef imm8(const Fn *f, unsigned v) {
    return LLVMConstInt(f->m->i8, v, 0);
}
static LLVMValueRef tile_register(const Fn *f, Val slot) { // LLVM does not check the number
    unsigned number = kern_ins(f->k, slot)->number;
    if (number < 1 || number > TILE_REGISTERS) die("llvm", "%s: tile %u", f->k->name, number);
    return imm8(f, number - 1);
}
static LLVMValueRef tile_config(const Fn *f) {
    uint8_t config[TILE_CONFIG_BYTES];
    LLVMValueRef byte[TILE_CONFIG_BYTES];
    tile_config_of(f->k, config);
    for (int i = 0; i < TILE_CONFIG_BYTES; i++) byte[i] = imm8(f, config[i]);
    LLVMValueRef init = LLVMConstArray2(f->m->i8, byte, TILE_CONFIG_BYTES);
    LLVMValueRef g = LLVMAddGlobal(f->m->m, LLVMTypeOf(init), "tiles");
    LLVMSetInitializer(g, init);
    LLVMSetLinkage(g, LLVMPrivateLinkage);
    LLVMSetGlobalConstant(g, 1);
    LLVMSetAlignment(g, TILE_CONFIG_BYTES);
    return g;
}
static void print_tile_op(const Fn *f, const Ins *i) {
    LLVMValueRef args[3] = {0};
    unsigned n = kernel_op[i->op].nargs;
    for (unsigned j = 0; j < n; j++)
        if (kern_type(f->k, i->arg[j]).kind == V_TILE) args[j] = tile_register(f, i->arg[j]);
    bool is_store = i->op == K_TSTORE;
    if (is_store || i->op == K_TLOAD || i->op == K_TSTREAM) { // (tile, address, stride)
        LLVMValueRef p = f->value[i->arg[!is_store]];
        args[0] = args[is_store];
        args[1] = i->imm ? at_bytes(f, p, imm64(f, i->imm)) : p;
        args[2] = imm64(f, i->imm2);
        n = 3;
    }
    if (i->op == K_TCONFIG) {
        args[0] = tile_config(f);
        n = 1;
    }
    const char *name = isa_find((KOp)i->op, DT_NONE, f->k->target)->llvm;
    llvm_intrinsic(f->m, name, NULL, 0, args, n);
}

// ---- arithmetic ------------------------------------------------------------------------------
static LLVMValueRef compare(const Fn *f, KPred p, DType dt, LLVMValueRef a, LLVMValueRef b) {
    static const LLVMRealPredicate real[P_COUNT] = {
        LLVMRealOEQ, LLVMRealUNE, LLVMRealOLT, LLVMRealOLE, LLVMRealOGT, LLVMRealOGE, LLVMRealUNO};
    static const LLVMIntPredicate sgn[P_COUNT] = {LLVMIntEQ,  LLVMIntNE,  LLVMIntSLT,
                                                  LLVMIntSLE, LLVMIntSGT, LLVMIntSGE};
    static const LLVMIntPredicate uns[P_COUNT] = {LLVMIntEQ,  LLVMIntNE,  LLVMIntULT,
                                                  LLVMIntULE, LLVMIntUGT, LLVMIntUGE};
    if (is_float(dt)) return LLVMBuildFCmp(f->m->b, real[p], a, b, "");
    if (p == P_UNORD) return LLVMBuildICmp(f->m->b, LLVMIntNE, a, a, "");
    return LLVMBuildICmp(f->m->b, is_signed(dt) ? sgn[p] : uns[p], a, b, "");
}
static LLVMValueRef choose(const Fn *f, LLVMValueRef c, LLVMValueRef a, LLVMValueRef b) {
    return LLVMBuildSelect(f->m->b, c, a, b, "");
}
// x/0 = 0, and the smallest number by -1 wraps, as everywhere in the IR.
static LLVMValueRef int_division(const Fn *f, KOp op, DType dt, LLVMValueRef a, LLVMValueRef b) {
    LLVMBuilderRef bu = f->m->b;
    LLVMTypeRef t = LLVMTypeOf(a);
    LLVMValueRef zero = LLVMConstNull(t), ones = LLVMConstAllOnes(t),
                 is0 = LLVMBuildICmp(bu, LLVMIntEQ, b, zero, "");
    LLVMValueRef one = LLVMBuildSub(bu, zero, ones, "");
    if (!is_signed(dt)) {
        LLVMValueRef safe = choose(f, is0, one, b);
        LLVMValueRef q =
            op == K_DIV ? LLVMBuildUDiv(bu, a, safe, "") : LLVMBuildURem(bu, a, safe, "");
        return choose(f, is0, zero, q);
    }
    LLVMValueRef is_minus = LLVMBuildICmp(bu, LLVMIntEQ, b, ones, "");
    LLVMValueRef safe = choose(f, LLVMBuildOr(bu, is0, is_minus, ""), one, b);
    if (op == K_REM) return LLVMBuildSRem(bu, a, safe, ""); // x rem 1 is 0, too
    LLVMValueRef negated = LLVMBuildNeg(bu, a, ""), quotient = LLVMBuildSDiv(bu, a, safe, "");
    return choose(f, is0, zero, choose(f, is_minus, negated, quotient));
}
static LLVMValueRef by_intrinsic(const Fn *f, KOp op, DType dt, LLVMValueRef *args) {
    const IsaRow *row = isa_find(op, dt, f->k->target);
    if (!row) die("llvm", "%s: %s has no %s", f->k->name, f->k->target->name, kernel_op[op].text);
    LLVMTypeRef t = LLVMTypeOf(args[0]);
    return llvm_intrinsic(f->m, row->llvm, &t, 1, args, kernel_op[op].nargs);
}
static LLVMValueRef float_op(const Fn *f, KOp op, DType dt, LLVMValueRef a, LLVMValueRef b,
                             LLVMValueRef c) {
    LLVMBuilderRef bu = f->m->b;
    switch (op) {
    case K_ADD: return LLVMBuildFAdd(bu, a, b, "");
    case K_SUB: return LLVMBuildFSub(bu, a, b, "");
    case K_MUL: return LLVMBuildFMul(bu, a, b, "");
    case K_DIV: return LLVMBuildFDiv(bu, a, b, "");
    case K_MIN: return choose(f, LLVMBuildFCmp(bu, LLVMRealOLT, a, b, ""), a, b); // minps
    case K_MAX: return choose(f, LLVMBuildFCmp(bu, LLVMRealOGT, a, b, ""), a, b);
    case K_NEG: return LLVMBuildFNeg(bu, a, "");
    default: return by_intrinsic(f, op, dt, (LLVMValueRef[]){a, b, c});
    }
}
static LLVMValueRef int_abs(const Fn *f, DType dt, LLVMValueRef a) {
    LLVMValueRef is_less = compare(f, P_LT, dt, a, LLVMConstNull(LLVMTypeOf(a)));
    return choose(f, is_less, LLVMBuildNeg(f->m->b, a, ""), a);
}
static LLVMValueRef int_op(const Fn *f, KOp op, DType dt, LLVMValueRef a, LLVMValueRef b) {
    LLVMBuilderRef bu = f->m->b;
    switch (op) {
    case K_ADD: return LLVMBuildAdd(bu, a, b, "");
    case K_SUB: return LLVMBuildSub(bu, a, b, "");
    case K_MUL: return LLVMBuildMul(bu, a, b, "");
    case K_DIV:
    case K_REM: return int_division(f, op, dt, a, b);
    case K_MIN: return choose(f, compare(f, P_LT, dt, a, b), a, b);
    case K_MAX: return choose(f, compare(f, P_GT, dt, a, b), a, b);
    case K_NEG: return LLVMBuildNeg(bu, a, "");
    case K_ABS: return int_abs(f, dt, a);
    case K_AND: return LLVMBuildAnd(bu, a, b, "");
    case K_OR: return LLVMBuildOr(bu, a, b, "");
    case K_XOR: return LLVMBuildXor(bu, a, b, "");
    default: die("llvm", "%s: %s of integers", f->k->name, kernel_op[op].text);
    }
}
static LLVMValueRef arithmetic(const Fn *f, KOp op, DType dt, LLVMValueRef a, LLVMValueRef b,
                               LLVMValueRef c) {
    return is_float(dt) ? float_op(f, op, dt, a, b, c) : int_op(f, op, dt, a, b);
}
static LLVMValueRef shift(const Fn *f, const Ins *i, LLVMValueRef a) {
    DType dt = (DType)i->type.dt;
    LLVMValueRef by = LLVMConstInt(llvm_elem_type(f->m, dt), (unsigned long long)i->imm, 0);
    by = same_lanes(by, i->type.n);
    if (i->op == K_SHL) return LLVMBuildShl(f->m->b, a, by, "");
    return is_signed(dt) ? LLVMBuildAShr(f->m->b, a, by, "") : LLVMBuildLShr(f->m->b, a, by, "");
}
static LLVMValueRef zip(const Fn *f, const Ins *i, LLVMValueRef a, LLVMValueRef b) {
    unsigned n = i->type.n, from = i->op == K_ZIPHI ? n / 2 : 0;
    LLVMValueRef pick[MAX_LANES];
    for (unsigned l = 0; l < n; l++) pick[l] = imm32(f, from + l / 2 + (l % 2 ? n : 0));
    return LLVMBuildShuffleVector(f->m->b, a, b, LLVMConstVector(pick, n), "");
}
// The lower half with the upper one, until one lane is left: the order that kernel_ops.def
// promises.
static LLVMValueRef tree(const Fn *f, const Ins *i, LLVMValueRef v) {
    KOp op = i->op == K_RSUM ? K_ADD : i->op == K_RMAX ? K_MAX : K_MIN;
    for (unsigned n = kern_type(f->k, i->arg[0]).n; n > 1; n /= 2) {
        LLVMValueRef lower = n > 2 ? lanes_from(f, v, n, 0, n / 2) : lane(f, v, n, 0);
        LLVMValueRef upper = n > 2 ? lanes_from(f, v, n, n / 2, n / 2) : lane(f, v, n, 1);
        v = arithmetic(f, op, (DType)i->type.dt, lower, upper, NULL);
    }
    return v;
}
static LLVMValueRef constant(const Fn *f, const Ins *i) {
    LLVMTypeRef elem = llvm_elem_type(f->m, (DType)i->type.dt);
    LLVMTypeRef bits = LLVMIntTypeInContext(f->m->ctx, 8 * dtype_info[i->type.dt].nbytes);
    LLVMValueRef c = LLVMConstInt(bits, (unsigned long long)i->imm, 0);
    return same_lanes(LLVMConstBitCast(c, elem), i->type.n);
}
static LLVMValueRef iota(const Fn *f, const Ins *i) {
    LLVMValueRef number[MAX_LANES];
    LLVMTypeRef elem = llvm_elem_type(f->m, (DType)i->type.dt);
    for (unsigned l = 0; l < i->type.n; l++) number[l] = LLVMConstInt(elem, l, 0);
    return i->type.n == 1 ? number[0] : LLVMConstVector(number, i->type.n);
}
static LLVMValueRef index_op(const Fn *f, const Ins *i, LLVMValueRef a, LLVMValueRef b) {
    LLVMBuilderRef bu = f->m->b;
    switch (i->op) {
    case K_IADD: return LLVMBuildAdd(bu, a, b, "");
    case K_ISUB: return LLVMBuildSub(bu, a, b, "");
    case K_IMUL: return LLVMBuildMul(bu, a, b, "");
    case K_IDIV: return LLVMBuildUDiv(bu, a, b, "");
    case K_IMOD: return LLVMBuildURem(bu, a, b, "");
    case K_IMIN: return choose(f, LLVMBuildICmp(bu, LLVMIntSLT, a, b, ""), a, b);
    default: return choose(f, LLVMBuildICmp(bu, LLVMIntSGT, a, b, ""), a, b);
    }
}

// ---- control ---------------------------------------------------------------------------------
static bool runs_at_least_once(LLVMValueRef lo, LLVMValueRef hi) {
    return LLVMIsAConstantInt(lo) && LLVMIsAConstantInt(hi) &&
           LLVMConstIntGetSExtValue(lo) < LLVMConstIntGetSExtValue(hi);
}
// Of the innermost open loop. LLVM adds a number where a name is taken.
static const char *counter_name(const Fn *f) {
    static const char *const name[] = {"i", "j", "k", "l", "m"};
    return name[f->open.n <= COUNT_OF(name) ? f->open.n - 1 : COUNT_OF(name) - 1];
}
static LLVMValueRef open_loop(Fn *f, const Ins *i) {
    Module *m = f->m;
    LLVMValueRef lo = f->value[i->arg[0]], hi = f->value[i->arg[1]];
    LLVMBasicBlockRef before = LLVMGetInsertBlock(m->b);
    Loop *l = PUSH(m->c->scratch, &f->open);
    l->body = LLVMAppendBasicBlockInContext(m->ctx, f->fn, "loop");
    l->exit = LLVMAppendBasicBlockInContext(m->ctx, f->fn, "exit");
    l->hi = hi;
    l->step = i->imm;
    if (runs_at_least_once(lo, hi))
        LLVMBuildBr(m->b, l->body);
    else
        LLVMBuildCondBr(m->b, LLVMBuildICmp(m->b, LLVMIntSLT, lo, hi, ""), l->body, l->exit);
    LLVMPositionBuilderAtEnd(m->b, l->body);
    l->counter = LLVMBuildPhi(m->b, m->i64, counter_name(f));
    LLVMAddIncoming(l->counter, &lo, &before, 1);
    return l->counter;
}
static void close_loop(Fn *f) {
    Module *m = f->m;
    Loop *l = &f->open.data[--f->open.n];
    LLVMBasicBlockRef latch = LLVMGetInsertBlock(m->b);
    LLVMValueRef next = LLVMBuildNSWAdd(m->b, l->counter, imm64(f, l->step), "next");
    LLVMAddIncoming(l->counter, &next, &latch, 1);
    LLVMValueRef again = LLVMBuildICmp(m->b, LLVMIntSLT, next, l->hi, "");
    LLVMBuildCondBr(m->b, again, l->body, l->exit);
    LLVMMoveBasicBlockAfter(l->exit, latch);
    LLVMPositionBuilderAtEnd(m->b, l->exit);
}
static LLVMValueRef slot(Fn *f, const Ins *i) { // in the entry block, so that mem2reg sees it
    LLVMBasicBlockRef here = LLVMGetInsertBlock(f->m->b);
    LLVMPositionBuilderBefore(f->m->b, LLVMGetFirstInstruction(f->entry));
    LLVMValueRef v = LLVMBuildAlloca(f->m->b, vector_type(f, i->type), "acc");
    LLVMPositionBuilderAtEnd(f->m->b, here);
    return v;
}
static LLVMValueRef parameter(const Fn *f, const Ins *i) {
    LLVMValueRef at = i->imm ? at_bytes(f, f->args, imm64(f, 8 * i->imm)) : f->args;
    return LLVMBuildLoad2(f->m->b, f->m->ptr, at, f->k->param.data[i->imm].name);
}
static LLVMValueRef from_slot(const Fn *f, const Ins *i) {
    return LLVMBuildLoad2(f->m->b, vector_type(f, i->type), f->value[i->arg[0]], "");
}

// ---- the one switch --------------------------------------------------------------------------
static LLVMValueRef print_ins(Fn *f, const Ins *i) {
    LLVMBuilderRef b = f->m->b;
    LLVMValueRef x = f->value[i->arg[0]], y = f->value[i->arg[1]], z = f->value[i->arg[2]];
    VType xt = kern_type(f->k, i->arg[0]); // operand 0 is the NOP: NULL, no type
    DType dt = (DType)i->type.dt;
    switch ((KOp)i->op) {
    case K_NOP: return NULL;
    case K_PARAM: return parameter(f, i);
    case K_SCRATCH: return f->scratch;
    case K_LO: return f->lo;
    case K_HI: return f->hi;
    case K_INDEX: return imm64(f, i->imm);
    case K_CONST: return constant(f, i);
    case K_IOTA: return iota(f, i);
    case K_IADD:
    case K_ISUB:
    case K_IMUL:
    case K_IDIV:
    case K_IMOD:
    case K_IMIN:
    case K_IMAX: return index_op(f, i, x, y);
    case K_TOINDEX: return llvm_convert(f->m, lane(f, x, xt.n, 0), (DType)xt.dt, DT_I64, 1);
    case K_FROMINDEX: return llvm_convert(f->m, x, DT_I64, dt, 1);
    case K_PADD: return at_bytes(f, i->imm ? at_bytes(f, x, imm64(f, i->imm)) : x, y);
    case K_LOOP: return open_loop(f, i);
    case K_END: close_loop(f); return NULL;
    case K_LOAD: return print_load(f, i);
    case K_LOADB: return splat(f, load_elem(f, dt, address(f, i, 0)), i->type.n);
    case K_LOADS: return gather_lanes(f, i, i->imm2);
    case K_STORE: print_store(f, i); return NULL;
    case K_STORES: print_strided_store(f, i); return NULL;
    case K_PREFETCH: print_prefetch(f, i); return NULL;
    case K_REG: return slot(f, i);
    case K_GET: return from_slot(f, i);
    case K_SET: LLVMBuildStore(b, y, x); return NULL;
    case K_SHL:
    case K_SHR: return shift(f, i, x);
    case K_CMP: return compare(f, (KPred)i->imm, (DType)xt.dt, x, y);
    case K_MAND: return LLVMBuildAnd(b, x, y, "");
    case K_MOR: return LLVMBuildOr(b, x, y, "");
    case K_MNOT: return LLVMBuildNot(b, x, "");
    case K_SELECT: return choose(f, x, y, z);
    case K_DPBF16:
        return llvm_dpbf16(f->m, isa_find(K_DPBF16, dt, f->k->target)->llvm, i->type.n,
                           (LLVMValueRef[]){x, y, z});
    case K_BFMMLA:
        return llvm_bfmmla(f->m, isa_find(K_BFMMLA, dt, f->k->target)->llvm,
                           (LLVMValueRef[]){z, x, y});
    case K_CVTDZ: return llvm_cvtdz(f->m, isa_find(K_CVTDZ, dt, f->k->target)->llvm, i->type.n, x);
    case K_CVT: return llvm_convert(f->m, x, (DType)xt.dt, dt, i->type.n);
    case K_BITCAST: return LLVMBuildBitCast(b, x, vector_type(f, i->type), "");
    case K_ZIPLO:
    case K_ZIPHI: return zip(f, i, x, y);
    case K_BCAST: return splat(f, lane(f, x, xt.n, 0), i->type.n);
    case K_RSUM:
    case K_RMAX:
    case K_RMIN: return tree(f, i, x);
    case K_TILE: return NULL;
    case K_TZERO:
    case K_TLOAD:
    case K_TSTREAM:
    case K_TSTORE:
    case K_TDPBF16:
    case K_TDPBSSD:
    case K_TDPBUSD:
    case K_TCONFIG:
    case K_TRELEASE: print_tile_op(f, i); return NULL;
    case K_EXP2:
    case K_EXP:
    case K_LOG:
    case K_ERF:
    case K_TANH:
    case K_SIN:
    case K_COS:
    case K_GELU:
    case K_COUNT: die("llvm", "%s: %s survived the math pass", f->k->name, kernel_op[i->op].text);
    default: return arithmetic(f, (KOp)i->op, dt, x, y, z);
    }
}
static LLVMValueRef named_param(LLVMValueRef fn, unsigned n, const char *name) {
    LLVMValueRef p = LLVMGetParam(fn, n);
    LLVMSetValueName2(p, name, strlen(name));
    return p;
}
void llvm_print_kernel(Module *m, const Kern *k, LLVMValueRef fn) {
    Fn f = {.m = m, .k = k, .fn = fn, .value = NEW_N(m->c->scratch, LLVMValueRef, k->ins.n)};
    f.entry = LLVMAppendBasicBlockInContext(m->ctx, fn, "entry");
    LLVMBasicBlockRef start = LLVMAppendBasicBlockInContext(m->ctx, fn, "start");
    LLVMPositionBuilderAtEnd(m->b, f.entry);
    LLVMBuildBr(m->b, start);
    LLVMPositionBuilderAtEnd(m->b, start);
    f.args = named_param(fn, 0, "args");
    f.scratch = named_param(fn, 1, "scratch");
    f.lo = named_param(fn, 2, "lo");
    f.hi = named_param(fn, 3, "hi");
    for (uint32_t n = 1; n < k->ins.n; n++) f.value[n] = print_ins(&f, &k->ins.data[n]);
    LLVMBuildRetVoid(m->b);
}
