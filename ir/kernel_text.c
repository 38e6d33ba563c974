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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Capital letters stand for: A B C operands, T the result's type, D its element type, O the byte
// offset imm, L the lanes when they are not all, I imm, S imm2, E the element in imm, P the
// predicate in imm, V the cache level in imm2. The rest is literal.
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
static void print_operand(const Printer *p, Val v) {
    const Ins *i = kern_ins(p->k, v);
    if (i->op == K_INDEX) str_addf(p->out, "%lld", (long long)i->imm);
    else if (i->op == K_PARAM) str_addf(p->out, "%%%s", p->k->param.data[i->imm].name);
    else if (is_inline(i)) str_add(p->out, kernel_op[i->op].text);
    else str_addf(p->out, "%%%u", p->number[v]);
}
static void print_vtype(Str *out, VType t) {
    str_add(out, dtype_info[t.dt].text);
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
static VType memory_type(const Kern *k, const Ins *i) {      // of the vector that moves
    return i->type.kind == V_VEC ? i->type : kern_type(k, i->arg[1]);
}
static void print_field(const Printer *p, const Ins *i, char field) {
    Str *out = p->out;
    switch (field) {
    case 'A':
    case 'B':
    case 'C': print_operand(p, i->arg[field - 'A']); return;
    case 'T': print_vtype(out, i->type); return;
    case 'D': str_add(out, dtype_info[i->type.dt].text); return;
    case 'O': print_offset(out, i->imm); return;
    case 'L':
        if (i->lanes != memory_type(p->k, i).n) str_addf(out, " lanes %u", i->lanes);
        return;
    case 'I': str_addf(out, "%lld", (long long)i->imm); return;
    case 'S': str_addf(out, "%lld", (long long)i->imm2); return;
    case 'E': print_element(out, i); return;
    case 'P': str_add(out, kernel_pred[i->imm]); return;
    case 'V': str_addf(out, "L%lld", (long long)i->imm2 + 1); return;
    default: str_add_n(out, &field, 1);
    }
}
static void print_indent(const Printer *p) {
    for (int n = 0; n < p->depth; n++) str_add(p->out, "  ");
}
static void print_ins(Printer *p, Val v) {
    const Ins *i = kern_ins(p->k, v);
    if (i->op == K_NOP || is_inline(i)) return;
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
void kern_print(const Kern *k, Str *out, const Diag *locs) {
    Printer p = {k, out, NEW_N(out->arena, uint32_t, k->ins.n), 1};
    uint32_t count = 0;
    for (Val v = 1; v < k->ins.n; v++) {
        const Ins *i = kern_ins(k, v);
        if (kernel_op[i->op].result != V_NONE && !is_inline(i)) p.number[v] = ++count;
    }
    if (locs) print_sources(k, out, locs);
    print_head(k, out);
    for (Val v = 1; v < k->ins.n; v++) print_ins(&p, v);
    str_add(out, "}\n");
}
