// Made by vitc 0.1.0 for target generic from the model stdin.
// Compile with: cc -std=c11 -O2 -ffp-contract=off
//
// A kernel performs tasks lo..hi-1 of its launch; the table `launches` below says in which order
// kernels run and where their arguments lie. `tile` is the thread's private scratch.
#include "linear.h"
#include "vitc_object.h"
#include <stdint.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the weight image is little-endian: compile the model with --byte-order big"
#endif

typedef struct { float l[4]; } f32x4;

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
static inline float f32_abs(float x) {
    return f32_bits(bits_f32(x) & ~((uint32_t)1 << 31));
}
static inline f32x4 f32x4_splat(float x) {
    f32x4 r;
    for (int i = 0; i < 4; i++) r.l[i] = x;
    return r;
}
static inline f32x4 f32x4_load_part(const char *p, size_t lanes) {
    f32x4 v = {0};
    memcpy(&v, p, lanes * sizeof(float));
    return v;
}
static inline f32x4 f32x4_load_splat(const char *p) {
    float x;
    memcpy(&x, p, sizeof x);
    f32x4 r;
    for (int i = 0; i < 4; i++) r.l[i] = x;
    return r;
}
static inline f32x4 f32x4_mul(f32x4 a, f32x4 b) {
    f32x4 r;
    for (int i = 0; i < 4; i++) r.l[i] = a.l[i] * b.l[i];
    return r;
}
static inline f32x4 f32x4_add(f32x4 a, f32x4 b) {
    f32x4 r;
    for (int i = 0; i < 4; i++) r.l[i] = a.l[i] + b.l[i];
    return r;
}
static inline void f32x4_store(char *p, f32x4 v) {
    memcpy(p, &v, sizeof v);
}
static inline f32x4 f32x4_load(const char *p) {
    f32x4 v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline f32x4 f32x4_abs(f32x4 a) {
    f32x4 r;
    for (int i = 0; i < 4; i++) r.l[i] = f32_abs(a.l[i]);
    return r;
}
static inline f32x4 f32x4_min(f32x4 a, f32x4 b) {
    f32x4 r;
    for (int i = 0; i < 4; i++) r.l[i] = a.l[i] < b.l[i] ? a.l[i] : b.l[i];
    return r;
}
static inline f32x4 f32x4_neg(f32x4 a) {
    f32x4 r;
    for (int i = 0; i < 4; i++) r.l[i] = -a.l[i];
    return r;
}
static inline f32x4 f32x4_max(f32x4 a, f32x4 b) {
    f32x4 r;
    for (int i = 0; i < 4; i++) r.l[i] = a.l[i] > b.l[i] ? a.l[i] : b.l[i];
    return r;
}
static inline void f32x4_store_part(char *p, f32x4 v, size_t lanes) {
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
            char *const p6 = c + i5 * 32;
            char *const p7 = b + i5 * 96;
            char *const p8 = e0 + i5 * 32;
            for (int64_t i9 = 0; i9 < 1; i9++) {
                const int64_t i10 = i9 * 2;
                char *const p11 = p6 + i10 * 8;
                char *const p12 = a + i10 * 12;
                const f32x4 v13 = f32x4_splat(0.0f);
                f32x4 acc14;
                acc14 = v13;
                f32x4 acc15;
                acc15 = v13;
                for (int64_t i16 = 0; i16 < 3; i16++) {
                    char *const p17 = p12 + i16 * 4;
                    char *const p18 = p7 + i16 * 32;
                    const f32x4 v19 = f32x4_load_part(p18, 2);
                    const f32x4 v20 = f32x4_load_splat(p17);
                    const f32x4 v21 = acc14;
                    acc14 = f32x4_add(f32x4_mul(v20, v19), v21);
                    const f32x4 v22 = f32x4_load_splat(p17 + 12);
                    const f32x4 v23 = acc15;
                    acc15 = f32x4_add(f32x4_mul(v22, v19), v23);
                }
                const f32x4 v24 = acc14;
                const f32x4 v25 = acc15;
                f32x4_store(tile, v24);
                f32x4_store(tile + 32, v25);
                for (int64_t i26 = 0; i26 < 2; i26++) {
                    char *const p27 = tile + i26 * 32;
                    char *const p28 = p11 + i26 * 8;
                    const f32x4 v29 = f32x4_load(p27);
                    const f32x4 v30 = f32x4_add(v29, f32x4_load_part(p8, 2));
                    const f32x4 v31 = f32x4_abs(v30);
                    const f32x4 v32 = f32x4_min(f32x4_splat(7.0f), v31);
                    const f32x4 v33 = f32x4_splat(-2.8157956e-07f);
                    const f32x4 v34 = f32x4_splat(7.2706084e-06f);
                    const f32x4 v35 = f32x4_add(f32x4_mul(v33, v32), v34);
                    const f32x4 v36 = f32x4_splat(-5.9026177e-05f);
                    const f32x4 v37 = f32x4_add(f32x4_mul(v35, v32), v36);
                    const f32x4 v38 = f32x4_splat(3.0521765e-05f);
                    const f32x4 v39 = f32x4_add(f32x4_mul(v37, v32), v38);
                    const f32x4 v40 = f32x4_splat(0.0015108153f);
                    const f32x4 v41 = f32x4_add(f32x4_mul(v39, v32), v40);
                    const f32x4 v42 = f32x4_splat(-0.00067809335f);
                    const f32x4 v43 = f32x4_add(f32x4_mul(v41, v32), v42);
                    const f32x4 v44 = f32x4_splat(-0.03192504f);
                    const f32x4 v45 = f32x4_add(f32x4_mul(v43, v32), v44);
                    const f32x4 v46 = f32x4_splat(-0.091458075f);
                    const f32x4 v47 = f32x4_add(f32x4_mul(v45, v32), v46);
                    const f32x4 v48 = f32x4_splat(0.91700405f);
                    const f32x4 v49 = f32x4_add(f32x4_mul(v47, v32), v48);
                    const f32x4 v50 = f32x4_mul(v49, v49);
                    const f32x4 v51 = f32x4_mul(v50, v50);
                    const f32x4 v52 = f32x4_mul(v51, v51);
                    const f32x4 v53 = f32x4_neg(v32);
                    const f32x4 v54 = f32x4_max(f32x4_splat(0.0f), v30);
                    f32x4_store_part(p28, f32x4_add(f32x4_mul(v53, v52), v54), 2);
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
#if UINTPTR_MAX > 0xffffffffu
#define DISTANCE ".quad linear_weights - linear_weights_anchor\n"
#else
#define DISTANCE ".long linear_weights - linear_weights_anchor\n.long 0\n"
#endif
__asm__(".pushsection .rodata.linear_weights_anchor,\"a\",%progbits\n"
        ".balign 8\n"
        ".hidden linear_weights\n"
        "linear_weights_anchor:\n"
        DISTANCE
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
    {matmul_2x2x3_add_gelu, places_0, 4, 1, 1, 128, "matmul", 24},
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
    .target = "generic",
    .source_sha256 = "",
    .arena_bytes = 128,
    .arena_align = 64,
    .weight_bytes = 192,
    .flops = 24,
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
    .weights_anchor = &linear_weights_anchor,
    .intermediate_bytes = 0,
    .scratch_bytes = 128,
    .max_slices = 64,
    .info = &linear_model,
};

vitc_status linear_run(const float *x, float *y, void *arena, const vitc_parallel *par) {
    return run_any((const void *const[]){x},
                   (void *const[]){y}, arena, par);
}
