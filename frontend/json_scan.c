// json_scan.c: strict JSON, checked before cJSON sees it. cJSON alone takes invalid UTF-8, 01, 1.,
// raw newlines in strings, duplicate keys, 1e400 and \u0000, and it recurses; this scan refuses
// those, counts values (cJSON needs 64 bytes for two of text) and says where. It is one loop with
// an explicit stack.
#include "frontend/json.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NEST = 64, MAX_NUMBER = 63 }; // cJSON copies a number into 64 bytes
typedef struct Key {                     // to find duplicates in the end
    uint32_t object;
    uint32_t n;
    const char *text; // unescaped
    const char *at;
} Key;
typedef struct Scan {
    Ctx *c;
    const char *path, *begin, *p, *end;
    bool header;
    uint32_t nvalues, nobjects;
    VEC(Key) key;
} Scan;

// ---- places ----------------------------------------------------------------------------------
static Loc place(Ctx *c, const char *path, const char *begin, const char *at) {
    uint32_t line = 1, column = 1;
    for (const char *p = begin; p < at; p++) {
        if (*p == '\n') {
            line++;
            column = 1;
        } else if ((*p & 0xc0) != 0x80) { // count characters, not bytes
            column++;
        }
    }
    return diag_loc(c->diag, (LocInfo){.file = path, .line = line, .column = column});
}
static bool fail(Scan *s, ErrKind kind, const char *at, const char *what) {
    return diag_error(s->c->diag, kind, place(s->c, s->path, s->begin, at), "%s", what);
}
static bool bad(Scan *s, const char *what) {
    return fail(s, ERR_MODEL, s->p, what);
}

