// small_program.c: see small_program.h.
#include "tests/link/small_program.h"
#include <string.h>

const char *const small_labels[4] = {"cat", "a \"dog\"\n\\", "", "\xe2\x80\xae*/ %s ?\?/ $(x)"};

static Kern *multiply_add(Arena *a, const Target *t, const char *name) {
    Kern *k = kern_new(a, name, t);
    int lanes = (int)target_lanes(t, 4);
    VType v = vec_type(DT_F32, lanes);
    Val x = k_param(k, "x", DT_F32, false), w = k_param(k, "w", DT_F32, false);
    Val b = k_param(k, "b", DT_F32, false), y = k_param(k, "y", DT_F32, true);
    Val row = k_loop(k, k_lo(k), k_hi(k), 1), at = k_imuli(k, row, SMALL_COLUMNS * 4);
    Val px = k_padd(k, x, at), py = k_padd(k, y, at);
    for (int c = 0; c < SMALL_COLUMNS; c += lanes) {
        int n = SMALL_COLUMNS - c < lanes ? SMALL_COLUMNS - c : lanes;
        Val e = k_load(k, v, px, 4 * c, n), f = k_load(k, v, w, 4 * c, n);
        Val product = k_op2(k, K_MUL, e, f), bias = k_load(k, v, b, 4 * c, n);
        k_store(k, py, 4 * c, k_op2(k, K_ADD, product, bias), n);
    }
    k_end(k);
    return k;
}
static uint64_t add_region(Program *p, Graph *g, const float *v, int64_t n, uint64_t offset) {
    Region r = {.expr = graph_const_copy(g, type_of(DT_F32, 1, &n), v, 0), .offset = offset};
    r.nbytes = region_nbytes(g, &r);
    *PUSH(p->arena, &p->region) = r;
    return round_up(offset + r.nbytes, 64);
}
static void describe(Graph *g) {
    ModelInfo *i = &g->info;
    i->name = "small*/model";
    i->task = TASK_SINGLE_LABEL;
    i->nlabels = COUNT_OF(small_labels);
    i->labels = arena_copy(g->arena, small_labels, sizeof small_labels);
    i->batch = SMALL_ROWS;
    i->channels = 1;
    i->image_h = 4;
    i->image_w = 10;
    i->preprocess = (Preprocess){.present = true,
                                 .do_resize = true,
                                 .do_normalize = true,
                                 .resample = 3,
                                 .rescale_factor = 1.0 / 255,
                                 .mean = {0.5, 0.25, 0.125, 0},
                                 .std = {0.1, 0.2, 0.3, 1}};
}
Program *small_program(Arena *a, const Target *t, const char *name, uint64_t extra_bytes) {
    Graph *g = graph_new(a);
    Program *p = program_new(a, t, g);
    float w[SMALL_COLUMNS], b[SMALL_COLUMNS];
    for (int c = 0; c < SMALL_COLUMNS; c++) {
        w[c] = small_weight(c);
        b[c] = small_bias(c);
    }
    describe(g);
    int64_t dim[2] = {SMALL_ROWS, SMALL_COLUMNS};
    *PUSH(a, &p->input) = (ProgramTensor){"pixel \"values\"", type_of(DT_F32, 2, dim)};
    *PUSH(a, &p->output) = (ProgramTensor){"logits", type_of(DT_F32, 2, dim)};
    *PUSH(a, &p->kern) = multiply_add(a, t, name);
    p->weight_bytes = add_region(p, g, w, SMALL_COLUMNS, 0);
    uint64_t bias = round_up(p->weight_bytes + extra_bytes, 64);
    p->weight_bytes = add_region(p, g, b, SMALL_COLUMNS, bias);
    p->max_slices = 4;
    Launch l = {.kern = 0, .nargs = 4, .grid = SMALL_ROWS, .label = "layer \"1\"*/", .flops = 240};
    l.arg[0] = (Place){PLACE_INPUT, 0, 0};
    l.arg[1] = (Place){PLACE_WEIGHTS, 0, 0};
    l.arg[2] = (Place){PLACE_WEIGHTS, 0, bias};
    l.arg[3] = (Place){PLACE_OUTPUT, 0, 0};
    *PUSH(a, &p->launch) = l;
    return p;
}

typedef struct Copy {
    char *to;
} Copy;
static bool copy_bytes(void *ctx, const void *bytes, uint64_t n) {
    Copy *c = ctx;
    memcpy(c->to, bytes, n);
    c->to += n;
    return true;
}
void *small_image(Arena *a, const Program *p) {
    void *image = arena_alloc(a, p->weight_bytes);
    Copy c = {image};
    Arena *scratch = arena_new("image");
    bool ok = program_image(p, scratch, copy_bytes, &c);
    arena_free(scratch);
    return ok ? image : NULL;
}
