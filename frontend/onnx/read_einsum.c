// read_einsum.c: Einsum by pairs. Each operand is brought to one axis per label; two operands are
// contracted by one batched matrix product over the labels that neither the result nor a later
// operand needs. Labels: letters, and the axes of '...' numbered from the right.
#include "frontend/onnx/onnx_import.h"
#include <string.h>

enum { MAX_LABELS = 52 + MAX_RANK, MAX_TERMS = 16 };
typedef struct Term { // an operand whose axis i has label[i]
    NodeId node;
    int rank;
    int label[MAX_RANK];
} Term;

static int label_of(char c) {
    if (c >= 'a' && c <= 'z') return c - 'a';
    if (c >= 'A' && c <= 'Z') return 26 + (c - 'A');
    return -1;
}
// Reads one term up to ',', '-' or the end. `rank` < 0: the output, whose dots have `dots` axes.
static bool parse_term(Import *m, const char **at, int rank, int dots, Term *t) {
    const char *s = *at;
    int letters = 0;
    bool has_dots = false;
    for (const char *p = s; *p && *p != ',' && *p != '-'; p++) {
        if (strncmp(p, "...", 3) == 0 && !has_dots) {
            has_dots = true;
            p += 2;
        } else if (label_of(*p) >= 0) {
            letters++;
        } else if (*p != ' ') {
            return fail(m, ERR_MODEL, "the equation has a character that is not a label: '%c'", *p);
        }
    }
    int open = !has_dots ? 0 : rank < 0 ? dots : rank - letters;
    if (open < 0 || letters + open > MAX_RANK || (rank >= 0 && letters + open != rank)) {
        return fail(m, ERR_MODEL, "a term of the equation has %d labels for rank %d", letters,
                    rank);
    }
    t->rank = 0;
    for (; *s && *s != ',' && *s != '-'; s++) {
        if (*s == '.') {
            for (int i = 0; i < open; i++) t->label[t->rank++] = 52 + open - 1 - i;
            s += 2;
        } else if (*s != ' ') {
            t->label[t->rank++] = label_of(*s);
        }
    }
    *at = s;
    return true;
}
// Without '->' the output has the dots, then the labels met once, in alphabetical order.
static void implicit_output(const Term *in, uint32_t n, Term *out) {
    int count[MAX_LABELS] = {0};
    for (uint32_t i = 0; i < n; i++) {
        for (int k = 0; k < in[i].rank; k++) count[in[i].label[k]]++;
    }
    out->rank = 0;
    for (int l = MAX_LABELS - 1; l >= 52; l--) {
        if (count[l] && out->rank < MAX_RANK) out->label[out->rank++] = l;
    }
    for (int i = 0; i < 52; i++) { // 'A' sorts before 'a'
        int l = i < 26 ? i + 26 : i - 26;
        if (count[l] == 1 && out->rank < MAX_RANK) out->label[out->rank++] = l;
    }
}
static bool parse(Import *m, OpCall *op, Term *in, Term *out) {
    const char *s = opt_text(m, op, "equation", "");
    int dots = 0;
    for (uint32_t i = 0; i < op->nin; i++) {
        const Type *t = t_type(m, op->in[i].node);
        in[i].node = op->in[i].node;
        if (!parse_term(m, &s, t->rank, 0, &in[i])) return false;
        for (int k = 0; k < in[i].rank; k++) {
            if (in[i].label[k] >= dots + 52) dots = in[i].label[k] - 52 + 1;
        }
        bool last = i + 1 == op->nin;
        if (!last && *s != ',')
            return fail(m, ERR_MODEL, "the equation has %u terms for %u operands", i + 1, op->nin);
        if (!last) s++;
    }
    if (*s == 0) {
        implicit_output(in, op->nin, out);
        return true;
    }
    if (strncmp(s, "->", 2) != 0)
        return fail(m, ERR_MODEL, "the equation has more terms than operands");
    s += 2;
    if (!parse_term(m, &s, -1, dots, out)) return false;
    return *s == 0 || fail(m, ERR_MODEL, "the equation goes on after its result");
}

