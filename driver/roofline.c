// roofline.c: the kernels of a profile under the two limits of the machine, as SVG. A kernel with
// many operations for each byte can come up to the flat roof (multiply-adds), one with few only to
// the sloping one (memory). The area of a dot is the kernel's share of the time: what is large and
// far below the roof is worth work.
#include "driver/bench.h"
#include "driver/report_file.h"
#include <math.h>
#include <string.h>

enum {
    WIDTH = 1000,
    HEIGHT = 600,
    LEFT = 70,
    RIGHT = 620,
    TOP = 60,
    BOTTOM = 540,
    LIST = 645,     // where the legend begins
    LIST_ROWS = 24, // most kernels in it
    LIST_STEP = 20,
    NAME_BYTES = 44, // of a name in it
};
static const double biggest_dot = 30; // radius of one that takes all the time
typedef struct Axis {                 // logarithmic, whole decades
    double lo, hi;                    // values at the ends
    double from, to;                  // their places
} Axis;
typedef struct Chart {
    const Bench *b;
    const Limits *limits;
    Axis x, y; // operations a byte; operations a second, in 10^9
    Str *s;
} Chart;
static const char *const colour[] = {"#1f77b4", "#d62728", "#2ca02c", "#9467bd",
                                     "#ff7f0e", "#17becf", "#8c564b", "#e377c2"};

static double place(const Axis *a, double v) {
    return a->from + (a->to - a->from) * log10(v / a->lo) / log10(a->hi / a->lo);
}
static Axis axis_new(double least, double most, double from, double to) {
    return (Axis){pow(10, floor(log10(least))), pow(10, ceil(log10(most))), from, to};
}
// A dot needs operations and bytes that are known.
static bool has_dot(const Cost *c) {
    return c->flops > 0 && c->nbytes > 0 && c->seconds > 0;
}
static double intensity(const Cost *c) {
    return c->flops / c->nbytes;
}
static double giga_flops(const Cost *c) {
    return c->flops / c->seconds * 1e-9;
}
static Chart chart_new(const Bench *b, Str *s) {
    const Limits *l = bench_limits(b);
    double ridge = l->flops / l->dram, peak = l->flops * 1e-9;
    double x0 = ridge / 10, x1 = ridge * 10, y0 = peak / 100, y1 = peak * 1.5;
    for (uint32_t i = 0; i < b->kernel.n; i++) {
        const Cost *c = &b->kernel.data[i];
        if (!has_dot(c)) continue;
        x0 = fmin(x0, intensity(c) / 1.5);
        x1 = fmax(x1, intensity(c) * 1.5);
        y0 = fmin(y0, giga_flops(c) / 1.5);
        y1 = fmax(y1, giga_flops(c) * 1.5);
    }
    return (Chart){b, l, axis_new(x0, x1, LEFT, RIGHT), axis_new(y0, y1, BOTTOM, TOP), s};
}

