// c_helpers.c: the small functions that kernels call, each printed once and only when used. The
// body comes from c_spelling.def (an intrinsic), else from c_ops.def (an expression on vectors or,
// lane by lane, on elements), else from the few templates here.
#include "backends/c/c_print.h"
#include <inttypes.h>
#include <string.h>

// ---- which, and their names ------------------------------------------------------------------
static bool same_type(VType a, VType b) {
    return a.kind == b.kind && a.dt == b.dt && a.n == b.n;
}
void c_use(CModule *m, CHelper h) {
    for (uint32_t i = 0; i < m->helper.n; i++) {
        const CHelper *o = &m->helper.data[i];
        if (o->op == h.op && same_type(o->type, h.type) && same_type(o->from, h.from) &&
            o->imm == h.imm && o->is_part == h.is_part)
            return;
    }
    *PUSH(m->c->scratch, &m->helper) = h;
}
const char *c_helper_name(CModule *m, const CHelper *h) {
    Arena *a = m->c->scratch;
    const char *t = c_short(a, h->type), *from = h->from.kind ? c_short(a, h->from) : "";
    switch (h->op) {
    case K_CVT:
        return arena_printf(a, "%s_from_%s", t, from);
    case K_BITCAST:
        return arena_printf(a, "%s_as_%s", from, t);
    case K_CMP:
        return arena_printf(a, "%s_%s", from, kernel_pred[h->imm]);
    case K_RSUM:
    case K_RMAX:
    case K_RMIN:
        return arena_printf(a, "%s_%s", from, kernel_op[h->op].text);
    case K_BCAST:
        return arena_printf(a, "%s_first_of_%s", t, from);
    case K_CONST:
        return arena_printf(a, "%s_splat", t);
    case K_LOADB:
        return arena_printf(a, "%s_load_splat", t);
    case K_LOADS:
        return arena_printf(a, "%s_load_stride", t);
    case K_STORES:
        return arena_printf(a, "%s_store_stride", t);
    case K_SHL:
    case K_SHR:
        return arena_printf(a, "%s_%s_%" PRId64, t, kernel_op[h->op].text, h->imm);
    default:
        return arena_printf(a, "%s_%s%s", t, kernel_op[h->op].text, h->is_part ? "_part" : "");
    }
}

// ---- substitution ----------------------------------------------------------------------------
typedef struct Cop {
    KOp op;
    DClass cls;
    const char *lane, *vector;
} Cop;
static const Cop cops[] = {
#define COP(op, cls, lane, vector) {K_##op, CLASS_##cls, lane, vector},
#include "backends/c/c_ops.def"
#undef COP
};
static const Cop *find_cop(KOp op, DType dt) {
    DClass cls = dtype_info[dt].cls == CLASS_FLOAT ? CLASS_FLOAT : CLASS_INT;
    for (size_t i = 0; i < COUNT_OF(cops); i++)
        if (cops[i].op == op && cops[i].cls == cls) return &cops[i];
    die("c printer", "no C for %s", kernel_op[op].text);
}
static DType unsigned_twin(DType dt) {
    static const DType by_size[9] = {[1] = DT_U8, [2] = DT_U16, [4] = DT_U32, [8] = DT_U64};
    return by_size[dtype_info[dt].nbytes];
}
static const char *subst(CModule *m, const char *text, VType t, int64_t imm,
                         const char *const operand[3]) {
    Arena *a = m->c->scratch;
    Str s = str_new(a);
    for (; *text; text++) {
        if (*text != '%') {
            str_add_n(&s, text, 1);
            continue;
        }
        switch (*++text) {
        case 'T':
            str_add(&s, operand[0] && text[1] == '_' ? dtype_info[t.dt].text : c_elem((DType)t.dt));
            break;
        case 'U':
            str_add(&s, c_unsigned((DType)t.dt));
            break;
        case 'V':
            str_add(&s, c_short(a, t));
            break;
        case 'W':
            str_add(&s, c_short(a, vec_type(unsigned_twin((DType)t.dt), t.n)));
            break;
        case 'i':
            str_addf(&s, "%" PRId64, imm);
            break;
        default:
            str_add(&s, operand[*text - '0']);
        }
    }
    return str_cstr(&s);
}
static const char *const whole[3] = {"a", "b", "c"};
static const char *const *lanes_of(const CModule *m) {
    static const char *const vec[3] = {"a[i]", "b[i]", "c[i]"}, *const rec[3] = {"a.l[i]", "b.l[i]",
                                                                                 "c.l[i]"};
    return m->has_vectors ? vec : rec;
}
static const char *lane_of(const CModule *m, const char *v) {
    return arena_printf(m->c->scratch, m->has_vectors ? "%s[i]" : "%s.l[i]", v);
}

