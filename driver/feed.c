// feed.c: reads .safetensors and .npy tensors by name and shape, and pictures through the model's
// own preprocessing. The two do not mix; pictures need a model whose only input is an image.
#include "driver/feed.h"
#include "driver/execute.h"
#include "driver/image_file.h"
#include <string.h>

// ---- tensor files ---------------------------------------------------------------------------
// All tensors of a .safetensors or .npy file; the one of a .npy file has no name.
static bool read_tensors(Tool *t, const FileView *f, Weights *out) {
    bool is_npy = f->nbytes >= 6 && !memcmp(f->data, "\x93NUMPY", 6);
    bool is_safetensors = str_ends(f->path, ".safetensors") || (f->nbytes > 8 && f->data[8] == '{');
    if (!is_npy && is_safetensors) return safetensors_read(&t->c, f, out);
    if (!is_npy)
        return diag_error(t->c.diag, ERR_MODEL, diag_loc(t->c.diag, (LocInfo){.file = f->path}),
                          "neither a picture (PNG, JPEG, PPM, PGM) nor .npy or .safetensors");
    WeightTensor x = {.name = "", .file = f->path};
    if (!npy_read(&t->c, f, &x.type, &x.data)) return false;
    *PUSH(t->c.arena, &out->tensor) = x;
    return true;
}
static bool is_pixels(const WeightTensor *x) {
    return x->type.rank == 4;
}
bool feed_shape(Tool *t, const TextList *files, FrontendOptions *f) {
    FileView view;
    Weights w = {0};
    if (files->n != 1) return true; // pictures, or a mistake that feed_open names
    if (!file_map(&t->c, files->data[0], &view)) return false;
    if (is_image(&view)) return true;
    if (!read_tensors(t, &view, &w)) return false;
    const WeightTensor *x = weights_find(&w, "pixel_values");
    for (uint32_t i = 0; !x && i < w.tensor.n; i++)
        if (is_pixels(&w.tensor.data[i])) x = &w.tensor.data[i];
    if (!x || !is_pixels(x)) return true;
    int row = f->input_u8 ? 1 : 2; // [B,H,W,C] or [B,C,H,W]
    if (!f->batch) f->batch = x->type.dim[0];
    if (f->image_h) return true;
    f->image_h = x->type.dim[row];
    f->image_w = x->type.dim[row + 1];
    return true;
}

// n elements from `first` on. Any float type feeds any float type, integers and booleans likewise.
static void convert(const WeightTensor *x, uint64_t first, uint64_t n, DType to, void *out) {
    bool is_float = dtype_info[to].cls == CLASS_FLOAT;
    uint64_t size = dtype_info[to].nbytes;
    if (x->type.dt == to) {
        memcpy(out, (const char *)x->data + first * size, n * size);
        return;
    }
    for (uint64_t i = 0; i < n; i++) {
        if (is_float)
            dtype_write_f(to, out, i, dtype_read_f(x->type.dt, x->data, first + i));
        else
            dtype_write_i(to, out, i, dtype_read_i(x->type.dt, x->data, first + i));
    }
}
static bool is_batched(const Feed *f, uint32_t input) {
    const vitc_tensor_info *want = &f->info->inputs[input];
    return want->rank > 0 && (uint64_t)want->dim[0] == f->batch;
}
// The same shape, but for a batch of any size; and of the same class of types.
static bool fits(const Feed *f, uint32_t input, const Type *got) {
    Type want = type_of_info(&f->info->inputs[input]);
    int first = is_batched(f, input) ? 1 : 0;
    if (got->rank != want.rank || (first && got->dim[0] < 1)) return false;
    for (int i = first; i < want.rank; i++)
        if (got->dim[i] != want.dim[i]) return false;
    return got->dt &&
           (dtype_info[got->dt].cls == CLASS_FLOAT) == (dtype_info[want.dt].cls == CLASS_FLOAT);
}
static bool bind_tensor(Tool *t, Feed *f, uint32_t input, const WeightTensor *x) {
    const vitc_tensor_info *want = &f->info->inputs[input];
    Type type = type_of_info(want);
    uint32_t items = is_batched(f, input) ? (uint32_t)x->type.dim[0] : f->nitems;
    if (!x->type.dt)
        return diag_error(t->c.diag, ERR_UNSUPPORTED,
                          diag_loc(t->c.diag, (LocInfo){.file = x->file}),
                          "'%s' has the element type %s, which cannot be read", x->name, x->dtype);
    f->tensor[input] = x;
    if (fits(f, input, &x->type) && (!f->nitems || items == f->nitems))
        return f->nitems = items, true;
    return diag_error(t->c.diag, ERR_MODEL, diag_loc(t->c.diag, (LocInfo){.file = x->file}),
                      "%s is %s, but the model's input '%s' is %s",
                      *x->name ? arena_printf(t->c.arena, "'%s'", x->name) : "the tensor",
                      type_text(t->c.arena, &x->type), want->name, type_text(t->c.arena, &type));
}
static bool missing_input(Tool *t, const char *file, const char *input, const Weights *w) {
    Loc at = diag_loc(t->c.diag, (LocInfo){.file = file});
    diag_error(t->c.diag, ERR_MODEL, at, "there is no tensor for the model's input '%s'", input);
    Str s = str_new(t->c.arena);
    for (uint32_t i = 0; i < w->tensor.n && i < 8; i++)
        str_addf(&s, " '%s'", w->tensor.data[i].name);
    return diag_note(t->c.diag, "the file holds%s", w->tensor.n ? str_cstr(&s) : " nothing");
}
static bool bind_tensors(Tool *t, Feed *f, const FileView *view) {
    Weights *w = NEW(t->c.arena, Weights);
    if (!read_tensors(t, view, w)) return false;
    f->tensor = NEW_N(t->c.arena, const WeightTensor *, given_inputs(f->info));
    for (uint32_t i = 0; i < given_inputs(f->info); i++) {
        const WeightTensor *x = weights_find(w, f->info->inputs[i].name);
        if (!x && w->tensor.n == 1 && given_inputs(f->info) == 1) x = &w->tensor.data[0];
        if (!x) return missing_input(t, view->path, f->info->inputs[i].name, w);
        if (!bind_tensor(t, f, i, x)) return false;
    }
    if (!f->nitems) f->nitems = f->batch; // no input has a batch axis
    return true;
}
static void fill_tensor(const Feed *f, uint32_t input, uint32_t call) {
    const vitc_tensor_info *want = &f->info->inputs[input];
    const WeightTensor *x = f->tensor[input];
    Type type = type_of_info(want);
    bool batched = is_batched(f, input);
    uint64_t n = (uint64_t)type_count(&type) / (batched ? f->batch : 1);
    for (uint32_t i = 0; i < (batched ? f->batch : 1); i++) {
        uint32_t item = batched ? call * f->batch + i : 0;
        if (batched && item >= f->nitems) return;
        convert(x, item * n, n, type.dt, (char *)f->in[input] + i * n * dtype_info[type.dt].nbytes);
    }
}

