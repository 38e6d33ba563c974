// json_out.c: see json_out.h. Two spaces a level; arrays of numbers stay on one line.
#include "driver/json_out.h"
#include <assert.h>
#include <inttypes.h>
#include <math.h>

static void quoted(Str *s, const char *text) {
    str_add(s, "\"");
    str_add_escaped(s, SINK_JSON, text);
    str_add(s, "\"");
}
static void new_line(Json *j) {
    str_addf(j->out, "\n%*s", 2 * j->depth, "");
}
static void value(Json *j, const char *key) {
    if (!j->empty) str_add(j->out, ",");
    j->empty = false;
    new_line(j);
    if (!key) return;
    quoted(j->out, key);
    str_add(j->out, ": ");
}
static void open_level(Json *j, char open, char close) {
    assert(j->depth < JSON_DEPTH);
    str_add_n(j->out, &open, 1);
    j->close[j->depth++] = close;
    j->empty = true;
}

Json json_put_begin(Str *out, const char *verb) {
    Json j = {.out = out};
    open_level(&j, '{', '}');
    json_put_text(&j, "schema", arena_printf(out->arena, "vitc.%s/1", verb));
    return j;
}
void json_put_finish(Json *j) {
    while (j->depth) json_put_end(j);
    str_add(j->out, "\n");
}
void json_put_object(Json *j, const char *key) {
    value(j, key);
    open_level(j, '{', '}');
}
void json_put_array(Json *j, const char *key) {
    value(j, key);
    open_level(j, '[', ']');
}
void json_put_end(Json *j) {
    assert(j->depth);
    j->depth--;
    if (!j->empty) new_line(j);
    str_add_n(j->out, &j->close[j->depth], 1);
    j->empty = false;
}
void json_put_text(Json *j, const char *key, const char *text) {
    value(j, key);
    if (text)
        quoted(j->out, text);
    else
        str_add(j->out, "null");
}
void json_put_int(Json *j, const char *key, int64_t v) {
    value(j, key);
    str_addf(j->out, "%" PRId64, v);
}
void json_put_uint(Json *j, const char *key, uint64_t v) {
    value(j, key);
    str_addf(j->out, "%" PRIu64, v);
}
void json_put_real(Json *j, const char *key, double v) {
    value(j, key);
    if (isfinite(v))
        str_addf(j->out, "%.9g", v);
    else
        str_add(j->out, "null");
}
void json_put_bool(Json *j, const char *key, bool v) {
    value(j, key);
    str_add(j->out, v ? "true" : "false");
}
void json_put_dims(Json *j, const char *key, const int64_t *dim, int rank) {
    value(j, key);
    for (int i = 0; i < rank; i++) str_addf(j->out, "%s%" PRId64, i ? ", " : "[", dim[i]);
    str_add(j->out, rank ? "]" : "[]");
}
