// match.h: what every graph pass is written in: rules, applied in sweeps until none applies.
//
// A rule looks at one node and answers with a node of the same value and type, or 0. It only ever
// adds nodes; nothing that exists changes its meaning. So a wrong guess about who else uses a node
// can cost speed, never correctness, and rules need not know each other.
//
// A sweep visits nodes in order, operands first; operands already replaced are seen as their
// replacement, so a change that moves towards the outputs travels the whole graph in one sweep.
#ifndef PASSES_GRAPH_MATCH_H
#define PASSES_GRAPH_MATCH_H
#include "passes/passes.h"

typedef struct Sweep {
    PassCtx *p;
    Graph *g;
    Arena *arena;             // dies with the sweep
    uint32_t nold;            // nodes below are those the sweep began with
    uint32_t *nuse;           // of old nodes; outputs count
    uint32_t *user_at, *user; // old node n is used by user[user_at[n]] .. user[user_at[n + 1] - 1]
    VEC(NodeId) origin;       // of a new node: the old one it stands for, or 0
    VEC(NodeId) placed;       // new nodes that have a place of their own
    VEC(uint8_t) is_const;    // no INPUT below
} Sweep;
typedef NodeId (*Rule)(Sweep *s, NodeId n);

// Applies the rules (a list that ends with NULL; the first that answers wins) until none does, then
// compacts. Returns whether anything changed. `who` is for die().
bool sweep_rules(PassCtx *p, Graph *g, const char *who, const Rule *rules);

// ---- asking (match.c)
static inline const Node *at(const Sweep *s, NodeId n) { return graph_node(s->g, n); }
static inline const Type *type_at(const Sweep *s, NodeId n) { return graph_type(s->g, n); }
static inline bool is_op(const Sweep *s, NodeId n, GraphOp op) {
    return graph_node(s->g, n)->op == op;
}
static inline NodeId operand(const Sweep *s, NodeId n, uint32_t i) {
    return graph_node(s->g, n)->in[i];
}
bool is_const(Sweep *s, NodeId n); // a constant expression
bool is_float(const Sweep *s, NodeId n);
uint32_t nuses(const Sweep *s, NodeId n); // new nodes inherit from the node they replace
// The users, each once per use. Fewer than nuses() when an output reads n; none for most new nodes,
// and none when there are very many.
const uint32_t *users(const Sweep *s, NodeId n, uint32_t *count);
bool same_dims(const Type *a, const Type *b);
bool dims_equal(const Type *t, int rank, const int64_t *dim);
int64_t dims_product(const int64_t *dim, int rank);
int64_t last_dim(const Type *t);                               // 1 for a scalar
bool near_to(const Sweep *s, NodeId n, double v, double want); // tolerance of n's element type
// A constant expression whose elements are all equal: looks through views, EXPAND, CAST and
// arithmetic.
bool scalar_of(Sweep *s, NodeId n, double *v);
// n is op(x, scalar) in either order: the other operand, or 0.
NodeId times_scalar(Sweep *s, NodeId n, GraphOp op, double *v);
// n is op(x, constant expression) in either order: the other operand, or 0.
NodeId with_const(Sweep *s, NodeId n, GraphOp op, NodeId *c);
// Every element of an operand of this type broadcasts along all axes but the last of length k.
bool is_row_vector(const Type *t, int64_t k);
bool is_linear(Sweep *s, NodeId n); // MATMUL with a constant rank-2 right side

// ---- building
NodeId rebuild(Sweep *s, NodeId n, const NodeId *in);     // n on other operands
NodeId placed(Sweep *s, NodeId n, Loc loc);               // n, which is new, comes from there
NodeId rebuild1(Sweep *s, NodeId n, NodeId x);            // operand 0 exchanged
NodeId scalar_like(Sweep *s, NodeId like, double v);      // rank 0, like's element type
NodeId reshape_to(Sweep *s, NodeId x, const Type *shape); // x itself when the dims agree
NodeId reshape_dims(Sweep *s, NodeId x, int rank, const int64_t *dim);
NodeId expand_to(Sweep *s, NodeId x, const Type *shape); // a RESHAPE when nothing is repeated
NodeId swap_last(Sweep *s, NodeId x);                    // transposes the last two axes
NodeId slice_axis(Sweep *s, NodeId x, int axis, int64_t start, int64_t size); // x itself when whole

