// options.c: reads argv with the tables of options.def and verbs.def. One function per kind of
// argument; every mistake is named together with what was probably meant.
#include "driver/options.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const VerbInfo verb_info[VERB_COUNT] = {
#define VERB(id, verb, lo, hi, arguments, what) [VERB_##id] = {#verb, arguments, what, lo, hi},
#include "driver/verbs.def"
};
#define V(id) (1u << VERB_##id)
const OptionInfo option_info[] = {
#define OPT(k, field, text, key, arg, otherwise, of, about)                                        \
    {text, arg, otherwise, about, OPT_##k, key, of, offsetof(Options, field)},
#define ALIAS(field, text, key, arg, of, about)                                                    \
    {text, arg, NULL, about, OPT_FLAG, key, of, offsetof(Options, field)},
#include "driver/options.def"
};
const size_t option_rows = COUNT_OF(option_info);

const OptionInfo *option_original(const OptionInfo *i) {
    const OptionInfo *o = option_info;
    while (o->at != i->at) o++;
    return o;
}

typedef struct Parser {
    Arena *a;
    Diag *d;
    Options *o;
} Parser;

// ---- values ---------------------------------------------------------------------------------
size_t choice_split(Arena *a, const char *choices, const char *const **words) {
    VEC(const char *) v = {0};
    for (const char *p = choices; *p;) {
        size_t n = strcspn(p, "|");
        *PUSH(a, &v) = arena_strndup(a, p, n);
        p += n + (p[n] == '|');
    }
    *words = v.data;
    return v.n;
}
bool choice_has(const char *choices, const char *word) {
    size_t n = strlen(word);
    for (const char *p = choices; n && *p;) {
        size_t m = strcspn(p, "|");
        if (m == n && !memcmp(p, word, n)) return true;
        p += m + (p[m] == '|');
    }
    return false;
}
static bool bad_value(Parser *p, const OptionInfo *i, const char *value, const char *wanted) {
    return diag_error(p->d, ERR_USAGE, 0, "--%s: '%s' is not %s", i->name, value, wanted);
}
// A decimal number without sign or space; `end` is where it stops.
static bool read_count(const char *text, const char **end, int64_t *out) {
    if (*text < '0' || *text > '9') return false;
    char *stop;
    errno = 0;
    long long v = strtoll(text, &stop, 10);
    *end = stop;
    *out = v;
    return errno == 0;
}
// Values that have a meaning which this version lacks.
typedef struct Refusal {
    const char *option, *value, *instead;
} Refusal;
static const Refusal refusals[] = {
    {"dtype", "int8", "bf16 and f16 are there"},
    {"mask", "head_mask", "bool_masked_pos is there"},
    {"mask", "visible", "bool_masked_pos is there"},
};
static bool is_available(Parser *p, const char *option, const char *value) {
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        const Refusal *r = &refusals[i];
        if (strcmp(option, r->option) || strcmp(value, r->value)) continue;
        diag_error(p->d, ERR_UNSUPPORTED, 0, "--%s %s is not available", option, value);
        return diag_note(p->d, "%s", r->instead);
    }
    return true;
}
static bool set_choice(Parser *p, const OptionInfo *i, const char *meta, const char *value,
                       const char **field) {
    *field = value;
    if (choice_has(meta, value)) return is_available(p, i->name, value);
    const char *const *words;
    size_t n = choice_split(p->a, meta, &words);
    diag_error(p->d, ERR_USAGE, 0, "--%s: '%s' is not one of %s", i->name, value, meta);
    const char *near = str_did_you_mean(value, words, n);
    return near && diag_note(p->d, "did you mean '%s'?", near);
}
static bool set_count(Parser *p, const OptionInfo *i, const char *value, int64_t *field) {
    const char *end;
    return (read_count(value, &end, field) && !*end) || bad_value(p, i, value, "a whole number");
}
static bool set_size(Parser *p, const OptionInfo *i, const char *value, int64_t *field) {
    static const char unit[] = "KMGT";
    const char *end = value;
    bool ok = read_count(value, &end, field);
    const char *u = ok && *end ? strchr(unit, *end) : NULL;
    for (ptrdiff_t k = 0; u && k <= u - unit; k++)
        ok = ok && !__builtin_mul_overflow(*field, 1024, field);
    return (ok && !end[u != NULL]) || bad_value(p, i, value, "a size such as 4G, 512M or 100000");
}
static bool set_real(Parser *p, const OptionInfo *i, const char *value, double *field) {
    char *end;
    *field = strtod(value, &end);
    bool ok = end != value && !*end && isfinite(*field) && *field >= 0;
    return ok || bad_value(p, i, value, "a number, 0 or more");
}
static bool set_pair(Parser *p, const OptionInfo *i, const char *value, Pair *field) {
    const char *end = value;
    bool ok = read_count(value, &end, &field->h);
    field->w = field->h;
    if (ok && (*end == 'x' || *end == 'X')) ok = read_count(end + 1, &end, &field->w);
    ok = ok && !*end && field->h > 0 && field->w > 0;
    return ok || bad_value(p, i, value, "a size such as 224x224 (height x width)");
}
static bool set_value(Parser *p, const OptionInfo *named, const char *value) {
    const OptionInfo *i = option_original(named);
    void *field = (char *)p->o + i->at;
    switch (i->kind) {
    case OPT_FLAG: *(bool *)field = true; return true;
    case OPT_TEXT: *(const char **)field = value; return true;
    case OPT_LIST: *PUSH(p->a, (TextList *)field) = value; return true;
    case OPT_COUNT: return set_count(p, named, value, field);
    case OPT_SIZE: return set_size(p, named, value, field);
    case OPT_REAL: return set_real(p, named, value, field);
    case OPT_PAIR: return set_pair(p, named, value, field);
    case OPT_CHOICE: return set_choice(p, named, i->meta, value, field);
    }
    return false;
}

