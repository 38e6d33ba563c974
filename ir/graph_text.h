// graph_text.h: what the printer and the parser of .vg share.
#ifndef IR_GRAPH_TEXT_H
#define IR_GRAPH_TEXT_H
#include "ir/graph.h"

enum { INLINE_ELEMENTS = 32 };      // a larger constant is printed as file or hex
typedef enum {
    INFO_TEXT,                      // const char *
    INFO_HASH,                      // char[65]
    INFO_TASK,
    INFO_FLAG,                      // bool
    INFO_INT,                       // int
    INFO_COUNT,                     // uint32_t
    INFO_SIZE,                      // int64_t
    INFO_REAL,                      // double
    INFO_REALS,                     // double[4]
} InfoKind;
typedef struct InfoField {
    const char *text;
    size_t offset;                  // in ModelInfo
    InfoKind kind;
    uint64_t most;
} InfoField;
extern const InfoField info_field[];
extern const size_t info_nfields;
extern const char *const task_text[4];      // by ModelTask
#endif
