// doctor.c: what this machine and this build offer: doctor, targets, version.
#include "driver/build.h"
#include "runtime/vitc.h"
#include <llvm-c/Core.h>
#include <string.h>
#include <unistd.h>

static const char *feature_list(Arena *a, uint64_t features) {
    Str s = str_new(a);
    for (size_t i = 0; feature_at(i); i++)
        if (features & feature_at(i)->bit)
            str_addf(&s, "%s%s", s.n ? " " : "", feature_at(i)->text);
    return s.n ? str_cstr(&s) : "none";
}
static const char *llvm_version(Arena *a) {
    unsigned major, minor, patch;
    LLVMGetVersion(&major, &minor, &patch);
    return arena_printf(a, "%u.%u.%u", major, minor, patch);
}
static uint64_t memory_bytes(int which) {
    return (uint64_t)sysconf(which) * (uint64_t)sysconf(_SC_PAGESIZE);
}

// ---- version --------------------------------------------------------------------------------
bool verb_version(Tool *t) {
    Str s = str_new(t->c.arena);
    if (t->opt.json) {
        Json j = json_put_begin(&s, "version");
        json_put_text(&j, "version", VITC_VERSION);
        json_put_uint(&j, "abi", VITC_ABI);
        json_put_text(&j, "llvm", llvm_version(t->c.arena));
        json_put_finish(&j);
    } else {
        str_addf(&s, "vitc %s (object ABI %u, LLVM %s)\n", VITC_VERSION, VITC_ABI,
                 llvm_version(t->c.arena));
    }
    return tool_print(t, &s);
}

// ---- targets --------------------------------------------------------------------------------
static void print_targets(Tool *t, Str *s) {
    str_addf(s, "%-26s %-8s %7s %9s %8s %8s  %-10s %-6s %s\n", "target", "arch", "vector",
             "registers", "L1d", "L2", "fallback", "here", "features");
    for (size_t i = 0; target_at(i); i++) {
        const Target *x = target_at(i);
        uint64_t have = usable_features();
        const char *here = !target_runs_here(x, have) ? "no"
                           : x == target_best(have)   ? "native"
                                                      : "yes";
        str_addf(s, "%-26s %-8s %3u bit %9u %4u KiB %4u KiB  %-10s %-6s %s\n", x->name,
                 arch_info[x->arch].name, 8 * x->vbytes, x->nvregs, x->l1_kib, x->l2_kib,
                 *x->fallback ? x->fallback : "none", here, feature_list(t->c.arena, x->features));
    }
}
static void json_targets(Str *s) {
    Json j = json_put_begin(s, "targets");
    json_put_array(&j, "targets");
    for (size_t i = 0; target_at(i); i++) {
        const Target *x = target_at(i);
        json_put_object(&j, NULL);
        json_put_text(&j, "name", x->name);
        json_put_text(&j, "arch", arch_info[x->arch].name);
        json_put_uint(&j, "vector_bytes", x->vbytes);
        json_put_uint(&j, "vector_registers", x->nvregs);
        json_put_uint(&j, "l1_kib", x->l1_kib);
        json_put_uint(&j, "l2_kib", x->l2_kib);
        json_put_text(&j, "fallback", *x->fallback ? x->fallback : NULL);
        json_put_bool(&j, "runs_here", target_runs_here(x, usable_features()));
        json_put_bool(&j, "native", x == target_best(usable_features()));
        json_put_array(&j, "features");
        for (size_t k = 0; feature_at(k); k++)
            if (x->features & feature_at(k)->bit) json_put_text(&j, NULL, feature_at(k)->text);
        json_put_end(&j);
        json_put_end(&j);
    }
    json_put_finish(&j);
}
bool verb_targets(Tool *t) {
    Str s = str_new(t->c.arena);
    if (t->opt.json)
        json_targets(&s);
    else
        print_targets(t, &s);
    return tool_print(t, &s);
}

// ---- doctor ---------------------------------------------------------------------------------
static void print_doctor(Tool *t, Str *s) {
    Arena *a = t->c.arena;
    str_addf(s, "%-12s %s\n", "vitc", VITC_VERSION);
    str_addf(s, "%-12s %s\n", "LLVM", llvm_version(a));
    str_addf(s, "%-12s %s\n", "native", target_best(usable_features())->name);
    str_addf(s, "%-12s %s\n", "processor", feature_list(a, usable_features()));
    str_addf(s, "%-12s %d\n", "threads", vitc_threads_available());
    str_addf(s, "%-12s %s, %s free\n", "memory", text_bytes(a, memory_bytes(_SC_PHYS_PAGES)),
             text_bytes(a, memory_bytes(_SC_AVPHYS_PAGES)));
    str_add(s, "\nlimits\n");
    for (LimitId i = 0; i < LIM_COUNT; i++)
        str_addf(s, "  %-16s %12llu  %s\n", limit_name(i), (unsigned long long)limit(i),
                 limit_why(i));
}
static void json_doctor(Tool *t, Str *s) {
    Json j = json_put_begin(s, "doctor");
    json_put_text(&j, "version", VITC_VERSION);
    json_put_text(&j, "llvm", llvm_version(t->c.arena));
    json_put_text(&j, "native", target_best(usable_features())->name);
    json_put_text(&j, "processor", feature_list(t->c.arena, usable_features()));
    json_put_int(&j, "threads", vitc_threads_available());
    json_put_uint(&j, "memory_bytes", memory_bytes(_SC_PHYS_PAGES));
    json_put_uint(&j, "free_bytes", memory_bytes(_SC_AVPHYS_PAGES));
    json_put_object(&j, "limits");
    for (LimitId i = 0; i < LIM_COUNT; i++) json_put_uint(&j, limit_name(i), limit(i));
    json_put_finish(&j);
}
bool verb_doctor(Tool *t) {
    Str s = str_new(t->c.arena);
    if (t->opt.json)
        json_doctor(t, &s);
    else
        print_doctor(t, &s);
    return tool_print(t, &s);
}
