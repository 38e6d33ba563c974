// elf_file.c: reads the headers of an object that may come from anywhere, and walks its symbols.
// Source: System V ABI, "Object Files".
#include "backends/object/elf_file.h"
#include <string.h>

bool elf_bad(const ElfFile *e, const char *what) {
    Loc at = diag_loc(e->c->diag, (LocInfo){.file = e->path});
    return diag_error(e->c->diag, ERR_MODEL, at, "%s", e->verdict ? e->verdict : what);
}
static bool inside(const ElfFile *e, uint64_t offset, uint64_t n) {
    return offset <= e->nbytes && n <= e->nbytes - offset;
}
static bool is_object(const Elf64_Ehdr *h) {
    bool machine = h->e_machine == EM_X86_64 || h->e_machine == EM_AARCH64;
    return !memcmp(h->e_ident, ELFMAG, SELFMAG) && h->e_ident[EI_CLASS] == ELFCLASS64 &&
           h->e_ident[EI_DATA] == ELFDATA2LSB && h->e_type == ET_REL && machine;
}
static bool has_table(const ElfFile *e) {
    const Elf64_Ehdr *h = &e->header;
    bool count = h->e_shnum >= 1 && h->e_shnum < SHN_LORESERVE - 1;
    return count && h->e_shentsize == sizeof(Elf64_Shdr) &&
           inside(e, h->e_shoff, h->e_shnum * sizeof(Elf64_Shdr));
}
// A string table whose last string ends.
static bool is_strings(const ElfFile *e, uint32_t section) {
    if (section == 0 || section >= e->nsections) return false;
    const Elf64_Shdr *s = &e->section[section];
    return s->sh_type == SHT_STRTAB && s->sh_size && !e->body[s->sh_offset + s->sh_size - 1];
}
bool elf_read(ElfFile *e, const void *object, size_t n) {
    e->nbytes = n;
    if (n < sizeof e->header) return elf_bad(e, "not an object file: too short");
    memcpy(&e->header, object, sizeof e->header);
    if (!is_object(&e->header))
        return elf_bad(e, "not a relocatable object of a 64-bit little-endian machine");
    if (!has_table(e)) return elf_bad(e, "its section header table is not usable");
    e->nsections = e->header.e_shnum;
    e->body = arena_copy(e->c->scratch, object, n);
    e->section = NEW_N(e->c->scratch, Elf64_Shdr, e->nsections + 1);
    memcpy(e->section, e->body + e->header.e_shoff, e->nsections * sizeof(Elf64_Shdr));
    for (uint32_t i = 1; i < e->nsections; i++) {
        const Elf64_Shdr *s = &e->section[i];
        if (s->sh_type != SHT_NOBITS && !inside(e, s->sh_offset, s->sh_size))
            return elf_bad(e, "a section lies outside the file");
    }
    return is_strings(e, e->header.e_shstrndx) || elf_bad(e, "its sections have no names");
}
static bool visit_table(ElfFile *e, const Elf64_Shdr *table, ElfVisit visit, void *ctx) {
    const Elf64_Shdr *strings = &e->section[table->sh_link];
    const char *names = e->body + strings->sh_offset;
    for (uint64_t k = 1; k < table->sh_size / sizeof(Elf64_Sym); k++) {
        char *at = e->body + table->sh_offset + k * sizeof(Elf64_Sym);
        Elf64_Sym s;
        memcpy(&s, at, sizeof s);
        if (s.st_name >= strings->sh_size) return elf_bad(e, "a symbol's name is malformed");
        if (visit(ctx, names + s.st_name, &s)) memcpy(at, &s, sizeof s);
    }
    return true;
}
bool elf_each_symbol(ElfFile *e, ElfVisit visit, void *ctx) {
    for (uint32_t i = 1; i < e->nsections; i++) {
        const Elf64_Shdr *s = &e->section[i];
        if (s->sh_type != SHT_SYMTAB) continue;
        if (s->sh_entsize != sizeof(Elf64_Sym) || !is_strings(e, s->sh_link))
            return elf_bad(e, "its symbol table is malformed");
        if (!visit_table(e, s, visit, ctx)) return false;
    }
    return true;
}
