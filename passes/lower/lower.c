// lower.c: the walk from a fused Graph to a Program. Movement ops become views, constants regions
// of the weight image, every other group one launch (or a few).
#include "passes/lower/lower.h"
#include <assert.h>
#include <string.h>

// ---- what is known of each node --------------------------------------------------------------
static void know_nodes(Lower *l) {
    Graph *g = l->g;
    for (NodeId i = l->node.n; i < g->node.n; i++)
        *PUSH(l->arena, &l->node) = (NodeState){.output = -1};
    for (NodeId i = 0; i < g->node.n; i++) {
        l->node.data[i].nuses = 0;
        l->node.data[i].user = 0;
    }
    for (NodeId i = 1; i < g->node.n; i++) {
        const Node *n = graph_node(g, i);
        for (uint32_t j = 0; j < n->nin; j++) {
            l->node.data[n->in[j]].nuses++;
            l->node.data[n->in[j]].user = i;
        }
    }
}
static void list_groups(Lower *l) {
    NodeId count = l->g->node.n; // fuse numbers the groups without gaps
    l->first = NEW_N(l->arena, NodeId, count);
    for (NodeId i = count; i-- > 1;) {
        uint32_t group = graph_node(l->g, i)->group;
        assert(group < count);
        l->node.data[i].next = l->first[group];
        l->first[group] = i;
    }
}
bool lower_is_const(Lower *l, NodeId n) {
    if (l->g->node.n > l->nmemo) { // the graph grew: constants stay constant
        l->nmemo = l->g->node.n + 64;
        l->const_memo = NEW_N(l->arena, uint8_t, l->nmemo);
    }
    return graph_is_const(l->g, n, l->const_memo);
}

// ---- constants -------------------------------------------------------------------------------
static bool same_region(const Region *a, const Region *b) {
    return a->expr == b->expr && a->pack == b->pack && a->trans == b->trans && a->nr == b->nr;
}
View lower_region(Lower *l, Region r, const Type *t) {
    Program *p = l->prog;
    Type stored = *t;
    stored.dt = region_dtype(l->g, &r); // program_image converts
    for (uint32_t i = 0; i < p->region.n; i++)
        if (same_region(&p->region.data[i], &r)) {
            View v = view_dense(0, &stored);
            for (uint32_t b = 0; b < l->plan.buffer.n; b++)
                if (l->plan.buffer.data[b].kind == PLACE_WEIGHTS &&
                    l->plan.buffer.data[b].index == i)
                    v.buffer = b;
            return v;
        }
    r.offset = p->weight_bytes;
    r.nbytes = region_nbytes(l->g, &r);
    *PUSH(p->arena, &p->region) = r;
    p->weight_bytes = round_up(r.offset + r.nbytes, 64);
    uint32_t b = plan_buffer(&l->plan, PLACE_WEIGHTS, p->region.n - 1, r.nbytes);
    l->plan.buffer.data[b].offset = r.offset;
    return view_dense(b, &stored);
}

static void make_unmade(Lower *l, NodeId id);

