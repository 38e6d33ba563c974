// safetensors.c: named tensors in one file: u64 header length, JSON header, data. Everything is
// checked before the first tensor is handed out: exact length, no holes, no overlap, no duplicate.
#include "frontend/json.h"
#include <stdlib.h>
#include <string.h>

// Every element type of the format and its bits, so that files with types we cannot compute with
// are still checked; such a tensor is an error only when the model needs it.
typedef struct StType {
    const char *name;
    uint32_t bits;
} StType;
static const StType st_types[] = {
    {"BOOL", 8},        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},
    {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
    {"F8_E5M2FNUZ", 8}, {"I16", 16},    {"U16", 16},    {"F16", 16},    {"BF16", 16},
    {"I32", 32},        {"U32", 32},    {"F32", 32},    {"C64", 64},    {"F64", 64},
    {"I64", 64},        {"U64", 64},
};
enum { PREFIX = 8, ALIGN = 8 };
static const int64_t MAX_OFFSET = (int64_t)1 << 53;

static const StType *find_type(const char *name) {
    for (size_t i = 0; i < COUNT_OF(st_types); i++)
        if (!strcmp(st_types[i].name, name)) return &st_types[i];
    return NULL;
}

// ---- reading ---------------------------------------------------------------------------------
typedef struct Entry {
    WeightTensor tensor;
    uint64_t begin, end; // in the data buffer
    const cJSON *json;   // for messages
} Entry;

static bool read_shape(const Json *j, const cJSON *shape, Type *t) {
    if (!cJSON_IsArray(shape)) return json_error(j, ERR_MODEL, shape, "must be a list of integers");
    const cJSON *d;
    cJSON_ArrayForEach(d, shape) {
        if (t->rank == MAX_RANK)
            return json_error(j, ERR_LIMIT, shape, "has more than %d dimensions", MAX_RANK);
        if (!json_as_int(j, d, 0, (int64_t)limit(LIM_DIM), &t->dim[t->rank++])) return false;
    }
    return type_check(t->dim, t->rank) || json_error(j, ERR_LIMIT, shape, "has too many elements");
}
static bool read_offsets(const Json *j, const cJSON *v, Entry *e) {
    int64_t at[2];
    if (!cJSON_IsArray(v) || cJSON_GetArraySize(v) != 2)
        return json_error(j, ERR_MODEL, v, "must be a list of two integers");
    if (!json_as_int(j, v->child, 0, MAX_OFFSET, &at[0])) return false;
    if (!json_as_int(j, v->child->next, at[0], MAX_OFFSET, &at[1])) return false;
    e->begin = (uint64_t)at[0];
    e->end = (uint64_t)at[1];
    return true;
}
static bool read_entry(const Json *j, const cJSON *v, Entry *e) {
    const char *dtype = NULL;
    const cJSON *shape = json_get(v, "shape"), *offsets = json_get(v, "data_offsets");
    if (!cJSON_IsObject(v)) return json_error(j, ERR_MODEL, v, "must be an object");
    if (strlen(v->string) > limit(LIM_NAME_BYTES))
        return json_error(j, ERR_LIMIT, v, "is too long a name");
    if (!json_string(j, v, "dtype", &dtype)) return false;
    if (!dtype || !shape || !offsets || cJSON_GetArraySize(v) != 3)
        return json_error(j, ERR_MODEL, v, "must have exactly dtype, shape and data_offsets");
    const StType *st = find_type(dtype);
    if (!st) return json_error(j, ERR_MODEL, v, "has the unknown dtype %s", dtype);
    e->json = v;
    e->tensor = (WeightTensor){.name = v->string, .dtype = st->name};
    e->tensor.type.dt = dtype_from_safetensors(dtype);
    if (!read_shape(j, shape, &e->tensor.type) || !read_offsets(j, offsets, e)) return false;
    uint64_t nbits = (uint64_t)type_count(&e->tensor.type) * st->bits; // both are limited
    if (nbits % 8 || nbits / 8 != e->end - e->begin)
        return json_error(j, ERR_MODEL, v, "has %llu bytes of data, its dtype and shape need %llu",
                          (unsigned long long)(e->end - e->begin), (unsigned long long)nbits / 8);
    return true;
}
static bool check_metadata(const Json *j, const cJSON *meta) {
    if (!cJSON_IsObject(meta)) return json_error(j, ERR_MODEL, meta, "must be an object");
    const cJSON *v;
    cJSON_ArrayForEach(v, meta) if (!cJSON_IsString(v)) return json_error(j, ERR_MODEL, v,
                                                                          "must be a string");
    return true;
}
static int by_offset(const void *a, const void *b) {
    const Entry *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end) return x->end < y->end ? -1 : 1;
    return strcmp(x->tensor.name, y->tensor.name);
}
static int by_name(const void *a, const void *b) {
    return strcmp(((const WeightTensor *)a)->name, ((const WeightTensor *)b)->name);
}
// Sorted by place, the tensors must tile the data: no holes, no overlap, nothing behind.
static bool check_tiling(const Json *j, Entry *e, uint32_t n, uint64_t ndata) {
    uint64_t at = 0;
    if (n) qsort(e, n, sizeof *e, by_offset);
    for (uint32_t i = 0; i < n; at = e[i].end, i++)
        if (e[i].begin != at)
            return json_error(j, ERR_MODEL, e[i].json, "starts at data byte %llu, not at %llu",
                              (unsigned long long)e[i].begin, (unsigned long long)at);
    if (at == ndata) return true;
    Loc file = diag_loc(j->c->diag, (LocInfo){.file = j->path});
    return diag_error(j->c->diag, ERR_MODEL, file,
                      "%s: the tensors need %llu bytes of data, the "
                      "file has %llu",
                      at > ndata ? "truncated" : "data after the last tensor",
                      (unsigned long long)at, (unsigned long long)ndata);
}
// The data starts behind j->text.
static bool read_header(Ctx *c, const FileView *f, Json *j) {
    Loc at = diag_loc(c->diag, (LocInfo){.file = f->path});
    uint64_t n;
    if (f->nbytes < PREFIX)
        return diag_error(c->diag, ERR_MODEL, at, "truncated: %llu bytes are no safetensors file",
                          (unsigned long long)f->nbytes);
    memcpy(&n, f->data, sizeof n);
    if (n > f->nbytes - PREFIX)
        return diag_error(c->diag, ERR_MODEL, at,
                          "truncated or no safetensors file: the header "
                          "needs %llu bytes, the file has %llu",
                          (unsigned long long)n, (unsigned long long)f->nbytes);
    if (n > limit(LIM_ST_HEADER))
        return diag_error(c->diag, ERR_LIMIT, at, "a header of %llu bytes; the limit is %llu",
                          (unsigned long long)n, (unsigned long long)limit(LIM_ST_HEADER));
    *j = (Json){c, f->path, (const char *)f->data + PREFIX, n, NULL};
    j->root = json_parse(c, f->path, j->text, n, true);
    return j->root != NULL;
}
bool safetensors_read(Ctx *c, const FileView *f, Weights *out) {
    Json j;
    VEC(Entry) entry = {0};
    if (!read_header(c, f, &j)) return false;
    uint64_t data_at = PREFIX + j.n;
    const cJSON *v;
    cJSON_ArrayForEach(v, j.root) {
        if (!strcmp(v->string, "__metadata__")) {
            if (!check_metadata(&j, v)) return false;
            continue;
        }
        if (entry.n == limit(LIM_ST_TENSORS))
            return json_error(&j, ERR_LIMIT, v, "is one tensor too many");
        if (!read_entry(&j, v, PUSH(c->scratch, &entry))) return false;
    }
    if (!check_tiling(&j, entry.data, entry.n, f->nbytes - data_at)) return false;
    *out = (Weights){0};
    for (uint32_t i = 0; i < entry.n; i++) {
        WeightTensor *t = PUSH(c->arena, &out->tensor);
        *t = entry.data[i].tensor;
        t->file = f->path;
        t->offset = data_at + entry.data[i].begin;
        t->data = f->data + t->offset;
    }
    weights_sort(out);
    return true;
}

