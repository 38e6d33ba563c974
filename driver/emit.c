// emit.c: the files that compile writes. A table says what each --emit is made of; then every file
// is opened as a temporary, written, and renamed together with the others.
#include "driver/emit.h"
#include "driver/cc.h"
#include "driver/memfile.h"
#include "driver/outfile.h"
#include "driver/tempdir.h"
#include "runtime/vitc_object.h"
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Emit Emit;
typedef struct EmitKind {
    const char *name;    // --emit
    const char *suffix;  // that its output usually has
    const char *opening; // of what an earlier run left, which may be replaced
    bool is_lib;         // libvit.a belongs to the model vit
    bool has_header;
    bool has_image;         // takes the weights in from a file beside it
    bool (*build)(Emit *e); // the code, before its file is opened
    bool (*write)(Emit *e, int fd);
} EmitKind;
struct Emit {
    Tool *tool;
    const Program *program;
    EmitOptions options;
    const EmitKind *kind;
    bool is_apart;                       // --weights file
    bool is_stream;                      // a device or a pipe receives the output alone
    const char *stem;                    // of the names beside it: "out/vit"
    const char *output, *header, *image; // the last two NULL: not written
    Str rule;                            // for --depfile; empty: none
    Bytes code;
    OutFile *file[OUT_FILES];
    const char *path[OUT_FILES];
    int nfiles;
};

// ---- names -----------------------------------------------------------------------------------
static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}
static bool is_standard_output(const char *path) {
    return !strcmp(path, "-") || !strcmp(path, "/dev/stdout");
}
static bool is_stream(const char *path) {
    struct stat st;
    return is_standard_output(path) ||
           (!stat(path, &st) && (S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode)));
}
static const EmitKind *kind_of(const Tool *t);
const char *emit_base(Tool *t, const char *output) {
    const EmitKind *kind = kind_of(t);
    const char *base = base_name(output);
    if (kind->is_lib && str_starts(base, "lib") && base[3] && base[3] != '.') base += 3;
    bool known = str_ends(base, ".o") || str_ends(base, kind->suffix);
    size_t dot = known ? (size_t)(strrchr(base, '.') - base) : strlen(base);
    return arena_strndup(t->c.arena, base, dot);
}
static const char *beside(Emit *e, const char *suffix) {
    return arena_printf(e->tool->c.arena, "%s%s", e->stem, suffix);
}
static void choose_names(Emit *e) {
    const char *output = e->tool->opt.output;
    e->output = output ? output : "-";
    e->is_stream = is_stream(e->output);
    if (e->is_stream) return;
    e->stem = arena_printf(e->tool->c.arena, "%.*s%s", (int)(base_name(output) - output), output,
                           emit_base(e->tool, output));
    if (e->kind->has_header) e->header = beside(e, ".h");
    if (e->kind->has_image || e->is_apart) e->image = beside(e, ".weights.bin");
}

// ---- output files ---------------------------------------------------------------------------
static bool io_error(Tool *t, const char *path) {
    Loc at = diag_loc(t->c.diag, (LocInfo){.file = path});
    return diag_error(t->c.diag, ERR_IO, at, "cannot be written: %s", strerror(errno));
}
// An existing output must be what an earlier run left there: no model and no source file is
// overwritten.
static bool may_replace(Tool *t, const char *path, const char *opening) {
    struct stat st;
    Loc at = diag_loc(t->c.diag, (LocInfo){.file = path});
    if (lstat(path, &st) || S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode)) return true;
    if (is_same_file(path, t->opt.file.data[0]))
        return diag_error(t->c.diag, ERR_USAGE, at, "is the input");
    if (!S_ISREG(st.st_mode))
        return diag_error(t->c.diag, ERR_IO, at, "exists and is not a regular file");
    FileView f;
    size_t n = strlen(opening);
    if (!st.st_size) return true;
    if (!file_map(&t->c, path, &f)) return false;
    if (f.nbytes >= n && !memcmp(f.data, opening, n)) return true;
    diag_error(t->c.diag, ERR_USAGE, at, "exists and was not written by vitc");
    return diag_note(t->c.diag, "remove it first, or choose another name");
}
static OutFile *open_file(Emit *e, const char *path) {
    assert(e->nfiles < OUT_FILES);
    for (int i = 0; i < e->nfiles; i++)
        if (!strcmp(e->path[i], path))
            return diag_error(e->tool->c.diag, ERR_USAGE, 0, "'%s' would be written twice", path),
                   NULL;
    OutFile *o = NEW(e->tool->c.arena, OutFile);
    if (!out_open(o, path)) return io_error(e->tool, path), NULL;
    e->path[e->nfiles] = path;
    e->file[e->nfiles++] = o;
    return o;
}
static bool write_bytes(Emit *e, const char *path, const void *data, size_t n) {
    OutFile *o = open_file(e, path);
    return o && (write_all(o->fd, data, n) || io_error(e->tool, path));
}
static bool write_str(Emit *e, const char *path, const Str *s) {
    return write_bytes(e, path, s->data, s->n);
}

