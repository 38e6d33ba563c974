// onnx_text.h: small ONNX models written as text, for tests. One thing a line; '#' starts a
// comment.
//   opset [DOMAIN] N                        default: opset 18
//   feed NAME TYPE VALUE...                 an input and its value
//   input NAME TYPE                         an input; a dimension may be a symbol
//   const NAME TYPE VALUE...                an initialiser, as raw data
//   typed NAME TYPE VALUE...                the same in the typed field of the format
//   extern NAME TYPE KEY=TEXT...            the same in another file
//   node [DOMAIN:]OP [IN,IN] -> OUT,OUT [KEY=VALUE...]
//   want NAME TYPE VALUE...                 an output and what it must be
//   output NAME                             an output
//   function DOMAIN:NAME IN,IN -> OUT [KEY...]   and its nodes, up to `end`
//   takes NAME TYPE                         what the type of an input must become; nothing is run
//   graph LABEL                             a branch: its lines, up to `end`
//   fails KIND TEXT                         the import must fail: model, unsupported, limit, io,
//   usage
// TYPE is f32[2,3]. VALUE... may be "= X": every element. KEY=VALUE: 3, 0.5, 'text', [1,2],
// [0.5,1.0],
// @LABEL (a branch), $KEY (the function's attribute), tensor:TYPE:VALUE. An input '-' is absent.
#ifndef TESTS_ONNX_TEXT_H
#define TESTS_ONNX_TEXT_H
#include "ir/base.h"
#include "ir/dtype.h"

typedef struct NamedValue {
    const char *name;
    Type type;
    void *data;
} NamedValue;
typedef struct OnnxText {
    Str bytes; // the model
    VEC(NamedValue) feed, want, takes;
    const char *fails; // KIND, or NULL
    const char *message;
} OnnxText;
// Dies on a malformed text. `text` ends at its NUL.
OnnxText onnx_text(Arena *a, const char *text);
#endif
