// outputs.c: which outputs of a model are compiled. Beside its own, a model can give what follows
// from them: probabilities from logits, the CLS vector from the last hidden state.
#include "frontend/frontend.h"
#include <string.h>

typedef struct Choice {
    Ctx *c;
    Graph *g;
    const GraphOutput *own; // the model's
    uint32_t nown;
} Choice;

// ---- derived outputs -------------------------------------------------------------------------
// The output of this name, or the only one of this rank. 0 = none.
static NodeId find_float(const Choice *k, const char *name, int rank) {
    NodeId only = 0;
    uint32_t n = 0;
    for (uint32_t i = 0; i < k->nown; i++) {
        const Type *t = graph_type(k->g, k->own[i].node);
        if (dtype_info[t->dt].cls != CLASS_FLOAT || t->rank != rank) continue;
        if (strcmp(k->own[i].name, name) == 0) return k->own[i].node;
        only = k->own[i].node;
        n++;
    }
    return n == 1 ? only : 0;
}
static NodeId as_f32(Graph *g, NodeId n) {
    return n == 0 || graph_type(g, n)->dt == DT_F32 ? n : g_cast(g, n, DT_F32);
}
static NodeId make_probs(const Choice *k) {
    ModelTask task = k->g->info.task;
    NodeId logits = task == TASK_FEATURES ? 0 : as_f32(k->g, find_float(k, "logits", 2));
    if (logits == 0 || task == TASK_REGRESSION) return logits;
    return g_unary(k->g, task == TASK_MULTI_LABEL ? OP_SIGMOID : OP_SOFTMAX, logits);
}
static NodeId make_cls(const Choice *k) {
    NodeId hidden = find_float(k, "last_hidden_state", 3);
    if (hidden == 0 || graph_type(k->g, hidden)->dim[1] < 1) return 0;
    const Type t = *graph_type(k->g, hidden);
    return g_reshape(k->g, g_slice(k->g, hidden, 1, 0, 1), 2, (int64_t[]){t.dim[0], t.dim[2]});
}
typedef struct Derived {
    const char *name, *from;
    NodeId (*make)(const Choice *k);
} Derived;
static const Derived derived[] = {
    {"probs", "logits", make_probs},
    {"cls", "last_hidden_state", make_cls},
};

// ---- choosing --------------------------------------------------------------------------------
static bool is_chosen(const Graph *g, const char *name) {
    for (uint32_t i = 0; i < g->output.n; i++) {
        if (strcmp(g->output.data[i].name, name) == 0) return true;
    }
    return false;
}
static void choose(const Choice *k, const char *name, NodeId n) {
    if (!is_chosen(k->g, name)) graph_output(k->g, name, n);
}
// The model's outputs of this name, or of the group name.0, name.1, …
static bool choose_own(const Choice *k, const char *word) {
    size_t n = strlen(word);
    bool found = false;
    for (uint32_t i = 0; i < k->nown; i++) {
        const char *name = k->own[i].name;
        if (strncmp(name, word, n) != 0 || (name[n] != 0 && name[n] != '.')) continue;
        choose(k, name, k->own[i].node);
        found = true;
    }
    return found;
}
static bool choose_derived(const Choice *k, const char *word) {
    for (size_t i = 0; i < COUNT_OF(derived); i++) {
        if (strcmp(derived[i].name, word) != 0) continue;
        NodeId n = derived[i].make(k);
        if (n) choose(k, word, n);
        if (n) return true;
        return diag_error(k->c->diag, ERR_USAGE, 0,
                          "'%s' follows from '%s', which this model does not give", word,
                          derived[i].from);
    }
    return false;
}
static void choose_all(const Choice *k) {
    for (uint32_t i = 0; i < k->nown; i++) choose(k, k->own[i].name, k->own[i].node);
    for (size_t i = 0; i < COUNT_OF(derived); i++) {
        NodeId n = is_chosen(k->g, derived[i].name) ? 0 : derived[i].make(k);
        if (n) choose(k, derived[i].name, n);
    }
}
static bool unknown(const Choice *k, const char *word) {
    enum { LISTED = 12 };
    Arena *a = k->c->arena;
    const char **names = NEW_N(a, const char *, k->nown + COUNT_OF(derived));
    uint32_t n = 0;
    for (uint32_t i = 0; i < k->nown; i++) names[n++] = k->own[i].name;
    for (size_t i = 0; i < COUNT_OF(derived); i++) names[n++] = derived[i].name;
    const char *near = str_did_you_mean(word, names, n);
    diag_error(k->c->diag, ERR_USAGE, 0, "this model has no output '%s'%s%s%s", word,
               near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    Str list = str_new(a);
    for (uint32_t i = 0; i < n && i < LISTED; i++) str_addf(&list, "%s%s", i ? ", " : "", names[i]);
    return diag_note(k->c->diag, "it has %s%s", str_cstr(&list), n > LISTED ? ", …" : "");
}
static bool choose_word(const Choice *k, const char *word) {
    if (choose_own(k, word)) return true;
    uint32_t before = diag_count(k->c->diag);
    if (choose_derived(k, word)) return true;
    return diag_count(k->c->diag) == before ? unknown(k, word) : false;
}

static bool check_borders(Ctx *c, const Graph *g) {
    uint64_t n = (uint64_t)g->input.n + g->output.n;
    return n <= limit(LIM_BORDERS) ||
           diag_error(c->diag, ERR_LIMIT, 0, "%llu inputs and outputs; the limit is %llu",
                      (unsigned long long)n, (unsigned long long)limit(LIM_BORDERS));
}
static bool select_from(Ctx *c, Graph *g, const char *list) {
    Choice k = {c, g, arena_copy(c->arena, g->output.data, g->output.n * sizeof *g->output.data),
                g->output.n};
    g->output.n = 0;
    if (strcmp(list, "all") == 0) {
        choose_all(&k);
        list = "";
    }
    while (*list) {
        size_t n = strcspn(list, ",");
        if (n && !choose_word(&k, arena_strndup(c->arena, list, n))) return false;
        list += n + (list[n] == ',');
    }
    if (g->output.n == 0) return diag_error(c->diag, ERR_USAGE, 0, "no output is asked for");
    graph_compact(g);
    return true;
}
bool frontend_select_outputs(Ctx *c, Graph *g, const char *outputs, const char *fallback) {
    const char *list = outputs ? outputs : fallback;
    return (!list || select_from(c, g, list)) && check_borders(c, g);
}
