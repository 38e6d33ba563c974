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
static inline u16x4 f16x4_as_u16x4(f16x4 a) {
    u16x4 r;
    memcpy(&r, &a, sizeof r);
    return r;
}
static inline u32x4 u32x4_from_u16x4(u16x4 a) {
    u32x4 r;
    for (int i = 0; i < 4; i++) r.l[i] = (uint32_t)a.l[i];
    return r;
}
static inline u32x4 u32x4_shl_13(u32x4 a) {
    u32x4 r;
    for (int i = 0; i < 4; i++) r.l[i] = (uint32_t)((uint32_t)a.l[i] << 13);
    return r;
}
static inline u32x4 u32x4_shl_16(u32x4 a) {
    u32x4 r;
    for (int i = 0; i < 4; i++) r.l[i] = (uint32_t)((uint32_t)a.l[i] << 16);
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

static void elementwise_9_cast_mul_cast(void *const *args, void *scratch, int64_t lo, int64_t hi) {
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
            const u32x4 v24 = u32x4_from_u16x4(f16x4_as_u16x4(u16x4_as_f16x4(u16x4_from_u32x4(u32x4_or(u32x4_select(u32x4_gt(v9, u32x4_splat(2139095040u)), v23, v20), v8)))));
            const u32x4 v25 = u32x4_and(v24, u32x4_splat(32767u));
            const u32x4 v26 = u32x4_shl_13(v25);
            const f32x4 v27 = u32x4_as_f32x4(v26);
            const u32x4 v28 = f32x4_as_u32x4(f32x4_mul(v27, f32x4_splat(5.192297e+33f)));
            const u32x4 v29 = u32x4_or(v26, u32x4_splat(2139095040u));
            const u32x4 v30 = u32x4_select(u32x4_ge(v25, u32x4_splat(31744u)), v29, v28);
            const u32x4 v31 = f32x4_as_u32x4(u32x4_as_f32x4(u32x4_or(v30, u32x4_shl_16(u32x4_and(v24, u32x4_splat(32768u))))));
            const u32x4 v32 = u32x4_shr_16(v31);
            const u32x4 v33 = u32x4_and(v32, u32x4_splat(32768u));
            const u32x4 v34 = u32x4_and(v31, u32x4_splat(2147483647u));
            const u32x4 v35 = u32x4_shr_13(v34);
            const u32x4 v36 = u32x4_and(v35, u32x4_splat(1u));
            const u32x4 v37 = u32x4_add(u32x4_add(v34, u32x4_splat(4095u)), v36);
            const u32x4 v38 = u32x4_shr_13(u32x4_add(v37, u32x4_splat(3355443200u)));
            const f32x4 v39 = f32x4_splat(8388608.0f);
            const f32x4 v40 = u32x4_as_f32x4(v34);
            const u32x4 v41 = f32x4_as_u32x4(f32x4_add(f32x4_mul(v40, f32x4_splat(16777216.0f)), v39));
            const u32x4 v42 = u32x4_and(v41, u32x4_splat(8388607u));
            const u32x4 v43 = u32x4_select(u32x4_lt(v34, u32x4_splat(947912704u)), v42, v38);
            const u32x4 v44 = u32x4_splat(31744u);
            const u32x4 v45 = u32x4_select(u32x4_ge(v34, u32x4_splat(1199566848u)), v44, v43);
            const u32x4 v46 = u32x4_shr_13(v34);
            const u32x4 v47 = u32x4_and(v46, u32x4_splat(1023u));
            const u32x4 v48 = u32x4_or(v47, u32x4_splat(32256u));
            f16x4_store(p3, u16x4_as_f16x4(u16x4_from_u32x4(u32x4_or(u32x4_select(u32x4_gt(v34, u32x4_splat(2139095040u)), v48, v45), v33))));
        }
        char *const p49 = y + 16;
        char *const p50 = x1 + 8;
        const f32x4 v51 = f32x4_from_u8x4(u8x4_load_part(p50, 1));
        const u32x4 v52 = f32x4_as_u32x4(f32x4_mul(v51, f32x4_splat(0.5f)));
        const u32x4 v53 = u32x4_shr_16(v52);
        const u32x4 v54 = u32x4_and(v53, u32x4_splat(32768u));
        const u32x4 v55 = u32x4_and(v52, u32x4_splat(2147483647u));
        const u32x4 v56 = u32x4_shr_13(v55);
        const u32x4 v57 = u32x4_and(v56, u32x4_splat(1u));
        const u32x4 v58 = u32x4_add(u32x4_add(v55, u32x4_splat(4095u)), v57);
        const u32x4 v59 = u32x4_shr_13(u32x4_add(v58, u32x4_splat(3355443200u)));
        const f32x4 v60 = f32x4_splat(8388608.0f);
        const f32x4 v61 = u32x4_as_f32x4(v55);
        const u32x4 v62 = f32x4_as_u32x4(f32x4_add(f32x4_mul(v61, f32x4_splat(16777216.0f)), v60));
        const u32x4 v63 = u32x4_and(v62, u32x4_splat(8388607u));
        const u32x4 v64 = u32x4_select(u32x4_lt(v55, u32x4_splat(947912704u)), v63, v59);
        const u32x4 v65 = u32x4_splat(31744u);
        const u32x4 v66 = u32x4_select(u32x4_ge(v55, u32x4_splat(1199566848u)), v65, v64);
        const u32x4 v67 = u32x4_shr_13(v55);
        const u32x4 v68 = u32x4_and(v67, u32x4_splat(1023u));
        const u32x4 v69 = u32x4_or(v68, u32x4_splat(32256u));
        const u32x4 v70 = u32x4_from_u16x4(f16x4_as_u16x4(u16x4_as_f16x4(u16x4_from_u32x4(u32x4_or(u32x4_select(u32x4_gt(v55, u32x4_splat(2139095040u)), v69, v66), v54)))));
        const u32x4 v71 = u32x4_and(v70, u32x4_splat(32767u));
        const u32x4 v72 = u32x4_shl_13(v71);
        const f32x4 v73 = u32x4_as_f32x4(v72);
        const u32x4 v74 = f32x4_as_u32x4(f32x4_mul(v73, f32x4_splat(5.192297e+33f)));
        const u32x4 v75 = u32x4_or(v72, u32x4_splat(2139095040u));
        const u32x4 v76 = u32x4_select(u32x4_ge(v71, u32x4_splat(31744u)), v75, v74);
        const u32x4 v77 = f32x4_as_u32x4(u32x4_as_f32x4(u32x4_or(v76, u32x4_shl_16(u32x4_and(v70, u32x4_splat(32768u))))));
        const u32x4 v78 = u32x4_shr_16(v77);
        const u32x4 v79 = u32x4_and(v78, u32x4_splat(32768u));
        const u32x4 v80 = u32x4_and(v77, u32x4_splat(2147483647u));
        const u32x4 v81 = u32x4_shr_13(v80);
        const u32x4 v82 = u32x4_and(v81, u32x4_splat(1u));
        const u32x4 v83 = u32x4_add(u32x4_add(v80, u32x4_splat(4095u)), v82);
        const u32x4 v84 = u32x4_shr_13(u32x4_add(v83, u32x4_splat(3355443200u)));
        const f32x4 v85 = f32x4_splat(8388608.0f);
        const f32x4 v86 = u32x4_as_f32x4(v80);
        const u32x4 v87 = f32x4_as_u32x4(f32x4_add(f32x4_mul(v86, f32x4_splat(16777216.0f)), v85));
        const u32x4 v88 = u32x4_and(v87, u32x4_splat(8388607u));
        const u32x4 v89 = u32x4_select(u32x4_lt(v80, u32x4_splat(947912704u)), v88, v84);
        const u32x4 v90 = u32x4_splat(31744u);
        const u32x4 v91 = u32x4_select(u32x4_ge(v80, u32x4_splat(1199566848u)), v90, v89);
        const u32x4 v92 = u32x4_shr_13(v80);
        const u32x4 v93 = u32x4_and(v92, u32x4_splat(1023u));
        const u32x4 v94 = u32x4_or(v93, u32x4_splat(32256u));
        f16x4_store_part(p49, u16x4_as_f16x4(u16x4_from_u32x4(u32x4_or(u32x4_select(u32x4_gt(v80, u32x4_splat(2139095040u)), v94, v91), v79))), 1);
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
    {elementwise_9_cast_mul_cast, places_0, 2, 1, 1, 0, "elementwise", 0},
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