// ---- cutting (slice_views.c)
typedef struct Cutout { // one SLICE, per axis of its operand
    int rank;
    int64_t start[MAX_RANK], size[MAX_RANK], step[MAX_RANK];
} Cutout;
Cutout cutout_of(const Sweep *s, NodeId slice);
bool is_whole(const Cutout *c, int axis, const Type *operand);
NodeId cut(Sweep *s, NodeId x, const Cutout *c); // x itself when everything is whole
// The same cut of what broadcasts against the tensor: axes of size 1 stay.
NodeId cut_broadcast(Sweep *s, NodeId x, const Cutout *c);

bool gather_in_range(const Sweep *s, NodeId gather); // its indices are a CONST, and all of them fit

// ---- linear layers (linear.c): matmul(x, W) + bias, W a constant expression of rank 2
typedef struct Linear {
    NodeId x, w, bias; // bias: any constant expression that broadcasts, or 0
    bool trans_b;      // w is [N,K]
    Loc loc;           // the layer's
} Linear;
// n is ADD(MATMUL, bias), and nothing else reads the MATMUL; or MATMUL alone.
bool linear_of(Sweep *s, NodeId n, Linear *l);
NodeId linear_build(Sweep *s, const Linear *l);
// W with input k scaled by c[k]; W with output n scaled by c[n], or all of it by a scalar; [N]:
// what a constant input c[K] adds to the output.
NodeId weight_times_inputs(Sweep *s, const Linear *l, NodeId c);
NodeId weight_times_outputs(Sweep *s, const Linear *l, NodeId c);
NodeId weight_dot(Sweep *s, const Linear *l, NodeId c);

// ---- what linear layers read (narrow.c)
bool keeps_f32(const Sweep *s, Loc loc);          // --keep-f32 names this place
bool stays_f32(const Sweep *s, NodeId matmul);    // --keep-f32 names it, or its weight
bool is_narrow(const Sweep *s, NodeId x);         // a half, widened

// ---- rules that keep the canonical forms, shared by all passes from canon on
NodeId rule_fold(Sweep *s, NodeId n);        // fold.c: constant expressions of bounded size
NodeId rule_neutral(Sweep *s, NodeId n);     // neutral.c: x+0, x*1, cast to the same type, …
NodeId rule_views(Sweep *s, NodeId n);       // views.c: chains of RESHAPE and TRANSPOSE
NodeId rule_slice_views(Sweep *s, NodeId n); // slice_views.c: SLICE above views, EXPAND, CONCAT
NodeId rule_sink(Sweep *s, NodeId n);        // sink.c: views below elementwise and row-wise ops
NodeId rule_arith(Sweep *s, NodeId n);       // arith.c: one spelling of elementwise arithmetic
NodeId rule_gelu(Sweep *s, NodeId n);        // recognise_gelu.c
NodeId rule_attention(Sweep *s, NodeId n);   // recognise_attention.c
NodeId rule_few_queries(Sweep *s, NodeId n);       // few_queries.c
NodeId rule_merge_projections(Sweep *s, NodeId n); // merge.c
NodeId rule_split(Sweep *s, NodeId n);             // split.c
NodeId rule_narrow_attention(Sweep *s, NodeId n);  // narrow_attention.c
#define FORM_RULES rule_fold, rule_neutral, rule_views, rule_slice_views, rule_sink, rule_arith

// views.c: a reshape in steps: axes [f, fe) of `from` hold the same elements as axes [t, te) of
// `to`. Start from {0}; false behind the last step. The tensors have no axis of 0.
typedef struct AxisGroup {
    int f, fe, t, te;
} AxisGroup;
bool next_axis_group(const Type *from, const Type *to, AxisGroup *a);
// Constant c broadcasts against a tensor of dims `from`; the tensor is reshaped to `to`
// (or transposed): what broadcasts against the result with the same effect. 0 when c would have to
// grow (be repeated along an axis) and must not. No axis of the tensor is 0.
NodeId const_reshape(Sweep *s, NodeId c, const Type *from, const Type *to, bool may_grow);
NodeId const_transpose(Sweep *s, NodeId c, int rank, const int64_t *perm);
#endif
