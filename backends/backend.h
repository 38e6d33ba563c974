// backend.h: printers of a Program. They choose nothing.
#ifndef BACKENDS_BACKEND_H
#define BACKENDS_BACKEND_H
#include "ir/program.h"

typedef struct EmitOptions {
    const char *prefix;        // symbol prefix, already checked: prefix_run, prefix_model
    bool standalone;           // no runtime: the run loop is inside, one thread
    bool selftest;
    const char *source_sha256;
    const char *version;       // of vitc, goes into `producer`
} EmitOptions;

// llvm/: the relocatable ELF object with code and tables; `<prefix>_weights` is undefined (hidden). Must run
// in a child (LLVM may abort). False after a diagnostic.
bool llvm_emit_object(Ctx *c, const Program *p, const EmitOptions *o, Str *object);
bool llvm_emit_text(Ctx *c, const Program *p, const EmitOptions *o, Str *ir);        // --emit llvm
// llvm/llvm_load.c: links those bytes into this process, the weight symbol bound to `weights`.
typedef struct LoadedModel LoadedModel;
LoadedModel *llvm_load(Ctx *c, const void *object, size_t n, const char *prefix, const void *weights);
void *llvm_loaded_symbol(LoadedModel *m, const char *name);                           // NULL when absent
void llvm_unload(LoadedModel *m);

// object/: ELF. Adds the weights section to `object` and defines `<prefix>_weights` in it, streaming into fd.
typedef struct ElfWeights {
    const char *symbol, *section;
    uint64_t nbytes, align;
    bool large;                // SHF_X86_64_LARGE
} ElfWeights;
bool elf_append(Ctx *c, const void *object, size_t n, const ElfWeights *w, int fd,
                bool (*stream)(void *ctx, int fd), void *ctx);

// header.c: vit.h
void header_print(const Program *p, const EmitOptions *o, Str *out);
#endif
