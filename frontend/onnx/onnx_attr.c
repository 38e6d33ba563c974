// onnx_attr.c: typed access to attributes. In a function an attribute may name one of the call
// instead.
#include "frontend/onnx/onnx_import.h"
#include <string.h>

typedef enum { T_ANY, T_FLOAT, T_INT, T_STRING, T_TENSOR, T_GRAPH, T_FLOATS, T_INTS } AttrType;

static const AttrMsg *bound(const Frame *f, const char *name) {
    for (uint32_t i = 0; i < f->nbindings; i++) {
        if (strcmp(f->binding[i].name, name) == 0) return f->binding[i].attr;
    }
    return NULL;
}
const AttrMsg *find_attr(const OpCall *op, const char *name) {
    for (size_t i = 0; i < op->node->n_attribute; i++) {
        const AttrMsg *a = op->node->attribute[i];
        if (strcmp(text_of(a->name), name) != 0) continue;
        const char *ref = text_of(a->ref_attr_name);
        return *ref ? bound(op->frame, ref) : a;
    }
    return NULL;
}

// The attribute if it is there with the right type. Files of the first IR versions have no type
// field.
static const AttrMsg *find_typed(Import *m, OpCall *op, const char *name, AttrType want) {
    const AttrMsg *a = find_attr(op, name);
    if (!a || a->type == (int)want || a->type == T_ANY) return a;
    fail(m, ERR_MODEL, "attribute '%s' has the wrong type", name);
    op->bad = true;
    return NULL;
}
int64_t opt_int(Import *m, OpCall *op, const char *name, int64_t otherwise) {
    const AttrMsg *a = find_typed(m, op, name, T_INT);
    return a ? a->i : otherwise;
}
double opt_float(Import *m, OpCall *op, const char *name, double otherwise) {
    const AttrMsg *a = find_typed(m, op, name, T_FLOAT);
    return a ? (double)a->f : otherwise;
}
const char *opt_text(Import *m, OpCall *op, const char *name, const char *otherwise) {
    const AttrMsg *a = find_typed(m, op, name, T_STRING);
    if (!a) return otherwise;
    return arena_strndup(m->tmp, a->s.data ? (const char *)a->s.data : "", a->s.len);
}
bool opt_ints(Import *m, OpCall *op, const char *name, Ints *out) {
    const AttrMsg *a = find_typed(m, op, name, T_INTS);
    *out = (Ints){0};
    if (!a) return false;
    *out = (Ints){a->ints, (uint32_t)a->n_ints};
    return true;
}
bool opt_floats(Import *m, OpCall *op, const char *name, const float **v, uint32_t *n) {
    const AttrMsg *a = find_typed(m, op, name, T_FLOATS);
    *v = a ? a->floats : NULL;
    *n = a ? (uint32_t)a->n_floats : 0;
    return a != NULL;
}
const TensorMsg *opt_tensor(Import *m, OpCall *op, const char *name) {
    const AttrMsg *a = find_typed(m, op, name, T_TENSOR);
    return a ? a->t : NULL;
}
const GraphMsg *opt_graph(Import *m, OpCall *op, const char *name) {
    const AttrMsg *a = find_typed(m, op, name, T_GRAPH);
    return a ? a->g : NULL;
}
