/* vitc.h: what a program needs to run a model compiled by vitc. C11, C++ clean; libc and pthreads
 * only.
 *
 * The library never prints, exits, aborts, installs handlers, sets affinity or creates threads
 * unasked; every refusal is a status. A model's run function allocates nothing and is re-entrant:
 * any number of threads may call it at once, each with its own arena. */
#ifndef VITC_H
#define VITC_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

#define VITC_ABI 3u

typedef enum vitc_status {
    VITC_OK = 0,
    VITC_E_ARG,   /* a null pointer, or a size that cannot be */
    VITC_E_ALIGN, /* an input or output not aligned to its element, the arena not to arena_align, or
                   * a weights file not to 64 */
    VITC_E_ARENA, /* input, output and arena overlap */
    VITC_E_CPU,   /* this processor lacks what the object needs (cpu_features) */
    VITC_E_ABI,   /* the object was made for another version of this library, or for another
                   * weights file */
    VITC_E_IO,
    VITC_E_SELFTEST, /* the weights are damaged, or a result is not what it was at compile time */
    VITC_E_MEMORY
} vitc_status;
const char *vitc_status_str(vitc_status s);

/* Element types of tensors. */
enum {
    VITC_F32 = 1,
    VITC_U8 = 2,
    VITC_I64 = 7,
    VITC_BOOL = 9,
    VITC_F16 = 10,
    VITC_F64 = 11,
    VITC_I32 = 6,
    VITC_BF16 = 16
};

/* Bits of vitc_model_info.cpu_features. */
#define VITC_CPU_SSE42 (1ull << 0)
#define VITC_CPU_AVX2 (1ull << 1)
#define VITC_CPU_FMA (1ull << 2)
#define VITC_CPU_F16C (1ull << 3)
#define VITC_CPU_AVX512 (1ull << 4) /* F, BW, VL, DQ, CD */
#define VITC_CPU_VNNI (1ull << 5)
#define VITC_CPU_BF16 (1ull << 6)
#define VITC_CPU_AMX_BF16 (1ull << 7)
#define VITC_CPU_AMX_INT8 (1ull << 8)
#define VITC_CPU_BF16_2X (1ull << 9) /* bf16 products at twice the rate of FMA */
#define VITC_CPU_NEON (1ull << 16)
#define VITC_CPU_DOTPROD (1ull << 17)
#define VITC_CPU_I8MM (1ull << 18)
#define VITC_CPU_ARM_BF16 (1ull << 19)
uint64_t vitc_cpu_features(void); /* what this machine and its operating system offer */
/* VITC_OK or VITC_E_CPU. Linux gives the matrix units (AMX) to a process that asks for them: so
 * does the first check whose `needed` has them, here or in a run of a model that uses them, and
 * nothing else. Refused, it is VITC_E_CPU, or the next level of a model that has several. */
vitc_status vitc_cpu_check(uint64_t needed);

/* Threads. NULL = run on the calling thread. A host with its own pool fills this in; everyone else
 * uses vitc_pool_create(). run() calls task(arg, i) once for every i in [0, count), on any threads,
 * and returns when all are done. Results do not depend on `threads`. */
typedef struct vitc_parallel {
    void *ctx;
    int threads; /* how many tasks may run at once */
    void (*run)(void *ctx, void (*task)(void *arg, int index), void *arg, int count);
} vitc_parallel;

typedef struct vitc_pool vitc_pool;
/* threads 0: as many as affinity and the cgroup's quota allow. The caller is one of them; where the
 * system gives fewer, the pool is smaller. NULL: no memory, or a number outside 0..1024. Workers
 * spin for some microseconds, then sleep. After fork, the child's first use starts new workers. Not
 * to be used by two threads at once, nor from within its own task; make one pool each. */
vitc_pool *vitc_pool_create(int threads);
const vitc_parallel *vitc_pool_parallel(vitc_pool *p);
void vitc_pool_destroy(vitc_pool *p);
int vitc_threads_available(void);

typedef struct vitc_tensor_info {
    const char *name;
    int dtype, rank;
    int64_t dim[8];
    uint64_t bytes;
} vitc_tensor_info;

/* How the model wants its images (preprocessor_config.json). */
typedef struct vitc_preprocess {
    uint32_t height, width, channels; /* of the model's input */
    int resample; /* as in PIL: 0 nearest 1 lanczos 2 bilinear 3 bicubic 4 box 5 hamming */
    int do_resize, do_rescale, do_normalize;
    double rescale;
    float mean[4], std[4];
} vitc_preprocess;

/* What a model's output means: nothing by itself, logits for softmax, logits for sigmoid, values.
 */
