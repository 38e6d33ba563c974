// random_vit.c: see random_vit.h. The spellings are those that exporters write, so that the passes
// that recognise them work for their result.
#include "tests/diff/random_vit.h"
#include <math.h>

const VitField vit_field[VIT_COUNT] = {
#define VIT(field, least, most) {#field, offsetof(Vit, field), least, most},
#include "tests/diff/vit_fields.def"
#undef VIT
};
int64_t *vit_at(Vit *v, int field) {
    return (int64_t *)(void *)((char *)v + vit_field[field].offset);
}
Vit random_vit(uint64_t seed) {
    Random r = {seed};
    Vit v = {.seed = seed};
    for (int f = 0; f < VIT_COUNT; f++) {
        int64_t range = vit_field[f].most - vit_field[f].least + 1;
        *vit_at(&v, f) = vit_field[f].least + random_below(&r, (uint32_t)range);
    }
    v.outputs &= (int64_t)random_next(&r); // fewer of them: each costs kernels
    v.spelling &= (int64_t)random_next(&r);
    if (v.heads * v.head_dim < 6) v.own_width = 1;
    return v;
}
DType vit_dtype(const Vit *v) {
    static const DType kept[] = {DT_F32, DT_F32, DT_BF16, DT_F16};
    return kept[v->weights];
}
void vit_print(const Vit *v, Str *out) {
    Vit copy = *v;
    str_addf(out, "seed %llu", (unsigned long long)v->seed);
    for (int f = 0; f < VIT_COUNT; f++)
        str_addf(out, " %s %lld", vit_field[f].name, (long long)*vit_at(&copy, f));
}

// ---- weights ---------------------------------------------------------------------------------
enum { // bits of `spelling`
    PART_ATTENTION = 1,
    PART_NORM = 2,
    PART_ACT = 4,
    PART_PATCHES = 8,
    WEIGHTS_KN = 16,
};
enum { OUT_LAST = 1, OUT_HIDDEN = 2, OUT_ATTENTIONS = 4, OUT_PROBS = 8, OUT_CLS = 16 };
typedef struct Build {
    Graph *g;
    const Vit *v;
    Random r;
    int64_t hidden, tokens, image_h, image_w;
} Build;

// Numbers from middle - spread to middle + spread.
static NodeId weight(Build *b, int rank, const int64_t *dim, double middle, double spread) {
    Type t = type_of(DT_F32, rank, dim);
    float *data = arena_alloc(b->g->arena, type_nbytes(&t));
    for (int64_t i = 0; i < type_count(&t); i++)
        data[i] = (float)(middle + spread * (double)(int64_t)random_next(&b->r) * 0x1p-63);
    return graph_const(b->g, t, data, 0);
}
static NodeId vector(Build *b, int64_t n, double middle) {
    return weight(b, 1, &n, middle, 0.3);
}
static NodeId num(Build *b, double x) {
    return graph_scalar(b->g, DT_F32, x, 0);
}
static NodeId op2(Build *b, GraphOp op, NodeId x, NodeId y) {
    return g_binary(b->g, op, x, y);
}
static NodeId linear(Build *b, NodeId x, int64_t k, int64_t n, bool has_bias) {
    bool trans = !(b->v->spelling & WEIGHTS_KN);
    NodeId w = weight(b, 2, (int64_t[]){trans ? n : k, trans ? k : n}, 0, sqrt(3.0 / (double)k));
    NodeId y = g_matmul(b->g, x, w, trans);
    return has_bias ? op2(b, OP_ADD, y, vector(b, n, 0)) : y;
}
static NodeId norm(Build *b, NodeId x) {
    Graph *g = b->g;
    NodeId gain = vector(b, b->hidden, 1), bias = vector(b, b->hidden, 0);
    if (!(b->v->spelling & PART_NORM)) return g_layernorm(g, x, gain, bias, 1e-6);
    int axis = graph_type(g, x)->rank - 1;
    NodeId from = op2(b, OP_SUB, x, g_reduce(g, OP_REDUCE_MEAN, x, axis, true));
    NodeId variance = g_reduce(g, OP_REDUCE_MEAN, op2(b, OP_MUL, from, from), axis, true);
    NodeId y = op2(b, OP_DIV, from, g_unary(g, OP_SQRT, op2(b, OP_ADD, variance, num(b, 1e-6))));
    return op2(b, OP_ADD, op2(b, OP_MUL, y, gain), bias);
}