// ---- weights ---------------------------------------------------------------------------------
static ElfWeights weights_section(const Emit *e) {
    const Program *p = e->program;
    bool x86 = p->target->arch == ARCH_X86_64;
    return (ElfWeights){
        .symbol = arena_printf(e->tool->c.arena, "%s_weights", e->options.prefix),
        .section =
            x86 ? ".lrodata.vitc" : ".rodata.vitc", // outside of the 2 GB that code can reach
        .nbytes = p->weight_bytes,
        .align = p->weight_bytes < 4096 ? 64 : 4096,
        .large = x86,
    };
}
static bool stream_weights(void *ctx, int fd) {
    const Emit *e = ctx;
    return build_write_image(e->tool, e->program, fd, e->output, NULL);
}

// ---- an object, a library --------------------------------------------------------------------
static bool object_code(Emit *e) {
    return build_object(e->tool, e->program, &e->options, &e->code);
}
static bool object_write(Emit *e, int fd) {
    ElfWeights w = weights_section(e);
    if (e->is_apart) return write_all(fd, e->code.data, e->code.n) || io_error(e->tool, e->output);
    return elf_append(&e->tool->c, e->code.data, e->code.n, &w, fd, e->output, stream_weights, e);
}
static bool archive_write(Emit *e, int fd) {
    Tool *t = e->tool;
    Str head = str_new(t->c.arena);
    ElfWeights section = weights_section(e), *w = e->is_apart ? NULL : &section;
    uint64_t nbytes;
    const char *member = base_name(beside(e, ".o"));
    if (!ar_head(&t->c, e->output, member, e->code.data, e->code.n, w, &head) ||
        !elf_appended_size(&t->c, e->code.data, e->code.n, w, e->output, &nbytes))
        return false;
    if (!write_all(fd, head.data, head.n)) return io_error(t, e->output);
    return object_write(e, fd) &&
           (nbytes % 2 == 0 || write_all(fd, "\n", 1) || io_error(t, e->output));
}

// ---- a shared library ------------------------------------------------------------------------
// What a host needs of the runtime, and nothing that only compiled models call.
static const char exported[] =
    "    vitc_arena_*; vitc_cpu_*; vitc_image_*; vitc_model_*; vitc_pool_*; vitc_sigmoid;\n"
    "    vitc_softmax; vitc_status_str; vitc_threads_available; vitc_topk; vitc_weights_*;\n";
typedef struct LinkJob {
    Emit *emit;
    const char *dir;
} LinkJob;
static bool write_version_script(Emit *e, const char *dir) {
    Str s = str_new(e->tool->c.arena);
    const char *p = e->options.prefix;
    str_addf(&s, "{\n  global:\n    %s_run; %s_model; %s_selftest;\n%s  local: *;\n};\n", p, p, p,
             exported);
    int fd = tempdir_create(dir, "exports");
    bool ok = fd >= 0 && write_all(fd, s.data, s.n);
    if (fd >= 0) ok = close(fd) == 0 && ok;
    return ok || io_error(e->tool, e->output);
}
static bool link_shared(Tool *t, void *arg, Str *out) {
    const LinkJob *job = arg;
    const char *runtime = support_dir(t, "libvitc-runtime.a");
    if (!runtime) return false;
    const char *argv[] = {"-shared",
                          "-o",
                          "out",
                          "-Wl,-z,now,-z,relro,-z,noexecstack",
                          "-Wl,--build-id=none",
                          "-Wl,--version-script=exports",
                          arena_printf(t->c.arena, "-Wl,-soname,%s", base_name(job->emit->output)),
                          "model.o",
                          "-Wl,--whole-archive",
                          arena_printf(t->c.arena, "%s/libvitc-runtime.a", runtime),
                          "-Wl,--no-whole-archive",
                          "-lpthread",
                          "-lm"};
    (void)out;
    return cc_run(t, job->dir, "linked the shared library", argv, COUNT_OF(argv));
}
static bool copy_result(Emit *e, const char *dir, int fd) {
    FileView f;
    return file_map(&e->tool->c, arena_printf(e->tool->c.arena, "%s/out", dir), &f) &&
           (write_all(fd, f.data, f.nbytes) || io_error(e->tool, e->output));
}
static bool shared_link(Emit *e, const char *dir, int fd) {
    LinkJob job = {e, dir};
    Bytes nothing;
    int object = tempdir_create(dir, "model.o");
    if (object < 0) return io_error(e->tool, e->output);
    bool ok = object_write(e, object);
    if (close(object)) ok = ok && io_error(e->tool, e->output);
    return ok && write_version_script(e, dir) &&
           work_run(e->tool, "the linker", link_shared, &job, &nothing) && copy_result(e, dir, fd);
}
// Beside the output, where there is room for the weights.
static bool shared_write(Emit *e, int fd) {
    const char *dir = tempdir_new(path_dir(e->tool->c.arena, e->output));
    if (!dir) return io_error(e->tool, e->output);
    bool ok = shared_link(e, dir, fd);
    tempdir_remove();
    return ok;
}

