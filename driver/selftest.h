// selftest.h: what an object compiled with --selftest compares itself with.
#ifndef DRIVER_SELFTEST_H
#define DRIVER_SELFTEST_H
#include "driver/tool.h"
#include "ir/graph.h"

typedef struct SelfTest {
    const void **in, **out; // one for every input and output of the graph
} SelfTest;
bool selftest_make(Tool *t, const Graph *g, SelfTest *s); // false after a diagnostic
#endif
