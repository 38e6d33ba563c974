// torch.c: pytorch_model.bin and its relatives: a pickle that describes tensors as views of
// storages, and the storages. Two containers: a zip archive (torch >= 1.6), or everything in a row
// (before). Tensors in nested dicts get dotted names; anything else in the pickle is skipped.
#include "frontend/weights/torch.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_NESTING = 8 };
typedef struct Storage {
    const char *key; // decimal digits
    DType dt;
    uint64_t count, offset; // elements, and where they start in the file
} Storage;
typedef struct Reader {
    Ctx *c;
    const FileView *f;
    Loc at;
    Pickle pickle;
    const Zip *zip;       // NULL: the legacy form, with its table of storages
    const char *archive;  // the folder inside the archive, with its slash
    VEC(Storage) storage; // legacy: sorted by key
    uint64_t nvisits;
    Weights *out;
} Reader;

static bool bad(const Reader *r, const char *what) {
    return diag_error(r->c->diag, ERR_MODEL, r->at, "malformed checkpoint: %s", what);
}
static const PickleValue *item(const Reader *r, PickleId v, uint32_t k) {
    return pickle_value(&r->pickle, pickle_item(&r->pickle, v, k));
}

// ---- storages --------------------------------------------------------------------------------
// The key of a persistent id as text, or NULL: it becomes part of an entry's name.
static const char *storage_key(const Reader *r, PickleId id) {
    const PickleValue *key = item(r, id, 2);
    for (uint32_t i = 0; i < key->n; i++)
        if (key->text[i] < '0' || key->text[i] > '9') return NULL;
    return key->n && key->n <= 32 ? arena_strndup(r->c->scratch, key->text, key->n) : NULL;
}
static int by_key(const void *a, const void *b) {
    return strcmp(((const Storage *)a)->key, ((const Storage *)b)->key);
}
static Storage *find_key(const Reader *r, const char *key) {
    Storage want = {.key = key};
    if (!r->storage.n) return NULL;
    return bsearch(&want, r->storage.data, r->storage.n, sizeof want, by_key);
}
static bool storage_bytes(const Reader *r, const Storage *s, uint64_t *n) {
    return s->count <= limit(LIM_ELEMENTS) ? size_mul(s->count, dtype_info[s->dt].nbytes, n)
                                           : bad(r, "a storage is too large");
}
// The storage that a persistent id names, as far as the pickle describes it.
static bool describe_storage(const Reader *r, PickleId id, Storage *s) {
    int64_t count = item(r, id, 4)->i;
    *s = (Storage){storage_key(r, id), (DType)pickle_value(&r->pickle, id)->i, (uint64_t)count, 0};
    return (s->key && count >= 0) || bad(r, "a bad storage");
}
static bool find_storage(const Reader *r, PickleId id, Storage *s) {
    uint64_t nbytes;
    if (!describe_storage(r, id, s) || !storage_bytes(r, s, &nbytes)) return false;
    if (!r->zip) {
        const Storage *known = find_key(r, s->key);
        if (!known || known->dt != s->dt || known->count != s->count)
            return bad(r, "two descriptions of one storage differ");
        s->offset = known->offset;
        return true;
    }
    const char *name = arena_printf(r->c->scratch, "%sdata/%s", r->archive, s->key);
    const ZipEntry *e = zip_find(r->zip, name);
    if (!e) return diag_error(r->c->diag, ERR_MODEL, r->at, "the archive has no entry '%s'", name);
    s->offset = e->offset;
    return e->nbytes == nbytes ||
           diag_error(r->c->diag, ERR_MODEL, r->at,
                      "the entry '%s' has %llu bytes, its storage "
                      "%llu",
                      name, (unsigned long long)e->nbytes, (unsigned long long)nbytes);
}

