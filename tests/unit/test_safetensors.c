// test_safetensors.c: what is read, every truncation and many lies refused, and the writer beside
// the reader. .npy files too.
#include "frontend/frontend.h"
#include "tests/support/ctx.h"

// A file in memory exactly as long as its content, so that ASan sees one byte too many.
static FileView view_of(const void *data, size_t n) {
    uint8_t *copy = test_malloc(n ? n : 1);
    memcpy(copy, data, n);
    return (FileView){"m.st", copy, n};
}
static void view_free(FileView f) {
    test_free((void *)(uintptr_t)f.data);
}
static FileView st_file(const char *header, size_t ndata) {
    char text[4096] = {0};
    uint64_t n = strlen(header);
    memcpy(text, &n, 8);
    memcpy(text + 8, header, n);
    for (size_t i = 0; i < ndata; i++) text[8 + n + i] = (char)i;
    return view_of(text, 8 + n + ndata);
}
static bool reads(TestCtx *t, const char *header, size_t ndata) {
    FileView f = st_file(header, ndata);
    Weights w;
    bool ok = safetensors_read(&t->c, &f, &w);
    view_free(f);
    return ok;
}
static void reads_tensors(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    FileView f = st_file("{\"__metadata__\":{\"format\":\"pt\"},"
                         "\"b\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8]},"
                         "\"a\":{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[8,10]},"
                         "\"z\":{\"dtype\":\"F32\",\"shape\":[0,3],\"data_offsets\":[10,10]},"
                         "\"c\":{\"dtype\":\"F8_E4M3\",\"shape\":[3],\"data_offsets\":[10,13]}}  ",
                         13);
    Weights w;
    assert_true(safetensors_read(&t->c, &f, &w));
    assert_int_equal(w.tensor.n, 4);
    assert_string_equal(w.tensor.data[0].name, "a");
    const WeightTensor *b = weights_find(&w, "b");
    assert_true(b->type.dt == DT_F32 && b->type.rank == 2 && b->type.dim[0] == 2);
    assert_ptr_equal(b->data, f.data + b->offset);
    assert_int_equal(((const uint8_t *)b->data)[5], 5);
    assert_int_equal(weights_find(&w, "c")->type.dt, DT_NONE);
    assert_string_equal(weights_find(&w, "c")->dtype, "F8_E4M3");
    assert_null(weights_find(&w, "d"));
    view_free(f);
    test_ctx_free(t);
}
static void reads_no_tensors(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    assert_true(reads(t, "{}", 0));
    assert_true(reads(t, "{\"__metadata__\":{}}", 0));
    test_ctx_free(t);
}