// ---- texts -----------------------------------------------------------------------------------
static Bytes bytes_of(const Str *s) {
    return (Bytes){s->data, s->n};
}
static bool text_write(Emit *e, int fd) {
    Str text = {.arena = e->tool->c.arena, .data = (char *)(uintptr_t)e->code.data, .n = e->code.n};
    if (is_standard_output(e->output)) return tool_print(e->tool, &text); // quiet behind head
    return write_all(fd, e->code.data, e->code.n) || io_error(e->tool, e->output);
}
static bool llvm_code(Emit *e) {
    return build_llvm_text(e->tool, e->program, &e->options, &e->code);
}
static bool c_code(Emit *e) {
    Str source = str_new(e->tool->c.arena);
    if (!c_emit_source(&e->tool->c, e->program, &e->options, base_name(e->image),
                       base_name(e->header), &source))
        return false;
    e->code = bytes_of(&source);
    return true;
}
static bool assembly(Emit *e, Str *text) {
    Bytes code;
    if (!build_assembly(e->tool, e->program, &e->options, &code)) return false;
    str_addf(text, "/* Made by %s for target %s. */\n", e->options.version,
             program_target(e->program));
    str_add_n(text, code.data, code.n);
    return true;
}
static bool assembly_code(Emit *e) {
    Str text = str_new(e->tool->c.arena);
    ElfWeights w = weights_section(e);
    if (!assembly(e, &text)) return false;
    if (!e->is_apart) asm_append(&w, base_name(e->image), &text);
    e->code = bytes_of(&text);
    return true;
}

static const char opening_elf[] = "\177ELF", opening_c[] = "// Made by vitc ",
                  opening_comment[] = "/* Made by vitc ", opening_llvm[] = "; ModuleID = 'vitc'";
static const EmitKind kinds[] = {
    {"obj", ".o", opening_elf, false, true, false, object_code, object_write},
    {"so", ".so", opening_elf, true, true, false, object_code, shared_write},
    {"archive", ".a", "!<arch>\n", true, true, false, object_code, archive_write},
    {"c", ".c", opening_c, false, true, true, c_code, text_write},
    {"asm", ".s", opening_comment, false, true, true, assembly_code, text_write},
    {"llvm", ".ll", opening_llvm, false, false, false, llvm_code, text_write},
};
static const EmitKind *kind_of(const Tool *t) {
    const EmitKind *k = kinds;
    while (strcmp(k->name, t->opt.emit)) k++; // the option table allows no other
    return k;
}
bool emit_can_print(const Tool *t) {
    return !kind_of(t)->has_header;
}

// ---- what is kept of the way: --save-temps ---------------------------------------------------
// The text that code came from and its assembly, unless one of them is the output.
static bool temp_wanted(const Emit *e, const char *emit) {
    return e->tool->opt.save_temps && strcmp(e->kind->name, emit) != 0;
}
static bool save_source(Emit *e) {
    Bytes text;
    bool is_c = !strcmp(e->tool->opt.backend, "c");
    if (!temp_wanted(e, is_c ? "c" : "llvm")) return true;
    const char *path = beside(e, is_c ? ".c" : ".ll");
    if (!may_replace(e->tool, path, is_c ? opening_c : opening_llvm)) return false;
    if (!is_c)
        return build_llvm_text(e->tool, e->program, &e->options, &text) &&
               write_bytes(e, path, text.data, text.n);
    Str source = str_new(e->tool->c.arena);
    return c_emit_source(&e->tool->c, e->program, &e->options, NULL, base_name(beside(e, ".h")),
                         &source) &&
           write_str(e, path, &source);
}
static bool save_assembly(Emit *e) {
    const char *path = beside(e, ".s");
    Str text = str_new(e->tool->c.arena);
    return !temp_wanted(e, "asm") || (may_replace(e->tool, path, opening_comment) &&
                                      assembly(e, &text) && write_str(e, path, &text));
}