// ---- tokens ----------------------------------------------------------------------------------
static bool is_digit(char ch) {
    return ch >= '0' && ch <= '9';
}
static char peek(const Scan *s) {
    return s->p < s->end ? *s->p : 0;
}
static void skip_space(Scan *s) {
    while (s->p < s->end && *s->p && strchr(" \t\r\n", *s->p)) s->p++;
}
// Length of the UTF-8 sequence at p, 0 when it is malformed: overlong, surrogate, above U+10FFFF.
static int utf8_length(const char *text, const char *end) {
    const uint8_t *p = (const uint8_t *)text;
    int n = p[0] < 0x80                   ? 1
            : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
            : (p[0] & 0xf0) == 0xe0       ? 3
            : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
                                          : 0;
    if (n == 0 || end - text < n) return 0;
    for (int i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    bool wrong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
                 (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f);
    return wrong ? 0 : n;
}
static int hex4(const Scan *s, const char *p) {
    int v = 0;
    if (s->end - p < 4) return -1;
    for (int i = 0; i < 4; i++) {
        char ch = p[i], low = (char)(ch | 0x20);
        if (!is_digit(ch) && !(low >= 'a' && low <= 'f')) return -1;
        v = v * 16 + (is_digit(ch) ? ch - '0' : low - 'a' + 10);
    }
    return v;
}
static void add_utf8(Str *out, uint32_t u) {
    char b[4] = {(char)u};
    size_t n = u < 0x80 ? 1 : u < 0x800 ? 2 : u < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n; n > 1 && i-- > 1; u >>= 6) b[i] = (char)(0x80 | (u & 0x3f));
    if (n > 1) b[0] = (char)(lead[n] | u);
    str_add_n(out, b, n);
}
// At a backslash; the character goes to `out` when that is not NULL.
static bool scan_escape(Scan *s, Str *out) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *which = s->end - s->p >= 2 && s->p[1] ? strchr(from, s->p[1]) : NULL;
    if (which) {
        if (out) str_add_n(out, &to[which - from], 1);
        s->p += 2;
        return true;
    }
    if (s->end - s->p < 2 || s->p[1] != 'u') return bad(s, "unknown escape in a string");
    int hi = hex4(s, s->p + 2);
    if (hi < 0) return bad(s, "\\u needs four hexadecimal digits");
    if (hi == 0) return bad(s, "\\u0000 in a string");
    if ((hi & 0xfc00) == 0xdc00) return bad(s, "a low surrogate without its high one");
    uint32_t u = (uint32_t)hi;
    int length = 6;
    if ((hi & 0xfc00) == 0xd800) {
        bool pair = s->end - s->p >= 12 && s->p[6] == '\\' && s->p[7] == 'u';
        int lo = pair ? hex4(s, s->p + 8) : -1;
        if (lo < 0 || (lo & 0xfc00) != 0xdc00)
            return bad(s, "a high surrogate without its low one");
        u = 0x10000u + (((uint32_t)hi & 0x3ffu) << 10) + ((uint32_t)lo & 0x3ffu);
        length = 12;
    }
    if (out) add_utf8(out, u);
    s->p += length;
    return true;
}
static bool scan_string(Scan *s, Str *out) {
    const char *open = s->p++;
    while (s->p < s->end && *s->p != '"') {
        int n = utf8_length(s->p, s->end);
        if (n == 0) return bad(s, "invalid UTF-8 in a string");
        if ((uint8_t)*s->p < 0x20) return bad(s, "an unescaped control character in a string");
        if (*s->p == '\\') {
            if (!scan_escape(s, out)) return false;
            continue;
        }
        if (out) str_add_n(out, s->p, (size_t)n);
        s->p += n;
    }
    if (s->p == s->end) return fail(s, ERR_MODEL, open, "this string is not closed");
    s->p++;
    return true;
}
static bool scan_digits(Scan *s) {
    const char *from = s->p;
    while (is_digit(peek(s))) s->p++;
    return s->p > from || bad(s, "expected a digit");
}
static bool scan_number(Scan *s) {
    const char *from = s->p;
    if (*s->p == '-') s->p++;
    if (peek(s) == '0' && s->p + 1 < s->end && is_digit(s->p[1]))
        return bad(s, "a number must not start with 0");
    if (!scan_digits(s)) return false;
    const char *integer_end = s->p;
    if (peek(s) == '.') {
        s->p++;
        if (!scan_digits(s)) return false;
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        s->p++;
        if (peek(s) == '+' || peek(s) == '-') s->p++;
        if (!scan_digits(s)) return false;
    }
    char copy[MAX_NUMBER + 1] = {0};
    if (s->p - from > MAX_NUMBER)
        return fail(s, ERR_MODEL, from, "a number of more than 63 characters");
    memcpy(copy, from, (size_t)(s->p - from));
    double v = strtod(copy, NULL);
    if (isinf(v)) return fail(s, ERR_MODEL, from, "a number beyond the range of a double");
    if (s->header && (*from == '-' || s->p > integer_end || v > 0x1p53 - 1))
        return fail(s, ERR_MODEL, from, "expected an integer from 0 to 2^53-1");
    return true;
}
static bool scan_literal(Scan *s) {
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        size_t n = strlen(words[i]);
        if ((size_t)(s->end - s->p) < n || memcmp(s->p, words[i], n)) continue;
        s->p += n;
        return true;
    }
    return bad(s, "expected a value");
}
static bool scan_scalar(Scan *s) {
    char ch = peek(s);
    if (ch == '"') return scan_string(s, NULL);
    if (ch == '-' || is_digit(ch)) return scan_number(s);
    return scan_literal(s);
}
static bool scan_key(Scan *s, uint32_t object) {
    const char *at = s->p;
    if (peek(s) != '"') return bad(s, "expected a key in quotes");
    if (!scan_string(s, NULL)) return false;
    Key key = {object, (uint32_t)(s->p - at - 2), at + 1, at};
    if (memchr(key.text, '\\', key.n)) { // once more, to unescape it
        Str text = str_new(s->c->scratch);
        s->p = at;
        scan_string(s, &text);
        key.text = text.data;
        key.n = (uint32_t)text.n;
    }
    *PUSH(s->c->scratch, &s->key) = key;
    skip_space(s);
    if (peek(s) != ':') return bad(s, "expected ':'");
    s->p++;
    return true;
}

