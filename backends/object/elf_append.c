// elf_append.c: a weights section for a relocatable object, streamed, never held in memory.
//
//   [ object, symbol patched ] (less its section header table when that came last)
//   [ section-name table + one name ][ section header table, one more ][ padding ][ weights ]
//
// The new section takes the next free index, so nothing is renumbered and no relocation changes.
// Source: System V ABI, "Object Files"; x86-64 psABI section 4.2 for SHF_X86_64_LARGE.
#include "backends/backend.h"
#include <elf.h>
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
typedef struct Elf {
    Ctx *c;
    const char *path;
    char *body; // a copy of the input, patched
    uint64_t nbytes;
    Elf64_Ehdr eh;
    Elf64_Shdr *section;
    unsigned nsections;
} Elf;

static bool bad(const Elf *e, const char *what) {
    return diag_error(e->c->diag, ERR_MODEL, diag_loc(e->c->diag, (LocInfo){.file = e->path}), "%s",
                      what);
}
static bool inside(const Elf *e, uint64_t offset, uint64_t n) {
    return offset <= e->nbytes && n <= e->nbytes - offset;
}
static bool open_elf(Elf *e, const void *object, size_t n) {
    if (n < sizeof e->eh) return bad(e, "not an object file: too short");
    memcpy(&e->eh, object, sizeof e->eh);
    e->nbytes = n;
    const Elf64_Ehdr *h = &e->eh;
    if (memcmp(h->e_ident, ELFMAG, SELFMAG) || h->e_type != ET_REL ||
        h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != ELFDATA2LSB ||
        (h->e_machine != EM_X86_64 && h->e_machine != EM_AARCH64))
        return bad(e, "not a relocatable object of a 64-bit little-endian machine");
    e->nsections = h->e_shnum;
    if (e->nsections < 2 || e->nsections >= SHN_LORESERVE - 1 || h->e_shstrndx >= e->nsections ||
        h->e_shentsize != sizeof(Elf64_Shdr) ||
        !inside(e, h->e_shoff, e->nsections * sizeof(Elf64_Shdr)))
        return bad(e, "its section header table is not usable");
    e->body = arena_copy(e->c->scratch, object, n);
    e->section = NEW_N(e->c->scratch, Elf64_Shdr, e->nsections + 1);
    memcpy(e->section, e->body + h->e_shoff, e->nsections * sizeof(Elf64_Shdr));
    for (unsigned i = 1; i < e->nsections; i++)
        if (e->section[i].sh_type != SHT_NOBITS &&
            !inside(e, e->section[i].sh_offset, e->section[i].sh_size))
            return bad(e, "a section lies outside the file");
    return true;
}
// Calls `visit` with every symbol; the symbol is written back when it returns true.
typedef bool (*SymbolVisit)(void *ctx, const char *name, Elf64_Sym *s);
static bool each_symbol(Elf *e, SymbolVisit visit, void *ctx) {
    for (unsigned i = 1; i < e->nsections; i++) {
        const Elf64_Shdr *h = &e->section[i];
        if (h->sh_type != SHT_SYMTAB) continue;
        if (h->sh_entsize != sizeof(Elf64_Sym) || h->sh_link >= e->nsections)
            return bad(e, "malformed symbol table");
        const Elf64_Shdr *st = &e->section[h->sh_link];
        const char *names = e->body + st->sh_offset;
        if (st->sh_type != SHT_STRTAB || !st->sh_size || names[st->sh_size - 1])
            return bad(e, "malformed string table");
        for (uint64_t k = 1; k < h->sh_size / sizeof(Elf64_Sym); k++) {
            char *at = e->body + h->sh_offset + k * sizeof(Elf64_Sym);
            Elf64_Sym s;
            memcpy(&s, at, sizeof s);
            if (s.st_name >= st->sh_size) return bad(e, "malformed symbol name");
            if (visit(ctx, names + s.st_name, &s)) memcpy(at, &s, sizeof s);
        }
    }
    return true;
}

