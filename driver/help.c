// help.c: everything that explains vitc, printed from verbs.def and options.def: help, completion,
// man page.
#include "driver/tool.h"
#include "ir/graph.h"
#include "passes/passes.h"
#include <string.h>

typedef struct Example {
    VerbId verb;
    const char *line, *what;
} Example;
static const Example examples[] = {
#define EXAMPLE(id, line, what) {VERB_##id, line, what},
#include "driver/verbs.def"
};
typedef struct ExitCode {
    ErrKind kind;
    const char *text;
} ExitCode;
static const ExitCode exit_codes[] = {
    {ERR_NONE, "success"},
    {ERR_VERIFY, "verification failed"},
    {ERR_USAGE, "the command line is wrong"},
    {ERR_MODEL, "a model or input is malformed or inconsistent"},
    {ERR_UNSUPPORTED, "well-formed, but beyond what vitc does"},
    {ERR_IO, "a file could not be read or written"},
    {ERR_LIMIT, "a resource limit was reached"},
    {ERR_TARGET, "the target or this processor is not available"},
    {ERR_INTERNAL, "an error in vitc itself"},
};

// ---- help -----------------------------------------------------------------------------------
enum { HELP_COLUMN = 30, HELP_WIDTH = 98 };
static const char *option_heading(Arena *a, const OptionInfo *i) {
    const char *name = i->letter ? arena_printf(a, "-%c, --%s", i->letter, i->name)
                                 : arena_printf(a, "    --%s", i->name);
    return *i->meta ? arena_printf(a, "%s %s", name, i->meta) : name;
}
static const char *option_text(Arena *a, const OptionInfo *i) {
    const char *fallback = option_original(i)->fallback;
    return *fallback ? arena_printf(a, "%s (default %s)", i->help, fallback) : i->help;
}
static void add_wrapped(Str *s, const char *text, size_t column) {
    size_t at = column;
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, " ");
        if (at + n > HELP_WIDTH && at > column) str_addf(s, "\n%*s", (int)(at = column), "");
        str_addf(s, "%s%.*s", at > column ? " " : "", (int)n, p);
        at += n + (at > column);
        p += n + (p[n] == ' ');
    }
    str_add(s, "\n");
}
static bool is_common(const OptionInfo *i) {
    return i->verbs == ~0u;
}
static void add_options(Str *s, VerbId verb, bool common) {
    for (size_t i = 0; i < option_rows; i++) {
        const OptionInfo *o = &option_info[i];
        if (!option_of(o, verb) || is_common(o) != common) continue;
        const char *heading = option_heading(s->arena, o);
        str_addf(s, "  %-*s", HELP_COLUMN - 4, heading);
        if (strlen(heading) > HELP_COLUMN - 4)
            str_addf(s, "\n%*s", HELP_COLUMN, "");
        else
            str_add(s, "  ");
        add_wrapped(s, option_text(s->arena, o), HELP_COLUMN);
    }
}
static void add_verb_help(Str *s, VerbId verb) {
    const VerbInfo *v = &verb_info[verb];
    str_addf(s, "vitc %s: %s\n\nExamples:\n", v->name, v->summary);
    for (size_t i = 0; i < COUNT_OF(examples); i++)
        if (examples[i].verb == verb)
            str_addf(s, "  %s\n      %s\n", examples[i].line, examples[i].what);
    str_addf(s, "\nUsage: vitc %s [options]%s%s\n", v->name, *v->args ? " " : "", v->args);
    add_options(s, verb, false);
    str_add(s, "\nCommon options:\n");
    add_options(s, verb, true);
}
static void add_help(Str *s) {
    str_add(s, "vitc compiles ViT-MSN vision transformers ahead of time into linkable "
               "objects.\n\nExamples:\n");
    for (size_t i = 0; i < COUNT_OF(examples); i++)
        if (!i || examples[i].verb != examples[i - 1].verb)
            str_addf(s, "  %s\n      %s\n", examples[i].line, examples[i].what);
    str_add(s, "\nUsage: vitc VERB [options] FILES\n");
    for (VerbId v = 0; v < VERB_COUNT; v++)
        str_addf(s, "  %-10s %s\n", verb_info[v].name, verb_info[v].summary);
    str_add(s,
            "\nMODEL is an ONNX file, a Hugging Face directory or its config.json, or .vg or .vp "
            "text;\n- reads text from standard input.\n\nExit codes:\n");
    for (size_t i = 0; i < COUNT_OF(exit_codes); i++)
        str_addf(s, "  %2d  %s\n", (int)exit_codes[i].kind, exit_codes[i].text);
    str_add(s, "\n'vitc help VERB' explains a verb.\n");
}
static void add_ops(Str *s) {
    for (GraphOp op = 1; op < OP_COUNT; op++)
        str_addf(s, "%-12s operands %u..%u\n", graph_op[op].text, graph_op[op].min_in,
                 graph_op[op].max_in);
}

