// onnx_inputs.h: the inputs of a model, with every dimension decided.
#ifndef FRONTEND_ONNX_INPUTS_H
#define FRONTEND_ONNX_INPUTS_H
#include "frontend/onnx/onnx_sizes.h"

typedef struct Inputs {
    const ValueMsg **input; // without those that have an initialiser
    uint32_t n;
    const char **name;
    uint32_t image; // the first input of rank 4, or n
    Value *value;   // what the nodes read, set by inputs_bind
    Sizes sizes;
    const char *height_name, *width_name, *batch_name; // symbols of the image's open dimensions
} Inputs;
bool inputs_find(Import *m, const GraphMsg *g, Inputs *in);
bool inputs_bind(Import *m, Inputs *in); // after sizes_settle
// Sorts the names; false after a diagnostic when two are equal.
bool names_are_unique(Import *m, const char **name, size_t n, const char *what);
#endif
