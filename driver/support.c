// support.c: where vitc's own headers and runtime library are: beside the program in the build
// tree, or where they were installed, relative to the program.
#include "driver/cc.h"
#include <limits.h>
#include <string.h>
#include <unistd.h>

const char *support_dir(Tool *t, const char *file) {
    static const char *const place[] = {".", "include", VITC_INCLUDE_FROM_BIN, VITC_LIB_FROM_BIN};
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = 0;
    const char *home = path_dir(t->c.arena, self);
    for (size_t i = 0; i < COUNT_OF(place); i++) {
        const char *dir = arena_printf(t->c.arena, "%s/%s", home, place[i]);
        if (!access(arena_printf(t->c.arena, "%s/%s", dir, file), R_OK)) return dir;
    }
    diag_error(t->c.diag, ERR_IO, 0, "'%s', which comes with vitc, is not installed", file);
    return diag_note(t->c.diag, "it is looked for beside %s and in ../include and ../lib", self),
           NULL;
}