// ---- pictures -------------------------------------------------------------------------------
static bool picture_model(Tool *t, const Feed *f) {
    const vitc_tensor_info *in = &f->info->inputs[0];
    if (given_inputs(f->info) != 1)
        return diag_error(t->c.diag, ERR_MODEL, 0,
                          "the model has %u inputs; give all of them in a .safetensors file",
                          given_inputs(f->info));
    if (in->rank != 4)
        return diag_error(t->c.diag, ERR_MODEL, 0, "the model's input '%s' is no image", in->name);
    const vitc_preprocess *p = f->info->preprocess;
    uint64_t samples = p ? (uint64_t)p->height * p->width * p->channels * (uint64_t)in->dim[0] : 0;
    Type type = type_of_info(in);
    if (p && samples == (uint64_t)type_count(&type)) return true;
    diag_error(t->c.diag, ERR_MODEL, 0, "the model does not say how a picture becomes '%s'",
               in->name);
    return diag_note(
        t->c.diag,
        "put its preprocessor_config.json beside it, or give a .npy or .safetensors file");
}
// One picture into its place of the batch: normalised floats, or bytes for a u8 input.
static vitc_status place_picture(const vitc_model_info *m, const vitc_image *img, void *batch,
                                 uint32_t place) {
    const vitc_tensor_info *in = &m->inputs[0];
    const vitc_preprocess *p = m->preprocess;
    char *to = (char *)batch + (uint64_t)place * (in->bytes / (uint64_t)in->dim[0]);
    if (in->dtype != VITC_U8) return vitc_image_to_input(p, img, (float *)(void *)to, NULL);
    return vitc_image_resize(img, (uint8_t *)to, p->width, p->height, p->channels, p->resample,
                             NULL);
}
// Files and decoded samples are of no use once the picture is in place: they live in scratch.
static bool read_picture(Tool *t, Feed *f, const char *path, uint32_t place) {
    Ctx c = {t->c.scratch, t->c.scratch, t->c.diag, NULL};
    Loc at = diag_loc(t->c.diag, (LocInfo){.file = path});
    FileView view;
    vitc_image img;
    if (!file_map(&c, path, &view)) return false;
    if (!is_image(&view))
        return diag_error(c.diag, ERR_MODEL, at, "not a PNG, JPEG, PPM or PGM picture");
    if (!image_read(&c, &view, &img)) return false;
    vitc_status s = place_picture(f->info, &img, f->in[0], place);
    arena_reset(t->c.scratch);
    if (s == VITC_OK) return true;
    return diag_error(c.diag, s == VITC_E_MEMORY ? ERR_LIMIT : ERR_MODEL, at,
                      "cannot be resized: %s", vitc_status_str(s));
}
// The unused places of the last call keep the items of the call before.
bool feed_fill(Tool *t, Feed *f, uint32_t call) {
    if (f->tensor) {
        for (uint32_t i = 0; i < given_inputs(f->info); i++) fill_tensor(f, i, call);
        return true;
    }
    for (uint32_t i = 0, item = call * f->batch; i < f->batch && item < f->nitems; i++, item++)
        if (!read_picture(t, f, f->files->data[item], i)) return false;
    return true;
}

static bool count_items(Tool *t, Feed *f, const FileView *first) {
    if (!is_image(first) && f->files->n == 1) return bind_tensors(t, f, first);
    if (!is_image(first))
        return diag_error(t->c.diag, ERR_USAGE, 0,
                          "only pictures can be given as several --input files");
    f->nitems = f->files->n;
    return picture_model(t, f);
}
bool feed_open(Tool *t, const vitc_model_info *info, const TextList *files, Feed *out) {
    *out = (Feed){.info = info, .files = files, .batch = 1};
    out->in = NEW_N(t->c.arena, void *, given_inputs(info));
    for (uint32_t i = 0; i < given_inputs(info); i++)
        out->in[i] = arena_alloc(t->c.arena, info->inputs[i].bytes);
    if (given_inputs(info) && info->inputs[0].rank) out->batch = (uint32_t)info->inputs[0].dim[0];
    FileView first;
    if (!file_map(&t->c, files->data[0], &first) || !count_items(t, out, &first)) return false;
    out->ncalls = (out->nitems + out->batch - 1) / out->batch;
    return true;
}
