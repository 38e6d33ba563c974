// build.c: from options and a model to a Program, to object bytes, to the weight image.
#include "driver/build.h"
#include "driver/cc.h"
#include "driver/memfile.h"
#include "driver/tuning.h"
#include "runtime/vitc_object.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

// ---- target ---------------------------------------------------------------------------------
static const Target *unknown_target(Tool *t, const char *name) {
    size_t n = 0;
    while (target_at(n)) n++;
    const char **names = NEW_N(t->c.arena, const char *, n + 1);
    for (size_t i = 0; i < n; i++) names[i] = target_at(i)->name;
    names[n] = "native";
    diag_error(t->c.diag, ERR_TARGET, 0, "there is no target '%s'", name);
    const char *near = str_did_you_mean(name, names, n + 1);
    if (near)
        diag_note(t->c.diag, "did you mean '%s'?", near);
    else
        diag_note(t->c.diag, "'vitc targets' lists them");
    return NULL;
}
const Target *target_of_options(Tool *t) {
    const char *name = t->opt.target;
    const Target *found =
        strcmp(name, "native") ? target_find(name) : target_best(vitc_cpu_features());
    return found ? found : unknown_target(t, name);
}

// ---- tuning ---------------------------------------------------------------------------------
static bool read_tuning(Tool *t, const Target *target, const Tuning **out) {
    Tuning *tuning = NEW(t->c.arena, Tuning);
    *out = tuning;
    return tuning_read(&t->c, t->opt.tuning, target, tuning);
}
bool tuning_is_absent(Tool *t) {
    return !t->opt.tuning ||
           diag_error(t->c.diag, ERR_USAGE, 0,
                      "--tuning is for models: the schedules of this file are chosen");
}

// ---- pipeline -------------------------------------------------------------------------------
bool pass_options(Tool *t, PassOptions *out) {
    const Options *o = &t->opt;
    *out = (PassOptions){
        .target = target_of_options(t),
        .max_slices = (uint32_t)o->max_threads,
        .dump = o->dump,
        .only = o->passes,
        .stop_after = o->stop_after,
        .time = o->time,
    };
    if (!out->target) return false;
    if (o->tuning && !read_tuning(t, out->target, &out->tuning)) return false;
    if (o->max_threads >= 1 && o->max_threads <= 1024) return true;
    return diag_error(t->c.diag, ERR_USAGE, 0, "--max-threads: %lld is not in 1..1024",
                      (long long)o->max_threads);
}
// Whatever is built without being written is loaded into a process of this machine.
static bool can_load(Tool *t, Arch arch) {
    if ((int)arch == ARCH_HOST) return true;
    diag_error(t->c.diag, ERR_TARGET, 0, "code for %s does not run on this machine, an %s",
               arch_info[arch].name, arch_info[ARCH_HOST].name);
    return diag_note(t->c.diag, "'vitc compile' makes an object that a program for it can link");
}
Program *build_program(Tool *t, const char *path, const FrontendOptions *f) {
    PassOptions o;
    Source s;
    if (!pass_options(t, &o) || !can_load(t, o.target->arch)) return NULL;
    if (!source_load(t, path, f, &s)) return NULL;
    if (s.program) return can_load(t, s.program->target->arch) ? s.program : NULL;
    if (s.graph) return pipeline_run(&t->c, s.graph, &o);
    return diag_error(t->c.diag, ERR_USAGE, 0, "%s: a kernel alone is no model", path), NULL;
}

// ---- object ---------------------------------------------------------------------------------
typedef struct EmitJob {
    const Program *program;
    const EmitOptions *options;
} EmitJob;
static bool emit_object(Tool *t, void *arg, Str *out) {
    const EmitJob *job = arg;
    return llvm_emit_object(&t->c, job->program, job->options, out);
}
bool build_object(Tool *t, const Program *p, const EmitOptions *e, Bytes *object) {
    if (!strcmp(t->opt.backend, "c")) return cc_compile(t, p, e, CC_OBJECT, object);
    EmitJob job = {p, e};
    return work_run(t, "code generation", emit_object, &job, object);
}
static bool emit_text(Tool *t, void *arg, Str *out) {
    const EmitJob *job = arg;
    return llvm_emit_text(&t->c, job->program, job->options, out);
}
bool build_llvm_text(Tool *t, const Program *p, const EmitOptions *e, Bytes *text) {
    EmitJob job = {p, e};
    return work_run(t, "code generation", emit_text, &job, text);
}
EmitOptions emit_options(const Program *p, const char *prefix) {
    return (EmitOptions){
        .prefix = prefix, .source_sha256 = p->graph->info.sha256, .version = "vitc " VITC_VERSION};
}