// ---- completion -----------------------------------------------------------------------------
// The words of an option's argument, "" when it is a file, NULL when it is free text.
static const char *argument_words(Arena *a, const OptionInfo *i) {
    if (!strcmp(i->meta, "FILE")) return "";
    if (!strcmp(i->name, "target")) {
        Str s = str_new(a);
        str_add(&s, "native");
        for (size_t k = 0; target_at(k); k++) str_addf(&s, " %s", target_at(k)->name);
        return str_cstr(&s);
    }
    if (option_original(i)->kind != OPT_CHOICE) return NULL;
    char *words = arena_strdup(a, i->meta);
    for (char *p = words; *p; p++)
        if (*p == '|') *p = ' ';
    return words;
}
static const char *verb_words(Arena *a) {
    Str s = str_new(a);
    for (VerbId v = 0; v < VERB_COUNT; v++) str_addf(&s, "%s%s", v ? " " : "", verb_info[v].name);
    return str_cstr(&s);
}
static void add_bash_verb(Str *s, VerbId verb) {
    str_addf(s, "    %s)\n        case \"$prev\" in\n", verb_info[verb].name);
    for (size_t i = 0; i < option_rows; i++) {
        const OptionInfo *o = &option_info[i];
        const char *words = option_of(o, verb) && option_original(o)->kind != OPT_FLAG
                                ? argument_words(s->arena, o)
                                : NULL;
        if (!words) continue;
        str_addf(s, "        --%s) ", o->name);
        if (*words)
            str_addf(s, "COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return ;;\n", words);
        else
            str_add(s, "compopt -o default; COMPREPLY=(); return ;;\n");
    }
    str_add(s, "        esac\n        words='");
    for (size_t i = 0; i < option_rows; i++)
        if (option_of(&option_info[i], verb)) str_addf(s, " --%s", option_info[i].name);
    if (verb == VERB_HELP) str_addf(s, " %s passes ops", verb_words(s->arena));
    str_add(s, "' ;;\n");
}
static void add_bash(Str *s) {
    str_add(s, "# bash completion for vitc; made by: vitc help --completion bash\n_vitc() {\n"
               "    local cur=\"${COMP_WORDS[COMP_CWORD]}\" prev=\"${COMP_WORDS[COMP_CWORD-1]}\" "
               "words=''\n"
               "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n");
    str_addf(s, "        COMPREPLY=($(compgen -W '%s' -- \"$cur\"))\n        return\n    fi\n",
             verb_words(s->arena));
    str_add(s, "    case \"${COMP_WORDS[1]}\" in\n");
    for (VerbId v = 0; v < VERB_COUNT; v++) add_bash_verb(s, v);
    str_add(s, "    esac\n    case \"$cur\" in\n"
               "    -*) COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")) ;;\n"
               "    *) compopt -o default; COMPREPLY=($(compgen -W \"$words\" -- \"$cur\" | grep "
               "-v '^-')) ;;\n"
               "    esac\n}\ncomplete -F _vitc vitc\n");
}
// zsh runs bash completion functions itself.
static void add_zsh(Str *s) {
    str_add(s, "#compdef vitc\nautoload -U +X bashcompinit && bashcompinit\n");
    add_bash(s);
}
static const char *quoted(Arena *a, const char *text) { // for fish: '' with \' inside
    Str s = str_new(a);
    for (const char *p = text; *p; p++) str_addf(&s, *p == '\'' || *p == '\\' ? "\\%c" : "%c", *p);
    return str_cstr(&s);
}
static void add_fish(Str *s) {
    str_add(s, "# fish completion for vitc; made by: vitc help --completion fish\n");
    for (VerbId v = 0; v < VERB_COUNT; v++)
        str_addf(s, "complete -c vitc -n __fish_use_subcommand -a %s -d '%s'\n", verb_info[v].name,
                 quoted(s->arena, verb_info[v].summary));
    for (size_t i = 0; i < option_rows; i++) {
        const OptionInfo *o = &option_info[i];
        str_add(s, "complete -c vitc -n '__fish_seen_subcommand_from");
        for (VerbId v = 0; v < VERB_COUNT; v++)
            if (option_of(o, v)) str_addf(s, " %s", verb_info[v].name);
        str_addf(s, "' -l %s", o->name);
        if (o->letter) str_addf(s, " -s %c", o->letter);
        const char *words = argument_words(s->arena, o);
        if (option_original(o)->kind != OPT_FLAG) str_add(s, words && !*words ? " -r" : " -x");
        if (words && *words) str_addf(s, " -a '%s'", words);
        str_addf(s, " -d '%s'\n", quoted(s->arena, option_text(s->arena, o)));
    }
}

