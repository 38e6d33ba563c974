// onnx_load.c: from an ONNX file to a Graph: open, bind the inputs, read the nodes, bind the
// outputs, and note what the file says about itself.
#include "frontend/onnx/onnx_inputs.h"
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

// ---- outputs ---------------------------------------------------------------------------------
static bool bind_outputs(Import *m, const GraphMsg *g) {
    const char **name = NEW_N(m->tmp, const char *, g->n_output);
    if (g->n_output == 0) return fail(m, ERR_MODEL, "the graph has no outputs");
    for (size_t i = 0; i < g->n_output; i++) {
        name[i] = text_of(g->output[i]->name);
        Value v = import_find(&m->frame[0], name[i]);
        if (v.node == 0) return fail(m, ERR_MODEL, "output '%s' is not defined", name[i]);
        bool is_float = dtype_info[v.dt].cls == CLASS_FLOAT;
        graph_output(m->g, name[i], is_float ? t_cast(m, v.node, v.dt) : v.node);
    }
    return names_are_unique(m, name, g->n_output, "output");
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
static void note_image(Graph *g, const Inputs *in) {
    ModelInfo *info = &g->info;
    info->hidden = in->sizes.hidden;
    if (in->image == in->n) return;
    const Type *image = graph_type(g, in->value[in->image].node);
    info->batch = image->dim[0];
    info->channels = image->dim[1];
    info->image_h = image->dim[2];
    info->image_w = image->dim[3];
}
static void note_layers(Graph *g) {
    ModelInfo *info = &g->info;
    for (uint32_t i = 1; i < g->node.n; i++) {
        const Node *n = graph_node(g, i);
        bool joins = n->op == OP_CONCAT && n->type.rank == 3 && n->type.dim[2] == info->hidden;
        if (joins && !info->tokens) info->tokens = n->type.dim[1]; // the CLS token joins
        if (n->type.rank != 4 || (n->op != OP_ATTENTION && n->op != OP_SOFTMAX)) continue;
        info->layers++;
        info->heads = n->type.dim[n->op == OP_ATTENTION ? 2 : 1];
    }
}

// ---- all together ----------------------------------------------------------------------------
static Graph *import(Ctx *c, OnnxFile *f, const FrontendOptions *o) {
    const GraphMsg *graph = f->model->graph;
    Graph *g = graph_new(c->arena);
    Import m = {.c = c, .g = g, .file = f, .o = o, .tmp = f->arena, .loc = f->loc};
    Inputs in;
    if (!inputs_find(&m, graph, &in)) return NULL;
    g->info.channels = in.sizes.channels;
    if (!hf_read_siblings(c, f->view.path, &g->info)) return NULL;
    sizes_settle(&in.sizes, o, &g->info);
    if (!inputs_bind(&m, &in)) return NULL;
    if (!import_graph(&m, graph, &(NameList){in.name, in.n}, in.value)) return NULL;
    m.loc = f->loc;
    if (!bind_outputs(&m, graph)) return NULL;
    describe(g, f);
    settle_task(c, g, f->loc);
    note_image(g, &in);
    graph_compact(g);
    note_layers(g);
    return g;
}
Graph *onnx_load(Ctx *c, const char *path, const FrontendOptions *o) {
    OnnxFile f;
    Graph *g = NULL;
    if (onnx_open(c, path, &f) && check_model(c, &f)) g = import(c, &f, o);
    onnx_close(&f);
    return g;
}
