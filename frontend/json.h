// json.h: reading JSON files that nobody vouches for. json_open accepts strict JSON only
// (json_scan.c); the readers check type and range of each value and name the place of a wrong one.
#ifndef FRONTEND_JSON_H
#define FRONTEND_JSON_H
#include "frontend/frontend.h"
#include <cjson/cJSON.h>

typedef struct Json {
    Ctx *c;
    const char *path;
    const char *text;
    size_t n;
    const cJSON *root; // an object
} Json;
bool json_open(Ctx *c, const FileView *f, bool header, Json *out);

// The member, or NULL when it is absent or null (writers use null for "not set").
const cJSON *json_get(const cJSON *object, const char *key);
// Each leaves *v alone when the member is absent or null; false after a diagnostic.
bool json_int(const Json *j, const cJSON *object, const char *key, int64_t lo, int64_t hi,
              int64_t *v);
bool json_number(const Json *j, const cJSON *object, const char *key, double lo, double hi,
                 double *v);
bool json_bool(const Json *j, const cJSON *object, const char *key, bool *v);
bool json_string(const Json *j, const cJSON *object, const char *key, const char **v);
// One number, or a list of one to `max` numbers. *n: how many were there; left alone when absent.
bool json_ints(const Json *j, const cJSON *object, const char *key, int64_t lo, int64_t hi, int max,
               int64_t *v, int *n);
bool json_numbers(const Json *j, const cJSON *object, const char *key, int max, double *v, int *n);
// *v is an integer value in [lo, hi]? False after a diagnostic.
bool json_as_int(const Json *j, const cJSON *value, int64_t lo, int64_t hi, int64_t *v);
// A diagnostic at `value`: path:line:column, and the key path in the message.
bool json_error(const Json *j, ErrKind kind, const cJSON *value, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

// json_scan.c: is this strict JSON within the limits? False after a diagnostic with line:column.
bool json_scan(Ctx *c, const char *path, const char *text, size_t n, bool header);
// The place of the k-th value (from 0, in the order of the text) of a text that json_scan accepted.
Loc json_place(Ctx *c, const char *path, const char *text, size_t n, uint32_t k);
#endif
