// test_json.c: strict JSON: what is refused and where, what is accepted, and typed reads.
#include "frontend/json.h"
#include "tests/support/ctx.h"

typedef struct Bad {
    const char *text, *want; // the message with its place
    ErrKind kind;
} Bad;
static const Bad bad[] = {
    {"", "j:1:1: expected '{'", ERR_MODEL},
    {"[]", "j:1:1: expected '{': the text must be an object", ERR_MODEL},
    {"1", "expected '{'", ERR_MODEL},
    {"{", "j:1:2: expected a key", ERR_MODEL},
    {"{}x", "j:1:3: unexpected text after the end", ERR_MODEL},
    {"{}{}", "unexpected text", ERR_MODEL},
    {"{\"a\"}", "j:1:5: expected ':'", ERR_MODEL},
    {"{\"a\":}", "j:1:6: expected a value", ERR_MODEL},
    {"{\"a\":1,}", "j:1:8: expected a key", ERR_MODEL},
    {"{,}", "expected a key", ERR_MODEL},
    {"{\"a\":1 \"b\":2}", "j:1:8: expected ',' or '}'", ERR_MODEL},
    {"{\"a\":[1 2]}", "expected ',' or ']'", ERR_MODEL},
    {"{\"a\":[1,]}", "expected a value", ERR_MODEL},
    {"{\"a\":[1}", "expected ',' or ']'", ERR_MODEL},
    {"{\"a\":1]", "expected ',' or '}'", ERR_MODEL},
    {"{a:1}", "expected a key", ERR_MODEL},
    {"{'a':1}", "expected a key", ERR_MODEL},
    {"{\n  \"a\": 01\n}", "j:2:8: a number must not start with 0", ERR_MODEL},
    {"{\"a\":-}", "expected a digit", ERR_MODEL},
    {"{\"a\":1.}", "expected a digit", ERR_MODEL},
    {"{\"a\":.5}", "expected a value", ERR_MODEL},
    {"{\"a\":+1}", "expected a value", ERR_MODEL},
    {"{\"a\":1e}", "expected a digit", ERR_MODEL},
    {"{\"a\":0x10}", "expected ',' or '}'", ERR_MODEL},
    {"{\"a\":1e400}", "j:1:6: a number beyond the range of a double", ERR_MODEL},
    {"{\"a\":NaN}", "expected a value", ERR_MODEL},
    {"{\"a\":Infinity}", "expected a value", ERR_MODEL},
    {"{\"a\":-Infinity}", "expected a digit", ERR_MODEL},
    {"{\"a\":True}", "expected a value", ERR_MODEL},
    {"{\"a\":nul}", "expected a value", ERR_MODEL},
    {"{\"a\":\"b}", "j:1:6: this string is not closed", ERR_MODEL},
    {"{\"a\":\"\n\"}", "an unescaped control character", ERR_MODEL},
    {"{\"a\":\"\t\"}", "an unescaped control character", ERR_MODEL},
    {"{\"a\":\"\\x41\"}", "unknown escape", ERR_MODEL},
    {"{\"a\":\"\\u12g4\"}", "four hexadecimal digits", ERR_MODEL},
    {"{\"a\":\"\\u0000\"}", "\\u0000 in a string", ERR_MODEL},
    {"{\"a\":\"\\ud800\"}", "a high surrogate without", ERR_MODEL},
    {"{\"a\":\"\\ud800\\u0041\"}", "a high surrogate without", ERR_MODEL},
    {"{\"a\":\"\\udc00\"}", "a low surrogate without", ERR_MODEL},
    {"{\"a\":\"\xff\"}", "invalid UTF-8", ERR_MODEL},
    {"{\"a\":\"\xc0\xaf\"}", "invalid UTF-8", ERR_MODEL}, // overlong
    {"{\"a\":\"\xe0\x80\xaf\"}", "invalid UTF-8", ERR_MODEL},
    {"{\"a\":\"\xf0\x80\x80\xaf\"}", "invalid UTF-8", ERR_MODEL},
    {"{\"a\":\"\xed\xa0\x80\"}", "invalid UTF-8", ERR_MODEL},     // a surrogate
    {"{\"a\":\"\xf4\x90\x80\x80\"}", "invalid UTF-8", ERR_MODEL}, // U+110000
    {"{\"a\":\"\xe2\x82\"}", "invalid UTF-8", ERR_MODEL},         // cut
    {"\xef\xbb\xbf{}", "a byte order mark", ERR_MODEL},
    {"{\"a\":1,\"b\":2,\n\"a\":3}", "j:2:1: this key occurs twice", ERR_MODEL},
    {"{\"a\":1,\"\\u0061\":2}", "j:1:8: this key occurs twice", ERR_MODEL},
    {"{\"\xc3\xa9\":1,\"\\u00e9\":2}", "this key occurs twice", ERR_MODEL},
    {"{\"\":1,\"\":2}", "this key occurs twice", ERR_MODEL},
    {"{\"\xc3\xa9\xc3\xa9\":1,\n \"b\": \xff}", "j:2:7: expected a value", ERR_MODEL},
};
static void refuses_what_is_not_json(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        TestCtx *t = test_ctx();
        assert_null(json_parse(&t->c, "j", bad[i].text, strlen(bad[i].text), false));
        test_ctx_expect(t, bad[i].kind, bad[i].want);
        assert_int_equal(diag_count(t->c.diag), 1);
        test_ctx_free(t);
    }
}
static const char *const good[] = {
    "{}",
    " \t\r\n{ } \n",
    "{\"a\":[]}",
    "{\"a\":{}}",
    "{\"a\":[[],{}]}",
    "{\"a\":-0.5e-3}",
    "{\"a\":[true,false,null,\"\",0,-1,1e5,1E+5]}",
    "{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":2}]}",
    "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"}",
    "{\"\xf0\x9f\x98\x80\":1}",
    "{\"a\":9007199254740993}",
    "{\"ab\":1,\"a\":2,\"abc\":3,\"\":4}",
};
static void accepts_json(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        TestCtx *t = test_ctx();
        assert_non_null(json_parse(&t->c, "j", good[i], strlen(good[i]), false));
        assert_int_equal(diag_count(t->c.diag), 0);
        test_ctx_free(t);
    }
}
// No prefix of a text is a text; and no reading beyond the end (the copy has no slack for ASan).
static void refuses_every_truncation(void **state) {
    (void)state;
    static const char text[] = "{\"a\\u00e9\": [1, -2.5e3, true],"
                               " \"b\": {\"c\": \"\\ud83d\\ude00\"}}";
    for (size_t n = 0; n < sizeof text - 1; n++) {
        TestCtx *t = test_ctx();
        char *copy = test_malloc(n ? n : 1);
        memcpy(copy, text, n);
        assert_null(json_parse(&t->c, "j", copy, n, false));
        assert_int_equal(diag_kind(t->c.diag), ERR_MODEL);
        test_free(copy);
        test_ctx_free(t);
    }
}
static void refuses_nul_bytes(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    assert_null(json_parse(&t->c, "j", "{\"a\":\"b\0c\"}", 11, false));
    test_ctx_expect(t, ERR_MODEL, "j:1:8: a NUL byte");
    test_ctx_free(t);
}
static void bounds_depth_size_and_count(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    char deep[200];
    int n = snprintf(deep, sizeof deep, "{\"a\":");
    memset(deep + n, '[', 63);
    memset(deep + n + 63, ']', 63);
    deep[n + 126] = '}';
    assert_non_null(json_parse(&t->c, "j", deep, (size_t)n + 127, false)); // depth 64
    memset(deep + n, '[', 190 - (size_t)n);
    assert_null(json_parse(&t->c, "j", deep, 190, false));
    test_ctx_expect(t, ERR_LIMIT, "nested too deeply");
    test_ctx_free(t);

    t = test_ctx();
    size_t many = limit(LIM_JSON_VALUES) + 10, size = 2 * many + 8;
    char *text = test_malloc(size);
    memcpy(text, "{\"a\":[0", 7);
    for (size_t i = 7; i + 2 < size; i += 2) memcpy(text + i, ",0", 2);
    assert_null(json_parse(&t->c, "j", text, size - 2, false));
    test_ctx_expect(t, ERR_LIMIT, "too many values");
    test_free(text);
    test_ctx_free(t);

    t = test_ctx();
    size = limit(LIM_CONFIG_BYTES) + 1;
    text = test_malloc(size);
    memset(text, ' ', size);
    assert_null(json_parse(&t->c, "j", text, size, false));
    test_ctx_expect(t, ERR_LIMIT, "bytes of JSON");
    test_free(text);
    test_ctx_free(t);
}
static void headers_hold_unsigned_integers(void **state) {
    (void)state;
    static const char *const wrong[] = {"{\"a\":-1}", "{\"a\":1.0}", "{\"a\":1e3}",
                                        "{\"a\":9007199254740992}"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        TestCtx *t = test_ctx();
        assert_null(json_parse(&t->c, "j", wrong[i], strlen(wrong[i]), true));
        test_ctx_expect(t, ERR_MODEL, "j:1:6: expected an integer from 0 to 2^53-1");
        test_ctx_free(t);
    }
    TestCtx *t = test_ctx();
    const char *ok = "{\"a\":9007199254740991}";
    cJSON *root = json_parse(&t->c, "j", ok, strlen(ok), true);
    assert_non_null(root);
    assert_true(root->child->valuedouble == 0x1p53 - 1);
    test_ctx_free(t);
}

