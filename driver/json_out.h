// json_out.h: a JSON writer. Every verb's --json goes through it, so that no string from a model
// leaves unescaped and every number is valid JSON.
#ifndef DRIVER_JSON_OUT_H
#define DRIVER_JSON_OUT_H
#include "ir/dtype.h"

enum { JSON_DEPTH = 8 };
typedef struct Json {
    Str *out;
    int depth;
    char close[JSON_DEPTH]; // '}' or ']' of every open level
    bool empty;             // nothing in the innermost level yet
} Json;

// Opens the top object with "schema": "vitc.<verb>/1". `key` is NULL inside arrays.
Json json_put_begin(Str *out, const char *verb);
void json_put_finish(Json *j); // closes whatever is open, and ends the line
void json_put_object(Json *j, const char *key);
void json_put_array(Json *j, const char *key);
void json_put_end(Json *j);
void json_put_text(Json *j, const char *key, const char *value); // NULL is null
void json_put_int(Json *j, const char *key, int64_t value);
void json_put_uint(Json *j, const char *key, uint64_t value);
void json_put_real(Json *j, const char *key, double value); // NaN and infinities are null
void json_put_bool(Json *j, const char *key, bool value);
void json_put_dims(Json *j, const char *key, const int64_t *dim, int rank);
#endif
