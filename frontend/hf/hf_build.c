// hf_build.c: the forward pass of ViT-MSN as a Graph in its plainest form: one spelling per idea,
// f32 throughout, weights as views of the mapped file (other storage types behind a cast). Nothing
// is optimised here. Outputs that were not asked for leave no nodes behind.
#include "frontend/hf/hf.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct Build {
    Ctx *c;
    const HfModel *m;
    const HfConfig *cfg;
    Graph *g;
    int64_t batch, image_h, image_w, grid_h, grid_w, tokens;
    NodeId *hidden;           // hidden[0]: embeddings; hidden[l + 1]: behind layer l
    NodeId *query, *key;      // of each layer, [B,S,n,d]: for the attention probabilities
    NodeId last, cls, logits; // logits: 0 without a classifier
    uint32_t nplaces;
} Build;

// ---- places and leaves -----------------------------------------------------------------------
// All nodes added since `from` come from this module of the model.
static void name_nodes(Build *b, NodeId from, const char *op, const char *name) {
    Loc loc = diag_loc(b->c->diag, (LocInfo){b->m->file, name, op, b->nplaces++, 0, 0});
    for (NodeId n = from; n < b->g->node.n; n++) graph_node(b->g, n)->loc = loc;
}
static void name_layer(Build *b, NodeId from, const char *op, int64_t layer, const char *part) {
    name_nodes(b, from, op,
               arena_printf(b->c->arena, "encoder.layer.%lld.%s", (long long)layer, part));
}
static NodeId f32(Graph *g, double v) {
    return graph_scalar(g, DT_F32, v, 0);
}
// The weight as f32, or 0 when the model has none (biases).
static NodeId weight(Build *b, int64_t layer, HfSlot slot) {
    const WeightTensor *t = b->m->tensors->layer[layer][slot];
    if (!t) return 0;
    NodeId n = t->file ? graph_const_file(b->g, t->type, t->data, t->file, t->offset, 0)
                       : graph_const(b->g, t->type, t->data, 0);
    graph_node(b->g, n)->name = t->name;
    return t->type.dt == DT_F32 ? n : g_cast(b->g, n, DT_F32);
}
static NodeId model_weight(Build *b, HfSlot slot) {
    return weight(b, 0, slot);
}
static NodeId linear(Build *b, NodeId x, NodeId w, NodeId bias) {
    NodeId y = g_matmul(b->g, x, w, true);
    return bias ? g_binary(b->g, OP_ADD, y, bias) : y;
}
static NodeId layernorm(Build *b, NodeId x, int64_t layer, HfSlot gain, HfSlot bias) {
    NodeId w = weight(b, layer, gain), v = weight(b, layer, bias);
    return g_layernorm(b->g, x, w, v, b->cfg->eps);
}

