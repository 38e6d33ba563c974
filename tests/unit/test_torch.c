// test_torch.c: PyTorch checkpoints made by hand: what is read, and hostile archives and pickles.
#include "frontend/weights/torch.h"
#include "tests/support/ctx.h"

// ---- making files ----------------------------------------------------------------------------
typedef struct Bytes {
    uint8_t b[16384];
    size_t n;
} Bytes;
static void put(Bytes *o, const void *p, size_t n) {
    assert_true(o->n + n <= sizeof o->b);
    memcpy(o->b + o->n, p, n);
    o->n += n;
}
static void text(Bytes *o, const char *s) {
    put(o, s, strlen(s));
}
static void num(Bytes *o, uint64_t v, size_t nbytes) {
    put(o, &v, nbytes);
}
static void string(Bytes *o, const char *s) { // BINUNICODE
    text(o, "X");
    num(o, strlen(s), 4);
    text(o, s);
}
static void integer(Bytes *o, int32_t v) { // BININT
    text(o, "J");
    num(o, (uint32_t)v, 4);
}
static void ints(Bytes *o, const int32_t *v, size_t n) {
    text(o, "(");
    for (size_t i = 0; i < n; i++) integer(o, v[i]);
    text(o, "t");
}
typedef struct Made { // one tensor of a test checkpoint
    const char *name, *key, *storage;
    int32_t count, offset, size[2], stride[2];
    size_t rank;
    bool parameter, legacy;
} Made;
static void tensor(Bytes *o, const Made *t) {
    string(o, t->name);
    if (t->parameter) text(o, "ctorch._utils\n_rebuild_parameter\n(");
    text(o, "ctorch._utils\n_rebuild_tensor_v2\n((");
    string(o, "storage");
    text(o, "ctorch\n");
    text(o, t->storage);
    text(o, "\n");
    string(o, t->key);
    string(o, "cpu");
    integer(o, t->count);
    if (t->legacy) text(o, "N");
    text(o, "tQ");
    integer(o, t->offset);
    ints(o, t->size, t->rank);
    ints(o, t->stride, t->rank);
    text(o, "\x89"
            "ccollections\nOrderedDict\n)RtR");
    if (t->parameter)
        text(o, "\x88"
                "ccollections\nOrderedDict\n)RtR");
}
// OrderedDict of these tensors, with the _metadata that state dicts carry.
static Bytes state_dict(const Made *t, size_t n) {
    Bytes o = {.n = 0};
    text(&o, "\x80\x02"
             "ccollections\nOrderedDict\n)Rq");
    num(&o, 0, 1);
    text(&o, "(");
    for (size_t i = 0; i < n; i++) tensor(&o, &t[i]);
    text(&o, "u}");
    string(&o, "_metadata");
    text(&o, "}sb.");
    return o;
}
typedef struct Part {
    const char *name;
    const void *data;
    size_t n;
} Part;
typedef struct ZipOptions {
    uint16_t method, flags;
    bool is64;
} ZipOptions;
static Bytes zip_of(const Part *part, size_t n, ZipOptions o) {
    Bytes z = {.n = 0}, dir = {.n = 0};
    for (size_t i = 0; i < n; i++) {
        size_t name = strlen(part[i].name), at = z.n;
        text(&z, "PK\3\4");
        num(&z, 0, 2), num(&z, 0x808 | o.flags, 2), num(&z, o.method, 2), num(&z, 0, 4);
        num(&z, 0, 4), num(&z, 0, 4), num(&z, 0, 4);
        num(&z, name, 2), num(&z, 3, 2);
        put(&z, part[i].name, name);
        put(&z, "FBZ", 3); // an extra field, as PyTorch pads
        put(&z, part[i].data, part[i].n);
        text(&dir, "PK\1\2");
        num(&dir, 0, 4), num(&dir, 0x808 | o.flags, 2), num(&dir, o.method, 2), num(&dir, 0, 8);
        uint64_t size = o.is64 ? 0xffffffffu : part[i].n, place = o.is64 ? 0xffffffffu : at;
        num(&dir, size, 4), num(&dir, size, 4);
        num(&dir, name, 2), num(&dir, o.is64 ? 28 : 0, 2), num(&dir, 0, 2);
        num(&dir, 0, 8), num(&dir, place, 4);
        put(&dir, part[i].name, name);
        if (!o.is64) continue;
        num(&dir, 1, 2), num(&dir, 24, 2), num(&dir, part[i].n, 8), num(&dir, part[i].n, 8);
        num(&dir, at, 8);
    }
    size_t at = z.n;
    put(&z, dir.b, dir.n);
    if (o.is64) {
        size_t end = z.n;
        text(&z, "PK\6\6");
        num(&z, 44, 8), num(&z, 0, 8), num(&z, 0, 4), num(&z, n, 8), num(&z, n, 8);
        num(&z, dir.n, 8), num(&z, at, 8);
        text(&z, "PK\6\7");
        num(&z, 0, 4), num(&z, end, 8), num(&z, 1, 4);
    }
    text(&z, "PK\5\6");
    num(&z, 0, 4), num(&z, o.is64 ? 0xffff : n, 2), num(&z, o.is64 ? 0xffff : n, 2);
    num(&z, o.is64 ? 0xffffffffu : dir.n, 4), num(&z, o.is64 ? 0xffffffffu : at, 4), num(&z, 0, 2);
    return z;
}
static const float six[6] = {0, 1, 2, 3, 4, 5};
static const Made plain = {"w", "0", "FloatStorage", 6, 0, {2, 3}, {3, 1}, 2, false, false};

