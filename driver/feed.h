// feed.h: the input files of run and verify become the input tensors of a model.
#ifndef DRIVER_FEED_H
#define DRIVER_FEED_H
#include "driver/build.h"
#include "runtime/vitc.h"

// Before compiling: lets a tensor file decide the batch and image size that options leave open.
bool feed_shape(Tool *t, const TextList *files, FrontendOptions *f);

// In a child: one buffer per input of the model. Pictures, and the items of a tensor file, fill it
// `batch` at a time, so that a sequence of any length runs.
typedef struct Feed {
    const vitc_model_info *info;
    const TextList *files;
    const WeightTensor **tensor; // of every input; NULL: pictures
    void **in;                   // of info->n_inputs
    uint32_t nitems, batch, ncalls;
} Feed;
bool feed_open(Tool *t, const vitc_model_info *info, const TextList *files, Feed *out);
bool feed_fill(Tool *t, Feed *f, uint32_t call);
#endif
