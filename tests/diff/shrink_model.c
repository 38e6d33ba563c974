// shrink_model.c: see shrink_model.h. A graph is cut at both ends: a node becomes the only output,
// and nodes become inputs, so that what is left is the part that fails. The rest are sizes of a
// random model, which go towards their least.
#include "tests/diff/shrink_model.h"

typedef struct Shrink {
    Ctx *c;
    ModelRun *r;
    Verdict v;
    uint32_t tried;
} Shrink;

static bool try_graph(Shrink *s, const Graph *g) {
    Str text = str_new(s->c->arena);
    ModelRun r = *s->r;
    graph_print(g, &text);
    r.text = str_cstr(&text);
    r.n = text.n;
    s->tried++;
    if (model_run(&r, true) != s->v) return false;
    s->r->text = r.text;
    s->r->n = r.n;
    return true;
}

// ---- sizes -----------------------------------------------------------------------------------
static bool try_field(Shrink *s, Vit *vit, int field, int64_t value) {
    Vit smaller = *vit;
    *vit_at(&smaller, field) = value;
    Arena *a = arena_new("smaller");
    bool fails = try_graph(s, vit_graph(a, &smaller));
    arena_free(a);
    if (fails) *vit = smaller;
    return fails;
}
static bool shrink_field(Shrink *s, Vit *vit, int field) {
    int64_t least = vit_field[field].least;
    bool any = false;
    for (int64_t step = *vit_at(vit, field) - least; step > 0;) {
        bool ok = try_field(s, vit, field, *vit_at(vit, field) - step);
        any |= ok;
        step = ok ? min_i64(step, *vit_at(vit, field) - least) : step / 2;
    }
    return any;
}
static void shrink_sizes(Shrink *s, Vit *vit) {
    for (bool any = true; any;) {
        any = false;
        for (int f = 0; f < VIT_COUNT; f++) any |= shrink_field(s, vit, f);
    }
}

// ---- the graph -------------------------------------------------------------------------------
static Graph *current(Shrink *s) {
    Graph *g = graph_parse(s->c->arena, s->c->diag, "model", s->r->text, s->r->n);
    if (!g) die("shrink", "the text of a model does not parse");
    return g;
}
// Inputs that nothing reads go, unless it is the last one.
static void drop_inputs(Graph *g) {
    uint32_t *uses = graph_uses(g, g->arena), n = 0;
    for (uint32_t i = 0; i < g->input.n; i++)
        if (uses[g->input.data[i]]) g->input.data[n++] = g->input.data[i];
    if (n) g->input.n = n;
}
static bool try_cut(Shrink *s, Graph *g) {
    graph_compact(g);
    drop_inputs(g);
    graph_compact(g);
    return try_graph(s, g);
}
static bool is_computed(const Graph *g, NodeId n) {
    GraphOp op = graph_node(g, n)->op;
    return op != OP_INPUT && op != OP_CONST;
}
// The first node that fails when it is the only output.
static bool cut_end(Shrink *s) {
    Graph *g = current(s);
    uint32_t n = g->node.n;
    NodeId last = g->output.data[0].node;
    for (NodeId i = 1; i < n; i++) {
        g = current(s);
        if (!is_computed(g, i) || (g->output.n == 1 && i == last)) continue;
        g->output.n = 0;
        graph_output(g, "y", i);
        if (try_cut(s, g)) return true;
    }
    return false;
}
// One output less.
static bool drop_output(Shrink *s, uint32_t at) {
    Graph *g = current(s);
    if (g->output.n < 2 || at >= g->output.n) return false;
    for (uint32_t i = at + 1; i < g->output.n; i++) g->output.data[i - 1] = g->output.data[i];
    g->output.n--;
    return try_cut(s, g);
}
// A node that becomes an input, the latest first.
static bool cut_begin(Shrink *s) {
    Graph *g = current(s);
    for (NodeId i = g->node.n; i-- > 1;) {
        g = current(s);
        if (!is_computed(g, i)) continue;
        const char *name = arena_printf(g->arena, "x%u", i);
        NodeId in = graph_input(g, name, *graph_type(g, i), 0);
        graph_replace(g, i, in);
        if (try_cut(s, g)) return true;
    }
    return false;
}
// A node gives way to its operand where the types allow it.
static bool bypass(Shrink *s) {
    Graph *g = current(s);
    for (NodeId i = g->node.n; i-- > 1;) {
        for (uint32_t j = 0; j < graph_node(g, i)->nin; j++) {
            NodeId by = graph_node(g, i)->in[j];
            if (!type_equal(graph_type(g, i), graph_type(g, by))) continue;
            graph_replace(g, i, by);
            if (try_cut(s, g)) return true;
            g = current(s);
        }
    }
    return false;
}
// Numbers of a constant that fit in a line: all equal.
static bool simplify_const(Shrink *s, NodeId n, double value) {
    Graph *g = current(s);
    if (n >= g->node.n || graph_node(g, n)->op != OP_CONST) return false;
    Type t = *graph_type(g, n);
    double now = 0;
    if (graph_const_scalar(g, n, &now) && (now == value || now == 1)) return false;
    char *data = arena_alloc(g->arena, type_nbytes(&t));
    for (int64_t i = 0; i < type_count(&t); i++) dtype_write_f(t.dt, data, (uint64_t)i, value);
    graph_replace(g, n, graph_const(g, t, data, 0));
    return try_cut(s, g);
}
static void simplify_consts(Shrink *s) {
    uint32_t n = current(s)->node.n;
    for (NodeId i = 1; i < n; i++)
        if (!simplify_const(s, i, 1)) simplify_const(s, i, 0.5);
}
static void shrink_graph(Shrink *s) {
    cut_end(s);
    for (uint32_t at = 0; at < 64;)
        if (!drop_output(s, at)) at++;
    while (cut_begin(s) || bypass(s)) {
    }
    cut_end(s);
    simplify_consts(s);
}

uint32_t shrink_model(Ctx *c, ModelRun *r, const Vit *vit, Verdict v) {
    Shrink s = {c, r, v, 0};
    Vit smaller;
    if (vit) {
        smaller = *vit;
        shrink_sizes(&s, &smaller);
    }
    shrink_graph(&s);
    return s.tried;
}
