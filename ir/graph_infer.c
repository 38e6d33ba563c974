// graph_infer.c: the type of a node's result. What an op takes (element classes, attributes) is a
// table; what its shapes must satisfy is one infer_OP function per op, declared from graph_ops.def:
// a forgotten one does not link. Every refusal says which value is wrong.
#include "ir/graph.h"
#include <stdio.h>
#include <string.h>

typedef struct Infer {
    const Graph *g;
    GraphOp op;
    const NodeId *in;
    uint32_t nin;
    const Attr *attr;
    uint32_t nattr;
    Arena *scratch;
    Type out;
    const char *why;
} Infer;

#define G(op, text, lo, hi, traits, ulp) static bool infer_##op(Infer *c);
#include "ir/graph_ops.def"
#undef G
static bool (*const infer_op[OP_COUNT])(Infer *) = {
#define G(op, text, lo, hi, traits, ulp) [OP_##op] = infer_##op,
#include "ir/graph_ops.def"
#undef G
};

// ---- what an op takes ------------------------------------------------------------------------
enum Classes { FLOATS = 1, INTS = 2, BOOLS = 4, NUMBERS = FLOATS | INTS, ANY = NUMBERS | BOOLS };
typedef struct Rule {
    unsigned classes;            // of the operands that must agree; 0 = none have to
    uint32_t needs, may_have;    // attributes
} Rule;
#define A(key) (1u << AT_##key)
static const Rule rule[OP_COUNT] = {
    [OP_NEG] = {NUMBERS, 0, 0},
    [OP_ABS] = {NUMBERS, 0, 0},
    [OP_SIGN] = {NUMBERS, 0, 0},
    [OP_RECIP] = {FLOATS, 0, 0},
    [OP_SQRT] = {FLOATS, 0, 0},
    [OP_RSQRT] = {FLOATS, 0, 0},
    [OP_EXP] = {FLOATS, 0, 0},
    [OP_LOG] = {FLOATS, 0, 0},
    [OP_ERF] = {FLOATS, 0, 0},
    [OP_TANH] = {FLOATS, 0, 0},
    [OP_SIN] = {FLOATS, 0, 0},
    [OP_COS] = {FLOATS, 0, 0},
    [OP_SIGMOID] = {FLOATS, 0, 0},
    [OP_SOFTPLUS] = {FLOATS, 0, 0},
    [OP_GELU] = {FLOATS, 0, 0},
    [OP_GELU_TANH] = {FLOATS, 0, 0},
    [OP_FLOOR] = {FLOATS, 0, 0},
    [OP_CEIL] = {FLOATS, 0, 0},
    [OP_ROUND] = {FLOATS, 0, 0},
    [OP_NOT] = {BOOLS, 0, 0},
    [OP_ISNAN] = {FLOATS, 0, 0},
    [OP_CAST] = {ANY, A(TO), 0},
    [OP_ADD] = {NUMBERS, 0, 0},
    [OP_SUB] = {NUMBERS, 0, 0},
    [OP_MUL] = {NUMBERS, 0, 0},
    [OP_DIV] = {NUMBERS, 0, 0},
    [OP_MOD] = {NUMBERS, 0, A(FMOD)},
    [OP_POW] = {0, 0, 0},
    [OP_MIN] = {ANY, 0, 0},
    [OP_MAX] = {ANY, 0, 0},
    [OP_EQ] = {ANY, 0, 0},
    [OP_LT] = {NUMBERS, 0, 0},
    [OP_LE] = {NUMBERS, 0, 0},
    [OP_AND] = {BOOLS, 0, 0},
    [OP_OR] = {BOOLS, 0, 0},
    [OP_XOR] = {BOOLS, 0, 0},
    [OP_WHERE] = {0, 0, 0},
    [OP_RESHAPE] = {ANY, A(SHAPE), 0},
    [OP_TRANSPOSE] = {ANY, A(PERM), 0},
    [OP_SLICE] = {ANY, A(STARTS) | A(SIZES), A(STEPS)},
    [OP_EXPAND] = {ANY, A(SHAPE), 0},
    [OP_CONCAT] = {ANY, A(AXIS), 0},
    [OP_GATHER] = {0, A(AXIS), 0},
    [OP_PAD] = {ANY, A(PADS), A(VALUE)},
    [OP_REDUCE_SUM] = {NUMBERS, A(AXES), A(KEEPDIMS)},
    [OP_REDUCE_MEAN] = {NUMBERS, A(AXES), A(KEEPDIMS)},
    [OP_REDUCE_MAX] = {ANY, A(AXES), A(KEEPDIMS)},
    [OP_REDUCE_MIN] = {ANY, A(AXES), A(KEEPDIMS)},
    [OP_REDUCE_PROD] = {NUMBERS, A(AXES), A(KEEPDIMS)},
    [OP_ARGMAX] = {NUMBERS, A(AXIS), A(KEEPDIMS) | A(LAST)},
    [OP_MATMUL] = {NUMBERS, 0, A(TRANS_B)},
    [OP_CONV] = {FLOATS, 0, A(STRIDES) | A(PADS) | A(DILATIONS) | A(GROUP)},
    [OP_SOFTMAX] = {FLOATS, 0, 0},
    [OP_LAYERNORM] = {FLOATS, A(EPS), 0},
    [OP_ATTENTION] = {FLOATS, A(SCALE), A(BASE2)},
};
#undef A

