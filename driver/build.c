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
uint64_t usable_features(void) {
    const uint64_t tiles = VITC_CPU_AMX_BF16 | VITC_CPU_AMX_INT8;
    uint64_t have = vitc_cpu_features();
    return vitc_cpu_check(have) == VITC_OK ? have : have & ~tiles;
}
static const Target *target_of_name(Tool *t, const char *name) {
    const Target *found =
        strcmp(name, "native") ? target_find(name) : target_best(usable_features());
    return found ? found : unknown_target(t, name);
}
// Into its place: rows of target.def that stand later are better.
static bool add_level(Tool *t, const Target **level, uint32_t n, const Target *add) {
    uint32_t at = n;
    for (uint32_t i = 0; i < n; i++) {
        if (level[i] == add)
            return diag_error(t->c.diag, ERR_USAGE, 0, "--target names %s twice", add->name);
        if (level[i]->arch != add->arch)
            return diag_error(t->c.diag, ERR_USAGE, 0,
                              "--target: %s and %s are no levels of one "
                              "machine",
                              level[i]->name, add->name);
    }
    for (; at > 0 && level[at - 1] < add; at--) level[at] = level[at - 1];
    level[at] = add;
    return true;
}
const Target *const *targets_of_options(Tool *t) {
    const char *list = t->opt.target;
    const Target **level = NEW_N(t->c.arena, const Target *, strlen(list) + 2);
    uint32_t n = 0;
    for (const char *p = list;; p++) {
        size_t length = strcspn(p, ",");
        const Target *found = target_of_name(t, arena_strndup(t->c.arena, p, length));
        if (!found || !add_level(t, level, n++, found)) return NULL;
        p += length;
        if (!*p) return level;
    }
}
const Target *target_of_options(Tool *t) {
    const Target *const *level = targets_of_options(t);
    for (uint32_t i = 0; level && level[i]; i++)
        if (vitc_cpu_check(level[i]->features) == VITC_OK) return level[i];
    return level ? level[0] : NULL;
}

