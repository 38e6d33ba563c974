// test_program.c: a program made by hand, y = x w + 1 with a packed weight matrix, through all that
// a Program can do: verification, the image, evaluation in slices, text.
#include "ir/program.h"
#include "tests/support/ctx.h"
#include <math.h>

enum { M = 7, N = 10, K = 6, NR = 4, PANELS = 3 };

// One task a row: y[i][n] = sum over k of x[i][k] w[k][n], w in panels of 4 columns.
static Kern *matmul_kernel(Arena *a, const Target *t) {
    Kern *k = kern_new(a, "matmul_7x10x6", t);
    VType v = vec_type(DT_F32, NR);
    Val x = k_param(k, "x", DT_F32, false), w = k_param(k, "w", DT_F32, false);
    Val y = k_param(k, "y", DT_F32, true), acc = k_reg(k, v);
    Val i = k_loop(k, k_lo(k), k_hi(k), 1);
    Val px = k_padd(k, x, k_imuli(k, i, K * 4)), py = k_padd(k, y, k_imuli(k, i, N * 4));
    for (int p = 0; p < PANELS; p++) {
        k_set(k, acc, k_const_f(k, v, 0));
        Val j = k_loopn(k, K);
        Val b = k_load(k, v, k_padd(k, w, k_imuli(k, j, NR * 4)), p * K * NR * 4, NR);
        Val e = k_loadb(k, v, k_padd(k, px, k_imuli(k, j, 4)), 0);
        Val product = k_op2(k, K_MUL, e, b);
        k_set(k, acc, k_op2(k, K_ADD, k_get(k, acc), product));
        k_end(k);
        k_store(k, py, p * NR * 4, k_get(k, acc), p == PANELS - 1 ? N - p * NR : NR);
    }
    k_end(k);
    return k;
}
// One task a row: y = x + one[0], through scratch.
static Kern *add_kernel(Arena *a, const Target *t) {
    Kern *k = kern_new(a, "add_7x10", t);
    VType v = vec_type(DT_F32, 1);
    Val x = k_param(k, "x", DT_F32, false), one = k_param(k, "one", DT_F32, false);
    Val y = k_param(k, "y", DT_F32, true), scratch = k_scratch(k, 4);
    Val i = k_loop(k, k_lo(k), k_hi(k), 1), j = k_loopn(k, N);
    Val row = k_imuli(k, i, N * 4), at = k_iadd(k, row, k_imuli(k, j, 4));
    k_store(k, scratch, 0, k_load(k, v, k_padd(k, x, at), 0, 1), 1);
    Val e = k_load(k, v, scratch, 0, 1), o = k_load(k, v, one, 0, 1);
    Val sum = k_op2(k, K_ADD, e, o);
    k_store(k, k_padd(k, y, at), 0, sum, 1);
    k_end(k);
    k_end(k);
    return k;
}
static NodeId weight_node(Graph *g, bool trans) {
    float w[K * N];
    for (int n = 0; n < N; n++)
        for (int k = 0; k < K; k++) w[trans ? n * K + k : k * N + n] = (float)(k * 100 + n);
    int64_t dim[3] = {1, trans ? N : K, trans ? K : N};
    return graph_const_copy(g, type_of(DT_F32, 3, dim), w, 0);
}
static Place place(PlaceKind kind, uint32_t index, uint64_t offset) {
    return (Place){kind, index, offset};
}
static Program *program_by_hand(Arena *a, bool trans) {
    const Target *t = target_find("x86-64-v3");
    Graph *g = graph_new(a);
    NodeId w = weight_node(g, trans), one = graph_scalar(g, DT_F64, 1, 0);
    Program *p = program_new(a, t, g);
    int64_t in[2] = {M, K}, out[2] = {M, N};
    *PUSH(a, &p->input) = (ProgramTensor){"x", type_of(DT_F32, 2, in)};
    *PUSH(a, &p->output) = (ProgramTensor){"y", type_of(DT_F32, 2, out)};
    *PUSH(a, &p->kern) = matmul_kernel(a, t);
    *PUSH(a, &p->kern) = add_kernel(a, t);
    Region panels = {.expr = w, .pack = PACK_PANEL, .trans = trans, .nr = NR};
    panels.nbytes = region_nbytes(g, &panels);
    *PUSH(a, &p->region) = panels;
    Region scalar = {.expr = one, .pack = PACK_PLAIN, .offset = 320};
    scalar.nbytes = region_nbytes(g, &scalar);
    *PUSH(a, &p->region) = scalar;
    p->weight_bytes = 384;
    p->arena_bytes = 320;
    p->scratch_bytes = 7 * 64;
    p->max_slices = 8;
    *PUSH(a, &p->launch) = (Launch){.kern = 0, .nargs = 3, .grid = M, .label = "fc", .flops = 840,
        .arg = {place(PLACE_INPUT, 0, 0), place(PLACE_WEIGHTS, 0, 0), place(PLACE_ARENA, 0, 0)}};
    *PUSH(a, &p->launch) = (Launch){.kern = 1, .nargs = 3, .grid = M, .label = "bias",
        .arg = {place(PLACE_ARENA, 0, 0), place(PLACE_WEIGHTS, 0, 320), place(PLACE_OUTPUT, 0, 0)}};
    return p;
}

