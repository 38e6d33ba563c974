// test_hf.c: Hugging Face directories made on the spot: names, defaults, options, outputs, and what
// is refused. Numbers against transformers are the fixtures' matter (label hf).
#include "frontend/hf/hf.h"
#include "tests/support/ctx.h"
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

// ---- a tiny model ----------------------------------------------------------------------------
enum { HIDDEN = 8, INNER = 6, PATCHES = 4, LABELS = 3, MOST = 64, NUMBERS = 64 };
static char root[64]; // a temporary directory; the tests run inside it
static const char config_text[] =
    "{\"model_type\":\"vit_msn\",\"hidden_size\":8,\"num_hidden_layers\":1,"
    "\"num_attention_heads\":2,\"intermediate_size\":6,\"num_channels\":1,\"image_size\":4,"
    "\"patch_size\":2%s}";

typedef struct Model { // tensors of the file to write
    NamedTensor t[MOST];
    size_t n;
} Model;
static float numbers[NUMBERS];
static void add(Model *m, const char *name, int rank, const int64_t *dim) {
    assert_true(m->n < MOST);
    m->t[m->n++] = (NamedTensor){name, type_of(DT_F32, rank, dim), numbers};
}
#define ADD(m, name, ...)                                                                          \
    add(m, name, (int)COUNT_OF(((int64_t[]){__VA_ARGS__})), (int64_t[]){__VA_ARGS__})
static Model tiny_model(void) {
    Model m = {.n = 0};
    ADD(&m, "embeddings.cls_token", 1, 1, HIDDEN);
    ADD(&m, "embeddings.position_embeddings", 1, PATCHES + 1, HIDDEN);
    ADD(&m, "embeddings.patch_embeddings.projection.weight", HIDDEN, 1, 2, 2);
    ADD(&m, "embeddings.patch_embeddings.projection.bias", HIDDEN);
    static const char *const square[] = {
        "encoder.layer.0.attention.attention.query", "encoder.layer.0.attention.attention.key",
        "encoder.layer.0.attention.attention.value", "encoder.layer.0.attention.output.dense"};
    static char name[MOST][80];
    size_t k = 0;
    for (size_t i = 0; i < COUNT_OF(square); i++, k += 2) {
        snprintf(name[k], sizeof name[k], "%s.weight", square[i]);
        snprintf(name[k + 1], sizeof name[k], "%s.bias", square[i]);
        ADD(&m, name[k], HIDDEN, HIDDEN);
        ADD(&m, name[k + 1], HIDDEN);
    }
    ADD(&m, "encoder.layer.0.intermediate.dense.weight", INNER, HIDDEN);
    ADD(&m, "encoder.layer.0.intermediate.dense.bias", INNER);
    ADD(&m, "encoder.layer.0.output.dense.weight", HIDDEN, INNER);
    ADD(&m, "encoder.layer.0.output.dense.bias", HIDDEN);
    ADD(&m, "encoder.layer.0.layernorm_before.weight", HIDDEN);
    ADD(&m, "encoder.layer.0.layernorm_before.bias", HIDDEN);
    ADD(&m, "encoder.layer.0.layernorm_after.weight", HIDDEN);
    ADD(&m, "encoder.layer.0.layernorm_after.bias", HIDDEN);
    ADD(&m, "layernorm.weight", HIDDEN);
    ADD(&m, "layernorm.bias", HIDDEN);
    ADD(&m, "classifier.weight", LABELS, HIDDEN);
    ADD(&m, "classifier.bias", LABELS);
    return m;
}
static NamedTensor *find(Model *m, const char *name) {
    for (size_t i = 0; i < m->n; i++)
        if (!strcmp(m->t[i].name, name)) return &m->t[i];
    fail_msg("no tensor %s", name);
    return NULL;
}
static void drop(Model *m, const char *name) {
    *find(m, name) = m->t[m->n - 1];
    m->n--;
}
static void rename_to(Model *m, const char *from, const char *to) {
    find(m, from)->name = to;
}