static bool wrong(Infer *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
static bool wrong(Infer *c, const char *fmt, ...) {
    Str s = str_new(c->scratch);
    va_list ap;
    va_start(ap, fmt);
    str_vaddf(&s, fmt, ap);
    va_end(ap);
    c->why = str_cstr(&s);
    return false;
}
static const Type *operand(const Infer *c, uint32_t i) { return graph_type(c->g, c->in[i]); }
static const char *text_of(const Infer *c, const Type *t) { return type_text(c->scratch, t); }
static const Attr *attr_of(const Infer *c, AttrKey k) { return attr_find(c->attr, c->nattr, k); }
static int64_t int_of(const Infer *c, AttrKey k, int64_t otherwise) {
    const Attr *a = attr_of(c, k);
    return a ? a->i : otherwise;
}
static unsigned class_bit(DType dt) {
    DClass cls = dtype_info[dt].cls;
    return cls == CLASS_FLOAT ? FLOATS : cls == CLASS_INT ? INTS : BOOLS;
}
static const char *class_text(unsigned classes) {
    static const char *const text[ANY + 1] = {
        [FLOATS] = "floating point", [INTS] = "integer", [NUMBERS] = "a number", [BOOLS] = "bool"};
    return text[classes];
}
static bool check_operands(Infer *c) {
    const GraphOpInfo *info = &graph_op[c->op];
    if (c->nin < info->min_in || c->nin > info->max_in)
        return info->min_in == info->max_in
                   ? wrong(c, "%u operands, expected %u", c->nin, info->min_in)
                   : wrong(c, "%u operands, expected %u to %u", c->nin, info->min_in,
                           info->max_in);
    for (uint32_t i = 0; i < c->nin; i++)
        if (c->in[i] == 0 || c->in[i] >= c->g->node.n)
            return wrong(c, "operand %u does not exist (node %u)", i + 1, c->in[i]);
    unsigned classes = rule[c->op].classes;
    if (!classes) return true;
    for (uint32_t i = 0; i < c->nin; i++) {
        const Type *t = operand(c, i);
        if (!(class_bit(t->dt) & classes))
            return wrong(c, "operand %u is %s where %s is expected", i + 1, text_of(c, t),
                         class_text(classes));
        if (t->dt != operand(c, 0)->dt)
            return wrong(c, "operands of different element types: %s and %s",
                         text_of(c, operand(c, 0)), text_of(c, t));
    }
    return true;
}
static bool check_attrs(Infer *c) {
    uint32_t seen = 0, needs = rule[c->op].needs, known = needs | rule[c->op].may_have;
    for (uint32_t i = 0; i < c->nattr; i++) {
        AttrKey k = c->attr[i].key;
        if (k >= AT_COUNT || !(known & 1u << k))
            return wrong(c, "attribute '%s' is not known here",
                         k < AT_COUNT ? graph_attr[k].text : "?");
        if (seen & 1u << k) return wrong(c, "attribute '%s' is given twice", graph_attr[k].text);
        seen |= 1u << k;
    }
    for (unsigned k = 0; k < AT_COUNT; k++)
        if (needs & ~seen & 1u << k)
            return wrong(c, "attribute '%s' is missing", graph_attr[k].text);
    return true;
}

// ---- shape arithmetic ------------------------------------------------------------------------
static bool same_as(Infer *c, const Type *t) {
    c->out = *t;
    return true;
}
static bool result(Infer *c, DType dt, int rank, const int64_t *dim) {
    if (rank > MAX_RANK) return wrong(c, "the result has rank %d, more than %d", rank, MAX_RANK);
    c->out = type_of(dt, rank, dim);
    if (type_check(dim, rank)) return true;
    return wrong(c, "the result %s is too large", text_of(c, &c->out));
}
// numpy's rule: widens dim[0..rank) by the axes of t, without the last `skip` of them.
static bool broadcast(Infer *c, int64_t *dim, int *rank, const Type *t, int skip) {
    int have = t->rank - skip;
    while (*rank < have) {
        memmove(dim + 1, dim, (size_t)*rank * sizeof *dim);
        dim[0] = 1;
        ++*rank;
    }
    for (int i = 0; i < have; i++) {
        int64_t *d = &dim[*rank - have + i];
        if (*d == t->dim[i] || t->dim[i] == 1) continue;
        if (*d != 1)
            return wrong(c, "operand shapes %s and %s do not broadcast (%lld against %lld)",
                         text_of(c, operand(c, 0)), text_of(c, t), (long long)*d,
                         (long long)t->dim[i]);
        *d = t->dim[i];
    }
    return true;
}
static bool elementwise(Infer *c, DType dt) {
    int64_t dim[MAX_RANK];
    int rank = 0;
    for (uint32_t i = 0; i < c->nin; i++)
        if (!broadcast(c, dim, &rank, operand(c, i), 0)) return false;
    return result(c, op_is(c->op, PRED) ? DT_BOOL : dt, rank, dim);
}
static bool axis_in_range(Infer *c, int64_t axis, int rank) {
    if (axis >= 0 && axis < rank) return true;
    return wrong(c, "axis %lld is out of range for rank %d", (long long)axis, rank);
}
static bool rank_is(Infer *c, uint32_t i, int least, int most) {
    const Type *t = operand(c, i);
    if (t->rank >= least && t->rank <= most) return true;
    return wrong(c, "operand %u is %s where rank %s%d is expected", i + 1, text_of(c, t),
                 least == most ? "" : t->rank < least ? "at least " : "at most ",
                 t->rank < least ? least : most);
}
// A list attribute with one value for each of n things, or NULL when it may be and is absent.
static bool list_of(Infer *c, AttrKey k, int n, const int64_t **out) {
    const Attr *a = attr_of(c, k);
    *out = a ? a->ints : NULL;
    if (!a || a->n == (uint32_t)n) return true;
    return wrong(c, "attribute '%s' has %u values where %d are expected", graph_attr[k].text, a->n,
                 n);
}
static bool in_range(Infer *c, AttrKey k, int64_t v, int64_t low, int64_t high) {
    if (v >= low && v <= high) return true;
    return wrong(c, "attribute '%s': %lld is out of range (%lld to %lld)", graph_attr[k].text,
                 (long long)v, (long long)low, (long long)high);
}

// ---- elementwise -----------------------------------------------------------------------------
#define ELEMENTWISE(op) \
    static bool infer_##op(Infer *c) { return elementwise(c, operand(c, 0)->dt); }
ELEMENTWISE(NEG)
ELEMENTWISE(ABS)
ELEMENTWISE(SIGN)
ELEMENTWISE(RECIP)
ELEMENTWISE(SQRT)
ELEMENTWISE(RSQRT)
ELEMENTWISE(EXP)
ELEMENTWISE(LOG)
ELEMENTWISE(ERF)
ELEMENTWISE(TANH)
ELEMENTWISE(SIN)
ELEMENTWISE(COS)
ELEMENTWISE(SIGMOID)
ELEMENTWISE(SOFTPLUS)
ELEMENTWISE(GELU)
ELEMENTWISE(GELU_TANH)
ELEMENTWISE(FLOOR)
ELEMENTWISE(CEIL)
ELEMENTWISE(ROUND)
ELEMENTWISE(NOT)
ELEMENTWISE(ISNAN)
ELEMENTWISE(ADD)
ELEMENTWISE(SUB)
ELEMENTWISE(MUL)
ELEMENTWISE(DIV)
ELEMENTWISE(MOD)
ELEMENTWISE(MIN)
ELEMENTWISE(MAX)
ELEMENTWISE(EQ)
ELEMENTWISE(LT)
ELEMENTWISE(LE)
ELEMENTWISE(AND)
ELEMENTWISE(OR)
ELEMENTWISE(XOR)

static bool infer_CAST(Infer *c) {
    int64_t to = attr_of(c, AT_TO)->i;
    if (to <= DT_NONE || to >= DT_COUNT)
        return wrong(c, "attribute 'to': %lld is no element type", (long long)to);
    return elementwise(c, (DType)to);
}
static bool infer_POW(Infer *c) {
    for (uint32_t i = 0; i < 2; i++)
        if (!(class_bit(operand(c, i)->dt) & NUMBERS))
            return wrong(c, "operand %u is %s where a number is expected", i + 1,
                         text_of(c, operand(c, i)));
    return elementwise(c, operand(c, 0)->dt);
}
static bool infer_WHERE(Infer *c) {
    if (operand(c, 0)->dt != DT_BOOL)
        return wrong(c, "the condition is %s where bool is expected", text_of(c, operand(c, 0)));
    if (operand(c, 1)->dt != operand(c, 2)->dt)
        return wrong(c, "operands of different element types: %s and %s",
                     text_of(c, operand(c, 1)), text_of(c, operand(c, 2)));
    return elementwise(c, operand(c, 1)->dt);
}

// ---- leaves: their type is given, not inferred -----------------------------------------------
static bool infer_INPUT(Infer *c) { return wrong(c, "the type of an input is given"); }
static bool infer_CONST(Infer *c) { return wrong(c, "the type of a constant is given"); }

// ---- views and moves -------------------------------------------------------------------------
static bool shape_attr(Infer *c) {
    const Attr *a = attr_of(c, AT_SHAPE);
    if (a->n > MAX_RANK) return wrong(c, "the result has rank %u, more than %d", a->n, MAX_RANK);
    for (uint32_t i = 0; i < a->n; i++)
        if (!in_range(c, AT_SHAPE, a->ints[i], 0, (int64_t)limit(LIM_DIM))) return false;
    return result(c, operand(c, 0)->dt, (int)a->n, a->ints);
}
static bool infer_RESHAPE(Infer *c) {
    if (!shape_attr(c)) return false;
    const Type *x = operand(c, 0);
    if (type_count(x) == type_count(&c->out)) return true;
    return wrong(c, "%s has %lld elements, %s has %lld", text_of(c, x), (long long)type_count(x),
                 text_of(c, &c->out), (long long)type_count(&c->out));
}
static bool infer_EXPAND(Infer *c) {
    if (!shape_attr(c)) return false;
    const Type *x = operand(c, 0);
    int more = c->out.rank - x->rank;
    for (int i = 0; i < x->rank; i++)
        if (more < 0 || (x->dim[i] != 1 && x->dim[i] != c->out.dim[more + i]))
            return wrong(c, "%s does not expand to %s", text_of(c, x), text_of(c, &c->out));
    return true;
}
static bool infer_TRANSPOSE(Infer *c) {
    const Type *x = operand(c, 0);
    const int64_t *perm;
    int64_t dim[MAX_RANK];
    unsigned seen = 0;
    if (!list_of(c, AT_PERM, x->rank, &perm)) return false;
    for (int i = 0; i < x->rank; i++) {
        if (!axis_in_range(c, perm[i], x->rank)) return false;
        if (seen & 1u << perm[i])
            return wrong(c, "attribute 'perm' names axis %lld twice", (long long)perm[i]);
        seen |= 1u << perm[i];
        dim[i] = x->dim[perm[i]];
    }
    return result(c, x->dt, x->rank, dim);
}
static bool infer_SLICE(Infer *c) {
    const Type *x = operand(c, 0);
    const int64_t *start, *size, *step;
    if (!list_of(c, AT_STARTS, x->rank, &start) || !list_of(c, AT_SIZES, x->rank, &size) ||
        !list_of(c, AT_STEPS, x->rank, &step))
        return false;
    int64_t most = (int64_t)limit(LIM_DIM);
    for (int i = 0; i < x->rank; i++) {
        int64_t by = step ? step[i] : 1;
        if (!in_range(c, AT_SIZES, size[i], 0, most) || !in_range(c, AT_STEPS, by, -most, most) ||
            !in_range(c, AT_STARTS, start[i], 0, x->dim[i]))
            return false;
        if (by == 0) return wrong(c, "attribute 'steps': axis %d has step 0", i);
        int64_t last = start[i] + (size[i] - 1) * by;
        if (size[i] > 0 && (start[i] == x->dim[i] || last < 0 || last >= x->dim[i]))
            return wrong(c, "axis %d: %lld elements from %lld in steps of %lld leave 0..%lld", i,
                         (long long)size[i], (long long)start[i], (long long)by,
                         (long long)x->dim[i] - 1);
    }
    return result(c, x->dt, x->rank, size);
}
static bool infer_CONCAT(Infer *c) {
    Type t = *operand(c, 0);
    int64_t axis = attr_of(c, AT_AXIS)->i;
    if (!axis_in_range(c, axis, t.rank)) return false;
    for (uint32_t k = 1; k < c->nin; k++) {
        const Type *x = operand(c, k);
        bool fits = x->rank == t.rank;
        for (int i = 0; fits && i < t.rank; i++) fits = i == axis || x->dim[i] == t.dim[i];
        if (!fits)
            return wrong(c, "operand %u is %s, which does not continue %s along axis %lld", k + 1,
                         text_of(c, x), text_of(c, operand(c, 0)), (long long)axis);
        t.dim[axis] += x->dim[axis];      // at most 4096 times 2^30
    }
    return result(c, t.dt, t.rank, t.dim);
}
static bool infer_GATHER(Infer *c) {
    const Type *x = operand(c, 0), *index = operand(c, 1);
    int64_t axis = attr_of(c, AT_AXIS)->i, dim[2 * MAX_RANK];
    if (!axis_in_range(c, axis, x->rank)) return false;
    if (index->dt != DT_I64)
        return wrong(c, "the indices are %s where i64 is expected", text_of(c, index));
    int n = 0;
    for (int i = 0; i < axis; i++) dim[n++] = x->dim[i];
    for (int i = 0; i < index->rank; i++) dim[n++] = index->dim[i];
    for (int i = (int)axis + 1; i < x->rank; i++) dim[n++] = x->dim[i];
    if (x->dim[axis] == 0 && type_count(index) > 0)
        return wrong(c, "axis %lld of %s has no elements", (long long)axis, text_of(c, x));
    return result(c, x->dt, n, dim);
}
static bool infer_PAD(Infer *c) {
    Type t = *operand(c, 0);
    const int64_t *pad;
    int64_t most = (int64_t)limit(LIM_DIM);
    if (!list_of(c, AT_PADS, 2 * t.rank, &pad)) return false;
    for (int i = 0; i < 2 * t.rank; i++)
        if (!in_range(c, AT_PADS, pad[i], -most, most)) return false;
    for (int i = 0; i < t.rank; i++) {
        t.dim[i] += pad[i] + pad[t.rank + i];
        if (t.dim[i] < 0)
            return wrong(c, "axis %d: padding by %lld and %lld leaves %lld elements", i,
                         (long long)pad[i], (long long)pad[t.rank + i], (long long)t.dim[i]);
    }
    return result(c, t.dt, t.rank, t.dim);
}

// ---- reductions ------------------------------------------------------------------------------
static bool reduced(Infer *c, DType dt, unsigned axes) {
    const Type *x = operand(c, 0);
    bool keep = int_of(c, AT_KEEPDIMS, 0) != 0;
    int64_t dim[MAX_RANK];
    int n = 0;
    for (int i = 0; i < x->rank; i++) {
        if (!(axes & 1u << i)) dim[n++] = x->dim[i];
        else if (keep) dim[n++] = 1;
    }
    return result(c, dt, n, dim);
}
static bool reduction(Infer *c) {
    const Attr *a = attr_of(c, AT_AXES);
    const Type *x = operand(c, 0);
    unsigned axes = 0;
    for (uint32_t i = 0; i < a->n; i++) {
        if (!axis_in_range(c, a->ints[i], x->rank)) return false;
        if (i && a->ints[i] <= a->ints[i - 1])
            return wrong(c, "attribute 'axes' is not sorted: %lld after %lld",
                         (long long)a->ints[i], (long long)a->ints[i - 1]);
        axes |= 1u << a->ints[i];
    }
    return reduced(c, x->dt, axes);
}
static bool infer_REDUCE_SUM(Infer *c) { return reduction(c); }
static bool infer_REDUCE_MEAN(Infer *c) { return reduction(c); }
static bool infer_REDUCE_MAX(Infer *c) { return reduction(c); }
static bool infer_REDUCE_MIN(Infer *c) { return reduction(c); }
static bool infer_REDUCE_PROD(Infer *c) { return reduction(c); }
static bool infer_ARGMAX(Infer *c) {
    const Type *x = operand(c, 0);
    int64_t axis = attr_of(c, AT_AXIS)->i;
    if (!axis_in_range(c, axis, x->rank)) return false;
    if (x->dim[axis] == 0)
        return wrong(c, "axis %lld of %s has no elements", (long long)axis, text_of(c, x));
    return reduced(c, DT_I64, 1u << axis);
}

// ---- contractions ----------------------------------------------------------------------------
static bool infer_MATMUL(Infer *c) {
    if (!rank_is(c, 0, 2, MAX_RANK) || !rank_is(c, 1, 2, MAX_RANK)) return false;
    const Type *a = operand(c, 0), *b = operand(c, 1);
    int trans = int_of(c, AT_TRANS_B, 0) != 0;
    int64_t ka = a->dim[a->rank - 1], kb = b->dim[b->rank - (trans ? 1 : 2)];
    if (ka != kb)
        return wrong(c, "inner sizes differ: %lld in %s, %lld in %s%s", (long long)ka,
                     text_of(c, a), (long long)kb, text_of(c, b), trans ? " (trans_b)" : "");
    int64_t dim[MAX_RANK + 2];
    int rank = 0;
    if (!broadcast(c, dim, &rank, a, 2) || !broadcast(c, dim, &rank, b, 2)) return false;
    dim[rank++] = a->dim[a->rank - 2];
    dim[rank++] = b->dim[b->rank - (trans ? 2 : 1)];
    return result(c, a->dt, rank, dim);
}
// One spatial axis of a convolution.
static bool conv_axis(Infer *c, int axis, int64_t size, int64_t kernel, int64_t pad,
                      const int64_t *stride, const int64_t *dilation, int64_t *out) {
    int64_t s = stride ? stride[axis] : 1, d = dilation ? dilation[axis] : 1;
    int64_t most = (int64_t)limit(LIM_DIM);
    if (!in_range(c, AT_STRIDES, s, 1, most) || !in_range(c, AT_DILATIONS, d, 1, most))
        return false;
    int64_t room = size + pad - (d * (kernel - 1) + 1);
    if (kernel < 1 || room < 0)
        return wrong(c, "spatial axis %d: a kernel of %lld (dilation %lld) does not fit %lld", axis,
                     (long long)kernel, (long long)d, (long long)(size + pad));
    *out = room / s + 1;
    return true;
}
static bool infer_CONV(Infer *c) {
    if (!rank_is(c, 0, 3, MAX_RANK) || !rank_is(c, 1, 3, MAX_RANK)) return false;
    const Type *x = operand(c, 0), *w = operand(c, 1);
    int n = x->rank - 2;
    int64_t group = int_of(c, AT_GROUP, 1), dim[MAX_RANK] = {x->dim[0], w->dim[0]};
    const int64_t *stride, *pad, *dilation;
    if (w->rank != x->rank || group < 1 || w->dim[0] % group || w->dim[1] > INT32_MAX ||
        group > INT32_MAX || w->dim[1] * group != x->dim[1])
        return wrong(c, "weights %s do not fit %s in %lld groups", text_of(c, w), text_of(c, x),
                     (long long)group);
    if (!list_of(c, AT_STRIDES, n, &stride) || !list_of(c, AT_PADS, 2 * n, &pad) ||
        !list_of(c, AT_DILATIONS, n, &dilation))
        return false;
    for (int i = 0; i < n; i++) {
        int64_t both = 0;
        for (int side = 0; pad && side < 2; side++) {
            int64_t p = pad[side * n + i];
            if (!in_range(c, AT_PADS, p, 0, (int64_t)limit(LIM_DIM))) return false;
            both += p;
        }
        if (!conv_axis(c, i, x->dim[2 + i], w->dim[2 + i], both, stride, dilation, &dim[2 + i]))
            return false;
    }
    return result(c, x->dt, x->rank, dim);
}
static bool infer_ATTENTION(Infer *c) {
    for (uint32_t i = 0; i < 3; i++)
        if (!rank_is(c, i, 4, 4)) return false;
    const int64_t *q = operand(c, 0)->dim, *k = operand(c, 1)->dim, *v = operand(c, 2)->dim;
    if (q[0] != k[0] || q[2] != k[2] || q[3] != k[3] || k[0] != v[0] || k[1] != v[1] ||
        k[2] != v[2] || k[1] == 0)
        return wrong(c, "shapes %s, %s and %s do not fit (want [B,S,n,d], [B,T,n,d], [B,T,n,e])",
                     text_of(c, operand(c, 0)), text_of(c, operand(c, 1)),
                     text_of(c, operand(c, 2)));
    int64_t dim[] = {q[0], q[1], q[2], v[3]};
    return result(c, operand(c, 0)->dt, 4, dim);
}

// ---- over the last axis ----------------------------------------------------------------------
static bool infer_SOFTMAX(Infer *c) {
    return rank_is(c, 0, 1, MAX_RANK) && same_as(c, operand(c, 0));
}
static bool infer_LAYERNORM(Infer *c) {
    if (!rank_is(c, 0, 1, MAX_RANK)) return false;
    const Type *x = operand(c, 0);
    for (uint32_t i = 1; i < c->nin; i++) {
        const Type *t = operand(c, i);
        if (t->rank != 1 || t->dim[0] != x->dim[x->rank - 1])
            return wrong(c, "%s is %s where the last axis of %s has %lld elements",
                         i == 1 ? "the gain" : "the bias", text_of(c, t), text_of(c, x),
                         (long long)x->dim[x->rank - 1]);
    }
    return same_as(c, x);
}

bool graph_infer(const Graph *g, GraphOp op, const NodeId *in, uint32_t nin, const Attr *attr,
                 uint32_t nattr, Type *out, const char **why, Arena *scratch) {
    Infer c = {.g = g, .op = op, .in = in, .nin = nin, .attr = attr, .nattr = nattr,
               .scratch = scratch};
    bool ok = op > OP_NONE && op < OP_COUNT
                  ? check_operands(&c) && check_attrs(&c) && infer_op[op](&c)
                  : wrong(&c, "no such operation (%d)", (int)op);
    *out = c.out;
    *why = c.why;
    return ok;
}
