// lower.h: from groups of graph nodes to launches of kernels. One file per shape of kernel; this is
// their table of contents.
#ifndef PASSES_LOWER_LOWER_H
#define PASSES_LOWER_LOWER_H
#include "passes/lower/schedule.h"
#include "passes/plan/plan.h"

// What is known of a node while its graph is lowered.
typedef struct NodeState {
    View view; // where its value lies
    bool has_view;
    bool is_placed; // `view` was chosen before the value exists (outputs, parts of a concat)
    bool is_unmade; // not computed yet: who reads it may do with its operand, see lower_unmade
    NodeId user;    // its only user, or 0
    uint32_t nuses;
    int32_t output; // graph output it is, or -1
    NodeId next;    // the next node of its group, or 0
} NodeState;
typedef struct Lower {
    Ctx *c;
    const PassOptions *opt;
    Arena *arena;
    Graph *g;
    const Target *target;
    Program *prog;
    Plan plan;
    VEC(NodeState) node; // by NodeId; grows with the graph
    NodeId *first;       // by group: its first node
    uint8_t *const_memo; // graph_is_const
    uint32_t nmemo;
    uint32_t *launch_buffer; // [launch][MAX_ARGS]: buffer of each argument, resolved at the end
    uint32_t ncap;
} Lower;

// ---- values (lower.c)
bool lower_is_const(Lower *l, NodeId n);
View lower_view(Lower *l, NodeId n);      // of a value that exists; constants become PLAIN regions
View lower_f32_view(Lower *l, NodeId n);  // f16 and bf16 values are widened to a copy
View lower_dest(Lower *l, NodeId n);      // where its value is to be written
View lower_temp(Lower *l, const Type *t); // an intermediate that no node names
View lower_region(Lower *l, Region r,
                  const Type *t); // a constant in the weight image; equal regions are shared
void lower_copy(Lower *l, const View *src, const View *dst, const char *what); // a move kernel
// What is made only for who asks lower_view: a reshape that is no view and that only one matmul
// reads, which may find rows and k of *src by itself (patches of an image), and a half that is
// widened: *src is the half, which products may take.
bool lower_unmade(Lower *l, NodeId n, View *src);
// Bytes between elements of v's last axis must be 1 element: else a copy.
View lower_contiguous_rows(Lower *l, const View *v);

// ---- a kernel under construction and its launch (lower_build.c)
typedef struct Build {
    Lower *l;
    Kern *k;
    Launch launch;
    uint32_t buffer[MAX_ARGS];
    int nodes;
} Build;
Build build_new(Lower *l, const char *name);
Val build_arg(Build *b, const char *name, const View *v,
              bool is_mutable); // pointer to v's element 0
void build_launch(Build *b, int64_t grid, double flops,
                  const char *label); // shares an equal kernel made before
// The launch made last is one that a tuning can change.
void build_tunable(Lower *l, GraphOp op, Shape s);
// Splits the task number into one index per dim; returns pointer + sum of index * stride.
Val build_tasks(Build *b); // opens the loop over the slice's tasks
void lower_decode(Kern *k, Val task, int rank, const int64_t *dim, Val *index);
Val lower_walk(Kern *k, Val p, int rank, const Val *index, const int64_t *stride);

// ---- the elementwise part of a group (fused.c)
enum { MAX_FUSED = 64 };
typedef struct Fused {
    Lower *l;
    NodeId anchor;          // its value comes from the caller; 0 = none
    NodeId node[MAX_FUSED]; // ELEM nodes in order
    uint32_t n;
    bool is_rounded;      // store_as does the last one: it rounds the result to a half type
    NodeId ext[MAX_ARGS]; // operands from outside that are not scalar constants
    View view[MAX_ARGS];  // theirs, broadcast to the result's shape
    uint32_t next;
    NodeId result;
} Fused;
// Gathers group `group`; anchor 0 when it is elementwise only. False after a diagnostic.
bool fused_collect(Lower *l, uint32_t group, NodeId anchor, Fused *f);
uint32_t fused_max_nbytes(const Fused *f, const View *dst); // widest element it touches
// How an external operand is fetched: as stored, `n` lanes.
typedef Val (*FusedLoad)(void *ctx, uint32_t ext, VType t);
Val fused_emit(const Fused *f, Kern *k, Val anchor, int n, FusedLoad load, void *ctx);
void store_as(Kern *k, DType stored, Val p, int64_t disp, int64_t stride, Val v,
              int lanes); // converts, strided or not
Val load_as(Kern *k, DType stored, Val p, int64_t disp, int64_t stride, int n,
            int lanes);                   // computes' type
DType compute_dtype(DType stored);        // f16, bf16 compute as f32; bool as u8
const char *fused_suffix(const Fused *f); // "_add_gelu"

// ---- one per shape of kernel. Each lowers group `f` (its result's destination by lower_dest).
bool lower_elementwise(Lower *l, const Fused *f);
bool lower_matmul(Lower *l, const Fused *f);
bool lower_attention(Lower *l, const Fused *f);
bool lower_layernorm(Lower *l, const Fused *f);
bool lower_softmax(Lower *l, const Fused *f);
bool lower_reduce(Lower *l, const Fused *f);
bool lower_conv(Lower *l, const Fused *f);
bool lower_gather(Lower *l, const Fused *f);
// An anchor writes its plain value to a temporary, then the fused part runs as a kernel of its own:
// for anchors whose kernels take no epilogue.
bool lower_then_elementwise(Lower *l, const Fused *f, const View *value);

