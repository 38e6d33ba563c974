// pickle.c: a pickle is a program for a stack machine. This one knows only the instructions that
// torch.save writes, builds plain data, and never calls anything: a global is a tag from a short
// list, and REDUCE only recognises what a checkpoint rebuilds: ordered dicts and tensors.
#include "frontend/weights/torch.h"
#include <string.h>

// ---- globals ---------------------------------------------------------------------------------
typedef enum { G_DICT, G_TENSOR, G_PARAMETER, G_STORAGE, G_OPAQUE } GlobalKind;
typedef struct Global {
    const char *name; // module and name
    GlobalKind kind;
    DType dt; // of a storage
} Global;
static const Global globals[] = {
    {"collections OrderedDict", G_DICT, DT_NONE},
    {"torch._utils _rebuild_tensor_v2", G_TENSOR, DT_NONE},
    {"torch._utils _rebuild_parameter", G_PARAMETER, DT_NONE},
    {"torch FloatStorage", G_STORAGE, DT_F32},
    {"torch DoubleStorage", G_STORAGE, DT_F64},
    {"torch HalfStorage", G_STORAGE, DT_F16},
    {"torch BFloat16Storage", G_STORAGE, DT_BF16},
    {"torch LongStorage", G_STORAGE, DT_I64},
    {"torch IntStorage", G_STORAGE, DT_I32},
    {"torch ShortStorage", G_STORAGE, DT_I16},
    {"torch CharStorage", G_STORAGE, DT_I8},
    {"torch ByteStorage", G_STORAGE, DT_U8},
    {"torch BoolStorage", G_STORAGE, DT_BOOL},
    // in the records of a training run, beside the weights
    {"torch Size", G_OPAQUE, DT_NONE},
    {"torch device", G_OPAQUE, DT_NONE},
    {"numpy dtype", G_OPAQUE, DT_NONE},
    {"numpy.core.multiarray scalar", G_OPAQUE, DT_NONE},
    {"_codecs encode", G_OPAQUE, DT_NONE},
};

// ---- the machine -----------------------------------------------------------------------------
static bool bad(const Pickle *it, const char *what) {
    Loc at = diag_loc(it->c->diag, (LocInfo){.file = it->path});
    return diag_error(it->c->diag, ERR_MODEL, at, "malformed or truncated pickle, byte %llu: %s",
                      (unsigned long long)(it->p - it->begin), what);
}
void pickle_init(Pickle *it, Ctx *c, const char *path, const uint8_t *p, const uint8_t *end) {
    *it = (Pickle){.c = c, .path = path, .begin = p, .p = p, .end = end};
    *PUSH(c->scratch, &it->value) = (PickleValue){.kind = PV_MARK};
    *PUSH(c->scratch, &it->cell) = (PickleCell){0};
}
static PickleId new_value(Pickle *it, PickleValue v) {
    *PUSH(it->c->scratch, &it->value) = v;
    return it->value.n - 1;
}
static bool push(Pickle *it, PickleId v) {
    *PUSH(it->c->scratch, &it->stack) = v;
    return true;
}
static bool push_new(Pickle *it, PickleValue v) {
    return push(it, new_value(it, v));
}
static bool push_int(Pickle *it, int64_t i) {
    return push_new(it, (PickleValue){.kind = PV_INT, .i = i});
}
static void append(Pickle *it, PickleId container, PickleId item) {
    *PUSH(it->c->scratch, &it->cell) = (PickleCell){item, 0};
    uint32_t cell = it->cell.n - 1;
    PickleValue *v = &it->value.data[container];
    if (v->n++)
        it->cell.data[v->last].next = cell;
    else
        v->first = cell;
    v->last = cell;
}
PickleId pickle_item(const Pickle *it, PickleId container, uint32_t k) {
    const PickleValue *v = pickle_value(it, container);
    if (k >= v->n) return 0;
    uint32_t cell = v->first;
    while (k--) cell = it->cell.data[cell].next;
    return it->cell.data[cell].value;
}
static PickleKind kind_of(const Pickle *it, PickleId v) {
    return pickle_value(it, v)->kind;
}
static PickleKind item_kind(const Pickle *it, PickleId v, uint32_t k) {
    return kind_of(it, pickle_item(it, v, k));
}
// The top of the stack without the mark; 0 after a diagnostic.
static PickleId pop(Pickle *it) {
    PickleId v = it->stack.n ? it->stack.data[--it->stack.n] : 0;
    if (!v) bad(it, "the stack is empty");
    return v;
}
static PickleId top(Pickle *it) {
    PickleId v = it->stack.n ? it->stack.data[it->stack.n - 1] : 0;
    if (!v) bad(it, "the stack is empty");
    return v;
}
// Index of the first element above the last mark, or 0 after a diagnostic.
static uint32_t above_mark(Pickle *it) {
    for (uint32_t i = it->stack.n; i > 0; i--)
        if (it->stack.data[i - 1] == 0) return i;
    bad(it, "no mark");
    return 0;
}