typedef struct Image {
    char bytes[4096];
    uint64_t n;
} Image;
static bool collect(void *ctx, const void *bytes, uint64_t n) {
    Image *i = ctx;
    assert_true(i->n + n <= sizeof i->bytes);
    memcpy(i->bytes + i->n, bytes, n);
    i->n += n;
    return true;
}
static Image image_of(TestCtx *t, const Program *p) {
    Image i = {.n = 0};
    assert_true(program_image(p, t->c.scratch, collect, &i));
    assert_int_equal(i.n, p->weight_bytes);
    return i;
}

static void test_image(void **state) {
    (void)state;
    for (int trans = 0; trans < 2; trans++) {
        TestCtx *t = test_ctx();
        Image i = image_of(t, program_by_hand(t->c.arena, trans));
        float f[384 / 4];
        memcpy(f, i.bytes, sizeof f);
        for (int p = 0; p < PANELS; p++)
            for (int k = 0; k < K; k++)
                for (int j = 0; j < NR; j++) {
                    int n = p * NR + j;
                    float want = n < N ? (float)(k * 100 + n) : 0;
                    assert_true(f[(p * K + k) * NR + j] == want);
                }
        for (int b = PANELS * K * NR; b < 96; b++) assert_true(f[b] == (b == 80 ? 1 : 0));
        test_ctx_free(t);
    }
}
// bf16 in words: one holds a few k of a column; the last one of a depth ends with zeros.
static void test_image_words(void **state) {
    (void)state;
    for (int n = 0; n < 16; n++) {
        TestCtx *t = test_ctx();
        bool trans = n & 1, is_big = n & 4;
        PackKind pack = n & 8 ? PACK_QUADS : PACK_PAIRS;
        int depth = n & 2 ? 5 : 6, deep = (int)pack_deep(pack), stored = n & 8 ? 8 : 6;
        Graph *g = graph_new(t->c.arena);
        char w[K * N * 2];
        for (int k = 0; k < depth; k++)
            for (int j = 0; j < N; j++)
                dtype_write_f(DT_BF16, w, (uint64_t)(trans ? j * depth + k : k * N + j),
                              k * 16 + j + 1);
        int64_t dim[2] = {trans ? N : depth, trans ? depth : N};
        Region r = {.expr = graph_const_copy(g, type_of(DT_BF16, 2, dim), w, 0),
                    .pack = pack, .trans = trans, .nr = NR};
        r.nbytes = region_nbytes(g, &r);
        assert_int_equal(r.nbytes, PANELS * stored * NR * 2);
        Program *p = program_new(t->c.arena, target_find("generic"), g);
        *PUSH(t->c.arena, &p->region) = r;
        p->weight_bytes = r.nbytes;
        p->big_endian = is_big;
        Image i = image_of(t, p);
        if (is_big)
            dtype_reverse(i.bytes, arena_copy(t->c.arena, i.bytes, i.n), i.n, 2 * (uint32_t)deep);
        for (int panel = 0; panel < PANELS; panel++)
            for (int k = 0; k < stored; k++)
                for (int j = 0; j < NR; j++) {
                    int c = panel * NR + j;
                    double want = c < N && k < depth ? k * 16 + c + 1 : 0;
                    int row = panel * stored + k / deep * deep;
                    uint64_t at = (uint64_t)(row * NR + j * deep + k % deep);
                    assert_true(dtype_read_f(DT_BF16, i.bytes, at) == want);
                }
        test_ctx_free(t);
    }
}
static bool stop_at_once(void *ctx, const void *bytes, uint64_t n) {
    (void)bytes;
    *(uint64_t *)ctx += n;
    return false;
}
static void test_image_stops(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    uint64_t seen = 0;
    const Program *p = program_by_hand(t->c.arena, false);
    assert_false(program_image(p, t->c.scratch, stop_at_once, &seen));
    assert_true(seen < 384);
    test_ctx_free(t);
}
// Every element type of a constant, as the image holds it.
static void test_image_types(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    static const DType types[] = {DT_F16, DT_BF16, DT_F64, DT_I64, DT_U8, DT_BOOL};
    for (size_t n = 0; n < COUNT_OF(types); n++) {
        char data[8 * 3];
        for (uint64_t i = 0; i < 3; i++) dtype_write_f(types[n], data, i, i == 1);
        int64_t three = 3;
        Graph *g = graph_new(t->c.arena);
        Program *p = program_new(t->c.arena, target_find("generic"), g);
        Region r = {.expr = graph_const_copy(g, type_of(types[n], 1, &three), data, 0)};
        r.nbytes = region_nbytes(g, &r);
        *PUSH(t->c.arena, &p->region) = r;
        p->weight_bytes = 64;
        Image i = image_of(t, p);
        bool is_float = dtype_info[types[n]].cls == CLASS_FLOAT;
        DType stored = is_float ? DT_F32 : types[n];
        assert_int_equal(r.nbytes, 3 * dtype_info[stored].nbytes);
        for (uint64_t e = 0; e < 3; e++) assert_true(dtype_read_f(stored, i.bytes, e) == (e == 1));
    }
    test_ctx_free(t);
}

