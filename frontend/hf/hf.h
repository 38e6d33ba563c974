// hf.h: a Hugging Face ViT-MSN directory becomes a Graph. In the order of the work: config.json
// (hf_config.c), what images it wants (hf_preprocess.c), the files of the checkpoint (hf_files.c),
// its tensors by meaning (hf_names.c), the graph (hf_build.c, hf_act.c, hf_pos.c). hf.c calls them.
#ifndef FRONTEND_HF_HF_H
#define FRONTEND_HF_HF_H
#include "frontend/json.h"

typedef struct HfAct HfAct;
typedef struct HfConfig {
    int64_t hidden, layers, heads, head_dim, intermediate, channels;
    int64_t image_h, image_w, patch_h, patch_w;
    double eps;
    bool qkv_bias;
    const HfAct *act;
    int64_t *layer_heads; // per layer: fewer than `heads` where some were pruned
    ModelTask task;       // TASK_FEATURES: config.json does not say
    uint32_t nlabels;     // 0: id2label is absent
    const char **labels;
    bool claims_classifier; // by "architectures"; the weights decide
    const char *producer;
} HfConfig;

// hf_config.c
bool hf_read_config(Ctx *c, const FileView *f, HfConfig *out);
// an integer, or a list of height and width; left alone when absent
bool hf_read_pair(const Json *j, const char *key, int64_t *h, int64_t *w);
bool hf_read_labels(const Json *j, ModelTask *task, const char ***labels, uint32_t *nlabels);
static inline int64_t hf_grid_h(const HfConfig *cfg) {
    return cfg->image_h / cfg->patch_h;
}
static inline int64_t hf_grid_w(const HfConfig *cfg) {
    return cfg->image_w / cfg->patch_w;
}

// hf_files.c: all tensors of the checkpoint in `dir`, or of the one `file` in it when not NULL
typedef struct HfCheckpoint {
    Weights weights;
    const char *path;           // of the file or index that was chosen, for messages
    VEC(const FileView *) file; // for the digest
} HfCheckpoint;
bool hf_read_checkpoint(Ctx *c, const char *dir, const char *file, HfCheckpoint *out);

// hf_names.c: which tensor means what, whatever it is called.
typedef enum {
#define HF_SLOT(id, where, shape, name) HF_##id,
#include "frontend/hf/hf_names.def"
#undef HF_SLOT
    HF_SLOT_COUNT
} HfSlot;
typedef struct HfTensors {
    const WeightTensor *(*layer)[HF_SLOT_COUNT]; // [cfg->layers]; [0] has the model's own, too
    int64_t nlabels;                             // rows of the classifier, 0 = there is none
} HfTensors;
bool hf_match_tensors(Ctx *c, HfConfig *cfg, const HfCheckpoint *ck, bool want_mask,
                      HfTensors *out); // settles cfg->head_dim

// hf_act.c: hidden_act by name
const HfAct *hf_find_act(const char *name);        // NULL when unknown
const char *hf_suggest_act(const char *name);      // the closest name, or NULL
bool hf_act_learns(const HfAct *act, HfSlot slot); // is this tensor a parameter of the activation?
// learned: f32 nodes of those tensors, in the order of the slots
NodeId hf_build_act(const HfAct *act, Graph *g, NodeId x, const NodeId *learned);

// hf_pos.c: the position table [1, 1+gh*gw, hidden] resized for another image, as f32.
typedef struct HfResize {
    int64_t from; // the training grid is square
    int64_t gh, gw;
    int64_t hidden;
    bool legacy;
} HfResize;
float *hf_resize_positions(Arena *a, const WeightTensor *table, const HfResize *r);

// hf_preprocess.c
bool hf_read_preprocess(Ctx *c, const FileView *f, int64_t channels, Preprocess *out);

// hf_build.c
typedef struct HfModel {
    const HfConfig *cfg;
    const HfTensors *tensors;
    const FrontendOptions *options;
    const char *file; // for places
    const Preprocess *preprocess;
} HfModel;
Graph *hf_build(Ctx *c, const HfModel *m);
#endif
