// test_object.c: what the printer of tables writes is what the runtime's headers read; objects come
// apart again; damaged ones are refused.
#include "backends/backend.h"
#include "runtime/vitc.h"
#include "runtime/vitc_object.h"
#include "tests/link/small_program.h"
#include "tests/support/ctx.h"
#include <sys/mman.h>
#include <unistd.h>

static const HostSymbol host[] = {
    {"vitc_execute", (const void *)(uintptr_t)vitc_execute},
    {"vitc_execute_level", (const void *)(uintptr_t)vitc_execute_level},
    {"vitc_model_selftest", (const void *)(uintptr_t)vitc_model_selftest}};
static const EmitOptions options = {
    .prefix = "vit", .source_sha256 = "5ha", .version = "vitc test"};

typedef struct Loaded {
    TestCtx *t;
    Program *p;
    Str object;
    LoadedModel *m;
    const vitc_model_info *info;
} Loaded;
static Loaded load(const char *target, const char *kernel_name, uint32_t noutputs) {
    Loaded l = {.t = test_ctx()};
    Ctx *c = &l.t->c;
    l.p = small_program(c->arena, target_find(target), kernel_name, 0);
    const ProgramTensor first = l.p->output.data[0];
    while (l.p->output.n < noutputs) *PUSH(c->arena, &l.p->output) = first;
    l.object = str_new(c->arena);
    if (!llvm_emit_object(c, l.p, &options, &l.object)) fail_msg("%s", l.t->said);
    const void *image = small_image(c->arena, l.p);
    l.m = llvm_load(c, l.object.data, l.object.n, "vit", image, host, COUNT_OF(host));
    l.info = l.m ? llvm_loaded_symbol(l.m, "vit_model") : NULL;
    if (!l.info) fail_msg("%s", l.t->said);
    return l;
}
static void unload(Loaded *l) {
    llvm_unload(l->m);
    test_ctx_free(l->t);
}

// ---- the description -------------------------------------------------------------------------
static void expect_tensor(const vitc_tensor_info *t, const char *name) {
    assert_string_equal(t->name, name);
    assert_int_equal(t->dtype, VITC_F32);
    assert_int_equal(t->rank, 2);
    assert_int_equal(t->dim[0], SMALL_ROWS);
    assert_int_equal(t->dim[1], SMALL_COLUMNS);
    for (int d = 2; d < 8; d++) assert_int_equal(t->dim[d], 1);
    assert_int_equal(t->bytes, SMALL_ELEMENTS * 4);
}
static void model_info_has_the_runtimes_layout(void **state) {
    (void)state;
    Loaded l = load("x86-64-v2", "k", 1);
    const vitc_model_info *m = l.info;
    assert_int_equal(m->struct_size, sizeof *m);
    assert_int_equal(m->abi, VITC_ABI);
    assert_string_equal(m->name, "small*/model");
    assert_string_equal(m->producer, "vitc test");
    assert_string_equal(m->target, "x86-64-v2");
    assert_string_equal(m->source_sha256, "5ha");
    assert_int_equal(m->arena_bytes, program_host_arena(l.p));
    assert_int_equal(m->arena_align, 64);
    assert_int_equal(m->weight_bytes, l.p->weight_bytes);
    assert_int_equal(m->flops, 240);
    assert_int_equal(m->cpu_features, VITC_CPU_SSE42);
    assert_int_equal(m->n_inputs, 1);
    assert_int_equal(m->n_outputs, 1);
    expect_tensor(m->inputs, "pixel \"values\"");
    expect_tensor(m->outputs, "logits");
    assert_int_equal(m->n_labels, COUNT_OF(small_labels));
    for (size_t i = 0; i < COUNT_OF(small_labels); i++)
        assert_string_equal(m->labels[i], small_labels[i]);
    assert_int_equal(m->task, 1);
    unload(&l);
}
static void preprocessing_has_the_runtimes_layout(void **state) {
    (void)state;
    Loaded l = load("generic", "k", 1);
    const vitc_preprocess *p = l.info->preprocess;
    assert_int_equal(p->height, 4);
    assert_int_equal(p->width, 10);
    assert_int_equal(p->channels, 1);
    assert_int_equal(p->resample, 3);
    assert_int_equal(p->do_resize, 1);
    assert_int_equal(p->do_rescale, 0);
    assert_int_equal(p->do_normalize, 1);
    assert_true(p->rescale == 1.0 / 255);
    assert_true(p->mean[0] == 0.5f && p->mean[2] == 0.125f && p->std[2] == 0.3f && p->std[3] == 1);
    unload(&l);
}
static void launches_have_the_runtimes_layout(void **state) {
    (void)state;
    Loaded l = load("generic", "k", 1);
    const vitc_object *o = l.info->object;
    assert_int_equal(o->abi, VITC_ABI);
    assert_int_equal(o->n_launches, 1);
    assert_int_equal(o->intermediate_bytes, l.p->arena_bytes);
    assert_int_equal(o->scratch_bytes, l.p->scratch_bytes);
    assert_int_equal(o->max_slices, 4);
    assert_ptr_equal(o->info, l.info);
    const vitc_launch *v = o->launches;
    assert_int_equal(v->n_args, 4);
    assert_int_equal(v->grid, SMALL_ROWS);
    assert_int_equal(v->scratch_bytes, kern_slice_bytes(l.p->kern.data[0]));
    assert_int_equal(v->flops, 240);
    assert_string_equal(v->label, "layer \"1\"*/");
    assert_int_equal(v->args[0].kind, VITC_PLACE_INPUT);
    assert_int_equal(v->args[2].kind, VITC_PLACE_WEIGHTS);
    assert_int_equal(v->args[2].offset, 192);
    assert_int_equal(v->args[3].kind, VITC_PLACE_OUTPUT);
    unload(&l);
}

