/* weights.c: the weights of a model compiled with --weights file, mapped read-only: pages are
 * shared by every process that runs the model, and read when they are needed, or all at once. */
#include "vitc_object.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t file_bytes(const vitc_model_info *m) {
    return m->weight_bytes + sizeof(vitc_weights_trailer);
}
static int open_file(const char *path) {
    int fd;
    do fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    return fd;
}
/* The image that the model was compiled with, and no other. */
static vitc_status check_file(const vitc_model_info *m, int fd) {
    vitc_weights_trailer t;
    struct stat st;
    if (fstat(fd, &st)) return VITC_E_IO;
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != file_bytes(m)) return VITC_E_ABI;
    if (pread(fd, &t, sizeof t, (off_t)m->weight_bytes) != (ssize_t)sizeof t) return VITC_E_IO;
    int is_ours = !memcmp(t.magic, VITC_WEIGHTS_MAGIC, sizeof t.magic) &&
                  t.nbytes == m->weight_bytes && t.id == m->weights_id;
    return is_ours ? VITC_OK : VITC_E_ABI;
}
vitc_status vitc_weights_map(const vitc_model_info *m, const char *path, const void **weights) {
    if (m->abi != VITC_ABI || m->struct_size < sizeof *m) return VITC_E_ABI;
    if (!m->weights_id || !path || !weights) return VITC_E_ARG;
    int fd = open_file(path);
    if (fd < 0) return VITC_E_IO;
    vitc_status s = check_file(m, fd);
    void *p = s ? MAP_FAILED : mmap(NULL, (size_t)file_bytes(m), PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (s) return s;
    if (p == MAP_FAILED) return errno == ENOMEM ? VITC_E_MEMORY : VITC_E_IO;
    *weights = p;
    return VITC_OK;
}
void vitc_weights_unmap(const vitc_model_info *m, const void *weights) {
    if (weights) munmap((void *)(uintptr_t)weights, (size_t)file_bytes(m));
}

/* ---- all pages at once ---- */
typedef struct Pages {
    uintptr_t start; /* of a page */
    size_t bytes, part;
} Pages;
static void populate_part(void *arg, int index) {
    const Pages *p = arg;
    size_t from = (size_t)index * p->part;
    if (from >= p->bytes) return;
    size_t n = p->bytes - from < p->part ? p->bytes - from : p->part;
#ifdef MADV_POPULATE_READ
    madvise((void *)(p->start + from), n, MADV_POPULATE_READ);
#else
    (void)n;
#endif
}
void vitc_weights_populate(const vitc_model_info *m, const void *weights,
                           const vitc_parallel *par) {
    const int64_t *anchor = m->object ? m->object->weights_anchor : NULL;
    uintptr_t at = (uintptr_t)weights;
    if (!weights && anchor) at = (uintptr_t)anchor + (uintptr_t)*anchor;
    if (!at) return;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), before = at % page;
    size_t bytes = (size_t)m->weight_bytes + before, count = par ? (size_t)par->threads : 1;
    Pages p = {at - before, bytes, (bytes / count / page + 1) * page};
    if (par)
        par->run(par->ctx, populate_part, &p, par->threads);
    else
        populate_part(&p, 0);
}
