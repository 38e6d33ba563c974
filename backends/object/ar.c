// ar.c: a static library with one object. Format: System V "ar" as binutils writes it in its
// deterministic mode: "!<arch>\n", then members, each behind a 60-byte header of text, at even
// offsets. The first member, "/", is the index: how many symbols, for each the offset of the member
// that defines it (big-endian words), then their names. A name of more than 15 bytes lies in a
// member "//" instead of the header.
#include "backends/object/elf_file.h"
#include <string.h>

enum { SHORT_NAME = 15, ALIGN = 8 }; // the object starts at a multiple of ALIGN
static const unsigned long long MOST = 9999999999; // ten digits of a header
typedef struct Index {
    Str names;
    uint32_t n;
} Index;

static void add_header(Str *out, const char *name, uint64_t nbytes) {
    str_addf(out, "%-16s%-12d%-6d%-6d%-8s%-10llu`\n", name, 0, 0, 0, "644",
             (unsigned long long)nbytes);
}
static void add_word(Str *out, uint64_t v) {
    for (int shift = 24; shift >= 0; shift -= 8) {
        char byte = (char)(v >> shift & 255);
        str_add_n(out, &byte, 1);
    }
}
static bool add_symbol(void *ctx, const char *name, Elf64_Sym *s) {
    Index *index = ctx;
    if (ELF64_ST_BIND(s->st_info) != STB_GLOBAL || s->st_shndx == SHN_UNDEF) return false;
    str_add_n(&index->names, name, strlen(name) + 1);
    index->n++;
    return false;
}
// Behind the index and the table of long names: NULs, so that the object is aligned.
static void pad(Str *s, uint64_t end) {
    while ((end + s->n) % ALIGN) str_add_n(s, "", 1);
}
bool ar_head(Ctx *c, const char *path, const char *member, const void *object, size_t n,
             const ElfWeights *w, Str *out) {
    enum { MAGIC = 8, HEADER = 60 };
    uint64_t nbytes;
    ElfFile e = {.c = c, .path = path};
    Index index = {.names = str_new(c->scratch)};
    if (!elf_appended_size(c, object, n, w, path, &nbytes) || !elf_read(&e, object, n) ||
        !elf_each_symbol(&e, add_symbol, &index))
        return false;
    if (nbytes > MOST)
        return diag_error(c->diag, ERR_LIMIT, 0, "a library's member has %llu bytes at most", MOST);
    if (w) str_add_n(&index.names, w->symbol, strlen(w->symbol) + 1), index.n++;

    Str long_name = str_new(c->scratch);
    if (strlen(member) > SHORT_NAME) str_addf(&long_name, "%s/\n", member);
    uint64_t before = MAGIC + HEADER + 4 + 4 * (uint64_t)index.n;
    uint64_t after = (long_name.n ? HEADER : 0) + long_name.n + HEADER;
    pad(&index.names, before + after);
    uint64_t at = before + index.names.n + after - HEADER; // of the object's header

    str_add(out, "!<arch>\n");
    add_header(out, "/", 4 + 4 * (uint64_t)index.n + index.names.n);
    add_word(out, index.n);
    for (uint32_t i = 0; i < index.n; i++) add_word(out, at);
    str_add_n(out, index.names.data, index.names.n);
    if (long_name.n) add_header(out, "//", long_name.n);
    str_add_n(out, long_name.data, long_name.n);
    add_header(out, long_name.n ? "/0" : arena_printf(c->scratch, "%s/", member), nbytes);
    return true;
}
