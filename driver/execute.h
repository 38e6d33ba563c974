// execute.h: calling a compiled model inside a child: buffers, threads, and statuses as
// diagnostics.
#ifndef DRIVER_EXECUTE_H
#define DRIVER_EXECUTE_H
#include "driver/build.h"
#include "runtime/vitc.h"

// Buffers of one model, ready for calls.
typedef struct Session {
    const vitc_model_info *info;
    void **out;      // of info->n_outputs
    const void **in; // of info->n_inputs, the last being the weights when they are a file
    void *arena;
    vitc_pool *pool; // NULL: the calling thread alone
    int threads;
} Session;
bool session_open(Tool *t, const Executable *e, const vitc_model_info *info, Session *s);
// Inputs that the caller gives: all but weights from a file of their own, which the session adds.
uint32_t given_inputs(const vitc_model_info *info);
const void *const *session_inputs(const Session *s, void *const *in); // for info->run
bool session_threads(Tool *t, Session *s, int threads);
bool session_run(Tool *t, Session *s, void *const *in);
bool status_error(Tool *t, vitc_status s); // always false
// --threads as a list; without it `otherwise` numbers, the last being all that are available.
bool thread_counts(Tool *t, bool also_one, const int64_t **counts, size_t *n);
Type type_of_info(const vitc_tensor_info *i); // of a tensor of a compiled model
double median_of(double *v, size_t n);        // of n > 0 numbers, which it sorts
// A repeatable sequence of random numbers, for inputs that nobody gave.
void random_fill(uint64_t *state, const Type *type, void *data);
void random_floats(uint64_t *state, float *data, size_t n); // in [-1, 1): quick, for much data
#endif
