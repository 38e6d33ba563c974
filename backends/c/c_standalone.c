// c_standalone.c: --standalone: the run loop inside the printed file: the runtime's own sources.
// Their functions get names of this model, so that two standalone models link into one program.
#include "backends/c/c_print.h"
#include "backends/embedded.h"
#include <string.h>

static const char *const functions[] = {
    "vitc_cpu_features",  "vitc_cpu_check",    "vitc_execute",        "vitc_execute_marked",
    "vitc_execute_level", "vitc_model_chosen", "vitc_model_selftest",
};
// Without what it includes of the runtime: that is here already.
static void print_file(const char *name, Str *out) {
    const EmbeddedFile *f = embedded_find(name);
    const char *end = (const char *)f->data + f->n;
    for (const char *line = (const char *)f->data, *next; line < end; line = next) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        next = newline ? newline + 1 : end;
        if (strncmp(line, "#include \"", 10)) str_add_n(out, line, (size_t)(next - line));
    }
    str_add(out, "\n");
}
void c_print_runtime(const CModule *m, Str *out) {
    const Program *p = m->p;
    str_add(out, "// ---- vitc's runtime, what this model calls of it, under its own names ----\n");
    for (size_t i = 0; i < COUNT_OF(functions); i++)
        str_addf(out, "#define %s %s_%s\n", functions[i], m->o->prefix,
                 functions[i] + strlen("vitc_"));
    str_add(out, "#define VITC_STANDALONE\n#pragma GCC visibility push(hidden)\n");
    print_file("vitc_object.h", out);
    print_file("cpu.c", out);
    print_file("run_model.c", out);
    if (p->next || p->sample) print_file("levels.c", out);
    if (p->sample) print_file("selftest.c", out);
    str_add(out, "#pragma GCC visibility pop\n\n// ---- the model ----\n");
}