// ---- embeddings ------------------------------------------------------------------------------
static NodeId per_channel(Build *b, const double *v) {
    float f[4];
    for (int64_t i = 0; i < b->cfg->channels; i++) f[i] = (float)v[i];
    return graph_const_copy(b->g, type_of(DT_F32, 4, (int64_t[]){1, b->cfg->channels, 1, 1}), f, 0);
}
// u8 [B,H,W,C] -> normalised f32 [B,C,H,W], as the image processor computes it.
static NodeId normalised_pixels(Build *b) {
    const Preprocess *p = b->m->preprocess;
    Graph *g = b->g;
    Type t = type_of(DT_U8, 4, (int64_t[]){b->batch, b->image_h, b->image_w, b->cfg->channels});
    NodeId x = g_cast(g, graph_input(g, "pixel_values", t, 0), DT_F32);
    x = g_transpose(g, x, (int64_t[]){0, 3, 1, 2});
    if (p->do_rescale) x = g_binary(g, OP_MUL, x, f32(g, p->rescale_factor));
    if (!p->do_normalize) return x;
    x = g_binary(g, OP_SUB, x, per_channel(b, p->mean));
    return g_binary(g, OP_DIV, x, per_channel(b, p->std));
}
static NodeId pixels(Build *b) {
    NodeId from = b->g->node.n, x;
    Type t = type_of(DT_F32, 4, (int64_t[]){b->batch, b->cfg->channels, b->image_h, b->image_w});
    if (b->m->options->input_u8)
        x = normalised_pixels(b);
    else
        x = graph_input(b->g, "pixel_values", t, 0);
    name_nodes(b, from, "Pixels", "pixel_values");
    return x;
}
// [B,C,H,W] -> [B,N,h]: one row per patch, row by row of the image.
static NodeId patches(Build *b, NodeId x) {
    Graph *g = b->g;
    const HfConfig *cfg = b->cfg;
    NodeId from = g->node.n;
    int64_t stride[] = {cfg->patch_h, cfg->patch_w}, n = b->tokens - 1;
    NodeId in[] = {x, model_weight(b, HF_PATCH_W)};
    Attr strides = attr_ints(g, AT_STRIDES, stride, 2);
    NodeId y = graph_add(g, OP_CONV, in, 2, &strides, 1, 0);
    NodeId bias = g_reshape(g, model_weight(b, HF_PATCH_B), 3, (int64_t[]){cfg->hidden, 1, 1});
    y = g_binary(g, OP_ADD, y, bias);
    y = g_reshape(g, y, 3, (int64_t[]){b->batch, cfg->hidden, n});
    y = g_transpose(g, y, (int64_t[]){0, 2, 1});
    name_nodes(b, from, "Conv2d", "embeddings.patch_embeddings.projection");
    return y;
}
// Patches under the mask become the mask token: x (1 - m) + token m.
static NodeId masked(Build *b, NodeId x) {
    Graph *g = b->g;
    NodeId from = g->node.n;
    int64_t n = b->tokens - 1;
    Type t = type_of(DT_BOOL, 2, (int64_t[]){b->batch, n});
    NodeId mask = g_cast(g, graph_input(g, "bool_masked_pos", t, 0), DT_F32);
    mask = g_reshape(g, mask, 3, (int64_t[]){b->batch, n, 1});
    NodeId keep = g_binary(g, OP_MUL, x, g_binary(g, OP_SUB, f32(g, 1), mask));
    NodeId token = g_binary(g, OP_MUL, model_weight(b, HF_MASK), mask);
    NodeId y = g_binary(g, OP_ADD, keep, token);
    name_nodes(b, from, "Mask", "embeddings.mask_token");
    return y;
}
static NodeId positions(Build *b) {
    const HfConfig *cfg = b->cfg;
    const WeightTensor *table = b->m->tensors->layer[0][HF_POS];
    bool same = b->image_h == cfg->image_h && b->image_w == cfg->image_w;
    // transformers keeps the table for a square image of as many patches
    bool as_many = b->grid_h * b->grid_w == hf_grid_h(cfg) * hf_grid_w(cfg);
    if (same || (as_many && b->image_h == b->image_w)) return model_weight(b, HF_POS);
    HfResize r = {hf_grid_h(cfg), b->grid_h, b->grid_w, cfg->hidden,
                  b->m->options->pos_interp_legacy};
    float *resized = hf_resize_positions(b->c->arena, table, &r);
    Type t = type_of(DT_F32, 3, (int64_t[]){1, b->tokens, cfg->hidden});
    return graph_const(b->g, t, resized, 0);
}
static NodeId embeddings(Build *b) {
    Graph *g = b->g;
    NodeId x = patches(b, pixels(b));
    if (b->m->options->bool_masked_pos) x = masked(b, x);
    NodeId from = g->node.n;
    NodeId cls = g_expand(g, model_weight(b, HF_CLS), 3, (int64_t[]){b->batch, 1, b->cfg->hidden});
    x = g_concat(g, (NodeId[]){cls, x}, 2, 1);
    name_nodes(b, from, "Concat", "embeddings.cls_token");
    from = g->node.n;
    x = g_binary(g, OP_ADD, x, positions(b));
    name_nodes(b, from, "Add", "embeddings.position_embeddings");
    return x;
}

// ---- one layer -------------------------------------------------------------------------------
typedef struct Projection {
    const char *name;
    HfSlot w, bias;
} Projection;
static const Projection projection[3] = {{"attention.attention.query", HF_Q_W, HF_Q_B},
                                         {"attention.attention.key", HF_K_W, HF_K_B},
                                         {"attention.attention.value", HF_V_W, HF_V_B}};
