/* selftest.c: does a linked model still compute what it computed when it was compiled? Every byte
 * of the weights is read, then an input from the object is run and compared with the results of the
 * eager reference. Nothing is allocated: pointers and outputs lie in the arena. */
#include "vitc_object.h"
#include <string.h>

/* The last word of the image is a digest of all before it (program_image.c). Each step is
 * one-to-one in the word and in the sum so far, so no single damaged word escapes. */
static int is_whole(const char *image, uint64_t n) {
    uint64_t sum = 0, word = 0, i = 0;
    for (; i + 2 * sizeof word <= n; i += sizeof word) {
        memcpy(&word, image + i, sizeof word);
        sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
    }
    memcpy(&word, image + i, sizeof word);
    return sum == word;
}

/* ---- comparing ---- */
static float from_bits(uint32_t bits) {
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}
static float from_half(uint32_t h) {
    uint32_t magnitude = (h & 0x7fffu) << 13, sign = (h & 0x8000u) << 16;
    if ((h & 0x7c00u) == 0x7c00u) return from_bits(sign | magnitude | 0x7f800000u);
    float f = from_bits(magnitude) * 0x1p112f; /* exact: the other exponent bias */
    return sign ? -f : f;
}
static double number(int dtype, const char *p, uint64_t i) {
    uint16_t half;
    float f;
    double d;
    switch (dtype) {
    case VITC_F32: memcpy(&f, p + 4 * i, sizeof f); return f;
    case VITC_F64: memcpy(&d, p + 8 * i, sizeof d); return d;
    default: memcpy(&half, p + 2 * i, sizeof half);
    }
    return dtype == VITC_F16 ? from_half(half) : from_bits((uint32_t)half << 16);
}
static uint64_t float_bytes(int dtype) { /* 0: no float */
    switch (dtype) {
    case VITC_F32: return 4;
    case VITC_F64: return 8;
    case VITC_F16:
    case VITC_BF16: return 2;
    default: return 0;
    }
}
/* Floats differ by the relative L2 error, everything else by any byte. */
static int is_close(const vitc_tensor_info *t, const char *want, const char *got,
                    double tolerance) {
    uint64_t size = float_bytes(t->dtype);
    double error = 0, norm = 0;
    if (!size) return !memcmp(want, got, (size_t)t->bytes);
    for (uint64_t i = 0; i < t->bytes / size; i++) {
        double w = number(t->dtype, want, i), g = number(t->dtype, got, i), d = w - g;
        if (w == g || (w != w && g != g)) d = 0;
        if (d - d != 0) return 0; /* not finite */
        error += d * d;
        norm += w - w == 0 ? w * w : 0;
    }
    return error <= tolerance * tolerance * norm;
}

/* ---- running ---- */
static uint64_t round_up(uint64_t v) {
    return (v + 63) / 64 * 64;
}
static vitc_status run_sample(const vitc_model_info *m, const char *image, char *arena,
                              const vitc_parallel *par) {
    const vitc_sample *s = m->object->sample;
    uint32_t pointers = m->n_inputs + m->n_outputs;
    const void **in = (const void **)(void *)(arena + s->outputs_at);
    void **out = (void **)(void *)(arena + s->outputs_at) + m->n_inputs;
    char *next = arena + s->outputs_at + round_up(pointers * sizeof *out);
    for (uint32_t i = 0; i < m->n_inputs; i++) in[i] = image + s->offset[i];
    for (uint32_t i = 0; i < m->n_outputs; i++) {
        out[i] = next;
        next += round_up(m->outputs[i].bytes);
    }
    vitc_status status = m->run(in, out, arena, par);
    if (status) return status;
    for (uint32_t i = 0; i < m->n_outputs; i++)
        if (!is_close(&m->outputs[i], image + s->offset[m->n_inputs + i], (const char *)out[i],
                      s->tolerance))
            return VITC_E_SELFTEST;
    return VITC_OK;
}
vitc_status vitc_model_selftest(const vitc_model_info *m, void *arena, const vitc_parallel *par) {
    if (!m || !arena) return VITC_E_ARG;
    if (m->abi != VITC_ABI || m->struct_size < sizeof *m) return VITC_E_ABI;
    if ((uintptr_t)arena % m->arena_align) return VITC_E_ALIGN;
    const vitc_model_info *level = vitc_model_chosen(m);
    if (!level) return VITC_E_CPU;
    const vitc_object *o = level->object;
    if (!o || !o->sample) return VITC_E_ARG;
    const char *image = (const char *)o->weights_anchor + *o->weights_anchor;
    if (!is_whole(image, level->weight_bytes)) return VITC_E_SELFTEST;
    return run_sample(level, image, (char *)arena, par);
}
