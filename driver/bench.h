// bench.h: what `vitc bench` measured, between the part that measures (bench.c), the part that
// tells (bench_report.c) and the part that draws (roofline.c).
#ifndef DRIVER_BENCH_H
#define DRIVER_BENCH_H
#include "driver/execute.h"
#include "driver/probe.h"

typedef struct Timing { // of calls of the whole model with one number of threads
    int64_t threads;
    uint32_t runs;
    double min, median, p99;
} Timing;
typedef struct Cost { // of a launch, or of all launches of one kernel
    const char *name;
    const void *kernel;
    uint32_t calls;
    double seconds; // in one call of the model: medians, added up
    double flops, nbytes;
    bool is_bf16; // its products are of bf16: their limit is another
} Cost;
typedef VEC(Cost) Costs;
typedef struct Bench {
    const vitc_model_info *info;
    VEC(Timing) timing;
    const Limits *limits; // one for each timing; NULL with --no-probe
    double bf16_flops;    // those of all launches that are is_bf16
    Costs launch, kernel; // --profile, with the last number of threads; in order of launch
    double profiled;      // seconds of all launches
    uint32_t profile_runs;
} Bench;
static inline const Timing *bench_last(const Bench *b) {
    return &b->timing.data[b->timing.n - 1];
}
static inline const Limits *bench_limits(const Bench *b) { // of the last number of threads, or NULL
    return b->limits ? &b->limits[b->timing.n - 1] : NULL;
}
// What a cost makes of the machine. Shares of a limit are 0 where the limit is not known.
typedef struct Rate {
    double flops, nbytes;    // a second
    double of_peak, of_dram; // of the limits: of arithmetic, of moving
    double of_bound;         // of the nearer one
    const char *bound;       // the nearer limit: "compute", "memory", "cache" (L2), or "-"
} Rate;
Rate cost_rate(const Cost *c, const Limits *l);
double bench_of_peak(const Bench *b, uint32_t timing); // 0: not known
uint32_t batch_of(const vitc_model_info *m);

void bench_print(const Bench *b, bool every_launch, Str *out);
void bench_print_json(const Bench *b, bool every_launch, Str *out);
void roofline_draw(const Bench *b, Str *svg); // of the kernels; needs limits
#endif
