// dtype.h: element types, and the shape of a tensor.
#ifndef IR_DTYPE_H
#define IR_DTYPE_H
#include "ir/base.h"

typedef enum {
    DT_NONE,
#define DTYPE(id, text, nbytes, cls, st, onnx) DT_##id,
#include "ir/dtype.def"
#undef DTYPE
    DT_COUNT
} DType;
typedef enum { CLASS_NONE, CLASS_FLOAT, CLASS_INT, CLASS_BOOL } DClass;
typedef struct DTypeInfo {
    const char *text;
    uint32_t nbytes;
    DClass cls;
    const char *safetensors;
    int onnx;
} DTypeInfo;
extern const DTypeInfo dtype_info[DT_COUNT];
static inline bool dtype_is_half(DType dt) { // kept in two bytes, computed as f32
    return dt == DT_F16 || dt == DT_BF16;
}
DType dtype_from_text(const char *s); // DT_NONE when unknown
DType dtype_from_safetensors(const char *s);
DType dtype_from_onnx(int code);
double dtype_read_f(DType dt, const void *base,
                    uint64_t i); // element i as double; unaligned is fine
int64_t dtype_read_i(DType dt, const void *base, uint64_t i);
void dtype_write_f(DType dt, void *base, uint64_t i,
                   double v); // rounds to nearest even; integers truncate
void dtype_write_i(DType dt, void *base, uint64_t i, int64_t v);
// Copies n bytes of elements of `width` bytes, each in the other byte order.
void dtype_reverse(void *to, const void *from, uint64_t n, uint32_t width);
uint16_t f32_to_f16(float f);
float f16_to_f32(uint16_t h);
uint16_t f32_to_bf16(float f);
float bf16_to_f32(uint16_t h);

// Shape and element type. Row-major; rank 0 is a scalar.
typedef struct Type {
    DType dt;
    int rank;
    int64_t dim[MAX_RANK];
} Type;
Type type_of(DType dt, int rank, const int64_t *dim);
int64_t type_count(const Type *t); // elements; dims were checked when the type was made
uint64_t type_nbytes(const Type *t);
bool type_equal(const Type *a, const Type *b);
bool type_check(const int64_t *dim, int rank); // every dim in [0, LIM_DIM], product <= LIM_ELEMENTS
void type_print(Str *s, const Type *t);        // f32[1,197,768]
const char *type_text(Arena *a, const Type *t);
#endif
