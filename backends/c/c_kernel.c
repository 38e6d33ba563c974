// c_kernel.c: one kernel becomes one C function, loops as loops and values as constants with short
// names: p pointers, i indices, v vectors and scalars, m masks, acc slots. Index arithmetic is
// written where it is used; everything else that plain C does not say is a helper with a name
// (c_helpers.c).
#include "backends/c/c_print.h"
#include <inttypes.h>
#include <string.h>

typedef struct CFn {
    CModule *m;
    const Kern *k;
    Str *out;
    Arena *a;
    const char **text; // how each value is written where it is used
    uint32_t *uses;
    int depth;
    uint32_t counter;
} CFn;

static const char *line_start(CFn *f) {
    static const char spaces[] = "                                                                ";
    size_t n = (size_t)(f->depth < 15 ? f->depth : 15) * 4;
    return spaces + sizeof spaces - 1 - n;
}
static const char *arg(const CFn *f, const Ins *i, int at) {
    return f->text[i->arg[at]];
}
static const char *define(CFn *f, const Ins *i, const char *letter, const char *value) {
    const char *name = arena_printf(f->a, "%s%u", letter, ++f->counter);
    const char *type = c_type(f->a, i->type);
    bool is_ptr = i->type.kind == V_PTR;
    str_addf(f->out, "%s%s%s%s = %s;\n", line_start(f), is_ptr ? "char *const " : "const ",
             is_ptr ? "" : arena_printf(f->a, "%s ", type), name, value);
    return name;
}
static const char *call(CFn *f, CHelper h, const char *a, const char *b, const char *c) {
    c_use(f->m, h);
    return arena_printf(f->a, "%s(%s%s%s%s%s)", c_helper_name(f->m, &h), a, b ? ", " : "",
                        b ? b : "", c ? ", " : "", c ? c : "");
}
static CHelper helper(const CFn *f, const Ins *i) {
    CHelper h = {.op = (KOp)i->op, .type = i->type};
    if (i->arg[0]) h.from = kern_type(f->k, i->arg[0]);
    return h;
}
static const char *place(const CFn *f, const Ins *i) {
    if (!i->imm) return arg(f, i, 0);
    return arena_printf(f->a, "%s %s %" PRId64, arg(f, i, 0), i->imm < 0 ? "-" : "+",
                        i->imm < 0 ? -i->imm : i->imm);
}
static const char *number(const CFn *f, int64_t v) {
    return arena_printf(f->a, "%" PRId64, v);
}

// ---- index arithmetic ------------------------------------------------------------------------
static const char *index_text(CFn *f, const Ins *i) {
    const char *x = arg(f, i, 0), *y = arg(f, i, 1);
    switch (i->op) {
    case K_IADD: return arena_printf(f->a, "(%s + %s)", x, y);
    case K_ISUB: return arena_printf(f->a, "(%s - %s)", x, y);
    case K_IMUL: return arena_printf(f->a, "%s * %s", x, y);
    case K_IDIV: return arena_printf(f->a, "(%s / %s)", x, y);
    case K_IMOD: return arena_printf(f->a, "(%s %% %s)", x, y);
    case K_IMIN: return arena_printf(f->a, "(%s < %s ? %s : %s)", x, y, x, y);
    default: return arena_printf(f->a, "(%s > %s ? %s : %s)", x, y, x, y);
    }
}
static bool is_trivial_index(const Ins *i) {
    return i->op == K_IADD || i->op == K_ISUB || i->op == K_IMUL;
}

// ---- memory ----------------------------------------------------------------------------------
static const char *load(CFn *f, const Ins *i) {
    CHelper h = helper(f, i);
    h.from = (VType){0};
    h.is_part = i->op == K_LOAD && i->lanes < i->type.n;
    if (i->op == K_LOADS) return call(f, h, place(f, i), number(f, i->imm2), number(f, i->lanes));
    if (i->op == K_LOADB && i->type.n == 1) h.op = K_LOAD;
    return call(f, h, place(f, i), h.is_part ? number(f, i->lanes) : NULL, NULL);
}
static void store(CFn *f, const Ins *i) {
    CHelper h = {.op = (KOp)i->op, .type = kern_type(f->k, i->arg[1])};
    h.is_part = i->op == K_STORE && i->lanes < h.type.n;
    if (i->op == K_STORES) {
        c_use(f->m, h);
        str_addf(f->out, "%s%s(%s, %s, %" PRId64 ", %d);\n", line_start(f), c_helper_name(f->m, &h),
                 place(f, i), arg(f, i, 1), i->imm2, i->lanes);
        return;
    }
    str_addf(f->out, "%s%s;\n", line_start(f),
             call(f, h, place(f, i), arg(f, i, 1), h.is_part ? number(f, i->lanes) : NULL));
}

