// onnx_tensor.c: from a TensorProto to a type and its bytes. A tensor may keep its elements in
// raw_data (left in the mapping), in one of six typed fields (converted here) or in another file.
// Whatever it uses, the size must be what dims and data_type say.
#include "frontend/onnx/onnx_file.h"
#include <string.h>

// Where the elements are: at most one of these fields may be filled.
typedef enum {
    IN_NOTHING,
    IN_RAW,
    IN_FLOAT,
    IN_INT32,
    IN_INT64,
    IN_DOUBLE,
    IN_UINT64,
    IN_SEVERAL
} Field;
typedef struct Filled {
    Field field;
    const char *name;
    size_t count;
} Filled;

static Filled filled_field(const TensorMsg *t, const RawRange *raw) {
    const Filled all[] = {
        {IN_RAW, "raw_data", raw->nbytes},
        {IN_FLOAT, "float_data", t->n_float_data},
        {IN_INT32, "int32_data", t->n_int32_data},
        {IN_INT64, "int64_data", t->n_int64_data},
        {IN_DOUBLE, "double_data", t->n_double_data},
        {IN_UINT64, "uint64_data", t->n_uint64_data},
    };
    Filled found = {IN_NOTHING, "nothing", 0};
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        if (all[i].count == 0) continue;
        found = found.field == IN_NOTHING ? all[i] : (Filled){IN_SEVERAL, "several fields", 0};
    }
    return found;
}
// The typed field that the format prescribes for an element type.
static Field field_of(DType dt) {
    switch (dt) {
    case DT_F32: return IN_FLOAT;
    case DT_F64: return IN_DOUBLE;
    case DT_I64: return IN_INT64;
    case DT_U64:
    case DT_U32: return IN_UINT64;
    default: return IN_INT32;
    }
}

// The elements of int32_data are small integers, booleans, or the bits of 16-bit floats.
static bool narrow_int32(DType dt, const TensorMsg *t, void *out) {
    for (size_t i = 0; i < t->n_int32_data; i++) {
        int32_t v = t->int32_data[i];
        if (dtype_info[dt].cls == CLASS_FLOAT) {
            if (v < 0 || v > UINT16_MAX) return false;
            uint16_t bits = (uint16_t)v;
            memcpy((uint8_t *)out + i * sizeof bits, &bits, sizeof bits);
            continue;
        }
        dtype_write_i(dt, out, i, v);
        if (dtype_read_i(dt, out, i) != v) return false;
    }
    return true;
}
static bool narrow_uint64(const TensorMsg *t, uint32_t *out) {
    for (size_t i = 0; i < t->n_uint64_data; i++) {
        if (t->uint64_data[i] > UINT32_MAX) return false;
        out[i] = (uint32_t)t->uint64_data[i];
    }
    return true;
}
// Copies the typed field; false when a value does not fit the element type.
static bool typed_data(Ctx *c, const TensorMsg *t, DType dt, uint64_t nbytes, const void **data) {
    void *out = arena_alloc(c->arena, nbytes);
    *data = out;
    switch (dt) {
    case DT_F32: memcpy(out, t->float_data, nbytes); return true;
    case DT_F64: memcpy(out, t->double_data, nbytes); return true;
    case DT_I64: memcpy(out, t->int64_data, nbytes); return true;
    case DT_U64: memcpy(out, t->uint64_data, nbytes); return true;
    case DT_U32: return narrow_uint64(t, out);
    default: return narrow_int32(dt, t, out);
    }
}

// Our booleans are 0 or 1; a file may hold any byte.
static void normalise_bool(Ctx *c, TensorData *d) {
    uint64_t n = type_nbytes(&d->type);
    const uint8_t *in = d->data;
    uint64_t i = 0;
    while (i < n && in[i] <= 1) i++;
    if (i == n) return;
    uint8_t *copy = arena_copy(c->arena, in, n);
    for (; i < n; i++) copy[i] = copy[i] != 0;
    d->data = copy;
    d->file = NULL;
}

static bool tensor_type(Ctx *c, const TensorMsg *t, Loc at, Type *out) {
    const char *name = text_of(t->name);
    DType dt = dtype_from_onnx(t->data_type);
    if (dt == DT_NONE) {
        return diag_error(c->diag, ERR_UNSUPPORTED, at,
                          "tensor '%s': element type %d is not supported", name, t->data_type);
    }
    if (t->n_dims > MAX_RANK) {
        return diag_error(c->diag, ERR_UNSUPPORTED, at,
                          "tensor '%s' has rank %zu, at most %d is supported", name, t->n_dims,
                          MAX_RANK);
    }
    if (!type_check(t->dims, (int)t->n_dims)) {
        return diag_error(c->diag, ERR_MODEL, at,
                          "tensor '%s' has a dimension that is negative or too large", name);
    }
    *out = type_of(dt, (int)t->n_dims, t->dims);
    return true;
}
static bool raw_bytes(Ctx *c, const OnnxFile *f, const TensorMsg *t, const RawRange *raw, Loc at,
                      TensorData *out) {
    if (raw->nbytes != type_nbytes(&out->type)) {
        return diag_error(c->diag, ERR_MODEL, at,
                          "tensor '%s': raw_data holds %llu bytes, its shape needs %llu",
                          text_of(t->name), (unsigned long long)raw->nbytes,
                          (unsigned long long)type_nbytes(&out->type));
    }
    out->data = f->view.data + raw->offset;
    out->file = f->view.path;
    out->offset = raw->offset;
    return true;
}

bool onnx_tensor(Ctx *c, OnnxFile *f, const TensorMsg *t, Loc at, TensorData *out) {
    const char *name = text_of(t->name);
    RawRange raw = {0, 0};
    if (t->has_raw_data) memcpy(&raw, t->raw_data.data, sizeof raw); // the pre-scan wrote it
    *out = (TensorData){0};
    if (t->has_segment)
        return diag_error(c->diag, ERR_UNSUPPORTED, at, "tensor '%s' is stored in segments", name);
    if (!tensor_type(c, t, at, &out->type)) return false;
    Filled filled = filled_field(t, &raw);
    uint64_t nbytes = type_nbytes(&out->type), count = (uint64_t)type_count(&out->type);
    bool external = t->data_location == 1 || t->n_external_data > 0;
    if (filled.field == IN_SEVERAL || (external && filled.field != IN_NOTHING)) {
        return diag_error(c->diag, ERR_MODEL, at, "tensor '%s' stores its data more than once",
                          name);
    }
    if (external) {
        if (!onnx_external(c, f, t, at, nbytes, out)) return false;
    } else if (filled.field == IN_RAW || (filled.field == IN_NOTHING && count == 0)) {
        if (!raw_bytes(c, f, t, &raw, at, out)) return false;
    } else if (filled.field != field_of(out->type.dt) || filled.count != count) {
        return diag_error(c->diag, ERR_MODEL, at,
                          "tensor '%s': %s holds %zu elements, its shape needs %llu", name,
                          filled.name, filled.count, (unsigned long long)count);
    } else if (!typed_data(c, t, out->type.dt, nbytes, &out->data)) {
        return diag_error(c->diag, ERR_MODEL, at,
                          "tensor '%s': a value does not fit its element type", name);
    }
    if (out->type.dt == DT_BOOL) normalise_bool(c, out);
    return true;
}
