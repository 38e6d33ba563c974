// bench.c: how long one call takes. Random inputs, a warm-up, then every call is timed on its own;
// the figures are the least, the median and the 99th percentile, for each number of threads. Beside
// them stands what the machine can do at most, from the probe.
#include "driver/bench.h"
#include "driver/report_file.h"
#include "runtime/vitc_object.h"
#include <string.h>

enum { MAX_RUNS = 1000000, MAX_PROFILE_RUNS = 10000 };
typedef struct BenchJob {
    const Executable *exe;
    const int64_t *threads;
    size_t nthreads;
} BenchJob;
typedef VEC(double) Times;
typedef struct Measuring {
    Tool *tool;
    Bench b;
    Session session;
    void **in;
    Times *launch_times; // --profile: of every launch
    double mark;
} Measuring;

static Timing summarise(int64_t threads, Times *t) {
    double median = median_of(t->data, t->n); // sorts
    uint32_t p99 = (t->n * 99 + 99) / 100 - 1;
    return (Timing){threads, t->n, t->data[0], median, t->data[p99]};
}
static void make_inputs(Measuring *m) {
    const vitc_model_info *info = m->b.info;
    Arena *a = m->tool->c.arena;
    uint64_t state = (uint64_t)m->tool->opt.seed;
    m->in = NEW_N(a, void *, info->n_inputs);
    for (uint32_t i = 0; i < given_inputs(info); i++) {
        const vitc_tensor_info *x = &info->inputs[i];
        Type type = type_of_info(x);
        m->in[i] = arena_alloc(a, x->bytes);
        random_fill(&state, &type, m->in[i]);
    }
}
static bool measure(Measuring *m, int64_t threads) {
    const Options *o = &m->tool->opt;
    Times times = {0};
    if (!session_threads(m->tool, &m->session, (int)threads) ||
        !session_run(m->tool, &m->session, m->in))
        return false;
    double begin = seconds_now(), now = begin;
    while ((times.n < o->runs || now - begin < o->min_time || !times.n) && times.n < MAX_RUNS) {
        double start = now;
        if (!session_run(m->tool, &m->session, m->in)) return false;
        now = seconds_now();
        *PUSH(m->tool->c.arena, &times) = now - start;
    }
    *PUSH(m->tool->c.arena, &m->b.timing) = summarise(threads, &times);
    return true;
}

// ---- the profile ----------------------------------------------------------------------------
static void mark_launch(void *ctx, uint32_t launch) {
    Measuring *m = ctx;
    double now = seconds_now();
    *PUSH(m->tool->c.arena, &m->launch_times[launch]) = now - m->mark;
    m->mark = now;
}
static void add_cost(Arena *a, Costs *costs, const Cost *c, const char *kernel_name) {
    uint32_t i = 0;
    while (i < costs->n && costs->data[i].kernel != c->kernel) i++;
    Cost first = {.name = kernel_name, .kernel = c->kernel, .is_bf16 = c->is_bf16};
    if (i == costs->n) *PUSH(a, costs) = first;
    Cost *sum = &costs->data[i];
    sum->calls += c->calls;
    sum->seconds += c->seconds;
    sum->flops += c->flops;
    sum->nbytes += c->nbytes;
}
static bool multiplies_bf16(const Kern *k) {
    for (Val v = 1; v < k->ins.n; v++) {
        KOp op = (KOp)kern_ins(k, v)->op;
        if (op == K_DPBF16 || op == K_BFMMLA || op == K_TDPBF16) return true;
    }
    return false;
}
// Of the level that was measured. Not known of an object file, which holds no kernels but code.
static double bf16_flops(const Program *p) {
    double sum = 0;
    for (uint32_t i = 0; p && i < p->launch.n; i++)
        if (multiplies_bf16(p->kern.data[p->launch.data[i].kern])) sum += p->launch.data[i].flops;
    return sum;
}
// A kernel has a name in the Program; in an object file it is known by what its first launch
// computes.
static void add_up(Measuring *m, const Program *p) {
    const vitc_object *object = m->b.info->object;
    Arena *a = m->tool->c.arena;
    for (uint32_t i = 0; i < object->n_launches; i++) {
        const vitc_launch *l = &object->launches[i];
        const Kern *k = p ? p->kern.data[p->launch.data[i].kern] : NULL;
        Cost c = {.name = l->label ? l->label : "",
                  .is_bf16 = k && multiplies_bf16(k),
                  .kernel = (const void *)(uintptr_t)l->kernel,
                  .calls = 1,
                  .seconds = median_of(m->launch_times[i].data, m->launch_times[i].n),
                  .flops = (double)l->flops,
                  .nbytes = 1024.0 * l->kib};
        *PUSH(a, &m->b.launch) = c;
        add_cost(a, &m->b.kernel, &c, k ? k->name : c.name);
        m->b.profiled += c.seconds;
    }
}
// An object may hold several levels of the model; the best that runs here was measured.
static const Program *level_of(const Program *p, const char *target) {
    while (p && strcmp(p->target->name, target)) p = p->next;
    return p;
}
static bool profile(Measuring *m, const Program *p) {
    const Session *s = &m->session;
    const vitc_object *object = s->info->object;
    int64_t runs = min_i64(max_i64(m->tool->opt.runs, 1), MAX_PROFILE_RUNS);
    m->launch_times = NEW_N(m->tool->c.arena, Times, object->n_launches);
    for (int64_t i = 0; i < runs; i++) {
        m->mark = seconds_now();
        vitc_status status =
            vitc_execute_marked(object, session_inputs(s, m->in), s->out, s->arena,
                                s->pool ? vitc_pool_parallel(s->pool) : NULL, mark_launch, m);
        if (status != VITC_OK) return status_error(m->tool, status);
    }
    m->b.profile_runs = (uint32_t)runs;
    add_up(m, p);
    return true;
}
// What moves faster than memory came out of caches, so L2 is its limit.
static void find_bound(Rate *r, const Limits *l) {
    bool is_cached = r->of_dram > 1;
    double of_moving = is_cached ? r->nbytes / l->l2 : r->of_dram;
    r->of_bound = r->of_peak > of_moving ? r->of_peak : of_moving;
    if (r->of_bound <= 0) return;
    r->bound = r->of_peak > of_moving ? "compute" : is_cached ? "cache" : "memory";
}
Rate cost_rate(const Cost *c, const Limits *l) {
    Rate r = {.bound = "-"};
    if (c->seconds <= 0) return r;
    r.flops = c->flops / c->seconds;
    r.nbytes = c->nbytes / c->seconds;
    if (!l) return r;
    r.of_peak = r.flops / (c->is_bf16 ? l->bf16 : l->flops);
    r.of_dram = r.nbytes / l->dram;
    find_bound(&r, l);
    return r;
}
// The time that the arithmetic of one call takes at the limits, in that of a call.
double bench_of_peak(const Bench *b, uint32_t timing) {
    if (!b->limits) return 0;
    const Limits *l = &b->limits[timing];
    double least = ((double)b->info->flops - b->bf16_flops) / l->flops;
    if (b->bf16_flops > 0) least += b->bf16_flops / l->bf16;
    return least / b->timing.data[timing].median;
}
uint32_t batch_of(const vitc_model_info *m) {
    return m->n_inputs && m->inputs[0].rank ? (uint32_t)m->inputs[0].dim[0] : 1;
}

