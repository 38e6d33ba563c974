// shrink_model.h: makes a failing model as small as it can be while it still fails: first its
// sizes, then its graph.
#ifndef TESTS_DIFF_SHRINK_MODEL_H
#define TESTS_DIFF_SHRINK_MODEL_H
#include "tests/diff/model_run.h"
#include "tests/diff/random_vit.h"

// vit or, when that is NULL, r->text: a model for which model_run said v. r->text becomes the
// smallest model for which it says the same; it lies in c->arena. Returns how many were tried.
uint32_t shrink_model(Ctx *c, ModelRun *r, const Vit *vit, Verdict v);
#endif
