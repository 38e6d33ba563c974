// onnx_inputs.c: binds the inputs of a model. Shapes are static here, so open dimensions are
// decided before anything is read: from the command line, the weights, or config.json.
#include "frontend/onnx/onnx_inputs.h"
#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}
bool names_are_unique(Import *m, const char **name, size_t n, const char *what) {
    if (n) qsort(name, n, sizeof *name, by_name);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(name[i - 1], name[i]) == 0)
            return fail(m, ERR_MODEL, "%s '%s' is there twice", what, name[i]);
    }
    return true;
}
bool inputs_find(Import *m, const GraphMsg *g, Inputs *in) {
    const char **known = NEW_N(m->tmp, const char *, g->n_initializer);
    const char **all = NEW_N(m->tmp, const char *, g->n_input);
    *in = (Inputs){.input = NEW_N(m->tmp, const ValueMsg *, g->n_input),
                   .name = NEW_N(m->tmp, const char *, g->n_input)};
    for (size_t i = 0; i < g->n_initializer; i++) known[i] = text_of(g->initializer[i]->name);
    for (size_t i = 0; i < g->n_input; i++) all[i] = text_of(g->input[i]->name);
    if (!names_are_unique(m, known, g->n_initializer, "initialiser")) return false;
    if (!names_are_unique(m, all, g->n_input, "input")) return false;
    for (size_t i = 0; i < g->n_input; i++) {
        const char *name = text_of(g->input[i]->name);
        if (g->n_initializer && bsearch(&name, known, g->n_initializer, sizeof *known, by_name))
            continue;
        in->name[in->n] = name;
        in->input[in->n++] = g->input[i];
    }
    sizes_from_graph(g, &in->sizes);
    return true;
}
static const Onnx__TypeProto__Tensor *tensor_of(const ValueMsg *v) {
    return v->type ? v->type->tensor_type : NULL;
}
static bool is_image(const ValueMsg *v) {
    const Onnx__TypeProto__Tensor *t = tensor_of(v);
    return t && t->shape && t->shape->n_dim == 4;
}
typedef Onnx__TensorShapeProto__Dimension DimMsg;
// Some exporters write 0 for an open dimension; of an image it cannot mean anything else.
static bool is_open(const ValueMsg *v, size_t axis) {
    const DimMsg *d = tensor_of(v)->shape->dim[axis];
    return !d->has_dim_value || d->dim_value < 0 || (d->dim_value == 0 && is_image(v));
}
static const char *symbol_of(const ValueMsg *v, size_t axis) {
    const char *name = text_of(tensor_of(v)->shape->dim[axis]->dim_param);
    return is_open(v, axis) && *name ? name : NULL;
}
static bool same_symbol(const char *a, const char *b) {
    return a && b && strcmp(a, b) == 0;
}