// ---- where values lie ------------------------------------------------------------------------
View lower_temp(Lower *l, const Type *t) {
    uint64_t nbytes;
    View v = view_rows(0, t, &nbytes);
    v.buffer = plan_buffer(&l->plan, PLACE_ARENA, 0, nbytes);
    return v;
}
View lower_view(Lower *l, NodeId n) {
    if (l->node.n < l->g->node.n) know_nodes(l);
    if (l->node.data[n].is_unmade) make_unmade(l, n);
    NodeState *s = &l->node.data[n];
    if (s->has_view) return s->view;
    if (!lower_is_const(l, n))
        die("lower", "node %u (%s) is read before it is written", n,
            graph_op[graph_node(l->g, n)->op].text);
    return lower_region(l, (Region){.expr = n, .pack = PACK_PLAIN}, graph_type(l->g, n));
}
static void set_view(Lower *l, NodeId n, View v) {
    l->node.data[n].view = v;
    l->node.data[n].has_view = true;
}
static View part_of_concat(Lower *l, NodeId concat, NodeId part) {
    const Node *n = graph_node(l->g, concat);
    View whole = lower_dest(l, concat);
    int axis = (int)node_int(n, AT_AXIS, 0);
    int64_t starts[MAX_RANK] = {0};
    for (uint32_t i = 0; i < n->nin && n->in[i] != part; i++)
        starts[axis] += graph_type(l->g, n->in[i])->dim[axis];
    return view_slice(&whole, starts, graph_type(l->g, part)->dim, NULL);
}
// A place that the value's only user wants it in: a graph output, or a part of a concatenation.
static bool forced_place(Lower *l, NodeId n, View *out) {
    const NodeState *s = &l->node.data[n];
    if (s->output >= 0) {
        *out = view_dense((uint32_t)s->output + l->g->input.n, graph_type(l->g, n));
        return true;
    }
    if (s->nuses != 1) return false;
    const Node *u = graph_node(l->g, s->user);
    const Type *t = graph_type(l->g, n);
    View v;
    if (u->op == OP_RESHAPE)
        return forced_place(l, s->user, &v) && view_reshape(&v, t->rank, t->dim, out);
    if (u->op == OP_TRANSPOSE && forced_place(l, s->user, &v)) {
        const int64_t *perm = node_ints(u, AT_PERM, NULL);
        int64_t inverse[MAX_RANK];
        for (int i = 0; i < t->rank; i++) inverse[perm[i]] = i;
        *out = view_transpose(&v, inverse);
        return true;
    }
    if (u->op != OP_CONCAT) return false;
    *out = part_of_concat(l, s->user, n);
    return true;
}
// A fresh place. A value that is only read reshaped gets the rows of that shape, so that the
// reshape is a view (heads side by side after attention are one row of the next matrix product).
static View fresh_place(Lower *l, NodeId n) {
    const NodeState *s = &l->node.data[n];
    const Type *t = graph_type(l->g, n);
    View v;
    if (s->nuses == 1 && graph_node(l->g, s->user)->op == OP_RESHAPE) {
        View wide = fresh_place(l, s->user);
        if (view_reshape(&wide, t->rank, t->dim, &v)) return v;
    }
    return lower_temp(l, t);
}
View lower_dest(Lower *l, NodeId n) {
    NodeState *s = &l->node.data[n];
    if (s->has_view) return s->view;
    View v;
    bool is_placed = forced_place(l, n, &v);
    if (!is_placed) v = fresh_place(l, n);
    set_view(l, n, v);
    l->node.data[n].is_placed = is_placed;
    return v;
}
View lower_f32_view(Lower *l, NodeId n) {
    View v = lower_view(l, n);
    if (v.dt == DT_F32) return v;
    Type t = type_of(DT_F32, v.rank, v.dim);
    View wide = lower_temp(l, &t);
    lower_copy(l, &v, &wide, "widen");
    return wide;
}
View lower_contiguous_rows(Lower *l, const View *v) {
    if (v->rank == 0 || v->dim[v->rank - 1] == 1 ||
        v->stride[v->rank - 1] == (int64_t)dtype_info[v->dt].nbytes)
        return *v;
    Type t = type_of(v->dt, v->rank, v->dim);
    View copy = lower_temp(l, &t);
    lower_copy(l, v, &copy, "transpose");
    return copy;
}

