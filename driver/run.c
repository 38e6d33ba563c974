// run.c: the model on pictures or tensors. All work happens in a child, which sends back the text
// for stdout and the bytes of the output file; the parent writes both.
#include "driver/execute.h"
#include "driver/feed.h"
#include "driver/memfile.h"
#include "driver/outfile.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

typedef struct RunJob {
    const Executable *exe;
    int threads;
} RunJob;
typedef struct Run {
    Tool *tool;
    Session session;
    Feed feed;
    NamedTensor *all; // every output, over all calls
    double seconds;   // inside the model
} Run;

// ---- outputs --------------------------------------------------------------------------------
static bool is_batched(const Run *r, uint32_t output) {
    const vitc_tensor_info *o = &r->session.info->outputs[output];
    return o->rank > 0 && (uint64_t)o->dim[0] == r->feed.batch;
}
static bool make_outputs(Run *r) {
    const vitc_model_info *m = r->session.info;
    r->all = NEW_N(r->tool->c.arena, NamedTensor, m->n_outputs);
    for (uint32_t i = 0; i < m->n_outputs; i++) {
        Type type = type_of_info(&m->outputs[i]);
        if (r->feed.ncalls > 1 && !is_batched(r, i))
            return diag_error(r->tool->c.diag, ERR_UNSUPPORTED, 0,
                              "output '%s' has no batch axis: give %u pictures at most",
                              m->outputs[i].name, r->feed.batch);
        if (r->feed.ncalls != 1 || is_batched(r, i)) type.dim[0] = r->feed.nitems;
        r->all[i] = (NamedTensor){m->outputs[i].name, type,
                                  arena_alloc(r->tool->c.arena, type_nbytes(&type))};
    }
    return true;
}
static void keep_outputs(Run *r, uint32_t call) {
    uint32_t first = call * r->feed.batch, left = r->feed.nitems - first;
    for (uint32_t i = 0; i < r->session.info->n_outputs; i++) {
        uint64_t whole = r->session.info->outputs[i].bytes, item = whole / r->feed.batch;
        uint64_t n = is_batched(r, i) && left < r->feed.batch ? item * left : whole;
        memcpy((char *)(uintptr_t)r->all[i].data + first * (is_batched(r, i) ? item : 0),
               r->session.out[i], n);
    }
}

// ---- labels ---------------------------------------------------------------------------------
// The output that holds one score per label and item, or NULL.
static const NamedTensor *find_scores(const Run *r) {
    const vitc_model_info *m = r->session.info;
    for (uint32_t i = 0; i < m->n_outputs; i++) {
        const Type *x = &r->all[i].type;
        bool labelled = m->n_labels && x->rank == 2 && (uint64_t)x->dim[1] == m->n_labels;
        if (x->dt == DT_F32 && x->rank == 2 && (labelled || !strcmp(r->all[i].name, "logits")))
            return &r->all[i];
    }
    return NULL;
}
static void to_scores(const vitc_model_info *m, const NamedTensor *x, const float *row,
                      float *out) {
    size_t n = (size_t)x->type.dim[1];
    bool ready = !strcmp(x->name, "probs");
    if (!ready && m->task == 1)
        vitc_softmax(row, out, n);
    else if (!ready && m->task == 2)
        vitc_sigmoid(row, out, n);
    else
        memcpy(out, row, n * sizeof *row);
}
typedef struct Ranking {
    const float *score;
    const size_t *index;
    size_t n;
} Ranking;
static Ranking rank_item(const Run *r, const NamedTensor *x, uint32_t item) {
    Arena *a = r->tool->c.arena;
    size_t n = (size_t)x->type.dim[1], top = (size_t)r->tool->opt.top;
    float *score = NEW_N(a, float, n);
    size_t *index = NEW_N(a, size_t, n);
    if (top > n) top = n;
    to_scores(r->session.info, x, (const float *)x->data + item * n, score);
    vitc_topk(score, n, top, index);
    return (Ranking){score, index, top};
}
static const char *label_of(const vitc_model_info *m, size_t i) {
    const char *label = m->labels && i < m->n_labels ? m->labels[i] : NULL;
    return label && *label ? label : NULL;
}
static const char *item_name(const Run *r, uint32_t item) {
    const TextList *files = r->feed.files;
    if (!r->feed.tensor) return files->data[item];
    return r->feed.nitems == 1 ? files->data[0]
                               : arena_printf(r->tool->c.arena, "%s[%u]", files->data[0], item);
}
static void print_item(const Run *r, const NamedTensor *x, uint32_t item, Str *s) {
    Ranking k = rank_item(r, x, item);
    str_add_escaped(s, SINK_TERMINAL, item_name(r, item));
    str_add(s, "\n");
    for (size_t i = 0; i < k.n; i++) {
        const char *label = label_of(r->session.info, k.index[i]);
        str_addf(s, "    %8.4f  %4zu%s%s\n", (double)k.score[k.index[i]], k.index[i],
                 label ? "  " : "", escape(s->arena, SINK_TERMINAL, label ? label : ""));
    }
}
static void print_outputs(const Run *r, Str *s) {
    for (uint32_t i = 0; i < r->session.info->n_outputs; i++) {
        str_add_escaped(s, SINK_TERMINAL, r->all[i].name);
        str_addf(s, " %s\n", type_text(s->arena, &r->all[i].type));
    }
}
static void print_text(const Run *r, Str *s) {
    const NamedTensor *x = find_scores(r);
    if (!x) print_outputs(r, s);
    for (uint32_t item = 0; x && item < r->feed.nitems; item++) print_item(r, x, item, s);
}
static void json_item(const Run *r, const NamedTensor *x, uint32_t item, Json *j) {
    Ranking k = rank_item(r, x, item);
    json_put_object(j, NULL);
    json_put_text(j, "input", item_name(r, item));
    json_put_array(j, "top");
    for (size_t i = 0; i < k.n; i++) {
        json_put_object(j, NULL);
        json_put_uint(j, "index", k.index[i]);
        json_put_text(j, "label", label_of(r->session.info, k.index[i]));
        json_put_real(j, "score", (double)k.score[k.index[i]]);
        json_put_end(j);
    }
    json_put_end(j);
    json_put_end(j);
}
static void print_json(const Run *r, Str *s) {
    Json j = json_put_begin(s, "run");
    json_put_text(&j, "model", r->session.info->name);
    json_put_text(&j, "target", r->session.info->target);
    json_put_int(&j, "threads", r->session.threads);
    json_put_real(&j, "seconds", r->seconds);
    json_put_array(&j, "outputs");
    for (uint32_t i = 0; i < r->session.info->n_outputs; i++) {
        json_put_object(&j, NULL);
        json_put_text(&j, "name", r->all[i].name);
        json_put_text(&j, "dtype", dtype_info[r->all[i].type.dt].text);
        json_put_dims(&j, "dims", r->all[i].type.dim, r->all[i].type.rank);
        json_put_end(&j);
    }
    json_put_end(&j);
    const NamedTensor *x = find_scores(r);
    json_put_array(&j, "items");
    for (uint32_t item = 0; x && item < r->feed.nitems; item++) json_item(r, x, item, &j);
    json_put_finish(&j);
}

