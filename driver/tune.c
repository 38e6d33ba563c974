// tune.c: the verb around the search. Every matmul and attention shape of the model is a spot with
// a schedule of its own; time goes to spots by what they cost. At the end the whole model runs
// with the old and the new schedules, interleaved: its results must be the same bytes.
#include "driver/execute.h"
#include "driver/report_file.h"
#include "driver/tune.h"
#include <math.h>
#include <signal.h>
#include <string.h>
#include <time.h>

static const double search_share = 0.85; // of the budget; the rest is for the whole model
static const double trial_share = 1 / 400., longest_trial = 0.15; // seconds

// ---- time and interruption ------------------------------------------------------------------
// SIGINT is blocked while we search, so that no child dies of it and the best so far is kept; a
// pending one means stop.
static void block_interrupts(int how) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigprocmask(how, &set, NULL);
}
static bool take_interrupt(void) {
    sigset_t set;
    struct timespec at_once = {0, 0};
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    return sigtimedwait(&set, NULL, &at_once) == SIGINT;
}
bool tune_is_over(Tuner *u, double until) {
    double now = seconds_now();
    u->interrupted = u->interrupted || take_interrupt();
    progress_step(&u->tool->term, (uint64_t)(1000 * (now - u->begun)));
    return u->interrupted || now >= until || now >= u->deadline;
}

// ---- spots ----------------------------------------------------------------------------------
static Spot *find_spot(Tuner *u, const Tunable *x) {
    for (uint32_t i = 0; i < u->spot.n; i++) {
        Spot *s = &u->spot.data[i];
        if (s->op == x->op && !memcmp(&s->shape, &x->shape, sizeof s->shape)) return s;
    }
    Spot *s = PUSH(u->tool->c.arena, &u->spot);
    *s = (Spot){.op = x->op, .shape = x->shape};
    s->start = s->best = sched_choose(x->op, x->shape, u->passes.target, u->passes.tuning);
    return s;
}
// The whole program with the schedules so far.
static Program *lower_now(Tuner *u, Tunables *tunables) {
    PassOptions o = u->passes;
    o.tunables = tunables;
    return pipeline_lower(&u->tool->c, u->graph, &o);
}
static void add_rows(Tuner *u) {
    const Tuning *given = u->passes.tuning;
    uint32_t n = given ? given->n : 0;
    u->first_row = n;
    u->tuning.row = NEW_N(u->tool->c.arena, TuningRow, n + u->spot.n + 1);
    u->tuning.n = n + u->spot.n;
    for (uint32_t i = 0; i < n; i++) u->tuning.row[i] = given->row[i];
    for (uint32_t i = 0; i < u->spot.n; i++) {
        const Spot *s = &u->spot.data[i];
        u->tuning.row[n + i] = (TuningRow){s->op, false, s->shape, choice_untuned};
    }
    u->passes.tuning = &u->tuning;
}
static Program *find_spots(Tuner *u) {
    Tunables t = {.arena = u->tool->c.arena};
    Program *p = lower_now(u, &t);
    for (uint32_t i = 0; p && i < t.at.n; i++) find_spot(u, &t.at.data[i])->launches++;
    add_rows(u);
    return p;
}

// ---- the search -----------------------------------------------------------------------------
static double cost_of(const Spot *s) {
    return s->before * s->launches;
}
// The costliest spot that was not searched yet, and the cost of all of those.
static uint32_t next_spot(const Tuner *u, const bool *done, double *left) {
    uint32_t best = u->spot.n;
    *left = 0;
    for (uint32_t i = 0; i < u->spot.n; i++) {
        const Spot *s = &u->spot.data[i];
        if (done[i]) continue;
        *left += cost_of(s);
        if (best == u->spot.n || cost_of(s) > cost_of(&u->spot.data[best])) best = i;
    }
    return best;
}
static bool search_all(Tuner *u) {
    bool *done = NEW_N(u->tool->c.arena, bool, u->spot.n + 1);
    for (uint32_t i = 0; i < u->spot.n && !tune_is_over(u, u->deadline); i++)
        if (!search_begin(u, i)) return false;
    for (uint32_t i = 0; i < u->spot.n; i++) {
        double left, now = seconds_now();
        uint32_t s = next_spot(u, done, &left);
        if (left <= 0) return true;
        double share = cost_of(&u->spot.data[s]) / left;
        done[s] = true;
        if (!search_spot(u, s, now + share * (u->deadline - now))) return false;
    }
    return true;
}

uint32_t tune_better(const Tuner *u) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < u->spot.n; i++) {
        const Choice *set = &u->tuning.row[u->first_row + i].set;
        n += memcmp(set, &choice_untuned, sizeof *set) != 0;
    }
    return n;
}

