// lex.c: the scanner of .vk and .vp. Tokens are taken from the text as the grammar asks for them;
// there is no token array. The text need not end in a NUL.
#include "ir/lex.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WORD = 255, MAX_NUMBER = 63 };

Lexer lex_open(Arena *a, Diag *d, const char *file, const char *text, size_t n) {
    return (Lexer){a,    d, file, text, text + n, text, 1, {.file = file, .line = 1, .column = 1},
                   false};
}
static void skip_blanks(Lexer *l) {
    while (l->at < l->end) {
        char c = *l->at;
        if (c == '\n') {
            l->line++;
            l->line_start = l->at + 1;
        } else if (c == '/' && l->end - l->at > 1 && l->at[1] == '/') {
            const char *eol = memchr(l->at, '\n', (size_t)(l->end - l->at));
            l->at = eol ? eol : l->end;
            continue;
        } else if (c != ' ' && c != '\t' && c != '\r') {
            return;
        }
        l->at++;
    }
}
static LocInfo here(Lexer *l) {
    skip_blanks(l);
    uint32_t column = (uint32_t)(l->at - l->line_start) + 1;
    return (LocInfo){.file = l->file, .line = l->line, .column = column};
}
static void take(Lexer *l, size_t n) {
    l->token = here(l);
    l->at += n;
}
bool lex_error(Lexer *l, const char *fmt, ...) {
    if (l->failed) return false;
    va_list ap;
    va_start(ap, fmt);
    diag_verror(l->diag, ERR_MODEL, diag_loc(l->diag, l->token), fmt, ap);
    va_end(ap);
    l->failed = true;
    return false;
}
bool lex_unexpected(Lexer *l, const char *wanted) {
    if (l->failed) return false;
    l->token = here(l);
    size_t n = 0, left = (size_t)(l->end - l->at);
    while (n < left && n < 40 && l->at[n] != '\n') n++;
    if (n == 0) return lex_error(l, "expected %s, found the end", wanted);
    return lex_error(l, "expected %s, found '%.*s'", wanted, (int)n, l->at);
}
static bool is_word(char c, bool label) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (label && (c == '-' || c == '.' || c == '+'));
}
bool lex_at_end(Lexer *l) {
    if (l->failed) return true;
    skip_blanks(l);
    return l->at == l->end;
}
bool lex_peek(Lexer *l, const char *token) {
    if (l->failed) return false;
    skip_blanks(l);
    size_t n = strlen(token), left = (size_t)(l->end - l->at);
    if (left < n || memcmp(l->at, token, n)) return false;
    return !is_word(token[n - 1], false) || left == n || !is_word(l->at[n], false);
}
bool lex_accept(Lexer *l, const char *token) {
    if (!lex_peek(l, token)) return false;
    take(l, strlen(token));
    return true;
}
bool lex_expect(Lexer *l, const char *token) {
    if (lex_accept(l, token)) return true;
    char quoted[40];
    snprintf(quoted, sizeof quoted, "'%s'", token);
    return lex_unexpected(l, quoted);
}
static const char *word(Lexer *l, bool label) {
    if (l->failed) return "";
    skip_blanks(l);
    size_t n = 0, left = (size_t)(l->end - l->at);
    while (n < left && is_word(l->at[n], label)) n++;
    if (n == 0) return lex_unexpected(l, "a name"), "";
    if (n > MAX_WORD) return lex_error(l, "a word of %zu characters", n), "";
    take(l, n);
    return arena_strndup(l->arena, l->at - n, n);
}
const char *lex_name(Lexer *l) { return word(l, false); }
const char *lex_label(Lexer *l) { return word(l, true); }

// ---- strings ---------------------------------------------------------------------------------
static bool octal(const char *p, const char *end, char *byte) {
    if (end - p < 3) return false;
    int v = 0;
    for (int i = 0; i < 3; i++) {
        if (p[i] < '0' || p[i] > '7') return false;
        v = v * 8 + (p[i] - '0');
    }
    *byte = (char)v;
    return v > 0 && v < 256;
}
const char *lex_string(Lexer *l) {
    Str s = str_new(l->arena);
    if (!lex_expect(l, "\"")) return "";
    while (l->at < l->end && *l->at != '"' && *l->at != '\n') {
        char c = *l->at++;
        if (c == 0) break;
        if (c == '\\') {
            if (!octal(l->at, l->end, &c)) return lex_error(l, "expected three octal digits"), "";
            l->at += 3;
        }
        str_add_n(&s, &c, 1);
    }
    if (s.n > limit(LIM_NAME_BYTES)) return lex_error(l, "a string of %zu bytes", s.n), "";
    if (l->at == l->end || *l->at != '"')
        return lex_error(l, "a string does not end on its line"), "";
    l->at++;
    return str_cstr(&s);
}

// ---- numbers ---------------------------------------------------------------------------------
static bool is_number(const char *p, size_t n) { // may p[n] belong to a number that starts at p?
    if (p[n] == '-' && n == 0) return true;
    if (p[n] == '-' || p[n] == '+') return n > 0 && (p[n - 1] == 'e' || p[n - 1] == 'p');
    return is_word(p[n], false) || p[n] == '.';
}
// Copies the number that starts here, so that strtod and friends see a NUL behind it.
static const char *number(Lexer *l, char text[MAX_NUMBER + 1]) {
    skip_blanks(l);
    size_t n = 0, left = (size_t)(l->end - l->at);
    while (n < left && n < MAX_NUMBER && is_number(l->at, n)) n++;
    memcpy(text, l->at, n);
    text[n] = 0;
    return text;
}
int64_t lex_int(Lexer *l) {
    char text[MAX_NUMBER + 1], *end;
    if (l->failed) return 0;
    errno = 0;
    int64_t v = strtoll(number(l, text), &end, 10);
    if (end == text || *end || errno) return lex_unexpected(l, "an integer");
    take(l, strlen(text));
    return v;
}
uint64_t lex_uint(Lexer *l) {
    char text[MAX_NUMBER + 1], *end;
    if (l->failed) return 0;
    errno = 0;
    number(l, text);
    uint64_t v = strtoull(text, &end, !strncmp(text, "0x", 2) ? 16 : 10);
    if (end == text || *end || errno || *text == '-') return lex_unexpected(l, "a number");
    take(l, strlen(text));
    return v;
}
double lex_float(Lexer *l) {
    char text[MAX_NUMBER + 1], *end;
    if (l->failed) return 0;
    double v = strtod(number(l, text), &end);
    if (end == text || *end || isnan(v)) return lex_unexpected(l, "a number");
    take(l, strlen(text));
    return v;
}
