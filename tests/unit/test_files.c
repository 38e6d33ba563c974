// test_files.c: the one function that opens model files, on a directory full of traps. The file
// itself is included, so that the way without openat2 can be tested on a kernel that has it.
#include "frontend/files.c"
#include "tests/support/ctx.h"

static char root[64]; // a temporary directory; the tests run inside it

static void put(const char *path, const char *text) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}
// model/            the directory that is opened
// cache/snapshots/rev/…  -> cache/blobs/…, as a hub cache keeps its files
static int make_tree(void **state) {
    (void)state;
    strcpy(root, "/tmp/vitc_files_XXXXXX");
    if (!mkdtemp(root) || chdir(root)) return -1;
    static const char *const dirs[] = {
        "model",
        "model/sub",
        "cache",
        "cache/blobs",
        "cache/snapshots",
        "cache/snapshots/rev",
        "cache/snapshots/rev/onnx",
        "real",
    };
    for (size_t i = 0; i < COUNT_OF(dirs); i++)
        if (mkdir(dirs[i], 0755)) return -1;
    put("secret", "secret");
    put("model/plain", "plain");
    put("model/empty", "");
    put("model/sub/inner", "inner");
    put("cache/blobs/aaaa", "blob");
    put("real/m.onnx", "model");
    put("real/m.data", "data");
    static const char *const links[][2] = {
        {"plain", "model/good_link"},
        {"sub/inner", "model/deep_link"},
        {"../secret", "model/bad_link"},
        {"/etc/passwd", "model/absolute_link"},
        {"..", "model/up"},
        {"/proc/self/root", "model/magic"},
        {"loop", "model/loop"},
        {"nothing", "model/dangling"},
        {"../../blobs/aaaa", "cache/snapshots/rev/weights"},
        {"../../../blobs/aaaa", "cache/snapshots/rev/onnx/weights"},
        {"../../../secret", "cache/snapshots/rev/stolen"},
        {"../real/m.onnx", "model/m.onnx"},
        {"../real/m.data", "model/m.data"},
    };
    for (size_t i = 0; i < COUNT_OF(links); i++)
        if (symlink(links[i][0], links[i][1])) return -1;
    return mkfifo("model/pipe", 0644) || link("secret", "model/hard_link");
}
static int remove_tree(void **state) {
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", root);
    return chdir("/") || system(command);
}

