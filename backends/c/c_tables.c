// c_tables.c: what surrounds the kernels in a C file: includes, the weight image, launches, the
// model's description and its entry points. Layouts are the runtime's own, through its headers.
#include "backends/c/c_print.h"
#include <ctype.h>
#include <inttypes.h>

static const char *quoted(const CModule *m, const char *s) {
    return s ? arena_printf(m->c->scratch, "\"%s\"", escape(m->c->scratch, SINK_C_STRING, s))
             : "NULL";
}
static const char *weights_macro(const CModule *m) {
    Str s = str_new(m->c->scratch);
    for (const char *p = m->o->prefix; *p; p++) str_addf(&s, "%c", toupper((unsigned char)*p));
    str_add(&s, "_WEIGHTS");
    return str_cstr(&s);
}
static void print_incbin(const CModule *m, const char *file, Str *out) {
    const char *p = m->o->prefix, *macro = weights_macro(m);
    str_addf(
        out,
        "// The weight image. The assembler looks for it in its working directory; give another\n"
        "// place with -D%s='\"…\"'.\n"
        "#ifndef %s\n#define %s \"%s\"\n#endif\n\n",
        macro, macro, macro, escape(m->c->scratch, SINK_C_STRING, file));
    str_addf(out,
             "__asm__(\".pushsection .rodata.%s_weights,\\\"a\\\",%%progbits\\n\"\n"
             "        \".balign 4096\\n\"\n"
             "        \"%s_weights:\\n\"\n"
             "        \".incbin \\\"\" %s \"\\\"\\n\"\n"
             "        \".popsection\\n\");\n",
             p, p, macro);
}
// On a machine of 32 bits pointers wrap: the upper half of the word does not count.
static void print_distance(const CModule *m, Str *out) {
    const char *p = m->o->prefix;
    const char *first = m->p->big_endian ? ".long 0\\n" : "";
    const char *last = m->p->big_endian ? "" : ".long 0\\n";
    str_addf(out,
             "#if UINTPTR_MAX > 0xffffffffu\n"
             "#define DISTANCE \".quad %s_weights - %s_weights_anchor\\n\"\n"
             "#else\n"
             "#define DISTANCE \"%s.long %s_weights - %s_weights_anchor\\n%s\"\n"
             "#endif\n",
             p, p, first, p, p, last);
}
static void print_weights(const CModule *m, const char *file, Str *out) {
    const char *p = m->o->prefix;
    const bool is_portable = !c_uses_vectors(m->p);
    const char *quad =
        arena_printf(m->c->scratch, "\".quad %s_weights - %s_weights_anchor\\n\"", p, p);
    if (file) print_incbin(m, file, out);
    str_add(out, "// An 8-byte word that holds its distance from the weight image: position\n"
                 "// independent without a dynamic relocation.\n");
    if (is_portable) print_distance(m, out);
    str_addf(out,
             "__asm__(\".pushsection .rodata.%s_weights_anchor,\\\"a\\\",%%progbits\\n\"\n"
             "        \".balign 8\\n\"\n"
             "        \".hidden %s_weights\\n\"\n"
             "        \"%s_weights_anchor:\\n\"\n"
             "        %s\n"
             "        \".popsection\\n\");\n"
             "extern const int64_t %s_weights_anchor __attribute__((visibility(\"hidden\")));\n\n",
             p, p, p, is_portable ? "DISTANCE" : quad, p);
}
static const char *weights_anchor(const CModule *m) {
    if (m->o->weights_id) return "NULL";
    return arena_printf(m->c->scratch, "&%s_weights_anchor", m->o->prefix);
}
static void print_places(const CModule *m, uint32_t at, Str *out) {
    static const char *const kind[PLACE_COUNT] = {"ARENA", "WEIGHTS", "INPUT", "OUTPUT"};
    const Launch *l = &m->p->launch.data[at];
    str_addf(out, "static const vitc_place places%s_%u[] = {", m->suffix, at);
    for (uint32_t i = 0; i < l->nargs; i++)
        str_addf(out, "%s{VITC_PLACE_%s, %u, %" PRIu64 "}", i ? ", " : "", kind[l->arg[i].kind],
                 l->arg[i].index, l->arg[i].offset);
    str_add(out, "};\n");
}
static void print_launches(const CModule *m, Str *out) {
    const Program *p = m->p;
    for (uint32_t i = 0; i < p->launch.n; i++) print_places(m, i, out);
    str_addf(out, "static const vitc_launch launches%s[] = {\n", m->suffix);
    for (uint32_t i = 0; i < p->launch.n; i++) {
        const Launch *l = &p->launch.data[i];
        str_addf(out, "    {%s%s, places%s_%u, %u, %u, %" PRId64 ", %" PRIu64 ", %s, %.0f},\n",
                 p->kern.data[l->kern]->name, m->suffix, m->suffix, i, l->nargs, launch_kib(l),
                 l->grid, kern_slice_bytes(p->kern.data[l->kern]), quoted(m, l->label), l->flops);
    }
    str_add(out, "};\n\n");
}
static void print_tensors(const CModule *m, const ProgramTensor *t, uint32_t n, const char *name,
                          Str *out) {
    str_addf(out, "static const vitc_tensor_info %s[] = {\n", name);
    for (uint32_t i = 0; i < n; i++) {
        str_addf(out, "    {%s, %d, %d, {", quoted(m, t[i].name), dtype_info[t[i].type.dt].onnx,
                 t[i].type.rank);
        for (int d = 0; d < MAX_RANK; d++)
            str_addf(out, "%s%lld", d ? ", " : "",
                     d < t[i].type.rank ? (long long)t[i].type.dim[d] : 1LL);
        str_addf(out, "}, %" PRIu64 "},\n", type_nbytes(&t[i].type));
    }
    str_add(out, "};\n");
}
static void print_labels(const CModule *m, Str *out) {
    const ModelInfo *info = &m->p->graph->info;
    if (!info->labels || !info->nlabels) return;
    str_add(out, "static const char *const labels[] = {\n");
    for (uint32_t i = 0; i < info->nlabels; i++)
        str_addf(out, "    %s,\n", quoted(m, info->labels[i]));
    str_add(out, "};\n");
}
static int64_t bits_f32(double v) {
    uint32_t bits = 0;
    dtype_write_f(DT_F32, &bits, 0, v);
    return bits;
}
static void print_preprocess(const CModule *m, Str *out) {
    const ModelInfo *info = &m->p->graph->info;
    const Preprocess *p = &info->preprocess;
    if (!p->present) return;
    str_addf(
        out,
        "static const vitc_preprocess preprocess = {%lld, %lld, %lld, %d, %d, %d, %d, %.17g, {",
        (long long)info->image_h, (long long)info->image_w, (long long)info->channels, p->resample,
        p->do_resize, p->do_rescale, p->do_normalize, p->rescale_factor);
    for (int i = 0; i < 4; i++)
        str_addf(out, "%s%s", i ? ", " : "",
                 c_constant(m->c->scratch, DT_F32, bits_f32(p->mean[i])));
    str_add(out, "}, {");
    for (int i = 0; i < 4; i++)
        str_addf(out, "%s%s", i ? ", " : "",
                 c_constant(m->c->scratch, DT_F32, bits_f32(p->std[i])));
    str_add(out, "}};\n");
}
static void print_sample(const CModule *m, Str *out) {
    const Program *p = m->p;
    if (!p->sample) return;
    str_add(out, "static const uint64_t sample_offsets[] = {");
    for (uint32_t i = 0; i < p->input.n + p->output.n; i++)
        str_addf(out, "%s%" PRIu64, i ? ", " : "", p->sample->offset[i]);
    str_addf(out, "};\nstatic const vitc_sample sample = {sample_offsets, %" PRIu64 ", %.17g};\n",
             round_up(program_run_arena(p), 64), p->sample->tolerance);
}

