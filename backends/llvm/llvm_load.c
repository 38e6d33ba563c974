// llvm_load.c: the object's code inside this process, its weight symbol bound to a mapping: run, verify and
// bench execute the very bytes that compile writes, without a linker and without copying weights.
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
static bool check(Ctx *c, LLVMErrorRef e, const char *what) {
    if (!e) return true;
    char *why = LLVMGetErrorMessage(e);
    diag_error(c->diag, ERR_INTERNAL, 0, "%s: %s", what, why);
    LLVMDisposeErrorMessage(why);
    return false;
}
static bool define(LoadedModel *m, const char *name, const void *address) {
    LLVMOrcCSymbolMapPair p;
    memset(&p, 0, sizeof p);
    p.Name = LLVMOrcLLJITMangleAndIntern(m->jit, name);
    p.Sym.Address = (LLVMOrcExecutorAddress)(uintptr_t)address;
    p.Sym.Flags.GenericFlags = LLVMJITSymbolGenericFlagsExported;
    LLVMOrcMaterializationUnitRef unit = LLVMOrcAbsoluteSymbols(&p, 1);
    return check(m->c, LLVMOrcJITDylibDefine(LLVMOrcLLJITGetMainJITDylib(m->jit), unit), "binding a symbol");
}
LoadedModel *llvm_load(Ctx *c, const void *object, size_t n, const char *prefix, const void *weights,
                       const HostSymbol *host, size_t nhost) {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LoadedModel *m = NEW(c->arena, LoadedModel);
    m->c = c;
    if (!check(c, LLVMOrcCreateLLJIT(&m->jit, LLVMOrcCreateLLJITBuilder()), "starting the loader")) return NULL;
    LLVMMemoryBufferRef bytes = LLVMCreateMemoryBufferWithMemoryRangeCopy(object, n, "vitc");
    LLVMOrcJITDylibRef dylib = LLVMOrcLLJITGetMainJITDylib(m->jit);
    bool ok = define(m, arena_printf(c->scratch, "%s_weights", prefix), weights);
    for (size_t i = 0; i < nhost && ok; i++) ok = define(m, host[i].name, host[i].address);
    ok = ok && check(c, LLVMOrcLLJITAddObjectFile(m->jit, dylib, bytes), "loading the object");
    return ok ? m : NULL;
}
void *llvm_loaded_symbol(LoadedModel *m, const char *name) {
    LLVMOrcExecutorAddress at = 0;
    if (!check(m->c, LLVMOrcLLJITLookup(m->jit, &at, name), name)) return NULL;
    return (void *)(uintptr_t)at;
}
void llvm_unload(LoadedModel *m) { check(m->c, LLVMOrcDisposeLLJIT(m->jit), "unloading"); }
