// graph_eval.h: what the files of the eager reference share; private to ir/graph_eval*.c. Floats
// are computed in f64, integers and bools in int64, a chunk at a time, so that one loop per op
// serves every element type. Integer arithmetic wraps around.
#ifndef IR_GRAPH_EVAL_H
#define IR_GRAPH_EVAL_H
#include "ir/graph.h"

typedef struct Eval {
    const Node *node;
    const Tensor *in;       // operands, each aligned to its elements
    Tensor out;             // to be filled
    Arena *scratch;         // reset after each node
    Diag *diag;             // may be NULL
} Eval;
// Each returns false only after a diagnostic (an index out of range).
#define G(op, text, lo, hi, traits, ulp) bool eval_##op(Eval *e);
#include "ir/graph_ops.def"
#undef G

// ---- chunks (graph_eval_chunk.c)
enum { CHUNK = 512 };
void load_f(const Tensor *t, int64_t first, int64_t n, double *out);
void load_i(const Tensor *t, int64_t first, int64_t n, int64_t *out);
void store_f(Tensor *t, int64_t first, int64_t n, const double *v);
void store_i(Tensor *t, int64_t first, int64_t n, const int64_t *v);
static inline bool is_float(const Tensor *t) { return dtype_info[t->type.dt].cls == CLASS_FLOAT; }

// Axes of a walk over memory: sizes, and the distance of neighbours in two arrays.
typedef struct Axes {
    int rank;
    int64_t dim[MAX_RANK], a[MAX_RANK], b[MAX_RANK];
} Axes;
void strides_of(const Type *t, int64_t *stride);      // of a contiguous tensor, in elements
void axes_coalesce(Axes *x);      // drops axes of size 1, merges neighbours; leaves rank >= 1
// The odometer `at` over the first `rank` axes, with the places in both arrays. False at the end.
bool axes_next(const Axes *x, int rank, int64_t *at, int64_t *a, int64_t *b);

// The elements of an operand in the order of a result that it is broadcast to.
typedef struct Reader {
    const Tensor *t;
    Axes axes;
    int64_t at[MAX_RANK], offset;
} Reader;
Reader reader_new(const Tensor *t, const Type *shape);
void reader_f(Reader *r, int64_t n, double *out);
void reader_i(Reader *r, int64_t n, int64_t *out);
#endif