// ---- parts -----------------------------------------------------------------------------------
static NodeId gelu_in_parts(Build *b, NodeId x) {
    NodeId e = g_unary(b->g, OP_ERF, op2(b, OP_MUL, x, num(b, sqrt(0.5))));
    return op2(b, OP_MUL, op2(b, OP_MUL, x, op2(b, OP_ADD, e, num(b, 1))), num(b, 0.5));
}
static NodeId gelu_tanh_in_parts(Build *b, NodeId x) {
    NodeId cube = op2(b, OP_MUL, op2(b, OP_MUL, x, x), x);
    NodeId inner = op2(b, OP_ADD, x, op2(b, OP_MUL, cube, num(b, 0.044715)));
    NodeId t = g_unary(b->g, OP_TANH, op2(b, OP_MUL, inner, num(b, 0.7978845608028654)));
    return op2(b, OP_MUL, op2(b, OP_MUL, x, num(b, 0.5)), op2(b, OP_ADD, t, num(b, 1)));
}
static NodeId activation(Build *b, NodeId x) {
    bool parts = b->v->spelling & PART_ACT;
    switch (b->v->act) {
    case 0: return parts ? gelu_in_parts(b, x) : g_unary(b->g, OP_GELU, x);
    case 1: return parts ? gelu_tanh_in_parts(b, x) : g_unary(b->g, OP_GELU_TANH, x);
    case 2: return op2(b, OP_MAX, x, num(b, 0));
    case 3: return op2(b, OP_MUL, x, g_unary(b->g, OP_SIGMOID, x));
    case 4: return op2(b, OP_MUL, x, g_unary(b->g, OP_SIGMOID, op2(b, OP_MUL, x, num(b, 1.702))));
    case 5: return op2(b, OP_MUL, x, g_unary(b->g, OP_TANH, g_unary(b->g, OP_SOFTPLUS, x)));
    default: return g_unary(b->g, OP_TANH, x);
    }
}
// u8 [B,H,W,C] -> f32 [B,C,H,W]
static NodeId pixels(Build *b) {
    const Vit *v = b->v;
    Type f = type_of(DT_F32, 4, (int64_t[]){v->batch, v->channels, b->image_h, b->image_w});
    if (!v->has_bytes) return graph_input(b->g, "pixel_values", f, 0);
    Type u = type_of(DT_U8, 4, (int64_t[]){v->batch, b->image_h, b->image_w, v->channels});
    NodeId x = g_cast(b->g, graph_input(b->g, "pixel_values", u, 0), DT_F32);
    x = g_transpose(b->g, x, (int64_t[]){0, 3, 1, 2});
    x = op2(b, OP_MUL, x, num(b, 1.0 / 255));
    int64_t per_channel[] = {1, v->channels, 1, 1};
    x = op2(b, OP_SUB, x, weight(b, 4, per_channel, 0.5, 0.1));
    return op2(b, OP_DIV, x, weight(b, 4, per_channel, 0.3, 0.1));
}
static NodeId convolved(Build *b, NodeId x) {
    const Vit *v = b->v;
    int64_t stride[] = {v->patch_h, v->patch_w}, n = b->tokens - 1;
    int64_t dim[] = {b->hidden, v->channels, v->patch_h, v->patch_w};
    NodeId w = weight(b, 4, dim, 0, sqrt(3.0 / (double)(dim[1] * dim[2] * dim[3])));
    Attr strides = attr_ints(b->g, AT_STRIDES, stride, 2);
    NodeId y = graph_add(b->g, OP_CONV, (NodeId[]){x, w}, 2, &strides, 1, 0);
    y = op2(b, OP_ADD, y, weight(b, 3, (int64_t[]){b->hidden, 1, 1}, 0, 0.2));
    y = g_reshape(b->g, y, 3, (int64_t[]){v->batch, b->hidden, n});
    return g_transpose(b->g, y, (int64_t[]){0, 2, 1});
}
static NodeId patches(Build *b, NodeId x) {
    const Vit *v = b->v;
    if (!(v->spelling & PART_PATCHES)) return convolved(b, x);
    Graph *g = b->g;
    x = g_slice(g, x, 2, 0, v->grid_h * v->patch_h);
    x = g_slice(g, x, 3, 0, v->grid_w * v->patch_w);
    x = g_reshape(g, x, 6,
                  (int64_t[]){v->batch, v->channels, v->grid_h, v->patch_h, v->grid_w, v->patch_w});
    x = g_transpose(g, x, (int64_t[]){0, 2, 4, 1, 3, 5});
    int64_t k = v->channels * v->patch_h * v->patch_w;
    x = g_reshape(g, x, 3, (int64_t[]){v->batch, b->tokens - 1, k});
    return linear(b, x, k, b->hidden, true);
}
static NodeId masked(Build *b, NodeId x) {
    Graph *g = b->g;
    int64_t n = b->tokens - 1, batch = b->v->batch;
    Type t = type_of(DT_BOOL, 2, (int64_t[]){batch, n});
    NodeId m = g_cast(g, graph_input(g, "bool_masked_pos", t, 0), DT_F32);
    m = g_reshape(g, m, 3, (int64_t[]){batch, n, 1});
    NodeId keep = op2(b, OP_MUL, x, op2(b, OP_SUB, num(b, 1), m));
    NodeId token = weight(b, 3, (int64_t[]){1, 1, b->hidden}, 0, 1);
    return op2(b, OP_ADD, keep, op2(b, OP_MUL, token, m));
}
static NodeId embeddings(Build *b) {
    const Vit *v = b->v;
    NodeId x = patches(b, pixels(b));
    if (v->has_mask) x = masked(b, x);
    NodeId cls = weight(b, 3, (int64_t[]){1, 1, b->hidden}, 0, 1);
    cls = g_expand(b->g, cls, 3, (int64_t[]){v->batch, 1, b->hidden});
    x = g_concat(b->g, (NodeId[]){cls, x}, 2, 1);
    return op2(b, OP_ADD, x, weight(b, 3, (int64_t[]){1, b->tokens, b->hidden}, 0, 1));
}
// softmax(scale * q k^T) of [B,S,n,d]: [B,n,S,S]
static NodeId probabilities(Build *b, NodeId q, NodeId k) {
    static const int64_t heads_first[] = {0, 2, 1, 3};
    NodeId s =
        g_matmul(b->g, g_transpose(b->g, q, heads_first), g_transpose(b->g, k, heads_first), true);
    return g_unary(b->g, OP_SOFTMAX, op2(b, OP_MUL, s, num(b, 1 / sqrt((double)b->v->head_dim))));
}
static NodeId attention(Build *b, NodeId x, int64_t layer) {
    static const int64_t swap[] = {0, 2, 1, 3};
    const Vit *v = b->v;
    Graph *g = b->g;
    int64_t all = v->heads * v->head_dim;
    NodeId part[3], y;
    for (int i = 0; i < 3; i++)
        part[i] = g_reshape(g, linear(b, x, b->hidden, all, v->has_bias), 4,
                            (int64_t[]){v->batch, b->tokens, v->heads, v->head_dim});
    if (v->outputs & OUT_ATTENTIONS)
        graph_output(g, arena_printf(g->arena, "attentions.%d", (int)layer),
                     probabilities(b, part[0], part[1]));
    if (v->spelling & PART_ATTENTION) {
        NodeId p = probabilities(b, part[0], part[1]);
        y = g_transpose(g, g_matmul(g, p, g_transpose(g, part[2], swap), false), swap);
    } else {
        y = g_attention(g, part[0], part[1], part[2], 1 / sqrt((double)v->head_dim));
    }
    y = g_reshape(g, y, 3, (int64_t[]){v->batch, b->tokens, all});
    return linear(b, y, all, b->hidden, true);
}
static NodeId layer(Build *b, NodeId x, int64_t l) {
    x = op2(b, OP_ADD, attention(b, norm(b, x), l), x);
    NodeId y = activation(b, linear(b, norm(b, x), b->hidden, b->v->mlp, true));
    return op2(b, OP_ADD, linear(b, y, b->v->mlp, b->hidden, true), x);
}

