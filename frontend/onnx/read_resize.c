// read_resize.c: Resize and Upsample. Every axis is resized by itself: nearest is a gather, linear
// and cubic are a product with a constant matrix that holds the weights of each result. The
// definitions are those of the ONNX reference, in double precision.
#include "frontend/onnx/onnx_import.h"
#include <math.h>
#include <string.h>

enum { MAX_WEIGHTS = 1 << 22 };
typedef enum { NEAREST, LINEAR, CUBIC } Mode;
typedef enum {
    HALF_PIXEL,
    HALF_PIXEL_SYMMETRIC,
    PYTORCH_HALF_PIXEL,
    ALIGN_CORNERS,
    ASYMMETRIC,
    TF_HALF_PIXEL_FOR_NN,
    TF_CROP_AND_RESIZE
} Coordinate;
typedef enum { ROUND_PREFER_FLOOR, ROUND_PREFER_CEIL, FLOOR, CEIL } Rounding;
typedef struct Resizing {
    Mode mode;
    Coordinate coordinate;
    Rounding rounding;
    bool antialias, exclude_outside;
    double cubic_a, extrapolation;
} Resizing;
typedef struct AxisScale {
    bool active;
    int64_t in, out;
    double scale;              // as given, or out/in
    double roi_start, roi_end; // tf_crop_and_resize
} AxisScale;

// ---- one axis --------------------------------------------------------------------------------
// Where the centre of result i lies in the operand.
static double exact_source(const Resizing *r, const AxisScale *a, int64_t i) {
    double x = (double)i, in = (double)a->in, out = a->scale * in;
    switch (r->coordinate) {
    case ALIGN_CORNERS: return out == 1 ? 0 : x * (in - 1) / (out - 1);
    case ASYMMETRIC: return x / a->scale;
    case TF_HALF_PIXEL_FOR_NN: return (x + 0.5) / a->scale;
    case PYTORCH_HALF_PIXEL: return out == 1 ? -0.5 : (x + 0.5) / a->scale - 0.5;
    case HALF_PIXEL_SYMMETRIC: {
        double centre = in / 2;
        return centre * (1 - (double)a->out / out) + (x + 0.5) / a->scale - 0.5;
    }
    case TF_CROP_AND_RESIZE: {
        double span = (a->roi_end - a->roi_start) * (in - 1);
        return a->roi_start * (in - 1) + (out == 1 ? span / 2 : x * span / (out - 1));
    }
    case HALF_PIXEL: break;
    }
    return (x + 0.5) / a->scale - 0.5;
}
// A region of interest may be anything: far outside is as good as at infinity.
static double source_of(const Resizing *r, const AxisScale *a, int64_t i) {
    const double far = 1e10;
    double at = exact_source(r, a, i);
    return at > far ? far : at > -far ? at : -far;
}
static bool is_outside(const Resizing *r, const AxisScale *a, int64_t i) {
    if (r->coordinate != TF_CROP_AND_RESIZE) return false;
    double at = source_of(r, a, i);
    return at < 0 || at > (double)(a->in - 1);
}
static double round_to(Rounding how, double x) {
    switch (how) {
    case ROUND_PREFER_FLOOR: return ceil(x - 0.5);
    case ROUND_PREFER_CEIL: return floor(x + 0.5);
    case FLOOR: return floor(x);
    case CEIL: return ceil(x);
    }
    return x;
}
static int64_t clamp_index(double at, int64_t n) {
    return at <= 0 ? 0 : at >= (double)(n - 1) ? n - 1 : (int64_t)at;
}
static double kernel(const Resizing *r, double distance) {
    double x = fabs(distance), a = r->cubic_a;
    if (r->mode == LINEAR) return x < 1 ? 1 - x : 0;
    if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}
