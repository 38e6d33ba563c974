// inspect.c: what a model or an object holds. Both are shown from the tables of the compiled
// object, read in a child; a model shows besides what its file said.
#include "driver/execute.h"
#include "runtime/vitc_object.h"
#include <string.h>

typedef struct View {
    Tool *tool;
    const Executable *exe;
    const vitc_model_info *whole, *m; // m: the level that is shown
    const vitc_object *object;
} View;
// Launches added up under one name: of a kernel, or of a layer.
typedef struct Sum {
    const char *name;
    vitc_kernel kernel;
    uint32_t launches;
    uint64_t flops;
} Sum;
typedef VEC(Sum) Sums;

static void add_launch(Arena *a, Sums *sums, const vitc_launch *l, const char *name,
                       bool by_kernel) {
    uint32_t k = 0;
    for (; k < sums->n; k++) {
        const Sum *s = &sums->data[k];
        if (by_kernel ? s->kernel == l->kernel : !strcmp(s->name, name)) break;
    }
    if (k == sums->n) *PUSH(a, sums) = (Sum){.name = name, .kernel = l->kernel};
    sums->data[k].launches++;
    sums->data[k].flops += l->flops;
}
// A kernel has a name in the Program; in an object file it is known by what its first launch
// computes.
static Sums sum_kernels(const View *v) {
    Sums sums = {0};
    const Program *p = v->exe->program;
    for (uint32_t i = 0; i < v->object->n_launches; i++) {
        const vitc_launch *l = &v->object->launches[i];
        const char *name = p ? p->kern.data[p->launch.data[i].kern]->name : l->label;
        add_launch(v->tool->c.arena, &sums, l, name, true);
    }
    return sums;
}
// "…layer.3.attention…" belongs to "layer 3".
static const char *layer_of(Arena *a, const char *label) {
    const char *p = label ? strstr(label, "layer") : NULL;
    if (p) p += strlen("layer");
    if (p && *p == 's') p++;
    if (!p || (*p != '.' && *p != '/' && *p != '_')) return "the rest";
    size_t digits = strspn(p + 1, "0123456789");
    return digits ? arena_printf(a, "layer %.*s", (int)digits, p + 1) : "the rest";
}
static Sums sum_layers(const View *v) {
    Sums sums = {0};
    Arena *a = v->tool->c.arena;
    for (uint32_t i = 0; i < v->object->n_launches; i++) {
        const vitc_launch *l = &v->object->launches[i];
        add_launch(a, &sums, l, layer_of(a, l->label), false);
    }
    return sums;
}