// ---- printing one ----------------------------------------------------------------------------
typedef struct Body {
    CModule *m;
    const CHelper *h;
    Str *out;
    const char *type, *from; // C types
    int n;
} Body;
static void head(const Body *b, const char *ret, const char *params) {
    str_addf(b->out, "static inline %s %s(%s) {\n", ret, c_helper_name(b->m, b->h), params);
}
static void foot(const Body *b) {
    str_add(b->out, "}\n");
}
static void returns(const Body *b, const char *expr) {
    str_addf(b->out, "    return %s;\n", expr);
}
// r[i] = expr for every lane
static void each_lane(const Body *b, const char *type, const char *expr) {
    if (b->n == 1) {
        returns(b, expr);
        return;
    }
    str_addf(b->out, "    %s r%s;\n", type, b->m->has_vectors ? " = {0}" : "");
    str_addf(b->out, "    for (int i = 0; i < %d; i++) %s = %s;\n    return r;\n", b->n,
             lane_of(b->m, "r"), expr);
}
static void print_arithmetic(const Body *b) {
    const CHelper *h = b->h;
    DType dt = (DType)h->type.dt;
    Str p = str_new(b->m->c->scratch);
    for (int i = 0; i < kernel_op[h->op].nargs; i++) // a sum of products has the result's type
        str_addf(&p, "%s%s %s", i ? ", " : "", b->from && i < 2 ? b->from : b->type, whole[i]);
    head(b, b->type, str_cstr(&p));
    const char *spelled = c_spelling(b->m, h->op, dt, b->n);
    const Cop *c = spelled ? NULL : find_cop(h->op, dt);
    if (spelled)
        returns(b, subst(b->m, spelled, h->type, h->imm, whole));
    else if (b->n > 1 && b->m->has_vectors && c->vector[0])
        returns(b, subst(b->m, c->vector, h->type, h->imm, whole));
    else {
        const char *lane =
            subst(b->m, c->lane, h->type, h->imm, b->n == 1 ? whole : lanes_of(b->m));
        each_lane(b, b->type, lane);
    }
    foot(b);
}
static void print_memory(const Body *b) {
    const CHelper *h = b->h;
    const char *elem = c_elem((DType)h->type.dt);
    bool is_store = h->op == K_STORE || h->op == K_STORES,
         is_strided = h->op == K_LOADS || h->op == K_STORES;
    const char *count = h->is_part ? ", size_t lanes" : "";
    if (is_strided) count = ", int64_t stride, int lanes";
    if (is_store)
        head(b, "void", arena_printf(b->m->c->scratch, "char *p, %s v%s", b->type, count));
    else
        head(b, b->type, arena_printf(b->m->c->scratch, "const char *p%s", count));
    const char *bytes =
        h->is_part ? arena_printf(b->m->c->scratch, "lanes * sizeof(%s)", elem) : "sizeof v";
    if (!is_store)
        str_addf(b->out, "    %s v%s;\n", b->type,
                 h->is_part || (is_strided && b->n > 1) ? " = {0}" : "");
    if (is_strided && b->n == 1)
        str_addf(b->out, "    (void)stride, (void)lanes;\n    memcpy(%s, sizeof v);\n",
                 is_store ? "p, &v" : "&v, p");
    else if (is_strided)
        str_addf(b->out,
                 "    for (int i = 0; i < lanes; i++) {\n        %s x%s;\n        memcpy(%s, "
                 "sizeof x);\n%s    }\n",
                 elem, is_store ? arena_printf(b->m->c->scratch, " = %s", lane_of(b->m, "v")) : "",
                 is_store ? "p + i * stride, &x" : "&x, p + i * stride",
                 is_store
                     ? ""
                     : arena_printf(b->m->c->scratch, "        %s = x;\n", lane_of(b->m, "v")));
    else
        str_addf(b->out, "    memcpy(%s, %s);\n", is_store ? "p, &v" : "&v, p", bytes);
    if (!is_store) returns(b, "v");
    foot(b);
}
static void print_splat(const Body *b, const char *value) {
    if (!b->m->has_vectors) {
        each_lane(b, b->type, value);
        return;
    }
    str_addf(b->out, "    return (%s){", b->type);
    for (int i = 0; i < b->n; i++) str_addf(b->out, "%s%s", i ? ", " : "", value);
    str_add(b->out, "};\n");
}
static void print_splats(const Body *b) {
    const char *elem = c_elem((DType)b->h->type.dt);
    Arena *a = b->m->c->scratch;
    if (b->h->op == K_CONST) {
        head(b, b->type, arena_printf(a, "%s x", elem));
    } else if (b->h->op == K_LOADB) {
        head(b, b->type, "const char *p");
        str_addf(b->out, "    %s x;\n    memcpy(&x, p, sizeof x);\n", elem);
    } else {
        head(b, b->type, arena_printf(a, "%s v", b->from));
        if (b->h->from.n > 1)
            str_addf(b->out, "    %s x = v%s;\n", elem, b->m->has_vectors ? "[0]" : ".l[0]");
        else
            str_addf(b->out, "    %s x = v;\n", elem);
    }
    if (b->n == 1)
        returns(b, "x");
    else
        print_splat(b, "x");
    foot(b);
}
static void print_iota(const Body *b) {
    head(b, b->type, "void");
    each_lane(b, b->type, arena_printf(b->m->c->scratch, "(%s)i", c_elem((DType)b->h->type.dt)));
    foot(b);
}
// masks: an int for one lane, else 32-bit lanes of 0 or -1
static void print_compare(const Body *b) {
    static const char *const sign[P_COUNT] = {"==", "!=", "<", "<=", ">", ">="};
    const CHelper *h = b->h;
    Arena *a = b->m->c->scratch;
    head(b, b->type, arena_printf(a, "%s a, %s b", b->from, b->from));
    const char *x = b->n == 1 ? "a" : lane_of(b->m, "a"), *y = b->n == 1 ? "b" : lane_of(b->m, "b");
    bool is_float = dtype_info[h->from.dt].cls == CLASS_FLOAT;
    const char *unord = is_float ? "%s != %s || %s != %s" : "0 * (%s - %s + %s - %s)";
    if (b->m->has_vectors && b->n > 1 && dtype_info[h->from.dt].nbytes == 4 && h->imm != P_UNORD) {
        returns(b, arena_printf(a, "(%s)(a %s b)", b->type, sign[h->imm]));
    } else if (b->m->has_vectors && b->n > 1 && h->imm == P_UNORD && h->from.dt == DT_F32) {
        returns(b, arena_printf(a, "(%s)((a != a) | (b != b))", b->type));
    } else {
        const char *test = h->imm == P_UNORD ? arena_printf(a, unord, x, x, y, y)
                                             : arena_printf(a, "%s %s %s", x, sign[h->imm], y);
        each_lane(b, b->type, b->n == 1 ? test : arena_printf(a, "(%s) ? -1 : 0", test));
    }
    foot(b);
}
static void print_select(const Body *b) {
    Arena *a = b->m->c->scratch;
    DType dt = (DType)b->h->type.dt;
    const char *mask = c_type(a, (VType){V_MASK, 0, (uint16_t)b->n});
    head(b, b->type, arena_printf(a, "%s m, %s a, %s b", mask, b->type, b->type));
    if (b->m->has_vectors && dtype_info[dt].nbytes == 4 && b->n > 1)
        returns(b, arena_printf(a, "(%s)(((%s)a & m) | ((%s)b & ~m))", b->type, mask, mask));
    else
        each_lane(b, b->type,
                  arena_printf(a, "%s ? %s : %s", lane_of(b->m, "m"), lane_of(b->m, "a"),
                               lane_of(b->m, "b")));
    foot(b);
}
static void print_mask_op(const Body *b) {
    const char *expr = b->h->op == K_MAND  ? "a.l[i] & b.l[i]"
                       : b->h->op == K_MOR ? "a.l[i] | b.l[i]"
                                           : "~a.l[i]";
    head(b, b->type,
         arena_printf(b->m->c->scratch, b->h->op == K_MNOT ? "%s a" : "%s a, %s b", b->type,
                      b->type));
    each_lane(b, b->type, expr);
    foot(b);
}
static const char *convert_lane(const Body *b, const char *x) {
    Arena *a = b->m->c->scratch;
    DType from = (DType)b->h->from.dt, to = (DType)b->h->type.dt;
    bool from_half = dtype_is_half(from), to_half = dtype_is_half(to);
    if (from_half) {
        x = arena_printf(a, "f32_of_%s(%s)", dtype_info[from].text, x);
        from = DT_F32;
    }
    if (to == DT_BOOL) return arena_printf(a, "(uint8_t)(%s != 0)", x);
    if (to_half) return arena_printf(a, "%s_of_f32((float)%s)", dtype_info[to].text, x);
    if (dtype_info[from].cls == CLASS_FLOAT && dtype_info[to].cls == CLASS_INT)
        return arena_printf(a, "%s_of_%s(%s)", dtype_info[to].text, dtype_info[from].text, x);
    return arena_printf(a, "(%s)%s", c_elem(to), x);
}
static void print_convert(const Body *b) {
    DType from = (DType)b->h->from.dt, to = (DType)b->h->type.dt;
    head(b, b->type, arena_printf(b->m->c->scratch, "%s a", b->from));
    bool is_plain = b->m->has_vectors && b->n > 1 && from == DT_I32 && to == DT_F32;
    if (b->m->has_vectors && b->n > 1 && from == DT_F32 && to == DT_I32) {
        // saturates, NaN gives 0: out of range is undefined in C, so those lanes are converted from
        // 0
        const char *mask = c_type(b->m->c->scratch, (VType){V_MASK, 0, (uint16_t)b->n});
        str_addf(b->out,
                 "    const %s big = (%s)(a >= 0x1p31f), low = (%s)(a < -0x1p31f), fits = ~big & "
                 "~low & (%s)(a == a);\n",
                 mask, mask, mask, mask);
        str_addf(b->out,
                 "    const %s in = (%s)__builtin_convertvector((%s)((%s)a & fits), %s) & fits;\n",
                 mask, mask, b->from, mask, b->type);
        returns(b, arena_printf(b->m->c->scratch,
                                "(%s)(in | (big & INT32_MAX) | (low & INT32_MIN))", b->type));
    } else if (is_plain) {
        returns(b, arena_printf(b->m->c->scratch, "__builtin_convertvector(a, %s)", b->type));
    } else {
        each_lane(b, b->type, convert_lane(b, b->n == 1 ? "a" : lane_of(b->m, "a")));
    }
    foot(b);
}
static void print_bitcast(const Body *b) {
    head(b, b->type, arena_printf(b->m->c->scratch, "%s a", b->from));
    if (b->m->has_vectors && b->n > 1 && b->h->from.n > 1)
        returns(b, arena_printf(b->m->c->scratch, "(%s)a", b->type));
    else
        str_addf(b->out, "    %s r;\n    memcpy(&r, &a, sizeof r);\n    return r;\n", b->type);
    foot(b);
}
// As a list of lanes, which compilers turn into one shuffle.
static void print_zip(const Body *b) {
    int from = b->h->op == K_ZIPHI ? b->n / 2 : 0;
    const char *lane = b->m->has_vectors ? "%s%c[%d]" : "%s%c.l[%d]";
    head(b, b->type, arena_printf(b->m->c->scratch, "%s a, %s b", b->type, b->type));
    str_addf(b->out, "    return (%s){%s", b->type, b->m->has_vectors ? "" : "{");
    for (int l = 0; l < b->n; l++)
        str_addf(b->out, lane, l ? ", " : "", l % 2 ? 'b' : 'a', from + l / 2);
    str_addf(b->out, "}%s;\n", b->m->has_vectors ? "" : "}");
    foot(b);
}
// x[l] op x[l + n/2], halving
static void print_tree(const Body *b) {
    Arena *a = b->m->c->scratch;
    DType dt = (DType)b->h->type.dt;
    KOp op = b->h->op == K_RSUM ? K_ADD : b->h->op == K_RMAX ? K_MAX : K_MIN;
    static const char *const pair[3] = {"t[i]", "t[i + n]", ""};
    head(b, b->type, arena_printf(a, "%s a", b->from));
    str_addf(b->out, "    %s t[%d];\n    memcpy(t, &a, sizeof t);\n", c_elem(dt), b->h->from.n);
    str_addf(
        b->out,
        "    for (int n = %d; n >= 1; n /= 2)\n        for (int i = 0; i < n; i++) t[i] = %s;\n",
        b->h->from.n / 2, subst(b->m, find_cop(op, dt)->lane, vec_type(dt, 1), 0, pair));
    returns(b, "t[0]");
    foot(b);
}
static void print_one(CModule *m, const CHelper *h, Str *out) {
    Arena *a = m->c->scratch;
    Body b = {m, h, out, c_type(a, h->type), h->from.kind ? c_type(a, h->from) : NULL, h->type.n};
    switch (h->op) {
    case K_LOAD:
    case K_LOADS:
    case K_STORE:
    case K_STORES:
        print_memory(&b);
        return;
    case K_CONST:
    case K_LOADB:
    case K_BCAST:
        print_splats(&b);
        return;
    case K_IOTA:
        print_iota(&b);
        return;
    case K_CMP:
        print_compare(&b);
        return;
    case K_SELECT:
        print_select(&b);
        return;
    case K_MAND:
    case K_MOR:
    case K_MNOT:
        print_mask_op(&b);
        return;
    case K_CVT:
        print_convert(&b);
        return;
    case K_BITCAST:
        print_bitcast(&b);
        return;
    case K_ZIPLO:
    case K_ZIPHI:
        print_zip(&b);
        return;
    case K_RSUM:
    case K_RMAX:
    case K_RMIN:
        print_tree(&b);
        return;
    default:
        print_arithmetic(&b);
    }
}

