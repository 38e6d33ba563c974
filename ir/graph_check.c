// graph_check.c: the verifier of graphs: what every pass may rely on and must leave behind. It runs
// between passes and on parsed text.
#include "ir/graph.h"
#include <stdlib.h>
#include <string.h>

typedef struct Check {
    const Graph *g;
    Diag *d;
    Arena *scratch;
} Check;

static bool check_type(const Check *c, const Node *n) {
    if (n->type.dt > DT_NONE && n->type.dt < DT_COUNT && type_check(n->type.dim, n->type.rank))
        return true;
    return diag_error(c->d, ERR_MODEL, n->loc, "%s: the type is out of range",
                      graph_op[n->op].text);
}
static bool check_const(const Check *c, const Node *n) {
    if (n->konst == 0 || n->konst >= c->g->konst.n)
        return diag_error(c->d, ERR_MODEL, n->loc, "const: no data (constant %u)", n->konst);
    const Const *k = &c->g->konst.data[n->konst];
    if (k->nbytes == type_nbytes(&n->type) && (k->data || !k->nbytes)) return true;
    return diag_error(c->d, ERR_MODEL, n->loc, "const: %llu bytes of data for %s",
                      (unsigned long long)k->nbytes, type_text(c->scratch, &n->type));
}
static bool check_leaf(const Check *c, NodeId id) {
    const Node *n = graph_node(c->g, id);
    if (n->nin || n->nattr)
        return diag_error(c->d, ERR_MODEL, n->loc, "%s: %u operands and %u attributes",
                          graph_op[n->op].text, n->nin, n->nattr);
    if (!check_type(c, n)) return false;
    if (n->op == OP_CONST) return check_const(c, n);
    if (!n->name) return diag_error(c->d, ERR_MODEL, n->loc, "input: no name");
    return true;
}
static bool check_node(const Check *c, NodeId id) {
    const Node *n = graph_node(c->g, id);
    if (n->op <= OP_NONE || n->op >= OP_COUNT)
        return diag_error(c->d, ERR_MODEL, n->loc, "node %u: no such operation (%d)", id,
                          (int)n->op);
    if (n->op == OP_INPUT || n->op == OP_CONST) return check_leaf(c, id);
    for (uint32_t i = 0; i < n->nin; i++)
        if (n->in[i] == 0 || n->in[i] >= id)
            return diag_error(c->d, ERR_MODEL, n->loc,
                              "%s: operand %u of node %u is node %u, which does not come before it",
                              graph_op[n->op].text, i + 1, id, n->in[i]);
    Type t;
    const char *why;
    if (!graph_infer(c->g, n->op, n->in, n->nin, n->attr, n->nattr, &t, &why, c->scratch))
        return diag_error(c->d, ERR_MODEL, n->loc, "%s: %s", graph_op[n->op].text, why);
    if (type_equal(&t, &n->type)) return true;
    return diag_error(c->d, ERR_MODEL, n->loc, "%s: the type is %s, not %s", graph_op[n->op].text,
                      type_text(c->scratch, &t), type_text(c->scratch, &n->type));
}

// ---- public names ----------------------------------------------------------------------------
typedef struct Public {
    const char *name;
    NodeId node;
} Public;
static int compare_names(const void *a, const void *b) {
    const Public *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : (x->node > y->node) - (x->node < y->node);
}
static bool check_unique(const Check *c, Public *p, uint32_t n, const char *what) {
    if (n) qsort(p, n, sizeof *p, compare_names);
    for (uint32_t i = 1; i < n; i++)
        if (!strcmp(p[i - 1].name, p[i].name))
            return diag_error(c->d, ERR_MODEL, graph_node(c->g, p[i].node)->loc,
                              "two %s are named '%s'", what, p[i].name);
    return true;
}
static bool check_inputs(const Check *c) {
    Public *p = NEW_N(c->scratch, Public, c->g->input.n);
    uint32_t count = 0;
    for (NodeId n = 1; n < c->g->node.n; n++) count += graph_node(c->g, n)->op == OP_INPUT;
    if (count != c->g->input.n)
        return diag_error(c->d, ERR_MODEL, 0, "%u input nodes, but %u listed inputs", count,
                          c->g->input.n);
    for (uint32_t i = 0; i < c->g->input.n; i++) {
        NodeId n = c->g->input.data[i];
        if (n == 0 || n >= c->g->node.n || graph_node(c->g, n)->op != OP_INPUT)
            return diag_error(c->d, ERR_MODEL, 0, "input %u is not an input node", i + 1);
        p[i] = (Public){graph_node(c->g, n)->name, n};
    }
    return check_unique(c, p, c->g->input.n, "inputs");
}
static bool check_outputs(const Check *c) {
    Public *p = NEW_N(c->scratch, Public, c->g->output.n);
    for (uint32_t i = 0; i < c->g->output.n; i++) {
        const GraphOutput *o = &c->g->output.data[i];
        if (!o->name || o->node == 0 || o->node >= c->g->node.n)
            return diag_error(c->d, ERR_MODEL, 0, "output %u is node %u, which does not exist",
                              i + 1, o->node);
        p[i] = (Public){o->name, o->node};
    }
    return check_unique(c, p, c->g->output.n, "outputs");
}

bool graph_check(const Graph *g, Diag *d) {
    Check c = {g, d, arena_new("graph_check")};
    bool ok = true;
    for (NodeId n = 1; n < g->node.n && ok; n++) ok = check_node(&c, n);
    ok = ok && check_inputs(&c) && check_outputs(&c);
    arena_free(c.scratch);
    return ok;
}
