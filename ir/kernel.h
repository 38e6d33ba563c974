// kernel.h: level three. A Kernel is a flat array of instructions with structured loops; a value is
// named by the instruction that makes it. Text form: .vk (kernel_text.c).
//
// Calling convention of every compiled kernel (runtime/vitc_object.h has the same in C):
//     void kernel(void *const *args, void *scratch, int64_t lo, int64_t hi)
// It performs tasks lo..hi-1 of its launch; tasks are independent of each other, so any split over
// threads gives the same bytes.
#ifndef IR_KERNEL_H
#define IR_KERNEL_H
#include "ir/base.h"
#include "ir/dtype.h"
#include "ir/target.h"

typedef enum {
    K_NOP,
#define K(op, text, nargs, result, operands) K_##op,
#include "ir/kernel_ops.def"
#undef K
    K_COUNT
} KOp;
typedef enum { V_NONE, V_INDEX, V_PTR, V_VEC, V_MASK, V_REG, V_TILE } ValKind;
typedef struct KOpInfo {
    const char *text;
    uint8_t nargs;
    ValKind result;
    const char *operands;
} KOpInfo;
extern const KOpInfo kernel_op[K_COUNT];
// A function that the kernel pass `math` expands: the last section of kernel_ops.def.
static inline bool kernel_is_math(uint32_t op) { return op >= K_EXP2 && op < K_COUNT; }
enum { TILE_ROWS = 16, TILE_BYTES = 64, TILE_REGISTERS = 8 };
static inline bool kernel_is_tile(uint32_t op) { return op >= K_TILE && op <= K_TRELEASE; }
// False when an operand is a NaN, except NE and UNORD.
typedef enum { P_EQ, P_NE, P_LT, P_LE, P_GT, P_GE, P_UNORD, P_COUNT } KPred;
extern const char *const kernel_pred[P_COUNT];

typedef struct VType {
    uint8_t kind;          // ValKind
    uint8_t dt;            // VEC, REG: element type
    uint16_t n;            // VEC, REG, MASK: lanes, a power of two, 1 = scalar
} VType;
typedef uint32_t Val;      // index into Kern.ins; 0 = none
typedef struct Ins {
    uint8_t op;            // KOp
    uint8_t number;        // TILE: its register, counted from 1; 0 before pass `tiles`
    uint16_t lanes;        // LOAD, STORE…: lanes that touch memory (1..n)
    VType type;
    Val arg[3];
    int64_t imm, imm2;
} Ins;
typedef struct KParam {
    const char *name;      // for text and C
    DType dt;
    bool is_mutable;
} KParam;
typedef struct Kern {
    Arena *arena;
    const char *name;      // matmul_197x2304x768_bias
    const Target *target;
    VEC(Ins) ins;          // ins.data[0] is a NOP
    VEC(KParam) param;
    VEC(Loc) loc;          // the model nodes it computes
    uint64_t scratch_bytes;
} Kern;

