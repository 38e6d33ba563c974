// graph.c: building, reading and changing a Graph. A node is checked by inference when it is added,
// so that a Graph is well typed at every moment; passes only add nodes and redirect operands, and
// graph_compact then puts the array in order.
#include "ir/graph.h"
#include <assert.h>
#include <string.h>

const GraphOpInfo graph_op[OP_COUNT] = {
#define G(op, text, lo, hi, traits, ulp) [OP_##op] = {text, lo, hi, traits, ulp},
#include "ir/graph_ops.def"
#undef G
};
const AttrInfo graph_attr[AT_COUNT] = {
#define ATTR(key, text, kind) [AT_##key] = {text, ATTR_##kind},
#include "ir/attr.def"
#undef ATTR
};

// ---- building --------------------------------------------------------------------------------
Graph *graph_new(Arena *a) {
    Graph *g = NEW(a, Graph);
    g->arena = a;
    *PUSH(a, &g->node) = (Node){0};
    *PUSH(a, &g->konst) = (Const){0};
    return g;
}
static NodeId push_node(Graph *g, Node n) {
    *PUSH(g->arena, &g->node) = n;
    return g->node.n - 1;
}
NodeId graph_input(Graph *g, const char *name, Type t, Loc loc) {
    name = arena_strdup(g->arena, name);
    NodeId n = push_node(g, (Node){.op = OP_INPUT, .type = t, .loc = loc, .name = name});
    *PUSH(g->arena, &g->input) = n;
    return n;
}
static NodeId push_const(Graph *g, Type t, Const c, Loc loc) {
    c.nbytes = type_nbytes(&t);
    *PUSH(g->arena, &g->konst) = c;
    return push_node(g, (Node){.op = OP_CONST, .type = t, .loc = loc, .konst = g->konst.n - 1});
}
NodeId graph_const(Graph *g, Type t, const void *data, Loc loc) {
    return push_const(g, t, (Const){.data = data}, loc);
}
NodeId graph_const_file(Graph *g, Type t, const void *data, const char *file, uint64_t offset,
                        Loc loc) {
    return push_const(g, t, (Const){.data = data, .file = file, .offset = offset}, loc);
}
NodeId graph_const_copy(Graph *g, Type t, const void *data, Loc loc) {
    return graph_const(g, t, arena_copy(g->arena, data, type_nbytes(&t)), loc);
}
NodeId graph_scalar(Graph *g, DType dt, double v, Loc loc) {
    void *data = arena_alloc(g->arena, dtype_info[dt].nbytes);
    dtype_write_f(dt, data, 0, v);
    return graph_const(g, type_of(dt, 0, NULL), data, loc);
}
NodeId graph_ints(Graph *g, const int64_t *v, int n, Loc loc) {
    int64_t count = n;
    return graph_const_copy(g, type_of(DT_I64, 1, &count), v, loc);
}
void graph_output(Graph *g, const char *name, NodeId n) {
    *PUSH(g->arena, &g->output) = (GraphOutput){arena_strdup(g->arena, name), n};
}

static NodeId push_typed(Graph *g, GraphOp op, Type t, const NodeId *in, uint32_t nin,
                         const Attr *attr, uint32_t nattr, Loc loc) {
    Node n = {.op = op, .type = t, .loc = loc, .nin = nin, .nattr = nattr};
    if (nin) n.in = arena_copy(g->arena, in, nin * sizeof *in);
    if (nattr) n.attr = arena_copy(g->arena, attr, nattr * sizeof *attr);
    return push_node(g, n);
}
NodeId graph_add(Graph *g, GraphOp op, const NodeId *in, uint32_t nin, const Attr *attr,
                 uint32_t nattr, Loc loc) {
    Type t;
    const char *why;
    if (!graph_infer(g, op, in, nin, attr, nattr, &t, &why, g->arena))
        die("graph_add", "%s: %s", graph_op[op].text, why);
    return push_typed(g, op, t, in, nin, attr, nattr, loc);
}
NodeId graph_try(Graph *g, Diag *d, GraphOp op, const NodeId *in, uint32_t nin, const Attr *attr,
                 uint32_t nattr, Loc loc) {
    Type t;
    const char *why;
    if (g->node.n > limit(LIM_NODES))
        return diag_error(d, ERR_LIMIT, loc, "more than %llu nodes",
                          (unsigned long long)limit(LIM_NODES));
    if (!graph_infer(g, op, in, nin, attr, nattr, &t, &why, g->arena))
        return diag_error(d, ERR_MODEL, loc, "%s: %s", graph_op[op].text, why);
    return push_typed(g, op, t, in, nin, attr, nattr, loc);
}

