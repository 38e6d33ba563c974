// program_text.c: the text of a program, .vp:
//
//     program target x86-64-v4 {
//       arena 1234560 scratch 4096 slices 64 weights 345088
//       input "pixel_values" f32[1,3,224,224]
//       output "logits" f32[1,1000]
//     }
//     graph {
//       …the recipes of the weight image as .vg, one output a region…
//     }
//     region r0 panel 32 transposed at 0
//     kernel @mm_197x768x768(%x: ptr f32, …) target x86-64-v4 {
//       …
//     }
//     launch @mm_197x768x768(arena + 0, weights + 0, arena + 605184) grid 12 flops 232390656 "fc1"
#include "ir/program.h"
#include "ir/lex.h"
#include <stdio.h>
#include <string.h>

// ---- printing --------------------------------------------------------------------------------
// The nodes below the regions, as a graph of their own whose outputs are r0, r1, …
static uint8_t *needed_nodes(const Program *p, Arena *a) {
    const Graph *g = p->graph;
    uint8_t *needed = NEW_N(a, uint8_t, g->node.n);
    VEC(NodeId) todo = {0};
    for (uint32_t n = 0; n < p->region.n; n++) *PUSH(a, &todo) = p->region.data[n].expr;
    while (todo.n) {
        NodeId id = todo.data[--todo.n];
        if (needed[id]) continue;
        needed[id] = 1;
        const Node *n = graph_node(g, id);
        for (uint32_t i = 0; i < n->nin; i++) *PUSH(a, &todo) = n->in[i];
    }
    return needed;
}
static Graph *constant_part(const Program *p, Arena *a) {
    const Graph *g = p->graph;
    const uint8_t *needed = needed_nodes(p, a);
    NodeId *renamed = NEW_N(a, NodeId, g->node.n), count = 0;
    for (NodeId id = 1; id < g->node.n; id++)
        if (needed[id]) renamed[id] = ++count;
    Graph *part = graph_new(a);
    part->info = g->info;
    for (uint32_t n = 1; n < g->konst.n; n++) *PUSH(a, &part->konst) = g->konst.data[n];
    for (NodeId id = 1; id < g->node.n; id++) {
        if (!needed[id]) continue;
        Node n = *graph_node(g, id);
        n.in = arena_copy(a, n.in, n.nin * sizeof *n.in);
        for (uint32_t i = 0; i < n.nin; i++) n.in[i] = renamed[n.in[i]];
        n.group = 0;
        *PUSH(a, &part->node) = n;
    }
    for (uint32_t n = 0; n < p->region.n; n++)
        graph_output(part, arena_printf(a, "r%u", n), renamed[p->region.data[n].expr]);
    graph_compact(part);
    return part;
}
static void print_string(Str *out, const char *s) {
    str_add(out, "\"");
    str_add_escaped(out, SINK_C_STRING, s ? s : "");
    str_add(out, "\"");
}
static void print_tensor(Str *out, const char *kind, const ProgramTensor *t) {
    str_addf(out, "  %s ", kind);
    print_string(out, t->name);
    str_add(out, " ");
    type_print(out, &t->type);
    str_add(out, "\n");
}
static void print_head(const Program *p, Str *out) {
    str_addf(out, "program target %s {\n", p->target->name);
    str_addf(out, "  arena %llu scratch %llu slices %u weights %llu\n",
             (unsigned long long)p->arena_bytes, (unsigned long long)p->scratch_bytes,
             p->max_slices, (unsigned long long)p->weight_bytes);
    for (uint32_t n = 0; n < p->input.n; n++) print_tensor(out, "input", &p->input.data[n]);
    for (uint32_t n = 0; n < p->output.n; n++) print_tensor(out, "output", &p->output.data[n]);
    str_add(out, "}\n");
}
static void print_regions(const Program *p, Str *out) {
    for (uint32_t n = 0; n < p->region.n; n++) {
        const Region *r = &p->region.data[n];
        str_addf(out, "region r%u ", n);
        str_add(out, pack_text[r->pack]);
        if (pack_is_panels(r->pack)) str_addf(out, " %d%s", r->nr, r->trans ? " transposed" : "");
        str_addf(out, " at %llu\n", (unsigned long long)r->offset);
    }
}
static void print_launch(const Program *p, const Launch *l, Str *out) {
    str_addf(out, "launch @%s(", p->kern.data[l->kern]->name);
    for (uint32_t n = 0; n < l->nargs; n++) {
        const Place *at = &l->arg[n];
        str_addf(out, "%s%s", n ? ", " : "", place_text[at->kind]);
        if (at->kind == PLACE_INPUT || at->kind == PLACE_OUTPUT) str_addf(out, " %u", at->index);
        str_addf(out, " + %llu", (unsigned long long)at->offset);
    }
    str_addf(out, ") grid %lld flops %.17g ", (long long)l->grid, l->flops);
    if (l->nbytes) str_addf(out, "bytes %llu ", (unsigned long long)l->nbytes);
    print_string(out, l->label);
    str_add(out, "\n");
}
void program_print(const Program *p, Str *out, const Diag *locs) {
    print_head(p, out);
    graph_print(constant_part(p, out->arena), out);
    print_regions(p, out);
    for (uint32_t n = 0; n < p->kern.n; n++) kern_print(p->kern.data[n], out, locs);
    for (uint32_t n = 0; n < p->launch.n; n++) print_launch(p, &p->launch.data[n], out);
}

