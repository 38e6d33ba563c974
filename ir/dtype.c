// dtype.c: element types and the conversions that define them.
#include "ir/dtype.h"
#include <math.h>
#include <string.h>

const DTypeInfo dtype_info[DT_COUNT] = {
#define DTYPE(id, text, nbytes, cls, st, onnx) [DT_##id] = {text, nbytes, CLASS_##cls, st, onnx},
#include "ir/dtype.def"
#undef DTYPE
};
DType dtype_from_text(const char *s) {
    for (int i = DT_NONE + 1; i < DT_COUNT; i++)
        if (!strcmp(dtype_info[i].text, s)) return (DType)i;
    return DT_NONE;
}
DType dtype_from_safetensors(const char *s) {
    for (int i = DT_NONE + 1; i < DT_COUNT; i++)
        if (!strcmp(dtype_info[i].safetensors, s)) return (DType)i;
    return DT_NONE;
}
DType dtype_from_onnx(int code) {
    for (int i = DT_NONE + 1; i < DT_COUNT; i++)
        if (dtype_info[i].onnx == code) return (DType)i;
    return DT_NONE;
}

void dtype_reverse(void *to, const void *from, uint64_t n, uint32_t width) {
    uint8_t *out = to;
    const uint8_t *in = from;
    for (uint64_t i = 0; i < n; i++) out[i] = in[i / width * width + (width - 1 - i % width)];
}

