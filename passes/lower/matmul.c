// matmul.c: C = A x B with an elementwise epilogue. B is a packed constant or a tensor with
// contiguous rows. Loop order of a slice (KERNELS sections 4, 14):
//     for each pass over B (a batch, or a chunk of A's rows)
//       for each K chunk (A's rows stay in L2)
//         for each panel of this slice's columns (or a few)
//           for each line of rows, for each block of them: micro-kernel, K block by K block, then
//           the epilogue
// A task is one panel of one pass, so threads split N at batch 1 and read every weight once.
#include "ir/isa.h"
#include "passes/lower/matmul.h"
#include <string.h>

static int64_t true_depth(const MatMul *m) {
    return m->word ? m->word * m->kn : m->kn;
}
static int64_t b_nbytes(const MatMul *m) {
    int64_t element = dtype_info[m->b_dt].nbytes;
    return m->word ? element * m->word : element;
}
void matmul_move_rows(const MatMul *m, int64_t (*stride)(const MatMul *, int), Val by,
                      const Val from[MAX_OPERANDS], Val to[MAX_OPERANDS]) {
    Kern *k = m->k;
    for (int o = 0; o < m->nest.noperands; o++)
        to[o] = o != B && stride(m, o) ? k_padd(k, from[o], k_imuli(k, by, stride(m, o))) : from[o];
}

