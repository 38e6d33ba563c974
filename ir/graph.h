// graph.h: level one. A Graph is SSA over tensors: an array of nodes, each with one result, so a
// NodeId names both. No loops, no memory, no machine. Text form: .vg (graph_text.c).
#ifndef IR_GRAPH_H
#define IR_GRAPH_H
#include "ir/base.h"
#include "ir/dtype.h"

typedef enum {
    OP_NONE,
#define G(op, text, lo, hi, traits, ulp) OP_##op,
#include "ir/graph_ops.def"
#undef G
    OP_COUNT
} GraphOp;
enum GraphTrait {
    ELEM = 1,
    COMM = 2,
    VIEW = 4,
    MOVE = 8,
    REDUCE = 16,
    CONTRACT = 32,
    PRED = 64,
    ROWWISE = 128
};
typedef struct GraphOpInfo {
    const char *text;
    uint16_t min_in, max_in, traits, ulp;
} GraphOpInfo;
extern const GraphOpInfo graph_op[OP_COUNT];

typedef enum {
#define ATTR(key, text, kind) AT_##key,
#include "ir/attr.def"
#undef ATTR
    AT_COUNT
} AttrKey;
typedef enum { ATTR_INT, ATTR_FLOAT, ATTR_INTS } AttrKind;
typedef struct AttrInfo {
    const char *text;
    AttrKind kind;
} AttrInfo;
extern const AttrInfo graph_attr[AT_COUNT];
typedef struct Attr {
    AttrKey key;
    uint32_t n;             // INTS: how many
    union {
        int64_t i;
        double f;
        const int64_t *ints;
    };
} Attr;

typedef uint32_t NodeId;    // index into Graph.node; 0 = none
typedef uint32_t ConstId;   // index into Graph.konst; 0 = none

// Constant data: a view of a mapped file, or bytes in the graph's arena. Never aligned by promise:
// read through dtype_read_* or memcpy. Contiguous, row-major, little-endian.
typedef struct Const {
    const void *data;
    uint64_t nbytes;
    const char *file;       // where it came from, for the text form; NULL = only in memory
    uint64_t offset;
} Const;
typedef struct Node {
    GraphOp op;
    Type type;              // of the result
    Loc loc;
    NodeId *in;
    uint32_t nin;
    uint32_t nattr;
    Attr *attr;
    ConstId konst;          // CONST only
    uint32_t group;         // fuse: nodes of one kernel share a number > 0
    const char *name;       // INPUT: public name. Others: name in the model, or NULL
} Node;
typedef struct GraphOutput {
    const char *name;       // public name
    NodeId node;
} GraphOutput;

// How the model wants its images, from preprocessor_config.json. Sizes in pixels.
typedef struct Preprocess {
    bool present;
    bool do_resize, do_rescale, do_normalize, do_center_crop;
    int resample;           // PIL: 0 nearest 1 lanczos 2 bilinear 3 bicubic 4 box 5 hamming
    int64_t height, width, crop_height, crop_width;
    double rescale_factor;
    uint32_t nchannels;
    double mean[4], std[4];
} Preprocess;
typedef enum { TASK_FEATURES, TASK_SINGLE_LABEL, TASK_MULTI_LABEL, TASK_REGRESSION } ModelTask;
// What a model file says beside its mathematics. Zero = unknown.
typedef struct ModelInfo {
    const char *name;       // base name of the file or directory, no path
    const char *producer;
    char sha256[65];        // of the model file(s), hex
    ModelTask task;
    uint32_t nlabels;
    const char **labels;
    Preprocess preprocess;
    int64_t batch, channels, image_h, image_w, tokens, hidden, layers, heads;
} ModelInfo;

typedef struct Graph {
    Arena *arena;
    VEC(Node) node;          // node.data[0] is unused; graph_compact puts operands before users
    VEC(Const) konst;        // konst.data[0] is unused
    VEC(NodeId) input;       // INPUT nodes in public order
    VEC(GraphOutput) output; // in public order
    ModelInfo info;
} Graph;

// ---- building (graph.c). Nodes are type-checked by inference as they are added; a wrong operand
// is the caller's bug (die) for passes, so frontends check with graph_try first.
Graph *graph_new(Arena *a);
NodeId graph_input(Graph *g, const char *name, Type t, Loc loc);
NodeId graph_const(Graph *g, Type t, const void *data, Loc loc);         // data is kept, not copied
NodeId graph_const_file(Graph *g, Type t, const void *data, const char *file, uint64_t offset,
                        Loc loc);
NodeId graph_const_copy(Graph *g, Type t, const void *data, Loc loc);    // copies into g->arena
NodeId graph_scalar(Graph *g, DType dt, double v, Loc loc);              // rank 0
NodeId graph_ints(Graph *g, const int64_t *v, int n, Loc loc);           // i64[n]
void graph_output(Graph *g, const char *name, NodeId n);
NodeId graph_add(Graph *g, GraphOp op, const NodeId *in, uint32_t nin, const Attr *attr,
                 uint32_t nattr, Loc loc);
// The same, but a node that does not type-check is a diagnostic (ERR_MODEL) and 0.
NodeId graph_try(Graph *g, Diag *d, GraphOp op, const NodeId *in, uint32_t nin, const Attr *attr,
                 uint32_t nattr, Loc loc);
