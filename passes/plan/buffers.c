// buffers.c: one arena for all intermediates. Two buffers may share bytes unless one launch needs
// both.
#include "passes/plan/plan.h"
#include <stdlib.h>

uint32_t plan_buffer(Plan *p, PlaceKind kind, uint32_t index, uint64_t nbytes) {
    *PUSH(p->arena, &p->buffer) = (Buffer){.kind = kind, .index = index, .nbytes = nbytes};
    return p->buffer.n - 1;
}
void plan_touch(Plan *p, uint32_t buffer, uint32_t launch) {
    Buffer *b = &p->buffer.data[buffer];
    if (!b->used) b->first = launch;
    b->used = true;
    b->last = launch;
}

typedef struct Item {
    uint64_t nbytes;
    uint32_t buffer;
} Item;
static int by_size(const void *x, const void *y) {
    const Item *a = x, *b = y;
    if (a->nbytes != b->nbytes) return a->nbytes < b->nbytes ? 1 : -1;
    return a->buffer < b->buffer ? -1 : 1;
}
static bool overlap_in_time(const Buffer *a, const Buffer *b) {
    return a->first <= b->last && b->first <= a->last;
}
// The lowest offset at which b fits beside the placed buffers that live at the same time.
static uint64_t lowest_fit(const Plan *p, const Item *placed, uint32_t n, const Buffer *b) {
    uint64_t at = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (uint32_t i = 0; i < n; i++) {
            const Buffer *o = &p->buffer.data[placed[i].buffer];
            if (!overlap_in_time(o, b)) continue;
            if (at + b->nbytes <= o->offset || o->offset + o->nbytes <= at) continue;
            at = o->offset + o->nbytes;
            moved = true;
        }
    }
    return at;
}
uint64_t plan_arena(Plan *p) {
    Item *item = NEW_N(p->arena, Item, p->buffer.n);
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->buffer.n; i++) {
        Buffer *b = &p->buffer.data[i];
        if (b->kind != PLACE_ARENA || !b->used) continue;
        b->nbytes = round_up(b->nbytes, 64);
        item[n++] = (Item){b->nbytes, i};
    }
    qsort(item, n, sizeof *item, by_size);
    uint64_t total = 0;
    for (uint32_t i = 0; i < n; i++) {
        Buffer *b = &p->buffer.data[item[i].buffer];
        b->offset = lowest_fit(p, item, i, b);
        if (b->offset + b->nbytes > total) total = b->offset + b->nbytes;
    }
    return total;
}
