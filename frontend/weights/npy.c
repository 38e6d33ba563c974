// npy.c: one tensor in numpy's .npy file. The header is a Python dict; this is a strict reading of
// exactly the form that numpy writes.
#include "frontend/frontend.h"
#include <stdlib.h>
#include <string.h>

typedef struct Npy {
    Ctx *c;
    Loc at;
    const char *p, *end; // the header text
    Type type;
    bool fortran;
} Npy;
typedef struct NpyType {
    const char *descr;
    DType dt;
} NpyType;
static const NpyType npy_types[] = {
    {"'<f4'", DT_F32}, {"'<f8'", DT_F64}, {"'<f2'", DT_F16}, {"'|i1'", DT_I8},
    {"'|u1'", DT_U8},  {"'<i2'", DT_I16}, {"'<u2'", DT_U16}, {"'<i4'", DT_I32},
    {"'<u4'", DT_U32}, {"'<i8'", DT_I64}, {"'<u8'", DT_U64}, {"'|b1'", DT_BOOL},
};

static bool bad(const Npy *s, ErrKind kind, const char *what) {
    return diag_error(s->c->diag, kind, s->at, "%s", what);
}
static void skip_spaces(Npy *s) {
    while (s->p < s->end && *s->p == ' ') s->p++;
}
static bool take(Npy *s, const char *word) {
    size_t n = strlen(word);
    skip_spaces(s);
    if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n)) return false;
    s->p += n;
    return true;
}
static bool read_descr(Npy *s) {
    for (size_t i = 0; i < COUNT_OF(npy_types); i++) {
        if (!take(s, npy_types[i].descr)) continue;
        s->type.dt = npy_types[i].dt;
        return true;
    }
    const char *p = s->p; // '<c8', with its quotes
    while (p < s->end && p - s->p < 16 && (p == s->p || p[-1] != '\'' || p == s->p + 1)) p++;
    return bad(s, ERR_UNSUPPORTED,
               arena_printf(s->c->arena,
                            "the element type %s is not supported: little-endian floats, integers "
                            "and bool can be read (in numpy: x.astype('<f4'))",
                            arena_strndup(s->c->arena, s->p, (size_t)(p - s->p))));
}
static bool read_dim(Npy *s, int64_t *v) {
    const char *from = s->p;
    *v = 0;
    for (; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++) {
        *v = *v * 10 + (*s->p - '0');
        if ((uint64_t)*v > limit(LIM_DIM)) return bad(s, ERR_LIMIT, "a dimension is too large");
    }
    return s->p > from || bad(s, ERR_MODEL, "malformed header: expected a dimension");
}
static bool read_shape(Npy *s) {
    if (!take(s, "(")) return bad(s, ERR_MODEL, "malformed header: expected a shape");
    while (!take(s, ")")) {
        if (s->type.rank == MAX_RANK) return bad(s, ERR_LIMIT, "more than 8 dimensions");
        if (!read_dim(s, &s->type.dim[s->type.rank++])) return false;
        if (take(s, ",")) continue;
        if (s->type.rank == 1 || !take(s, ")"))
            return bad(s, ERR_MODEL, "malformed header: bad shape");
        break;
    }
    return type_check(s->type.dim, s->type.rank) || bad(s, ERR_LIMIT, "too many elements");
}
static bool read_fortran(Npy *s) {
    if (take(s, "False")) return true;
    if (!take(s, "True")) return bad(s, ERR_MODEL, "malformed header: fortran_order");
    s->fortran = true;
    return true;
}
static bool read_dict(Npy *s) {
    static const char *const keys[] = {"'descr':", "'fortran_order':", "'shape':"};
    static bool (*const readers[])(Npy *) = {read_descr, read_fortran, read_shape};
    unsigned seen = 0;
    if (!take(s, "{")) return bad(s, ERR_MODEL, "malformed header: expected a dict");
    while (!take(s, "}")) {
        size_t k = 0;
        while (k < COUNT_OF(keys) && !take(s, keys[k])) k++;
        if (k == COUNT_OF(keys) || seen & 1u << k)
            return bad(s, ERR_MODEL, "malformed header: bad key");
        seen |= 1u << k;
        if (!readers[k](s)) return false;
        if (take(s, ",")) continue;
        if (!take(s, "}")) return bad(s, ERR_MODEL, "malformed header: expected ','");
        break;
    }
    if (seen != 7)
        return bad(s, ERR_MODEL, "malformed header: descr, fortran_order or shape is missing");
    take(s, "\n");
    return s->p == s->end || bad(s, ERR_MODEL, "malformed header: text after the dict");
}
bool npy_read(Ctx *c, const FileView *f, Type *type, const void **data) {
    static const char magic[] = "\x93NUMPY";
    Npy s = {.c = c, .at = diag_loc(c->diag, (LocInfo){.file = f->path})};
    if (f->nbytes < 12 || memcmp(f->data, magic, 6)) return bad(&s, ERR_MODEL, "not a .npy file");
    int version = f->data[6];
    if (version < 1 || version > 3 || f->data[7])
        return bad(&s, ERR_UNSUPPORTED, "unknown .npy version");
    uint64_t from = version == 1 ? 10 : 12, n = (uint64_t)f->data[8] | (uint64_t)f->data[9] << 8;
    if (version > 1) n |= (uint64_t)f->data[10] << 16 | (uint64_t)f->data[11] << 24;
    if (n > limit(LIM_NPY_HEADER)) return bad(&s, ERR_LIMIT, "the .npy header is too long");
    if (n > f->nbytes - from) return bad(&s, ERR_MODEL, "truncated: the header is incomplete");
    s.p = (const char *)f->data + from;
    s.end = s.p + n;
    if (!read_dict(&s)) return false;
    if (s.fortran && s.type.rank > 1)
        return bad(&s, ERR_UNSUPPORTED,
                   "the elements are in Fortran order (in numpy: np.ascontiguousarray(x))");
    uint64_t have = f->nbytes - from - n, need = type_nbytes(&s.type);
    if (have != need)
        return diag_error(c->diag, ERR_MODEL, s.at, "%s needs %llu bytes, the file has %llu",
                          type_text(c->arena, &s.type), (unsigned long long)need,
                          (unsigned long long)have);
    *type = s.type;
    *data = f->data + from + n;
    return true;
}
