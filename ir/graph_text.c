// graph_text.c: prints a Graph as .vg, one node a line; graph_parse.c reads it back.
//
//     graph {
//       %1 = input "pixel_values" : f32[1,3,32,32]
//       %2 = const : f32[2] = [0.5, inf]
//       %3 = const : f32[768,768] = file "model.safetensors" +4096
//       %4 = const : f16[3,40] = hex "003c0042…"
//       %5 = matmul %1, %3 {trans_b=1} : f32[1,3,32,768] group 2 loc "encoder/fc1"
//       output "logits" = %5
//     }
//     info {
//       hidden 768
//       label "cat"
//     }
//
// Floats are the shortest decimals that read back as the same element; strings are escaped as in C.
#include "ir/graph_text.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const InfoField info_field[] = {
#define INFO(member, kind, most) {#member, offsetof(ModelInfo, member), INFO_##kind, most},
#include "ir/model_info.def"
#undef INFO
};
const size_t info_nfields = COUNT_OF(info_field);
const char *const task_text[4] = {"features", "single_label", "multi_label", "regression"};

// ---- scalars ---------------------------------------------------------------------------------
static void print_string(Str *out, const char *s) {
    str_add(out, "\"");
    str_add_escaped(out, SINK_C_STRING, s);
    str_add(out, "\"");
}
static bool same_element(DType dt, const void *element, double v) {
    uint64_t bits = 0;
    dtype_write_f(dt, &bits, 0, v);
    return !memcmp(&bits, element, dtype_info[dt].nbytes);
}
static void print_float(Str *out, DType dt, const void *element) {
    double v = dtype_read_f(dt, element, 0);
    char best[40], text[40];
    snprintf(best, sizeof best, "%.17g", v);
    for (int digits = 1; v == v && digits < 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        bool is_better = strlen(text) < strlen(best);
        if (is_better && same_element(dt, element, strtod(text, NULL))) strcpy(best, text);
    }
    str_add(out, v == v ? best : signbit(v) ? "-nan" : "nan");
}
static void print_element(Str *out, DType dt, const void *element) {
    if (dtype_info[dt].cls == CLASS_FLOAT) print_float(out, dt, element);
    else if (dt == DT_U64) str_addf(out, "%llu", (unsigned long long)dtype_read_i(dt, element, 0));
    else str_addf(out, "%lld", (long long)dtype_read_i(dt, element, 0));
}

// ---- constants -------------------------------------------------------------------------------
// A NaN with a payload and a bool that is not 0 or 1 have no decimal.
static bool has_decimals(DType dt, const char *data, int64_t count) {
    uint32_t nbytes = dtype_info[dt].nbytes;
    for (int64_t i = 0; i < count; i++, data += nbytes) {
        if (dt == DT_BOOL && (uint8_t)*data > 1) return false;
        double v = dtype_read_f(dt, data, 0);
        if (v != v && !same_element(dt, data, copysign((double)NAN, v))) return false;
    }
    return true;
}
static void print_hex(Str *out, const uint8_t *data, uint64_t n) {
    static const char digit[] = "0123456789abcdef";
    str_add(out, "hex \"");
    for (uint64_t i = 0; i < n; i++)
        str_add_n(out, (char[]){digit[data[i] >> 4], digit[data[i] & 15]}, 2);
    str_add(out, "\"");
}
static void print_const(Str *out, const Type *t, const Const *c) {
    int64_t count = type_count(t);
    const char *data = c->data;
    str_add(out, " = ");
    if (count <= INLINE_ELEMENTS && has_decimals(t->dt, data, count)) {
        str_add(out, "[");
        for (int64_t i = 0; i < count; i++) {
            if (i) str_add(out, ", ");
            print_element(out, t->dt, data + i * dtype_info[t->dt].nbytes);
        }
        str_add(out, "]");
    } else if (c->file) {
        str_add(out, "file ");
        print_string(out, c->file);
        str_addf(out, " +%llu", (unsigned long long)c->offset);
    } else {
        print_hex(out, c->data, c->nbytes);
    }
}

