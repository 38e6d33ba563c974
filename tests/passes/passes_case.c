// passes_case.c: the graph passes on one model file.
//     passes_case MODEL [LAYERS]
// Every output computes the same before and after, within 2e-6 relative L2, on a random input; and
// the passes recognised the encoder: LAYERS attentions (default: what the model says), and so many
// groups per layer. A failure to recognise is a failed test here, not slow code later.
#include "frontend/frontend.h"
#include "passes/passes.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_message(void *to, Severity sev, const LocInfo *at, const char *message) {
    static const char *const names[] = {"error", "warning", "note"};
    fprintf(to, "%s: %s%s%s: %s\n", at->file ? at->file : "passes_case", at->node ? at->node : "",
            at->node ? ": " : "", names[sev], message);
}
static void randomize(Tensor *t, Arena *a) {
    uint64_t seed = 88172645463325252u;
    t->data = arena_alloc(a, type_nbytes(&t->type) + 1);
    for (int64_t i = 0; i < type_count(&t->type); i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        bool is_float = dtype_info[t->type.dt].cls == CLASS_FLOAT;
        double v = (double)(seed >> 40) / (double)(1 << 23) - 1;
        dtype_write_f(t->type.dt, t->data, (uint64_t)i, is_float ? v : v > 0 ? 1 : 0);
    }
}
static Tensor *evaluate(Ctx *c, const Graph *g, const Tensor *in) {
    Tensor *out = NEW_N(c->arena, Tensor, g->output.n);
    NodeId *want = NEW_N(c->arena, NodeId, g->output.n);
    for (uint32_t i = 0; i < g->output.n; i++) want[i] = g->output.data[i].node;
    return graph_eval(g, in, want, g->output.n, out, c->arena, c->diag) ? out : NULL;
}
static double distance(const Tensor *a, const Tensor *b) {
    double diff = 0, norm = 0;
    if (!type_equal(&a->type, &b->type)) return INFINITY;
    for (int64_t i = 0; i < type_count(&a->type); i++) {
        double x = dtype_read_f(a->type.dt, a->data, (uint64_t)i);
        double y = dtype_read_f(b->type.dt, b->data, (uint64_t)i);
        diff += (x - y) * (x - y);
        norm += x * x;
    }
    return sqrt(diff / (norm > 0 ? norm : 1));
}
static uint32_t count_ops(const Graph *g, GraphOp op) {
    uint32_t n = 0;
    for (NodeId i = 1; i < g->node.n; i++) n += graph_node(g, i)->op == op;
    return n;
}
// Groups with a node that is neither view nor move.
static uint32_t count_groups(const Graph *g, Arena *a) {
    bool *seen = NEW_N(a, bool, g->node.n + 1);
    uint32_t n = 0;
    for (NodeId i = 1; i < g->node.n; i++) {
        const Node *node = graph_node(g, i);
        if (!node->group || op_is(node->op, VIEW | MOVE) || seen[node->group]) continue;
        seen[node->group] = true;
        n++;
    }
    return n;
}
static bool run_passes(Ctx *c, Graph *g) {
    static bool (*const passes[])(PassCtx *, Graph *) = {
        pass_fold, pass_cse, pass_canon, pass_recognise, pass_slice, pass_algebra, pass_fuse};
    PassOptions o = {0};
    PassCtx p = {c, &o};
    for (size_t i = 0; i < COUNT_OF(passes); i++) {
        passes[i](&p, g);
        if (!graph_check(g, c->diag)) return printf("FAIL pass %zu broke the graph\n", i), false;
    }
    return true;
}
// What a ViT of one output should become: a matmul for the patches; per layer layernorm, Q K V,
// attention, out, layernorm, fc1, fc2. For logits the last layer computes one row, so its Q has a
// matmul of its own, and where K and V are the tokens, two products stand for theirs; then layernorm
// and classifier. For features the last layernorm alone. A patch mask costs two small groups.
static uint32_t expected_groups(const Graph *g, uint32_t layers) {
    bool logits = graph_type(g, g->output.data[0].node)->rank == 2;
    uint32_t on_tokens = 0;
    for (NodeId n = 1; n < g->node.n; n++) {
        const Node *node = graph_node(g, n);
        on_tokens += node->op == OP_ATTENTION && node->in[1] == node->in[2];
    }
    return 1 + 7 * layers + (logits ? 3 : 1) + on_tokens + 2 * (g->input.n - 1);
}
static bool check_encoder(const Graph *g, uint32_t layers, Arena *a) {
    uint32_t attentions = count_ops(g, OP_ATTENTION), groups = count_groups(g, a);
    uint32_t want = expected_groups(g, layers);
    bool ok = attentions == layers && groups == want;
    printf("%s %u attentions of %u, %u groups of %u\n", ok ? "ok  " : "FAIL", attentions, layers,
           groups, want);
    if (ok) return true;
    Str text = str_new(a);
    graph_print(g, &text);
    printf("%s\n", str_cstr(&text));
    return false;
}
static bool run(Ctx *c, const char *path, uint32_t layers) {
    FrontendOptions o = {0};
    Graph *g = frontend_load(c, path, &o);
    if (!g) return false;
    Tensor *in = NEW_N(c->arena, Tensor, g->input.n);
    for (uint32_t i = 0; i < g->input.n; i++) {
        in[i].type = *graph_type(g, g->input.data[i]);
        randomize(&in[i], c->arena);
    }
    Tensor *before = evaluate(c, g, in);
    if (!before || !run_passes(c, g)) return false;
    Tensor *after = evaluate(c, g, in);
    bool ok = after != NULL;
    for (uint32_t i = 0; after && i < g->output.n; i++) {
        double d = distance(&before[i], &after[i]);
        printf("%s %s: moved by %.2e\n", d <= 2e-6 ? "ok  " : "FAIL", g->output.data[i].name, d);
        ok &= d <= 2e-6;
    }
    if (!layers) layers = (uint32_t)g->info.layers;
    // with attention maps among the outputs there is no fused attention to find
    return (g->output.n > 1 || check_encoder(g, layers, c->arena)) && ok;
}
int main(int argc, char **argv) {
    if (argc < 2) return fprintf(stderr, "usage: passes_case MODEL [LAYERS]\n"), 2;
    Arena *a = arena_new("case");
    Ctx c = {a, arena_new("scratch"), diag_new(a, print_message, stderr), NULL};
    bool ok = run(&c, argv[1], argc > 2 ? (uint32_t)atoi(argv[2]) : 0);
    arena_free(c.scratch);
    arena_free(a);
    return !ok;
}
