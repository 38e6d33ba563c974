// Made by vitc 0.1.0 for target x86-64-amx from the model stdin.
// Compile with: cc -std=c11 -O2 -ffp-contract=off -msse4.2 -mavx2 -mfma -mf16c -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512cd -mavx512bf16 -mamx-tile -mamx-bf16 -mamx-tile -mamx-int8 -mprefer-vector-width=512
//
// A kernel performs tasks lo..hi-1 of its launch; the table `launches` below says in which order
// kernels run and where their arguments lie. `tile` is the thread's private scratch.
#include "linear.h"
#include "vitc_object.h"
#include <stdint.h>
#include <string.h>
#include <immintrin.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the weight image is little-endian"
#endif

typedef float f32x16 __attribute__((vector_size(64)));
typedef uint32_t u32x16 __attribute__((vector_size(64)));

static inline f32x16 f32x16_splat(float x) {
    return (f32x16){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x};
}
static inline f32x16 f32x16_load_part(const char *p, size_t lanes) {
    f32x16 v = {0};
    memcpy(&v, p, lanes * sizeof(float));
    return v;
}
static inline f32x16 f32x16_load_splat(const char *p) {
    float x;
    memcpy(&x, p, sizeof x);
    return (f32x16){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x};
}
static inline f32x16 f32x16_fma(f32x16 a, f32x16 b, f32x16 c) {
    return (f32x16)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
static inline void f32x16_store(char *p, f32x16 v) {
    memcpy(p, &v, sizeof v);
}
static inline f32x16 f32x16_load(const char *p) {
    f32x16 v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline f32x16 f32x16_abs(f32x16 a) {
    return (f32x16)((u32x16)a & ~((u32x16){0} + ((uint32_t)1 << (8 * sizeof(uint32_t) - 1))));
}
static inline f32x16 f32x16_min(f32x16 a, f32x16 b) {
    return (f32x16)_mm512_min_ps((__m512)a, (__m512)b);
}
static inline f32x16 f32x16_neg(f32x16 a) {
    return -a;
}
static inline f32x16 f32x16_max(f32x16 a, f32x16 b) {
    return (f32x16)_mm512_max_ps((__m512)a, (__m512)b);
}
static inline void f32x16_store_part(char *p, f32x16 v, size_t lanes) {
    memcpy(p, &v, lanes * sizeof(float));
}

static void matmul_2x2x3_add_gelu(void *const *args, void *scratch, int64_t lo, int64_t hi) {
    char *const tile = scratch;
    char *const c = args[0];
    char *const a = args[1];
    char *const b = args[2];
    char *const e0 = args[3];
    for (int64_t i1 = lo; i1 < hi; i1++) {
        const int64_t i2 = ((lo - i1) > 0 ? (lo - i1) : 0);
        const int64_t i3 = ((hi - i1) < 1 ? (hi - i1) : 1);
        const int64_t i4 = (i2 > 0 ? i2 : 0);
        for (int64_t i5 = i4; i5 < i3; i5++) {
            char *const p6 = c + i5 * 192;
            char *const p7 = b + i5 * 576;
            char *const p8 = e0 + i5 * 192;
            for (int64_t i9 = 0; i9 < 1; i9++) {
                const int64_t i10 = i9 * 2;
                char *const p11 = p6 + i10 * 8;
                char *const p12 = a + i10 * 12;
                const f32x16 v13 = f32x16_splat(0.0f);
                f32x16 acc14;
                acc14 = v13;
                f32x16 acc15;
                acc15 = v13;
                for (int64_t i16 = 0; i16 < 3; i16++) {
                    char *const p17 = p12 + i16 * 4;
                    char *const p18 = p7 + i16 * 192;
                    const f32x16 v19 = f32x16_load_part(p18, 2);
                    const f32x16 v20 = f32x16_load_splat(p17);
                    acc14 = f32x16_fma(v20, v19, acc14);
                    const f32x16 v21 = f32x16_load_splat(p17 + 12);
                    acc15 = f32x16_fma(v21, v19, acc15);
                }
                const f32x16 v22 = acc14;
                const f32x16 v23 = acc15;
                f32x16_store(tile, v22);
                f32x16_store(tile + 192, v23);
                for (int64_t i24 = 0; i24 < 2; i24++) {
                    char *const p25 = tile + i24 * 192;
                    char *const p26 = p11 + i24 * 8;
                    const f32x16 v27 = f32x16_load(p25);
                    const f32x16 v28 = v27 + f32x16_load_part(p8, 2);
                    const f32x16 v29 = f32x16_abs(v28);
                    const f32x16 v30 = f32x16_min(f32x16_splat(7.0f), v29);
                    const f32x16 v31 = f32x16_splat(-2.8157956e-07f);
                    const f32x16 v32 = f32x16_fma(v31, v30, f32x16_splat(7.2706084e-06f));
                    const f32x16 v33 = f32x16_fma(v32, v30, f32x16_splat(-5.9026177e-05f));
                    const f32x16 v34 = f32x16_fma(v33, v30, f32x16_splat(3.0521765e-05f));
                    const f32x16 v35 = f32x16_fma(v34, v30, f32x16_splat(0.0015108153f));
                    const f32x16 v36 = f32x16_fma(v35, v30, f32x16_splat(-0.00067809335f));
                    const f32x16 v37 = f32x16_fma(v36, v30, f32x16_splat(-0.03192504f));
                    const f32x16 v38 = f32x16_fma(v37, v30, f32x16_splat(-0.091458075f));
                    const f32x16 v39 = f32x16_fma(v38, v30, f32x16_splat(0.91700405f));
                    const f32x16 v40 = v39 * v39;
                    const f32x16 v41 = v40 * v40;
                    const f32x16 v42 = v41 * v41;
                    const f32x16 v43 = f32x16_neg(v30);
                    f32x16_store_part(p26, f32x16_fma(v43, v42, f32x16_max(f32x16_splat(0.0f), v28)), 2);
                }
            }
        }
    }
}

// The weight image. The assembler looks for it in its working directory; give another
// place with -DLINEAR_WEIGHTS='"…"'.
#ifndef LINEAR_WEIGHTS
#define LINEAR_WEIGHTS "linear.weights.bin"
#endif

__asm__(".pushsection .rodata.linear_weights,\"a\",%progbits\n"
        ".balign 4096\n"
        "linear_weights:\n"
        ".incbin \"" LINEAR_WEIGHTS "\"\n"
        ".popsection\n");
// An 8-byte word that holds its distance from the weight image: position
// independent without a dynamic relocation.
__asm__(".pushsection .rodata.linear_weights_anchor,\"a\",%progbits\n"
        ".balign 8\n"
        ".hidden linear_weights\n"
        "linear_weights_anchor:\n"
        ".quad linear_weights - linear_weights_anchor\n"
        ".popsection\n");
extern const int64_t linear_weights_anchor __attribute__((visibility("hidden")));

static const vitc_tensor_info inputs[] = {
    {"x", 1, 2, {2, 3, 1, 1, 1, 1, 1, 1}, 24},
};
static const vitc_tensor_info outputs[] = {
    {"y", 1, 2, {2, 2, 1, 1, 1, 1, 1, 1}, 16},
};

static const vitc_place places_0[] = {{VITC_PLACE_OUTPUT, 0, 0}, {VITC_PLACE_INPUT, 0, 0}, {VITC_PLACE_WEIGHTS, 0, 64}, {VITC_PLACE_WEIGHTS, 0, 0}};
static const vitc_launch launches[] = {
    {matmul_2x2x3_add_gelu, places_0, 4, 1, 1, 1728, "matmul", 24},
};

static const vitc_object object;
static vitc_status run_any(const void *const *in, void *const *out, void *arena,
                           const vitc_parallel *par) {
    return vitc_execute(&object, in, out, arena, par);
}
const vitc_model_info linear_model = {
    .struct_size = sizeof(vitc_model_info),
    .abi = VITC_ABI,
    .name = "stdin",
    .producer = "vitc 0.1.0",
    .target = "x86-64-amx",
    .source_sha256 = "",
    .arena_bytes = 1728,
    .arena_align = 64,
    .weight_bytes = 640,
    .flops = 24,
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
    .weights_anchor = &linear_weights_anchor,
    .intermediate_bytes = 0,
    .scratch_bytes = 1728,
    .max_slices = 64,
    .info = &linear_model,
};

vitc_status linear_run(const float *x, float *y, void *arena, const vitc_parallel *par) {
    return run_any((const void *const[]){x},
                   (void *const[]){y}, arena, par);
}
