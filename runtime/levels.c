/* levels.c: models that hold code for several machine levels, best first. */
#include "vitc_object.h"
#include <string.h>

static const vitc_model_info *level_at(const vitc_model_info *m, uint32_t i) {
    return m->n_levels ? m->levels[i] : m;
}
static uint32_t level_count(const vitc_model_info *m) {
    return m->n_levels ? m->n_levels : 1;
}
const vitc_model_info *vitc_model_chosen(const vitc_model_info *m) {
    for (uint32_t i = 0; i < level_count(m); i++)
        if (vitc_cpu_check(level_at(m, i)->cpu_features) == VITC_OK) return level_at(m, i);
    return NULL;
}
const vitc_model_info *vitc_model_level(const vitc_model_info *m, const char *target) {
    for (uint32_t i = 0; i < level_count(m); i++)
        if (!strcmp(level_at(m, i)->target, target)) return level_at(m, i);
    return NULL;
}
vitc_status vitc_execute_level(const vitc_model_info *m, const void *const *in, void *const *out,
                               void *arena, const vitc_parallel *par) {
    if (m->abi != VITC_ABI || m->struct_size < sizeof *m) return VITC_E_ABI;
    const vitc_model_info *level = vitc_model_chosen(m);
    return level ? level->run(in, out, arena, par) : VITC_E_CPU;
}
