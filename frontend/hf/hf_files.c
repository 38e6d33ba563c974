// hf_files.c: the weight files of a Hugging Face directory: which of them, shards, both formats.
#include "frontend/hf/hf.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_SHARDS = 4096 };
// In the order in which transformers looks for them; % is the variant ("" first).
static const char *const candidates[] = {
    "model%.safetensors",
    "model.safetensors.index%.json",
    "pytorch_model%.bin",
    "pytorch_model.bin.index%.json",
};
static const char *const variants[] = {"", ".fp32", ".fp16", ".bf16"};

static const char *find_checkpoint(Arena *a, const char *dir) {
    for (size_t v = 0; v < COUNT_OF(variants); v++)
        for (size_t i = 0; i < COUNT_OF(candidates); i++) {
            const char *mark = strchr(candidates[i], '%');
            const char *name = arena_printf(a, "%.*s%s%s", (int)(mark - candidates[i]),
                                            candidates[i], variants[v], mark + 1);
            if (file_exists_beneath(dir, name)) return name;
        }
    return NULL;
}
static bool is_safetensors(const FileView *f) {
    // the header's length, then its brace; neither a zip archive nor a pickle has that
    return f->nbytes > 8 && f->data[8] == '{';
}
static bool is_torch(const FileView *f) {
    return f->nbytes > 4 && (!memcmp(f->data, "PK\3\4", 4) || f->data[0] == 0x80);
}
static FileView *add_file(Ctx *c, HfCheckpoint *ck) {
    FileView *f = NEW(c->arena, FileView);
    *PUSH(c->arena, &ck->file) = f;
    return f;
}
static bool read_tensors(Ctx *c, const FileView *f, Weights *out) {
    static const char pointer[] = "version https://git-lfs";
    Loc here = diag_loc(c->diag, (LocInfo){.file = f->path});
    if (f->nbytes >= strlen(pointer) && !memcmp(f->data, pointer, strlen(pointer)))
        return diag_error(c->diag, ERR_MODEL, here,
                          "this is a Git LFS pointer, not the weights: "
                          "run 'git lfs pull' in the model's directory");
    if (str_ends(f->path, ".safetensors") || is_safetensors(f)) return safetensors_read(c, f, out);
    if (is_torch(f)) return torch_read(c, f, out);
    return diag_error(c->diag, ERR_MODEL, here,
                      "neither a safetensors file nor a PyTorch "
                      "checkpoint");
}

// ---- shards ----------------------------------------------------------------------------------
typedef struct Placed { // one line of weight_map
    const cJSON *json;
    const char *tensor, *shard;
} Placed;
static int by_shard(const void *a, const void *b) {
    const Placed *x = a, *y = b;
    int by_file = strcmp(x->shard, y->shard);
    return by_file ? by_file : strcmp(x->tensor, y->tensor);
}
static bool read_shard(const Json *j, const char *dir, const Placed *p, size_t n,
                       HfCheckpoint *ck) {
    Ctx *c = j->c;
    Weights shard;
    Loc at = diag_loc(c->diag, (LocInfo){.file = j->path});
    FileView *f = add_file(c, ck);
    if (!file_map_beneath(c, dir, p->shard, at, f) || !read_tensors(c, f, &shard)) return false;
    for (size_t i = 0; i < n; i++) {
        const WeightTensor *t = weights_find(&shard, p[i].tensor);
        if (!t) return json_error(j, ERR_MODEL, p[i].json, "is not in the file '%s'", p->shard);
        *PUSH(c->arena, &ck->weights.tensor) = *t;
    }
    return true;
}
static bool read_index(Ctx *c, const char *dir, const char *name, HfCheckpoint *ck) {
    Json j;
    FileView *f = add_file(c, ck);
    VEC(Placed) placed = {0};
    if (!file_map_beneath(c, dir, name, 0, f) || !json_open(c, f, false, &j)) return false;
    const cJSON *map = json_get(j.root, "weight_map"), *v;
    if (!cJSON_IsObject(map)) return json_error(&j, ERR_MODEL, j.root, "has no weight_map");
    cJSON_ArrayForEach(v, map) {
        if (!cJSON_IsString(v)) return json_error(&j, ERR_MODEL, v, "must be a file name");
        *PUSH(c->scratch, &placed) = (Placed){v, v->string, v->valuestring};
    }
    if (placed.n > limit(LIM_ST_TENSORS))
        return json_error(&j, ERR_LIMIT, map, "has too many tensors");
    if (placed.n) qsort(placed.data, placed.n, sizeof *placed.data, by_shard);
    uint32_t nshards = 0;
    for (uint32_t from = 0, to; from < placed.n; from = to) {
        to = from;
        while (to < placed.n && !strcmp(placed.data[from].shard, placed.data[to].shard)) to++;
        if (++nshards > MAX_SHARDS) return json_error(&j, ERR_LIMIT, map, "has too many files");
        if (!read_shard(&j, dir, &placed.data[from], to - from, ck)) return false;
    }
    weights_sort(&ck->weights);
    return true;
}
bool hf_read_checkpoint(Ctx *c, const char *dir, const char *file, HfCheckpoint *out) {
    const char *name = file ? file : find_checkpoint(c->arena, dir);
    if (!name)
        return diag_error(c->diag, ERR_IO, diag_loc(c->diag, (LocInfo){.file = dir}),
                          "no weights: looked for model.safetensors, pytorch_model.bin, and the "
                          "index of each");
    *out = (HfCheckpoint){.path = arena_printf(c->arena, "%s/%s", dir, name)};
    if (str_ends(name, ".json")) return read_index(c, dir, name, out);
    FileView *f = add_file(c, out);
    bool ok = file ? file_map_beside(c, out->path, name, 0, f) // the user may name any link
                   : file_map_beneath(c, dir, name, 0, f);
    return ok && read_tensors(c, f, &out->weights);
}