// ---- virtual vectors: 16 lanes as 16/n real ones (vlanes.c)
typedef struct VV {
    int parts, n;
    Val v[VLANES];
} VV;
int vv_lanes(const Kern *k); // real lanes of f32
VV vv_load(Kern *k, Val p, int64_t disp, int lanes);
void vv_store(Kern *k, Val p, int64_t disp, VV x, int lanes);
void vv_store_as(Kern *k, DType stored, Val p, int64_t disp, VV x, int lanes); // converts
VV vv_const(Kern *k, double c);
VV vv_bcast(Kern *k, Val scalar);
VV vv_bcast_load(Kern *k, Val p, int64_t disp);
VV vv_op1(Kern *k, KOp op, VV x);
VV vv_op2(Kern *k, KOp op, VV x, VV y);
VV vv_fma(Kern *k, VV x, VV y, VV z);
enum { EXP2_FOR_BF16 = 3, EXP2_FOR_F32 = 5 }; // degrees: 1.1e-4 relative, 2 ulp
VV vv_exp2(Kern *k, VV x, int degree);
VV vv_keep(Kern *k, VV x, int lanes, double other); // lanes beyond become `other`
Val vv_reduce(Kern *k, KOp op, VV x);               // ADD, MAX, MIN: the fixed tree; one lane
// The same of vv_lanes virtual vectors that follow each other at p: lane i is of vector i. Two
// halves of two vectors at a time, zipped, so that it takes n - 1 steps where n trees take n log n.
// Of each, the first `parts` real vectors count.
Val vv_reduce_rows(Kern *k, KOp op, Val p, int parts);
VV vv_reg(Kern *k); // slots
VV vv_get(Kern *k, VV reg);
void vv_set(Kern *k, VV reg, VV x);

// ---- the matrix micro-kernel (micro.c)
// The weights of the next panel, fetched into L2 while this one is used: `lines` cache lines every
// `group` steps of k. at = 0: none.
typedef struct Prefetch {
    Val at;
    int group, lines;
} Prefetch;
// k of A in runs: `run` steps of Micro.a_k, then a jump to where the next run begins.
typedef struct Runs {
    int64_t run; // 0: all k are one run
    int rank;    // loops over the runs, the last one innermost
    int64_t dim[MAX_RANK], stride[MAX_RANK];
    Val first; // run in which A's k begins; A's pointer is to run 0
} Runs;
typedef struct Micro {
    int mr, nv, lanes;  // block of mr rows x nv vectors
    int tail;           // lanes of the last vector that B really has
    int64_t a_row, a_k; // bytes between rows and between k of A
    int64_t b_k;        // bytes between k of B; a k's vectors are contiguous
    int word;           // 2, 4: A and B are bf16 and a k is so many of theirs, side by side
    Runs runs;          // a sum takes whole runs
    Prefetch next;
} Micro;
// acc[r][j] = sum over k < kn of A[r][k] * B[k][j], in order of k, from zero.
void micro_sum(Kern *k, const Micro *m, Val a, Val b, int64_t kn, Val acc[MR_MAX][NV_MAX]);
// The same over all kn in blocks (sched_k_block); block sums are added in order through `tile`, mr
// rows of nv vectors at `tile_row` bytes. `add`: the tile already holds a sum.
void micro_blocked(Kern *k, const Micro *m, Val a, Val b, int64_t kn, int64_t block, Val tile,
                   int64_t tile_row, bool add);
// ---- the same on tiles (micro_tile.c). Depths are in words: an even k of bf16 and the next one.
// A has rows of words, B rows of columns; a tile of sums has up to 16 rows and 16 columns.
typedef struct TileMicro {
    int tiles, rows;             // 1 or 2 tiles of so many rows
    int second;                  // the row at which the second begins
    int columns;                 // tiles of columns: 1 or 2
    bool has_rest;               // some depth in this kernel is no multiple of 16
    int64_t a_row, b_row, c_row; // bytes between rows
    // Emits what runs beside the products of step i of n, if anything.
    void (*beside)(void *ctx, Val i, int64_t n);
    void *ctx;
} TileMicro;
typedef struct TileSums { // accumulators
    Val v[2][2];
} TileSums;
typedef struct TileStart {
    Val sums;         // where sums lie that this block adds to; 0: it starts from zero
    Val before;       // where the sums go that the accumulators still hold, of the block before
    int tiles_before; // its tiles of rows; 0: none
} TileStart;
TileSums tile_sums(Kern *k, const TileMicro *t);
void tile_zero(Kern *k, const TileMicro *t, const TileSums *s);
// s = A x B over `depth` words; tile_put stores it.
void tile_block(Kern *k, const TileMicro *t, Val a, Val b, int64_t depth, const TileSums *s,
                const TileStart *from);
void tile_put(Kern *k, const TileMicro *t, const TileSums *s, Val to);
int64_t tile_steps(int64_t depth); // how often `beside` runs
// m rows as blocks: `whole` of two full tiles, then one of `last` tiles (or 0) from row `at`, of
// which the first `done` rows are in the blocks before: a tile costs the same whatever its rows.
typedef struct TileSplit {
    int64_t whole, at;
    int last, done, rows, second; // rows of a tile; second: of the last block
} TileSplit;
TileSplit tile_split(int64_t m);
#endif
