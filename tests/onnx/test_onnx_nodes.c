// test_onnx_nodes.c: single-operator models with inputs and expected outputs, through the importer
// and the eager reference.
//     test_onnx_nodes FOLDER [OPERATOR | CASE]...
// FOLDER holds cases.txt (its columns are described in NOTICE's companion README) and one folder
// per case. Inputs whose values decide shapes (column shape_inputs) are given as initialisers: a
// compiler with static shapes needs them. Prints one line a case; exits 1 if any fails.
#include "frontend/frontend.h"
#include "onnx.pb-c.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef Onnx__ModelProto Model;
typedef Onnx__TensorProto TensorMsg;
enum { MAX_VALUES = 16 };
typedef struct Case {
    Ctx *c;
    const char *folder, *name, *op, *shape_inputs;
    Model *model;
    TensorMsg *input[MAX_VALUES], *output[MAX_VALUES];
    size_t ninputs, noutputs;
} Case;

static void print_message(void *to, Severity sev, const LocInfo *at, const char *message) {
    fprintf(to, "    %s%s%s\n", at->op ? at->op : "", sev == SEV_NOTE ? "  " : ": ", message);
}

// ---- reading a case --------------------------------------------------------------------------
static bool read_file(const Case *k, const char *file, FileView *out) {
    const char *path = arena_printf(k->c->arena, "%s/%s/%s", k->folder, k->name, file);
    return access(path, R_OK) == 0 && file_map(k->c, path, out);
}
static size_t read_values(const Case *k, const char *kind, TensorMsg **out) {
    size_t n = 0;
    for (; n < MAX_VALUES; n++) {
        FileView f;
        const char *file = arena_printf(k->c->arena, "test_data_set_0/%s_%zu.pb", kind, n);
        if (!read_file(k, file, &f)) break;
        out[n] = onnx__tensor_proto__unpack(NULL, f.nbytes, f.data);
        if (!out[n]) break;
        free(out[n]->name);
        out[n]->name = NULL;
    }
    return n;
}
static bool open_case(Case *k) {
    FileView f;
    if (!read_file(k, "model.onnx", &f)) return false;
    k->model = onnx__model_proto__unpack(NULL, f.nbytes, f.data);
    k->ninputs = read_values(k, "input", k->input);
    k->noutputs = read_values(k, "output", k->output);
    return k->model && k->model->graph && k->noutputs > 0;
}
static void close_case(Case *k) {
    for (size_t i = 0; i < k->ninputs; i++) onnx__tensor_proto__free_unpacked(k->input[i], NULL);
    for (size_t i = 0; i < k->noutputs; i++) onnx__tensor_proto__free_unpacked(k->output[i], NULL);
    if (k->model) onnx__model_proto__free_unpacked(k->model, NULL);
}

