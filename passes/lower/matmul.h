// matmul.h: a matrix product while its kernel is made: shared by matmul.c, which finds its shape
// and walks over panels, and matmul_tile.c, which does a panel on tiles.
#ifndef PASSES_LOWER_MATMUL_H
#define PASSES_LOWER_MATMUL_H
#include "passes/lower/lower.h"

enum { C = 0, A = 1, B = 2, EXT = 3 }; // operands; from EXT on those of the epilogue
typedef struct MatMul {
    Lower *l;
    const Fused *f;
    Kern *k;
    Choice choice;
    int lanes;
    int64_t lines, m, n, kn; // a pass has `lines` times m rows; columns, depth
    int64_t outer_rank, outer[MAX_RANK], passes;
    Nest nest; // operand 0 C, 1 A, 2 B, 3.. external; last two loops are rows and columns
    DType dt[MAX_OPERANDS];
    Val arg[MAX_OPERANDS], base[MAX_OPERANDS]; // whole operand; of the current pass
    View ext[MAX_ARGS];                        // of the epilogue's operands
    int64_t a_k, b_k, b_panel; // bytes: A's and B's step in k; from panel to panel of B
    int64_t b_deep;            // k's that lie side by side in B, whose step is b_deep * b_k
    Runs runs;                 // of A's k
    int64_t parts;             // panels of ours in one of B: another level's are wider
    Val part;                  // which of them
    int64_t block, chunk;      // K block (meaning), K chunk (speed)
    int64_t columns;           // of a full panel
    Val tile;
    int64_t tile_row;
    bool is_packed;
    bool is_tiled; // they multiply on tiles
    int word;      // 2, 4: A and B are bf16 and multiply as that, so many k in a word, which is one
                   // k from here on; else 0
    DType b_dt;    // of a constant B; other halves are widened into `wide`, a chunk of a panel at a
                   // time. bf16 lies in words, so a chunk has whole ones
    Val wide;
    bool is_last_chunk, has_sum; // of the K chunk being emitted; has_sum: C holds earlier chunks
    // the row being written by the epilogue
    Val row[MAX_OPERANDS], panel_col;
    int vec, vec_lanes;
} MatMul;

static inline int64_t matmul_col_stride(const MatMul *m, int o) {
    return m->nest.stride[o][m->nest.rank - 1];
}
static inline int64_t matmul_row_stride(const MatMul *m, int o) {
    return m->nest.stride[o][m->nest.rank - 2];
}
static inline int64_t matmul_line_stride(const MatMul *m, int o) {
    return m->lines > 1 ? m->nest.stride[o][m->nest.rank - 3] : 0;
}
// All operands but B moved on by `by` rows or lines, as `stride` says.
void matmul_move_rows(const MatMul *m, int64_t (*stride)(const MatMul *, int), Val by,
                      const Val from[MAX_OPERANDS], Val to[MAX_OPERANDS]);
// Rows [lo, hi) of a block whose sums lie at `sums`, `tile_row` bytes apart: the fused ops, then C.
void matmul_epilogue(MatMul *m, const Micro *u, Val sums, const Val at[MAX_OPERANDS], Val lo,
                     Val hi);
// matmul_tile.c: all rows of the pass under the panel of B that `at` points to; and how many rows
// `tile` must have for that.
void matmul_tile_panel(MatMul *m, const Micro *u, const Val at[MAX_OPERANDS]);
int64_t matmul_tile_rows(const MatMul *m);
#endif
