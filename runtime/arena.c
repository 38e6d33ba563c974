/* arena.c: memory for one call at a time, aligned as the model asks; large ones ask for huge pages,
 * since page walks would otherwise cost more than the loads. */
#include "vitc.h"
#include <stdlib.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 2 << 20 };
static size_t rounded(const vitc_model_info *m, size_t align) {
    size_t n = (size_t)m->arena_bytes;
    if (n == 0) n = 1;
    return (n + align - 1) / align * align;
}
void *vitc_arena_create(const vitc_model_info *m) {
    size_t align = m->arena_bytes >= HUGE_PAGE ? HUGE_PAGE : (size_t)m->arena_align;
    if (align < sizeof(void *)) align = sizeof(void *);
    size_t n = rounded(m, align);
    void *p = NULL;
    if (posix_memalign(&p, align, n)) return NULL;
#ifdef MADV_HUGEPAGE
    if (align == HUGE_PAGE) madvise(p, n, MADV_HUGEPAGE); /* advice: failure costs only speed */
#endif
    return p;
}
void vitc_arena_destroy(const vitc_model_info *m, void *arena) {
    (void)m;
    free(arena);
}
