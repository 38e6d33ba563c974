// frontend.c: what kind of model a path is.
#include "frontend/frontend.h"
#include <string.h>

// A directory with weights is Hugging Face's. One without may hold an export.
static const char *const weight_files[] = {"model.safetensors", "model.safetensors.index.json",
                                           "pytorch_model.bin", "pytorch_model.bin.index.json"};
static const char *const export_files[] = {"model.onnx", "onnx/model.onnx"};

static const char *export_in(Ctx *c, const char *dir) {
    for (size_t i = 0; i < COUNT_OF(weight_files); i++) {
        if (file_exists_beneath(dir, weight_files[i])) return NULL;
    }
    for (size_t i = 0; i < COUNT_OF(export_files); i++) {
        if (file_exists_beneath(dir, export_files[i]))
            return arena_printf(c->arena, "%s/%s", dir, export_files[i]);
    }
    return NULL;
}
static Graph *load_export(Ctx *c, const char *path, const FrontendOptions *o) {
    Graph *g = onnx_load(c, path, o);
    return g && frontend_select_outputs(c, g, o->outputs, NULL) ? g : NULL;
}
static Graph *load_text(Ctx *c, const char *path, const FrontendOptions *o) {
    FileView f;
    if (!file_map(c, path, &f)) return NULL;
    Graph *g = graph_parse_files(c->arena, c->diag, path, (const char *)f.data, f.nbytes, o->files);
    if (!g || !graph_check(g, c->diag)) return NULL;
    const FileView *file = &f;
    g->info.name = path_base(c->arena, path);
    file_sha256(&file, 1, g->info.sha256);
    return frontend_select_outputs(c, g, o->outputs, NULL) ? g : NULL;
}
// Files that are read as a model by themselves, or as the weights beside a config.json.
static const char *const model_suffixes[] = {".json", ".safetensors", ".bin", ".pth",
                                             ".pt",   ".tar",         ".ckpt"};
static bool has_model_name(const char *path) {
    for (size_t i = 0; i < COUNT_OF(model_suffixes); i++)
        if (str_ends(path, model_suffixes[i])) return true;
    return false;
}
static Graph *unknown_file(Ctx *c, const char *path) {
    diag_error(c->diag, ERR_USAGE, diag_loc(c->diag, (LocInfo){.file = path}), "is not a model");
    diag_note(c->diag,
              "a model is a directory, its config.json or weights, or an .onnx or .vg file");
    return NULL;
}
Graph *frontend_load(Ctx *c, const char *path, const FrontendOptions *o) {
    bool is_dir = path_is_dir(path);
    const char *dir = is_dir ? path : path_dir(c->arena, path), *base = path_base(c->arena, path);
    if (!is_dir && str_ends(path, ".onnx")) return load_export(c, path, o);
    if (!is_dir && str_ends(path, ".vg")) return load_text(c, path, o);
    if (is_dir || strcmp(base, "config.json") == 0) {
        const char *onnx = export_in(c, dir);
        if (onnx) return load_export(c, onnx, o);
    }
    return is_dir || has_model_name(path) ? hf_load(c, path, o) : unknown_file(c, path);
}
