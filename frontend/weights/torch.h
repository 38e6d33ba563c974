// torch.h: the parts of reading a PyTorch checkpoint: the archive (zip.c), the pickle inside it
// (pickle.c), and tensors made of both (torch.c).
#ifndef FRONTEND_WEIGHTS_TORCH_H
#define FRONTEND_WEIGHTS_TORCH_H
#include "frontend/frontend.h"

// ---- zip.c: stored entries of an archive -----------------------------------------------------
typedef struct ZipEntry {
    const char *name;
    uint64_t offset, nbytes; // of the data, in the file
} ZipEntry;
typedef struct Zip {
    VEC(ZipEntry) entry; // sorted by name, unique, not overlapping
} Zip;
bool zip_read(Ctx *c, const FileView *f, Zip *out);
const ZipEntry *zip_find(const Zip *z, const char *name);

// ---- pickle.c: a pickle as data --------------------------------------------------------------
// Nothing is ever called: the few globals that a checkpoint needs are tags, any other is an error.
typedef enum {
    PV_MARK,
    PV_NONE,
    PV_BOOL,
    PV_INT,
    PV_FLOAT,
    PV_STRING,
    PV_TUPLE,
    PV_LIST,
    PV_DICT,
    PV_GLOBAL,
    PV_STORAGE,
    PV_TENSOR,
    PV_OPAQUE, // something harmless that no tensor depends on
} PickleKind;
typedef uint32_t PickleId; // index into Pickle.value
typedef struct PickleValue {
    PickleKind kind;
    // TUPLE, LIST, DICT: cells; DICT: key, value, key, … TENSOR: cells of storage, offset, size,
    // stride. STORAGE: cells of the persistent id
    uint32_t first, last, n;
    union {
        int64_t i; // INT, BOOL; GLOBAL: its row; STORAGE: its element type
        double f;
        const char *text; // STRING: n bytes, not terminated
    };
} PickleValue;
typedef struct PickleCell {
    PickleId value;
    uint32_t next; // 0 = the last
} PickleCell;
typedef struct Pickle {
    Ctx *c;
    const char *path;
    const uint8_t *begin, *p, *end;
    uint64_t nops;
    VEC(PickleValue) value; // [0] is the mark
    VEC(PickleCell) cell;   // [0] is unused
    VEC(PickleId) stack, memo;
    VEC(PickleId) storage; // every STORAGE in the order of appearance
} Pickle;
// Executes the pickle that starts at `p`; afterwards it->p is behind it. 0 after a diagnostic.
void pickle_init(Pickle *it, Ctx *c, const char *path, const uint8_t *p, const uint8_t *end);
PickleId pickle_run(Pickle *it);
static inline const PickleValue *pickle_value(const Pickle *it, PickleId v) {
    return &it->value.data[v];
}
// The k-th element of a TUPLE, LIST, TENSOR or STORAGE (0 when there are not so many).
PickleId pickle_item(const Pickle *it, PickleId container, uint32_t k);
#endif
