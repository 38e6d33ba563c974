// fuse.c: decides which nodes share one kernel, and numbers the groups in launch order.
//
// A group has one result, which others read, and at most one anchor (a node that is not
// elementwise). Its other nodes are elementwise, have the shape of the result, and are read inside
// the group only; so they can be computed on the anchor's result while it is still in registers.
// Walking from the outputs up, a node joins the group of its users when they all are elementwise
// nodes of one group. Views and moves are groups of their own, and so is everything that does not
// fit. Constant expressions belong to no group. Groups cannot wait for each other in a circle:
// every node of a group leads to its only result, so a circle of groups would be a circle of nodes.
#include "passes/graph/match.h"

// What a kernel can take: arguments of a launch (a result and operands that are no scalars), nodes.
enum { MAX_OPERANDS = MAX_ARGS - 4, MAX_NODES = 48 };
typedef struct Group {
    NodeId result;
    bool has_anchor;
    uint32_t nnodes, noperands;
} Group;
typedef struct Fuse {
    Arena *arena;
    Graph *g;
    bool *is_const;
    bool *read_elsewhere; // not only by products that can take a half
    bool has_products;    // of bf16, at a level that is compiled for
    uint32_t *of;         // group of a node while it is decided: index into group
    uint32_t *want; // the one group that all users seen so far may share a kernel in, or NO_GROUP
    VEC(Group) group;
} Fuse;
enum { UNSEEN = 0 };
#define NO_GROUP UINT32_MAX

static uint32_t operands_of(const Fuse *f, const Node *n) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < n->nin; i++) count += graph_type(f->g, n->in[i])->rank > 0;
    return count;
}
static bool joins(const Fuse *f, NodeId n) {
    uint32_t want = f->want[n];
    if (want == UNSEEN || want == NO_GROUP) return false;
    const Node *node = graph_node(f->g, n);
    const Group *grp = &f->group.data[want];
    if (op_is(node->op, VIEW | MOVE) && node->op != OP_GATHER) return false;
    if (!same_dims(&node->type, graph_type(f->g, grp->result))) return false;
    if (grp->nnodes == MAX_NODES || grp->noperands + operands_of(f, node) > MAX_OPERANDS + 1)
        return false;
    return op_is(node->op, ELEM) || !grp->has_anchor;
}
static void join(Fuse *f, NodeId n, uint32_t to) {
    const Node *node = graph_node(f->g, n);
    Group *grp = &f->group.data[to];
    f->of[n] = to;
    grp->nnodes++;
    grp->noperands += operands_of(f, node);
    if (grp->result != n) grp->noperands--; // n was counted as an operand
    grp->has_anchor |= !op_is(node->op, ELEM);
}
// n widens a bf16 that only matrix products read. They can take it as it is, so it has to lie in
// memory: what rounds to it must not be in one group with this.
static bool is_for_products(const Fuse *f, NodeId n) {
    const Node *node = graph_node(f->g, n);
    return f->has_products && node->op == OP_CAST && node->type.dt == DT_F32 &&
           graph_type(f->g, node->in[0])->dt == DT_BF16 && !f->read_elsewhere[n];
}
// Tells the operands of n which group they may join.
static void invite(Fuse *f, NodeId n) {
    const Node *node = graph_node(f->g, n);
    bool is_open = op_is(node->op, ELEM) && !is_for_products(f, n);
    for (uint32_t i = 0; i < node->nin; i++) {
        uint32_t *want = &f->want[node->in[i]];
        bool may = is_open && (*want == UNSEEN || *want == f->of[n]);
        *want = may ? f->of[n] : NO_GROUP;
        bool multiplies = (node->op == OP_MATMUL && i == 0) || node->op == OP_ATTENTION;
        if (!multiplies) f->read_elsewhere[node->in[i]] = true;
    }
}

static void mark_constants(Fuse *f) {
    for (NodeId n = 1; n < f->g->node.n; n++) {
        const Node *node = graph_node(f->g, n);
        f->is_const[n] = node->op != OP_INPUT;
        for (uint32_t i = 0; i < node->nin; i++) f->is_const[n] &= f->is_const[node->in[i]];
    }
}

GRAPH_PASS(fuse) {
    graph_compact(g);
    Fuse f = {.arena = arena_new("fuse"), .g = g, .has_products = passes_have_products(p->opt)};
    uint32_t n = g->node.n;
    f.is_const = NEW_N(f.arena, bool, n);
    f.read_elsewhere = NEW_N(f.arena, bool, n);
    f.of = NEW_N(f.arena, uint32_t, n);
    f.want = NEW_N(f.arena, uint32_t, n);
    *PUSH(f.arena, &f.group) = (Group){0};
    for (uint32_t i = 0; i < g->output.n; i++) {
        f.want[g->output.data[i].node] = NO_GROUP;
        f.read_elsewhere[g->output.data[i].node] = true;
    }
    mark_constants(&f);
    for (NodeId i = n; i-- > 1;) {
        if (graph_node(g, i)->op == OP_INPUT || f.is_const[i]) continue;
        uint32_t to = f.want[i];
        if (!joins(&f, i)) {
            to = f.group.n;
            *PUSH(f.arena, &f.group) = (Group){.result = i};
        }
        join(&f, i, to);
        invite(&f, i);
    }
    bool changed = false;
    for (NodeId i = 1; i < n; i++) { // the last group found is launched first
        uint32_t number = f.of[i] ? f.group.n - f.of[i] : 0;
        changed |= graph_node(g, i)->group != number;
        graph_node(g, i)->group = number;
    }
    arena_free(f.arena);
    return changed;
}
