// llvm_tables.c: everything of the object that is not a kernel: launches and their places, the
// model's description, and the functions that a host calls. Field by field these are the structs of
// runtime/vitc.h and vitc_object.h, which no printer may include; tests/link compares the two.
#include "backends/llvm/llvm_print.h"
#include <string.h>

enum { OBJECT_ABI = 3, ARENA_ALIGN = 64 }; // VITC_ABI; what kernels and the runtime count on

// ---- constants -------------------------------------------------------------------------------
static LLVMValueRef u32(const Module *m, uint64_t v) {
    return LLVMConstInt(m->i32, v, 0);
}
static LLVMValueRef u64(const Module *m, uint64_t v) {
    return LLVMConstInt(m->i64, v, 0);
}
static LLVMValueRef null_ptr(const Module *m) {
    return LLVMConstNull(m->ptr);
}
static LLVMValueRef record_of(const Module *m, LLVMValueRef *field, size_t n) {
    return LLVMConstStructInContext(m->ctx, field, (unsigned)n, 0);
}
#define FIELDS(...)                                                                                \
    (LLVMValueRef[]) {                                                                             \
        __VA_ARGS__                                                                                \
    }
#define RECORD(m, ...) record_of(m, FIELDS(__VA_ARGS__), COUNT_OF((FIELDS(__VA_ARGS__))))

// Read-only data without a symbol. Whatever adds some is called in a statement of its own: C leaves
// the order inside a list open, and the object's bytes must not depend on the compiler that built
// vitc.
static LLVMValueRef data(const Module *m, LLVMValueRef init) {
    LLVMValueRef g = LLVMAddGlobal(m->m, LLVMTypeOf(init), "");
    LLVMSetInitializer(g, init);
    LLVMSetLinkage(g, LLVMPrivateLinkage);
    LLVMSetGlobalConstant(g, 1);
    return g;
}
static LLVMValueRef text(const Module *m, const char *s) {
    if (!s) return null_ptr(m);
    LLVMValueRef g = data(m, LLVMConstStringInContext2(m->ctx, s, strlen(s), 0));
    LLVMSetUnnamedAddress(g, LLVMGlobalUnnamedAddr);
    LLVMSetAlignment(g, 1);
    return g;
}
static LLVMValueRef array(const Module *m, LLVMValueRef *v, unsigned n) {
    return n ? data(m, LLVMConstArray2(LLVMTypeOf(v[0]), v, n)) : null_ptr(m);
}
static LLVMValueRef *values(const Module *m, size_t n) {
    return NEW_N(m->c->scratch, LLVMValueRef, n);
}
static const char *public_name(const Module *m, const char *what) {
    return arena_printf(m->c->scratch, "%s_%s", m->o->prefix, what);
}

// ---- launches --------------------------------------------------------------------------------
static LLVMValueRef places(const Module *m, const Launch *l) {
    LLVMValueRef v[MAX_ARGS];
    for (uint32_t i = 0; i < l->nargs; i++) { // vitc_place
        const Place *p = &l->arg[i];
        v[i] = RECORD(m, u32(m, p->kind), u32(m, p->index), u64(m, p->offset));
    }
    return array(m, v, l->nargs);
}
static LLVMValueRef launches(const Module *m, const Program *p, const LLVMValueRef *kernel) {
    LLVMValueRef *v = values(m, p->launch.n);
    for (uint32_t i = 0; i < p->launch.n; i++) { // vitc_launch
        const Launch *l = &p->launch.data[i];
        LLVMValueRef scratch = u64(m, kern_slice_bytes(p->kern.data[l->kern]));
        LLVMValueRef args = places(m, l), label = text(m, l->label);
        v[i] = RECORD(m, kernel[l->kern], args, u32(m, l->nargs), u32(m, launch_kib(l)),
                      u64(m, (uint64_t)l->grid), scratch, label, u64(m, (uint64_t)l->flops));
    }
    return array(m, v, p->launch.n);
}