// ---- operands --------------------------------------------------------------------------------
// The next n bytes, or NULL after a diagnostic.
static const uint8_t *take(Pickle *it, uint64_t n) {
    const uint8_t *bytes = it->p;
    if ((uint64_t)(it->end - it->p) < n) return bad(it, "it ends within an instruction"), NULL;
    it->p += n;
    return bytes;
}
static bool take_uint(Pickle *it, int nbytes, uint64_t *v) {
    const uint8_t *b = take(it, (uint64_t)nbytes);
    *v = 0;
    if (b) memcpy(v, b, (size_t)nbytes);
    return b != NULL;
}
static bool push_uint(Pickle *it, int nbytes) {
    uint64_t v;
    return take_uint(it, nbytes, &v) && push_int(it, (int64_t)v);
}
static bool push_int32(Pickle *it) {
    uint64_t v;
    return take_uint(it, 4, &v) && push_int(it, (int32_t)(uint32_t)v);
}
// LONG1: a length, then so many bytes of a signed number.
static bool push_long(Pickle *it) {
    uint64_t n, v = 0;
    if (!take_uint(it, 1, &n)) return false;
    const uint8_t *b = take(it, n);
    if (!b) return false;
    if (n > 8) return push_new(it, (PickleValue){.kind = PV_OPAQUE}); // the legacy magic
    memcpy(&v, b, n);
    if (n && n < 8 && b[n - 1] & 0x80) v |= ~(uint64_t)0 << (8 * n);
    return push_int(it, (int64_t)v);
}
static bool push_float(Pickle *it) {
    const uint8_t *b = take(it, 8);
    uint64_t bits = 0;
    PickleValue v = {.kind = PV_FLOAT};
    if (!b) return false;
    for (int i = 0; i < 8; i++) bits = bits << 8 | b[i];
    memcpy(&v.f, &bits, 8);
    return push_new(it, v);
}
static bool push_string(Pickle *it) {
    uint64_t n;
    if (!take_uint(it, 4, &n)) return false;
    PickleValue v = {.kind = PV_STRING, .n = (uint32_t)n, .text = (const char *)take(it, n)};
    return v.text && push_new(it, v);
}
// Two lines of text: module and name.
static bool push_global(Pickle *it) {
    const char *line[2];
    size_t n[2];
    for (int i = 0; i < 2; i++) {
        const uint8_t *end = memchr(it->p, '\n', (size_t)(it->end - it->p));
        if (!end) return bad(it, "it ends within an instruction");
        line[i] = (const char *)it->p;
        n[i] = (size_t)(end - it->p);
        it->p = end + 1;
    }
    if (n[0] > 200 || n[1] > 200) return bad(it, "a global with a long name");
    const char *name =
        arena_printf(it->c->scratch, "%.*s %.*s", (int)n[0], line[0], (int)n[1], line[1]);
    for (size_t i = 0; i < COUNT_OF(globals); i++)
        if (!strcmp(globals[i].name, name))
            return push_new(it, (PickleValue){.kind = PV_GLOBAL, .i = (int64_t)i});
    Loc at = diag_loc(it->c->diag, (LocInfo){.file = it->path});
    return diag_error(it->c->diag, ERR_MODEL, at,
                      "the checkpoint wants to use '%.*s.%.*s': only "
                      "tensors in dicts are read",
                      (int)n[0], line[0], (int)n[1], line[1]);
}

// ---- memo ------------------------------------------------------------------------------------
static bool memo_put(Pickle *it, int nbytes) {
    uint64_t k;
    PickleId v = top(it);
    if (!v || !take_uint(it, nbytes, &k)) return false;
    if (k > limit(LIM_PICKLE_OPS)) return bad(it, "a memo number is too large");
    while (it->memo.n <= k) *PUSH(it->c->scratch, &it->memo) = 0;
    it->memo.data[k] = v;
    return true;
}
static bool memo_get(Pickle *it, int nbytes) {
    uint64_t k;
    if (!take_uint(it, nbytes, &k)) return false;
    if (k >= it->memo.n || !it->memo.data[k]) return bad(it, "a memo number that was never set");
    return push(it, it->memo.data[k]);
}

