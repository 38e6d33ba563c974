// passes.h: the table of contents of the only folder that sees all three levels.
#ifndef PASSES_PASSES_H
#define PASSES_PASSES_H
#include "ir/program.h"

typedef struct PassOptions {
    const Target *target;
    const Target *const *also; // further levels of the same object, each worse than the one before;
                               // they end with NULL. NULL = none
    uint32_t max_slices;    // most threads the object will use (default 64)
    const struct Tuning *tuning; // of passes/lower/schedule.h; NULL: schedule.def alone
    struct Tunables *tunables;   // there: gets every launch that a tuning can change
    DType dtype;            // F32 (or NONE), F16, BF16: what linear layers have operands rounded to
    uint32_t f32_parts;     // of dtype F32: bf16 parts that linear layers split operands into, 2 or
                            // 3, where the target has products of bf16; 0: none
    const char *const *keep_f32; // names or patterns of weights that stay f32
    uint32_t nkeep_f32;
    const char *dump;       // -d: names separated by commas, "all", "+name"; NULL = none
    const char *only;       // -p: exactly these passes; NULL = the pipeline
    const char *stop_after; // --stop-after
    bool time;              // --time: a table on stderr through `report`
    void (*report)(void *ctx, const char *text); // dumps and times go here
    void *report_ctx;
} PassOptions;

// Some level that is compiled for has it (isa.h).
bool passes_have(const PassOptions *o, bool (*has)(const Target *));
// One of them multiplies bf16: pass `dtype` rounds activations, too, and they lie in memory as
// bf16, at every level.
bool passes_have_products(const PassOptions *o);

// The whole pipeline of passes.def: Graph (checked) to Program. NULL after a diagnostic
// (ERR_UNSUPPORTED: an op that has no lowering; ERR_LIMIT; ERR_USAGE: an option names no pass), or
// without one when `only` or `stop_after` end before `lower`. A pass that breaks its graph dies
// with its name.
Program *pipeline_run(Ctx *c, Graph *g, const PassOptions *o);
// Only the Graph level (for `-p`, golden tests and the eager side of verify).
bool pipeline_graph(Ctx *c, Graph *g, const PassOptions *o);
// The rest of the pipeline for a graph on which pipeline_graph did all of its passes. Again with
// another tuning, if you like.
Program *pipeline_lower(Ctx *c, Graph *g, const PassOptions *o);
// The kernel passes that -p names, on the text of a program or of one kernel.
bool pipeline_program(Ctx *c, Program *p, const PassOptions *o);
bool pipeline_kernel(Ctx *c, Kern **k, const PassOptions *o);
void pipeline_help(Str *out); // the table of passes.def

// ---- passes/graph: what a Graph is after all of them. Lowering expects these forms and no others.
// * A constant expression (no INPUT below) of up to 64 Ki elements is a CONST. A larger one stays
//   an expression: the recipe of a weight, evaluated when the image is written.
// * ADD, MUL and other commutative ops have their constant second. A scalar constant has rank 0, a
//   vector along the last axis rank 1. No SUB, DIV or POW by a constant where ADD, MUL, a product
//   or a root does it.
// * A linear layer is MATMUL(x, W), then ADD of a vector. x keeps its rank ([B,S,K]); W is a
//   constant expression of rank 2, [N,K] when trans_b is set, else [K,N].
// * A convolution whose patches do not overlap is RESHAPE [B,C,GH,PH,GW,PW] (behind a SLICE when
//   pixels are left over), TRANSPOSE, RESHAPE [B,GH*GW,C*PH*PW], MATMUL. CONV is any other.
// * After dtype a matmul's weight may be CAST of a constant expression of f16 or bf16 to f32: it
//   lies in the image as that, and is widened panel by panel or multiplied as it is. The other
//   operand may be CAST of a bf16 tensor to f32, which is alone in its group. With f32_parts both
//   are such, and k runs over the products of the parts (split.c).
// * Views: chains of RESHAPE and TRANSPOSE are as short as they can be; RESHAPE stands below
//   elementwise and row-wise ops; SLICE stands above RESHAPE, TRANSPOSE and EXPAND. A GATHER has
//   indices that are not constant or not evenly spaced.
// * LAYERNORM has one operand when only linear layers read it (gain and bias are in their weights).
// * ATTENTION has base2 set, and scale 1 when the scale could go into the query projection. Its
//   operands are RESHAPEs to [B,S,n,d] of SLICEs of one MATMUL (+ ADD) where Q, K and V read the
//   same tensor; its result is reshaped to [B,S,n*e]. With few queries K and V are the tokens, as
//   one head; a MATMUL with a constant [n,..,..], a matrix per head, stands before and behind it.
//   After dtype they may be CASTs of bf16 to f32, the rounding standing above their views; its
//   kernel may then round the powers of softmax, too.
// * The embedding is CONCAT(constant row, ADD(MATMUL(patches, W), table [1,N,h])).
// * Node.group (fuse): every node that is neither INPUT nor constant expression has a group > 0;
//   groups are numbered in launch order. A group has one result, its last node, which alone is read
//   outside, and at most one anchor, a node that is not elementwise. The others are elementwise,
//   have the dims of the result, and read each other, the anchor, and operands from outside that
//   broadcast. They may form a DAG (x * sigmoid(x)), not only a chain. RESHAPE, TRANSPOSE, SLICE,
//   EXPAND, CONCAT and PAD are groups of their own. A group of several nodes has at most
//   MAX_ARGS - 4 operands from outside that are not scalars, and at most 48 nodes.
// Each pass changes the graph in place and returns whether it changed anything.
typedef struct PassCtx {
    Ctx *c;
    const PassOptions *opt;
} PassCtx;
#define GRAPH_PASS(name) bool pass_##name(PassCtx *p, Graph *g)
GRAPH_PASS(fold); // small constant expressions are evaluated; bigger ones stay lazy recipes
GRAPH_PASS(cse);
GRAPH_PASS(canon);
GRAPH_PASS(recognise);
GRAPH_PASS(algebra);
GRAPH_PASS(slice); // CLS-only tail: slices move up through row-wise ops
GRAPH_PASS(dtype); // operands of linear layers become CAST(x', F32): rounded, or split into parts
GRAPH_PASS(fuse);  // sets Node.group
// passes/plan + passes/lower
Program *lower_program(PassCtx *p, Graph *g, const Target *t);
// A copy, every level of it, whose last input is the weight image, "weights".
Program *program_weights_as_input(const Program *p, Arena *a);
// passes/kernel
void pass_math(Kern *k, Kern *out);  // EXP, ERF… into arithmetic: fills `out`
void pass_tiles(Kern *k, Kern *out); // tiles get registers, the matrix unit its configuration
bool kern_tiles_fit(const Kern *k);  // or there are too many at once: asked of what is read
void pass_legal(Kern *k, Kern *out); // what the target has not (isa.def) into what it has
void pass_dead(Kern *k, Kern *out);  // what nobody uses is left out
#endif
