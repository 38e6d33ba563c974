// terminal.c: every byte that reaches a person's screen outside of results. Model strings are
// escaped here, once, so that a hostile name cannot move the cursor or fake a message.
#include "driver/terminal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_NAME = 200, MAX_MESSAGE = 4000, BAR_WIDTH = 30 };
static const char *const severity_text[] = {"error", "warning", "note"};
static const char *const severity_colour[] = {"\033[1;31m", "\033[1;35m", "\033[36m"};

void terminal_init(Terminal *t, const Options *o) {
    bool tty = isatty(STDERR_FILENO) == 1;
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    bool dumb = term && !strcmp(term, "dumb");
    t->colour = tty && !(no_color && *no_color) && !dumb;
    if (!strcmp(o->color, "always")) t->colour = true;
    if (!strcmp(o->color, "never")) t->colour = false;
    t->progress = tty && !dumb && !o->quiet && !o->no_progress;
    t->quiet = o->quiet;
}

// ---- diagnostics ----------------------------------------------------------------------------
static void add_cut(Str *s, const char *text, size_t most) {
    size_t n = strlen(text);
    str_add_escaped(s, SINK_TERMINAL, n > most ? arena_strndup(s->arena, text, most) : text);
    if (n > most) str_addf(s, "... (%zu bytes)", n);
}
// model.onnx: node '/encoder/…' (#57 MatMul)   config.json:3:16   x.vg:7:3
static void add_place(Str *s, const LocInfo *at) {
    add_cut(s, at->file ? at->file : "vitc", MAX_MESSAGE);
    if (at->line) str_addf(s, ":%u", at->line);
    if (at->line && at->column) str_addf(s, ":%u", at->column);
    if (!at->node && (!at->op || at->line)) return; // a line says it
    str_add(s, ": node '");
    add_cut(s, at->node ? at->node : "", MAX_NAME);
    str_addf(s, "' (#%u", at->index);
    if (at->op) {
        str_add(s, " ");
        add_cut(s, at->op, MAX_NAME);
    }
    str_add(s, ")");
}
// Lines of our own text: each is escaped, and all but the first are indented.
static void add_lines(Str *s, const char *text, const char *indent) {
    for (const char *p = text;; p++) {
        size_t n = strcspn(p, "\n");
        add_cut(s, arena_strndup(s->arena, p, n), MAX_MESSAGE);
        p += n;
        if (!*p || !p[1]) break;
        str_addf(s, "\n%s", indent);
    }
    str_add(s, "\n");
}
static const char *format(Arena *a, bool colour, Severity sev, const LocInfo *at,
                          const char *message) {
    Str s = str_new(a);
    if (sev == SEV_NOTE) {
        str_add(&s, "    ");
    } else {
        add_place(&s, at);
        str_addf(&s, ": %s%s:%s ", colour ? severity_colour[sev] : "", severity_text[sev],
                 colour ? "\033[0m" : "");
    }
    add_lines(&s, message, "    ");
    return str_cstr(&s);
}
// A record: severity, line, column, index as text, then file, node, op, message; each ends with a
// NUL.
static void add_record(Str *s, Severity sev, const LocInfo *at, const char *message) {
    str_addf(s, "%d %u %u %u", (int)sev, at->line, at->column, at->index);
    const char *part[] = {"", at->file, at->node, at->op, message};
    for (size_t i = 1; i < COUNT_OF(part); i++) {
        str_add_n(s, "", 1);
        if (part[i]) str_add(s, part[i]);
    }
    str_add_n(s, "", 1);
}
void terminal_sink(void *terminal, Severity sev, const LocInfo *at, const char *message) {
    Terminal *t = terminal;
    if (t->record) {
        add_record(t->record, sev, at, message);
        return;
    }
    if (sev == SEV_WARNING && t->quiet) return;
    Arena *a = arena_new("diagnostic");
    if (t->errors && sev != SEV_WARNING)
        str_add(t->errors, format(t->errors->arena, false, sev, at, message));
    if (t->phase && t->progress) fputs("\r\033[K", stderr);
    fputs(format(a, t->colour, sev, at, message), stderr);
    arena_free(a);
}
// The next NUL-terminated string of a record; NULL when it ends early.
static const char *next_text(const char **p, const char *end) {
    const char *s = *p, *stop = memchr(s, 0, (size_t)(end - s));
    if (stop) *p = stop + 1;
    return stop ? s : NULL;
}
bool terminal_replay(Diag *d, ErrKind kind, const char *record, size_t n) {
    for (const char *p = record, *end = record + n; p < end;) {
        const char *head = next_text(&p, end), *file = head ? next_text(&p, end) : NULL;
        const char *node = file ? next_text(&p, end) : NULL, *op = node ? next_text(&p, end) : NULL;
        const char *message = op ? next_text(&p, end) : NULL;
        int sev;
        LocInfo at = {.file = file && *file ? file : NULL,
                      .node = node && *node ? node : NULL,
                      .op = op && *op ? op : NULL};
        if (!message || sscanf(head, "%d %u %u %u", &sev, &at.line, &at.column, &at.index) != 4)
            return false;
        Loc loc = diag_loc(d, at);
        if (sev == SEV_ERROR)
            diag_error(d, kind, loc, "%s", message);
        else if (sev == SEV_WARNING)
            diag_warning(d, loc, "%s", message);
        else
            diag_note(d, "%s", message);
    }
    return true;
}
void terminal_say(const Terminal *t, const char *fmt, ...) {
    if (t->quiet || t->record) return;
    Arena *a = arena_new("say");
    Str text = str_new(a), s = str_new(a);
    va_list ap;
    va_start(ap, fmt);
    str_vaddf(&text, fmt, ap);
    va_end(ap);
    add_lines(&s, str_cstr(&text), "");
    fputs(str_cstr(&s), stderr);
    arena_free(a);
}

// ---- progress -------------------------------------------------------------------------------
double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
void progress_begin(Terminal *t, const char *phase, uint64_t total) {
    t->phase = phase;
    t->total = total;
    t->drawn = seconds_now(); // nothing is drawn for a phase that ends at once
    if (t->progress && !total) fprintf(stderr, "\r\033[K%s...", phase);
}
void progress_step(Terminal *t, uint64_t done) {
    double now = seconds_now();
    if (!t->progress || !t->total || now - t->drawn < 0.1) return;
    t->drawn = now;
    int filled = (int)(done >= t->total ? BAR_WIDTH : (double)done / (double)t->total * BAR_WIDTH);
    fprintf(stderr, "\r\033[K%s [%.*s%*s] %d %%", t->phase, filled,
            "==============================", BAR_WIDTH - filled, "",
            (int)(100.0 * (double)done / (double)t->total));
}
void progress_end(Terminal *t) {
    if (t->progress && t->phase) fputs("\r\033[K", stderr);
    t->phase = NULL;
}