static Bytes checkpoint(const Bytes *pickle, ZipOptions o) {
    Part parts[] = {{"m/data.pkl", pickle->b, pickle->n},
                    {"m/byteorder", "little", 6},
                    {"m/data/0", six, sizeof six},
                    {"m/version", "3\n", 2}};
    return zip_of(parts, COUNT_OF(parts), o);
}
static Bytes legacy_checkpoint(void) {
    Made t = plain;
    t.legacy = true;
    Bytes o = {.n = 0}, dict = state_dict(&t, 1);
    put(&o, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15);
    put(&o, "\x80\x02M\xe9\x03.", 6);
    text(&o, "\x80\x02}(");
    string(&o, "protocol_version");
    text(&o, "M\xe9\x03");
    string(&o, "little_endian");
    text(&o, "\x88u.");
    put(&o, dict.b, dict.n);
    text(&o, "\x80\x02](");
    string(&o, "0");
    text(&o, "e.");
    num(&o, 6, 8);
    put(&o, six, sizeof six);
    return o;
}

// ---- reading them ----------------------------------------------------------------------------
// The file as a block of exactly its size, for ASan. Freed with the test's memory.
static FileView view_of(const void *p, size_t n) {
    uint8_t *copy = test_malloc(n ? n : 1);
    memcpy(copy, p, n);
    return (FileView){"m.bin", copy, n};
}
static void view_free(FileView f) {
    test_free((void *)(uintptr_t)f.data);
}
static void expect_error(const Bytes *file, ErrKind kind, const char *want) {
    TestCtx *t = test_ctx();
    FileView f = view_of(file->b, file->n);
    Weights w;
    assert_false(torch_read(&t->c, &f, &w));
    test_ctx_expect(t, kind, want);
    assert_int_equal(diag_count(t->c.diag), 1);
    view_free(f);
    test_ctx_free(t);
}
static void expect_pickle_error(const Bytes *pickle, ErrKind kind, const char *want) {
    Bytes z = checkpoint(pickle, (ZipOptions){0});
    expect_error(&z, kind, want);
}
static void expect_values(const WeightTensor *t, const float *v, size_t n) {
    assert_non_null(t);
    assert_int_equal(type_count(&t->type), n);
    for (size_t i = 0; i < n; i++)
        assert_true(dtype_read_f(t->type.dt, t->data, i) == (double)v[i]);
}
static void reads_views_of_storages(void **state) {
    (void)state;
    const Made t[] = {
        plain,
        {"transposed", "0", "FloatStorage", 6, 0, {3, 2}, {1, 3}, 2, true, false},
        {"part", "0", "FloatStorage", 6, 4, {2}, {1}, 1, false, false},
        {"scalar", "0", "FloatStorage", 6, 5, {0}, {0}, 0, false, false},
        {"column", "0", "FloatStorage", 6, 1, {2}, {3}, 1, false, false},
        {"none", "0", "FloatStorage", 6, 6, {0, 4}, {4, 1}, 2, false, false},
    };
    Bytes pickle = state_dict(t, COUNT_OF(t));
    for (int is64 = 0; is64 < 2; is64++) {
        TestCtx *c = test_ctx();
        Bytes z = checkpoint(&pickle, (ZipOptions){.is64 = is64});
        FileView f = view_of(z.b, z.n);
        Weights w;
        if (!torch_read(&c->c, &f, &w)) fail_msg("%s", c->said);
        assert_int_equal(w.tensor.n, COUNT_OF(t));
        expect_values(weights_find(&w, "w"), six, 6);
        expect_values(weights_find(&w, "transposed"), (float[]){0, 3, 1, 4, 2, 5}, 6);
        expect_values(weights_find(&w, "part"), (float[]){4, 5}, 2);
        expect_values(weights_find(&w, "scalar"), (float[]){5}, 1);
        expect_values(weights_find(&w, "column"), (float[]){1, 4}, 2);
        assert_int_equal(weights_find(&w, "none")->type.dim[1], 4);
        assert_ptr_equal(weights_find(&w, "w")->data, f.data + weights_find(&w, "w")->offset);
        assert_null(weights_find(&w, "transposed")->file);
        view_free(f);
        test_ctx_free(c);
    }
}
static void reads_nested_dicts(void **state) {
    (void)state;
    Bytes o = {.n = 0};
    text(&o, "\x80\x02}(");
    string(&o, "model");
    text(&o, "}(");
    tensor(&o, &plain);
    text(&o, "u");
    string(&o, "epoch");
    text(&o, "K\x05");
    string(&o, "lr");
    put(&o, "G\x3f\xf0\0\0\0\0\0\0", 9);
    string(&o, "groups");
    text(&o, "](N\x88\x89)e");
    integer(&o, 7);
    text(&o, "}(");
    tensor(&o, &plain);
    text(&o, "uu.");
    Bytes z = checkpoint(&o, (ZipOptions){0});
    TestCtx *c = test_ctx();
    FileView f = view_of(z.b, z.n);
    Weights w;
    if (!torch_read(&c->c, &f, &w)) fail_msg("%s", c->said);
    assert_int_equal(w.tensor.n, 2);
    expect_values(weights_find(&w, "model.w"), six, 6);
    expect_values(weights_find(&w, "7.w"), six, 6);
    view_free(f);
    test_ctx_free(c);
}
static void reads_the_legacy_form(void **state) {
    (void)state;
    Bytes o = legacy_checkpoint();
    TestCtx *c = test_ctx();
    FileView f = view_of(o.b, o.n);
    Weights w;
    if (!torch_read(&c->c, &f, &w)) fail_msg("%s", c->said);
    expect_values(weights_find(&w, "w"), six, 6);
    view_free(f);
    test_ctx_free(c);
}

