// onnx_body.h: a list of nodes (a graph, a branch, a function) made ready to be read: its names in
// a sorted table, its nodes in an order that defines before it uses, and only those that are
// needed.
#ifndef FRONTEND_ONNX_BODY_H
#define FRONTEND_ONNX_BODY_H
#include "frontend/onnx/onnx_file.h"

#define NO_NAME UINT32_MAX
typedef struct BodyName {
    const char *text;
    uint32_t node; // 1 + index of the node that defines it, 0 = an input or an initialiser
    bool used;     // by a needed node or as an output
} BodyName;
typedef struct Body {
    NodeMsg *const *node;
    uint32_t nnodes;
    const char *const *output;
    uint32_t noutputs;
    BodyName *name; // sorted by text
    uint32_t nnames;
    uint32_t *order; // the needed nodes, definitions first
    uint32_t norder;
} Body;

typedef struct NameList {
    const char *const *text;
    uint32_t n;
} NameList;
// `given`: inputs and initialisers (a name may be both). NULL after a diagnostic. Lives in `a`.
Body *body_new(Ctx *c, Arena *a, Loc at, NodeMsg *const *node, size_t nnodes, NameList given,
               NameList output);
uint32_t body_find(const Body *b, const char *name); // NO_NAME when it is not defined here
#endif