static NodeId attention(Build *b, NodeId x, int64_t l) {
    Graph *g = b->g;
    int64_t n = b->cfg->layer_heads[l], d = b->cfg->head_dim;
    NodeId part[3], from;
    for (int i = 0; i < 3; i++) {
        from = g->node.n;
        NodeId w = weight(b, l, projection[i].w), bias = weight(b, l, projection[i].bias);
        part[i] = g_reshape(g, linear(b, x, w, bias), 4, (int64_t[]){b->batch, b->tokens, n, d});
        name_layer(b, from, "Linear", l, projection[i].name);
    }
    b->query[l] = part[0];
    b->key[l] = part[1];
    from = g->node.n;
    NodeId y = g_attention(g, part[0], part[1], part[2], 1 / sqrt((double)d));
    y = g_reshape(g, y, 3, (int64_t[]){b->batch, b->tokens, n * d});
    name_layer(b, from, "Attention", l, "attention.attention");
    from = g->node.n;
    y = linear(b, y, weight(b, l, HF_O_W), weight(b, l, HF_O_B));
    name_layer(b, from, "Linear", l, "attention.output.dense");
    return y;
}
static NodeId activation(Build *b, NodeId x, int64_t l) {
    NodeId learned[8], from = b->g->node.n;
    int n = 0;
    for (int slot = 0; slot < HF_SLOT_COUNT; slot++)
        if (hf_act_learns(b->cfg->act, (HfSlot)slot)) learned[n++] = weight(b, l, (HfSlot)slot);
    NodeId y = hf_build_act(b->cfg->act, b->g, x, learned);
    name_layer(b, from, "Activation", l, "intermediate.intermediate_act_fn");
    return y;
}
static NodeId mlp(Build *b, NodeId x, int64_t l) {
    NodeId from = b->g->node.n;
    x = linear(b, x, weight(b, l, HF_FC1_W), weight(b, l, HF_FC1_B));
    name_layer(b, from, "Linear", l, "intermediate.dense");
    x = activation(b, x, l);
    from = b->g->node.n;
    x = linear(b, x, weight(b, l, HF_FC2_W), weight(b, l, HF_FC2_B));
    name_layer(b, from, "Linear", l, "output.dense");
    return x;
}
static NodeId residual(Build *b, NodeId y, NodeId x, int64_t l, const char *part) {
    NodeId from = b->g->node.n;
    NodeId sum = g_binary(b->g, OP_ADD, y, x);
    name_layer(b, from, "Add", l, part);
    return sum;
}
static NodeId layer(Build *b, NodeId x, int64_t l) {
    NodeId from = b->g->node.n;
    NodeId y = layernorm(b, x, l, HF_LN1_W, HF_LN1_B);
    name_layer(b, from, "LayerNorm", l, "layernorm_before");
    x = residual(b, attention(b, y, l), x, l, "attention.output");
    from = b->g->node.n;
    y = layernorm(b, x, l, HF_LN2_W, HF_LN2_B);
    name_layer(b, from, "LayerNorm", l, "layernorm_after");
    return residual(b, mlp(b, y, l), x, l, "output");
}

// ---- the whole model -------------------------------------------------------------------------
static void forward(Build *b) {
    Graph *g = b->g;
    int64_t layers = b->cfg->layers, h = b->cfg->hidden;
    b->hidden = NEW_N(b->c->arena, NodeId, (size_t)layers + 1);
    b->query = NEW_N(b->c->arena, NodeId, (size_t)layers);
    b->key = NEW_N(b->c->arena, NodeId, (size_t)layers);
    b->hidden[0] = embeddings(b);
    for (int64_t l = 0; l < layers; l++) b->hidden[l + 1] = layer(b, b->hidden[l], l);
    NodeId from = g->node.n;
    b->last = layernorm(b, b->hidden[layers], 0, HF_NORM_W, HF_NORM_B);
    name_nodes(b, from, "LayerNorm", "layernorm");
    from = g->node.n;
    b->cls = g_reshape(g, g_slice(g, b->last, 1, 0, 1), 2, (int64_t[]){b->batch, h});
    name_nodes(b, from, "Slice", "cls");
    if (!b->m->tensors->nlabels) return;
    from = g->node.n;
    b->logits = linear(b, b->cls, model_weight(b, HF_HEAD_W), model_weight(b, HF_HEAD_B));
    name_nodes(b, from, "Linear", "classifier");
}

