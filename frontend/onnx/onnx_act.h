// onnx_act.h: activations by name, for the operators that have one fused in.
#ifndef FRONTEND_ONNX_ACT_H
#define FRONTEND_ONNX_ACT_H
#include "frontend/onnx/onnx_import.h"

NodeId t_activation(Import *m, const char *name, NodeId x, const float *param, uint32_t nparam);
#endif
