// recognise_gelu.c: GELU has as many spellings as there are exporters: 0.5 here or there, x/sqrt 2
// or x*0.7071, a cube by pow or by products. All of them are polynomials in x and E = erf(u) or
// tanh(u), and u is a polynomial in x. So expressions are multiplied out, and only coefficients are
// compared:
//     n = s (x/2 + x/2 E),   u = x/sqrt 2   or   u = sqrt(2/pi) (x + 0.044715 x^3)
#include "passes/graph/match.h"

enum { DEGREE = 4, DEPTH = 8 };
typedef struct Poly {
    double c[2][DEGREE]; // of E^0 and E^1, by power of x
} Poly;

static bool poly_mul(const Poly *a, const Poly *b, Poly *out) {
    Poly p = {0};
    for (int e = 0; e < 2; e++)
        for (int f = 0; f < 2; f++)
            for (int i = 0; i < DEGREE; i++)
                for (int j = 0; j < DEGREE; j++) {
                    double v = a->c[e][i] * b->c[f][j];
                    if (v == 0) continue;
                    if (e + f > 1 || i + j >= DEGREE) return false;
                    p.c[e + f][i + j] += v;
                }
    *out = p;
    return true;
}
static void poly_add(const Poly *a, const Poly *b, double sign, Poly *out) {
    for (int e = 0; e < 2; e++)
        for (int i = 0; i < DEGREE; i++) out->c[e][i] = a->c[e][i] + sign * b->c[e][i];
}
// n as a polynomial in x and e (e may be 0: none). False when it is something else.
static bool poly_of(Sweep *s, NodeId n, NodeId x, NodeId e, int depth, Poly *out) {
    double v;
    Poly a, b;
    *out = (Poly){0};
    if (n == x) return out->c[0][1] = 1, true;
    if (n == e) return out->c[1][0] = 1, true;
    if (is_const(s, n)) return scalar_of(s, n, &v) && (out->c[0][0] = v, true);
    GraphOp op = at(s, n)->op;
    if (depth == 0 || (op != OP_ADD && op != OP_SUB && op != OP_MUL)) return false;
    if (!poly_of(s, operand(s, n, 0), x, e, depth - 1, &a) ||
        !poly_of(s, operand(s, n, 1), x, e, depth - 1, &b))
        return false;
    if (op == OP_MUL) return poly_mul(&a, &b, out);
    poly_add(&a, &b, op == OP_ADD ? 1 : -1, out);
    return true;
}
static bool is_poly(const Sweep *s, NodeId n, const Poly *p, const Poly *want, double scale) {
    for (int e = 0; e < 2; e++)
        for (int i = 0; i < DEGREE; i++)
            if (want->c[e][i] == 0 ? p->c[e][i] != 0
                                   : !near_to(s, n, p->c[e][i], scale * want->c[e][i]))
                return false;
    return true;
}

// The ERF or TANH below n, through arithmetic.
static NodeId find_e(const Sweep *s, NodeId n, int depth) {
    GraphOp op = at(s, n)->op;
    if (op == OP_ERF || op == OP_TANH) return n;
    if (depth == 0 || (op != OP_ADD && op != OP_MUL)) return 0;
    for (uint32_t i = 0; i < 2; i++) {
        NodeId e = find_e(s, operand(s, n, i), depth - 1);
        if (e) return e;
    }
    return 0;
}
static const Poly gelu = {{{0, 0.5}, {0, 0.5}}};
static const Poly erf_argument = {{{0, 0.70710678118654752440}, {0}}};
static const Poly tanh_argument = {
    {{0, 0.79788456080286535588, 0, 0.79788456080286535588 * 0.044715}, {0}}};

static NodeId gelu_in(Sweep *s, NodeId n, NodeId e, NodeId x) {
    bool is_erf = is_op(s, e, OP_ERF);
    Poly p, u;
    if (!same_dims(type_at(s, x), type_at(s, n)) || !poly_of(s, operand(s, e, 0), x, 0, DEPTH, &u))
        return 0;
    if (!is_poly(s, n, &u, is_erf ? &erf_argument : &tanh_argument, 1)) return 0;
    if (!poly_of(s, n, x, e, DEPTH, &p) || p.c[1][1] == 0 ||
        !is_poly(s, n, &p, &gelu, 2 * p.c[1][1]))
        return 0;
    double scale = 2 * p.c[1][1];
    NodeId y = g_unary(s->g, is_erf ? OP_GELU : OP_GELU_TANH, x);
    return near_to(s, n, scale, 1) ? y : g_binary(s->g, OP_MUL, y, scalar_like(s, y, scale));
}
// Tries every node below u as x: the argument itself may be a sum (a bias) or a product.
static NodeId try_arguments(Sweep *s, NodeId n, NodeId e, NodeId u, int depth) {
    if (is_const(s, u)) return 0;
    NodeId found = u != operand(s, e, 0) ? gelu_in(s, n, e, u) : 0;
    GraphOp op = at(s, u)->op;
    for (uint32_t i = 0; !found && depth > 0 && i < 2 && (op == OP_ADD || op == OP_MUL); i++)
        found = try_arguments(s, n, e, operand(s, u, i), depth - 1);
    return found;
}
NodeId rule_gelu(Sweep *s, NodeId n) {
    GraphOp op = at(s, n)->op;
    if ((op != OP_MUL && op != OP_ADD) || !is_float(s, n)) return 0;
    NodeId e = find_e(s, n, 5);
    return e ? try_arguments(s, n, e, operand(s, e, 0), 4) : 0;
}