// ---- builder (kernel.c): reads like the kernel it makes. Constant index arithmetic folds.
Kern *kern_new(Arena *a, const char *name, const Target *t);
static inline VType vec_type(DType dt, int n) { return (VType){V_VEC, (uint8_t)dt, (uint16_t)n}; }
Val k_param(Kern *k, const char *name, DType dt, bool is_mutable);
Val k_scratch(Kern *k, uint64_t nbytes);      // a piece of the scratch, in 64-byte steps
Val k_lo(Kern *k);
Val k_hi(Kern *k);
Val k_index(Kern *k, int64_t v);
Val k_iadd(Kern *k, Val a, Val b);
Val k_isub(Kern *k, Val a, Val b);
Val k_imul(Kern *k, Val a, Val b);
Val k_idiv(Kern *k, Val a, Val b);
Val k_imod(Kern *k, Val a, Val b);
Val k_imin(Kern *k, Val a, Val b);
Val k_imax(Kern *k, Val a, Val b);
Val k_imuli(Kern *k, Val a, int64_t b);
Val k_iaddi(Kern *k, Val a, int64_t b);
Val k_toindex(Kern *k, Val v);
Val k_fromindex(Kern *k, DType dt, Val i);
Val k_padd(Kern *k, Val p, Val bytes);                            // bytes: an index value
Val k_paddi(Kern *k, Val p, int64_t bytes);
Val k_loop(Kern *k, Val lo, Val hi, int64_t step);                // returns the counter
Val k_loopn(Kern *k, int64_t n);                                  // 0 .. n-1
void k_end(Kern *k);
Val k_load(Kern *k, VType t, Val p, int64_t disp, int lanes);
Val k_loadb(Kern *k, VType t, Val p, int64_t disp);
Val k_loads(Kern *k, VType t, Val p, int64_t disp, int64_t stride, int lanes);
void k_store(Kern *k, Val p, int64_t disp, Val v, int lanes);
void k_stores(Kern *k, Val p, int64_t disp, int64_t stride, Val v, int lanes);
void k_prefetch(Kern *k, Val p, int64_t disp, int level);
Val k_const_f(Kern *k, VType t, double v);
Val k_const_i(Kern *k, VType t, int64_t v);
Val k_iota(Kern *k, VType t);
Val k_reg(Kern *k, VType t);
Val k_get(Kern *k, Val reg);
void k_set(Kern *k, Val reg, Val v);
Val k_op1(Kern *k, KOp op, Val a);                                // result has a's type
Val k_op2(Kern *k, KOp op, Val a, Val b);
Val k_fma(Kern *k, Val a, Val b, Val c);
Val k_dpbf16(Kern *k, Val a, Val b, Val c);                       // c has the result's type
Val k_bfmmla(Kern *k, Val a, Val b, Val c);                       // likewise
Val k_shift(Kern *k, KOp op, Val a, int by);
Val k_cmp(Kern *k, KPred p, Val a, Val b);
Val k_select(Kern *k, Val mask, Val a, Val b);
Val k_cvt(Kern *k, DType to, Val v);
Val k_cvtdz(Kern *k, Val v);
Val k_bitcast(Kern *k, DType to, Val v);
Val k_bcast(Kern *k, Val v, int n);
Val k_rtree(Kern *k, KOp op, Val v);                              // RSUM, RMAX, RMIN
Val k_tile(Kern *k, int rows, int nbytes);
void k_tzero(Kern *k, Val tile);
void k_tload(Kern *k, KOp op, Val tile, Val p, int64_t disp, int64_t stride); // TLOAD, TSTREAM
void k_tstore(Kern *k, Val p, int64_t disp, int64_t stride, Val tile);
void k_tdp(Kern *k, KOp op, Val c, Val a, Val b);
static inline Ins *kern_ins(const Kern *k, Val v) { return &k->ins.data[v]; }
static inline VType kern_type(const Kern *k, Val v) { return k->ins.data[v].type; }
Val kern_emit(Kern *k, Ins i);                // raw append, for passes and the parser
uint32_t kern_loop_end(const Kern *k, Val loop);      // index of the END of a LOOP

// kernel_check.c: the verifier: operands defined before use and in scope, types, lanes, loops
// closed, registers set before read, vectors not wider than the target's. after_math: mathematics
// and what the target has not (isa.def) are illegal too. False after diagnostics (ERR_MODEL).
bool kern_check(const Kern *k, Diag *d, bool after_math);
bool kern_has_tiles(const Kern *k);
// The 64 bytes that configure the matrix unit for the tiles of a kernel that have a register.
enum { TILE_CONFIG_BYTES = 64 };
void tile_config_of(const Kern *k, uint8_t config[TILE_CONFIG_BYTES]);
// kernel_eval.c: performs tasks lo..hi-1. Every case is the definition of its op.
void kern_eval(const Kern *k, void *const *args, void *scratch, int64_t lo, int64_t hi);
// kernel_text.c
void kern_print(const Kern *k, Str *out, const Diag *locs);       // locs may be NULL
void kern_print_ins(const Kern *k, Val v, Str *out);              // a line, also of a wrong kernel
// One kernel, NULL after diagnostics; kern_check comes after. used: where the kernel ends, or NULL
// when nothing may follow.
Kern *kern_parse(Arena *a, Diag *d, const char *file, const char *text, size_t n, size_t *used);
struct Lexer;
Kern *kern_read(struct Lexer *l);                                 // the same, inside a longer text
#endif