// ---- loading ---------------------------------------------------------------------------------
// The importer reads files, so a changed model goes through one.
static Graph *load(const Case *k, const Model *m) {
    char path[] = "/tmp/vitc_node_XXXXXX";
    size_t n = onnx__model_proto__get_packed_size(m);
    uint8_t *bytes = arena_alloc(k->c->arena, n);
    onnx__model_proto__pack(m, bytes);
    int fd = mkstemp(path);
    bool ok = fd >= 0 && write(fd, bytes, n) == (ssize_t)n;
    if (fd >= 0) close(fd);
    Graph *g = ok ? onnx_load(k->c, path, &(FrontendOptions){0}) : NULL;
    unlink(path);
    return g;
}
// The values of the data files: a model whose outputs are its initialisers.
static bool values_of(const Case *k, TensorMsg *const *t, size_t n, Tensor *out) {
    static char names[MAX_VALUES][4];
    Model m = ONNX__MODEL_PROTO__INIT;
    Onnx__GraphProto graph = ONNX__GRAPH_PROTO__INIT;
    Onnx__OperatorSetIdProto opset = ONNX__OPERATOR_SET_ID_PROTO__INIT, *opsets[] = {&opset};
    Onnx__ValueInfoProto info[MAX_VALUES], *infos[MAX_VALUES];
    NodeId want[MAX_VALUES];
    if (n == 0) return true;
    opset.has_version = true;
    opset.version = 20;
    for (size_t i = 0; i < n; i++) {
        snprintf(names[i], sizeof names[i], "v%zu", i);
        info[i] = (Onnx__ValueInfoProto)ONNX__VALUE_INFO_PROTO__INIT;
        infos[i] = &info[i];
        info[i].name = t[i]->name = names[i];
    }
    graph.n_initializer = graph.n_output = n;
    graph.initializer = (TensorMsg **)(uintptr_t)t;
    graph.output = infos;
    m.graph = &graph;
    m.n_opset_import = 1;
    m.opset_import = opsets;
    Graph *g = load(k, &m);
    for (size_t i = 0; i < n; i++) t[i]->name = NULL;
    for (size_t i = 0; g && i < n; i++) want[i] = g->output.data[i].node;
    return g && graph_eval(g, NULL, want, (uint32_t)n, out, k->c->arena, k->c->diag);
}
// Operands that the importer wants to know beside those that decide shapes.
static const char *known_inputs(const Case *k) {
    static const char *const known[][2] = {{"Dropout", "1,2"},
                                           {"GatherND", "1"},
                                           {"Pad", "1,2,3"},
                                           {"ScatterND", "0,1,2"},
                                           {"Trilu", "1"}};
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (strcmp(known[i][0], k->op) == 0) return known[i][1];
    }
    return k->shape_inputs;
}
static bool is_known_input(const Case *k, size_t i) {
    const char *s = known_inputs(k);
    while (*s && *s != '-') {
        if ((size_t)strtoul(s, NULL, 10) == i) return true;
        s += strcspn(s, ",");
        s += *s == ',';
    }
    return false;
}
// Turns the shape inputs into initialisers for the time of one load.
static Graph *load_model(const Case *k, size_t *fed, size_t *nfed) {
    Onnx__GraphProto *graph = k->model->graph;
    size_t n = graph->n_initializer, count = 0;
    TensorMsg **kept = graph->initializer, **all = NEW_N(k->c->arena, TensorMsg *, n + MAX_VALUES);
    for (size_t i = 0; i < n; i++) all[i] = kept[i];
    *nfed = 0;
    for (size_t i = 0; i < graph->n_input && count < k->ninputs; i++) {
        size_t data = count++;
        if (!is_known_input(k, i)) {
            fed[(*nfed)++] = data;
            continue;
        }
        k->input[data]->name = graph->input[i]->name;
        all[graph->n_initializer++] = k->input[data];
    }
    graph->initializer = all;
    Graph *g = load(k, k->model);
    for (size_t i = n; i < graph->n_initializer; i++) all[i]->name = NULL;
    graph->initializer = kept;
    graph->n_initializer = n;
    return g;
}

