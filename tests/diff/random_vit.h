// random_vit.h: vision transformers of random shape as Graphs, spelled in the ways of frontends.
#ifndef TESTS_DIFF_RANDOM_VIT_H
#define TESTS_DIFF_RANDOM_VIT_H
#include "ir/graph.h"
#include "tests/diff/numbers.h"

typedef struct Vit {
    uint64_t seed; // of the weights
#define VIT(field, least, most) int64_t field;
#include "tests/diff/vit_fields.def"
#undef VIT
} Vit;
typedef struct VitField {
    const char *name;
    size_t offset;
    int64_t least, most;
} VitField;
enum {
#define VIT(field, least, most) VIT_##field,
#include "tests/diff/vit_fields.def"
#undef VIT
    VIT_COUNT
};
extern const VitField vit_field[VIT_COUNT];
int64_t *vit_at(Vit *v, int field);
Vit random_vit(uint64_t seed);
Graph *vit_graph(Arena *a, const Vit *v);
DType vit_dtype(const Vit *v);          // its weights are to be kept as
void vit_print(const Vit *v, Str *out); // its fields, in one line
#endif
