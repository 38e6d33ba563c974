// cc.h: the system's C compiler as a back end and as a linker.
#ifndef DRIVER_CC_H
#define DRIVER_CC_H
#include "driver/build.h"

// Prints the program as C and has it compiled: to an object, or to assembly. The weights are an
// undefined symbol, as in LLVM's object. Absent or failing compiler: ERR_TARGET.
typedef enum { CC_OBJECT, CC_ASSEMBLY } CcResult;
bool cc_compile(Tool *t, const Program *p, const EmitOptions *e, CcResult kind, Bytes *out);
// Starts the compiler in `dir` with these arguments; what it says when it fails is quoted. To be
// called in a child (work_run).
bool cc_run(Tool *t, const char *dir, const char *what, const char *const *arg, size_t n);
// A file that comes with vitc ("vitc_object.h", "libvitc-runtime.a"): its directory, in the build
// tree or as installed. NULL after a diagnostic.
const char *support_dir(Tool *t, const char *file);
#endif