static void maps_a_file(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    FileView f;
    assert_true(file_map(&t->c, "model/plain", &f));
    assert_int_equal(f.nbytes, 5);
    assert_memory_equal(f.data, "plain", 5);
    assert_string_equal(f.path, "model/plain");
    assert_true(file_map(&t->c, "model/m.onnx", &f)); // the user may name any link
    test_ctx_free(t);
}
static void refuses_what_is_no_file(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"nothing", "cannot open 'nothing': No such file"},
        {"model", "'model' is a directory"},
        {"model/pipe", "'model/pipe' is a pipe"},
        {"model/empty", "'model/empty' is empty"},
        {"/dev/zero", "'/dev/zero' is a device"},
        {"/proc/self/mem", "is empty"},
        {"model/plain/x", "Not a directory"},
        {"model/loop", "Too many levels"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        TestCtx *t = test_ctx();
        FileView f;
        assert_false(file_map(&t->c, cases[i][0], &f));
        test_ctx_expect(t, ERR_IO, cases[i][1]);
        test_ctx_free(t);
    }
}
static void reports_permission(void **state) {
    (void)state;
    if (geteuid() == 0) skip();
    TestCtx *t = test_ctx();
    FileView f;
    put("closed", "x");
    assert_int_equal(chmod("closed", 0), 0);
    assert_false(file_map(&t->c, "closed", &f));
    test_ctx_expect(t, ERR_IO, "Permission denied");
    test_ctx_free(t);
}
static void stays_beneath(void **state) {
    (void)state;
    static const char *const allowed[] = {"plain",     "sub/inner", "./plain",  "sub//inner",
                                          "good_link", "deep_link", "hard_link"};
    for (size_t i = 0; i < COUNT_OF(allowed); i++) {
        TestCtx *t = test_ctx();
        FileView f;
        assert_true(file_map_beneath(&t->c, "model", allowed[i], 0, &f));
        assert_true(file_exists_beneath("model", allowed[i]));
        test_ctx_free(t);
    }
    struct {
        const char *name, *want;
        ErrKind kind;
        bool exists;
    } refused[] = {
        {"", "is empty", ERR_MODEL, false},
        {"/etc/passwd", "is absolute", ERR_MODEL, false},
        {"../secret", "contains '..'", ERR_MODEL, false},
        {"sub/../../secret", "contains '..'", ERR_MODEL, false},
        {"sub/..", "contains '..'", ERR_MODEL, false},
        {"..", "contains '..'", ERR_MODEL, false},
        {"sub\\inner", "contains a backslash", ERR_MODEL, false},
        {"c:plain", "names a drive", ERR_MODEL, false},
        {"bad_link", "a link to a place outside", ERR_MODEL, true},
        {"absolute_link", "a link to a place outside", ERR_MODEL, true},
        {"up/secret", "a link to a place outside", ERR_MODEL, true},
        {"magic/etc/passwd", "a link to a place outside", ERR_MODEL, true},
        {"m.data", "a link to a place outside", ERR_MODEL, true},
        {"loop", "Too many levels", ERR_IO, true},
        {"dangling", "No such file", ERR_IO, true},
        {"nothing", "cannot open 'model/nothing': No such file", ERR_IO, false},
        {"sub", "'model/sub' is a directory", ERR_IO, true},
        {"pipe", "'model/pipe' is a pipe", ERR_IO, true},
        {"empty", "is empty", ERR_IO, true},
    };
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        TestCtx *t = test_ctx();
        FileView f;
        assert_false(file_map_beneath(&t->c, "model", refused[i].name, 0, &f));
        test_ctx_expect(t, refused[i].kind, refused[i].want);
        assert_int_equal(file_exists_beneath("model", refused[i].name), refused[i].exists);
        test_ctx_free(t);
    }
}
static void follows_the_links_of_a_hub_cache(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    FileView f;
    assert_true(file_map_beneath(&t->c, "cache/snapshots/rev", "weights", 0, &f));
    assert_memory_equal(f.data, "blob", 4);
    assert_true(file_map_beneath(&t->c, "cache/snapshots/rev", "onnx/weights", 0, &f));
    assert_true(file_map_beneath(&t->c, "cache/snapshots/rev/onnx", "weights", 0, &f));
    assert_false(file_map_beneath(&t->c, "cache/snapshots/rev", "stolen", 0, &f));
    test_ctx_expect(t, ERR_MODEL, "a link to a place outside");
    test_ctx_free(t);
}
// model/m.onnx is a link to real/m.onnx: what lies there belongs to the model.
static void follows_links_to_the_real_place_of_the_model(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    FileView f;
    assert_true(file_map_beside(&t->c, "model/m.onnx", "m.data", 0, &f));
    assert_memory_equal(f.data, "data", 4);
    assert_true(file_map_beside(&t->c, "model/m.onnx", "plain", 0, &f));
    assert_false(file_map_beside(&t->c, "model/m.onnx", "bad_link", 0, &f));
    test_ctx_expect(t, ERR_MODEL, "a link to a place outside");
    test_ctx_free(t);
}
static void walks_where_openat2_is_missing(void **state) {
    (void)state;
    int dir = open("model", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = open_walk(dir, "sub//inner");
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(open_walk(dir, "good_link"), -1);
    assert_int_equal(errno, ELOOP);
    assert_int_equal(open_walk(dir, "up/secret"), -1);
    assert_true(errno == ELOOP || errno == ENOTDIR);
    assert_int_equal(open_walk(dir, "nothing/x"), -1);
    assert_int_equal(errno, ENOENT);
    close(dir);
}
static void digests_bytes(void **state) {
    (void)state;
    FileView a = {"a", (const uint8_t *)"ab", 2}, b = {"b", (const uint8_t *)"c", 1};
    const FileView *both[] = {&a, &b};
    char hex[65];
    file_sha256(both, 2, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
static void splits_paths(void **state) {
    (void)state;
    TestCtx *t = test_ctx();
    Arena *a = t->c.arena;
    assert_string_equal(path_dir(a, "m"), ".");
    assert_string_equal(path_dir(a, "a/m"), "a");
    assert_string_equal(path_dir(a, "/m"), "/");
    assert_string_equal(path_base(a, "a/b/m.onnx"), "m.onnx");
    assert_string_equal(path_base(a, "a/b///"), "b");
    assert_string_equal(path_base(a, "m"), "m");
    assert_true(path_is_dir("model") && !path_is_dir("secret") && !path_is_dir("nothing"));
    test_ctx_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_a_file),
        cmocka_unit_test(refuses_what_is_no_file),
        cmocka_unit_test(reports_permission),
        cmocka_unit_test(stays_beneath),
        cmocka_unit_test(follows_the_links_of_a_hub_cache),
        cmocka_unit_test(follows_links_to_the_real_place_of_the_model),
        cmocka_unit_test(walks_where_openat2_is_missing),
        cmocka_unit_test(digests_bytes),
        cmocka_unit_test(splits_paths),
    };
    return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