// ---- typed reads -----------------------------------------------------------------------------
static const char config[] =
    "{\n"
    "  \"size\": {\"height\": \"tall\", \"w\": [1, 2, {\"deep\": 3}]},\n"
    "  \"n\": 5, \"half\": 0.5, \"big\": 1e300, \"yes\": true, \"word\": \"x\", \"none\": null,\n"
    "  \"pair\": [3, 4], \"empty\": []\n"
    "}\n";
static Json open_config(TestCtx *t) {
    Json j;
    FileView f = {"config.json", (const uint8_t *)config, sizeof config - 1};
    assert_true(json_open(&t->c, &f, false, &j));
    return j;
}
static void reads_what_is_there(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Json j = open_config(t);
    int64_t n = 7, v[2] = {0};
    int count = 0;
    double d = 0;
    bool yes = false;
    const char *word = NULL;
    assert_true(json_int(&j, j.root, "absent", 0, 1, &n) && n == 7);
    assert_true(json_int(&j, j.root, "none", 0, 1, &n) && n == 7);
    assert_true(json_int(&j, j.root, "n", 0, 10, &n) && n == 5);
    assert_true(json_number(&j, j.root, "half", 0, 1, &d) && d == 0.5);
    assert_true(json_bool(&j, j.root, "yes", &yes) && yes);
    assert_true(json_string(&j, j.root, "word", &word));
    assert_string_equal(word, "x");
    assert_true(json_ints(&j, j.root, "pair", 0, 9, 2, v, &count));
    assert_true(count == 2 && v[0] == 3 && v[1] == 4);
    assert_true(json_ints(&j, j.root, "n", 0, 9, 2, v, &count));
    assert_true(count == 1 && v[0] == 5);
    assert_null(json_get(j.root, "SIZE")); // keys keep their case
    test_ctx_free(t);
}
static void names_key_and_place_of_a_wrong_value(void **state) {
    (void)state;
    int64_t n, v[2];
    int count;
    double d;
    bool yes;
    const char *word;
#define EXPECT(call, text)                                                                         \
    do {                                                                                           \
        TestCtx *t = test_ctx();                                                                   \
        Json j = open_config(t);                                                                   \
        const cJSON *size = json_get(j.root, "size");                                              \
        (void)size;                                                                                \
        assert_false(call);                                                                        \
        test_ctx_expect(t, ERR_MODEL, text);                                                       \
        test_ctx_free(t);                                                                          \
    } while (0)
    EXPECT(json_int(&j, size, "height", 1, 9, &n),
           "config.json:2:22: 'size.height' must be an integer from 1 to 9");
    EXPECT(json_int(&j, j.root, "half", 0, 9, &n), "config.json:3:19: 'half' must be an integer");
    EXPECT(json_int(&j, j.root, "n", 6, 9, &n), "'n' must be an integer from 6 to 9");
    EXPECT(json_int(&j, j.root, "big", 0, INT64_MAX, &n), "'big' must be an integer");
    EXPECT(json_int(&j, j.root, "yes", 0, 1, &n), "'yes' must be an integer");
    EXPECT(json_number(&j, j.root, "big", 0, 1, &d), "'big' must be from 0 to 1");
    EXPECT(json_number(&j, j.root, "word", 0, 1, &d), "'word' must be a number");
    EXPECT(json_bool(&j, j.root, "n", &yes), "'n' must be true or false");
    EXPECT(json_string(&j, j.root, "n", &word), "'n' must be a string");
    EXPECT(json_ints(&j, j.root, "empty", 0, 9, 2, v, &count), "'empty' must be a number or");
    EXPECT(json_ints(&j, size, "w", 0, 9, 2, v, &count), "config.json:2:35: 'size.w' must be");
    EXPECT(json_ints(&j, j.root, "pair", 0, 3, 2, v, &count), "config.json:4:15: 'pair[1]' must");
    EXPECT(json_error(&j, ERR_MODEL, size->child->next->child->next->next->child, "is deep"),
           "config.json:2:51: 'size.w[2].deep' is deep");
    EXPECT(json_error(&j, ERR_MODEL, j.root, "is odd"), "config.json:1:1: is odd");
#undef EXPECT
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_is_not_json),
        cmocka_unit_test(accepts_json),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(refuses_nul_bytes),
        cmocka_unit_test(bounds_depth_size_and_count),
        cmocka_unit_test(headers_hold_unsigned_integers),
        cmocka_unit_test(reads_what_is_there),
        cmocka_unit_test(names_key_and_place_of_a_wrong_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