// ---- in the child ---------------------------------------------------------------------------
// Sends the number of bytes of text, the text, and the output file.
static bool run_model(Tool *t, void *arg, Str *out) {
    const RunJob *job = arg;
    Run r = {.tool = t};
    const vitc_model_info *m = executable_load(t, job->exe);
    if (!m || !feed_open(t, m, &t->opt.input, &r.feed) ||
        !session_open(t, job->exe, m, &r.session) ||
        !session_threads(t, &r.session, job->threads) || !make_outputs(&r))
        return false;
    for (uint32_t call = 0; call < r.feed.ncalls; call++) {
        if (!feed_fill(t, &r.feed, call)) return false;
        double start = seconds_now();
        if (!session_run(t, &r.session, r.feed.in)) return false;
        r.seconds += seconds_now() - start;
        keep_outputs(&r, call);
    }
    Str text = str_new(t->c.arena);
    if (t->opt.json)
        print_json(&r, &text);
    else
        print_text(&r, &text);
    uint64_t n = text.n;
    str_add_n(out, &n, sizeof n);
    str_add_n(out, text.data, text.n);
    if (t->opt.output) safetensors_write(out, r.all, m->n_outputs);
    return true;
}

// ---- in the parent --------------------------------------------------------------------------
// The output is no input, and replaces no file of the model.
static bool may_write(Tool *t, const char *path) {
    Arena *a = t->c.arena;
    const char *model = t->opt.file.data[0];
    const char *home = path_is_dir(model) ? model : path_dir(a, model);
    Loc at = diag_loc(t->c.diag, (LocInfo){.file = path});
    bool is_input = is_same_file(path, model);
    for (uint32_t i = 0; i < t->opt.input.n; i++)
        is_input = is_input || is_same_file(path, t->opt.input.data[i]);
    if (is_input) return diag_error(t->c.diag, ERR_USAGE, at, "is an input");
    bool in_directory = path_is_dir(model) || str_ends(model, ".json");
    if (!in_directory || access(path, F_OK) || !is_same_file(path_dir(a, path), home)) return true;
    return diag_error(t->c.diag, ERR_USAGE, at, "exists in the directory of the model");
}
static bool write_output(Tool *t, const char *path, const char *data, size_t n) {
    Loc at = diag_loc(t->c.diag, (LocInfo){.file = path});
    OutFile o;
    if (!out_open(&o, path))
        return diag_error(t->c.diag, ERR_IO, at, "cannot be written: %s", strerror(errno));
    bool ok = write_all(o.fd, data, n);
    if (!ok) out_abort(&o);
    return (ok && out_commit(&o)) ||
           diag_error(t->c.diag, ERR_IO, at, "cannot be written: %s", strerror(errno));
}
bool verb_run(Tool *t) {
    const Options *o = &t->opt;
    FrontendOptions front = frontend_options(o);
    Executable exe;
    const int64_t *threads;
    size_t n;
    Bytes sent;
    if (!o->input.n) return diag_error(t->c.diag, ERR_USAGE, 0, "run needs --input FILE");
    if (o->output && !may_write(t, o->output)) return false;
    if (!thread_counts(t, false, &threads, &n) || !feed_shape(t, &o->input, &front) ||
        !executable_open(t, o->file.data[0], &front, 0, &exe))
        return false;
    RunJob job = {&exe, (int)threads[n - 1]};
    if (!work_run(t, "the model", run_model, &job, &sent)) return false;
    uint64_t text_n = 0;
    const char *text = (const char *)sent.data + sizeof text_n;
    if (sent.n >= sizeof text_n) memcpy(&text_n, sent.data, sizeof text_n);
    if (sent.n < sizeof text_n || text_n > sent.n - sizeof text_n)
        return diag_error(t->c.diag, ERR_INTERNAL, 0, "the model returned damaged data");
    Str s = str_new(t->c.arena);
    str_add_n(&s, text, text_n);
    return (!o->output ||
            write_output(t, o->output, text + text_n, sent.n - sizeof text_n - text_n)) &&
           tool_print(t, &s);
}
