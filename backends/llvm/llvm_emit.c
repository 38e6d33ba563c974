// llvm_emit.c: a Program becomes the bytes of a relocatable object. No IR optimisation beyond
// putting slots into registers: our schedules are already what the code generator wants, and it is
// quick.
//
// Nothing of the model reaches LLVM as a name: kernels have the names that lowering gave them,
// behind a word and a dot, so that they are neither a public symbol nor a library function;
// everything else is a byte string.
#include "backends/llvm/llvm_print.h"
#include <llvm-c/Analysis.h>
#include <llvm-c/Support.h>
#include <llvm-c/Target.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <string.h>

static LLVMTargetMachineRef machine_new(Ctx *c, const Target *t) {
    const ArchInfo *arch = &arch_info[t->arch];
    LLVMTargetRef target;
    char *why = NULL;
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64Target();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmPrinter();
    LLVMInitializeX86AsmParser(); // the inline assembly of the runtime
    LLVMInitializeAArch64AsmParser();
    if (LLVMGetTargetFromTriple(arch->triple, &target, &why)) {
        diag_error(c->diag, ERR_TARGET, 0, "LLVM knows no machine %s: %s", t->name, why);
        LLVMDisposeMessage(why);
        return NULL;
    }
    return LLVMCreateTargetMachine(target, arch->triple, arch->llvm_cpu, "",
                                   LLVMCodeGenLevelDefault, LLVMRelocPIC, LLVMCodeModelSmall);
}

// ---- the module ------------------------------------------------------------------------------
static void module_flag(Module *m, const char *name, unsigned value) {
    LLVMMetadataRef v = LLVMValueAsMetadata(LLVMConstInt(m->i32, value, 0));
    LLVMAddModuleFlag(m->m, LLVMModuleFlagBehaviorOverride, name, strlen(name), v);
}
// One object without the note of these properties turns them off for the whole product.
static void keep_branch_protection(Module *m) {
    static const char *const flag[ARCH_COUNT][2] = {
        [ARCH_X86_64] = {"cf-protection-branch", "cf-protection-return"},        // IBT, SHSTK
        [ARCH_AARCH64] = {"branch-target-enforcement", "sign-return-address"}}; // BTI, PAC
    for (int i = 0; i < 2; i++) module_flag(m, flag[m->p->target->arch][i], 1);
}
static void set_types(Module *m) {
    m->ptr = LLVMPointerTypeInContext(m->ctx, 0);
    m->i1 = LLVMInt1TypeInContext(m->ctx);
    m->i8 = LLVMInt8TypeInContext(m->ctx);
    m->i16 = LLVMInt16TypeInContext(m->ctx);
    m->i32 = LLVMInt32TypeInContext(m->ctx);
    m->i64 = LLVMInt64TypeInContext(m->ctx);
    m->f16 = LLVMHalfTypeInContext(m->ctx);
    m->f32 = LLVMFloatTypeInContext(m->ctx);
    m->f64 = LLVMDoubleTypeInContext(m->ctx);
    m->nothing = LLVMVoidTypeInContext(m->ctx);
}
static Module module_new(Ctx *c, const Program *p, const EmitOptions *o, LLVMTargetMachineRef tm) {
    Module m = {.c = c, .p = p, .o = o};
    m.ctx = LLVMContextCreate();
    m.m = LLVMModuleCreateWithNameInContext("vitc", m.ctx);
    LLVMSetSourceFileName(m.m, "vitc", 4); // becomes the FILE symbol: no paths
    m.b = LLVMCreateBuilderInContext(m.ctx);
    set_types(&m);
    char *triple = LLVMGetTargetMachineTriple(tm);
    LLVMSetTarget(m.m, triple);
    LLVMDisposeMessage(triple);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(tm);
    LLVMSetModuleDataLayout(m.m, layout);
    LLVMDisposeTargetData(layout);
    keep_branch_protection(&m);
    return m;
}
static void module_free(Module *m) {
    LLVMDisposeBuilder(m->b);
    LLVMDisposeModule(m->m);
    LLVMContextDispose(m->ctx);
}

