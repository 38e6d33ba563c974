// c_levels.c: several machine levels in one C file. Each is printed as if it stood alone; here its
// functions and types get the suffix of the level, and pragmas name its machine, so that one
// command compiles them all.
#include "backends/c/c_print.h"
#include <ctype.h>
#include <string.h>

typedef struct Names {
    Arena *arena;
    VEC(const char *) name;
} Names;
static bool is_word(char c) {
    return isalnum((unsigned char)c) || c == '_';
}
static void add_word_before(Names *all, const char *line, const char *end) {
    while (end > line && !is_word(end[-1])) end--;
    const char *start = end;
    while (start > line && is_word(start[-1])) start--;
    *PUSH(all->arena, &all->name) = arena_strndup(all->arena, start, (size_t)(end - start));
}
// The printers begin every definition on a line of its own: `static … name(` or `typedef … name`,
// with `__attribute__` or a semicolon behind.
static Names defined_names(Arena *a, const char *text) {
    Names all = {.arena = a};
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *end = line + strcspn(line, "\n");
        if (str_starts(line, "static ")) {
            add_word_before(&all, line, line + strcspn(line, "("));
        } else if (str_starts(line, "typedef ")) {
            const char *attribute = strstr(line, " __attribute__");
            add_word_before(&all, line, attribute && attribute < end ? attribute : end);
        }
    }
    return all;
}
static bool is_defined(const Names *all, const char *word, size_t n) {
    for (uint32_t i = 0; i < all->name.n; i++)
        if (strlen(all->name.data[i]) == n && !memcmp(all->name.data[i], word, n)) return true;
    return false;
}
static void print_renamed(const Names *all, const char *text, const char *suffix, Str *out) {
    for (size_t n; *text; text += n) {
        n = 1;
        if (text[0] == '/' && text[1] == '/') n = strcspn(text, "\n");
        while (is_word(text[0]) && is_word(text[n])) n++;
        str_add_n(out, text, n);
        if (is_word(text[0]) && is_defined(all, text, n)) str_add(out, suffix);
    }
}
// "-mavx2 -mfma" as "avx2,fma"
static const char *features(const CModule *m) {
    Str s = str_new(m->c->scratch);
    for (size_t i = 0; feature_at(i); i++) {
        if (!target_has(m->target, feature_at(i)->bit)) continue;
        for (const char *p = feature_at(i)->cc; *p; p += strcspn(p, " "), p += *p == ' ') {
            const char *name = p + strlen("-m");
            str_addf(&s, "%s%.*s", s.n ? "," : "", (int)strcspn(name, " "), name);
        }
    }
    return str_cstr(&s);
}
void c_print_level(const CModule *m, const char *text, Str *out) {
    const char *enable = features(m);
    uint32_t bits = target_vector_bits(m->target);
    const char *prefer =
        bits ? arena_printf(m->c->scratch, ",prefer-vector-width=%u", bits) : "";
    Names all = defined_names(m->c->scratch, text);
    str_addf(out, "// ---- level %s ----\n", m->target->name);
    if (*enable)
        str_addf(out,
                 "#ifdef __clang__\n"
                 "#pragma clang attribute push(__attribute__((target(\"%s\"))), "
                 "apply_to = function)\n"
                 "#else\n#pragma GCC push_options\n#pragma GCC target(\"%s%s\")\n#endif\n",
                 enable, enable, prefer);
    print_renamed(&all, text, m->suffix, out);
    if (*enable)
        str_add(out, "#ifdef __clang__\n#pragma clang attribute pop\n"
                     "#else\n#pragma GCC pop_options\n#endif\n\n");
}
