// llvm_print.h: shared by the files of the LLVM printer. Only they include LLVM-C.
#ifndef BACKENDS_LLVM_LLVM_PRINT_H
#define BACKENDS_LLVM_LLVM_PRINT_H
#include "backends/backend.h"
#include <llvm-c/Core.h>
#include <llvm-c/TargetMachine.h>

typedef struct Module {
    Ctx *c;
    const Program *p; // the first level
    const EmitOptions *o;
    LLVMContextRef ctx;
    LLVMModuleRef m;
    LLVMBuilderRef b;
    LLVMTypeRef ptr, i1, i8, i16, i32, i64, f16, f32, f64, nothing;
} Module;

// llvm_emit.c
LLVMValueRef *llvm_print_kernels(Module *m, const Program *p); // a function for each of p->kern
void llvm_function_attributes(Module *m, LLVMValueRef fn, const Target *t);
LLVMValueRef llvm_intrinsic(Module *m, const char *name, LLVMTypeRef *over, unsigned nover,
                            LLVMValueRef *args, unsigned nargs);
// llvm_kernel.c: fills the body of fn
void llvm_print_kernel(Module *m, const Kern *k, LLVMValueRef fn);
LLVMTypeRef llvm_elem_type(const Module *m, DType dt); // bool is i8; f16 and bf16 travel as i16
// llvm_convert.c: CVT between any two element types
LLVMValueRef llvm_convert(Module *m, LLVMValueRef v, DType from, DType to, unsigned n);
// llvm_bf16.c: DPBF16 and CVTDZ on n lanes, by the intrinsic whose name begins so; BFMMLA, the sum
// first, by its own
LLVMValueRef llvm_bfmmla(Module *m, const char *name, LLVMValueRef args[3]);
LLVMValueRef llvm_dpbf16(Module *m, const char *name, unsigned n, LLVMValueRef args[3]);
LLVMValueRef llvm_cvtdz(Module *m, const char *name, unsigned n, LLVMValueRef v);
// llvm_standalone.c: the runtime's functions that the module calls become its own
void llvm_add_runtime(Module *m);
// llvm_tables.c: every level with its kernels and launches, the model's description, its functions
void llvm_print_model(Module *m);
#endif
