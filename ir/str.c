// str.c: text under construction, and the one escape function of every sink.
#include "ir/base.h"
#include <stdio.h>
#include <string.h>

Str str_new(Arena *a) {
    return (Str){a, NULL, 0, 0};
}
static void reserve(Str *s, size_t more) {
    if (s->cap - s->n > more) return; // room for a NUL behind
    size_t cap = s->cap ? s->cap : 256;
    while (cap - s->n <= more) cap *= 2;
    char *d = arena_alloc(s->arena, cap);
    if (s->n) memcpy(d, s->data, s->n);
    s->data = d;
    s->cap = cap;
}
void str_add_n(Str *s, const void *p, size_t n) {
    reserve(s, n);
    if (n) memcpy(s->data + s->n, p, n);
    s->n += n;
}
void str_add(Str *s, const char *text) {
    str_add_n(s, text, strlen(text));
}
void str_vaddf(Str *s, const char *fmt, va_list ap) {
    va_list again;
    va_copy(again, ap);
    char small[256];
    int n = vsnprintf(small, sizeof small, fmt, ap);
    if (n < 0) die("str_vaddf", "bad format %s", fmt);
    reserve(s, (size_t)n);
    vsnprintf(s->data + s->n, (size_t)n + 1, fmt, again);
    va_end(again);
    s->n += (size_t)n;
}
void str_addf(Str *s, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    str_vaddf(s, fmt, ap);
    va_end(ap);
}
const char *str_cstr(Str *s) {
    reserve(s, 1);
    s->data[s->n] = 0;
    return s->data;
}
bool str_starts(const char *s, const char *prefix) {
    return !strncmp(s, prefix, strlen(prefix));
}
bool str_ends(const char *s, const char *suffix) {
    size_t n = strlen(s), m = strlen(suffix);
    return n >= m && !strcmp(s + n - m, suffix);
}

// Levenshtein distance of two words below 64 characters; larger words are far from everything.
static size_t distance(const char *a, const char *b) {
    size_t n = strlen(a), m = strlen(b), row[64];
    if (n >= 64 || m >= 64) return 64;
    for (size_t j = 0; j <= m; j++) row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            size_t best = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            diagonal = row[j];
            row[j] = change < best ? change : best;
        }
    }
    return row[m];
}
static size_t same_start(const char *a, const char *b) {
    size_t n = 0;
    while (a[n] && a[n] == b[n]) n++;
    return n;
}
// The nearest; of equally near ones that which begins most alike.
const char *str_did_you_mean(const char *word, const char *const *names, size_t n) {
    const char *best = NULL;
    size_t least = strlen(word) / 2 < 3 ? strlen(word) / 2 + 1 : 4;
    for (size_t i = 0; i < n; i++) {
        size_t d = distance(word, names[i]);
        bool is_tie = best && d == least;
        if (d < least || (is_tie && same_start(word, names[i]) > same_start(word, best))) {
            least = d;
            best = names[i];
        }
    }
    return best;
}

// ---- escapes ---------------------------------------------------------------------------------
// Length of the valid UTF-8 sequence at s (no overlong forms, surrogates or values past U+10FFFF),
// or 0.
static size_t utf8_length(const unsigned char *s, uint32_t *code) {
    size_t n = s[0] < 0x80                   ? 1
               : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
               : (s[0] & 0xf0) == 0xe0       ? 3
               : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                             : 0;
    if (!n) return 0;
    uint32_t c = n == 1 ? s[0] : s[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
        c = c << 6 | (s[i] & 0x3fu);
    }
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return 0;
    *code = c;
    return n;
}
static bool is_hidden(uint32_t c) { // controls, bidi overrides, line and paragraph separators
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069) || c == 0x2028 || c == 0x2029 || c == 0x200e || c == 0x200f;
}
static bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("_./-", c));
}
static void add_terminal(Str *s, const unsigned char *p, size_t n, uint32_t c) {
    if (n && !is_hidden(c)) {
        str_add_n(s, p, n);
        return;
    }
    for (size_t i = 0; i < (n ? n : 1); i++) str_addf(s, "\\x%02x", p[i]);
}
static void add_c(Str *s, const unsigned char *p, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (p[i] >= 0x20 && p[i] < 0x7f && !strchr("\"\\?", p[i]))
            str_add_n(s, p + i, 1);
        else
            str_addf(s, "\\%03o", p[i]);
    }
}
static void add_json(Str *s, const unsigned char *p, size_t n, uint32_t c) {
    if (!n)
        str_addf(s, "\\u%04x", p[0]); // a stray byte, as if Latin-1
    else if (c == '"' || c == '\\')
        str_addf(s, "\\%c", (int)c);
    else if (c == '\n')
        str_add(s, "\\n");
    else if (is_hidden(c))
        str_addf(s, "\\u%04x", c);
    else
        str_add_n(s, p, n);
}
static void add_markup(Str *s, const unsigned char *p, size_t n, uint32_t c) {
    if (!n || (is_hidden(c) && c != '\n') || c == 0xfffe || c == 0xffff) // what XML has not
        str_add(s, "&#xfffd;");
    else if (c < 0x80 && strchr("<>&\"'", (int)c))
        str_addf(s, "&#%u;", c);
    else
        str_add_n(s, p, n);
}
void str_add_escaped(Str *s, Sink sink, const char *text) {
    const unsigned char *p = (const unsigned char *)text;
    while (*p) {
        uint32_t c = 0;
        size_t n = utf8_length(p, &c), step = n ? n : 1;
        switch (sink) {
        case SINK_TERMINAL: add_terminal(s, p, n, c); break;
        case SINK_C_STRING: add_c(s, p, step); break;
        case SINK_JSON: add_json(s, p, n, c); break;
        case SINK_MARKUP: add_markup(s, p, n, c); break;
        case SINK_COMMENT:
            str_add(s, n == 1 && is_plain((char)*p) ? (char[]){(char)*p, 0} : "_");
            break;
        }
        p += step;
    }
}
const char *escape(Arena *a, Sink sink, const char *text) {
    Str s = str_new(a);
    str_add_escaped(&s, sink, text);
    return str_cstr(&s);
}
