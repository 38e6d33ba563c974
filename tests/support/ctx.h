// ctx.h: a Ctx for unit tests that remembers what was reported, so that a test can ask for it.
#ifndef TESTS_SUPPORT_CTX_H
#define TESTS_SUPPORT_CTX_H
#include "ir/base.h"
#include <stdio.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

typedef struct TestCtx {
    Ctx c;
    char said[4096]; // every message, each as "file:line:column: node: text\n"
} TestCtx;

static inline void test_ctx_sink(void *to, Severity sev, const LocInfo *at, const char *message) {
    TestCtx *t = to;
    size_t n = strlen(t->said);
    char place[300] = "";
    if (at->line) snprintf(place, sizeof place, ":%u:%u", at->line, at->column);
    snprintf(t->said + n, sizeof t->said - n, "%s%s: %s%s%s\n", at->file ? at->file : "", place,
             at->node ? at->node : "", sev == SEV_WARNING ? "warning: " : "", message);
}
static inline TestCtx *test_ctx(void) {
    Arena *a = arena_new("test");
    TestCtx *t = NEW(a, TestCtx);
    t->c.arena = a;
    t->c.scratch = arena_new("test scratch");
    t->c.diag = diag_new(a, test_ctx_sink, t);
    return t;
}
static inline void test_ctx_free(TestCtx *t) {
    arena_free(t->c.scratch);
    arena_free(t->c.arena);
}
// The one error so far has this kind and mentions this text.
static inline void test_ctx_expect(TestCtx *t, ErrKind kind, const char *text) {
    if (diag_kind(t->c.diag) != kind || !strstr(t->said, text))
        fail_msg("expected error %d with \"%s\", got %d: %s", kind, text, diag_kind(t->c.diag),
                 t->said);
}
#endif
