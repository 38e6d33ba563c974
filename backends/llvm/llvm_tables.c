// llvm_tables.c: everything of the object that is not a kernel: launches and their places, the model's
// description, and the functions a host calls. Layouts are those of runtime/vitc.h and vitc_object.h
// (a test compares them through a loaded object).
#include "backends/llvm/llvm_print.h"
#include <stdio.h>

enum { OBJECT_ABI = 1 };           // VITC_ABI

static LLVMValueRef u32(const Module *m, uint64_t v) { return LLVMConstInt(m->i32, v, 0); }
static LLVMValueRef u64(const Module *m, uint64_t v) { return LLVMConstInt(m->i64, v, 0); }
static LLVMValueRef f64(const Module *m, double v) { return LLVMConstReal(m->f64, v); }
static LLVMValueRef record(const Module *m, LLVMValueRef *field, unsigned n) { return LLVMConstStructInContext(m->ctx, field, n, 0); }
static LLVMValueRef null_ptr(const Module *m) { return LLVMConstNull(m->ptr); }
static LLVMValueRef private_global(const Module *m, LLVMValueRef init, const char *name) {
    LLVMValueRef g = LLVMAddGlobal(m->m, LLVMTypeOf(init), name);
    LLVMSetInitializer(g, init);
    LLVMSetLinkage(g, LLVMInternalLinkage);
    LLVMSetGlobalConstant(g, 1);
    return g;
}
static LLVMValueRef text(const Module *m, const char *s) {
    if (!s) return null_ptr(m);
    LLVMValueRef g = private_global(m, LLVMConstStringInContext2(m->ctx, s, __builtin_strlen(s), 0), "text");
    LLVMSetUnnamedAddress(g, LLVMGlobalUnnamedAddr);
    return g;
}
static LLVMValueRef array(const Module *m, LLVMValueRef *v, unsigned n, const char *name) {
    if (!n) return null_ptr(m);
    return private_global(m, LLVMConstArray2(LLVMTypeOf(v[0]), v, n), name);
}

// ---- launches --------------------------------------------------------------------------------
static LLVMValueRef places(const Module *m, const Launch *l) {
    LLVMValueRef at[MAX_ARGS];
    for (uint32_t i = 0; i < l->nargs; i++) {
        LLVMValueRef f[3] = {u32(m, l->arg[i].kind), u32(m, l->arg[i].index), u64(m, l->arg[i].offset)};
        at[i] = record(m, f, 3);
    }
    return array(m, at, l->nargs, "places");
}
static LLVMValueRef launches(const Module *m) {
    const Program *p = m->p;
    LLVMValueRef *v = NEW_N(m->c->scratch, LLVMValueRef, p->launch.n + 1);
    for (uint32_t i = 0; i < p->launch.n; i++) {
        const Launch *l = &p->launch.data[i];
        LLVMValueRef f[7] = {m->kernel[l->kern], places(m, l), u32(m, l->nargs), u32(m, 0), u64(m, (uint64_t)l->grid),
                             text(m, l->label), u64(m, (uint64_t)l->flops)};
        v[i] = record(m, f, 7);
    }
    return array(m, v, p->launch.n, "launches");
}

// ---- weights ---------------------------------------------------------------------------------
// An 8-byte word holding `weights - &word`: no dynamic relocation, any distance (objects/NOTES in our
// design). Marked as initialised elsewhere, or the optimiser folds it back into a 32-bit reference.
static LLVMValueRef anchor(const Module *m) {
    const char *name = arena_printf(m->c->scratch, "%s_weights", m->o->prefix);
    LLVMValueRef w = LLVMAddGlobal(m->m, m->i8, name);
    LLVMSetVisibility(w, LLVMHiddenVisibility);
    LLVMValueRef a = LLVMAddGlobal(m->m, m->i64, "weights_anchor");
    LLVMSetInitializer(a, LLVMConstSub(LLVMConstPtrToInt(w, m->i64), LLVMConstPtrToInt(a, m->i64)));
    LLVMSetLinkage(a, LLVMInternalLinkage);
    LLVMSetGlobalConstant(a, 1);
    LLVMSetExternallyInitialized(a, 1);
    return a;
}