// ---- weights ---------------------------------------------------------------------------------
// An 8-byte word that holds `weights - &word`: the linker fills it, so there is no dynamic
// relocation and no distance is too far. Marked as initialised elsewhere, or an optimiser folds it
// back into a 32-bit reference.
static LLVMValueRef anchor(const Module *m) {
    if (m->o->weights_id) return null_ptr(m);
    LLVMValueRef weights = LLVMAddGlobal(m->m, m->i8, public_name(m, "weights"));
    LLVMSetVisibility(weights, LLVMHiddenVisibility);
    LLVMValueRef word = LLVMAddGlobal(m->m, m->i64, "weights_anchor");
    LLVMValueRef there = LLVMConstPtrToInt(weights, m->i64);
    LLVMSetInitializer(word, LLVMConstSub(there, LLVMConstPtrToInt(word, m->i64)));
    LLVMSetLinkage(word, LLVMInternalLinkage);
    LLVMSetGlobalConstant(word, 1);
    LLVMSetExternallyInitialized(word, 1);
    return word;
}

// ---- the description -------------------------------------------------------------------------
static LLVMValueRef tensors(const Module *m, const ProgramTensor *t, uint32_t n) {
    LLVMValueRef *v = values(m, n);
    for (uint32_t i = 0; i < n; i++) { // vitc_tensor_info
        const Type *type = &t[i].type;
        LLVMValueRef dim[MAX_RANK];
        for (int d = 0; d < MAX_RANK; d++)
            dim[d] = u64(m, d < type->rank ? (uint64_t)type->dim[d] : 1);
        v[i] = RECORD(m, text(m, t[i].name), u32(m, (uint64_t)dtype_info[type->dt].onnx),
                      u32(m, (uint64_t)type->rank), LLVMConstArray2(m->i64, dim, MAX_RANK),
                      u64(m, type_nbytes(type)));
    }
    return array(m, v, n);
}
static LLVMValueRef four_floats(const Module *m, const double *from) {
    LLVMValueRef v[4];
    for (int i = 0; i < 4; i++) v[i] = LLVMConstReal(m->f32, from[i]);
    return LLVMConstArray2(m->f32, v, 4);
}
static LLVMValueRef preprocess(const Module *m) { // vitc_preprocess
    const ModelInfo *info = &m->p->graph->info;
    const Preprocess *p = &info->preprocess;
    if (!p->present) return null_ptr(m);
    return data(m, RECORD(m, u32(m, (uint64_t)info->image_h), u32(m, (uint64_t)info->image_w),
                          u32(m, (uint64_t)info->channels), u32(m, (uint64_t)p->resample),
                          u32(m, p->do_resize), u32(m, p->do_rescale), u32(m, p->do_normalize),
                          LLVMConstReal(m->f64, p->rescale_factor), four_floats(m, p->mean),
                          four_floats(m, p->std)));
}
static LLVMValueRef labels(const Module *m) {
    const ModelInfo *info = &m->p->graph->info;
    if (!info->labels) return null_ptr(m); // counted, but without names
    LLVMValueRef *v = values(m, info->nlabels);
    for (uint32_t i = 0; i < info->nlabels; i++) v[i] = text(m, info->labels[i]);
    return array(m, v, info->nlabels);
}
static uint64_t total_flops(const Program *p) {
    double sum = 0;
    for (uint32_t i = 0; i < p->launch.n; i++) sum += p->launch.data[i].flops;
    return (uint64_t)sum;
}
static LLVMValueRef sample(const Module *m) { // vitc_sample
    const Program *p = m->p;
    if (!p->sample) return null_ptr(m);
    uint32_t n = p->input.n + p->output.n;
    LLVMValueRef *v = values(m, n);
    for (uint32_t i = 0; i < n; i++) v[i] = u64(m, p->sample->offset[i]);
    return data(m, RECORD(m, array(m, v, n), u64(m, round_up(program_run_arena(p), 64)),
                          LLVMConstReal(m->f64, p->sample->tolerance)));
}
// What all levels share.
typedef struct Common {
    LLVMValueRef name, producer, source, inputs, outputs, labels, preprocess, sample, weights;
} Common;
static Common common(const Module *m) {
    const Program *p = m->p;
    Common c;
    c.name = text(m, p->graph->info.name);
    c.producer = text(m, m->o->version);
    c.source = text(m, m->o->source_sha256);
    c.inputs = tensors(m, p->input.data, p->input.n);
    c.outputs = tensors(m, p->output.data, p->output.n);
    c.labels = labels(m);
    c.preprocess = preprocess(m);
    c.sample = sample(m);
    c.weights = anchor(m);
    return c;
}
static LLVMTypeRef model_type(const Module *m) { // vitc_model_info
    LLVMTypeRef p = m->ptr, w = m->i32, d = m->i64;
    LLVMTypeRef field[] = {w, w, p, p, p, p, d, d, d, d, d, w,
                           w, p, p, w, w, p, p, p, p, w, w, p};
    return LLVMStructTypeInContext(m->ctx, field, COUNT_OF(field), 0);
}
// One level, or all of them.
typedef struct Entry {
    const char *target;
    uint64_t features, flops;
    LLVMValueRef run, object, levels;
    uint32_t nlevels;
} Entry;
static LLVMValueRef model_fields(const Module *m, const Common *c, const Entry *e) {
    const Program *p = m->p;
    const ModelInfo *info = &p->graph->info;
    uint64_t nbytes = LLVMABISizeOfType(LLVMGetModuleDataLayout(m->m), model_type(m));
    LLVMValueRef target = text(m, e->target);
    return RECORD(m, u32(m, nbytes), u32(m, OBJECT_ABI), c->name, c->producer, target, c->source,
                  u64(m, program_host_arena(p)), u64(m, ARENA_ALIGN), u64(m, p->weight_bytes),
                  u64(m, e->flops), u64(m, e->features), u32(m, p->input.n), u32(m, p->output.n),
                  c->inputs, c->outputs, u32(m, info->nlabels), u32(m, (uint64_t)info->task),
                  c->labels, c->preprocess, e->run, e->object, u32(m, e->nlevels),
                  u32(m, m->o->weights_id), e->levels);
}

