// files.c: the one place that opens model files. A model may name other files (shards, external
// data), and those names are hostile: the kernel keeps the lookup inside the directory (openat2),
// links out of it are followed only where a hub cache keeps its blobs, and whatever was opened must
// be a regular file. Mappings stay for the life of the process.
#include "frontend/frontend.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// O_NONBLOCK: opening a FIFO must not wait for a writer
enum { READ_FLAGS = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY };

static Loc place_of(Ctx *c, const char *path) {
    return diag_loc(c->diag, (LocInfo){.file = path});
}

// ---- from descriptor to mapping --------------------------------------------------------------
static const char *kind_of(mode_t m) {
    if (S_ISDIR(m)) return "a directory";
    if (S_ISFIFO(m)) return "a pipe";
    if (S_ISSOCK(m)) return "a socket";
    return "a device";
}
// Takes over fd.
static bool map_fd(Ctx *c, int fd, const char *path, Loc at, FileView *out) {
    struct stat st;
    if (fstat(fd, &st)) {
        int err = errno;
        close(fd);
        return diag_error(c->diag, ERR_IO, at, "cannot examine '%s': %s", path, strerror(err));
    }
    if (!S_ISREG(st.st_mode) || st.st_size == 0) {
        close(fd);
        if (!S_ISREG(st.st_mode))
            return diag_error(c->diag, ERR_IO, at, "'%s' is %s, not a regular file", path,
                              kind_of(st.st_mode));
        return diag_error(c->diag, ERR_IO, at, "'%s' is empty", path);
    }
    if ((uint64_t)st.st_size > limit(LIM_FILE_BYTES)) {
        close(fd);
        return diag_error(c->diag, ERR_LIMIT, at, "'%s' has %llu bytes; the limit is %llu", path,
                          (unsigned long long)st.st_size,
                          (unsigned long long)limit(LIM_FILE_BYTES));
    }
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    int err = errno;
    close(fd);
    if (p == MAP_FAILED)
        return diag_error(c->diag, ERR_IO, at, "cannot map '%s': %s", path, strerror(err));
    *out = (FileView){arena_strdup(c->arena, path), p, (uint64_t)st.st_size};
    if (c->opened) *PUSH(c->arena, c->opened) = out->path;
    return true;
}
bool file_map(Ctx *c, const char *path, FileView *out) {
    int fd = open(path, READ_FLAGS);
    int err = errno;
    Loc at = place_of(c, path);
    if (fd < 0) return diag_error(c->diag, ERR_IO, at, "cannot open '%s': %s", path, strerror(err));
    return map_fd(c, fd, path, at, out);
}