// ---- text -----------------------------------------------------------------------------------
static const char *plain(const View *v, const char *text) {
    return escape(v->tool->c.arena, SINK_TERMINAL, text ? text : "-");
}
static void print_tensors(const View *v, const char *what, const vitc_tensor_info *x, uint32_t n,
                          Str *s) {
    for (uint32_t i = 0; i < n; i++) {
        Type type = type_of_info(&x[i]);
        str_addf(s, "%-10s %s %s\n", i ? "" : what, plain(v, x[i].name),
                 type_text(s->arena, &type));
    }
}
static void print_preprocess(const vitc_preprocess *p, Str *s) {
    static const char *const filter[] = {"nearest", "lanczos", "bilinear",
                                         "bicubic", "box",     "hamming"};
    str_addf(s, "%-10s %u x %u, %u channels", "picture", p->height, p->width, p->channels);
    if (p->do_resize && p->resample >= 0 && (size_t)p->resample < COUNT_OF(filter))
        str_addf(s, ", %s", filter[p->resample]);
    if (p->do_rescale) str_addf(s, ", times %.9g", p->rescale);
    for (uint32_t i = 0; p->do_normalize && i < p->channels && i < 4; i++)
        str_addf(s, "%s%g/%g", i ? " " : ", mean/std ", (double)p->mean[i], (double)p->std[i]);
    str_add(s, "\n");
}
static void print_labels(const View *v, Str *s) {
    enum { SHOWN = 6 };
    str_addf(s, "%-10s %u", "labels", v->m->n_labels);
    for (uint32_t i = 0; v->m->labels && i < v->m->n_labels && i < SHOWN; i++)
        str_addf(s, "%s '%s'", i ? "," : ":", plain(v, v->m->labels[i]));
    str_add(s, v->m->labels && v->m->n_labels > SHOWN ? ", ...\n" : "\n");
}
static uint64_t parameters(const Program *p) {
    uint64_t n = 0;
    for (uint32_t i = 0; i < p->region.n; i++)
        n += (uint64_t)type_count(graph_type(p->graph, p->region.data[i].expr));
    return n;
}
static void print_source(const View *v, Str *s) {
    const ModelInfo *i = &v->exe->program->graph->info;
    str_addf(s, "%-10s %llu\n", "parameters", (unsigned long long)parameters(v->exe->program));
    if (i->layers)
        str_addf(s, "%-10s %lld layers, %lld heads, hidden %lld, %lld tokens\n", "encoder",
                 (long long)i->layers, (long long)i->heads, (long long)i->hidden,
                 (long long)i->tokens);
    if (i->image_h)
        str_addf(s, "%-10s batch %lld, %lld x %lld x %lld\n", "image", (long long)i->batch,
                 (long long)i->channels, (long long)i->image_h, (long long)i->image_w);
}
static void print_sums(const View *v, const char *what, const Sums *sums, Str *s) {
    str_addf(s, "\n%8s %12s %6s  %s\n", "launches", "work", "share", what);
    for (uint32_t i = 0; i < sums->n; i++) {
        const Sum *x = &sums->data[i];
        double share = v->m->flops ? 100 * (double)x->flops / (double)v->m->flops : 0;
        str_addf(s, "%8u %12s %5.1f%%  %s\n", x->launches, text_flops(s->arena, (double)x->flops),
                 share, plain(v, x->name));
    }
}
static void print_launches(const View *v, Str *s) {
    str_addf(s, "\n%6s %8s %12s  %s\n", "launch", "tasks", "work", "what");
    for (uint32_t i = 0; i < v->object->n_launches; i++) {
        const vitc_launch *l = &v->object->launches[i];
        str_addf(s, "%6u %8lld %12s  %s\n", i, (long long)l->grid,
                 text_flops(s->arena, (double)l->flops), plain(v, l->label));
    }
}
static void print_text(const View *v, Str *s) {
    const vitc_model_info *m = v->m;
    Arena *a = s->arena;
    str_addf(s, "%-10s %s\n%-10s %s\n%-10s %s", "model", plain(v, m->name), "producer",
             plain(v, m->producer), "target", m->target);
    if (v->whole != m) str_addf(s, " of %s", v->whole->target);
    str_addf(s, "\n%-10s %s\n", "sha256", m->source_sha256);
    if (v->exe->program) print_source(v, s);
    print_tensors(v, "inputs", m->inputs, m->n_inputs, s);
    print_tensors(v, "outputs", m->outputs, m->n_outputs, s);
    if (m->preprocess) print_preprocess(m->preprocess, s);
    if (m->n_labels) print_labels(v, s);
    str_addf(s, "%-10s %s a call, %u launches\n", "work", text_flops(a, (double)m->flops),
             v->object->n_launches);
    str_addf(s, "%-10s weights %s, arena %s (intermediates %s + scratch %s), at most %u "
             "threads\n", "memory",
             text_bytes(a, m->weight_bytes), text_bytes(a, m->arena_bytes),
             text_bytes(a, v->object->intermediate_bytes),
             text_bytes(a, v->object->scratch_bytes), v->object->max_slices);
    Sums layers = sum_layers(v), kernels = sum_kernels(v);
    print_sums(v, "part", &layers, s);
    print_sums(v, "kernel", &kernels, s);
    if (v->tool->opt.launches) print_launches(v, s);
}

