#!/usr/bin/env python3
"""A model with f32 out of bf16 parts, as vitc verify sees it: its error beside that of plain f32.

    f32_math.py VITC MODEL TARGET

Two parts lose what they must, three are as good as f32. 77 where the processor is another one.
"""
import json
import subprocess
import sys

NO_TARGET, SKIPPED = 7, 77


def main():
    tool, model, target = sys.argv[1:4]
    for math, low, high in ("bf16x3", 1e-6, 1e-5), ("bf16x6", 0, 4e-7):
        command = [tool, "verify", model, "--target", target, "--f32-math", math, "--json"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == NO_TARGET:
            print(done.stderr)
            return SKIPPED
        assert done.returncode == 0, done.stderr
        for row in json.loads(done.stdout)["outputs"]:
            print(f"{math} {row['name']}: {row['rel_l2']:.1e}, f32 {row['rel_l2_f32']:.1e}")
            is_image = row["name"] == "hidden_states.0"  # f32 in both
            assert row["rel_l2"] < high and (is_image or row["rel_l2"] > low)
            assert 0 < row["rel_l2_f32"] < 1e-6
            assert not is_image or row["rel_l2"] == row["rel_l2_f32"]
    return 0


if __name__ == "__main__":
    sys.exit(main())
