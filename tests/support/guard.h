// guard.h: memory between pages that may not be touched: a byte too far is a signal.
#ifndef TESTS_SUPPORT_GUARD_H
#define TESTS_SUPPORT_GUARD_H
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

// Which end of a block touches its forbidden page; the other is at most a page away from one.
typedef enum { GUARD_END, GUARD_START, GUARD_SIDES } GuardSide;
typedef struct Guarded {
    char *at;
    size_t nbytes;
    char *page; // the first one between the forbidden ones
    size_t inner;
} Guarded;
static inline size_t guard_page_bytes(void) {
    return (size_t)sysconf(_SC_PAGESIZE);
}
static inline Guarded guarded_new(size_t nbytes, GuardSide side) {
    size_t page = guard_page_bytes(), inner = (nbytes + page - 1) / page * page;
    char *p = mmap(NULL, inner + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || (inner && mprotect(p + page, inner, PROT_READ | PROT_WRITE))) {
        perror("guarded_new");
        exit(1);
    }
    p += page;
    return (Guarded){p + (side == GUARD_END ? inner - nbytes : 0), nbytes, p, inner};
}
static inline void guarded_read_only(const Guarded *g) {
    if (g->inner && mprotect(g->page, g->inner, PROT_READ)) abort();
}
static inline void guarded_free(const Guarded *g) {
    munmap(g->page - guard_page_bytes(), g->inner + 2 * guard_page_bytes());
}
#endif