static void put(const char *path, const void *p, size_t n) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}
static void put_text(const char *path, const char *text) {
    put(path, text, strlen(text));
}
static void put_model(TestCtx *t, const char *path, const Model *m) {
    Str s = str_new(t->c.arena);
    safetensors_write(&s, m->t, m->n);
    put(path, s.data, s.n);
}
static void put_config(const char *more) {
    char text[2000];
    snprintf(text, sizeof text, config_text, more);
    put_text("m/config.json", text);
}
static void clear_directory(void) {
    static const char *const names[] = {
        "m/config.json",
        "m/model.safetensors",
        "m/other.safetensors",
        "m/pytorch_model.bin",
        "m/model.safetensors.index.json",
        "m/preprocessor_config.json",
        "m/model.fp16.safetensors",
    };
    for (size_t i = 0; i < COUNT_OF(names); i++) unlink(names[i]);
}
static int enter(void **state) {
    (void)state;
    for (int i = 0; i < NUMBERS; i++) numbers[i] = (float)(i * 37 % 19 - 9) / 8;
    strcpy(root, "/tmp/vitc_hf_XXXXXX");
    return !mkdtemp(root) || chdir(root) || mkdir("m", 0755);
}
static int leave(void **state) {
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", root);
    return chdir("/") || system(command);
}
static Graph *load_with(TestCtx *t, const char *more, const Model *m, FrontendOptions o) {
    clear_directory();
    put_config(more);
    put_model(t, "m/model.safetensors", m);
    return hf_load(&t->c, "m", &o);
}
static void expect_loads(const char *more, const Model *m) {
    TestCtx *t = test_ctx();
    if (!load_with(t, more, m, (FrontendOptions){0})) fail_msg("%s", t->said);
    test_ctx_free(t);
}
static void expect_refused(const char *more, const Model *m, FrontendOptions o, ErrKind kind,
                           const char *want) {
    TestCtx *t = test_ctx();
    assert_null(load_with(t, more, m, o));
    test_ctx_expect(t, kind, want);
    test_ctx_free(t);
}

