// weights_input.c: --weights file: the weight image becomes the program's last input, one row of
// bytes. What read the image reads that input at the same offset, so neither a kernel nor the
// runtime knows the difference.
#include "passes/passes.h"
#include <string.h>

static Program *one_level(const Program *p, Arena *a) {
    Program *out = program_new(a, p->target, p->graph);
    *out = *p;
    memset(&out->launch, 0, sizeof out->launch);
    memset(&out->input, 0, sizeof out->input);
    for (uint32_t i = 0; i < p->launch.n; i++) {
        Launch *l = PUSH(a, &out->launch);
        *l = p->launch.data[i];
        for (uint32_t k = 0; k < l->nargs; k++)
            if (l->arg[k].kind == PLACE_WEIGHTS)
                l->arg[k] = (Place){PLACE_INPUT, p->input.n, l->arg[k].offset};
    }
    for (uint32_t i = 0; i < p->input.n; i++) *PUSH(a, &out->input) = p->input.data[i];
    int64_t nbytes = (int64_t)p->weight_bytes;
    *PUSH(a, &out->input) = (ProgramTensor){"weights", type_of(DT_U8, 1, &nbytes)};
    return out;
}
Program *program_weights_as_input(const Program *p, Arena *a) {
    Program *first = NULL, **link = &first;
    for (; p; p = p->next) {
        *link = one_level(p, a);
        link = &(*link)->next;
    }
    return first;
}
