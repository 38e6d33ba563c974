// vlanes.c: reductions are defined over 16 virtual lanes, whatever the vector width, so that their
// bits are the same on every machine. A virtual vector is 16/n real ones.
#include "passes/lower/lower.h"

int vv_lanes(const Kern *k) {
    return (int)min_i64((int64_t)target_lanes(k->target, 4), VLANES);
}
static VV shape(const Kern *k) {
    int n = vv_lanes(k);
    return (VV){.parts = VLANES / n, .n = n};
}
static VType part_type(VV x) {
    return vec_type(DT_F32, x.n);
}
static int part_lanes(VV x, int i, int lanes) {
    return (int)max_i64(0, min_i64(x.n, lanes - i * x.n));
}

VV vv_load(Kern *k, Val p, int64_t disp, int lanes) {
    VV x = shape(k);
    for (int i = 0; i < x.parts; i++) {
        int have = part_lanes(x, i, lanes);
        x.v[i] = have ? k_load(k, part_type(x), p, disp + i * x.n * 4, have)
                      : k_const_f(k, part_type(x), 0);
    }
    return x;
}
void vv_store(Kern *k, Val p, int64_t disp, VV x, int lanes) {
    for (int i = 0; i < x.parts; i++) {
        int have = part_lanes(x, i, lanes);
        if (have) k_store(k, p, disp + i * x.n * 4, x.v[i], have);
    }
}
void vv_store_as(Kern *k, DType stored, Val p, int64_t disp, VV x, int lanes) {
    int64_t nbytes = dtype_info[stored].nbytes;
    for (int i = 0; i < x.parts; i++) {
        int have = part_lanes(x, i, lanes);
        if (have) store_as(k, stored, p, disp + i * x.n * nbytes, nbytes, x.v[i], have);
    }
}
VV vv_const(Kern *k, double c) {
    VV x = shape(k);
    for (int i = 0; i < x.parts; i++) x.v[i] = k_const_f(k, part_type(x), c);
    return x;
}
VV vv_bcast(Kern *k, Val scalar) {
    VV x = shape(k);
    Val v = x.n == 1 ? scalar : k_bcast(k, scalar, x.n);
    for (int i = 0; i < x.parts; i++) x.v[i] = v;
    return x;
}
VV vv_bcast_load(Kern *k, Val p, int64_t disp) {
    VV x = shape(k);
    Val v = k_loadb(k, part_type(x), p, disp);
    for (int i = 0; i < x.parts; i++) x.v[i] = v;
    return x;
}
VV vv_op1(Kern *k, KOp op, VV x) {
    for (int i = 0; i < x.parts; i++) x.v[i] = k_op1(k, op, x.v[i]);
    return x;
}
VV vv_op2(Kern *k, KOp op, VV x, VV y) {
    for (int i = 0; i < x.parts; i++) x.v[i] = k_op2(k, op, x.v[i], y.v[i]);
    return x;
}
VV vv_fma(Kern *k, VV x, VV y, VV z) {
    for (int i = 0; i < x.parts; i++) x.v[i] = k_fma(k, x.v[i], y.v[i], z.v[i]);
    return x;
}
VV vv_keep(Kern *k, VV x, int lanes, double other) {
    for (int i = 0; i < x.parts; i++) {
        int have = part_lanes(x, i, lanes);
        if (have == x.n) continue;
        Val o = k_const_f(k, part_type(x), other);
        if (!have) {
            x.v[i] = o;
            continue;
        }
        VType it = vec_type(DT_I32, x.n);
        Val lane = k_iota(k, it), inside = k_cmp(k, P_LT, lane, k_const_i(k, it, have));
        x.v[i] = k_select(k, inside, x.v[i], o);
    }
    return x;
}
static Val reduce_parts(Kern *k, KOp op, VV x) {
    for (int half = x.parts / 2; half >= 1; half /= 2)
        for (int i = 0; i < half; i++) x.v[i] = k_op2(k, op, x.v[i], x.v[i + half]);
    return x.v[0];
}
Val vv_reduce(Kern *k, KOp op, VV x) {
    x.v[0] = reduce_parts(k, op, x);
    if (x.n == 1) return x.v[0];
    return k_rtree(k, op == K_ADD ? K_RSUM : op == K_MAX ? K_RMAX : K_RMIN, x.v[0]);
}
Val vv_reduce_rows(Kern *k, KOp op, Val p, int parts) {
    Val v[VLANES];
    int n = vv_lanes(k);
    for (int i = 0; i < n; i++) {
        VV x = vv_load(k, p, (int64_t)i * VLANES * 4, parts * n);
        x.parts = parts;
        v[i] = reduce_parts(k, op, x);
    }
    for (int half = n / 2; half >= 1; half /= 2)
        for (int i = 0; i < half; i++) {
            Val low = k_op2(k, K_ZIPLO, v[i], v[i + half]);
            v[i] = k_op2(k, op, low, k_op2(k, K_ZIPHI, v[i], v[i + half]));
        }
    return v[0];
}
VV vv_reg(Kern *k) {
    VV x = shape(k);
    for (int i = 0; i < x.parts; i++) x.v[i] = k_reg(k, part_type(x));
    return x;
}
VV vv_get(Kern *k, VV reg) {
    for (int i = 0; i < reg.parts; i++) reg.v[i] = k_get(k, reg.v[i]);
    return reg;
}
void vv_set(Kern *k, VV reg, VV x) {
    for (int i = 0; i < reg.parts; i++) k_set(k, reg.v[i], x.v[i]);
}
VV vv_exp2(Kern *k, VV x, int degree) {
    for (int i = 0; i < x.parts; i++) x.v[i] = k_shift(k, K_EXP2, x.v[i], degree);
    return x;
}
