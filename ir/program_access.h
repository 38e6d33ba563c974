// program_access.h: the bytes that a launch can touch through each argument.
#ifndef IR_PROGRAM_ACCESS_H
#define IR_PROGRAM_ACCESS_H
#include "ir/kernel.h"

typedef struct Access {
    bool reads, writes;
    bool is_unbounded;         // depends on data
    int64_t lo, hi;            // bytes from the argument's place, hi exclusive; lo == hi: none
} Access;
Access *launch_access(const Kern *k, int64_t grid,
                      Arena *a); // one for each parameter; k is verified
#endif
