// onnx_sizes.c: exports declare height and width as open although the position table fixes them
// (add of [1, patches + 1, hidden]). So the sizes are deduced from the weights: the patch
// convolution gives channels and patch size, the table the number of patches.
#include "frontend/onnx/onnx_sizes.h"
#include <string.h>

static const TensorMsg *find_initialiser(const GraphMsg *g, const char *name) {
    for (size_t i = 0; i < g->n_initializer; i++) {
        if (strcmp(text_of(g->initializer[i]->name), name) == 0) return g->initializer[i];
    }
    return NULL;
}
static const TensorMsg *constant_of(const NodeMsg *n) {
    if (strcmp(text_of(n->op_type), "Constant") != 0) return NULL;
    return n->n_attribute == 1 ? n->attribute[0]->t : NULL;
}
static const NodeMsg *producer_of(const GraphMsg *g, const char *name) {
    for (size_t i = 0; i < g->n_node; i++) {
        if (g->node[i]->n_output && strcmp(text_of(g->node[i]->output[0]), name) == 0)
            return g->node[i];
    }
    return NULL;
}
// A weight: an initialiser or a constant, perhaps behind a cast or another name.
static const TensorMsg *find_weight(const GraphMsg *g, const char *name) {
    enum { DEPTH = 4 };
    for (int i = 0; i < DEPTH; i++) {
        const TensorMsg *t = find_initialiser(g, name);
        const NodeMsg *n = t ? NULL : producer_of(g, name);
        if (t || !n) return t;
        if (n->n_input == 0) return constant_of(n);
        name = text_of(n->input[0]);
    }
    return NULL;
}
static bool is_plausible(const TensorMsg *t, size_t rank) {
    if (!t || t->n_dims != rank) return false;
    for (size_t i = 0; i < rank; i++) {
        if (t->dims[i] < 1 || t->dims[i] > (int64_t)limit(LIM_HIDDEN)) return false;
    }
    return true;
}
static int64_t square_root(int64_t n) { // 0 when n is not a square
    int64_t r = 1;
    while (r * r < n) r++;
    return r * r == n ? r : 0;
}
// The first convolution: weight [hidden, channels, patch, patch].
static void find_patches(const GraphMsg *g, Sizes *s) {
    for (size_t i = 0; i < g->n_node; i++) {
        const NodeMsg *n = g->node[i];
        if (strcmp(text_of(n->op_type), "Conv") != 0 &&
            strcmp(text_of(n->op_type), "FusedConv") != 0)
            continue;
        const TensorMsg *w = n->n_input > 1 ? find_weight(g, text_of(n->input[1])) : NULL;
        if (!is_plausible(w, 4)) return;
        s->hidden = w->dims[0];
        s->channels = w->dims[1];
        s->patch_h = w->dims[2];
        s->patch_w = w->dims[3];
        return;
    }
}
// [1, 1 + g*g, hidden] is added to the tokens as it is. [1, g*g, hidden] and [1, hidden, g, g] are
// tables cut up for an interpolation that the model does itself: any size works.
static void look_at_table(const TensorMsg *t, Sizes *s) {
    if (is_plausible(t, 3) && t->dims[0] == 1 && t->dims[1] > 1 && t->dims[2] == s->hidden) {
        int64_t with_cls = square_root(t->dims[1] - 1), without = square_root(t->dims[1]);
        if (with_cls)
            s->grid_h = s->grid_w = with_cls;
        else if (without)
            s->trained_h = s->trained_w = without;
    }
    if (is_plausible(t, 4) && t->dims[0] == 1 && t->dims[1] == s->hidden) {
        s->trained_h = t->dims[2];
        s->trained_w = t->dims[3];
    }
}
void sizes_from_graph(const GraphMsg *g, Sizes *out) {
    *out = (Sizes){0};
    find_patches(g, out);
    if (out->hidden == 0) return;
    for (size_t i = 0; i < g->n_initializer; i++) look_at_table(g->initializer[i], out);
    for (size_t i = 0; i < g->n_node; i++) {
        const TensorMsg *t = constant_of(g->node[i]);
        if (t) look_at_table(t, out);
    }
}

static int64_t first_known(const int64_t *v, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (v[i] > 0) return v[i];
    }
    return 0;
}
void sizes_settle(Sizes *s, const FrontendOptions *o, const ModelInfo *info) {
    enum { USUAL = 224 }; // what nearly every published ViT was trained on
    const int64_t h[] = {o->image_h, s->grid_h * s->patch_h, info->image_h,
                         s->trained_h * s->patch_h, USUAL};
    const int64_t w[] = {o->image_w, s->grid_w * s->patch_w, info->image_w,
                         s->trained_w * s->patch_w, USUAL};
    s->height = first_known(h, COUNT_OF(h));
    s->width = first_known(w, COUNT_OF(w));
    if (s->channels == 0) s->channels = 3;
    s->batch = o->batch;
}