// ---- containment -----------------------------------------------------------------------------
// What is wrong with a name that a model gives for a neighbour file, or NULL.
static const char *bad_name(const char *name) {
    if (!*name) return "is empty";
    if (name[0] == '/') return "is absolute";
    if (strchr(name, '\\')) return "contains a backslash";
    if (isalpha((unsigned char)name[0]) && name[1] == ':') return "names a drive";
    if (strlen(name) >= PATH_MAX) return "is too long";
    for (const char *p = name; p; p = strchr(p, '/')) {
        p += *p == '/';
        if (p[0] == '.' && p[1] == '.' && (p[2] == '/' || !p[2])) return "contains '..'";
    }
    return NULL;
}
static int open_beneath2(int dirfd, const char *name, uint64_t resolve) {
    struct open_how how = {.flags = READ_FLAGS, .resolve = resolve};
    return (int)syscall(SYS_openat2, dirfd, name, &how, sizeof how);
}
// The same without openat2: one component after the other, no links (then ELOOP).
static int open_walk(int dirfd, const char *name) {
    int at = dup(dirfd);
    while (at >= 0) {
        size_t n = strcspn(name, "/");
        char part[NAME_MAX + 1];
        if (n > NAME_MAX) {
            close(at);
            return errno = ENAMETOOLONG, -1;
        }
        memcpy(part, name, n);
        part[n] = 0;
        bool last = !name[n];
        int next = n == 0 ? dup(at)
                          : openat(at, part, O_NOFOLLOW | (last ? READ_FLAGS : O_PATH | O_CLOEXEC));
        int err = errno;
        close(at);
        errno = err;
        if (next < 0 || last) return next;
        at = next;
        name += n + 1;
    }
    return -1;
}
static int open_beneath(int dirfd, const char *name, bool links) {
    uint64_t resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    int fd = open_beneath2(dirfd, name, links ? resolve : resolve | RESOLVE_NO_SYMLINKS);
    // EPERM: the seccomp filter of an old container
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) return fd;
    return open_walk(dirfd, name);
}
static int open_in_root(const char *root, const char *name, bool links) {
    int dirfd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dirfd < 0) return -1;
    int fd = open_beneath(dirfd, name, links);
    int err = errno;
    close(dirfd);
    errno = err;
    return fd;
}
// The part of `path` below `root`, or NULL. Both are real paths.
static const char *below(const char *path, const char *root) {
    size_t n = strlen(root);
    return n > 1 && !strncmp(path, root, n) && path[n] == '/' ? path + n + 1 : NULL;
}
// The blob store of the hub cache that `dir` (a real path) is a snapshot of:
// cache/snapshots/<revision>/ -> cache/blobs. False when dir is not in such a cache.
static bool blobs_of(const char *dir, char out[PATH_MAX]) {
    const char *last = NULL;
    for (const char *p = dir; (p = strstr(p, "/snapshots/")) != NULL; p++) last = p;
    if (!last || (size_t)(last - dir) + sizeof "/blobs" > PATH_MAX) return false;
    memcpy(out, dir, (size_t)(last - dir));
    memcpy(out + (last - dir), "/blobs", sizeof "/blobs");
    return true;
}
// A link that leaves `dir`: only to a real path in `dir`, in `also` or in the cache's blobs.
static int open_link(const char *dir, const char *also, const char *name) {
    char real_dir[PATH_MAX], real[PATH_MAX], blobs[PATH_MAX], joined[PATH_MAX];
    size_t nd = strlen(dir), nn = strlen(name);
    if (nd + nn + 2 > sizeof joined) return errno = ENAMETOOLONG, -1;
    memcpy(joined, dir, nd);
    joined[nd] = '/';
    memcpy(joined + nd + 1, name, nn + 1);
    if (!realpath(dir, real_dir) || !realpath(joined, real)) return -1;
    const char *roots[] = {real_dir, also, blobs_of(real_dir, blobs) ? blobs : NULL};
    for (size_t i = 0; i < COUNT_OF(roots); i++) {
        const char *rest = roots[i] ? below(real, roots[i]) : NULL;
        if (rest) return open_in_root(roots[i], rest, false);
    }
    return errno = EXDEV, -1;
}
static int open_contained(const char *dir, const char *also, const char *name) {
    int fd = open_in_root(dir, name, true);
    bool link = errno == EXDEV || errno == ELOOP || errno == ENOTDIR;
    return fd >= 0 || !link ? fd : open_link(dir, also, name);
}
static const char *join(Arena *a, const char *dir, const char *name) {
    if (!strcmp(dir, ".")) return name;
    return arena_printf(a, "%s%s%s", dir, str_ends(dir, "/") ? "" : "/", name);
}
static bool map_contained(Ctx *c, const char *dir, const char *also, const char *name, Loc at,
                          FileView *out) {
    const char *wrong = bad_name(name);
    if (wrong)
        return diag_error(c->diag, ERR_MODEL, at,
                          "the file name '%.200s' %s: only files beside the model are read", name,
                          wrong);
    int fd = open_contained(dir, also, name);
    int err = errno;
    if (fd >= 0) return map_fd(c, fd, join(c->arena, dir, name), at, out);
    if (err == EXDEV)
        return diag_error(c->diag, ERR_MODEL, at,
                          "'%.200s' is a link to a place outside the model's directory", name);
    return diag_error(c->diag, ERR_IO, at, "cannot open '%s': %s", join(c->arena, dir, name),
                      strerror(err));
}
bool file_map_beneath(Ctx *c, const char *dir, const char *name, Loc at, FileView *out) {
    return map_contained(c, dir, NULL, name, at, out);
}
bool file_map_beside(Ctx *c, const char *model, const char *name, Loc at, FileView *out) {
    char real[PATH_MAX];
    char *slash = realpath(model, real) ? strrchr(real, '/') : NULL;
    if (slash) *slash = 0;
    return map_contained(c, path_dir(c->arena, model), slash ? real : NULL, name, at, out);
}
bool file_exists_beneath(const char *dir, const char *name) {
    struct stat st;
    int dirfd = bad_name(name) ? -1 : open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dirfd < 0) return false;
    bool there = !fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW);
    close(dirfd);
    return there;
}

// ---- paths and digests -----------------------------------------------------------------------
const char *path_dir(Arena *a, const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) return ".";
    return arena_strndup(a, path, slash == path ? 1 : (size_t)(slash - path));
}
const char *path_base(Arena *a, const char *path) {
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') n--;
    size_t from = n;
    while (from > 0 && path[from - 1] != '/') from--;
    return arena_strndup(a, path + from, n - from);
}
bool path_is_dir(const char *path) {
    struct stat st;
    return !stat(path, &st) && S_ISDIR(st.st_mode);
}
void file_sha256(const FileView *const *files, size_t n, char hex[65]) {
    struct sha256_ctx h;
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_init(&h);
    for (size_t i = 0; i < n; i++) sha256_update(&h, files[i]->nbytes, files[i]->data);
    sha256_digest(&h, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    hex[64] = 0;
}
