// work.c: runs a step in a child process. LLVM may abort, an image decoder may be attacked,
// compiled code may be wrong: whatever happens there ends as one message and an exit code here.
//
// What the child sends: its result, then its recorded diagnostics, then a trailer that says how
// long that is.
#include "driver/child.h"
#include "driver/memfile.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct Trailer {
    uint64_t record_bytes;
    uint32_t kind; // ErrKind of the first error
    uint32_t ok;
} Trailer;
typedef struct Job {
    Tool *tool;
    Work work;
    void *arg;
} Job;

static int in_child(int fd, void *ctx) {
    Job *job = ctx;
    Tool *t = job->tool;
    Str record = str_new(t->c.arena), result = str_new(t->c.arena);
    t->term.record = &record;
    t->term.progress = false;
    bool ok = job->work(t, job->arg, &result);
    Trailer end = {record.n, diag_kind(t->c.diag), ok};
    bool sent = write_all(fd, result.data, result.n) && write_all(fd, record.data, record.n) &&
                write_all(fd, &end, sizeof end);
    if (!sent) fprintf(stderr, "%s\n", strerror(errno)); // a limit on file sizes counts here, too
    fflush(stderr);
    _exit(sent ? 0 : ERR_IO);
}
// Takes the trailer and the diagnostics off the end of what came back.
static bool receive(Tool *t, const char *what, Bytes all, Bytes *result) {
    Trailer end = {0};
    if (all.n >= sizeof end) memcpy(&end, (const char *)all.data + all.n - sizeof end, sizeof end);
    bool whole = all.n >= sizeof end && end.record_bytes <= all.n - sizeof end;
    size_t n = whole ? all.n - sizeof end - end.record_bytes : 0;
    ErrKind kind = end.kind ? (ErrKind)end.kind : ERR_INTERNAL;
    if (!whole || !terminal_replay(t->c.diag, kind, (const char *)all.data + n, end.record_bytes))
        return diag_error(t->c.diag, ERR_INTERNAL, 0, "%s returned damaged data", what);
    *result = (Bytes){all.data, n};
    return end.ok;
}
bool work_run(Tool *t, const char *what, Work work, void *arg, Bytes *result) {
    Job job = {t, work, arg};
    ChildLimits limits = {.extra_as = limit(LIM_MEMORY),
                          .cpu_seconds = (unsigned)limit(LIM_SECONDS)};
    ChildResult r;
    Bytes all;
    if (!child_run(in_child, &job, &limits, &r))
        return diag_error(t->c.diag, r.kind, 0, "%s %s", what, r.message);
    return memfile_map(t, r.fd, r.size, what, &all) && receive(t, what, all, result);
}
