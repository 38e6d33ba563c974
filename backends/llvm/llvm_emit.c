// llvm_emit.c: a Program becomes the bytes of a relocatable object. No IR optimisation beyond putting
// slots into registers: our schedules are already what the code generator wants, and it is quick.
#include "backends/llvm/llvm_print.h"
#include <llvm-c/Target.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <string.h>

static void init_targets(void) {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
}
static LLVMTargetMachineRef machine_new(Ctx *c, const Target *t) {
    const char *triple = "x86_64-unknown-linux-gnu";
    LLVMTargetRef target;
    char *why = NULL;
    if (LLVMGetTargetFromTriple(triple, &target, &why)) {
        diag_error(c->diag, ERR_TARGET, 0, "LLVM knows no machine %s: %s", t->name, why);
        LLVMDisposeMessage(why);
        return NULL;
    }
    return LLVMCreateTargetMachine(target, triple, "x86-64", "", LLVMCodeGenLevelDefault, LLVMRelocPIC, LLVMCodeModelSmall);
}
static void module_flag(Module *m, const char *name, unsigned value) {
    LLVMMetadataRef v = LLVMValueAsMetadata(LLVMConstInt(m->i32, value, 0));
    LLVMAddModuleFlag(m->m, LLVMModuleFlagBehaviorOverride, name, strlen(name), v);
}
static Module module_new(Ctx *c, const Program *p, const EmitOptions *o, LLVMTargetMachineRef tm) {
    Module m = {.c = c, .p = p, .o = o};
    m.ctx = LLVMContextCreate();
    m.m = LLVMModuleCreateWithNameInContext("vitc", m.ctx);
    LLVMSetSourceFileName(m.m, "vitc", 4);             // becomes the FILE symbol: no paths
    m.b = LLVMCreateBuilderInContext(m.ctx);
    m.ptr = LLVMPointerTypeInContext(m.ctx, 0);
    m.i1 = LLVMInt1TypeInContext(m.ctx);
    m.i8 = LLVMInt8TypeInContext(m.ctx);
    m.i16 = LLVMInt16TypeInContext(m.ctx);
    m.i32 = LLVMInt32TypeInContext(m.ctx);
    m.i64 = LLVMInt64TypeInContext(m.ctx);
    m.f16 = LLVMHalfTypeInContext(m.ctx);
    m.f32 = LLVMFloatTypeInContext(m.ctx);
    m.f64 = LLVMDoubleTypeInContext(m.ctx);
    m.nothing = LLVMVoidTypeInContext(m.ctx);
    char *triple = LLVMGetTargetMachineTriple(tm);
    LLVMSetTarget(m.m, triple);
    LLVMDisposeMessage(triple);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(tm);
    LLVMSetModuleDataLayout(m.m, layout);
    LLVMDisposeTargetData(layout);
    module_flag(&m, "cf-protection-branch", 1);        // keep IBT and SHSTK of the product
    module_flag(&m, "cf-protection-return", 1);
    return m;
}
static void print_kernels(Module *m) {
    LLVMTypeRef p[4] = {m->ptr, m->ptr, m->i64, m->i64};
    LLVMTypeRef type = LLVMFunctionType(m->nothing, p, 4, 0);
    m->kernel = NEW_N(m->c->scratch, LLVMValueRef, m->p->kern.n + 1);
    for (uint32_t i = 0; i < m->p->kern.n; i++) {
        const Kern *k = m->p->kern.data[i];
        m->kernel[i] = LLVMAddFunction(m->m, k->name, type);
        LLVMSetLinkage(m->kernel[i], LLVMInternalLinkage);
        llvm_target_attributes(m, m->kernel[i], k->target);
        llvm_print_kernel(m, k, m->kernel[i]);
    }
}
static void slots_to_registers(Module *m, LLVMTargetMachineRef tm) {
    LLVMPassBuilderOptionsRef opt = LLVMCreatePassBuilderOptions();
    LLVMErrorRef e = LLVMRunPasses(m->m, "mem2reg", tm, opt);
    if (e) die("llvm", "mem2reg: %s", LLVMGetErrorMessage(e));
    LLVMDisposePassBuilderOptions(opt);
}
static void module_free(Module *m) {
    LLVMDisposeBuilder(m->b);
    LLVMDisposeModule(m->m);
    LLVMContextDispose(m->ctx);
}
bool llvm_emit_object(Ctx *c, const Program *p, const EmitOptions *o, Str *object) {
    init_targets();
    LLVMTargetMachineRef tm = machine_new(c, p->target);
    if (!tm) return false;
    Module m = module_new(c, p, o, tm);
    print_kernels(&m);
    llvm_print_tables(&m);
    slots_to_registers(&m, tm);
    LLVMMemoryBufferRef bytes = NULL;
    char *why = NULL;
    bool failed = LLVMTargetMachineEmitToMemoryBuffer(tm, m.m, LLVMObjectFile, &why, &bytes);
    if (failed) {
        diag_error(c->diag, ERR_INTERNAL, 0, "LLVM emits no object: %s", why);
        LLVMDisposeMessage(why);
    } else {
        str_add_n(object, LLVMGetBufferStart(bytes), LLVMGetBufferSize(bytes));
        LLVMDisposeMemoryBuffer(bytes);
    }
    module_free(&m);
    LLVMDisposeTargetMachine(tm);
    return !failed;
}
bool llvm_emit_text(Ctx *c, const Program *p, const EmitOptions *o, Str *ir) {
    init_targets();
    LLVMTargetMachineRef tm = machine_new(c, p->target);
    if (!tm) return false;
    Module m = module_new(c, p, o, tm);
    print_kernels(&m);
    llvm_print_tables(&m);
    slots_to_registers(&m, tm);
    char *text = LLVMPrintModuleToString(m.m);
    str_add(ir, text);
    LLVMDisposeMessage(text);
    module_free(&m);
    LLVMDisposeTargetMachine(tm);
    return true;
}