// ---- tiles -----------------------------------------------------------------------------------
// gcc's macros paste the number of a register into assembly, and forget that a load reads memory:
// hence the fence, which keeps stores to what is loaded before it.
static void tile_config(CFn *f) {
    uint8_t config[TILE_CONFIG_BYTES];
    tile_config_of(f->k, config);
    str_addf(f->out, "%sstatic const uint8_t tile_shapes[64] __attribute__((aligned(64))) = {",
             line_start(f));
    for (int i = 0; i < TILE_CONFIG_BYTES; i++)
        str_addf(f->out, "%s%u,", i % 16 ? " " : "\n        ", config[i]);
    str_addf(f->out, "\n%s};\n%s_tile_loadconfig(tile_shapes);\n", line_start(f), line_start(f));
}
static unsigned tile(const CFn *f, const Ins *i, int at) {
    return kern_ins(f->k, i->arg[at])->number - 1u;
}
static const char *tile_access(const CFn *f, const Ins *i, const char *name) {
    bool is_store = i->op == K_TSTORE;
    const char *p = arg(f, i, !is_store), *sign = i->imm < 0 ? "-" : "+";
    if (i->imm) p = arena_printf(f->a, "%s %s %" PRId64, p, sign, i->imm < 0 ? -i->imm : i->imm);
    return arena_printf(f->a, "%s_tile_%s(%u, %s, %" PRId64 ")", is_store ? "" : "tile_fence(); ",
                        name, tile(f, i, is_store), p, i->imm2);
}
static const char *tile_product(const CFn *f, const Ins *i, const char *name) {
    return arena_printf(f->a, "_tile_%s(%u, %u, %u)", name, tile(f, i, 0), tile(f, i, 1),
                        tile(f, i, 2));
}
static const char *tile_statement(const CFn *f, const Ins *i) {
    switch ((KOp)i->op) {
    case K_TZERO: return arena_printf(f->a, "_tile_zero(%u)", tile(f, i, 0));
    case K_TLOAD: return tile_access(f, i, "loadd");
    case K_TSTREAM: return tile_access(f, i, "stream_loadd");
    case K_TSTORE: return tile_access(f, i, "stored");
    case K_TDPBF16: return tile_product(f, i, "dpbf16ps");
    case K_TDPBSSD: return tile_product(f, i, "dpbssd");
    case K_TDPBUSD: return tile_product(f, i, "dpbusd");
    default: return "_tile_release()";
    }
}
static void print_tile_op(CFn *f, const Ins *i) {
    if (i->op == K_TCONFIG) tile_config(f);
    else if (i->op != K_TILE) str_addf(f->out, "%s%s;\n", line_start(f), tile_statement(f, i));
}