typedef struct Lie {
    const char *header;
    size_t ndata;
    ErrKind kind;
    const char *want;
} Lie;
#define T(name, dtype, shape, offsets)                                                             \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"
static const Lie lies[] = {
    {"{" T("a", "F32", "[2]", "[0,4]") "}", 4, ERR_MODEL, "'a' has 4 bytes of data"},
    {"{" T("a", "F32", "[2]", "[4,12]") "}", 12, ERR_MODEL, "starts at data byte 4, not at 0"},
    {"{" T("a", "U8", "[2]", "[0,2]") "," T("b", "U8", "[2]", "[1,3]") "}", 3, ERR_MODEL,
     "'b' starts at data byte 1, not at 2"},
    {"{" T("a", "U8", "[2]", "[0,2]") "," T("b", "U8", "[2]", "[0,2]") "}", 2, ERR_MODEL,
     "'b' starts at data byte 0"},
    {"{" T("a", "U8", "[2]", "[0,2]") "," T("b", "U8", "[2]", "[3,5]") "}", 5, ERR_MODEL,
     "'b' starts at data byte 3, not at 2"},
    {"{" T("a", "U8", "[2]", "[0,2]") "}", 3, ERR_MODEL, "data after the last tensor"},
    {"{" T("a", "U8", "[2]", "[0,2]") "}", 1, ERR_MODEL, "truncated"},
    {"{" T("a", "U8", "[2]", "[2,0]") "}", 2, ERR_MODEL, "'a.data_offsets[1]' must be an integer"},
    {"{" T("a", "U8", "[2]", "[0]") "}", 2, ERR_MODEL, "must be a list of two integers"},
    {"{" T("a", "U8", "[2]", "[0,1,2]") "}", 2, ERR_MODEL, "must be a list of two integers"},
    {"{" T("a", "U8", "2", "[0,2]") "}", 2, ERR_MODEL, "'a.shape' must be a list"},
    {"{" T("a", "U8", "[\"2\"]", "[0,2]") "}", 2, ERR_MODEL, "'a.shape[0]' must be an integer"},
    {"{" T("a", "U8", "[4294967296]", "[0,2]") "}", 2, ERR_MODEL, "'a.shape[0]' must be"},
    {"{" T("a", "U8", "[1073741824,1073741824,1073741824]", "[0,0]") "}", 0, ERR_LIMIT,
     "too many elements"},
    {"{" T("a", "U8", "[1073741824,1073741824,1073741824,0]", "[0,0]") "}", 0, ERR_LIMIT,
     "too many elements"},
    {"{" T("a", "U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]") "}", 1, ERR_LIMIT, "more than 8 dimensions"},
    {"{" T("a", "FLOAT", "[1]", "[0,4]") "}", 4, ERR_MODEL, "'a' has the unknown dtype FLOAT"},
    {"{" T("a", "F4", "[1]", "[0,1]") "}", 1, ERR_MODEL, "'a' has 1 bytes of data"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1, ERR_MODEL, "must have exactly dtype, shape"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"x\":1}}", 1, ERR_MODEL,
     "must have exactly"},
    {"{\"a\":{\"dtype\":1,\"shape\":[1],\"data_offsets\":[0,1]}}", 1, ERR_MODEL,
     "must be a string"},
    {"{\"a\":[]}", 0, ERR_MODEL, "must be an object"},
    {"{\"a\":7}", 0, ERR_MODEL, "must be an object"},
    {"{\"__metadata__\":[]}", 0, ERR_MODEL, "must be an object"},
    {"{\"__metadata__\":{\"a\":1}}", 0, ERR_MODEL, "must be a string"},
    {"{" T("a", "U8", "[1]", "[0,1]") "," T("a", "U8", "[1]", "[1,2]") "}", 2, ERR_MODEL,
     "occurs twice"},
    {"[]", 0, ERR_MODEL, "must be an object"},
    {"", 0, ERR_MODEL, "expected '{'"},
};
static void refuses_lies(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lies); i++) {
        TestCtx *t = test_ctx();
        assert_false(reads(t, lies[i].header, lies[i].ndata));
        test_ctx_expect(t, lies[i].kind, lies[i].want);
        test_ctx_free(t);
    }
}
static void refuses_header_lengths(void **state) {
    (void)state;
    static const uint64_t lengths[] = {3, 1000, 1ull << 32, 1ull << 63, UINT64_MAX, UINT64_MAX - 7};
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        TestCtx *t = test_ctx();
        uint8_t bytes[10] = {0};
        memcpy(bytes, &lengths[i], 8);
        memcpy(bytes + 8, "{}", 2);
        FileView f = view_of(bytes, sizeof bytes);
        Weights w;
        assert_false(safetensors_read(&t->c, &f, &w));
        test_ctx_expect(t, ERR_MODEL, "the header needs");
        view_free(f);
        test_ctx_free(t);
    }
}

// ---- the writer ------------------------------------------------------------------------------
static const float floats[] = {1, -2, 3.5f};
static const uint8_t bytes[] = {9, 8};
static const double doubles[] = {0.25};
static Str written(Arena *a) {
    const NamedTensor t[] = {
        {"bytes \"\xc3\xa9\"\n", type_of(DT_U8, 2, (int64_t[]){1, 2}), bytes},
        {"floats", type_of(DT_F32, 1, (int64_t[]){3}), floats},
        {"double", type_of(DT_F64, 0, NULL), doubles},
        {"none", type_of(DT_F32, 2, (int64_t[]){4, 0}), floats},
    };
    Str s = str_new(a);
    safetensors_write(&s, t, COUNT_OF(t));
    return s;
}
static void writes_what_it_reads(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Str s = written(t->c.arena), again = written(t->c.arena);
    assert_int_equal(s.n, again.n);
    assert_memory_equal(s.data, again.data, s.n);
    uint64_t header;
    memcpy(&header, s.data, 8);
    assert_int_equal(header % 8, 0);
    FileView f = view_of(s.data, s.n);
    Weights w;
    assert_true(safetensors_read(&t->c, &f, &w));
    assert_int_equal(w.tensor.n, 4);
    assert_memory_equal(weights_find(&w, "floats")->data, floats, sizeof floats);
    assert_memory_equal(weights_find(&w, "double")->data, doubles, sizeof doubles);
    assert_memory_equal(weights_find(&w, "bytes \"\xc3\xa9\"\n")->data, bytes, sizeof bytes);
    assert_int_equal(weights_find(&w, "none")->type.dim[0], 4);
    view_free(f);
    test_ctx_free(t);
}
static void refuses_every_truncation(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Str s = written(t->c.arena);
    for (size_t n = 0; n < s.n; n++) {
        TestCtx *u = test_ctx();
        FileView f = view_of(s.data, n);
        Weights w;
        assert_false(safetensors_read(&u->c, &f, &w));
        assert_int_equal(diag_kind(u->c.diag), ERR_MODEL);
        assert_int_equal(diag_count(u->c.diag), 1);
        view_free(f);
        test_ctx_free(u);
    }
    test_ctx_free(t);
}

