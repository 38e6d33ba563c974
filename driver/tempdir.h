// tempdir.h: a private directory for a foreign program's files; it goes whatever happens.
#ifndef DRIVER_TEMPDIR_H
#define DRIVER_TEMPDIR_H
#include <stddef.h>

// Below `parent` (NULL: $TMPDIR, or /tmp), for this user alone: its real path. NULL with errno set.
// There is one at a time.
const char *tempdir_new(const char *parent);
void tempdir_remove(void); // the one there is, with its files. Async-signal-safe
int tempdir_create(const char *dir, const char *name); // a new file to write; -1 with errno set
size_t tempdir_read(const char *dir, const char *name, char *out, size_t most); // its beginning
#endif