// Two levels and a self-test.
static void levels_and_samples_have_the_runtimes_layout(void **state) {
    (void)state;
    Loaded l = {.t = test_ctx()};
    Ctx *c = &l.t->c;
    l.p = small_program(c->arena, target_find("x86-64-v2"), "k", 0);
    l.p->next = small_program(c->arena, target_find("generic"), "k", 0);
    float x[SMALL_ELEMENTS] = {1, 2, 3}, y[SMALL_ELEMENTS];
    for (int i = 0; i < SMALL_ELEMENTS; i++)
        y[i] = x[i] * small_weight(i % SMALL_COLUMNS) + small_bias(i % SMALL_COLUMNS);
    program_add_sample(l.p, (const void *const[]){x}, (const void *const[]){y}, 1e-6);
    l.object = str_new(c->arena);
    if (!llvm_emit_object(c, l.p, &options, &l.object)) fail_msg("%s", l.t->said);
    float *image = small_image(c->arena, l.p);
    l.m = llvm_load(c, l.object.data, l.object.n, "vit", image, host, COUNT_OF(host));
    const vitc_model_info *m = llvm_loaded_symbol(l.m, "vit_model");
    assert_int_equal(m->n_levels, 2);
    assert_null(m->object);
    assert_string_equal(m->target, "x86-64-v2,generic");
    assert_int_equal(m->cpu_features, 0);
    assert_string_equal(m->levels[0]->target, "x86-64-v2");
    assert_int_equal(m->levels[0]->cpu_features, VITC_CPU_SSE42);
    assert_ptr_equal(vitc_model_level(m, "generic"), m->levels[1]);
    for (uint32_t i = 0; i < m->n_levels; i++) {
        const vitc_model_info *level = m->levels[i];
        assert_int_equal(level->arena_bytes, m->arena_bytes);
        assert_int_equal(level->n_levels, 0);
        assert_ptr_equal(level->inputs, m->inputs);
        assert_ptr_equal(level->object->info, level);
        const vitc_sample *s = level->object->sample;
        assert_int_equal(s->outputs_at, round_up(program_run_arena(l.p), 64));
        assert_memory_equal((char *)image + s->offset[0], x, sizeof x);
        assert_memory_equal((char *)image + s->offset[1], y, sizeof y);
        assert_true(s->tolerance == 1e-6);
    }
    void *arena = arena_alloc(c->arena, m->arena_bytes);
    vitc_status (*selftest)(void *, const vitc_parallel *) =
        (vitc_status(*)(void *, const vitc_parallel *))(uintptr_t)llvm_loaded_symbol(
            l.m, "vit_selftest");
    assert_int_equal(selftest(arena, NULL), VITC_OK);
    image[0] += 1;
    assert_int_equal(selftest(arena, NULL), VITC_E_SELFTEST);
    unload(&l);
}

