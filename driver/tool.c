// tool.c: small things that several verbs need.
#include "driver/tool.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// The reader has seen enough (head, less): end as every filter does.
static void die_quietly(void) {
    signal(SIGPIPE, SIG_DFL);
    raise(SIGPIPE);
}
bool tool_print(Tool *t, Str *text) {
    for (size_t done = 0; done < text->n;) {
        ssize_t n = write(STDOUT_FILENO, text->data + done, text->n - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EPIPE) die_quietly();
        if (n < 0) return diag_error(t->c.diag, ERR_IO, 0, "standard output: %s", strerror(errno));
        done += (size_t)n;
    }
    return true;
}
bool is_same_file(const char *a, const char *b) {
    struct stat x, y;
    return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}
const char *text_bytes(Arena *a, uint64_t nbytes) {
    static const char *const unit[] = {"bytes", "KB", "MB", "GB", "TB"};
    double v = (double)nbytes;
    size_t i = 0;
    for (; v >= 1000 && i + 1 < COUNT_OF(unit); i++) v /= 1000;
    return arena_printf(a, i ? "%.3g %s" : "%.0f %s", v, unit[i]);
}
const char *text_flops(Arena *a, double flops) {
    static const char *const unit[] = {"FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP"};
    size_t i = 0;
    for (; flops >= 1000 && i + 1 < COUNT_OF(unit); i++) flops /= 1000;
    return arena_printf(a, "%.3g %s", flops, unit[i]);
}
const char *text_seconds(Arena *a, double s) {
    if (s >= 1) return arena_printf(a, "%.2f s", s);
    if (s >= 1e-3) return arena_printf(a, "%.3g ms", s * 1e3);
    return arena_printf(a, "%.3g us", s * 1e6);
}