static Val load_external(void *ctx, uint32_t ext, VType t) {
    MatMul *m = ctx;
    int o = EXT + (int)ext;
    (void)t;
    return load_as(m->k, m->dt[o], m->row[o], matmul_col_stride(m, o) * m->lanes * m->vec,
                   matmul_col_stride(m, o), m->lanes, m->vec_lanes);
}
void matmul_epilogue(MatMul *m, const Micro *u, Val sums, const Val at[MAX_OPERANDS], Val lo,
                     Val hi) {
    Kern *k = m->k;
    VType vt = vec_type(DT_F32, m->lanes);
    Val r = k_loop(k, lo, hi, 1);
    Val src = k_padd(k, sums, k_imuli(k, r, m->tile_row));
    for (int o = 0; o < m->nest.noperands; o++) {
        int64_t stride = matmul_row_stride(m, o);
        if (o != A && o != B) m->row[o] = stride ? k_padd(k, at[o], k_imuli(k, r, stride)) : at[o];
    }
    for (int j = 0; j < u->nv; j++) {
        m->vec = j;
        m->vec_lanes = j == u->nv - 1 ? u->tail : m->lanes;
        Val v = k_load(k, vt, src, (int64_t)j * m->lanes * 4, m->lanes);
        if (m->is_last_chunk) v = fused_emit(m->f, k, v, m->lanes, load_external, m);
        store_as(k, m->dt[C], m->row[C], matmul_col_stride(m, C) * m->lanes * j,
                 matmul_col_stride(m, C), v, m->vec_lanes);
    }
    k_end(k);
}
static void epilogue(MatMul *m, const Micro *u, const Val at[MAX_OPERANDS]) {
    Val first = k_index(m->k, 0), end = k_index(m->k, u->mr);
    matmul_epilogue(m, u, m->tile, at, first, end);
}
static void load_sum(MatMul *m, const Micro *u, Val c) { // earlier chunks, from C into the tile
    Kern *k = m->k;
    VType vt = vec_type(DT_F32, m->lanes);
    Val r = k_loopn(k, u->mr);
    Val src = k_padd(k, c, k_imuli(k, r, matmul_row_stride(m, C))),
        dst = k_padd(k, m->tile, k_imuli(k, r, m->tile_row));
    for (int j = 0; j < u->nv; j++) {
        int lanes = j == u->nv - 1 ? u->tail : m->lanes;
        k_store(k, dst, (int64_t)j * m->lanes * 4,
                k_load(k, vt, src, (int64_t)j * m->lanes * 4, lanes), m->lanes);
    }
    k_end(k);
}
// Operands at columns of panel p; A has none.
static void at_panel(MatMul *m, Val p, const Val from[MAX_OPERANDS], Val at[MAX_OPERANDS]) {
    Kern *k = m->k;
    Val shared = 0;
    if (m->parts > 1) { // by several of ours
        Val parts = k_index(k, m->parts);
        m->part = k_imod(k, p, parts);
        shared = k_idiv(k, p, parts);
    }
    for (int o = 0; o < m->nest.noperands; o++) {
        int64_t step = o == A ? 0 : o == B ? m->b_panel : matmul_col_stride(m, o) * m->columns;
        Val n = shared && o == B ? shared : p;
        at[o] = step ? k_padd(k, from[o], k_imuli(k, n, step)) : from[o];
    }
    if (shared) at[B] = k_padd(k, at[B], k_imuli(k, m->part, m->columns * b_nbytes(m) * m->b_deep));
}
// One vector of halves (`lanes` exist), or of words of bf16, as f32: a row of `to`, or as many as a
// word has k.
static void widen_vector(MatMul *m, Val from, Val to, int64_t column, int lanes) {
    Kern *k = m->k;
    int64_t at = column * b_nbytes(m) * m->b_deep;
    if (m->b_deep == 1) {
        Val v = k_load(k, vec_type(m->b_dt, m->lanes), from, at, lanes);
        k_store(k, to, column * 4, k_cvt(k, DT_F32, v), m->lanes);
        return;
    }
    VType vt = vec_type(DT_I32, m->lanes);
    for (int64_t i = 0; i < m->b_deep; i += 2) {
        int64_t stride = 2 * m->b_deep, row = (i * m->columns + column) * 4;
        Val pairs = stride == 4 ? k_load(k, vt, from, at, m->lanes)
                                : k_loads(k, vt, from, at + 2 * i, stride, m->lanes);
        Val high = k_const_i(k, vt, -0x10000);
        Val even = k_shift(k, K_SHL, pairs, 16), odd = k_op2(k, K_AND, pairs, high);
        k_store(k, to, row, k_bitcast(k, DT_F32, even), m->lanes);
        k_store(k, to, row + m->columns * 4, k_bitcast(k, DT_F32, odd), m->lanes);
    }
}
// The chunk's part of a panel of halves, `columns` of which exist, as f32.
static void widen_panel(MatMul *m, Val panel, int64_t columns, int64_t depth) {
    Kern *k = m->k;
    Val i = k_loopn(k, ceil_div(depth, m->b_deep));
    Val from = k_padd(k, panel, k_imuli(k, i, m->b_deep * m->b_k));
    Val to = k_padd(k, m->wide, k_imuli(k, i, m->b_deep * m->columns * 4));
    for (int64_t c = 0; c < columns; c += m->lanes)
        widen_vector(m, from, to, c, (int)min_i64(m->lanes, columns - c));
    k_end(k);
}
// One block: u->mr rows, the `nth` of its pass, of one panel.
static void one_block(MatMul *m, Micro u, Val nth, Val at[MAX_OPERANDS], int64_t depth) {
    Kern *k = m->k;
    if (u.next.lines) {
        int64_t per_block = depth / u.next.group * u.next.lines * 64;
        int64_t ahead = m->choice.prefetch_ahead * m->choice.panels * m->b_panel;
        u.next.at = k_padd(k, k_paddi(k, at[B], ahead), k_imuli(k, nth, per_block));
        if (m->parts > 1) { // each part fetches its share of the whole next panel
            int64_t share = (depth - m->b_deep) * m->columns * b_nbytes(m);
            u.next.at = k_padd(k, u.next.at, k_imuli(k, m->part, share));
        }
    }
    if (m->has_sum) load_sum(m, &u, at[C]);
    Val b = m->wide ? m->wide : at[B];
    micro_blocked(k, &u, at[A], b, depth, m->block, m->tile, m->tile_row, m->has_sum);
    epilogue(m, &u, at);
}
// `count` blocks of u.mr rows starting at row `first` of a line, which is in block `first_block` of
// the pass; panels [p, end).
static void row_blocks(MatMul *m, Micro u, int64_t first, Val first_block, int64_t count,
                       const Val at[MAX_OPERANDS], Val p, Val end, int64_t depth) {
    Kern *k = m->k;
    if (!count) return;
    Val i = k_loopn(k, count), here[MAX_OPERANDS], there[MAX_OPERANDS];
    Val row = k_iaddi(k, k_imuli(k, i, u.mr), first), nth = k_iadd(k, i, first_block);
    matmul_move_rows(m, matmul_row_stride, row, at, here);
    if (m->choice.panels == 1) {
        one_block(m, u, nth, here, depth);
    } else {
        at_panel(m, k_loop(k, p, end, 1), here, there);
        one_block(m, u, nth, there, depth);
        k_end(k);
    }
    k_end(k);
}
// Panels [lo, hi) of `columns` columns, all rows of the pass, depth [from, from + depth).
static void panels(MatMul *m, Val lo, Val hi, int64_t columns, Val from, int64_t depth) {
    Kern *k = m->k;
    Micro u = {.lanes = m->lanes,
               .nv = (int)ceil_div(columns, m->lanes),
               .a_row = matmul_row_stride(m, A),
               .a_k = m->a_k,
               .b_k = m->wide ? m->columns * 4 : m->b_k,
               .word = m->word,
               .runs = m->runs};
    u.tail = (int)(columns - (int64_t)(u.nv - 1) * m->lanes);
    int64_t group = m->choice.panels;
    Val p = k_loop(k, lo, hi, group), at[MAX_OPERANDS], base[MAX_OPERANDS];
    Val end = group > 1 ? k_imin(k, k_iaddi(k, p, group), hi) : 0;
    for (int o = 0; o < m->nest.noperands; o++) base[o] = m->base[o];
    if (m->runs.run)
        u.runs.first = k_idiv(k, from, k_index(k, m->runs.run));
    else
        base[A] = k_padd(k, base[A], k_imul(k, from, k_index(k, m->a_k)));
    base[B] = k_padd(k, base[B], k_imul(k, from, k_index(k, m->b_k)));
    if (group == 1)
        at_panel(m, p, base, at);
    else
        memcpy(at, base, sizeof at);
    if (m->is_tiled) {
        matmul_tile_panel(m, &u, at);
        k_end(k);
        return;
    }
    if (m->wide) widen_panel(m, at[B], m->is_packed ? m->columns : columns, depth);
    RowSplit s = sched_rows(m->m, m->choice.rows);
    if (m->is_packed) {
        Choice c = m->choice;
        if (m->runs.run) c.prefetch_group = m->runs.run;
        PrefetchRate rate =
            sched_prefetch(&c, m->lines * s.count, m->columns * b_nbytes(m), m->block, depth);
        u.next = (Prefetch){.group = rate.group, .lines = rate.lines};
    }
    Val line = m->lines > 1 ? k_loopn(k, m->lines) : k_index(k, 0), here[MAX_OPERANDS];
    matmul_move_rows(m, matmul_line_stride, line, at, here);
    Val block = k_imuli(k, line, s.count);
    u.mr = s.rows;
    row_blocks(m, u, 0, block, s.big, here, p, end, depth);
    u.mr = s.rows - 1;
    row_blocks(m, u, s.big * s.rows, k_iaddi(k, block, s.big), s.count - s.big, here, p, end,
               depth);
    if (m->lines > 1) k_end(k);
    k_end(k);
}
static void all_panels(MatMul *m, Val lo, Val hi, Val from, int64_t depth) {
    int64_t whole = m->n / m->columns, rest = m->n % m->columns;
    Val w = k_index(m->k, whole);
    if (whole) panels(m, lo, k_imin(m->k, hi, w), m->columns, from, depth);
    if (rest) panels(m, k_imax(m->k, lo, w), hi, rest, from, depth);
}
// The K chunks of one pass: the first starts the sums, the last runs the epilogue.
static void chunks(MatMul *m, Val lo, Val hi) {
    Kern *k = m->k;
    int64_t count = ceil_div(m->kn, m->chunk), last = m->kn - (count - 1) * m->chunk;
    m->has_sum = false;
    m->is_last_chunk = count == 1;
    all_panels(m, lo, hi, k_index(k, 0), count == 1 ? m->kn : m->chunk);
    if (count == 1) return;
    m->has_sum = true;
    if (count > 2) {
        Val second = k_index(k, 1), final = k_index(k, count - 1), c = k_loop(k, second, final, 1);
        all_panels(m, lo, hi, k_imuli(k, c, m->chunk), m->chunk);
        k_end(k);
    }
    m->is_last_chunk = true;
    all_panels(m, lo, hi, k_index(k, (count - 1) * m->chunk), last);
}
// Tasks lo..hi of the slice as passes q and, within each, a range of panels.
static void slice_body(MatMul *m, Build *b, int64_t npanels) {
    Kern *k = m->k;
    Val lo = k_lo(k), hi = k_hi(k), np = k_index(k, npanels), index[MAX_RANK];
    Val q_lo = k_idiv(k, lo, np), q_hi = k_idiv(k, k_iaddi(k, hi, npanels - 1), np);
    Val q = k_loop(k, q_lo, q_hi, 1);
    lower_decode(b->k, q, (int)m->outer_rank, m->outer, index);
    for (int o = 0; o < m->nest.noperands; o++)
        m->base[o] = lower_walk(b->k, m->arg[o], (int)m->outer_rank, index, m->nest.stride[o]);
    Val first = k_imul(k, q, np), zero = k_index(k, 0);
    Val from = k_imax(k, k_isub(k, lo, first), zero), to = k_imin(k, k_isub(k, hi, first), np);
    chunks(m, from, to);
    k_end(k);
}