// ---- running ---------------------------------------------------------------------------------
typedef vitc_status (*SmallRun)(const float *x, float *y, void *arena, const vitc_parallel *par);
static void expect_result(const float *x, const float *y) {
    for (int i = 0; i < SMALL_ELEMENTS; i++) {
        float want = x[i] * small_weight(i % SMALL_COLUMNS) + small_bias(i % SMALL_COLUMNS);
        assert_true(y[i] == want);
    }
}
static void both_run_functions_run(void **state) {
    (void)state;
    for (size_t i = 0; target_at(i); i++) {
        if (!target_runs_here(target_at(i), target_at(i)->features) ||
            vitc_cpu_check(target_at(i)->features) != VITC_OK)
            continue;
        Loaded l = load(target_at(i)->name, "k", 1);
        SmallRun run = (SmallRun)(uintptr_t)llvm_loaded_symbol(l.m, "vit_run");
        _Alignas(64) char arena[64];
        float x[SMALL_ELEMENTS], y[SMALL_ELEMENTS];
        const void *in[1] = {x};
        void *out[1] = {y};
        for (int e = 0; e < SMALL_ELEMENTS; e++) x[e] = (float)(e * 37 % 101) / 4;
        assert_int_equal(run(x, y, arena, NULL), VITC_OK);
        expect_result(x, y);
        memset(y, 0, sizeof y);
        assert_int_equal(l.info->run(in, out, arena, NULL), VITC_OK);
        expect_result(x, y);
        assert_int_equal(run(NULL, y, arena, NULL), VITC_E_ARG);
        assert_int_equal(run(x, x, arena, NULL), VITC_E_ARENA);
        unload(&l);
    }
}
static void a_kernel_may_have_any_name(void **state) {
    static const char *const names[] = {"vit_run", "vit_model", "vit_weights", "vitc_execute",
                                        "run",     "memcpy",    "memset",      "main"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        Loaded l = load("generic", names[i], 1);
        SmallRun run = (SmallRun)(uintptr_t)llvm_loaded_symbol(l.m, "vit_run");
        _Alignas(64) char arena[64];
        float x[SMALL_ELEMENTS] = {1, 2, 3}, y[SMALL_ELEMENTS];
        assert_int_equal(run(x, y, arena, NULL), VITC_OK);
        expect_result(x, y);
        unload(&l);
    }
}
static void many_outputs_are_described(void **state) {
    (void)state;
    Loaded l = load("generic", "k", 200);
    assert_int_equal(l.info->n_outputs, 200);
    expect_tensor(&l.info->outputs[199], "logits");
    unload(&l);
}
static void what_cannot_be_linked_is_told(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Program *p = small_program(t->c.arena, target_find("generic"), "k", 0);
    Str object = str_new(t->c.arena);
    assert_true(llvm_emit_object(&t->c, p, &options, &object));
    LoadedModel *m = llvm_load(&t->c, object.data, object.n, "vit", "", NULL, 0);
    assert_non_null(m);
    assert_null(llvm_loaded_symbol(m, "vit_run"));
    test_ctx_expect(t, ERR_MODEL, "vitc_execute");
    llvm_unload(m);
    test_ctx_free(t);
}
static void kernels_must_be_ready(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Program *p = small_program(t->c.arena, target_find("generic"), "k", 0);
    Kern *k = kern_new(t->c.arena, "not_legal", p->target);
    VType v = vec_type(DT_F32, 4);
    k_op1(k, K_FLOOR, k_const_f(k, v, 1.5));
    *PUSH(t->c.arena, &p->kern) = k;
    Str object = str_new(t->c.arena);
    assert_false(llvm_emit_object(&t->c, p, &options, &object));
    test_ctx_expect(t, ERR_MODEL, "generic does not have it");
    test_ctx_free(t);
}

