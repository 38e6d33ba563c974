#!/usr/bin/env python3
"""vitc.h, vitc_object.h and a model's header are clean in every C and C++ of gcc and clang.

    headers.py --vitc VITC --source ROOT"""
import argparse
import os
import shutil
import tempfile

from machines import WARNINGS, Models, must, need

COMPILERS = {"c": ["gcc", "clang-19", "clang"], "c++": ["g++", "clang++-19", "clang++"]}
STANDARDS = {"c": ["c11", "c17"], "c++": ["c++11", "c++14", "c++17", "c++20"]}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--vitc", required=True)
    p.add_argument("--source", required=True)
    a = p.parse_args()
    need("gcc", "g++")
    with tempfile.TemporaryDirectory() as work:
        folder = os.path.dirname(Models(a.vitc, a.source, work, "hf/default").object("generic"))
        source = os.path.join(work, "all")
        with open(source, "w", encoding="utf-8") as f:
            f.write('#include "model.h"\n#include "vitc_object.h"\n#include "model.h"\n'
                    "const vitc_model_info *use(void);\n"
                    "const vitc_model_info *use(void) { return &model_model; }\n")
        for language, compilers in COMPILERS.items():
            for cc in filter(shutil.which, compilers):
                for standard in STANDARDS[language]:
                    must([cc, "-x", language, "-std=" + standard, "-fsyntax-only", "-Wshadow"] + WARNINGS +
                         ["-I" + folder, "-I" + os.path.join(a.source, "runtime"), source])
                print(cc, *STANDARDS[language])


main()
