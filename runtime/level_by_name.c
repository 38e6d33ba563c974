/* level_by_name.c: one level of a model, asked for by its target. */
#include "vitc.h"
#include <string.h>

const vitc_model_info *vitc_model_level(const vitc_model_info *m, const char *target) {
    if (!m->n_levels) return strcmp(m->target, target) ? NULL : m;
    for (uint32_t i = 0; i < m->n_levels; i++)
        if (!strcmp(m->levels[i]->target, target)) return m->levels[i];
    return NULL;
}