// ---- shorthands ------------------------------------------------------------------------------
static NodeId add_like(Graph *g, GraphOp op, const NodeId *in, uint32_t nin, const Attr *attr,
                       uint32_t nattr) {
    return graph_add(g, op, in, nin, attr, nattr, graph_node(g, in[0])->loc);
}
NodeId g_unary(Graph *g, GraphOp op, NodeId x) { return add_like(g, op, &x, 1, NULL, 0); }
NodeId g_binary(Graph *g, GraphOp op, NodeId x, NodeId y) {
    NodeId in[] = {x, y};
    return add_like(g, op, in, 2, NULL, 0);
}
NodeId g_cast(Graph *g, NodeId x, DType to) {
    Attr a = attr_int(AT_TO, to);
    return add_like(g, OP_CAST, &x, 1, &a, 1);
}
NodeId g_reshape(Graph *g, NodeId x, int rank, const int64_t *dim) {
    Attr a = attr_ints(g, AT_SHAPE, dim, (uint32_t)rank);
    return add_like(g, OP_RESHAPE, &x, 1, &a, 1);
}
NodeId g_transpose(Graph *g, NodeId x, const int64_t *perm) {
    Attr a = attr_ints(g, AT_PERM, perm, (uint32_t)graph_type(g, x)->rank);
    return add_like(g, OP_TRANSPOSE, &x, 1, &a, 1);
}
NodeId g_slice(Graph *g, NodeId x, int axis, int64_t start, int64_t size) {
    Type t = *graph_type(g, x);
    int64_t starts[MAX_RANK] = {0};
    assert(axis >= 0 && axis < t.rank);
    starts[axis] = start;
    t.dim[axis] = size;
    Attr a[] = {attr_ints(g, AT_STARTS, starts, (uint32_t)t.rank),
                attr_ints(g, AT_SIZES, t.dim, (uint32_t)t.rank)};
    return add_like(g, OP_SLICE, &x, 1, a, 2);
}
NodeId g_concat(Graph *g, const NodeId *in, uint32_t n, int axis) {
    Attr a = attr_int(AT_AXIS, axis);
    return add_like(g, OP_CONCAT, in, n, &a, 1);
}
NodeId g_expand(Graph *g, NodeId x, int rank, const int64_t *dim) {
    Attr a = attr_ints(g, AT_SHAPE, dim, (uint32_t)rank);
    return add_like(g, OP_EXPAND, &x, 1, &a, 1);
}
NodeId g_reduce(Graph *g, GraphOp op, NodeId x, int axis, bool keepdims) {
    int64_t axes[] = {axis};
    Attr a[] = {op == OP_ARGMAX ? attr_int(AT_AXIS, axis) : attr_ints(g, AT_AXES, axes, 1),
                attr_int(AT_KEEPDIMS, 1)};
    return add_like(g, op, &x, 1, a, keepdims ? 2 : 1);
}
NodeId g_matmul(Graph *g, NodeId x, NodeId w, bool trans_b) {
    NodeId in[] = {x, w};
    Attr a = attr_int(AT_TRANS_B, 1);
    return add_like(g, OP_MATMUL, in, 2, &a, trans_b ? 1 : 0);
}
// A vector of ones for the last axis of x: the gain of a layernorm that has only a bias.
static NodeId ones_like_last(Graph *g, NodeId x) {
    const Type *t = graph_type(g, x);
    NodeId one = graph_scalar(g, t->dt, 1, graph_node(g, x)->loc);
    return g_expand(g, one, 1, &t->dim[t->rank - 1]);
}
NodeId g_layernorm(Graph *g, NodeId x, NodeId gain, NodeId bias, double eps) {
    if (bias && !gain) gain = ones_like_last(g, x);
    NodeId in[] = {x, gain, bias};
    Attr a = attr_float(AT_EPS, eps);
    return add_like(g, OP_LAYERNORM, in, bias ? 3 : gain ? 2 : 1, &a, 1);
}
NodeId g_attention(Graph *g, NodeId q, NodeId k, NodeId v, double scale) {
    NodeId in[] = {q, k, v};
    Attr a = attr_float(AT_SCALE, scale);
    return add_like(g, OP_ATTENTION, in, 3, &a, 1);
}
Attr attr_int(AttrKey k, int64_t v) { return (Attr){.key = k, .i = v}; }
Attr attr_float(AttrKey k, double v) { return (Attr){.key = k, .f = v}; }
Attr attr_ints(Graph *g, AttrKey k, const int64_t *v, uint32_t n) {
    return (Attr){.key = k, .n = n, .ints = arena_copy(g->arena, v, n * sizeof *v)};
}

