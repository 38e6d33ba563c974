// graph_parse.c: reads .vg (the form is shown in graph_text.c). A node is first read whole, then
// built through inference, so that a wrong one is reported at its own line. Names of values are
// numbers, defined before they are used; a type may be left out where inference knows it.
#include "ir/graph_text.h"
#include "ir/lex.h"
#include <math.h>
#include <string.h>

typedef struct MappedFile {
    const char *name;
    const void *data;
    uint64_t nbytes;
} MappedFile;
typedef struct Parser {
    Lexer *lex;
    Graph *g;
    const GraphFiles *files;
    MappedFile last;           // most constants of a text lie in one file
    VEC(NodeId) named;         // by the number in the text
} Parser;

typedef struct Line {
    LocInfo at;
    uint32_t number;
    GraphOp op;
    const char *name;
    VEC(NodeId) in;
    Attr attr[AT_COUNT];
    uint32_t nattr;
    bool is_typed;
    Type type;
    Const konst;
    uint32_t group;
} Line;

// ---- words of a table ------------------------------------------------------------------------
static int parse_word(Parser *p, const char *const *all, int n, const char *what) {
    const char *word = lex_name(p->lex);
    for (int i = 0; i < n; i++)
        if (!strcmp(all[i], word)) return i;
    const char *meant = str_did_you_mean(word, all, (size_t)n);
    if (meant) lex_error(p->lex, "no %s '%s'; did you mean '%s'?", what, word, meant);
    else lex_error(p->lex, "no %s '%s'", what, word);
    return 0;
}
static GraphOp parse_op(Parser *p) {
    static const char *const text[OP_COUNT] = {"",
#define G(op, text, lo, hi, traits, ulp) text,
#include "ir/graph_ops.def"
#undef G
    };
    return (GraphOp)parse_word(p, text, OP_COUNT, "operation");
}
static AttrKey parse_key(Parser *p) {
    static const char *const text[AT_COUNT] = {
#define ATTR(key, text, kind) text,
#include "ir/attr.def"
#undef ATTR
    };
    return (AttrKey)parse_word(p, text, AT_COUNT, "attribute");
}
static DType parse_dtype(Parser *p) {
    static const char *const text[DT_COUNT] = {"",
#define DTYPE(id, text, nbytes, cls, st, onnx) text,
#include "ir/dtype.def"
#undef DTYPE
    };
    return (DType)parse_word(p, text, DT_COUNT, "element type");
}

// ---- types, attributes, references -----------------------------------------------------------
// A list of integers in brackets.
static const int64_t *parse_ints(Parser *p, uint32_t *n) {
    VEC(int64_t) v = {0};
    lex_expect(p->lex, "[");
    while (!p->lex->failed && !lex_accept(p->lex, "]")) {
        if (v.n) lex_expect(p->lex, ",");
        *PUSH(p->g->arena, &v) = lex_int(p->lex);
    }
    *n = v.n;
    return v.data;
}
static Type parse_type(Parser *p) {
    uint32_t rank = 0;
    DType dt = parse_dtype(p);
    const int64_t *dim = parse_ints(p, &rank);
    if (p->lex->failed) return (Type){0};
    if (rank <= MAX_RANK && type_check(dim, (int)rank)) return type_of(dt, (int)rank, dim);
    if (rank > MAX_RANK) lex_error(p->lex, "a rank of %u, more than %d", rank, MAX_RANK);
    else lex_error(p->lex, "this type is out of range");
    return (Type){0};
}
static double parse_float(Parser *p) {
    if (lex_accept(p->lex, "nan")) return (double)NAN;
    return lex_accept(p->lex, "-nan") ? -(double)NAN : lex_float(p->lex);
}
static Attr parse_attr(Parser *p) {
    Attr a = {.key = parse_key(p)};
    lex_expect(p->lex, "=");
    if (a.key == AT_TO) a.i = parse_dtype(p);
    else if (graph_attr[a.key].kind == ATTR_INT) a.i = lex_int(p->lex);
    else if (graph_attr[a.key].kind == ATTR_FLOAT) a.f = parse_float(p);
    else a.ints = parse_ints(p, &a.n);
    return a;
}
static void parse_attrs(Parser *p, Line *l) {
    if (!lex_accept(p->lex, "{")) return;
    while (!p->lex->failed && !lex_accept(p->lex, "}")) {
        if (l->nattr) lex_expect(p->lex, ",");
        if (l->nattr == AT_COUNT) lex_error(p->lex, "more than %d attributes", AT_COUNT);
        else l->attr[l->nattr++] = parse_attr(p);
    }
}
static uint32_t parse_number(Parser *p) {
    uint64_t n = lex_uint(p->lex);
    if (n > limit(LIM_NODES)) lex_error(p->lex, "%%%llu is too large", (unsigned long long)n);
    return p->lex->failed ? 0 : (uint32_t)n;
}
static NodeId parse_reference(Parser *p) {
    lex_expect(p->lex, "%");
    uint32_t n = parse_number(p);
    if (p->lex->failed) return 0;
    if (n >= p->named.n || !p->named.data[n]) return lex_error(p->lex, "no value %%%u above", n);
    return p->named.data[n];
}
static void define(Parser *p, uint32_t number, NodeId n) {
    while (p->named.n <= number) *PUSH(p->g->arena, &p->named) = 0;
    p->named.data[number] = n;
}

