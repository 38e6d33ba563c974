"""One peer as a contender of peers.py: it loads one model once and answers requests, one per line.

    peer_worker.py '{"peer": …, "file": …, "output": …, "threads": …, "dtype": …,
                      "input": …, "shape": […]}'

    run N          -> times T1 … TN       milliseconds of N inferences
    output FILE    -> done                the last result, raw f32
    memory         -> memory rss_kb=… peak_kb=…

It begins with "ready import_ms=… load_ms=…" or "error TEXT" and ends with its standard input;
vitc_worker.c speaks the same. Timed is what a host waits for: f32 images in memory to the result
in memory. Each peer is set up the fastest way its documentation knows for one stream of requests.
"""
import json
import os
import re
import sys
import time


def openvino(spec, imported):
    import numpy
    import openvino as ov
    imported()
    config = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": spec["threads"],
              "NUM_STREAMS": 1,
              "INFERENCE_PRECISION_HINT": {"int8": "bf16"}.get(spec["dtype"], spec["dtype"])}
    if spec.get("model_cache"):
        config["CACHE_DIR"] = spec["model_cache"]
    request = ov.Core().compile_model(spec["file"], "CPU", config).create_infer_request()
    request.get_input_tensor(0).data[:] = images(spec, numpy)

    def infer():
        request.infer()
        return request.get_output_tensor(0).data
    return infer, lambda result: result


def onnxruntime(spec, imported):
    import numpy
    import onnxruntime as ort
    imported()
    options = ort.SessionOptions()
    options.intra_op_num_threads = spec["threads"]
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    options.add_free_dimension_override_by_name("batch", spec["shape"][0])
    model = ort.InferenceSession(spec["file"], options, providers=["CPUExecutionProvider"])
    feed = {model.get_inputs()[0].name: images(spec, numpy)}
    return lambda: model.run(None, feed)[0], lambda result: result


def pytorch(spec, imported):
    """torch-eager and torch-sdpa (how attention is computed), torch-compile, torch-compile-max"""
    import numpy
    import torch
    import torch_model
    import transformers  # noqa: F401 (its time belongs to the imports)
    imported()
    torch.set_num_threads(spec["threads"])
    attention = "eager" if spec["peer"] == "torch-eager" else "sdpa"
    model = torch_model.load(spec["file"], spec["output"], attention, spec["dtype"])
    if spec["peer"].startswith("torch-compile"):
        model = compiled(torch, model, spec["peer"].endswith("-max"))
    pixels = torch.from_numpy(images(spec, numpy))
    dtype = torch_model.torch_type(spec["dtype"])

    def infer():
        with torch.inference_mode():
            return model(pixels.to(dtype))
    if spec["peer"].startswith("torch-compile"):
        infer()
    return infer, lambda result: result.float().numpy()


def compiled(torch, model, autotune):
    import torch._inductor.config as config
    config.freezing = True
    config.cpp.weight_prepack = True
    if autotune:
        config.max_autotune = True
        config.max_autotune_gemm_backends = "CPP,ATEN"
    return torch.compile(model, dynamic=False)


def images(spec, numpy):
    return numpy.fromfile(spec["input"], numpy.float32).reshape(spec["shape"])


PEERS = {"openvino": openvino, "onnxruntime": onnxruntime, "torch-eager": pytorch,
         "torch-sdpa": pytorch, "torch-compile": pytorch, "torch-compile-max": pytorch}


def load(spec):
    """(inference function, its result as a numpy array, the "ready" line)"""
    times = [time.monotonic()]
    infer, to_numpy = PEERS[spec["peer"]](spec, lambda: times.append(time.monotonic()))
    times.append(time.monotonic())
    start, imported, loaded = times
    return infer, to_numpy, (f"ready import_ms={(imported - start) * 1e3:.1f} "
                             f"load_ms={(loaded - imported) * 1e3:.1f}")


def memory():
    with open("/proc/self/status", encoding="ascii") as f:
        status = f.read()
    rss, peak = (re.search(key + r":\s+(\d+) kB", status)[1] for key in ("VmRSS", "VmHWM"))
    return f"memory rss_kb={rss} peak_kb={peak}"


def serve(infer, to_numpy, requests, say):
    result = None
    for request in requests:
        word, *rest = request.split(maxsplit=1)
        if word == "run":
            times = []
            for _ in range(int(rest[0])):
                start = time.perf_counter()
                result = infer()
                times.append((time.perf_counter() - start) * 1e3)
            say("times " + " ".join(f"{t:.4f}" for t in times))
        elif word == "output":
            to_numpy(result).astype("float32").tofile(rest[0].rstrip("\n"))
            say("done")
        elif word == "memory":
            say(memory())
        else:
            say("error unknown request " + word)


def main():
    # the peers print to standard output as they please: the protocol keeps a copy of its own
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(line):
        print(line, file=replies, flush=True)
    try:
        infer, to_numpy, ready = load(json.loads(sys.argv[1]))
        say(ready)
        serve(infer, to_numpy, sys.stdin, say)
    except Exception as error:  # whatever a peer raises becomes this contender's failure
        say("error " + " ".join(f"{type(error).__name__}: {error}".split())[:300])


main()
