// backend.h: printers of a Program. They choose nothing.
#ifndef BACKENDS_BACKEND_H
#define BACKENDS_BACKEND_H
#include "ir/program.h"

typedef struct EmitOptions {
    const char *prefix; // symbol prefix, already checked: prefix_run, prefix_model
    bool standalone;    // no runtime: what is called of it is inside
    uint32_t weights_id; // not 0: the last input is the weight image, and this identifies its file
    bool sanitize_address; // for programs linked with -fsanitize=address
    const char *source_sha256;
    const char *version; // of vitc, goes into `producer`
} EmitOptions;

// Programs have one level or several (Program.next), over one image.
// llvm/: the relocatable ELF object with code and tables; `<prefix>_weights` is undefined (hidden),
// or there is none (weights_id).
// Must run in a child (LLVM may abort). False after a diagnostic.
bool llvm_emit_object(Ctx *c, const Program *p, const EmitOptions *o, Str *object);
bool llvm_emit_asm(Ctx *c, const Program *p, const EmitOptions *o, Str *text);
bool llvm_emit_text(Ctx *c, const Program *p, const EmitOptions *o, Str *ir); // --emit llvm
// c/: the same program as one readable C file. weights: what .incbin takes the image from, or NULL:
// `<prefix>_weights` is undefined, as in LLVM's object; header: the name of the file that
// header_print made.
bool c_emit_source(Ctx *c, const Program *p, const EmitOptions *o, const char *weights,
                   const char *header, Str *source);
void c_flags(const Program *p, Str *out); // what a compiler must be told: "-std=c11 -O2 …"
const char *c_elem(DType dt);             // what C calls an element: float, int32_t, …
// llvm/llvm_load.c: links those bytes into this process, the weight symbol bound to `weights`.
typedef struct LoadedModel LoadedModel;
// host: the functions of the runtime that the object calls (vitc_execute), by name and address.
typedef struct HostSymbol {
    const char *name;
    const void *address;
} HostSymbol;
LoadedModel *llvm_load(Ctx *c, const void *object, size_t n, const char *prefix,
                       const void *weights, const HostSymbol *host,
                       size_t nhost);                       // NULL after a diagnostic
void *llvm_loaded_symbol(LoadedModel *m, const char *name); // NULL after a diagnostic
void llvm_unload(LoadedModel *m);

// object/: adds the weights section to an ELF object and defines `<prefix>_weights` in it,
// streaming everything into fd.
typedef struct ElfWeights {
    const char *symbol, *section;
    uint64_t nbytes, align; // align: a power of two
    bool large;             // SHF_X86_64_LARGE
} ElfWeights;
typedef bool (*ElfStream)(void *ctx, int fd); // writes exactly nbytes; false after a diagnostic
bool elf_append(Ctx *c, const void *object, size_t n, const ElfWeights *w, int fd, const char *path,
                ElfStream stream, void *ctx);
bool elf_appended_size(Ctx *c, const void *object, size_t n, const ElfWeights *w, const char *path,
                       uint64_t *nbytes); // of the file that it writes; w NULL: of the object
// The same for assembly text: the section takes the image in from `file`.
void asm_append(const ElfWeights *w, const char *file, Str *text);
// A static library: what comes before its only member, the object as elf_append writes it (w NULL:
// as it is). Behind the member an odd size needs one more byte, '\n'.
bool ar_head(Ctx *c, const char *path, const char *member, const void *object, size_t n,
             const ElfWeights *w, Str *out);
bool write_all(int fd, const void *p, uint64_t n); // false with errno set
// What a finished vit.o holds, for run, bench and inspect. Views into `file`.
typedef struct ElfModel {
    char prefix[256]; // of the one symbol <prefix>_model
    const void *weights; // NULL: in a file of their own
    uint64_t weights_nbytes;
    Arch arch;
    Str code; // the object without its weights: <prefix>_weights undefined again
} ElfModel;
bool elf_open_model(Ctx *c, const char *path, const void *file, size_t n, ElfModel *out);

// header.c: vit.h
void header_print(const Program *p, const EmitOptions *o, Str *out);
// <prefix>_run as declared there, without the semicolon, and the names of its parameters: one for
// every input, then every output.
void header_signature(const Program *p, const char *prefix, Str *out);
const char **header_params(const Program *p);
#endif
