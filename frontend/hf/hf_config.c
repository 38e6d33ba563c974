// hf_config.c: config.json. Every key has the default of ViTMSNConfig, every value a range; what
// cannot be built is refused here by name. Keys that do not change the mathematics are ignored.
#include "frontend/hf/hf.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_CHANNELS = 1024 };

// ---- labels ----------------------------------------------------------------------------------
typedef struct Label {
    int64_t id;
    const char *text;
} Label;
static int by_id(const void *a, const void *b) {
    int64_t x = ((const Label *)a)->id, y = ((const Label *)b)->id;
    return x < y ? -1 : x > y;
}
static bool read_label(const Json *j, const cJSON *v, Label *out) {
    char *end = NULL;
    long id = v->string[0] >= '0' && v->string[0] <= '9' ? strtol(v->string, &end, 10) : -1;
    if (id < 0 || *end || id > (long)limit(LIM_JSON_VALUES))
        return json_error(j, ERR_MODEL, v, "is no label number");
    if (!cJSON_IsString(v)) return json_error(j, ERR_MODEL, v, "must be a string");
    *out = (Label){id, v->valuestring};
    return true;
}
// id2label: {"0": "cat", …}, sorted by number; the numbers must be 0 … n-1.
static bool read_id2label(const Json *j, const char ***labels, uint32_t *nlabels) {
    const cJSON *map = json_get(j->root, "id2label"), *v;
    VEC(Label) label = {0};
    if (!map) return true;
    if (!cJSON_IsObject(map)) return json_error(j, ERR_MODEL, map, "must be an object");
    cJSON_ArrayForEach(v, map) if (!read_label(j, v, PUSH(j->c->scratch, &label))) return false;
    if (label.n) qsort(label.data, label.n, sizeof *label.data, by_id);
    const char **text = NEW_N(j->c->arena, const char *, label.n);
    for (uint32_t i = 0; i < label.n; i++) {
        if (label.data[i].id != i)
            return json_error(j, ERR_MODEL, map, "must have the keys \"0\" to \"%u\"", label.n - 1);
        text[i] = label.data[i].text;
    }
    *labels = text;
    *nlabels = label.n;
    return true;
}
// problem_type: what a probability is. Without it the number of labels decides.
static bool read_task(const Json *j, ModelTask *task) {
    static const struct {
        const char *name;
        ModelTask task;
    } tasks[] = {{"single_label_classification", TASK_SINGLE_LABEL},
                 {"multi_label_classification", TASK_MULTI_LABEL},
                 {"regression", TASK_REGRESSION}};
    const char *type = NULL;
    if (!json_string(j, j->root, "problem_type", &type)) return false;
    for (size_t i = 0; type && i < COUNT_OF(tasks); i++) {
        if (strcmp(type, tasks[i].name)) continue;
        *task = tasks[i].task;
        return true;
    }
    if (!type) return true;
    return json_error(j, ERR_UNSUPPORTED, json_get(j->root, "problem_type"), "is unknown: '%s'",
                      type);
}
bool hf_read_labels(const Json *j, ModelTask *task, const char ***labels, uint32_t *nlabels) {
    return read_id2label(j, labels, nlabels) && read_task(j, task);
}

