// Made by vitc 0.1.0 for target x86-64-amx from the model stdin.
// Compile with: cc -std=c11 -O2 -ffp-contract=off -msse4.2 -mavx2 -mfma -mf16c -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512cd -mavx512bf16 -mamx-tile -mamx-bf16 -mamx-tile -mamx-int8 -mprefer-vector-width=512
//
// A kernel performs tasks lo..hi-1 of its launch; the table `launches` below says in which order
// kernels run and where their arguments lie. `tile` is the thread's private scratch.
#include "pixels.h"
#include "vitc_object.h"
#include <stdint.h>
#include <string.h>
#include <immintrin.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the weight image is little-endian"
#endif

typedef uint8_t u8x16 __attribute__((vector_size(16)));
typedef float f32x16 __attribute__((vector_size(64)));
typedef uint32_t u32x16 __attribute__((vector_size(64)));
typedef int32_t maskx16 __attribute__((vector_size(64)));
typedef uint16_t f16x16 __attribute__((vector_size(32)));
typedef uint16_t u16x16 __attribute__((vector_size(32)));

static inline float f32_bits(uint32_t u) {
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}
static inline uint32_t bits_f32(float x) {
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}
static inline uint16_t f16_of_f32(float x) {
    const uint32_t u = bits_f32(x), mag = u & 0x7fffffffu, sign = u >> 16 & 0x8000u;
    uint32_t h = (mag + 0xfffu + (mag >> 13 & 1u) - 0x38000000u) >> 13;
    if (mag < 0x38800000u) {
        volatile float r = f32_bits(mag) * 0x1p24f + 0x1p23f;
        h = bits_f32(r) & 0x7fffffu;
    }
    if (mag >= 0x477ff000u) h = 0x7c00u;
    if (mag > 0x7f800000u) h = (mag >> 13 & 0x3ffu) | 0x7e00u;
    return (uint16_t)(h | sign);
}
static inline u8x16 u8x16_load_part(const char *p, size_t lanes) {
    u8x16 v = {0};
    memcpy(&v, p, lanes * sizeof(uint8_t));
    return v;
}
static inline f32x16 f32x16_from_u8x16(u8x16 a) {
    f32x16 r = {0};
    for (int i = 0; i < 16; i++) r[i] = (float)a[i];
    return r;
}
static inline f32x16 f32x16_splat(float x) {
    return (f32x16){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x};
}
static inline f16x16 f16x16_from_f32x16(f32x16 a) {
    f16x16 r = {0};
    for (int i = 0; i < 16; i++) r[i] = f16_of_f32((float)a[i]);
    return r;
}
static inline void f16x16_store_part(char *p, f16x16 v, size_t lanes) {
    memcpy(p, &v, lanes * sizeof(uint16_t));
}

static void elementwise_9_cast_mul_to_f16(void *const *args, void *scratch, int64_t lo, int64_t hi) {
    (void)scratch;
    char *const y = args[0];
    char *const x1 = args[1];
    for (int64_t i1 = lo; i1 < hi; i1++) {
        const f32x16 v2 = f32x16_from_u8x16(u8x16_load_part(x1, 9));
        f16x16_store_part(y, f16x16_from_f32x16((v2 * f32x16_splat(0.5f))), 9);
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
__asm__(".pushsection .rodata.pixels_weights_anchor,\"a\",%progbits\n"
        ".balign 8\n"
        ".hidden pixels_weights\n"
        "pixels_weights_anchor:\n"
        ".quad pixels_weights - pixels_weights_anchor\n"
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
    .target = "x86-64-amx",
    .source_sha256 = "",
    .arena_bytes = 0,
    .arena_align = 64,
    .weight_bytes = 0,
    .flops = 0,
    .cpu_features = 0x5f,
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
