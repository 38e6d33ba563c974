// onnx_load.c: from an ONNX file to a Graph: open, bind the inputs, read the nodes, bind the
// outputs, and note what the file says about itself.
#include "frontend/onnx/onnx_sizes.h"
#include <stdlib.h>
#include <string.h>

enum { NEWEST_IR = 14, NEWEST_OPSET = 28 };

// ---- the model as a whole --------------------------------------------------------------------
static bool check_model(Ctx *c, const OnnxFile *f) {
    const Onnx__ModelProto *model = f->model;
    if (!model->graph) return diag_error(c->diag, ERR_MODEL, f->loc, "the file has no graph");
    if (model->n_opset_import == 0)
        return diag_error(c->diag, ERR_MODEL, f->loc, "the file imports no operator set");
    if (model->ir_version > NEWEST_IR) {
        diag_warning(c->diag, f->loc, "IR version %lld is newer than %d",
                     (long long)model->ir_version, NEWEST_IR);
    }
    for (size_t i = 0; i < model->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *o = model->opset_import[i];
        bool main_domain = !*text_of(o->domain) || strcmp(o->domain, "ai.onnx") == 0;
        if (main_domain && (o->version < 1 || o->version > NEWEST_OPSET)) {
            return diag_error(c->diag, ERR_UNSUPPORTED, f->loc,
                              "operator set %lld is not among 1 to %d", (long long)o->version,
                              NEWEST_OPSET);
        }
    }
    return true;
}
static void describe(Graph *g, const OnnxFile *f) {
    const char *name = text_of(f->model->producer_name),
               *version = text_of(f->model->producer_version);
    const FileView **files = NEW_N(f->arena, const FileView *, f->external.n + 1);
    files[0] = &f->view;
    for (uint32_t i = 0; i < f->external.n; i++) files[i + 1] = &f->external.data[i].view;
    g->info.name = path_base(g->arena, f->view.path);
    if (*name)
        g->info.producer = arena_printf(g->arena, "%s%s%s", name, *version ? " " : "", version);
    file_sha256(files, f->external.n + 1, g->info.sha256);
}

// ---- inputs ----------------------------------------------------------------------------------
typedef struct Inputs {
    const GraphMsg *graph;
    const ValueMsg **input; // without those that have an initialiser
    uint32_t n;
    Sizes sizes;
    const char *height_name, *width_name, *batch_name; // symbols of the image's open dimensions
} Inputs;

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}
static void find_inputs(Arena *a, const GraphMsg *g, Inputs *in) {
    const char **known = NEW_N(a, const char *, g->n_initializer);
    for (size_t i = 0; i < g->n_initializer; i++) known[i] = text_of(g->initializer[i]->name);
    if (g->n_initializer) qsort(known, g->n_initializer, sizeof *known, by_name);
    *in = (Inputs){.graph = g, .input = NEW_N(a, const ValueMsg *, g->n_input)};
    for (size_t i = 0; i < g->n_input; i++) {
        const char *name = text_of(g->input[i]->name);
        bool constant =
            g->n_initializer && bsearch(&name, known, g->n_initializer, sizeof *known, by_name);
        if (!constant) in->input[in->n++] = g->input[i];
    }
    sizes_from_graph(g, &in->sizes);
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
    if (!is_image(v) || v != in->input[0]) return true;
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
    for (uint32_t i = 0; i < in->n; i++) {
        if (!is_image(in->input[i])) continue;
        const ValueMsg *v = in->input[i];
        DimMsg *const *d = tensor_of(v)->shape->dim;
        in->batch_name = symbol_of(v, 0);
        in->height_name = symbol_of(v, 2);
        in->width_name = symbol_of(v, 3);
        if (!is_open(v, 2)) s->height = d[2]->dim_value;
        if (!is_open(v, 3)) s->width = d[3]->dim_value;
        if (!is_open(v, 0)) s->batch = d[0]->dim_value;
        return;
    }
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
    const char *name = text_of(in->input[i]->name);
    bool is_float = dtype_info[t->dt].cls == CLASS_FLOAT;
    if (i == 0 && m->o->input_u8 && is_float) return byte_image(m, name, t);
    NodeId n = graph_input(m->g, name, *t, m->loc);
    return is_float ? t_cast(m, n, DT_F32) : n;
}
static bool bind_inputs(Import *m, Inputs *in, NameList *names, Value **values) {
    const char **text = NEW_N(m->tmp, const char *, in->n);
    *values = NEW_N(m->tmp, Value, in->n);
    learn_from_image(in);
    for (uint32_t i = 0; i < in->n; i++) {
        Type t;
        if (!input_type(m, in, in->input[i], &t)) return false;
        text[i] = text_of(in->input[i]->name);
        (*values)[i] = (Value){bind_input(m, in, i, &t), t.dt};
        if ((*values)[i].node == 0) return false;
    }
    *names = (NameList){text, in->n};
    return true;
}