// ---- functions -------------------------------------------------------------------------------
static void attribute(Module *m, LLVMValueRef fn, const char *name, const char *value) {
    LLVMAttributeRef a = LLVMCreateStringAttribute(m->ctx, name, (unsigned)strlen(name), value,
                                                   (unsigned)strlen(value));
    LLVMAddAttributeAtIndex(fn, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, a);
}
static void enum_attribute(Module *m, LLVMValueRef fn, const char *name) {
    unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
    LLVMAttributeRef a = LLVMCreateEnumAttribute(m->ctx, kind, 0);
    LLVMAddAttributeAtIndex(fn, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, a);
}
void llvm_function_attributes(Module *m, LLVMValueRef fn, const Target *t) {
    Str s = str_new(m->c->scratch);
    for (size_t i = 0; feature_at(i); i++) {
        const FeatureInfo *f = feature_at(i);
        if (target_has(t, f->bit) && *f->llvm)
            str_addf(&s, "%s%s", s.n ? "," : "", f->llvm);
    }
    attribute(m, fn, "target-cpu", t->llvm_cpu);
    attribute(m, fn, "target-features", str_cstr(&s));
    attribute(m, fn, "probe-stack", "inline-asm"); // a big frame meets the guard page
    if (target_vector_bits(t)) {
        const char *bits = arena_printf(m->c->scratch, "%u", target_vector_bits(t));
        attribute(m, fn, "prefer-vector-width", bits);
        attribute(m, fn, "min-legal-vector-width", bits); // no wider ones for copies either
    }
    if (t->arch == ARCH_AARCH64) { // what the module's flags announce is asked of each function
        attribute(m, fn, "branch-target-enforcement", "true");
        attribute(m, fn, "sign-return-address", "non-leaf");
        attribute(m, fn, "sign-return-address-key", "a_key");
    }
    enum_attribute(m, fn, "nounwind");
    if (m->o->sanitize_address) enum_attribute(m, fn, "sanitize_address");
}
LLVMValueRef llvm_intrinsic(Module *m, const char *name, LLVMTypeRef *over, unsigned nover,
                            LLVMValueRef *args, unsigned nargs) {
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    if (!id) die("llvm", "no intrinsic %s", name);
    LLVMValueRef f = LLVMGetIntrinsicDeclaration(m->m, id, over, nover);
    return LLVMBuildCall2(m->b, LLVMIntrinsicGetType(m->ctx, id, over, nover), f, args, nargs, "");
}
LLVMValueRef *llvm_print_kernels(Module *m, const Program *p) {
    LLVMTypeRef param[4] = {m->ptr, m->ptr, m->i64, m->i64};
    LLVMTypeRef type = LLVMFunctionType(m->nothing, param, 4, 0);
    LLVMValueRef *kernel = NEW_N(m->c->scratch, LLVMValueRef, p->kern.n);
    const char *level = m->p->next ? arena_printf(m->c->scratch, "%s.", p->target->name) : "";
    for (uint32_t i = 0; i < p->kern.n; i++) {
        const Kern *k = p->kern.data[i];
        const char *name = arena_printf(m->c->scratch, "kernel.%s%s", level, k->name);
        kernel[i] = LLVMAddFunction(m->m, name, type);
        LLVMSetLinkage(kernel[i], LLVMInternalLinkage);
        llvm_function_attributes(m, kernel[i], k->target);
        llvm_print_kernel(m, k, kernel[i]);
    }
    return kernel;
}

// ---- output ----------------------------------------------------------------------------------
static void check_module(Module *m) {
    char *why = NULL;
    if (LLVMVerifyModule(m->m, LLVMReturnStatusAction, &why)) die("llvm", "%s", why);
    LLVMDisposeMessage(why);
}
static void run_pass(Module *m, LLVMTargetMachineRef tm, const char *name) {
    LLVMPassBuilderOptionsRef opt = LLVMCreatePassBuilderOptions();
    LLVMErrorRef e = LLVMRunPasses(m->m, name, tm, opt);
    if (e) die("llvm", "%s: %s", name, LLVMGetErrorMessage(e));
    LLVMDisposePassBuilderOptions(opt);
}
// Every access of a kernel asks AddressSanitizer's shadow first. The tables are left as they are:
// kernels do not read them, and their distance from the weights must not change.
static void check_addresses(Module *m, LLVMTargetMachineRef tm) {
    static const char *const tables_stay[] = {"vitc", "-asan-globals=0"};
    LLVMParseCommandLineOptions(COUNT_OF(tables_stay), tables_stay, NULL);
    run_pass(m, tm, "asan");
}
static bool machine_code(Module *m, LLVMTargetMachineRef tm, LLVMCodeGenFileType kind, Str *out) {
    LLVMMemoryBufferRef bytes = NULL;
    char *why = NULL;
    if (LLVMTargetMachineEmitToMemoryBuffer(tm, m->m, kind, &why, &bytes)) {
        diag_error(m->c->diag, ERR_INTERNAL, 0, "LLVM emits no code: %s", why);
        LLVMDisposeMessage(why);
        return false;
    }
    str_add_n(out, LLVMGetBufferStart(bytes), LLVMGetBufferSize(bytes));
    LLVMDisposeMemoryBuffer(bytes);
    return true;
}
static bool object_bytes(Module *m, LLVMTargetMachineRef tm, Str *out) {
    return machine_code(m, tm, LLVMObjectFile, out);
}
static bool assembly_text(Module *m, LLVMTargetMachineRef tm, Str *out) {
    return machine_code(m, tm, LLVMAssemblyFile, out);
}
static bool module_text(Module *m, LLVMTargetMachineRef tm, Str *out) {
    (void)tm;
    char *text = LLVMPrintModuleToString(m->m);
    str_add(out, text);
    LLVMDisposeMessage(text);
    return true;
}
static bool kernels_are_ready(Ctx *c, const Program *p) {
    for (; p; p = p->next)
        for (uint32_t i = 0; i < p->kern.n; i++)
            if (!kern_check(p->kern.data[i], c->diag, true)) return false;
    return true;
}
typedef bool (*Output)(Module *m, LLVMTargetMachineRef tm, Str *out);
static bool emit(Ctx *c, const Program *p, const EmitOptions *o, Output output, Str *out) {
    if (!kernels_are_ready(c, p)) return false;
    LLVMTargetMachineRef tm = machine_new(c, p->target);
    if (!tm) return false;
    Module m = module_new(c, p, o, tm);
    llvm_print_model(&m);
    if (o->standalone) llvm_add_runtime(&m);
    check_module(&m);
    if (o->standalone) run_pass(&m, tm, "globaldce"); // of the runtime, only what is called
    run_pass(&m, tm, "mem2reg"); // slots become registers
    if (o->sanitize_address) check_addresses(&m, tm);
    bool ok = output(&m, tm, out);
    module_free(&m);
    LLVMDisposeTargetMachine(tm);
    return ok;
}
bool llvm_emit_object(Ctx *c, const Program *p, const EmitOptions *o, Str *object) {
    return emit(c, p, o, object_bytes, object);
}
bool llvm_emit_asm(Ctx *c, const Program *p, const EmitOptions *o, Str *text) {
    return emit(c, p, o, assembly_text, text);
}
bool llvm_emit_text(Ctx *c, const Program *p, const EmitOptions *o, Str *ir) {
    return emit(c, p, o, module_text, ir);
}