// ---- evaluation --------------------------------------------------------------------------------
static void evaluate(TestCtx *t, const Program *p, uint32_t slices, float y[M * N]) {
    Image i = image_of(t, p);
    float x[M * K];
    for (int n = 0; n < M * K; n++) x[n] = (float)(n % 5 - 2);
    const void *in[] = {x};
    void *out[] = {y};
    assert_true(program_eval(p, i.bytes, in, out, slices, t->c.arena));
}
static void test_eval(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    const Program *p = program_by_hand(t->c.arena, true);
    if (!program_check(p, t->c.diag)) fail_msg("%s", t->said);
    float one[M * N], y[M * N];
    evaluate(t, p, 1, one);
    for (int i = 0; i < M; i++)
        for (int n = 0; n < N; n++) {
            float want = 1;
            for (int k = 0; k < K; k++) want += (float)((i * K + k) % 5 - 2) * (float)(k * 100 + n);
            assert_true(one[i * N + n] == want);
        }
    for (uint32_t slices = 2; slices <= 9; slices++) {
        memset(y, 0, sizeof y);
        evaluate(t, p, slices, y);
        assert_memory_equal(one, y, sizeof y);
    }
    assert_false(program_eval(p, NULL, NULL, NULL, 0, t->c.arena));
    test_ctx_free(t);
}
// What no kernel wrote reads as NaN.
static void test_fresh_memory_is_noticed(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Program *p = program_by_hand(t->c.arena, true);
    p->launch.data[0] = p->launch.data[1];
    float y[M * N];
    evaluate(t, p, 2, y);
    for (int n = 0; n < M * N; n++) assert_true(isnan(y[n]));
    test_ctx_free(t);
}

