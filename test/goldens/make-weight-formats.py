"""Writes weight-formats.json: bytes and values of frozen weights that src/engine/weight-formats.ts is held against.

    python test/goldens/make-weight-formats.py && npx biome format --write test/goldens

GGUF blocks are random bytes under finite scales, decoded by the `gguf` package; NF4 is quantised and decoded by
bitsandbytes on the CPU. Values are written as the bits of f32 numbers. The versions are recorded in the file.
"""

import base64
import importlib.metadata
import json
import pathlib

import bitsandbytes.functional as bnb
import gguf
import numpy as np
import torch

random = np.random.default_rng(20261121)


def text(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


# Bytes of a block, and where its half-precision scales lie.
BLOCKS = {
    "q8_0": (gguf.GGMLQuantizationType.Q8_0, 34, [0]),
    "q4_0": (gguf.GGMLQuantizationType.Q4_0, 18, [0]),
    "q4_1": (gguf.GGMLQuantizationType.Q4_1, 20, [0, 2]),
    "q4_K": (gguf.GGMLQuantizationType.Q4_K, 144, [0, 2]),
    "q5_K": (gguf.GGMLQuantizationType.Q5_K, 176, [0, 2]),
    "q6_K": (gguf.GGMLQuantizationType.Q6_K, 210, [208]),
}


def gguf_blocks(kind, size, scales, rows=3):
    columns = 512 // {34: 1, 18: 1, 20: 1}.get(size, 2)
    length = gguf.GGML_QUANT_SIZES[kind][0]
    blocks = random.integers(0, 256, (rows, columns // length, size), dtype=np.uint8)
    for at in scales:
        # Any finite half, subnormal ones and zero among them.
        halves = random.normal(0, 0.02, blocks.shape[:2]).astype(np.float16)
        halves.flat[0] = 2e-7
        blocks[:, :, at : at + 2] = halves.view(np.uint8).reshape(*blocks.shape[:2], 2)
    blocks = blocks.reshape(rows, -1)
    values = gguf.quants.dequantize(blocks, kind).astype(np.float32)
    return {"shape": list(values.shape), "bytes": text(blocks), "values": text(values)}


def nf4(rows, columns):
    weights = torch.from_numpy(random.normal(0, 0.05, (rows, columns)).astype(np.float32))
    weights *= torch.linspace(0.2, 3, rows)[:, None]
    codes, state = bnb.quantize_4bit(weights, quant_type="nf4", blocksize=64, compress_statistics=True)
    values = bnb.dequantize_4bit(codes, state)
    return {
        "shape": [rows, columns],
        "weights": text(weights.numpy()),
        "codes": text(codes.numpy()),
        "absmax": text(state.absmax.numpy()),
        "scales": text(state.state2.absmax.numpy().astype(np.float32)),
        "mean": text(state.offset.numpy().astype(np.float32)),
        "values": text(values.numpy()),
    }


goldens = {
    "versions": {name: importlib.metadata.version(name) for name in ("gguf", "bitsandbytes", "torch", "numpy")},
    "gguf": {name: gguf_blocks(*layout) for name, layout in BLOCKS.items()},
    # More than 256 blocks, so that there are two scales; and rows that end within a block.
    "nf4": [nf4(37, 448), nf4(5, 90)],
}
path = pathlib.Path(__file__).with_name("weight-formats.json")
path.write_text(json.dumps(goldens, indent=1) + "\n")
