// cc.c: the C compiler is a foreign program: started by its name without a shell, with a fixed
// small environment, in a private directory that the parent removes whatever happens, and under the
// limits of the child that starts it.
#include "driver/cc.h"
#include "driver/outfile.h"
#include "driver/tempdir.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

// ---- starting it -----------------------------------------------------------------------------
typedef VEC(char *) Words;
static void add_word(Arena *a, Words *w, const char *word, size_t n) {
    *PUSH(a, w) = arena_strndup(a, word, n);
}
static void add_words(Arena *a, Words *w, const char *text) { // separated by blanks
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, " ");
        if (n) add_word(a, w, p, n);
        p += n + (p[n] == ' ');
    }
}
static const char *cc_name(const Tool *t) {
    const char *named = t->opt.cc ? t->opt.cc : getenv("CC");
    return named && named[strspn(named, " ")] ? named : "cc";
}
// A relative path must not be looked up in the private directory.
static void add_compiler(Tool *t, Words *w) {
    char here[PATH_MAX];
    add_words(t->c.arena, w, cc_name(t));
    const char *name = w->data[0];
    if (name[0] != '/' && strchr(name, '/') && getcwd(here, sizeof here))
        w->data[0] = arena_printf(t->c.arena, "%s/%s", here, name);
}
static char **environment(Tool *t, const char *dir) {
    Arena *a = t->c.arena;
    Words w = {0};
    static const char *const kept[] = {"PATH", "HOME"};
    for (size_t i = 0; i < COUNT_OF(kept); i++)
        if (getenv(kept[i])) *PUSH(a, &w) = arena_printf(a, "%s=%s", kept[i], getenv(kept[i]));
    *PUSH(a, &w) = arena_printf(a, "TMPDIR=%s", dir);
    *PUSH(a, &w) = arena_printf(a, "LC_ALL=C");
    *PUSH(a, &w) = NULL;
    return w.data;
}
static int start(Tool *t, const char *dir, char **argv, pid_t *pid) {
    posix_spawn_file_actions_t act;
    posix_spawn_file_actions_init(&act);
    posix_spawn_file_actions_addopen(&act, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&act, 1, arena_printf(t->c.arena, "%s/said", dir),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&act, 1, 2);
    posix_spawn_file_actions_addchdir_np(&act, dir);
    int error = posix_spawnp(pid, argv[0], &act, NULL, argv, environment(t, dir));
    posix_spawn_file_actions_destroy(&act);
    return error;
}

// ---- what it said ----------------------------------------------------------------------------
static void quote_lines(Tool *t, const char *dir) {
    enum { SHOWN = 6 };
    char said[4096];
    said[tempdir_read(dir, "said", said, sizeof said - 1)] = 0;
    const char *p = said;
    for (int line = 0; *p && line < SHOWN; line++) {
        size_t k = strcspn(p, "\n");
        const char *text = arena_strndup(t->c.arena, p, k);
        if (k) diag_note(t->c.diag, "%s", escape(t->c.arena, SINK_TERMINAL, text));
        p += k + (p[k] == '\n');
    }
}
static bool failed(Tool *t, const char *dir, const char *what, int status) {
    const char *name = escape(t->c.arena, SINK_TERMINAL, cc_name(t));
    if (WIFSIGNALED(status)) {
        int signo = WTERMSIG(status);
        bool limit = signo == SIGXCPU || signo == SIGKILL;
        return diag_error(t->c.diag, limit ? ERR_LIMIT : ERR_TARGET, 0,
                          "the C compiler '%s' was stopped by signal %d while it %s", name, signo,
                          what);
    }
    diag_error(t->c.diag, ERR_TARGET, 0, "the C compiler '%s' failed when it %s: exit %d", name,
               what, WEXITSTATUS(status));
    return quote_lines(t, dir), false;
}
bool cc_run(Tool *t, const char *dir, const char *what, const char *const *arg, size_t n) {
    Arena *a = t->c.arena;
    Words w = {0};
    add_compiler(t, &w);
    for (size_t i = 0; i < n; i++) add_word(a, &w, arg[i], strlen(arg[i]));
    *PUSH(a, &w) = NULL;
    pid_t pid;
    int status = 0, error = start(t, dir, w.data, &pid);
    if (error) {
        diag_error(t->c.diag, ERR_TARGET, 0, "the C compiler '%s' cannot be started: %s",
                   escape(a, SINK_TERMINAL, cc_name(t)), strerror(error));
        return diag_note(t->c.diag, "--cc or the environment's CC names another");
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    return (WIFEXITED(status) && !WEXITSTATUS(status)) || failed(t, dir, what, status);
}

// ---- compiling -------------------------------------------------------------------------------
typedef struct CcJob {
    const Program *program;
    const EmitOptions *emit;
    CcResult kind;
    const char *dir;
} CcJob;
static bool write_file(Tool *t, const char *dir, const char *name, const Str *text) {
    int fd = tempdir_create(dir, name);
    bool ok = fd >= 0 && write_all(fd, text->data, text->n);
    if (fd >= 0) ok = close(fd) == 0 && ok;
    return ok || diag_error(t->c.diag, ERR_IO, 0, "%s/%s: %s", dir, name, strerror(errno));
}
static bool read_result(Tool *t, const char *path, Str *out) {
    FileView f;
    if (!file_map(&t->c, path, &f)) return false;
    str_add_n(out, f.data, f.nbytes);
    return true;
}
// The names of the files are constants: an object carries that of its source.
static bool compile(Tool *t, void *arg, Str *out) {
    const CcJob *job = arg;
    Arena *a = t->c.arena;
    const Target *target = job->program->target;
    Str source = str_new(a), header = str_new(a), flags = str_new(a);
    const char *include = support_dir(t, "vitc_object.h");
    if (!include || !c_emit_source(&t->c, job->program, job->emit, NULL, "model.h", &source))
        return false;
    header_print(job->program, job->emit, &header);
    if (!write_file(t, job->dir, "model.c", &source) ||
        !write_file(t, job->dir, "model.h", &header))
        return false;
    c_flags(job->program, &flags);
    str_add(&flags, " -fPIC -fno-asynchronous-unwind-tables -fno-stack-protector");
    str_addf(&flags, " %s", arch_info[target->arch].cc_protect);
    if (job->emit->sanitize_address) str_add(&flags, " -fsanitize=address");
    str_add(&flags, job->kind == CC_OBJECT ? " -c -o out model.c -I" : " -S -o out model.c -I");
    Words w = {0};
    add_words(a, &w, str_cstr(&flags));
    *PUSH(a, &w) = arena_strdup(a, include);
    if (cc_run(t, job->dir, "compiled the model", (const char *const *)w.data, w.n))
        return read_result(t, arena_printf(a, "%s/out", job->dir), out);
    const ArchInfo *arch = &arch_info[target->arch];
    return (int)target->arch != ARCH_HOST &&
           diag_note(t->c.diag, "for %s, --cc %s may be the compiler", arch->name, arch->cross_cc);
}
bool cc_compile(Tool *t, const Program *p, const EmitOptions *e, CcResult kind, Bytes *out) {
    CcJob job = {p, e, kind, tempdir_new(NULL)};
    if (!job.dir)
        return diag_error(t->c.diag, ERR_IO, 0, "no temporary directory: %s", strerror(errno));
    bool ok = work_run(t, "the C compiler", compile, &job, out);
    tempdir_remove();
    return ok;
}