// ---- bringing terms into form ------------------------------------------------------------------
static int axis_with(const Term *t, int label) {
    for (int i = 0; i < t->rank; i++) {
        if (t->label[i] == label) return i;
    }
    return -1;
}
// A label twice in one term means the diagonal: both axes last, merged, every (n + 1)-th element.
static bool take_diagonal(Import *m, Term *t, int a, int b) {
    int64_t perm[MAX_RANK], dim[MAX_RANK];
    int label[MAX_RANK], n = 0;
    const Type type = *t_type(m, t->node);
    if (type.dim[a] != type.dim[b])
        return fail(m, ERR_MODEL, "a diagonal of a matrix that is not square");
    for (int i = 0; i < t->rank; i++) {
        if (i == a || i == b) continue;
        label[n] = t->label[i];
        dim[n] = type.dim[i];
        perm[n++] = i;
    }
    label[n] = t->label[a];
    perm[n] = a;
    perm[n + 1] = b;
    int64_t size = type.dim[a];
    dim[n] = size * size;
    if (size > 4096) return fail(m, ERR_LIMIT, "a diagonal of %lld elements", (long long)size);
    int64_t *index = t_alloc(m, (uint64_t)size, DT_I64);
    for (int64_t i = 0; i < size; i++) index[i] = i * (size + 1);
    NodeId x = t_reshape(m, t_transpose(m, t->node, perm), n + 1, dim);
    t->node = t_gather(m, x, t_const(m, DT_I64, 1, &size, index), n);
    t->rank = n + 1;
    memcpy(t->label, label, sizeof label);
    return t->node != 0;
}
static bool take_diagonals(Import *m, Term *t) {
    for (int a = 0; a < t->rank; a++) {
        for (int b = a + 1; b < t->rank; b++) {
            if (t->label[a] != t->label[b]) continue;
            if (!take_diagonal(m, t, a, b)) return false;
            a = -1;
            break;
        }
    }
    return true;
}
// Sums the axes whose label nobody needs.
static bool drop_unused(Import *m, Term *t, const bool *needed) {
    int64_t axes[MAX_RANK];
    uint32_t n = 0;
    int rank = 0;
    for (int i = 0; i < t->rank; i++) {
        if (needed[t->label[i]])
            t->label[rank++] = t->label[i];
        else
            axes[n++] = i;
    }
    t->node = t_reduce(m, OP_REDUCE_SUM, t->node, axes, n, false);
    t->rank = rank;
    return t->node != 0;
}
// The term's axes in the order of `label`; a label it does not have becomes an axis of 1.
static NodeId arrange(Import *m, const Term *t, const int *label, int n) {
    int64_t perm[MAX_RANK], dim[MAX_RANK];
    const Type *type = t_type(m, t->node);
    int k = 0;
    for (int i = 0; i < n; i++) {
        int axis = axis_with(t, label[i]);
        dim[i] = axis < 0 ? 1 : type->dim[axis];
        if (axis >= 0) perm[k++] = axis;
    }
    return t_reshape(m, t_transpose(m, t->node, perm), n, dim);
}

