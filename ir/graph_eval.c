// graph_eval.c: the eager reference: runs a graph node by node, the operands of each before it.
// This file owns the memory (a value lives until its last user ran, its buffer then serves again);
// the meaning of each op is in graph_eval_*.c.
#include "ir/graph_eval.h"
#include <string.h>

static bool (*const eval_op[OP_COUNT])(Eval *) = {
#define G(op, text, lo, hi, traits, ulp) [OP_##op] = eval_##op,
#include "ir/graph_ops.def"
#undef G
};

// Memory of intermediates. A value that only looks at another's memory shares its buffer.
typedef struct Buffer {
    void *data;
    uint32_t nvalues;        // living values in it
    uint32_t bin;            // of its size
    struct Buffer *next;     // among the unused ones
} Buffer;
enum { BINS = 64 * 8 };
typedef struct Value {
    Tensor tensor;
    Buffer *buffer;          // NULL: the memory is not ours to reuse
    uint32_t nusers;         // still to run
    uint32_t input;          // 1 + index, for INPUT
    bool is_kept;            // outlives the evaluation
} Value;
typedef struct Run {
    const Graph *g;
    const Tensor *inputs;
    Arena *result;           // the caller's
    Arena *own;              // intermediates and tables
    NodeId *order;
    uint32_t n;
    uint32_t *slot;          // of a node: 1 + its place in the order
    Value *value;
    Buffer *unused[BINS];
} Run;

static Value *value_of(const Run *r, NodeId n) { return &r->value[r->slot[n] - 1]; }

// ---- memory ----------------------------------------------------------------------------------
// Sizes fall into bins, at most a quarter apart, so that an unused buffer is found at once.
static uint64_t bin_of(uint64_t nbytes, uint32_t *bin) {
    uint64_t step = 64;
    *bin = 0;
    for (; nbytes > 8 * step; step *= 2) *bin += 8;
    uint64_t nsteps = nbytes > step ? (nbytes + step - 1) / step : 1;
    *bin += (uint32_t)nsteps - 1;
    return nsteps * step;
}
static Buffer *buffer_take(Run *r, uint64_t nbytes) {
    uint32_t bin;
    uint64_t size = bin_of(nbytes, &bin);
    Buffer *b = r->unused[bin];
    if (b) {
        r->unused[bin] = b->next;
        return b;
    }
    b = NEW(r->own, Buffer);
    b->bin = bin;
    b->data = arena_alloc(r->own, size);
    return b;
}
static void *value_memory(Run *r, Value *v) {
    uint64_t nbytes = type_nbytes(&v->tensor.type);
    if (v->is_kept) return arena_alloc(r->result, nbytes);
    v->buffer = buffer_take(r, nbytes);
    v->buffer->nvalues = 1;
    return v->buffer->data;
}
static void value_release(Run *r, Value *v) {
    Buffer *b = v->buffer;
    if (--v->nusers || !b || --b->nvalues) return;
    b->next = r->unused[b->bin];
    r->unused[b->bin] = b;
}

// Leaves and views bring their memory.
static void *input_memory(const Run *r, const Value *v) {
    const Tensor *given = r->inputs ? &r->inputs[v->input - 1] : NULL;
    if (!given || !given->data || !type_equal(&given->type, &v->tensor.type))
        die("graph_eval", "input %u is not given, or of another type", v->input - 1);
    return given->data;
}
static void *const_memory(Run *r, const Node *n, Value *v) {
    const Const *c = &r->g->konst.data[n->konst];
    uintptr_t at = (uintptr_t)c->data, alignment = v->is_kept ? 64 : dtype_info[n->type.dt].nbytes;
    if (at && at % alignment == 0) return (void *)at;      // nobody writes to an operand
    void *copy = value_memory(r, v);
    if (c->nbytes) memcpy(copy, c->data, c->nbytes);
    return copy;
}
static void *view_memory(const Run *r, const Node *n, Value *v) {
    const Value *of = value_of(r, n->in[0]);
    v->buffer = of->buffer;
    if (v->buffer) v->buffer->nvalues++;
    return of->tensor.data;
}
static void *node_memory(Run *r, const Node *n, Value *v) {
    if (n->op == OP_INPUT) return input_memory(r, v);
    if (n->op == OP_CONST) return const_memory(r, n, v);
    if (op_is(n->op, VIEW)) return view_memory(r, n, v);
    return value_memory(r, v);
}
// Nothing to compute: their memory is their value.
bool eval_INPUT(Eval *e) { return e->out.data != NULL; }
bool eval_CONST(Eval *e) { return e->out.data != NULL; }
bool eval_RESHAPE(Eval *e) { return e->out.data != NULL; }

// ---- running ---------------------------------------------------------------------------------
static bool run_node(Run *r, NodeId id, Arena *scratch, Diag *d) {
    const Node *n = graph_node(r->g, id);
    Value *v = value_of(r, id);
    v->tensor.type = n->type;
    v->tensor.data = node_memory(r, n, v);
    Tensor *in = NEW_N(scratch, Tensor, n->nin);
    for (uint32_t i = 0; i < n->nin; i++) in[i] = value_of(r, n->in[i])->tensor;
    Eval e = {n, in, v->tensor, scratch, d};
    bool ok = eval_op[n->op](&e);
    arena_reset(scratch);
    return ok;
}
static Run run_new(const Graph *g, const NodeId *want, uint32_t nwant, Arena *result, Arena *own) {
    Run r = {.g = g, .result = result, .own = own};
    r.n = graph_order(g, want, nwant, own, &r.order);
    r.slot = NEW_N(own, uint32_t, g->node.n);
    r.value = NEW_N(own, Value, r.n);
    for (uint32_t i = 0; i < r.n; i++) {
        const Node *n = graph_node(g, r.order[i]);
        r.slot[r.order[i]] = i + 1;
        for (uint32_t k = 0; k < n->nin; k++) value_of(&r, n->in[k])->nusers++;
    }
    for (uint32_t i = 0; i < g->input.n; i++)
        if (r.slot[g->input.data[i]]) value_of(&r, g->input.data[i])->input = i + 1;
    for (uint32_t i = 0; i < nwant; i++) {
        value_of(&r, want[i])->is_kept = true;
        value_of(&r, want[i])->nusers++;
    }
    for (uint32_t i = r.n; i-- > 0;) {      // a view that is kept keeps what it looks at
        const Node *n = graph_node(g, r.order[i]);
        if (op_is(n->op, VIEW) && r.value[i].is_kept) value_of(&r, n->in[0])->is_kept = true;
    }
    return r;
}
bool graph_eval(const Graph *g, const Tensor *inputs, const NodeId *want, uint32_t nwant,
                Tensor *out, Arena *a, Diag *d) {
    Arena *own = arena_new("eval"), *scratch = arena_new("eval node");
    Run r = run_new(g, want, nwant, a, own);
    r.inputs = inputs;
    bool ok = true;
    for (uint32_t i = 0; ok && i < r.n; i++) {
        const Node *n = graph_node(g, r.order[i]);
        ok = run_node(&r, r.order[i], scratch, d);
        for (uint32_t k = 0; k < n->nin; k++) value_release(&r, value_of(&r, n->in[k]));
    }
    for (uint32_t i = 0; i < nwant; i++) out[i] = ok ? value_of(&r, want[i])->tensor : (Tensor){0};
    arena_free(scratch);
    arena_free(own);
    return ok;
}
Tensor graph_eval_const(const Graph *g, NodeId n, Arena *a) {
    Tensor t;
    graph_eval(g, NULL, &n, 1, &t, a, NULL);
    return t;
}
