// outfile.h: an output file appears whole or not at all, whatever happens while it is written.
#ifndef DRIVER_OUTFILE_H
#define DRIVER_OUTFILE_H
#include <limits.h>
#include <stdbool.h>

enum { OUT_FILES = 8 }; // that may be open at once

typedef struct OutFile {
    int fd;          // write here
    bool is_direct;  // standard output, a device, a pipe: no temporary, no rename
    bool is_unnamed; // O_TMPFILE: the kernel drops it when we die
    char path[PATH_MAX], temporary[PATH_MAX];
} OutFile;

// All return false with errno set. "-" is standard output. A symbolic link (ELOOP), a directory
// (EISDIR) and other things that are no regular file (EINVAL) are refused; devices and pipes are
// written directly. After out_open succeeds, exactly one of out_commit, out_commit_all, out_abort
// is called.
bool out_open(OutFile *o, const char *path);
bool out_commit(OutFile *o);
bool out_commit_all(OutFile *const *all, int n); // in this order; none unless all were written
void out_abort(OutFile *o);
// Removes temporaries that have a name, and the directory of tempdir.h. Async-signal-safe.
void out_signal_cleanup(void);
#endif
