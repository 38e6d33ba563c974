// embedded.c: see embedded.h.
#include "backends/embedded.h"
#include "ir/base.h"
#include <string.h>

const EmbeddedFile *embedded_find(const char *name) {
    for (size_t i = 0; i < embedded_count; i++)
        if (!strcmp(embedded_files[i].name, name)) return &embedded_files[i];
    die("embedded", "no file %s", name);
}
