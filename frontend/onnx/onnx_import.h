// onnx_import.h: what the parts of the importer share. A model is read node by node; each operator
// has a row in onnx_ops.def and a reader that decomposes it into graph ops. Shapes are static, and
// whatever follows from shapes and constants is computed while reading, so shape arithmetic leaves
// no nodes.
//
// Floats are computed in f32 whatever the file says: every float node of the graph is f32, f16
// weights are a CAST of their constant, and casts between float types of computed data vanish.
// Value.dt remembers the type of the file, for CastLike and the outputs.
#ifndef FRONTEND_ONNX_IMPORT_H
#define FRONTEND_ONNX_IMPORT_H
#include "frontend/onnx/onnx_body.h"

typedef struct Value {
    NodeId node; // 0: an optional input that is absent
    DType dt;    // in the file
} Value;
typedef struct Ints {
    int64_t *v;
    uint32_t n;
} Ints;
typedef struct OpsetList {
    Onnx__OperatorSetIdProto *const *opset;
    size_t n;
} OpsetList;
typedef struct AttrBinding { // attributes of a function call
    const char *name;
    const AttrMsg *attr; // NULL: not given and no default
} AttrBinding;

// A body that is being read. A function sees its own names only, a branch also those around it.
typedef struct Frame Frame;
struct Frame {
    Body *body;
    Value *value; // by name index of the body
    Frame *outer; // of a branch
    OpsetList opsets;
    const FunctionMsg *function; // NULL: the model's graph or a branch
    const AttrBinding *binding;
    uint32_t nbindings;
    const NodeMsg *caller; // whose outputs this body gives
    uint32_t next;         // position in body->order
};
typedef struct Function {
    const FunctionMsg *message;
    Body *body; // made at the first call
} Function;
typedef struct Import {
    Ctx *c;
    Graph *g;
    OnnxFile *file;
    const FrontendOptions *o;
    Arena *tmp;   // dies with the import
    Loc loc;      // of the node that is read
    Frame *frame; // stack
    uint32_t depth, max_depth;
    Function *function; // of the model, sorted
    uint32_t nfunctions;
    uint64_t work;      // nodes read, bounded: functions can multiply them
    uint64_t fold_work; // elements computed at import, bounded likewise
} Import;

// One node that is read. in[] has room to index any input an operator can have; the required ones
// are there. A reader fills out[].node for the outputs that are wanted (out[0] always), and
// out[].dt where it is not the type of the first float input.
enum { MIN_SLOTS = 16 };
enum { LOOK_BACK = 16 }; // nodes that a pattern is followed through: chains may be endless
typedef struct OpCall {
    const NodeMsg *node;
    Frame *frame;
    const char *type, *domain;
    int64_t opset; // version of the domain
    int arg;       // of the row
    Value *in, *out;
    uint32_t nin, nout;
    bool *wanted; // by output
    bool bad;     // an attribute was refused
    Value room_in[MIN_SLOTS], room_out[MIN_SLOTS];
    bool room_wanted[MIN_SLOTS];
} OpCall;
typedef bool Reader(Import *m, OpCall *op);
typedef struct OpRow {
    const char *domain, *type;
    int64_t since;
    uint32_t min_in, max_in;
    Reader *read; // NULL: control flow, onnx_import.c
    int arg;
} OpRow;
#define ONNX(domain, type, since, lo, hi, reader, arg) Reader read_##reader;
#include "frontend/onnx/onnx_ops.def"
#undef ONNX
const OpRow *op_row(const char *domain, const char *type);
const char *op_refusal(const char *domain,
                       const char *type); // why an operator that is known is not compiled

// ---- onnx_import.c
bool import_graph(Import *m, const GraphMsg *graph, const NameList *given, const Value *bound);
Value import_find(Frame *f, const char *name); // node 0 when undefined
bool fail(Import *m, ErrKind kind, const char *fmt, ...)
    PRINTF_LIKE(3, 4);                              // at m->loc; returns false
Value import_tensor(Import *m, const TensorMsg *t); // a constant; node 0 after a diagnostic

// ---- onnx_attr.c: attributes of a node. One of the wrong type is a diagnostic and sets op->bad.
const AttrMsg *find_attr(const OpCall *op, const char *name); // NULL when absent
int64_t opt_int(Import *m, OpCall *op, const char *name, int64_t otherwise);
double opt_float(Import *m, OpCall *op, const char *name, double otherwise);
const char *opt_text(Import *m, OpCall *op, const char *name, const char *otherwise);
bool opt_ints(Import *m, OpCall *op, const char *name, Ints *out); // false when absent
bool opt_floats(Import *m, OpCall *op, const char *name, const float **v, uint32_t *n);
const TensorMsg *opt_tensor(Import *m, OpCall *op, const char *name);
const GraphMsg *opt_graph(Import *m, OpCall *op, const char *name);

// ---- onnx_emit.c: builds nodes and folds at once. Any operand may be 0 (an error was reported):
// the result is 0 then, so readers compose without looking and check the end.
NodeId t_node(Import *m, GraphOp op, const NodeId *in, uint32_t nin, const Attr *attr,
              uint32_t nattr);
NodeId t_unary(Import *m, GraphOp op, NodeId x);
NodeId t_binary(Import *m, GraphOp op, NodeId x, NodeId y);
NodeId t_where(Import *m, NodeId cond, NodeId yes, NodeId no);
NodeId t_cast(Import *m, NodeId x, DType to);
NodeId t_like(Import *m, NodeId x, double v);   // a scalar of x's type
NodeId t_scale(Import *m, NodeId x, double by); // x itself when by == 1
NodeId t_reshape(Import *m, NodeId x, int rank, const int64_t *dim);
NodeId t_transpose(Import *m, NodeId x, const int64_t *perm);
NodeId t_swap(Import *m, NodeId x, int a, int b); // transposes two axes
NodeId t_expand(Import *m, NodeId x, int rank, const int64_t *dim);
NodeId t_slices(Import *m, NodeId x, const int64_t *starts, const int64_t *sizes,
                const int64_t *steps);
NodeId t_slice(Import *m, NodeId x, int axis, int64_t start, int64_t size);
NodeId t_concat(Import *m, const NodeId *in, uint32_t n, int axis);
NodeId t_gather(Import *m, NodeId x, NodeId index, int axis); // indices in range
NodeId t_reduce(Import *m, GraphOp op, NodeId x, const int64_t *axes, uint32_t n, bool keepdims);
NodeId t_matmul(Import *m, NodeId x, NodeId y, bool trans_b); // numpy's rules, 1-D operands too
NodeId t_softmax(Import *m, NodeId x, int axis);
NodeId t_const(Import *m, DType dt, int rank, const int64_t *dim,
               const void *data); // keeps data (graph's arena)
NodeId t_ints(Import *m, const int64_t *v, uint32_t n);
void *t_alloc(Import *m, uint64_t n, DType dt); // for t_const
const Type *t_type(const Import *m, NodeId n);
bool t_is_const(const Import *m, NodeId n);
bool t_uniform(Import *m, NodeId n, double *v); // one value everywhere, whatever the size
bool t_ints_of(Import *m, Value v, const char *what,
               Ints *out); // a known integer tensor, or a diagnostic
bool t_number_of(Import *m, Value v, const char *what, double *out); // a known scalar
bool t_axis(Import *m, int64_t axis, int rank, int *out);            // negative counts from the end
bool t_axes(Import *m, const Ints *axes, int rank, int64_t *sorted, uint32_t *n); // unique
static inline bool done(OpCall *op, NodeId n) { // the usual end of a reader
    op->out[0].node = n;
    return n != 0;
}
#endif
