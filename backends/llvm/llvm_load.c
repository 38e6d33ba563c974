// llvm_load.c: the object's code inside this process, its weight symbol bound to a mapping: run,
// verify and bench execute the very bytes that compile writes, without a linker and without copying
// weights.
#include "backends/backend.h"
#include <llvm-c/Core.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Orc.h>
#include <llvm-c/Target.h>
#include <string.h>

struct LoadedModel {
    Ctx *c;
    LLVMOrcLLJITRef jit;
};
// Whatever the linker finds wrong is wrong with the object, which may be a file of the user's.
static bool check(Ctx *c, LLVMErrorRef e, const char *what) {
    if (!e) return true;
    char *why = LLVMGetErrorMessage(e);
    diag_error(c->diag, ERR_MODEL, 0, "%s: %s", what, why);
    LLVMDisposeErrorMessage(why);
    return false;
}
static void report(void *ctx, LLVMErrorRef e) {
    check(ctx, e, "linking the object");
}

static bool bind(LoadedModel *m, const char *name, const void *address) {
    LLVMOrcCSymbolMapPair p;
    memset(&p, 0, sizeof p);
    p.Name = LLVMOrcLLJITMangleAndIntern(m->jit, name);
    p.Sym.Address = (LLVMOrcExecutorAddress)(uintptr_t)address;
    p.Sym.Flags.GenericFlags = LLVMJITSymbolGenericFlagsExported;
    LLVMOrcJITDylibRef into = LLVMOrcLLJITGetMainJITDylib(m->jit);
    return check(m->c, LLVMOrcJITDylibDefine(into, LLVMOrcAbsoluteSymbols(&p, 1)), name);
}
static bool add_object(LoadedModel *m, const void *object, size_t n) {
    LLVMMemoryBufferRef bytes = LLVMCreateMemoryBufferWithMemoryRangeCopy(object, n, "vitc");
    LLVMOrcJITDylibRef into = LLVMOrcLLJITGetMainJITDylib(m->jit);
    return check(m->c, LLVMOrcLLJITAddObjectFile(m->jit, into, bytes), "loading the object");
}
LoadedModel *llvm_load(Ctx *c, const void *object, size_t n, const char *prefix,
                       const void *weights, const HostSymbol *host, size_t nhost) {
    LLVMInitializeNativeTarget();
    LLVMInitializeNativeAsmPrinter();
    LoadedModel *m = NEW(c->arena, LoadedModel);
    m->c = c;
    LLVMErrorRef e = LLVMOrcCreateLLJIT(&m->jit, LLVMOrcCreateLLJITBuilder());
    if (!check(c, e, "starting the loader")) return NULL;
    LLVMOrcExecutionSessionSetErrorReporter(LLVMOrcLLJITGetExecutionSession(m->jit), report, c);
    bool ok = bind(m, arena_printf(c->scratch, "%s_weights", prefix), weights);
    for (size_t i = 0; i < nhost && ok; i++) ok = bind(m, host[i].name, host[i].address);
    if (ok && add_object(m, object, n)) return m;
    llvm_unload(m);
    return NULL;
}
void *llvm_loaded_symbol(LoadedModel *m, const char *name) {
    LLVMOrcExecutorAddress at = 0;
    LLVMErrorRef e = LLVMOrcLLJITLookup(m->jit, &at, name);
    return check(m->c, e, name) ? (void *)(uintptr_t)at : NULL;
}
void llvm_unload(LoadedModel *m) {
    check(m->c, LLVMOrcDisposeLLJIT(m->jit), "unloading");
}
