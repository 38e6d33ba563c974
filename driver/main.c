// main.c: the command line's frame: parse, find the verb, run it, turn what went wrong into an exit
// code. The only file with state of the process: signal handlers and the exit for want of memory.
#include "driver/child.h"
#include "driver/outfile.h"
#include "driver/tool.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef bool (*VerbRun)(Tool *t);
static const VerbRun verb_table[VERB_COUNT] = {
#define VERB(id, name, least, most, args, summary) [VERB_##id] = verb_##name,
#include "driver/verbs.def"
};

// ---- the ways to end that are not diagnostics -----------------------------------------------
static void leave(const char *text, int code) {
    (void)!write(STDERR_FILENO, text, strlen(text));
    out_signal_cleanup();
    _exit(code);
}
static void on_exhausted(size_t nbytes) {
    char text[200];
    snprintf(text, sizeof text,
             "vitc: error: out of memory: %zu bytes more would pass the limit of %llu\n"
             "    raise it with --max-memory\n",
             nbytes, (unsigned long long)limit(LIM_MEMORY));
    leave(text, ERR_LIMIT);
}
static void on_broken_promise(int signo) {
    if (signo == SIGBUS) leave("vitc: error: a file became shorter while it was read\n", ERR_IO);
    leave("vitc: internal error: please report the command and the lines above\n", ERR_INTERNAL);
}
static void install_handlers(void) {
    static char stack[1 << 16]; // a stack that overflowed cannot run a handler
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction act = {.sa_handler = on_broken_promise,
                            .sa_flags = (int)(SA_RESETHAND | SA_ONSTACK)};
    sigaltstack(&alternate, NULL);
    sigaction(SIGABRT, &act, NULL);
    sigaction(SIGBUS, &act, NULL);
#if !defined(__SANITIZE_ADDRESS__) // whose report says more
    sigaction(SIGSEGV, &act, NULL);
#endif
    signal(SIGPIPE, SIG_IGN); // a write that fails is a diagnostic
    signal(SIGXFSZ, SIG_IGN);
    child_signals();
    arena_on_exhausted(on_exhausted);
}

// ---- one command ----------------------------------------------------------------------------
static void set_limits(const Options *o) {
    uint64_t half = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / 2;
    if (half < limit(LIM_MEMORY)) limit_set(LIM_MEMORY, half);
    if (o->max_memory) limit_set(LIM_MEMORY, (uint64_t)o->max_memory);
    if (o->max_seconds) limit_set(LIM_SECONDS, (uint64_t)o->max_seconds);
}
static void print_json_error(Tool *t, ErrKind kind) {
    Str s = str_new(t->c.arena);
    Json j = json_put_begin(&s, "error");
    json_put_text(&j, "verb", verb_info[t->opt.verb].name);
    json_put_int(&j, "exit", kind);
    while (t->term.errors->n && t->term.errors->data[t->term.errors->n - 1] == '\n')
        t->term.errors->n--;
    json_put_text(&j, "message", str_cstr(t->term.errors));
    json_put_finish(&j);
    tool_print(t, &s);
}
static bool run_command(Tool *t, int argc, char **argv) {
    options_default(t->c.arena, t->c.diag, &t->opt);
    terminal_init(&t->term, &t->opt); // for what is wrong with argv
    bool ok = options_parse(t->c.arena, t->c.diag, argc, argv, &t->opt);
    terminal_init(&t->term, &t->opt);
    if (!ok) return false;
    set_limits(&t->opt);
    Str errors = str_new(t->c.arena);
    if (t->opt.json) t->term.errors = &errors;
    ok = t->opt.help ? help_print_verb(t, t->opt.verb) : verb_table[t->opt.verb](t);
    ErrKind kind = diag_kind(t->c.diag);
    if (!ok && t->opt.json && kind != ERR_VERIFY) print_json_error(t, kind);
    t->term.errors = NULL;
    return ok;
}
int main(int argc, char **argv) {
    install_handlers();
    static Tool t;
    t.c.arena = arena_new("command");
    t.c.scratch = arena_new("scratch");
    t.c.diag = diag_new(t.c.arena, terminal_sink, &t.term);
    bool ok = run_command(&t, argc, argv);
    if (ok && !diag_count(t.c.diag)) return 0;
    ErrKind kind = diag_kind(t.c.diag);
    return kind ? (int)kind : ERR_INTERNAL;
}
