// tune.h: the parts of `vitc tune`: what is searched (tune_search.c), how a schedule is timed
// (tune_trial.c), and the verb around them (tune.c).
#ifndef DRIVER_TUNE_H
#define DRIVER_TUNE_H
#include "driver/build.h"
#include "driver/tuning.h"

typedef struct Spot { // launches of one op and shape: they share one schedule
    GraphOp op;
    Shape shape;
    uint32_t launches;
    double before, after; // seconds of one launch: with the schedule at the start, with the best
    Choice start, best;
    Bytes object, memory; // code of the best, and what it lies in
    uint32_t tried;
} Spot;
typedef struct Tuner {
    Tool *tool;
    Graph *graph;
    PassOptions passes; // its tuning is `tuning`
    Tuning tuning;      // rows of --tuning, then one for every spot: what is best so far
    uint32_t first_row; // that of spot 0
    VEC(Spot) spot;     // in order of launch
    Bytes weights;      // random numbers in place of the model's
    int64_t threads;
    double begun, deadline; // of the search
    double trial_seconds;   // enough for one trial
    bool interrupted;
} Tuner;

// ---- tune_trial.c ---------------------------------------------------------------------------
// Weights of random numbers, enough for any schedule of a model with n bytes of them.
bool trial_weights(Tool *t, uint64_t nbytes, Bytes *out);
typedef struct Trial {
    double rival, mine; // seconds of one launch: medians of interleaved runs
    bool is_same;       // the code is the rival's, so nothing was timed
    Bytes sent;         // memory behind `object`
    Bytes object;       // with this schedule
} Trial;
// Lowers the model with schedule `c` for spot `s` and times the spot's launches beside `rival`, the
// object of another schedule for them (n = 0: alone). False after a diagnostic.
bool trial_run(Tuner *u, uint32_t s, const Choice *c, Bytes rival, Trial *out);

// ---- tune_search.c --------------------------------------------------------------------------
// Knobs that `c` changes of the schedule at the start; the others are UNTUNED.
Choice changes_of(const Spot *s, const Choice *c);
bool search_begin(Tuner *u, uint32_t s);              // times the schedule at the start
bool search_spot(Tuner *u, uint32_t s, double until); // both: false after a diagnostic
// The schedules worth a try from `c` along one coordinate, all of them possible.
enum { COORDINATES = 8, MOST_MOVES = 32 };
typedef struct Moves {
    Choice to[MOST_MOVES];
    uint32_t n;
} Moves;
void search_moves(GraphOp op, Shape s, const Target *t, int coordinate, const Choice *c,
                  Moves *out);

// ---- tune.c ---------------------------------------------------------------------------------
bool tune_is_over(Tuner *u, double until); // out of time, or interrupted
uint32_t tune_better(const Tuner *u);      // spots whose schedule is a better one
typedef struct Whole { // the model with the schedules at the start and with the best
    double median[2];
    uint64_t calls; // 0: they were not compared
    uint64_t same_bytes;
} Whole;

// ---- tune_report.c --------------------------------------------------------------------------
void tune_print(const Tuner *u, const Whole *w, Str *s);
void tune_print_json(const Tuner *u, const Whole *w, Str *s);
#endif
