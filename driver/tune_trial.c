// tune_trial.c: how fast are some launches of a model with a certain schedule? The model is lowered
// with it, all but those launches are left out, and they run in a child as in the model: weights
// are cold, since others passed through the caches before them; activations are warm. A rival's
// runs are interleaved, so that what else happens on the machine meets both.
#include "driver/execute.h"
#include "driver/memfile.h"
#include "driver/tune.h"
#include "runtime/vitc_object.h"
#include <string.h>
#include <unistd.h>

enum {
    MOST_LAUNCHES = 4, // of a spot in one run
    FEWEST_RUNS = 3,   // of each side
    MOST_RUNS = 15,
    WINDOW = 256 << 20, // bytes of random weights; a larger image repeats them
    PASSING = 96 << 20, // bytes read between two runs
};
static const double hopeless = 1.15;

// ---- weights --------------------------------------------------------------------------------
bool trial_weights(Tool *t, uint64_t nbytes, Bytes *out) {
    enum { CHUNK = 1 << 18 };
    uint64_t all = round_up(2 * nbytes + (4 << 20), 1 << 20); // wider panels have more padding
    uint64_t window = all < WINDOW ? all : WINDOW, state = 2;
    float *some = NEW_N(t->c.arena, float, CHUNK);
    int fd = memfile_new(t, "weights");
    if (fd < 0) return false;
    for (uint64_t at = 0; at < window; at += CHUNK * sizeof *some) {
        random_floats(&state, some, CHUNK);
        if (write_all(fd, some, CHUNK * sizeof *some)) continue;
        close(fd);
        return diag_error(t->c.diag, ERR_LIMIT, 0, "no memory for weights");
    }
    return memfile_repeat(t, fd, window, all, "weights", out);
}

// ---- the launches of one spot ---------------------------------------------------------------
static bool is_of(const Spot *s, const Tunable *x) {
    return x->op == s->op && !memcmp(&x->shape, &s->shape, sizeof x->shape);
}
// The first launches of the spot, and their kernels, as a program.
static Program *take_part(Arena *a, const Program *whole, const Tunables *t, const Spot *s) {
    Program *p = NEW(a, Program);
    uint32_t *moved = NEW_N(a, uint32_t, whole->kern.n); // a kernel's number in p, plus one
    *p = *whole;
    memset(&p->kern, 0, sizeof p->kern);
    memset(&p->launch, 0, sizeof p->launch);
    for (uint32_t i = 0; i < t->at.n && p->launch.n < MOST_LAUNCHES; i++) {
        if (!is_of(s, &t->at.data[i])) continue;
        Launch l = whole->launch.data[t->at.data[i].launch];
        if (!moved[l.kern]) {
            *PUSH(a, &p->kern) = whole->kern.data[l.kern];
            moved[l.kern] = p->kern.n;
        }
        l.kern = moved[l.kern] - 1;
        *PUSH(a, &p->launch) = l;
    }
    return p;
}
static Program *lower_part(Tuner *u, Arena *a, uint32_t spot, const Choice *c) {
    Tool *t = u->tool;
    Ctx ctx = {.arena = a, .scratch = t->c.scratch, .diag = t->c.diag};
    Tunables tunables = {.arena = a};
    PassOptions o = u->passes;
    o.tunables = &tunables;
    Choice *row = &u->tuning.row[u->first_row + spot].set, kept = *row;
    *row = changes_of(&u->spot.data[spot], c);
    Program *whole = pipeline_lower(&ctx, u->graph, &o);
    *row = kept;
    return whole ? take_part(a, whole, &tunables, &u->spot.data[spot]) : NULL;
}

