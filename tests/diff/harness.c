// harness.c: the two ways to run a kernel, and the comparison.
#include "tests/diff/harness.h"
#include "passes/passes.h"
#include "runtime/vitc.h"
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// ---- memory ----------------------------------------------------------------------------------
static char *guarded(uint32_t n) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), body = (n + page - 1) / page * page;
    char *p = mmap(NULL, body + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || mprotect(p + page, body, PROT_READ | PROT_WRITE)) abort();
    return p + page + body - n;
}
void memory_add(Memory *m, const char *name, uint32_t nbytes) {
    m->name[m->n] = name;
    m->nbytes[m->n] = nbytes;
    m->start[m->n] = guarded(nbytes);
    m->want[m->n] = guarded(nbytes);
    m->got[m->n] = guarded(nbytes);
    m->n++;
}

// ---- a batch ---------------------------------------------------------------------------------
static void sink(void *ctx, Severity sev, const LocInfo *at, const char *message) {
    (void)ctx;
    (void)sev;
    (void)at;
    fprintf(stderr, "%s\n", message);
}
Batch batch_new(const Target *t) {
    Batch b = {.c = {arena_new("batch"), arena_new("batch scratch"), NULL}, .target = t};
    b.c.diag = diag_new(b.c.arena, sink, NULL);
    b.p = program_new(b.c.arena, t, graph_new(b.c.arena));
    b.p->max_slices = 1;
    return b;
}
void batch_add(Batch *b, Kern *k, bool exact) {
    Kern *legal = kern_new(b->c.arena, k->name, b->target);
    pass_legal(k, legal);
    if (!kern_check(legal, b->c.diag, true)) exit(1);
    Launch l = {.kern = b->p->kern.n, .grid = 1, .label = ""};
    *PUSH(b->c.arena, &b->meaning) = exact ? k : legal;
    *PUSH(b->c.arena, &b->p->kern) = legal;
    *PUSH(b->c.arena, &b->p->launch) = l;
}
static const EmitOptions options = {.prefix = "diff", .source_sha256 = "", .version = "test"};

static const vitc_model_info *compile_llvm(Batch *b) {
    HostSymbol execute = {"vitc_execute", (const void *)(uintptr_t)vitc_execute};
    Str object = str_new(b->c.arena);
    if (!llvm_emit_object(&b->c, b->p, &options, &object)) exit(1);
    b->loaded = llvm_load(&b->c, object.data, object.n, "diff", "", &execute, 1);
    return b->loaded ? llvm_loaded_symbol(b->loaded, "diff_model") : NULL;
}
static const char *in_dir(Batch *b, const char *dir, const char *name) {
    return arena_printf(b->c.arena, "%s/%s", dir, name);
}
static void write_file(const char *path, const Str *text) {
    FILE *f = fopen(path, "w");
    if (!f || fwrite(text->data, 1, text->n, f) != text->n || fclose(f)) exit(1);
}
// The options that the text itself asks for, but -O1: it is quicker, and must not matter.
static const vitc_model_info *compile_c(Batch *b) {
    char dir[] = "/tmp/vitc-diff.XXXXXX";
    Str source = str_new(b->c.arena), header = str_new(b->c.arena), none = str_new(b->c.arena);
    Str command = str_new(b->c.arena);
    if (!mkdtemp(dir) || !c_emit_source(&b->c, b->p, &options, "none", "diff.h", &source)) exit(1);
    header_print(b->p, &options, &header);
    write_file(in_dir(b, dir, "diff.c"), &source);
    write_file(in_dir(b, dir, "diff.h"), &header);
    write_file(in_dir(b, dir, "none"), &none);
    str_addf(&command,
             "cd %s && %s -std=c11 -O1 -w -Wno-psabi -ffp-contract=off -fPIC -shared -I%s", dir,
             TEST_CC, TEST_RUNTIME);
    for (size_t i = 0; feature_at(i); i++)
        if (target_has(b->target, feature_at(i)->bit)) str_addf(&command, " %s", feature_at(i)->cc);
    str_addf(&command, "%s diff.c %s -o diff.so",
             b->target->vbytes == 64 ? " -mprefer-vector-width=512" : "", TEST_RUNTIME_LIBRARY);
    if (system(str_cstr(&command))) exit(1);
    b->library = dlopen(in_dir(b, dir, "diff.so"), RTLD_NOW | RTLD_LOCAL);
    if (!b->library) fprintf(stderr, "%s\n", dlerror());
    static const char *const made[] = {"diff.c", "diff.h", "diff.so", "none"};
    for (size_t i = 0; i < COUNT_OF(made); i++) unlink(in_dir(b, dir, made[i]));
    rmdir(dir);
    return b->library ? dlsym(b->library, "diff_model") : NULL;
}
void batch_compile(Batch *b, bool from_c) {
    const vitc_model_info *info = from_c ? compile_c(b) : compile_llvm(b);
    if (!info) exit(1);
    b->launch = info->object->launches;
}
void batch_free(Batch *b) {
    if (b->loaded) llvm_unload(b->loaded);
    if (b->library) dlclose(b->library);
    arena_free(b->c.scratch);
    arena_free(b->c.arena);
}

// ---- comparison ------------------------------------------------------------------------------
static void report(const Batch *b, const Kern *k, const Memory *m, int region, int64_t lo,
                   int64_t hi) {
    uint32_t at = 0;
    while (m->got[region][at] == m->want[region][at]) at++;
    Str text = str_new(b->c.arena);
    kern_print(k, &text, NULL);
    printf("%s: %s: tasks %lld to %lld: byte %u of %s is %02x, should be %02x\n%s\n",
           b->target->name, k->name, (long long)lo, (long long)hi, at, m->name[region],
           (unsigned char)m->got[region][at], (unsigned char)m->want[region][at], str_cstr(&text));
}
bool batch_same(const Batch *b, uint32_t i, const Memory *m, int64_t lo, int64_t hi) {
    const Kern *k = b->meaning.data[i];
    void *want[MAX_REGIONS], *got[MAX_REGIONS];
    for (int r = 0; r < m->n; r++) {
        want[r] = memcpy(m->want[r], m->start[r], m->nbytes[r]);
        got[r] = memcpy(m->got[r], m->start[r], m->nbytes[r]);
    }
    kern_eval(k, want, want[m->n - 1], lo, hi);
    b->launch[i].kernel(got, got[m->n - 1], lo, hi);
    for (int r = 0; r < m->n; r++) {
        if (!memcmp(got[r], want[r], m->nbytes[r])) continue;
        report(b, k, m, r, lo, hi);
        return false;
    }
    return true;
}

// ---- surroundings ----------------------------------------------------------------------------
bool host_can_run(const Target *t) {
    if (vitc_cpu_check(t->features) == VITC_OK) return true;
    printf("%s: [SKIP] this processor cannot run it\n", t->name);
    return false;
}
// State of the process, for the handler.
static const char *running;
static uint64_t running_seed;
static void on_crash(int signo) {
    char text[300];
    int n = snprintf(text, sizeof text, "signal %d in %s, batch with seed %llu\n", signo, running,
                     (unsigned long long)running_seed);
    (void)!write(STDOUT_FILENO, text, (size_t)n);
    _exit(1);
}
void crash_reports(const char *what, uint64_t seed) {
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    running = what;
    running_seed = seed;
    for (size_t i = 0; i < COUNT_OF(fatal); i++) signal(fatal[i], on_crash);
}
