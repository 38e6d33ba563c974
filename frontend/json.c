// json.c: from strict JSON text (json_scan.c) to a cJSON tree in an arena, and typed reads that
// name the place of a wrong value. cJSON keeps no positions: on an error the value's number in the
// text is counted and the text is scanned again.
#include "frontend/json.h"
#include <math.h>
#include <string.h>

// ---- parse -----------------------------------------------------------------------------------
// cJSON's hooks take no context. They are set for one parse and taken back after it.
static _Thread_local Arena *parse_arena;
static void *parse_alloc(size_t n) {
    return arena_alloc(parse_arena, n);
}
static void parse_free(void *p) {
    (void)p;
}

cJSON *json_parse(Ctx *c, const char *path, const char *text, size_t n, bool header) {
    if (!json_scan(c, path, text, n, header)) return NULL;
    parse_arena = c->arena;
    cJSON_InitHooks(&(cJSON_Hooks){parse_alloc, parse_free});
    cJSON *root = cJSON_ParseWithLength(text, n);
    cJSON_InitHooks(NULL);
    if (!root) die("json_parse", "cJSON refuses what the scan accepted");
    return root;
}
bool json_open(Ctx *c, const FileView *f, bool header, Json *out) {
    const char *text = (const char *)f->data;
    *out = (Json){c, f->path, text, f->nbytes, json_parse(c, f->path, text, f->nbytes, header)};
    return out->root != NULL;
}

// ---- places ----------------------------------------------------------------------------------
// The nodes from the root to a value. Deeper than any text that json_scan lets through.
typedef struct Way {
    const cJSON *node[72];
    int depth;
} Way;
// Walks the tree in the order of the text until it meets `want`; how many values come before it.
static uint32_t way_to(const cJSON *root, const cJSON *want, Way *way) {
    const cJSON *v = root;
    uint32_t before = 0;
    way->depth = 1;
    way->node[0] = v;
    for (; v != want; before++) {
        if (v->child) {
            v = v->child;
            way->node[way->depth++] = v;
            continue;
        }
        while (!v->next) {
            if (--way->depth == 0) die("json", "the value is not in this tree");
            v = way->node[way->depth - 1];
        }
        v = v->next;
        way->node[way->depth - 1] = v;
    }
    return before;
}
// size.height, image_mean[2]
static void add_key_path(Str *s, const Way *way) {
    for (int i = 1; i < way->depth; i++) {
        const cJSON *v = way->node[i];
        if (v->string) {
            str_addf(s, "%s%.200s", i > 1 ? "." : "", v->string);
            continue;
        }
        int index = 0;
        for (const cJSON *e = way->node[i - 1]->child; e != v; e = e->next) index++;
        str_addf(s, "[%d]", index);
    }
}
bool json_error(const Json *j, ErrKind kind, const cJSON *value, const char *fmt, ...) {
    Way way;
    uint32_t k = way_to(j->root, value, &way);
    Str s = str_new(j->c->arena);
    if (way.depth > 1) str_add(&s, "'");
    add_key_path(&s, &way);
    if (way.depth > 1) str_add(&s, "' ");
    va_list ap;
    va_start(ap, fmt);
    str_vaddf(&s, fmt, ap);
    va_end(ap);
    return diag_error(j->c->diag, kind, json_place(j->c, j->path, j->text, j->n, k), "%s",
                      str_cstr(&s));
}

// ---- typed reads -----------------------------------------------------------------------------
static const char *seen(const Json *j, const cJSON *v) {
    Arena *a = j->c->arena;
    if (cJSON_IsNumber(v)) return arena_printf(a, "%.15g", v->valuedouble);
    if (cJSON_IsString(v)) return arena_printf(a, "the string '%.40s'", v->valuestring);
    if (cJSON_IsArray(v)) return arena_printf(a, "a list of %d", cJSON_GetArraySize(v));
    return cJSON_IsObject(v) ? "an object" : cJSON_IsTrue(v) ? "true" : "false";
}
static bool must_be(const Json *j, const cJSON *value, const char *what) {
    return json_error(j, ERR_MODEL, value, "must be %s, not %s", what, seen(j, value));
}
const cJSON *json_get(const cJSON *object, const char *key) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, key);
    return v && !cJSON_IsNull(v) ? v : NULL;
}
bool json_as_int(const Json *j, const cJSON *value, int64_t lo, int64_t hi, int64_t *v) {
    double d = cJSON_IsNumber(value) ? value->valuedouble : NAN;
    bool exact = d == floor(d) && fabs(d) < 0x1p53;
    if (!exact || d < (double)lo || d > (double)hi)
        return must_be(j, value,
                       arena_printf(j->c->arena, "an integer from %lld to %lld", (long long)lo,
                                    (long long)hi));
    *v = (int64_t)d;
    return true;
}
static bool as_number(const Json *j, const cJSON *value, double *v) {
    if (!cJSON_IsNumber(value)) return must_be(j, value, "a number");
    *v = value->valuedouble;
    return true;
}
bool json_int(const Json *j, const cJSON *object, const char *key, int64_t lo, int64_t hi,
              int64_t *v) {
    const cJSON *value = json_get(object, key);
    return !value || json_as_int(j, value, lo, hi, v);
}
bool json_number(const Json *j, const cJSON *object, const char *key, double lo, double hi,
                 double *v) {
    const cJSON *value = json_get(object, key);
    if (!value) return true;
    if (!as_number(j, value, v)) return false;
    if (*v >= lo && *v <= hi) return true;
    return must_be(j, value, arena_printf(j->c->arena, "from %g to %g", lo, hi));
}
bool json_bool(const Json *j, const cJSON *object, const char *key, bool *v) {
    const cJSON *value = json_get(object, key);
    if (!value) return true;
    if (!cJSON_IsBool(value)) return must_be(j, value, "true or false");
    *v = cJSON_IsTrue(value);
    return true;
}
bool json_string(const Json *j, const cJSON *object, const char *key, const char **v) {
    const cJSON *value = json_get(object, key);
    if (!value) return true;
    if (!cJSON_IsString(value)) return must_be(j, value, "a string");
    *v = value->valuestring;
    return true;
}
// How many numbers a value gives: 1 for a number, the length of a list; 0 after a diagnostic.
static int list_length(const Json *j, const cJSON *value, int max) {
    if (cJSON_IsNumber(value)) return 1;
    int n = cJSON_IsArray(value) ? cJSON_GetArraySize(value) : 0;
    if (n >= 1 && n <= max) return n;
    must_be(j, value, arena_printf(j->c->arena, "a number or a list of at most %d numbers", max));
    return 0;
}
bool json_ints(const Json *j, const cJSON *object, const char *key, int64_t lo, int64_t hi, int max,
               int64_t *v, int *n) {
    const cJSON *value = json_get(object, key);
    if (!value) return true;
    int count = list_length(j, value, max);
    const cJSON *e = cJSON_IsArray(value) ? value->child : value;
    for (int i = 0; i < count; i++, e = e->next)
        if (!json_as_int(j, e, lo, hi, &v[i])) return false;
    if (count) *n = count;
    return count > 0;
}
bool json_numbers(const Json *j, const cJSON *object, const char *key, int max, double *v, int *n) {
    const cJSON *value = json_get(object, key);
    if (!value) return true;
    int count = list_length(j, value, max);
    const cJSON *e = cJSON_IsArray(value) ? value->child : value;
    for (int i = 0; i < count; i++, e = e->next)
        if (!as_number(j, e, &v[i])) return false;
    if (count) *n = count;
    return count > 0;
}
