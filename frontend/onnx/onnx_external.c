// onnx_external.c: tensors whose bytes lie in another file. The location is text from the model, so
// it is opened beneath the model's directory only (files.c) and every number is checked.
#include "frontend/onnx/onnx_file.h"
#include <nettle/sha1.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { MAX_FILES = 4096 };
typedef struct Place {
    const char *location, *checksum;
    uint64_t offset, length;
    bool has_length;
} Place;

static bool parse_u64(const char *s, uint64_t *v) {
    *v = 0;
    if (!*s) return false;
    for (; *s; s++) {
        if (*s < '0' || *s > '9') return false;
        if (!size_mul(*v, 10, v) || !size_add(*v, (uint64_t)(*s - '0'), v)) return false;
    }
    return true;
}
static bool read_place(Ctx *c, const TensorMsg *t, Loc at, Place *p) {
    const char *name = text_of(t->name);
    for (size_t i = 0; i < t->n_external_data; i++) {
        const char *key = text_of(t->external_data[i]->key),
                   *value = text_of(t->external_data[i]->value);
        uint64_t *number = NULL;
        if (strcmp(key, "location") == 0) {
            p->location = value;
        } else if (strcmp(key, "offset") == 0) {
            number = &p->offset;
        } else if (strcmp(key, "length") == 0) {
            number = &p->length;
            p->has_length = true;
        } else if (strcmp(key, "checksum") == 0) {
            p->checksum = value;
        } else if (strcmp(key, "basepath") != 0) {
            diag_warning(c->diag, at, "tensor '%s': external data has an unknown key '%s'", name,
                         key);
        }
        if (number && !parse_u64(value, number)) {
            return diag_error(c->diag, ERR_MODEL, at,
                              "tensor '%s': external data: %s '%s' is not a number", name, key,
                              value);
        }
    }
    if (!p->location || !*p->location) {
        return diag_error(c->diag, ERR_MODEL, at, "tensor '%s': external data has no location",
                          name);
    }
    return true;
}
static ExternalFile *map_external(Ctx *c, OnnxFile *f, const char *location, Loc at) {
    for (uint32_t i = f->external.n; i-- > 0;) { // neighbours share a file: newest first
        if (strcmp(f->external.data[i].location, location) == 0) return &f->external.data[i];
    }
    if (f->external.n == MAX_FILES) {
        diag_error(c->diag, ERR_LIMIT, at, "more than %d files of external data", MAX_FILES);
        return NULL;
    }
    ExternalFile e = {.location = location};
    if (!file_map_beside(c, f->view.path, location, at, &e.view)) return NULL;
    ExternalFile *kept = PUSH(f->arena, &f->external);
    *kept = e;
    return kept;
}
// The SHA-1 of a file is computed once, when the first tensor asks for it.
static bool checksum_fits(ExternalFile *e, const char *expected) {
    if (!e->sha1[0]) {
        struct sha1_ctx sha;
        uint8_t digest[SHA1_DIGEST_SIZE];
        sha1_init(&sha);
        sha1_update(&sha, e->view.nbytes, e->view.data);
        sha1_digest(&sha, sizeof digest, digest);
        for (int i = 0; i < SHA1_DIGEST_SIZE; i++) snprintf(e->sha1 + 2 * i, 3, "%02x", digest[i]);
    }
    return strcasecmp(e->sha1, expected) == 0;
}

bool onnx_external(Ctx *c, OnnxFile *f, const TensorMsg *t, Loc at, uint64_t nbytes,
                   TensorData *out) {
    const char *name = text_of(t->name);
    Place p = {0};
    if (!read_place(c, t, at, &p)) return false;
    if (p.has_length && p.length != nbytes) {
        return diag_error(c->diag, ERR_MODEL, at,
                          "tensor '%s': external data is %llu bytes long, its shape needs %llu",
                          name, (unsigned long long)p.length, (unsigned long long)nbytes);
    }
    ExternalFile *e = map_external(c, f, p.location, at);
    if (!e) return false;
    if (p.checksum && !checksum_fits(e, p.checksum)) {
        return diag_error(c->diag, ERR_MODEL, at, "tensor '%s': '%s' does not have the SHA-1 %s",
                          name, p.location, p.checksum);
    }
    const FileView *view = &e->view;
    if (p.offset > view->nbytes || nbytes > view->nbytes - p.offset) {
        return diag_error(c->diag, ERR_MODEL, at,
                          "tensor '%s': bytes %llu to %llu lie outside '%s' (%llu bytes)", name,
                          (unsigned long long)p.offset, (unsigned long long)(p.offset + nbytes),
                          p.location, (unsigned long long)view->nbytes);
    }
    if (!p.has_length && nbytes != view->nbytes - p.offset) {
        return diag_error(c->diag, ERR_MODEL, at,
                          "tensor '%s': '%s' holds %llu bytes to its end, its shape needs %llu",
                          name, p.location, (unsigned long long)(view->nbytes - p.offset),
                          (unsigned long long)nbytes);
    }
    out->data = view->data + p.offset;
    out->file = view->path;
    out->offset = p.offset;
    return true;
}
