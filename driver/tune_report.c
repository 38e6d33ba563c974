// tune_report.c: what tune found, as text and as JSON.
#include "driver/tune.h"

static double gain(double before, double after) {
    return before > 0 ? 100 * (1 - after / before) : 0;
}
static const char *text_shape(Arena *a, Shape s) {
    return arena_printf(a, "%lldx%lldx%lld", (long long)s.dim[0], (long long)s.dim[1],
                        (long long)s.dim[2]);
}
static const char *text_changes(Arena *a, Choice set) {
    Str s = str_new(a);
    for (size_t k = 0; k < knob_rows; k++)
        if (*knob_of(&set, k) != UNTUNED)
            str_addf(&s, "%s%s %lld", s.n ? ", " : "", knob_info[k].name,
                     (long long)*knob_of(&set, k));
    return s.n ? str_cstr(&s) : "as it was";
}
void tune_print(const Tuner *u, const Whole *w, Str *s) {
    Arena *a = s->arena;
    const char *name = u->graph->info.name;
    str_addf(s, "%s for %s, %lld threads: %u of %u schedules are better%s\n",
             escape(a, SINK_TERMINAL, name ? name : "a model"), u->passes.target->name,
             (long long)u->threads, tune_better(u), u->spot.n,
             u->interrupted ? " (interrupted)" : "");
    str_addf(s, "%-10s %-16s %8s %6s %10s %10s %6s  %s\n", "op", "shape", "launches", "tried",
             "before", "after", "gain", "schedule");
    for (uint32_t i = 0; i < u->spot.n; i++) {
        const Spot *x = &u->spot.data[i];
        str_addf(s, "%-10s %-16s %8u %6u %10s %10s %5.1f%%  %s\n", graph_op[x->op].text,
                 text_shape(a, x->shape), x->launches, x->tried,
                 x->before > 0 ? text_seconds(a, x->before) : "-",
                 x->before > 0 ? text_seconds(a, x->after) : "-", gain(x->before, x->after),
                 text_changes(a, changes_of(x, &x->best)));
    }
    if (w->calls)
        str_addf(s, "%-10s %-16s %8s %6llu %10s %10s %5.1f%%  the same bytes\n", "model", "", "",
                 (unsigned long long)w->calls, text_seconds(a, w->median[0]),
                 text_seconds(a, w->median[1]), gain(w->median[0], w->median[1]));
}
static void json_spot(const Spot *x, Json *j) {
    Choice set = changes_of(x, &x->best);
    json_put_object(j, NULL);
    json_put_text(j, "op", graph_op[x->op].text);
    json_put_dims(j, "shape", x->shape.dim, COUNT_OF(x->shape.dim));
    json_put_uint(j, "launches", x->launches);
    json_put_uint(j, "tried", x->tried);
    json_put_real(j, "before", x->before);
    json_put_real(j, "after", x->after);
    json_put_object(j, "changes");
    for (size_t k = 0; k < knob_rows; k++)
        if (*knob_of(&set, k) != UNTUNED) json_put_int(j, knob_info[k].name, *knob_of(&set, k));
    json_put_end(j);
    json_put_end(j);
}
void tune_print_json(const Tuner *u, const Whole *w, Str *s) {
    Json j = json_put_begin(s, "tune");
    json_put_text(&j, "model", u->graph->info.name);
    json_put_text(&j, "target", u->passes.target->name);
    json_put_int(&j, "threads", u->threads);
    json_put_real(&j, "seconds", seconds_now() - u->begun);
    json_put_bool(&j, "interrupted", u->interrupted);
    json_put_array(&j, "spots");
    for (uint32_t i = 0; i < u->spot.n; i++) json_spot(&u->spot.data[i], &j);
    json_put_end(&j);
    if (w->calls) {
        json_put_object(&j, "whole");
        json_put_uint(&j, "calls", w->calls);
        json_put_real(&j, "before", w->median[0]);
        json_put_real(&j, "after", w->median[1]);
        json_put_bool(&j, "same_bytes", w->same_bytes != 0);
        json_put_end(&j);
    } else {
        json_put_text(&j, "whole", NULL);
    }
    json_put_finish(&j);
}
