// onnx_attn.h: attention, shared by the operators of ONNX and onnxruntime.
#ifndef FRONTEND_ONNX_ATTN_H
#define FRONTEND_ONNX_ATTN_H
#include "frontend/onnx/onnx_import.h"

typedef struct Attn {
    NodeId q, k, v;        // [B,n,S,d], [B,n,T,d], [B,n,T,e]
    NodeId bias;           // added to the scores; 0 = none
    double scale, softcap; // softcap 0 = none
    bool want_scores;
    NodeId score[4]; // product, after softcap, after the bias, after softmax: when wanted
} Attn;
NodeId t_attention(Import *m, Attn *a);               // [B,n,S,e]
NodeId t_split_heads(Import *m, NodeId x, int64_t n); // [B,S,n*d] -> [B,n,S,d]
NodeId t_merge_heads(Import *m, NodeId x);            // the inverse
// Where keys may be seen, as something to add: 0 where `allowed`, `otherwise` elsewhere.
NodeId t_bias_of(Import *m, NodeId allowed, double otherwise);
NodeId t_and(Import *m, NodeId x, NodeId y);  // either may be 0: no restriction
NodeId t_plus(Import *m, NodeId x, NodeId y); // likewise
// For each query and key, the position of the key minus that of the query: i64 [1,1,S,T].
NodeId t_distance(Import *m, int64_t queries, int64_t keys);
NodeId t_positions(Import *m, int64_t keys); // i64 [1,1,1,T]
#endif
