"""Writes safetensors.golden.json: a file made by Python's safetensors, to be read by ours.

Run: python src/model/formats/safetensors.golden.py
"""

import base64
import importlib.metadata
import json
import pathlib

import torch
from safetensors.torch import save

tensors = {
    "double": torch.tensor([[1.5, -2.25]], dtype=torch.float64),
    "float": torch.tensor([0.1, -0.0, float("inf")], dtype=torch.float32),
    "half": torch.tensor([0.1, 65504.0, 2.0**-24, float("-inf")], dtype=torch.float16),
    "brain": torch.tensor([[3.14159], [-1e30], [1e-40]], dtype=torch.bfloat16),
    "long": torch.tensor([-(2**62), 7], dtype=torch.int64),
    "int": torch.tensor(-5, dtype=torch.int32),
    "byte": torch.tensor([0, 255, 3], dtype=torch.uint8),
    "empty": torch.zeros((0, 4), dtype=torch.float32),
}
data = save(tensors, metadata={"format": "pt", "é": "ü"})
golden = {
    "versions": {name: importlib.metadata.version(name) for name in ("safetensors", "torch")},
    "file": base64.b64encode(data).decode(),
    "values": {
        name: [str(v) for v in t.to(torch.float64).flatten().tolist()]
        for name, t in tensors.items()
        if t.dtype != torch.int64
    }
    | {"long": [str(v) for v in tensors["long"].tolist()]},
}
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(golden, indent=1) + "\n")
