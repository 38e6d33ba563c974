// memfile.c: see memfile.h.
#include "driver/memfile.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int memfile_new(Tool *t, const char *what) {
    int fd = memfd_create(what, MFD_CLOEXEC);
    if (fd < 0) diag_error(t->c.diag, ERR_LIMIT, 0, "no memory for %s: %s", what, strerror(errno));
    return fd;
}
bool memfile_map(Tool *t, int fd, size_t n, const char *what, Bytes *out) {
    *out = (Bytes){"", 0};
    void *p = n ? mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0) : NULL;
    close(fd);
    if (p == MAP_FAILED)
        return diag_error(t->c.diag, ERR_LIMIT, 0, "cannot map %s: %s", what, strerror(errno));
    if (p) *out = (Bytes){p, n};
    return true;
}
bool memfile_repeat(Tool *t, int fd, size_t window, size_t n, const char *what, Bytes *out) {
    int reserve = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    char *all = mmap(NULL, n, PROT_NONE, reserve, -1, 0);
    bool ok = all != MAP_FAILED;
    for (size_t at = 0; ok && at < n; at += window) {
        size_t part = n - at < window ? n - at : window;
        ok = mmap(all + at, part, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED;
    }
    int error = errno;
    close(fd);
    *out = (Bytes){ok ? all : "", ok ? n : 0};
    return ok || diag_error(t->c.diag, ERR_LIMIT, 0, "cannot map %s: %s", what, strerror(error));
}
void memfile_unmap(Bytes *b) {
    if (b->n) munmap((void *)(uintptr_t)b->data, b->n);
    *b = (Bytes){"", 0};
}
