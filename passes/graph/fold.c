// fold.c: constant expressions become constants, as far as that is cheap.
//
// A result of at most FOLD_ELEMENTS is computed here and now. A larger one (a transposed or scaled
// weight matrix) stays an expression: it is a recipe, evaluated when the weight image is written,
// so weights are never in memory twice. A constant that only changes its shape, or is a contiguous
// part of another, stays a view of the model file at any size.
#include "passes/graph/match.h"

enum { FOLD_ELEMENTS = 64 << 10 };
static const double FOLD_WORK = 1 << 26; // element operations for one folded node

// What evaluating n alone costs, in element operations.
static double work_of(const Sweep *s, NodeId n) {
    const Node *node = at(s, n);
    double count = (double)type_count(&node->type);
    if (node->op == OP_MATMUL) {
        const Type *a = type_at(s, node->in[0]);
        return count * (double)a->dim[a->rank - 1];
    }
    if (node->op == OP_CONV || node->op == OP_ATTENTION)
        return count * (double)type_count(type_at(s, node->in[1]));
    for (uint32_t i = 0; i < node->nin; i++)
        if (op_is(node->op, REDUCE)) count += (double)type_count(type_at(s, node->in[i]));
    return count;
}
// Adds up the tree below n until it is too much. A node used twice counts twice, as a bound may.
// A GATHER that reads outside its operand is left for whoever reports it.
static bool is_cheap(const Sweep *s, NodeId n, double *budget) {
    const Node *node = at(s, n);
    if (node->op == OP_CONST) return true;
    *budget -= work_of(s, n) + 1;
    if (*budget < 0 || (node->op == OP_GATHER && !gather_in_range(s, n))) return false;
    for (uint32_t i = 0; i < node->nin; i++)
        if (!is_cheap(s, node->in[i], budget)) return false;
    return true;
}
static NodeId evaluate(Sweep *s, NodeId n) {
    Arena *a = arena_new("fold");
    Tensor t = graph_eval_const(s->g, n, a);
    NodeId c = graph_const_copy(s->g, t.type, t.data, at(s, n)->loc);
    arena_free(a);
    return c;
}

// A slice that is one run of its operand's elements: where the run begins, or -1.
static int64_t contiguous_start(const Sweep *s, NodeId n) {
    const Type *t = type_at(s, operand(s, n, 0));
    const int64_t *starts = node_ints(at(s, n), AT_STARTS, NULL),
                  *sizes = node_ints(at(s, n), AT_SIZES, NULL);
    const int64_t *steps = node_ints(at(s, n), AT_STEPS, NULL);
    int64_t offset = 0;
    bool inner_is_whole = true; // all axes behind the current one are taken whole
    int64_t stride = 1;
    for (int i = t->rank - 1; i >= 0; i--) {
        if (sizes[i] > 1 && steps && steps[i] != 1) return -1;
        if (sizes[i] > 1 && !inner_is_whole) return -1;
        inner_is_whole = inner_is_whole && sizes[i] == t->dim[i];
        offset += starts[i] * stride;
        stride *= t->dim[i];
    }
    return offset;
}
static NodeId const_view(Sweep *s, NodeId n, int64_t first) {
    Const c = *graph_const_of(s->g, operand(s, n, 0));
    Type t = *type_at(s, n);
    uint64_t skip = (uint64_t)first * dtype_info[t.dt].nbytes;
    return graph_const_file(s->g, t, (const char *)c.data + skip, c.file, c.offset + skip,
                            at(s, n)->loc);
}

NodeId rule_fold(Sweep *s, NodeId n) {
    if (!is_const(s, n)) return 0;
    const Node *node = at(s, n);
    if (type_count(&node->type) > 0 && (node->op == OP_RESHAPE || node->op == OP_SLICE) &&
        is_op(s, node->in[0], OP_CONST)) {
        int64_t first = node->op == OP_RESHAPE ? 0 : contiguous_start(s, n);
        if (first >= 0) return const_view(s, n, first);
    }
    double budget = FOLD_WORK;
    if (type_count(&node->type) > FOLD_ELEMENTS || !is_cheap(s, n, &budget)) return 0;
    return evaluate(s, n);
}

GRAPH_PASS(fold) {
    static const Rule rules[] = {rule_fold, rule_neutral, NULL};
    return sweep_rules(p, g, "fold", rules);
}