// ---- hostile pickles -------------------------------------------------------------------------
static void never_touches_other_globals(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"\x80\x02"
         "cos\nsystem\n(X\x02\0\0\0idtR.",
         "'os.system'"},
        {"\x80\x02"
         "cbuiltins\neval\n.",
         "'builtins.eval'"},
        {"\x80\x02"
         "c__builtin__\ngetattr\n.",
         "'__builtin__.getattr'"},
        {"\x80\x02"
         "csubprocess\nPopen\n.",
         "'subprocess.Popen'"},
        {"\x80\x02"
         "ctorch\nload\n.",
         "'torch.load'"},
        {"\x80\x02"
         "ctorch.storage\n_load_from_bytes\n.",
         "'torch.storage._load_from_bytes'"},
        {"\x80\x02"
         "ctorch.FloatStorage\n\n.",
         "'torch.FloatStorage.'"},
        {"\x80\x02"
         "ccollections OrderedDict\n\n.",
         "'collections OrderedDict.'"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Bytes o = {.n = 0};
        text(&o, cases[i][0]);
        expect_pickle_error(&o, ERR_MODEL, cases[i][1]);
    }
}
typedef struct BadPickle {
    const char *bytes;
    size_t n;
    const char *want;
} BadPickle;
#define P(bytes, want)                                                                             \
    { bytes, sizeof(bytes) - 1, want }
