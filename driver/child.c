// child.c: LLVM aborts when memory is short, exits on what it cannot select, and may crash. So it
// works in a child with limits: the result comes back through a memfd (no name, no file system),
// what it said through a pipe, and how it ended through the wait status. The child leaves no core,
// dies with the parent, and always ends by _exit, so that nothing of the parent's stdio or atexit
// handlers runs twice. A signal that stops the parent also stops what the child started.
#include "driver/child.h"
#include "driver/outfile.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SAID_BYTES = 4096 };

// ---- signals of the parent -------------------------------------------------------------------
static const int stop_signal[] = {SIGINT, SIGTERM, SIGHUP};

// The child and what it started are a process group of their own; for the handler.
static volatile pid_t at_work;

static void on_stop(int signo) {
    if (at_work) kill(-at_work, SIGKILL);
    out_signal_cleanup();
    signal(signo, SIG_DFL);
    raise(signo); // takes effect when this handler returns
}
void child_signals(void) {
    for (size_t i = 0; i < COUNT_OF(stop_signal); i++) {
        struct sigaction old, act = {.sa_handler = on_stop};
        sigaction(stop_signal[i], NULL, &old);
        if (old.sa_handler != SIG_IGN) sigaction(stop_signal[i], &act, NULL); // nohup stays ignored
    }
}

// ---- in the child ----------------------------------------------------------------------------
static uint64_t mapped_bytes(void) {
    unsigned long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f) return 0;
    if (fscanf(f, "%llu", &pages) != 1) pages = 0;
    fclose(f);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
static void set_rlimit(__rlimit_resource_t what, uint64_t soft, uint64_t hard) {
    struct rlimit now;
    if (getrlimit(what, &now)) return;
    if (hard < now.rlim_max) now.rlim_max = hard;
    now.rlim_cur = soft < now.rlim_max ? soft : now.rlim_max;
    setrlimit(what, &now);
}
static void set_limits(const ChildLimits *lim) {
    uint64_t as = mapped_bytes();
    set_rlimit(RLIMIT_CORE, 0, 0);
    if (lim->extra_as && size_add(as, lim->extra_as, &as)) set_rlimit(RLIMIT_AS, as, as);
    if (lim->cpu_seconds) set_rlimit(RLIMIT_CPU, lim->cpu_seconds, (uint64_t)lim->cpu_seconds + 1);
}
NORETURN static void child_main(ChildFn fn, void *ctx, const ChildLimits *lim, int out, int said,
                                pid_t parent) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(ERR_INTERNAL); // it died between fork and prctl
    static const int ours[] = {SIGINT, SIGTERM, SIGHUP, SIGABRT, SIGBUS, SIGSEGV, SIGILL, SIGFPE};
    for (size_t i = 0; i < COUNT_OF(ours); i++) signal(ours[i], SIG_DFL);
    dup2(said, STDERR_FILENO);
    dup2(said, STDOUT_FILENO);
    set_limits(lim);
    int rc = fn(out, ctx);
    fflush(stderr);
    _exit(rc ? ERR_INTERNAL : 0);
}

// ---- what happened ---------------------------------------------------------------------------
// The first line of it, printable, without the words that the caller adds anyway.
static void first_line(const char *said, char *line, size_t cap) {
    static const char *const lead[] = {"vitc: ", "error: ", "LLVM ERROR: "};
    for (size_t i = 0; i < COUNT_OF(lead); i++)
        if (str_starts(said, lead[i])) said += strlen(lead[i]);
    size_t n = 0;
    for (; said[n] && said[n] != '\n' && n + 1 < cap; n++)
        line[n] = said[n] >= ' ' && said[n] <= '~' ? said[n] : '?';
    line[n] = 0;
}
static const char *how_it_died(int signo) {
    switch (signo) {
    case SIGABRT: return "aborted";
    case SIGSEGV:
    case SIGBUS: return "crashed";
    case SIGILL:
    case SIGTRAP: return "stopped at an illegal instruction";
    case SIGXCPU: return "took too much processor time";
    case SIGKILL: return "was killed (out of memory?)";
    default: return "died by a signal";
    }
}
static bool explain(ChildResult *r, int status, const char *said) {
    char line[384];
    first_line(said, line, sizeof line);
    if (WIFEXITED(status)) {
        int code = WEXITSTATUS(status);
        r->kind = code == ERR_LIMIT || code == ERR_IO ? (ErrKind)code : ERR_INTERNAL;
        snprintf(r->message, sizeof r->message, "failed: %s", line[0] ? line : "no reason given");
        return false;
    }
    int signo = WTERMSIG(status);
    bool no_memory = strstr(said, "bad_alloc") || strstr(said, "out of memory");
    r->kind = no_memory || signo == SIGXCPU || signo == SIGKILL ? ERR_LIMIT : ERR_INTERNAL;
    if (no_memory)
        snprintf(r->message, sizeof r->message, "ran out of memory");
    else
        snprintf(r->message, sizeof r->message, "%s%s%s", how_it_died(signo), line[0] ? ": " : "",
                 line);
    return false;
}

// ---- in the parent ---------------------------------------------------------------------------
// Reads until the child and all it started closed the pipe; keeps the beginning.
static void listen_to(int fd, char said[SAID_BYTES]) {
    size_t n = 0;
    for (;;) {
        char more[1024];
        ssize_t got = read(fd, more, sizeof more);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        size_t room = SAID_BYTES - 1 - n, take = (size_t)got < room ? (size_t)got : room;
        memcpy(said + n, more, take);
        n += take;
    }
    said[n] = 0;
}
static bool cannot_start(ChildResult *r, const int *fd, size_t n) {
    r->kind = errno == ENOMEM || errno == EAGAIN ? ERR_LIMIT : ERR_INTERNAL;
    snprintf(r->message, sizeof r->message, "cannot start: %s", strerror(errno));
    for (size_t i = 0; i < n; i++)
        if (fd[i] >= 0) close(fd[i]);
    return false;
}
bool child_run(ChildFn fn, void *ctx, const ChildLimits *lim, ChildResult *r) {
    char said[SAID_BYTES];
    int fd[3] = {-1, -1, -1}, status = 0; // pipe: read, write; result
    *r = (ChildResult){.fd = -1};
    fd[2] = memfd_create("result", MFD_CLOEXEC);
    if (fd[2] < 0 || pipe2(fd, O_CLOEXEC)) return cannot_start(r, fd, 3);
    fflush(NULL);
    pid_t parent = getpid(), pid = fork();
    if (pid < 0) return cannot_start(r, fd, 3);
    if (pid == 0) child_main(fn, ctx, lim, fd[2], fd[1], parent);
    setpgid(pid, pid); // whoever comes first
    at_work = pid;
    close(fd[1]);
    listen_to(fd[0], said);
    close(fd[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    at_work = 0;
    struct stat st;
    bool ok = (WIFEXITED(status) && WEXITSTATUS(status) == 0) || explain(r, status, said);
    if (ok &&
        (fstat(fd[2], &st) || lseek(fd[2], 0, SEEK_SET) < 0)) // the offset is shared with the child
        return cannot_start(r, fd + 2, 1);
    if (!ok) close(fd[2]);
    if (!ok) return false;
    r->fd = fd[2];
    r->size = (uint64_t)st.st_size;
    return true;
}