// ---- the whole -------------------------------------------------------------------------------
static void hidden_output(Build *b, int64_t l, NodeId x) {
    if (b->v->outputs & OUT_HIDDEN)
        graph_output(b->g, arena_printf(b->g->arena, "hidden_states.%d", (int)l), x);
}
static void heads(Build *b, NodeId x) {
    const Vit *v = b->v;
    Graph *g = b->g;
    NodeId last = norm(b, x);
    NodeId cls = g_reshape(g, g_slice(g, last, 1, 0, 1), 2, (int64_t[]){v->batch, b->hidden});
    if (v->outputs & OUT_LAST) graph_output(g, "last_hidden_state", last);
    if (v->has_pooler) {
        cls = g_unary(g, OP_TANH, linear(b, cls, b->hidden, b->hidden, true));
        graph_output(g, "pooler_output", cls);
    }
    if (v->labels) {
        NodeId logits = linear(b, cls, b->hidden, v->labels, true);
        graph_output(g, "logits", logits);
        if (v->outputs & OUT_PROBS) graph_output(g, "probs", g_unary(g, OP_SOFTMAX, logits));
    }
    if (!g->output.n || (v->outputs & OUT_CLS && !v->has_pooler)) graph_output(g, "cls", cls);
}
Graph *vit_graph(Arena *a, const Vit *v) {
    Build b = {.g = graph_new(a),
               .v = v,
               .r = {v->seed ^ 0x3e1f},
               .hidden = v->own_width ? v->width : v->heads * v->head_dim,
               .tokens = v->grid_h * v->grid_w + 1,
               .image_h = v->grid_h * v->patch_h + v->rest_h % v->patch_h,
               .image_w = v->grid_w * v->patch_w + v->rest_w % v->patch_w};
    NodeId x = embeddings(&b);
    hidden_output(&b, 0, x);
    for (int64_t l = 0; l < v->layers; l++) {
        x = layer(&b, x, l);
        hidden_output(&b, l + 1, x);
    }
    heads(&b, x);
    graph_compact(b.g);
    return b.g;
}