// ---- the walk --------------------------------------------------------------------------------
// The rule's own beginning, "vit.o:": an earlier rule for another output is not replaced.
static const char *rule_target(Emit *e) {
    const char *rule = str_cstr(&e->rule);
    return arena_strndup(e->tool->c.arena, rule, strcspn(rule, "\n") - 1);
}
static bool may_replace_all(Emit *e) {
    Tool *t = e->tool;
    return (is_standard_output(e->output) || may_replace(t, e->output, e->kind->opening)) &&
           (!e->header || may_replace(t, e->header, opening_comment)) &&
           (!e->image || may_replace(t, e->image, "")) &&
           (!e->rule.n || may_replace(t, t->opt.depfile, rule_target(e)));
}
// A weights file of its own ends with what identifies it, and the program reads it as an input.
static bool set_apart(Emit *e, int fd, uint32_t id) {
    vitc_weights_trailer t = {.nbytes = e->program->weight_bytes, .id = id};
    memcpy(t.magic, VITC_WEIGHTS_MAGIC, sizeof t.magic);
    e->options.weights_id = id;
    e->program = program_weights_as_input(e->program, e->tool->c.arena);
    return write_all(fd, &t, sizeof t) || io_error(e->tool, e->image);
}
static bool write_image(Emit *e) {
    uint32_t id;
    if (!e->image) return true;
    OutFile *o = open_file(e, e->image);
    return o && build_write_image(e->tool, e->program, o->fd, e->image, &id) &&
           (!e->is_apart || set_apart(e, o->fd, id));
}
static bool write_output(Emit *e) {
    OutFile *o = open_file(e, e->output);
    return o && e->kind->write(e, o->fd);
}
static bool write_header(Emit *e) {
    Str text = str_new(e->tool->c.arena);
    if (!e->header) return true;
    header_print(e->program, &e->options, &text);
    return write_str(e, e->header, &text);
}
static bool write_depfile(Emit *e) {
    return !e->rule.n || write_str(e, e->tool->opt.depfile, &e->rule);
}
// In the order in which they appear: a new vit.c never stands beside an old image.
static bool write_files(Emit *e) {
    return write_image(e) && e->kind->build(e) && save_source(e) && save_assembly(e) &&
           write_output(e) && write_header(e) && write_depfile(e);
}
static bool check_options(Emit *e) {
    const Options *o = &e->tool->opt;
    Diag *d = e->tool->c.diag;
    if (e->is_stream && (e->kind->has_image || e->is_apart))
        return diag_error(d, ERR_USAGE, 0, "--%s %s writes several files: give -o FILE%s",
                          e->is_apart ? "weights" : "emit", e->is_apart ? o->weights : o->emit,
                          e->kind->suffix);
    if (e->is_apart && !e->program->weight_bytes)
        return diag_error(d, ERR_USAGE, 0, "--weights file: the model has no weights");
    if (e->is_apart && e->program->sample)
        return diag_error(d, ERR_USAGE, 0,
                          "--selftest lies among the weights: it cannot go with --weights file");
    if (e->is_stream && (o->save_temps || e->kind->is_lib))
        return diag_error(d, ERR_USAGE, 0, "%s needs a file: -o FILE%s",
                          o->save_temps ? "--save-temps"
                                        : arena_printf(e->tool->c.arena, "--emit %s", o->emit),
                          e->kind->suffix);
    if (!strcmp(o->emit, "llvm") && strcmp(o->backend, "llvm"))
        return diag_error(d, ERR_USAGE, 0, "--emit llvm is what --backend llvm compiles");
    return true;
}
bool emit_program(Tool *t, const Program *p, const EmitOptions *options, const FileNames *opened,
                  Emitted *out) {
    Emit e = {.tool = t, .program = p, .options = *options, .kind = kind_of(t)};
    e.is_apart = !strcmp(t->opt.weights, "file");
    e.rule = str_new(t->c.arena);
    choose_names(&e);
    if (t->opt.depfile && !depfile_text(t, e.output, opened, &e.rule)) return false;
    if (!check_options(&e) || !may_replace_all(&e)) return false;
    if (!write_files(&e)) {
        for (int i = 0; i < e.nfiles; i++) out_abort(e.file[i]);
        return false;
    }
    *out = (Emitted){e.output, e.header, e.code.n};
    return out_commit_all(e.file, e.nfiles) || io_error(t, e.output);
}
