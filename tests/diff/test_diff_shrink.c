// test_diff_shrink.c: the shrinkers, on faults planted in a printer: what they print is small,
// still shows the fault, parses, and is right on the printers that are right.
#include "passes/passes.h"
#include "tests/diff/shrink_failure.h"
#include "tests/diff/shrink_model.h"
#include "tests/support/ctx.h"

// ---- faults ----------------------------------------------------------------------------------
static void nothing(Kern *to, Ins *i) {
    (void)to;
    (void)i;
}
static Kern *copy(Arena *a, const Kern *k, void (*change)(Kern *to, Ins *i)) {
    Kern *to = kern_new(a, k->name, k->target);
    for (uint32_t n = 0; n < k->param.n; n++) *PUSH(a, &to->param) = k->param.data[n];
    to->scratch_bytes = k->scratch_bytes;
    for (Val v = 1; v < k->ins.n; v++) {
        Ins i = *kern_ins(k, v);
        change(to, &i);
        kern_emit(to, i);
    }
    return to;
}
static void subtracts_backwards(Kern *to, Ins *i) {
    (void)to;
    if (i->op != K_SUB || i->type.dt != DT_F32) return;
    Val x = i->arg[0];
    i->arg[0] = i->arg[1];
    i->arg[1] = x;
}
static void sums_as_maximum(Kern *to, Ins *i) {
    (void)to;
    if (i->op == K_RSUM) i->op = K_RMAX;
}
static void compares_equals_as_less(Kern *to, Ins *i) {
    (void)to;
    if (i->op == K_CMP && i->imm == P_LE) i->imm = P_LT;
}
static void stores_all_lanes(Kern *to, Ins *i) {
    if (i->op == K_STORE) i->lanes = kern_type(to, i->arg[1]).n;
}
static void loops_once_more(Kern *to, Ins *i) {
    Val hi = i->arg[1];
    if (i->op == K_LOOP && kern_ins(to, hi)->op == K_INDEX && kern_ins(to, hi)->imm > 5) i->imm = 1;
}
#define FAULT(name)                                                                                \
    static Kern *plant_##name(Arena *a, const Kern *k) {                                           \
        return copy(a, k, name);                                                                   \
    }
FAULT(nothing)
FAULT(subtracts_backwards)
FAULT(compares_equals_as_less)
FAULT(stores_all_lanes)
FAULT(loops_once_more)
FAULT(sums_as_maximum)

// ---- kernels ---------------------------------------------------------------------------------
static const Printer right = {.name = "llvm"};
static bool has(const Kern *k, KOp op) {
    for (Val v = 1; v < k->ins.n; v++)
        if (kern_ins(k, v)->op == op) return true;
    return false;
}
// The first random kernel on which the planted printer is wrong.
static KernelRun find(Ctx *c, const Printer *wrong, const Memory *m, Verdict *v) {
    const Target *t = target_find("generic");
    for (uint64_t seed = 1; seed < 500; seed++) {
        const Kern **k = NEW(c->arena, const Kern *);
        uint64_t *kept = arena_copy(c->arena, &seed, sizeof seed);
        *k = random_kernel(c->arena, t, seed, "k", 30);
        KernelRun r = {
            .target = t, .printer = wrong, .nprinters = 1, .m = m, .kern = k, .seed = kept, .n = 1};
        *v = kernel_run(&r, true);
        if (*v != SAME) return r;
    }
    fail_msg("no kernel shows the fault");
    return (KernelRun){0};
}
static void check_kernel(Kern *(*plant)(Arena *, const Kern *), KOp culprit, uint32_t most) {
    TestCtx *t = test_ctx();
    Printer wrong = {.name = "llvm", .plant = plant};
    Memory m = random_kernel_memory(), of_file = {0};
    Verdict v;
    KernelRun r = find(&t->c, &wrong, &m, &v);
    Str text = str_new(t->c.arena), again = str_new(t->c.arena);
    uint32_t before = r.kern[0]->ins.n;
    shrink_failure(&t->c, &r, v, &text);
    print_message("%u instructions become %u:\n%s", before, r.kern[0]->ins.n, str_cstr(&text));
    assert_true(r.kern[0]->ins.n <= most);
    assert_true(has(r.kern[0], culprit));
    // the text alone shows it again
    const Kern *parsed = kern_parse(t->c.arena, t->c.diag, "t", str_cstr(&text), text.n, NULL);
    assert_non_null(parsed);
    kern_print(parsed, &again, NULL);
    assert_non_null(strstr(str_cstr(&text), str_cstr(&again)));
    assert_true(kernel_memory(parsed, &of_file));
    r.kern = &parsed;
    r.m = &of_file;
    assert_int_equal(kernel_run(&r, true), v);
    r.printer = &right;
    assert_int_equal(kernel_run(&r, false), SAME);
    memory_free(&of_file);
    memory_free(&m);
    test_ctx_free(t);
}
static void test_arithmetic(void **state) {
    (void)state;
    check_kernel(plant_subtracts_backwards, K_SUB, 8);
}
static void test_masks(void **state) {
    (void)state;
    check_kernel(plant_compares_equals_as_less, K_CMP, 12);
}
static void test_partial_stores(void **state) {
    (void)state;
    check_kernel(plant_stores_all_lanes, K_STORE, 8);
}
static void test_loops(void **state) {
    (void)state;
    check_kernel(plant_loops_once_more, K_LOOP, 16);
}
static void test_right_printer(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Memory m = random_kernel_memory();
    Printer copies = {.name = "llvm", .plant = plant_nothing};
    const Kern *k = random_kernel(t->c.arena, target_find("generic"), 7, "k", 30);
    KernelRun r = {.target = k->target,
                   .printer = &copies,
                   .nprinters = 1,
                   .m = &m,
                   .kern = &k,
                   .seed = &(uint64_t){7},
                   .n = 1};
    assert_int_equal(kernel_run(&r, false), SAME);
    memory_free(&m);
    test_ctx_free(t);
}

// ---- models ----------------------------------------------------------------------------------
static void test_models(void **state) { // the fault is in whatever sums across lanes
    (void)state;
    TestCtx *t = test_ctx();
    Printer wrong = {.name = "llvm", .plant = plant_sums_as_maximum};
    Vit vit = random_vit(3);
    Str text = str_new(t->c.arena), again = str_new(t->c.arena);
    graph_print(vit_graph(t->c.arena, &vit), &text);
    ModelRun r = {.text = text.data,
                  .n = text.n,
                  .seed = 3,
                  .target = {target_find("generic")},
                  .ntargets = 1,
                  .is_printed = {true},
                  .printer = &wrong,
                  .nprinters = 1};
    assert_int_equal(model_run(&r, true), DIFFERS);
    uint32_t tried = shrink_model(&t->c, &r, &vit, DIFFERS);
    print_message("%zu bytes of text become %zu after %u models:\n%s", text.n, r.n, tried, r.text);
    const Graph *g = graph_parse(t->c.arena, t->c.diag, "t", r.text, r.n);
    assert_non_null(g);
    graph_print(g, &again);
    assert_string_equal(str_cstr(&again), r.text);
    assert_true(g->node.n <= 8);
    assert_int_equal(model_run(&r, true), DIFFERS);
    r.printer = &right;
    assert_int_equal(model_run(&r, false), SAME);
    test_ctx_free(t);
}
int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right_printer), cmocka_unit_test(test_arithmetic),
        cmocka_unit_test(test_masks),         cmocka_unit_test(test_partial_stores),
        cmocka_unit_test(test_loops),         cmocka_unit_test(test_models)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