// ---- containers ------------------------------------------------------------------------------
// The top elements from stack index `from` on become a tuple.
static bool make_tuple(Pickle *it, uint32_t from) {
    PickleId t = new_value(it, (PickleValue){.kind = PV_TUPLE});
    for (uint32_t i = from; i < it->stack.n; i++) {
        if (!it->stack.data[i]) return bad(it, "a mark inside a tuple");
        append(it, t, it->stack.data[i]);
    }
    it->stack.n = from;
    return push(it, t);
}
static bool make_short_tuple(Pickle *it, uint32_t n) {
    return it->stack.n < n ? bad(it, "the stack is empty") : make_tuple(it, it->stack.n - n);
}
static bool make_marked_tuple(Pickle *it) {
    uint32_t from = above_mark(it);
    if (!from) return false;
    if (!make_tuple(it, from)) return false;
    it->stack.data[it->stack.n - 2] = it->stack.data[it->stack.n - 1]; // over the mark
    it->stack.n--;
    return true;
}
// The elements from stack index `from` on go into the container below them.
static bool extend(Pickle *it, uint32_t from, uint32_t container_at, PickleKind kind) {
    PickleId container = container_at < it->stack.n ? it->stack.data[container_at] : 0;
    if (!container || kind_of(it, container) != kind) return bad(it, "no container to add to");
    if (kind == PV_DICT && (it->stack.n - from) % 2) return bad(it, "a key without a value");
    for (uint32_t i = from; i < it->stack.n; i++) {
        if (!it->stack.data[i]) return bad(it, "a mark inside a container");
        append(it, container, it->stack.data[i]);
    }
    it->stack.n = container_at + 1;
    return true;
}
static bool extend_by(Pickle *it, uint32_t n, PickleKind kind) {
    if (it->stack.n < n + 1) return bad(it, "the stack is empty");
    return extend(it, it->stack.n - n, it->stack.n - n - 1, kind);
}
static bool extend_marked(Pickle *it, PickleKind kind) {
    uint32_t from = above_mark(it);
    if (!from) return false;
    return from < 2 ? bad(it, "no container to add to") : extend(it, from, from - 2, kind);
}

// ---- what may be rebuilt ---------------------------------------------------------------------
static bool same_text(const PickleValue *v, const char *text) {
    return v->kind == PV_STRING && v->n == strlen(text) && !memcmp(v->text, text, v->n);
}
// ('storage', class, key, location, count[, None])
static bool push_storage(Pickle *it) {
    PickleId id = pop(it);
    if (!id) return false;
    uint32_t n = pickle_value(it, id)->n;
    PickleId class = pickle_item(it, id, 1);
    bool ok = kind_of(it, id) == PV_TUPLE && (n == 5 || n == 6) &&
              same_text(pickle_value(it, pickle_item(it, id, 0)), "storage") &&
              kind_of(it, class) == PV_GLOBAL &&
              globals[pickle_value(it, class)->i].kind == G_STORAGE &&
              item_kind(it, id, 2) == PV_STRING && item_kind(it, id, 4) == PV_INT &&
              (n == 5 || item_kind(it, id, 5) == PV_NONE);
    if (!ok) return bad(it, "an unknown persistent id");
    PickleValue v = *pickle_value(it, id);
    v.kind = PV_STORAGE;
    v.i = globals[pickle_value(it, class)->i].dt;
    PickleId storage = new_value(it, v);
    *PUSH(it->c->scratch, &it->storage) = storage;
    return push(it, storage);
}
// (storage, offset, size, stride, requires_grad, hooks[, metadata])
static bool rebuild_tensor(Pickle *it, PickleId args) {
    bool ok = pickle_value(it, args)->n >= 4 && item_kind(it, args, 0) == PV_STORAGE &&
              item_kind(it, args, 1) == PV_INT && item_kind(it, args, 2) == PV_TUPLE &&
              item_kind(it, args, 3) == PV_TUPLE;
    if (!ok) return bad(it, "bad arguments of a tensor");
    PickleValue v = *pickle_value(it, args);
    v.kind = PV_TENSOR;
    return push_new(it, v);
}
// OrderedDict(), or OrderedDict([[key, value], …]) as Python 2 wrote it.
static bool rebuild_dict(Pickle *it, PickleId args) {
    PickleId dict = new_value(it, (PickleValue){.kind = PV_DICT}), list = pickle_item(it, args, 0);
    if (list && kind_of(it, list) != PV_LIST) return bad(it, "bad arguments of a dict");
    uint32_t cell = list ? pickle_value(it, list)->first : 0;
    it->nops += list ? pickle_value(it, list)->n : 0; // a list may be copied often
    for (; cell; cell = it->cell.data[cell].next) {
        PickleId pair = it->cell.data[cell].value;
        if (pickle_value(it, pair)->n != 2 || !pickle_item(it, pair, 1))
            return bad(it, "bad arguments of a dict");
        append(it, dict, pickle_item(it, pair, 0));
        append(it, dict, pickle_item(it, pair, 1));
    }
    return push(it, dict);
}
static bool reduce(Pickle *it) {
    PickleId args = pop(it), callee = args ? pop(it) : 0;
    if (!callee) return false;
    if (kind_of(it, args) != PV_TUPLE || kind_of(it, callee) != PV_GLOBAL)
        return bad(it, "nothing that can be rebuilt");
    switch (globals[pickle_value(it, callee)->i].kind) {
    case G_TENSOR: return rebuild_tensor(it, args);
    case G_DICT: return rebuild_dict(it, args);
    case G_OPAQUE: return push_new(it, (PickleValue){.kind = PV_OPAQUE});
    case G_PARAMETER:
        if (item_kind(it, args, 0) != PV_TENSOR) return bad(it, "a parameter without a tensor");
        return push(it, pickle_item(it, args, 0));
    default: return bad(it, "nothing that can be rebuilt");
    }
}
// Sets attributes: a state dict's _metadata, which has no effect on the tensors.
static bool build(Pickle *it) {
    if (!pop(it)) return false;
    PickleId v = top(it);
    if (!v) return false;
    PickleKind kind = kind_of(it, v);
    return kind == PV_DICT || kind == PV_OPAQUE || bad(it, "attributes of no dict");
}