// ---- what is loaded --------------------------------------------------------------------------
static void describes_the_model(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Model m = tiny_model();
    Graph *g = load_with(t,
                         ",\"id2label\":{\"2\":\"c\",\"0\":\"a\",\"1\":\"b\"},"
                         "\"transformers_version\":\"4.9\"",
                         &m, (FrontendOptions){.batch = 2});
    assert_non_null(g);
    assert_true(graph_check(g, t->c.diag));
    const ModelInfo *info = &g->info;
    assert_string_equal(info->name, "m");
    assert_string_equal(info->producer, "transformers 4.9");
    assert_int_equal(strlen(info->sha256), 64);
    assert_int_equal(info->task, TASK_SINGLE_LABEL);
    assert_int_equal(info->nlabels, 3);
    assert_string_equal(info->labels[2], "c");
    assert_true(info->batch == 2 && info->tokens == 5 && info->hidden == 8 && info->heads == 2 &&
                info->layers == 1 && info->channels == 1 && info->image_h == 4 &&
                info->image_w == 4);
    assert_false(info->preprocess.present);
    assert_int_equal(g->output.n, 1);
    assert_string_equal(g->output.data[0].name, "logits");
    assert_string_equal(type_text(t->c.arena, graph_type(g, g->output.data[0].node)), "f32[2,3]");
    assert_string_equal(graph_node(g, g->input.data[0])->name, "pixel_values");
    bool named = false;
    for (NodeId n = 1; n < g->node.n; n++) {
        const LocInfo *at = diag_at(t->c.diag, graph_node(g, n)->loc);
        assert_non_null(at->node);
        named |= !strcmp(at->node, "encoder.layer.0.attention.attention.query");
    }
    assert_true(named);
    test_ctx_free(t);
}
static void counts_labels_by_the_classifier(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Model m = tiny_model();
    Graph *g = load_with(t, ",\"id2label\":{\"0\":\"a\",\"1\":\"b\"}", &m, (FrontendOptions){0});
    assert_string_equal(g->info.labels[2], "LABEL_2");
    assert_non_null(strstr(t->said, "id2label has 2 names for a classifier of 3"));
    find(&m, "classifier.weight")->type.dim[0] = find(&m, "classifier.bias")->type.dim[0] = 1;
    g = load_with(t, "", &m, (FrontendOptions){0});
    assert_int_equal(g->info.task, TASK_REGRESSION);
    drop(&m, "classifier.weight");
    drop(&m, "classifier.bias");
    g = load_with(t, ",\"architectures\":[\"ViTMSNForImageClassification\"]", &m,
                  (FrontendOptions){0});
    assert_int_equal(g->info.task, TASK_FEATURES);
    assert_int_equal(g->info.nlabels, 0);
    assert_string_equal(g->output.data[0].name, "last_hidden_state");
    assert_non_null(strstr(t->said, "no classifier"));
    test_ctx_free(t);
}
static void knows_many_names(void **state) {
    (void)state;
    Model m = tiny_model();
    rename_to(&m, "layernorm.weight", "vit.layernorm.weight");
    rename_to(&m, "layernorm.bias", "model.vit.layernorm.beta");
    rename_to(&m, "embeddings.cls_token", "module.base_model.cls_token");
    rename_to(&m, "embeddings.position_embeddings", "state_dict.pos_embed");
    rename_to(&m, "encoder.layer.0.layernorm_before.weight",
              "encoder.encoder.layer.0."
              "layernorm_before.gamma");
    rename_to(&m, "encoder.layer.0.layernorm_before.bias",
              "encoder.layers.0.layernorm_before.bias");
    rename_to(&m, "encoder.layer.0.output.dense.weight", "layers.0.mlp.fc2.weight");
    rename_to(&m, "encoder.layer.0.output.dense.bias", "blocks.0.mlp.fc2.bias");
    rename_to(&m, "encoder.layer.0.attention.output.dense.bias", "layers.0.attention.o_proj.bias");
    rename_to(&m, "classifier.weight", "head.weight");
    ADD(&m, "vit.pooler.dense.weight", HIDDEN, HIDDEN);
    ADD(&m, "vit.embeddings.mask_token", 1, 1, HIDDEN);
    TestCtx *t = test_ctx();
    if (!load_with(t, "", &m, (FrontendOptions){0})) fail_msg("%s", t->said);
    assert_non_null(strstr(t->said, "warning: not used: 'vit.pooler.dense.weight', "
                                    "'vit.embeddings.mask_token'"));
    test_ctx_free(t);
}
static void refuses_tensors_that_do_not_fit(void **state) {
    (void)state;
    const FrontendOptions none = {0};
    Model m = tiny_model();
    drop(&m, "layernorm.bias");
    drop(&m, "encoder.layer.0.attention.attention.key.bias");
    expect_refused("", &m, none, ERR_MODEL,
                   "missing from the checkpoint: 'layernorm.bias', "
                   "'encoder.layer.0.attention.attention.key.bias'");
    m = tiny_model();
    drop(&m, "classifier.weight");
    expect_refused("", &m, none, ERR_MODEL, "missing from the checkpoint: 'classifier.weight'");
    m = tiny_model();
    ADD(&m, "encoder.layer.1.layernorm_after.bias", HIDDEN);
    ADD(&m, "encoder.layer.00.layernorm_after.bias", HIDDEN);
    ADD(&m, "surprise", HIDDEN);
    expect_refused("", &m, none, ERR_MODEL,
                   "not in the model of config.json: "
                   "'encoder.layer.00.layernorm_after.bias', "
                   "'encoder.layer.1.layernorm_after.bias', 'surprise'");
    m = tiny_model();
    ADD(&m, "vit.layernorm.gamma", HIDDEN);
    expect_refused("", &m, none, ERR_MODEL,
                   "two tensors of one meaning: 'layernorm.weight' and 'vit.layernorm.gamma'");
    m = tiny_model();
    ADD(&m, "blocks.0.attn.qkv.weight", 3 * HIDDEN, HIDDEN);
    find(&m, "blocks.0.attn.qkv.weight")->type.dim[1] = 1;
    expect_refused("", &m, none, ERR_MODEL, "two tensors of one meaning");
    m = tiny_model();
    expect_refused(",\"qkv_bias\":false", &m, none, ERR_MODEL,
                   "not in the model of config.json: "
                   "'encoder.layer.0.attention.attention.query.bias'");
    m = tiny_model();
    find(&m, "layernorm.bias")->type.dim[0] = 9;
    expect_refused("", &m, none, ERR_MODEL,
                   "tensor 'layernorm.bias' is f32[9]; config.json asks for f32[8]");
    m = tiny_model();
    find(&m, "layernorm.bias")->type.dt = DT_I32;
    expect_refused("", &m, none, ERR_UNSUPPORTED, "'layernorm.bias' has the element type I32");
    m = tiny_model();
    expect_refused("", &m, (FrontendOptions){.bool_masked_pos = true}, ERR_MODEL,
                   "missing from the checkpoint: 'embeddings.mask_token'");
}
static void takes_heads_from_the_weights(void **state) {
    (void)state;
    Model m = tiny_model();
    expect_loads(",\"head_dim\":3", &m); // as older versions do: ignored
    static const char *const parts[] = {"query", "key", "value"};
    char name[100];
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "encoder.layer.0.attention.attention.%s.weight", parts[i]);
        find(&m, name)->type.dim[0] = 4;
        snprintf(name, sizeof name, "encoder.layer.0.attention.attention.%s.bias", parts[i]);
        find(&m, name)->type.dim[0] = 4;
    }
    find(&m, "encoder.layer.0.attention.output.dense.weight")->type.dim[1] = 4;
    expect_loads(",\"head_dim\":2", &m);
    expect_loads(",\"pruned_heads\":{\"0\":[1]}", &m);
    expect_refused("", &m, (FrontendOptions){0}, ERR_MODEL, "config.json asks for f32[8,8]");
    expect_refused(",\"pruned_heads\":{\"0\":[1,0]}", &m, (FrontendOptions){0}, ERR_UNSUPPORTED,
                   "leaves no head");
    expect_refused(",\"pruned_heads\":{\"0\":[1,1]}", &m, (FrontendOptions){0}, ERR_MODEL,
                   "names a head twice");
    expect_refused(",\"pruned_heads\":{\"1\":[1]}", &m, (FrontendOptions){0}, ERR_MODEL,
                   "is no layer number");
}

