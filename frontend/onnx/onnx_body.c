// onnx_body.c: names and order of a list of nodes. Files edited by hand or by tools may hold their
// nodes in any order; a stable depth-first walk (with its own stack) sorts them and finds cycles.
#include "frontend/onnx/onnx_body.h"
#include <stdlib.h>
#include <string.h>

static int by_text(const void *a, const void *b) {
    const BodyName *x = a, *y = b;
    int order = strcmp(x->text, y->text);
    if (order) return order;
    return x->node < y->node ? -1 : x->node > y->node;
}
static const char *node_text(Ctx *c, const Body *b, uint32_t i) { // exporters may leave out names
    const NodeMsg *n = b->node[i];
    return arena_printf(c->arena, "node '%s' (#%u %s)", text_of(n->name), i, text_of(n->op_type));
}
static bool redefined(Ctx *c, Loc at, const Body *b, const BodyName *n) {
    if (n->node == 0)
        return diag_error(c->diag, ERR_MODEL, at, "value '%s' is defined twice", n->text);
    return diag_error(c->diag, ERR_MODEL, at, "value '%s' is defined twice, again by %s", n->text,
                      node_text(c, b, n->node - 1));
}
// An input that is also an initialiser is one name; any other repetition is an error.
static bool collect_names(Ctx *c, Arena *a, Loc at, Body *b, NameList given) {
    size_t n = given.n;
    for (uint32_t i = 0; i < b->nnodes; i++) n += b->node[i]->n_output;
    if (n >= NO_NAME) return diag_error(c->diag, ERR_LIMIT, at, "too many values");
    b->name = NEW_N(a, BodyName, n);
    uint32_t k = 0;
    for (uint32_t i = 0; i < given.n; i++) b->name[k++] = (BodyName){.text = given.text[i]};
    for (uint32_t i = 0; i < b->nnodes; i++) {
        for (size_t j = 0; j < b->node[i]->n_output; j++) {
            const char *text = text_of(b->node[i]->output[j]);
            if (*text) b->name[k++] = (BodyName){.text = text, .node = i + 1};
        }
    }
    qsort(b->name, k, sizeof *b->name, by_text);
    for (uint32_t i = 0; i < k; i++) {
        BodyName *last = b->nnames ? &b->name[b->nnames - 1] : NULL;
        if (!last || strcmp(last->text, b->name[i].text) != 0) {
            b->name[b->nnames++] = b->name[i];
        } else if (b->name[i].node) {
            return redefined(c, at, b, &b->name[i]);
        }
    }
    return true;
}
uint32_t body_find(const Body *b, const char *name) {
    uint32_t lo = 0, hi = b->nnames;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int order = strcmp(b->name[mid].text, name);
        if (order == 0) return mid;
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NO_NAME;
}

// ---- who needs whom --------------------------------------------------------------------------
// The names of this body that a node reads, those that its branches capture included. Nodes i's are
// use[first[i] .. first[i+1]). The nesting of branches is bounded by the pre-scan.
typedef struct Uses {
    Arena *arena;
    const Body *body;
    uint32_t *first;
    VEC(uint32_t) use;
} Uses;

static void add_uses(Uses *u, const NodeMsg *n) {
    for (size_t i = 0; i < n->n_input; i++) {
        const char *text = text_of(n->input[i]);
        uint32_t name = *text ? body_find(u->body, text) : NO_NAME;
        if (name != NO_NAME) *PUSH(u->arena, &u->use) = name;
    }
    for (size_t i = 0; i < n->n_attribute; i++) {
        const GraphMsg *branch = n->attribute[i]->g;
        if (!branch) continue;
        for (size_t j = 0; j < branch->n_node; j++) add_uses(u, branch->node[j]);
        for (size_t j = 0; j < branch->n_output; j++) {
            uint32_t name = body_find(u->body, text_of(branch->output[j]->name));
            if (name != NO_NAME) *PUSH(u->arena, &u->use) = name;
        }
    }
}
static void collect_uses(Uses *u) {
    const Body *b = u->body;
    u->first = NEW_N(u->arena, uint32_t, (size_t)b->nnodes + 1);
    for (uint32_t i = 0; i < b->nnodes; i++) {
        u->first[i] = u->use.n;
        add_uses(u, b->node[i]);
    }
    u->first[b->nnodes] = u->use.n;
}

typedef struct Visit {
    uint32_t node, next; // next use to look at
} Visit;
enum { UNSEEN, OPEN, DONE };
// Appends `root` and, before it, everything it needs.
static bool visit(Ctx *c, Loc at, Body *b, const Uses *u, uint8_t *state, Visit *stack,
                  uint32_t root) {
    uint32_t depth = 0;
    stack[0] = (Visit){root, u->first[root]};
    state[root] = OPEN;
    for (;;) {
        Visit *v = &stack[depth];
        if (v->next == u->first[v->node + 1]) {
            state[v->node] = DONE;
            b->order[b->norder++] = v->node;
            if (depth-- == 0) return true;
            continue;
        }
        uint32_t def = b->name[u->use.data[v->next++]].node;
        if (def == 0 || state[def - 1] == DONE) continue;
        if (state[def - 1] == OPEN) {
            return diag_error(c->diag, ERR_MODEL, at,
                              "%s needs its own result: the graph has a cycle",
                              node_text(c, b, def - 1));
        }
        state[def - 1] = OPEN;
        stack[++depth] = (Visit){def - 1, u->first[def - 1]};
    }
}
static bool sort_nodes(Ctx *c, Arena *a, Loc at, Body *b, const Uses *u) {
    uint8_t *state = NEW_N(a, uint8_t, b->nnodes);
    Visit *stack = NEW_N(a, Visit, b->nnodes);
    b->order = NEW_N(a, uint32_t, b->nnodes);
    for (uint32_t i = 0; i < b->nnodes; i++) {
        if (state[i] == UNSEEN && !visit(c, at, b, u, state, stack, i)) return false;
    }
    return true;
}
// Walks backwards from the outputs: a node is needed when one of its results is.
static void keep_needed(Body *b, const Uses *u) {
    for (uint32_t i = 0; i < b->noutputs; i++) {
        uint32_t name = body_find(b, b->output[i]);
        if (name != NO_NAME) b->name[name].used = true;
    }
    uint32_t kept = b->norder;
    for (uint32_t i = b->norder; i-- > 0;) {
        const NodeMsg *n = b->node[b->order[i]];
        bool needed = false;
        for (size_t j = 0; j < n->n_output && !needed; j++) {
            uint32_t name = body_find(b, text_of(n->output[j]));
            needed = name != NO_NAME && b->name[name].used;
        }
        if (!needed) continue;
        for (uint32_t k = u->first[b->order[i]]; k < u->first[b->order[i] + 1]; k++) {
            b->name[u->use.data[k]].used = true;
        }
        b->order[--kept] = b->order[i];
    }
    b->norder -= kept;
    b->order += kept;
}

Body *body_new(Ctx *c, Arena *a, Loc at, NodeMsg *const *node, size_t nnodes, NameList given,
               NameList output) {
    Body *b = NEW(a, Body);
    b->node = node;
    b->nnodes = (uint32_t)nnodes; // messages are counted by the pre-scan
    b->output = output.text;
    b->noutputs = output.n;
    if (!collect_names(c, a, at, b, given)) return NULL;
    Uses u = {.arena = a, .body = b};
    collect_uses(&u);
    if (!sort_nodes(c, a, at, b, &u)) return NULL;
    keep_needed(b, &u);
    return b;
}