// ---- outputs ---------------------------------------------------------------------------------
// softmax(q k^T / sqrt d) of layer l: [B,n,S,S]
static NodeId attention_probs(Build *b, int64_t l) {
    static const int64_t heads_first[] = {0, 2, 1, 3};
    Graph *g = b->g;
    NodeId from = g->node.n;
    NodeId q = g_transpose(g, b->query[l], heads_first);
    NodeId k = g_transpose(g, b->key[l], heads_first);
    NodeId scale = f32(g, 1 / sqrt((double)b->cfg->head_dim));
    NodeId p = g_unary(g, OP_SOFTMAX, g_binary(g, OP_MUL, g_matmul(g, q, k, true), scale));
    name_layer(b, from, "Softmax", l, "attention.attention");
    return p;
}
static NodeId probs(Build *b) {
    NodeId from = b->g->node.n, y = b->logits;
    if (!y) return 0;
    if (b->cfg->task == TASK_SINGLE_LABEL) y = g_unary(b->g, OP_SOFTMAX, y);
    if (b->cfg->task == TASK_MULTI_LABEL) y = g_unary(b->g, OP_SIGMOID, y);
    name_nodes(b, from, "Probabilities", "probs");
    return y;
}
static NodeId get_logits(Build *b, int64_t i) {
    return (void)i, b->logits;
}
static NodeId get_probs(Build *b, int64_t i) {
    return (void)i, probs(b);
}
static NodeId get_cls(Build *b, int64_t i) {
    return (void)i, b->cls;
}
static NodeId get_last(Build *b, int64_t i) {
    return (void)i, b->last;
}
static NodeId get_hidden(Build *b, int64_t i) {
    return b->hidden[i];
}
typedef struct OutputKind {
    const char *name;
    NodeId (*get)(Build *b, int64_t i);
    int per_layer; // 0: one tensor; 1: one per layer; 2: and one before the first
} OutputKind;
static const OutputKind kinds[] = {
    {"logits", get_logits, 0},
    {"probs", get_probs, 0},
    {"cls", get_cls, 0},
    {"last_hidden_state", get_last, 0},
    {"hidden_states", get_hidden, 2},
    {"attentions", attention_probs, 1},
};
static bool has_output(const Graph *g, const char *name) {
    for (uint32_t i = 0; i < g->output.n; i++)
        if (!strcmp(g->output.data[i].name, name)) return true;
    return false;
}
static bool add_output(Build *b, const OutputKind *k, int64_t i) {
    const char *name =
        k->per_layer ? arena_printf(b->c->arena, "%s.%lld", k->name, (long long)i) : k->name;
    if (has_output(b->g, name)) return true;
    NodeId n = k->get(b, i);
    if (!n) return false;
    graph_output(b->g, name, n);
    return true;
}
static bool add_outputs(Build *b, const OutputKind *k) {
    int64_t n = k->per_layer ? b->cfg->layers + k->per_layer - 1 : 1;
    bool ok = true;
    for (int64_t i = 0; i < n; i++) ok &= add_output(b, k, i);
    return ok;
}
static bool unknown_output(Build *b, const char *word) {
    const char *names[COUNT_OF(kinds)];
    for (size_t i = 0; i < COUNT_OF(kinds); i++) names[i] = kinds[i].name;
    const char *near = str_did_you_mean(word, names, COUNT_OF(names));
    diag_error(b->c->diag, ERR_USAGE, 0, "this model has no output '%s'%s%s%s", word,
               near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    if (!near)
        diag_note(b->c->diag,
                  "it has%s last_hidden_state, cls, hidden_states.0 to .%lld, "
                  "attentions.0 to .%lld",
                  b->logits ? " logits, probs," : "", (long long)b->cfg->layers,
                  (long long)b->cfg->layers - 1);
    return false;
}
// One word of --outputs: NAME, or NAME.index for one layer.
static bool add_word(Build *b, const char *word) {
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        const OutputKind *k = &kinds[i];
        size_t n = strlen(k->name);
        if (strncmp(word, k->name, n)) continue;
        if (!word[n]) return add_outputs(b, k) || unknown_output(b, word);
        if (!k->per_layer || word[n] != '.') continue;
        for (int64_t l = 0; l < b->cfg->layers + k->per_layer - 1; l++) {
            char index[24];
            snprintf(index, sizeof index, "%lld", (long long)l);
            if (!strcmp(index, word + n + 1)) return add_output(b, k, l);
        }
    }
    return unknown_output(b, word);
}
static bool select_outputs(Build *b, const char *list) {
    if (!list) list = b->logits ? "logits" : "last_hidden_state";
    if (!strcmp(list, "all")) {
        for (size_t i = 0; i < COUNT_OF(kinds); i++) add_outputs(b, &kinds[i]);
        return true;
    }
    while (*list) {
        size_t n = strcspn(list, ",");
        if (!add_word(b, arena_strndup(b->c->arena, list, n))) return false;
        list += n + (list[n] == ',');
    }
    return b->g->output.n || diag_error(b->c->diag, ERR_USAGE, 0, "no output is asked for");
}