// ---- comparing -------------------------------------------------------------------------------
typedef struct Tolerance {
    double relative, absolute;
} Tolerance;
static Tolerance tolerance_of(DType dt) {
    switch (dt) {
    case DT_F32:
    case DT_F64: return (Tolerance){1e-3, 1e-5};
    case DT_F16: return (Tolerance){5e-3, 1e-3};
    case DT_BF16: return (Tolerance){1.0 / 64, 1e-2};
    default: return (Tolerance){0, 0};
    }
}
static bool is_close(double got, double want, Tolerance t) {
    if (isnan(want) || isnan(got)) return isnan(want) && isnan(got);
    if (isinf(want) || isinf(got)) return got == want;
    return fabs(got - want) <= t.absolute + t.relative * fabs(want);
}
static bool compare(const Case *k, size_t output, const Tensor *got, const Tensor *want) {
    Arena *a = k->c->arena;
    if (!type_equal(&got->type, &want->type)) {
        printf("    output %zu is %s, expected %s\n", output, type_text(a, &got->type),
               type_text(a, &want->type));
        return false;
    }
    DType dt = got->type.dt;
    for (int64_t i = 0; i < type_count(&got->type); i++) {
        uint64_t at = (uint64_t)i;
        double x = dtype_read_f(dt, got->data, at), y = dtype_read_f(dt, want->data, at);
        bool exact = dtype_info[dt].cls != CLASS_FLOAT;
        if (exact ? dtype_read_i(dt, got->data, at) == dtype_read_i(dt, want->data, at)
                  : is_close(x, y, tolerance_of(dt))) {
            continue;
        }
        printf("    output %zu, element %lld: %.9g, expected %.9g\n", output, (long long)i, x, y);
        return false;
    }
    return true;
}
static bool run(Case *k) {
    size_t fed[MAX_VALUES], nfed;
    Tensor input[MAX_VALUES], given[MAX_VALUES], want[MAX_VALUES], got[MAX_VALUES];
    NodeId node[MAX_VALUES];
    if (!open_case(k)) return printf("    the case cannot be read\n"), false;
    Graph *g = load_model(k, fed, &nfed);
    if (!g || !graph_check(g, k->c->diag)) return false;
    if (g->input.n != nfed || g->output.n != k->noutputs) {
        return printf("    %u inputs and %u outputs\n", g->input.n, g->output.n), false;
    }
    if (!values_of(k, k->input, k->ninputs, input)) return false;
    if (!values_of(k, k->output, k->noutputs, want)) return false;
    for (size_t i = 0; i < nfed; i++) given[i] = input[fed[i]];
    for (size_t i = 0; i < k->noutputs; i++) node[i] = g->output.data[i].node;
    if (!graph_eval(g, given, node, (uint32_t)k->noutputs, got, k->c->arena, k->c->diag))
        return false;
    bool ok = true;
    for (size_t i = 0; i < k->noutputs; i++) ok &= compare(k, i, &got[i], &want[i]);
    return ok;
}

// ---- all cases -------------------------------------------------------------------------------
static char *field(char **at) {
    char *start = *at;
    *at += strcspn(*at, "\t\n");
    if (**at) *(*at)++ = 0;
    return start;
}
static bool is_wanted(const Case *k, int n, char **words) {
    for (int i = 0; i < n; i++) {
        if (strcmp(words[i], k->op) == 0 || strcmp(words[i], k->name) == 0) return true;
    }
    return n == 0;
}
static bool parse_line(char *line, Case *k) {
    if (*line == '#' || !*line) return false;
    k->name = field(&line);
    k->op = field(&line);
    for (int i = 0; i < 5; i++) field(&line); // class, opset, ir version, inputs, outputs
    k->shape_inputs = field(&line);
    return true;
}
int main(int argc, char **argv) {
    if (argc < 2) return fprintf(stderr, "usage: test_onnx_nodes FOLDER [OPERATOR | CASE]...\n"), 2;
    char path[4096], line[4096];
    snprintf(path, sizeof path, "%s/cases.txt", argv[1]);
    FILE *list = fopen(path, "r");
    if (!list) return fprintf(stderr, "cannot open %s\n", path), 2;
    uint32_t ran = 0, failed = 0;
    while (fgets(line, sizeof line, list)) {
        Case k = {.folder = argv[1]};
        if (!parse_line(line, &k) || !is_wanted(&k, argc - 2, argv + 2)) continue;
        Arena *a = arena_new("case");
        Ctx c = {a, arena_new("scratch"), diag_new(a, print_message, stdout), NULL};
        k.c = &c;
        bool ok = run(&k);
        printf("%s %s\n", ok ? "ok  " : "FAIL", k.name);
        close_case(&k);
        arena_free(c.scratch);
        arena_free(a);
        ran++;
        failed += !ok;
    }
    fclose(list);
    printf("%u cases, %u failed\n", ran, failed);
    return failed || ran == 0;
}