// ---- config.json -----------------------------------------------------------------------------
static void refuses_bad_configs(void **state) {
    (void)state;
    static const struct {
        const char *text, *want;
        ErrKind kind;
    } cases[] = {
        {"{\"model_type\":\"deit\"}", "1:15: 'model_type' is 'deit'", ERR_UNSUPPORTED},
        {"{\"model_type\":\"dinov2\"}", "'model_type' is 'dinov2'", ERR_UNSUPPORTED},
        {"{\"hidden_size\":0}", "'hidden_size' must be an integer from 1", ERR_MODEL},
        {"{\"hidden_size\":\"8\"}", "'hidden_size' must be an integer", ERR_MODEL},
        {"{\"hidden_size\":1e18}", "'hidden_size' must be an integer", ERR_MODEL},
        {"{\"hidden_size\":7.5}", "'hidden_size' must be an integer", ERR_MODEL},
        {"{\"hidden_size\":770}", "is 770, not a multiple of num_attention_heads 12", ERR_MODEL},
        {"{\"num_hidden_layers\":0}", "'num_hidden_layers' must be", ERR_MODEL},
        {"{\"num_hidden_layers\":1000000}", "'num_hidden_layers' must be", ERR_MODEL},
        {"{\"num_attention_heads\":-1}", "'num_attention_heads' must be", ERR_MODEL},
        {"{\"layer_norm_eps\":-1e-6}", "'layer_norm_eps' must be from 0 to 1", ERR_MODEL},
        {"{\"qkv_bias\":1}", "'qkv_bias' must be true or false", ERR_MODEL},
        {"{\"image_size\":[224,224,3]}", "'image_size' must be a number or a list", ERR_MODEL},
        {"{\"image_size\":[]}", "'image_size' must be a number or a list", ERR_MODEL},
        {"{\"image_size\":8}", "patch_size 16x16 is larger than image_size 8x8", ERR_MODEL},
        {"{\"image_size\":1000000,\"patch_size\":1}", "patches; the limit", ERR_LIMIT},
        {"{\"patch_size\":0}", "'patch_size' must be an integer from 1", ERR_MODEL},
        {"{\"num_channels\":0}", "'num_channels' must be", ERR_MODEL},
        {"{\"hidden_act\":\"geluu\"}", "unknown activation 'geluu'; did you mean 'gelu'",
         ERR_UNSUPPORTED},
        {"{\"hidden_act\":\"zzzzzzzz\"}", "unknown activation 'zzzzzzzz'\n", ERR_UNSUPPORTED},
        {"{\"hidden_act\":{}}", "'hidden_act' must be a string", ERR_MODEL},
        {"{\"id2label\":[\"a\"]}", "'id2label' must be an object", ERR_MODEL},
        {"{\"id2label\":{\"a\":\"b\"}}", "'id2label.a' is no label number", ERR_MODEL},
        {"{\"id2label\":{\"0\":1}}", "'id2label.0' must be a string", ERR_MODEL},
        {"{\"id2label\":{\"1\":\"b\"}}", "must have the keys \"0\" to \"0\"", ERR_MODEL},
        {"{\"id2label\":{\"0\":\"a\",\"00\":\"b\"}}", "must have the keys", ERR_MODEL},
        {"{\"problem_type\":\"guess\"}", "'problem_type' is unknown: 'guess'", ERR_UNSUPPORTED},
        {"{\"pruned_heads\":[]}", "'pruned_heads' must be an object", ERR_MODEL},
        {"[]", "must be an object", ERR_MODEL},
        {"{", "expected a key", ERR_MODEL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        TestCtx *t = test_ctx();
        clear_directory();
        put_text("m/config.json", cases[i].text);
        assert_null(hf_load(&t->c, "m", &(FrontendOptions){0}));
        test_ctx_expect(t, cases[i].kind, cases[i].want);
        test_ctx_free(t);
    }
}
static void has_the_defaults_of_the_class(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    HfConfig cfg;
    FileView f = {"c", (const uint8_t *)"{}", 2};
    assert_true(hf_read_config(&t->c, &f, &cfg));
    assert_true(cfg.hidden == 768 && cfg.layers == 12 && cfg.heads == 12 && cfg.head_dim == 64 &&
                cfg.intermediate == 3072 && cfg.channels == 3 && cfg.image_h == 224 &&
                cfg.patch_w == 16 && cfg.eps == 1e-6 && cfg.qkv_bias && cfg.nlabels == 0 &&
                cfg.act == hf_find_act("gelu") && cfg.task == TASK_FEATURES);
    f = (FileView){"c", (const uint8_t *)"{\"model_type\":\"vit\"}", 20};
    assert_true(hf_read_config(&t->c, &f, &cfg));
    assert_true(cfg.eps == 1e-12);
    test_ctx_free(t);
}

// ---- options ---------------------------------------------------------------------------------
static void gives_the_outputs_asked_for(void **state) {
    (void)state;
    static const struct {
        const char *asked;
        uint32_t n;
        const char *first, *last;
    } cases[] = {
        {"all", 7, "logits", "attentions.0"},
        {"cls", 1, "cls", "cls"},
        {"probs,logits", 2, "probs", "logits"},
        {"hidden_states", 2, "hidden_states.0", "hidden_states.1"},
        {"hidden_states.1,attentions.0", 2, "hidden_states.1", "attentions.0"},
        {"logits,logits,hidden_states.0,hidden_states", 3, "logits", "hidden_states.1"},
    };
    Model m = tiny_model();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        TestCtx *t = test_ctx();
        Graph *g = load_with(t, "", &m, (FrontendOptions){.outputs = cases[i].asked});
        if (!g) fail_msg("%s", t->said);
        assert_true(graph_check(g, t->c.diag));
        assert_int_equal(g->output.n, cases[i].n);
        assert_string_equal(g->output.data[0].name, cases[i].first);
        assert_string_equal(g->output.data[g->output.n - 1].name, cases[i].last);
        test_ctx_free(t);
    }
    expect_refused("", &m, (FrontendOptions){.outputs = "logit"}, ERR_USAGE,
                   "no output 'logit'; did you mean 'logits'");
    expect_refused("", &m, (FrontendOptions){.outputs = "hidden_states.2"}, ERR_USAGE,
                   "no output 'hidden_states.2'");
    expect_refused("", &m, (FrontendOptions){.outputs = "attentions.01"}, ERR_USAGE, "no output");
    expect_refused("", &m, (FrontendOptions){.outputs = ""}, ERR_USAGE, "no output is asked for");
    drop(&m, "classifier.weight");
    drop(&m, "classifier.bias");
    expect_refused("", &m, (FrontendOptions){.outputs = "cls,probs"}, ERR_USAGE,
                   "no output 'probs'");
}
static void checks_sizes(void **state) {
    (void)state;
    Model m = tiny_model();
    expect_refused("", &m, (FrontendOptions){.batch = -1}, ERR_USAGE, "batch -1");
    expect_refused("", &m, (FrontendOptions){.batch = 5000}, ERR_USAGE, "batch 5000: must be from");
    expect_refused("", &m, (FrontendOptions){.image_h = 1, .image_w = 4}, ERR_USAGE,
                   "image 1x4 is smaller than a patch of 2x2");
    expect_refused("", &m, (FrontendOptions){.image_h = INT64_MAX, .image_w = INT64_MAX}, ERR_LIMIT,
                   "too large");
    expect_refused("", &m, (FrontendOptions){.image_h = 1000, .image_w = 1000}, ERR_LIMIT,
                   "250001 tokens: too large");
    expect_refused("", &m, (FrontendOptions){.input_u8 = true}, ERR_UNSUPPORTED,
                   "pixels as bytes need a preprocessor_config.json");
}

