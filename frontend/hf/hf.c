// hf.c: hf_load: a Hugging Face directory, its config.json or one checkpoint file becomes a Graph;
// and what the neighbours of an ONNX file say about labels and images.
#include "frontend/hf/hf.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

// ---- the public description ------------------------------------------------------------------
// The directory's name; for a snapshot of a hub cache, the name of the repository.
static const char *model_name(Arena *a, const char *dir) {
    static const char repo[] = "models--";
    char real[PATH_MAX];
    const char *path = realpath(dir, real) ? real : dir;
    const char *up = path_dir(a, path), *base = path_base(a, path);
    if (strcmp(path_base(a, up), "snapshots")) return base;
    const char *name = path_base(a, path_dir(a, up));
    if (!str_starts(name, repo)) return base;
    const char *last = name + strlen(repo);
    for (const char *p = last; (p = strstr(p, "--")) != NULL; last = p) p += 2;
    return last;
}
// The classifier's rows are authoritative for the number of labels.
static void settle_labels(Ctx *c, const char *path, HfConfig *cfg, int64_t rows) {
    Loc at = diag_loc(c->diag, (LocInfo){.file = path});
    if (rows == 0) {
        if (cfg->claims_classifier)
            diag_warning(c->diag, at, "the checkpoint has no classifier: compiling the features");
        cfg->task = TASK_FEATURES;
        cfg->nlabels = 0;
        return;
    }
    if (cfg->task == TASK_FEATURES) cfg->task = rows == 1 ? TASK_REGRESSION : TASK_SINGLE_LABEL;
    if (cfg->nlabels == (uint64_t)rows) return;
    if (cfg->nlabels)
        diag_warning(c->diag, at, "id2label has %u names for a classifier of %lld: numbers instead",
                     cfg->nlabels, (long long)rows);
    cfg->nlabels = (uint32_t)rows;
    cfg->labels = NEW_N(c->arena, const char *, (size_t)rows);
    for (int64_t i = 0; i < rows; i++)
        cfg->labels[i] = arena_printf(c->arena, "LABEL_%lld", (long long)i);
}
static void describe(Ctx *c, Graph *g, const char *dir, const HfConfig *cfg, const Preprocess *p,
                     const FileView *config, const HfCheckpoint *ck) {
    const FileView **files = NEW_N(c->scratch, const FileView *, ck->file.n + 1);
    files[0] = config;
    for (uint32_t i = 0; i < ck->file.n; i++) files[i + 1] = ck->file.data[i];
    file_sha256(files, ck->file.n + 1, g->info.sha256);
    g->info.name = model_name(c->arena, dir);
    g->info.producer = cfg->producer;
    g->info.task = cfg->task;
    g->info.nlabels = cfg->nlabels;
    g->info.labels = cfg->labels;
    g->info.preprocess = *p;
}

// ---- loading ---------------------------------------------------------------------------------
static const char config_name[] = "config.json", images_name[] = "preprocessor_config.json";

static bool read_images(Ctx *c, const char *dir, int64_t channels, Preprocess *out) {
    FileView f;
    if (!file_exists_beneath(dir, images_name)) return true;
    return file_map_beneath(c, dir, images_name, 0, &f) && hf_read_preprocess(c, &f, channels, out);
}
// PATH is a directory, its config.json, or a weight file that lies beside a config.json.
static void split_path(Ctx *c, const char *path, const char **dir, const char **weights) {
    *weights = NULL;
    *dir = path;
    if (path_is_dir(path)) return;
    const char *base = path_base(c->arena, path);
    *dir = path_dir(c->arena, path);
    if (strcmp(base, config_name)) *weights = base;
}
Graph *hf_load(Ctx *c, const char *path, const FrontendOptions *o) {
    const char *dir, *weights;
    HfConfig cfg;
    HfCheckpoint ck;
    HfTensors tensors;
    Preprocess images = {0};
    FileView config;
    split_path(c, path, &dir, &weights);
    if (!file_map_beneath(c, dir, config_name, 0, &config)) return NULL;
    if (!hf_read_config(c, &config, &cfg)) return NULL;
    if (!read_images(c, dir, cfg.channels, &images)) return NULL;
    if (!hf_read_checkpoint(c, dir, weights, &ck)) return NULL;
    if (!hf_match_tensors(c, &cfg, &ck, o->bool_masked_pos, &tensors)) return NULL;
    settle_labels(c, config.path, &cfg, tensors.nlabels);
    Graph *g = hf_build(c, &(HfModel){&cfg, &tensors, o, ck.path, &images});
    if (g) describe(c, g, dir, &cfg, &images, &config, &ck);
    return g;
}

// ---- beside an ONNX file ---------------------------------------------------------------------
// config.json and preprocessor_config.json lie beside the model, or above it when its directory is
// called onnx. Both may be absent. image_size serves exports with dynamic sides. The caller checks
// that the number of labels fits its output.
static bool read_image_size(const Json *j, ModelInfo *info) {
    int64_t v[2];
    int n = 0;
    if (!json_ints(j, j->root, "image_size", 1, (int64_t)limit(LIM_DIM), 2, v, &n)) return false;
    info->image_h = n ? v[0] : 0;
    info->image_w = n ? v[n - 1] : 0;
    return true;
}
static bool read_siblings(Ctx *c, const char *dir, ModelInfo *info) {
    FileView f;
    Json j;
    if (file_exists_beneath(dir, config_name)) {
        if (!file_map_beneath(c, dir, config_name, 0, &f) || !json_open(c, &f, false, &j))
            return false;
        if (!hf_read_labels(&j, &info->task, &info->labels, &info->nlabels)) return false;
        if (!read_image_size(&j, info)) return false;
        if (info->task == TASK_FEATURES && info->nlabels)
            info->task = info->nlabels == 1 ? TASK_REGRESSION : TASK_SINGLE_LABEL;
        if (!hf_read_pair(&j, "image_size", &info->image_h, &info->image_w)) return false;
    }
    return read_images(c, dir, info->channels ? info->channels : 3, &info->preprocess);
}
bool hf_read_siblings(Ctx *c, const char *model_path, ModelInfo *info) {
    const char *dir = path_dir(c->arena, model_path);
    bool here = file_exists_beneath(dir, config_name) || file_exists_beneath(dir, images_name);
    if (!here && !strcmp(path_base(c->arena, dir), "onnx")) dir = path_dir(c->arena, dir);
    return read_siblings(c, dir, info);
}