// ---- the description -------------------------------------------------------------------------
static LLVMValueRef tensors(const Module *m, const ProgramTensor *t, uint32_t n, const char *name) {
    LLVMValueRef *v = NEW_N(m->c->scratch, LLVMValueRef, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        LLVMValueRef dim[MAX_RANK];
        for (int d = 0; d < MAX_RANK; d++) dim[d] = u64(m, d < t[i].type.rank ? (uint64_t)t[i].type.dim[d] : 1);
        LLVMValueRef f[5] = {text(m, t[i].name), u32(m, (uint64_t)dtype_info[t[i].type.dt].onnx), u32(m, (uint64_t)t[i].type.rank),
                             LLVMConstArray2(m->i64, dim, MAX_RANK), u64(m, type_nbytes(&t[i].type))};
        v[i] = record(m, f, 5);
    }
    return array(m, v, n, name);
}
static LLVMValueRef preprocess(const Module *m) {
    const ModelInfo *info = &m->p->graph->info;
    const Preprocess *p = &info->preprocess;
    if (!p->present) return null_ptr(m);
    LLVMValueRef mean[4], std[4];
    for (int i = 0; i < 4; i++) {
        mean[i] = LLVMConstReal(m->f32, p->mean[i]);
        std[i] = LLVMConstReal(m->f32, p->std[i]);
    }
    LLVMValueRef f[10] = {u32(m, (uint64_t)info->image_h), u32(m, (uint64_t)info->image_w), u32(m, (uint64_t)info->channels),
                          u32(m, (uint64_t)p->resample), u32(m, p->do_resize), u32(m, p->do_rescale), u32(m, p->do_normalize),
                          f64(m, p->rescale_factor), LLVMConstArray2(m->f32, mean, 4), LLVMConstArray2(m->f32, std, 4)};
    return private_global(m, record(m, f, 10), "preprocess");
}
static LLVMValueRef labels(const Module *m) {
    const ModelInfo *info = &m->p->graph->info;
    if (!info->labels) return null_ptr(m);              // counted, but without names
    LLVMValueRef *v = NEW_N(m->c->scratch, LLVMValueRef, info->nlabels + 1);
    for (uint32_t i = 0; i < info->nlabels; i++) v[i] = text(m, info->labels[i]);
    return array(m, v, info->nlabels, "labels");
}
static double total_flops(const Program *p) {
    double sum = 0;
    for (uint32_t i = 0; i < p->launch.n; i++) sum += p->launch.data[i].flops;
    return sum;
}