// ---- manual page ----------------------------------------------------------------------------
static void add_roff(Str *s, const char *text) {
    if (*text == '.' || *text == '\'') str_add(s, "\\&");
    for (const char *p = text; *p; p++) {
        if (*p == '-' || *p == '\\')
            str_addf(s, "\\%c", *p == '\\' ? 'e' : '-');
        else
            str_add_n(s, p, 1);
    }
}
static void add_roff_item(Str *s, const char *heading, const char *text) {
    str_add(s, ".TP\n.B ");
    add_roff(s, heading);
    str_add(s, "\n");
    add_roff(s, text);
    str_add(s, "\n");
}
static void add_roff_options(Str *s, VerbId verb, bool common) {
    for (size_t i = 0; i < option_rows; i++) {
        const OptionInfo *o = &option_info[i];
        if (!option_of(o, verb) || is_common(o) != common) continue;
        const char *heading = option_heading(s->arena, o);
        add_roff_item(s, heading + strspn(heading, " "), option_text(s->arena, o));
    }
}
static void add_man(Str *s) {
    str_add(s, ".TH VITC 1\n.SH NAME\nvitc \\- ahead\\-of\\-time compiler for ViT\\-MSN vision "
               "transformers\n"
               ".SH SYNOPSIS\n.B vitc\n.I verb\n[options] files\n.SH EXAMPLES\n");
    for (size_t i = 0; i < COUNT_OF(examples); i++)
        add_roff_item(s, examples[i].line, examples[i].what);
    for (VerbId v = 0; v < VERB_COUNT; v++) {
        str_addf(s, ".SH VITC %s\n", verb_info[v].name);
        add_roff(s, arena_printf(s->arena, "%s %s: %s", verb_info[v].name, verb_info[v].args,
                                 verb_info[v].summary));
        str_add(s, "\n");
        add_roff_options(s, v, false);
    }
    str_add(s, ".SH COMMON OPTIONS\n");
    add_roff_options(s, VERB_HELP, true);
    str_add(s, ".SH EXIT STATUS\n");
    for (size_t i = 0; i < COUNT_OF(exit_codes); i++)
        add_roff_item(s, arena_printf(s->arena, "%d", (int)exit_codes[i].kind), exit_codes[i].text);
}

// ---- the verb -------------------------------------------------------------------------------
static bool print_as(Tool *t, Str *text, const char *topic) {
    if (!t->opt.json) return tool_print(t, text);
    Str s = str_new(t->c.arena);
    Json j = json_put_begin(&s, "help");
    json_put_text(&j, "topic", topic);
    json_put_text(&j, "text", str_cstr(text));
    json_put_finish(&j);
    return tool_print(t, &s);
}
bool help_print_verb(Tool *t, VerbId verb) {
    Str s = str_new(t->c.arena);
    add_verb_help(&s, verb);
    return print_as(t, &s, verb_info[verb].name);
}
static bool print_topic(Tool *t, const char *topic) {
    Str s = str_new(t->c.arena);
    const char *names[VERB_COUNT + 2] = {"passes", "ops"};
    if (!strcmp(topic, "passes")) return pipeline_help(&s), print_as(t, &s, topic);
    if (!strcmp(topic, "ops")) return add_ops(&s), print_as(t, &s, topic);
    for (VerbId v = 0; v < VERB_COUNT; v++) {
        if (!strcmp(topic, verb_info[v].name)) return help_print_verb(t, v);
        names[v + 2] = verb_info[v].name;
    }
    diag_error(t->c.diag, ERR_USAGE, 0, "there is no help about '%s'", topic);
    const char *near = str_did_you_mean(topic, names, COUNT_OF(names));
    return near && diag_note(t->c.diag, "did you mean '%s'?", near);
}
bool verb_help(Tool *t) {
    Str s = str_new(t->c.arena);
    const char *shell = t->opt.completion;
    if (t->opt.file.n) return print_topic(t, t->opt.file.data[0]);
    if (t->opt.man)
        add_man(&s);
    else if (!shell)
        add_help(&s);
    else if (!strcmp(shell, "bash"))
        add_bash(&s);
    else if (!strcmp(shell, "zsh"))
        add_zsh(&s);
    else
        add_fish(&s);
    return print_as(t, &s, t->opt.man ? "man" : shell ? shell : "vitc");
}