// ---- checks ----------------------------------------------------------------------------------
// The sizes that were asked for; the model's own where nothing was said.
static bool settle_sizes(Build *b) {
    const FrontendOptions *o = b->m->options;
    const HfConfig *cfg = b->cfg;
    Diag *d = b->c->diag;
    b->batch = o->batch ? o->batch : 1;
    b->image_h = o->image_h ? o->image_h : cfg->image_h;
    b->image_w = o->image_w ? o->image_w : cfg->image_w;
    if (b->batch < 1 || (uint64_t)b->batch > limit(LIM_BATCH))
        return diag_error(d, ERR_USAGE, 0, "batch %lld: must be from 1 to %llu",
                          (long long)b->batch, (unsigned long long)limit(LIM_BATCH));
    if (b->image_h < cfg->patch_h || b->image_w < cfg->patch_w)
        return diag_error(d, ERR_USAGE, 0, "image %lldx%lld is smaller than a patch of %lldx%lld",
                          (long long)b->image_h, (long long)b->image_w, (long long)cfg->patch_h,
                          (long long)cfg->patch_w);
    if (!type_check((int64_t[]){b->batch, cfg->channels, b->image_h, b->image_w}, 4))
        return diag_error(d, ERR_LIMIT, 0, "batch %lld of %lldx%lld pixels is too large",
                          (long long)b->batch, (long long)b->image_h, (long long)b->image_w);
    b->grid_h = b->image_h / cfg->patch_h;
    b->grid_w = b->image_w / cfg->patch_w;
    b->tokens = b->grid_h * b->grid_w + 1;
    return true;
}
static bool check_options(Build *b) {
    const FrontendOptions *o = b->m->options;
    const HfConfig *cfg = b->cfg;
    Diag *d = b->c->diag;
    bool resized = b->image_h != cfg->image_h || b->image_w != cfg->image_w;
    if (resized && hf_grid_h(cfg) != hf_grid_w(cfg))
        return diag_error(d, ERR_UNSUPPORTED, 0,
                          "another image size needs a model with a square "
                          "grid of patches; this one has %lldx%lld",
                          (long long)hf_grid_h(cfg), (long long)hf_grid_w(cfg));
    if (o->input_u8 && (!b->m->preprocess->present || cfg->channels > 4))
        return diag_error(d, ERR_UNSUPPORTED, 0,
                          "pixels as bytes need a preprocessor_config.json "
                          "and at most 4 channels");
    return true;
}
// The largest tensors must stay within the limits; everything else in the graph is smaller.
static bool check_volume(Build *b) {
    const HfConfig *cfg = b->cfg;
    int64_t wide = max_i64(max_i64(cfg->hidden, cfg->intermediate), cfg->heads * cfg->head_dim);
    const char *outputs = b->m->options->outputs;
    bool probabilities = outputs && (!strcmp(outputs, "all") || strstr(outputs, "attentions"));
    bool fits = (uint64_t)b->tokens <= limit(LIM_TOKENS) &&
                type_check((int64_t[]){b->batch, b->tokens, wide}, 3);
    if (probabilities)
        fits = fits && type_check((int64_t[]){b->batch, cfg->heads, b->tokens, b->tokens}, 4);
    return fits || diag_error(b->c->diag, ERR_LIMIT, 0,
                              "batch %lld of %lldx%lld pixels, %lld "
                              "tokens: too large",
                              (long long)b->batch, (long long)b->image_h, (long long)b->image_w,
                              (long long)b->tokens);
}
Graph *hf_build(Ctx *c, const HfModel *m) {
    Build b = {.c = c, .m = m, .cfg = m->cfg, .g = graph_new(c->arena)};
    if (!settle_sizes(&b) || !check_options(&b) || !check_volume(&b)) return NULL;
    forward(&b);
    if (!select_outputs(&b, m->options->outputs)) return NULL;
    graph_compact(b.g);
    ModelInfo *info = &b.g->info;
    info->batch = b.batch;
    info->channels = m->cfg->channels;
    info->image_h = b.image_h;
    info->image_w = b.image_w;
    info->tokens = b.tokens;
    info->hidden = m->cfg->hidden;
    info->layers = m->cfg->layers;
    info->heads = m->cfg->heads;
    return b.g;
}