// ---- reading ---------------------------------------------------------------------------------
const Attr *attr_find(const Attr *attr, uint32_t n, AttrKey k) {
    for (uint32_t i = 0; i < n; i++)
        if (attr[i].key == k) return &attr[i];
    return NULL;
}
const Attr *node_attr(const Node *n, AttrKey k) { return attr_find(n->attr, n->nattr, k); }
int64_t node_int(const Node *n, AttrKey k, int64_t otherwise) {
    const Attr *a = node_attr(n, k);
    return a ? a->i : otherwise;
}
double node_float(const Node *n, AttrKey k, double otherwise) {
    const Attr *a = node_attr(n, k);
    return a ? a->f : otherwise;
}
const int64_t *node_ints(const Node *n, AttrKey k, uint32_t *count) {
    const Attr *a = node_attr(n, k);
    if (count) *count = a ? a->n : 0;
    return a ? a->ints : NULL;
}
void node_set_attr(Graph *g, NodeId id, Attr a) {
    Node *n = graph_node(g, id);
    Attr *attr = NEW_N(g->arena, Attr, n->nattr + 1);
    uint32_t at = n->nattr;
    for (uint32_t i = 0; i < n->nattr; i++) {
        attr[i] = n->attr[i];
        if (attr[i].key == a.key) at = i;
    }
    attr[at] = a;
    n->attr = attr;
    if (at == n->nattr) n->nattr++;
}
const Const *graph_const_of(const Graph *g, NodeId n) {
    const Node *node = graph_node(g, n);
    return node->op == OP_CONST ? &g->konst.data[node->konst] : NULL;
}
bool graph_const_scalar(const Graph *g, NodeId n, double *v) {
    const Const *c = graph_const_of(g, n);
    const Type *t = graph_type(g, n);
    int64_t count = type_count(t);
    if (!c || count < 1 || count > 4096) return false;
    *v = dtype_read_f(t->dt, c->data, 0);
    uint32_t nbytes = dtype_info[t->dt].nbytes;
    for (int64_t i = 1; i < count; i++)
        if (memcmp(c->data, (const char *)c->data + i * nbytes, nbytes)) return false;
    return true;
}
uint32_t *graph_uses(const Graph *g, Arena *a) {
    uint32_t *uses = NEW_N(a, uint32_t, g->node.n);
    for (NodeId n = 1; n < g->node.n; n++)
        for (uint32_t i = 0; i < g->node.data[n].nin; i++) uses[g->node.data[n].in[i]]++;
    for (uint32_t i = 0; i < g->output.n; i++) uses[g->output.data[i].node]++;
    return uses;
}
static double multiply_adds(const Graph *g, const Node *n) {
    if (!op_is(n->op, CONTRACT)) return 0;
    const Type *a = graph_type(g, n->in[0]), *b = graph_type(g, n->in[1]);
    double results = (double)type_count(&n->type);
    if (n->op == OP_MATMUL) return results * (double)a->dim[a->rank - 1];
    if (n->op == OP_CONV) return results * (double)(type_count(b) / max_i64(b->dim[0], 1));
    // attention: T products of d for the score, and for each result a sum over T
    double scores = (double)(a->dim[0] * a->dim[1] * a->dim[2]) * (double)b->dim[1];
    return scores * (double)(a->dim[3] + n->type.dim[3]);
}
double graph_flops(const Graph *g) {
    double sum = 0;
    for (NodeId n = 1; n < g->node.n; n++) sum += 2 * multiply_adds(g, &g->node.data[n]);
    return sum;
}

// ---- changing --------------------------------------------------------------------------------
void graph_replace(Graph *g, NodeId old, NodeId by) {
    for (NodeId n = 1; n < g->node.n; n++) {
        if (n == by) continue;
        Node *node = &g->node.data[n];
        for (uint32_t i = 0; i < node->nin; i++)
            if (node->in[i] == old) node->in[i] = by;
    }
    for (uint32_t i = 0; i < g->output.n; i++)
        if (g->output.data[i].node == old) g->output.data[i].node = by;
}