// ---- what the verifier refuses -----------------------------------------------------------------
static void break_place_kind(Program *p) { p->launch.data[0].arg[0].index = 1; }
static void break_weights_end(Program *p) { p->launch.data[1].arg[1].offset = 384; }
static void break_far(Program *p) { p->launch.data[0].arg[2].offset = 1 << 20; }
static void break_order(Program *p) { p->launch.n = 1; }
static void break_read(Program *p) {
    p->arena_bytes = 1024;
    p->launch.data[1].arg[0].offset = 640;
}
static void break_const(Program *p) { p->launch.data[0].arg[2].kind = PLACE_WEIGHTS; }
static void break_nargs(Program *p) { p->launch.data[0].nargs = 2; }
static void break_grid(Program *p) { p->launch.data[0].grid = 0; }
static void break_kern(Program *p) { p->launch.data[0].kern = 2; }
static void break_flops(Program *p) { p->launch.data[0].flops = -1; }
static void break_scratch(Program *p) { p->scratch_bytes = 0; }
static void break_slices(Program *p) { p->max_slices = 0; }
static void break_align(Program *p) { p->arena_bytes = 330; }
static void break_memory(Program *p) { p->scratch_bytes = 1ull << 63; }
static void break_region_nbytes(Program *p) { p->region.data[0].nbytes += 4; }
static void break_region_order(Program *p) { p->region.data[1].offset = 256; }
static void break_region_align(Program *p) { p->region.data[1].offset = 300; }
static void break_region_end(Program *p) { p->weight_bytes = 320; }
static void break_region_expr(Program *p) { p->region.data[0].expr = 99; }
static void break_region_nr(Program *p) { p->region.data[0].nr = 0; }
static void break_region_scalar(Program *p) {
    p->region.data[0].expr = p->region.data[1].expr;
}
static void break_region_pairs(Program *p) { p->region.data[0].pack = PACK_PAIRS; }
static void break_target(Program *p) { p->target = target_find("generic"); }
static void break_names(Program *p) { p->kern.data[1]->name = "matmul_7x10x6"; }
static void break_kernel(Program *p) { kern_ins(p->kern.data[0], 7)->imm = -3; }
static void test_verifier(void **state) {
    (void)state;
    static const struct {
        void (*destroy)(Program *p);
        const char *says;
    } cases[] = {
        {break_place_kind, "launch 0 (@matmul_7x10x6): %x: the place is outside of its object"},
        {break_weights_end, "launch 1 (@add_7x10): %one: the place is outside of its object"},
        {break_far, "launch 0 (@matmul_7x10x6): %y: the place is outside of its object"},
        {break_order, "nothing writes output 0"},
        {break_read, "launch 1 (@add_7x10): %x: nothing wrote the bytes that it reads"},
        {break_const, "launch 0 (@matmul_7x10x6): %y: it would write to weights"},
        {break_nargs, "launch 0: 2 arguments for @matmul_7x10x6"},
        {break_grid, "launch 0: 0 tasks"},
        {break_kern, "launch 0: no such kernel"},
        {break_flops, "launch 0: -1 flops"},
        {break_scratch, "launch 1: @add_7x10 wants 64 bytes of scratch a slice"},
        {break_slices, "0 slices"},
        {break_align, "both must be multiples of 64"},
        {break_memory, "more memory than there is"},
        {break_region_nbytes, "region 0 has 292 bytes, not 288"},
        {break_region_order, "region 1 begins inside the one before"},
        {break_region_align, "region 1 begins at byte 300, which is no multiple of 64"},
        {break_region_end, "ends behind the image"},
        {break_region_expr, "region 0: no such node"},
        {break_region_nr, "region 0: panels of 0 columns"},
        {break_region_scalar, "region 0: f64[] is not a matrix of floats"},
        {break_region_pairs, "region 0: pairs of f32[1,6,10]"},
        {break_target, "kernel @matmul_7x10x6 is for x86-64-v3"},
        {break_names, "two kernels @matmul_7x10x6"},
        {break_kernel, "kernel @matmul_7x10x6: a step of -3"},
    };
    for (size_t n = 0; n < COUNT_OF(cases); n++) {
        TestCtx *t = test_ctx();
        Program *p = program_by_hand(t->c.arena, false);
        cases[n].destroy(p);
        if (program_check(p, t->c.diag)) fail_msg("accepted: %s", cases[n].says);
        test_ctx_expect(t, ERR_MODEL, cases[n].says);
        test_ctx_free(t);
    }
}
static void test_region_of_input(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Program *p = program_by_hand(t->c.arena, false);
    Graph *g = graph_new(t->c.arena);
    int64_t dim[2] = {K, N};
    p->region.data[0].expr = graph_input(g, "x", type_of(DT_F32, 2, dim), 0);
    p->graph = g;
    assert_false(program_check(p, t->c.diag));
    test_ctx_expect(t, ERR_MODEL, "region 0 depends on an input");
    test_ctx_free(t);
}

