// emit.h: from a Program to the files that compile writes.
#ifndef DRIVER_EMIT_H
#define DRIVER_EMIT_H
#include "driver/build.h"

typedef struct Emitted { // for the summary
    const char *output, *header; // header: NULL when none was written
    uint64_t code_bytes;
} Emitted;
// All files that --emit, --save-temps and --depfile ask for, or none. `opened`: what the depfile
// names.
bool emit_program(Tool *t, const Program *p, const EmitOptions *e, const FileNames *opened,
                  Emitted *out);
// "out/libvit.a" gives "vit": what files beside the output and symbols are called after.
const char *emit_base(Tool *t, const char *output);
bool emit_can_print(const Tool *t); // --emit llvm needs no -o

// depfile.c: the rule "output: opened…" as make and ninja read it. False after a diagnostic.
bool depfile_text(Tool *t, const char *output, const FileNames *opened, Str *out);
#endif