// ---- weights ---------------------------------------------------------------------------------
static bool stream_image(void *ctx, int fd) {
    const Loaded *l = ctx;
    return write_all(fd, small_image(l->t->c.arena, l->p), l->p->weight_bytes);
}
typedef struct File {
    char *data;
    size_t n;
} File;
static File finished_object(Loaded *l) {
    ElfWeights w = {"vit_weights", ".lrodata.vitc", l->p->weight_bytes, 4096, true};
    int fd = memfd_create("object", 0);
    Ctx *c = &l->t->c;
    if (!elf_append(c, l->object.data, l->object.n, &w, fd, "vit.o", stream_image, l))
        fail_msg("%s", l->t->said);
    File f = {.n = (size_t)lseek(fd, 0, SEEK_END)};
    f.data = arena_alloc(c->arena, f.n);
    assert_int_equal(pread(fd, f.data, f.n, 0), f.n);
    close(fd);
    return f;
}
static void weights_come_back(void **state) {
    (void)state;
    Loaded l = load("generic", "k", 1);
    File f = finished_object(&l);
    ElfModel m;
    assert_true(elf_open_model(&l.t->c, "vit.o", f.data, f.n, &m));
    assert_string_equal(m.prefix, "vit");
    assert_int_equal(m.weights_nbytes, l.p->weight_bytes);
    assert_memory_equal(m.weights, small_image(l.t->c.arena, l.p), l.p->weight_bytes);
    assert_int_equal(((const char *)m.weights - f.data) % 4096, 0);
    llvm_unload(l.m);
    l.m = llvm_load(&l.t->c, m.code.data, m.code.n, "vit", m.weights, host, COUNT_OF(host));
    SmallRun run = (SmallRun)(uintptr_t)llvm_loaded_symbol(l.m, "vit_run");
    _Alignas(64) char arena[64];
    float x[SMALL_ELEMENTS] = {5, 4, 3}, y[SMALL_ELEMENTS];
    assert_int_equal(run(x, y, arena, NULL), VITC_OK);
    expect_result(x, y);
    unload(&l);
}
static void other_objects_are_refused(void **state) {
    (void)state;
    Loaded l = load("generic", "k", 1);
    ElfWeights other = {"vit_other", ".rodata.vitc", 64, 64, false};
    ElfModel m;
    const char *path = "vit.o";
    assert_false(
        elf_append(&l.t->c, l.object.data, l.object.n, &other, -1, path, stream_image, &l));
    test_ctx_expect(l.t, ERR_MODEL, "undefined exactly once");
    assert_false(elf_open_model(&l.t->c, path, l.object.data, l.object.n, &m)); // without weights
    assert_false(elf_open_model(&l.t->c, path, "", 0, &m));
    unload(&l);
}
// Every prefix, and every byte changed: refused or read, never a crash (run under sanitizers).
static void damaged_objects_are_refused(void **state) {
    (void)state;
    Loaded l = load("generic", "k", 1);
    File f = finished_object(&l);
    TestCtx *t = test_ctx();
    ElfModel m;
    uint32_t opened = 0, head = 4096;
    assert_true(f.n > head);
    for (uint32_t n = 0; n < head; n += n < 200 ? 1 : 7) {
        char *part = arena_copy(t->c.scratch, f.data, n);
        assert_false(elf_open_model(&t->c, "vit.o", part, n, &m));
        arena_reset(t->c.scratch);
    }
    char *copy = arena_copy(l.t->c.arena, f.data, f.n);
    for (uint32_t at = 0; at < head; at++) {
        copy[at] ^= (char)(1u << at % 8);
        opened += elf_open_model(&t->c, "vit.o", copy, f.n, &m);
        copy[at] = f.data[at];
        arena_reset(t->c.scratch);
    }
    assert_in_range(opened, head / 2, head - 20); // code may change, headers may not
    test_ctx_free(t);
    unload(&l);
}
int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(model_info_has_the_runtimes_layout),
        cmocka_unit_test(preprocessing_has_the_runtimes_layout),
        cmocka_unit_test(launches_have_the_runtimes_layout),
        cmocka_unit_test(levels_and_samples_have_the_runtimes_layout),
        cmocka_unit_test(both_run_functions_run),
        cmocka_unit_test(a_kernel_may_have_any_name),
        cmocka_unit_test(many_outputs_are_described),
        cmocka_unit_test(what_cannot_be_linked_is_told),
        cmocka_unit_test(kernels_must_be_ready),
        cmocka_unit_test(weights_come_back),
        cmocka_unit_test(other_objects_are_refused),
        cmocka_unit_test(damaged_objects_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
