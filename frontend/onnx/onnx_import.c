// onnx_import.c: reads a model node by node. Functions and branches are entered with an explicit
// stack of frames; a budget bounds what they can multiply.
#include "frontend/onnx/onnx_import.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_ATTRIBUTES = 128 }; // of a node or a function; lookups are linear

bool fail(Import *m, ErrKind kind, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    diag_verror(m->c->diag, kind, m->loc, fmt, ap);
    va_end(ap);
    return false;
}
static bool spend(Import *m, uint64_t work) {
    m->work += work;
    if (m->work <= limit(LIM_NODES)) return true;
    return fail(m, ERR_LIMIT, "functions expand to more than %llu nodes",
                (unsigned long long)limit(LIM_NODES));
}

// ---- values ----------------------------------------------------------------------------------
Value import_find(Frame *f, const char *name) {
    for (; f; f = f->outer) {
        uint32_t i = body_find(f->body, name);
        if (i != NO_NAME && f->value[i].node) return f->value[i];
    }
    return (Value){0};
}
// An input that the call of a function left out.
static bool is_left_out(const Frame *f, const char *name) {
    for (; f; f = f->outer) {
        uint32_t i = body_find(f->body, name);
        if (i != NO_NAME) return f->body->name[i].node == 0;
    }
    return false;
}
static void bind(Frame *f, const char *name, Value v) {
    uint32_t i = body_find(f->body, name);
    if (i != NO_NAME) f->value[i] = v;
}
static bool is_used(const Frame *f, const char *name) {
    uint32_t i = *name ? body_find(f->body, name) : NO_NAME;
    return i != NO_NAME && f->body->name[i].used;
}
Value import_tensor(Import *m, const TensorMsg *t) {
    TensorData d;
    if (!onnx_tensor(m->c, m->file, t, m->loc, &d)) return (Value){0};
    NodeId n = d.file ? graph_const_file(m->g, d.type, d.data, d.file, d.offset, m->loc)
                      : graph_const(m->g, d.type, d.data, m->loc);
    if (t->name && *t->name) graph_node(m->g, n)->name = arena_strdup(m->g->arena, t->name);
    if (dtype_info[d.type.dt].cls == CLASS_FLOAT) n = t_cast(m, n, DT_F32);
    return (Value){n, d.type.dt};
}

// ---- frames ----------------------------------------------------------------------------------
static Frame *push(Import *m, Body *body, const NodeMsg *caller) {
    if (!body || !spend(m, 1 + body->nnames / 8)) return NULL;
    if (m->depth == m->max_depth) {
        fail(m, ERR_LIMIT, "functions are nested more than %u deep", m->max_depth);
        return NULL;
    }
    Frame *f = &m->frame[m->depth++];
    *f = (Frame){.body = body, .caller = caller, .value = NEW_N(m->tmp, Value, body->nnames)};
    return f;
}
static bool load_initialisers(Import *m, Frame *f, const GraphMsg *g) {
    Loc at = m->loc;
    if (g->n_sparse_initializer)
        return fail(m, ERR_UNSUPPORTED, "sparse initialisers are not supported");
    for (size_t i = 0; i < g->n_initializer; i++) {
        const char *name = text_of(g->initializer[i]->name);
        if (!*name) return fail(m, ERR_MODEL, "an initialiser has no name");
        Value v = import_tensor(m, g->initializer[i]);
        if (v.node == 0) return false;
        bind(f, name, v);
    }
    m->loc = at;
    return true;
}
static Body *graph_body(Import *m, const GraphMsg *g, const NameList *inputs) {
    const char **given = NEW_N(m->tmp, const char *, g->n_initializer + inputs->n);
    const char **output = NEW_N(m->tmp, const char *, g->n_output);
    uint32_t n = 0;
    for (uint32_t i = 0; i < inputs->n; i++) given[n++] = inputs->text[i];
    for (size_t i = 0; i < g->n_initializer; i++) given[n++] = text_of(g->initializer[i]->name);
    for (size_t i = 0; i < g->n_output; i++) output[i] = text_of(g->output[i]->name);
    return body_new(m->c, m->tmp, m->loc, g->node, g->n_node, (NameList){given, n},
                    (NameList){output, (uint32_t)g->n_output});
}

