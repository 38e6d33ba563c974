// asm_weights.c: the weights section at the end of assembly text, for gas and clang alike: what
// elf_append adds to an object, with the image taken in from a file.
#include "backends/backend.h"
#include <elf.h>

#ifndef SHF_X86_64_LARGE
#define SHF_X86_64_LARGE 0x10000000
#endif

void asm_append(const ElfWeights *w, const char *file, Str *out) {
    // flags as a number: not every assembler knows the letter of a large section
    str_addf(out, "\n\t.section\t%s,\"%#x\",@progbits\n", w->section,
             w->large ? SHF_ALLOC | SHF_X86_64_LARGE : SHF_ALLOC);
    str_addf(out, "\t.balign\t%llu\n\t.globl\t%s\n\t.hidden\t%s\n\t.type\t%s, @object\n%s:\n",
             (unsigned long long)w->align, w->symbol, w->symbol, w->symbol, w->symbol);
    str_addf(out, "\t.incbin\t\"%s\"\n\t.size\t%s, %llu\n", escape(out->arena, SINK_C_STRING, file),
             w->symbol, (unsigned long long)w->nbytes);
}
