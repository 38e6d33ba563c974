// llvm_standalone.c: --standalone: what an object calls of the runtime is linked into it: the code
// that clang made of runtime/*.c when vitc was built. So a standalone object runs by the same lines
// as every other one, on any machine that vitc has such code for.
#include "backends/embedded.h"
#include "backends/llvm/llvm_print.h"
#include <llvm-c/BitReader.h>
#include <llvm-c/Linker.h>
#include <string.h>

static LLVMModuleRef runtime_code(Module *m) {
    const char *arch = arch_info[m->p->target->arch].name;
    const char *name = arena_printf(m->c->scratch, "runtime-%s.bc", arch);
    const EmbeddedFile *f = embedded_find(name);
    LLVMMemoryBufferRef bytes = LLVMCreateMemoryBufferWithMemoryRange(
        (const char *)f->data, f->n, name, false);
    LLVMModuleRef code;
    if (LLVMParseBitcodeInContext2(m->ctx, bytes, &code)) die("llvm", "%s cannot be read", name);
    LLVMDisposeMemoryBuffer(bytes);
    return code;
}
typedef VEC(const char *) Names;
static Names public_functions(Module *m, LLVMModuleRef code) {
    Names all = {0};
    size_t n;
    for (LLVMValueRef f = LLVMGetFirstFunction(code); f; f = LLVMGetNextFunction(f))
        if (!LLVMIsDeclaration(f) && LLVMGetLinkage(f) == LLVMExternalLinkage)
            *PUSH(m->c->scratch, &all) = arena_strdup(m->c->scratch, LLVMGetValueName2(f, &n));
    return all;
}
void llvm_add_runtime(Module *m) {
    LLVMModuleRef code = runtime_code(m);
    Names names = public_functions(m, code);
    if (LLVMLinkModules2(m->m, code)) die("llvm", "the runtime's code does not fit");
    for (uint32_t i = 0; i < names.n; i++) // two standalone models link into one program
        LLVMSetLinkage(LLVMGetNamedFunction(m->m, names.data[i]), LLVMInternalLinkage);
}