// ---- functions -------------------------------------------------------------------------------
static int compare_function(const FunctionMsg *a, const FunctionMsg *b) {
    int order = strcmp(text_of(a->name), text_of(b->name));
    if (order == 0) order = strcmp(text_of(a->domain), text_of(b->domain));
    return order ? order : strcmp(text_of(a->overload), text_of(b->overload));
}
static int by_identity(const void *a, const void *b) {
    return compare_function(((const Function *)a)->message, ((const Function *)b)->message);
}
static bool index_functions(Import *m) {
    const Onnx__ModelProto *model = m->file->model;
    m->nfunctions = (uint32_t)model->n_functions;
    m->function = NEW_N(m->tmp, Function, m->nfunctions);
    for (uint32_t i = 0; i < m->nfunctions; i++) {
        const FunctionMsg *f = model->functions[i];
        if (f->n_attribute + f->n_attribute_proto > MAX_ATTRIBUTES) {
            return fail(m, ERR_LIMIT, "function '%s' has too many attributes", text_of(f->name));
        }
        m->function[i].message = f;
    }
    if (m->nfunctions) qsort(m->function, m->nfunctions, sizeof *m->function, by_identity);
    for (uint32_t i = 1; i < m->nfunctions; i++) {
        if (by_identity(&m->function[i - 1], &m->function[i]) == 0) {
            return fail(m, ERR_MODEL, "function '%s' is defined twice",
                        text_of(m->function[i].message->name));
        }
    }
    return true;
}
static Function *find_function(const Import *m, const NodeMsg *n) {
    FunctionMsg key = {.name = n->op_type, .domain = n->domain, .overload = n->overload};
    Function wanted = {.message = &key};
    if (m->nfunctions == 0) return NULL;
    return bsearch(&wanted, m->function, m->nfunctions, sizeof wanted, by_identity);
}
static Body *function_body(Import *m, Function *function) {
    const FunctionMsg *f = function->message;
    if (!function->body) {
        function->body =
            body_new(m->c, m->tmp, m->loc, f->node, f->n_node,
                     (NameList){(const char *const *)f->input, (uint32_t)f->n_input},
                     (NameList){(const char *const *)f->output, (uint32_t)f->n_output});
    }
    return function->body;
}
// The attributes that the nodes of the function may refer to: those of the call, or their defaults.
static void bind_attributes(Import *m, Frame *f, const OpCall *op) {
    const FunctionMsg *fn = f->function;
    AttrBinding *b = NEW_N(m->tmp, AttrBinding, fn->n_attribute + fn->n_attribute_proto);
    uint32_t n = 0;
    for (size_t i = 0; i < fn->n_attribute; i++) {
        const char *name = text_of(fn->attribute[i]);
        b[n++] = (AttrBinding){name, find_attr(op, name)};
    }
    for (size_t i = 0; i < fn->n_attribute_proto; i++) {
        const char *name = text_of(fn->attribute_proto[i]->name);
        const AttrMsg *given = find_attr(op, name);
        b[n++] = (AttrBinding){name, given ? given : fn->attribute_proto[i]};
    }
    f->binding = b;
    f->nbindings = n;
}
static bool call_function(Import *m, OpCall *op, Function *function) {
    const FunctionMsg *fn = function->message;
    for (uint32_t i = 0; i < m->depth; i++) {
        if (m->frame[i].function == fn) {
            return fail(m, ERR_MODEL, "function '%s' calls itself", text_of(fn->name));
        }
    }
    if (op->nin > fn->n_input) {
        return fail(m, ERR_MODEL, "function '%s' takes %zu inputs, %u are given", text_of(fn->name),
                    fn->n_input, op->nin);
    }
    Frame *f = push(m, function_body(m, function), op->node);
    if (!f) return false;
    f->function = fn;
    f->opsets = (OpsetList){fn->opset_import, fn->n_opset_import};
    for (uint32_t i = 0; i < op->nin; i++) bind(f, text_of(fn->input[i]), op->in[i]);
    bind_attributes(m, f, op);
    return true;
}

// ---- branches --------------------------------------------------------------------------------
static bool enter_branch(Import *m, OpCall *op) {
    double cond;
    if (!t_uniform(m, op->in[0].node, &cond)) {
        return fail(m, ERR_UNSUPPORTED,
                    "the condition depends on data: only known branches are supported");
    }
    const GraphMsg *g = opt_graph(m, op, cond != 0 ? "then_branch" : "else_branch");
    if (!g) return op->bad ? false : fail(m, ERR_MODEL, "a branch is missing");
    if (g->n_input) return fail(m, ERR_MODEL, "a branch has inputs");
    Frame *outer = op->frame;
    Frame *f = push(m, graph_body(m, g, &(NameList){NULL, 0}), op->node);
    if (!f) return false;
    f->outer = outer;
    f->opsets = outer->opsets;
    f->function = outer->function;
    f->binding = outer->binding;
    f->nbindings = outer->nbindings;
    return load_initialisers(m, f, g);
}

