// kernel_text.c: the text of a kernel, .vk. One table says how the operands of each op are written,
// so that printing and parsing cannot disagree. Sources without operands (parameters, index
// constants, lo, hi, scratch) are written where they are used; every other value has a number in
// order of appearance:
//
//     kernel @scale_197x768(%x: ptr f32, %y: mut ptr f32) target x86-64-v4 {
//       %1 = const f32x16 0.5
//       loop %2 = lo to hi step 1 {
//         %3 = imul %2, 64
//         %4 = padd %x, %3
//         %5 = load f32x16 %4 + 128 lanes 5
//         ...
#include "ir/kernel.h"
#include "ir/lex.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Capital letters stand for: A B C operands, T the result's type, D its element type, O the byte
// offset imm, L the lanes when they are not all, I imm, S imm2, E the element in imm, P the
// predicate in imm, V the cache level in imm2, R the register of a tile once it has one. The rest
// is literal.
static const char *const special_format[K_COUNT] = {
    [K_CONST] = "T E",
    [K_IOTA] = "T",
    [K_FROMINDEX] = "T A",
    [K_PADD] = "A, BO",
    [K_LOOP] = "A to B step I",
    [K_LOAD] = "T AOL",
    [K_LOADB] = "T AO",
    [K_LOADS] = "T AO stride SL",
    [K_STORE] = "AO, BL",
    [K_STORES] = "AO stride S, BL",
    [K_PREFETCH] = "AO to V",
    [K_REG] = "T",
    [K_SHL] = "A by I",
    [K_SHR] = "A by I",
    [K_CMP] = "P A, B",
    [K_CVT] = "A to D",
    [K_BITCAST] = "A to D",
    [K_BCAST] = "T A",
    [K_TILE] = "I x SR",
    [K_TLOAD] = "A, BO stride S",
    [K_TSTREAM] = "A, BO stride S",
    [K_TSTORE] = "AO stride S, B",
    [K_EXP2] = "A degree I",
};
static const char *format_of(KOp op) {
    static const char *const plain[] = {"", "A", "A, B", "A, B, C"};
    return special_format[op] ? special_format[op] : plain[kernel_op[op].nargs];
}

// ---- printing --------------------------------------------------------------------------------
typedef struct Printer {
    const Kern *k;
    Str *out;
    uint32_t *number;      // of each value, 0 = written in place
    int depth;
} Printer;

