// terminal.h: what a person sees on stderr: diagnostics, a summary, progress. stdout carries
// results only.
#ifndef DRIVER_TERMINAL_H
#define DRIVER_TERMINAL_H
#include "driver/options.h"

typedef struct Terminal {
    bool colour, progress, quiet;
    Str *record;       // in a child: diagnostics are recorded here and printed by the parent
    Str *errors;       // --json: the same, for the error object on stdout
    const char *phase; // progress: what is being done, NULL = nothing
    uint64_t total;
    double drawn; // when, in seconds
} Terminal;

void terminal_init(Terminal *t, const Options *o);
void terminal_sink(void *terminal, Severity sev, const LocInfo *at,
                   const char *message); // DiagSink
// Prints what a child recorded, as errors of kind `kind`. False when the record is damaged.
bool terminal_replay(Diag *d, ErrKind kind, const char *record, size_t n);
// One line of information, unless --quiet.
void terminal_say(const Terminal *t, const char *fmt, ...) PRINTF_LIKE(2, 3);

// A bar on a terminal, nothing elsewhere. `total` 0: only the phase's name.
void progress_begin(Terminal *t, const char *phase, uint64_t total);
void progress_step(Terminal *t, uint64_t done);
void progress_end(Terminal *t);
double seconds_now(void); // monotonic
#endif
