// report_file.c: see report_file.h.
#include "driver/report_file.h"
#include "backends/backend.h"
#include "driver/outfile.h"
#include "frontend/frontend.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static bool write_error(Tool *t, const char *path) {
    Loc at = diag_loc(t->c.diag, (LocInfo){.file = path});
    return diag_error(t->c.diag, ERR_IO, at, "cannot be written: %s", strerror(errno));
}
// Nothing else stands there: an earlier file of ours, or nothing.
static bool may_replace(Tool *t, const char *path, Loc at, const char *opening) {
    struct stat st;
    FileView f;
    size_t n = strlen(opening);
    if (lstat(path, &st)) return true;
    for (uint32_t i = 0; i < t->opt.file.n; i++)
        if (is_same_file(path, t->opt.file.data[i]))
            return diag_error(t->c.diag, ERR_USAGE, at, "is the input");
    if (!S_ISREG(st.st_mode))
        return diag_error(t->c.diag, ERR_IO, at, "exists and is not a regular file");
    if (!st.st_size) return true;
    if (!file_map(&t->c, path, &f)) return false;
    if (f.nbytes >= n && !memcmp(f.data, opening, n)) return true;
    diag_error(t->c.diag, ERR_USAGE, at, "exists and was not written by vitc");
    return diag_note(t->c.diag, "remove it first, or choose another name");
}
bool report_file_check(Tool *t, const char *path, const char *opening) {
    struct stat st;
    OutFile o;
    Loc at = diag_loc(t->c.diag, (LocInfo){.file = path});
    if (!strcmp(path, "-") || !strcmp(path, "/dev/stdout"))
        return diag_error(t->c.diag, ERR_USAGE, at, "carries the report: give a file");
    if (!stat(path, &st) && (S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode))) return true;
    if (!may_replace(t, path, at, opening)) return false;
    if (!out_open(&o, path)) return write_error(t, path); // rather now than after a minute of work
    out_abort(&o);
    return true;
}
bool report_file_write(Tool *t, const char *path, const Str *text) {
    OutFile o;
    if (!out_open(&o, path)) return write_error(t, path);
    if (!write_all(o.fd, text->data, text->n)) {
        int error = errno;
        out_abort(&o);
        errno = error;
        return write_error(t, path);
    }
    return out_commit(&o) || write_error(t, path);
}
