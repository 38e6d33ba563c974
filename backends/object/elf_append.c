// elf_append.c: a weights section for a relocatable object, streamed, never held in memory.
//
//   [ object, symbol patched ] (less its section header table when that came last)
//   [ section names and one more ][ section header table, one more ][ padding ][ weights ]
//
// The new section takes the next free index, so nothing is renumbered and no relocation changes.
// Everything before the weights is known beforehand; nothing is rewritten. Source: x86-64 psABI,
// section 4.2, for SHF_X86_64_LARGE.
#include "backends/object/elf_file.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

#ifndef SHF_X86_64_LARGE
#define SHF_X86_64_LARGE 0x10000000
#endif

bool write_all(int fd, const void *p, uint64_t n) {
    enum { STEP = 1 << 20 };
    for (const char *at = p; n;) {
        ssize_t w = write(fd, at, n < STEP ? (size_t)n : (size_t)STEP);
        if (w < 0 && errno == EINTR) continue;
        if (w <= 0) return false;
        at += w;
        n -= (uint64_t)w;
    }
    return true;
}

// ---- the symbol ------------------------------------------------------------------------------
typedef struct Define {
    const ElfWeights *w;
    uint32_t section, undefined, defined; // hits
} Define;
static bool define_symbol(void *ctx, const char *name, Elf64_Sym *s) {
    Define *d = ctx;
    if (strcmp(name, d->w->symbol)) return false;
    if (s->st_shndx != SHN_UNDEF) d->defined++;
    d->undefined++;
    s->st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT);
    s->st_other = STV_HIDDEN; // no export; `ld -r` and two models in one program still link
    s->st_shndx = (Elf64_Half)d->section;
    s->st_value = 0;
    s->st_size = d->w->nbytes;
    return true;
}

// ---- what comes before the weights -----------------------------------------------------------
static Str prepare(ElfFile *e, const ElfWeights *w) {
    uint64_t table = e->nsections * sizeof(Elf64_Shdr), grown = table + sizeof(Elf64_Shdr);
    bool table_is_last = e->header.e_shoff + table == e->nbytes;
    uint64_t body = table_is_last ? e->header.e_shoff : e->nbytes;
    Elf64_Shdr *names = &e->section[e->header.e_shstrndx], *added = &e->section[e->nsections];
    Str out = str_new(e->c->scratch);
    str_add_n(&out, e->body, body);
    str_add_n(&out, e->body + names->sh_offset, names->sh_size);
    str_add_n(&out, w->section, strlen(w->section) + 1);
    static const char zero[8];
    uint64_t names_end = out.n, table_at = round_up(names_end, 8);
    str_add_n(&out, zero, table_at - names_end);

    *added = (Elf64_Shdr){.sh_name = (Elf64_Word)names->sh_size,
                          .sh_type = SHT_PROGBITS,
                          .sh_flags = SHF_ALLOC,
                          .sh_offset = round_up(table_at + grown, w->align),
                          .sh_size = w->nbytes,
                          .sh_addralign = w->align};
    if (w->large && e->header.e_machine == EM_X86_64) added->sh_flags |= SHF_X86_64_LARGE;
    names->sh_offset = body; // often the symbols' names, too: it only grew
    names->sh_size = names_end - body;
    str_add_n(&out, e->section, grown);
    e->header.e_shoff = table_at;
    e->header.e_shnum++;
    memcpy(out.data, &e->header, sizeof e->header);
    return out;
}
static bool write_head(ElfFile *e, const ElfWeights *w, int fd) {
    static const char zero[4096];
    Str head = prepare(e, w);
    uint64_t gap = e->section[e->nsections].sh_offset - head.n;
    bool ok = write_all(fd, head.data, head.n);
    while (ok && gap) {
        uint64_t n = gap < sizeof zero ? gap : sizeof zero;
        ok = write_all(fd, zero, n);
        gap -= n;
    }
    return ok;
}
bool elf_appended_size(Ctx *c, const void *object, size_t n, const ElfWeights *w, const char *path,
                       uint64_t *nbytes) {
    ElfFile e = {.c = c, .path = path};
    *nbytes = n;
    if (!w) return true;
    if (!elf_read(&e, object, n)) return false;
    prepare(&e, w);
    *nbytes = e.section[e.nsections].sh_offset + w->nbytes;
    return true;
}
bool elf_append(Ctx *c, const void *object, size_t n, const ElfWeights *w, int fd, const char *path,
                ElfStream stream, void *ctx) {
    ElfFile e = {.c = c, .path = path};
    if (!elf_read(&e, object, n)) return false;
    Define d = {.w = w, .section = e.nsections};
    if (!elf_each_symbol(&e, define_symbol, &d)) return false;
    if (d.undefined != 1 || d.defined)
        return elf_bad(&e, "the weights' symbol is not undefined exactly once");
    if (write_head(&e, w, fd)) return stream(ctx, fd);
    Loc at = diag_loc(c->diag, (LocInfo){.file = path});
    return diag_error(c->diag, ERR_IO, at, "cannot be written: %s", strerror(errno));
}
