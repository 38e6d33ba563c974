// eval_case.c: the eager reference against the golden tensors of one fixture.
//     eval_case CASE/case.json [TOLERANCE]
// Loads the model that case.json names, evaluates its graph on the inputs in the golden file and
// compares every golden tensor: relative L2 error at most TOLERANCE (default 1e-5).
#include "frontend/json.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_message(void *to, Severity sev, const LocInfo *at, const char *message) {
    static const char *const names[] = {"error", "warning", "note"};
    fprintf(to, "%s: %s%s%s: %s\n", at->file ? at->file : "eval_case", at->node ? at->node : "",
            at->node ? ": " : "", names[sev], message);
}
typedef struct Case {
    Ctx *c;
    Json json;
    const char *dir;
    bool is_hf;
    Weights golden;
} Case;

static bool open_case(Ctx *c, const char *path, Case *k) {
    FileView text, golden;
    const char *kind = "hf", *file = "golden.safetensors";
    k->c = c;
    k->dir = path_dir(c->arena, path);
    if (!file_map(c, path, &text) || !json_open(c, &text, false, &k->json)) return false;
    if (!json_string(&k->json, k->json.root, "kind", &kind)) return false;
    if (!json_string(&k->json, json_get(k->json.root, "golden"), "file", &file)) return false;
    k->is_hf = !strcmp(kind, "hf");
    return file_map_beneath(c, k->dir, file, 0, &golden) &&
           safetensors_read(c, &golden, &k->golden);
}
// The golden tensor of a graph's input or output; case.json may map names ("inputs", "outputs").
// Of a file with rounded weights: what the model gave before they were rounded.
static const WeightTensor *golden_of(const Case *k, const char *map, const char *name) {
    const cJSON *to = json_get(json_get(k->json.root, map), name);
    if (cJSON_IsString(to)) name = to->valuestring;
    const WeightTensor *t = weights_find(&k->golden, name);
    return t ? t : weights_find(&k->golden, arena_printf(k->c->arena, "%s_f32", name));
}
static Graph *load(const Case *k) {
    const char *model = ".";
    if (!json_string(&k->json, k->json.root, "model", &model)) return NULL;
    const char *path = arena_printf(k->c->arena, "%s/%s", k->dir, model);
    const WeightTensor *x = weights_find(&k->golden, "pixel_values");
    FrontendOptions o = {.batch = 1};
    if (x && x->type.rank == 4) {
        o.batch = x->type.dim[0];
        o.image_h = x->type.dim[2];
        o.image_w = x->type.dim[3];
    }
    if (!k->is_hf || !x || x->type.rank != 4) return frontend_load(k->c, path, &o);
    o.outputs = "all";
    o.bool_masked_pos = weights_find(&k->golden, "bool_masked_pos") != NULL;
    return frontend_load(k->c, path, &o);
}
static bool feed(const Case *k, const Graph *g, NodeId input, Tensor *out) {
    const Node *n = graph_node(g, input);
    const WeightTensor *t = golden_of(k, "inputs", n->name);
    *out = (Tensor){n->type, NULL};
    if (!t) return printf("FAIL no golden tensor for the input '%s'\n", n->name), false;
    Type as_given = n->type;
    as_given.dt = t->type.dt;
    if (!type_equal(&as_given, &t->type))
        return printf("FAIL input '%s' is %s, its golden tensor %s\n", n->name,
                      type_text(k->c->arena, &n->type), type_text(k->c->arena, &t->type)),
               false;
    out->data = arena_alloc(k->c->arena, type_nbytes(&n->type));
    for (int64_t i = 0; i < type_count(&t->type); i++)
        dtype_write_f(n->type.dt, out->data, (uint64_t)i,
                      dtype_read_f(t->type.dt, t->data, (uint64_t)i));
    return true;
}
static bool compare(const Case *k, const char *name, const Tensor *got, double tolerance) {
    const WeightTensor *want = golden_of(k, "outputs", name);
    double diff = 0, norm = 0, largest = 0;
    if (!want)
        return k->is_hf || (printf("FAIL no golden tensor for the output '%s'\n", name), false);
    Type type = got->type;
    type.dt = want->type.dt;
    if (!type_equal(&type, &want->type))
        return printf("FAIL %s: %s, golden %s\n", name, type_text(k->c->arena, &got->type),
                      type_text(k->c->arena, &want->type)),
               false;
    for (int64_t i = 0; i < type_count(&type); i++) {
        double x = dtype_read_f(got->type.dt, got->data, (uint64_t)i);
        double y = dtype_read_f(want->type.dt, want->data, (uint64_t)i);
        diff += (x - y) * (x - y);
        norm += y * y;
        if (fabs(x - y) > largest) largest = fabs(x - y);
    }
    double relative = sqrt(diff) / (sqrt(norm) + 1e-30);
    bool ok = relative <= tolerance; // false for NaN
    printf("%s %-24s relative L2 %.2e, largest difference %.2e\n", ok ? "ok  " : "FAIL", name,
           relative, largest);
    return ok;
}
// Every golden tensor that is no input must have been compared.
static bool all_seen(const Case *k, const Graph *g) {
    bool ok = true;
    for (uint32_t i = 0; k->is_hf && i < k->golden.tensor.n; i++) {
        const char *name = k->golden.tensor.data[i].name;
        bool seen = false;
        for (uint32_t j = 0; j < g->output.n; j++) seen |= !strcmp(g->output.data[j].name, name);
        for (uint32_t j = 0; j < g->input.n; j++)
            seen |= !strcmp(graph_node(g, g->input.data[j])->name, name);
        if (!seen) printf("FAIL the graph has no '%s'\n", name);
        ok &= seen;
    }
    return ok;
}
static bool run(Case *k, double tolerance) {
    Graph *g = load(k);
    if (!g) return false;
    Arena *a = k->c->arena;
    Tensor *in = NEW_N(a, Tensor, g->input.n), *out = NEW_N(a, Tensor, g->output.n);
    NodeId *want = NEW_N(a, NodeId, g->output.n);
    for (uint32_t i = 0; i < g->input.n; i++)
        if (!feed(k, g, g->input.data[i], &in[i])) return false;
    for (uint32_t i = 0; i < g->output.n; i++) want[i] = g->output.data[i].node;
    if (!graph_check(g, k->c->diag)) return false;
    if (!graph_eval(g, in, want, g->output.n, out, a, k->c->diag)) return false;
    bool ok = all_seen(k, g);
    for (uint32_t i = 0; i < g->output.n; i++)
        ok &= compare(k, g->output.data[i].name, &out[i], tolerance);
    return ok;
}
int main(int argc, char **argv) {
    if (argc < 2) return fprintf(stderr, "usage: eval_case CASE/case.json [TOLERANCE]\n"), 2;
    Arena *a = arena_new("case");
    Ctx c = {a, arena_new("scratch"), diag_new(a, print_message, stderr), NULL};
    Case k = {0};
    bool ok = open_case(&c, argv[1], &k) && run(&k, argc > 2 ? atof(argv[2]) : 1e-5);
    arena_free(c.scratch);
    arena_free(a);
    return !ok;
}