static const BadPickle bad_pickles[] = {
    P("", "does not end"),
    P("\x80", "ends within an instruction"),
    P("\x80\x02", "does not end"),
    P(".", "the stack is empty"),
    P("(.", "the stack is empty"),
    P("K\x01.", "not a dict"),
    P("]R.", "the stack is empty"),
    P(")R.", "the stack is empty"),
    P("t.", "no mark"),
    P("u.", "no mark"),
    P("e.", "no mark"),
    P("(u.", "no container"),
    P("](e]u.", "no mark"),
    P("K\x01(K\x01"
      "e.",
      "no container"),
    P("}K\x01s.", "the stack is empty"),
    P("]K\x01K\x02s.", "no container"),
    P("}(K\x01u.", "a key without a value"),
    P("}((K\x01uu.", "no container"),
    P("}K\x01"
      "a.",
      "no container"),
    P("s.", "is empty"),
    P("\x87.", "the stack is empty"),
    P("(\x85.", "a mark inside a tuple"),
    P("}Q.", "an unknown persistent id"),
    P(")Q.", "an unknown persistent id"),
    P("X\xff\xff\xff\xff.", "ends within an instruction"),
    P("X\x05\0\0\0ab.", "ends within"),
    P("J\x01\x02", "ends within"),
    P("G\x01", "ends within"),
    P("cos", "ends within"),
    P("\x8a\x09\x01", "ends within"),
    P("h\x05.", "a memo number that was never set"),
    P("j\x05\0\0\0.", "a memo number that was never set"),
    P("}r\xff\xff\xff\xff.", "too large"),
    P("q\x01.", "the stack is empty"),
    P("K\x01}b.", "attributes of no dict"),
    P("ccollections\nOrderedDict\nK\x01R.", "nothing that can be rebuilt"),
    P("K\x01)R.", "nothing that can be rebuilt"),
    P("ccollections\nOrderedDict\n(K\x01tR.", "bad arguments of a dict"),
    P("ccollections\nOrderedDict\n(](K\x01K\x02"
      "etR.",
      "bad arguments of a dict"),
    P("ctorch\nFloatStorage\n)R.", "nothing that can be rebuilt"),
    P("ctorch._utils\n_rebuild_tensor_v2\n)R.", "bad arguments of a tensor"),
    P("ctorch._utils\n_rebuild_parameter\n)R.", "a parameter without a tensor"),
    P("\x93.", "0x93"),
    P("\x81.", "0x81"),
    P("i.", "0x69"),
    P("o.", "0x6f"),
    P("\x95.", "0x95"),
    P("\x80\x04\x95\0\0\0\0\0\0\0\0}.", "0x95"),
    P("I1\n.", "0x49"),
    P("0.", "0x30"),
};
static void refuses_bad_pickles(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad_pickles); i++) {
        Bytes o = {.n = 0};
        put(&o, bad_pickles[i].bytes, bad_pickles[i].n);
        expect_pickle_error(&o, ERR_MODEL, bad_pickles[i].want);
    }
}
static void refuses_bad_tensors(void **state) {
    (void)state;
    static const struct {
        Made t;
        const char *want;
    } cases[] = {
        {{"w", "0", "FloatStorage", 6, 0, {2, 4}, {4, 1}, 2, 0, 0}, "reaches beyond its storage"},
        {{"w", "0", "FloatStorage", 6, 1, {2, 3}, {3, 1}, 2, 0, 0}, "reaches beyond its storage"},
        {{"w", "0", "FloatStorage", 6, 6, {0}, {0}, 0, 0, 0}, "reaches beyond its storage"},
        {{"w", "0", "FloatStorage", 6, -1, {1, 1}, {1, 1}, 2, 0, 0}, "offset is negative"},
        {{"w", "0", "FloatStorage", 6, 0, {2, 3}, {-3, 1}, 2, 0, 0}, "is no number"},
        {{"w", "0", "FloatStorage", 6, 0, {-2, 3}, {3, 1}, 2, 0, 0}, "size is out of range"},
        {{"w", "0", "FloatStorage", 6, 0, {2, 2}, {INT32_MAX, 1}, 2, 0, 0}, "reaches beyond"},
        {{"w", "0", "FloatStorage", 6, 0, {1 << 30, 1 << 30}, {0, 0}, 2, 0, 0}, "out of range"},
        {{"w", "0", "FloatStorage", 6, 0, {1 << 20, 6}, {0, 1}, 2, 0, 0}, "repeats its storage"},
        {{"w", "0", "FloatStorage", 7, 0, {2, 3}, {3, 1}, 2, 0, 0}, "has 24 bytes, its storage 28"},
        {{"w", "0", "DoubleStorage", 6, 0, {2, 3}, {3, 1}, 2, 0, 0}, "its storage 48"},
        {{"w", "0", "FloatStorage", -1, 0, {2, 3}, {3, 1}, 2, 0, 0}, "a bad storage"},
        {{"w", "9", "FloatStorage", 6, 0, {2, 3}, {3, 1}, 2, 0, 0}, "no entry 'm/data/9'"},
        {{"w", "../0", "FloatStorage", 6, 0, {2, 3}, {3, 1}, 2, 0, 0}, "a bad storage"},
        {{"w", "", "FloatStorage", 6, 0, {2, 3}, {3, 1}, 2, 0, 0}, "a bad storage"},
        {{"w", "0", "QInt8Storage", 6, 0, {2, 3}, {3, 1}, 2, 0, 0}, "'torch.QInt8Storage'"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Bytes o = state_dict(&cases[i].t, 1);
        expect_pickle_error(&o, ERR_MODEL, cases[i].want);
    }
    const Made twice[] = {plain, plain};
    Bytes o = state_dict(twice, 2);
    expect_pickle_error(&o, ERR_MODEL, "the tensor 'w' occurs twice");
}
// A file of n bytes whose pickle is `head`, then `unit` again and again, then `tail`.
static void expect_flood_error(const char *head, const char *unit, size_t n, const char *tail,
                               ErrKind kind, const char *want) {
    size_t nh = strlen(head), nu = strlen(unit), nt = strlen(tail), total = nh + n * nu + nt;
    TestCtx *t = test_ctx();
    uint8_t *p = test_malloc(total);
    Pickle it;
    memcpy(p, head, nh);
    for (size_t i = 0; i < n; i++) memcpy(p + nh + i * nu, unit, nu);
    memcpy(p + nh + n * nu, tail, nt);
    pickle_init(&it, &t->c, "p", p, p + total);
    assert_int_equal(pickle_run(&it), 0);
    test_ctx_expect(t, kind, want);
    test_free(p);
    test_ctx_free(t);
}
static void bounds_time_and_memory(void **state) {
    (void)state;
    size_t many = limit(LIM_PICKLE_OPS) + 10;
    expect_flood_error("", ")", many, ".", ERR_LIMIT, "instructions");
    expect_flood_error("", "(", many, ".", ERR_LIMIT, "instructions");
    // a dict built from one long list, over and over
    Bytes head = {.n = 0};
    text(&head, "](");
    for (int i = 0; i < 1000; i++) text(&head, "K\1K\2\x86");
    text(&head, "eq\1");
    head.b[head.n] = 0;
    expect_flood_error((char *)head.b, "ccollections\nOrderedDict\nh\1\x85R", 20000, ".", ERR_LIMIT,
                       "instructions");
    // dicts inside dicts: too deep, and a diamond that doubles at each level
    Bytes deep = {.n = 0}, diamond = {.n = 0};
    text(&deep, "}");
    for (int i = 0; i < 20; i++) {
        string(&deep, "a");
        text(&deep, "}");
    }
    for (int i = 0; i < 20; i++) text(&deep, "s");
    text(&deep, ".");
    expect_pickle_error(&deep, ERR_MODEL, "nested too deeply");
    text(&diamond, "}q\1");
    for (uint8_t level = 1; level < 8; level++) {
        text(&diamond, "}(");
        for (int i = 0; i < 10; i++) {
            string(&diamond, "a");
            put(&diamond, (uint8_t[]){'h', level}, 2);
        }
        put(&diamond, (uint8_t[]){'u', 'q', (uint8_t)(level + 1)}, 3);
    }
    text(&diamond, ".");
    expect_pickle_error(&diamond, ERR_MODEL, "too many values");
    // a dict that contains itself
    Bytes loop = {.n = 0};
    text(&loop, "}q\1");
    string(&loop, "a");
    text(&loop, "h\1s.");
    expect_pickle_error(&loop, ERR_MODEL, "nested too deeply");
}

// ---- hostile archives ------------------------------------------------------------------------
static void refuses_compressed_entries(void **state) {
    (void)state;
    Bytes pickle = state_dict(&plain, 1);
    Bytes z = checkpoint(&pickle, (ZipOptions){.method = 8});
    expect_error(&z, ERR_MODEL, "compressed or encrypted");
    z = checkpoint(&pickle, (ZipOptions){.flags = 1});
    expect_error(&z, ERR_MODEL, "compressed or encrypted");
}
static void refuses_bad_archives(void **state) {
    (void)state;
    Bytes pickle = state_dict(&plain, 1);
    const Part twice[] = {
        {"m/data.pkl", pickle.b, pickle.n}, {"m/data/0", six, 24}, {"m/data/0", six, 24}};
    Bytes z = zip_of(twice, 3, (ZipOptions){0});
    expect_error(&z, ERR_MODEL, "a name occurs twice");
    const Part none[] = {{"data.pkl", pickle.b, pickle.n}};
    z = zip_of(none, 1, (ZipOptions){0});
    expect_error(&z, ERR_MODEL, "no data.pkl");
    const Part big[] = {{"m/data.pkl", pickle.b, pickle.n}, {"m/byteorder", "big\0\0\0", 6}};
    z = zip_of(big, 2, (ZipOptions){0});
    expect_error(&z, ERR_UNSUPPORTED, "big-endian");

    z = checkpoint(&pickle, (ZipOptions){0});
    size_t end = z.n - 22, dir;
    memcpy(&dir, z.b + end + 16, 4);
    dir &= 0xffffffffu;
    static const struct {
        bool in_end; // offset from the end record, else from the first directory entry
        size_t at, nbytes;
        uint64_t value;
        const char *want;
    } lies[] = {
        {false, 42, 4, 1, "no local header"},
        {false, 42, 4, 0xfffffff0u, "no local header"},
        {false, 20, 4, 0xfffffff0u, "the sizes of an entry differ"},
        {false, 28, 2, 5, "disagree about a name"},
        {false, 30, 2, 0xffff, "bad entry"},
        {false, 0, 4, 0, "the directory is shorter"},
        {true, 16, 4, 0xfffffff0u, "the directory lies outside"},
        {true, 12, 4, 0xfffffff0u, "the directory lies outside"},
        {true, 10, 2, 3, "the directory is longer"},
        {true, 10, 2, 5, "the directory is shorter"},
        {true, 10, 2, 0xffff, "no 64-bit end record"},
        {true, 20, 2, 1, "no central directory"},
        {true, 0, 4, 0, "no central directory"},
    };
    for (size_t i = 0; i < COUNT_OF(lies); i++) {
        Bytes lie = z;
        memcpy(lie.b + (lies[i].in_end ? end : dir) + lies[i].at, &lies[i].value, lies[i].nbytes);
        expect_error(&lie, ERR_MODEL, lies[i].want);
    }
    // two entries over the same bytes: the first one made long enough to reach into the second
    Bytes lie = z;
    uint32_t longer = (uint32_t)pickle.n + 60;
    memcpy(lie.b + dir + 20, &longer, 4);
    memcpy(lie.b + dir + 24, &longer, 4);
    expect_error(&lie, ERR_MODEL, "entries overlap");
}
static void refuses_every_truncation(void **state) {
    (void)state;
    Bytes pickle = state_dict(&plain, 1);
    Bytes files[] = {checkpoint(&pickle, (ZipOptions){0}),
                     checkpoint(&pickle, (ZipOptions){.is64 = true}), legacy_checkpoint()};
    for (size_t i = 0; i < COUNT_OF(files); i++)
        for (size_t n = 0; n < files[i].n; n++) {
            Bytes cut = files[i];
            cut.n = n;
            expect_error(&cut, ERR_MODEL, "");
        }
}
// Every byte replaced by a few others: an error or a result, never a fault (run under ASan).
static void survives_every_changed_byte(void **state) {
    (void)state;
    static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff, '(', '.', 'R', 'u'};
    Bytes pickle = state_dict(&plain, 1);
    Bytes files[] = {checkpoint(&pickle, (ZipOptions){0}), legacy_checkpoint()};
    for (size_t i = 0; i < COUNT_OF(files); i++)
        for (size_t at = 0; at < files[i].n * COUNT_OF(values); at++) {
            TestCtx *t = test_ctx();
            FileView f = view_of(files[i].b, files[i].n);
            Weights w;
            ((uint8_t *)(uintptr_t)f.data)[at / COUNT_OF(values)] = values[at % COUNT_OF(values)];
            bool ok = torch_read(&t->c, &f, &w);
            assert_int_equal(ok, diag_count(t->c.diag) == 0);
            view_free(f);
            test_ctx_free(t);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_views_of_storages),
        cmocka_unit_test(reads_nested_dicts),
        cmocka_unit_test(reads_the_legacy_form),
        cmocka_unit_test(never_touches_other_globals),
        cmocka_unit_test(refuses_bad_pickles),
        cmocka_unit_test(refuses_bad_tensors),
        cmocka_unit_test(bounds_time_and_memory),
        cmocka_unit_test(refuses_compressed_entries),
        cmocka_unit_test(refuses_bad_archives),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(survives_every_changed_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
