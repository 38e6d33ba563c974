// verify.c: does the compiled object say what the model says? The object runs in a child with one
// thread and with all; beside it graph_eval computes the graph as it was imported, before any pass.
// Two objects are checked: the one that compile writes, and (unless --outputs chose) one that also
// gives the hidden state of every layer, so that an error shows where it begins. With --f32-math,
// each is compiled once more with products of f32, whose error stands beside.
#include "driver/execute.h"
#include "driver/feed.h"
#include <math.h>
#include <string.h>

typedef struct Row {           // one compared output
    const char *name, *object; // object: "model" or "layers"
    double max_abs, rel_l2, cosine;
    double plain_l2; // rel_l2 of products of f32, with --f32-math
    bool passes;
} Row;
typedef struct Verify {
    Tool *tool;
    const char *model;
    FrontendOptions front;
    int64_t threads;
    void **in;    // one per input of the program; NULL until the first object ran on given files
    Tensor *want; // of every output of `reference`
    const Graph *reference;
    VEC(Row) row;
    bool same_bytes; // for one thread and many
} Verify;

// ---- which outputs --------------------------------------------------------------------------
static bool names_output(const Graph *g, const char *name) {
    for (uint32_t i = 0; i < g->output.n; i++)
        if (!strcmp(g->output.data[i].name, name)) return true;
    return false;
}
// The names of g's outputs, then those of `more` that are hidden states. NULL when that adds
// nothing.
static const char *with_layers(Arena *a, const Graph *g, const Graph *more) {
    Str s = str_new(a);
    bool added = false;
    for (uint32_t i = 0; i < g->output.n; i++)
        str_addf(&s, "%s%s", i ? "," : "", g->output.data[i].name);
    for (uint32_t i = 0; i < more->output.n; i++) {
        const char *name = more->output.data[i].name;
        if (!str_starts(name, "hidden_states.") || names_output(g, name)) continue;
        str_addf(&s, ",%s", name);
        added = true;
    }
    return added ? str_cstr(&s) : NULL;
}
static const Graph *load_graph(Verify *v, const char *outputs) {
    FrontendOptions f = v->front;
    f.outputs = outputs;
    Source s;
    if (!source_load(v->tool, v->model, &f, &s)) return NULL;
    if (s.graph) return s.graph;
    Loc at = diag_loc(v->tool->c.diag, (LocInfo){.file = v->model});
    return diag_error(v->tool->c.diag, ERR_USAGE, at, "only a model or a graph can be verified"),
           NULL;
}

// ---- the object, in a child -----------------------------------------------------------------
typedef struct ObjectJob {
    const Verify *v;
    const Executable *exe;
} ObjectJob;
static void add_outputs(const Session *s, Str *out) {
    for (uint32_t i = 0; i < s->info->n_outputs; i++)
        str_add_n(out, s->out[i], s->info->outputs[i].bytes);
}
// Sends the inputs, the outputs of one thread, and those of many.
static bool run_object(Tool *t, void *arg, Str *out) {
    const ObjectJob *job = arg;
    const vitc_model_info *m = executable_load(t, job->exe);
    Feed feed;
    Session s;
    void *const *in = job->v->in;
    if (!m || !session_open(t, job->exe, m, &s)) return false;
    if (!in) {
        if (!feed_open(t, m, &t->opt.input, &feed) || !feed_fill(t, &feed, 0)) return false;
        in = feed.in;
    }
    for (uint32_t i = 0; i < m->n_inputs; i++) str_add_n(out, in[i], m->inputs[i].bytes);
    if (!session_run(t, &s, in)) return false;
    add_outputs(&s, out);
    if (!session_threads(t, &s, (int)job->v->threads) || !session_run(t, &s, in)) return false;
    add_outputs(&s, out);
    return true;
}

