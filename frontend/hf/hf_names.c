// hf_names.c: which tensor of a checkpoint means what. Every tensor must have exactly one meaning,
// and every meaning that the model needs exactly one tensor, of the right shape; nothing is ever
// filled in. The names are rows of hf_names.def.
#include "frontend/hf/hf.h"
#include <string.h>

enum { WHERE_MODEL, WHERE_LAYER };
typedef struct SlotInfo {
    int where;
    const char *shape;
    const char *name;
} SlotInfo;
static const SlotInfo slots[] = {
#define HF_SLOT(id, where, shape, name) [HF_##id] = {WHERE_##where, shape, name},
#include "frontend/hf/hf_names.def"
#undef HF_SLOT
};
static const char *const wrappers[] = {
#define HF_WRAPPER(prefix) prefix,
#include "frontend/hf/hf_names.def"
#undef HF_WRAPPER
};
typedef struct NameRow {
    const char *pattern; // # stands for the layer
    HfSlot slot;
} NameRow;
static const NameRow name_rows[] = {
#define HF_NAME(stem, slot) {stem ".weight", HF_##slot##_W}, {stem ".bias", HF_##slot##_B},
#define HF_NAME_AS_IS(name, slot) {name, HF_##slot},
#include "frontend/hf/hf_names.def"
#undef HF_NAME
#undef HF_NAME_AS_IS
};
static const char *const unused[] = {
#define HF_UNUSED(prefix) prefix,
#include "frontend/hf/hf_names.def"
#undef HF_UNUSED
};

typedef struct Names { // a list for a message
    VEC(const char *) name;
} Names;
typedef struct Match {
    Ctx *c;
    const HfConfig *cfg;
    const char *path;
    bool want_mask;
    const WeightTensor *(*layer)[HF_SLOT_COUNT];
    int64_t nlabels;
    Names unused, unexpected, twice, missing;
} Match;

// ---- names -----------------------------------------------------------------------------------
static const char *strip_wrappers(const char *name) {
    for (size_t i = 0; i < COUNT_OF(wrappers); i++) {
        if (!str_starts(name, wrappers[i])) continue;
        name += strlen(wrappers[i]);
        i = (size_t)-1; // start over: they nest in any order
    }
    return name;
}
static const char *modern_spelling(Arena *a, const char *name) {
    size_t n = strlen(name);
    if (str_ends(name, ".gamma")) return arena_printf(a, "%.*s.weight", (int)(n - 6), name);
    if (str_ends(name, ".beta")) return arena_printf(a, "%.*s.bias", (int)(n - 5), name);
    return name;
}
// Does `name` fit? Then *layer is the number at #, without leading zeros and below nlayers.
static bool fits(const char *pattern, const char *name, int64_t nlayers, int64_t *layer) {
    for (; *pattern; pattern++) {
        if (*pattern != '#') {
            if (*name++ != *pattern) return false;
            continue;
        }
        if (*name < '0' || *name > '9' || (name[0] == '0' && name[1] >= '0' && name[1] <= '9'))
            return false;
        for (*layer = 0; *name >= '0' && *name <= '9'; name++) {
            *layer = *layer * 10 + (*name - '0');
            if (*layer >= nlayers) return false;
        }
    }
    return !*name;
}
static const char *slot_name(Arena *a, HfSlot slot, int64_t layer) {
    const char *hash = strchr(slots[slot].name, '#');
    if (!hash) return slots[slot].name;
    return arena_printf(a, "%.*s%lld%s", (int)(hash - slots[slot].name), slots[slot].name,
                        (long long)layer, hash + 1);
}
static bool is_unused(const char *name) {
    for (size_t i = 0; i < COUNT_OF(unused); i++)
        if (str_starts(name, unused[i])) return true;
    return false;
}