// ---- functions -------------------------------------------------------------------------------
static LLVMValueRef execute_function(const Module *m) {
    LLVMTypeRef p[5] = {m->ptr, m->ptr, m->ptr, m->ptr, m->ptr};
    return LLVMAddFunction(m->m, "vitc_execute", LLVMFunctionType(m->i32, p, 5, 0));
}
static LLVMValueRef call_execute(const Module *m, LLVMValueRef execute, LLVMValueRef object, LLVMValueRef in, LLVMValueRef out,
                                 LLVMValueRef arena, LLVMValueRef par) {
    LLVMValueRef a[5] = {object, in, out, arena, par};
    return LLVMBuildCall2(m->b, LLVMGlobalGetValueType(execute), execute, a, 5, "");
}
static LLVMValueRef begin_function(Module *m, const char *name, unsigned nparams) {
    LLVMTypeRef p[64];
    for (unsigned i = 0; i < nparams; i++) p[i] = m->ptr;
    LLVMValueRef fn = LLVMAddFunction(m->m, name, LLVMFunctionType(m->i32, p, nparams, 0));
    LLVMPositionBuilderAtEnd(m->b, LLVMAppendBasicBlockInContext(m->ctx, fn, "entry"));
    llvm_function_attributes(m, fn, target_at(0));       // runs before the CPU check
    return fn;
}
// run(in[], out[], arena, par): what vitc_model_info.run points to.
static LLVMValueRef generic_run(Module *m, LLVMValueRef execute, LLVMValueRef object) {
    LLVMValueRef fn = begin_function(m, "run_any", 4);
    LLVMSetLinkage(fn, LLVMInternalLinkage);
    LLVMBuildRet(m->b, call_execute(m, execute, object, LLVMGetParam(fn, 0), LLVMGetParam(fn, 1), LLVMGetParam(fn, 2), LLVMGetParam(fn, 3)));
    return fn;
}
static LLVMValueRef pointer_list(const Module *m, LLVMValueRef fn, unsigned first, unsigned n) {
    LLVMValueRef list = LLVMBuildArrayAlloca(m->b, m->ptr, LLVMConstInt(m->i32, n, 0), "");
    for (unsigned i = 0; i < n; i++) {
        LLVMValueRef at = LLVMConstInt(m->i64, i, 0);
        LLVMBuildStore(m->b, LLVMGetParam(fn, first + i), LLVMBuildGEP2(m->b, m->ptr, list, &at, 1, ""));
    }
    return list;
}
// <prefix>_run(inputs…, outputs…, arena, par), as in the generated header.
static void typed_run(Module *m, LLVMValueRef execute, LLVMValueRef object) {
    unsigned nin = m->p->input.n, nout = m->p->output.n;
    LLVMValueRef fn = begin_function(m, arena_printf(m->c->scratch, "%s_run", m->o->prefix), nin + nout + 2);
    LLVMValueRef in = pointer_list(m, fn, 0, nin), out = pointer_list(m, fn, nin, nout);
    LLVMBuildRet(m->b, call_execute(m, execute, object, in, out, LLVMGetParam(fn, nin + nout), LLVMGetParam(fn, nin + nout + 1)));
}

void llvm_print_tables(Module *m) {
    const Program *p = m->p;
    const ModelInfo *info = &p->graph->info;
    LLVMTypeRef object_field[9] = {m->i32, m->i32, m->ptr, m->ptr, m->i64, m->i64, m->i32, m->i32, m->ptr};
    LLVMValueRef object = LLVMAddGlobal(m->m, LLVMStructTypeInContext(m->ctx, object_field, 9, 0), "object");
    LLVMSetLinkage(object, LLVMInternalLinkage);
    LLVMSetGlobalConstant(object, 1);
    LLVMValueRef execute = execute_function(m);
    LLVMValueRef f[21] = {u32(m, 0), u32(m, OBJECT_ABI), text(m, info->name), text(m, m->o->version), text(m, p->target->name),
                          text(m, m->o->source_sha256), u64(m, program_host_arena(p)), u64(m, 64), u64(m, p->weight_bytes),
                          u64(m, (uint64_t)total_flops(p)), u64(m, p->target->features), u32(m, p->input.n), u32(m, p->output.n),
                          tensors(m, p->input.data, p->input.n, "inputs"), tensors(m, p->output.data, p->output.n, "outputs"),
                          u32(m, info->nlabels), u32(m, (uint64_t)info->task), labels(m), preprocess(m), generic_run(m, execute, object), object};
    LLVMTargetDataRef layout = LLVMGetModuleDataLayout(m->m);
    f[0] = u32(m, LLVMABISizeOfType(layout, LLVMTypeOf(record(m, f, 21))));
    LLVMValueRef model = private_global(m, record(m, f, 21), arena_printf(m->c->scratch, "%s_model", m->o->prefix));
    LLVMSetLinkage(model, LLVMExternalLinkage);
    LLVMValueRef o[9] = {u32(m, OBJECT_ABI), u32(m, p->launch.n), launches(m), anchor(m), u64(m, p->arena_bytes),
                         u64(m, p->scratch_bytes), u32(m, p->max_slices), u32(m, 0), model};
    LLVMSetInitializer(object, record(m, o, 9));
    typed_run(m, execute, object);
}
