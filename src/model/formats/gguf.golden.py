"""Writes gguf.golden.json: a file made by Python's gguf, with values as it dequantises them, to be read by ours.

Run: python src/model/formats/gguf.golden.py
"""

import base64
import importlib.metadata
import json
import pathlib
import tempfile

import gguf
import numpy as np

rng = np.random.default_rng(4)
with tempfile.TemporaryDirectory() as directory:
    path = pathlib.Path(directory) / "golden.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_uint8("a.uint8", 200)
    writer.add_int8("a.int8", -100)
    writer.add_uint16("a.uint16", 60000)
    writer.add_int16("a.int16", -30000)
    writer.add_uint32("a.uint32", 4_000_000_000)
    writer.add_int32("a.int32", -2_000_000_000)
    writer.add_uint64("a.uint64", 2**53 - 1)
    writer.add_uint64("a.large", 2**63 + 1)
    writer.add_int64("a.int64", -(2**40))
    writer.add_float32("a.float32", 0.1)
    writer.add_float64("a.float64", 0.1)
    writer.add_bool("a.bool", True)
    writer.add_string("a.text", "é\n𝄞")
    writer.add_array("a.numbers", [1, -2, 3])
    writer.add_array("a.texts", ["<s>", "", "▁the"])
    values = {}

    def add(name, stored, kind):
        writer.add_tensor(name, stored, raw_dtype=kind)
        values[name] = gguf.quants.dequantize(stored, kind).astype(np.float32).tolist()

    weights = rng.normal(size=(3, 64)).astype(np.float32)
    add("f32", weights[:, :5].copy(), gguf.GGMLQuantizationType.F32)
    for kind in ("F16", "BF16", "Q8_0", "Q4_0", "Q4_1"):
        kind = gguf.GGMLQuantizationType[kind]
        add(kind.name.lower(), gguf.quants.quantize(weights, kind), kind)
    # Python's gguf writes no K blocks: random bytes, with the scales in f16 made ordinary numbers.
    for kind, scales in (("Q4_K", (0, 2)), ("Q5_K", (0, 2)), ("Q6_K", (208,))):
        kind = gguf.GGMLQuantizationType[kind]
        blocks = rng.integers(0, 256, size=(2, gguf.GGML_QUANT_SIZES[kind][1]), dtype=np.uint8)
        for at in scales:
            blocks[:, at : at + 2] = np.float16([[0.011], [0.007]]).view(np.uint8)
        add(kind.name.lower().replace("k", "K"), blocks, kind)
    add("stack", rng.normal(size=(2, 3, 4)).astype(np.float32), gguf.GGMLQuantizationType.F32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    golden = {
        "versions": {name: importlib.metadata.version(name) for name in ("gguf", "numpy")},
        "file": base64.b64encode(path.read_bytes()).decode(),
        "values": values,
    }
out = pathlib.Path(__file__).with_suffix(".json")
out.write_text(json.dumps(golden) + "\n")