// Depth first without recursion: a node is emitted after its operands.
typedef struct Walk {
    const Graph *g;
    Arena *arena;
    uint32_t *next;            // operand to look at, 1 + index; 0 = not reached; DONE
    VEC(NodeId) stack;
    NodeId *order;
    uint32_t n;
} Walk;
enum { DONE = INT32_MAX };      // more than any number of operands

static void walk_from(Walk *w, NodeId root) {
    if (w->next[root]) return;
    *PUSH(w->arena, &w->stack) = root;
    w->next[root] = 1;
    while (w->stack.n) {
        NodeId at = w->stack.data[w->stack.n - 1];
        const Node *node = &w->g->node.data[at];
        if (w->next[at] > node->nin) {
            w->next[at] = DONE;
            w->order[w->n++] = at;
            w->stack.n--;
            continue;
        }
        NodeId in = node->in[w->next[at]++ - 1];
        if (w->next[in] == DONE) continue;
        if (w->next[in]) die("graph", "a cycle through node %u (%s)", in, graph_op[node->op].text);
        w->next[in] = 1;
        *PUSH(w->arena, &w->stack) = in;
    }
}
static Walk walk_new(const Graph *g, Arena *a) {
    return (Walk){.g = g, .arena = a, .next = NEW_N(a, uint32_t, g->node.n),
                  .order = NEW_N(a, NodeId, g->node.n)};
}
uint32_t graph_order(const Graph *g, const NodeId *root, uint32_t nroots, Arena *a,
                     NodeId **order) {
    Walk w = walk_new(g, a);
    for (uint32_t i = 0; i < nroots; i++) walk_from(&w, root[i]);
    *order = w.order;
    return w.n;
}
// What the outputs need, and the inputs, in the order of their numbers where operands allow it: an
// ordered graph keeps its order.
static Walk walk_live(const Graph *g, Arena *a) {
    Walk live = walk_new(g, a), w = walk_new(g, a);
    for (uint32_t i = 0; i < g->input.n; i++) walk_from(&live, g->input.data[i]);
    for (uint32_t i = 0; i < g->output.n; i++) walk_from(&live, g->output.data[i].node);
    for (NodeId n = 1; n < g->node.n; n++)
        if (live.next[n]) walk_from(&w, n);
    return w;
}
void graph_compact(Graph *g) {
    Arena *a = arena_new("compact");
    Walk w = walk_live(g, a);
    NodeId *renamed = NEW_N(a, NodeId, g->node.n);
    for (uint32_t i = 0; i < w.n; i++) renamed[w.order[i]] = i + 1;
    Node *old = arena_copy(a, g->node.data, g->node.n * sizeof *old);
    g->node.n = 1;
    for (uint32_t i = 0; i < w.n; i++) {
        Node n = old[w.order[i]];
        for (uint32_t k = 0; k < n.nin; k++) n.in[k] = renamed[n.in[k]];
        push_node(g, n);
    }
    for (uint32_t i = 0; i < g->input.n; i++) g->input.data[i] = renamed[g->input.data[i]];
    for (uint32_t i = 0; i < g->output.n; i++)
        g->output.data[i].node = renamed[g->output.data[i].node];
    arena_free(a);
}

enum { IS_UNKNOWN, IS_CONST, IS_VARIABLE };
static uint8_t constness(const Node *n, const uint8_t *memo) {
    if (n->op == OP_INPUT) return IS_VARIABLE;
    uint8_t answer = IS_CONST;
    for (uint32_t i = 0; i < n->nin; i++) {
        if (memo[n->in[i]] == IS_UNKNOWN) return IS_UNKNOWN;
        if (memo[n->in[i]] == IS_VARIABLE) answer = IS_VARIABLE;
    }
    return answer;
}
bool graph_is_const(const Graph *g, NodeId n, uint8_t *memo) {
    if (!memo[n]) memo[n] = constness(graph_node(g, n), memo);
    if (memo[n]) return memo[n] == IS_CONST;
    Arena *a = arena_new("is_const");
    NodeId *order;
    uint32_t count = graph_order(g, &n, 1, a, &order);
    for (uint32_t i = 0; i < count; i++)
        memo[order[i]] = constness(graph_node(g, order[i]), memo);
    arena_free(a);
    return memo[n] == IS_CONST;
}