static bool is_inline(const Ins *i) {
    ValKind kind = kernel_op[i->op].result;
    return kernel_op[i->op].nargs == 0 && (kind == V_INDEX || kind == V_PTR);
}
static const char *param_name(const Kern *k, int64_t n) {
    return n >= 0 && n < k->param.n ? k->param.data[n].name : "?";
}
static void print_operand(const Printer *p, Val v) {
    if (v == 0 || v >= p->k->ins.n) {      // in a kernel that the verifier is about to refuse
        str_add(p->out, "?");
        return;
    }
    const Ins *i = kern_ins(p->k, v);
    if (i->op == K_INDEX) str_addf(p->out, "%lld", (long long)i->imm);
    else if (i->op == K_PARAM) str_addf(p->out, "%%%s", param_name(p->k, i->imm));
    else if (is_inline(i)) str_add(p->out, kernel_op[i->op].text);
    else str_addf(p->out, "%%%u", p->number[v]);
}
static const char *dtype_text(uint32_t dt) {
    return dt > DT_NONE && dt < DT_COUNT ? dtype_info[dt].text : "?";
}
static void print_vtype(Str *out, VType t) {
    str_add(out, dtype_text(t.dt));
    if (t.n > 1) str_addf(out, "x%u", t.n);
}
static uint64_t bits_of_float(DType dt, double v) {
    uint64_t bits = 0;
    dtype_write_f(dt, &bits, 0, v);
    return bits;
}
// The shortest decimal that reads back as the same element.
static void print_float(Str *out, DType dt, uint64_t bits) {
    double v = dtype_read_f(dt, &bits, 0);
    if (v != v) {
        str_addf(out, "bits 0x%llx", (unsigned long long)bits);
        return;
    }
    char best[40], text[40];
    snprintf(best, sizeof best, "%.17g", v);
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (bits_of_float(dt, strtod(text, NULL)) == bits && strlen(text) < strlen(best))
            strcpy(best, text);
    }
    str_add(out, best);
}
static void print_element(Str *out, const Ins *i) {
    DType dt = (DType)i->type.dt;
    uint64_t bits = (uint64_t)i->imm;
    if (dtype_info[dt].cls == CLASS_FLOAT) print_float(out, dt, bits);
    else if (dt == DT_U64) str_addf(out, "%llu", (unsigned long long)bits);
    else str_addf(out, "%lld", (long long)dtype_read_i(dt, &bits, 0));
}
static void print_offset(Str *out, int64_t offset) {
    if (offset > 0) str_addf(out, " + %lld", (long long)offset);
    if (offset < 0) str_addf(out, " - %llu", 0 - (unsigned long long)offset);
}
static VType moved_type(const Kern *k, const Ins *i) {       // of the vector that moves
    if (i->type.kind == V_VEC || i->arg[1] >= k->ins.n) return i->type;
    return kern_type(k, i->arg[1]);
}
static void print_field(const Printer *p, const Ins *i, char field) {
    Str *out = p->out;
    switch (field) {
    case 'A':
    case 'B':
    case 'C': print_operand(p, i->arg[field - 'A']); return;
    case 'T': print_vtype(out, i->type); return;
    case 'D': str_add(out, dtype_text(i->type.dt)); return;
    case 'O': print_offset(out, i->imm); return;
    case 'L':
        if (i->lanes != moved_type(p->k, i).n) str_addf(out, " lanes %u", i->lanes);
        return;
    case 'I': str_addf(out, "%lld", (long long)i->imm); return;
    case 'S': str_addf(out, "%lld", (long long)i->imm2); return;
    case 'E': print_element(out, i); return;
    case 'P': str_add(out, i->imm >= 0 && i->imm < P_COUNT ? kernel_pred[i->imm] : "?"); return;
    case 'V': str_addf(out, "L%lld", (long long)i->imm2 + 1); return;
    case 'R':
        if (i->number) str_addf(out, " in %u", i->number - 1u);
        return;
    default: str_add_n(out, &field, 1);
    }
}
static void print_indent(const Printer *p) {
    for (int n = 0; n < p->depth; n++) str_add(p->out, "  ");
}
static void print_ins(Printer *p, Val v) {
    const Ins *i = kern_ins(p->k, v);
    if (i->op == K_END) {
        p->depth--;
        print_indent(p);
        str_add(p->out, "}\n");
        return;
    }
    print_indent(p);
    if (i->op == K_LOOP) str_addf(p->out, "loop %%%u = ", p->number[v]);
    else if (p->number[v]) str_addf(p->out, "%%%u = %s", p->number[v], kernel_op[i->op].text);
    else str_add(p->out, kernel_op[i->op].text);
    const char *format = format_of((KOp)i->op);
    if (i->op != K_LOOP && *format) str_add(p->out, " ");
    for (; *format; format++) print_field(p, i, *format);
    str_add(p->out, i->op == K_LOOP ? " {\n" : "\n");
    if (i->op == K_LOOP) p->depth++;
}
static void print_sources(const Kern *k, Str *out, const Diag *locs) {
    for (uint32_t n = 0; n < k->loc.n; n++) {
        const LocInfo *at = diag_at(locs, k->loc.data[n]);
        if (!at || !at->node) continue;
        str_add(out, "// ");
        str_add_escaped(out, SINK_COMMENT, at->node);
        if (at->op) {
            str_add(out, " ");
            str_add_escaped(out, SINK_COMMENT, at->op);
        }
        str_add(out, "\n");
    }
}
static void print_head(const Kern *k, Str *out) {
    str_addf(out, "kernel @%s(", k->name);
    for (uint32_t n = 0; n < k->param.n; n++) {
        const KParam *p = &k->param.data[n];
        str_addf(out, "%s%%%s: %sptr %s", n ? ", " : "", p->name, p->is_mutable ? "mut " : "",
                 dtype_info[p->dt].text);
    }
    str_addf(out, ") target %s", k->target->name);
    if (k->scratch_bytes) str_addf(out, " scratch %llu", (unsigned long long)k->scratch_bytes);
    str_add(out, " {\n");
}
static Printer printer(const Kern *k, Str *out) {
    Printer p = {k, out, NEW_N(out->arena, uint32_t, k->ins.n), 0};
    uint32_t count = 0;
    for (Val v = 1; v < k->ins.n; v++) {
        const Ins *i = kern_ins(k, v);
        if (i->op < K_COUNT && kernel_op[i->op].result != V_NONE && !is_inline(i))
            p.number[v] = ++count;
    }
    return p;
}
void kern_print(const Kern *k, Str *out, const Diag *locs) {
    Printer p = printer(k, out);
    if (locs) print_sources(k, out, locs);
    print_head(k, out);
    p.depth = 1;
    for (Val v = 1; v < k->ins.n; v++) {
        const Ins *i = kern_ins(k, v);
        if (i->op != K_NOP && !is_inline(i)) print_ins(&p, v);
    }
    str_add(out, "}\n");
}
void kern_print_ins(const Kern *k, Val v, Str *out) {
    Printer p = printer(k, out);
    const Ins *i = kern_ins(k, v);
    if (i->op >= K_COUNT) str_add(out, "?");
    else if (is_inline(i)) print_operand(&p, v);
    else print_ins(&p, v);
}

