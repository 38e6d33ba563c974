// tuning_read.c: a tuning file is an input like any other: every member is known, in range and
// possible for the target, or named with its place.
#include "driver/tuning.h"
#include "frontend/json.h"
#include <string.h>

enum { MAX_TUNING_ROWS = 4096 };
static bool unknown(const Json *j, const cJSON *v, const char *const *known, size_t n) {
    const char *near = str_did_you_mean(v->string, known, n);
    return json_error(j, ERR_MODEL, v, "is not known%s%s%s", near ? "; did you mean '" : "",
                      near ? near : "", near ? "'?" : "");
}
static bool is_among(const char *word, const char *const *known, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!strcmp(word, known[i])) return true;
    return false;
}
static bool check_members(const Json *j, const cJSON *object, const char *const *known, size_t n) {
    for (const cJSON *v = object->child; v; v = v->next)
        if (!is_among(v->string, known, n)) return unknown(j, v, known, n);
    return true;
}
// Members that must be there.
static const cJSON *need(const Json *j, const cJSON *object, const char *key) {
    const cJSON *v = json_get(object, key);
    if (!v) json_error(j, ERR_MODEL, object, "has no '%s'", key);
    return v;
}
static bool need_text(const Json *j, const cJSON *object, const char *key, const char **text) {
    const cJSON *v = need(j, object, key);
    return v && json_string(j, object, key, text);
}

static bool read_op(const Json *j, const cJSON *row, GraphOp *op) {
    static const GraphOp tunable[] = {OP_MATMUL, OP_ATTENTION};
    const char *name;
    if (!need_text(j, row, "op", &name)) return false;
    for (size_t i = 0; i < COUNT_OF(tunable); i++)
        if (!strcmp(name, graph_op[tunable[i]].text)) return *op = tunable[i], true;
    return json_error(j, ERR_MODEL, json_get(row, "op"), "is not matmul or attention");
}
static bool read_shape(const Json *j, const cJSON *row, TuningRow *out) {
    enum { DIMS = COUNT_OF(out->shape.dim) };
    const cJSON *v = need(j, row, "shape");
    if (!v) return false;
    if (cJSON_IsString(v) && !strcmp(v->valuestring, "*")) return out->any_shape = true;
    if (!cJSON_IsArray(v) || cJSON_GetArraySize(v) != DIMS)
        return json_error(j, ERR_MODEL, v, "must be \"*\" or a list of %d numbers", (int)DIMS);
    int n;
    return json_ints(j, row, "shape", 1, (int64_t)limit(LIM_ELEMENTS), DIMS, out->shape.dim, &n);
}
static bool read_knobs(const Json *j, const cJSON *row, TuningRow *out) {
    for (size_t i = 0; i < knob_rows; i++) {
        const KnobInfo *k = &knob_info[i];
        const cJSON *v = json_get(row, k->name);
        if (v && !knob_is_for(k, out->op))
            return json_error(j, ERR_MODEL, v, "is not for %s", graph_op[out->op].text);
        if (v && !json_as_int(j, v, k->least, k->most, knob_of(&out->set, i))) return false;
    }
    return true;
}
static bool read_row(const Json *j, const cJSON *row, TuningRow *out) {
    const char **known = NEW_N(j->c->arena, const char *, knob_rows + 2);
    for (size_t i = 0; i < knob_rows; i++) known[i] = knob_info[i].name;
    known[knob_rows] = "op";
    known[knob_rows + 1] = "shape";
    *out = (TuningRow){.set = choice_untuned};
    if (!cJSON_IsObject(row)) return json_error(j, ERR_MODEL, row, "must be an object");
    return check_members(j, row, known, knob_rows + 2) && read_op(j, row, &out->op) &&
           read_shape(j, row, out) && read_knobs(j, row, out);
}
// The schedule that all rows together give to what row `i` is for.
static bool check_row(const Json *j, const cJSON *row, const Target *t, const Tuning *tuning,
                      uint32_t i) {
    const TuningRow *r = &tuning->row[i];
    Choice c = sched_choose(r->op, r->shape, t, tuning);
    const char *why = sched_refuses(r->op, &c, t);
    return !why || json_error(j, ERR_MODEL, row, "gives %lld rows of %lld vectors: %s",
                              (long long)c.rows, (long long)c.vectors, why);
}
static bool read_rows(const Json *j, const Target *t, Tuning *out) {
    const cJSON *rows = need(j, j->root, "rows"), *row;
    if (!rows) return false;
    int n = cJSON_IsArray(rows) ? cJSON_GetArraySize(rows) : -1;
    if (n < 0 || n > MAX_TUNING_ROWS)
        return json_error(j, ERR_MODEL, rows, "must be a list of at most %d rows", MAX_TUNING_ROWS);
    *out = (Tuning){.row = NEW_N(j->c->arena, TuningRow, (size_t)n + 1)};
    cJSON_ArrayForEach(row, rows) {
        if (!read_row(j, row, &out->row[out->n++])) return false;
    }
    uint32_t i = 0;
    cJSON_ArrayForEach(row, rows) {
        if (!check_row(j, row, t, out, i++)) return false;
    }
    return true;
}
static bool check_header(const Json *j, const Target *t) {
    static const char *const known[] = {"schema", "target", "rows"};
    const char *schema, *target;
    if (!need_text(j, j->root, "schema", &schema)) return false;
    if (strcmp(schema, "vitc." TUNING_SCHEMA "/1"))
        return json_error(j, ERR_MODEL, json_get(j->root, "schema"),
                          "is not vitc." TUNING_SCHEMA "/1");
    if (!check_members(j, j->root, known, COUNT_OF(known)) ||
        !need_text(j, j->root, "target", &target))
        return false;
    return !strcmp(target, t->name) || json_error(j, ERR_MODEL, json_get(j->root, "target"),
                                                  "is %s, but we compile for %s", target, t->name);
}
bool tuning_read(Ctx *c, const char *path, const Target *t, Tuning *out) {
    FileView f;
    Json j;
    return file_map(c, path, &f) && json_open(c, &f, false, &j) && check_header(&j, t) &&
           read_rows(&j, t, out);
}
