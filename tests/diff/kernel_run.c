// kernel_run.c: see kernel_run.h.
#include "tests/diff/kernel_run.h"
#include "ir/program_access.h"
#include "passes/passes.h"
#include <stdio.h>
#include <string.h>

const char *const inputs_text[INPUT_COUNT] = {"random", "bytes", "zero"};

// ---- inputs ----------------------------------------------------------------------------------
void inputs_fill(Inputs inputs, const Memory *m, uint64_t seed, int64_t hi) {
    Random r = {seed * 16 + (uint64_t)hi};
    for (int k = 0; k < m->n; k++) {
        bool bools = m->dt[k] == DT_BOOL;
        if (inputs == INPUT_RANDOM)
            random_bytes(&r, m->start[k], m->nbytes[k], bools);
        else
            memset(m->start[k], 0, m->nbytes[k]);
        if (inputs != INPUT_BYTES) continue;
        for (uint64_t i = 0; i < m->nbytes[k]; i++) m->start[k][i] = (char)(i % (bools ? 2 : 128));
    }
}
int64_t inputs_first_task(uint64_t seed, int64_t hi) {
    Random r = {seed * 16 + 8 + (uint64_t)hi};
    return hi ? random_below(&r, (uint32_t)hi) : 0;
}

static void element_fill(Random *r, DType dt, char *p, uint64_t i, bool special) {
    DClass cls = dtype_info[dt].cls;
    double unit = (double)(int64_t)random_next(r) * 0x1p-63;
    if (cls != CLASS_FLOAT) // other integers than bytes can be indices
        dtype_write_i(dt, p, i, random_below(r, dt == DT_U8 ? 256 : 2));
    else if (special && random_one_in(r, 16))
        random_element(r, dt, p, i);
    else
        dtype_write_f(dt, p, i, random_one_in(r, 16) ? unit * 0x1p-130 : 2 * unit);
}
void elements_fill(const Memory *m, uint64_t seed, bool special) {
    Random r = {seed};
    for (int k = 0; k < m->n; k++) {
        if (m->dt[k] == DT_NONE)
            random_bytes(&r, m->start[k], m->nbytes[k], false);
        else
            for (uint64_t i = 0; i < m->nbytes[k] / dtype_info[m->dt[k]].nbytes; i++)
                element_fill(&r, m->dt[k], m->start[k], i, special);
    }
}

// ---- memory ----------------------------------------------------------------------------------
Memory random_kernel_memory(void) {
    static const char *const names[BUFFERS] = {"x", "y", "flags", "out"};
    Memory m = {0};
    for (int i = 0; i < BUFFERS; i++)
        memory_add(&m, names[i], i == 2 ? DT_BOOL : DT_NONE, BUFFER_BYTES);
    memory_add(&m, "scratch", DT_NONE, SCRATCH_BYTES);
    return m;
}
bool kernel_memory(const Kern *k, Memory *m) {
    Ctx c = quiet_ctx("access");
    const Access *access = launch_access(k, MAX_TASKS, c.arena);
    bool ok = k->param.n < MAX_REGIONS;
    for (uint32_t i = 0; i < k->param.n && ok; i++) {
        DType dt = k->param.data[i].dt;
        int64_t nbytes = access[i].is_unbounded ? 0 : access[i].hi;
        memory_add(m, k->param.data[i].name, dt == DT_BOOL ? dt : DT_NONE,
                   (uint64_t)max_i64(nbytes, BUFFER_BYTES));
        ok = access[i].lo >= 0 && nbytes < 1 << 24;
    }
    if (!ok) fprintf(stderr, "@%s: too many parameters, or far away\n", k->name);
    memory_add(m, "scratch", DT_NONE, round_up(k->scratch_bytes + 1, 64));
    ctx_free(&c);
    return ok;
}