// ---- functions -------------------------------------------------------------------------------
static LLVMTypeRef status_of_pointers(const Module *m, unsigned n) { // vitc_status f(void *, …)
    LLVMTypeRef *p = NEW_N(m->c->scratch, LLVMTypeRef, n);
    for (unsigned i = 0; i < n; i++) p[i] = m->ptr;
    return LLVMFunctionType(m->i32, p, n, 0);
}
static LLVMValueRef begin_function(Module *m, const char *name, unsigned nparams) {
    LLVMValueRef fn = LLVMAddFunction(m->m, name, status_of_pointers(m, nparams));
    LLVMPositionBuilderAtEnd(m->b, LLVMAppendBasicBlockInContext(m->ctx, fn, "entry"));
    const Target *first = target_first(m->p->target); // it runs before the processor is checked
    llvm_function_attributes(m, fn, first);
    return fn;
}
static void end_function(Module *m, LLVMValueRef callee, LLVMValueRef *args, unsigned nargs) {
    LLVMTypeRef type = status_of_pointers(m, nargs);
    LLVMBuildRet(m->b, LLVMBuildCall2(m->b, type, callee, args, nargs, ""));
}
static LLVMValueRef runtime_function(Module *m, const char *name, unsigned nparams) {
    LLVMValueRef known = LLVMGetNamedFunction(m->m, name);
    return known ? known : LLVMAddFunction(m->m, name, status_of_pointers(m, nparams));
}
// A function of the host's parameters that hands them on behind `first`.
static void hand_on(Module *m, LLVMValueRef fn, const char *to, LLVMValueRef first) {
    unsigned n = LLVMCountParams(fn) + 1;
    LLVMValueRef callee = runtime_function(m, to, n), args[5] = {first};
    for (unsigned i = 1; i < n; i++) args[i] = LLVMGetParam(fn, i - 1);
    end_function(m, callee, args, n);
}
// run(in[], out[], arena, par): what vitc_model_info.run points to.
static LLVMValueRef array_run(Module *m, const char *name, const char *runtime,
                              LLVMValueRef first) {
    LLVMValueRef fn = begin_function(m, name, 4);
    LLVMSetLinkage(fn, LLVMInternalLinkage);
    hand_on(m, fn, runtime, first);
    return fn;
}
static LLVMValueRef pointer_list(const Module *m, LLVMValueRef fn, unsigned first, unsigned n) {
    LLVMValueRef list = LLVMBuildArrayAlloca(m->b, m->ptr, u32(m, n), "");
    for (unsigned i = 0; i < n; i++) {
        LLVMValueRef at = u64(m, i);
        at = LLVMBuildGEP2(m->b, m->ptr, list, &at, 1, "");
        LLVMBuildStore(m->b, LLVMGetParam(fn, first + i), at);
    }
    return list;
}
// <prefix>_run(inputs…, outputs…, arena, par), as in the generated header.
static void typed_run(Module *m, LLVMValueRef run) {
    unsigned nin = m->p->input.n, nout = m->p->output.n;
    LLVMValueRef fn = begin_function(m, public_name(m, "run"), nin + nout + 2);
    LLVMValueRef in = pointer_list(m, fn, 0, nin), out = pointer_list(m, fn, nin, nout);
    LLVMValueRef arena = LLVMGetParam(fn, nin + nout), par = LLVMGetParam(fn, nin + nout + 1);
    LLVMValueRef args[4] = {in, out, arena, par};
    end_function(m, run, args, 4);
}