enum { VITC_FEATURES, VITC_ONE_LABEL, VITC_SEVERAL_LABELS, VITC_REGRESSION };

struct vitc_object;              /* private tables: vitc_object.h */
typedef struct vitc_model_info { /* read-only, inside the object */
    uint32_t struct_size, abi;
    const char *name, *producer;
    const char *target; /* "x86-64-v3"; of several levels all: "x86-64-v4,x86-64-v3" */
    const char *source_sha256;
    uint64_t arena_bytes, arena_align, weight_bytes, flops;
    uint64_t cpu_features; /* what run() needs; of several levels what each of them needs */
    uint32_t n_inputs, n_outputs;
    const vitc_tensor_info *inputs, *outputs;
    uint32_t n_labels, task;           /* task: VITC_FEATURES… */
    const char *const *labels;         /* n_labels names, or NULL when the model has none */
    const vitc_preprocess *preprocess; /* NULL when the model says nothing */
    vitc_status (*run)(const void *const *in, void *const *out, void *arena,
                       const vitc_parallel *par);
    const struct vitc_object *object; /* NULL: of several levels, or standalone */
    /* A model for several machine levels over one weight image: its levels, best first. run() takes
     * the first that this processor can run. Each is a model of its own, whose run() takes no other
     * level; an arena fits them all. 0 and NULL: a model for one level. */
    uint32_t n_levels;
    /* Not 0: the weights are a file of their own (--weights file), which this number identifies.
     * vitc_weights_map() makes it the model's last input, "weights". */
    uint32_t weights_id;
    const struct vitc_model_info *const *levels;
} vitc_model_info;
/* The level that m->run() takes on this processor; NULL when it can run none. */
const vitc_model_info *vitc_model_chosen(const vitc_model_info *m);
/* The level for this target ("x86-64-v3"), to force it; NULL when the model has none. */
const vitc_model_info *vitc_model_level(const vitc_model_info *m, const char *target);
/* Of a model compiled with --selftest: reads every weight, runs an input that lies in the object,
 * and compares with the results that the eager reference gave when it was compiled.
 * VITC_E_SELFTEST when they differ; VITC_E_ARG when the model has no test. */
vitc_status vitc_model_selftest(const vitc_model_info *m, void *arena, const vitc_parallel *par);

/* ---- helpers, each optional ---- */
void *vitc_arena_create(const vitc_model_info *m); /* aligned, NULL when there is no memory */
void vitc_arena_destroy(const vitc_model_info *m, void *arena);
/* The weights file of a model compiled with --weights file, read-only, aligned to a page, for any
 * number of runs in any number of threads. VITC_E_IO: it cannot be read; VITC_E_ABI: it is not the
 * file that the model was compiled with; VITC_E_ARG: the model has its weights inside. */
vitc_status vitc_weights_map(const vitc_model_info *m, const char *path, const void **weights);
void vitc_weights_unmap(const vitc_model_info *m, const void *weights); /* NULL is fine */
/* Brings all weights into memory and this process's page tables now, where the first run would do
 * so page by page. weights: of vitc_weights_map, or NULL for those inside the object. par shares
 * the work; NULL: this thread alone. Advice: where the system has none of it (Linux before 5.14),
 * nothing happens. */
void vitc_weights_populate(const vitc_model_info *m, const void *weights,
                           const vitc_parallel *par);
/* Indices of the k largest of n, largest first, ties by lower index; NaN last. */
void vitc_topk(const float *v, size_t n, size_t k, size_t *index);
void vitc_softmax(const float *v, float *out, size_t n);
void vitc_sigmoid(const float *v, float *out, size_t n);

/* An image in memory: 8-bit samples, interleaved, `stride` bytes from row to row. */
typedef struct vitc_image {
    const uint8_t *pixels;
    uint32_t width, height, channels; /* 1 grey, 2 grey+alpha, 3 RGB, 4 RGBA (alpha is dropped) */
    size_t stride;
} vitc_image;
/* Resizes as PIL's 8-bit resampling does and normalises as the model asks: the model's [C][H][W]
 * floats. work: vitc_image_work_bytes() bytes, or NULL to let the function allocate. */
size_t vitc_image_work_bytes(const vitc_preprocess *p, const vitc_image *img);
vitc_status vitc_image_to_input(const vitc_preprocess *p, const vitc_image *img, float *out,
                                void *work);
/* The first half of it: convert and resize to 8-bit [H][W][channels]. */
vitc_status vitc_image_resize(const vitc_image *img, uint8_t *out, uint32_t width, uint32_t height,
                              uint32_t channels, int resample, void *work);
#ifdef __cplusplus
}
#endif
#endif
