/* image.c: an 8-bit image becomes a model's input exactly as Python's Pillow and the Hugging Face
 * slow image processor make it: convert, resize in two fixed-point passes (horizontal, then
 * vertical, rounding to 8 bits after each), rescale in double, normalise in float. The method is
 * that of Pillow's ImagingResample: the filter's support grows with the reduction, weights are
 * normalised in double and rounded to 22 bits. Golden arrays in the tests pin every bit. */
#include "vitc.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PRECISION = 32 - 8 - 2, MAX_CHANNELS = 4, MAX_SIDE = 1 << 16 };

/* ---- filters, as functions of the distance in source pixels / scale ---- */
static double box(double x) {
    return x > -0.5 && x <= 0.5 ? 1 : 0;
}
static double bilinear(double x) {
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}
static double hamming(double x) {
    x = fabs(x);
    if (x == 0) return 1;
    if (x >= 1) return 0;
    x *= M_PI;
    return sin(x) / x * (0.54 + 0.46 * cos(x));
}
static double bicubic(double x) {
    const double a = -0.5;
    x = fabs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}
static double sinc(double x) {
    if (x == 0) return 1;
    x *= M_PI;
    return sin(x) / x;
}
static double lanczos(double x) {
    return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
}
typedef struct filter {
    double (*weight)(double x);
    double support;
} filter;
enum { NEAREST = 0 };
static const filter filters[] = {/* by Pillow's number */
                                 {NULL, 0},    {lanczos, 3}, {bilinear, 1},
                                 {bicubic, 2}, {box, 0.5},   {hamming, 1}};

/* ---- memory: everything comes from one block ---- */
typedef struct bump {
    char *at;
} bump;
static void *take(bump *b, size_t n) {
    void *p = b->at;
    b->at += (n + 15) / 16 * 16;
    return p;
}
static size_t padded(size_t n) {
    return (n + 15) / 16 * 16;
}

/* ---- weights of one axis ---- */
typedef struct axis {
    uint32_t in, out, taps;  /* taps: most weights of one output pixel */
    int32_t *weight;         /* [out][taps] */
    uint32_t *first, *count; /* source pixels of each output pixel */
} axis;
static double scale_of(uint32_t in, uint32_t out) {
    return (double)in / (double)out;
}
static double support_of(const filter *f, uint32_t in, uint32_t out) {
    double s = scale_of(in, out);
    return f->support * (s < 1 ? 1 : s);
}
static uint32_t taps_of(const filter *f, uint32_t in, uint32_t out) {
    return (uint32_t)ceil(support_of(f, in, out)) * 2 + 1;
}
static size_t axis_bytes(const filter *f, uint32_t in, uint32_t out) {
    size_t taps = f->weight ? taps_of(f, in, out) : 1;
    return padded(out * taps * sizeof(int32_t)) + 2 * padded(out * sizeof(uint32_t)) +
           padded(taps * sizeof(double));
}
static void axis_nearest(axis *a) {
    double scale = scale_of(a->in, a->out), at = scale * 0.5;
    for (uint32_t i = 0; i < a->out; i++, at += scale) {
        a->first[i] = at < (double)a->in ? (uint32_t)at : a->in - 1;
        a->count[i] = 1;
        a->weight[i] = 1 << PRECISION;
    }
}
static void axis_filtered(axis *a, const filter *f, double *w) {
    double scale = scale_of(a->in, a->out), stretch = scale < 1 ? 1 : scale,
           support = support_of(f, a->in, a->out);
    for (uint32_t i = 0; i < a->out; i++) {
        double center = (i + 0.5) * scale, sum = 0;
        long lo = (long)(center - support + 0.5), hi = (long)(center + support + 0.5);
        if (lo < 0) lo = 0;
        if (hi > (long)a->in) hi = (long)a->in;
        a->first[i] = (uint32_t)lo;
        a->count[i] = (uint32_t)(hi - lo);
        for (long x = 0; x < hi - lo; x++)
            sum += w[x] = f->weight(((double)(x + lo) - center + 0.5) * (1 / stretch));
        for (long x = 0; x < hi - lo; x++) {
            double v = (sum != 0 ? w[x] / sum : w[x]) * (1 << PRECISION);
            a->weight[(size_t)i * a->taps + (size_t)x] = (int32_t)(v < 0 ? v - 0.5 : v + 0.5);
        }
    }
}
static axis axis_make(bump *b, const filter *f, uint32_t in, uint32_t out) {
    axis a = {in, out, f->weight ? taps_of(f, in, out) : 1, NULL, NULL, NULL};
    a.weight = (int32_t *)take(b, (size_t)out * a.taps * sizeof(int32_t));
    a.first = (uint32_t *)take(b, out * sizeof(uint32_t));
    a.count = (uint32_t *)take(b, out * sizeof(uint32_t));
    double *w = (double *)take(b, a.taps * sizeof(double));
    if (f->weight)
        axis_filtered(&a, f, w);
    else
        axis_nearest(&a);
    return a;
}
static uint8_t clip8(int32_t sum) {
    int32_t v = sum >> PRECISION;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}
