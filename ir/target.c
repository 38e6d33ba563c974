// target.c: the table of machines.
#include "ir/target.h"
#include <string.h>

#define FB(f) ((uint64_t)F_##f)
static const Target targets[] = {
#define TARGET(name, arch, vb, nv, l1, l2, feat, fall, cpu)                                        \
    {name, ARCH_##arch, vb, nv, l1, l2, feat, fall, cpu},
#include "ir/target.def"
};
const ArchInfo arch_info[ARCH_COUNT] = {
#define ARCHITECTURE(id, name, triple, cpu, protect, cc)                                           \
    [ARCH_##id] = {name, triple, cpu, protect, cc},
#include "ir/target.def"
};
static const FeatureInfo features[] = {
#define FEATURE(id, bit, text, llvm, cc) {F_##id, text, llvm, cc},
#include "ir/target.def"
};
const Target *target_at(size_t i) {
    return i < COUNT_OF(targets) ? &targets[i] : NULL;
}
const FeatureInfo *feature_at(size_t i) {
    return i < COUNT_OF(features) ? &features[i] : NULL;
}
const Target *target_find(const char *name) {
    for (size_t i = 0; i < COUNT_OF(targets); i++)
        if (!strcmp(targets[i].name, name)) return &targets[i];
    return NULL;
}
const Target *target_best(uint64_t have) {
    const Target *best = NULL;
    for (size_t i = 0; i < COUNT_OF(targets); i++)
        if (target_runs_here(&targets[i], have)) best = &targets[i];
    return best ? best : &targets[0];
}
const Target *target_first(const Target *t) {
    while (*t->fallback) t = target_find(t->fallback);
    return t;
}