// The size of an open dimension, or 0 when nothing tells it.
static int64_t open_size(const Inputs *in, const ValueMsg *v, size_t axis) {
    const Sizes *s = &in->sizes;
    const Onnx__TensorShapeProto *shape = tensor_of(v)->shape;
    const char *symbol = symbol_of(v, axis);
    if (axis == 0 || same_symbol(symbol, in->batch_name)) return s->batch ? s->batch : 1;
    if (is_image(v)) return axis == 1 ? s->channels : axis == 2 ? s->height : s->width;
    if (same_symbol(symbol, in->height_name)) return s->height;
    if (same_symbol(symbol, in->width_name)) return s->width;
    bool per_patch = shape->n_dim == 2 && axis == 1 && s->patch_h && s->patch_w; // bool_masked_pos
    return per_patch ? (s->height / s->patch_h) * (s->width / s->patch_w) : 0;
}
// What the command line asks for must be what the file fixes.
static bool check_asked(Import *m, const char *what, int64_t asked, int64_t fixed) {
    if (asked == 0 || asked == fixed) return true;
    return fail(m, ERR_USAGE, "the model fixes %s at %lld, %lld was asked for", what,
                (long long)fixed, (long long)asked);
}
static bool fixed_size(Import *m, const Inputs *in, const ValueMsg *v, size_t axis, int64_t size) {
    const char *name = text_of(v->name);
    if (size > (int64_t)limit(LIM_DIM))
        return fail(m, ERR_LIMIT, "input '%s': dimension %lld is too large", name, (long long)size);
    if (in->image == in->n || v != in->input[in->image]) return true;
    if (axis == 0) return check_asked(m, "the batch", m->o->batch, size);
    if (axis == 2) return check_asked(m, "the image height", m->o->image_h, size);
    return axis != 3 || check_asked(m, "the image width", m->o->image_w, size);
}
static bool input_type(Import *m, const Inputs *in, const ValueMsg *v, Type *out) {
    const char *name = text_of(v->name);
    const Onnx__TypeProto__Tensor *t = tensor_of(v);
    if (!t) return fail(m, ERR_UNSUPPORTED, "input '%s' is not a tensor", name);
    if (!t->shape) return fail(m, ERR_UNSUPPORTED, "input '%s' has no shape", name);
    DType dt = dtype_from_onnx(t->elem_type);
    if (dt == DT_NONE)
        return fail(m, ERR_UNSUPPORTED, "input '%s': element type %d is not supported", name,
                    t->elem_type);
    if (t->shape->n_dim > MAX_RANK) {
        return fail(m, ERR_UNSUPPORTED, "input '%s' has rank %zu, at most %d is supported", name,
                    t->shape->n_dim, MAX_RANK);
    }
    int64_t dim[MAX_RANK];
    for (size_t i = 0; i < t->shape->n_dim; i++) {
        const DimMsg *d = t->shape->dim[i];
        dim[i] = is_open(v, i) ? open_size(in, v, i) : d->dim_value;
        if (is_open(v, i) && dim[i] == 0) {
            return fail(m, ERR_UNSUPPORTED,
                        "input '%s': dimension %zu ('%s') is open and nothing tells its size", name,
                        i, text_of(d->dim_param));
        }
        if (!is_open(v, i) && !fixed_size(m, in, v, i, dim[i])) return false;
    }
    if (!type_check(dim, (int)t->shape->n_dim))
        return fail(m, ERR_LIMIT, "input '%s' is too large", name);
    *out = type_of(dt, (int)t->shape->n_dim, dim);
    return true;
}
// Open dimensions of the image decide those of other inputs that share their symbol.
static void learn_from_image(Inputs *in) {
    Sizes *s = &in->sizes;
    in->image = 0;
    while (in->image < in->n && !is_image(in->input[in->image])) in->image++;
    if (in->image == in->n) return;
    const ValueMsg *v = in->input[in->image];
    DimMsg *const *d = tensor_of(v)->shape->dim;
    in->batch_name = symbol_of(v, 0);
    in->height_name = symbol_of(v, 2);
    in->width_name = symbol_of(v, 3);
    if (!is_open(v, 0)) s->batch = d[0]->dim_value;
    if (!is_open(v, 2)) s->height = d[2]->dim_value;
    if (!is_open(v, 3)) s->width = d[3]->dim_value;
}
static NodeId per_channel(Import *m, const double *v, int64_t channels) {
    float f[COUNT_OF(m->g->info.preprocess.mean)];
    for (int64_t i = 0; i < channels; i++) f[i] = (float)v[i];
    return graph_const_copy(m->g, type_of(DT_F32, 4, (int64_t[]){1, channels, 1, 1}), f, m->loc);
}
// The image as bytes [B,H,W,C]: the processor's arithmetic becomes part of the graph.
static NodeId byte_image(Import *m, const char *name, const Type *t) {
    const Preprocess *p = &m->g->info.preprocess;
    if (!p->present || t->rank != 4 || t->dim[1] > (int64_t)COUNT_OF(p->mean)) {
        fail(m, ERR_UNSUPPORTED,
             "pixels as bytes need a preprocessor_config.json and at most %zu channels",
             COUNT_OF(p->mean));
        return 0;
    }
    Type bytes = type_of(DT_U8, 4, (int64_t[]){t->dim[0], t->dim[2], t->dim[3], t->dim[1]});
    NodeId x = t_cast(m, graph_input(m->g, name, bytes, m->loc), DT_F32);
    x = t_transpose(m, x, (int64_t[]){0, 3, 1, 2});
    if (p->do_rescale) x = t_scale(m, x, p->rescale_factor);
    if (!p->do_normalize) return x;
    x = t_binary(m, OP_SUB, x, per_channel(m, p->mean, t->dim[1]));
    return t_binary(m, OP_DIV, x, per_channel(m, p->std, t->dim[1]));
}
static NodeId bind_input(Import *m, const Inputs *in, uint32_t i, const Type *t) {
    const char *name = in->name[i];
    bool is_float = dtype_info[t->dt].cls == CLASS_FLOAT;
    if (i == in->image && m->o->input_u8 && is_float) return byte_image(m, name, t);
    NodeId n = graph_input(m->g, name, *t, m->loc);
    return is_float ? t_cast(m, n, DT_F32) : n;
}
bool inputs_bind(Import *m, Inputs *in) {
    int64_t batch = m->o->batch;
    in->value = NEW_N(m->tmp, Value, in->n);
    if (batch < 0 || (uint64_t)batch > limit(LIM_BATCH)) {
        return fail(m, ERR_USAGE, "batch %lld: must be from 1 to %llu", (long long)batch,
                    (unsigned long long)limit(LIM_BATCH));
    }
    learn_from_image(in);
    for (uint32_t i = 0; i < in->n; i++) {
        Type t;
        if (!input_type(m, in, in->input[i], &t)) return false;
        in->value[i] = (Value){bind_input(m, in, i, &t), t.dt};
        if (in->value[i].node == 0) return false;
    }
    return true;
}