// ---- JSON -----------------------------------------------------------------------------------
static void json_tensors(const char *key, const vitc_tensor_info *x, uint32_t n, Json *j) {
    json_put_array(j, key);
    for (uint32_t i = 0; i < n; i++) {
        json_put_object(j, NULL);
        json_put_text(j, "name", x[i].name);
        json_put_text(j, "dtype", dtype_info[type_of_info(&x[i]).dt].text);
        json_put_dims(j, "dims", x[i].dim, x[i].rank);
        json_put_uint(j, "bytes", x[i].bytes);
        json_put_end(j);
    }
    json_put_end(j);
}
static void json_preprocess(const vitc_preprocess *p, Json *j) {
    json_put_object(j, "preprocess");
    json_put_uint(j, "height", p->height);
    json_put_uint(j, "width", p->width);
    json_put_uint(j, "channels", p->channels);
    json_put_int(j, "resample", p->resample);
    json_put_bool(j, "do_resize", p->do_resize);
    json_put_bool(j, "do_rescale", p->do_rescale);
    json_put_bool(j, "do_normalize", p->do_normalize);
    json_put_real(j, "rescale", p->rescale);
    json_put_array(j, "mean");
    for (uint32_t i = 0; i < p->channels && i < 4; i++) json_put_real(j, NULL, (double)p->mean[i]);
    json_put_end(j);
    json_put_array(j, "std");
    for (uint32_t i = 0; i < p->channels && i < 4; i++) json_put_real(j, NULL, (double)p->std[i]);
    json_put_end(j);
    json_put_end(j);
}
static void json_launches(const View *v, Json *j) {
    json_put_array(j, "launches");
    for (uint32_t i = 0; i < v->object->n_launches; i++) {
        const vitc_launch *l = &v->object->launches[i];
        json_put_object(j, NULL);
        json_put_text(j, "label", l->label);
        json_put_int(j, "tasks", l->grid);
        json_put_uint(j, "flops", l->flops);
        json_put_end(j);
    }
    json_put_end(j);
}
static void print_json(const View *v, Str *s) {
    const vitc_model_info *m = v->m;
    Json j = json_put_begin(s, "inspect");
    json_put_text(&j, "model", m->name);
    json_put_text(&j, "producer", m->producer);
    json_put_text(&j, "target", m->target);
    json_put_array(&j, "levels");
    for (uint32_t i = 0; i < v->whole->n_levels; i++)
        json_put_text(&j, NULL, v->whole->levels[i]->target);
    json_put_end(&j);
    json_put_text(&j, "sha256", m->source_sha256);
    json_put_uint(&j, "abi", m->abi);
    json_tensors("inputs", m->inputs, m->n_inputs, &j);
    json_tensors("outputs", m->outputs, m->n_outputs, &j);
    json_put_uint(&j, "flops", m->flops);
    if (v->exe->program) json_put_uint(&j, "parameters", parameters(v->exe->program));
    json_put_uint(&j, "weight_bytes", m->weight_bytes);
    json_put_uint(&j, "arena_bytes", m->arena_bytes);
    json_put_uint(&j, "intermediate_bytes", v->object->intermediate_bytes);
    json_put_uint(&j, "scratch_bytes", v->object->scratch_bytes);
    json_put_uint(&j, "max_threads", v->object->max_slices);
    json_put_uint(&j, "task", m->task);
    json_put_array(&j, "labels");
    for (uint32_t i = 0; m->labels && i < m->n_labels; i++) json_put_text(&j, NULL, m->labels[i]);
    json_put_end(&j);
    if (m->preprocess) json_preprocess(m->preprocess, &j);
    json_launches(v, &j);
    json_put_finish(&j);
}

static bool inspect_object(Tool *t, void *arg, Str *out) {
    View v = {.tool = t, .exe = arg};
    v.whole = executable_link(t, v.exe);
    v.m = v.whole ? executable_level(t, v.whole) : NULL;
    if (!v.m) return false;
    v.object = v.m->object;
    (t->opt.json ? print_json : print_text)(&v, out);
    return true;
}
bool verb_inspect(Tool *t) {
    FrontendOptions front = frontend_options(&t->opt);
    Executable exe;
    Bytes sent;
    if (!executable_open(t, t->opt.file.data[0], &front, EXE_NO_WEIGHTS, &exe) ||
        !work_run(t, "reading the object", inspect_object, &exe, &sent))
        return false;
    Str s = str_new(t->c.arena);
    str_add_n(&s, sent.data, sent.n);
    return tool_print(t, &s);
}