// ---- comparing ------------------------------------------------------------------------------
static Row compare(const char *name, const Tensor *want, const void *got, double tolerance) {
    double max_abs = 0, diff = 0, norm = 0, got_norm = 0, dot = 0;
    DType dt = want->type.dt;
    bool is_float = dtype_info[dt].cls == CLASS_FLOAT;
    for (uint64_t i = 0, n = (uint64_t)type_count(&want->type); i < n; i++) {
        double w =
            is_float ? dtype_read_f(dt, want->data, i) : (double)dtype_read_i(dt, want->data, i);
        double g = is_float ? dtype_read_f(dt, got, i) : (double)dtype_read_i(dt, got, i);
        double d = fabs(w - g);
        if (w == g || (isnan(w) && isnan(g)))
            d = 0;
        else if (!isfinite(d))
            d = INFINITY;
        max_abs = fmax(max_abs, d);
        diff += d * d;
        norm += isfinite(w) ? w * w : 0;
        got_norm += isfinite(g) ? g * g : 0;
        dot += isfinite(w * g) ? w * g : 0;
    }
    double rel = diff == 0 ? 0 : norm > 0 ? sqrt(diff / norm) : INFINITY;
    double cosine = norm > 0 && got_norm > 0 ? dot / sqrt(norm * got_norm) : diff == 0;
    return (Row){name, NULL, max_abs, rel, cosine, NAN, rel <= tolerance};
}
static const Tensor *find_want(const Verify *v, const char *name) {
    for (uint32_t i = 0; i < v->reference->output.n; i++)
        if (!strcmp(v->reference->output.data[i].name, name)) return &v->want[i];
    return NULL;
}
static bool evaluate(Verify *v, const Program *p) {
    const Graph *g = v->reference;
    Arena *a = v->tool->c.arena;
    Tensor *in = NEW_N(a, Tensor, g->input.n);
    for (uint32_t i = 0; i < g->input.n; i++) {
        const Node *n = graph_node(g, g->input.data[i]);
        in[i].type = n->type;
        for (uint32_t k = 0; k < p->input.n; k++)
            if (!strcmp(p->input.data[k].name, n->name)) in[i].data = v->in[k];
    }
    NodeId *nodes = NEW_N(a, NodeId, g->output.n);
    for (uint32_t i = 0; i < g->output.n; i++) nodes[i] = g->output.data[i].node;
    v->want = NEW_N(a, Tensor, g->output.n);
    progress_begin(&v->tool->term, "reference", 0);
    bool ok = graph_eval(g, in, nodes, g->output.n, v->want, a, v->tool->c.diag);
    progress_end(&v->tool->term);
    return ok;
}
static void keep_inputs(Verify *v, const Program *p, const char *sent) {
    if (v->in) return;
    v->in = NEW_N(v->tool->c.arena, void *, p->input.n);
    for (uint32_t i = 0; i < p->input.n; i++) {
        v->in[i] = (void *)(uintptr_t)sent;
        sent += type_nbytes(&p->input.data[i].type);
    }
}
static void random_inputs(Verify *v, const Program *p) {
    uint64_t state = (uint64_t)v->tool->opt.seed;
    v->in = NEW_N(v->tool->c.arena, void *, p->input.n);
    for (uint32_t i = 0; i < p->input.n; i++) {
        const Type *type = &p->input.data[i].type;
        v->in[i] = arena_alloc(v->tool->c.arena, type_nbytes(type));
        random_fill(&state, type, v->in[i]);
    }
}
static uint64_t total_bytes(const ProgramTensor *x, uint32_t n) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++) sum += type_nbytes(&x[i].type);
    return sum;
}
// Compiles with these outputs and runs: what it gives with one thread.
static bool run_model(Verify *v, const char *outputs, const Program **program, const char **got) {
    Tool *t = v->tool;
    FrontendOptions f = v->front;
    f.outputs = outputs;
    Executable exe;
    Bytes sent;
    const Program *p = *program = build_program(t, v->model, &f);
    if (!p || !executable_from_program(t, p, 0, &exe)) return false;
    if (!v->in && !t->opt.input.n) random_inputs(v, p);
    ObjectJob job = {v, &exe};
    if (!work_run(t, "the model", run_object, &job, &sent)) return false;
    executable_close(&exe);
    uint64_t ni = total_bytes(p->input.data, p->input.n),
             no = total_bytes(p->output.data, p->output.n);
    if (sent.n != ni + 2 * no)
        return diag_error(t->c.diag, ERR_INTERNAL, 0, "the object's tensors have other sizes");
    keep_inputs(v, p, sent.data);
    if (!v->want && !evaluate(v, p)) return false;
    *got = (const char *)sent.data + ni;
    v->same_bytes &= !memcmp(*got, *got + no, no);
    return true;
}
// Adds a row for each output.
static bool add_rows(Verify *v, const char *what, const Program *p, const char *got) {
    Tool *t = v->tool;
    for (uint32_t i = 0; i < p->output.n; i++) {
        const ProgramTensor *o = &p->output.data[i];
        const Tensor *want = find_want(v, o->name);
        if (!want)
            return diag_error(t->c.diag, ERR_INTERNAL, 0, "the reference has no output '%s'",
                              o->name);
        Row row = compare(o->name, want, got, tolerance_of(&t->opt));
        row.object = what;
        *PUSH(t->c.arena, &v->row) = row;
        got += type_nbytes(&o->type);
    }
    return true;
}
static bool has_plain(const Verify *v) {
    return strcmp(v->tool->opt.f32_math, "f32") != 0;
}
static bool check_object(Verify *v, const char *what, const char *outputs) {
    const Program *p;
    const char *got;
    uint32_t first = v->row.n;
    if (!run_model(v, outputs, &p, &got) || !add_rows(v, what, p, got)) return false;
    if (!has_plain(v)) return true;
    const char *math = v->tool->opt.f32_math;
    v->tool->opt.f32_math = "f32";
    bool ok = run_model(v, outputs, &p, &got);
    v->tool->opt.f32_math = math;
    for (uint32_t i = 0; ok && i < p->output.n; i++) {
        const ProgramTensor *o = &p->output.data[i];
        v->row.data[first + i].plain_l2 = compare(o->name, find_want(v, o->name), got, 0).rel_l2;
        got += type_nbytes(&o->type);
    }
    return ok;
}