// ---- parts ----------------------------------------------------------------------------------
static void add_text(Str *s, double x, double y, const char *attributes, const char *text) {
    str_addf(s, "<text x=\"%.1f\" y=\"%.1f\"%s%s>", x, y, *attributes ? " " : "", attributes);
    str_add_escaped(s, SINK_MARKUP, text);
    str_add(s, "</text>\n");
}
static void add_line(Str *s, double x1, double y1, double x2, double y2, const char *style) {
    str_addf(s, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>\n", x1, y1,
             x2, y2, style);
}
static void add_head(const Chart *c) {
    Str *s = c->s;
    const vitc_model_info *m = c->b->info;
    const char *name = m->name ? m->name : "a model";
    str_addf(s,
             ROOFLINE_OPENING " viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" "
                              "font-size=\"12\">\n<title>Roofline of ",
             WIDTH, HEIGHT);
    str_add_escaped(s, SINK_MARKUP, name);
    str_add(s, "</title>\n<style>.grid{stroke:#ddd}.roof{stroke:#222;stroke-width:2}"
               ".l2{stroke:#888;stroke-dasharray:6 4}.frame{fill:none;stroke:#888}</style>\n"
               "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n");
    char *shown = arena_printf(s->arena, "%.60s", name);
    char *title = arena_printf(s->arena, "%s for %s, batch %u, %lld threads: %s, %.1f GFLOP/s",
                               shown, m->target, batch_of(m), (long long)bench_last(c->b)->threads,
                               text_seconds(s->arena, bench_last(c->b)->median),
                               (double)m->flops / bench_last(c->b)->median * 1e-9);
    add_text(s, LEFT, 28, "font-size=\"16\"", title);
    add_text(s, LEFT, 46, "fill=\"#666\"", "area of a dot = share of the time");
}
static void add_axes(const Chart *c) {
    Str *s = c->s;
    Arena *a = s->arena;
    for (double v = c->x.lo; v < c->x.hi * 1.001; v *= 10) {
        add_line(s, place(&c->x, v), TOP, place(&c->x, v), BOTTOM, "grid");
        add_text(s, place(&c->x, v), BOTTOM + 18, "text-anchor=\"middle\"",
                 arena_printf(a, "%g", v));
    }
    for (double v = c->y.lo; v < c->y.hi * 1.001; v *= 10) {
        add_line(s, LEFT, place(&c->y, v), RIGHT, place(&c->y, v), "grid");
        add_text(s, LEFT - 8, place(&c->y, v) + 4, "text-anchor=\"end\"", arena_printf(a, "%g", v));
    }
    str_addf(s, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" class=\"frame\"/>\n", LEFT, TOP,
             RIGHT - LEFT, BOTTOM - TOP);
    add_text(s, (LEFT + RIGHT) / 2.0, BOTTOM + 40, "text-anchor=\"middle\"",
             "floating-point operations for each byte that must move");
    str_addf(s, "<g transform=\"translate(18 %d) rotate(-90)\">", (TOP + BOTTOM) / 2);
    add_text(s, 0, 0, "text-anchor=\"middle\"", "GFLOP/s");
    str_add(s, "</g>\n");
}
// The sloping line of a bandwidth, from the frame to the flat roof.
static void add_slope(const Chart *c, double bandwidth, const char *style, const char *what) {
    double ridge = c->limits->flops / bandwidth;
    double x0 = fmax(c->x.lo, c->y.lo * 1e9 / bandwidth), x1 = fmin(ridge, c->x.hi);
    if (x0 >= x1) return;
    double y0 = bandwidth * x0 * 1e-9, y1 = bandwidth * x1 * 1e-9;
    add_line(c->s, place(&c->x, x0), place(&c->y, y0), place(&c->x, x1), place(&c->y, y1), style);
    add_text(c->s, place(&c->x, x0) + 14, place(&c->y, y0) - 4, "fill=\"#444\"",
             arena_printf(c->s->arena, "%s %.1f GB/s", what, bandwidth * 1e-9));
}
static void add_roofs(const Chart *c) {
    double peak = c->limits->flops * 1e-9, ridge = c->limits->flops / c->limits->dram;
    double left = fmin(fmin(ridge, c->limits->flops / c->limits->l2), c->x.hi);
    double y = place(&c->y, peak);
    add_line(c->s, place(&c->x, fmax(left, c->x.lo)), y, RIGHT, y, "roof");
    add_text(c->s, RIGHT - 6, y - 6, "text-anchor=\"end\" fill=\"#444\"",
             arena_printf(c->s->arena, "multiply-adds %.1f GFLOP/s", peak));
    add_slope(c, c->limits->dram, "roof", "memory");
    add_slope(c, c->limits->l2, "l2", "L2");
}
static void add_dot(const Chart *c, uint32_t row, const Cost *k, double share) {
    double x = place(&c->x, intensity(k)), y = place(&c->y, giga_flops(k));
    str_addf(c->s,
             "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"%s\" fill-opacity=\"0.55\" "
             "stroke=\"white\"><title>",
             x, y, fmax(3, biggest_dot * sqrt(share)), colour[row % COUNT_OF(colour)]);
    str_add_escaped(c->s, SINK_MARKUP, k->name);
    str_add(c->s, "</title></circle>\n");
    add_text(c->s, x, y + 4, "text-anchor=\"middle\" font-size=\"10\"",
             arena_printf(c->s->arena, "%u", row + 1));
}
// At most NAME_BYTES of a name, whole characters.
static const char *cut_name(Arena *a, const char *name) {
    size_t n = strlen(name);
    if (n <= NAME_BYTES) return name;
    for (n = NAME_BYTES - 3; n && ((unsigned char)name[n] & 0xc0) == 0x80;) n--;
    return arena_printf(a, "%.*s...", (int)n, name);
}
static void add_legend_row(const Chart *c, uint32_t row, const Cost *k, double share) {
    Arena *a = c->s->arena;
    Rate r = cost_rate(k, c->limits);
    double y = TOP + 18 + LIST_STEP * (int)row;
    add_text(c->s, LIST + 20, y, "text-anchor=\"end\"",
             has_dot(k) ? arena_printf(a, "%u", row + 1) : "-");
    str_addf(c->s, "<circle cx=\"%d\" cy=\"%.1f\" r=\"5\" fill=\"%s\"/>\n", LIST + 31, y - 4,
             has_dot(k) ? colour[row % COUNT_OF(colour)] : "#ccc");
    add_text(c->s, LIST + 85, y, "text-anchor=\"end\"", arena_printf(a, "%.1f%%", 100 * share));
    add_text(c->s, LIST + 135, y, "text-anchor=\"end\" fill=\"#666\"",
             r.of_bound > 0 ? arena_printf(a, "%.0f%%", 100 * r.of_bound) : "-");
    add_text(c->s, LIST + 143, y, "font-size=\"10\"", cut_name(a, k->name));
}
// The kernels that take the most time, in order of it; equal ones in order of launch.
static uint32_t most_costly(const Bench *b, const bool *done) {
    uint32_t best = b->kernel.n;
    for (uint32_t i = 0; i < b->kernel.n; i++)
        if (!done[i] &&
            (best == b->kernel.n || b->kernel.data[i].seconds > b->kernel.data[best].seconds))
            best = i;
    return best;
}
void roofline_draw(const Bench *b, Str *s) {
    Chart c = chart_new(b, s);
    bool *done = NEW_N(s->arena, bool, b->kernel.n + 1);
    add_head(&c);
    add_axes(&c);
    add_roofs(&c);
    add_text(s, LIST + 85, TOP - 2, "text-anchor=\"end\" fill=\"#666\"", "time");
    add_text(s, LIST + 135, TOP - 2, "text-anchor=\"end\" fill=\"#666\"", "of roof");
    for (uint32_t row = 0; row < b->kernel.n; row++) {
        uint32_t i = most_costly(b, done);
        const Cost *k = &b->kernel.data[i];
        double share = b->profiled > 0 ? k->seconds / b->profiled : 0;
        done[i] = true;
        if (has_dot(k)) add_dot(&c, row, k, share);
        if (row < LIST_ROWS) add_legend_row(&c, row, k, share);
    }
    if (b->kernel.n > LIST_ROWS)
        add_text(s, LIST + 143, TOP + 18 + LIST_STEP * LIST_ROWS, "fill=\"#666\"",
                 arena_printf(s->arena, "and %u more", b->kernel.n - LIST_ROWS));
    str_add(s, "</svg>\n");
}
