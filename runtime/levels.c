/* levels.c: models that hold code for several machine levels, best first. */
#include "vitc_object.h"

const vitc_model_info *vitc_model_chosen(const vitc_model_info *m) {
    if (!m->n_levels) return vitc_cpu_check(m->cpu_features) == VITC_OK ? m : NULL;
    for (uint32_t i = 0; i < m->n_levels; i++)
        if (vitc_cpu_check(m->levels[i]->cpu_features) == VITC_OK) return m->levels[i];
    return NULL;
}
vitc_status vitc_execute_level(const vitc_model_info *m, const void *const *in, void *const *out,
                               void *arena, const vitc_parallel *par) {
    if (m->abi != VITC_ABI || m->struct_size < sizeof *m) return VITC_E_ABI;
    const vitc_model_info *level = vitc_model_chosen(m);
    return level ? level->run(in, out, arena, par) : VITC_E_CPU;
}