// Shorthands. They take loc from the first operand.
NodeId g_unary(Graph *g, GraphOp op, NodeId x);
NodeId g_binary(Graph *g, GraphOp op, NodeId x, NodeId y);
NodeId g_cast(Graph *g, NodeId x, DType to);
NodeId g_reshape(Graph *g, NodeId x, int rank, const int64_t *dim);
NodeId g_transpose(Graph *g, NodeId x, const int64_t *perm);
NodeId g_slice(Graph *g, NodeId x, int axis, int64_t start, int64_t size);     // other axes whole
NodeId g_concat(Graph *g, const NodeId *in, uint32_t n, int axis);
NodeId g_expand(Graph *g, NodeId x, int rank, const int64_t *dim);
NodeId g_reduce(Graph *g, GraphOp op, NodeId x, int axis, bool keepdims);
NodeId g_matmul(Graph *g, NodeId x, NodeId w, bool trans_b);
NodeId g_layernorm(Graph *g, NodeId x, NodeId gain, NodeId bias, double eps);  // gain, bias: or 0
NodeId g_attention(Graph *g, NodeId q, NodeId k, NodeId v, double scale);
Attr attr_int(AttrKey k, int64_t v);
Attr attr_float(AttrKey k, double v);
Attr attr_ints(Graph *g, AttrKey k, const int64_t *v, uint32_t n);             // copies

// ---- reading
const Attr *attr_find(const Attr *attr, uint32_t n, AttrKey k);    // NULL when absent
static inline Node *graph_node(const Graph *g, NodeId n) { return &g->node.data[n]; }
static inline const Type *graph_type(const Graph *g, NodeId n) { return &g->node.data[n].type; }
static inline bool op_is(GraphOp op, int traits) { return (graph_op[op].traits & traits) != 0; }
const Attr *node_attr(const Node *n, AttrKey k);                   // NULL when absent
int64_t node_int(const Node *n, AttrKey k, int64_t otherwise);
double node_float(const Node *n, AttrKey k, double otherwise);
const int64_t *node_ints(const Node *n, AttrKey k, uint32_t *count);   // NULL when absent
void node_set_attr(Graph *g, NodeId n, Attr a);                    // adds or replaces
const Const *graph_const_of(const Graph *g, NodeId n);             // NULL unless a CONST node
// The value of a constant of one element, or of up to 4096 equal ones.
bool graph_const_scalar(const Graph *g, NodeId n, double *v);
uint32_t *graph_uses(const Graph *g, Arena *a);                    // of each node; outputs count
// The roots and everything below them, operands first. Returns how many; *order lies in `a`.
uint32_t graph_order(const Graph *g, const NodeId *root, uint32_t nroots, Arena *a, NodeId **order);

// ---- changing. Passes add nodes and redirect operands, then compact.
// Every operand and output that named old names `by`, except the operands of `by` itself.
void graph_replace(Graph *g, NodeId old, NodeId by);
// Drops what no output needs (inputs stay), sorts topologically and stably, renumbers.
void graph_compact(Graph *g);

// ---- the other files of this level
// graph_infer.c: the result type of op on these operand types. False: *why says what is wrong.
bool graph_infer(const Graph *g, GraphOp op, const NodeId *in, uint32_t nin, const Attr *attr,
                 uint32_t nattr, Type *out, const char **why, Arena *scratch);
// graph_check.c: the verifier. False after diagnostics (ERR_MODEL: also used on parsed text).
bool graph_check(const Graph *g, Diag *d);
// graph_eval.c: the eager reference: f32 storage, f64 accumulation, one obvious loop per op.
typedef struct Tensor {
    Type type;
    void *data;             // contiguous, aligned to 64
} Tensor;
// Evaluates `want` (node ids) for the given inputs (in g->input order; inputs that are not needed
// may have data NULL). Results live in `a`, or in place where one is an INPUT, a CONST or a view of
// one; the memory of intermediates serves again as soon as their last user ran. False only after a
// diagnostic: a GATHER index out of range.
bool graph_eval(const Graph *g, const Tensor *inputs, const NodeId *want, uint32_t nwant,
                Tensor *out, Arena *a, Diag *d);
// n must not depend on an INPUT (die). Its data is NULL where graph_eval returns false.
Tensor graph_eval_const(const Graph *g, NodeId n, Arena *a);
// Is no INPUT below n? memo: g->node.n zero bytes, shared between calls.
bool graph_is_const(const Graph *g, NodeId n, uint8_t *memo);
double graph_flops(const Graph *g);      // 2 x multiply-adds of MATMUL, CONV, ATTENTION
// graph_text.c, graph_parse.c: .vg. Printing what was parsed gives the same bytes.
void graph_print(const Graph *g, Str *out);
// NULL after a diagnostic.
Graph *graph_parse(Arena *a, Diag *d, const char *file, const char *text, size_t n);
// Constants that the text only names by file and offset: map gives the whole file, or NULL after a
// diagnostic.
typedef struct GraphFiles {
    const void *(*map)(void *ctx, const char *name, Loc at, uint64_t *nbytes);
    void *ctx;
} GraphFiles;
Graph *graph_parse_files(Arena *a, Diag *d, const char *file, const char *text, size_t n,
                         const GraphFiles *files);
struct Lexer;
// One graph inside another text; it may have no outputs.
Graph *graph_read(struct Lexer *l, const GraphFiles *files);
#endif