// ---- tables of tensors -----------------------------------------------------------------------
void weights_sort(Weights *w) {
    if (w->tensor.n) qsort(w->tensor.data, w->tensor.n, sizeof *w->tensor.data, by_name);
}
const WeightTensor *weights_find(const Weights *w, const char *name) {
    WeightTensor key = {.name = name};
    if (!w->tensor.n) return NULL;
    return bsearch(&key, w->tensor.data, w->tensor.n, sizeof key, by_name);
}

// ---- writing ---------------------------------------------------------------------------------
// The order of the reference writer: large elements first, so that all data is aligned; then names.
static int by_alignment(const void *a, const void *b) {
    const NamedTensor *x = a, *y = b;
    uint32_t nx = dtype_info[x->type.dt].nbytes, ny = dtype_info[y->type.dt].nbytes;
    if (nx != ny) return nx > ny ? -1 : 1;
    return strcmp(x->name, y->name);
}
void safetensors_write(Str *out, const NamedTensor *tensors, size_t n) {
    NamedTensor *t = arena_copy(out->arena, tensors, n * sizeof *t);
    if (n) qsort(t, n, sizeof *t, by_alignment);
    Str head = str_new(out->arena);
    uint64_t at = 0;
    str_add(&head, "{");
    for (size_t i = 0; i < n; i++) {
        str_add(&head, i ? ",\"" : "\"");
        str_add_escaped(&head, SINK_JSON, t[i].name);
        str_addf(&head, "\":{\"dtype\":\"%s\",\"shape\":[", dtype_info[t[i].type.dt].safetensors);
        for (int d = 0; d < t[i].type.rank; d++)
            str_addf(&head, "%s%lld", d ? "," : "", (long long)t[i].type.dim[d]);
        uint64_t end = at + type_nbytes(&t[i].type);
        str_addf(&head, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)at,
                 (unsigned long long)end);
        at = end;
    }
    str_add(&head, "}");
    while (head.n % ALIGN) str_add(&head, " ");
    uint64_t length = head.n;
    str_add_n(out, &length, sizeof length);
    str_add_n(out, head.data, head.n);
    for (size_t i = 0; i < n; i++) str_add_n(out, t[i].data, type_nbytes(&t[i].type));
}