// ---- the verb -------------------------------------------------------------------------------
static bool wants_profile(const Options *o) {
    return o->profile || o->launches || o->roofline;
}
static bool probe(Measuring *m, const BenchJob *job) {
    const Target *t = target_find(m->b.info->target);
    if (!t) t = target_best(m->b.info->cpu_features);
    Limits *l = NEW_N(m->tool->c.arena, Limits, job->nthreads);
    m->b.limits = l;
    return probe_limits(m->tool, t, job->threads, job->nthreads, l);
}
// Sends the length of the report, the report, and the roofline.
static bool bench_model(Tool *t, void *arg, Str *out) {
    const BenchJob *job = arg;
    Measuring m = {.tool = t};
    m.b.info = executable_load(t, job->exe);
    if (!m.b.info || !session_open(t, job->exe, m.b.info, &m.session)) return false;
    if (!t->opt.no_probe && !probe(&m, job)) return false;
    const Program *p = level_of(job->exe->program, m.b.info->target);
    m.b.bf16_flops = bf16_flops(p);
    make_inputs(&m);
    for (size_t i = 0; i < job->nthreads; i++)
        if (!measure(&m, job->threads[i])) return false;
    if (wants_profile(&t->opt) && !profile(&m, p)) return false;
    Str report = str_new(t->c.arena), svg = str_new(t->c.arena);
    (t->opt.json ? bench_print_json : bench_print)(&m.b, t->opt.launches, &report);
    if (t->opt.roofline) roofline_draw(&m.b, &svg);
    str_add_n(out, &report.n, sizeof report.n);
    str_add_n(out, report.data, report.n);
    str_add_n(out, svg.data, svg.n);
    return true;
}
static bool check_options(Tool *t) {
    const Options *o = &t->opt;
    if (!o->roofline) return true;
    if (o->no_probe)
        return diag_error(t->c.diag, ERR_USAGE, 0,
                          "--roofline needs the machine's limits: it cannot go with --no-probe");
    return report_file_check(t, o->roofline, ROOFLINE_OPENING);
}
bool verb_bench(Tool *t) {
    const Options *o = &t->opt;
    FrontendOptions front = frontend_options(o);
    Executable exe;
    BenchJob job = {.exe = &exe};
    Bytes sent;
    if (!check_options(t) || !thread_counts(t, true, &job.threads, &job.nthreads) ||
        !executable_open(t, o->file.data[0], &front, 0, &exe) ||
        !work_run(t, "the model", bench_model, &job, &sent))
        return false;
    Str report = str_new(t->c.arena), svg = str_new(t->c.arena);
    const char *text = (const char *)sent.data + sizeof report.n;
    size_t n;
    memcpy(&n, sent.data, sizeof n);
    str_add_n(&report, text, n);
    str_add_n(&svg, text + n, sent.n - sizeof n - n);
    return (!o->roofline || report_file_write(t, o->roofline, &svg)) && tool_print(t, &report);
}
