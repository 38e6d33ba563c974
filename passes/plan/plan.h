// plan.h: where values lie. A View is a strided window on a Buffer; reshapes, transposes, slices,
// expands and concatenations become views where they can, so that they cost nothing.
#ifndef PASSES_PLAN_PLAN_H
#define PASSES_PLAN_PLAN_H
#include "passes/passes.h"

typedef struct Buffer {
    PlaceKind kind;
    uint32_t index;          // INPUT, OUTPUT: which one
    uint64_t nbytes, offset; // offset: in the arena or the weight image
    uint32_t first, last;    // ARENA: launches that write it first and read it last
    bool used;
} Buffer;
typedef struct View {
    uint32_t buffer; // index into Plan.buffer
    DType dt;        // as stored
    int rank;
    int64_t dim[MAX_RANK];
    int64_t stride[MAX_RANK]; // bytes; 0 = broadcast
    int64_t offset;           // bytes from the buffer's start to element 0
} View;
typedef struct Plan {
    Arena *arena;
    VEC(Buffer) buffer;
} Plan;

uint32_t plan_buffer(Plan *p, PlaceKind kind, uint32_t index, uint64_t nbytes);
void plan_touch(Plan *p, uint32_t buffer, uint32_t launch); // it is used by that launch
uint64_t plan_arena(Plan *p); // gives ARENA buffers their offsets; returns the total

View view_dense(uint32_t buffer, const Type *t); // contiguous, row-major
View view_rows(uint32_t buffer, const Type *t,
               uint64_t *nbytes); // rows at an odd number of cache lines
bool view_reshape(const View *v, int rank, const int64_t *dim, View *out); // false: needs a copy
View view_transpose(const View *v, const int64_t *perm);
View view_slice(const View *v, const int64_t *starts, const int64_t *sizes, const int64_t *steps);
View view_broadcast(const View *v, int rank, const int64_t *dim); // numpy broadcast_to
bool view_is_dense(const View *v);

// A loop nest over one index space with several operands; adjacent loops that every operand walks
// with one stride are merged.
enum { MAX_OPERANDS = MAX_ARGS };
typedef struct Nest {
    int rank, noperands;
    int64_t dim[MAX_RANK];
    int64_t stride[MAX_OPERANDS][MAX_RANK];
} Nest;
Nest nest_new(int rank, const int64_t *dim);
void nest_add(Nest *n, const View *v); // v has the nest's rank and dims
void nest_collapse(Nest *n, int keep); // the last `keep` loops stay as they are
#endif