// ---- arithmetic ------------------------------------------------------------------------------
static bool has_operator(const CFn *f, VType t) {
    return t.n == 1 || f->m->has_vectors;
}
static const char *binary_operator(const CFn *f, const Ins *i) {
    bool is_float = dtype_info[i->type.dt].cls == CLASS_FLOAT;
    if (!has_operator(f, i->type) || !is_float) return NULL;
    switch (i->op) {
    case K_ADD: return "+";
    case K_SUB: return "-";
    case K_MUL: return "*";
    case K_DIV: return "/";
    default: return NULL;
    }
}
static const char *compare(CFn *f, const Ins *i) {
    static const char *const sign[P_COUNT] = {"==", "!=", "<", "<=", ">", ">="};
    VType t = kern_type(f->k, i->arg[0]);
    if (t.n == 1 && i->imm != P_UNORD)
        return arena_printf(f->a, "%s %s %s", arg(f, i, 0), sign[i->imm], arg(f, i, 1));
    CHelper h = helper(f, i);
    h.imm = i->imm;
    return call(f, h, arg(f, i, 0), arg(f, i, 1), NULL);
}
static const char *mask_op(CFn *f, const Ins *i) {
    if (i->op == K_MNOT && i->type.n == 1) return arena_printf(f->a, "!%s", arg(f, i, 0));
    if (i->op == K_MNOT && f->m->has_vectors) return arena_printf(f->a, "~%s", arg(f, i, 0));
    if (i->op != K_MNOT && has_operator(f, i->type))
        return arena_printf(f->a, "%s %s %s", arg(f, i, 0), i->op == K_MAND ? "&" : "|",
                            arg(f, i, 1));
    return call(f, helper(f, i), arg(f, i, 0), i->op == K_MNOT ? NULL : arg(f, i, 1), NULL);
}
static const char *constant(CFn *f, const Ins *i) {
    const char *c = c_constant(f->a, (DType)i->type.dt, i->imm);
    if (i->type.n == 1) return arena_printf(f->a, "(%s)%s", c_elem((DType)i->type.dt), c);
    return call(f, (CHelper){.op = K_CONST, .type = i->type}, c, NULL, NULL);
}
static const char *arithmetic(CFn *f, const Ins *i) {
    const char *op = binary_operator(f, i);
    if (op) return arena_printf(f->a, "%s %s %s", arg(f, i, 0), op, arg(f, i, 1));
    if (i->op == K_SELECT && i->type.n == 1)
        return arena_printf(f->a, "%s ? %s : %s", arg(f, i, 0), arg(f, i, 1), arg(f, i, 2));
    CHelper h = helper(f, i);
    if (i->op == K_SHL || i->op == K_SHR) h.imm = i->imm;
    bool depends = i->op == K_CVT || i->op == K_BITCAST || i->op == K_BCAST || i->op == K_RSUM ||
                   i->op == K_RMAX || i->op == K_RMIN || i->op == K_DPBF16 || i->op == K_BFMMLA ||
                   i->op == K_CVTDZ;
    if (!depends) h.from = (VType){0};
    int n = kernel_op[i->op].nargs;
    return call(f, h, arg(f, i, 0), n > 1 ? arg(f, i, 1) : NULL, n > 2 ? arg(f, i, 2) : NULL);
}

