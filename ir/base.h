// base.h: what every part of the compiler stands on: arenas, strings, checked sizes, diagnostics
// with a place, and the one table of limits. No compiler words here.
#ifndef IR_BASE_H
#define IR_BASE_H
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))
#define NORETURN __attribute__((noreturn))
#else
#define PRINTF_LIKE(fmt, first)
#define NORETURN
#endif
#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))
#define MAX_RANK 8

// ---- limits (SAFETY: one table; `vitc doctor` prints it) -------------------------------------
typedef enum {
#define LIMIT(name, value, why) LIM_##name,
#include "ir/limits.def"
#undef LIMIT
    LIM_COUNT
} LimitId;
uint64_t limit(LimitId id);             // the value in force
void limit_set(LimitId id, uint64_t v); // --max-memory, --max-seconds; before any work
const char *limit_name(LimitId id);
const char *limit_why(LimitId id);

// ---- arenas ----------------------------------------------------------------------------------
// One arena per lifetime; nothing is freed singly. Memory is zeroed and 64-byte aligned.
// When the budget (LIM_MEMORY over all arenas) or the system refuses, the handler set by the
// driver reports a resource error (exit 6) and does not return.
typedef struct Arena Arena;
Arena *arena_new(const char *name);
void arena_free(Arena *a);
void arena_reset(Arena *a); // forget everything, keep the first block; ASan poisons it
void *arena_alloc(Arena *a, size_t nbytes);
void *arena_alloc_n(Arena *a, size_t n, size_t size); // checked product
void *arena_copy(Arena *a, const void *p, size_t nbytes);
char *arena_strdup(Arena *a, const char *s);
char *arena_strndup(Arena *a, const char *s, size_t n); // adds a NUL
char *arena_printf(Arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
uint64_t arena_total(void); // bytes in all arenas
void arena_on_exhausted(void (*handler)(size_t nbytes));
#define NEW(a, T) ((T *)arena_alloc((a), sizeof(T)))
#define NEW_N(a, T, n) ((T *)arena_alloc_n((a), (n), sizeof(T)))

// Growable array in an arena: struct { T *data; uint32_t n, cap; }. PUSH returns the element's
// address.
#define VEC(T)                                                                                     \
    struct {                                                                                       \
        T *data;                                                                                   \
        uint32_t n, cap;                                                                           \
    }
#define PUSH(a, v)                                                                                 \
    ((v)->data = vec_reserve((a), (v)->data, (v)->n, &(v)->cap, sizeof *(v)->data),                \
     &(v)->data[(v)->n++])
void *vec_reserve(Arena *a, void *data, uint32_t n, uint32_t *cap, size_t size);

// ---- strings ---------------------------------------------------------------------------------
// A text under construction (not NUL-terminated while it grows; str_cstr adds one).
typedef struct Str {
    Arena *arena;
    char *data;
    size_t n, cap;
} Str;
Str str_new(Arena *a);
void str_add(Str *s, const char *text);
void str_add_n(Str *s, const void *p, size_t n);
void str_addf(Str *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
void str_vaddf(Str *s, const char *fmt, va_list ap);
const char *str_cstr(Str *s);
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
// The closest of names[0..n) to `word` (edit distance <= 3 and less than half its length), or NULL.
const char *str_did_you_mean(const char *word, const char *const *names, size_t n);

// Strings from a model reach a sink only through the sink's own escape (SAFETY section 7).
typedef enum { SINK_TERMINAL, SINK_C_STRING, SINK_JSON, SINK_MARKUP, SINK_COMMENT } Sink;
void str_add_escaped(Str *s, Sink sink, const char *text);
const char *escape(Arena *a, Sink sink, const char *text);

// ---- checked sizes ---------------------------------------------------------------------------
bool size_mul(uint64_t a, uint64_t b, uint64_t *out); // false on overflow
bool size_add(uint64_t a, uint64_t b, uint64_t *out);
static inline uint64_t round_up(uint64_t v, uint64_t to) {
    return (v + to - 1) / to * to;
}
static inline int64_t min_i64(int64_t a, int64_t b) {
    return a < b ? a : b;
}
static inline int64_t max_i64(int64_t a, int64_t b) {
    return a > b ? a : b;
}
static inline int64_t ceil_div(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

// ---- diagnostics -----------------------------------------------------------------------------
// The kind of an error is the exit code of the command (CLI.md).
typedef enum {
    ERR_NONE = 0,
    ERR_VERIFY = 1,      // verification failed
    ERR_USAGE = 2,       // the command line
    ERR_MODEL = 3,       // malformed or inconsistent input
    ERR_UNSUPPORTED = 4, // well-formed, but beyond what vitc does
    ERR_IO = 5,          // a file could not be read or written
    ERR_LIMIT = 6,       // a resource limit
    ERR_TARGET = 7,      // target or CPU not available
    ERR_INTERNAL = 70,   // our bug
} ErrKind;

// A place: file, then a model node or a line and column. 0 = no place.
typedef uint32_t Loc;
typedef struct LocInfo {
    const char *file;
    const char *node, *op; // node of a model and its operator, or NULL
    uint32_t index;        // index of that node in its graph
    uint32_t line, column; // of a text, from 1; 0 = none
} LocInfo;

typedef struct Diag Diag; // collects errors; the sink prints each one at once
typedef enum { SEV_ERROR, SEV_WARNING, SEV_NOTE } Severity;
typedef void (*DiagSink)(void *ctx, Severity sev, const LocInfo *at, const char *message);
Diag *diag_new(Arena *a, DiagSink sink, void *ctx);
Loc diag_loc(Diag *d, LocInfo at); // registers a place; strings are kept
const LocInfo *diag_at(const Diag *d, Loc loc);
void diag_subject(Diag *d, const char *file); // what errors without a place are about
// Each returns false, so that `return diag_error(…)` or `return diag_error(…), NULL` reads well.
// Model strings in a message are passed as %s arguments; the sink escapes the whole message.
bool diag_error(Diag *d, ErrKind kind, Loc at, const char *fmt, ...) PRINTF_LIKE(4, 5);
bool diag_verror(Diag *d, ErrKind kind, Loc at, const char *fmt, va_list ap);
bool diag_note(Diag *d, const char *fmt, ...) PRINTF_LIKE(2, 3); // an indented fact below it
bool diag_warning(Diag *d, Loc at, const char *fmt, ...) PRINTF_LIKE(3, 4);
ErrKind diag_kind(const Diag *d);   // of the first error, or ERR_NONE
uint32_t diag_count(const Diag *d); // errors so far

// A broken promise of ours: prints `where` and the message, then aborts (the child's death is
// turned into exit 70 by the driver).
void die(const char *where, const char *fmt, ...) PRINTF_LIKE(2, 3) NORETURN;

// What nearly every function of the compiler is handed: lifetimes and diagnostics.
typedef VEC(const char *) FileNames;
typedef struct Ctx {
    Arena *arena;   // lives until the command ends
    Arena *scratch; // reset by whoever owns the current step (pipeline, image writer)
    Diag *diag;
    FileNames *opened; // every file that file_map opens is added; NULL: nobody asks
} Ctx;
#endif