// ---- structure -------------------------------------------------------------------------------
static bool read_model_type(const Json *j, HfConfig *cfg) {
    const char *type = "vit_msn";
    if (!json_string(j, j->root, "model_type", &type)) return false;
    if (!strcmp(type, "vit"))
        cfg->eps = 1e-12; // the same graph with another default
    else if (strcmp(type, "vit_msn"))
        return json_error(j, ERR_UNSUPPORTED, json_get(j->root, "model_type"),
                          "is '%s'; vit_msn and vit can be compiled", type);
    return true;
}
bool hf_read_pair(const Json *j, const char *key, int64_t *h, int64_t *w) {
    int64_t v[2] = {*h, *w};
    int n = 2;
    if (!json_ints(j, j->root, key, 1, (int64_t)limit(LIM_DIM), 2, v, &n)) return false;
    *h = v[0];
    *w = n == 2 ? v[1] : v[0];
    return true;
}
static bool read_sizes(const Json *j, HfConfig *cfg) {
    const cJSON *o = j->root;
    int64_t hidden = (int64_t)limit(LIM_HIDDEN);
    return json_int(j, o, "hidden_size", 1, hidden, &cfg->hidden) &&
           json_int(j, o, "num_hidden_layers", 1, (int64_t)limit(LIM_LAYERS), &cfg->layers) &&
           json_int(j, o, "num_attention_heads", 1, (int64_t)limit(LIM_HEADS), &cfg->heads) &&
           json_int(j, o, "intermediate_size", 1, hidden, &cfg->intermediate) &&
           json_int(j, o, "num_channels", 1, MAX_CHANNELS, &cfg->channels) &&
           json_int(j, o, "head_dim", 1, hidden, &cfg->head_dim) &&
           json_number(j, o, "layer_norm_eps", 0, 1, &cfg->eps) &&
           json_bool(j, o, "qkv_bias", &cfg->qkv_bias) &&
           hf_read_pair(j, "image_size", &cfg->image_h, &cfg->image_w) &&
           hf_read_pair(j, "patch_size", &cfg->patch_h, &cfg->patch_w);
}
// An error about the key's value: at its place, or at the file's beginning when it is a default.
static bool bad_size(const Json *j, ErrKind kind, const char *key, const char *what) {
    const cJSON *v = json_get(j->root, key);
    return json_error(j, kind, v ? v : j->root, "%s%s%s", v ? "" : key, v ? "" : " ", what);
}
static bool check_sizes(const Json *j, HfConfig *cfg) {
    Arena *a = j->c->arena;
    if (cfg->head_dim == 0) {
        if (cfg->hidden % cfg->heads && !json_get(j->root, "embedding_size"))
            return bad_size(j, ERR_MODEL, "hidden_size",
                            arena_printf(a, "is %lld, not a multiple of num_attention_heads %lld",
                                         (long long)cfg->hidden, (long long)cfg->heads));
        cfg->head_dim = cfg->hidden / cfg->heads;
    }
    if (cfg->head_dim == 0 || cfg->head_dim * cfg->heads > (int64_t)limit(LIM_HIDDEN))
        return json_error(j, ERR_LIMIT, j->root,
                          "%lld heads of %lld channels: the sum must be "
                          "from 1 to %llu",
                          (long long)cfg->heads, (long long)cfg->head_dim,
                          (unsigned long long)limit(LIM_HIDDEN));
    if (cfg->patch_h > cfg->image_h || cfg->patch_w > cfg->image_w)
        return bad_size(j, ERR_MODEL, "patch_size",
                        arena_printf(a, "%lldx%lld is larger than image_size %lldx%lld",
                                     (long long)cfg->patch_h, (long long)cfg->patch_w,
                                     (long long)cfg->image_h, (long long)cfg->image_w));
    uint64_t tokens = (uint64_t)hf_grid_h(cfg) * (uint64_t)hf_grid_w(cfg); // each <= LIM_DIM
    if (tokens >= limit(LIM_TOKENS))
        return bad_size(j, ERR_LIMIT, "image_size",
                        arena_printf(a, "makes %llu patches; the limit is %llu",
                                     (unsigned long long)tokens,
                                     (unsigned long long)limit(LIM_TOKENS) - 1));
    return true;
}
static bool read_act(const Json *j, HfConfig *cfg) {
    const char *name = "gelu";
    if (!json_string(j, j->root, "hidden_act", &name)) return false;
    cfg->act = hf_find_act(name);
    if (cfg->act) return true;
    const char *near = hf_suggest_act(name);
    return json_error(j, ERR_UNSUPPORTED, json_get(j->root, "hidden_act"),
                      "is the unknown activation '%s'%s%s%s", name, near ? "; did you mean '" : "",
                      near ? near : "", near ? "'?" : "");
}
// pruned_heads: {"layer": [head, …]}: the file has only the rows and columns of the others.
static bool prune_layer(const Json *j, const cJSON *list, HfConfig *cfg) {
    char *end;
    int64_t layer = strtol(list->string, &end, 10), head;
    if (!*list->string || *end || layer < 0 || layer >= cfg->layers)
        return json_error(j, ERR_MODEL, list, "is no layer number");
    if (!cJSON_IsArray(list)) return json_error(j, ERR_MODEL, list, "must be a list");
    bool *gone = NEW_N(j->c->scratch, bool, (size_t)cfg->heads);
    const cJSON *v;
    cJSON_ArrayForEach(v, list) {
        if (!json_as_int(j, v, 0, cfg->heads - 1, &head)) return false;
        if (gone[head]) return json_error(j, ERR_MODEL, v, "names a head twice");
        gone[head] = true;
        cfg->layer_heads[layer]--;
    }
    return cfg->layer_heads[layer] > 0 || json_error(j, ERR_UNSUPPORTED, list, "leaves no head");
}
static bool read_pruned_heads(const Json *j, HfConfig *cfg) {
    const cJSON *map = json_get(j->root, "pruned_heads"), *v;
    cfg->layer_heads = NEW_N(j->c->arena, int64_t, (size_t)cfg->layers);
    for (int64_t i = 0; i < cfg->layers; i++) cfg->layer_heads[i] = cfg->heads;
    if (!map) return true;
    if (!cJSON_IsObject(map)) return json_error(j, ERR_MODEL, map, "must be an object");
    cJSON_ArrayForEach(v, map) if (!prune_layer(j, v, cfg)) return false;
    return true;
}
static bool read_origin(const Json *j, HfConfig *cfg) {
    const cJSON *list = json_get(j->root, "architectures");
    const cJSON *first = cJSON_IsArray(list) ? list->child : NULL;
    const char *version = NULL;
    if (!json_string(j, j->root, "transformers_version", &version)) return false;
    cfg->producer = version ? arena_printf(j->c->arena, "transformers %s", version) : NULL;
    cfg->claims_classifier =
        first && cJSON_IsString(first) && str_ends(first->valuestring, "ForImageClassification");
    return true;
}
bool hf_read_config(Ctx *c, const FileView *f, HfConfig *cfg) {
    Json j;
    *cfg = (HfConfig){.hidden = 768,
                      .layers = 12,
                      .heads = 12,
                      .intermediate = 3072,
                      .channels = 3,
                      .image_h = 224,
                      .image_w = 224,
                      .patch_h = 16,
                      .patch_w = 16,
                      .eps = 1e-6,
                      .qkv_bias = true};
    return json_open(c, f, false, &j) && read_model_type(&j, cfg) && read_sizes(&j, cfg) &&
           check_sizes(&j, cfg) && read_act(&j, cfg) && read_pruned_heads(&j, cfg) &&
           read_origin(&j, cfg) && hf_read_labels(&j, &cfg->task, &cfg->labels, &cfg->nlabels);
}