// ---- parsing ---------------------------------------------------------------------------------
typedef struct Parser {
    Lexer lex;
    Program *p;
} Parser;

static Type parse_type(Lexer *l) {
    const char *name = lex_name(l);
    Type t = {.dt = dtype_from_text(name)};
    if (t.dt == DT_NONE) lex_error(l, "'%s' is not an element type", name);
    lex_expect(l, "[");
    while (!l->failed && !lex_peek(l, "]")) {
        if (t.rank == MAX_RANK) lex_error(l, "more than %d dimensions", MAX_RANK);
        if (t.rank) lex_expect(l, ",");
        int64_t dim = lex_int(l);
        if (!l->failed) t.dim[t.rank++] = dim;
    }
    lex_expect(l, "]");
    if (!l->failed && !type_check(t.dim, t.rank))
        lex_error(l, "a tensor of more than %llu elements",
                  (unsigned long long)limit(LIM_ELEMENTS));
    return t;
}
static void parse_sizes(Parser *s) {
    Lexer *l = &s->lex;
    lex_expect(l, "arena");
    s->p->arena_bytes = lex_uint(l);
    lex_expect(l, "scratch");
    s->p->scratch_bytes = lex_uint(l);
    lex_expect(l, "slices");
    uint64_t slices = lex_uint(l);
    s->p->max_slices = slices < UINT32_MAX ? (uint32_t)slices : UINT32_MAX;
    lex_expect(l, "weights");
    s->p->weight_bytes = lex_uint(l);
}
static ProgramTensor parse_tensor(Lexer *l) {
    const char *name = lex_string(l);
    return (ProgramTensor){name, parse_type(l)};
}
static void parse_head(Parser *s) {
    Lexer *l = &s->lex;
    lex_expect(l, "program");
    lex_expect(l, "target");
    const char *target = lex_label(l);
    s->p->target = target_find(target);
    if (!s->p->target) lex_error(l, "no target '%s'", target);
    lex_expect(l, "{");
    parse_sizes(s);
    while (lex_accept(l, "input")) *PUSH(l->arena, &s->p->input) = parse_tensor(l);
    while (lex_accept(l, "output")) *PUSH(l->arena, &s->p->output) = parse_tensor(l);
    lex_expect(l, "}");
}
static PackKind parse_pack(Lexer *l) {
    for (int pack = 0; pack < PACK_COUNT; pack++)
        if (lex_accept(l, pack_text[pack])) return (PackKind)pack;
    lex_unexpected(l, "plain, halves, panel, pairs or quads");
    return PACK_PLAIN;
}
static void parse_region(Parser *s) {
    Lexer *l = &s->lex;
    const Graph *g = s->p->graph;
    uint32_t n = s->p->region.n;
    const char *name = lex_name(l);
    if (!l->failed && (n >= g->output.n || strcmp(name, g->output.data[n].name))) {
        lex_error(l, "region '%s' is not output %u of the graph", name, n);
        return;
    }
    Region r = {.expr = l->failed ? 0 : g->output.data[n].node};
    r.pack = parse_pack(l);
    if (pack_is_panels(r.pack)) r.nr = (int32_t)max_i64(0, min_i64(lex_int(l), MAX_NR + 1));
    r.trans = lex_accept(l, "transposed");
    lex_expect(l, "at");
    r.offset = lex_uint(l);
    if (l->failed) return;
    if (pack_is_panels(r.pack) && (r.nr < 1 || r.nr > MAX_NR || graph_type(g, r.expr)->rank < 2)) {
        lex_error(l, "panels of %d columns of %s", r.nr,
                  type_text(l->arena, graph_type(g, r.expr)));
        return;
    }
    r.nbytes = region_nbytes(g, &r);
    *PUSH(l->arena, &s->p->region) = r;
}
static uint32_t parse_kernel_name(Parser *s) {
    lex_expect(&s->lex, "@");
    const char *name = lex_name(&s->lex);
    for (uint32_t n = 0; n < s->p->kern.n; n++)
        if (!strcmp(s->p->kern.data[n]->name, name)) return n;
    lex_error(&s->lex, "no kernel @%s", name);
    return 0;
}
static Place parse_place(Lexer *l) {
    Place at = {.kind = PLACE_COUNT};
    for (int kind = 0; kind < PLACE_COUNT && at.kind == PLACE_COUNT; kind++)
        if (lex_accept(l, place_text[kind])) at.kind = (PlaceKind)kind;
    if (at.kind == PLACE_COUNT) lex_unexpected(l, "arena, weights, input or output");
    if (at.kind == PLACE_INPUT || at.kind == PLACE_OUTPUT) {
        uint64_t index = lex_uint(l);
        at.index = index < UINT32_MAX ? (uint32_t)index : UINT32_MAX;
    }
    lex_expect(l, "+");
    at.offset = lex_uint(l);
    return at;
}
static void parse_launch(Parser *s) {
    Lexer *l = &s->lex;
    Launch launch = {.kern = parse_kernel_name(s)};
    lex_expect(l, "(");
    while (!l->failed && !lex_peek(l, ")")) {
        if (launch.nargs) lex_expect(l, ",");
        if (launch.nargs == MAX_ARGS) {
            lex_error(l, "more than %d arguments", MAX_ARGS);
            return;
        }
        launch.arg[launch.nargs++] = parse_place(l);
    }
    lex_expect(l, ")");
    lex_expect(l, "grid");
    launch.grid = lex_int(l);
    lex_expect(l, "flops");
    launch.flops = lex_float(l);
    if (lex_accept(l, "bytes")) launch.nbytes = lex_uint(l);
    launch.label = lex_string(l);
    *PUSH(l->arena, &s->p->launch) = launch;
}
static void parse_body(Parser *s) {
    Lexer *l = &s->lex;
    while (lex_accept(l, "region")) parse_region(s);
    while (lex_peek(l, "kernel") && s->p->kern.n < MAX_KERNELS) {
        Kern *k = kern_read(l);
        if (k) *PUSH(l->arena, &s->p->kern) = k;
    }
    while (s->p->launch.n < MAX_LAUNCHES && lex_accept(l, "launch")) parse_launch(s);
    if (!lex_at_end(l)) lex_unexpected(l, "region, kernel or launch, in this order");
}
Program *program_parse_files(Arena *a, Diag *d, const char *file, const char *text, size_t n,
                             const GraphFiles *files) {
    if (n > limit(LIM_TEXT_BYTES)) {
        Loc at = diag_loc(d, (LocInfo){.file = file});
        return diag_error(d, ERR_LIMIT, at, "a text of %zu bytes", n), NULL;
    }
    Parser s = {lex_open(a, d, file, text, n), program_new(a, NULL, NULL)};
    parse_head(&s);
    s.p->graph = graph_read(&s.lex, files);
    if (!s.lex.failed) parse_body(&s);
    return s.lex.failed ? NULL : s.p;
}
Program *program_parse(Arena *a, Diag *d, const char *file, const char *text, size_t n) {
    return program_parse_files(a, d, file, text, n, NULL);
}
