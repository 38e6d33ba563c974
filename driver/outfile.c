// outfile.c: temporary, fsync, rename. The first choice is O_TMPFILE: the file has no name until it
// is complete, so even SIGKILL leaves nothing. Where the file system has no O_TMPFILE, a named
// temporary in the same directory is removed by out_abort or, on a signal, by out_signal_cleanup.
#include "driver/outfile.h"
#include "driver/tempdir.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

// Names that a signal handler has to remove. State of the process, since that is what a handler
// sees.
static char pending[OUT_FILES][PATH_MAX];

static void remember(const char *name) {
    for (int i = 0; i < OUT_FILES; i++) {
        if (pending[i][0]) continue;
        memcpy(pending[i] + 1, name + 1, strlen(name)); // the first byte, last, switches it on
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        pending[i][0] = name[0];
        return;
    }
}
static void forget(const char *name) {
    for (int i = 0; i < OUT_FILES; i++)
        if (!strcmp(pending[i], name)) pending[i][0] = 0;
}
void out_signal_cleanup(void) {
    for (int i = 0; i < OUT_FILES; i++)
        if (pending[i][0]) unlink(pending[i]);
    tempdir_remove();
}

// ---- opening ---------------------------------------------------------------------------------
static bool fail_with(int error) {
    errno = error;
    return false;
}
static void directory_of(const char *path, char dir[PATH_MAX]) {
    strcpy(dir, path);
    char *slash = strrchr(dir, '/');
    if (!slash)
        strcpy(dir, ".");
    else
        slash[slash == dir] = 0;
}
static bool choose_temporary(OutFile *o, const char *dir) {
    unsigned long long random;
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random) return false;
    int n = snprintf(o->temporary, sizeof o->temporary, "%s/.vitc-%016llx.tmp", dir, random);
    return n < (int)sizeof o->temporary || fail_with(ENAMETOOLONG);
}
static bool open_direct(OutFile *o, const char *path) {
    bool is_stdout = !strcmp(path, "-") || !strcmp(path, "/dev/stdout");
    o->is_direct = true;
    o->fd = is_stdout ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_WRONLY | O_CLOEXEC);
    return o->fd >= 0;
}
static bool can_be_named_later(int fd) { // needs /proc
    char proc[64];
    snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
    return access(proc, F_OK) == 0;
}
static bool open_temporary(OutFile *o, const char *dir) {
    o->fd = open(dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
    if (o->fd >= 0 && can_be_named_later(o->fd)) return o->is_unnamed = true;
    if (o->fd >= 0) close(o->fd);
    remember(o->temporary);
    o->fd = open(o->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (o->fd < 0) forget(o->temporary);
    return o->fd >= 0;
}
bool out_open(OutFile *o, const char *path) {
    struct stat st;
    char dir[PATH_MAX];
    o->fd = -1;
    o->is_direct = o->is_unnamed = false;
    bool is_stdout = !strcmp(path, "-") || !strcmp(path, "/dev/stdout");
    if (is_stdout || (!stat(path, &st) && (S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode))))
        return open_direct(o, path);
    if (!lstat(path, &st)) {
        if (S_ISLNK(st.st_mode)) return fail_with(ELOOP);
        if (S_ISDIR(st.st_mode)) return fail_with(EISDIR);
        if (!S_ISREG(st.st_mode)) return fail_with(EINVAL);
    }
    if (!path[0]) return fail_with(ENOENT);
    if (strlen(path) >= sizeof o->path) return fail_with(ENAMETOOLONG);
    strcpy(o->path, path);
    directory_of(path, dir);
    return choose_temporary(o, dir) && open_temporary(o, dir);
}

// ---- ending ----------------------------------------------------------------------------------
static bool close_fd(OutFile *o) { // late write errors (quota, network) show here
    int fd = o->fd;
    o->fd = -1;
    return close(fd) == 0;
}
// The bytes are safe on disk.
static bool sync_bytes(OutFile *o) {
    return o->is_direct || fsync(o->fd) == 0;
}
// And they have the temporary's name.
static bool finish(OutFile *o) {
    if (o->is_direct) return close_fd(o);
    if (o->is_unnamed) { // linkat cannot replace a file: a name of its own first
        char proc[64];
        snprintf(proc, sizeof proc, "/proc/self/fd/%d", o->fd);
        remember(o->temporary);
        if (linkat(AT_FDCWD, proc, AT_FDCWD, o->temporary, AT_SYMLINK_FOLLOW)) return false;
        o->is_unnamed = false;
    }
    return close_fd(o);
}
static bool appear(OutFile *o) {
    if (o->is_direct) return true;
    if (rename(o->temporary, o->path)) return false;
    forget(o->temporary);
    return true;
}
static void make_durable(const OutFile *o) { // failing loses nothing
    char dir[PATH_MAX];
    if (o->is_direct) return;
    directory_of(o->path, dir);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    (void)!fsync(fd);
    close(fd);
}
void out_abort(OutFile *o) {
    int saved = errno;
    if (o->fd >= 0) close(o->fd);
    o->fd = -1;
    if (!o->is_direct && !o->is_unnamed) unlink(o->temporary);
    if (!o->is_direct) forget(o->temporary);
    errno = saved;
}
bool out_commit_all(OutFile *const *all, int n) {
    bool ok = true;
    for (int i = 0; i < n && ok; i++) ok = sync_bytes(all[i]); // slow: no name yet
    for (int i = 0; i < n && ok; i++) ok = finish(all[i]);
    sigset_t stop, before; // no signal between the first and the last rename
    sigfillset(&stop);
    sigprocmask(SIG_BLOCK, &stop, &before);
    int done = 0;
    while (ok && done < n) {
        ok = appear(all[done]);
        done += ok;
    }
    for (int i = done; i < n; i++) out_abort(all[i]);
    int saved = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    for (int i = 0; i < done; i++) make_durable(all[i]);
    errno = saved;
    return ok;
}
bool out_commit(OutFile *o) { return out_commit_all(&o, 1); }