// ---- the verdict ----------------------------------------------------------------------------
static const Row *worst_row(const Verify *v) {
    const Row *worst = &v->row.data[0];
    for (uint32_t i = 1; i < v->row.n; i++)
        if (!(v->row.data[i].rel_l2 <= worst->rel_l2)) worst = &v->row.data[i];
    return worst;
}
static void print_table(const Verify *v, const Target *target, bool pass, Str *s) {
    str_addf(s, "%-8s %-24s %10s %10s %12s%s\n", "object", "output", "max abs", "rel L2", "cosine",
             has_plain(v) ? "  f32 rel L2" : "");
    for (uint32_t i = 0; i < v->row.n; i++) {
        const Row *r = &v->row.data[i];
        str_addf(s, "%-8s %-24s %10.2e %10.2e %12.9f", r->object,
                 escape(s->arena, SINK_TERMINAL, r->name), r->max_abs, r->rel_l2, r->cosine);
        if (has_plain(v)) str_addf(s, "  %10.2e", r->plain_l2);
        str_add(s, r->passes ? "\n" : "  over the tolerance\n");
    }
    str_addf(
        s, "%s: %s, largest relative L2 error %.2e (tolerance %.0e), %s with 1 and %lld threads\n",
        pass ? "PASS" : "FAIL", target->name, worst_row(v)->rel_l2, tolerance_of(&v->tool->opt),
        v->same_bytes ? "the same bytes" : "different bytes", (long long)v->threads);
}
static void print_json(const Verify *v, const Target *target, bool pass, Str *s) {
    Json j = json_put_begin(s, "verify");
    json_put_bool(&j, "pass", pass);
    json_put_text(&j, "target", target->name);
    json_put_real(&j, "tolerance", tolerance_of(&v->tool->opt));
    json_put_int(&j, "threads", v->threads);
    json_put_bool(&j, "same_bytes", v->same_bytes);
    json_put_array(&j, "outputs");
    for (uint32_t i = 0; i < v->row.n; i++) {
        const Row *r = &v->row.data[i];
        json_put_object(&j, NULL);
        json_put_text(&j, "object", r->object);
        json_put_text(&j, "name", r->name);
        json_put_real(&j, "max_abs", r->max_abs);
        json_put_real(&j, "rel_l2", r->rel_l2);
        json_put_real(&j, "cosine", r->cosine);
        if (has_plain(v)) json_put_real(&j, "rel_l2_f32", r->plain_l2);
        json_put_bool(&j, "pass", r->passes);
        json_put_end(&j);
    }
    json_put_finish(&j);
}
static bool verdict(Verify *v) {
    Tool *t = v->tool;
    bool pass = v->same_bytes && v->row.n;
    for (uint32_t i = 0; i < v->row.n; i++) pass = pass && v->row.data[i].passes;
    Str s = str_new(t->c.arena);
    (t->opt.json ? print_json : print_table)(v, target_of_options(t), pass, &s);
    if (!tool_print(t, &s)) return false;
    if (pass) return true;
    if (!v->same_bytes)
        return diag_error(t->c.diag, ERR_VERIFY, 0, "the result depends on the number of threads");
    return diag_error(t->c.diag, ERR_VERIFY, 0,
                      "'%s' is wrong by %.2e, more than the tolerance of %.2e", worst_row(v)->name,
                      worst_row(v)->rel_l2, tolerance_of(&t->opt));
}

bool verb_verify(Tool *t) {
    const Options *o = &t->opt;
    Verify v = {
        .tool = t, .model = o->file.data[0], .front = frontend_options(o), .same_bytes = true};
    const int64_t *threads;
    size_t n;
    if (!strcmp(v.model, "-"))
        return diag_error(t->c.diag, ERR_USAGE, 0, "verify reads the model twice: give a file");
    if (!target_of_options(t) || !thread_counts(t, false, &threads, &n)) return false;
    if (o->input.n && !feed_shape(t, &o->input, &v.front)) return false;
    v.threads = threads[n - 1] > 1 ? threads[n - 1] : 2;

    const Graph *natural = load_graph(&v, o->outputs);
    const Graph *all = natural && !o->outputs ? load_graph(&v, "all") : natural;
    if (!all) return false;
    const char *layers = with_layers(t->c.arena, natural, all);
    v.reference = layers ? load_graph(&v, layers) : natural;
    if (!v.reference || (layers && !check_object(&v, "layers", layers))) return false;
    return check_object(&v, "model", o->outputs) && verdict(&v);
}
