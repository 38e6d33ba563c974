// base.c: arenas with one budget, vectors, checked sizes, limits.
#include "ir/base.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define POISON(p, n) __asan_poison_memory_region((p), (n))
#define UNPOISON(p, n) __asan_unpoison_memory_region((p), (n))
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

// ---- limits ----------------------------------------------------------------------------------
typedef struct LimitInfo {
    const char *name;
    uint64_t value;
    const char *why;
} LimitInfo;
// The only table that changes: --max-memory and --max-seconds, before any work.
static LimitInfo limits[LIM_COUNT] = {
#define LIMIT(id, v, reason) [LIM_##id] = {#id, v, reason},
#include "ir/limits.def"
#undef LIMIT
};
uint64_t limit(LimitId id) {
    return limits[id].value;
}
void limit_set(LimitId id, uint64_t v) {
    limits[id].value = v;
}
const char *limit_name(LimitId id) {
    return limits[id].name;
}
const char *limit_why(LimitId id) {
    return limits[id].why;
}

// ---- arenas ----------------------------------------------------------------------------------
// A chain of blocks from mmap (zeroed by the kernel, returned to it at once when freed). A block
// that served once is zeroed again at reuse.
enum { ALIGN = 64, FIRST_BLOCK = 64 << 10, MAX_STEP = 16 << 20 };
typedef struct Block {
    struct Block *next;
    uint64_t nbytes, used, dirty; // of the whole block; used and dirty count from its start
} Block;
struct Arena {
    const char *name;
    Block *top;
    uint64_t step;
};
static uint64_t total_bytes;
static void (*exhausted)(size_t nbytes);

void arena_on_exhausted(void (*handler)(size_t)) {
    exhausted = handler;
}
uint64_t arena_total(void) {
    return total_bytes;
}

static void refuse(size_t nbytes) {
    if (exhausted) exhausted(nbytes);
    fprintf(stderr, "vitc: error: out of memory: %zu bytes more were needed\n", nbytes);
    _exit(ERR_LIMIT);
}
static Block *block_new(uint64_t nbytes) {
    if (nbytes > limit(LIM_MEMORY) - total_bytes || total_bytes > limit(LIM_MEMORY)) refuse(nbytes);
    void *p = mmap(NULL, nbytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) refuse(nbytes);
    Block *b = p;
    b->nbytes = nbytes;
    b->used = b->dirty = ALIGN;
    total_bytes += nbytes;
    POISON((char *)b + ALIGN, nbytes - ALIGN);
    return b;
}
static void block_free(Block *b) {
    total_bytes -= b->nbytes;
    UNPOISON((char *)b + ALIGN, b->nbytes - ALIGN);
    munmap(b, b->nbytes);
}
Arena *arena_new(const char *name) {
    _Static_assert(sizeof(Block) + sizeof(Arena) <= 2 * ALIGN, "header fits its lines");
    Block *b = block_new(FIRST_BLOCK);
    UNPOISON((char *)b + ALIGN, ALIGN);
    Arena *a = (Arena *)((char *)b + ALIGN);
    b->used = b->dirty = 2 * ALIGN;
    a->name = name;
    a->top = b;
    a->step = FIRST_BLOCK;
    return a;
}
static Block *drop_to_first(Arena *a) {
    Block *b = a->top;
    while (b->next) {
        Block *next = b->next;
        block_free(b);
        b = next;
    }
    return b;
}
void arena_free(Arena *a) {
    if (a) block_free(drop_to_first(a));
}
void arena_reset(Arena *a) {
    Block *b = drop_to_first(a);
    if (b->used > b->dirty) b->dirty = b->used;
    b->used = 2 * ALIGN;
    a->top = b;
    a->step = FIRST_BLOCK;
    POISON((char *)b + b->used, b->nbytes - b->used);
}
static void grow(Arena *a, uint64_t nbytes) {
    if (a->step < MAX_STEP) a->step *= 2;
    uint64_t want = nbytes + ALIGN > a->step ? round_up(nbytes + ALIGN, 4096) : a->step;
    Block *b = block_new(want);
    b->next = a->top;
    a->top = b;
}
void *arena_alloc(Arena *a, size_t nbytes) {
    if (nbytes > SIZE_MAX / 4) refuse(nbytes);
    uint64_t need = round_up(nbytes ? nbytes : 1, ALIGN);
    if (a->top->nbytes - a->top->used < need) grow(a, need);
    Block *b = a->top;
    char *p = (char *)b + b->used;
    UNPOISON(p, nbytes);
    if (b->used < b->dirty) {
        uint64_t old = b->dirty - b->used;
        memset(p, 0, old < nbytes ? old : nbytes);
    }
    b->used += need;
    return p;
}
void *arena_alloc_n(Arena *a, size_t n, size_t size) {
    uint64_t nbytes;
    if (!size_mul(n, size, &nbytes)) refuse(SIZE_MAX);
    return arena_alloc(a, nbytes);
}
void *arena_copy(Arena *a, const void *p, size_t nbytes) {
    void *q = arena_alloc(a, nbytes);
    if (nbytes) memcpy(q, p, nbytes);
    return q;
}
char *arena_strndup(Arena *a, const char *s, size_t n) {
    char *d = arena_alloc(a, n + 1);
    if (n) memcpy(d, s, n);
    return d;
}
char *arena_strdup(Arena *a, const char *s) {
    return arena_strndup(a, s, strlen(s));
}
char *arena_printf(Arena *a, const char *fmt, ...) {
    Str s = str_new(a);
    va_list ap;
    va_start(ap, fmt);
    str_vaddf(&s, fmt, ap);
    va_end(ap);
    str_cstr(&s);
    return s.data;
}
void *vec_reserve(Arena *a, void *data, uint32_t n, uint32_t *cap, size_t size) {
    if (n < *cap) return data;
    if (*cap > UINT32_MAX / 2) refuse(SIZE_MAX);
    uint32_t want = *cap ? *cap * 2 : 8;
    void *d = arena_alloc_n(a, want, size);
    if (n) memcpy(d, data, n * size);
    *cap = want;
    return d;
}

// ---- checked sizes ---------------------------------------------------------------------------
bool size_mul(uint64_t a, uint64_t b, uint64_t *out) {
    return !__builtin_mul_overflow(a, b, out);
}
bool size_add(uint64_t a, uint64_t b, uint64_t *out) {
    return !__builtin_add_overflow(a, b, out);
}

void die(const char *where, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "vitc: internal error in %s: ", where);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    abort();
}