// ---- movement --------------------------------------------------------------------------------
static bool same_place(const View *a, const View *b) {
    if (a->buffer != b->buffer || a->offset != b->offset || a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != 1 && a->stride[i] != b->stride[i]) return false;
    return true;
}
static bool lower_concat(Lower *l, NodeId id) {
    lower_dest(l, id);
    for (uint32_t i = 0; i < graph_node(l->g, id)->nin; i++) {
        NodeId part = graph_node(l->g, id)->in[i];
        // the same operand twice has two parts, so its place is found by position
        int axis = (int)node_int(graph_node(l->g, id), AT_AXIS, 0);
        int64_t starts[MAX_RANK] = {0};
        for (uint32_t j = 0; j < i; j++)
            starts[axis] += graph_type(l->g, graph_node(l->g, id)->in[j])->dim[axis];
        View whole = lower_dest(l, id),
             dst = view_slice(&whole, starts, graph_type(l->g, part)->dim, NULL);
        if (!type_count(graph_type(l->g, part))) continue;
        View src = lower_view(l, part);
        if (!same_place(&src, &dst)) lower_copy(l, &src, &dst, "concat");
    }
    return true;
}
static bool lower_pad(Lower *l, NodeId id) {
    const Node *n = graph_node(l->g, id);
    uint32_t count;
    const int64_t *pads = node_ints(n, AT_PADS, &count);
    View src = lower_view(l, n->in[0]), dst = lower_dest(l, id);
    int rank = n->type.rank;
    NodeId value = graph_scalar(l->g, n->type.dt, node_float(n, AT_VALUE, 0), n->loc);
    View fill = lower_view(l, value);
    fill = view_broadcast(&fill, rank, graph_node(l->g, id)->type.dim);
    lower_copy(l, &fill, &dst, "fill");
    int64_t from[MAX_RANK], to[MAX_RANK], size[MAX_RANK];
    for (int i = 0; i < rank; i++) { // negative pads cut
        from[i] = max_i64(0, -pads[i]);
        to[i] = max_i64(0, pads[i]);
        size[i] = src.dim[i] - from[i] - max_i64(0, -pads[rank + i]);
        if (size[i] <= 0) return true;
    }
    src = view_slice(&src, from, size, NULL);
    dst = view_slice(&dst, to, size, NULL);
    lower_copy(l, &src, &dst, "pad");
    return true;
}
static void reshape_by_copy(Lower *l, NodeId id) {
    View src = lower_view(l, graph_node(l->g, id)->in[0]), dst = lower_dest(l, id), back;
    if (!view_reshape(&dst, src.rank, src.dim, &back)) { // the place wanted has gaps: copy twice
        Type t = *graph_type(l->g, graph_node(l->g, id)->in[0]);
        back = view_dense(plan_buffer(&l->plan, PLACE_ARENA, 0, type_nbytes(&t)), &t);
        lower_copy(l, &src, &back, "reshape");
        View dense = view_dense(back.buffer, &graph_node(l->g, id)->type);
        lower_copy(l, &dense, &dst, "reshape");
    } else {
        lower_copy(l, &src, &back, "reshape");
    }
}
static void make_unmade(Lower *l, NodeId id) {
    l->node.data[id].is_unmade = false;
    if (graph_node(l->g, id)->op == OP_RESHAPE) {
        reshape_by_copy(l, id);
        return;
    }
    View half = lower_view(l, graph_node(l->g, id)->in[0]), wide = lower_dest(l, id);
    lower_copy(l, &half, &wide, "widen");
}
static bool lower_reshape(Lower *l, NodeId id) {
    const Node *n = graph_node(l->g, id);
    NodeState *s = &l->node.data[id];
    View src = lower_view(l, n->in[0]), v;
    if (view_reshape(&src, n->type.rank, n->type.dim, &v)) {
        v.dt = src.dt;
        set_view(l, id, v);
        return true;
    }
    s->is_unmade = s->output < 0 && s->nuses == 1 && graph_node(l->g, s->user)->op == OP_MATMUL &&
                   graph_node(l->g, s->user)->in[0] == id;
    if (!s->is_unmade) reshape_by_copy(l, id);
    return true;
}
bool lower_unmade(Lower *l, NodeId n, View *src) {
    if (!l->node.data[n].is_unmade) return false;
    *src = lower_view(l, graph_node(l->g, n)->in[0]);
    return true;
}
static bool lower_movement(Lower *l, NodeId id) {
    const Node *n = graph_node(l->g, id);
    if (n->op == OP_CONCAT) return lower_concat(l, id);
    if (n->op == OP_PAD) return lower_pad(l, id);
    if (n->op == OP_RESHAPE) return lower_reshape(l, id);
    View v = lower_view(l, n->in[0]);
    switch (n->op) {
    case OP_TRANSPOSE: v = view_transpose(&v, node_ints(n, AT_PERM, NULL)); break;
    case OP_SLICE:
        v = view_slice(&v, node_ints(n, AT_STARTS, NULL), node_ints(n, AT_SIZES, NULL),
                       node_ints(n, AT_STEPS, NULL));
        break;
    case OP_EXPAND: v = view_broadcast(&v, n->type.rank, n->type.dim); break;
    default: die("lower", "%s is no movement", graph_op[n->op].text);
    }
    set_view(l, id, v);
    return true;
}