// ---- .npy ------------------------------------------------------------------------------------
static FileView npy_file(const char *dict, size_t ndata) {
    char text[512] = "\x93NUMPY\x01\x00";
    size_t n = strlen(dict);
    text[8] = (char)n;
    text[9] = (char)(n >> 8);
    memcpy(text + 10, dict, n);
    return view_of(text, 10 + n + ndata);
}
static bool reads_npy(TestCtx *t, const char *dict, size_t ndata, Type *type) {
    const void *data;
    FileView f = npy_file(dict, ndata);
    bool ok = npy_read(&t->c, &f, type, &data);
    view_free(f);
    return ok;
}
static void reads_npy_files(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Type y;
    const char *as_numpy = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }  \n";
    assert_true(reads_npy(t, as_numpy, 12, &y));
    assert_true(y.dt == DT_F32 && y.rank == 2 && y.dim[0] == 1 && y.dim[1] == 3);
    assert_true(reads_npy(t, "{'shape': (2,), 'descr': '|u1', 'fortran_order': True}\n", 2, &y));
    assert_true(y.dt == DT_U8 && y.rank == 1);
    assert_true(reads_npy(t, "{'descr': '<i8', 'fortran_order': False, 'shape': ()}", 8, &y));
    assert_true(y.dt == DT_I64 && y.rank == 0);
    test_ctx_free(t);
}
static void refuses_bad_npy_files(void **state) {
    (void)state;
#define NPY(descr, order, shape)                                                                   \
    "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape "}"
    static const Lie wrong[] = {
        {NPY("'<f4'", "False", "(2,)"), 7, ERR_MODEL, "f32[2] needs 8 bytes"},
        {NPY("'<f4'", "False", "(2,)"), 9, ERR_MODEL, "f32[2] needs 8 bytes"},
        {NPY("'<f4'", "False", "(1073741824, 8)"), 0, ERR_MODEL, "needs 34359738368 bytes"},
        {NPY("'<f4'", "False", "(1073741824, 9)"), 0, ERR_LIMIT, "too many elements"},
        {NPY("'<f4'", "False", "(99999999999999999999,)"), 0, ERR_LIMIT, "is too large"},
        {NPY("'<f4'", "False", "(-1,)"), 0, ERR_MODEL, "expected a dimension"},
        {NPY("'<f4'", "False", "(1)"), 4, ERR_MODEL, "bad shape"},
        {NPY("'<f4'", "False", "(1,,)"), 4, ERR_MODEL, "expected a dimension"},
        {NPY("'>f4'", "False", "(1,)"), 4, ERR_UNSUPPORTED, "the element type '>f4' is not supported"},
        {NPY("'|O'", "False", "(1,)"), 8, ERR_UNSUPPORTED, "the element type '|O' is not supported"},
        {NPY("'<f4'", "True", "(1, 2)"), 8, ERR_UNSUPPORTED, "Fortran order"},
        {NPY("'<f4'", "1", "(1,)"), 4, ERR_MODEL, "fortran_order"},
        {"{'descr': '<f4', 'shape': (1,)}", 4, ERR_MODEL, "is missing"},
        {"{'descr': '<f4', 'descr': '<f4', 'shape': (1,)}", 4, ERR_MODEL, "bad key"},
        {NPY("'<f4'", "False", "(1,)") " x", 4, ERR_MODEL, "text after the dict"},
        {"__import__('os').system('x')", 4, ERR_MODEL, "expected a dict"},
        {"", 4, ERR_MODEL, "expected a dict"},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        TestCtx *t = test_ctx();
        Type y;
        assert_false(reads_npy(t, wrong[i].header, wrong[i].ndata, &y));
        test_ctx_expect(t, wrong[i].kind, wrong[i].want);
        test_ctx_free(t);
    }
    FileView whole = npy_file(NPY("'<f4'", "False", "(1,)"), 4);
    for (size_t n = 0; n < whole.nbytes; n++) {
        TestCtx *t = test_ctx();
        FileView f = view_of(whole.data, n);
        Type y;
        const void *data;
        assert_false(npy_read(&t->c, &f, &y, &data));
        view_free(f);
        test_ctx_free(t);
    }
    view_free(whole);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_tensors),        cmocka_unit_test(reads_no_tensors),
        cmocka_unit_test(refuses_lies),         cmocka_unit_test(refuses_header_lengths),
        cmocka_unit_test(writes_what_it_reads), cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(reads_npy_files),      cmocka_unit_test(refuses_bad_npy_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
