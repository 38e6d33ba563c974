// child.h: work that may crash or run away happens in a forked child; its bytes and its fate come
// back.
#ifndef DRIVER_CHILD_H
#define DRIVER_CHILD_H
#include "ir/base.h"

typedef struct ChildLimits {
    uint64_t extra_as;    // bytes of address space beyond what this process has now; 0 = no limit
    unsigned cpu_seconds; // processor time; 0 = no limit
} ChildLimits;
typedef struct ChildResult {
    int fd; // a memfd with what the child wrote, at offset 0; the caller closes it
    uint64_t size;
    ErrKind kind;      // when it failed: ERR_LIMIT, ERR_IO or ERR_INTERNAL…
    char message[512]; // …and what to say after its name: "ran out of memory". Printable ASCII
} ChildResult;

// The work: writes its result to `out`, 0 on success. What it says on stderr is quoted when it
// fails; nothing that it says reaches the real stdout or stderr. It may end by _exit(ErrKind), exit
// or a signal.
typedef int (*ChildFn)(int out, void *ctx);
bool child_run(ChildFn fn, void *ctx, const ChildLimits *lim, ChildResult *r);

// SIGINT, SIGTERM and SIGHUP remove the temporaries of outfile.h and end the process by that
// signal; a child that is at work dies with it. Once, at start-up.
void child_signals(void);
#endif