// ---- constants -------------------------------------------------------------------------------
static void parse_element(Parser *p, DType dt, void *data, int64_t i) {
    uint64_t at = (uint64_t)i, bits = 0;
    if (dtype_info[dt].cls == CLASS_FLOAT) {
        dtype_write_f(dt, data, at, parse_float(p));
        return;
    }
    int64_t v = dt == DT_U64 ? (int64_t)lex_uint(p->lex) : lex_int(p->lex);
    dtype_write_i(dt, &bits, 0, v);
    if (dtype_read_i(dt, &bits, 0) != v)
        lex_error(p->lex, "%lld does not fit %s", (long long)v, dtype_info[dt].text);
    dtype_write_i(dt, data, at, v);
}
// Room for a constant whose text needs at least `least` bytes an element: a short text asks for
// little memory.
static void *room_for(Parser *p, const Type *t, uint64_t least) {
    uint64_t left = (uint64_t)(p->lex->end - p->lex->at);
    if ((uint64_t)type_count(t) <= left / least) return arena_alloc(p->g->arena, type_nbytes(t));
    lex_error(p->lex, "too few elements for %s", type_text(p->g->arena, t));
    return NULL;
}
static const void *parse_elements(Parser *p, const Type *t) {
    int64_t count = type_count(t);
    void *data = room_for(p, t, 2);
    for (int64_t i = 0; i < count && !p->lex->failed; i++) {
        if (i && lex_peek(p->lex, "]"))
            lex_error(p->lex, "%lld elements for %s, which has %lld", (long long)i,
                      type_text(p->g->arena, t), (long long)count);
        if (i) lex_expect(p->lex, ",");
        parse_element(p, t->dt, data, i);
    }
    if (lex_peek(p->lex, ","))
        lex_error(p->lex, "more than the %lld elements of %s", (long long)count,
                  type_text(p->g->arena, t));
    lex_expect(p->lex, "]");
    return data;
}
static int hex_digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
static const void *parse_hex(Parser *p, const Type *t) {
    lex_expect(p->lex, "\"");
    uint64_t n = type_nbytes(t);
    uint8_t *data = room_for(p, t, 2 * dtype_info[t->dt].nbytes);
    for (uint64_t i = 0; i < n && !p->lex->failed; i++) {
        int high = hex_digit(p->lex->at[0]), low = hex_digit(p->lex->at[1]);
        if (high < 0 || low < 0) lex_error(p->lex, "expected two hexadecimal digits");
        else data[i] = (uint8_t)(high * 16 + low), p->lex->at += 2;
    }
    lex_expect(p->lex, "\"");
    return data;
}
static bool map_file(Parser *p, const char *name, Loc at) {
    if (p->last.name && !strcmp(p->last.name, name)) return true;
    MappedFile f = {.name = name};
    if (p->files) f.data = p->files->map(p->files->ctx, name, at, &f.nbytes);
    else diag_error(p->lex->diag, ERR_MODEL, at, "constants in files are not accepted here");
    if (f.data) p->last = f;
    return f.data != NULL;
}
static Const parse_file(Parser *p, const Type *t) {
    Loc at = diag_loc(p->lex->diag, p->lex->token);
    const char *name = lex_string(p->lex);
    lex_expect(p->lex, "+");
    uint64_t offset = lex_uint(p->lex), end;
    if (p->lex->failed) return (Const){0};
    if (!map_file(p, name, at)) return p->lex->failed = true, (Const){0};
    if (!size_add(offset, type_nbytes(t), &end) || end > p->last.nbytes)
        lex_error(p->lex, "%s at %llu lies beyond the %llu bytes of '%s'",
                  type_text(p->g->arena, t), (unsigned long long)offset,
                  (unsigned long long)p->last.nbytes, name);
    if (p->lex->failed) return (Const){0};
    return (Const){(const char *)p->last.data + offset, 0, p->last.name, offset};
}
static Const parse_const(Parser *p, const Type *t) {
    lex_expect(p->lex, "=");
    if (lex_accept(p->lex, "file")) return parse_file(p, t);
    if (lex_accept(p->lex, "hex")) return (Const){.data = parse_hex(p, t)};
    lex_expect(p->lex, "[");
    return (Const){.data = p->lex->failed ? NULL : parse_elements(p, t)};
}

