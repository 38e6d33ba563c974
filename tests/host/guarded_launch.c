// guarded_launch.c: see guarded_launch.h. Inside an arena a kernel's neighbours are other tensors,
// not forbidden pages, so here its arguments are copied out of it, and their bytes back.
#include "tests/host/guarded_launch.h"
#include "ir/program_access.h"
#include "tests/host/guarded_run.h"
#include "tests/support/guard.h"
#include <stdio.h>
#include <string.h>

// The model's memory in plain blocks.
typedef struct Plain {
    const Program *p;
    const vitc_model_info *m;
    char *arena, *weights, *in[GUARDED_MOST], *out[GUARDED_MOST];
    Arena *scratch;
} Plain;
typedef struct Span { // bytes of that memory
    char *begin, *end;
    bool is_written;
} Span;
typedef struct Block {
    Span span;
    Guarded copy;
} Block;
typedef struct Blocks {
    uint32_t n; // arguments
    Block block[MAX_ARGS];
    uint32_t of_arg[MAX_ARGS]; // its block: its own, or one that it shares with what it overlaps
    void *arg[MAX_ARGS];
} Blocks;

static Plain plain_new(const Program *p, const vitc_model_info *m) {
    Plain x = {.p = p, .m = m, .scratch = arena_new("guarded launch")};
    const int64_t *anchor = m->object->weights_anchor; // NULL: there are none
    if (anchor) x.weights = (char *)(uintptr_t)((uintptr_t)anchor + (uintptr_t)*anchor);
    x.arena = arena_alloc(x.scratch, m->arena_bytes + 1);
    memset(x.arena, 0xff, m->arena_bytes);
    for (uint32_t i = 0; i < m->n_inputs; i++) {
        x.in[i] = arena_alloc(x.scratch, m->inputs[i].bytes + 1);
        guarded_fill(&m->inputs[i], x.in[i]);
    }
    for (uint32_t i = 0; i < m->n_outputs; i++)
        x.out[i] = arena_alloc(x.scratch, m->outputs[i].bytes + 1);
    return x;
}
static Span whole(const Plain *x, const Place *at) {
    const vitc_model_info *m = x->m;
    switch (at->kind) {
    case PLACE_ARENA: return (Span){x->arena, x->arena + m->object->intermediate_bytes, true};
    case PLACE_WEIGHTS: return (Span){x->weights, x->weights + m->weight_bytes, false};
    case PLACE_INPUT:
        return (Span){x->in[at->index], x->in[at->index] + m->inputs[at->index].bytes, false};
    default:
        return (Span){x->out[at->index], x->out[at->index] + m->outputs[at->index].bytes, true};
    }
}
static Span span_of(const Plain *x, const Place *at, const Access *a) {
    Span all = whole(x, at);
    char *p = all.begin + at->offset;
    if (a->is_unbounded) return all;
    return (Span){p + a->lo, p + a->hi, a->writes};
}

// ---- blocks ----------------------------------------------------------------------------------
static bool touch(const Span *a, const Span *b) {
    return a->begin < b->end && b->begin < a->end;
}
static void widen(Span *a, const Span *b) {
    if (b->begin < a->begin) a->begin = b->begin;
    if (b->end > a->end) a->end = b->end;
    a->is_written |= b->is_written;
}
static bool join_two(Blocks *b) {
    for (uint32_t i = 1; i < b->n; i++)
        for (uint32_t j = 0; j < i; j++) {
            uint32_t from = b->of_arg[i], to = b->of_arg[j];
            if (from == to || !touch(&b->block[from].span, &b->block[to].span)) continue;
            widen(&b->block[to].span, &b->block[from].span);
            for (uint32_t k = 0; k < b->n; k++)
                if (b->of_arg[k] == from) b->of_arg[k] = to;
            return true;
        }
    return false;
}
static bool is_used(const Blocks *b, uint32_t i) {
    return b->of_arg[i] == i;
}
static Blocks blocks_new(const Plain *x, const Launch *l, GuardSide side) {
    Blocks b = {.n = l->nargs};
    const Access *access = launch_access(x->p->kern.data[l->kern], l->grid, x->scratch);
    for (uint32_t i = 0; i < b.n; i++) {
        b.block[i].span = span_of(x, &l->arg[i], &access[i]);
        b.of_arg[i] = i;
    }
    while (join_two(&b)) continue;
    for (uint32_t i = 0; i < b.n; i++) {
        Block *one = &b.block[i];
        if (!is_used(&b, i)) continue;
        one->copy = guarded_new((size_t)(one->span.end - one->span.begin), side);
        memcpy(one->copy.at, one->span.begin, one->copy.nbytes);
        if (!one->span.is_written) guarded_read_only(&one->copy);
    }
    for (uint32_t i = 0; i < b.n; i++) {
        const Block *of = &b.block[b.of_arg[i]];
        char *place = whole(x, &l->arg[i]).begin + l->arg[i].offset;
        b.arg[i] = of->copy.at + (place - of->span.begin);
    }
    return b;
}
static void blocks_free(Blocks *b) {
    for (uint32_t i = 0; i < b->n; i++) {
        Block *one = &b->block[i];
        if (!is_used(b, i)) continue;
        if (one->span.is_written) memcpy(one->span.begin, one->copy.at, one->copy.nbytes);
        guarded_free(&one->copy);
    }
}

// ---- running ---------------------------------------------------------------------------------
static void run_launch(const Plain *x, uint32_t i, GuardSide side, int64_t slices) {
    const Launch *l = &x->p->launch.data[i];
    const vitc_launch *compiled = &x->m->object->launches[i];
    Blocks b = blocks_new(x, l, side);
    Guarded scratch = guarded_new(compiled->scratch_bytes, side);
    for (int64_t s = 0; s < slices; s++)
        compiled->kernel(b.arg, scratch.at, l->grid * s / slices, l->grid * (s + 1) / slices);
    guarded_free(&scratch);
    blocks_free(&b);
}
static bool outputs_are(const Plain *x, const Plain *want) {
    for (uint32_t i = 0; i < x->m->n_outputs; i++)
        if (memcmp(x->out[i], want->out[i], x->m->outputs[i].bytes)) return false;
    return true;
}
static bool run_all(const char *what, const Plain *want, GuardSide side, int64_t slices) {
    Plain x = plain_new(want->p, want->m);
    for (uint32_t i = 0; i < x.p->launch.n; i++) {
        guarded_now(what, arena_printf(x.scratch, "launch %u (%s) alone", i,
                                       x.p->kern.data[x.p->launch.data[i].kern]->name));
        run_launch(&x, i, side, slices);
    }
    bool same = outputs_are(&x, want);
    if (!same) fprintf(stderr, "%s: launches one by one: other bytes\n", what);
    arena_free(x.scratch);
    return same;
}
bool guarded_launches(const char *what, const Program *p, const vitc_model_info *m) {
    Plain want = plain_new(p, m);
    char *arena = arena_alloc(want.scratch, m->arena_bytes + 64);
    arena += -(uintptr_t)arena % 64;
    bool ok = m->run((const void *const *)want.in, (void *const *)want.out, arena, NULL) == VITC_OK;
    for (GuardSide side = GUARD_END; side < GUARD_SIDES && ok; side++)
        for (int64_t slices = 1; slices <= 3 && ok; slices++)
            ok = run_all(what, &want, side, slices);
    arena_free(want.scratch);
    return ok;
}
