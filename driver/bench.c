// bench.c: how long one call takes. Random inputs, a warm-up, then every call is timed on its own;
// the figures are the least, the median and the 99th percentile, for each number of threads.
#include "driver/execute.h"
#include "runtime/vitc_object.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_RUNS = 1000000 };
typedef struct BenchJob {
    const Executable *exe;
    const int64_t *threads;
    size_t nthreads;
} BenchJob;
typedef VEC(double) Times;
typedef struct Result {
    int64_t threads;
    uint32_t runs;
    double min, median, p99;
} Result;
typedef struct Bench {
    Tool *tool;
    Session session;
    void **in;
    VEC(Result) result;
    double *launch_seconds; // --profile: mean of every launch
    double mark;
    uint32_t profiled; // calls behind those means
} Bench;

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}
static Result summarise(int64_t threads, Times *t) {
    qsort(t->data, t->n, sizeof t->data[0], by_value);
    uint32_t p99 = (t->n * 99 + 99) / 100 - 1;
    double median = (t->data[(t->n - 1) / 2] + t->data[t->n / 2]) / 2;
    return (Result){threads, t->n, t->data[0], median, t->data[p99]};
}
static void make_inputs(Bench *b) {
    const vitc_model_info *m = b->session.info;
    Arena *a = b->tool->c.arena;
    uint64_t state = (uint64_t)b->tool->opt.seed;
    b->in = NEW_N(a, void *, m->n_inputs);
    for (uint32_t i = 0; i < m->n_inputs; i++) {
        const vitc_tensor_info *x = &m->inputs[i];
        Type type = type_of_info(x);
        b->in[i] = arena_alloc(a, x->bytes);
        random_fill(&state, &type, b->in[i]);
    }
}
static bool measure(Bench *b, int64_t threads) {
    const Options *o = &b->tool->opt;
    Times times = {0};
    if (!session_threads(b->tool, &b->session, (int)threads) ||
        !session_run(b->tool, &b->session, b->in))
        return false;
    double begin = seconds_now(), now = begin;
    while ((times.n < o->runs || now - begin < o->min_time || !times.n) && times.n < MAX_RUNS) {
        double start = now;
        if (!session_run(b->tool, &b->session, b->in)) return false;
        now = seconds_now();
        *PUSH(b->tool->c.arena, &times) = now - start;
    }
    *PUSH(b->tool->c.arena, &b->result) = summarise(threads, &times);
    return true;
}
static void mark_launch(void *ctx, uint32_t launch) {
    Bench *b = ctx;
    double now = seconds_now();
    b->launch_seconds[launch] += now - b->mark;
    b->mark = now;
}
// With the last number of threads.
static bool profile(Bench *b) {
    const Session *s = &b->session;
    const vitc_object *object = s->info->object;
    b->launch_seconds = NEW_N(b->tool->c.arena, double, object->n_launches);
    b->profiled = b->tool->opt.runs > 0 ? (uint32_t)b->tool->opt.runs : 1;
    for (uint32_t i = 0; i < b->profiled; i++) {
        b->mark = seconds_now();
        vitc_status status =
            vitc_execute_marked(object, (const void *const *)b->in, s->out, s->arena,
                                s->pool ? vitc_pool_parallel(s->pool) : NULL, mark_launch, b);
        if (status != VITC_OK) return status_error(b->tool, status);
    }
    for (uint32_t i = 0; i < object->n_launches; i++) b->launch_seconds[i] /= b->profiled;
    return true;
}

