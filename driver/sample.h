// sample.h: what an object compiled with --selftest compares itself with.
#ifndef DRIVER_SAMPLE_H
#define DRIVER_SAMPLE_H
#include "driver/tool.h"
#include "ir/graph.h"

typedef struct SampleData {
    const void **in, **out; // one for every input and output of the graph
} SampleData;
bool sample_make(Tool *t, const Graph *g, SampleData *s); // false after a diagnostic
#endif