// ---- statements ------------------------------------------------------------------------------
static void open_loop(CFn *f, const Ins *i, Val id) {
    const char *v = arena_printf(f->a, "i%u", ++f->counter);
    const char *step = i->imm == 1 ? arena_printf(f->a, "%s++", v)
                                   : arena_printf(f->a, "%s += %" PRId64, v, i->imm);
    str_addf(f->out, "%sfor (int64_t %s = %s; %s < %s; %s) {\n", line_start(f), v, arg(f, i, 0), v,
             arg(f, i, 1), step);
    f->text[id] = v;
    f->depth++;
}
// Whether its text is an expression that needs parentheses inside another.
static bool is_operator(const CFn *f, const Ins *i) {
    if (binary_operator(f, i)) return true;
    if (i->op == K_CMP) return kern_type(f->k, i->arg[0]).n == 1 && i->imm != P_UNORD;
    if (i->op == K_MAND || i->op == K_MOR || i->op == K_MNOT) return has_operator(f, i->type);
    return i->op == K_SELECT && i->type.n == 1;
}
// Written in place of its only use when that is the next instruction: acc = fma(a, b, acc).
static bool is_used_next(const CFn *f, Val id) {
    const Ins *next = kern_ins(f->k, id + 1);
    if (next->op == K_LOOP || f->k->ins.data[id].type.kind == V_PTR) return false;
    for (int j = 0; j < kernel_op[next->op].nargs; j++)
        if (next->arg[j] == id) return kernel_op[next->op].result == V_NONE || f->uses[id + 1] > 0;
    return false;
}
static void print_value(CFn *f, const Ins *i, Val id) {
    static const char *const letter[] = {
        [V_INDEX] = "i", [V_PTR] = "p", [V_VEC] = "v", [V_MASK] = "m"};
    const char *value;
    switch ((KOp)i->op) {
    case K_TOINDEX: value = arena_printf(f->a, "(int64_t)%s", arg(f, i, 0)); break;
    case K_FROMINDEX:
        value = arena_printf(f->a, "(%s)%s", c_elem((DType)i->type.dt), arg(f, i, 0));
        break;
    case K_PADD: value = arena_printf(f->a, "%s + %s", place(f, i), arg(f, i, 1)); break;
    case K_CONST: value = constant(f, i); break;
    case K_IOTA: value = i->type.n == 1 ? "0" : call(f, helper(f, i), "", NULL, NULL); break;
    case K_LOAD:
    case K_LOADB:
    case K_LOADS: value = load(f, i); break;
    case K_GET: value = arg(f, i, 0); break;
    case K_CMP: value = compare(f, i); break;
    case K_MAND:
    case K_MOR:
    case K_MNOT: value = mask_op(f, i); break;
    default: value = i->type.kind == V_INDEX ? index_text(f, i) : arithmetic(f, i);
    }
    bool is_inline = f->uses[id] == 1 &&
                     (is_used_next(f, id) || (i->type.kind == V_INDEX && is_trivial_index(i)));
    if (is_inline) {
        KOp user = (KOp)kern_ins(f->k, id + 1)->op;
        bool is_bare =
            i->type.kind == V_INDEX || user == K_SET || user == K_STORE || !is_operator(f, i);
        f->text[id] = is_bare ? value : arena_printf(f->a, "(%s)", value);
        return;
    }
    f->text[id] = define(f, i, letter[i->type.kind], value);
}
static void print_ins(CFn *f, const Ins *i, Val id) {
    switch ((KOp)i->op) {
    case K_NOP: return;
    case K_PARAM:
        str_addf(f->out, "%schar *const %s = args[%" PRId64 "];\n", line_start(f),
                 f->k->param.data[i->imm].name, i->imm);
        f->text[id] = f->k->param.data[i->imm].name;
        return;
    case K_SCRATCH: f->text[id] = "tile"; return;
    case K_LO: f->text[id] = "lo"; return;
    case K_HI: f->text[id] = "hi"; return;
    case K_INDEX: f->text[id] = number(f, i->imm); return;
    case K_LOOP: open_loop(f, i, id); return;
    case K_END:
        f->depth--;
        str_addf(f->out, "%s}\n", line_start(f));
        return;
    case K_STORE:
    case K_STORES: store(f, i); return;
    case K_PREFETCH:
        if (f->m->has_vectors)
            str_addf(f->out, "%s__builtin_prefetch(%s, 0, %" PRId64 ");\n", line_start(f),
                     place(f, i), 3 - i->imm2);
        return;
    case K_REG:
        f->text[id] = arena_printf(f->a, "acc%u", ++f->counter);
        str_addf(f->out, "%s%s %s;\n", line_start(f),
                 c_type(f->a, (VType){V_VEC, i->type.dt, i->type.n}), f->text[id]);
        return;
    case K_SET: str_addf(f->out, "%s%s = %s;\n", line_start(f), arg(f, i, 0), arg(f, i, 1)); return;
    default:
        if (kernel_is_tile(i->op))
            print_tile_op(f, i);
        else
            print_value(f, i, id);
    }
}
// Values nobody reads are not printed: a C compiler would warn.
static uint32_t *count_uses(const Kern *k, bool has_prefetch, Arena *a) {
    uint32_t *uses = NEW_N(a, uint32_t, k->ins.n);
    for (uint32_t n = k->ins.n - 1; n > 0; n--) {
        const Ins *i = &k->ins.data[n];
        bool is_kept = kernel_op[i->op].result == V_NONE || i->op == K_LOOP || i->op == K_PARAM;
        if (i->op == K_PREFETCH) is_kept = has_prefetch;
        if (!uses[n] && !is_kept) continue;
        for (int j = 0; j < kernel_op[i->op].nargs; j++) uses[i->arg[j]]++;
    }
    return uses;
}
static bool uses_op(const CFn *f, KOp op) {
    for (uint32_t n = 1; n < f->k->ins.n; n++)
        if (f->k->ins.data[n].op == op && f->uses[n]) return true;
    return false;
}
void c_print_kernel(CModule *m, const Kern *k, Str *out) {
    Arena *a = m->c->scratch;
    CFn f = {.m = m,
             .k = k,
             .out = out,
             .a = a,
             .text = NEW_N(a, const char *, k->ins.n),
             .uses = count_uses(k, m->has_vectors, a),
             .depth = 1};
    for (uint32_t i = 0; i < k->loc.n; i++) {
        const LocInfo *at = diag_at(m->c->diag, k->loc.data[i]);
        if (at->node) str_addf(out, "// %s\n", escape(a, SINK_COMMENT, at->node));
    }
    str_addf(out, "static void %s(void *const *args, void *scratch, int64_t lo, int64_t hi) {\n",
             k->name);
    if (uses_op(&f, K_SCRATCH))
        str_add(out, "    char *const tile = scratch;\n");
    else
        str_add(out, "    (void)scratch;\n");
    for (uint32_t n = 1; n < k->ins.n; n++) {
        const Ins *i = &k->ins.data[n];
        bool is_statement = kernel_op[i->op].result == V_NONE || i->op == K_LOOP;
        if (f.uses[n] || is_statement) print_ins(&f, i, n);
    }
    str_add(out, "}\n\n");
}
