// onnx_ops.c: the operator table as data.
#include "frontend/onnx/onnx_import.h"
#include <string.h>

static const OpRow rows[] = {
#define read_branch NULL
#define ONNX(domain, type, since, lo, hi, reader, arg)                                             \
    {domain, type, since, lo, hi, read_##reader, arg},
#include "frontend/onnx/onnx_ops.def"
#undef ONNX
};
typedef struct Refusal {
    const char *domain, *type, *why;
} Refusal;
static const Refusal refusals[] = {
#define REFUSED(domain, type, why) {domain, type, why},
#include "frontend/onnx/onnx_ops.def"
#undef REFUSED
};

const OpRow *op_row(const char *domain, const char *type) {
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (strcmp(rows[i].type, type) == 0 && strcmp(rows[i].domain, domain) == 0) return &rows[i];
    }
    return NULL;
}
const char *op_refusal(const char *domain, const char *type) {
    if (strcmp(domain, "com.microsoft.nchwc") == 0 || strcmp(domain, "com.ms.internal.nhwc") == 0) {
        return "the file was optimised for one machine; save it again with ORT_ENABLE_EXTENDED";
    }
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        if (strcmp(refusals[i].type, type) == 0 && strcmp(refusals[i].domain, domain) == 0) {
            return refusals[i].why;
        }
    }
    return NULL;
}
