// onnx_sizes.h: which sizes a model with open dimensions is compiled for.
#ifndef FRONTEND_ONNX_SIZES_H
#define FRONTEND_ONNX_SIZES_H
#include "frontend/onnx/onnx_import.h"

typedef struct Sizes {
    int64_t batch; // 0 = not decided yet
    int64_t channels, height, width;
    int64_t patch_h, patch_w, hidden; // 0 = the model has no patch convolution
    int64_t grid_h, grid_w;           // of a position table that fixes the image, or 0
    int64_t trained_h, trained_w;     // of one that can be resized, or 0
} Sizes;
void sizes_from_graph(const GraphMsg *g, Sizes *out);
// Channels, height and width of an image input, from what is known, in order of authority. `info`:
// what config.json says. What stays 0 is not known.
void sizes_settle(Sizes *s, const FrontendOptions *o, const ModelInfo *info);
#endif