// ---- shapes ----------------------------------------------------------------------------------
// The index space of C: [outer.., rows, columns], with A's k and B's k taken out.
static View take_axis(const View *v, int axis,
                      int64_t *stride) { // its stride apart, broadcast in the view
    View r = *v;
    *stride = v->dim[axis] == 1 ? 0 : v->stride[axis];
    r.stride[axis] = 0;
    return r;
}
static void describe(MatMul *m, const View *c, const View *a, const View *b) {
    int rank = c->rank;
    m->nest = nest_new(rank, c->dim);
    nest_add(&m->nest, c);
    View ax = take_axis(a, a->rank - 1, &m->a_k);
    ax.dim[a->rank - 1] = 1;
    ax = view_broadcast(&ax, rank, c->dim);
    nest_add(&m->nest, &ax);
    View bx = *b;
    if (m->is_packed) {
        bx.rank = 0; // walked panel by panel, not by the nest
    } else {
        bx = take_axis(b, b->rank - 2, &m->b_k);
        bx.dim[b->rank - 2] = 1;
    }
    bx = view_broadcast(&bx, rank, c->dim);
    nest_add(&m->nest, &bx);
    for (uint32_t i = 0; i < m->f->next; i++) nest_add(&m->nest, &m->ext[i]);
}

// ---- A in place ------------------------------------------------------------------------------
// The first of v's last axes that together hold `count` elements, or -1.
static int split_axis(const View *v, int64_t count) {
    int64_t n = 1;
    int i = v->rank;
    while (i > 0 && n < count) n *= v->dim[--i];
    return n == count ? i : -1;
}
// Axes axis.. of v as runs of k.
static Runs runs_of(const View *v, int axis, int64_t *a_k) {
    Nest n = nest_new(v->rank - axis, v->dim + axis);
    View k = *v;
    k.rank -= axis;
    for (int i = 0; i < k.rank; i++) {
        k.dim[i] = v->dim[axis + i];
        k.stride[i] = v->stride[axis + i];
    }
    nest_add(&n, &k);
    nest_collapse(&n, 0);
    Runs r = {.rank = n.rank - 1};
    *a_k = n.stride[0][r.rank];
    if (r.rank) r.run = n.dim[r.rank];
    for (int i = 0; i < r.rank; i++) {
        r.dim[i] = n.dim[i];
        r.stride[i] = n.stride[0][i];
    }
    return r;
}
// C and the epilogue's operands get the rows of A: its axes before `axis`.
static bool split_rows(MatMul *m, View *c, const View *a, int axis) {
    int64_t dim[MAX_RANK];
    for (int i = 0; i < axis; i++) dim[i] = a->dim[i];
    dim[axis] = m->n;
    bool ok = view_reshape(c, axis + 1, dim, c);
    for (uint32_t i = 0; i < m->f->next && ok; i++)
        ok = view_reshape(&m->ext[i], axis + 1, dim, &m->ext[i]);
    return ok;
}
// When A is a reshape that was not made (patches of an image, whose k are lines of pixels a row
// apart): reads what it reshapes.
static bool find_in_place(MatMul *m, NodeId an, View *c, View *a) {
    View src, was = *c;
    if (!m->is_packed || !lower_unmade(m->l, an, &src) || src.dt != DT_F32) return false;
    int axis = split_axis(&src, m->kn);
    if (axis < 1) return false;
    Runs runs = runs_of(&src, axis, &m->a_k);
    if (runs.run && sched_k_block(m->kn) % runs.run) return false;
    if (!split_rows(m, c, &src, axis)) {
        *c = was;
        for (uint32_t i = 0; i < m->f->next; i++) m->ext[i] = m->f->view[i];
        return false;
    }
    m->runs = runs;
    *a = src;
    a->rank = axis + 1;
    a->dim[axis] = m->kn;
    a->stride[axis] = m->a_k;
    return true;
}

