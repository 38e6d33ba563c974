// memfile.h: bytes without a name in any file system, shared with children: weight images, results
// of work.
#ifndef DRIVER_MEMFILE_H
#define DRIVER_MEMFILE_H
#include "driver/build.h"

int memfile_new(Tool *t, const char *what); // -1 after a diagnostic
// Maps the n bytes of `fd` read-only for the life of the command, and closes it.
bool memfile_map(Tool *t, int fd, size_t n, const char *what, Bytes *out);
// Maps n bytes that repeat the first `window` bytes of `fd`, a multiple of the page size.
bool memfile_repeat(Tool *t, int fd, size_t window, size_t n, const char *what, Bytes *out);
void memfile_unmap(Bytes *b); // earlier than that
#endif