// ---- names ----------------------------------------------------------------------------------
static const OptionInfo *find_long(VerbId verb, const char *name, size_t n) {
    for (size_t i = 0; i < option_rows; i++) {
        const OptionInfo *o = &option_info[i];
        if (option_of(o, verb) && strlen(o->name) == n && !memcmp(o->name, name, n)) return o;
    }
    return NULL;
}
static const OptionInfo *find_letter(VerbId verb, char letter) {
    for (size_t i = 0; i < option_rows; i++)
        if (letter && option_info[i].letter == letter && option_of(&option_info[i], verb))
            return &option_info[i];
    return NULL;
}
static bool unknown_option(Parser *p, const char *word) {
    VerbId verb = p->o->verb;
    diag_error(p->d, ERR_USAGE, 0, "%s has no option '%s'", verb_info[verb].name, word);
    size_t n = strcspn(word, "="), count = 0;
    const char **names = NEW_N(p->a, const char *, option_rows);
    for (size_t i = 0; i < option_rows; i++) {
        const OptionInfo *o = &option_info[i];
        if (option_of(o, verb)) names[count++] = arena_printf(p->a, "--%s", o->name);
        if (n < 3 || strlen(o->name) != n - 2 || memcmp(o->name, word + 2, n - 2)) continue;
        for (VerbId v = 0; v < VERB_COUNT; v++)
            if (option_of(o, v))
                diag_note(p->d, "'--%s' belongs to %s", o->name, verb_info[v].name);
        return false;
    }
    const char *near = str_did_you_mean(arena_strndup(p->a, word, n), names, count);
    if (near) return diag_note(p->d, "did you mean '%s'?", near);
    return diag_note(p->d, "'vitc help %s' lists them", verb_info[verb].name);
}
static bool needs_argument(Parser *p, const OptionInfo *i) {
    return diag_error(p->d, ERR_USAGE, 0, "--%s needs an argument: %s", i->name, i->meta);
}
// --name, --name=value, --name value, -x value, -xvalue
static bool parse_option(Parser *p, char **argv, int argc, int *at) {
    const char *word = argv[*at];
    bool is_long = word[1] == '-';
    size_t n = strcspn(word, "=");
    const OptionInfo *i =
        is_long ? find_long(p->o->verb, word + 2, n - 2) : find_letter(p->o->verb, word[1]);
    if (!i) return unknown_option(p, word);
    const char *joined = is_long ? (word[n] ? word + n + 1 : NULL) : (word[2] ? word + 2 : NULL);
    if (option_original(i)->kind == OPT_FLAG) {
        if (joined) return diag_error(p->d, ERR_USAGE, 0, "--%s takes no argument", i->name);
        return set_value(p, i, NULL);
    }
    if (joined) return set_value(p, i, joined);
    if (*at + 1 >= argc) return needs_argument(p, i);
    return set_value(p, i, argv[++*at]);
}
static bool parse_verb(Parser *p, const char *word) {
    const char *names[VERB_COUNT];
    for (VerbId v = 0; v < VERB_COUNT; v++) {
        names[v] = verb_info[v].name;
        if (strcmp(word, names[v])) continue;
        p->o->verb = v;
        return true;
    }
    if (!strcmp(word, "--help") || !strcmp(word, "-h")) return p->o->verb = VERB_HELP, true;
    if (!strcmp(word, "--version")) return p->o->verb = VERB_VERSION, true;
    diag_error(p->d, ERR_USAGE, 0, "'%s' is not a verb of vitc", word);
    const char *near = str_did_you_mean(word, names, VERB_COUNT);
    if (near) return diag_note(p->d, "did you mean 'vitc %s'?", near);
    return diag_note(p->d, "'vitc help' lists them");
}
static bool missing_file(Parser *p, const VerbInfo *v) {
    diag_error(p->d, ERR_USAGE, 0, "%s needs a file", v->name);
    return diag_note(p->d, "usage: vitc %s %s", v->name, v->args);
}
static bool check_files(Parser *p) {
    const Options *o = p->o;
    const VerbInfo *v = &verb_info[o->verb];
    if (o->help) return true;
    if (o->file.n < v->least) return missing_file(p, v);
    if (o->file.n <= v->most) return true;
    diag_error(p->d, ERR_USAGE, 0, "'%s' is one argument too many", o->file.data[v->most]);
    return diag_note(p->d, "usage: vitc %s%s%s", v->name, *v->args ? " " : "", v->args);
}
void options_default(Arena *a, Diag *d, Options *out) {
    Parser p = {a, d, out};
    *out = (Options){.verb = VERB_HELP};
    for (size_t i = 0; i < option_rows; i++)
        if (option_info[i].fallback && *option_info[i].fallback)
            set_value(&p, &option_info[i], option_info[i].fallback);
        else if (option_info[i].fallback && option_info[i].kind == OPT_REAL)
            *(double *)((char *)out + option_info[i].at) = -1;
}

bool options_parse(Arena *a, Diag *d, int argc, char **argv, Options *out) {
    Parser p = {a, d, out};
    if (argc < 2) return true;
    if (!parse_verb(&p, argv[1])) return false;
    bool only_files = false;
    for (int i = 2; i < argc; i++) {
        const char *word = argv[i];
        if (!only_files && !strcmp(word, "--"))
            only_files = true;
        else if (only_files || word[0] != '-' || !word[1])
            *PUSH(a, &out->file) = word;
        else if (!parse_option(&p, argv, argc, &i))
            return false;
    }
    return check_files(&p);
}

bool parse_counts(Arena *a, Diag *d, const char *option, const char *text, int64_t most,
                  const int64_t **values, size_t *n) {
    VEC(int64_t) v = {0};
    for (const char *p = text;; p++) {
        int64_t value = 0;
        if (!read_count(p, &p, &value) || value < 1 || value > most || (*p && *p != ','))
            return diag_error(d, ERR_USAGE, 0, "--%s: '%s' is not a list of numbers from 1 to %lld",
                              option, text, (long long)most);
        *PUSH(a, &v) = value;
        if (!*p) break;
    }
    *values = v.data;
    *n = v.n;
    return true;
}
