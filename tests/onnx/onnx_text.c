// onnx_text.c: see onnx_text.h. Writes the wire format itself, so that tests can also write what no
// library would.
#include "tests/onnx/onnx_text.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- wire format -----------------------------------------------------------------------------
static void put_varint(Str *s, uint64_t v) {
    do {
        uint8_t b = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
        str_add_n(s, &b, 1);
    } while (v >>= 7);
}
static void put_int(Str *s, int field, int64_t v) {
    put_varint(s, (uint64_t)field << 3);
    put_varint(s, (uint64_t)v);
}
static void put_bytes(Str *s, int field, const void *p, size_t n) {
    put_varint(s, (uint64_t)field << 3 | 2);
    put_varint(s, n);
    str_add_n(s, p, n);
}
static void put_text(Str *s, int field, const char *text) {
    put_bytes(s, field, text, strlen(text));
}
static void put_message(Str *s, int field, const Str *m) {
    put_bytes(s, field, m->data, m->n);
}
static void put_float(Str *s, int field, float v) {
    put_varint(s, (uint64_t)field << 3 | 5);
    str_add_n(s, &v, sizeof v);
}

// ---- words -----------------------------------------------------------------------------------
typedef struct Block { // a graph or a function being written
    Str nodes, rest;   // of the message
    const char *label; // of a branch
    bool is_function;
} Block;
typedef struct Branch {
    const char *label;
    Str graph;
} Branch;
typedef struct Writer {
    Arena *a;
    OnnxText *out;
    Block main, inner;
    Block *at; // the one that gets lines
    Str model;
    VEC(Branch) branch;
    bool has_opset;
} Writer;

static char *word(char **line) {
    *line += strspn(*line, " ");
    if (!**line) return NULL;
    char *start = *line, *p = start;
    while (*p && *p != ' ') {
        if (*p == '\'' || *p == '[') { // a space inside does not end the word
            char end = *p == '[' ? ']' : '\'';
            p = strchr(p + 1, end);
            if (!p) die("onnx_text", "no %c in: %s", end, start);
        }
        p++;
    }
    if (*p) *p++ = 0;
    *line = p;
    return start;
}
static char *need(char **line, const char *what) {
    char *w = word(line);
    if (!w) die("onnx_text", "%s is missing", what);
    return w;
}
static Type parse_type(Writer *w, char *s, Str *shape) {
    Type t = {0};
    char *open = strchr(s, '['), *p = open;
    if (!open) die("onnx_text", "not a type: %s", s);
    *open = 0;
    t.dt = dtype_from_text(s);
    if (t.dt == DT_NONE) die("onnx_text", "not an element type: %s", s);
    *shape = str_new(w->a);
    for (p++; *p && *p != ']';) {
        size_t n = strcspn(p, ",]");
        Str dim = str_new(w->a);
        char *end, *text = arena_strndup(w->a, p, n);
        int64_t v = strtoll(text, &end, 10);
        if (*end)
            put_text(&dim, 2, text);
        else
            put_int(&dim, 1, v);
        if (t.rank < MAX_RANK) t.dim[t.rank] = *end ? 1 : v;
        t.rank++;
        put_message(shape, 1, &dim);
        p += n + (p[n] == ',');
    }
    if (t.rank > MAX_RANK) t.rank = MAX_RANK;
    return t;
}
static void *parse_values(Writer *w, const Type *t, char *line) {
    int64_t n = type_count(t);
    void *data = arena_alloc(w->a, type_nbytes(t));
    char *first = word(&line);
    bool all = first && strcmp(first, "=") == 0;
    if (all) first = need(&line, "a value");
    for (int64_t i = 0; i < n; i++) {
        if (!first) die("onnx_text", "%lld values, %lld are needed", (long long)i, (long long)n);
        if (dtype_info[t->dt].cls == CLASS_FLOAT)
            dtype_write_f(t->dt, data, (uint64_t)i, strtod(first, NULL));
        else
            dtype_write_i(t->dt, data, (uint64_t)i, strtoll(first, NULL, 10));
        if (!all) first = word(&line);
    }
    return data;
}