// ---- passes ----------------------------------------------------------------------------------
// Rows of all outer loops that merge become one; a long pass is cut into chunks of rows that fit
// L2.
static void cut_rows(MatMul *m) {
    Nest *n = &m->nest;
    nest_collapse(n, 1);
    // one row in each pass: its loop is gone, and the one before it has another B every time
    if (n->rank == 1 || n->stride[B][n->rank - 2] != 0) {
        int last = n->rank++;
        n->dim[last] = n->dim[last - 1];
        n->dim[last - 1] = 1;
        for (int o = 0; o < n->noperands; o++) {
            n->stride[o][last] = n->stride[o][last - 1];
            n->stride[o][last - 1] = 0;
        }
    }
    int64_t rows = n->dim[n->rank - 2];
    int64_t wanted = sched_m_chunk(&m->choice, m->l->target, rows, m->kn), fit = wanted;
    while (rows % fit) fit++; // exact: the next divisor
    if (fit < rows && fit <= 2 * wanted && n->rank < MAX_RANK) {
        for (int i = n->rank; i > n->rank - 2; i--) {
            n->dim[i] = n->dim[i - 1];
            for (int o = 0; o < n->noperands; o++) n->stride[o][i] = n->stride[o][i - 1];
        }
        for (int o = 0; o < n->noperands; o++) n->stride[o][n->rank - 2] *= fit;
        n->dim[n->rank - 2] = rows / fit;
        n->dim[n->rank - 1] = fit;
        n->rank++;
    }
    // a few rows that do not merge with the next few still share a pass over packed weights
    int64_t two = n->rank > 2 ? rows * n->dim[n->rank - 3] : rows;
    bool shares =
        m->is_packed && two > rows && two == sched_m_chunk(&m->choice, m->l->target, two, m->kn);
    m->lines = shares ? n->dim[n->rank - 3] : 1;
    m->outer_rank = n->rank - (shares ? 3 : 2);
    m->passes = 1;
    for (int i = 0; i < m->outer_rank; i++) m->passes *= m->outer[i] = n->dim[i];
    m->m = n->dim[n->rank - 2];
}
static const char *kernel_name(const MatMul *m) {
    bool is_half = m->b_dt != DT_F32;
    return arena_printf(m->l->prog->arena, "matmul_%lldx%lldx%lld%s%s%s",
                        (long long)(m->lines * m->m), (long long)m->n, (long long)true_depth(m),
                        is_half ? "_" : "", is_half ? dtype_info[m->b_dt].text : "",
                        fused_suffix(m->f));
}
static void emit_matmul(MatMul *m, const View *c, const View *a, const View *b) {
    Build build = build_new(m->l, kernel_name(m));
    Kern *k = m->k = build.k;
    const View *operand[EXT] = {c, a, b};
    for (int o = 0; o < m->nest.noperands; o++) {
        const View *v = o < EXT ? operand[o] : &m->ext[o - EXT];
        static const char *const name[EXT] = {"c", "a", "b"};
        m->arg[o] = build_arg(
            &build, o < EXT ? name[o] : arena_printf(m->l->prog->arena, "e%d", o - EXT), v, o == C);
        m->dt[o] = v->dt;
    }
    m->tile_row = m->choice.vectors * m->lanes * 4;
    int64_t sums = m->is_tiled ? matmul_tile_rows(m) : m->choice.rows;
    m->tile = k_scratch(k, (uint64_t)(sums * m->tile_row));
    int64_t wide_rows = ceil_div(m->chunk, m->b_deep) * m->b_deep;
    if (m->b_dt != DT_F32 && !m->word)
        m->wide = k_scratch(k, (uint64_t)(wide_rows * m->columns * 4));
    int64_t npanels = ceil_div(m->n, m->columns);
    slice_body(m, &build, npanels);
    const Node *node = graph_node(m->l->g, m->f->anchor);
    const LocInfo *at = diag_at(m->l->c->diag, node->loc);
    *PUSH(k->arena, &k->loc) = node->loc;
    double rows = (double)(m->passes * m->lines * m->m);
    double flops = 2.0 * rows * (double)m->n * (double)true_depth(m);
    build_launch(&build, m->passes * npanels, flops, at->node ? at->node : "matmul");
}
// Products of bf16 where the machine has them: *a becomes A in words.
static bool find_words(MatMul *m, NodeId an, View *a) {
    View v;
    if (m->b_deep == 1 || !lower_unmade(m->l, an, &v)) return false;
    int last = v.rank - 1;
    int64_t nbytes = 2 * m->b_deep;
    bool ok = v.dt == DT_BF16 && v.stride[last] == 2 && m->kn % m->b_deep == 0;
    for (int i = 0; i < last; i++) ok = ok && v.stride[i] % nbytes == 0;
    if (!ok || v.offset % nbytes || !isa_has_products(m->l->target)) return false;
    v.dim[last] /= m->b_deep;
    v.stride[last] = nbytes;
    *a = v;
    m->word = (int)m->b_deep;
    m->is_tiled = isa_has_tiles(m->l->target);
    m->kn /= m->word;
    m->b_deep = 1;
    return true;
}
// How a weight lies, for all levels that read it: a word of bf16 is what the products take.
static PackKind pack_of(const Lower *l, DType dt) {
    if (dt != DT_BF16) return PACK_PANEL;
    return passes_have(l->opt, isa_has_blocks) ? PACK_QUADS : PACK_PAIRS;
}
// A weight that was rounded to a half type (pass dtype) lies in the image as that.
static NodeId stored_weight(Lower *l, NodeId w) {
    const Node *n = graph_node(l->g, w);
    if (n->op != OP_CAST || n->type.dt != DT_F32 || !lower_is_const(l, w)) return w;
    return dtype_is_half(graph_type(l->g, n->in[0])->dt) ? n->in[0] : w;
}
bool lower_matmul(Lower *l, const Fused *f) {
    const Node *node = graph_node(l->g, f->anchor);
    NodeId an = node->in[0], bn = stored_weight(l, node->in[1]);
    bool trans = node_int(node, AT_TRANS_B, 0) != 0;
    Type bt = *graph_type(l->g, bn), ct = node->type;
    MatMul m = {.l = l, .f = f, .b_dt = DT_F32, .lanes = (int)target_lanes(l->target, 4)};
    const Type *at = graph_type(l->g, an);
    m.kn = at->dim[at->rank - 1];
    m.n = ct.dim[ct.rank - 1];
    Shape shape = {{type_count(&ct) / m.n, m.n, m.kn}};
    m.choice = sched_choose_for(OP_MATMUL, bt.dt, shape, l->target, l->opt->tuning);
    m.columns = m.choice.vectors * m.lanes;
    m.parts = m.b_deep = 1;
    m.is_packed = lower_is_const(l, bn) && type_count(&bt) == m.kn * m.n;
    memcpy(m.ext, f->view, sizeof m.ext);
    View a, b, c = lower_dest(l, f->result);
    bool has_a = find_in_place(&m, an, &c, &a);
    if (m.is_packed) {
        int64_t panel = sched_panel(bt.dt, shape, l->opt->target, l->opt->also, l->opt->tuning);
        PackKind pack = pack_of(l, bt.dt);
        b = lower_region(
            l, (Region){.expr = bn, .pack = pack, .trans = trans, .nr = (int32_t)panel}, &bt);
        m.b_dt = b.dt;
        m.b_deep = pack_deep(pack);
        has_a = has_a || find_words(&m, an, &a);
        m.b_k = panel * b_nbytes(&m);
        m.b_panel = ceil_div(m.kn, m.b_deep) * m.b_deep * m.b_k;
        m.parts = panel / m.columns;
    } else {
        bool is_stored_half = lower_is_const(l, bn) && dtype_is_half(bt.dt);
        b = is_stored_half ? lower_region(l, (Region){.expr = bn, .pack = PACK_HALVES}, &bt)
                           : lower_f32_view(l, bn);
        m.b_dt = b.dt;
        if (trans) {
            int64_t perm[MAX_RANK];
            for (int i = 0; i < b.rank; i++) perm[i] = i;
            perm[b.rank - 1] = b.rank - 2;
            perm[b.rank - 2] = b.rank - 1;
            b = view_transpose(&b, perm);
        }
        b = lower_contiguous_rows(l, &b);
        m.b_panel = m.columns * b_nbytes(&m);
    }
    if (m.is_tiled || (m.b_dt != DT_F32 && !m.word)) m.choice.panels = 1;
    if (!has_a) a = lower_f32_view(l, an);
    if (!m.is_packed && b.dim[b.rank - 1] == 1) b.stride[b.rank - 1] = b_nbytes(&m);
    describe(&m, &c, &a, &b);
    cut_rows(&m);
    m.block = sched_k_block(m.kn);
    bool can_chunk = c.dt == DT_F32 && matmul_col_stride(&m, C) == 4;
    m.chunk = can_chunk && !m.is_tiled ? sched_k_chunk(&m.choice, l->target, m.m, m.kn) : m.kn;
    while (m.chunk % m.b_deep && m.chunk < m.kn) m.chunk += m.block;
    emit_matmul(&m, &c, &a, &b);
    build_tunable(l, OP_MATMUL, shape);
    return true;
}
