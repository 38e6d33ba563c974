// test_graph_eval.c: the meaning of every op, against values computed by hand. A row is a graph as
// text and the text of its result; a row of graph_ops.def that no graph here uses is a failure.
#include "tests/support/vg.h"

typedef struct Row {
    const char *lines, *want;
} Row;
#define UNARY(op, x, y) {"%1 = const : " x " %9 = " op " %1", y}
#define BINARY(op, x, y, z) {"%1 = const : " x " %2 = const : " y " %9 = " op " %1, %2", z}
#define WITH(op, x, attrs, y) {"%1 = const : " x " %9 = " op " %1 {" attrs "}", y}
#define A23 "f32[2,3] = [1, 2, 3, 4, 5, 6]"
#define I64_MIN_TEXT "-9223372036854775808"
#define I64_MAX_TEXT "9223372036854775807"

static const Row rows[] = {
    // ---- one operand
    UNARY("neg", "f32[3] = [1, -2, inf]", "f32[3] = [-1, 2, -inf]"),
    UNARY("neg", "i64[2] = [5, " I64_MIN_TEXT "]", "i64[2] = [-5, " I64_MIN_TEXT "]"),
    UNARY("neg", "u8[2] = [1, 0]", "u8[2] = [255, 0]"),
    UNARY("abs", "f32[4] = [-1.5, 2, -0, nan]", "f32[4] = [1.5, 2, 0, nan]"),
    UNARY("abs", "i32[2] = [-7, 7]", "i32[2] = [7, 7]"),
    UNARY("sign", "f32[5] = [-3, 3, 0, nan, -inf]", "f32[5] = [-1, 1, 0, nan, -1]"),
    UNARY("sign", "i8[3] = [-3, 3, 0]", "i8[3] = [-1, 1, 0]"),
    UNARY("recip", "f32[4] = [4, -0.5, 0, inf]", "f32[4] = [0.25, -2, inf, 0]"),
    UNARY("sqrt", "f32[4] = [2, 9, 0, inf]", "f32[4] = [1.4142135, 3, 0, inf]"),
    UNARY("rsqrt", "f32[3] = [4, 0, inf]", "f32[3] = [0.5, inf, 0]"),
    UNARY("exp", "f32[5] = [0, 1, -inf, 100, nan]", "f32[5] = [1, 2.7182817, 0, inf, nan]"),
    UNARY("log", "f32[4] = [1, 2, 0, inf]", "f32[4] = [0, 0.6931472, -inf, inf]"),
    UNARY("erf", "f32[4] = [0, 0.5, -inf, inf]", "f32[4] = [0, 0.5204999, -1, 1]"),
    UNARY("tanh", "f32[4] = [0, 0.5, -inf, 20]", "f32[4] = [0, 0.46211717, -1, 1]"),
    UNARY("sin", "f32[4] = [0, 1, -2, inf]", "f32[4] = [0, 0.84147096, -0.9092974, nan]"),
    UNARY("cos", "f32[4] = [0, 1, -2, inf]", "f32[4] = [1, 0.5403023, -0.41614684, nan]"),
    UNARY("sigmoid", "f32[5] = [0, 1, -inf, inf, -1000]", "f32[5] = [0.5, 0.7310586, 0, 1, 0]"),
    UNARY("softplus", "f32[5] = [0, 1000, -1000, 1, nan]",
          "f32[5] = [0.6931472, 1000, 0, 1.3132616, nan]"),
    UNARY("gelu", "f32[5] = [0, 1, -1, 10, inf]",
          "f32[5] = [0, 0.8413448, -0.15865526, 10, inf]"),
    UNARY("gelu_tanh", "f32[4] = [0, 1, -1, 10]", "f32[4] = [0, 0.841192, -0.15880801, 10]"),
    UNARY("floor", "f32[3] = [1.5, -1.5, -0.5]", "f32[3] = [1, -2, -1]"),
    UNARY("ceil", "f32[3] = [1.5, -1.5, -0.5]", "f32[3] = [2, -1, -0]"),
    UNARY("round", "f32[6] = [0.5, 1.5, 2.5, -0.5, -1.5, 2.4]", "f32[6] = [0, 2, 2, -0, -2, 2]"),
    UNARY("not", "bool[2] = [0, 1]", "bool[2] = [1, 0]"),
    UNARY("isnan", "f16[3] = [nan, inf, 0]", "bool[3] = [1, 0, 0]"),
    WITH("cast", "f32[6] = [1.9, -1.9, 300, nan, inf, -inf]", "to=i64",
         "i64[6] = [1, -1, 300, 0, " I64_MAX_TEXT ", " I64_MIN_TEXT "]"),
    WITH("cast", "f32[4] = [0, -0, 0.1, nan]", "to=bool", "bool[4] = [0, 0, 1, 1]"),
    WITH("cast", "bool[2] = [0, 1]", "to=f32", "f32[2] = [0, 1]"),
    WITH("cast", "i64[2] = [" I64_MAX_TEXT ", 256]", "to=u8", "u8[2] = [255, 0]"),
    WITH("cast", "u64[1] = [18446744073709551615]", "to=f64", "f64[1] = [1.8446744073709552e+19]"),
    WITH("cast", "f16[6] = [1, 65504, 6e-08, -6.1e-05, inf, nan]", "to=f32",
         "f32[6] = [1, 65504, 5.9604645e-08, -6.097555e-05, inf, nan]"),
    WITH("cast", "f32[4] = [1, 65520, 1e-08, 0.1]", "to=f16", "f16[4] = [1, inf, 0, 0.1]"),
    WITH("cast", "bf16[4] = [1.5, -3.39e+38, inf, nan]", "to=f32",
         "f32[4] = [1.5, -3.3895314e+38, inf, nan]"),
    WITH("cast", "f32[3] = [1.00390625, 1.01171875, -inf]", "to=bf16",
         "bf16[3] = [1, 1.016, -inf]"),
    WITH("cast", "f64[2] = [1e+300, 0.1]", "to=f32", "f32[2] = [inf, 0.1]"),
    // ---- two and three operands
    BINARY("add", A23, "f32[3] = [10, 20, 30]", "f32[2,3] = [11, 22, 33, 14, 25, 36]"),
    BINARY("add", "f32[2,1] = [10, 20]", A23, "f32[2,3] = [11, 12, 13, 24, 25, 26]"),
    BINARY("add", "i64[1] = [" I64_MAX_TEXT "]", "i64[1] = [1]", "i64[1] = [" I64_MIN_TEXT "]"),
    BINARY("add", "i64[1] = [" I64_MAX_TEXT "]", "i64[1] = [-1]", "i64[1] = [9223372036854775806]"),
    BINARY("add", "f16[1] = [2048]", "f16[1] = [1]", "f16[1] = [2048]"),
    BINARY("add", "f32[0,3] = []", "f32[3] = [1, 2, 3]", "f32[0,3] = []"),
    BINARY("sub", "f32[] = [1]", "f32[2] = [0.25, inf]", "f32[2] = [0.75, -inf]"),
    BINARY("sub", "u8[1] = [1]", "u8[1] = [2]", "u8[1] = [255]"),
    BINARY("mul", "f64[1] = [1e+200]", "f64[1] = [1e-200]", "f64[1] = [1]"),
    BINARY("mul", "i32[1] = [65536]", "i32[1] = [65536]", "i32[1] = [0]"),
    BINARY("div", "f32[4] = [1, -1, 0, 1]", "f32[4] = [0, 0, 0, 3]",
           "f32[4] = [inf, -inf, nan, 0.33333334]"),
    BINARY("div", "i64[4] = [7, -7, 7, " I64_MIN_TEXT "]", "i64[4] = [2, 2, 0, -1]",
           "i64[4] = [3, -3, 0, " I64_MIN_TEXT "]"),
    BINARY("mod", "i64[6] = [7, -7, 7, -7, 5, " I64_MIN_TEXT "]", "i64[6] = [3, 3, -3, -3, 0, -1]",
           "i64[6] = [1, 2, -2, -1, 0, 0]"),
    BINARY("mod", "f32[6] = [5.5, -5.5, 5.5, -5.5, 1, 4]", "f32[6] = [2, 2, -2, -2, 0, 2]",
           "f32[6] = [1.5, 0.5, -0.5, -1.5, nan, 0]"),
    {"%1 = const : i64[4] = [7, -7, 7, -7] %2 = const : i64[4] = [3, 3, -3, -3] "
     "%9 = mod %1, %2 {fmod=1}", "i64[4] = [1, -1, 1, -1]"},
    {"%1 = const : f32[2] = [-5.5, 5.5] %2 = const : f32[] = [2] %9 = mod %1, %2 {fmod=1}",
     "f32[2] = [-1.5, 1.5]"},
    BINARY("pow", "f32[5] = [2, -8, 0, 4, -2]", "f32[5] = [10, 2, 0, 0.5, 0.5]",
           "f32[5] = [1024, 64, 1, 2, nan]"),
    BINARY("pow", "i64[5] = [3, -1, 2, 0, 5]", "i64[5] = [4, -3, -1, -1, 0]",
           "i64[5] = [81, -1, 0, 0, 1]"),
    BINARY("pow", "f32[2] = [3, 2]", "i64[2] = [2, -1]", "f32[2] = [9, 0.5]"),
    BINARY("pow", "i32[2] = [4, 2]", "f32[2] = [0.5, -1]", "i32[2] = [2, 0]"),
    BINARY("min", "f32[4] = [1, nan, 1, -inf]", "f32[4] = [2, 1, nan, 0]",
           "f32[4] = [1, nan, nan, -inf]"),
    BINARY("max", "f32[4] = [1, nan, 1, inf]", "f32[4] = [2, 1, nan, 0]",
           "f32[4] = [2, nan, nan, inf]"),
    BINARY("max", "i64[1] = [" I64_MAX_TEXT "]", "i64[1] = [0]", "i64[1] = [" I64_MAX_TEXT "]"),
    BINARY("min", "bool[2] = [1, 1]", "bool[2] = [0, 1]", "bool[2] = [0, 1]"),
    BINARY("eq", "f32[3] = [1, nan, 0]", "f32[3] = [1, nan, -0]", "bool[3] = [1, 0, 1]"),
    BINARY("eq", "i64[2] = [" I64_MAX_TEXT ", 1]", "i64[2] = [9223372036854775806, 1]",
           "bool[2] = [0, 1]"),
    BINARY("eq", "bool[2] = [0, 1]", "bool[1] = [0]", "bool[2] = [1, 0]"),
    BINARY("lt", "f32[3] = [1, 2, nan]", "f32[3] = [2, 2, 2]", "bool[3] = [1, 0, 0]"),
    BINARY("le", "i64[3] = [1, 2, 3]", "i64[1] = [2]", "bool[3] = [1, 1, 0]"),
    BINARY("and", "bool[4] = [0, 0, 1, 1]", "bool[4] = [0, 1, 0, 1]", "bool[4] = [0, 0, 0, 1]"),
    BINARY("or", "bool[4] = [0, 0, 1, 1]", "bool[4] = [0, 1, 0, 1]", "bool[4] = [0, 1, 1, 1]"),
    BINARY("xor", "bool[4] = [0, 0, 1, 1]", "bool[4] = [0, 1, 0, 1]", "bool[4] = [0, 1, 1, 0]"),
    {"%1 = const : bool[2,1] = [1, 0] %2 = const : f32[3] = [1, 2, nan] %3 = const : f32[] = [9] "
     "%9 = where %1, %2, %3", "f32[2,3] = [1, 2, nan, 9, 9, 9]"},
    {"%1 = const : bool[2] = [1, 0] %2 = const : i64[] = [" I64_MAX_TEXT "] "
     "%3 = const : i64[2] = [1, 2] %9 = where %1, %2, %3", "i64[2] = [" I64_MAX_TEXT ", 2]"},
    // ---- leaves, views and moves
    {"%9 = const : f32[2] = [1, 2]", "f32[2] = [1, 2]"},
    {"%1 = const : f32[2] = [1, 2] %2 = neg %1 %9 = reshape %2 {shape=[1,2,1]}",
     "f32[1,2,1] = [-1, -2]"},
    {"%1 = const : i8[2] = [1, 2] %2 = reshape %1 {shape=[1,2]} %9 = reshape %2 {shape=[2,1]}",
     "i8[2,1] = [1, 2]"},
    // a view still looks at the memory of %2 when %4 asks for some
    {"%1 = const : f32[2] = [1, 2] %2 = neg %1 %3 = reshape %2 {shape=[2]} %4 = abs %1 "
     "%9 = sub %3, %4", "f32[2] = [-2, -4]"},
    WITH("transpose", A23, "perm=[1,0]", "f32[3,2] = [1, 4, 2, 5, 3, 6]"),
    WITH("transpose", "bool[1,2,2] = [1, 1, 0, 0]", "perm=[2,0,1]", "bool[2,1,2] = [1, 0, 1, 0]"),
    WITH("transpose", "f64[2,2] = [1, 2, 3, 4]", "perm=[0,1]", "f64[2,2] = [1, 2, 3, 4]"),
    WITH("transpose", "f16[] = [3]", "perm=[]", "f16[] = [3]"),
    WITH("slice", A23, "starts=[0,1], sizes=[2,2]", "f32[2,2] = [2, 3, 5, 6]"),
    WITH("slice", A23, "starts=[1,2], sizes=[2,2], steps=[-1,-2]", "f32[2,2] = [6, 4, 3, 1]"),
    WITH("slice", A23, "starts=[2,0], sizes=[0,3]", "f32[0,3] = []"),
    WITH("expand", "f32[2,1] = [1, 2]", "shape=[2,2,3]",
         "f32[2,2,3] = [1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2]"),
    WITH("expand", "i64[] = [7]", "shape=[0]", "i64[0] = []"),
    {"%1 = const : " A23 " %2 = const : f32[2,0] = [] %3 = const : f32[2,1] = [7, 8] "
     "%9 = concat %1, %2, %3 {axis=1}", "f32[2,4] = [1, 2, 3, 7, 4, 5, 6, 8]"},
    {"%1 = const : u8[1,2] = [1, 2] %9 = concat %1, %1 {axis=0}", "u8[2,2] = [1, 2, 1, 2]"},
    {"%1 = const : " A23 " %2 = const : i64[2,2] = [2, 0, 1, 1] %9 = gather %1, %2 {axis=1}",
     "f32[2,2,2] = [3, 1, 2, 2, 6, 4, 5, 5]"},
    {"%1 = const : " A23 " %2 = const : i64[] = [1] %9 = gather %1, %2 {axis=0}",
     "f32[3] = [4, 5, 6]"},
    WITH("pad", A23, "pads=[0,1,1,0], value=0.5",
         "f32[3,4] = [0.5, 1, 2, 3, 0.5, 4, 5, 6, 0.5, 0.5, 0.5, 0.5]"),
    WITH("pad", A23, "pads=[-1,2,0,-1]", "f32[1,4] = [0, 0, 4, 5]"),
    WITH("pad", "i64[2] = [1, 2]", "pads=[-3,3], value=-7", "i64[2] = [-7, -7]"),
    // ---- reductions
    WITH("reduce_sum", A23, "axes=[0]", "f32[3] = [5, 7, 9]"),
    WITH("reduce_sum", A23, "axes=[1], keepdims=1", "f32[2,1] = [6, 15]"),
    WITH("reduce_sum", A23, "axes=[]", A23),
    WITH("reduce_sum", "f32[3] = [16777216, 1, 1]", "axes=[0]", "f32[] = [16777218]"),
    WITH("reduce_sum", "i64[2] = [" I64_MAX_TEXT ", 1]", "axes=[0]", "i64[] = [" I64_MIN_TEXT "]"),
    WITH("reduce_sum", "f32[2,0] = []", "axes=[1]", "f32[2] = [0, 0]"),
    WITH("reduce_mean", A23, "axes=[0,1]", "f32[] = [3.5]"),
    WITH("reduce_mean", "i32[2] = [-3, -4]", "axes=[0]", "i32[] = [-3]"),
    WITH("reduce_mean", "f32[0] = []", "axes=[0]", "f32[] = [nan]"),
    WITH("reduce_max", "f32[2,2] = [1, nan, 3, 2]", "axes=[1]", "f32[2] = [nan, 3]"),
    WITH("reduce_max", "f32[0] = []", "axes=[0]", "f32[] = [-inf]"),
    WITH("reduce_max", "i8[0] = []", "axes=[0]", "i8[] = [-128]"),
    WITH("reduce_max", "bool[2] = [0, 1]", "axes=[0]", "bool[] = [1]"),
    WITH("reduce_min", "f32[2,2] = [1, nan, 3, 2]", "axes=[0]", "f32[2] = [1, nan]"),
    WITH("reduce_min", "u16[0] = []", "axes=[0]", "u16[] = [65535]"),
    WITH("reduce_min", "i64[0] = []", "axes=[0]", "i64[] = [" I64_MAX_TEXT "]"),
    WITH("reduce_min", "bool[0] = []", "axes=[0]", "bool[] = [1]"),
    WITH("reduce_prod", A23, "axes=[1]", "f32[2] = [6, 120]"),
    WITH("reduce_prod", "i64[0] = []", "axes=[0]", "i64[] = [1]"),
    WITH("argmax", "f32[2,3] = [1, 3, 3, 7, 2, 1]", "axis=1", "i64[2] = [1, 0]"),
    WITH("argmax", "f32[2,3] = [1, 3, 3, 7, 2, 1]", "axis=1, last=1, keepdims=1",
         "i64[2,1] = [2, 0]"),
    WITH("argmax", "f32[2,3] = [1, 3, 3, 7, 2, 1]", "axis=0", "i64[3] = [1, 0, 0]"),
    WITH("argmax", "f32[4] = [1, nan, inf, nan]", "axis=0", "i64[] = [1]"),
    WITH("argmax", "i64[2] = [9223372036854775806, " I64_MAX_TEXT "]", "axis=0", "i64[] = [1]"),
    // ---- contractions
    BINARY("matmul", A23, "f32[3,2] = [1, 0, 0, 1, 1, 1]", "f32[2,2] = [4, 5, 10, 11]"),
    {"%1 = const : " A23 " %9 = matmul %1, %1 {trans_b=1}", "f32[2,2] = [14, 32, 32, 77]"},
    BINARY("matmul", "f32[2,1,2] = [1, 2, 3, 4]", "f32[2,2,1] = [1, 1, 2, 2]",
           "f32[2,1,1] = [3, 14]"),
    BINARY("matmul", "f32[1,2] = [3, 4]", "f32[3,2,1] = [1, 0, 0, 1, 1, 1]",
           "f32[3,1,1] = [3, 4, 7]"),
    BINARY("matmul", "f32[2,0] = []", "f32[0,2] = []", "f32[2,2] = [0, 0, 0, 0]"),
    BINARY("matmul", "f32[1,2] = [inf, 1]", "f32[2,2] = [1, 0, 1, 1]", "f32[1,2] = [inf, nan]"),
    BINARY("matmul", "i64[1,2] = [" I64_MAX_TEXT ", 1]", "i64[2,1] = [1, -1]",
           "i64[1,1] = [9223372036854775806]"),
    BINARY("matmul", "f16[1,2] = [60000, 60000]", "f16[2,1] = [1, -1]", "f16[1,1] = [0]"),
    BINARY("conv", "f32[1,1,3,3] = [1, 2, 3, 4, 5, 6, 7, 8, 9]", "f32[1,1,2,2] = [1, 0, 0, 1]",
           "f32[1,1,2,2] = [6, 8, 12, 14]"),
    {"%1 = const : f32[1,2,3] = [1, 2, 3, 4, 5, 6] %2 = const : f32[2,1,2] = [1, 1, 1, -1] "
     "%9 = conv %1, %2 {group=2, pads=[1,0], strides=[2]}", "f32[1,2,2] = [1, 5, -4, -1]"},
    {"%1 = const : f32[1,1,4] = [1, 2, 3, 4] %2 = const : f32[1,1,2] = [1, 10] "
     "%9 = conv %1, %2 {dilations=[2], pads=[0,1]}", "f32[1,1,3] = [31, 42, 3]"},
    // ---- over the last axis
    UNARY("softmax", "f32[2,2] = [0, 0, -1000, 1000]", "f32[2,2] = [0.5, 0.5, 0, 1]"),
    UNARY("softmax", "f32[3,2] = [-inf, 0, -inf, -inf, nan, 0]",
          "f32[3,2] = [0, 1, nan, nan, nan, nan]"),
    UNARY("softmax", "f32[0,2] = []", "f32[0,2] = []"),
    UNARY("softmax", "f32[2,0] = []", "f32[2,0] = []"),
    WITH("layernorm", "f32[2,2] = [1, 3, 5, 5]", "eps=0", "f32[2,2] = [-1, 1, nan, nan]"),
    WITH("layernorm", "f32[2] = [1, 3]", "eps=3", "f32[2] = [-0.5, 0.5]"),
    {"%1 = const : f32[2] = [1, 3] %2 = const : f32[2] = [2, 3] %3 = const : f32[2] = [10, 20] "
     "%9 = layernorm %1, %2, %3 {eps=0}", "f32[2] = [8, 23]"},
    {"%1 = const : f32[1,1,1,2] = [1, 0] %2 = const : f32[1,2,1,2] = [0, 5, 0, -5] "
     "%3 = const : f32[1,2,1,3] = [1, 2, 3, 3, 4, 5] %9 = attention %1, %2, %3 {scale=1}",
     "f32[1,1,1,3] = [2, 3, 4]"},
    {"%1 = const : f32[1,1,2,1] = [1, 1] %2 = const : f32[1,2,2,1] = [0, 0, 1000, -1000] "
     "%3 = const : f32[1,2,2,1] = [1, 2, 3, 4] %9 = attention %1, %2, %3 {scale=1}",
     "f32[1,1,2,1] = [3, 2]"},
    {"%1 = const : f32[1,1,1,1] = [1] %2 = const : f32[1,2,1,1] = [0, 2] "
     "%3 = const : f32[1,2,1,1] = [0, 1] %9 = attention %1, %2, %3 {scale=0.5, base2=1}",
     "f32[1,1,1,1] = [0.6666667]"},
};
static bool covered[OP_COUNT];

