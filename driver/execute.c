// execute.c: see execute.h.
#include "driver/execute.h"
#include <math.h>
#include <stdlib.h>

bool status_error(Tool *t, vitc_status s) {
    ErrKind kind = s == VITC_E_CPU      ? ERR_TARGET
                   : s == VITC_E_MEMORY ? ERR_LIMIT
                   : s == VITC_E_ABI    ? ERR_MODEL
                                        : ERR_INTERNAL;
    return diag_error(t->c.diag, kind, 0, "the model refused to run: %s", vitc_status_str(s));
}
uint32_t given_inputs(const vitc_model_info *info) {
    return info->n_inputs - (info->weights_id ? 1 : 0);
}
static bool map_weights(Tool *t, const char *path, Session *s) {
    vitc_status status = vitc_weights_map(s->info, path, &s->in[given_inputs(s->info)]);
    if (status == VITC_OK) return true;
    Loc at = diag_loc(t->c.diag, (LocInfo){.file = path});
    if (status == VITC_E_IO)
        return diag_error(t->c.diag, ERR_IO, at, "the object's weights cannot be read");
    if (status == VITC_E_ABI)
        return diag_error(t->c.diag, ERR_MODEL, at,
                          "not the weights that the object was made with");
    return status_error(t, status);
}
const void *const *session_inputs(const Session *s, void *const *in) {
    for (uint32_t i = 0; i < given_inputs(s->info); i++) s->in[i] = in[i];
    return s->in;
}
bool session_open(Tool *t, const Executable *e, const vitc_model_info *info, Session *s) {
    *s = (Session){.info = info, .threads = 1};
    vitc_status cpu = vitc_cpu_check(info->cpu_features);
    if (cpu != VITC_OK) return status_error(t, cpu);
    s->in = NEW_N(t->c.arena, const void *, info->n_inputs);
    if (info->weights_id && !map_weights(t, e->weights_file, s)) return false;
    s->arena = vitc_arena_create(info);
    if (!s->arena) return status_error(t, VITC_E_MEMORY);
    s->out = NEW_N(t->c.arena, void *, info->n_outputs);
    for (uint32_t i = 0; i < info->n_outputs; i++)
        s->out[i] = arena_alloc(t->c.arena, info->outputs[i].bytes);
    return true;
}
bool session_threads(Tool *t, Session *s, int threads) {
    vitc_pool_destroy(s->pool);
    s->pool = threads > 1 ? vitc_pool_create(threads) : NULL;
    s->threads = threads;
    return threads <= 1 || s->pool ||
           diag_error(t->c.diag, ERR_LIMIT, 0, "%d threads could not be started", threads);
}
bool session_run(Tool *t, Session *s, void *const *in) {
    const vitc_parallel *par = s->pool ? vitc_pool_parallel(s->pool) : NULL;
    vitc_status status = s->info->run(session_inputs(s, in), s->out, s->arena, par);
    return status == VITC_OK || status_error(t, status);
}

bool thread_counts(Tool *t, bool also_one, const int64_t **counts, size_t *n) {
    if (t->opt.threads)
        return parse_counts(t->c.arena, t->c.diag, "threads", t->opt.threads, 1024, counts, n);
    int64_t all = vitc_threads_available(), *v = NEW_N(t->c.arena, int64_t, 2);
    *n = 0;
    if (also_one && all > 1) v[(*n)++] = 1;
    v[(*n)++] = all;
    *counts = v;
    return true;
}

static const struct {
    int code;
    DType dt;
} dtype_codes[] = {{VITC_F32, DT_F32}, {VITC_F64, DT_F64}, {VITC_F16, DT_F16},  {VITC_I64, DT_I64},
                   {VITC_I32, DT_I32}, {VITC_U8, DT_U8},   {VITC_BOOL, DT_BOOL}};
Type type_of_info(const vitc_tensor_info *i) {
    DType dt = DT_NONE;
    for (size_t k = 0; k < COUNT_OF(dtype_codes); k++)
        if (dtype_codes[k].code == i->dtype) dt = dtype_codes[k].dt;
    return type_of(dt, i->rank, i->dim);
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}
double median_of(double *v, size_t n) {
    qsort(v, n, sizeof *v, by_value);
    return (v[(n - 1) / 2] + v[n / 2]) / 2;
}

// splitmix64: every seed gives a good sequence.
static uint64_t random_bits(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}
static double random_unit(uint64_t *state) {
    return ((double)(random_bits(state) >> 11) + 0.5) * 0x1p-53;
}
static double random_normal(uint64_t *state) {
    double radius = sqrt(-2 * log(random_unit(state)));
    return radius * cos(6.283185307179586 * random_unit(state));
}
void random_floats(uint64_t *state, float *data, size_t n) {
    uint64_t x = *state | 1;
    for (size_t i = 0; i < n; i++) {
        if (i % 2 == 0) { // xorshift64 makes two at once
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
        }
        data[i] = (float)(int32_t)(x >> (i % 2 * 32)) * 0x1p-31f;
    }
    *state = x;
}
// Floats are normal, bytes uniform, booleans fair coins; other integers are 0 (an index is in
// range).
void random_fill(uint64_t *state, const Type *type, void *data) {
    uint64_t n = (uint64_t)type_count(type);
    bool is_float = dtype_info[type->dt].cls == CLASS_FLOAT;
    for (uint64_t i = 0; i < n; i++) {
        if (is_float)
            dtype_write_f(type->dt, data, i, random_normal(state));
        else if (type->dt == DT_U8)
            dtype_write_i(type->dt, data, i, (int64_t)(random_bits(state) & 255));
        else if (type->dt == DT_BOOL)
            dtype_write_i(type->dt, data, i, (int64_t)(random_bits(state) & 1));
        else
            dtype_write_i(type->dt, data, i, 0);
    }
}
