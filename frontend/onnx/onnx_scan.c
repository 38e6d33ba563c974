// onnx_scan.c: the walk over an ONNX file before protobuf-c sees it. protobuf-c alone is not fit
// for hostile input: it recurses once per nesting level, merges repeated singular messages in
// quadratic time, turns 2 bytes of empty message into hundreds, and copies every bytes field. So
// this walk, with an explicit stack, refuses what is malformed or excessive and copies the rest
// into a skeleton: the same message with the weights replaced by their place in the file.
#include "frontend/onnx/onnx_file.h"
#include <string.h>

enum { MAX_DEPTH = 64, RAW_DATA_FIELD = 9, LENGTH_BYTES = 5 };
enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };
typedef const ProtobufCFieldDescriptor Field;

typedef struct Level { // a message that is being read
    const ProtobufCMessageDescriptor *desc;
    const uint8_t *end;
    size_t length_at; // where its length goes in the skeleton
    uint64_t seen;    // singular message fields met, by descriptor index
} Level;
typedef struct Key {              // one field on the wire
    const uint8_t *start, *value; // of the key; of the length or value
    const uint8_t *payload;       // of a WIRE_BYTES field
    uint64_t nbytes;              // its length
    uint32_t number, wire;
} Key;
typedef struct Scan {
    const uint8_t *begin, *at;
    Level stack[MAX_DEPTH];
    uint32_t depth, max_depth;
    uint64_t messages;
    Str *out;
    const char *why; // set when the file is refused
    bool excessive;  // a limit, not a malformed file
} Scan;

static bool refuse(Scan *s, const char *why) {
    s->why = why;
    return false;
}
static bool exceeds(Scan *s, const char *why) {
    s->excessive = true;
    return refuse(s, why);
}
static bool read_varint(Scan *s, const uint8_t *end, uint64_t *v) {
    *v = 0;
    for (unsigned shift = 0; shift < 64 && s->at < end; shift += 7) {
        uint8_t b = *s->at++;
        *v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80)) return true;
    }
    return refuse(s, "malformed number");
}
// Reads a key and steps over the value; the groups of old protobuf are not part of ONNX.
static bool read_key(Scan *s, const uint8_t *end, Key *k) {
    uint64_t key, ignored;
    k->start = s->at;
    if (!read_varint(s, end, &key)) return false;
    if (key >> 3 == 0 || key >> 32) return refuse(s, "malformed field number");
    k->number = (uint32_t)(key >> 3);
    k->wire = key & 7;
    k->value = s->at;
    k->payload = s->at;
    k->nbytes = 0;
    if (k->wire == WIRE_VARINT) return read_varint(s, end, &ignored);
    if (k->wire == WIRE_BYTES) {
        if (!read_varint(s, end, &k->nbytes)) return false;
    } else if (k->wire == WIRE_FIXED32 || k->wire == WIRE_FIXED64) {
        k->nbytes = k->wire == WIRE_FIXED32 ? 4 : 8;
    } else {
        return refuse(s, "a wire type that ONNX does not use");
    }
    if (k->nbytes > (uint64_t)(end - s->at))
        return refuse(s, "a field runs past its message (truncated file?)");
    k->payload = s->at;
    s->at += k->nbytes;
    return true;
}
static uint32_t wire_of(ProtobufCType t) {
    switch (t) {
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT: return WIRE_FIXED32;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE: return WIRE_FIXED64;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE: return WIRE_BYTES;
    default: return WIRE_VARINT;
    }
}
static bool wire_fits(Field *fd, uint32_t wire) {
    uint32_t want = wire_of(fd->type);
    bool packed =
        wire == WIRE_BYTES && fd->label == PROTOBUF_C_LABEL_REPEATED && want != WIRE_BYTES;
    return wire == want || packed;
}