// The body on top is read: its outputs become those of the caller's node.
static bool leave(Import *m) {
    Frame *f = &m->frame[--m->depth];
    Frame *to = &m->frame[m->depth - 1];
    if (f->caller->n_output > f->body->noutputs) {
        return fail(m, ERR_MODEL, "%u outputs are given, %zu are asked for", f->body->noutputs,
                    f->caller->n_output);
    }
    for (size_t i = 0; i < f->caller->n_output; i++) {
        const char *name = text_of(f->caller->output[i]);
        if (!is_used(to, name)) continue;
        Value v = import_find(f, f->body->output[i]);
        if (v.node == 0)
            return fail(m, ERR_MODEL, "output '%s' is not defined", f->body->output[i]);
        bind(to, name, v);
    }
    return true;
}

// ---- nodes -----------------------------------------------------------------------------------
static const char *plain_domain(const char *domain) {
    return strcmp(domain, "ai.onnx") == 0 ? "" : domain;
}
static int64_t find_opset(OpsetList l, const char *domain) {
    for (size_t i = 0; i < l.n; i++) {
        if (strcmp(plain_domain(text_of(l.opset[i]->domain)), domain) == 0)
            return l.opset[i]->version;
    }
    return 0;
}
// A function imports for itself; what it leaves out is the model's. A domain that nobody imports
// has version 1, but the standard operators have changed too often for that.
static bool find_version(Import *m, OpCall *op) {
    const Onnx__ModelProto *model = m->file->model;
    op->opset = find_opset(op->frame->opsets, op->domain);
    if (op->opset == 0) {
        op->opset = find_opset((OpsetList){model->opset_import, model->n_opset_import}, op->domain);
    }
    if (op->opset == 0 && !*op->domain) {
        return fail(m, ERR_MODEL, "the model does not import the standard operators");
    }
    if (op->opset == 0) op->opset = 1;
    return true;
}
static bool read_inputs(Import *m, OpCall *op) {
    const NodeMsg *n = op->node;
    op->in = n->n_input <= MIN_SLOTS ? op->room_in : NEW_N(m->tmp, Value, n->n_input);
    for (size_t i = 0; i < n->n_input; i++) {
        const char *name = text_of(n->input[i]);
        if (!*name) continue;
        op->in[i] = import_find(op->frame, name);
        if (op->in[i].node)
            op->nin = (uint32_t)i + 1;
        else if (!is_left_out(op->frame, name))
            return fail(m, ERR_MODEL, "input '%s' is not defined", name);
    }
    return true;
}
static void prepare_outputs(Import *m, OpCall *op) {
    op->nout = (uint32_t)op->node->n_output;
    bool fits = op->nout <= MIN_SLOTS;
    op->out = fits ? op->room_out : NEW_N(m->tmp, Value, op->nout);
    op->wanted = fits ? op->room_wanted : NEW_N(m->tmp, bool, op->nout);
    for (uint32_t i = 0; i < op->nout; i++) {
        op->wanted[i] = is_used(op->frame, text_of(op->node->output[i]));
    }
}
static bool check_arity(Import *m, const OpCall *op, const OpRow *row) {
    if (op->nin > row->max_in) {
        return fail(m, ERR_MODEL, "%u inputs are given, at most %u are allowed", op->nin,
                    row->max_in);
    }
    for (uint32_t i = 0; i < row->min_in; i++) {
        if (op->in[i].node == 0) return fail(m, ERR_MODEL, "input %u is missing", i);
    }
    if (op->opset < row->since) {
        return fail(m, ERR_MODEL, "the operator exists from opset %lld on, the model imports %lld",
                    (long long)row->since, (long long)op->opset);
    }
    return true;
}
// Computed floats are f32 in the graph; in the file they have the type of the first float input.
static DType output_type(const Import *m, const OpCall *op, NodeId n) {
    DType dt = t_type(m, n)->dt;
    if (dtype_info[dt].cls != CLASS_FLOAT) return dt;
    for (uint32_t i = 0; i < op->nin; i++) {
        if (op->in[i].node && dtype_info[op->in[i].dt].cls == CLASS_FLOAT) return op->in[i].dt;
    }
    return dt;
}
static bool bind_outputs(Import *m, OpCall *op) {
    for (uint32_t i = 0; i < op->nout; i++) {
        Value v = op->out[i];
        const char *name = text_of(op->node->output[i]);
        if (!op->wanted[i]) continue;
        if (v.node == 0)
            return fail(m, ERR_UNSUPPORTED, "output %u ('%s') is not supported", i, name);
        if (v.dt == DT_NONE) v.dt = output_type(m, op, v.node);
        bind(op->frame, name, v);
        Node *node = graph_node(m->g, v.node);
        if (!node->name) node->name = arena_strdup(m->g->arena, name);
    }
    return true;
}
static bool is_known(const Import *m, const NodeMsg *n) {
    return op_row(plain_domain(text_of(n->domain)), text_of(n->op_type)) || find_function(m, n);
}
// The first error names one operator; a note lists the others, so that nobody meets them one by
// one.
static void note_others(Import *m, const OpCall *op) {
    enum { LISTED = 8 };
    const Body *b = op->frame->body;
    const char *seen[LISTED + 1] = {op->type};
    uint32_t n = 1;
    for (uint32_t i = 0; i < b->norder && n <= LISTED; i++) {
        const NodeMsg *node = b->node[b->order[i]];
        const char *type = text_of(node->op_type);
        uint32_t k = 0;
        if (is_known(m, node)) continue;
        while (k < n && strcmp(seen[k], type) != 0) k++;
        if (k == n) seen[n++] = type;
    }
    if (n == 1) return;
    Str list = str_new(m->tmp);
    for (uint32_t i = 1; i < n; i++) str_addf(&list, "%s%s", i > 1 ? ", " : "", seen[i]);
    diag_note(m->c->diag, "nor are %s", str_cstr(&list));
}
static bool unsupported(Import *m, const OpCall *op) {
    const char *why = op_refusal(op->domain, op->type);
    fail(m, ERR_UNSUPPORTED, "operator '%s%s%s' is not supported%s%s", op->domain,
         *op->domain ? "." : "", op->type, why ? ": " : "", why ? why : "");
    note_others(m, op);
    return false;
}
static void note_inputs(Import *m, const OpCall *op) {
    enum { SHOWN = 4 };
    for (uint32_t i = 0; i < op->nin && i < SHOWN; i++) {
        if (op->in[i].node == 0) continue;
        diag_note(m->c->diag, "input '%s': %s", text_of(op->node->input[i]),
                  type_text(m->tmp, t_type(m, op->in[i].node)));
    }
}
static bool check_attributes(Import *m, const NodeMsg *n) {
    if (n->n_attribute > MAX_ATTRIBUTES) return fail(m, ERR_LIMIT, "too many attributes");
    for (size_t i = 0; i < n->n_attribute; i++)
        for (size_t j = 0; j < i; j++) {
            const char *name = text_of(n->attribute[i]->name);
            if (strcmp(name, text_of(n->attribute[j]->name)) == 0)
                return fail(m, ERR_MODEL, "attribute '%.200s' is given twice", name);
        }
    return true;
}
static bool dispatch(Import *m, OpCall *op) {
    const OpRow *row = op_row(op->domain, op->type);
    Function *function = row ? NULL : find_function(m, op->node);
    if (!row && !function) return unsupported(m, op);
    if (!check_attributes(m, op->node) || !read_inputs(m, op)) return false;
    if (function) return call_function(m, op, function);
    if (!check_arity(m, op, row)) return false;
    if (!row->read) return enter_branch(m, op);
    prepare_outputs(m, op);
    op->arg = row->arg;
    if (row->read(m, op) && !op->bad) return bind_outputs(m, op);
    note_inputs(m, op);
    return false;
}
static bool read_node(Import *m, Frame *f, uint32_t index) {
    const NodeMsg *n = f->body->node[index];
    OpCall op = {.node = n, .frame = f, .type = text_of(n->op_type)};
    op.domain = plain_domain(text_of(n->domain));
    const char *name = text_of(n->name);
    if (!*name && n->n_output) name = text_of(n->output[0]);
    m->loc = diag_loc(
        m->c->diag,
        (LocInfo){.file = m->file->view.path, .node = name, .op = op.type, .index = index});
    return spend(m, 1) && find_version(m, &op) && dispatch(m, &op);
}

bool import_graph(Import *m, const GraphMsg *graph, const NameList *given, const Value *bound) {
    m->max_depth = (uint32_t)limit(LIM_FUNCTION_DEPTH);
    m->frame = NEW_N(m->tmp, Frame, m->max_depth);
    m->loc = m->file->loc;
    if (!index_functions(m)) return false;
    Frame *f = push(m, graph_body(m, graph, given), NULL);
    if (!f) return false;
    const Onnx__ModelProto *model = m->file->model;
    f->opsets = (OpsetList){model->opset_import, model->n_opset_import};
    for (uint32_t i = 0; i < given->n; i++) bind(f, given->text[i], bound[i]);
    if (!load_initialisers(m, f, graph)) return false;
    for (;;) {
        f = &m->frame[m->depth - 1];
        if (f->next < f->body->norder) {
            if (!read_node(m, f, f->body->order[f->next++])) return false;
        } else if (m->depth == 1) {
            return true;
        } else if (!leave(m)) {
            return false;
        }
    }
}
