// zip.c: the archives of PyTorch: entries are stored, not compressed, so a tensor is a view of the
// file. Sizes come from the central directory (local headers say 0), the place of the data from the
// local header. Everything must lie in the file without overlap; names are compared, never opened.
#include "frontend/weights/torch.h"
#include <stdlib.h>
#include <string.h>

enum {
    END_SIZE = 22,
    END64_SIZE = 56,
    LOCATOR_SIZE = 20,
    CENTRAL_SIZE = 46,
    LOCAL_SIZE = 30,
    MAX_COMMENT = 65535,
    ZIP64_EXTRA = 1,
    ENCRYPTED = 1,
};
static const uint32_t END_MAGIC = 0x06054b50, END64_MAGIC = 0x06064b50, LOCATOR_MAGIC = 0x07064b50,
                      CENTRAL_MAGIC = 0x02014b50, LOCAL_MAGIC = 0x04034b50;
static const uint64_t IN_ZIP64 = 0xffffffffu; // "see the 64-bit field"

typedef struct Reader {
    Ctx *c;
    const FileView *f;
    uint64_t directory, directory_end;
    uint64_t nentries;
} Reader;

static bool bad(const Reader *r, const char *what) {
    Loc at = diag_loc(r->c->diag, (LocInfo){.file = r->f->path});
    return diag_error(r->c->diag, ERR_MODEL, at, "malformed or truncated zip archive: %s", what);
}
static bool inside(uint64_t at, uint64_t n, uint64_t end) {
    return at <= end && n <= end - at;
}
static uint64_t get(const Reader *r, uint64_t at, int nbytes) {
    uint64_t v = 0;
    memcpy(&v, r->f->data + at, (size_t)nbytes);
    return v;
}

// ---- the end of the archive says where the directory is --------------------------------------
static bool find_end(Reader *r, uint64_t *at) {
    uint64_t n = r->f->nbytes;
    if (n < END_SIZE) return bad(r, "too short");
    uint64_t lowest = n - END_SIZE > MAX_COMMENT ? n - END_SIZE - MAX_COMMENT : 0;
    for (*at = n - END_SIZE;; --*at) {
        if (get(r, *at, 4) == END_MAGIC && get(r, *at + 20, 2) == n - *at - END_SIZE) return true;
        if (*at == lowest) return bad(r, "no central directory");
    }
}
static bool read_end64(Reader *r, uint64_t end, uint64_t *offset, uint64_t *nbytes) {
    if (end < LOCATOR_SIZE + END64_SIZE || get(r, end - LOCATOR_SIZE, 4) != LOCATOR_MAGIC)
        return bad(r, "no 64-bit end record");
    uint64_t at = get(r, end - LOCATOR_SIZE + 8, 8);
    if (!inside(at, END64_SIZE, end - LOCATOR_SIZE) || get(r, at, 4) != END64_MAGIC)
        return bad(r, "bad 64-bit end record");
    r->nentries = get(r, at + 32, 8);
    *nbytes = get(r, at + 40, 8);
    *offset = get(r, at + 48, 8);
    return true;
}
static bool find_directory(Reader *r) {
    uint64_t end = 0, offset, nbytes;
    if (!find_end(r, &end)) return false;
    r->nentries = get(r, end + 10, 2);
    nbytes = get(r, end + 12, 4);
    offset = get(r, end + 16, 4);
    bool is64 = r->nentries == 0xffff || nbytes == IN_ZIP64 || offset == IN_ZIP64;
    if (is64 && !read_end64(r, end, &offset, &nbytes)) return false;
    if (!inside(offset, nbytes, end)) return bad(r, "the directory lies outside the file");
    if (r->nentries > limit(LIM_ZIP_ENTRIES))
        return diag_error(r->c->diag, ERR_LIMIT, 0,
                          "%s: %llu entries in the archive; the limit "
                          "is %llu",
                          r->f->path, (unsigned long long)r->nentries,
                          (unsigned long long)limit(LIM_ZIP_ENTRIES));
    r->directory = offset;
    r->directory_end = offset + nbytes;
    return true;
}

