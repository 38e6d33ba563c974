// frontend.h: a model file becomes a Graph. Nothing here knows a machine.
#ifndef FRONTEND_FRONTEND_H
#define FRONTEND_FRONTEND_H
#include "ir/graph.h"

typedef struct FrontendOptions {
    int64_t batch;            // 0 = 1, or what the model fixes
    int64_t image_h, image_w; // 0 = what the model says
    const char *outputs;      // comma-separated names; "all" = everything the model can give;
                              // NULL = its own (ONNX: all; HF: logits or last_hidden_state)
    bool pos_interp_legacy;   // --pos-interp legacy
    bool input_u8;            // --input u8-hwc: pixels as uint8 [B,H,W,C], preprocessing folded
    bool bool_masked_pos;     // --mask bool_masked_pos (HF): an input of that name, bool [B,N]
    const GraphFiles *files;  // what constants of .vg text may lie in; NULL = nothing
} FrontendOptions;

// Loads any MODEL form: model.onnx, HF directory, its config.json or one of its weight files, .vg
// text. The files stay mapped until the process ends. NULL after at least one diagnostic.
Graph *frontend_load(Ctx *c, const char *path, const FrontendOptions *o);
Graph *onnx_load(Ctx *c, const char *path, const FrontendOptions *o); // frontend/onnx
Graph *hf_load(Ctx *c, const char *path, const FrontendOptions *o);   // frontend/hf
// Labels, task, preprocessing and image size from the JSON files beside an ONNX file, if any.
bool hf_read_siblings(Ctx *c, const char *model_path, ModelInfo *info);
// outputs.c: keeps the outputs named in `outputs`, and makes derived ones (probs, cls). NULL: keeps
// `fallback` (comma-separated), or everything when that is NULL, too.
bool frontend_select_outputs(Ctx *c, Graph *g, const char *outputs, const char *fallback);

// files.c: the one place that opens model files. A view stays mapped until the process ends.
typedef struct FileView {
    const char *path; // as shown to the user
    const uint8_t *data;
    uint64_t nbytes; // > 0
} FileView;
bool file_map(Ctx *c, const char *path, FileView *out); // read-only mapping of a regular file
// `name` comes from a model, so it must stay inside `dir`. Links may leave it only for the blobs of
// the hub cache that dir is a snapshot of, or (beside: dir is the directory of the file `model`)
// for the real directory of `model`.
bool file_map_beneath(Ctx *c, const char *dir, const char *name, Loc at, FileView *out);
bool file_map_beside(Ctx *c, const char *model, const char *name, Loc at, FileView *out);
// Is something of that name there, be it a file or not? What is no file is refused when mapped.
bool file_exists_beneath(const char *dir, const char *name);
void file_sha256(const FileView *const *files, size_t n, char hex[65]); // of all bytes
const char *path_dir(Arena *a, const char *path);                       // "." when there is none
const char *path_base(Arena *a, const char *path);                      // the last component
bool path_is_dir(const char *path);

// weights/: named tensors of a checkpoint, each a view of a mapping.
typedef struct WeightTensor {
    const char *name;
    Type type;         // dt DT_NONE: an element type that vitc does not know
    const char *dtype; // the element type as the file spells it
    const void *data;
    const char *file; // NULL: gathered into memory
    uint64_t offset;
} WeightTensor;
typedef struct Weights {
    VEC(WeightTensor) tensor; // sorted by name, unique
} Weights;
bool safetensors_read(Ctx *c, const FileView *f, Weights *out);
bool torch_read(Ctx *c, const FileView *f, Weights *out); // zip and legacy form
const WeightTensor *weights_find(const Weights *w, const char *name);
void weights_sort(Weights *w); // by name; readers call it last
// The writer beside the reader: used by `run --output`.
typedef struct NamedTensor {
    const char *name;
    Type type;
    const void *data;
} NamedTensor;
void safetensors_write(Str *out, const NamedTensor *t, size_t n);
bool npy_read(Ctx *c, const FileView *f, Type *type, const void **data); // C order, little-endian

// json.c: strict scan before cJSON; typed reads are in frontend/json.h. `header`: integers only, up
// to 2^53-1. The tree lives in c->arena: never cJSON_Delete it. NULL after a diagnostic with
// line:column.
struct cJSON;
struct cJSON *json_parse(Ctx *c, const char *path, const char *text, size_t n, bool header);
#endif
