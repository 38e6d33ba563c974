/* Made by vitc 0.1.0 for target x86-64-v3; lies beside the object of the same name. */
/* model: stdin */
#ifndef LINEAR_VITC_MODEL_H
#define LINEAR_VITC_MODEL_H
#include "vitc.h"
#ifdef __cplusplus
extern "C" {
#endif

#define LINEAR_ARENA_BYTES 384u
#define LINEAR_ARENA_ALIGN 64u

extern const vitc_model_info linear_model;
/* x: const float [2][3]
 * y: float [2][2]
 * arena: ARENA_BYTES aligned to ARENA_ALIGN, of this call alone; vitc_arena_create() makes one
 * par: threads, or NULL for the calling thread */
vitc_status linear_run(const float *x, float *y, void *arena, const vitc_parallel *par);

#ifdef __cplusplus
}
#endif
#endif