// ---- writing the skeleton --------------------------------------------------------------------
static bool put(Scan *s, const void *p, uint64_t n) {
    if (n > limit(LIM_PB_BYTES) - s->out->n) {
        return exceeds(s, "too much data outside raw_data (save the weights as raw data)");
    }
    str_add_n(s->out, p, n);
    return true;
}
// A padded varint is valid and its room can be reserved before the length is known.
static void put_length(uint8_t *p, uint64_t v) {
    for (int i = 0; i < LENGTH_BYTES; i++, v >>= 7) {
        p[i] = (uint8_t)((v & 0x7f) | (i < LENGTH_BYTES - 1 ? 0x80 : 0));
    }
}
static void close_message(Scan *s) {
    const Level *l = &s->stack[s->depth--];
    put_length((uint8_t *)s->out->data + l->length_at, s->out->n - l->length_at - LENGTH_BYTES);
}
static bool open_message(Scan *s, Level *parent, Field *fd, const Key *k) {
    static const uint8_t room[LENGTH_BYTES];
    if (fd->label != PROTOBUF_C_LABEL_REPEATED) {
        uint64_t bit = 1ull << (fd - parent->desc->fields);
        if (parent->seen & bit) return refuse(s, "a message that must be single is repeated");
        parent->seen |= bit;
    }
    if (++s->messages > limit(LIM_PB_MESSAGES)) return exceeds(s, "too many messages");
    if (s->depth + 1 >= s->max_depth) return exceeds(s, "messages are nested too deeply");
    if (!put(s, k->start, (uint64_t)(k->value - k->start))) return false;
    Level *l = &s->stack[++s->depth];
    *l = (Level){.desc = fd->descriptor, .end = k->payload + k->nbytes, .length_at = s->out->n};
    s->at = k->payload;
    return put(s, room, sizeof room);
}
static bool put_raw_range(Scan *s, const Key *k) {
    static const uint8_t length = sizeof(RawRange);
    RawRange r = {(uint64_t)(k->payload - s->begin), k->nbytes};
    return put(s, k->start, (uint64_t)(k->value - k->start)) && put(s, &length, 1) &&
           put(s, &r, sizeof r);
}
static bool copy_field(Scan *s, Level *l, const Key *k) {
    Field *fd = protobuf_c_message_descriptor_get_field(l->desc, k->number);
    if (!fd) return true; // left out
    if (!wire_fits(fd, k->wire)) return refuse(s, "a field has the wrong wire type");
    if (fd->type == PROTOBUF_C_TYPE_MESSAGE) return open_message(s, l, fd, k);
    if (l->desc == &onnx__tensor_proto__descriptor && fd->id == RAW_DATA_FIELD)
        return put_raw_range(s, k);
    if (fd->type == PROTOBUF_C_TYPE_STRING) {
        if (k->nbytes > limit(LIM_NAME_BYTES)) return exceeds(s, "a name is too long");
        if (memchr(k->payload, 0, k->nbytes)) return refuse(s, "a name holds a NUL byte");
    }
    return put(s, k->start, (uint64_t)(s->at - k->start));
}

static bool walk(Scan *s) {
    for (;;) {
        Level *l = &s->stack[s->depth];
        if (s->at == l->end) {
            if (s->depth == 0) return true;
            close_message(s);
            continue;
        }
        Key k;
        if (!read_key(s, l->end, &k) || !copy_field(s, l, &k)) return false;
    }
}
bool onnx_scan(Ctx *c, const FileView *f, Loc loc, Str *skeleton) {
    Scan s = {.begin = f->data, .at = f->data, .out = skeleton};
    s.max_depth = limit(LIM_PB_DEPTH) < MAX_DEPTH ? (uint32_t)limit(LIM_PB_DEPTH) : MAX_DEPTH;
    s.stack[0] = (Level){.desc = &onnx__model_proto__descriptor, .end = f->data + f->nbytes};
    if (walk(&s)) return true;
    return diag_error(c->diag, s.excessive ? ERR_LIMIT : ERR_MODEL, loc,
                      "not a readable ONNX file: %s at byte %llu", s.why,
                      (unsigned long long)(s.at - s.begin));
}