// The weights of one result: the kernel around its source, positions past the border count for the
// border (or not at all). When shrinking with antialias the kernel is stretched.
static void weights_of(const Resizing *r, const AxisScale *a, int64_t i, float *row) {
    double at = source_of(r, a, i), stretch = r->antialias && a->scale < 1 ? a->scale : 1;
    double reach = (r->mode == LINEAR ? 1 : 2) / stretch, total = 0;
    int64_t first = (int64_t)floor(at - reach), last = (int64_t)ceil(at + reach);
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t k = first; k <= last; k++) {
            if (r->exclude_outside && (k < 0 || k >= a->in)) continue;
            double w = kernel(r, ((double)k - at) * stretch);
            if (pass == 0)
                total += w;
            else
                row[clamp_index((double)k, a->in)] += (float)(total != 0 ? w / total : w);
        }
    }
}
static NodeId gather_axis(Import *m, NodeId x, const Resizing *r, const AxisScale *a, int axis) {
    int64_t *from = t_alloc(m, (uint64_t)a->out, DT_I64);
    for (int64_t i = 0; i < a->out; i++) {
        from[i] = clamp_index(round_to(r->rounding, source_of(r, a, i)), a->in);
    }
    return t_gather(m, x, t_const(m, DT_I64, 1, &a->out, from), axis);
}
static NodeId weigh_axis(Import *m, NodeId x, const Resizing *r, const AxisScale *a, int axis) {
    if (a->in * a->out > MAX_WEIGHTS) {
        fail(m, ERR_LIMIT, "resizing %lld elements to %lld is too large", (long long)a->in,
             (long long)a->out);
        return 0;
    }
    float *w = t_alloc(m, (uint64_t)(a->in * a->out), DT_F32);
    for (int64_t i = 0; i < a->out; i++) weights_of(r, a, i, w + i * a->in);
    NodeId matrix = t_const(m, DT_F32, 2, (int64_t[]){a->out, a->in}, w);
    int last = t_type(m, x)->rank - 1;
    if (axis == last - 1) return t_matmul(m, matrix, x, false);
    return t_swap(m, t_matmul(m, t_swap(m, x, axis, last), matrix, true), axis, last);
}
// tf_crop_and_resize: results whose source is outside get a fixed value.
static NodeId extrapolate(Import *m, NodeId x, const Resizing *r, const AxisScale *axes) {
    NodeId outside = 0;
    int rank = x ? t_type(m, x)->rank : 0;
    for (int axis = 0; axis < rank; axis++) {
        const AxisScale *a = &axes[axis];
        if (!a->active) continue;
        uint8_t *flag = t_alloc(m, (uint64_t)a->out, DT_BOOL);
        int64_t dim[MAX_RANK];
        for (int i = 0; i < rank; i++) dim[i] = i == axis ? a->out : 1;
        for (int64_t i = 0; i < a->out; i++) flag[i] = is_outside(r, a, i);
        NodeId mask = t_const(m, DT_BOOL, rank, dim, flag);
        outside = outside ? t_binary(m, OP_OR, outside, mask) : mask;
    }
    return outside ? t_where(m, outside, t_like(m, x, r->extrapolation), x) : x;
}
static NodeId resize(Import *m, NodeId x, const Resizing *r, const AxisScale *axes) {
    const Type t = *t_type(m, x);
    bool moved = false;
    NodeId y = x;
    for (int axis = 0; axis < t.rank && y; axis++) {
        const AxisScale *a = &axes[axis];
        if (!a->active || (a->in == a->out && a->scale == 1 && r->coordinate != TF_CROP_AND_RESIZE))
            continue;
        if (a->in == 0) return fail(m, ERR_MODEL, "axis %d is empty", axis);
        if (a->out > MAX_WEIGHTS)
            return fail(m, ERR_LIMIT, "axis %d of the result is too large", axis);
        if (r->mode == NEAREST) {
            y = gather_axis(m, y, r, a, axis);
        } else {
            if (!moved) y = t_cast(m, y, DT_F32);
            y = weigh_axis(m, y, r, a, axis);
        }
        moved = true;
    }
    if (r->coordinate == TF_CROP_AND_RESIZE) y = extrapolate(m, y, r, axes);
    return t_cast(m, y, t.dt);
}