// ---- instructions ----------------------------------------------------------------------------
static bool step(Pickle *it, uint8_t op) {
    switch (op) {
    case 0x80: return take(it, 1) != NULL;                                  // PROTO
    case '(': return push(it, 0);                                           // MARK
    case ')': return push_new(it, (PickleValue){.kind = PV_TUPLE});         // EMPTY_TUPLE
    case ']': return push_new(it, (PickleValue){.kind = PV_LIST});          // EMPTY_LIST
    case '}': return push_new(it, (PickleValue){.kind = PV_DICT});          // EMPTY_DICT
    case 'N': return push_new(it, (PickleValue){.kind = PV_NONE});          // NONE
    case 0x88: return push_new(it, (PickleValue){.kind = PV_BOOL, .i = 1}); // NEWTRUE
    case 0x89: return push_new(it, (PickleValue){.kind = PV_BOOL, .i = 0}); // NEWFALSE
    case 'J': return push_int32(it);                                        // BININT
    case 'K': return push_uint(it, 1);                                      // BININT1
    case 'M': return push_uint(it, 2);                                      // BININT2
    case 0x8a: return push_long(it);                                        // LONG1
    case 'G': return push_float(it);                                        // BINFLOAT
    case 'X': return push_string(it);                                       // BINUNICODE
    case 'c': return push_global(it);                                       // GLOBAL
    case 'q': return memo_put(it, 1);                                       // BINPUT
    case 'r': return memo_put(it, 4);                                       // LONG_BINPUT
    case 'h': return memo_get(it, 1);                                       // BINGET
    case 'j': return memo_get(it, 4);                                       // LONG_BINGET
    case 0x85: return make_short_tuple(it, 1);                              // TUPLE1
    case 0x86: return make_short_tuple(it, 2);                              // TUPLE2
    case 0x87: return make_short_tuple(it, 3);                              // TUPLE3
    case 't': return make_marked_tuple(it);                                 // TUPLE
    case 'a': return extend_by(it, 1, PV_LIST);                             // APPEND
    case 'e': return extend_marked(it, PV_LIST);                            // APPENDS
    case 's': return extend_by(it, 2, PV_DICT);                             // SETITEM
    case 'u': return extend_marked(it, PV_DICT);                            // SETITEMS
    case 'Q': return push_storage(it);                                      // BINPERSID
    case 'R': return reduce(it);                                            // REDUCE
    case 'b': return build(it);                                             // BUILD
    default: {
        Loc at = diag_loc(it->c->diag, (LocInfo){.file = it->path});
        return diag_error(it->c->diag, ERR_MODEL, at,
                          "the pickle instruction 0x%02x is not used "
                          "by checkpoints",
                          op);
    }
    }
}
PickleId pickle_run(Pickle *it) {
    it->stack.n = it->memo.n = 0;
    while (it->p < it->end) {
        uint8_t op = *it->p++;
        if (op == '.') return pop(it); // STOP
        if (++it->nops > limit(LIM_PICKLE_OPS)) {
            Loc at = diag_loc(it->c->diag, (LocInfo){.file = it->path});
            diag_error(it->c->diag, ERR_LIMIT, at, "the pickle has more than %llu instructions",
                       (unsigned long long)limit(LIM_PICKLE_OPS));
            return 0;
        }
        if (!step(it, op)) return 0;
    }
    bad(it, "it does not end");
    return 0;
}