// ---- nodes -----------------------------------------------------------------------------------
static Line parse_line(Parser *p) {
    lex_expect(p->lex, "%");
    Line l = {.at = p->lex->token};
    l.number = parse_number(p);
    if (l.number < p->named.n && p->named.data[l.number])
        lex_error(p->lex, "%%%u is defined twice", l.number);
    lex_expect(p->lex, "=");
    l.op = parse_op(p);
    if (l.op == OP_INPUT) l.name = lex_string(p->lex);
    while (lex_peek(p->lex, l.in.n ? "," : "%")) {
        if (l.in.n) lex_expect(p->lex, ",");
        *PUSH(p->g->arena, &l.in) = parse_reference(p);
    }
    parse_attrs(p, &l);
    l.is_typed = lex_accept(p->lex, ":");
    if (l.is_typed) l.type = parse_type(p);
    if (l.op == OP_CONST && !p->lex->failed) l.konst = parse_const(p, &l.type);
    if (lex_accept(p->lex, "group")) {
        uint64_t group = lex_uint(p->lex);
        if (group > UINT32_MAX) lex_error(p->lex, "this group is out of range");
        l.group = (uint32_t)group;
    }
    if (l.op != OP_INPUT && lex_accept(p->lex, "loc")) l.name = lex_string(p->lex);
    return l;
}
static NodeId build_leaf(Parser *p, const Line *l, Loc loc) {
    if (!l->is_typed || l->in.n || l->nattr)
        return diag_error(p->lex->diag, ERR_MODEL, loc, "%s has a type, and no operands",
                          graph_op[l->op].text);
    if (p->g->node.n > limit(LIM_NODES))
        return diag_error(p->lex->diag, ERR_LIMIT, loc, "more than %llu nodes",
                          (unsigned long long)limit(LIM_NODES));
    if (l->op == OP_INPUT) return graph_input(p->g, l->name, l->type, loc);
    return graph_const_file(p->g, l->type, l->konst.data, l->konst.file, l->konst.offset, loc);
}
static NodeId build_node(Parser *p, const Line *l, Loc loc) {
    NodeId n = graph_try(p->g, p->lex->diag, l->op, l->in.data, l->in.n, l->attr, l->nattr, loc);
    if (!n || !l->is_typed || type_equal(&l->type, graph_type(p->g, n))) return n;
    return diag_error(p->lex->diag, ERR_MODEL, loc, "%s: the type is %s, not %s",
                      graph_op[l->op].text, type_text(p->g->arena, graph_type(p->g, n)),
                      type_text(p->g->arena, &l->type));
}
static void parse_node(Parser *p) {
    Line l = parse_line(p);
    if (p->lex->failed) return;
    bool is_leaf = l.op == OP_INPUT || l.op == OP_CONST;
    l.at.node = l.name;
    l.at.op = graph_op[l.op].text;
    Loc loc = diag_loc(p->lex->diag, l.at);
    NodeId n = is_leaf ? build_leaf(p, &l, loc) : build_node(p, &l, loc);
    if (!n) {
        p->lex->failed = true;
        return;
    }
    graph_node(p->g, n)->group = l.group;
    graph_node(p->g, n)->name = l.name;
    define(p, l.number, n);
}
static void parse_output(Parser *p) {
    const char *name = lex_string(p->lex);
    lex_expect(p->lex, "=");
    NodeId n = parse_reference(p);
    if (!p->lex->failed) graph_output(p->g, name, n);
}