// ---- weight image ---------------------------------------------------------------------------
typedef struct ImageJob {
    Tool *tool;
    int fd;
    uint64_t done;
    const char *to; // what it is written to, for messages
} ImageJob;
static bool image_bytes(void *ctx, const void *bytes, uint64_t n) {
    ImageJob *job = ctx;
    job->done += n;
    progress_step(&job->tool->term, job->done);
    return write_all(job->fd, bytes, n) ||
           diag_error(job->tool->c.diag, ERR_IO, 0, "%s: %s", job->to, strerror(errno));
}
bool build_write_image(Tool *t, const Program *p, int fd, const char *to) {
    ImageJob job = {t, fd, 0, to};
    progress_begin(&t->term, "weights", p->weight_bytes);
    bool ok = program_image(p, t->c.scratch, image_bytes, &job);
    progress_end(&t->term);
    return ok;
}
bool build_image(Tool *t, const Program *p, Bytes *image) {
    if (p->weight_bytes > limit(LIM_MEMORY))
        return diag_error(
            t->c.diag, ERR_LIMIT, 0, "the weights take %s, more than the memory limit of %s",
            text_bytes(t->c.arena, p->weight_bytes), text_bytes(t->c.arena, limit(LIM_MEMORY)));
    int fd = memfile_new(t, "the weight image");
    if (fd < 0) return false;
    if (build_write_image(t, p, fd, "weight image"))
        return memfile_map(t, fd, p->weight_bytes, "the weight image", image);
    close(fd);
    return false;
}

// ---- executable -----------------------------------------------------------------------------
bool executable_from_program(Tool *t, const Program *p, int flags, Executable *out) {
    *out = (Executable){.prefix = "vit", .program = p, .weights = {"", 0}};
    EmitOptions e = emit_options(p, out->prefix);
    if (!build_object(t, p, &e, &out->object)) return false;
    return (flags & EXE_NO_WEIGHTS) || build_image(t, p, &out->weights);
}
// The weights stay in the mapped file; the code is handed on as code generation made it.
static bool executable_from_object(Tool *t, const char *path, Executable *out) {
    FileView f;
    ElfModel m;
    if (!tuning_is_absent(t) || !file_map(&t->c, path, &f) ||
        !elf_open_model(&t->c, path, f.data, f.nbytes, &m) || !can_load(t, m.arch))
        return false;
    *out = (Executable){.object = {m.code.data, m.code.n},
                        .weights = {m.weights, m.weights_nbytes},
                        .prefix = arena_strdup(t->c.arena, m.prefix)};
    return true;
}
void executable_close(Executable *e) {
    if (!e->program) return; // the weights lie in the object file
    memfile_unmap(&e->object);
    memfile_unmap(&e->weights);
}
bool executable_open(Tool *t, const char *path, const FrontendOptions *f, int flags,
                     Executable *out) {
    if (str_ends(path, ".o")) return executable_from_object(t, path, out);
    const Program *p = build_program(t, path, f);
    return p && executable_from_program(t, p, flags, out);
}
const vitc_model_info *executable_load(Tool *t, const Executable *e) {
    static const HostSymbol host[] = {{"vitc_execute", (const void *)(uintptr_t)vitc_execute}};
    LoadedModel *m = llvm_load(&t->c, e->object.data, e->object.n, e->prefix, e->weights.data, host,
                               COUNT_OF(host));
    const char *name = arena_printf(t->c.arena, "%s_model", e->prefix);
    const vitc_model_info *info = m ? llvm_loaded_symbol(m, name) : NULL;
    if (!info) return NULL;
    if (info->abi == VITC_ABI && info->struct_size == sizeof *info) return info;
    diag_error(t->c.diag, ERR_MODEL, 0, "the object has ABI %u, this vitc runs %u", info->abi,
               VITC_ABI);
    return diag_note(t->c.diag, "compile the model again"), NULL;
}
