// merge.c: the query, key and value projections of one attention read the same tensor: one matmul,
// then three SLICEs. The input is read once, and one kernel is launched instead of three.
#include "passes/graph/match.h"
#include <string.h>

// Which operand of an ATTENTION n reaches through views (0 query, 1 key, 2 value), or -1.
static int attention_role(const Sweep *s, NodeId n, int depth) {
    uint32_t count;
    const uint32_t *user = users(s, n, &count);
    if (count == 0) return -1;
    NodeId u = user[0];
    if (is_op(s, u, OP_ATTENTION)) return operand(s, u, 0) == n ? 0 : operand(s, u, 1) == n ? 1 : 2;
    bool view = is_op(s, u, OP_RESHAPE) || is_op(s, u, OP_TRANSPOSE);
    return depth && view ? attention_role(s, u, depth - 1) : -1;
}
typedef struct Projection {
    NodeId result; // the matmul, or the addition of its bias
    int role;
    Linear l;
} Projection;
enum { MAX_PROJECTIONS = 16 };

static bool projection_of(Sweep *s, NodeId matmul, Projection *p) {
    uint32_t count;
    const uint32_t *user = users(s, matmul, &count);
    p->result =
        count == 1 && is_op(s, user[0], OP_ADD) && linear_of(s, user[0], &p->l) ? user[0] : matmul;
    if (p->result == matmul && !linear_of(s, matmul, &p->l)) return false;
    if (p->l.bias && !is_row_vector(type_at(s, p->l.bias), last_dim(type_at(s, matmul))))
        return false;
    p->role = attention_role(s, p->result, 4);
    return p->role >= 0;
}
// The projections that read x, in the order query, key, value.
static int projections_of(Sweep *s, NodeId x, Projection *out) {
    uint32_t count;
    const uint32_t *user = users(s, x, &count);
    int n = 0;
    for (uint32_t i = 0; i < count && n < MAX_PROJECTIONS; i++) {
        Projection p;
        if (!is_linear(s, user[i]) || operand(s, user[i], 0) != x || !projection_of(s, user[i], &p))
            continue;
        int j = n++;
        for (; j > 0 && out[j - 1].role > p.role; j--) out[j] = out[j - 1];
        out[j] = p;
    }
    return n;
}
static NodeId bias_vector(Sweep *s, const Projection *p) {
    int64_t width = last_dim(type_at(s, p->result));
    if (p->l.bias) return reshape_dims(s, p->l.bias, 1, &width);
    return g_expand(s->g, scalar_like(s, p->result, 0), 1, &width);
}
// "attention.query", "attention.key" and "attention.value": "attention.query+key+value".
static Loc joint_loc(const Sweep *s, const Projection *p, int count) {
    Diag *d = s->p->c->diag;
    LocInfo all = *diag_at(d, p[0].l.loc);
    if (!all.node) return p[0].l.loc;
    size_t same = strlen(all.node);
    for (int i = 1; i < count; i++) {
        const char *name = diag_at(d, p[i].l.loc)->node;
        size_t n = 0;
        while (name && n < same && name[n] == all.node[n]) n++;
        same = n;
    }
    while (same && all.node[same - 1] != '.' && all.node[same - 1] != '/') same--;
    Str joint = str_new(s->p->c->arena);
    str_add(&joint, all.node);
    for (int i = 1; i < count; i++) {
        const char *name = diag_at(d, p[i].l.loc)->node;
        if (name) str_addf(&joint, "+%s", name + same);
    }
    all.node = str_cstr(&joint);
    return diag_loc(d, all);
}

NodeId rule_merge_projections(Sweep *s, NodeId n) {
    Projection p[MAX_PROJECTIONS];
    Linear l;
    if (!linear_of(s, n, &l)) return 0;
    int count = projections_of(s, l.x, p), mine = -1;
    bool trans_b = false, has_bias = false;
    for (int i = 0; i < count; i++) {
        if (p[i].result == n) mine = i;
        trans_b |= p[i].l.trans_b;
        has_bias |= p[i].l.bias != 0;
    }
    if (mine < 0 || count < 2) return 0;
    NodeId w[MAX_PROJECTIONS], b[MAX_PROJECTIONS];
    int64_t start = 0, width = last_dim(type_at(s, n));
    for (int i = 0; i < count; i++) {
        if (i < mine) start += last_dim(type_at(s, p[i].result));
        w[i] = p[i].l.trans_b == trans_b ? p[i].l.w : swap_last(s, p[i].l.w);
        b[i] = has_bias ? bias_vector(s, &p[i]) : 0;
    }
    Linear all = {.x = l.x, .trans_b = trans_b, .loc = joint_loc(s, p, count)};
    all.w = g_concat(s->g, w, (uint32_t)count, trans_b ? 0 : 1);
    if (has_bias) all.bias = g_concat(s->g, b, (uint32_t)count, 0);
    int axis = type_at(s, n)->rank - 1;
    return slice_axis(s, linear_build(s, &all), axis, start, width);
}
