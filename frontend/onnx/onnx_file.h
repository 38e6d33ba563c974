// onnx_file.h: an ONNX file as messages. The bytes of raw_data stay in the mapping.
#ifndef FRONTEND_ONNX_FILE_H
#define FRONTEND_ONNX_FILE_H
#include "frontend/frontend.h"
#include "onnx.pb-c.h"

typedef Onnx__TensorProto TensorMsg;
typedef Onnx__AttributeProto AttrMsg;
typedef Onnx__NodeProto NodeMsg;
typedef Onnx__GraphProto GraphMsg;
typedef Onnx__FunctionProto FunctionMsg;
typedef Onnx__ValueInfoProto ValueMsg;

typedef struct ExternalFile {
    const char *location; // as the model spells it
    FileView view;
    char sha1[41]; // empty until a tensor names a checksum
} ExternalFile;
typedef struct OnnxFile {
    FileView view;
    Loc loc;      // the file as a whole
    Arena *arena; // of the messages; freed by onnx_close
    const Onnx__ModelProto *model;
    VEC(ExternalFile) external; // mapped so far, in order of first use
} OnnxFile;

// False after a diagnostic. onnx_close in any case.
bool onnx_open(Ctx *c, const char *path, OnnxFile *f);
void onnx_close(OnnxFile *f);

// onnx_scan.c: walks the wire format and writes a skeleton that protobuf-c can unpack safely:
// unknown fields left out, every raw_data replaced by a RawRange.
typedef struct RawRange {
    uint64_t offset, nbytes;
} RawRange;
bool onnx_scan(Ctx *c, const FileView *f, Loc loc, Str *skeleton);

// onnx_tensor.c: a tensor's type and bytes, checked against each other.
typedef struct TensorData {
    Type type;
    const void *data;
    const char *file; // NULL: only in memory
    uint64_t offset;
} TensorData;
bool onnx_tensor(Ctx *c, OnnxFile *f, const TensorMsg *t, Loc at, TensorData *out);
// onnx_external.c
bool onnx_external(Ctx *c, OnnxFile *f, const TensorMsg *t, Loc at, uint64_t nbytes,
                   TensorData *out);

static inline const char *text_of(const char *s) {
    return s ? s : "";
} // an absent string is empty
#endif
