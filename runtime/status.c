/* status.c: what each status means, in words. */
#include "vitc.h"

const char *vitc_status_str(vitc_status s) {
    switch (s) {
    case VITC_OK: return "ok";
    case VITC_E_ARG: return "a pointer is null or a size is impossible";
    case VITC_E_ALIGN: return "an input, output or the arena is not aligned";
    case VITC_E_ARENA: return "inputs, outputs and the arena overlap";
    case VITC_E_CPU:
        return "this processor or operating system lacks an instruction set that the model needs";
    case VITC_E_ABI: return "the model was compiled for another runtime or another weights file";
    case VITC_E_IO: return "a file could not be read";
    case VITC_E_SELFTEST: return "the model's self-test failed";
    case VITC_E_MEMORY: return "out of memory";
    }
    return "unknown status";
}
