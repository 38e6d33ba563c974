// unload.c: a shared library of a model and the runtime, loaded, used with a pool and unloaded a
// thousand times, leaves nothing behind: no mapping, no thread, no open file.
//
//     unload LIBRARY
#include "runtime/vitc.h"
#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TIMES = 1000, SETTLED = 20 };
typedef struct Library {
    void *handle;
    const vitc_model_info *model;
    vitc_pool *(*pool_create)(int threads);
    const vitc_parallel *(*pool_parallel)(vitc_pool *p);
    void (*pool_destroy)(vitc_pool *p);
} Library;
// An object pointer becomes one to data or to a function, as POSIX promises.
static void find(void *handle, const char *name, void *to) {
    void *p = dlsym(handle, name);
    if (!p) fprintf(stderr, "%s\n", dlerror());
    memcpy(to, &p, sizeof p);
}
static Library library_open(const char *path) {
    Library l = {.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL)};
    if (!l.handle) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    find(l.handle, "model_model", &l.model);
    find(l.handle, "vitc_pool_create", &l.pool_create);
    find(l.handle, "vitc_pool_parallel", &l.pool_parallel);
    find(l.handle, "vitc_pool_destroy", &l.pool_destroy);
    return l;
}

// ---- one use ---------------------------------------------------------------------------------
static float *x, *y, *first;
static void *arena;
static uint64_t in_bytes, out_bytes;
static void make_buffers(const vitc_model_info *m) {
    in_bytes = m->inputs[0].bytes;
    out_bytes = m->outputs[0].bytes;
    x = malloc(in_bytes);
    y = malloc(out_bytes);
    first = malloc(out_bytes);
    arena = aligned_alloc(m->arena_align, m->arena_bytes);
    for (uint64_t i = 0; i < in_bytes / sizeof *x; i++) x[i] = (float)(i % 100) / 50 - 1;
}
static int use(const char *path, int time) {
    Library l = library_open(path);
    if (time == 0) make_buffers(l.model);
    const void *in[1] = {x};
    void *out[1] = {y};
    vitc_pool *p = l.pool_create(3);
    vitc_status s = l.model->run(in, out, arena, l.pool_parallel(p));
    if (s == VITC_OK && time % 2) s = l.model->run(in, out, arena, NULL);
    l.pool_destroy(p);
    dlclose(l.handle);
    if (time == 0) memcpy(first, y, out_bytes);
    if (s == VITC_E_CPU) exit(77);
    return s == VITC_OK && !memcmp(y, first, out_bytes);
}

// ---- what the process holds ------------------------------------------------------------------
static int count_entries(const char *path) {
    DIR *d = opendir(path);
    int n = 0;
    while (d && readdir(d)) n++;
    if (d) closedir(d);
    return n;
}
static int count_mappings(void) {
    FILE *f = fopen("/proc/self/maps", "r");
    int n = 0;
    for (int c; f && (c = getc(f)) != EOF;) n += c == '\n';
    if (f) fclose(f);
    return n;
}
typedef struct Held {
    int mappings, threads, files;
} Held;
static Held held(void) {
    Held h = {.threads = count_entries("/proc/self/task")};
    for (int i = 0; i < 100 && h.threads > 3; i++) { // ".", ".." and this one; others may be ending
        usleep(1000);
        h.threads = count_entries("/proc/self/task");
    }
    h.mappings = count_mappings();
    h.files = count_entries("/proc/self/fd");
    return h;
}
int main(int argc, char **argv) {
    Held then = {0};
    if (argc < 2) return 2;
    for (int i = 0; i < TIMES; i++) {
        if (!use(argv[1], i)) return printf("wrong result at time %d\n", i), 1;
        if (i == SETTLED) then = held();
    }
    Held now = held();
    printf("mappings %d then %d, threads %d then %d, files %d then %d\n", then.mappings,
           now.mappings, then.threads - 2, now.threads - 2, then.files, now.files);
    void *still = dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD);
    return memcmp(&then, &now, sizeof now) != 0 || now.threads != 3 || still != NULL;
}
