// tuning.h: the file between `vitc tune` and --tuning: which schedule each kernel gets.
//   {"schema": "vitc.tuning/1", "target": "x86-64-v4", "rows": [
//     {"op": "matmul", "shape": "*", "prefetch_ahead": 2},
//     {"op": "matmul", "shape": [197, 3072, 768], "rows": 8, "vectors": 3}]}
// A shape is rows, columns and depth of a matmul; queries, keys and head size of an attention; "*"
// is every shape. Other members are the knobs of passes/lower/knobs.def. A later row wins.
#ifndef DRIVER_TUNING_H
#define DRIVER_TUNING_H
#include "passes/lower/schedule.h"

#define TUNING_SCHEMA "tuning" // "vitc.tuning/1"
#define TUNING_OPENING "{\n  \"schema\": \"vitc." TUNING_SCHEMA "/1\""
// Reads and checks it. False after diagnostics with line and column: what is not known, out of
// range, or no schedule for `t`.
bool tuning_read(Ctx *c, const char *path, const Target *t, Tuning *out);
// Rows that change nothing are left out.
void tuning_print(const Tuning *tuning, const Target *t, Str *out);
#endif
