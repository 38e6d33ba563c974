// program.h: level two. A Program is what one object does: launches of kernels in order, the places
// their arguments have, and the recipe of every byte of the weight image. Text form: .vp.
#ifndef IR_PROGRAM_H
#define IR_PROGRAM_H
#include "ir/graph.h"
#include "ir/kernel.h"

#define MAX_ARGS 16
enum { MAX_KERNELS = 1 << 12, MAX_LAUNCHES = 1 << 16, MAX_NR = 1 << 10 };
typedef enum { PLACE_ARENA, PLACE_WEIGHTS, PLACE_INPUT, PLACE_OUTPUT, PLACE_COUNT } PlaceKind;
extern const char *const place_text[PLACE_COUNT];
typedef struct Place {
    PlaceKind kind;
    uint32_t index;        // INPUT, OUTPUT: which one
    uint64_t offset;       // bytes
} Place;
typedef struct Launch {
    uint32_t kern;         // index into Program.kern
    uint32_t nargs;
    Place arg[MAX_ARGS];
    int64_t grid;          // tasks
    const char *label;     // source node or idea, for profiles and text
    double flops;          // 2 x multiply-adds it performs
    uint64_t nbytes;       // elements that it must read or write, each once; 0 = not known
} Launch;

static inline uint32_t launch_kib(const Launch *l) { // what a compiled object says of nbytes
    uint64_t kib = l->nbytes / 1024 + (l->nbytes % 1024 != 0);
    return kib < UINT32_MAX ? (uint32_t)kib : UINT32_MAX;
}

// How a constant lies in the weight image. The recipe of its numbers is a constant expression of
// Program.graph, evaluated when the image is written (graph_eval_const), never all at once.
typedef enum {
    PACK_PLAIN, // as the tensor: contiguous, row-major; f16 and bf16 become f32
    PACK_HALVES, // the same, but they stay what they are
    PACK_PANEL, // a matrix [N,K] (trans) or [K,N] as panels of nr columns: [panel][k][nr], last
                // panel zero-padded; f16 and bf16 stay what they are
    PACK_PAIRS, // the same of a bf16 matrix, [panel][k/2][nr][2]: a word of 32 bits holds an even k
                // (low half) and the next odd one, as products of bf16 take them; the last word of
                // an odd depth has a zero
    PACK_QUADS, // [panel][k/4][nr][4]: the same of four k in 64 bits, for products of 2 x 2 blocks
    PACK_COUNT
} PackKind;
extern const char *const pack_text[PACK_COUNT];
static inline bool pack_is_panels(PackKind p) {
    return p >= PACK_PANEL;
}
typedef struct Region {
    NodeId expr;           // node of Program.graph without INPUT below it
    PackKind pack;
    bool trans;            // not PLAIN: the tensor is [N,K]
    int32_t nr;            // not PLAIN: columns of a panel
    uint64_t offset, nbytes;   // in the image; offset is a multiple of 64
} Region;
typedef struct ProgramTensor {     // a public input or output
    const char *name;
    Type type;
} ProgramTensor;
// --selftest: an input and its eager results, in the weight image as the bytes of their types. The
// last 8 bytes of the image are then a digest of all before them.
typedef struct Sample {
    uint64_t *offset; // of each input, then of each output
    double tolerance; // largest relative L2 error of an output
} Sample;
typedef struct Program {
    Arena *arena;
    const Target *target;
    const Graph *graph;    // the graph it was lowered from: recipes of regions, ModelInfo
    VEC(Kern *) kern;
    VEC(Launch) launch;
    VEC(Region) region;    // by offset, no overlap
    VEC(ProgramTensor) input, output;
    uint64_t arena_bytes;  // intermediates; multiple of 64
    uint64_t scratch_bytes;    // the most that one launch's slices need together; multiple of 64
    uint64_t weight_bytes;
    uint32_t max_slices; // threads beyond this are not used
    bool big_endian;     // the image is for a machine of that byte order; not in the text form
    const Sample *sample; // NULL = no self-test
    // The same model for another machine level, over the same graph, weight image and borders; each
    // level is better than the next. NULL = the last.
    struct Program *next;
} Program;

Program *program_new(Arena *a, const Target *t, const Graph *g);
static inline uint64_t kern_slice_bytes(const Kern *k) { // from one slice's scratch to the next's
    return round_up(k->scratch_bytes, 64);
}
uint64_t program_launch_scratch(const Program *p, const Launch *l); // of its slices together
// ---- a model of one level or several (program.c): `p` is the first
uint32_t program_levels(const Program *p);
const char *program_target(const Program *p);     // "x86-64-v3", or "x86-64-v4,x86-64-v3"
uint64_t program_features(const Program *p);      // what every level needs
// What the code of one level needs. A level with matrix units runs without them, and nobody asks
// the operating system for them, when no kernel uses them.
uint64_t program_level_features(const Program *level);
bool program_has_tiles(const Program *level);
uint64_t program_run_arena(const Program *p);     // of the arena, what a run of any level uses
uint64_t program_host_arena(const Program *p); // what the host gives: the self-test's outputs, too
// Adds --selftest to every level. in, out: one per input and output, as their types say.
void program_add_sample(Program *p, const void *const *in, const void *const *out,
                        double tolerance);
// program_check.c: places inside their objects, kernels verify (in any phase: whoever prints a
// parsed program asks kern_check for after_math), regions ordered and of the right size, no launch
// reads bytes of the arena that nothing wrote (by intervals).
bool program_check(const Program *p, Diag *d);
// program_image.c: the bytes of the image, in order. Evaluates one region at a time in `scratch`
// (reset per region). The callback may stop the walk by returning false.
typedef bool (*ImageSink)(void *ctx, const void *bytes, uint64_t n);
bool program_image(const Program *p, Arena *scratch, ImageSink sink, void *ctx);
int64_t pack_deep(PackKind pack); // how many k lie side by side: 1, 2 of pairs, 4 of quads
uint64_t region_nbytes(const Graph *g, const Region *r);
DType region_dtype(const Graph *g, const Region *r); // plain floats of any width lie there as f32
typedef struct Matrix {
    int64_t n, k;
} Matrix;
Matrix region_matrix(const Graph *g,
                     const Region *r); // not PLAIN: the last two dims of the tensor, others are 1
// program_eval.c: runs every launch with kern_eval, in `slices` slices. image: weight_bytes from
// program_image.
bool program_eval(const Program *p, const void *image, const void *const *in, void *const *out,
                  uint32_t slices, Arena *a);
// program_text.c: the constant part of the graph (.vg), regions, kernels (.vk), launches.
void program_print(const Program *p, Str *out, const Diag *locs);
Program *program_parse(Arena *a, Diag *d, const char *file, const char *text, size_t n);
Program *program_parse_files(Arena *a, Diag *d, const char *file, const char *text, size_t n,
                             const GraphFiles *files);
#endif