// ---- outputs ---------------------------------------------------------------------------------
static bool bind_outputs(Import *m, const GraphMsg *g) {
    if (g->n_output == 0) return fail(m, ERR_MODEL, "the graph has no outputs");
    for (size_t i = 0; i < g->n_output; i++) {
        const char *name = text_of(g->output[i]->name);
        Value v = import_find(&m->frame[0], name);
        if (v.node == 0) return fail(m, ERR_MODEL, "output '%s' is not defined", name);
        bool is_float = dtype_info[v.dt].cls == CLASS_FLOAT;
        graph_output(m->g, name, is_float ? t_cast(m, v.node, v.dt) : v.node);
    }
    return true;
}
static const Type *logits_type(const Graph *g) {
    for (uint32_t i = 0; i < g->output.n; i++) {
        const Type *t = graph_type(g, g->output.data[i].node);
        bool named = strcmp(g->output.data[i].name, "logits") == 0;
        if (t->rank == 2 && (named || g->output.n == 1)) return t;
    }
    return NULL;
}
// Classes that nobody names get the names that transformers gives them.
static const char **numbered_labels(Graph *g, uint32_t n) {
    const char **labels = NEW_N(g->arena, const char *, n);
    for (uint32_t i = 0; i < n; i++) labels[i] = arena_printf(g->arena, "LABEL_%u", i);
    return labels;
}
// config.json may list labels although the model only gives features, or another number of classes.
static void settle_task(Ctx *c, Graph *g, Loc at) {
    ModelInfo *info = &g->info;
    const Type *logits = logits_type(g);
    bool nameable = logits && logits->dim[1] <= (int64_t)limit(LIM_HIDDEN);
    uint32_t classes = nameable ? (uint32_t)logits->dim[1] : 0;
    if (!logits)
        info->task = TASK_FEATURES;
    else if (info->task == TASK_FEATURES)
        info->task = classes == 1 ? TASK_REGRESSION : TASK_SINGLE_LABEL;
    if (info->labels && classes && info->nlabels != classes) {
        diag_warning(c->diag, at, "config.json names %u labels, the model has %u classes",
                     info->nlabels, classes);
    }
    if (!info->labels || info->nlabels != classes) info->labels = numbered_labels(g, classes);
    info->nlabels = classes;
}
static void note_sizes(Graph *g, const Inputs *in, NodeId first) {
    ModelInfo *info = &g->info;
    const Type *image = first ? graph_type(g, first) : NULL;
    info->hidden = in->sizes.hidden;
    if (image && image->rank > 0) info->batch = image->dim[0];
    if (image && image->rank == 4) {
        info->channels = image->dim[1];
        info->image_h = image->dim[2];
        info->image_w = image->dim[3];
    }
    for (uint32_t i = 1; i < g->node.n && !info->tokens; i++) { // where the CLS token joins
        const Node *n = graph_node(g, i);
        if (n->op == OP_CONCAT && n->type.rank == 3 && n->type.dim[2] == info->hidden) {
            info->tokens = n->type.dim[1];
        }
    }
}

// ---- all together ----------------------------------------------------------------------------
static Graph *import(Ctx *c, OnnxFile *f, const FrontendOptions *o) {
    const GraphMsg *graph = f->model->graph;
    Graph *g = graph_new(c->arena);
    Import m = {.c = c, .g = g, .file = f, .o = o, .tmp = f->arena, .loc = f->loc};
    Inputs in;
    NameList names;
    Value *values;
    find_inputs(f->arena, graph, &in);
    g->info.channels = in.sizes.channels;
    if (!hf_read_siblings(c, f->view.path, &g->info)) return NULL;
    sizes_settle(&in.sizes, o, &g->info);
    if (!bind_inputs(&m, &in, &names, &values)) return NULL;
    if (!import_graph(&m, graph, &names, values)) return NULL;
    m.loc = f->loc;
    if (!bind_outputs(&m, graph)) return NULL;
    describe(g, f);
    note_sizes(g, &in, in.n ? values[0].node : 0);
    settle_task(c, g, f->loc);
    graph_compact(g);
    return g;
}
Graph *onnx_load(Ctx *c, const char *path, const FrontendOptions *o) {
    OnnxFile f;
    Graph *g = NULL;
    if (onnx_open(c, path, &f) && check_model(c, &f)) g = import(c, &f, o);
    onnx_close(&f);
    return g;
}