static void test_rows(void **state) {
    (void)state;
    int nwrong = 0;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        TestCtx *t = test_ctx();
        Graph *g = vg_parse(t, rows[i].lines);
        if (!g) fail_msg("%s: %s", rows[i].lines, t->said);
        Tensor got = graph_eval_const(g, g->output.data[0].node, t->c.arena);
        const char *text = vg_tensor(t->c.arena, got);
        if (strcmp(text, rows[i].want)) {
            print_error("%s\n    is   %s\n    want %s\n", rows[i].lines, text, rows[i].want);
            nwrong++;
        }
        assert_int_equal((uintptr_t)got.data % 64, 0);
        for (NodeId n = 1; n < g->node.n; n++) covered[graph_node(g, n)->op] = true;
        test_ctx_free(t);
    }
    assert_int_equal(nwrong, 0);
}
static void test_every_op_has_a_row(void **state) {
    (void)state;
    covered[OP_INPUT] = true;      // below
    for (int op = OP_NONE + 1; op < OP_COUNT; op++)
        if (!covered[op]) fail_msg("no row for %s", graph_op[op].text);
}
static void test_inputs(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Graph *g = vg_parse(t, "%1 = input \"a\" : f32[2] %2 = input \"b\" : f32[2] %3 = neg %2 "
                           "%4 = add %3, %3 %9 = reshape %1 {shape=[2,1]}");
    float b[] = {1, 2}, a[] = {5, 6};
    Tensor in[] = {{*graph_type(g, 1), NULL}, {*graph_type(g, 2), b}}, out[3];
    NodeId want[] = {4, 3, 3};
    assert_true(graph_eval(g, in, want, 3, out, t->c.arena, t->c.diag));
    assert_string_equal(vg_tensor(t->c.arena, out[0]), "f32[2] = [-2, -4]");
    assert_string_equal(vg_tensor(t->c.arena, out[1]), "f32[2] = [-1, -2]");
    assert_ptr_equal(out[1].data, out[2].data);
    in[0].data = a;
    assert_true(graph_eval(g, in, &g->output.data[0].node, 1, out, t->c.arena, t->c.diag));
    assert_string_equal(vg_tensor(t->c.arena, out[0]), "f32[2,1] = [5, 6]");
    test_ctx_free(t);
}
static void test_index_out_of_range(void **state) {
    (void)state;
    static const char *const index[] = {"3", "-1", "9223372036854775807"};
    for (size_t i = 0; i < COUNT_OF(index); i++) {
        TestCtx *t = test_ctx();
        Graph *g = vg_parse(t, arena_printf(t->c.arena, "%%1 = const : f32[3] = [1, 2, 3] "
                                            "%%2 = const : i64[1] = [%s] "
                                            "%%9 = gather %%1, %%2 {axis=0}", index[i]));
        Tensor out;
        assert_false(graph_eval(g, NULL, &g->output.data[0].node, 1, &out, t->c.arena, t->c.diag));
        test_ctx_expect(t, ERR_MODEL, arena_printf(t->c.arena, "gather: index %s is out of range "
                                                   "for an axis of size 3", index[i]));
        assert_null(graph_eval_const(g, g->output.data[0].node, t->c.arena).data);
        test_ctx_free(t);
    }
}
// Constants of a mapped file lie anywhere.
static void test_unaligned_constant(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Graph *g = graph_new(t->c.arena);
    char *bytes = arena_alloc(t->c.arena, 64);
    memcpy(bytes + 3, (float[]){1, 2, 3}, 12);
    int64_t three = 3;
    NodeId x = graph_const(g, type_of(DT_F32, 1, &three), bytes + 3, 0);
    Tensor y = graph_eval_const(g, g_binary(g, OP_ADD, x, x), t->c.arena);
    assert_string_equal(vg_tensor(t->c.arena, y), "f32[3] = [2, 4, 6]");
    y = graph_eval_const(g, x, t->c.arena);
    assert_string_equal(vg_tensor(t->c.arena, y), "f32[3] = [1, 2, 3]");
    test_ctx_free(t);
}
// A hundred values of 1 MiB, of which two live at a time, in a budget of 8 MiB.
static void test_memory_is_reused(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Graph *g = graph_new(t->c.arena);
    int64_t n = 1 << 18;
    NodeId x = g_expand(g, graph_scalar(g, DT_F32, 1, 0), 1, &n), start = x;
    for (int i = 0; i < 100; i++) x = g_binary(g, OP_ADD, g_reshape(g, x, 1, &n), start);
    uint64_t before = limit(LIM_MEMORY);
    limit_set(LIM_MEMORY, arena_total() + (8 << 20));
    Tensor y = graph_eval_const(g, x, t->c.arena);
    limit_set(LIM_MEMORY, before);
    for (int64_t i = 0; i < n; i++) assert_true(((float *)y.data)[i] == 101);
    test_ctx_free(t);
}
int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_every_op_has_a_row),
        cmocka_unit_test(test_inputs),
        cmocka_unit_test(test_index_out_of_range),
        cmocka_unit_test(test_unaligned_constant),
        cmocka_unit_test(test_memory_is_reused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