// ---- entries ---------------------------------------------------------------------------------
// The 64-bit extra field holds those of the three numbers that did not fit, in this order.
static bool widen(Reader *r, uint64_t at, uint64_t n, uint64_t *full, uint64_t *stored,
                  uint64_t *local) {
    uint64_t *numbers[] = {full, stored, local};
    uint64_t end = at + n;
    while (inside(at, 4, end)) {
        uint64_t id = get(r, at, 2), size = get(r, at + 2, 2);
        at += 4;
        if (!inside(at, size, end)) return bad(r, "bad extra field");
        uint64_t field = at, field_end = at + size;
        for (size_t i = 0; id == ZIP64_EXTRA && i < COUNT_OF(numbers); i++) {
            if (*numbers[i] != IN_ZIP64) continue;
            if (!inside(field, 8, field_end)) return bad(r, "bad 64-bit field");
            *numbers[i] = get(r, field, 8);
            field += 8;
        }
        at = field_end;
    }
    return true;
}
static bool locate(Reader *r, uint64_t local, uint64_t name_at, uint64_t name_n, ZipEntry *e) {
    if (!inside(local, LOCAL_SIZE, r->directory) || get(r, local, 4) != LOCAL_MAGIC)
        return bad(r, "no local header where the directory says");
    uint64_t n = get(r, local + 26, 2), extra = get(r, local + 28, 2);
    uint64_t stored = get(r, local + 18, 4);
    if (!inside(local + LOCAL_SIZE, n + extra, r->directory)) return bad(r, "bad local header");
    e->offset = local + LOCAL_SIZE + n + extra;
    if (n != name_n || memcmp(r->f->data + local + LOCAL_SIZE, r->f->data + name_at, n))
        return bad(r, "local header and directory disagree about a name");
    if (stored != 0 && stored != IN_ZIP64 && stored != e->nbytes)
        return bad(r, "local header and directory disagree about a size");
    return inside(e->offset, e->nbytes, r->directory) || bad(r, "an entry lies outside the file");
}
static bool read_entry(Reader *r, uint64_t *at, ZipEntry *e) {
    if (!inside(*at, CENTRAL_SIZE, r->directory_end) || get(r, *at, 4) != CENTRAL_MAGIC)
        return bad(r, "the directory is shorter than it says");
    uint64_t flags = get(r, *at + 8, 2), method = get(r, *at + 10, 2);
    uint64_t stored = get(r, *at + 20, 4), full = get(r, *at + 24, 4), local = get(r, *at + 42, 4);
    uint64_t n = get(r, *at + 28, 2), extra = get(r, *at + 30, 2), comment = get(r, *at + 32, 2);
    uint64_t name_at = *at + CENTRAL_SIZE;
    if (!inside(name_at, n + extra + comment, r->directory_end)) return bad(r, "bad entry");
    if (method != 0 || flags & ENCRYPTED) return bad(r, "an entry is compressed or encrypted");
    if (!widen(r, name_at + n, extra, &full, &stored, &local)) return false;
    if (full != stored) return bad(r, "the sizes of an entry differ");
    if (memchr(r->f->data + name_at, 0, n)) return bad(r, "a name contains NUL");
    e->name = arena_strndup(r->c->arena, (const char *)r->f->data + name_at, n);
    e->nbytes = stored;
    *at = name_at + n + extra + comment;
    return locate(r, local, name_at, n, e);
}
static int by_name(const void *a, const void *b) {
    return strcmp(((const ZipEntry *)a)->name, ((const ZipEntry *)b)->name);
}
static int by_offset(const void *a, const void *b) {
    const ZipEntry *x = a, *y = b;
    if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
    return x->nbytes < y->nbytes ? -1 : x->nbytes > y->nbytes;
}
bool zip_read(Ctx *c, const FileView *f, Zip *out) {
    Reader r = {.c = c, .f = f};
    *out = (Zip){0};
    if (!find_directory(&r)) return false;
    uint64_t at = r.directory;
    for (uint64_t i = 0; i < r.nentries; i++)
        if (!read_entry(&r, &at, PUSH(c->arena, &out->entry))) return false;
    if (at != r.directory_end) return bad(&r, "the directory is longer than its entries");
    ZipEntry *e = out->entry.data;
    uint32_t n = out->entry.n;
    if (n) qsort(e, n, sizeof *e, by_offset);
    for (uint32_t i = 1; i < n; i++)
        if (e[i].offset - e[i - 1].offset < e[i - 1].nbytes) return bad(&r, "entries overlap");
    if (n) qsort(e, n, sizeof *e, by_name);
    for (uint32_t i = 1; i < n; i++)
        if (!strcmp(e[i].name, e[i - 1].name)) return bad(&r, "a name occurs twice");
    return true;
}
const ZipEntry *zip_find(const Zip *z, const char *name) {
    ZipEntry key = {.name = name};
    if (!z->entry.n) return NULL;
    return bsearch(&key, z->entry.data, z->entry.n, sizeof key, by_name);
}
