// hf_preprocess.c: preprocessor_config.json: how the model wants its images. Missing keys have the
// defaults of ViTImageProcessor.
#include "frontend/hf/hf.h"
#include <string.h>

enum { MAX_SIDE = 1 << 16, MAX_PLANES = 4, LAST_RESAMPLE = 5 };

// 224, [224, 224] or {"height": 224, "width": 224}
static bool read_size(const Json *j, const char *key, int64_t *h, int64_t *w) {
    const cJSON *v = json_get(j->root, key);
    if (cJSON_IsObject(v)) {
        if (!json_get(v, "height") || !json_get(v, "width"))
            return json_error(j, ERR_UNSUPPORTED, v, "must have height and width");
        return json_int(j, v, "height", 1, MAX_SIDE, h) && json_int(j, v, "width", 1, MAX_SIDE, w);
    }
    int64_t side[2] = {*h, *w};
    int n = 2;
    if (!json_ints(j, j->root, key, 1, MAX_SIDE, 2, side, &n)) return false;
    *h = side[0];
    *w = side[n - 1];
    return true;
}
// One value for all channels, or one for each.
static bool read_planes(const Json *j, const char *key, int64_t channels, double *v) {
    int n = 0;
    if (!json_numbers(j, j->root, key, MAX_PLANES, v, &n)) return false;
    if (n != 0 && n != 1 && n != channels)
        return json_error(j, ERR_MODEL, json_get(j->root, key), "has %d values for %lld channels",
                          n, (long long)channels);
    for (int i = 1; n == 1 && i < MAX_PLANES; i++) v[i] = v[0];
    return true;
}
static bool check_std(const Json *j, const Preprocess *p) {
    for (uint32_t i = 0; i < p->nchannels; i++)
        if (!(p->std[i] > 0))
            return json_error(j, ERR_MODEL, json_get(j->root, "image_std"), "must be positive");
    return true;
}
bool hf_read_preprocess(Ctx *c, const FileView *f, int64_t channels, Preprocess *p) {
    Json j;
    *p = (Preprocess){.do_resize = true,
                      .do_rescale = true,
                      .do_normalize = true,
                      .resample = 2,
                      .height = 224,
                      .width = 224,
                      .rescale_factor = 1.0 / 255};
    p->nchannels = (uint32_t)min_i64(channels, MAX_PLANES);
    for (int i = 0; i < MAX_PLANES; i++) p->mean[i] = p->std[i] = 0.5;
    if (!json_open(c, f, false, &j)) return false;
    const cJSON *o = j.root;
    int64_t resample = p->resample;
    bool ok = json_bool(&j, o, "do_resize", &p->do_resize) &&
              json_bool(&j, o, "do_rescale", &p->do_rescale) &&
              json_bool(&j, o, "do_normalize", &p->do_normalize) &&
              json_bool(&j, o, "do_center_crop", &p->do_center_crop) &&
              json_int(&j, o, "resample", 0, LAST_RESAMPLE, &resample) &&
              json_number(&j, o, "rescale_factor", -1e6, 1e6, &p->rescale_factor) &&
              read_size(&j, "size", &p->height, &p->width) &&
              read_planes(&j, "image_mean", channels, p->mean) &&
              read_planes(&j, "image_std", channels, p->std) && check_std(&j, p);
    if (!ok) return false;
    p->resample = (int)resample;
    p->crop_height = p->height;
    p->crop_width = p->width;
    if (p->do_center_crop && !read_size(&j, "crop_size", &p->crop_height, &p->crop_width))
        return false;
    return p->present = true;
}
