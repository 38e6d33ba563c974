// passes.h: the table of contents of the only folder that sees all three levels.
#ifndef PASSES_PASSES_H
#define PASSES_PASSES_H
#include "ir/program.h"

typedef struct PassOptions {
    const Target *target;
    uint32_t max_slices;       // most threads the object will use (default 64)
    const char *dump;          // -d: names separated by commas, "all", "+name"; NULL = none
    const char *only;          // -p: exactly these passes; NULL = the pipeline
    const char *stop_after;    // --stop-after
    bool time;                 // --time: a table on stderr through `report`
    void (*report)(void *ctx, const char *text);      // dumps and times go here
    void *report_ctx;
} PassOptions;

// The whole pipeline of passes.def: Graph (checked) to Program. NULL only after a diagnostic
// (ERR_UNSUPPORTED: an op that has no lowering; ERR_LIMIT). A pass that breaks its graph dies with its name.
Program *pipeline_run(Ctx *c, Graph *g, const PassOptions *o);
// Only the Graph level (for `-p`, golden tests and the eager side of verify).
bool pipeline_graph(Ctx *c, Graph *g, const PassOptions *o);
void pipeline_help(Str *out);                          // the table of passes.def

// passes/graph: each changes the graph in place and returns whether it changed anything.
typedef struct PassCtx {
    Ctx *c;
    const PassOptions *opt;
} PassCtx;
#define GRAPH_PASS(name) bool pass_##name(PassCtx *p, Graph *g)
GRAPH_PASS(fold);        // constants below LIM are evaluated; bigger constant expressions stay lazy recipes
GRAPH_PASS(cse);
GRAPH_PASS(canon);
GRAPH_PASS(recognise);
GRAPH_PASS(algebra);
GRAPH_PASS(slice);       // CLS-only tail: slices move up through row-wise ops
GRAPH_PASS(fuse);        // sets Node.group
// passes/plan + passes/lower
Program *lower_program(PassCtx *p, Graph *g);
// passes/kernel
void pass_math(Kern *k, Kern *out);      // EXP, ERF… into arithmetic: fills `out`
void pass_legal(Kern *k, Kern *out);     // FMA into mul+add where the target has none
#endif
