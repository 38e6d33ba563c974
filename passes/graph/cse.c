// cse.c: nodes that compute the same from the same become one node, constants with the same bytes
// become one constant. Operands come before users, so one walk in order finds everything.
#include "passes/graph/match.h"
#include <string.h>

typedef struct Table {
    Arena *arena;
    const Graph *g;
    NodeId *slot;   // open addressing; 0 = free
    uint64_t *hash; // of each node
    uint64_t mask;
} Table;

static uint64_t mix(uint64_t h, uint64_t v) {
    h = (h ^ v) * 0x9e3779b97f4a7c15u;
    return h ^ (h >> 29);
}
static uint64_t mix_bytes(uint64_t h, const void *p, uint64_t n) {
    const unsigned char *b = p;
    for (uint64_t i = 0; i < n; i++) h = mix(h, b[i]);
    return h;
}
static uint64_t hash_attr(uint64_t h, const Attr *a) {
    h = mix(h, a->key);
    if (graph_attr[a->key].kind == ATTR_INTS) return mix_bytes(h, a->ints, a->n * sizeof *a->ints);
    return mix_bytes(
        h, graph_attr[a->key].kind == ATTR_INT ? (const void *)&a->i : (const void *)&a->f,
        sizeof a->i);
}
enum {
    HASHED_BYTES = 4096
}; // of a constant: weights that begin alike are compared, which ends early
static uint64_t hash_node(const Graph *g, const Node *n) {
    uint64_t h = mix(n->op, n->type.dt);
    h = mix_bytes(h, n->type.dim, (uint64_t)n->type.rank * sizeof n->type.dim[0]);
    for (uint32_t i = 0; i < n->nin; i++) h = mix(h, n->in[i]);
    for (uint32_t i = 0; i < n->nattr; i++) h = hash_attr(h, &n->attr[i]);
    if (n->op != OP_CONST) return h;
    const Const *c = &g->konst.data[n->konst];
    return mix_bytes(h, c->data, c->nbytes < HASHED_BYTES ? c->nbytes : HASHED_BYTES);
}

static bool same_attr(const Attr *a, const Attr *b) {
    if (a->key != b->key) return false;
    switch (graph_attr[a->key].kind) {
    case ATTR_INT: return a->i == b->i;
    case ATTR_FLOAT: return memcmp(&a->f, &b->f, sizeof a->f) == 0;
    case ATTR_INTS:
        return a->n == b->n && (a->n == 0 || memcmp(a->ints, b->ints, a->n * sizeof *a->ints) == 0);
    }
    return false;
}
static bool same_node(const Graph *g, const Node *a, const Node *b) {
    if (a->op != b->op || !type_equal(&a->type, &b->type) || a->nin != b->nin ||
        a->nattr != b->nattr)
        return false;
    for (uint32_t i = 0; i < a->nin; i++)
        if (a->in[i] != b->in[i]) return false;
    for (uint32_t i = 0; i < a->nattr; i++)
        if (!same_attr(&a->attr[i], &b->attr[i])) return false;
    if (a->op != OP_CONST) return true;
    const Const *ca = &g->konst.data[a->konst], *cb = &g->konst.data[b->konst];
    return ca->nbytes == cb->nbytes &&
           (ca->data == cb->data || memcmp(ca->data, cb->data, ca->nbytes) == 0);
}
// The first node like n, which is n itself when there was none.
static NodeId find_or_add(Table *t, NodeId n) {
    const Node *node = graph_node(t->g, n);
    uint64_t h = t->hash[n] = hash_node(t->g, node);
    for (uint64_t i = h & t->mask;; i = (i + 1) & t->mask) {
        NodeId other = t->slot[i];
        if (!other) return t->slot[i] = n;
        if (t->hash[other] == h && same_node(t->g, graph_node(t->g, other), node)) return other;
    }
}
static Table table_new(Arena *a, const Graph *g) {
    uint64_t size = 64;
    while (size < 2 * (uint64_t)g->node.n) size *= 2;
    return (Table){a, g, NEW_N(a, NodeId, size), NEW_N(a, uint64_t, g->node.n), size - 1};
}

GRAPH_PASS(cse) {
    (void)p;
    Arena *a = arena_new("cse");
    graph_compact(g);
    Table t = table_new(a, g);
    NodeId *map = NEW_N(a, NodeId, g->node.n);
    bool changed = false;
    for (NodeId n = 1; n < g->node.n; n++) {
        Node *node = graph_node(g, n);
        for (uint32_t i = 0; i < node->nin; i++) node->in[i] = map[node->in[i]];
        map[n] = node->op == OP_INPUT ? n : find_or_add(&t, n);
        changed |= map[n] != n;
    }
    for (uint32_t i = 0; i < g->output.n; i++) g->output.data[i].node = map[g->output.data[i].node];
    graph_compact(g);
    arena_free(a);
    return changed;
}