// ---- tensors ---------------------------------------------------------------------------------
typedef struct View {
    Type type;
    uint64_t offset, stride[MAX_RANK];
    bool contiguous;
} View;
static bool read_view(const Reader *r, PickleId tensor, View *v) {
    PickleId size = pickle_item(&r->pickle, tensor, 2), stride = pickle_item(&r->pickle, tensor, 3);
    uint32_t rank = pickle_value(&r->pickle, size)->n;
    if (rank > MAX_RANK || rank != pickle_value(&r->pickle, stride)->n)
        return bad(r, "a tensor's size and stride differ or have too many dimensions");
    v->type.rank = (int)rank;
    for (uint32_t i = 0; i < rank; i++) {
        const PickleValue *n = item(r, size, i), *step = item(r, stride, i);
        if (n->kind != PV_INT || step->kind != PV_INT || step->i < 0)
            return bad(r, "a tensor's size or stride is no number");
        v->type.dim[i] = n->i;
        v->stride[i] = (uint64_t)step->i;
    }
    if (!type_check(v->type.dim, v->type.rank)) return bad(r, "a tensor's size is out of range");
    uint64_t dense = 1;
    v->contiguous = true;
    for (int i = v->type.rank - 1; i >= 0; i--) {
        if (v->type.dim[i] != 1 && v->stride[i] != dense) v->contiguous = false;
        dense *= (uint64_t)max_i64(v->type.dim[i], 1); // type_check bounds the product
    }
    int64_t offset = item(r, tensor, 1)->i;
    v->offset = (uint64_t)offset;
    return offset >= 0 || bad(r, "a tensor's offset is negative");
}
// Every element lies in the storage.
static bool check_view(const Reader *r, const View *v, const Storage *s) {
    uint64_t last = v->offset, reach;
    bool ok = true;
    if (type_count(&v->type) == 0) return true;
    for (int i = 0; i < v->type.rank; i++)
        ok = ok && size_mul((uint64_t)v->type.dim[i] - 1, v->stride[i], &reach) &&
             size_add(last, reach, &last);
    return (ok && last < s->count) || bad(r, "a tensor reaches beyond its storage");
}
static void gather(const View *v, const char *from, char *to, int axis, uint64_t item_size) {
    if (axis == v->type.rank) {
        memcpy(to, from, item_size);
        return;
    }
    uint64_t block = item_size;
    for (int i = axis + 1; i < v->type.rank; i++) block *= (uint64_t)v->type.dim[i];
    for (int64_t k = 0; k < v->type.dim[axis]; k++)
        gather(v, from + (uint64_t)k * v->stride[axis] * item_size, to + (uint64_t)k * block,
               axis + 1, item_size);
}
static bool add_tensor(Reader *r, PickleId id, const char *name) {
    Storage s;
    View v = {0};
    if (r->out->tensor.n == limit(LIM_ST_TENSORS))
        return diag_error(r->c->diag, ERR_LIMIT, r->at, "too many tensors");
    if (!find_storage(r, pickle_item(&r->pickle, id, 0), &s) || !read_view(r, id, &v)) return false;
    if (!check_view(r, &v, &s)) return false;
    v.type.dt = s.dt;
    uint64_t item_size = dtype_info[s.dt].nbytes, count = (uint64_t)type_count(&v.type);
    WeightTensor t = {.name = name, .type = v.type, .dtype = dtype_info[s.dt].safetensors};
    t.offset = s.offset + (count ? v.offset * item_size : 0);
    t.data = r->f->data + t.offset;
    if (v.contiguous || count == 0) {
        t.file = r->f->path;
    } else {
        // an expanded view is no weight; without this, one byte could ask for gigabytes
        if (count > s.count) return bad(r, "a tensor repeats its storage");
        char *copy = arena_alloc(r->c->arena, type_nbytes(&v.type));
        gather(&v, t.data, copy, 0, item_size);
        t.data = copy;
        t.offset = 0;
    }
    *PUSH(r->c->arena, &r->out->tensor) = t;
    return true;
}

