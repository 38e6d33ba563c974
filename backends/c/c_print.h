// c_print.h: shared by the files of the C printer. A program is printed in three parts: helpers
// that its kernels use (c_helpers.c), the kernels (c_kernel.c), tables and entry points
// (c_tables.c).
//
// Two dialects: with vectors of the compiler (__attribute__((vector_size))) and intrinsics where
// the target has features, and plain C11 without any extension for `generic`: there a vector is a
// struct of lanes.
#ifndef BACKENDS_C_C_PRINT_H
#define BACKENDS_C_C_PRINT_H
#include "backends/backend.h"

// A helper function that some kernel calls: the operation, its result's type, and what else it
// depends on.
typedef struct CHelper {
    KOp op;
    VType type;   // of the result; STORE…: of the value stored
    VType from;   // CVT, BITCAST, CMP, RSUM, DPBF16…: of the operand
    int64_t imm;  // SHL, SHR: by; CMP: predicate
    bool is_part; // LOAD, STORE: some lanes only
} CHelper;
typedef struct CModule {
    Ctx *c;
    const Program *p; // the level at hand
    const EmitOptions *o;
    const Target *target;
    bool has_vectors;   // the dialect
    const char *suffix; // of the names that belong to this level: "_x86_64_v3"; "" when it is alone
    VEC(CHelper) helper;
} CModule;

CModule c_module(Ctx *c, const Program *p, const EmitOptions *o, bool is_alone);
const char *c_unsigned(DType dt);       // the unsigned twin of its size
const char *c_type(Arena *a, VType t);  // f32x16, float, maskx16, int
const char *c_short(Arena *a, VType t); // f32x16, f32: prefix of helper names
void c_use(CModule *m, CHelper h);
const char *c_helper_name(CModule *m, const CHelper *h);
void c_print_helpers(CModule *m, const char *kernels, Str *out); // types, helpers, then the kernels
// c_levels.c: `text` with the names of its functions and types made this level's own, compiled for
// this level's machine whatever the command line says.
void c_print_level(const CModule *m, const char *text, Str *out);
void c_print_runtime(const CModule *m, Str *out); // c_standalone.c: in place of vitc_object.h
bool c_uses_vectors(const Program *p); // at some level; else it is C for any machine
// c_portable.c: the element functions that `rest` calls, then `rest`.
void c_print_portable(CModule *m, const char *rest, Str *out);
void c_print_kernel(CModule *m, const Kern *k, Str *out);
void c_print_tables(CModule *m, const char *weights_file, Str *out);
const char *c_constant(Arena *a, DType dt, int64_t bits); // a literal with exactly those bits
const char *c_spelling(const CModule *m, KOp op, DType dt,
                       int lanes); // from c_spelling.def, or NULL
#endif
