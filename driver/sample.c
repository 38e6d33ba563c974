// sample.c: --selftest: an input and what the eager reference makes of it, for the object to hold.
// The reference is slow, so it reports progress; the passes change the graph, so it runs before.
#include "driver/sample.h"
#include "driver/execute.h"

static bool evaluate(Tool *t, const Graph *g, SampleData *s, Arena *work) {
    Tensor *in = NEW_N(work, Tensor, g->input.n), *out = NEW_N(work, Tensor, g->output.n);
    NodeId *want = NEW_N(work, NodeId, g->output.n);
    for (uint32_t i = 0; i < g->input.n; i++)
        in[i] = (Tensor){*graph_type(g, g->input.data[i]), (void *)(uintptr_t)s->in[i]};
    for (uint32_t i = 0; i < g->output.n; i++) want[i] = g->output.data[i].node;
    progress_begin(&t->term, "reference", 0);
    bool ok = graph_eval(g, in, want, g->output.n, out, work, t->c.diag);
    progress_end(&t->term);
    for (uint32_t i = 0; ok && i < g->output.n; i++)
        s->out[i] = arena_copy(t->c.arena, out[i].data, type_nbytes(&out[i].type));
    return ok;
}
bool sample_make(Tool *t, const Graph *g, SampleData *s) {
    uint64_t state = 1; // always the same input: so the same object
    s->in = NEW_N(t->c.arena, const void *, g->input.n);
    s->out = NEW_N(t->c.arena, const void *, g->output.n);
    for (uint32_t i = 0; i < g->input.n; i++) {
        const Type *type = graph_type(g, g->input.data[i]);
        void *data = arena_alloc(t->c.arena, type_nbytes(type));
        random_fill(&state, type, data);
        s->in[i] = data;
    }
    Arena *work = arena_new("self-test");
    bool ok = evaluate(t, g, s, work);
    arena_free(work);
    return ok;
}