// ---- files -----------------------------------------------------------------------------------
static void finds_the_weights(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Model m = tiny_model();
    clear_directory();
    put_config("");
    assert_null(hf_load(&t->c, "m", &(FrontendOptions){0}));
    test_ctx_expect(t, ERR_IO, "no weights: looked for model.safetensors");
    test_ctx_free(t);
    t = test_ctx();
    put_model(t, "m/model.fp16.safetensors", &m);
    assert_non_null(hf_load(&t->c, "m/", &(FrontendOptions){0}));
    assert_non_null(hf_load(&t->c, "m/config.json", &(FrontendOptions){0}));
    assert_non_null(hf_load(&t->c, "m/model.fp16.safetensors", &(FrontendOptions){0}));
    assert_null(hf_load(&t->c, "m/nothing.bin", &(FrontendOptions){0}));
    test_ctx_expect(t, ERR_IO, "cannot open 'm/nothing.bin'");
    test_ctx_free(t);
    static const char *const wrong[][2] = {
        {"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"},
        {"<html>", "neither a safetensors file nor a PyTorch checkpoint"},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        t = test_ctx();
        clear_directory();
        put_config("");
        put_text("m/pytorch_model.bin", wrong[i][0]);
        assert_null(hf_load(&t->c, "m", &(FrontendOptions){0}));
        test_ctx_expect(t, ERR_MODEL, wrong[i][1]);
        test_ctx_free(t);
    }
}
// An index that sends every tensor to `shard`, except layernorm.bias, which goes to `other`.
static void put_index(TestCtx *t, const Model *m, const char *shard, const char *other) {
    Str s = str_new(t->c.arena);
    str_add(&s, "{\"metadata\":{\"total_size\":1},\"weight_map\":{");
    for (size_t i = 0; i < m->n; i++)
        str_addf(&s, "%s\"%s\":\"%s\"", i ? "," : "", m->t[i].name,
                 strcmp(m->t[i].name, "layernorm.bias") ? shard : other);
    str_add(&s, "}}");
    put("m/model.safetensors.index.json", s.data, s.n);
}
static void reads_shards(void **state) {
    (void)state;
    static const struct {
        const char *other, *want;
        ErrKind kind;
    } cases[] = {
        {"../m/other.safetensors", "contains '..'", ERR_MODEL},
        {"/etc/passwd", "is absolute", ERR_MODEL},
        {"", "is empty", ERR_MODEL},
        {"missing.safetensors", "cannot open 'm/missing.safetensors'", ERR_IO},
        {"config.json", "'weight_map.layernorm.bias' is not in", ERR_MODEL},
        {"empty.safetensors", "'weight_map.layernorm.bias' is not in the file 'empty.s", ERR_MODEL},
    };
    Model m = tiny_model(), one = {.n = 1}, none = {.n = 0};
    one.t[0] = *find(&m, "layernorm.bias");
    for (size_t i = 0; i <= COUNT_OF(cases); i++) {
        TestCtx *t = test_ctx();
        clear_directory();
        put_config("");
        put_model(t, "m/all.safetensors", &m);
        put_model(t, "m/other.safetensors", &one);
        put_model(t, "m/empty.safetensors", &none);
        bool good = i == COUNT_OF(cases);
        put_index(t, &m, "all.safetensors", good ? "other.safetensors" : cases[i].other);
        Graph *g = hf_load(&t->c, "m", &(FrontendOptions){0});
        assert_int_equal(g != NULL, good);
        if (!good && i != 4) test_ctx_expect(t, cases[i].kind, cases[i].want);
        test_ctx_free(t);
    }
}
static void reads_what_lies_beside_an_onnx_file(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    clear_directory();
    mkdir("m/onnx", 0755);
    put_text("m/config.json", "{\"id2label\":{\"0\":\"x\",\"1\":\"y\"},\"image_size\":[48,64]}");
    put_text("m/preprocessor_config.json", "{\"size\":32,\"image_mean\":[0,0.5,1]}");
    static const char *const paths[] = {"m/model.onnx", "m/onnx/model.onnx"};
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        ModelInfo info = {.channels = 3};
        assert_true(hf_read_siblings(&t->c, paths[i], &info));
        assert_int_equal(info.nlabels, 2);
        assert_int_equal(info.task, TASK_SINGLE_LABEL);
        assert_true(info.image_h == 48 && info.image_w == 64);
        assert_true(info.preprocess.present && info.preprocess.height == 32);
        assert_true(info.preprocess.mean[1] == 0.5 && info.preprocess.std[2] == 0.5);
    }
    ModelInfo info = {.channels = 3};
    assert_true(hf_read_siblings(&t->c, "m/elsewhere/model.onnx", &info));
    assert_int_equal(info.nlabels, 0);
    assert_int_equal(rmdir("m/onnx"), 0);
    test_ctx_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(describes_the_model),
        cmocka_unit_test(counts_labels_by_the_classifier),
        cmocka_unit_test(knows_many_names),
        cmocka_unit_test(refuses_tensors_that_do_not_fit),
        cmocka_unit_test(takes_heads_from_the_weights),
        cmocka_unit_test(refuses_bad_configs),
        cmocka_unit_test(has_the_defaults_of_the_class),
        cmocka_unit_test(gives_the_outputs_asked_for),
        cmocka_unit_test(checks_sizes),
        cmocka_unit_test(finds_the_weights),
        cmocka_unit_test(reads_shards),
        cmocka_unit_test(reads_what_lies_beside_an_onnx_file),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