/* dst[i][c] = sum of src[first..][c] for all pixels i of the axis; step: bytes between source
 * pixels. */
static void resample(const axis *a, const uint8_t *src, size_t step, uint8_t *dst, size_t dst_step,
                     uint32_t channels) {
    for (uint32_t i = 0; i < a->out; i++) {
        const int32_t *w = a->weight + (size_t)i * a->taps;
        for (uint32_t c = 0; c < channels; c++) {
            const uint8_t *s = src + a->first[i] * step + c;
            int32_t sum = 1 << (PRECISION - 1);
            for (uint32_t x = 0; x < a->count[i]; x++) sum += s[x * step] * w[x];
            dst[i * dst_step + c] = clip8(sum);
        }
    }
}

/* ---- channels ---- */
static void convert(const vitc_image *img, uint8_t *out, uint32_t channels) {
    int is_grey = img->channels <= 2;
    for (uint32_t y = 0; y < img->height; y++) {
        const uint8_t *p = img->pixels + (size_t)y * img->stride;
        for (uint32_t x = 0; x < img->width; x++, p += img->channels) {
            if (channels == 1 && !is_grey) /* ITU-R 601-2 luma, as Pillow's convert("L") */
                *out++ = (uint8_t)((p[0] * 19595u + p[1] * 38470u + p[2] * 7471u + 0x8000u) >> 16);
            else
                for (uint32_t c = 0; c < channels; c++) *out++ = is_grey ? p[0] : p[c];
        }
    }
}

/* ---- the two passes ---- */
static int valid(const vitc_image *img, uint32_t width, uint32_t height, uint32_t channels,
                 int resample_kind) {
    return img && img->pixels && img->width && img->height && width && height &&
           img->width <= MAX_SIDE && img->height <= MAX_SIDE && width <= MAX_SIDE &&
           height <= MAX_SIDE && img->channels >= 1 && img->channels <= MAX_CHANNELS &&
           (channels == 1 || channels == 3) && resample_kind >= 0 &&
           resample_kind < (int)(sizeof filters / sizeof filters[0]) &&
           img->stride >= (size_t)img->width * img->channels;
}
/* Pillow 13 shrinks vertically first when that takes away more than twice as many rows as the other
 * pass takes away columns (found by trying it; earlier versions always begin horizontally). The
 * order matters to the last bit, since each pass rounds to 8 bits. */
