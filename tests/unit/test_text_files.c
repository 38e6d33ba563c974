// test_text_files.c: every text of the three levels in the tests reads back: what a golden file
// says vitc printed is printed again byte for byte, and its input prints the same after one round.
// A folder that has a level's name holds nothing but output.
#include "ir/graph.h"
#include "ir/program.h"
#include "tests/support/ctx.h"
#include <dirent.h>
#include <stdlib.h>

static char *read_file(Arena *a, const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    Str s = str_new(a);
    char chunk[4096];
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;) str_add_n(&s, chunk, n);
    fclose(f);
    return arena_strdup(a, str_cstr(&s));
}
// Lines that are only a comment belong to the golden file, not to the text.
static const char *without_comments(Arena *a, const char *text) {
    Str s = str_new(a);
    for (const char *line = text; *line;) {
        const char *end = strchr(line, '\n');
        size_t n = end ? (size_t)(end - line) + 1 : strlen(line);
        if (strncmp(line, "//", 2)) str_add_n(&s, line, n);
        line += n;
    }
    return str_cstr(&s);
}
static const char *printed(TestCtx *t, const char *path, const char *text) {
    Str s = str_new(t->c.arena);
    size_t n = strlen(text);
    if (str_starts(text, "program")) {
        Program *p = program_parse(t->c.arena, t->c.diag, path, text, n);
        if (!p) fail_msg("%s", t->said);
        program_print(p, &s, NULL);
    } else if (str_starts(text, "kernel")) {
        Kern *k = kern_parse(t->c.arena, t->c.diag, path, text, n, NULL);
        if (!k) fail_msg("%s", t->said);
        kern_print(k, &s, NULL);
    } else {
        Graph *g = graph_parse(t->c.arena, t->c.diag, path, text, n);
        if (!g) fail_msg("%s", t->said);
        graph_print(g, &s);
    }
    return str_cstr(&s);
}
static void check_text(TestCtx *t, const char *path, char *text, bool is_output) {
    char *want = strstr(text, "\n---- want\n");
    if (want) {
        *want = 0;
        want += strlen("\n---- want\n");
        const char *output = without_comments(t->c.arena, want);
        if (*output) assert_string_equal(printed(t, path, output), output);
    }
    const char *input = without_comments(t->c.arena, text), *once = printed(t, path, input);
    assert_string_equal(printed(t, path, once), once);
    if (is_output) assert_string_equal(once, input);
}
static void check(const char *path, bool is_output) {
    TestCtx *t = test_ctx();
    char *text = read_file(t->c.arena, path);
    bool is_as_another_level = is_output && str_starts(text, "as ");
    if (!is_as_another_level) check_text(t, path, text, is_output);
    test_ctx_free(t);
}
static int walk(const char *folder) {
    const char *name = strrchr(folder, '/') + 1;
    bool is_output = target_find(name) != NULL;
    int files = 0;
    struct dirent *e;
    DIR *d = opendir(folder);
    while (d && (e = readdir(d))) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (e->d_name[0] == '.') continue;
        if (str_ends(path, ".vg") || str_ends(path, ".vk") || str_ends(path, ".vp")) {
            check(path, is_output);
            files++;
        } else if (e->d_type == DT_DIR) {
            files += walk(path);
        }
    }
    if (d) closedir(d);
    return files;
}
static void test_every_text_file(void **state) {
    (void)state;
    const char *fixtures = getenv("FIXTURES");
    assert_non_null(fixtures);
    char tests[4096];
    snprintf(tests, sizeof tests, "%s/..", fixtures);
    assert_true(walk(tests) >= 300);
}
int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_text_file)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
