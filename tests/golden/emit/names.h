/* Made by vitc 0.1.0 for target x86-64-v3; lies beside the object of the same name. */
/* model: stdin */
#ifndef VIT_VITC_MODEL_H
#define VIT_VITC_MODEL_H
#include "vitc.h"
#ifdef __cplusplus
extern "C" {
#endif

#define VIT_ARENA_BYTES 64u
#define VIT_ARENA_ALIGN 64u

extern const vitc_model_info vit_model;
/* int_2: const float [2]
 * a_b: const float [2]
 * a_b_2: const float [2]
 * out: float [2]
 * y_: float [2]
 * arena: ARENA_BYTES aligned to ARENA_ALIGN, of this call alone; vitc_arena_create() makes one
 * par: threads, or NULL for the calling thread */
vitc_status vit_run(const float *int_2, const float *a_b, const float *a_b_2, float *out, float *y_, void *arena, const vitc_parallel *par);

#ifdef __cplusplus
}
#endif
#endif
