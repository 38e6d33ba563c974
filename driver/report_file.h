// report_file.h: small text files that a verb writes beside its report: the roofline, a tuning.
#ifndef DRIVER_REPORT_FILE_H
#define DRIVER_REPORT_FILE_H
#include "driver/tool.h"

// Whether `path` can and may be written: nothing is there, a device, or what an earlier run left
// there (it begins with `opening`). Before long work; false after a diagnostic.
bool report_file_check(Tool *t, const char *path, const char *opening);
bool report_file_write(Tool *t, const char *path, const Str *text); // whole or not at all

#define ROOFLINE_OPENING "<svg xmlns=\"http://www.w3.org/2000/svg\""
#endif
