// elf_open.c: takes a finished vit.o apart again: its code, with the weights' symbol undefined as
// it was, and a view of its weights. They come last, as elf_append wrote them, so only what is
// before them is copied. Or they are a file of their own, and the object is code alone.
#include "backends/object/elf_file.h"
#include <string.h>

typedef struct Find {
    ElfModel *out;
    uint32_t models, weights, weights_section;
    bool is_sanitized;
} Find;
static bool find_model(void *ctx, const char *name, Elf64_Sym *s) {
    Find *f = ctx;
    size_t n = strlen(name), suffix = strlen("_model");
    if (!strcmp(name, "__asan_init")) f->is_sanitized = true;
    bool is_public = s->st_shndx != SHN_UNDEF && ELF64_ST_BIND(s->st_info) == STB_GLOBAL;
    if (!is_public || !str_ends(name, "_model") || n - suffix >= sizeof f->out->prefix)
        return false;
    memcpy(f->out->prefix, name, n - suffix);
    f->out->prefix[n - suffix] = 0;
    f->models++;
    return false;
}
static bool undefine_weights(void *ctx, const char *name, Elf64_Sym *s) {
    Find *f = ctx;
    size_t n = strlen(f->out->prefix);
    if (strncmp(name, f->out->prefix, n) || strcmp(name + n, "_weights")) return false;
    f->weights_section = s->st_shndx;
    f->weights++;
    s->st_info = ELF64_ST_INFO(STB_GLOBAL, STT_NOTYPE);
    s->st_shndx = SHN_UNDEF;
    s->st_size = 0;
    return true;
}
// The header of the last section, when the sections and it look as elf_append leaves them.
static bool last_section(const char *file, size_t n, const Elf64_Ehdr *h, Elf64_Shdr *last) {
    uint64_t end; // of the section header table
    if (h->e_shnum < 2 || !size_add(h->e_shoff, h->e_shnum * sizeof *last, &end)) return false;
    if (h->e_shoff < sizeof *h || end > n) return false;
    memcpy(last, file + end - sizeof *last, sizeof *last);
    return last->sh_offset >= end && last->sh_offset <= n && last->sh_size <= n - last->sh_offset;
}
// It calls AddressSanitizer's runtime, which is not in this process.
static bool is_for_the_sanitizer(const ElfFile *e) {
    Loc at = diag_loc(e->c->diag, (LocInfo){.file = e->path});
    diag_error(e->c->diag, ERR_UNSUPPORTED, at, "was compiled with --sanitize address");
    return diag_note(e->c->diag, "it runs in a program that is linked with -fsanitize=address");
}
static const char foreign[] = "not an object made by vitc";
static bool find_one_model(ElfFile *e, Find *f) {
    if (!elf_each_symbol(e, find_model, f)) return false;
    if (f->models != 1) return elf_bad(e, foreign);
    return !f->is_sanitized || is_for_the_sanitizer(e);
}
// Weights in a file of their own: nothing is taken off, and nothing refers to them.
static bool open_apart(ElfFile *e, const void *file, size_t n, ElfModel *out) {
    enum { MOST = 1 << 28 };
    Find f = {.out = out};
    if (n > MOST) return elf_bad(e, foreign);
    e->verdict = foreign; // any object may come this way
    if (!elf_read(e, file, n) || !find_one_model(e, &f)) return false;
    if (!elf_each_symbol(e, undefine_weights, &f)) return false;
    if (f.weights) return elf_bad(e, foreign);
    out->code = str_new(e->c->arena);
    str_add_n(&out->code, file, n);
    out->weights = NULL;
    out->weights_nbytes = 0;
    return true;
}
static bool open_whole(ElfFile *e, const void *file, Elf64_Ehdr header, const Elf64_Shdr *weights,
                       ElfModel *out) {
    Find f = {.out = out};
    size_t code = header.e_shoff + header.e_shnum * sizeof *weights;
    uint32_t index = --header.e_shnum; // the weights go
    out->code = str_new(e->c->arena);
    str_add_n(&out->code, &header, sizeof header);
    str_add_n(&out->code, (const char *)file + sizeof header, code - sizeof header);
    if (!elf_read(e, out->code.data, code) || !find_one_model(e, &f)) return false;
    if (!elf_each_symbol(e, undefine_weights, &f)) return false;
    if (f.weights_section != index) return elf_bad(e, foreign);
    memcpy(out->code.data, e->body, code);
    out->weights = (const char *)file + weights->sh_offset;
    out->weights_nbytes = weights->sh_size;
    return true;
}
bool elf_open_model(Ctx *c, const char *path, const void *file, size_t n, ElfModel *out) {
    ElfFile e = {.c = c, .path = path};
    Elf64_Ehdr header;
    Elf64_Shdr weights;
    if (n < sizeof header || memcmp(file, ELFMAG, SELFMAG)) return elf_bad(&e, foreign);
    memcpy(&header, file, sizeof header);
    bool is_whole = last_section(file, n, &header, &weights);
    if (is_whole ? !open_whole(&e, file, header, &weights, out) : !open_apart(&e, file, n, out))
        return false;
    out->arch = header.e_machine == EM_AARCH64 ? ARCH_AARCH64 : ARCH_X86_64;
    return true;
}
