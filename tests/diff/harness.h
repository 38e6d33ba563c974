// harness.h: what every program of the tier shares: memory with guard pages, work in a child that
// may crash, and the words on the command line.
#ifndef TESTS_DIFF_HARNESS_H
#define TESTS_DIFF_HARNESS_H
#include "tests/diff/numbers.h"
#include "tests/diff/printers.h"

// ---- memory ----------------------------------------------------------------------------------
enum { MAX_REGIONS = 24 };
// What kernels can touch, in three copies: before, after the interpreter, after what was printed.
// Each region ends where an unmapped page begins, so an access beyond the lanes that an op names is
// a crash, not luck. The last region is the scratch.
typedef struct Memory {
    int n;
    uint64_t nbytes[MAX_REGIONS];
    const char *name[MAX_REGIONS];
    DType dt[MAX_REGIONS];     // as the parameter says; NONE: anything
    int64_t lead[MAX_REGIONS]; // bytes before the place that the argument points to
    char *start[MAX_REGIONS], *want[MAX_REGIONS], *got[MAX_REGIONS];
} Memory;
void memory_add(Memory *m, const char *name, DType dt, uint64_t nbytes);
void memory_free(Memory *m);
char *guarded_new(uint64_t nbytes); // ends at an unmapped page, begins behind one
void guarded_free(char *p, uint64_t nbytes);

// ---- verdicts --------------------------------------------------------------------------------
typedef enum {
    SAME = 0,
    DIFFERS = 10, // other bytes than the interpreter's
    CRASHES,      // a signal while printing or in what was printed
    REFUSED,      // a printer or a compiler accepts it not
    FAR,          // the interpreter's result is far from the eager reference
    INVALID,      // nothing to compare: the interpreter itself fails
} Verdict;
const char *verdict_text(Verdict v);
// Does `work` in a child, which may crash. quiet: what it says is lost.
Verdict in_child(Verdict (*work)(void *ctx), void *ctx, bool quiet);
// A signal from here on, in a child: means CRASHES, or (interpreting) INVALID. seconds: at most
// that long; 0 = any time.
void phase_begin(bool interpreting, unsigned seconds);
Ctx quiet_ctx(const char *name); // arenas of its own; what is reported is lost
Ctx loud_ctx(const char *name);  // reports on stderr
void ctx_free(Ctx *c);

// ---- surroundings ----------------------------------------------------------------------------
bool host_can_run(const Target *t); // else says [SKIP]
// That, or with the matrix unit emulated, which it says; slow.
bool host_can_run_or_emulate(const Target *t);
typedef struct Words {
    uint64_t count, seed;
    int64_t index;        // only this one, or -1
    int size;             // statements of a kernel
    const char *target;   // only this one, or NULL
    const char *printers; // names separated by commas
    const char *inputs;   // of a file: see kernel_run.h
    const char *write;    // a folder, or NULL
    DType dtype;          // of weights; NONE for a wrong name
    const char *const *file;
    int nfiles;
} Words;
// False after saying what is wrong.
bool words_parse(Words *w, int argc, char **argv);
bool read_text(const char *path, Str *out); // false after saying why
double cpu_seconds(void);                   // of this process and its children so far
#endif