// ---- tensors and values ----------------------------------------------------------------------
static Str tensor_head(Writer *w, const char *name, const Type *t) {
    Str s = str_new(w->a);
    for (int i = 0; i < t->rank; i++) put_int(&s, 1, t->dim[i]);
    put_int(&s, 2, dtype_info[t->dt].onnx);
    put_text(&s, 8, name);
    return s;
}
static Str raw_tensor(Writer *w, const char *name, const Type *t, const void *data) {
    Str s = tensor_head(w, name, t);
    put_bytes(&s, 9, data, type_nbytes(t));
    return s;
}
static Str typed_tensor(Writer *w, const char *name, const Type *t, const void *data) {
    Str s = tensor_head(w, name, t), packed = str_new(w->a);
    int field = t->dt == DT_I64 ? 7 : t->dt == DT_U64 || t->dt == DT_U32 ? 11 : 5;
    if (t->dt == DT_F32 || t->dt == DT_F64) {
        put_bytes(&s, t->dt == DT_F32 ? 4 : 10, data, type_nbytes(t));
        return s;
    }
    for (int64_t i = 0; i < type_count(t); i++) {
        uint16_t bits = 0;
        bool half = dtype_info[t->dt].cls == CLASS_FLOAT;
        if (half) memcpy(&bits, (const uint8_t *)data + 2 * i, sizeof bits);
        put_varint(&packed, half ? bits : (uint64_t)dtype_read_i(t->dt, data, (uint64_t)i));
    }
    put_message(&s, field, &packed);
    return s;
}
static void put_value_info(Writer *w, Str *to, int field, const char *name, const Type *t,
                           const Str *shape) {
    Str tensor = str_new(w->a), type = str_new(w->a), info = str_new(w->a);
    if (t) put_int(&tensor, 1, dtype_info[t->dt].onnx);
    if (shape) put_message(&tensor, 2, shape);
    put_message(&type, 1, &tensor);
    put_text(&info, 1, name);
    if (t) put_message(&info, 2, &type);
    put_message(to, field, &info);
}
static void line_tensor(Writer *w, char *line, bool typed) {
    Str shape;
    const char *name = need(&line, "a name");
    Type t = parse_type(w, need(&line, "a type"), &shape);
    const void *data = parse_values(w, &t, line);
    Str s = typed ? typed_tensor(w, name, &t, data) : raw_tensor(w, name, &t, data);
    put_message(&w->at->rest, 5, &s);
}
static void line_extern(Writer *w, char *line) {
    Str shape;
    const char *name = need(&line, "a name");
    Type t = parse_type(w, need(&line, "a type"), &shape);
    Str s = tensor_head(w, name, &t);
    for (char *pair; (pair = word(&line));) {
        Str entry = str_new(w->a);
        char *eq = strchr(pair, '=');
        if (!eq) die("onnx_text", "not KEY=TEXT: %s", pair);
        *eq = 0;
        put_text(&entry, 1, pair);
        put_text(&entry, 2, eq + 1);
        put_message(&s, 13, &entry);
    }
    put_int(&s, 14, 1);
    put_message(&w->at->rest, 5, &s);
}
static void line_value(Writer *w, char *line, int field, bool has_data) {
    Str shape;
    const char *name = need(&line, "a name");
    char *type = word(&line);
    if (!type) {
        put_value_info(w, &w->at->rest, field, name, NULL, NULL);
        return;
    }
    Type t = parse_type(w, type, &shape);
    put_value_info(w, &w->at->rest, field, name, &t, &shape);
    if (!has_data) return;
    NamedValue v = {name, t, parse_values(w, &t, line)};
    if (field == 11)
        *PUSH(w->a, &w->out->feed) = v;
    else
        *PUSH(w->a, &w->out->want) = v;
}

