// target.h: the machines we compile for, as data. Nobody tests for a name; ask for a feature or a
// fact.
#ifndef IR_TARGET_H
#define IR_TARGET_H
#include "ir/base.h"

typedef enum {
#define FEATURE(id, bit, text, llvm, cc) F_##id = 1u << (bit),
#include "ir/target.def"
    F_NONE = 0
} Feature;
typedef enum {
#define ARCHITECTURE(id, name, triple, cpu, protect, cc) ARCH_##id,
#include "ir/target.def"
    ARCH_COUNT
} Arch;
#if defined(__aarch64__)
enum { ARCH_HOST = ARCH_AARCH64 };
#else
enum { ARCH_HOST = ARCH_X86_64 };
#endif

typedef struct Target {
    const char *name;
    Arch arch;
    uint32_t vbytes;         // bytes of a vector register
    uint32_t nvregs;         // how many there are
    uint32_t l1_kib, l2_kib; // data cache of one core
    uint64_t features;       // Feature bits that the code may use
    const char *fallback;    // the level below, "" for none
    const char *llvm_cpu;
} Target;
typedef struct ArchInfo {
    const char *name, *triple, *llvm_cpu, *cc_protect, *cross_cc;
} ArchInfo;
extern const ArchInfo arch_info[ARCH_COUNT];
typedef struct FeatureInfo {
    Feature bit;
    const char *text, *llvm, *cc;
} FeatureInfo;

const Target *target_find(const char *name); // NULL when unknown; "native" is the driver's business
const Target *target_at(size_t i);           // rows in order, NULL past the end
const FeatureInfo *feature_at(size_t i);     // likewise
const Target *target_best(uint64_t features); // newest row that runs here with these features
const Target *target_first(const Target *t); // the level that every machine of its kind runs
// The code can be loaded here, and the features are what this machine has.
static inline bool target_runs_here(const Target *t, uint64_t features) {
    return (int)t->arch == ARCH_HOST && (t->features & ~features) == 0;
}
static inline bool target_has(const Target *t, uint64_t f) {
    return (t->features & f) == f;
}
// Bits of the vectors that a compiler may make of our code; 0 = the machine has one width only.
static inline uint32_t target_vector_bits(const Target *t) {
    return target_has(t, F_AVX512) ? 8 * t->vbytes : 0;
}
static inline uint32_t target_lanes(const Target *t, uint32_t elem_nbytes) {
    return t->vbytes / elem_nbytes;
}
#endif
