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
static bool is_weight_file(const char *path) {
    static const char *const ends[] = {
        ".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json", ".pt", ".pth",
        ".tar"};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        if (str_ends(path, ends[i])) return true;
    }
    return false;
}
static Graph *load_directory(Ctx *c, const char *path, const char *dir, const FrontendOptions *o) {
    const char *onnx = export_in(c, dir);
    return onnx ? load_export(c, onnx, o) : hf_load(c, path, o);
}
Graph *frontend_load(Ctx *c, const char *path, const FrontendOptions *o) {
    if (path_is_dir(path)) return load_directory(c, path, path, o);
    if (str_ends(path, ".onnx")) return load_export(c, path, o);
    if (str_ends(path, ".vg")) return load_text(c, path, o);
    if (strcmp(path_base(c->arena, path), "config.json") == 0) {
        return load_directory(c, path, path_dir(c->arena, path), o);
    }
    if (is_weight_file(path)) return hf_load(c, path, o);
    FileView f;
    if (!file_map(c, path, &f)) return NULL;
    Loc at = diag_loc(c->diag, (LocInfo){.file = path});
    diag_error(c->diag, ERR_USAGE, at,
               "not a model: a model is a .onnx file, a directory of Hugging Face, its "
               "config.json or weights, or a .vg file");
    return NULL;
}
