"""Writes a random ViT-MSN Hugging Face directory of a standard size, to time and not to classify.

    make_model.py small --out DIR/small         384 wide, 12 layers,  6 heads, patch 16,  88 MB
    make_model.py base --out DIR/base           768 wide, 12 layers, 12 heads, patch 16, 346 MB
    make_model.py large --out DIR/large        1024 wide, 24 layers, 16 heads, patch 16, 1.2 GB
    make_model.py base-4 --out DIR/base-4      as base with patch 4: 3,137 tokens
    make_model.py large-7 --out DIR/large-7    as large with patch 7: 1,025 tokens

Standard library only. All numbers come from one pool of a million normal ones, which every tensor
reads from a place that its name chooses: the speed of a model does not depend on more.
"""
import argparse
import array
import json
import math
import os
import random
import struct
import sys
import zlib

#         width, layers, heads, intermediate, patch, image, labels
SIZES = {"tiny": (32, 2, 2, 64, 8, 32, 10),
         "small": (384, 12, 6, 1536, 16, 224, 1000),
         "base": (768, 12, 12, 3072, 16, 224, 1000),
         "large": (1024, 24, 16, 4096, 16, 224, 1000),
         "base-4": (768, 12, 12, 3072, 4, 224, 1000),
         "large-7": (1024, 24, 16, 4096, 7, 224, 1000)}
POOL = 1000003  # a prime, so that the rows of a large matrix are not equal


def config(size):
    width, layers, heads, inner, patch, image, labels = SIZES[size]
    return {"architectures": ["ViTMSNForImageClassification"], "model_type": "vit_msn",
            "attention_probs_dropout_prob": 0.0, "hidden_dropout_prob": 0.0, "hidden_act": "gelu",
            "hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": heads,
            "intermediate_size": inner, "patch_size": patch, "image_size": image,
            "num_channels": 3, "layer_norm_eps": 1e-6, "qkv_bias": True, "initializer_range": 0.02,
            "id2label": {str(i): f"LABEL_{i}" for i in range(labels)},
            "label2id": {f"LABEL_{i}": i for i in range(labels)}}


def tensors(size):
    """(name, shape, mean, standard deviation) of every weight"""
    width, layers, _, inner, patch, image, labels = SIZES[size]

    def linear(name, rows, columns):
        yield name + ".weight", (rows, columns), 0.0, 1 / math.sqrt(columns)
        yield name + ".bias", (rows,), 0.0, 0.1

    def norm(name):
        yield name + ".weight", (width,), 1.0, 0.1
        yield name + ".bias", (width,), 0.0, 0.1
    patches = (image // patch) ** 2
    yield "vit.embeddings.cls_token", (1, 1, width), 0.0, 0.5
    yield "vit.embeddings.position_embeddings", (1, patches + 1, width), 0.0, 0.3
    projection = "vit.embeddings.patch_embeddings.projection"
    yield projection + ".weight", (width, 3, patch, patch), 0.0, 1 / math.sqrt(3 * patch * patch)
    yield projection + ".bias", (width,), 0.0, 0.1
    for i in range(layers):
        layer = f"vit.encoder.layer.{i}."
        yield from norm(layer + "layernorm_before")
        for part in ("query", "key", "value"):
            yield from linear(layer + "attention.attention." + part, width, width)
        yield from linear(layer + "attention.output.dense", width, width)
        yield from norm(layer + "layernorm_after")
        yield from linear(layer + "intermediate.dense", inner, width)
        yield from linear(layer + "output.dense", width, inner)
    yield from norm("vit.layernorm")
    yield from linear("classifier", labels, width)


def header(listed):
    entries, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape, _, _ in listed:
        size = 4 * math.prod(shape)
        entries[name] = {"dtype": "F32", "shape": list(shape),
                         "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


class Pools:
    """bytes of normal numbers, one pool for each mean and deviation"""

    def __init__(self, seed):
        numbers = random.Random(seed)
        self.normal = [numbers.gauss(0, 1) for _ in range(POOL)]
        self.made = {}

    def get(self, mean, deviation):
        if (mean, deviation) not in self.made:
            values = array.array("f", (mean + deviation * v for v in self.normal))
            if sys.byteorder == "big":
                values.byteswap()
            self.made[mean, deviation] = values.tobytes()
        return self.made[mean, deviation]

    def write(self, f, name, count, mean, deviation):
        pool = self.get(mean, deviation)
        at = zlib.crc32(name.encode()) % POOL
        while count:
            piece = min(count, POOL - at)
            f.write(pool[4 * at:4 * (at + piece)])
            count, at = count - piece, 0


def write_model(size, folder, seed):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as f:
        json.dump(config(size), f, indent=2)
    listed = list(tensors(size))
    pools = Pools(seed)
    with open(os.path.join(folder, "model.safetensors"), "wb") as f:
        f.write(header(listed))
        for name, shape, mean, deviation in listed:
            pools.write(f, name, math.prod(shape), mean, deviation)


def main():
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("size", choices=list(SIZES))
    p.add_argument("--out", required=True, metavar="DIR")
    p.add_argument("--seed", type=int, default=0)
    o = p.parse_args()
    write_model(o.size, o.out, o.seed)


main()