// ---- attributes and inputs -------------------------------------------------------------------
static bool choose(Import *m, OpCall *op, const char *attr, const char *otherwise,
                   const char *const *names, int *out) {
    const char *text = opt_text(m, op, attr, otherwise);
    for (int i = 0; names[i]; i++) {
        *out = i;
        if (strcmp(text, names[i]) == 0) return true;
    }
    return fail(m, ERR_UNSUPPORTED, "%s '%s' is not supported", attr, text);
}
static bool read_modes(Import *m, OpCall *op, Resizing *r) {
    static const char *const modes[] = {"nearest", "linear", "cubic", NULL};
    static const char *const roundings[] = {"round_prefer_floor", "round_prefer_ceil", "floor",
                                            "ceil", NULL};
    static const char *const coordinates[] = {
        "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
        "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize", NULL};
    int mode, rounding = FLOOR, coordinate = ASYMMETRIC; // what opset 10 does
    if (!choose(m, op, "mode", "nearest", modes, &mode)) return false;
    if (op->opset >= 11) {
        if (!choose(m, op, "nearest_mode", "round_prefer_floor", roundings, &rounding))
            return false;
        if (!choose(m, op, "coordinate_transformation_mode", "half_pixel", coordinates,
                    &coordinate))
            return false;
    }
    *r = (Resizing){
        .mode = (Mode)mode, .rounding = (Rounding)rounding, .coordinate = (Coordinate)coordinate};
    r->antialias = opt_int(m, op, "antialias", 0) != 0;
    r->exclude_outside = opt_int(m, op, "exclude_outside", 0) != 0;
    r->cubic_a = opt_float(m, op, "cubic_coeff_a", -0.75);
    r->extrapolation = opt_float(m, op, "extrapolation_value", 0);
    return true;
}
static bool known_floats(Import *m, Value v, const char *what, double **out, uint32_t *n) {
    *n = 0;
    if (v.node == 0) return true;
    const Type t = *t_type(m, v.node);
    const Const *k = graph_const_of(m->g, v.node);
    if (type_count(&t) == 0) return true;
    if (!k || type_count(&t) > 2 * MAX_RANK) {
        return fail(m, ERR_UNSUPPORTED, "%s must be known at compile time", what);
    }
    *n = (uint32_t)type_count(&t);
    *out = NEW_N(m->tmp, double, *n);
    for (uint32_t i = 0; i < *n; i++) (*out)[i] = dtype_read_f(t.dt, k->data, i);
    return true;
}
// A size from a scale, or a scale from a size. The result must be a dimension.
static bool set_scale(Import *m, AxisScale *a, double scale) {
    double out = floor(scale * (double)a->in);
    if (!(scale > 0) || !(out <= (double)limit(LIM_DIM))) {
        return fail(m, ERR_MODEL, "scale %g is out of range", scale);
    }
    a->active = true;
    a->scale = scale;
    a->out = (int64_t)out;
    return true;
}
static bool set_size(Import *m, AxisScale *a, double size) {
    if (!(size >= 0) || !(size <= (double)limit(LIM_DIM))) {
        return fail(m, ERR_MODEL, "size %g is out of range", size);
    }
    a->active = true;
    a->out = (int64_t)size;
    a->scale = a->in ? size / (double)a->in : 1;
    return true;
}
// One scale for all axes, so that the image keeps its proportions.
static bool keep_aspect(Import *m, OpCall *op, AxisScale *const *axes, uint32_t n) {
    const char *policy = opt_text(m, op, "keep_aspect_ratio_policy", "stretch");
    bool larger = strcmp(policy, "not_smaller") == 0, smaller = strcmp(policy, "not_larger") == 0;
    if (strcmp(policy, "stretch") == 0 || n == 0) return true;
    if (!larger && !smaller)
        return fail(m, ERR_MODEL, "keep_aspect_ratio_policy '%s' is unknown", policy);
    double scale = axes[0]->scale;
    for (uint32_t i = 1; i < n; i++) {
        scale = larger ? fmax(scale, axes[i]->scale) : fmin(scale, axes[i]->scale);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (!set_size(m, axes[i], floor(scale * (double)axes[i]->in + 0.5))) return false;
        axes[i]->scale = scale;
    }
    return true;
}
static bool read_scales(Import *m, OpCall *op, Value scales, Value sizes, Value roi,
                        AxisScale *out) {
    const Type t = *t_type(m, op->in[0].node);
    double *scale, *size, *region;
    uint32_t nscale, nsize, nregion, n = (uint32_t)t.rank;
    AxisScale *axes[MAX_RANK];
    Ints given;
    if (!known_floats(m, scales, "scales", &scale, &nscale)) return false;
    if (!known_floats(m, sizes, "sizes", &size, &nsize)) return false;
    if (!known_floats(m, roi, "roi", &region, &nregion)) return false;
    for (int i = 0; i < t.rank; i++) {
        out[i] = (AxisScale){.in = t.dim[i], .out = t.dim[i], .scale = 1, .roi_end = 1};
        axes[i] = &out[i];
    }
    if (opt_ints(m, op, "axes", &given) && given.n <= MAX_RANK) {
        for (n = 0; n < given.n; n++) {
            int axis;
            if (!t_axis(m, given.v[n], t.rank, &axis)) return false;
            axes[n] = &out[axis];
        }
    }
    if (nscale ? nscale != n || nsize : nsize != n) {
        return fail(m, ERR_MODEL, "%u scales and %u sizes for %u axes", nscale, nsize, n);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (!(nscale ? set_scale(m, axes[i], scale[i]) : set_size(m, axes[i], size[i])))
            return false;
        if (nregion != 2 * n) continue;
        axes[i]->roi_start = region[i];
        axes[i]->roi_end = region[n + i];
    }
    return nsize == 0 || keep_aspect(m, op, axes, n);
}
bool read_resize(Import *m, OpCall *op) {
    Resizing r;
    AxisScale axes[MAX_RANK];
    bool old = op->opset < 11; // (x, scales); later (x, roi, scales, sizes)
    Value none = {0};
    if (!read_modes(m, op, &r)) return false;
    if (!read_scales(m, op, op->in[old ? 1 : 2], old ? none : op->in[3], old ? none : op->in[1],
                     axes))
        return false;
    return done(op, resize(m, op->in[0].node, &r, axes));
}