// ---- types and portable scalar functions -----------------------------------------------------
static void print_vector_type(const CModule *m, Str *out, VType t) {
    Arena *a = m->c->scratch;
    const char *elem = t.kind == V_MASK ? "int32_t" : c_elem((DType)t.dt);
    uint32_t size = t.kind == V_MASK ? 4 : dtype_info[t.dt].nbytes;
    if (m->has_vectors)
        str_addf(out, "typedef %s %s __attribute__((vector_size(%u)));\n", elem, c_short(a, t),
                 size * t.n);
    else
        str_addf(out, "typedef struct { %s l[%d]; } %s;\n", elem, t.n, c_short(a, t));
}
typedef struct Types {
    VType t[256];
    uint32_t n;
} Types;
static void note_type(Types *all, VType t) {
    if (t.n <= 1 || (t.kind != V_VEC && t.kind != V_MASK)) return;
    if (t.kind == V_MASK) t.dt = 0;
    for (uint32_t i = 0; i < all->n; i++)
        if (same_type(all->t[i], t)) return;
    if (all->n < COUNT_OF(all->t)) all->t[all->n++] = t;
}
static void print_types(CModule *m, Str *out) {
    Types all = {.n = 0};
    for (uint32_t i = 0; i < m->helper.n; i++) {
        const CHelper *h = &m->helper.data[i];
        note_type(&all, h->type);
        note_type(&all, h->from);
        if (h->op == K_SELECT) note_type(&all, (VType){V_MASK, 0, h->type.n});
        if (h->type.kind == V_VEC && m->has_vectors)
            note_type(&all, vec_type(unsigned_twin((DType)h->type.dt), h->type.n));
        if (h->op == K_CVT) note_type(&all, (VType){V_MASK, 0, h->type.n});
    }
    for (uint32_t k = 0; k < m->p->kern.n; k++)
        for (uint32_t i = 1; i < m->p->kern.data[k]->ins.n; i++) {
            VType t = m->p->kern.data[k]->ins.data[i].type;
            if (t.kind == V_REG) t.kind = V_VEC;
            note_type(&all, t);
        }
    for (uint32_t i = 0; i < all.n; i++) print_vector_type(m, out, all.t[i]);
}
// Element functions have one owner, c_portable.c.
static bool is_element_function(const CHelper *h) {
    if (h->type.n != 1) return false;
    bool is_float = dtype_info[h->type.dt].cls == CLASS_FLOAT;
    switch (h->op) {
    case K_ABS:
    case K_RINT:
    case K_FLOOR:
    case K_CEIL:
    case K_SQRT:
    case K_FMA:
        return is_float;
    case K_DIV:
    case K_REM:
        return !is_float;
    default:
        return false;
    }
}
void c_print_helpers(CModule *m, const char *kernels, Str *out) {
    print_types(m, out);
    str_add(out, "\n");
    Str rest = str_new(m->c->scratch);
    for (uint32_t i = 0; i < m->helper.n; i++)
        if (!is_element_function(&m->helper.data[i])) print_one(m, &m->helper.data[i], &rest);
    str_add(&rest, "\n");
    str_add(&rest, kernels);
    c_print_portable(m, str_cstr(&rest), out);
}
