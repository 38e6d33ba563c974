// program.c: making a Program, and what everybody must agree on about its parts.
#include "ir/program.h"
#include <assert.h>
#include <string.h>

const char *const place_text[PLACE_COUNT] = {"arena", "weights", "input", "output"};
const char *const pack_text[PACK_COUNT] = {"plain", "halves", "panel", "pairs", "quads"};

Program *program_new(Arena *a, const Target *t, const Graph *g) {
    Program *p = NEW(a, Program);
    p->arena = a;
    p->target = t;
    p->graph = g;
    p->max_slices = 1;
    return p;
}
uint64_t program_launch_scratch(const Program *p, const Launch *l) {
    const Kern *k = p->kern.data[l->kern];
    uint64_t slices = (uint64_t)min_i64(p->max_slices, l->grid), total;
    bool fits = k->scratch_bytes <= INT64_MAX && size_mul(kern_slice_bytes(k), slices, &total);
    return fits ? total : UINT64_MAX; // more than any check lets through
}
DType region_dtype(const Graph *g, const Region *r) {
    DType dt = graph_type(g, r->expr)->dt;
    if (r->pack != PACK_PLAIN && dtype_is_half(dt)) return dt;
    return dtype_info[dt].cls == CLASS_FLOAT ? DT_F32 : dt;
}
int64_t pack_deep(PackKind pack) {
    return pack == PACK_QUADS ? 4 : pack == PACK_PAIRS ? 2 : 1;
}
Matrix region_matrix(const Graph *g, const Region *r) {
    const Type *t = graph_type(g, r->expr);
    assert(t->rank >= 2);
    int64_t rows = t->dim[t->rank - 2], columns = t->dim[t->rank - 1];
    return r->trans ? (Matrix){.n = rows, .k = columns} : (Matrix){.n = columns, .k = rows};
}
uint64_t region_nbytes(const Graph *g, const Region *r) {
    uint64_t element = dtype_info[region_dtype(g, r)].nbytes;
    if (!pack_is_panels(r->pack)) return (uint64_t)type_count(graph_type(g, r->expr)) * element;
    Matrix m = region_matrix(g, r);
    int64_t deep = pack_deep(r->pack);
    return (uint64_t)(ceil_div(m.n, r->nr) * r->nr * ceil_div(m.k, deep) * deep) * element;
}

// ---- levels ----------------------------------------------------------------------------------
uint32_t program_levels(const Program *p) {
    uint32_t n = 0;
    for (; p; p = p->next) n++;
    return n;
}
const char *program_target(const Program *p) {
    const char *names = p->target->name;
    for (const Program *l = p->next; l; l = l->next)
        names = arena_printf(p->arena, "%s,%s", names, l->target->name);
    return names;
}
bool program_has_tiles(const Program *level) {
    for (uint32_t i = 0; i < level->kern.n; i++)
        if (kern_has_tiles(level->kern.data[i])) return true;
    return false;
}
uint64_t program_level_features(const Program *level) {
    const uint64_t tiles = F_AMX_BF16 | F_AMX_INT8;
    return level->target->features & (program_has_tiles(level) ? ~0ull : ~tiles);
}
uint64_t program_features(const Program *p) {
    uint64_t all = program_level_features(p);
    for (; p; p = p->next) all &= program_level_features(p);
    return all;
}
uint64_t program_run_arena(const Program *p) {
    uint64_t most = 0;
    for (; p; p = p->next) {
        uint64_t n = p->arena_bytes + p->scratch_bytes;
        if (n > most) most = n;
    }
    return most;
}

// ---- the self-test ---------------------------------------------------------------------------
uint64_t program_host_arena(const Program *p) {
    uint64_t n = program_run_arena(p);
    if (!p->sample) return n;
    n = round_up(n, 64) + round_up((p->input.n + p->output.n) * sizeof(void *), 64);
    for (uint32_t i = 0; i < p->output.n; i++)
        n += round_up(type_nbytes(&p->output.data[i].type), 64);
    return n;
}
// The bytes of a tensor, whatever its type, as a region of their own.
static Region bytes_region(const Program *p, Graph *g, const Type *t, const void *bytes) {
    int64_t n = (int64_t)type_nbytes(t);
    uint8_t *stored = arena_copy(p->arena, bytes, (size_t)n);
    if (p->big_endian) dtype_reverse(stored, bytes, (uint64_t)n, dtype_info[t->dt].nbytes);
    NodeId expr = graph_const_copy(g, type_of(DT_U8, 1, &n), stored, 0);
    uint64_t offset = p->region.n ? p->weight_bytes : 0;
    return (Region){.expr = expr, .offset = offset, .nbytes = (uint64_t)n};
}
static void add_region(Program *p, Region r) {
    *PUSH(p->arena, &p->region) = r;
    p->weight_bytes = round_up(r.offset + r.nbytes, 64);
}
void program_add_sample(Program *p, const void *const *in, const void *const *out,
                        double tolerance) {
    enum { DIGEST = 8 };
    uint32_t n = p->input.n + p->output.n;
    Graph *g = (Graph *)(uintptr_t)p->graph; // its nodes stay; some are added
    Sample *s = NEW(p->arena, Sample);
    s->offset = NEW_N(p->arena, uint64_t, n);
    s->tolerance = tolerance;
    for (uint32_t i = 0; i < n; i++) {
        bool is_input = i < p->input.n;
        const ProgramTensor *t = is_input ? &p->input.data[i] : &p->output.data[i - p->input.n];
        Region r = bytes_region(p, g, &t->type, is_input ? in[i] : out[i - p->input.n]);
        s->offset[i] = r.offset;
        for (Program *l = p; l; l = l->next) add_region(l, r);
    }
    for (Program *l = p; l; l = l->next) {
        l->weight_bytes = round_up(l->weight_bytes + DIGEST, 64);
        l->sample = s;
    }
}