// ---- dicts -----------------------------------------------------------------------------------
static const char *dotted(const Reader *r, const char *prefix, const PickleValue *key) {
    Arena *a = r->c->arena;
    const char *dot = *prefix ? "." : "";
    if (key->kind == PV_INT) return arena_printf(a, "%s%s%lld", prefix, dot, (long long)key->i);
    if (key->kind != PV_STRING || memchr(key->text, 0, key->n)) return NULL;
    if (strlen(prefix) + key->n >= limit(LIM_NAME_BYTES)) return NULL;
    return arena_printf(a, "%s%s%.*s", prefix, dot, (int)key->n, key->text);
}
static bool add_dict(Reader *r, PickleId dict, const char *prefix, int depth) {
    const Pickle *p = &r->pickle;
    uint32_t cell = pickle_value(p, dict)->first;
    if (depth == MAX_NESTING) return bad(r, "dicts are nested too deeply");
    while (cell) {
        const PickleValue *key = pickle_value(p, p->cell.data[cell].value);
        cell = p->cell.data[cell].next;
        PickleId value = p->cell.data[cell].value;
        cell = p->cell.data[cell].next;
        PickleKind kind = pickle_value(p, value)->kind;
        if (++r->nvisits > limit(LIM_PICKLE_OPS)) return bad(r, "too many values");
        if (kind != PV_DICT && kind != PV_TENSOR) continue;
        const char *name = dotted(r, prefix, key);
        if (!name) return bad(r, "a tensor's name is no text, or is too long");
        bool ok =
            kind == PV_DICT ? add_dict(r, value, name, depth + 1) : add_tensor(r, value, name);
        if (!ok) return false;
    }
    return true;
}
static bool add_tensors(Reader *r, PickleId root) {
    *r->out = (Weights){0};
    if (pickle_value(&r->pickle, root)->kind != PV_DICT) return bad(r, "not a dict of tensors");
    if (!add_dict(r, root, "", 0)) return false;
    weights_sort(r->out);
    const WeightTensor *t = r->out->tensor.data;
    for (uint32_t i = 1; i < r->out->tensor.n; i++)
        if (!strcmp(t[i].name, t[i - 1].name))
            return diag_error(r->c->diag, ERR_MODEL, r->at, "the tensor '%s' occurs twice",
                              t[i].name);
    return true;
}

// ---- the zip form: <archive>/data.pkl, <archive>/data/<key>, <archive>/byteorder ----------------
static bool find_archive(Reader *r, const ZipEntry **pickle) {
    static const char name[] = "data.pkl";
    for (uint32_t i = 0; i < r->zip->entry.n; i++) {
        const ZipEntry *e = &r->zip->entry.data[i];
        const char *slash = strchr(e->name, '/');
        if (!slash || strcmp(slash + 1, name)) continue;
        *pickle = e;
        r->archive = arena_strndup(r->c->scratch, e->name, (size_t)(slash + 1 - e->name));
        return true;
    }
    return bad(r, "the archive has no data.pkl");
}
static bool read_zip(Reader *r) {
    Zip zip;
    const ZipEntry *e = NULL;
    r->zip = &zip;
    if (!zip_read(r->c, r->f, &zip) || !find_archive(r, &e)) return false;
    const ZipEntry *order = zip_find(&zip, arena_printf(r->c->scratch, "%sbyteorder", r->archive));
    if (order && (order->nbytes != 6 || memcmp(r->f->data + order->offset, "little", 6)))
        return diag_error(r->c->diag, ERR_UNSUPPORTED, r->at, "a big-endian checkpoint");
    const uint8_t *text = r->f->data + e->offset;
    pickle_init(&r->pickle, r->c, arena_printf(r->c->scratch, "%s(%s)", r->f->path, e->name), text,
                text + e->nbytes);
    PickleId root = pickle_run(&r->pickle);
    return root && add_tensors(r, root);
}

