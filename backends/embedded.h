// embedded.h: the runtime inside the compiler, for objects that need no library: its sources for
// printed C, and for LLVM the code that clang made of them when vitc was built. CMakeLists.txt
// makes the table.
#ifndef BACKENDS_EMBEDDED_H
#define BACKENDS_EMBEDDED_H
#include <stddef.h>

typedef struct EmbeddedFile {
    const char *name; // run_model.c, runtime-x86-64.bc
    const unsigned char *data;
    size_t n;
} EmbeddedFile;
extern const EmbeddedFile embedded_files[];
extern const size_t embedded_count;
const EmbeddedFile *embedded_find(const char *name); // dies when there is none
#endif
