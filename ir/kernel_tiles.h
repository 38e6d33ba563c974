// kernel_tiles.h: what kernel_eval's tile instructions do.
#ifndef IR_KERNEL_TILES_H
#define IR_KERNEL_TILES_H
#include "ir/kernel.h"

typedef struct Tile {
    int rows, nbytes; // of a row
    union {
        uint8_t u8[TILE_ROWS][TILE_BYTES];
        int8_t i8[TILE_ROWS][TILE_BYTES];
        uint16_t bf16[TILE_ROWS][TILE_BYTES / 2];
        int32_t i32[TILE_ROWS][TILE_BYTES / 4];
        uint32_t u32[TILE_ROWS][TILE_BYTES / 4];
        float f32[TILE_ROWS][TILE_BYTES / 4];
    };
} Tile;
// The tiles of a running kernel. Those with the same register share it, as in the machine.
typedef struct Tiles {
    Arena *arena;
    VEC(Tile *) all;
    Tile *in_register[UINT8_MAX + 1]; // by Ins.number
} Tiles;
Tile *tiles_add(Tiles *t, const Ins *i);
void tiles_clear(Tiles *t);
void tile_load(Tile *t, const char *p, int64_t stride); // bytes beyond the shape become zero
void tile_store(const Tile *t, char *p, int64_t stride);
void tile_dp_bf16(Tile *c, const Tile *a, const Tile *b);
void tile_dp_i8(Tile *c, const Tile *a, const Tile *b, bool is_a_signed);
#endif
