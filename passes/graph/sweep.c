// sweep.c: applies rules to a graph until none applies (the idea is in match.h).
#include "passes/graph/match.h"

// A graph that needs more is left as it is: correct, only not as simple as it could be. A ViT needs
// twenty sweeps over a thousand nodes; the bounds keep absurd graphs from taking minutes.
enum { MAX_SWEEPS = 64, MAX_VISITS = 4 << 20 };

static void count_uses(Sweep *s) {
    const Graph *g = s->g;
    s->nuse = graph_uses(g, s->arena);
    s->user_at = NEW_N(s->arena, uint32_t, s->nold + 2);
    for (NodeId n = 1; n < s->nold; n++) {
        const Node *node = graph_node(g, n);
        for (uint32_t i = 0; i < node->nin; i++) s->user_at[node->in[i] + 2]++;
    }
    for (NodeId n = 1; n <= s->nold; n++) s->user_at[n + 1] += s->user_at[n];
    s->user = NEW_N(s->arena, uint32_t, s->user_at[s->nold + 1]);
    for (NodeId n = 1; n < s->nold; n++) { // user_at[n + 1] runs from n's begin to its end
        const Node *node = graph_node(g, n);
        for (uint32_t i = 0; i < node->nin; i++) s->user[s->user_at[node->in[i] + 1]++] = n;
    }
}

// Follows replacements of replacements.
static NodeId resolve(const NodeId *map, uint32_t nmap, NodeId n) {
    while (n < nmap && map[n]) n = map[n];
    return n;
}
static void redirect(Graph *g, const NodeId *map, uint32_t nmap, NodeId n) {
    Node *node = graph_node(g, n);
    for (uint32_t i = 0; i < node->nin; i++) node->in[i] = resolve(map, nmap, node->in[i]);
}

static bool has_place(const Sweep *s, NodeId n) {
    for (uint32_t i = 0; i < s->placed.n; i++)
        if (s->placed.data[i] == n) return true;
    return false;
}
// What a rule built carries the place, unless it has one of its own, and, for the result, the name
// of what it replaces.
static void adopt(Sweep *s, NodeId old, NodeId by, uint32_t first_new) {
    Graph *g = s->g;
    while (s->origin.n < g->node.n) *PUSH(s->arena, &s->origin) = 0;
    for (uint32_t i = first_new; i < g->node.n; i++)
        if (!has_place(s, i)) graph_node(g, i)->loc = graph_node(g, old)->loc;
    s->placed.n = 0;
    if (by < first_new) return;
    s->origin.data[by] = old;
    if (!graph_node(g, by)->name) graph_node(g, by)->name = graph_node(g, old)->name;
}

static NodeId apply(Sweep *s, const char *who, const Rule *rules, NodeId n) {
    for (uint32_t i = 0; rules[i]; i++) {
        uint32_t before = s->g->node.n;
        NodeId by = rules[i](s, n);
        if (!by || by == n) continue;
        if (!type_equal(type_at(s, n), type_at(s, by)))
            die(who, "rule %u makes %s of %s %s", i, type_text(s->arena, type_at(s, by)),
                graph_op[at(s, n)->op].text, type_text(s->arena, type_at(s, n)));
        adopt(s, n, by, before);
        return by;
    }
    return 0;
}

static bool sweep_once(Sweep *s, const char *who, const Rule *rules) {
    Graph *g = s->g;
    NodeId *map = NEW_N(s->arena, NodeId, s->nold);
    bool changed = false;
    for (NodeId n = 1; n < s->nold; n++) {
        redirect(g, map, s->nold, n);
        if (graph_node(g, n)->op == OP_INPUT || graph_node(g, n)->op == OP_CONST) continue;
        map[n] = apply(s, who, rules, n);
        changed |= map[n] != 0;
    }
    if (!changed) return false;
    for (NodeId n = 1; n < g->node.n; n++) redirect(g, map, s->nold, n);
    for (uint32_t i = 0; i < g->output.n; i++)
        g->output.data[i].node = resolve(map, s->nold, g->output.data[i].node);
    return true;
}

bool sweep_rules(PassCtx *p, Graph *g, const char *who, const Rule *rules) {
    Arena *a = arena_new(who);
    graph_compact(g);
    bool changed = false;
    uint32_t visits = 0;
    for (int i = 0; i < MAX_SWEEPS && visits < MAX_VISITS; i++) {
        Sweep s = {.p = p, .g = g, .arena = a, .nold = g->node.n};
        count_uses(&s);
        while (s.origin.n < s.nold) *PUSH(a, &s.origin) = 0;
        (void)is_const(&s, 0); // of all nodes, while operands still come before their users
        visits += s.nold;
        bool again = sweep_once(&s, who, rules);
        changed |= again;
        graph_compact(g); // also drops what rules built and did not use
        if (!again) break;
        arena_reset(a);
    }
    arena_free(a);
    return changed;
}