// ---- models ----------------------------------------------------------------------------------
static double total_flops(const Program *p) {
    double sum = 0;
    for (uint32_t i = 0; i < p->launch.n; i++) sum += p->launch.data[i].flops;
    return sum;
}
// What differs between one level and all of them.
typedef struct Entry {
    const char *declaration, *target, *run, *object, *levels;
    uint64_t features;
    uint32_t nlevels;
} Entry;
static void print_info(const CModule *m, const Entry *e, uint64_t arena_bytes, Str *out) {
    const Program *p = m->p;
    const ModelInfo *info = &p->graph->info;
    str_addf(out, "%s = {\n", e->declaration);
    str_addf(out,
             "    .struct_size = sizeof(vitc_model_info),\n    .abi = VITC_ABI,\n    .name = %s,\n "
             "   .producer = %s,\n",
             quoted(m, info->name), quoted(m, m->o->version));
    str_addf(out, "    .target = %s,\n    .source_sha256 = %s,\n", quoted(m, e->target),
             quoted(m, m->o->source_sha256));
    str_addf(out,
             "    .arena_bytes = %" PRIu64 ",\n    .arena_align = 64,\n    .weight_bytes = %" PRIu64
             ",\n    .flops = %.0f,\n",
             arena_bytes, p->weight_bytes, total_flops(p));
    str_addf(out,
             "    .cpu_features = 0x%" PRIx64 ",\n    .n_inputs = %u,\n    .n_outputs = %u,\n    "
             ".inputs = inputs,\n    .outputs = outputs,\n",
             e->features, p->input.n, p->output.n);
    str_addf(out,
             "    .n_labels = %u,\n    .task = %d,\n    .labels = %s,\n    .preprocess = %s,\n",
             info->nlabels, (int)info->task, info->labels && info->nlabels ? "labels" : "NULL",
             info->preprocess.present ? "&preprocess" : "NULL");
    str_addf(out, "    .run = %s,\n    .object = %s,\n", e->run, e->object);
    if (e->nlevels)
        str_addf(out, "    .n_levels = %u,\n    .levels = %s,\n", e->nlevels, e->levels);
    if (m->o->weights_id) str_addf(out, "    .weights_id = 0x%xu,\n", m->o->weights_id);
    str_add(out, "};\n");
}
static void print_run(const char *name, const char *runtime, const char *first, Str *out) {
    str_addf(out,
             "static vitc_status %s(const void *const *in, void *const *out, void *arena,\n"
             "                           const vitc_parallel *par) {\n"
             "    return %s(&%s, in, out, arena, par);\n}\n",
             name, runtime, first);
}
// The tables of one level and the model that describes it, declared as `declaration` with the name
// `info`.
static void print_level(const CModule *m, const char *declaration, const char *info,
                        const char *run, uint64_t arena_bytes, Str *out) {
    const Program *p = m->p;
    const char *object = arena_printf(m->c->scratch, "object%s", m->suffix);
    print_launches(m, out);
    str_addf(out, "static const vitc_object %s;\n", object);
    print_run(run, "vitc_execute", object, out);
    Entry e = {.declaration = declaration,
               .target = p->target->name,
               .run = run,
               .object = arena_printf(m->c->scratch, "&%s", object),
               .features = program_level_features(p)};
    print_info(m, &e, arena_bytes, out);
    str_addf(out,
             "static const vitc_object %s = {\n    .abi = VITC_ABI,\n    .n_launches = %u,\n   "
             " .launches = launches%s,\n    .weights_anchor = %s,\n",
             object, p->launch.n, m->suffix, weights_anchor(m));
    str_addf(out,
             "    .intermediate_bytes = %" PRIu64 ",\n    .scratch_bytes = %" PRIu64
             ",\n    .max_slices = %u,\n    .info = &%s,\n",
             p->arena_bytes, p->scratch_bytes, p->max_slices, info);
    str_addf(out, "%s};\n\n", p->sample ? "    .sample = &sample,\n" : "");
}
static void print_levels(const CModule *m, const char *declaration, const char *info, Str *out) {
    Arena *a = m->c->scratch;
    Str list = str_new(a);
    uint64_t arena_bytes = program_host_arena(m->p);
    for (const Program *p = m->p; p; p = p->next) {
        CModule l = c_module(m->c, p, m->o, false);
        const char *name = arena_printf(a, "level%s", l.suffix);
        str_addf(&list, "%s&%s", list.n ? ", " : "", name);
        print_level(&l, arena_printf(a, "static const vitc_model_info %s", name), name,
                    arena_printf(a, "run%s", l.suffix), arena_bytes, out);
    }
    str_addf(out, "// The best first: the first that this processor can run is taken.\n"
                  "static const vitc_model_info *const levels[] = {%s};\n",
             str_cstr(&list));
    print_run("run_any", "vitc_execute_level", info, out);
    Entry e = {.declaration = declaration,
               .target = program_target(m->p),
               .run = "run_any",
               .object = "NULL",
               .levels = "levels",
               .features = program_features(m->p),
               .nlevels = program_levels(m->p)};
    print_info(m, &e, arena_bytes, out);
}
static void print_model(const CModule *m, Str *out) {
    Arena *a = m->c->scratch;
    const char *info = arena_printf(a, "%s_model", m->o->prefix);
    const char *declaration = arena_printf(a, "const vitc_model_info %s", info);
    if (m->p->next)
        print_levels(m, declaration, info, out);
    else
        print_level(m, declaration, info, "run_any", program_host_arena(m->p), out);
}
static void print_functions(const CModule *m, Str *out) {
    // no local variables: a parameter could have the name of one
    const char **names = header_params(m->p);
    uint32_t nin = m->p->input.n;
    header_signature(m->p, m->o->prefix, out);
    str_add(out, " {\n    return run_any((const void *const[]){");
    for (uint32_t i = 0; i < nin; i++) str_addf(out, "%s%s", i ? ", " : "", names[i]);
    str_add(out, nin ? "},\n                   (void *const[]){"
                     : "NULL},\n                   (void *const[]){");
    for (uint32_t i = 0; i < m->p->output.n; i++)
        str_addf(out, "%s%s", i ? ", " : "", names[nin + i]);
    str_add(out, "}, arena, par);\n}\n");
    if (!m->p->sample) return;
    str_addf(out,
             "vitc_status %s_selftest(void *arena, const vitc_parallel *par) {\n"
             "    return vitc_model_selftest(&%s_model, arena, par);\n}\n",
             m->o->prefix, m->o->prefix);
}
void c_print_tables(CModule *m, const char *weights_file, Str *out) {
    if (!m->o->weights_id) print_weights(m, weights_file, out);
    print_tensors(m, m->p->input.data, m->p->input.n, "inputs", out);
    print_tensors(m, m->p->output.data, m->p->output.n, "outputs", out);
    print_labels(m, out);
    print_preprocess(m, out);
    print_sample(m, out);
    str_add(out, "\n");
    print_model(m, out);
    print_functions(m, out);
}
