"""The model as PyTorch runs it: a Hugging Face directory as a module of one tensor to one tensor.

Imported by peer_worker.py and peer_exports.py, which run in the peers' virtual environment.
"""
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")


def torch_type(dtype):
    import torch
    return {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}[dtype]


def load(folder, output, attention="sdpa", dtype="f32"):
    """output: logits or last_hidden_state; attention: eager or sdpa"""
    import torch
    from transformers import ViTMSNForImageClassification, ViTMSNModel
    kind = ViTMSNForImageClassification if output == "logits" else ViTMSNModel
    model = kind.from_pretrained(folder, attn_implementation=attention, dtype=torch_type(dtype))

    class OneOutput(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, pixel_values):
            return self.model(pixel_values)[output]

    return OneOutput().eval()