// ---- report ---------------------------------------------------------------------------------
static uint32_t batch_of(const vitc_model_info *m) {
    return m->n_inputs && m->inputs[0].rank ? (uint32_t)m->inputs[0].dim[0] : 1;
}
static void print_profile(const Bench *b, Str *s) {
    const vitc_object *object = b->session.info->object;
    double total = 0;
    for (uint32_t i = 0; i < object->n_launches; i++) total += b->launch_seconds[i];
    str_addf(s, "\n%6s %6s %9s %8s  %s\n", "launch", "share", "time", "GFLOP/s", "what");
    for (uint32_t i = 0; i < object->n_launches; i++) {
        const vitc_launch *l = &object->launches[i];
        double t = b->launch_seconds[i];
        str_addf(s, "%6u %5.1f%% %9s %8.1f  %s\n", i, 100 * t / total, text_seconds(s->arena, t),
                 (double)l->flops / t * 1e-9,
                 escape(s->arena, SINK_TERMINAL, l->label ? l->label : ""));
    }
}
static void print_text(const Bench *b, Str *s) {
    const vitc_model_info *m = b->session.info;
    str_addf(s, "%s for %s, batch %u, %s\n",
             escape(s->arena, SINK_TERMINAL, m->name ? m->name : "a model"), m->target, batch_of(m),
             text_flops(s->arena, (double)m->flops));
    str_addf(s, "%7s %10s %10s %10s %9s %9s %8s\n", "threads", "min", "median", "p99", "GFLOP/s",
             "items/s", "runs");
    for (uint32_t i = 0; i < b->result.n; i++) {
        const Result *r = &b->result.data[i];
        str_addf(s, "%7lld %10s %10s %10s %9.1f %9.1f %8u\n", (long long)r->threads,
                 text_seconds(s->arena, r->min), text_seconds(s->arena, r->median),
                 text_seconds(s->arena, r->p99), (double)m->flops / r->median * 1e-9,
                 batch_of(m) / r->median, r->runs);
    }
    if (b->launch_seconds) print_profile(b, s);
}
static void json_profile(const Bench *b, Json *j) {
    const vitc_object *object = b->session.info->object;
    json_put_array(j, "launches");
    for (uint32_t i = 0; i < object->n_launches; i++) {
        json_put_object(j, NULL);
        json_put_text(j, "label", object->launches[i].label);
        json_put_real(j, "seconds", b->launch_seconds[i]);
        json_put_uint(j, "flops", object->launches[i].flops);
        json_put_end(j);
    }
    json_put_end(j);
}
static void print_json(const Bench *b, Str *s) {
    const vitc_model_info *m = b->session.info;
    Json j = json_put_begin(s, "bench");
    json_put_text(&j, "model", m->name);
    json_put_text(&j, "target", m->target);
    json_put_uint(&j, "batch", batch_of(m));
    json_put_uint(&j, "flops", m->flops);
    json_put_array(&j, "results");
    for (uint32_t i = 0; i < b->result.n; i++) {
        const Result *r = &b->result.data[i];
        json_put_object(&j, NULL);
        json_put_int(&j, "threads", r->threads);
        json_put_uint(&j, "runs", r->runs);
        json_put_real(&j, "min", r->min);
        json_put_real(&j, "median", r->median);
        json_put_real(&j, "p99", r->p99);
        json_put_real(&j, "gflops", (double)m->flops / r->median * 1e-9);
        json_put_end(&j);
    }
    json_put_end(&j);
    if (b->launch_seconds) json_profile(b, &j);
    json_put_finish(&j);
}

static bool bench_model(Tool *t, void *arg, Str *out) {
    const BenchJob *job = arg;
    Bench b = {.tool = t};
    const vitc_model_info *m = executable_load(t, job->exe);
    if (!m || !session_open(t, m, &b.session)) return false;
    make_inputs(&b);
    for (size_t i = 0; i < job->nthreads; i++)
        if (!measure(&b, job->threads[i])) return false;
    if (t->opt.profile && !profile(&b)) return false;
    (t->opt.json ? print_json : print_text)(&b, out);
    return true;
}
bool verb_bench(Tool *t) {
    FrontendOptions front = frontend_options(&t->opt);
    Executable exe;
    BenchJob job = {.exe = &exe};
    Bytes sent;
    if (!thread_counts(t, true, &job.threads, &job.nthreads) ||
        !executable_open(t, t->opt.file.data[0], &front, 0, &exe) ||
        !work_run(t, "the model", bench_model, &job, &sent))
        return false;
    Str s = str_new(t->c.arena);
    str_add_n(&s, sent.data, sent.n);
    return tool_print(t, &s);
}