// ---- the info section ------------------------------------------------------------------------
static uint64_t parse_up_to(Parser *p, uint64_t most) {
    uint64_t v = lex_uint(p->lex);
    if (v > most)
        lex_error(p->lex, "%llu is out of range (0 to %llu)", (unsigned long long)v,
                  (unsigned long long)most);
    return p->lex->failed ? 0 : v;
}
static void parse_hash(Parser *p, char *to) {
    const char *text = lex_string(p->lex);
    if (strlen(text) > 64) lex_error(p->lex, "a hash of more than 64 digits");
    else strcpy(to, text);
}
static void parse_reals(Parser *p, double *to) {
    for (int i = 0; i < 4; i++) {
        lex_expect(p->lex, i ? "," : "[");
        to[i] = parse_float(p);
    }
    lex_expect(p->lex, "]");
}
static void parse_info_value(Parser *p, const InfoField *f, void *at) {
    switch (f->kind) {
    case INFO_TEXT: *(const char **)at = lex_string(p->lex); return;
    case INFO_HASH: parse_hash(p, at); return;
    case INFO_TASK:
        *(ModelTask *)at = (ModelTask)parse_word(p, task_text, COUNT_OF(task_text), "task");
        return;
    case INFO_FLAG: *(bool *)at = parse_up_to(p, f->most) != 0; return;
    case INFO_INT: *(int *)at = (int)parse_up_to(p, f->most); return;
    case INFO_COUNT: *(uint32_t *)at = (uint32_t)parse_up_to(p, f->most); return;
    case INFO_SIZE: *(int64_t *)at = (int64_t)parse_up_to(p, limit(LIM_DIM)); return;
    case INFO_REAL: *(double *)at = parse_float(p); return;
    case INFO_REALS: parse_reals(p, at); return;
    }
}
static const InfoField *find_field(const char *text) {
    for (size_t i = 0; i < info_nfields; i++)
        if (!strcmp(info_field[i].text, text)) return &info_field[i];
    return NULL;
}
static void parse_info(Parser *p) {
    VEC(const char *) labels = {0};
    lex_expect(p->lex, "{");
    while (!p->lex->failed && !lex_accept(p->lex, "}")) {
        if (lex_accept(p->lex, "label")) {
            *PUSH(p->g->arena, &labels) = lex_string(p->lex);
            continue;
        }
        if (lex_accept(p->lex, "nlabels")) {      // labels without names
            p->g->info.nlabels = (uint32_t)parse_up_to(p, limit(LIM_DIM));
            continue;
        }
        const char *text = lex_label(p->lex);
        const InfoField *f = find_field(text);
        if (f) parse_info_value(p, f, (char *)&p->g->info + f->offset);
        else lex_error(p->lex, "'%s' is not known in info", text);
    }
    if (!labels.n) return;
    p->g->info.labels = labels.data;
    p->g->info.nlabels = labels.n;
}

Graph *graph_read(Lexer *l, const GraphFiles *files) {
    Parser p = {.lex = l, .g = graph_new(l->arena), .files = files};
    lex_expect(l, "graph");
    lex_expect(l, "{");
    while (!l->failed && !lex_accept(l, "}")) {
        if (lex_accept(l, "output")) parse_output(&p);
        else parse_node(&p);
    }
    if (lex_accept(l, "info")) parse_info(&p);
    if (!l->failed && !graph_check(p.g, l->diag)) l->failed = true;
    return l->failed ? NULL : p.g;
}
Graph *graph_parse_files(Arena *a, Diag *d, const char *file, const char *text, size_t n,
                         const GraphFiles *files) {
    if (n > limit(LIM_TEXT_BYTES)) {
        Loc at = diag_loc(d, (LocInfo){.file = file});
        return diag_error(d, ERR_LIMIT, at, "a text of %zu bytes", n), NULL;
    }
    Lexer l = lex_open(a, d, file, text, n);
    Graph *g = graph_read(&l, files);
    if (!lex_at_end(&l)) lex_unexpected(&l, "the end of the text");
    if (g && !g->output.n) lex_error(&l, "the graph has no output");
    return l.failed ? NULL : g;
}
Graph *graph_parse(Arena *a, Diag *d, const char *file, const char *text, size_t n) {
    return graph_parse_files(a, d, file, text, n, NULL);
}
