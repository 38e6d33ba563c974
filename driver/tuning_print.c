// tuning_print.c: a tuning as the file that tuning_read takes.
#include "driver/json_out.h"
#include "driver/tuning.h"
#include <string.h>

void tuning_print(const Tuning *tuning, const Target *t, Str *out) {
    Json j = json_put_begin(out, TUNING_SCHEMA);
    json_put_text(&j, "target", t->name);
    json_put_array(&j, "rows");
    for (uint32_t i = 0; i < tuning->n; i++) {
        TuningRow r = tuning->row[i];
        if (!memcmp(&r.set, &choice_untuned, sizeof r.set)) continue;
        json_put_object(&j, NULL);
        json_put_text(&j, "op", graph_op[r.op].text);
        if (r.any_shape)
            json_put_text(&j, "shape", "*");
        else
            json_put_dims(&j, "shape", r.shape.dim, COUNT_OF(r.shape.dim));
        for (size_t k = 0; k < knob_rows; k++)
            if (*knob_of(&r.set, k) != UNTUNED)
                json_put_int(&j, knob_info[k].name, *knob_of(&r.set, k));
        json_put_end(&j);
    }
    json_put_finish(&j);
}
