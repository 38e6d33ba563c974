// elf_file.h: a relocatable ELF object in memory, checked: what elf_append and elf_open share.
#ifndef BACKENDS_OBJECT_ELF_FILE_H
#define BACKENDS_OBJECT_ELF_FILE_H
#include "backends/backend.h"
#include <elf.h>

typedef struct ElfFile {
    Ctx *c;
    const char *path; // for messages
    const char *verdict; // said instead of what is wrong in detail; or NULL
    char *body;       // a copy of the file, changed by elf_each_symbol
    uint64_t nbytes;
    Elf64_Ehdr header;
    Elf64_Shdr *section; // room for one more
    uint32_t nsections;
} ElfFile;
// False after a diagnostic: not an object of a 64-bit little-endian machine, or a part of it lies
// outside of the file.
bool elf_read(ElfFile *e, const void *object, size_t n);
// Calls `visit` with every symbol; the symbol is written back when it returns true.
typedef bool (*ElfVisit)(void *ctx, const char *name, Elf64_Sym *s);
bool elf_each_symbol(ElfFile *e, ElfVisit visit, void *ctx);
bool elf_bad(const ElfFile *e, const char *what); // the diagnostic
#endif
