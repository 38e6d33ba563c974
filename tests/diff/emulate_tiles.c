// emulate_tiles.c: see emulate_tiles.h. Written from Intel's manual (SDM volume 2, and volume 1
// chapter 18), apart from kernel_tiles.c: where the two agree, neither has a slip.
#include "tests/diff/emulate_tiles.h"
#include <math.h>
#include <signal.h>
#include <string.h>

bool tiles_can_be_emulated(const Target *t, uint64_t features) {
    const uint64_t tiles = F_AMX_BF16 | F_AMX_INT8;
    return (t->features & tiles) && target_runs_here(t, features | tiles);
}
#if defined(__x86_64__)
#include <ucontext.h>

typedef struct Tile {
    int rows, nbytes;
    uint8_t row[16][64];
} Tile;
static _Thread_local Tile tile[8];
static _Thread_local bool is_configured;
static void (*not_ours)(int signo);

// ---- decoding --------------------------------------------------------------------------------
typedef struct Decoded {
    int opcode, prefix; // prefix: 0 none, 1 66, 2 F3, 3 F2
    int reg, rm, vvvv;  // tiles
    bool has_memory, is_rip;
    int base, index, scale; // registers; -1 none
    int64_t disp;
    int length;
} Decoded;
static bool decode(const uint8_t *p, Decoded *d) {
    if (p[0] != 0xc4 || (p[1] & 0x1f) != 2 || (p[2] & 0x84)) return false; // map 0F38, W0, L0
    int x = p[1] & 0x40 ? 0 : 8, b = p[1] & 0x20 ? 0 : 8, modrm = p[4], mod = modrm >> 6;
    *d = (Decoded){.opcode = p[3],
                   .prefix = p[2] & 3,
                   .reg = modrm >> 3 & 7,
                   .rm = modrm & 7,
                   .vvvv = ~(p[2] >> 3) & 15,
                   .base = -1,
                   .index = -1,
                   .length = 5};
    d->has_memory = mod != 3;
    if (!d->has_memory) return true;
    d->base = (modrm & 7) | b;
    if ((modrm & 7) == 4) { // SIB
        int sib = p[5];
        d->length++;
        d->base = (sib & 7) | b;
        d->index = (sib >> 3 & 7) | x;
        if (d->index == 4) d->index = -1;
        d->scale = sib >> 6;
        if (mod == 0 && (sib & 7) == 5) d->base = -1;
    } else if (mod == 0 && (modrm & 7) == 5) {
        d->base = -1;
        d->is_rip = true;
    }
    int32_t wide = 0;
    memcpy(&wide, p + d->length, sizeof wide);
    if (mod == 1)
        d->disp = (int8_t)p[d->length];
    else if (mod == 2 || d->base < 0)
        d->disp = wide;
    d->length += mod == 1 ? 1 : mod == 2 || d->base < 0 ? 4 : 0;
    return true;
}
static int64_t value(const ucontext_t *u, int reg) {
    static const int number[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                 REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                 REG_R12, REG_R13, REG_R14, REG_R15};
    return reg < 0 ? 0 : u->uc_mcontext.gregs[number[reg]];
}
static char *address(const ucontext_t *u, const Decoded *d) { // without the index
    int64_t at = value(u, d->base) + d->disp;
    if (d->is_rip) at += u->uc_mcontext.gregs[REG_RIP] + d->length;
    return (char *)(intptr_t)at;
}