// ---- text --------------------------------------------------------------------------------------
static const char *text_of(TestCtx *t, const Program *p) {
    Str s = str_new(t->c.arena);
    program_print(p, &s, NULL);
    return str_cstr(&s);
}
static Program *parse(TestCtx *t, const char *text) {
    return program_parse(t->c.arena, t->c.diag, "p.vp", text, strlen(text));
}
static void test_round_trip(void **state) {
    (void)state;
    for (int trans = 0; trans < 2; trans++) {
        TestCtx *t = test_ctx();
        const Program *p = program_by_hand(t->c.arena, trans);
        const char *text = text_of(t, p);
        const Program *again = parse(t, text);
        if (!again || !program_check(again, t->c.diag)) fail_msg("%s\n%s", t->said, text);
        assert_string_equal(text, text_of(t, again));
        Image want = image_of(t, p), got = image_of(t, again);
        assert_memory_equal(want.bytes, got.bytes, want.n);
        float y[M * N], z[M * N];
        evaluate(t, p, 3, y);
        evaluate(t, again, 3, z);
        assert_memory_equal(y, z, sizeof y);
        test_ctx_free(t);
    }
}
static void test_hostile_names(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Program *p = program_by_hand(t->c.arena, true);
    p->input.data[0].name = "a\"b\\c\n\xff\xe2\x80\xae%s";
    p->launch.data[0].label = "}\nend";
    const char *text = text_of(t, p);
    const Program *again = parse(t, text);
    if (!again) fail_msg("%s\n%s", t->said, text);
    assert_string_equal(again->input.data[0].name, p->input.data[0].name);
    assert_string_equal(again->launch.data[0].label, p->launch.data[0].label);
    assert_string_equal(text, text_of(t, again));
    test_ctx_free(t);
}
static void test_text_errors(void **state) {
    (void)state;
    static const struct {
        const char *find, *put, *says;
    } edits[] = {
        {"program target", "program", "p.vp:1:9: expected 'target'"},
        {"target x86-64-v3 {", "target x86-64-v9 {", "p.vp:1:16: no target 'x86-64-v9'"},
        {"arena 320", "arena x", "p.vp:2:9: expected a number, found 'x scratch"},
        {"f32[7,6]", "f32[7,-6]", "a tensor of more than 8589934592 elements"},
        {"f32[7,6]", "f32[1,1,1,1,1,1,1,1,1]", "more than 8 dimensions"},
        {"graph {", "constants {", "p.vp:6:1: expected 'graph'"},
        {"= hex", "= file \"w.bin\" +0 //", "p.vp:7:30: constants in files are not accepted here"},
        {"region r0", "region r1", "region 'r1' is not output 0 of the graph"},
        {"region r1 plain", "region r1 panel 4", "panels of 4 columns of f64[]"},
        {"region r1 plain", "region r1 4", "expected plain, halves, panel, pairs or quads, found '4"},
        {"panel 4", "pairs 4", "region 0: pairs of f32[1,6,10]"},
        {"panel 4", "panel 0", "panels of 0 columns"},
        {"panel 4", "panel 99999999999", "panels of 1025 columns"},
        {"kernel @add_7x10", "kernel add_7x10", "expected '@'"},
        {"launch @add_7x10(", "launch @sub(", "no kernel @sub"},
        {"(input 0 + 0", "(output 9999999999 + 0", NULL},
        {"(input 0 + 0", "(heap 0 + 0", "expected arena, weights, input or output"},
        {"grid 7", "grid seven", "expected an integer"},
        {"\"fc\"", "\"f\\9\"", "expected three octal digits"},
        {"\"bias\"\n", "\"bias\"\nregion", "expected region, kernel or launch, in this order"},
    };
    for (size_t n = 0; n < COUNT_OF(edits); n++) {
        TestCtx *t = test_ctx();
        const char *text = text_of(t, program_by_hand(t->c.arena, false));
        const char *at = strstr(text, edits[n].find);
        if (!at) fail_msg("no '%s' in %s", edits[n].find, text);
        const char *broken = arena_printf(t->c.arena, "%.*s%s%s", (int)(at - text), text,
                                          edits[n].put, at + strlen(edits[n].find));
        Program *p = parse(t, broken);
        if (p && program_check(p, t->c.diag)) fail_msg("accepted: %s", edits[n].put);
        if (edits[n].says) test_ctx_expect(t, ERR_MODEL, edits[n].says);
        test_ctx_free(t);
    }
}
// Whatever a damaged text holds: no crash, and what the verifier accepts reads back.
static void test_damaged_texts(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    const char *good = text_of(t, program_by_hand(t->c.arena, true));
    size_t length = strlen(good);
    uint32_t random = 7, accepted = 0;
    static const char bits[] = "%%0123456789abcfilopsx-+,{}= \n@\"";
    for (int round = 0; round < 6000; round++) {
        TestCtx *u = test_ctx();
        char *text = arena_strdup(u->c.arena, good);
        for (int n = 0; n < 1 + round % 3; n++) {
            random = random * 1664525u + 1013904223u;
            size_t at = (random >> 8) % length;
            random = random * 1664525u + 1013904223u;
            text[at] = round % 7 ? bits[(random >> 8) % (sizeof bits - 1)] : (char)(random >> 16);
        }
        Program *p = program_parse(u->c.arena, u->c.diag, "p.vp", text, length);
        if (p && program_check(p, u->c.diag)) {
            const char *first = text_of(u, p);
            assert_string_equal(first, text_of(u, parse(u, first)));
            accepted++;
        }
        test_ctx_free(u);
    }
    assert_true(accepted > 50);
    test_ctx_free(t);
}
int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_image),
        cmocka_unit_test(test_image_words),
        cmocka_unit_test(test_image_stops),
        cmocka_unit_test(test_image_types),
        cmocka_unit_test(test_eval),
        cmocka_unit_test(test_fresh_memory_is_noticed),
        cmocka_unit_test(test_verifier),
        cmocka_unit_test(test_region_of_input),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_hostile_names),
        cmocka_unit_test(test_text_errors),
        cmocka_unit_test(test_damaged_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
