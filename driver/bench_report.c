// bench_report.c: what bench measured as text and as JSON. Every string of a model is escaped.
#include "driver/bench.h"

static double share(double part, double whole) {
    return whole > 0 ? part / whole : 0;
}
// "81.5%", or "-" where there is nothing to compare.
static const char *percent(Arena *a, double part) {
    return part > 0 ? arena_printf(a, "%.1f%%", 100 * part) : "-";
}
static const char *giga(Arena *a, double rate) {
    return rate > 0 ? arena_printf(a, "%.1f", rate * 1e-9) : "-";
}

// ---- text -----------------------------------------------------------------------------------
static void print_limits(const Bench *b, Str *s) {
    if (!b->limits) return;
    str_addf(s, "\nlimits of this machine, %s, as measured\n%7s %9s %9s %12s %12s\n",
             b->info->target, "threads", "GFLOP/s", "bf16", "memory GB/s", "L2 GB/s");
    for (uint32_t i = 0; i < b->timing.n; i++) {
        const Limits *l = &b->limits[i];
        str_addf(s, "%7lld %9.1f %9s %12.1f %12.1f\n", (long long)l->threads, l->flops * 1e-9,
                 giga(s->arena, l->bf16), l->dram * 1e-9, l->l2 * 1e-9);
    }
}
static void print_cost(const Bench *b, const Cost *c, Str *s) {
    Arena *a = s->arena;
    Rate r = cost_rate(c, bench_limits(b));
    str_addf(s, "%6s %9s %6u %8s %6s %9s %7s %6s %8s  %s\n",
             percent(a, share(c->seconds, b->profiled)), text_seconds(a, c->seconds), c->calls,
             giga(a, r.flops), percent(a, r.of_peak),
             c->nbytes > 0 ? text_bytes(a, (uint64_t)c->nbytes) : "-", giga(a, r.nbytes),
             percent(a, r.of_dram), r.bound, escape(a, SINK_TERMINAL, c->name));
}
static void print_costs(const Bench *b, const char *what, const Costs *costs, Str *s) {
    str_addf(s, "\n%6s %9s %6s %8s %6s %9s %7s %6s %8s  %s\n", "share", "time", "calls", "GFLOP/s",
             "of peak", "moved", "GB/s", "of mem", "bound", what);
    for (uint32_t i = 0; i < costs->n; i++) print_cost(b, &costs->data[i], s);
}
void bench_print(const Bench *b, bool every_launch, Str *s) {
    const vitc_model_info *m = b->info;
    str_addf(s, "%s for %s, batch %u, %s\n",
             escape(s->arena, SINK_TERMINAL, m->name ? m->name : "a model"), m->target, batch_of(m),
             text_flops(s->arena, (double)m->flops));
    str_addf(s, "%7s %10s %10s %10s %9s %7s %9s %8s\n", "threads", "min", "median", "p99",
             "GFLOP/s", "of peak", "items/s", "runs");
    for (uint32_t i = 0; i < b->timing.n; i++) {
        const Timing *r = &b->timing.data[i];
        double rate = (double)m->flops / r->median;
        str_addf(s, "%7lld %10s %10s %10s %9.1f %7s %9.1f %8u\n", (long long)r->threads,
                 text_seconds(s->arena, r->min), text_seconds(s->arena, r->median),
                 text_seconds(s->arena, r->p99), rate * 1e-9,
                 percent(s->arena, bench_of_peak(b, i)), batch_of(m) / r->median, r->runs);
    }
    print_limits(b, s);
    if (!b->profile_runs) return;
    str_addf(s, "\nprofile of %u calls with %lld threads, medians; in all %s\n", b->profile_runs,
             (long long)bench_last(b)->threads, text_seconds(s->arena, b->profiled));
    print_costs(b, "kernel", &b->kernel, s);
    if (every_launch) print_costs(b, "launch", &b->launch, s);
}

// ---- JSON -----------------------------------------------------------------------------------
// A rate that is not known is null.
static void put_known(Json *j, const char *key, bool known, double value) {
    if (known)
        json_put_real(j, key, value);
    else
        json_put_text(j, key, NULL);
}
static void json_limits(const Bench *b, Json *j) {
    json_put_array(j, "limits");
    for (uint32_t i = 0; b->limits && i < b->timing.n; i++) {
        const Limits *l = &b->limits[i];
        json_put_object(j, NULL);
        json_put_int(j, "threads", l->threads);
        json_put_real(j, "gflops", l->flops * 1e-9);
        put_known(j, "bf16_gflops", l->bf16 > 0, l->bf16 * 1e-9);
        json_put_real(j, "memory_gbps", l->dram * 1e-9);
        json_put_real(j, "l2_gbps", l->l2 * 1e-9);
        json_put_end(j);
    }
    json_put_end(j);
}
static void json_costs(const Bench *b, const char *key, const Costs *costs, Json *j) {
    json_put_array(j, key);
    for (uint32_t i = 0; i < costs->n; i++) {
        const Cost *c = &costs->data[i];
        Rate r = cost_rate(c, bench_limits(b));
        json_put_object(j, NULL);
        json_put_text(j, "label", c->name);
        json_put_uint(j, "calls", c->calls);
        json_put_real(j, "seconds", c->seconds);
        json_put_real(j, "share", share(c->seconds, b->profiled));
        json_put_uint(j, "flops", (uint64_t)c->flops);
        put_known(j, "bytes", c->nbytes > 0, c->nbytes);
        json_put_real(j, "gflops", r.flops * 1e-9);
        put_known(j, "gbps", c->nbytes > 0, r.nbytes * 1e-9);
        put_known(j, "of_peak", b->limits != NULL, r.of_peak);
        put_known(j, "of_memory", b->limits && c->nbytes > 0, r.of_dram);
        json_put_text(j, "bound", *r.bound == '-' ? NULL : r.bound);
        json_put_end(j);
    }
    json_put_end(j);
}
static void json_profile(const Bench *b, bool every_launch, Json *j) {
    json_put_object(j, "profile");
    json_put_int(j, "threads", bench_last(b)->threads);
    json_put_uint(j, "runs", b->profile_runs);
    json_put_real(j, "seconds", b->profiled);
    json_costs(b, "kernels", &b->kernel, j);
    if (every_launch) json_costs(b, "launches", &b->launch, j);
    json_put_end(j);
}
void bench_print_json(const Bench *b, bool every_launch, Str *s) {
    const vitc_model_info *m = b->info;
    Json j = json_put_begin(s, "bench");
    json_put_text(&j, "model", m->name);
    json_put_text(&j, "target", m->target);
    json_put_uint(&j, "batch", batch_of(m));
    json_put_uint(&j, "flops", m->flops);
    json_limits(b, &j);
    json_put_array(&j, "results");
    for (uint32_t i = 0; i < b->timing.n; i++) {
        const Timing *r = &b->timing.data[i];
        double rate = (double)m->flops / r->median;
        json_put_object(&j, NULL);
        json_put_int(&j, "threads", r->threads);
        json_put_uint(&j, "runs", r->runs);
        json_put_real(&j, "min", r->min);
        json_put_real(&j, "median", r->median);
        json_put_real(&j, "p99", r->p99);
        json_put_real(&j, "gflops", rate * 1e-9);
        put_known(&j, "of_peak", b->limits != NULL, bench_of_peak(b, i));
        json_put_end(&j);
    }
    json_put_end(&j);
    if (b->profile_runs) json_profile(b, every_launch, &j);
    json_put_finish(&j);
}