// ---- the walk --------------------------------------------------------------------------------
// The op that gives a group its kernel: its only node that is not elementwise, or none.
static NodeId find_anchor(const Lower *l, uint32_t group) {
    NodeId anchor = 0;
    for (NodeId i = l->first[group]; i; i = l->node.data[i].next) {
        if (op_is(graph_node(l->g, i)->op, ELEM)) continue;
        if (anchor) die("lower", "group %u has two anchors, nodes %u and %u", group, anchor, i);
        anchor = i;
    }
    return anchor;
}
// A group that only widens a half.
static bool is_widening(const Lower *l, NodeId id) {
    const Node *n = graph_node(l->g, id);
    const NodeState *s = &l->node.data[id];
    return !s->next && s->output < 0 && n->op == OP_CAST && n->type.dt == DT_F32 &&
           dtype_is_half(graph_type(l->g, n->in[0])->dt);
}
static bool lower_group(Lower *l, uint32_t group) {
    if (is_widening(l, l->first[group])) {
        l->node.data[l->first[group]].is_unmade = true;
        return true;
    }
    NodeId anchor = find_anchor(l, group);
    GraphOp op = anchor ? graph_node(l->g, anchor)->op : OP_NONE;
    if (anchor && op != OP_GATHER && op_is(op, VIEW | MOVE)) return lower_movement(l, anchor);
    Fused f;
    if (!fused_collect(l, group, anchor, &f)) return false;
    switch (op) {
    case OP_NONE: return lower_elementwise(l, &f);
    case OP_MATMUL: return lower_matmul(l, &f);
    case OP_ATTENTION: return lower_attention(l, &f);
    case OP_LAYERNORM: return lower_layernorm(l, &f);
    case OP_SOFTMAX: return lower_softmax(l, &f);
    case OP_CONV: return lower_conv(l, &f);
    case OP_GATHER: return lower_gather(l, &f);
    default:
        if (op_is(op, REDUCE)) return lower_reduce(l, &f);
        die("lower", "no lowering for %s", graph_op[op].text);
    }
}
static void place_borders(Lower *l) {
    Graph *g = l->g;
    for (uint32_t i = 0; i < g->input.n; i++) {
        NodeId n = g->input.data[i];
        const Type *t = graph_type(g, n);
        set_view(l, n, view_dense(plan_buffer(&l->plan, PLACE_INPUT, i, type_nbytes(t)), t));
        *PUSH(l->prog->arena, &l->prog->input) = (ProgramTensor){graph_node(g, n)->name, *t};
    }
    for (uint32_t i = 0; i < g->output.n; i++) {
        const GraphOutput *o = &g->output.data[i];
        const Type *t = graph_type(g, o->node);
        plan_buffer(&l->plan, PLACE_OUTPUT, i, type_nbytes(t));
        *PUSH(l->prog->arena, &l->prog->output) = (ProgramTensor){o->name, *t};
        NodeState *s = &l->node.data[o->node];
        if (s->output < 0 && graph_node(g, o->node)->group) s->output = (int32_t)i;
    }
}
static bool walk_groups(Lower *l) {
    NodeId count = l->g->node.n;
    for (NodeId i = 1; i < count; i++) { // a group runs where its last node stands
        uint32_t group = graph_node(l->g, i)->group;
        if (group && !l->node.data[i].next && !lower_group(l, group)) return false;
    }
    return true;
}
static void copy_outputs(Lower *l) {
    for (uint32_t i = 0; i < l->g->output.n; i++) {
        NodeId n = l->g->output.data[i].node;
        View want = view_dense(l->g->input.n + i, graph_type(l->g, n)), have = lower_view(l, n);
        if (!same_place(&want, &have)) lower_copy(l, &have, &want, "output");
    }
}
static void resolve_places(Lower *l) {
    Program *p = l->prog;
    p->arena_bytes = plan_arena(&l->plan);
    for (uint32_t i = 0; i < p->launch.n; i++)
        for (uint32_t j = 0; j < p->launch.data[i].nargs; j++) {
            const Buffer *b = &l->plan.buffer.data[l->launch_buffer[i * MAX_ARGS + j]];
            Place *at = &p->launch.data[i].arg[j];
            at->kind = b->kind;
            at->index = b->kind == PLACE_INPUT || b->kind == PLACE_OUTPUT ? b->index : 0;
            at->offset += b->offset;
        }
}
// Constants without elements may be operands: what is made of them has some.
static bool refuse_empty(Lower *l) {
    const Graph *g = l->g;
    NodeId empty = 0;
    for (NodeId i = 1; i < g->node.n && !empty; i++)
        if (type_count(graph_type(g, i)) == 0 && !lower_is_const(l, i)) empty = i;
    for (uint32_t i = 0; i < g->output.n && !empty; i++)
        if (type_count(graph_type(g, g->output.data[i].node)) == 0) empty = g->output.data[i].node;
    return !empty || diag_error(l->c->diag, ERR_UNSUPPORTED, graph_node(g, empty)->loc,
                                "an empty tensor, %s, cannot be compiled",
                                type_text(l->arena, graph_type(g, empty)));
}
Program *lower_program(PassCtx *pc, Graph *g, const Target *t) {
    Lower l = {.c = pc->c, .opt = pc->opt, .arena = pc->c->scratch, .g = g, .target = t};
    l.prog = program_new(pc->c->arena, l.target, g);
    l.prog->max_slices = pc->opt->max_slices ? pc->opt->max_slices : 64;
    l.plan.arena = l.arena;
    know_nodes(&l);
    list_groups(&l);
    place_borders(&l);
    if (!refuse_empty(&l) || !walk_groups(&l)) return NULL;
    copy_outputs(&l);
    resolve_places(&l);
    return l.prog;
}