// ---- the legacy form: five pickles (magic, version, machine, dict, keys), then the storages ----
static bool little_endian(const Reader *r, PickleId machine) {
    const Pickle *p = &r->pickle;
    if (pickle_value(p, machine)->kind != PV_DICT) return false;
    for (uint32_t i = 0; i + 1 < pickle_value(p, machine)->n && i < 16; i += 2) {
        const PickleValue *key = item(r, machine, i), *value = item(r, machine, i + 1);
        if (key->kind == PV_STRING && key->n == 13 && !memcmp(key->text, "little_endian", 13))
            return value->kind == PV_BOOL && value->i;
    }
    return false;
}
static bool collect_storages(Reader *r) {
    const Pickle *p = &r->pickle;
    for (uint32_t i = 0; i < p->storage.n; i++)
        if (!describe_storage(r, p->storage.data[i], PUSH(r->c->scratch, &r->storage)))
            return false;
    Storage *s = r->storage.data;
    uint32_t n = 0;
    if (r->storage.n) qsort(s, r->storage.n, sizeof *s, by_key);
    for (uint32_t i = 0; i < r->storage.n; i++) {
        if (n && !strcmp(s[n - 1].key, s[i].key)) { // shared by several tensors
            if (s[n - 1].dt != s[i].dt || s[n - 1].count != s[i].count)
                return bad(r, "two descriptions of one storage differ");
            continue;
        }
        s[n++] = s[i];
    }
    r->storage.n = n;
    return true;
}
// The keys in the order of their data; each storage is its number of elements and the elements.
static bool place_storages(Reader *r, PickleId keys) {
    const Pickle *p = &r->pickle;
    uint64_t at = (uint64_t)(p->p - r->f->data), nplaced = 0, nbytes;
    if (pickle_value(p, keys)->kind != PV_LIST) return bad(r, "no list of storages");
    for (uint32_t cell = pickle_value(p, keys)->first; cell; cell = p->cell.data[cell].next) {
        const PickleValue *key = pickle_value(p, p->cell.data[cell].value);
        Storage *s = key->kind == PV_STRING
                         ? find_key(r, arena_strndup(r->c->scratch, key->text, key->n))
                         : NULL;
        if (!s || s->offset) return bad(r, "the list of storages does not fit the tensors");
        uint64_t count = 0;
        if (!storage_bytes(r, s, &nbytes)) return false;
        if (r->f->nbytes - at < sizeof count) return bad(r, "truncated");
        memcpy(&count, r->f->data + at, sizeof count);
        s->offset = at += sizeof count;
        if (count != s->count) return bad(r, "a storage has another size than its tensors say");
        if (r->f->nbytes - at < nbytes) return bad(r, "truncated");
        at += nbytes;
        nplaced++;
    }
    if (nplaced != r->storage.n) return bad(r, "a storage is missing");
    return at == r->f->nbytes || bad(r, "data after the last storage");
}
static bool read_legacy(Reader *r) {
    enum { MAGIC, VERSION, MACHINE, TENSORS, KEYS, NPICKLES };
    PickleId part[NPICKLES];
    pickle_init(&r->pickle, r->c, r->f->path, r->f->data, r->f->data + r->f->nbytes);
    for (int i = 0; i < NPICKLES; i++)
        if (!(part[i] = pickle_run(&r->pickle))) return false;
    if (!little_endian(r, part[MACHINE]))
        return diag_error(r->c->diag, ERR_UNSUPPORTED, r->at, "not a little-endian checkpoint");
    return collect_storages(r) && place_storages(r, part[KEYS]) && add_tensors(r, part[TENSORS]);
}

bool torch_read(Ctx *c, const FileView *f, Weights *out) {
    static const uint8_t magic[] = {0x80, 2,    0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46,
                                    0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};
    Reader r = {.c = c, .f = f, .out = out};
    r.at = diag_loc(c->diag, (LocInfo){.file = f->path});
    if (f->nbytes >= 4 && !memcmp(f->data, "PK\3\4", 4)) return read_zip(&r);
    if (f->nbytes >= sizeof magic && !memcmp(f->data, magic, sizeof magic)) return read_legacy(&r);
    return diag_error(c->diag, ERR_MODEL, r.at, "neither a zip archive nor a PyTorch checkpoint");
}