// What the user says, or what the type of the weights makes likely.
double tolerance_of(const Options *o) {
    if (o->tolerance >= 0) return o->tolerance;
    if (!strcmp(o->f32_math, "bf16x3")) return 1e-4;
    return !strcmp(o->dtype, "bf16") ? 2e-2 : !strcmp(o->dtype, "f16") ? 2e-3 : 2e-5;
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

// ---- f32 math -------------------------------------------------------------------------------
static bool has_products(const Target *t) {
    return passes_have_products(&(PassOptions){.target = t});
}
static const char *levels_with_products(Tool *t) {
    Str s = str_new(t->c.arena);
    for (size_t i = 0; target_at(i); i++)
        if (has_products(target_at(i))) str_addf(&s, "%s%s", s.n ? ", " : "", target_at(i)->name);
    return str_cstr(&s);
}
static bool read_f32_math(Tool *t, PassOptions *out) {
    const char *math = t->opt.f32_math;
    if (!strcmp(math, "f32")) return true;
    out->f32_parts = !strcmp(math, "bf16x3") ? 2 : 3;
    if (out->dtype != DT_F32)
        return diag_error(t->c.diag, ERR_USAGE, 0, "--f32-math %s is for --dtype f32, not for %s",
                          math, t->opt.dtype);
    if (passes_have_products(out)) return true;
    diag_error(t->c.diag, ERR_TARGET, 0, "--f32-math %s: %s has no products of bf16", math,
               out->target->name);
    return diag_note(t->c.diag, "levels that have them: %s", levels_with_products(t));
}

// ---- pipeline -------------------------------------------------------------------------------
bool pass_options(Tool *t, PassOptions *out) {
    const Options *o = &t->opt;
    const Target *const *level = targets_of_options(t);
    if (!level) return false;
    *out = (PassOptions){
        .target = level[0],
        .also = level + 1,
        .max_slices = (uint32_t)o->max_threads,
        .dtype = dtype_from_text(o->dtype),
        .keep_f32 = o->keep_f32.data,
        .nkeep_f32 = o->keep_f32.n,
        .dump = o->dump,
        .only = o->passes,
        .stop_after = o->stop_after,
        .time = o->time,
    };
    if (!read_f32_math(t, out)) return false;
    if (o->tuning && level[1])
        return diag_error(t->c.diag, ERR_USAGE, 0, "--tuning is for one level, not for several");
    if (o->tuning && !read_tuning(t, level[0], &out->tuning)) return false;
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
    Loc at = diag_loc(t->c.diag, (LocInfo){.file = path});
    return diag_error(t->c.diag, ERR_USAGE, at, "a kernel alone is no model"), NULL;
}

// ---- code -----------------------------------------------------------------------------------
typedef bool (*LlvmEmit)(Ctx *c, const Program *p, const EmitOptions *o, Str *out);
typedef struct EmitJob {
    const Program *program;
    const EmitOptions *options;
    LlvmEmit emit;
} EmitJob;
static bool emit_in_child(Tool *t, void *arg, Str *out) {
    const EmitJob *job = arg;
    return job->emit(&t->c, job->program, job->options, out);
}
static bool llvm_run(Tool *t, const Program *p, const EmitOptions *e, LlvmEmit emit, Bytes *out) {
    EmitJob job = {p, e, emit};
    return work_run(t, "code generation", emit_in_child, &job, out);
}
static bool is_c_backend(const Tool *t) {
    return !strcmp(t->opt.backend, "c");
}
bool build_object(Tool *t, const Program *p, const EmitOptions *e, Bytes *object) {
    if (is_c_backend(t)) return cc_compile(t, p, e, CC_OBJECT, object);
    return llvm_run(t, p, e, llvm_emit_object, object);
}
bool build_assembly(Tool *t, const Program *p, const EmitOptions *e, Bytes *text) {
    if (is_c_backend(t)) return cc_compile(t, p, e, CC_ASSEMBLY, text);
    return llvm_run(t, p, e, llvm_emit_asm, text);
}
bool build_llvm_text(Tool *t, const Program *p, const EmitOptions *e, Bytes *text) {
    return llvm_run(t, p, e, llvm_emit_text, text);
}
EmitOptions emit_options(const Program *p, const char *prefix) {
    return (EmitOptions){
        .prefix = prefix, .source_sha256 = p->graph->info.sha256, .version = "vitc " VITC_VERSION};
}

// ---- weight image ---------------------------------------------------------------------------
typedef struct ImageJob {
    Tool *tool;
    int fd;
    uint64_t done, hash;
    const char *to; // what it is written to, for messages
} ImageJob;
static uint64_t fnv1a(uint64_t hash, const unsigned char *p, uint64_t n) {
    for (uint64_t i = 0; i < n; i++) hash = (hash ^ p[i]) * 0x100000001b3u;
    return hash;
}
static bool image_bytes(void *ctx, const void *bytes, uint64_t n) {
    ImageJob *job = ctx;
    job->done += n;
    job->hash = fnv1a(job->hash, bytes, n);
    progress_step(&job->tool->term, job->done);
    return write_all(job->fd, bytes, n) ||
           diag_error(job->tool->c.diag, ERR_IO, 0, "%s: %s", job->to, strerror(errno));
}
bool build_write_image(Tool *t, const Program *p, int fd, const char *to, uint32_t *id) {
    ImageJob job = {t, fd, 0, 0xcbf29ce484222325u, to};
    progress_begin(&t->term, "weights", p->weight_bytes);
    bool ok = program_image(p, t->c.scratch, image_bytes, &job);
    progress_end(&t->term);
    uint32_t folded = (uint32_t)(job.hash ^ job.hash >> 32);
    if (id) *id = folded ? folded : 1;
    return ok;
}
bool build_image(Tool *t, const Program *p, Bytes *image) {
    if (p->weight_bytes > limit(LIM_MEMORY))
        return diag_error(
            t->c.diag, ERR_LIMIT, 0, "the weights take %s, more than the memory limit of %s",
            text_bytes(t->c.arena, p->weight_bytes), text_bytes(t->c.arena, limit(LIM_MEMORY)));
    int fd = memfile_new(t, "the weight image");
    if (fd < 0) return false;
    if (build_write_image(t, p, fd, "weight image", NULL))
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
    if (!m.weights)
        out->weights_file =
            arena_printf(t->c.arena, "%.*s.weights.bin", (int)(strlen(path) - strlen(".o")), path);
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
// --target forces a level of an object; a model was compiled for it.
const vitc_model_info *executable_level(Tool *t, const vitc_model_info *m) {
    const char *target = t->opt.target;
    bool is_forced = strcmp(target, "native") && !strchr(target, ',');
    const vitc_model_info *level = is_forced ? vitc_model_level(m, target) : vitc_model_chosen(m);
    if (level) return level;
    if (!is_forced) return m->n_levels ? m->levels[m->n_levels - 1] : m; // its run() says why not
    diag_error(t->c.diag, ERR_TARGET, 0, "the object has no code for %s", target);
    return diag_note(t->c.diag, "it has %s", m->target), NULL;
}
const vitc_model_info *executable_link(Tool *t, const Executable *e) {
#define HOST(name)                                                                                 \
    { #name, (const void *)(uintptr_t)name }
    static const HostSymbol host[] = {HOST(vitc_execute), HOST(vitc_execute_level),
                                      HOST(vitc_model_selftest)};
#undef HOST
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
const vitc_model_info *executable_load(Tool *t, const Executable *e) {
    const vitc_model_info *m = executable_link(t, e);
    return m ? executable_level(t, m) : NULL;
}
