// diag.c: errors with a place. The sink prints; this file only formats and remembers.
#include "ir/base.h"

struct Diag {
    Arena *arena;
    DiagSink sink;
    void *ctx;
    VEC(LocInfo) loc;
    ErrKind first;
    uint32_t nerrors;
};
enum { MAX_PRINTED = 20 }; // a broken file has one cause, not thousands

Diag *diag_new(Arena *a, DiagSink sink, void *ctx) {
    Diag *d = NEW(a, Diag);
    d->arena = a;
    d->sink = sink;
    d->ctx = ctx;
    *PUSH(a, &d->loc) = (LocInfo){0};
    return d;
}
static const char *keep(Arena *a, const char *s) {
    return s ? arena_strdup(a, s) : NULL;
}
Loc diag_loc(Diag *d, LocInfo at) {
    const LocInfo *last = &d->loc.data[d->loc.n - 1];
    // most places of one import share their file
    at.file = at.file && last->file && at.file == last->file ? last->file : keep(d->arena, at.file);
    at.node = keep(d->arena, at.node);
    at.op = keep(d->arena, at.op);
    *PUSH(d->arena, &d->loc) = at;
    return d->loc.n - 1;
}
void diag_subject(Diag *d, const char *file) {
    d->loc.data[0].file = keep(d->arena, file);
}
const LocInfo *diag_at(const Diag *d, Loc loc) {
    return &d->loc.data[loc < d->loc.n ? loc : 0];
}

static void say(Diag *d, Severity sev, Loc at, const char *fmt, va_list ap) {
    if (d->nerrors > MAX_PRINTED) return;
    Str s = str_new(d->arena);
    str_vaddf(&s, fmt, ap);
    if (d->sink) d->sink(d->ctx, sev, diag_at(d, at), str_cstr(&s));
}
bool diag_verror(Diag *d, ErrKind kind, Loc at, const char *fmt, va_list ap) {
    if (d->first == ERR_NONE) d->first = kind;
    d->nerrors++;
    say(d, SEV_ERROR, at, fmt, ap);
    return false;
}
bool diag_error(Diag *d, ErrKind kind, Loc at, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    diag_verror(d, kind, at, fmt, ap);
    va_end(ap);
    return false;
}
bool diag_note(Diag *d, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    say(d, SEV_NOTE, 0, fmt, ap);
    va_end(ap);
    return false;
}
bool diag_warning(Diag *d, Loc at, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    say(d, SEV_WARNING, at, fmt, ap);
    va_end(ap);
    return false;
}
ErrKind diag_kind(const Diag *d) {
    return d->first;
}
uint32_t diag_count(const Diag *d) {
    return d->nerrors;
}
