#!/usr/bin/env python3
"""The objects and what is linked from them keep the marks that processors and loaders look for.

    notes.py MACHINE --vitc VITC --source ROOT

On x86-64 IBT and SHSTK, on aarch64 BTI and PAC: one object without the note turns them off for the whole product. Also
no executable stack and no text relocation. For LLVM's objects and for printed C. Exit 77: no compiler for it."""
import argparse
import glob
import os
import re
import tempfile

from machines import Models, fail, must, need

MACHINES = {  # compiler, its flag, the linker's, what readelf must show, where an indirect call may land
    "x86-64": ("gcc", "-fcf-protection=full", ["-z", "cet-report=error"], "IBT, SHSTK", "endbr64", ["x86-64-v3"]),
    "aarch64": ("aarch64-linux-gnu-gcc", "-mbranch-protection=standard", ["-z", "force-bti"], "BTI, PAC", r"bti\s+c|paciasp",
                ["aarch64", "aarch64+dotprod+i8mm+bf16"]),
}


def check_marks(readelf, path, marks):
    notes = must([readelf, "-nW", path])
    if "feature: " + marks not in notes:
        fail(path, "is not marked", marks, notes)


def check_landing(objdump, path, landing):
    """Every kernel is called through a pointer."""
    kernels = re.findall(r"<kernel\.[^>]*>:\n\s*[0-9a-f]+:\s*(?:[0-9a-f]+ )+\s*(.*)", must([objdump, "-d", path]))
    if not kernels or not all(re.match(landing, k) for k in kernels):
        fail(path, "has a kernel that begins otherwise:", kernels)


def check_linked(tools, path, objects, linker, marks):
    ld, readelf = tools + "ld", tools + "readelf"
    said = must([ld, "-shared", "-z", "text", "-z", "noexecstack", "--fatal-warnings"] + linker + objects + ["-o", path])
    if said:
        fail(said)
    check_marks(readelf, path, marks)
    text = must([readelf, "-lWd", path])
    if "TEXTREL" in text or not re.search(r"GNU_STACK .* RW +0x", text):
        fail(path, text)
    print(os.path.basename(path), "keeps", marks)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("machine", choices=MACHINES)
    p.add_argument("--vitc", required=True)
    p.add_argument("--source", required=True)
    a = p.parse_args()
    cc, protect, linker, marks, landing, targets = MACHINES[a.machine]
    tools = cc[:-3]
    need(cc, tools + "ld")
    with tempfile.TemporaryDirectory() as work:
        include = "-I" + os.path.join(a.source, "runtime")
        runtime = []
        for c in glob.glob(os.path.join(a.source, "runtime/*.c")):
            runtime.append(os.path.join(work, os.path.basename(c) + ".o"))
            must([cc, "-O1", "-fPIC", "-D_GNU_SOURCE", protect, include, "-c", c, "-o", runtime[-1]])
        model = Models(a.vitc, a.source, work, "hf/default")
        for target in targets:
            made = model.object(target)
            check_marks(tools + "readelf", made, marks)
            check_landing(tools + "objdump", made, landing)
            check_linked(tools, os.path.join(work, target + ".so"), [made] + runtime, linker, marks)
        c, made = model.c("generic" if a.machine == "x86-64" else "aarch64"), os.path.join(work, "c.o")
        must([cc, "-std=c11", "-O1" if a.machine == "aarch64" else "-O0", "-fPIC", "-ffp-contract=off", protect, include,
              "-c", c, "-o", made], os.path.dirname(c))
        check_marks(tools + "readelf", made, marks)
        check_linked(tools, os.path.join(work, "c.so"), [made] + runtime, linker, marks)


main()