// ---- adding ----------------------------------------------------------------------------------
typedef struct Define {
    const ElfWeights *w;
    unsigned section, hits, defined;
} Define;
static bool define_symbol(void *ctx, const char *name, Elf64_Sym *s) {
    Define *d = ctx;
    if (strcmp(name, d->w->symbol)) return false;
    if (s->st_shndx != SHN_UNDEF) d->defined++;
    d->hits++;
    s->st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT);
    s->st_other = STV_HIDDEN;
    s->st_shndx = (Elf64_Half)d->section;
    s->st_value = 0;
    s->st_size = d->w->nbytes;
    return true;
}
static bool pad_to(int fd, uint64_t from, uint64_t to) {
    static const char zero[4096];
    while (from < to) {
        uint64_t n = to - from < sizeof zero ? to - from : sizeof zero;
        if (!write_all(fd, zero, n)) return false;
        from += n;
    }
    return true;
}
bool elf_append(Ctx *c, const void *object, size_t n, const ElfWeights *w, int fd, const char *path,
                ElfStream stream, void *ctx) {
    Elf e = {.c = c, .path = path};
    if (!open_elf(&e, object, n)) return false;
    Define d = {.w = w, .section = e.nsections};
    if (!each_symbol(&e, define_symbol, &d)) return false;
    if (d.hits != 1 || d.defined) return bad(&e, "the weight symbol is not undefined exactly once");
    // LLVM writes the header table last: the new one takes its place
    uint64_t table = e.nsections * sizeof(Elf64_Shdr);
    uint64_t body = e.eh.e_shoff + table == n ? e.eh.e_shoff : n;
    Elf64_Shdr *names = &e.section[e.eh.e_shstrndx], *nw = &e.section[e.nsections];
    uint64_t old_names = names->sh_size, name_bytes = strlen(w->section) + 1;
    const char *old_text = e.body + names->sh_offset;
    uint64_t names_at = body, table_at = round_up(names_at + old_names + name_bytes, 8);
    uint64_t data_at = round_up(table_at + table + sizeof(Elf64_Shdr), w->align);
    *nw = (Elf64_Shdr){.sh_name = (Elf64_Word)old_names,
                       .sh_type = SHT_PROGBITS,
                       .sh_flags = SHF_ALLOC,
                       .sh_offset = data_at,
                       .sh_size = w->nbytes,
                       .sh_addralign = w->align};
    if (w->large && e.eh.e_machine == EM_X86_64) nw->sh_flags |= SHF_X86_64_LARGE;
    names->sh_offset = names_at;
    names->sh_size = old_names + name_bytes;
    Elf64_Ehdr eh = e.eh;
    eh.e_shoff = table_at;
    eh.e_shnum = (Elf64_Half)(e.nsections + 1);
    char *head = arena_copy(c->scratch, e.body, n);
    memcpy(head, &eh, sizeof eh);
    bool ok = write_all(fd, head, body) && write_all(fd, old_text, old_names) &&
              write_all(fd, w->section, name_bytes) &&
              pad_to(fd, names_at + old_names + name_bytes, table_at) &&
              write_all(fd, e.section, table + sizeof(Elf64_Shdr)) &&
              pad_to(fd, table_at + table + sizeof(Elf64_Shdr), data_at);
    if (!ok)
        return diag_error(c->diag, ERR_IO, diag_loc(c->diag, (LocInfo){.file = path}), "%s",
                          strerror(errno));
    return stream(ctx, fd);
}

// ---- opening ---------------------------------------------------------------------------------
typedef struct Find {
    ElfModel *out;
    unsigned nmodels, weights_section;
} Find;
static bool find_model(void *ctx, const char *name, Elf64_Sym *s) {
    Find *f = ctx;
    size_t n = strlen(name);
    if (s->st_shndx == SHN_UNDEF || ELF64_ST_BIND(s->st_info) != STB_GLOBAL ||
        !str_ends(name, "_model") || n - 6 >= sizeof f->out->prefix)
        return false;
    memcpy(f->out->prefix, name, n - 6);
    f->out->prefix[n - 6] = 0;
    f->nmodels++;
    return false;
}
static bool undefine_weights(void *ctx, const char *name, Elf64_Sym *s) {
    Find *f = ctx;
    size_t n = strlen(f->out->prefix);
    if (strncmp(name, f->out->prefix, n) || strcmp(name + n, "_weights")) return false;
    f->weights_section = s->st_shndx;
    s->st_info = ELF64_ST_INFO(STB_GLOBAL, STT_NOTYPE);
    s->st_shndx = SHN_UNDEF;
    s->st_size = 0;
    return true;
}
bool elf_open_model(Ctx *c, const char *path, const void *file, size_t n, ElfModel *out) {
    Elf e = {.c = c, .path = path};
    if (n < sizeof(Elf64_Ehdr)) return bad(&e, "not an object file: too short");
    // only the part before the weights is copied: they come last, as elf_append wrote them
    Elf64_Ehdr eh;
    memcpy(&eh, file, sizeof eh);
    Find f = {.out = out};
    uint64_t end_of_table = eh.e_shoff + (uint64_t)eh.e_shnum * sizeof(Elf64_Shdr);
    if (end_of_table < eh.e_shoff || end_of_table > n || eh.e_shnum < 2)
        return bad(&e, "not an object made by vitc");
    Elf64_Shdr last;
    memcpy(&last, (const char *)file + end_of_table - sizeof last, sizeof last);
    if (last.sh_offset < end_of_table || last.sh_offset > n || last.sh_size > n - last.sh_offset)
        return bad(&e, "not an object made by vitc");
    char *head = arena_copy(c->scratch, file, end_of_table);
    eh.e_shnum--; // the weights section goes
    memcpy(head, &eh, sizeof eh);
    if (!open_elf(&e, head, end_of_table) || !each_symbol(&e, find_model, &f)) return false;
    if (f.nmodels != 1) return bad(&e, "not an object made by vitc: it has no <prefix>_model");
    if (!each_symbol(&e, undefine_weights, &f)) return false;
    if (f.weights_section != (unsigned)eh.e_shnum)
        return bad(&e, "its weights are not in its last section");
    out->weights = (const char *)file + last.sh_offset;
    out->weights_nbytes = last.sh_size;
    out->code = str_new(c->arena);
    str_add_n(&out->code, e.body, end_of_table);
    return true;
}
