// guarded_run.h: runs a model where nothing may go wrong unseen: inputs, outputs, arena and weights
// lie against pages that may not be touched, and every thread has a stack of 64 KiB.
#ifndef TESTS_HOST_GUARDED_RUN_H
#define TESTS_HOST_GUARDED_RUN_H
#include "runtime/vitc.h"
#include <stddef.h>

enum { GUARDED_MOST = 64, GUARDED_SKIPPED = 77, SMALL_STACK = 64 << 10, STACK_LIMIT = 28 << 10 };

// Numbers for an input, the same each time.
void guarded_fill(const vitc_tensor_info *t, void *p);
// With the last byte of every buffer against a forbidden page, then with the first; 1, 2 and 3
// threads. Outputs must be the bytes of a run in plain memory, and no stack deeper than
// STACK_LIMIT. 0, GUARDED_SKIPPED (this processor lacks the level), or 1 after a
// message. `what` names the model in messages. deepest: grows to the deepest stack.
int guarded_run(const char *what, const vitc_model_info *m, size_t *deepest);
// A signal from here on names what runs.
void guarded_name_signals(void);
void guarded_now(const char *what, const char *how);
#endif