// ---- instructions; false: a fault ------------------------------------------------------------
static bool configure(const uint8_t *c) {
    if (c[0] != 1 || c[1]) return false;
    memset(tile, 0, sizeof tile);
    for (int t = 0; t < 8; t++) {
        tile[t].nbytes = c[16 + 2 * t] | c[17 + 2 * t] << 8;
        tile[t].rows = c[48 + t];
        if (tile[t].nbytes > 64 || tile[t].rows > 16 || !tile[t].nbytes != !tile[t].rows)
            return false;
    }
    return is_configured = true;
}
static bool move(Tile *t, char *p, int64_t stride, bool store) {
    if (!is_configured || !t->rows) return false;
    if (!store) memset(t->row, 0, sizeof t->row);
    for (int r = 0; r < t->rows; r++, p += stride) {
        if (store)
            memcpy(p, t->row[r], (size_t)t->nbytes);
        else
            memcpy(t->row[r], p, (size_t)t->nbytes);
    }
    return true;
}
static bool fit(const Tile *c, const Tile *a, const Tile *b) {
    return is_configured && c != a && c != b && a != b && c->rows && c->rows == a->rows &&
           c->nbytes == b->nbytes && a->nbytes == 4 * b->rows;
}
static float flush(float x) {
    return fabsf(x) < 0x1p-126f ? copysignf(0, x) : x;
}
static float bf16(const Tile *t, int r, int i) {
    uint32_t u = (uint32_t)t->row[r][2 * i] << 16 | (uint32_t)t->row[r][2 * i + 1] << 24;
    float f;
    memcpy(&f, &u, sizeof f);
    return flush(f);
}
static bool dot_bf16(Tile *c, const Tile *a, const Tile *b) {
    if (!fit(c, a, b)) return false;
    for (int m = 0; m < c->rows; m++)
        for (int n = 0; n < c->nbytes / 4; n++) {
            float sum[2] = {0, 0}, old;
            for (int i = 0; i < a->nbytes / 2; i++)
                sum[i % 2] = flush(fmaf(bf16(a, m, i), bf16(b, i / 2, 2 * n + i % 2), sum[i % 2]));
            memcpy(&old, c->row[m] + 4 * n, sizeof old);
            old = flush(flush(old) + flush(sum[0] + sum[1]));
            memcpy(c->row[m] + 4 * n, &old, sizeof old);
        }
    return true;
}
static bool dot_bytes(Tile *c, const Tile *a, const Tile *b, bool is_a_signed) {
    if (!fit(c, a, b)) return false;
    for (int m = 0; m < c->rows; m++)
        for (int n = 0; n < c->nbytes / 4; n++) {
            uint32_t sum;
            memcpy(&sum, c->row[m] + 4 * n, sizeof sum);
            for (int i = 0; i < a->nbytes; i++) {
                int x = is_a_signed ? (int8_t)a->row[m][i] : a->row[m][i];
                sum += (uint32_t)(x * (int8_t)b->row[i / 4][4 * n + i % 4]);
            }
            memcpy(c->row[m] + 4 * n, &sum, sizeof sum);
        }
    return true;
}
static bool release(void) {
    bool was = is_configured;
    is_configured = false;
    return was;
}
static bool zero(Tile *t) {
    if (!is_configured || !t->rows) return false;
    memset(t->row, 0, sizeof t->row);
    return true;
}
static bool perform(const ucontext_t *u, const Decoded *d) {
    enum { NONE, P66, PF3, PF2 };
    Tile *reg = &tile[d->reg], *rm = &tile[d->rm], *third = &tile[d->vvvv & 7];
    int64_t stride = value(u, d->index) << d->scale;
    switch (d->opcode << 2 | d->prefix) {
    case 0x49 << 2 | NONE:
        return d->has_memory ? configure((const uint8_t *)address(u, d)) : release();
    case 0x49 << 2 | PF2: return !d->has_memory && zero(reg);
    case 0x4b << 2 | PF2:
    case 0x4b << 2 | P66: return d->has_memory && move(reg, address(u, d), stride, false);
    case 0x4b << 2 | PF3: return d->has_memory && move(reg, address(u, d), stride, true);
    case 0x5c << 2 | PF3: return !d->has_memory && dot_bf16(reg, rm, third);
    case 0x5e << 2 | PF2: return !d->has_memory && dot_bytes(reg, rm, third, true);
    case 0x5e << 2 | P66: return !d->has_memory && dot_bytes(reg, rm, third, false);
    default: return false;
    }
}
static void on_illegal(int signo, siginfo_t *info, void *context) {
    ucontext_t *u = context;
    Decoded d;
    (void)info;
    const uint8_t *at = (const uint8_t *)(intptr_t)u->uc_mcontext.gregs[REG_RIP];
    if (!decode(at, &d) || !perform(u, &d))
        not_ours(signo);
    else
        u->uc_mcontext.gregs[REG_RIP] += d.length;
}
void tiles_emulate(void (*other)(int signo)) {
    struct sigaction act = {.sa_sigaction = on_illegal, .sa_flags = SA_SIGINFO | SA_NODEFER};
    not_ours = other;
    sigaction(SIGILL, &act, NULL);
}
#else
void tiles_emulate(void (*other)(int signo)) {
    (void)other;
}
#endif
