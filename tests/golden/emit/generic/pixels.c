// Made by vitc 0.1.0 for target generic from the model stdin.
// Compile with: cc -std=c11 -O2 -ffp-contract=off
//
// A kernel performs tasks lo..hi-1 of its launch; the table `launches` below says in which order
// kernels run and where their arguments lie. `tile` is the thread's private scratch.
#include "pixels.h"
#include "vitc_object.h"
#include <stdint.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the weight image is little-endian: compile the model with --byte-order big"
#endif

typedef struct { uint8_t l[4]; } u8x4;
typedef struct { float l[4]; } f32x4;
typedef struct { int32_t l[4]; } maskx4;
typedef struct { uint32_t l[4]; } u32x4;
typedef struct { uint16_t l[4]; } u16x4;
typedef struct { uint16_t l[4]; } f16x4;

static inline u8x4 u8x4_load(const char *p) {
    u8x4 v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline f32x4 f32x4_from_u8x4(u8x4 a) {
    f32x4 r;
    for (int i = 0; i < 4; i++) r.l[i] = (float)a.l[i];
    return r;
}
static inline f32x4 f32x4_splat(float x) {
    f32x4 r;
    for (int i = 0; i < 4; i++) r.l[i] = x;
    return r;
}
static inline f32x4 f32x4_mul(f32x4 a, f32x4 b) {
    f32x4 r;
    for (int i = 0; i < 4; i++) r.l[i] = a.l[i] * b.l[i];
    return r;
}
static inline u32x4 f32x4_as_u32x4(f32x4 a) {
    u32x4 r;
    memcpy(&r, &a, sizeof r);
    return r;
}
static inline u32x4 u32x4_shr_16(u32x4 a) {
    u32x4 r;
    for (int i = 0; i < 4; i++) r.l[i] = (uint32_t)(a.l[i] >> 16);
    return r;
}
static inline u32x4 u32x4_splat(uint32_t x) {
    u32x4 r;
    for (int i = 0; i < 4; i++) r.l[i] = x;
    return r;
}
static inline u32x4 u32x4_and(u32x4 a, u32x4 b) {
    u32x4 r;
    for (int i = 0; i < 4; i++) r.l[i] = (uint32_t)(a.l[i] & b.l[i]);
    return r;
}
static inline u32x4 u32x4_shr_13(u32x4 a) {
    u32x4 r;
    for (int i = 0; i < 4; i++) r.l[i] = (uint32_t)(a.l[i] >> 13);
    return r;
}
static inline u32x4 u32x4_add(u32x4 a, u32x4 b) {
    u32x4 r;
    for (int i = 0; i < 4; i++) r.l[i] = (uint32_t)((uint32_t)a.l[i] + (uint32_t)b.l[i]);
    return r;
}
static inline f32x4 u32x4_as_f32x4(u32x4 a) {
    f32x4 r;
    memcpy(&r, &a, sizeof r);
    return r;
}
static inline f32x4 f32x4_add(f32x4 a, f32x4 b) {
    f32x4 r;
    for (int i = 0; i < 4; i++) r.l[i] = a.l[i] + b.l[i];
    return r;
}
static inline maskx4 u32x4_lt(u32x4 a, u32x4 b) {
    maskx4 r;
    for (int i = 0; i < 4; i++) r.l[i] = (a.l[i] < b.l[i]) ? -1 : 0;
    return r;
}
static inline u32x4 u32x4_select(maskx4 m, u32x4 a, u32x4 b) {
    u32x4 r;
    for (int i = 0; i < 4; i++) r.l[i] = m.l[i] ? a.l[i] : b.l[i];
    return r;
}
static inline maskx4 u32x4_ge(u32x4 a, u32x4 b) {
    maskx4 r;
    for (int i = 0; i < 4; i++) r.l[i] = (a.l[i] >= b.l[i]) ? -1 : 0;
    return r;
}
static inline u32x4 u32x4_or(u32x4 a, u32x4 b) {
    u32x4 r;
    for (int i = 0; i < 4; i++) r.l[i] = (uint32_t)(a.l[i] | b.l[i]);
    return r;
}
static inline maskx4 u32x4_gt(u32x4 a, u32x4 b) {
    maskx4 r;
    for (int i = 0; i < 4; i++) r.l[i] = (a.l[i] > b.l[i]) ? -1 : 0;
    return r;
}
static inline u16x4 u16x4_from_u32x4(u32x4 a) {
    u16x4 r;
    for (int i = 0; i < 4; i++) r.l[i] = (uint16_t)a.l[i];
    return r;
}
static inline f16x4 u16x4_as_f16x4(u16x4 a) {
    f16x4 r;
    memcpy(&r, &a, sizeof r);
    return r;
}
static inline void f16x4_store(char *p, f16x4 v) {
    memcpy(p, &v, sizeof v);
}
static inline u8x4 u8x4_load_part(const char *p, size_t lanes) {
    u8x4 v = {0};
    memcpy(&v, p, lanes * sizeof(uint8_t));
    return v;
}
static inline void f16x4_store_part(char *p, f16x4 v, size_t lanes) {
    memcpy(p, &v, lanes * sizeof(uint16_t));
}

static void elementwise_9_cast_mul_to_f16(void *const *args, void *scratch, int64_t lo, int64_t hi) {
    (void)scratch;
    char *const y = args[0];
    char *const x1 = args[1];
    for (int64_t i1 = lo; i1 < hi; i1++) {
        for (int64_t i2 = 0; i2 < 2; i2++) {
            char *const p3 = y + i2 * 8;
            char *const p4 = x1 + i2 * 4;
            const f32x4 v5 = f32x4_from_u8x4(u8x4_load(p4));
            const u32x4 v6 = f32x4_as_u32x4(f32x4_mul(v5, f32x4_splat(0.5f)));
            const u32x4 v7 = u32x4_shr_16(v6);
            const u32x4 v8 = u32x4_and(v7, u32x4_splat(32768u));
            const u32x4 v9 = u32x4_and(v6, u32x4_splat(2147483647u));
            const u32x4 v10 = u32x4_shr_13(v9);
            const u32x4 v11 = u32x4_and(v10, u32x4_splat(1u));
            const u32x4 v12 = u32x4_add(u32x4_add(v9, u32x4_splat(4095u)), v11);
            const u32x4 v13 = u32x4_shr_13(u32x4_add(v12, u32x4_splat(3355443200u)));
            const f32x4 v14 = f32x4_splat(8388608.0f);
            const f32x4 v15 = u32x4_as_f32x4(v9);
            const u32x4 v16 = f32x4_as_u32x4(f32x4_add(f32x4_mul(v15, f32x4_splat(16777216.0f)), v14));
            const u32x4 v17 = u32x4_and(v16, u32x4_splat(8388607u));
            const u32x4 v18 = u32x4_select(u32x4_lt(v9, u32x4_splat(947912704u)), v17, v13);
            const u32x4 v19 = u32x4_splat(31744u);
            const u32x4 v20 = u32x4_select(u32x4_ge(v9, u32x4_splat(1199566848u)), v19, v18);
            const u32x4 v21 = u32x4_shr_13(v9);
            const u32x4 v22 = u32x4_and(v21, u32x4_splat(1023u));
            const u32x4 v23 = u32x4_or(v22, u32x4_splat(32256u));
            f16x4_store(p3, u16x4_as_f16x4(u16x4_from_u32x4(u32x4_or(u32x4_select(u32x4_gt(v9, u32x4_splat(2139095040u)), v23, v20), v8))));
        }
        char *const p24 = y + 16;
        char *const p25 = x1 + 8;
        const f32x4 v26 = f32x4_from_u8x4(u8x4_load_part(p25, 1));
        const u32x4 v27 = f32x4_as_u32x4(f32x4_mul(v26, f32x4_splat(0.5f)));
        const u32x4 v28 = u32x4_shr_16(v27);
        const u32x4 v29 = u32x4_and(v28, u32x4_splat(32768u));
        const u32x4 v30 = u32x4_and(v27, u32x4_splat(2147483647u));
        const u32x4 v31 = u32x4_shr_13(v30);
        const u32x4 v32 = u32x4_and(v31, u32x4_splat(1u));
        const u32x4 v33 = u32x4_add(u32x4_add(v30, u32x4_splat(4095u)), v32);
        const u32x4 v34 = u32x4_shr_13(u32x4_add(v33, u32x4_splat(3355443200u)));
        const f32x4 v35 = f32x4_splat(8388608.0f);
        const f32x4 v36 = u32x4_as_f32x4(v30);
        const u32x4 v37 = f32x4_as_u32x4(f32x4_add(f32x4_mul(v36, f32x4_splat(16777216.0f)), v35));
        const u32x4 v38 = u32x4_and(v37, u32x4_splat(8388607u));
        const u32x4 v39 = u32x4_select(u32x4_lt(v30, u32x4_splat(947912704u)), v38, v34);
        const u32x4 v40 = u32x4_splat(31744u);
        const u32x4 v41 = u32x4_select(u32x4_ge(v30, u32x4_splat(1199566848u)), v40, v39);
        const u32x4 v42 = u32x4_shr_13(v30);
        const u32x4 v43 = u32x4_and(v42, u32x4_splat(1023u));
        const u32x4 v44 = u32x4_or(v43, u32x4_splat(32256u));
        f16x4_store_part(p24, u16x4_as_f16x4(u16x4_from_u32x4(u32x4_or(u32x4_select(u32x4_gt(v30, u32x4_splat(2139095040u)), v44, v41), v29))), 1);
    }
}

// The weight image. The assembler looks for it in its working directory; give another
// place with -DPIXELS_WEIGHTS='"…"'.
#ifndef PIXELS_WEIGHTS
#define PIXELS_WEIGHTS "pixels.weights.bin"
#endif

__asm__(".pushsection .rodata.pixels_weights,\"a\",%progbits\n"
        ".balign 4096\n"
        "pixels_weights:\n"
        ".incbin \"" PIXELS_WEIGHTS "\"\n"
        ".popsection\n");
// An 8-byte word that holds its distance from the weight image: position
// independent without a dynamic relocation.
#if UINTPTR_MAX > 0xffffffffu
#define DISTANCE ".quad pixels_weights - pixels_weights_anchor\n"
#else
#define DISTANCE ".long pixels_weights - pixels_weights_anchor\n.long 0\n"
#endif
__asm__(".pushsection .rodata.pixels_weights_anchor,\"a\",%progbits\n"
        ".balign 8\n"
        ".hidden pixels_weights\n"
        "pixels_weights_anchor:\n"
        DISTANCE
        ".popsection\n");
extern const int64_t pixels_weights_anchor __attribute__((visibility("hidden")));

static const vitc_tensor_info inputs[] = {
    {"x", 2, 1, {9, 1, 1, 1, 1, 1, 1, 1}, 9},
};
static const vitc_tensor_info outputs[] = {
    {"y", 10, 1, {9, 1, 1, 1, 1, 1, 1, 1}, 18},
};

static const vitc_place places_0[] = {{VITC_PLACE_OUTPUT, 0, 0}, {VITC_PLACE_INPUT, 0, 0}};
static const vitc_launch launches[] = {
    {elementwise_9_cast_mul_to_f16, places_0, 2, 1, 1, 0, "elementwise", 0},
};

static const vitc_object object;
static vitc_status run_any(const void *const *in, void *const *out, void *arena,
                           const vitc_parallel *par) {
    return vitc_execute(&object, in, out, arena, par);
}
const vitc_model_info pixels_model = {
    .struct_size = sizeof(vitc_model_info),
    .abi = VITC_ABI,
    .name = "stdin",
    .producer = "vitc 0.1.0",
    .target = "generic",
    .source_sha256 = "",
    .arena_bytes = 0,
    .arena_align = 64,
    .weight_bytes = 0,
    .flops = 0,
    .cpu_features = 0x0,
    .n_inputs = 1,
    .n_outputs = 1,
    .inputs = inputs,
    .outputs = outputs,
    .n_labels = 0,
    .task = 0,
    .labels = NULL,
    .preprocess = NULL,
    .run = run_any,
    .object = &object,
};
static const vitc_object object = {
    .abi = VITC_ABI,
    .n_launches = 1,
    .launches = launches,
    .weights_anchor = &pixels_weights_anchor,
    .intermediate_bytes = 0,
    .scratch_bytes = 0,
    .max_slices = 64,
    .info = &pixels_model,
};

vitc_status pixels_run(const uint8_t *x, uint16_t *y, void *arena, const vitc_parallel *par) {
    return run_any((const void *const[]){x},
                   (void *const[]){y}, arena, par);
}
