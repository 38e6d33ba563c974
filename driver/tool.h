// tool.h: what every verb is handed.
#ifndef DRIVER_TOOL_H
#define DRIVER_TOOL_H
#include "driver/json_out.h"
#include "driver/terminal.h"

typedef struct Tool {
    Ctx c; // lives as long as the command
    Options opt;
    Terminal term;
} Tool;

// Each returns true, or false after at least one diagnostic; its kind is the exit code.
#define VERB(id, name, least, most, args, summary) bool verb_##name(Tool *t);
#include "driver/verbs.def"

bool help_print_verb(Tool *t, VerbId verb);        // what `vitc VERB --help` prints
bool tool_print(Tool *t, Str *text);               // to stdout, whole
bool is_same_file(const char *a, const char *b);   // both exist and are one
const char *text_bytes(Arena *a, uint64_t nbytes); // 12.3 MB
const char *text_flops(Arena *a, double flops);    // 35.1 GFLOP
const char *text_seconds(Arena *a, double s);      // 1.23 ms
#endif