// ---- nodes -----------------------------------------------------------------------------------
static void print_attr(Str *out, const Attr *a) {
    str_addf(out, "%s=", graph_attr[a->key].text);
    if (a->key == AT_TO && a->i > DT_NONE && a->i < DT_COUNT) {
        str_add(out, dtype_info[a->i].text);
        return;
    }
    switch (graph_attr[a->key].kind) {
    case ATTR_INT: str_addf(out, "%lld", (long long)a->i); return;
    case ATTR_FLOAT: print_float(out, DT_F64, &a->f); return;
    case ATTR_INTS:
        for (uint32_t i = 0; i < a->n; i++)
            str_addf(out, "%s%lld", i ? "," : "[", (long long)a->ints[i]);
        str_add(out, a->n ? "]" : "[]");
    }
}
static void print_node(const Graph *g, NodeId id, Str *out) {
    const Node *n = graph_node(g, id);
    str_addf(out, "  %%%u = %s", id, graph_op[n->op].text);
    if (n->op == OP_INPUT) {
        str_add(out, " ");
        print_string(out, n->name);
    }
    for (uint32_t i = 0; i < n->nin; i++) str_addf(out, "%s%%%u", i ? ", " : " ", n->in[i]);
    for (uint32_t i = 0; i < n->nattr; i++) {
        str_add(out, i ? ", " : " {");
        print_attr(out, &n->attr[i]);
    }
    str_add(out, n->nattr ? "} : " : " : ");
    type_print(out, &n->type);
    if (n->op == OP_CONST) print_const(out, &n->type, &g->konst.data[n->konst]);
    if (n->group) str_addf(out, " group %u", n->group);
    if (n->name && n->op != OP_INPUT) {
        str_add(out, " loc ");
        print_string(out, n->name);
    }
    str_add(out, "\n");
}

// ---- the info section ------------------------------------------------------------------------
static void print_reals(Str *out, const double *v) {
    for (int i = 0; i < 4; i++) {
        str_add(out, i ? ", " : "[");
        print_float(out, DT_F64, &v[i]);
    }
    str_add(out, "]");
}
static size_t size_of_kind(InfoKind kind) {
    static const size_t size[] = {
        [INFO_TEXT] = sizeof(char *), [INFO_HASH] = 1,          [INFO_TASK] = sizeof(ModelTask),
        [INFO_FLAG] = sizeof(bool),   [INFO_INT] = sizeof(int), [INFO_COUNT] = sizeof(uint32_t),
        [INFO_SIZE] = 8,              [INFO_REAL] = 8,          [INFO_REALS] = 4 * sizeof(double)};
    return size[kind];
}
static bool is_given(const InfoField *f, const char *at) {      // anything but zero
    static const char zero[4 * sizeof(double)];
    return memcmp(at, zero, size_of_kind(f->kind)) != 0;
}
static void print_info_value(Str *out, const InfoField *f, const void *at) {
    switch (f->kind) {
    case INFO_TEXT: print_string(out, *(const char *const *)at); return;
    case INFO_HASH: print_string(out, at); return;
    case INFO_TASK: str_add(out, task_text[*(const ModelTask *)at]); return;
    case INFO_FLAG: str_addf(out, "%d", *(const bool *)at); return;
    case INFO_INT: str_addf(out, "%d", *(const int *)at); return;
    case INFO_COUNT: str_addf(out, "%u", *(const uint32_t *)at); return;
    case INFO_SIZE: str_addf(out, "%lld", (long long)*(const int64_t *)at); return;
    case INFO_REAL: print_float(out, DT_F64, at); return;
    case INFO_REALS: print_reals(out, at); return;
    }
}
static void print_info(const ModelInfo *info, Str *out) {
    size_t begin = out->n;
    str_add(out, "info {\n");
    size_t empty = out->n;
    for (size_t i = 0; i < info_nfields; i++) {
        const InfoField *f = &info_field[i];
        const char *at = (const char *)info + f->offset;
        if (!is_given(f, at)) continue;
        str_addf(out, "  %s ", f->text);
        print_info_value(out, f, at);
        str_add(out, "\n");
    }
    if (info->nlabels && !info->labels) str_addf(out, "  nlabels %u\n", info->nlabels);
    for (uint32_t i = 0; info->labels && i < info->nlabels; i++) {
        str_add(out, "  label ");
        print_string(out, info->labels && info->labels[i] ? info->labels[i] : "");
        str_add(out, "\n");
    }
    if (out->n == empty) out->n = begin;
    else str_add(out, "}\n");
}
void graph_print(const Graph *g, Str *out) {
    str_add(out, "graph {\n");
    for (NodeId n = 1; n < g->node.n; n++) print_node(g, n, out);
    for (uint32_t i = 0; i < g->output.n; i++) {
        str_add(out, "  output ");
        print_string(out, g->output.data[i].name);
        str_addf(out, " = %%%u\n", g->output.data[i].node);
    }
    str_add(out, "}\n");
    print_info(&g->info, out);
}
