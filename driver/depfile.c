// depfile.c: which files a compilation read, as a rule for make and ninja.
#include "driver/emit.h"
#include <string.h>

// Blanks and '#' behind a backslash (and backslashes before them doubled), '$' doubled: as gcc
// writes its own.
static void add_name(Str *out, const char *name) {
    for (const char *p = name; *p; p++) {
        const char *last = p + strspn(p, "\\"); // behind a run of backslashes
        if (*last && strchr(" \t#", *last)) str_add(out, "\\");
        str_addf(out, *p == '$' ? "$%c" : "%c", *p);
    }
}
static bool can_stand(Tool *t, const char *name) {
    return !strchr(name, '\n') ||
           diag_error(t->c.diag, ERR_USAGE, 0, "--depfile: '%s' has a line break in its name",
                      escape(t->c.arena, SINK_TERMINAL, name));
}
bool depfile_text(Tool *t, const char *output, const FileNames *opened, Str *out) {
    if (!can_stand(t, output)) return false;
    add_name(out, output);
    str_add(out, ":");
    for (uint32_t i = 0; i < opened->n; i++) {
        const char *name = opened->data[i];
        bool again = false;
        for (uint32_t k = 0; k < i; k++) again = again || !strcmp(opened->data[k], name);
        if (again) continue;
        if (!can_stand(t, name)) return false;
        str_add(out, " \\\n  ");
        add_name(out, name);
    }
    str_add(out, "\n");
    return true;
}