// ---- the whole model ------------------------------------------------------------------------
enum { SIDES = 2, MOST_CALLS = 1000 };
typedef struct WholeJob {
    const Tuner *tuner;
    const Executable *exe[SIDES];
    double until;
} WholeJob;
typedef struct Side {
    Session session;
    double seconds[MOST_CALLS];
} Side;
static void **random_inputs(Tool *t, const vitc_model_info *m) {
    uint64_t state = 1;
    void **in = NEW_N(t->c.arena, void *, m->n_inputs);
    for (uint32_t i = 0; i < m->n_inputs; i++) {
        Type type = type_of_info(&m->inputs[i]);
        in[i] = arena_alloc(t->c.arena, m->inputs[i].bytes);
        random_fill(&state, &type, in[i]);
    }
    return in;
}
static bool same_outputs(const Session *a, const Session *b) {
    for (uint32_t i = 0; i < a->info->n_outputs; i++)
        if (memcmp(a->out[i], b->out[i], a->info->outputs[i].bytes)) return false;
    return true;
}
static bool compare_work(Tool *t, void *arg, Str *out) {
    enum { FEWEST_CALLS = 5 };
    const WholeJob *job = arg;
    Side *side = NEW_N(t->c.arena, Side, SIDES);
    Session threads = {0};
    Whole w = {0};
    if (!session_threads(t, &threads, (int)job->tuner->threads)) return false;
    for (int i = 0; i < SIDES; i++) {
        const vitc_model_info *m = executable_load(t, job->exe[i]);
        if (!m || !session_open(t, job->exe[i], m, &side[i].session)) return false;
        side[i].session.pool = threads.pool;
    }
    void **in = random_inputs(t, side[0].session.info);
    for (int i = 0; i < SIDES; i++)
        if (!session_run(t, &side[i].session, in)) return false;
    w.same_bytes = same_outputs(&side[0].session, &side[1].session);
    while (w.calls < MOST_CALLS && (w.calls < FEWEST_CALLS || seconds_now() < job->until)) {
        for (int i = 0; i < SIDES; i++) {
            double begun = seconds_now();
            if (!session_run(t, &side[i].session, in)) return false;
            side[i].seconds[w.calls] = seconds_now() - begun;
        }
        w.calls++;
    }
    for (int i = 0; i < SIDES; i++) w.median[i] = median_of(side[i].seconds, w.calls);
    str_add_n(out, &w, sizeof w);
    return true;
}
static bool compare_whole(Tuner *u, const Program *start, double until, Whole *out) {
    Tool *t = u->tool;
    Executable exe[SIDES];
    const Program *best = lower_now(u, NULL);
    WholeJob job = {u, {&exe[0], &exe[1]}, until};
    Bytes sent;
    if (!best || !executable_from_program(t, start, 0, &exe[0]) ||
        !executable_from_program(t, best, 0, &exe[1]) ||
        !work_run(t, "the model", compare_work, &job, &sent))
        return false;
    for (int i = 0; i < SIDES; i++) executable_close(&exe[i]);
    memcpy(out, sent.data, sizeof *out);
    return out->same_bytes ||
           diag_error(t->c.diag, ERR_INTERNAL, 0, "other schedules gave other results");
}

// ---- the verb -------------------------------------------------------------------------------
static bool check_target(Tool *t, const PassOptions *o) {
    if (o->also && o->also[0])
        return diag_error(t->c.diag, ERR_USAGE, 0, "--target: tune takes one level");
    return vitc_cpu_check(o->target->features) == VITC_OK ||
           diag_error(t->c.diag, ERR_TARGET, 0, "code for %s does not run on this machine",
                      o->target->name);
}
static bool check_options(Tuner *u) {
    Tool *t = u->tool;
    const Options *o = &t->opt;
    const int64_t *threads;
    size_t n;
    if (!o->output) {
        diag_error(t->c.diag, ERR_USAGE, 0, "tune needs -o FILE for the tuning");
        return diag_note(t->c.diag, "vitc tune %s -o tuning.json", o->file.data[0]);
    }
    if (!thread_counts(t, false, &threads, &n)) return false;
    if (n != 1) return diag_error(t->c.diag, ERR_USAGE, 0, "--threads: tune takes one number");
    if (!(o->budget > 0))
        return diag_error(t->c.diag, ERR_USAGE, 0, "--budget: there must be some time to search");
    u->threads = threads[0];
    return pass_options(t, &u->passes) && check_target(t, &u->passes) &&
           report_file_check(t, o->output, TUNING_OPENING);
}
static bool load(Tuner *u) {
    Tool *t = u->tool;
    FrontendOptions front = frontend_options(&t->opt);
    Source s;
    if (!source_load(t, t->opt.file.data[0], &front, &s)) return false;
    if (!s.graph)
        return diag_error(t->c.diag, ERR_USAGE, 0, "%s: only a model or a graph can be tuned",
                          t->opt.file.data[0]);
    u->graph = s.graph;
    return pipeline_graph(&t->c, s.graph, &u->passes);
}
static bool write_tuning(Tuner *u) {
    Str file = str_new(u->tool->c.arena);
    tuning_print(&u->tuning, u->passes.target, &file);
    return report_file_write(u->tool, u->tool->opt.output, &file);
}
static bool tune(Tuner *u, Str *report) {
    Tool *t = u->tool;
    Whole whole = {0};
    const Program *start = find_spots(u);
    if (!start || !trial_weights(t, start->weight_bytes, &u->weights)) return false;
    u->begun = seconds_now();
    u->deadline = u->begun + search_share * t->opt.budget;
    u->trial_seconds = fmin(trial_share * t->opt.budget, longest_trial);
    progress_begin(&t->term, "tuning", (uint64_t)(1000 * search_share * t->opt.budget));
    bool ok = search_all(u);
    progress_end(&t->term);
    if (!ok) return false;
    bool checks = tune_better(u) && !u->interrupted;
    if (checks && !compare_whole(u, start, u->begun + t->opt.budget, &whole)) return false;
    if (checks && whole.median[1] > whole.median[0])
        diag_warning(t->c.diag, 0, "the whole model is not faster: is this machine idle?");
    (t->opt.json ? tune_print_json : tune_print)(u, &whole, report);
    return write_tuning(u);
}
bool verb_tune(Tool *t) {
    Tuner u = {.tool = t};
    Str report = str_new(t->c.arena);
    if (!check_options(&u) || !load(&u)) return false;
    block_interrupts(SIG_BLOCK);
    bool ok = tune(&u, &report) && tool_print(t, &report);
    take_interrupt(); // one that came too late to matter
    block_interrupts(SIG_UNBLOCK);
    return ok;
}
