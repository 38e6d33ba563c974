// image_file.h: picture files become 8-bit samples as PIL's convert("RGB") sees them. Runs in a
// child.
#ifndef DRIVER_IMAGE_FILE_H
#define DRIVER_IMAGE_FILE_H
#include "frontend/frontend.h"
#include "runtime/vitc.h"

bool is_image(const FileView *f); // PNG, JPEG, PPM or PGM, by its first bytes
bool image_read(Ctx *c, const FileView *f, vitc_image *out); // the pixels live in c->arena
#endif
