// printers.h: the ways in which a Program becomes something that runs: LLVM in this process, or the
// C text through a compiler of this machine.
#ifndef TESTS_DIFF_PRINTERS_H
#define TESTS_DIFF_PRINTERS_H
#include "backends/backend.h"
#include "runtime/vitc_object.h"

enum { MAX_PRINTERS = 8 };
typedef struct Printer {
    const char *name; // "llvm", or compiler and level: "gcc-O1"
    const char *cc;   // NULL: LLVM
    const char *level;
    // A planted fault: what is printed in place of each kernel. NULL: the kernel itself.
    Kern *(*plant)(Arena *a, const Kern *k);
} Printer;
// Names separated by commas. Those whose compiler is not installed are left out, which is said
// once. 0 when the list has an error, which is said as well.
uint32_t printers_parse(Arena *a, const char *list, Printer *out);

typedef struct Printed {
    const vitc_model_info *info;
    LoadedModel *loaded; // by LLVM
    void *library;       // from C; shared by programs that were printed together
} Printed;
typedef struct Source {
    const Program *p;
    const void *image; // of p->weight_bytes
} Source;
// Prints, compiles and loads n programs. False when something refuses them, after a message on
// stderr; out then needs no printed_free.
bool printer_print(const Printer *pr, Ctx *c, const Source *src, uint32_t n, Printed *out);
// The C source and header, LLVM's object, and the (empty) weights of a program as files in dir, all
// named kernels; its symbol is kernels_model.
bool printers_write(Ctx *c, const Program *p, const char *dir);
bool write_file(const char *path, const void *data, size_t n);
void printed_free(Printed *p, uint32_t n); // what printer_print made in one call
#endif
