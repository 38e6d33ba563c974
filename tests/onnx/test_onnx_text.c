// test_onnx_text.c: runs models written as text (onnx_text.h) through the importer and the eager
// reference.
//     test_onnx_text FILE...
// A file holds cases, each after a line `case NAME` (not the first line). Compares with rtol 1e-4,
// atol 1e-5; integers exactly.
#include "frontend/frontend.h"
#include "tests/onnx/onnx_text.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct Said {
    char text[2048];
} Said;
static void remember(void *to, Severity sev, const LocInfo *at, const char *message) {
    Said *s = to;
    size_t n = strlen(s->text);
    if (sev != SEV_NOTE)
        snprintf(s->text + n, sizeof s->text - n, "%s: %s\n", at->op ? at->op : "", message);
}
static Graph *load(Ctx *c, const Str *bytes) {
    int fd = memfd_create("model", 0);
    if (fd < 0 || write(fd, bytes->data, bytes->n) != (ssize_t)bytes->n) return NULL;
    Graph *g = onnx_load(c, arena_printf(c->arena, "/proc/self/fd/%d", fd), &(FrontendOptions){0});
    close(fd);
    return g;
}
static bool is_close(const Tensor *got, const NamedValue *want, uint64_t i) {
    DType dt = want->type.dt;
    if (dtype_info[dt].cls != CLASS_FLOAT) {
        return dtype_read_i(dt, got->data, i) == dtype_read_i(dt, want->data, i);
    }
    double x = dtype_read_f(dt, got->data, i), y = dtype_read_f(dt, want->data, i);
    if (isnan(y) || isinf(y)) return isnan(y) ? isnan(x) : x == y;
    return fabs(x - y) <= 1e-5 + 1e-4 * fabs(y);
}
static bool compare(Arena *a, const Tensor *got, const NamedValue *want) {
    if (!type_equal(&got->type, &want->type)) {
        printf("    %s is %s, expected %s\n", want->name, type_text(a, &got->type),
               type_text(a, &want->type));
        return false;
    }
    for (int64_t i = 0; i < type_count(&want->type); i++) {
        if (is_close(got, want, (uint64_t)i)) continue;
        printf("    %s, element %lld: %.9g, expected %.9g\n", want->name, (long long)i,
               dtype_read_f(got->type.dt, got->data, (uint64_t)i),
               dtype_read_f(want->type.dt, want->data, (uint64_t)i));
        return false;
    }
    return true;
}
static bool takes(Arena *a, const OnnxText *t, const Graph *g) {
    bool ok = g->input.n == t->takes.n;
    for (uint32_t i = 0; ok && i < g->input.n; i++) {
        const Node *n = graph_node(g, g->input.data[i]);
        const NamedValue *want = &t->takes.data[i];
        ok = strcmp(n->name, want->name) == 0 && type_equal(&n->type, &want->type);
        if (!ok) printf("    input '%s' is %s\n", n->name, type_text(a, &n->type));
    }
    return ok;
}
static bool evaluate(Ctx *c, const OnnxText *t, const Graph *g) {
    Arena *a = c->arena;
    Tensor *in = NEW_N(a, Tensor, g->input.n), *out = NEW_N(a, Tensor, g->output.n);
    NodeId *want = NEW_N(a, NodeId, g->output.n);
    if (!graph_check(g, c->diag)) return false;
    if (g->input.n != t->feed.n || g->output.n < t->want.n) {
        return printf("    %u inputs, %u outputs\n", g->input.n, g->output.n), false;
    }
    for (uint32_t i = 0; i < g->input.n; i++)
        in[i] = (Tensor){t->feed.data[i].type, t->feed.data[i].data};
    for (uint32_t i = 0; i < g->output.n; i++) want[i] = g->output.data[i].node;
    if (!graph_eval(g, in, want, g->output.n, out, a, c->diag)) return false;
    bool ok = true;
    for (uint32_t i = 0; i < t->want.n; i++) ok &= compare(a, &out[i], &t->want.data[i]);
    return ok;
}
static bool failed_as_said(const OnnxText *t, ErrKind kind, const char *said) {
    static const char *const kinds[] = {[ERR_NONE] = "nothing", [ERR_USAGE] = "usage",
                                        [ERR_MODEL] = "model",  [ERR_UNSUPPORTED] = "unsupported",
                                        [ERR_IO] = "io",        [ERR_LIMIT] = "limit"};
    const char *got = kind < COUNT_OF(kinds) && kinds[kind] ? kinds[kind] : "?";
    if (strcmp(got, t->fails) == 0 && strstr(said, t->message)) return true;
    return printf("    expected %s: %s\n    got %s: %s\n", t->fails, t->message, got, said), false;
}
static bool run(const char *text) {
    Arena *a = arena_new("case");
    Said said = {0};
    Ctx c = {a, arena_new("scratch"), diag_new(a, remember, &said), NULL};
    OnnxText t = onnx_text(a, text);
    Graph *g = load(&c, &t.bytes);
    bool ok;
    if (t.fails)
        ok = failed_as_said(&t, g ? ERR_NONE : diag_kind(c.diag), said.text);
    else if (!g)
        ok = (printf("    %s", said.text), false);
    else
        ok = t.takes.n ? takes(a, &t, g) : evaluate(&c, &t, g);
    arena_free(c.scratch);
    arena_free(a);
    return ok;
}
static void run_file(const char *path, uint32_t *ran, uint32_t *failed) {
    Arena *a = arena_new("file");
    Ctx c = {a, a, diag_new(a, NULL, NULL), NULL};
    FileView f;
    if (!file_map(&c, path, &f)) {
        ++*failed;
        return;
    }
    char *text = arena_strndup(a, (const char *)f.data, f.nbytes), *at = strstr(text, "\ncase ");
    while (at) {
        char *name = at + strlen("\ncase "), *body = name + strcspn(name, "\n"),
             *next = strstr(body, "\ncase ");
        if (*body) *body++ = 0;
        if (next) *next = 0;
        bool ok = run(body);
        printf("%s %s\n", ok ? "ok  " : "FAIL", name);
        ++*ran;
        *failed += !ok;
        at = next;
    }
    arena_free(a);
}
int main(int argc, char **argv) {
    uint32_t ran = 0, failed = 0;
    for (int i = 1; i < argc; i++) run_file(argv[i], &ran, &failed);
    printf("%u cases, %u failed\n", ran, failed);
    return failed || ran == 0;
}