// ---- half formats ----------------------------------------------------------------------------
static uint32_t bits_of(float f) {
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}
static float float_of(uint32_t u) {
    float f;
    memcpy(&f, &u, 4);
    return f;
}
uint16_t f32_to_bf16(float f) {
    uint32_t u = bits_of(f);
    if ((u & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(u >> 16 | 0x40); // quiet NaN
    return (uint16_t)((u + 0x7fffu + (u >> 16 & 1u)) >> 16);
}
float bf16_to_f32(uint16_t h) {
    return float_of((uint32_t)h << 16);
}
uint16_t f32_to_f16(float f) {
    uint32_t u = bits_of(f), sign = u >> 16 & 0x8000u, mag = u & 0x7fffffffu;
    if (mag > 0x7f800000u) return (uint16_t)(sign | 0x7e00u | (mag >> 13 & 0x3ffu));
    if (mag >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u); // rounds past 65504
    if (mag < 0x38800000u) {                                   // subnormal or zero
        float scaled = float_of(mag) * 0x1p24f;                // exact
        return (uint16_t)(sign | (uint32_t)rintf(scaled));
    }
    uint32_t r = mag + 0xfffu + (mag >> 13 & 1u);
    return (uint16_t)(sign | ((r - 0x38000000u) >> 13));
}
float f16_to_f32(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exp = h >> 10 & 0x1fu, frac = h & 0x3ffu;
    if (exp == 0) {
        float f = (float)frac * 0x1p-24f;
        return sign ? -f : f;
    }
    if (exp == 31) return float_of(sign | 0x7f800000u | frac << 13);
    return float_of(sign | (exp + 112) << 23 | frac << 13);
}

// ---- element access --------------------------------------------------------------------------
double dtype_read_f(DType dt, const void *base, uint64_t i) {
    const char *p = (const char *)base + i * dtype_info[dt].nbytes;
    float f;
    double d;
    uint16_t h;
    switch (dt) {
    case DT_F32: memcpy(&f, p, 4); return (double)f;
    case DT_F64: memcpy(&d, p, 8); return d;
    case DT_F16: memcpy(&h, p, 2); return (double)f16_to_f32(h);
    case DT_BF16: memcpy(&h, p, 2); return (double)bf16_to_f32(h);
    default: {
        int64_t v = dtype_read_i(dt, base, i);
        return dt == DT_U64 ? (double)(uint64_t)v : (double)v;
    }
    }
}
static int64_t truncate_f(double v) {
    if (v != v) return 0;
    if (v >= 0x1p63) return INT64_MAX;
    if (v < -0x1p63) return INT64_MIN;
    return (int64_t)v;
}
int64_t dtype_read_i(DType dt, const void *base, uint64_t i) {
    const char *p = (const char *)base + i * dtype_info[dt].nbytes;
    int8_t i8;
    uint8_t u8;
    int16_t i16;
    uint16_t u16;
    int32_t i32;
    uint32_t u32;
    int64_t i64;
    switch (dt) {
    case DT_I8: memcpy(&i8, p, 1); return i8;
    case DT_U8: memcpy(&u8, p, 1); return u8;
    case DT_BOOL: memcpy(&u8, p, 1); return u8 != 0;
    case DT_I16: memcpy(&i16, p, 2); return i16;
    case DT_U16: memcpy(&u16, p, 2); return u16;
    case DT_I32: memcpy(&i32, p, 4); return i32;
    case DT_U32: memcpy(&u32, p, 4); return u32;
    case DT_I64:
    case DT_U64: memcpy(&i64, p, 8); return i64;
    default: return truncate_f(dtype_read_f(dt, base, i));
    }
}
void dtype_write_f(DType dt, void *base, uint64_t i, double v) {
    char *p = (char *)base + i * dtype_info[dt].nbytes;
    float f = (float)v;
    uint16_t h;
    switch (dt) {
    case DT_F32: memcpy(p, &f, 4); return;
    case DT_F64: memcpy(p, &v, 8); return;
    case DT_F16:
        h = f32_to_f16(f);
        memcpy(p, &h, 2);
        return;
    case DT_BF16:
        h = f32_to_bf16(f);
        memcpy(p, &h, 2);
        return;
    case DT_BOOL: *p = v != 0; return;
    default: dtype_write_i(dt, base, i, truncate_f(v));
    }
}
void dtype_write_i(DType dt, void *base, uint64_t i, int64_t v) {
    char *p = (char *)base + i * dtype_info[dt].nbytes;
    switch (dt) {
    case DT_I8:
    case DT_U8: {
        uint8_t x = (uint8_t)v;
        memcpy(p, &x, 1);
        return;
    }
    case DT_BOOL: *p = v != 0; return;
    case DT_I16:
    case DT_U16: {
        uint16_t x = (uint16_t)v;
        memcpy(p, &x, 2);
        return;
    }
    case DT_I32:
    case DT_U32: {
        uint32_t x = (uint32_t)v;
        memcpy(p, &x, 4);
        return;
    }
    case DT_I64:
    case DT_U64: memcpy(p, &v, 8); return;
    default: dtype_write_f(dt, base, i, dt == DT_U64 ? (double)(uint64_t)v : (double)v);
    }
}

// ---- shapes ----------------------------------------------------------------------------------
Type type_of(DType dt, int rank, const int64_t *dim) {
    Type t = {.dt = dt, .rank = rank};
    for (int i = 0; i < rank; i++) t.dim[i] = dim[i];
    return t;
}
int64_t type_count(const Type *t) {
    int64_t n = 1;
    for (int i = 0; i < t->rank; i++) n *= t->dim[i];
    return n;
}
uint64_t type_nbytes(const Type *t) {
    return (uint64_t)type_count(t) * dtype_info[t->dt].nbytes;
}
bool type_equal(const Type *a, const Type *b) {
    return a->dt == b->dt && a->rank == b->rank &&
           !memcmp(a->dim, b->dim, (size_t)a->rank * sizeof a->dim[0]);
}
bool type_check(const int64_t *dim, int rank) {
    uint64_t n = 1;
    if (rank < 0 || rank > MAX_RANK) return false;
    for (int i = 0; i < rank; i++)
        if (dim[i] < 0 || (uint64_t)dim[i] > limit(LIM_DIM)) return false;
    for (int i = 0; i < rank; i++)
        if (!size_mul(n, (uint64_t)max_i64(dim[i], 1), &n) || n > limit(LIM_ELEMENTS)) return false;
    return true;
}
void type_print(Str *s, const Type *t) {
    str_addf(s, "%s[", dtype_info[t->dt].text);
    for (int i = 0; i < t->rank; i++) str_addf(s, "%s%lld", i ? "," : "", (long long)t->dim[i]);
    str_add(s, "]");
}
const char *type_text(Arena *a, const Type *t) {
    Str s = str_new(a);
    type_print(&s, t);
    return str_cstr(&s);
}