// ---- levels ----------------------------------------------------------------------------------
static LLVMValueRef model_global(const Module *m, const char *name) {
    LLVMValueRef g = LLVMAddGlobal(m->m, model_type(m), name);
    LLVMSetGlobalConstant(g, 1);
    return g;
}
// The code and tables of one level, which `model` describes. Returns its run function.
static LLVMValueRef print_level(Module *m, const Common *c, const Program *p, LLVMValueRef model,
                                const char *run_name) {
    const LLVMValueRef *kernel = llvm_print_kernels(m, p);
    LLVMValueRef all = launches(m, p, kernel);
    LLVMValueRef object = // vitc_object
        data(m, RECORD(m, u32(m, OBJECT_ABI), u32(m, p->launch.n), all, c->weights,
                       u64(m, p->arena_bytes), u64(m, p->scratch_bytes), u32(m, p->max_slices),
                       u32(m, 0), model, c->sample));
    LLVMValueRef run = array_run(m, run_name, "vitc_execute", object);
    Entry e = {p->target->name,  program_level_features(p), total_flops(p), run, object,
               null_ptr(m),      0};
    LLVMSetInitializer(model, model_fields(m, c, &e));
    return run;
}
// Every level is a model of its own; the public one lists them.
static LLVMValueRef print_levels(Module *m, const Common *c, LLVMValueRef model) {
    uint32_t n = program_levels(m->p), i = 0;
    LLVMValueRef *level = values(m, n);
    for (const Program *p = m->p; p; p = p->next, i++) {
        const char *target = p->target->name;
        level[i] = model_global(m, arena_printf(m->c->scratch, "level.%s", target));
        LLVMSetLinkage(level[i], LLVMInternalLinkage);
        print_level(m, c, p, level[i], arena_printf(m->c->scratch, "run.%s", target));
    }
    LLVMValueRef run = array_run(m, "run", "vitc_execute_level", model);
    Entry e = {program_target(m->p), program_features(m->p), total_flops(m->p), run, null_ptr(m),
               array(m, level, n),   n};
    LLVMSetInitializer(model, model_fields(m, c, &e));
    return run;
}
void llvm_print_model(Module *m) {
    LLVMValueRef model = model_global(m, public_name(m, "model"));
    Common c = common(m);
    LLVMValueRef run = m->p->next ? print_levels(m, &c, model)
                                  : print_level(m, &c, m->p, model, "run");
    typed_run(m, run);
    if (m->p->sample)
        hand_on(m, begin_function(m, public_name(m, "selftest"), 2), "vitc_model_selftest", model);
}
