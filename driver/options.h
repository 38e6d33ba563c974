// options.h: the command line as data. options.def and verbs.def are the tables; options.c reads
// argv with them, help.c prints them.
#ifndef DRIVER_OPTIONS_H
#define DRIVER_OPTIONS_H
#include "ir/base.h"

typedef enum {
#define VERB(id, name, least, most, args, summary) VERB_##id,
#include "driver/verbs.def"
    VERB_COUNT
} VerbId;
typedef struct VerbInfo {
    const char *name, *args, *summary;
    uint32_t least, most; // files it takes
} VerbInfo;
extern const VerbInfo verb_info[VERB_COUNT];

typedef enum {
    OPT_FLAG,
    OPT_TEXT,
    OPT_LIST,
    OPT_COUNT,
    OPT_REAL,
    OPT_SIZE,
    OPT_PAIR,
    OPT_CHOICE
} OptKind;
typedef VEC(const char *) TextList;
typedef struct Pair {
    int64_t h, w;
} Pair;
typedef struct Options {
    VerbId verb;
    TextList file; // what is not an option
#define TYPE_FLAG bool
#define TYPE_TEXT const char *
#define TYPE_CHOICE const char *
#define TYPE_LIST TextList
#define TYPE_COUNT int64_t
#define TYPE_SIZE int64_t
#define TYPE_REAL double
#define TYPE_PAIR Pair
#define OPT(kind, field, name, letter, meta, fallback, verbs, help) TYPE_##kind field;
#define ALIAS(field, name, letter, meta, verbs, help)
#include "driver/options.def"
} Options;

typedef struct OptionInfo {
    const char *name, *meta, *fallback, *help;
    OptKind kind;
    char letter;
    uint32_t verbs; // bit VerbId
    size_t at;      // offset of its field in Options
} OptionInfo;
extern const OptionInfo option_info[]; // the rows of options.def in order; an alias has no fallback
extern const size_t option_rows;
static inline bool option_of(const OptionInfo *i, VerbId v) {
    return (i->verbs >> v & 1) != 0;
}
const OptionInfo *option_original(const OptionInfo *i); // of an alias (kind, fallback); else itself

void options_default(Arena *a, Diag *d, Options *out);
// Reads argv[1..] over the defaults. False after diagnostics (ERR_USAGE). `vitc`, `vitc --help` and
// `vitc --version` become the verbs help and version.
bool options_parse(Arena *a, Diag *d, int argc, char **argv, Options *out);
// One word out of "a|b|c".
bool choice_has(const char *choices, const char *word);
size_t choice_split(Arena *a, const char *choices, const char *const **words);
// "1,2,8" as numbers in 1..most. False after a diagnostic that names the option.
bool parse_counts(Arena *a, Diag *d, const char *option, const char *text, int64_t most,
                  const int64_t **values, size_t *n);
#endif
