/* vitc_object.h: the tables inside a compiled object, and the function that executes them. Private
 * between the compiler's printers and the runtime; every change raises VITC_ABI. */
#ifndef VITC_OBJECT_H
#define VITC_OBJECT_H
#include "vitc.h"
#ifdef __cplusplus
extern "C" {
#endif

/* Performs tasks lo..hi-1 of a launch; tasks are independent. */
typedef void (*vitc_kernel)(void *const *args, void *scratch, int64_t lo, int64_t hi);

enum { VITC_PLACE_ARENA, VITC_PLACE_WEIGHTS, VITC_PLACE_INPUT, VITC_PLACE_OUTPUT };
typedef struct vitc_place {
    uint32_t kind, index; /* INPUT, OUTPUT: which one */
    uint64_t offset;      /* bytes */
} vitc_place;
enum { VITC_MAX_ARGS = 16 };
typedef struct vitc_launch {
    vitc_kernel kernel;
    const vitc_place *args;
    uint32_t n_args;
    uint32_t kib;      /* that it must read or write at least, for profiles; 0 = not known */
    int64_t grid;      /* tasks */
    uint64_t scratch_bytes; /* of one slice, multiple of 64 */
    const char *label; /* for profiles */
    uint64_t flops;
} vitc_launch;
/* --selftest: an input of the model and its results, as bytes of the weight image. */
typedef struct vitc_sample {
    const uint64_t *offset; /* in the image: of each input, then of each output */
    uint64_t outputs_at;    /* in the arena: there the outputs are computed, each aligned to 64 */
    double tolerance;       /* largest relative L2 error of an output */
} vitc_sample;
typedef struct vitc_object {
    uint32_t abi, n_launches;
    const vitc_launch *launches;
    /* The weights lie at (const char *)weights_anchor + *weights_anchor: an 8-byte word that the
     * linker fills, so that no distance is too far and no dynamic relocation is needed. NULL when
     * no argument lies there. */
    const int64_t *weights_anchor;
    uint64_t intermediate_bytes; /* first part of the arena */
    uint64_t scratch_bytes;      /* the rest of it, cut into the slices of the current launch */
    uint32_t max_slices, reserved;
    const vitc_model_info *info;
    const vitc_sample *sample; /* NULL without --selftest */
} vitc_object;

/* What follows the image in a weights file; numbers are little-endian. */
#define VITC_WEIGHTS_MAGIC "vitcwts1"
typedef struct vitc_weights_trailer {
    char magic[8];
    uint64_t nbytes; /* of the image */
    uint32_t id, zero;
} vitc_weights_trailer;

/* Checks arguments, alignment, overlap and CPU, then runs every launch in order, each in
 * min(par->threads, max_slices, grid) slices. */
vitc_status vitc_execute(const vitc_object *o, const void *const *in, void *const *out, void *arena,
                         const vitc_parallel *par);
/* Runs the level of `m` that this processor can run. */
vitc_status vitc_execute_level(const vitc_model_info *m, const void *const *in, void *const *out,
                               void *arena, const vitc_parallel *par);
/* As vitc_execute, telling `mark` after every launch (bench --profile). */
vitc_status vitc_execute_marked(const vitc_object *o, const void *const *in, void *const *out,
                                void *arena, const vitc_parallel *par,
                                void (*mark)(void *ctx, uint32_t launch), void *ctx);
#ifdef __cplusplus
}
#endif
#endif