// ---- which tensors the model needs -----------------------------------------------------------
static bool is_needed(const Match *m, HfSlot slot) {
    switch (slot) {
    case HF_MASK: return m->want_mask;
    case HF_HEAD_W:
    case HF_HEAD_B: return m->layer[0][HF_HEAD_W] || m->layer[0][HF_HEAD_B];
    case HF_Q_B:
    case HF_K_B:
    case HF_V_B:
    case HF_QKV_B: return m->cfg->qkv_bias;
    case HF_PRELU:
    case HF_XIELU_P:
    case HF_XIELU_N:
    case HF_XIELU_BETA:
    case HF_XIELU_EPS: return hf_act_learns(m->cfg->act, slot);
    default: return true;
    }
}
static void place_tensor(Match *m, const WeightTensor *t, const char *inner) {
    Arena *s = m->c->scratch;
    const char *name = modern_spelling(s, strip_wrappers(inner));
    int64_t layer = 0;
    for (size_t i = 0; i < COUNT_OF(name_rows); i++) {
        HfSlot slot = name_rows[i].slot;
        if (!fits(name_rows[i].pattern, name, m->cfg->layers, &layer)) continue;
        const WeightTensor **at = &m->layer[slots[slot].where == WHERE_LAYER ? layer : 0][slot];
        if (*at) *PUSH(s, &m->twice.name) = arena_printf(s, "%s' and '%s", (*at)->name, t->name);
        *at = t;
        return;
    }
    *PUSH(s, is_unused(name) ? &m->unused.name : &m->unexpected.name) = t->name;
}
// An original MSN checkpoint holds two encoders and the optimizer; the target encoder is the model.
static const char target[] = "target_encoder.";
static void place_all(Match *m, const Weights *w) {
    bool original = false;
    for (uint32_t i = 0; i < w->tensor.n; i++)
        original |= str_starts(w->tensor.data[i].name, target);
    for (uint32_t i = 0; i < w->tensor.n; i++) {
        const WeightTensor *t = &w->tensor.data[i];
        if (!original)
            place_tensor(m, t, t->name);
        else if (str_starts(t->name, target))
            place_tensor(m, t, t->name + strlen(target));
    }
}
// The fused projection of timm is three blocks of rows: three views of the same data.
static void split_qkv(Match *m, int64_t layer, HfSlot fused, const HfSlot parts[3]) {
    const WeightTensor *t = m->layer[layer][fused];
    if (!t || t->type.rank < 1 || t->type.dim[0] % 3) return; // the shape check will say so
    for (int i = 0; i < 3; i++) {
        const WeightTensor **at = &m->layer[layer][parts[i]];
        if (*at) {
            *PUSH(m->c->scratch, &m->twice.name) =
                arena_printf(m->c->scratch, "%s' and '%s", t->name, (*at)->name);
            continue;
        }
        WeightTensor *part = NEW(m->c->arena, WeightTensor);
        *part = *t;
        part->type.dim[0] /= 3;
        if (t->type.dt != DT_NONE) {
            uint64_t from = type_nbytes(&part->type) * (uint64_t)i;
            part->data = (const char *)t->data + from;
            part->offset += from;
        }
        *at = part;
    }
    m->layer[layer][fused] = NULL;
}
static void drop_or_miss(Match *m, int64_t layer, HfSlot slot) {
    Arena *s = m->c->scratch;
    const WeightTensor **at = &m->layer[layer][slot];
    bool needed = is_needed(m, slot);
    if (needed && !*at && slot != HF_QKV_W && slot != HF_QKV_B)
        *PUSH(s, &m->missing.name) = slot_name(s, slot, layer);
    if (needed || !*at) return;
    *PUSH(s, slot == HF_MASK ? &m->unused.name : &m->unexpected.name) = (*at)->name;
    *at = NULL;
}
static void settle(Match *m) {
    static const HfSlot weights[3] = {HF_Q_W, HF_K_W, HF_V_W}, biases[3] = {HF_Q_B, HF_K_B, HF_V_B};
    for (int64_t l = 0; l < m->cfg->layers; l++) {
        split_qkv(m, l, HF_QKV_W, weights);
        if (m->cfg->qkv_bias) split_qkv(m, l, HF_QKV_B, biases);
        for (int slot = 0; slot < HF_SLOT_COUNT; slot++)
            if (l == 0 || slots[slot].where == WHERE_LAYER) drop_or_miss(m, l, (HfSlot)slot);
    }
}

// ---- messages --------------------------------------------------------------------------------
static const char *list(Arena *a, const Names *n) {
    enum { SHOWN = 10 };
    Str s = str_new(a);
    for (uint32_t i = 0; i < n->name.n && i < SHOWN; i++)
        str_addf(&s, "%s'%.200s'", i ? ", " : "", n->name.data[i]);
    if (n->name.n > SHOWN) str_addf(&s, " and %u more", n->name.n - SHOWN);
    return str_cstr(&s);
}
static bool report(const Match *m, Loc at) {
    Diag *d = m->c->diag;
    const Names *bad[] = {&m->missing, &m->unexpected, &m->twice};
    static const char *const what[] = {"missing from the checkpoint",
                                       "not in the model of config.json",
                                       "two tensors of one meaning"};
    bool ok = true;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (bad[i]->name.n)
            ok = diag_error(d, ERR_MODEL, at, "%s: %s", what[i], list(m->c->scratch, bad[i]));
    if (ok && m->unused.name.n)
        diag_warning(d, at, "not used: %s", list(m->c->scratch, &m->unused));
    return ok;
}

