// test_outfile.c: an output is whole or absent, links and directories are refused, and no temporary
// stays behind, whichever way the process ends.
#include "driver/child.h"
#include "driver/outfile.h"
#include "tests/support/ctx.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char start_dir[PATH_MAX];

static int enter_dir(void **state) {
    char *dir = strdup("/tmp/outfile.XXXXXX");
    if (!getcwd(start_dir, sizeof start_dir) || !mkdtemp(dir) || chdir(dir)) return 1;
    *state = dir;
    return 0;
}
static int leave_dir(void **state) {
    DIR *d = opendir(".");
    for (struct dirent *e; (e = readdir(d));)
        if (unlink(e->d_name)) rmdir(e->d_name);
    closedir(d);
    int rc = chdir(start_dir) || rmdir(*state);
    free(*state);
    return rc;
}
static int files_here(void) {
    int n = 0;
    DIR *d = opendir(".");
    while (readdir(d)) n++;
    closedir(d);
    return n - 2;
}
static void put(OutFile *o, const char *text) {
    assert_int_equal(write(o->fd, text, strlen(text)), strlen(text));
}
static void make(const char *path, const char *text) {
    OutFile o;
    assert_true(out_open(&o, path));
    put(&o, text);
    assert_true(out_commit(&o));
}
static void expect_text(const char *path, const char *text) {
    char got[100] = "";
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0 && read(fd, got, sizeof got - 1) >= 0);
    close(fd);
    assert_string_equal(got, text);
}
static void appears_whole(void **state) {
    (void)state;
    OutFile o;
    make("a", "old");
    assert_true(out_open(&o, "a"));
    put(&o, "ne");
    expect_text("a", "old");
    put(&o, "w");
    assert_true(out_commit(&o));
    expect_text("a", "new");
    assert_int_equal(files_here(), 1);
}
static void aborting_leaves_the_old_one(void **state) {
    (void)state;
    OutFile o;
    make("a", "old");
    assert_true(out_open(&o, "a"));
    put(&o, "new");
    out_abort(&o);
    expect_text("a", "old");
    assert_int_equal(files_here(), 1);
}
static void two_appear_together(void **state) {
    (void)state;
    OutFile a, b;
    assert_true(out_open(&a, "vit.o") && out_open(&b, "vit.h"));
    put(&a, "o");
    put(&b, "h");
    assert_true(out_commit_all((OutFile *[]){&a, &b}, 2));
    expect_text("vit.o", "o");
    expect_text("vit.h", "h");
    assert_int_equal(files_here(), 2);
}
static void or_neither_does(void **state) {
    (void)state;
    OutFile a, b;
    assert_true(out_open(&a, "vit.o") && out_open(&b, "vit.h"));
    put(&a, "o");
    close(b.fd); // its fsync fails
    assert_false(out_commit_all((OutFile *[]){&a, &b}, 2));
    assert_int_equal(files_here(), 0);
}
static void expect_refused(const char *path, int error) {
    OutFile o;
    errno = 0;
    assert_false(out_open(&o, path));
    assert_int_equal(errno, error);
}
static void odd_places_are_refused(void **state) {
    (void)state;
    char path[PATH_MAX + 10];
    make("real", "x");
    assert_int_equal(symlink("real", "link") | symlink("nowhere", "dangling") | mkdir("dir", 0700),
                     0);
    expect_refused("link", ELOOP);
    expect_refused("dangling", ELOOP);
    expect_refused("dir", EISDIR);
    expect_refused("missing/a", ENOENT);
    expect_refused("", ENOENT);
    memset(path, 'a', sizeof path);
    path[sizeof path - 1] = 0;
    expect_refused(path, ENAMETOOLONG);
    expect_text("real", "x");
}
static void devices_are_written_directly(void **state) {
    (void)state;
    OutFile o;
    make("/dev/null", "x");
    struct stat st;
    assert_true(!stat("/dev/null", &st) && S_ISCHR(st.st_mode));
    assert_true(out_open(&o, "/dev/full"));
    assert_int_equal(write(o.fd, "x", 1), -1);
    assert_int_equal(errno, ENOSPC);
    out_abort(&o);
    assert_true(out_open(&o, "-"));
    assert_true(o.is_direct);
    assert_true(out_commit(&o));
    assert_true(fcntl(STDOUT_FILENO, F_GETFD) >= 0); // ours was only lent
}
// The process is stopped while it writes: by a signal it handles, or one it cannot.
static void dies_cleanly_of(int signo) {
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (!pid) {
        OutFile a, b;
        child_signals();
        if (!out_open(&a, "a") || !out_open(&b, "b") || write(a.fd, "x", 1) != 1 ||
            write(ready[1], "r", 1) != 1)
            _exit(1);
        for (;;) pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    kill(pid, signo);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == signo);
    close(ready[0]);
    close(ready[1]);
}
static void signals_leave_nothing(void **state) {
    (void)state;
    static const int all[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < COUNT_OF(all); i++) dies_cleanly_of(all[i]);
    assert_int_equal(files_here(), 0);
    int probe =
        open(".", O_TMPFILE | O_WRONLY, 0600); // only unnamed temporaries survive SIGKILL unseen
    if (probe < 0) return;
    close(probe);
    dies_cleanly_of(SIGKILL);
    assert_int_equal(files_here(), 0);
}
static void a_full_disk_leaves_the_old_one(void **state) {
    (void)state;
    OutFile o;
    make("a", "old");
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit before, small = {4, 4};
    getrlimit(RLIMIT_FSIZE, &before);
    small.rlim_max = before.rlim_max;
    assert_true(out_open(&o, "a"));
    setrlimit(RLIMIT_FSIZE, &small);
    ssize_t first = write(o.fd, "123456", 6), second = write(o.fd, "x", 1);
    int error = errno;
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(first, 4);
    assert_int_equal(second, -1);
    assert_int_equal(error, EFBIG);
    out_abort(&o);
    expect_text("a", "old");
    assert_int_equal(files_here(), 1);
}
int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, enter_dir, leave_dir)
    const struct CMUnitTest tests[] = {
        T(appears_whole),          T(aborting_leaves_the_old_one),
        T(two_appear_together),    T(or_neither_does),
        T(odd_places_are_refused), T(devices_are_written_directly),
        T(signals_leave_nothing),  T(a_full_disk_leaves_the_old_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