// ---- two terms ---------------------------------------------------------------------------------
typedef struct Group {
    int label[2 * MAX_RANK], n;
} Group;
static int64_t sizes_of(const Import *m, const Term *t, const Group *g) {
    int64_t n = 1;
    for (int i = 0; i < g->n; i++) {
        int axis = axis_with(t, g->label[i]);
        if (axis >= 0) n *= t_type(m, t->node)->dim[axis];
    }
    return n;
}
// As [batch.., rows, columns]; batch axes stay apart so that a 1 can broadcast.
static NodeId as_matrices(Import *m, const Term *t, const Group *batch, const Group *rows,
                          const Group *columns) {
    int order[3 * MAX_RANK], n = 0;
    int64_t dim[2 * MAX_RANK];
    for (int i = 0; i < batch->n; i++) order[n++] = batch->label[i];
    for (int i = 0; i < rows->n; i++) order[n++] = rows->label[i];
    for (int i = 0; i < columns->n; i++) order[n++] = columns->label[i];
    if (n > MAX_RANK || batch->n + 2 > MAX_RANK) {
        fail(m, ERR_UNSUPPORTED, "the equation needs more than %d axes", MAX_RANK);
        return 0;
    }
    NodeId x = arrange(m, t, order, n);
    if (x == 0) return 0;
    for (int i = 0; i < batch->n; i++) dim[i] = t_type(m, x)->dim[i];
    dim[batch->n] = sizes_of(m, t, rows);
    dim[batch->n + 1] = sizes_of(m, t, columns);
    return t_reshape(m, x, batch->n + 2, dim);
}
static void classify(const Term *a, const Term *b, const bool *needed, Group *batch, Group *rows,
                     Group *columns, Group *inner) {
    for (int i = 0; i < a->rank; i++) {
        int l = a->label[i];
        Group *g = axis_with(b, l) < 0 ? rows : needed[l] ? batch : inner;
        g->label[g->n++] = l;
    }
    for (int i = 0; i < b->rank; i++) {
        if (axis_with(a, b->label[i]) < 0) columns->label[columns->n++] = b->label[i];
    }
}
static bool contract(Import *m, Term *a, Term *b, const bool *needed) {
    Group batch = {.n = 0}, rows = {.n = 0}, columns = {.n = 0}, inner = {.n = 0};
    classify(a, b, needed, &batch, &rows, &columns, &inner);
    NodeId x = as_matrices(m, a, &batch, &rows, &inner);
    NodeId y = as_matrices(m, b, &batch, &inner, &columns);
    NodeId r = t_matmul(m, x, y, false);
    if (r == 0) return false;
    Term out = {.rank = 0};
    int64_t dim[3 * MAX_RANK];
    if (batch.n + rows.n + columns.n > MAX_RANK)
        return fail(m, ERR_UNSUPPORTED, "the equation needs too many axes");
    for (int i = 0; i < batch.n; i++) {
        dim[out.rank] = t_type(m, r)->dim[i];
        out.label[out.rank++] = batch.label[i];
    }
    for (int i = 0; i < rows.n; i++) {
        dim[out.rank] = t_type(m, a->node)->dim[axis_with(a, rows.label[i])];
        out.label[out.rank++] = rows.label[i];
    }
    for (int i = 0; i < columns.n; i++) {
        dim[out.rank] = t_type(m, b->node)->dim[axis_with(b, columns.label[i])];
        out.label[out.rank++] = columns.label[i];
    }
    out.node = t_reshape(m, r, out.rank, dim);
    *a = out;
    return out.node != 0;
}

bool read_einsum(Import *m, OpCall *op) {
    Term in[MAX_TERMS], out = {.rank = 0};
    if (op->nin > MAX_TERMS) return fail(m, ERR_UNSUPPORTED, "more than %d operands", MAX_TERMS);
    for (uint32_t i = 0; i < op->nin; i++) {
        if (op->in[i].node == 0) return fail(m, ERR_MODEL, "input %u is missing", i);
    }
    if (!parse(m, op, in, &out)) return false;
    int later[MAX_LABELS] = {0}; // how many terms to come, and the result, hold a label
    for (int k = 0; k < out.rank; k++) later[out.label[k]]++;
    for (uint32_t i = 0; i < op->nin; i++) {
        if (!take_diagonals(m, &in[i])) return false;
        for (int k = 0; k < in[i].rank; k++) later[in[i].label[k]]++;
    }
    for (uint32_t i = 0; i < op->nin; i++) {
        bool needed[MAX_LABELS], shared[MAX_LABELS];
        for (int k = 0; k < in[i].rank; k++) later[in[i].label[k]]--;
        for (int l = 0; l < MAX_LABELS; l++) {
            needed[l] = later[l] > 0;
            shared[l] = needed[l] || (i > 0 && axis_with(&in[0], l) >= 0);
        }
        if (!drop_unused(m, &in[i], i ? shared : needed)) return false;
        if (i && !contract(m, &in[0], &in[i], needed)) return false;
    }
    for (int k = 0; k < out.rank; k++) {
        if (axis_with(&in[0], out.label[k]) < 0)
            return fail(m, ERR_MODEL, "the result has a label that no operand has");
        for (int j = 0; j < k; j++) {
            if (out.label[j] == out.label[k])
                return fail(m, ERR_MODEL, "the result has a label twice");
        }
    }
    return done(op, arrange(m, &in[0], out.label, out.rank));
}
