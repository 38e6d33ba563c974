// frontend.h: a model file becomes a Graph. Nothing here knows a machine.
#ifndef FRONTEND_FRONTEND_H
#define FRONTEND_FRONTEND_H
#include "ir/graph.h"

typedef struct FrontendOptions {
    int64_t batch;             // 0 = 1, or what the model fixes
    int64_t image_h, image_w;  // 0 = what the model says
    const char *outputs;       // comma-separated names; NULL = the model's own (ONNX: all; HF: logits or last_hidden_state);
                               // "all" = everything the model can give
    bool pos_interp_legacy;    // --pos-interp legacy
    bool input_u8;             // --input u8-hwc: pixels as uint8 [B,H,W,C], preprocessing folded
} FrontendOptions;

// Loads any MODEL form of CLI.md: model.onnx, HF directory, config.json, .vg text. The files stay mapped for the
// life of c->arena. NULL after at least one diagnostic.
Graph *frontend_load(Ctx *c, const char *path, const FrontendOptions *o);
Graph *onnx_load(Ctx *c, const char *path, const FrontendOptions *o);      // frontend/onnx
Graph *hf_load(Ctx *c, const char *path, const FrontendOptions *o);        // frontend/hf: directory or its config.json
bool hf_read_siblings(Ctx *c, const char *model_path, ModelInfo *info);    // labels, preprocessing beside an ONNX file; absent is fine
// frontend/outputs.c: keeps the outputs named in o->outputs, and makes derived ones (probs, cls). NULL outputs:
// keeps `fallback` (comma-separated) or everything when NULL.
bool frontend_select_outputs(Ctx *c, Graph *g, const char *outputs, const char *fallback);

// files.c: the one place that opens model files (SAFETY section 4).
typedef struct FileView {
    const char *path;          // as shown to the user
    const uint8_t *data;
    uint64_t nbytes;
} FileView;
bool file_map(Ctx *c, const char *path, FileView *out);                    // read-only mapping of a regular file
bool file_map_beneath(Ctx *c, const char *dir, const char *name, Loc at, FileView *out);   // `name` comes from a model
bool file_exists_beneath(const char *dir, const char *name);
bool file_sha256(const FileView *const *files, size_t n, char hex[65]);

// weights/: named tensors of a checkpoint, each a view of a mapping.
typedef struct WeightTensor {
    const char *name;
    Type type;
    const void *data;
    const char *file;
    uint64_t offset;
} WeightTensor;
typedef struct Weights {
    VEC(WeightTensor) tensor;  // sorted by name, unique
} Weights;
bool safetensors_read(Ctx *c, const FileView *f, Weights *out);
bool torch_read(Ctx *c, const FileView *f, Weights *out);                  // zip form; data-only unpickler
const WeightTensor *weights_find(const Weights *w, const char *name);
// The writer beside the reader: used by `run --output`.
typedef struct NamedTensor {
    const char *name;
    Type type;
    const void *data;
} NamedTensor;
void safetensors_write(Str *out, const NamedTensor *t, size_t n);
bool npy_read(Ctx *c, const FileView *f, Type *type, const void **data);   // C order, little-endian

// json.c: strict scan before cJSON (SAFETY 3.2). `header`: integers only, up to 2^53-1.
struct cJSON;
struct cJSON *json_parse(Ctx *c, const char *path, const char *text, size_t n, bool header);   // NULL after a diagnostic with line:column
#endif
