// tempdir.c: see tempdir.h. Removal may happen in a signal handler, so it asks the kernel for the
// names: readdir allocates.
#include "driver/tempdir.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

// State of the process, since that is what a signal handler sees. Set last, cleared first.
static char current[PATH_MAX];
static volatile bool is_there;

struct entry { // of getdents64
    uint64_t inode;
    int64_t next;
    unsigned short nbytes;
    unsigned char type;
    char name[];
};
static void remove_files(int dir) {
    _Alignas(struct entry) char buffer[4096];
    long n;
    while ((n = syscall(SYS_getdents64, dir, buffer, sizeof buffer)) > 0)
        for (long at = 0; at < n;) {
            const struct entry *e = (const struct entry *)(const void *)(buffer + at);
            unlinkat(dir, e->name, 0); // "." and ".." are directories and stay
            at += e->nbytes;
        }
}
void tempdir_remove(void) {
    if (!is_there) return;
    is_there = false;
    int saved = errno, dir = open(current, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    // a program that was just killed may still be creating a file
    for (int attempt = 0; dir >= 0 && attempt < 20; attempt++) {
        lseek(dir, 0, SEEK_SET);
        remove_files(dir);
        if (!rmdir(current)) break;
        poll(NULL, 0, 5);
    }
    if (dir >= 0) close(dir);
    errno = saved;
}
const char *tempdir_new(const char *parent) {
    const char *named = getenv("TMPDIR");
    const char *where = parent ? parent : named && *named ? named : "/tmp";
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/.vitc-XXXXXX", where);
    if (n >= (int)sizeof path) errno = ENAMETOOLONG;
    if (n >= (int)sizeof path || !mkdtemp(path) || !realpath(path, current)) return NULL;
    is_there = true;
    return current;
}
static int open_in(const char *dir, const char *name, int flags) {
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    if (n >= (int)sizeof path) return errno = ENAMETOOLONG, -1;
    return open(path, flags | O_NOFOLLOW | O_CLOEXEC, 0600);
}
int tempdir_create(const char *dir, const char *name) {
    return open_in(dir, name, O_WRONLY | O_CREAT | O_EXCL);
}
size_t tempdir_read(const char *dir, const char *name, char *out, size_t most) {
    int fd = open_in(dir, name, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, out, most);
    if (fd >= 0) close(fd);
    return n > 0 ? (size_t)n : 0;
}
