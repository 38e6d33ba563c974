// build.h: what compile, verify, run, bench and inspect share: from a model file to something that
// can run.
#ifndef DRIVER_BUILD_H
#define DRIVER_BUILD_H
#include "backends/backend.h"
#include "driver/tool.h"
#include "frontend/frontend.h"
#include "passes/passes.h"

typedef struct Bytes {
    const void *data;
    size_t n;
} Bytes;

// ---- work.c: a step that may crash or run away, in a child with limits ----------------------
// `work` runs in a forked child and adds its result to `out`; it may
// use everything of the parent's memory. Its diagnostics appear as if made here; its death is one.
// `what` names it: "code generation".
typedef bool (*Work)(Tool *t, void *arg, Str *out);
bool work_run(Tool *t, const char *what, Work work, void *arg, Bytes *result);

// ---- source.c: the file on the command line -------------------------------------------------
typedef struct Source { // exactly one is set
    Graph *graph;
    Program *program;
    Kern *kern;
} Source;
FrontendOptions frontend_options(const Options *o);
bool source_load(Tool *t, const char *path, const FrontendOptions *f, Source *out);
bool tuning_is_absent(Tool *t); // false after a diagnostic: schedules are chosen already
bool is_object_file(Tool *t, const char *path); // an ELF file exists there

// ---- build.c --------------------------------------------------------------------------------
// --target: its levels, best first, NULL behind the last; NULL after a diagnostic.
const Target *const *targets_of_options(Tool *t);
const Target *target_of_options(Tool *t); // the one that runs here, else the best
// What the processor offers and the system gives: matrix units only where this process may use
// them.
uint64_t usable_features(void);
double tolerance_of(const Options *o); // largest relative L2 error that passes
bool pass_options(Tool *t, PassOptions *out);
Program *build_program(Tool *t, const char *path, const FrontendOptions *f);
bool build_object(Tool *t, const Program *p, const EmitOptions *e, Bytes *object);
bool build_assembly(Tool *t, const Program *p, const EmitOptions *e, Bytes *text);
bool build_llvm_text(Tool *t, const Program *p, const EmitOptions *e, Bytes *text);
EmitOptions emit_options(const Program *p, const char *prefix);
// Streams it; `id`, unless NULL: a number that tells images apart, never 0.
bool build_write_image(Tool *t, const Program *p, int fd, const char *to, uint32_t *id);
bool build_image(Tool *t, const Program *p, Bytes *image);

// A model ready to run: code and tables whose weight symbol is undefined, and the weights.
typedef struct Executable {
    Bytes object, weights;
    const char *weights_file; // NULL: they are here
    const char *prefix;
    const Program *program; // NULL when it came from an object file
} Executable;
enum { EXE_NO_WEIGHTS = 1 }; // to look at, not to run
bool executable_open(Tool *t, const char *path, const FrontendOptions *f, int flags,
                     Executable *out);
bool executable_from_program(Tool *t, const Program *p, int flags, Executable *out);
void executable_close(Executable *e); // frees its memory before the command ends
// In a child: links it into the process.
const struct vitc_model_info *executable_link(Tool *t, const Executable *e);
// Of several levels, the one that --target names, or else that this processor takes.
const struct vitc_model_info *executable_level(Tool *t, const struct vitc_model_info *m);
const struct vitc_model_info *executable_load(Tool *t, const Executable *e); // both
#endif