static int is_vertical_first(const vitc_image *img, uint32_t width, uint32_t height) {
    int64_t rows = (int64_t)img->height - height, columns = (int64_t)img->width - width;
    return rows > 0 && rows > 2 * columns;
}
static size_t resize_bytes(const vitc_image *img, uint32_t width, uint32_t height,
                           uint32_t channels, int kind) {
    const filter *f = &filters[kind];
    size_t between = is_vertical_first(img, width, height) ? (size_t)img->width * height
                                                           : (size_t)width * img->height;
    return axis_bytes(f, img->width, width) + axis_bytes(f, img->height, height) +
           padded((size_t)img->width * img->height * channels) + padded(between * channels);
}
/* One pass over an image of `width` columns and a->in rows, or over its rows. */
static void resample_columns(const axis *a, const uint8_t *src, uint8_t *dst, uint32_t width,
                             uint32_t channels) {
    size_t pitch = (size_t)width * channels;
    for (uint32_t x = 0; x < width; x++)
        resample(a, src + (size_t)x * channels, pitch, dst + (size_t)x * channels, pitch, channels);
}
static void resample_rows(const axis *a, const uint8_t *src, uint8_t *dst, uint32_t height,
                          uint32_t channels) {
    for (uint32_t y = 0; y < height; y++)
        resample(a, src + (size_t)y * a->in * channels, channels,
                 dst + (size_t)y * a->out * channels, channels, channels);
}
static void resize(const vitc_image *img, uint8_t *out, uint32_t width, uint32_t height,
                   uint32_t channels, int kind, void *work) {
    bump b = {(char *)work};
    const filter *f = &filters[kind];
    axis across = axis_make(&b, f, img->width, width), down = axis_make(&b, f, img->height, height);
    uint8_t *plain = (uint8_t *)take(&b, (size_t)img->width * img->height * channels);
    uint8_t *between = (uint8_t *)b.at;
    int has_across = width != img->width, has_down = height != img->height;
    convert(img, plain, channels);
    if (!has_across && !has_down)
        memcpy(out, plain, (size_t)width * height * channels);
    else if (!has_down)
        resample_rows(&across, plain, out, height, channels);
    else if (!has_across)
        resample_columns(&down, plain, out, width, channels);
    else if (is_vertical_first(img, width, height)) {
        resample_columns(&down, plain, between, img->width, channels);
        resample_rows(&across, between, out, height, channels);
    } else {
        resample_rows(&across, plain, between, img->height, channels);
        resample_columns(&down, between, out, width, channels);
    }
}
vitc_status vitc_image_resize(const vitc_image *img, uint8_t *out, uint32_t width, uint32_t height,
                              uint32_t channels, int kind, void *work) {
    if (!out || !valid(img, width, height, channels, kind)) return VITC_E_ARG;
    void *own = work ? NULL : malloc(resize_bytes(img, width, height, channels, kind));
    if (!work && !own) return VITC_E_MEMORY;
    resize(img, out, width, height, channels, kind, work ? work : own);
    free(own);
    return VITC_OK;
}

/* ---- the model's input ---- */
static int accepted(const vitc_preprocess *p, const vitc_image *img) {
    return p && valid(img, p->width, p->height, p->channels, p->resample) &&
           (p->do_resize || (img->width == p->width && img->height == p->height));
}
size_t vitc_image_work_bytes(const vitc_preprocess *p, const vitc_image *img) {
    if (!accepted(p, img)) return 0;
    return resize_bytes(img, p->width, p->height, p->channels, p->resample) +
           padded((size_t)p->width * p->height * p->channels);
}
vitc_status vitc_image_to_input(const vitc_preprocess *p, const vitc_image *img, float *out,
                                void *work) {
    if (!out || !accepted(p, img)) return VITC_E_ARG;
    void *own = work ? NULL : malloc(vitc_image_work_bytes(p, img));
    if (!work && !own) return VITC_E_MEMORY;
    bump b = {(char *)(work ? work : own)};
    size_t plane = (size_t)p->width * p->height;
    uint8_t *pixels = (uint8_t *)take(&b, plane * p->channels);
    resize(img, pixels, p->width, p->height, p->channels, p->resample, b.at);
    for (uint32_t c = 0; c < p->channels; c++) {
        for (size_t i = 0; i < plane; i++) {
            float v = (float)pixels[i * p->channels + c];
            if (p->do_rescale) v = (float)((double)pixels[i * p->channels + c] * p->rescale);
            out[c * plane + i] = p->do_normalize ? (v - p->mean[c]) / p->std[c] : v;
        }
    }
    free(own);
    return VITC_OK;
}
