// printers.c: see printers.h. C text is compiled as it asks for in its first lines, but at another
// -O level: which one must not matter.
#include "tests/diff/printers.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// ---- names -----------------------------------------------------------------------------------
static bool is_installed(Arena *a, const char *cc) {
    return !system(arena_printf(a, "command -v %s >/dev/null", cc));
}
uint32_t printers_parse(Arena *a, const char *list, Printer *out) {
    uint32_t n = 0;
    for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',') {
        Printer one = {.name = arena_strndup(a, p, strcspn(p, ","))};
        const char *level = strstr(one.name, "-O");
        if (n == MAX_PRINTERS || (!level && strcmp(one.name, "llvm")))
            return fprintf(stderr, "no printer '%s'\n", one.name), 0;
        if (level) {
            one.cc = arena_strndup(a, one.name, (size_t)(level - one.name));
            one.level = level;
        }
        if (level && !is_installed(a, one.cc))
            printf("[SKIP] %s is not installed\n", one.cc);
        else
            out[n++] = one;
    }
    return n;
}

// ---- what is printed -------------------------------------------------------------------------
static Program *planted(const Printer *pr, Ctx *c, const Program *p) {
    Program *wrong = NEW(c->arena, Program);
    *wrong = *p;
    if (!pr->plant) return wrong;
    wrong->kern.data = NEW_N(c->arena, Kern *, p->kern.n);
    for (uint32_t i = 0; i < p->kern.n; i++)
        wrong->kern.data[i] = pr->plant(c->arena, p->kern.data[i]);
    return wrong;
}
static EmitOptions options(Ctx *c, uint32_t i) {
    return (EmitOptions){
        .prefix = arena_printf(c->arena, "p%u", i), .source_sha256 = "", .version = "test"};
}

// ---- LLVM ------------------------------------------------------------------------------------
static bool print_llvm(const Printer *pr, Ctx *c, const Source *src, Printed *out) {
    HostSymbol execute = {"vitc_execute", (const void *)(uintptr_t)vitc_execute};
    EmitOptions o = options(c, 0);
    Str object = str_new(c->arena);
    if (!llvm_emit_object(c, planted(pr, c, src->p), &o, &object)) return false;
    *out = (Printed){0};
    out->loaded =
        llvm_load(c, object.data, object.n, o.prefix, src->image ? src->image : "", &execute, 1);
    if (!out->loaded) return false;
    out->info = llvm_loaded_symbol(out->loaded, "p0_model");
    return out->info != NULL;
}

// ---- C ---------------------------------------------------------------------------------------
static const char *file_in(Ctx *c, const char *dir, uint32_t i, const char *end) {
    return arena_printf(c->arena, "%s/p%u%s", dir, i, end);
}
bool write_file(const char *path, const void *data, size_t n) {
    FILE *f = fopen(path, "w");
    bool ok = f && fwrite(data, 1, n, f) == n;
    return f && fclose(f) == 0 && ok;
}
static bool write_sources(const Printer *pr, Ctx *c, const char *dir, const Source *src,
                          uint32_t i) {
    EmitOptions o = options(c, i);
    Str text = str_new(c->arena), header = str_new(c->arena);
    const char *name = arena_printf(c->arena, "p%u.h", i);
    const char *weights = arena_printf(c->arena, "p%u.weights", i);
    Program *p = planted(pr, c, src->p);
    if (!c_emit_source(c, p, &o, weights, name, &text)) return false;
    header_print(p, &o, &header);
    return write_file(file_in(c, dir, i, ".c"), text.data, text.n) &&
           write_file(file_in(c, dir, i, ".h"), header.data, header.n) &&
           write_file(file_in(c, dir, i, ".weights"), src->image ? src->image : "",
                      src->image ? src->p->weight_bytes : 0);
}
static const char *command(const Printer *pr, Ctx *c, const char *dir, const Target *t,
                           uint32_t n) {
    Str s = str_new(c->arena);
    str_addf(&s, "cd %s && %s -std=c11 %s -w -Wno-psabi -ffp-contract=off -fPIC -shared -I%s", dir,
             pr->cc, pr->level, TEST_RUNTIME);
    for (size_t i = 0; feature_at(i); i++)
        if (target_has(t, feature_at(i)->bit)) str_addf(&s, " %s", feature_at(i)->cc);
    if (t->vbytes == 64) str_add(&s, " -mprefer-vector-width=512");
    for (uint32_t i = 0; i < n; i++) str_addf(&s, " p%u.c", i);
    str_addf(&s, " %s -lpthread -lm -o all.so", TEST_RUNTIME_LIBRARY);
    return str_cstr(&s);
}
static void remove_files(Ctx *c, const char *dir, uint32_t n) {
    static const char *const ends[] = {".c", ".h", ".weights"};
    for (uint32_t i = 0; i < n; i++)
        for (size_t j = 0; j < COUNT_OF(ends); j++) unlink(file_in(c, dir, i, ends[j]));
    unlink(arena_printf(c->arena, "%s/all.so", dir));
    rmdir(dir);
}
static bool print_c(const Printer *pr, Ctx *c, const Source *src, uint32_t n, Printed *out) {
    char dir[] = "/tmp/vitc-diff.XXXXXX";
    if (!mkdtemp(dir)) return false;
    bool ok = true;
    for (uint32_t i = 0; i < n && ok; i++) ok = write_sources(pr, c, dir, &src[i], i);
    ok = ok && !system(command(pr, c, dir, src[0].p->target, n));
    void *library = NULL;
    if (ok) library = dlopen(arena_printf(c->arena, "%s/all.so", dir), RTLD_NOW | RTLD_LOCAL);
    if (ok && !library) fprintf(stderr, "%s\n", dlerror());
    for (uint32_t i = 0; i < n && library; i++)
        out[i] = (Printed){.info = dlsym(library, arena_printf(c->arena, "p%u_model", i)),
                           .library = library};
    remove_files(c, dir, n);
    return library != NULL;
}

bool printer_print(const Printer *pr, Ctx *c, const Source *src, uint32_t n, Printed *out) {
    if (pr->cc) return print_c(pr, c, src, n, out);
    for (uint32_t i = 0; i < n; i++)
        if (!print_llvm(pr, c, &src[i], &out[i])) return false;
    return true;
}
void printed_free(Printed *p, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (p[i].loaded) llvm_unload(p[i].loaded);
    if (n && p[0].library) dlclose(p[0].library);
}

bool printers_write(Ctx *c, const Program *p, const char *dir) {
    EmitOptions o = {.prefix = "kernels", .source_sha256 = "", .version = "test"};
    Str text = str_new(c->arena), header = str_new(c->arena), object = str_new(c->arena);
    const char *at = arena_printf(c->arena, "%s/kernels", dir);
    if (!c_emit_source(c, p, &o, "kernels.weights", "kernels.h", &text)) return false;
    if (!llvm_emit_object(c, p, &o, &object)) return false;
    header_print(p, &o, &header);
    return write_file(arena_printf(c->arena, "%s.c", at), text.data, text.n) &&
           write_file(arena_printf(c->arena, "%s.h", at), header.data, header.n) &&
           write_file(arena_printf(c->arena, "%s.o", at), object.data, object.n) &&
           write_file(arena_printf(c->arena, "%s.weights", at), "", 0);
}