// Opset 1: two attributes for the last axes; 7: a list; 9: an input.
static bool upsample_scales(Import *m, OpCall *op, Value *scales) {
    const int rank = t_type(m, op->in[0].node)->rank;
    const float *given = NULL;
    uint32_t n = 0;
    if (op->opset >= 9) {
        *scales = op->in[1];
        return scales->node || fail(m, ERR_MODEL, "input 1 is missing");
    }
    if (op->opset >= 7) opt_floats(m, op, "scales", &given, &n);
    float *v = t_alloc(m, MAX_RANK, DT_F32);
    for (int i = 0; i < rank; i++) v[i] = 1;
    for (uint32_t i = 0; i < n && i < MAX_RANK; i++) v[i] = given[i];
    if (op->opset < 7 && rank >= 2) {
        v[rank - 2] = (float)opt_float(m, op, "height_scale", 1);
        v[rank - 1] = (float)opt_float(m, op, "width_scale", 1);
    }
    scales->node = t_const(m, DT_F32, 1, (int64_t[]){rank}, v);
    return scales->node != 0;
}
bool read_upsample(Import *m, OpCall *op) {
    AxisScale axes[MAX_RANK];
    Value scales = {0}, none = {0};
    const char *mode = opt_text(m, op, "mode", "nearest");
    Resizing r = {.coordinate = ASYMMETRIC, .rounding = FLOOR};
    if (strcmp(mode, "linear") == 0 || strcmp(mode, "bilinear") == 0)
        r.mode = LINEAR;
    else if (strcmp(mode, "nearest") != 0)
        return fail(m, ERR_UNSUPPORTED, "mode '%s' is not supported", mode);
    if (!upsample_scales(m, op, &scales)) return false;
    if (!read_scales(m, op, scales, none, none, axes)) return false;
    return done(op, resize(m, op->in[0].node, &r, axes));
}
