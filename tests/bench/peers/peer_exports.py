"""Makes the files that the peers load; peers.py calls it in the peers' virtual environment.

    peer_exports.py versions
    peer_exports.py reference MODEL OUTPUT INPUT BATCHxCxHxW FILE     PyTorch eager f32, raw f32
    peer_exports.py onnx MODEL OUTPUT dynamo|torchscript CxHxW FILE
    peer_exports.py ir ONNX BATCHxCxHxW FILE                          OpenVINO, f32 weights
    peer_exports.py int8-ir ONNX BATCHxCxHxW FILE                     OpenVINO, quantized by NNCF
    peer_exports.py int8-onnx ONNX FILE                               onnxruntime, quantize_dynamic

A file appears under its name only when it is complete.
"""
import importlib.metadata
import json
import os
import sys

PACKAGES = ("onnxruntime", "openvino", "torch", "transformers", "onnx", "nncf")


def shape_of(text):
    return [int(n) for n in text.split("x")]


def versions():
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    print(json.dumps(found))


def reference(model, output, input_file, shape, target):
    import numpy as np
    import torch
    import torch_model
    images = np.fromfile(input_file, np.float32).reshape(shape_of(shape))
    module = torch_model.load(model, output, "eager")
    with torch.inference_mode():  # image by image: eager attention of a batch needs much memory
        parts = [module(torch.from_numpy(image[None])).numpy() for image in images]
    np.concatenate(parts).tofile(target + ".part")
    os.replace(target + ".part", target)


def onnx(model, output, exporter, shape, target):
    import torch
    import torch_model
    module = torch_model.load(model, output)
    example = torch.zeros([2] + shape_of(shape))
    names = {"input_names": ["pixel_values"], "output_names": ["out"]}
    part = target + ".part"
    with torch.no_grad():
        if exporter == "torchscript":
            axes = {"pixel_values": {0: "batch"}, "out": {0: "batch"}}
            torch.onnx.export(module, (example,), part, dynamo=False, opset_version=17,
                              dynamic_axes=axes, **names)
        else:
            batch = torch.export.Dim("batch", min=1, max=64)
            torch.onnx.export(module, (example,), part, dynamo=True, opset_version=23,
                              external_data=False, dynamic_shapes=({0: batch},), **names)
    os.replace(part, target)


def read_for_openvino(onnx_file, shape):
    import openvino
    model = openvino.Core().read_model(onnx_file)
    model.reshape({model.input(0): shape_of(shape)})
    return model


def save_ir(model, target):
    """FILE.xml and FILE.bin: the .xml is written under another name first, so that it comes last"""
    import openvino
    stem = target[:-len(".xml")]
    openvino.save_model(model, stem + ".part.xml", compress_to_fp16=False)
    os.replace(stem + ".part.bin", stem + ".bin")
    os.replace(stem + ".part.xml", target)


def ir(onnx_file, shape, target):
    save_ir(read_for_openvino(onnx_file, shape), target)


def int8_ir(onnx_file, shape, target):
    import nncf
    import numpy as np
    random = np.random.default_rng(11)
    images = [random.standard_normal(shape_of(shape), dtype=np.float32) for _ in range(16)]
    model = nncf.quantize(read_for_openvino(onnx_file, shape), nncf.Dataset(images), subset_size=16,
                          model_type=nncf.ModelType.TRANSFORMER,
                          preset=nncf.QuantizationPreset.MIXED)
    save_ir(model, target)


def int8_onnx(onnx_file, target):
    from onnxruntime.quantization import QuantType, quantize_dynamic
    quantize_dynamic(onnx_file, target + ".part", weight_type=QuantType.QInt8,
                     op_types_to_quantize=["MatMul", "Gemm"])
    os.replace(target + ".part", target)


COMMANDS = {"versions": versions, "reference": reference, "onnx": onnx, "ir": ir,
            "int8-ir": int8_ir, "int8-onnx": int8_onnx}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]](*sys.argv[2:])
