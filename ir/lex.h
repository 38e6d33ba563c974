// lex.h: reading the text forms: words, numbers, strings and punctuation with their place. After
// the first error nothing more is accepted, so a parser can go on to its end without checking each
// step.
#ifndef IR_LEX_H
#define IR_LEX_H
#include "ir/base.h"

typedef struct Lexer {
    Arena *arena;              // of the strings it returns
    Diag *diag;
    const char *file;
    const char *at, *end;
    const char *line_start;
    uint32_t line;             // from 1
    LocInfo token;             // where the token taken last began
    bool failed;
} Lexer;

Lexer lex_open(Arena *a, Diag *d, const char *file, const char *text, size_t n);
// Both report once, and return false.
bool lex_error(Lexer *l, const char *fmt, ...) PRINTF_LIKE(2, 3);      // about the token taken last
bool lex_unexpected(Lexer *l, const char *wanted);                     // about the next one
bool lex_at_end(Lexer *l);                            // only blanks and // comments are left
bool lex_peek(Lexer *l, const char *token);           // a whole word, or punctuation
bool lex_accept(Lexer *l, const char *token);         // the same, and takes it
bool lex_expect(Lexer *l, const char *token);         // the same, and complains
const char *lex_name(Lexer *l);                       // letters, digits and _; "" after an error
const char *lex_label(Lexer *l);                      // also . and -: x86-64-v3
const char *lex_string(Lexer *l);                     // "…" as SINK_C_STRING writes it
int64_t lex_int(Lexer *l);                            // 0 after an error
uint64_t lex_uint(Lexer *l);
double lex_float(Lexer *l);                           // also inf and -inf
#endif