// ---- nodes -----------------------------------------------------------------------------------
static void put_names(Writer *w, Str *to, int field, const char *list) {
    while (*list) {
        size_t n = strcspn(list, ",");
        const char *name = arena_strndup(w->a, list, n);
        put_text(to, field, strcmp(name, "-") == 0 ? "" : name);
        list += n + (list[n] == ',');
    }
}
static void put_list(Str *s, const char *p) {
    bool floats = strpbrk(p, ".n") != NULL; // 0.5, inf, nan
    while (*p && *p != ']') {
        char *end;
        if (floats)
            put_float(s, 7, strtof(p, &end));
        else
            put_int(s, 8, strtoll(p, &end, 10));
        if (end == p) die("onnx_text", "not a number: %s", p);
        p = end + strspn(end, ", ");
    }
    put_int(s, 20, floats ? 6 : 7);
}
static void put_branch(Writer *w, Str *s, const char *label) {
    for (uint32_t i = 0; i < w->branch.n; i++) {
        if (strcmp(w->branch.data[i].label, label) != 0) continue;
        put_message(s, 6, &w->branch.data[i].graph);
        put_int(s, 20, 5);
        return;
    }
    die("onnx_text", "no graph %s", label);
}
static void put_tensor_attr(Writer *w, Str *s, char *text) {
    Str shape;
    char *colon = strrchr(text, ':');
    if (!colon) die("onnx_text", "not tensor:TYPE:VALUE: %s", text);
    *colon = 0;
    Type t = parse_type(w, text, &shape);
    Str tensor = raw_tensor(w, "", &t, parse_values(w, &t, arena_printf(w->a, "= %s", colon + 1)));
    put_message(s, 5, &tensor);
    put_int(s, 20, 4);
}
static Str attribute(Writer *w, char *pair) {
    Str s = str_new(w->a);
    char *v = strchr(pair, '=');
    if (!v) die("onnx_text", "not KEY=VALUE: %s", pair);
    *v++ = 0;
    put_text(&s, 1, pair);
    if (*v == '\'') {
        put_bytes(&s, 4, v + 1, strcspn(v + 1, "'"));
        put_int(&s, 20, 3);
    } else if (*v == '[') {
        put_list(&s, v + 1);
    } else if (*v == '@') {
        put_branch(w, &s, v + 1);
    } else if (*v == '$') {
        put_text(&s, 21, v + 1);
    } else if (strncmp(v, "tensor:", 7) == 0) {
        put_tensor_attr(w, &s, v + 7);
    } else if (strpbrk(v, ".n")) { // 0.5, inf, nan
        put_float(&s, 2, strtof(v, NULL));
        put_int(&s, 20, 1);
    } else {
        put_int(&s, 3, strtoll(v, NULL, 10));
        put_int(&s, 20, 2);
    }
    return s;
}
static void line_node(Writer *w, char *line) {
    Str s = str_new(w->a);
    char *op = need(&line, "an operator"), *in = need(&line, "->"), *colon = strchr(op, ':');
    if (strcmp(in, "->") != 0) {
        put_names(w, &s, 1, in);
        need(&line, "->");
    }
    put_names(w, &s, 2, need(&line, "an output"));
    if (colon) *colon = 0;
    put_text(&s, 4, colon ? colon + 1 : op);
    if (colon) put_text(&s, 7, op);
    for (char *pair; (pair = word(&line));) {
        Str a = attribute(w, pair);
        put_message(&s, 5, &a);
    }
    put_message(&w->at->nodes, w->at->is_function ? 7 : 1, &s);
}

