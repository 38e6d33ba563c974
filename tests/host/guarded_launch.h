// guarded_launch.h: launches of a model, one by one, between guards.
#ifndef TESTS_HOST_GUARDED_LAUNCH_H
#define TESTS_HOST_GUARDED_LAUNCH_H
#include "backends/backend.h"
#include "runtime/vitc_object.h"

// Runs every launch of p with its compiled kernel, in 1, 2 and 3 slices, where each argument has a
// block of exactly the bytes that launch_access allows, the last of them against a forbidden page,
// then the first. The outputs must be those of m->run. False after a message.
bool guarded_launches(const char *what, const Program *p, const vitc_model_info *m);
#endif
