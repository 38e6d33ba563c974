// random_graph.h: verified graphs drawn at random from nearly all ops, with odd shapes: axes of 1
// and 0, slices backwards, operands that broadcast, values used twice, several outputs.
#ifndef TESTS_SUPPORT_RANDOM_GRAPH_H
#define TESTS_SUPPORT_RANDOM_GRAPH_H
#include "ir/graph.h"

enum { RANDOM_GRAPH_OUTPUTS = 3 };
Graph *random_graph(Ctx *c, uint64_t seed);                    // one input
void *random_graph_data(Ctx *c, uint64_t seed, const Type *t); // numbers for it
#endif