// ---- shapes ----------------------------------------------------------------------------------
static int64_t dim_of(const Match *m, char letter, int64_t layer) {
    const HfConfig *cfg = m->cfg;
    int64_t attention = cfg->layer_heads[layer] * cfg->head_dim;
    switch (letter) {
    case 'h': return cfg->hidden;
    case 'a': return attention;
    case 't': return 3 * attention;
    case 'i': return cfg->intermediate;
    case 'l': return m->nlabels;
    case 'c': return cfg->channels;
    case 'y': return cfg->patch_h;
    case 'x': return cfg->patch_w;
    case 's': return hf_grid_h(cfg) * hf_grid_w(cfg) + 1;
    default: return 1;
    }
}
static bool check_tensor(const Match *m, Loc at, int64_t layer, HfSlot slot) {
    const WeightTensor *t = m->layer[layer][slot];
    const char *letters = slots[slot].shape;
    if (!t) return true;
    Type want = {.dt = t->type.dt, .rank = (int)strlen(letters)};
    for (int i = 0; i < want.rank; i++) want.dim[i] = dim_of(m, letters[i], layer);
    if (dtype_info[t->type.dt].cls != CLASS_FLOAT)
        return diag_error(m->c->diag, ERR_UNSUPPORTED, at,
                          "tensor '%.200s' has the element type %s; "
                          "F32, F16, BF16 and F64 weights can be compiled",
                          t->name, t->dtype);
    if (type_equal(&want, &t->type)) return true;
    return diag_error(m->c->diag, ERR_MODEL, at, "tensor '%.200s' is %s; config.json asks for %s",
                      t->name, type_text(m->c->scratch, &t->type), type_text(m->c->scratch, &want));
}
// One wrong size in config.json shows in many tensors; a few of them tell enough.
static bool check_shapes(const Match *m, Loc at) {
    enum { SHOWN = 3 };
    uint32_t wrong = 0;
    for (int64_t l = 0; l < m->cfg->layers && wrong < SHOWN; l++)
        for (int slot = 0; slot < HF_SLOT_COUNT && wrong < SHOWN; slot++)
            wrong += !check_tensor(m, at, l, (HfSlot)slot);
    if (wrong == SHOWN) diag_note(m->c->diag, "and perhaps others");
    return !wrong;
}
// head_dim in config.json is new; older versions ignore it and have heads of hidden/heads channels.
// The weights tell which it was.
static void settle_head_dim(const Match *m, HfConfig *cfg) {
    const WeightTensor *q = m->layer[0][HF_Q_W];
    int64_t n = cfg->layer_heads[0], classic = cfg->hidden / cfg->heads;
    if (q && q->type.rank == 2 && q->type.dim[0] != n * cfg->head_dim &&
        q->type.dim[0] == n * classic)
        cfg->head_dim = classic;
}
bool hf_match_tensors(Ctx *c, HfConfig *cfg, const HfCheckpoint *ck, bool want_mask,
                      HfTensors *out) {
    Match m = {.c = c, .cfg = cfg, .path = ck->path, .want_mask = want_mask};
    Loc at = diag_loc(c->diag, (LocInfo){.file = ck->path});
    m.layer = arena_alloc_n(c->arena, (size_t)cfg->layers, sizeof *m.layer);
    place_all(&m, &ck->weights);
    settle(&m);
    if (!report(&m, at)) return false;
    const WeightTensor *head = m.layer[0][HF_HEAD_W];
    m.nlabels = head && head->type.rank == 2 ? head->type.dim[0] : 0;
    if (head && head->type.rank == 2 && m.nlabels == 0)
        return diag_error(c->diag, ERR_MODEL, at, "the classifier '%.200s' has no rows",
                          head->name);
    settle_head_dim(&m, cfg);
    *out = (HfTensors){m.layer, m.nlabels};
    return check_shapes(&m, at);
}