// ---- one program -----------------------------------------------------------------------------
Program *kernel_program(Ctx *c, const KernelRun *r) {
    Program *p = program_new(c->arena, r->target, graph_new(c->arena));
    p->max_slices = 1;
    for (uint32_t i = 0; i < r->n; i++) {
        const char *name = r->kern[i]->name;
        Kern *legal = kern_new(c->arena, name, r->target);
        Kern *numbered = kern_new(c->arena, name, r->target);
        if (!kern_check(r->kern[i], c->diag, false)) return NULL;
        pass_tiles((Kern *)(uintptr_t)r->kern[i], numbered);
        pass_legal(numbered, legal);
        if (!kern_check(legal, c->diag, true)) return NULL;
        *PUSH(c->arena, &p->kern) = legal;
        *PUSH(c->arena, &p->launch) = (Launch){.kern = i, .grid = 1, .label = ""};
    }
    return p;
}
// Equal bytes, or NaNs of f32 or of halves where that is enough.
static bool same_region(const KernelRun *r, DType held, const char *x, const char *y, uint64_t n) {
    if (!memcmp(x, y, n)) return true;
    DType dt = dtype_is_half(held) ? held : DT_F32;
    uint64_t size = dtype_info[dt].nbytes;
    for (uint64_t i = 0; i < n / size; i++) {
        double v = dtype_read_f(dt, x, i), w = dtype_read_f(dt, y, i);
        bool same = !memcmp(x + size * i, y + size * i, size);
        if (!same && (!r->is_model || v == v || w == w)) return false;
    }
    return !memcmp(x + n / size * size, y + n / size * size, n % size);
}
static bool same_bytes(const KernelRun *r, const Memory *m, uint32_t i, const char *printer,
                       int64_t lo, int64_t hi) {
    for (int k = 0; k < m->n; k++) {
        uint64_t at = 0;
        if (same_region(r, m->dt[k], m->got[k], m->want[k], m->nbytes[k])) continue;
        while (m->got[k][at] == m->want[k][at]) at++;
        fprintf(stderr,
                "%s: @%s: %s: tasks %lld to %lld: byte %llu of %s is %02x, should be %02x\n",
                r->target->name, r->kern[i]->name, printer, (long long)lo, (long long)hi,
                (unsigned long long)at, m->name[k], (unsigned char)m->got[k][at],
                (unsigned char)m->want[k][at]);
        return false;
    }
    return true;
}
static Verdict compare(const KernelRun *r, const Program *p, Printed printed[], uint32_t i,
                       int64_t lo, int64_t hi) {
    const Memory *m = r->is_model ? &r->m[i] : r->m;
    const Kern *meaning = r->exact ? r->kern[i] : p->kern.data[i];
    void *want[MAX_REGIONS], *got[MAX_REGIONS];
    for (int k = 0; k < m->n; k++) {
        memcpy(m->want[k], m->start[k], m->nbytes[k]);
        want[k] = m->want[k] + m->lead[k];
        got[k] = m->got[k] + m->lead[k];
    }
    phase_begin(true, 60);
    kern_eval(meaning, want, want[m->n - 1], lo, hi);
    phase_begin(false, 60);
    for (uint32_t j = 0; j < r->nprinters; j++) {
        for (int k = 0; k < m->n; k++) memcpy(m->got[k], m->start[k], m->nbytes[k]);
        printed[j].info->object->launches[i].kernel(got, got[m->n - 1], lo, hi);
        if (!same_bytes(r, m, i, r->printer[j].name, lo, hi)) return DIFFERS;
    }
    return SAME;
}
static Verdict compare_runs(const KernelRun *r, const Program *p, Printed printed[], uint32_t i) {
    Verdict v = SAME;
    for (int special = 0; special < 2 && v == SAME && r->is_model; special++) {
        elements_fill(&r->m[i], i, special);
        v = compare(r, p, printed, i, 0, r->tasks[i]);
    }
    if (r->is_model) return v;
    if (r->tasks) return compare(r, p, printed, i, 0, r->tasks[i]);
    for (int64_t hi = 0; hi <= MAX_TASKS && v == SAME; hi++) {
        inputs_fill(r->inputs, r->m, r->seed[i], hi);
        v = compare(r, p, printed, i, inputs_first_task(r->seed[i], hi), hi);
    }
    return v;
}
static Verdict run(void *ctx) {
    const KernelRun *r = ctx;
    Ctx c = loud_ctx("kernels");
    Printed printed[MAX_PRINTERS];
    Program *p = kernel_program(&c, r);
    Source src = {p, NULL};
    if (!p) return INVALID;
    for (uint32_t j = 0; j < r->nprinters; j++)
        if (!printer_print(&r->printer[j], &c, &src, 1, &printed[j])) return REFUSED;
    Verdict v = SAME;
    for (uint32_t i = 0; i < r->n && v == SAME; i++) v = compare_runs(r, p, printed, i);
    return v; // the child ends: nothing is given back
}
Verdict kernel_run(const KernelRun *r, bool quiet) {
    return in_child(run, (void *)(uintptr_t)r, quiet);
}

// ---- for another machine ---------------------------------------------------------------------
static void add_case(Str *out, const KernelRun *r, const Kern *k, uint32_t i, int64_t hi) {
    const Memory *m = r->m;
    void *want[MAX_REGIONS];
    int64_t lo = inputs_first_task(r->seed[i], hi);
    int64_t head[] = {i, m->n, lo, hi};
    inputs_fill(r->inputs, m, r->seed[i], hi);
    str_add_n(out, head, sizeof head);
    for (int n = 0; n < m->n; n++) str_add_n(out, &m->nbytes[n], 8);
    for (int n = 0; n < m->n; n++) {
        str_add_n(out, m->start[n], m->nbytes[n]);
        want[n] = memcpy(m->want[n], m->start[n], m->nbytes[n]);
    }
    kern_eval(k, want, want[m->n - 1], lo, hi);
    for (int n = 0; n < m->n; n++) str_add_n(out, m->want[n], m->nbytes[n]);
}
bool kernel_write(Ctx *c, const KernelRun *r, const char *dir) {
    Program *p = kernel_program(c, r);
    Str cases = str_new(c->arena);
    if (!p || !printers_write(c, p, dir)) return false;
    for (uint32_t i = 0; i < r->n; i++) add_case(&cases, r, p->kern.data[i], i, MAX_TASKS);
    return write_file(arena_printf(c->arena, "%s/cases.bin", dir), cases.data, cases.n);
}