// ---- parsing ---------------------------------------------------------------------------------
// Names of values: a hash table with open addressing, at most half full.
typedef struct Name {
    const char *text;
    Val v;
} Name;
typedef struct Parser {
    Lexer *lex;
    Kern *k;
    Name *name;
    uint32_t nnames, capacity, depth;
} Parser;

static Name *find_name(Name *name, uint32_t capacity, const char *text) {
    uint32_t h = 2166136261u;
    for (const char *c = text; *c; c++) h = (h ^ (uint8_t)*c) * 16777619u;
    Name *n = &name[h & (capacity - 1)];
    while (n->text && strcmp(n->text, text)) n = n + 1 == name + capacity ? name : n + 1;
    return n;
}
static void define(Parser *p, const char *text, Val v) {
    if (p->nnames * 2 >= p->capacity) {
        uint32_t capacity = p->capacity ? p->capacity * 2 : 64;
        Name *bigger = NEW_N(p->k->arena, Name, capacity);
        for (uint32_t n = 0; n < p->capacity; n++)
            if (p->name[n].text) *find_name(bigger, capacity, p->name[n].text) = p->name[n];
        p->name = bigger;
        p->capacity = capacity;
    }
    Name *n = find_name(p->name, p->capacity, text);
    if (n->text) lex_error(p->lex, "%%%s is defined twice", text);
    *n = (Name){text, v};
    p->nnames++;
}
static Val parse_reference(Parser *p) {
    const char *text = lex_name(p->lex);
    Name *n = p->capacity ? find_name(p->name, p->capacity, text) : NULL;
    if (n && n->text) return n->v;
    lex_error(p->lex, "no value %%%s", text);
    return 0;
}
static Val emit_source(Parser *p, KOp op, int64_t imm) {
    VType t = {.kind = (uint8_t)kernel_op[op].result};
    return kern_emit(p->k, (Ins){.op = (uint8_t)op, .type = t, .imm = imm});
}
static Val parse_operand(Parser *p) {
    static const KOp written_in_place[] = {K_LO, K_HI, K_SCRATCH};
    if (lex_accept(p->lex, "%")) return parse_reference(p);
    for (size_t n = 0; n < COUNT_OF(written_in_place); n++)
        if (lex_accept(p->lex, kernel_op[written_in_place[n]].text))
            return emit_source(p, written_in_place[n], 0);
    int64_t v = lex_int(p->lex);
    return p->lex->failed ? 0 : emit_source(p, K_INDEX, v);
}
static DType parse_dtype(Parser *p) {
    const char *text = lex_name(p->lex);
    DType dt = dtype_from_text(text);
    if (dt == DT_NONE) lex_error(p->lex, "'%s' is not an element type", text);
    return dt;
}
static VType parse_vtype(Parser *p) {      // f32 or f32x16
    char *text = arena_strdup(p->k->arena, lex_name(p->lex)), *x = strchr(text, 'x'), *end = "";
    unsigned long n = x ? strtoul(x + 1, &end, 10) : 1;
    if (x) *x = 0;
    DType dt = dtype_from_text(text);
    if (dt == DT_NONE || n == 0 || n > UINT16_MAX || *end)
        lex_error(p->lex, "'%s' is not a vector type", text);
    return vec_type(dt, (int)n);
}
static int64_t parse_element(Parser *p, DType dt) {
    uint64_t bits = 0;
    if (lex_accept(p->lex, "bits")) return (int64_t)lex_uint(p->lex);
    if (dtype_info[dt].cls == CLASS_FLOAT) return (int64_t)bits_of_float(dt, lex_float(p->lex));
    int64_t v = dt == DT_U64 ? (int64_t)lex_uint(p->lex) : lex_int(p->lex);
    dtype_write_i(dt, &bits, 0, v);
    if (dtype_read_i(dt, &bits, 0) != v)
        lex_error(p->lex, "%lld does not fit %s", (long long)v, dtype_info[dt].text);
    return (int64_t)bits;
}
static int64_t parse_offset(Parser *p) {
    bool plus = lex_accept(p->lex, "+"), minus = !plus && lex_accept(p->lex, "-");
    if (!plus && !minus) return 0;
    uint64_t v = lex_uint(p->lex);
    if (v > INT64_MAX) lex_error(p->lex, "an offset of %llu", (unsigned long long)v);
    return plus ? (int64_t)v : -(int64_t)v;
}
static int64_t parse_choice(Parser *p, const char *const *text, int n, const char *what) {
    for (int i = 0; i < n; i++)
        if (lex_accept(p->lex, text[i])) return i;
    return lex_unexpected(p->lex, what);
}
static uint16_t parse_lanes(Parser *p, uint16_t all) {
    if (!lex_accept(p->lex, "lanes")) return all;
    uint64_t n = lex_uint(p->lex);
    return n < UINT16_MAX ? (uint16_t)n : UINT16_MAX;
}
static uint8_t parse_register(Parser *p) {
    if (!lex_accept(p->lex, "in")) return 0;
    uint64_t n = lex_uint(p->lex);
    return n < UINT8_MAX ? (uint8_t)(n + 1) : UINT8_MAX;
}
// Of a conversion: as many lanes as its operand; of a cast of bits: as many as have its bits.
static VType converted_type(const Kern *k, const Ins *i, DType to) {
    VType from = kern_type(k, i->arg[0]);
    uint32_t n = from.n, nbytes = dtype_info[to].nbytes;
    if (i->op == K_BITCAST && from.kind == V_VEC && nbytes)
        n = n * dtype_info[from.dt].nbytes / nbytes;
    return vec_type(to, n ? (int)n : 1); // wrong, if none: kern_check tells
}
static void parse_field(Parser *p, Ins *i, char field) {
    static const char *const level[] = {"L1", "L2", "L3"};
    switch (field) {
    case 'A':
    case 'B':
    case 'C': i->arg[field - 'A'] = parse_operand(p); return;
    case 'T': i->type = parse_vtype(p); return;
    case 'D': i->type = converted_type(p->k, i, parse_dtype(p)); return;
    case 'O': i->imm = parse_offset(p); return;
    case 'L': i->lanes = parse_lanes(p, moved_type(p->k, i).n); return;
    case 'I': i->imm = lex_int(p->lex); return;
    case 'S': i->imm2 = lex_int(p->lex); return;
    case 'E': i->imm = parse_element(p, (DType)i->type.dt); return;
    case 'P': i->imm = parse_choice(p, kernel_pred, P_COUNT, "a predicate"); return;
    case 'V': i->imm2 = parse_choice(p, level, COUNT_OF(level), "a cache level"); return;
    case 'R': i->number = parse_register(p); return;
    default: break;
    }
}
// What the text leaves out because the operands say it.
static VType implied_type(const Kern *k, const Ins *i) {
    VType a = kern_type(k, i->arg[0]);
    switch (kernel_op[i->op].result) {
    case V_VEC: break;
    case V_MASK: return (VType){V_MASK, DT_NONE, a.n};
    default: return (VType){.kind = (uint8_t)kernel_op[i->op].result};
    }
    if (i->op == K_SELECT) return kern_type(k, i->arg[1]);
    if (i->op == K_DPBF16 || i->op == K_BFMMLA) return kern_type(k, i->arg[2]);
    if (i->op == K_CVTDZ) return vec_type(DT_BF16, a.n);
    bool is_reduction = i->op == K_RSUM || i->op == K_RMAX || i->op == K_RMIN;
    return (VType){V_VEC, a.dt, is_reduction ? 1 : a.n};
}
static Val parse_ins(Parser *p, KOp op) {
    Ins i = {.op = (uint8_t)op, .lanes = op == K_LOADB};
    for (const char *f = format_of(op); *f && !p->lex->failed; f++) {
        char word[16] = {0};
        for (size_t n = 0; *f >= 'a' && *f <= 'z'; n++) word[n] = *f++;
        if (*word) lex_expect(p->lex, word);
        if (*f == ',') lex_expect(p->lex, ",");
        else if (*f) parse_field(p, &i, *f);
        else break;
    }
    if (p->lex->failed) return 0;
    if (i.type.kind == V_NONE) i.type = implied_type(p->k, &i);
    if (op == K_REG) i.type.kind = V_REG;
    return kern_emit(p->k, i);
}
// Written in place of an operand, or as a bracket.
static bool is_unwritten(KOp op) {
    ValKind kind = kernel_op[op].result;
    return op == K_END || (kernel_op[op].nargs == 0 && (kind == V_INDEX || kind == V_PTR));
}
static KOp parse_op(Parser *p) {
    const char *text = lex_name(p->lex), *all[K_COUNT] = {"nop"};
    for (KOp op = K_NOP + 1; op < K_COUNT; op++) {
        if (!is_unwritten(op) && !strcmp(kernel_op[op].text, text)) return op;
        all[op] = kernel_op[op].text;
    }
    const char *meant = str_did_you_mean(text, all, K_COUNT);
    if (meant) lex_error(p->lex, "no instruction '%s'; did you mean '%s'?", text, meant);
    else lex_error(p->lex, "no instruction '%s'", text);
    return K_NOP;
}
// One line. False at the end of the kernel.
static bool parse_line(Parser *p) {
    if (lex_accept(p->lex, "}")) {
        if (p->depth == 0) return false;
        p->depth--;
        emit_source(p, K_END, 0);
        return true;
    }
    bool is_loop = lex_accept(p->lex, "loop");
    const char *name = NULL;
    if (is_loop ? lex_expect(p->lex, "%") : lex_accept(p->lex, "%")) {
        name = lex_name(p->lex);
        lex_expect(p->lex, "=");
    }
    KOp op = is_loop ? K_LOOP : parse_op(p);
    if (op == K_LOOP && !is_loop)
        lex_error(p->lex, "a loop is written: loop %%i = 0 to 8 step 1 {");
    if ((kernel_op[op].result != V_NONE) != (name != NULL))
        lex_error(p->lex, "%s %s", kernel_op[op].text,
                  name ? "has no result" : "has a result to name");
    Val v = p->lex->failed ? 0 : parse_ins(p, op);
    if (name && v) define(p, name, v);
    if (is_loop) lex_expect(p->lex, "{");
    p->depth += is_loop;
    return !p->lex->failed;
}
static void parse_param(Parser *p) {
    lex_expect(p->lex, "%");
    const char *name = lex_name(p->lex);
    lex_expect(p->lex, ":");
    bool is_mutable = lex_accept(p->lex, "mut");
    lex_expect(p->lex, "ptr");
    DType dt = parse_dtype(p);
    if (!p->lex->failed) define(p, name, k_param(p->k, name, dt, is_mutable));
}
static void parse_head(Parser *p) {
    lex_expect(p->lex, "(");
    while (!p->lex->failed && !lex_peek(p->lex, ")")) {
        if (p->k->param.n) lex_expect(p->lex, ",");
        parse_param(p);
    }
    lex_expect(p->lex, ")");
    lex_expect(p->lex, "target");
    const char *target = lex_label(p->lex);
    p->k->target = target_find(target);
    if (!p->k->target) lex_error(p->lex, "no target '%s'", target);
    if (lex_accept(p->lex, "scratch")) p->k->scratch_bytes = lex_uint(p->lex);
    lex_expect(p->lex, "{");
}
Kern *kern_read(Lexer *l) {
    lex_expect(l, "kernel");
    lex_expect(l, "@");
    Kern *k = kern_new(l->arena, lex_name(l), NULL);
    Parser p = {.lex = l, .k = k};
    parse_head(&p);
    while (!l->failed && parse_line(&p)) continue;
    return l->failed ? NULL : k;
}
Kern *kern_parse(Arena *a, Diag *d, const char *file, const char *text, size_t n, size_t *used) {
    Lexer l = lex_open(a, d, file, text, n);
    if (n > limit(LIM_TEXT_BYTES)) {
        Loc at = diag_loc(d, (LocInfo){.file = file});
        return diag_error(d, ERR_LIMIT, at, "a text of %zu bytes", n), NULL;
    }
    Kern *k = kern_read(&l);
    if (k && used) *used = (size_t)(l.at - text);
    else if (k && !lex_at_end(&l)) lex_unexpected(&l, "the end of the text");
    return l.failed ? NULL : k;
}