// ---- blocks ----------------------------------------------------------------------------------
static void block_init(Writer *w, Block *b) {
    *b = (Block){.nodes = str_new(w->a), .rest = str_new(w->a)};
}
static Str block_message(const Block *b) {
    Str s = b->nodes;
    str_add_n(&s, b->rest.data, b->rest.n);
    return s;
}
static void line_function(Writer *w, char *line) {
    char *name = need(&line, "a name"), *colon = strchr(name, ':'), *in = need(&line, "->");
    block_init(w, &w->inner);
    w->inner.is_function = true;
    w->at = &w->inner;
    if (!colon) die("onnx_text", "not DOMAIN:NAME: %s", name);
    *colon = 0;
    put_text(&w->at->rest, 1, colon + 1);
    put_text(&w->at->rest, 10, name);
    if (strcmp(in, "->") != 0) {
        put_names(w, &w->at->rest, 4, in);
        need(&line, "->");
    }
    put_names(w, &w->at->rest, 5, need(&line, "an output"));
    for (char *key; (key = word(&line));) {
        if (!strchr(key, '=')) {
            put_text(&w->at->rest, 6, key);
            continue;
        }
        Str a = attribute(w, key);
        put_message(&w->at->rest, 11, &a);
    }
}
static void line_end(Writer *w) {
    Str s = block_message(w->at);
    if (w->at->is_function)
        put_message(&w->model, 25, &s);
    else
        *PUSH(w->a, &w->branch) = (Branch){w->at->label, s};
    w->at = &w->main;
}
static void line_opset(Writer *w, char *line) {
    Str s = str_new(w->a);
    char *first = need(&line, "a version"), *second = word(&line);
    if (second) put_text(&s, 1, first);
    put_int(&s, 2, strtoll(second ? second : first, NULL, 10));
    put_message(&w->model, 8, &s);
    w->has_opset = true;
}
static void line_takes(Writer *w, char *line) {
    Str shape;
    const char *name = need(&line, "a name");
    *PUSH(w->a, &w->out->takes) =
        (NamedValue){name, parse_type(w, need(&line, "a type"), &shape), NULL};
}
static void read_line(Writer *w, char *line) {
    char *kind = word(&line);
    if (!kind || *kind == '#') return;
    if (strcmp(kind, "opset") == 0)
        line_opset(w, line);
    else if (strcmp(kind, "feed") == 0)
        line_value(w, line, 11, true);
    else if (strcmp(kind, "input") == 0)
        line_value(w, line, 11, false);
    else if (strcmp(kind, "want") == 0)
        line_value(w, line, 12, true);
    else if (strcmp(kind, "output") == 0)
        line_value(w, line, 12, false);
    else if (strcmp(kind, "const") == 0)
        line_tensor(w, line, false);
    else if (strcmp(kind, "typed") == 0)
        line_tensor(w, line, true);
    else if (strcmp(kind, "extern") == 0)
        line_extern(w, line);
    else if (strcmp(kind, "node") == 0)
        line_node(w, line);
    else if (strcmp(kind, "function") == 0)
        line_function(w, line);
    else if (strcmp(kind, "takes") == 0)
        line_takes(w, line);
    else if (strcmp(kind, "end") == 0)
        line_end(w);
    else if (strcmp(kind, "graph") == 0) {
        block_init(w, &w->inner);
        w->inner.label = need(&line, "a label");
        w->at = &w->inner;
    } else if (strcmp(kind, "fails") == 0) {
        w->out->fails = need(&line, "a kind");
        w->out->message = line;
    } else {
        die("onnx_text", "unknown line: %s", kind);
    }
}
OnnxText onnx_text(Arena *a, const char *text) {
    OnnxText out = {0};
    Writer w = {.a = a, .out = &out, .model = str_new(a)};
    block_init(&w, &w.main);
    w.at = &w.main;
    put_int(&w.model, 1, 8);
    while (*text) {
        size_t n = strcspn(text, "\n");
        read_line(&w, arena_strndup(a, text, n));
        text += n + (text[n] == '\n');
    }
    if (!w.has_opset) line_opset(&w, arena_strdup(a, "18"));
    Str graph = block_message(&w.main);
    put_message(&w.model, 7, &graph);
    out.bytes = w.model;
    return out;
}