// ---- in the child ---------------------------------------------------------------------------
typedef struct Runner {
    Tool *tool;
    Session session;
    void **in;
    void *activations; // what the arena holds before every run
    uint64_t nactivations;
    Bytes weights;
    double seconds[MOST_RUNS];
    int n;
} Runner;
static bool runner_open(Tool *t, Bytes object, Bytes weights, vitc_pool *pool, Runner *r) {
    Executable exe = {.object = object, .weights = weights, .prefix = "vit"};
    Arena *a = t->c.arena;
    uint64_t state = 3;
    *r = (Runner){.tool = t, .weights = weights};
    const vitc_model_info *info = executable_load(t, &exe);
    if (!info || !session_open(t, &exe, info, &r->session)) return false;
    r->session.pool = pool;
    r->in = NEW_N(a, void *, info->n_inputs);
    for (uint32_t i = 0; i < info->n_inputs; i++) {
        Type type = type_of_info(&info->inputs[i]);
        r->in[i] = arena_alloc(a, info->inputs[i].bytes);
        random_fill(&state, &type, r->in[i]);
    }
    const vitc_object *o = info->object;
    r->nactivations = o->intermediate_bytes;
    r->activations = arena_alloc(a, r->nactivations);
    random_floats(&state, r->activations, r->nactivations / sizeof(float));
    return true;
}
// Other weights pass through the caches of every thread.
typedef struct Passing {
    Bytes weights;
    int threads;
} Passing;
static void pass_by(void *arg, int index) {
    const Passing *p = arg;
    size_t n = p->weights.n < PASSING ? p->weights.n : PASSING;
    volatile uint64_t sink = 0;
    uint64_t sum = 0;
    for (size_t at = n / (size_t)p->threads * (size_t)index; at + 8 <= n; at += 64) {
        uint64_t x;
        memcpy(&x, (const char *)p->weights.data + at, sizeof x);
        sum += x;
        if (at >= n / (size_t)p->threads * (size_t)(index + 1)) break;
    }
    sink += sum;
}
static bool run_once(Runner *r) {
    Session *s = &r->session;
    const vitc_parallel *par = s->pool ? vitc_pool_parallel(s->pool) : NULL;
    Passing passing = {r->weights, par ? par->threads : 1};
    if (par)
        par->run(par->ctx, pass_by, &passing, passing.threads);
    else
        pass_by(&passing, 0);
    memcpy(s->arena, r->activations, r->nactivations);
    double begun = seconds_now();
    if (!session_run(r->tool, s, r->in)) return false;
    r->seconds[r->n++] = seconds_now() - begun;
    return true;
}
static double median_run(const Runner *r) {
    double v[MOST_RUNS];
    memcpy(v, r->seconds, sizeof v);
    return median_of(v, (size_t)r->n);
}
static bool is_decided(const Runner *rival, const Runner *mine, double until) {
    if (mine->n < FEWEST_RUNS) return false;
    return mine->n == MOST_RUNS || seconds_now() > until ||
           (rival && median_run(mine) > hopeless * median_run(rival));
}

typedef struct TrialJob {
    const Tuner *tuner;
    const Program *part;
    Bytes rival;
} TrialJob;
typedef struct TrialHead { // then the object
    double rival, mine;
    uint64_t is_same;
} TrialHead;
static bool time_both(Tool *t, const TrialJob *job, Bytes object, TrialHead *head) {
    const Tuner *u = job->tuner;
    Session threads = {0}; // only for its pool
    Runner mine, rival;
    bool has_rival = job->rival.n > 0;
    if (!session_threads(t, &threads, (int)u->threads) ||
        !runner_open(t, object, u->weights, threads.pool, &mine) ||
        (has_rival && !runner_open(t, job->rival, u->weights, threads.pool, &rival)))
        return false;
    if ((has_rival && !run_once(&rival)) || !run_once(&mine)) return false; // warm up
    mine.n = rival.n = 0;
    double until = seconds_now() + u->trial_seconds;
    do {
        if ((has_rival && !run_once(&rival)) || !run_once(&mine)) return false;
    } while (!is_decided(has_rival ? &rival : NULL, &mine, until));
    head->mine = median_run(&mine) / job->part->launch.n;
    head->rival = has_rival ? median_run(&rival) / job->part->launch.n : 0;
    return true;
}
static bool trial_work(Tool *t, void *arg, Str *out) {
    const TrialJob *job = arg;
    TrialHead head = {0};
    EmitOptions e = emit_options(job->part, "vit");
    Str object = str_new(t->c.arena);
    if (!llvm_emit_object(&t->c, job->part, &e, &object)) return false;
    head.is_same = job->rival.n == object.n && !memcmp(job->rival.data, object.data, object.n);
    if (!head.is_same && !time_both(t, job, (Bytes){object.data, object.n}, &head)) return false;
    str_add_n(out, &head, sizeof head);
    str_add_n(out, object.data, object.n);
    return true;
}

bool trial_run(Tuner *u, uint32_t s, const Choice *c, Bytes rival, Trial *out) {
    Tool *t = u->tool;
    Arena *a = arena_new("trial");
    TrialHead head;
    TrialJob job = {u, lower_part(u, a, s, c), rival};
    bool fits = job.part && job.part->weight_bytes <= u->weights.n;
    bool ok = job.part && (fits || diag_error(t->c.diag, ERR_LIMIT, 0,
                                              "the weights need more room with other schedules"));
    ok = ok && work_run(t, "a trial", trial_work, &job, &out->sent);
    arena_free(a);
    if (!ok) return false;
    memcpy(&head, out->sent.data, sizeof head);
    out->rival = head.rival;
    out->mine = head.mine;
    out->is_same = head.is_same != 0;
    out->object = (Bytes){(const char *)out->sent.data + sizeof head, out->sent.n - sizeof head};
    return true;
}
