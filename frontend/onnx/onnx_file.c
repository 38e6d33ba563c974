// onnx_file.c: opens an ONNX file: map, scan, unpack the skeleton within a budget.
#include "frontend/onnx/onnx_file.h"

// protobuf-c asks for many small blocks; they are cut from chunks so that the budget is the memory.
typedef struct Pool {
    Arena *arena;
    uint8_t *at, *end;
    uint64_t left; // budget; NULL past it makes protobuf-c give up cleanly
    bool exhausted;
} Pool;
enum { CHUNK = 256 << 10, POOL_ALIGN = 16 };

static void *pool_alloc(void *ctx, size_t nbytes) {
    Pool *p = ctx;
    p->exhausted = nbytes > p->left;
    if (p->exhausted) return NULL;
    size_t n = round_up(nbytes ? nbytes : 1, POOL_ALIGN);
    if (n <= (size_t)(p->end - p->at)) {
        p->at += n;
        return p->at - n;
    }
    size_t size = n > CHUNK / 4 ? n : CHUNK;
    p->exhausted = size > p->left;
    if (p->exhausted) return NULL;
    p->left -= size;
    uint8_t *chunk = arena_alloc(p->arena, size);
    if (size == n) return chunk; // a big block leaves the current chunk as it is
    p->at = chunk + n;
    p->end = chunk + size;
    return chunk;
}
static void pool_free(void *ctx, void *block) {
    (void)ctx; // everything goes at once, in onnx_close
    (void)block;
}
bool onnx_open(Ctx *c, const char *path, OnnxFile *f) {
    *f = (OnnxFile){.arena = arena_new("onnx messages")};
    f->loc = diag_loc(c->diag, (LocInfo){.file = path});
    if (!file_map(c, path, &f->view)) return false;
    Str skeleton = str_new(f->arena);
    if (!onnx_scan(c, &f->view, f->loc, &skeleton)) return false;
    Pool pool = {.arena = f->arena, .left = limit(LIM_PB_BYTES)};
    ProtobufCAllocator alloc = {pool_alloc, pool_free, &pool};
    f->model = onnx__model_proto__unpack(&alloc, skeleton.n, (const uint8_t *)skeleton.data);
    if (f->model) return true;
    if (pool.exhausted)
        return diag_error(c->diag, ERR_LIMIT, f->loc, "the messages exceed %llu bytes of memory",
                          (unsigned long long)limit(LIM_PB_BYTES));
    return diag_error(c->diag, ERR_MODEL, f->loc, "not a valid ONNX model");
}
void onnx_close(OnnxFile *f) {
    arena_free(f->arena);
    f->arena = NULL;
    f->model = NULL;
}
