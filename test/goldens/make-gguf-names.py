"""Writes gguf-names.json: what gguf-py calls the tensors and fields of each architecture's checkpoint in architectures/.

    python test/goldens/make-gguf-names.py && npx biome format --write test/goldens

    names     GGUF's name of each tensor, by the name transformers' checkpoint has once its experts are stacked
    metadata  what llama.cpp's converter writes of config.json, under the keys of gguf-py's writer
    pairing   rows of a checkpoint's queries by their rows in a GGUF file of `heads` heads, from transformers' reader
"""

import importlib.metadata
import json
import pathlib

import gguf
import numpy
from gguf.constants import MODEL_ARCH, MODEL_ARCH_NAMES
from gguf.tensor_mapping import get_tensor_name_map
from safetensors import safe_open
from transformers.modeling_gguf_pytorch_utils import LlamaTensorProcessor

ROOT = pathlib.Path(__file__).resolve().parent
ARCHITECTURES = {
    "llama-linear": MODEL_ARCH.LLAMA, "llama": MODEL_ARCH.LLAMA, "mixtral": MODEL_ARCH.LLAMA, "qwen2": MODEL_ARCH.QWEN2,
    "qwen3": MODEL_ARCH.QWEN3, "granitemoe": MODEL_ARCH.GRANITE_MOE, "olmoe": MODEL_ARCH.OLMOE,
    "phimoe": MODEL_ARCH.PHIMOE,
}


def metadata(config, arch):
    writer = gguf.GGUFWriter(None, MODEL_ARCH_NAMES[arch])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_feed_forward_length(config["intermediate_size"])
    if config.get("head_dim"):
        writer.add_key_length(config["head_dim"])
        writer.add_value_length(config["head_dim"])
    experts = config.get("num_local_experts") or config.get("num_experts")
    if experts:
        writer.add_expert_count(experts)
        writer.add_expert_used_count(config["num_experts_per_tok"])
    if "moe_intermediate_size" in config:
        writer.add_expert_feed_forward_length(config["moe_intermediate_size"])
    if "logits_scaling" in config:
        writer.add_logit_scale(config["logits_scaling"])
        writer.add_embedding_scale(config["embedding_multiplier"])
        writer.add_residual_scale(config["residual_multiplier"])
        writer.add_attention_scale(config["attention_multiplier"])
    rope = config["rope_parameters"]
    if rope["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])
    if rope["rope_type"] == "longrope":
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
        writer.add_rope_scaling_attn_factors(rope["short_mscale"])
    return {key: field.value for fields in writer.kv_data for key, field in fields.items()}


def stacked(name):
    """`…experts.3.w1.weight` → `…experts.w1.weight`, as the converter calls what it stacks."""
    parts = name.split(".")
    return ".".join(part for n, part in enumerate(parts) if not (part.isdigit() and parts[n - 1] == "experts"))


def names(directory, config, arch):
    tensor_map = get_tensor_name_map(arch, config["num_hidden_layers"])
    found = {}
    with safe_open(directory / "model.safetensors", "np") as file:
        for name in file.keys():
            one = stacked(name)
            if one.endswith("input_linear.weight"):
                # The converter splits it, and names the halves itself.
                for half, tensor in enumerate((gguf.MODEL_TENSOR.FFN_GATE_EXP, gguf.MODEL_TENSOR.FFN_UP_EXP)):
                    found[f"{one}:{half}"] = gguf.TENSOR_NAMES[tensor].format(bid=one.split(".")[2]) + ".weight"
                continue
            mapped = tensor_map.get_name(one, try_suffixes=(".weight", ".bias"))
            assert mapped, one
            found[one] = mapped
    return found


def pairing(heads, rows):
    stored = numpy.arange(rows, dtype=numpy.float32)[:, None]
    unpaired = LlamaTensorProcessor(config={})._reverse_permute_weights(stored, heads, heads)
    return {"heads": heads, "order": unpaired[:, 0].astype(int).tolist()}


golden = {
    "versions": {name: importlib.metadata.version(name) for name in ("gguf", "transformers")},
    "pairing": pairing(3, 24),
    "models": {},
}
for name, arch in ARCHITECTURES.items():
    directory = ROOT / "architectures" / name
    config = json.loads((directory / "config.json").read_text())
    golden["models"][name] = {"metadata": metadata(config, arch), "names": names(directory, config, arch)}
(ROOT / "gguf-names.json").write_text(json.dumps(golden, indent=1) + "\n")
