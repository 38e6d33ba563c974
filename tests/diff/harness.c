// harness.c: see harness.h.
#include "tests/diff/harness.h"
#include "tests/diff/emulate_tiles.h"
#include "runtime/vitc.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

// ---- memory ----------------------------------------------------------------------------------
static size_t page_size(void) {
    return (size_t)sysconf(_SC_PAGESIZE);
}
char *guarded_new(uint64_t n) {
    size_t page = page_size(), body = round_up(n, page);
    char *p = mmap(NULL, body + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) abort();
    if (body && mprotect(p + page, body, PROT_READ | PROT_WRITE)) abort();
    return p + page + body - n;
}
void guarded_free(char *p, uint64_t n) {
    size_t page = page_size(), body = round_up(n, page);
    munmap(p - (body - n) - page, body + 2 * page);
}
void memory_add(Memory *m, const char *name, DType dt, uint64_t nbytes) {
    m->name[m->n] = name;
    m->dt[m->n] = dt;
    m->nbytes[m->n] = nbytes;
    m->start[m->n] = guarded_new(nbytes);
    m->want[m->n] = guarded_new(nbytes);
    m->got[m->n] = guarded_new(nbytes);
    m->n++;
}
void memory_free(Memory *m) {
    for (int i = 0; i < m->n; i++) {
        guarded_free(m->start[i], m->nbytes[i]);
        guarded_free(m->want[i], m->nbytes[i]);
        guarded_free(m->got[i], m->nbytes[i]);
    }
    m->n = 0;
}

// ---- verdicts --------------------------------------------------------------------------------
const char *verdict_text(Verdict v) {
    switch (v) {
    case SAME: return "agrees";
    case DIFFERS: return "differs";
    case CRASHES: return "crashes";
    case REFUSED: return "is refused";
    case FAR: return "is far from the eager reference";
    case INVALID: break;
    }
    return "cannot be interpreted";
}
static volatile sig_atomic_t is_interpreting; // state of the process, for the handler
static bool is_emulating;                     // in every child
static void on_signal(int signo) {
    (void)signo;
    _exit(is_interpreting ? INVALID : CRASHES);
}
void phase_begin(bool interpreting, unsigned seconds) {
    is_interpreting = interpreting;
    alarm(seconds);
}
static void catch_signals(void) {
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGALRM};
    for (size_t i = 0; i < COUNT_OF(fatal); i++) signal(fatal[i], on_signal);
    if (is_emulating) tiles_emulate(on_signal);
}
Verdict in_child(Verdict (*work)(void *ctx), void *ctx, bool quiet) {
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) return INVALID;
    if (pid == 0) {
        catch_signals();
        if (quiet && !freopen("/dev/null", "w", stderr)) _exit(INVALID);
        Verdict v = work(ctx);
        fflush(NULL);
        _exit((int)v);
    }
    int status = 0;
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return CRASHES;
    int code = WEXITSTATUS(status);
    return code == SAME || (code >= DIFFERS && code <= INVALID) ? (Verdict)code : CRASHES;
}
static void print_message(void *ctx, Severity sev, const LocInfo *at, const char *message) {
    (void)ctx;
    (void)sev;
    if (at->file) fprintf(stderr, "%s:%u:%u: ", at->file, at->line, at->column);
    fprintf(stderr, "%s\n", message);
}
Ctx quiet_ctx(const char *name) {
    Ctx c = {arena_new(name), arena_new(name), NULL, NULL};
    c.diag = diag_new(c.arena, NULL, NULL);
    return c;
}
Ctx loud_ctx(const char *name) {
    Ctx c = {arena_new(name), arena_new(name), NULL, NULL};
    c.diag = diag_new(c.arena, print_message, NULL);
    return c;
}
void ctx_free(Ctx *c) {
    arena_free(c->scratch);
    arena_free(c->arena);
}

// ---- surroundings ----------------------------------------------------------------------------
bool host_can_run(const Target *t) {
    if (target_runs_here(t, t->features) && vitc_cpu_check(t->features) == VITC_OK) return true;
    printf("%s: [SKIP] this processor cannot run it\n", t->name);
    return false;
}
bool host_can_run_or_emulate(const Target *t) {
    if (vitc_cpu_check(t->features) == VITC_OK) return host_can_run(t);
    is_emulating = tiles_can_be_emulated(t, vitc_cpu_features());
    if (is_emulating) printf("%s: with an emulated matrix unit\n", t->name);
    return is_emulating || host_can_run(t);
}
static bool take(Words *w, const char *word, const char *value) {
    uint64_t number = strtoull(value, NULL, 0);
    if (!strcmp(word, "--count"))
        w->count = number;
    else if (!strcmp(word, "--seed"))
        w->seed = number;
    else if (!strcmp(word, "--index"))
        w->index = (int64_t)number;
    else if (!strcmp(word, "--size"))
        w->size = (int)number;
    else if (!strcmp(word, "--target"))
        w->target = value;
    else if (!strcmp(word, "--printers"))
        w->printers = value;
    else if (!strcmp(word, "--inputs"))
        w->inputs = value;
    else if (!strcmp(word, "--write"))
        w->write = value;
    else if (!strcmp(word, "--dtype"))
        w->dtype = dtype_from_text(value);
    else
        return false;
    return true;
}
bool words_parse(Words *w, int argc, char **argv) {
    int i = 1;
    w->index = -1;
    for (; i + 1 < argc && !strncmp(argv[i], "--", 2); i += 2)
        if (!take(w, argv[i], argv[i + 1])) break;
    w->file = (const char *const *)argv + i;
    w->nfiles = argc - i;
    if (i < argc && argv[i][0] == '-') return fprintf(stderr, "what is %s?\n", argv[i]), false;
    if (w->target && !target_find(w->target))
        return fprintf(stderr, "no target '%s'\n", w->target), false;
    return true;
}
bool read_text(const char *path, Str *out) {
    FILE *f = fopen(path, "r");
    if (!f) return fprintf(stderr, "%s cannot be opened\n", path), false;
    char part[4096];
    for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;) str_add_n(out, part, n);
    fclose(f);
    return true;
}
double cpu_seconds(void) {
    double sum = 0;
    for (int who = 0; who < 2; who++) {
        struct rusage u;
        getrusage(who ? RUSAGE_CHILDREN : RUSAGE_SELF, &u);
        sum += (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
               1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
    }
    return sum;
}
