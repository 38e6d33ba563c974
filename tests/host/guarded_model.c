// guarded_model.c: guarded_run of the model with the prefix "model" that is linked with this.
//
//     guarded_model NAME
#include "tests/host/guarded_run.h"
#include <stdio.h>

extern const vitc_model_info model_model;
int main(int argc, char **argv) {
    size_t deepest = 0;
    guarded_name_signals();
    int rc = guarded_run(argc > 1 ? argv[1] : "model", &model_model, &deepest);
    printf("deepest stack %zu bytes\n", deepest);
    return rc;
}
