// tune_search.c: coordinate descent over the knobs of one spot's schedule: along one coordinate at
// a time every value worth a try is timed against the best so far, until no coordinate helps.
#include "driver/memfile.h"
#include "driver/tune.h"

static const double worth = 0.99; // of the rival's time: what is less of a gain is noise

Choice changes_of(const Spot *s, const Choice *c) {
    Choice set = choice_untuned, start = s->start, to = *c;
    for (size_t i = 0; i < knob_rows; i++)
        if (*knob_of(&to, i) != *knob_of(&start, i)) *knob_of(&set, i) = *knob_of(&to, i);
    return set;
}

// ---- moves ----------------------------------------------------------------------------------
static void add_move(GraphOp op, const Target *t, const Choice *c, Moves *out) {
    if (out->n < MOST_MOVES && !sched_refuses(op, c, t)) out->to[out->n++] = *c;
}
// The tallest block of every width, and a few less tall: they split the rows differently.
static void block_moves(GraphOp op, Shape s, const Target *t, Choice c, Moves *out) {
    enum { LESS_TALL = 4 };
    for (c.vectors = 1; c.vectors <= NV_MAX; c.vectors++) {
        int64_t most = ((int64_t)t->nvregs - 1 - c.vectors) / c.vectors;
        int64_t tallest = min_i64(min_i64(most, MR_MAX), s.dim[0]);
        for (c.rows = tallest; c.rows >= 1 && c.rows > tallest - LESS_TALL; c.rows--)
            add_move(op, t, &c, out);
    }
}
// `knob` of c: every value from `least` to `most` that a short list names, then `most`.
static void value_moves(GraphOp op, const Target *t, Choice *c, int64_t *knob, int64_t unit,
                        int64_t least, int64_t most, Moves *out) {
    static const int64_t list[] = {0, 1, 2, 3, 4, 6, 8, 12, 16};
    for (size_t i = 0; i < COUNT_OF(list); i++) {
        *knob = list[i] * unit;
        if (*knob >= least && *knob < most) add_move(op, t, c, out);
    }
    *knob = most;
    if (most >= least) add_move(op, t, c, out);
}
static void pass_moves(GraphOp op, Shape s, const Target *t, Choice *c, Moves *out) {
    enum { FEW = 48, PARTS = 8 };
    for (int64_t parts = 1; parts <= PARTS && s.dim[0] / parts >= FEW; parts++) {
        c->pass_rows = ceil_div(s.dim[0], parts);
        add_move(op, t, c, out);
    }
}
static void group_moves(GraphOp op, Shape s, const Target *t, Choice *c, Moves *out) {
    int64_t block = sched_k_block(s.dim[2]);
    for (c->prefetch_group = 4; c->prefetch_group <= 128; c->prefetch_group *= 2)
        if (block % c->prefetch_group == 0) add_move(op, t, c, out);
}
static void matmul_moves(Shape s, const Target *t, int coordinate, Choice *c, Moves *out) {
    enum { MOST_AHEAD = 4, MOST_LINES = 4 };
    GraphOp op = OP_MATMUL;
    int64_t panels = ceil_div(s.dim[1], c->vectors * (int64_t)target_lanes(t, 4));
    bool fetches = c->prefetch_ahead > 0;
    switch (coordinate) {
    case 1: value_moves(op, t, c, &c->k_chunk, sched_k_block(s.dim[2]), 1, s.dim[2], out); break;
    case 2: value_moves(op, t, c, &c->panels, 1, 1, min_i64(panels, 16), out); break;
    case 3: value_moves(op, t, c, &c->prefetch_ahead, 1, 0, MOST_AHEAD, out); break;
    case 4:
        if (fetches) group_moves(op, s, t, c, out);
        break;
    case 5:
        if (fetches) value_moves(op, t, c, &c->prefetch_lines, 1, 1, MOST_LINES, out);
        break;
    case 6: pass_moves(op, s, t, c, out); break;
    default: break;
    }
}
void search_moves(GraphOp op, Shape s, const Target *t, int coordinate, const Choice *from,
                  Moves *out) {
    Choice c = *from;
    out->n = 0;
    if (coordinate == 0) {
        block_moves(op, s, t, c, out);
    } else if (op == OP_MATMUL) {
        matmul_moves(s, t, coordinate, &c, out);
    } else if (coordinate == COORDINATES - 1) {
        int64_t blocks = ceil_div(s.dim[0], c.rows);
        value_moves(op, t, &c, &c.row_blocks, 1, 1, min_i64(blocks, 24), out);
    }
}

// ---- descent --------------------------------------------------------------------------------
static void keep(Tuner *u, uint32_t s, const Choice *c, const Trial *trial) {
    Spot *spot = &u->spot.data[s];
    memfile_unmap(&spot->memory);
    spot->memory = trial->sent;
    spot->object = trial->object;
    spot->best = *c;
    u->tuning.row[u->first_row + s].set = changes_of(spot, c);
}
bool search_begin(Tuner *u, uint32_t s) {
    Spot *spot = &u->spot.data[s];
    Trial trial;
    if (!trial_run(u, s, &spot->start, (Bytes){0}, &trial)) return false;
    spot->before = spot->after = trial.mine;
    spot->object = trial.object;
    spot->memory = trial.sent;
    return true;
}
// Whether it beats the best so far: twice, for a gain that was noise does not come back.
static bool beats(Tuner *u, uint32_t s, const Choice *c, Trial *trial, bool *wins) {
    enum { TIMES = 2 };
    *wins = true;
    for (int i = 0; i < TIMES && *wins; i++) {
        if (i) memfile_unmap(&trial->sent);
        if (!trial_run(u, s, c, u->spot.data[s].object, trial)) return false;
        *wins = !trial->is_same && trial->mine < worth * trial->rival;
    }
    return true;
}
static bool try_move(Tuner *u, uint32_t s, const Choice *c, bool *better) {
    Spot *spot = &u->spot.data[s];
    Trial trial;
    bool wins;
    if (!beats(u, s, c, &trial, &wins)) return false;
    spot->tried += !trial.is_same;
    if (!wins) return memfile_unmap(&trial.sent), true;
    spot->after *= trial.mine / trial.rival;
    keep(u, s, c, &trial);
    return *better = true;
}
bool search_spot(Tuner *u, uint32_t s, double until) {
    const Spot *spot = &u->spot.data[s];
    Moves moves;
    for (bool better = true; better;) {
        better = false;
        for (int i = 0; i < COORDINATES; i++) {
            search_moves(spot->op, spot->shape, u->passes.target, i, &spot->best, &moves);
            for (uint32_t k = 0; k < moves.n; k++) {
                if (tune_is_over(u, until)) return true;
                if (!try_move(u, s, &moves.to[k], &better)) return false;
            }
        }
    }
    return true;
}