// ---- structure -------------------------------------------------------------------------------
// `open` tells an object ('{') from an array ('['); `object` numbers the objects of the text.
typedef struct Level {
    char open;
    uint32_t object;
} Level;
static bool scan_structure(Scan *s) {
    Level level[MAX_NEST];
    int depth = 0;
    bool first = true; // the container was just opened: it may end at once
    for (;;) {
        skip_space(s);
        Level *in = depth ? &level[depth - 1] : NULL;
        if (in && first && peek(s) == (in->open == '{' ? '}' : ']')) {
            s->p++;
            depth--;
        } else {
            if (in && in->open == '{' && !scan_key(s, in->object)) return false;
            skip_space(s);
            if (++s->nvalues > limit(LIM_JSON_VALUES))
                return fail(s, ERR_LIMIT, s->p, "too many values");
            char ch = peek(s);
            if (depth == 0 && ch != '{') return bad(s, "expected '{': the text must be an object");
            if (ch == '{' || ch == '[') {
                if (depth == MAX_NEST || (uint64_t)depth == limit(LIM_JSON_DEPTH))
                    return fail(s, ERR_LIMIT, s->p, "nested too deeply");
                level[depth++] = (Level){ch, ch == '{' ? s->nobjects++ : 0};
                s->p++;
                first = true;
                continue;
            }
            if (!scan_scalar(s)) return false;
        }
        // after a value: close what ends here, then a comma must follow
        for (skip_space(s); depth && peek(s) == (level[depth - 1].open == '{' ? '}' : ']');
             skip_space(s)) {
            s->p++;
            depth--;
        }
        if (depth == 0) return s->p == s->end || bad(s, "unexpected text after the end");
        if (peek(s) != ',')
            return bad(s, level[depth - 1].open == '{' ? "expected ',' or '}'"
                                                       : "expected ',' or ']'");
        s->p++;
        first = false;
    }
}
static int compare_keys(const void *a, const void *b) {
    const Key *x = a, *y = b;
    if (x->object != y->object) return x->object < y->object ? -1 : 1;
    int by_text = x->n && y->n ? memcmp(x->text, y->text, x->n < y->n ? x->n : y->n) : 0;
    if (by_text) return by_text;
    if (x->n != y->n) return x->n < y->n ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}
static bool check_unique(Scan *s) {
    const Key *k = s->key.data;
    if (s->key.n) qsort(s->key.data, s->key.n, sizeof *k, compare_keys);
    for (uint32_t i = 1; i < s->key.n; i++)
        if (k[i].object == k[i - 1].object && k[i].n == k[i - 1].n &&
            (k[i].n == 0 || !memcmp(k[i].text, k[i - 1].text, k[i].n)))
            return fail(s, ERR_MODEL, k[i].at, "this key occurs twice in its object");
    return true;
}
bool json_scan(Ctx *c, const char *path, const char *text, size_t n, bool header) {
    Scan s = {.c = c, .path = path, .begin = text, .p = text, .end = text + n, .header = header};
    uint64_t most = limit(header ? LIM_JSON_BYTES : LIM_CONFIG_BYTES);
    if (n > most)
        return diag_error(c->diag, ERR_LIMIT, diag_loc(c->diag, (LocInfo){.file = path}),
                          "%zu bytes of JSON; the limit is %llu", n, (unsigned long long)most);
    if (n >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) return bad(&s, "a byte order mark");
    const char *nul = n ? memchr(text, 0, n) : NULL;
    if (nul) return fail(&s, ERR_MODEL, nul, "a NUL byte");
    return scan_structure(&s) && check_unique(&s);
}
Loc json_place(Ctx *c, const char *path, const char *text, size_t n, uint32_t k) {
    Scan s = {.c = c, .path = path, .begin = text, .p = text, .end = text + n};
    uint32_t seen = 0;
    while (s.p < s.end) {
        if (strchr(" \t\r\n,:]}", *s.p)) {
            s.p++;
            continue;
        }
        const char *at = s.p;
        if (*s.p == '{' || *s.p == '[')
            s.p++;
        else
            scan_scalar(&s);
        if (*at == '"') skip_space(&s);
        bool is_key = *at == '"' && peek(&s) == ':';
        if (!is_key && seen++ == k) return place(c, path, text, at);
    }
    return diag_loc(c->diag, (LocInfo){.file = path});
}
