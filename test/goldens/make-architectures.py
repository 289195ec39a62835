"""Writes architectures/NAME/: tiny random checkpoints of every architecture and what transformers and PEFT make of them.

    python test/goldens/make-architectures.py [NAME ...] && npx biome format --write test/goldens

Each directory is a checkpoint as `save_pretrained` writes it (config.json, model.safetensors in bf16) with an adapter as
PEFT writes it (adapter/), and goldens.safetensors, computed in f32 from those files by the eager implementations:

    tokens.N, logits.N        ids of sequence N, i32 [T], and their logits, [T, V]
    prompt, completion, logps ids, and log-probabilities of the completion's
    greedy                    ids of the 32 tokens that follow the prompt
    adapterLogits.0           logits of sequence 0 with the adapter on
    gradient.NAME             of minus the mean of logps, for every tensor NAME of model.safetensors
    adapterGradient.NAME      of the same with the adapter on, for every tensor NAME of adapter_model.safetensors

Gains, biases, routers and adapters are random, so that one left out shows. Seeds are tried in turn until nothing hangs
by a thread: the two top logits of a greedy step are 2e-3 apart, the last expert chosen and the first left out too, and
float64 gives the same logits within 1e-5 of their deviation. Experts are fused or split as the files have them.
Versions are in the metadata of goldens.safetensors.
"""

import pathlib
import sys
import tempfile

import peft
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
torch.set_num_threads(1)

SHAPE = dict(
    vocab_size=97, hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=64, pad_token_id=None, bos_token_id=None, eos_token_id=None,
)
ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
DENSE = ["gate_proj", "up_proj", "down_proj"]

# Rotary scaling of eight frequencies whose wavelengths lie on all three sides of Llama 3's two thresholds.
LLAMA3 = dict(
    rope_type="llama3", rope_theta=1000.0, factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0,
    original_max_position_embeddings=32,
)
LONG = dict(
    rope_type="longrope", rope_theta=10000.0, original_max_position_embeddings=64, short_mscale=1.2, long_mscale=1.3,
    short_factor=[1.0, 1.25, 1.5, 2.5], long_factor=[1.0, 3.0, 5.0, 7.0],
)

# model type, its own fields, modules with an adapter, expert tensors with an adapter
MODELS = {
    "llama": ("llama", dict(head_dim=16, attention_bias=True, mlp_bias=True, rope_parameters=LLAMA3), ATTENTION + DENSE, []),
    "llama-linear": (
        "llama",
        dict(tie_word_embeddings=True, rope_parameters=dict(rope_type="linear", rope_theta=10000.0, factor=2.0)),
        ATTENTION + DENSE, [],
    ),
    "qwen2": ("qwen2", dict(tie_word_embeddings=True, rms_norm_eps=1e-5), ATTENTION + DENSE, []),
    "qwen3": ("qwen3", dict(tie_word_embeddings=True, head_dim=16, attention_bias=True), ATTENTION + DENSE, []),
    "qwen3_moe": (
        "qwen3_moe",
        dict(
            num_hidden_layers=3, mlp_only_layers=[1], num_experts=5, num_experts_per_tok=2, moe_intermediate_size=12,
            norm_topk_prob=True, head_dim=16, num_key_value_heads=1, hidden_size=24,
        ),
        ATTENTION, ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"],
    ),
    "qwen3_moe-unnormalised": (
        "qwen3_moe",
        dict(num_experts=6, num_experts_per_tok=3, moe_intermediate_size=16, norm_topk_prob=False, decoder_sparse_step=2),
        ATTENTION, [],
    ),
    "granitemoe": (
        "granitemoe",
        dict(
            intermediate_size=16, num_local_experts=5, num_experts_per_tok=3, tie_word_embeddings=True,
            embedding_multiplier=1.5, logits_scaling=0.4, residual_multiplier=0.6, attention_multiplier=0.4,
        ),
        ATTENTION, [],
    ),
    "phimoe": (
        "phimoe",
        dict(
            intermediate_size=16, num_local_experts=4, attention_bias=True, lm_head_bias=True, router_jitter_noise=0.2,
            rope_parameters=LONG,
        ),
        ATTENTION, [],
    ),
    "mixtral": ("mixtral", dict(intermediate_size=16, num_local_experts=4, head_dim=16, hidden_size=24), ATTENTION, []),
    "olmoe": (
        "olmoe",
        dict(intermediate_size=12, num_experts=6, num_experts_per_tok=3, norm_topk_prob=False, attention_bias=True),
        ATTENTION, [],
    ),
}

LENGTHS = [40, 1, 11]
PROMPT, COMPLETION, GREEDY = 9, 14, 32
RANK, ALPHA = 3, 4.5
THREAD = 2e-3


def random_model(model_type, fields):
    """bf16; matrices keep the scale of what goes through them, the rest is far from its usual start."""
    config = AutoConfig.for_model(model_type, **{**SHAPE, **fields})
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn_like(parameter)
            if name.endswith("bias"):
                parameter.copy_(0.3 * noise)
            elif parameter.dim() == 1:
                parameter.copy_(1 + 0.3 * noise)
            elif "embed_tokens" in name:
                # Small where it is the output head too: else every token is followed by itself.
                parameter.copy_((0.2 if config.tie_word_embeddings else 0.5) * noise)
            else:
                parameter.copy_(1.3 * noise / parameter.shape[-1] ** 0.5)
    return model.to(torch.bfloat16)


def load(directory):
    model = AutoModelForCausalLM.from_pretrained(
        directory, dtype=torch.float32, attn_implementation="eager", experts_implementation="eager"
    )
    return model.eval()


class RouterWatch:
    """Collects, while open, how far the last expert chosen is ahead of the next, and which experts are used."""

    def __init__(self, model):
        self.margins, self.used, self.experts = [], set(), 0
        routers = [module for module in model.modules() if type(module).__name__.endswith("TopKRouter")]
        self.hooks = [router.register_forward_hook(self.see) for router in routers]

    def see(self, router, _, outputs):
        logits = next(part for part in outputs if part.dtype.is_floating_point and part.shape[-1] == router.weight.shape[0])
        chosen = next(part for part in outputs if not part.dtype.is_floating_point)
        top = logits.sort(dim=-1, descending=True).values
        active = chosen.shape[-1]
        self.experts = logits.shape[-1]
        self.margins.append((top[:, active - 1] - top[:, active]).min().item())
        if type(router).__name__ == "PhimoeTopKRouter":
            self.margins.append((top[:, 0] - top[:, 1]).min().item())
        self.used.update(chosen.flatten().tolist())

    def close(self):
        for hook in self.hooks:
            hook.remove()
        return min(self.margins, default=1.0), len(self.used) == self.experts


def logits_of(model, ids):
    return model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]


def completion_logps(model, prompt, completion):
    logps = logits_of(model, prompt + completion).log_softmax(dim=-1)
    return logps[len(prompt) - 1 : -1].gather(1, torch.tensor(completion)[:, None])[:, 0]


def greedy(model, prompt):
    """The continuation, and the least distance between the two top logits on the way."""
    ids, least = list(prompt), float("inf")
    for _ in range(GREEDY):
        top = logits_of(model, ids)[-1].topk(2)
        least = min(least, (top.values[0] - top.values[1]).item())
        ids.append(top.indices[0].item())
    cached = model.generate(torch.tensor([prompt]), max_new_tokens=GREEDY, do_sample=False)[0].tolist()
    assert cached == ids or least < THREAD
    return ids[len(prompt) :], least


def stored_gradients(model):
    """Gradients under the names and in the layout in which the file holds the weights."""
    shadow = AutoModelForCausalLM.from_config(model.config)
    found = {name: parameter.grad for name, parameter in model.named_parameters()}
    with torch.no_grad():
        for name, parameter in shadow.named_parameters():
            parameter.copy_(found[name])
    with tempfile.TemporaryDirectory() as directory:
        shadow.save_pretrained(directory)
        return load_file(f"{directory}/model.safetensors")


def attempt(seed, model_type, fields, modules, parameters, directory):
    """Writes the checkpoint of a seed and returns its goldens, or None where something hangs by a thread."""
    torch.manual_seed(seed)
    random_model(model_type, fields).save_pretrained(directory)
    model = load(directory)
    vocabulary = model.config.vocab_size
    ids = lambda count: torch.randint(vocabulary, (count,)).tolist()
    sequences, prompt, completion = [ids(length) for length in LENGTHS], ids(PROMPT), ids(COMPLETION)

    watch = RouterWatch(model)
    goldens = {}
    with torch.no_grad():
        for n, tokens in enumerate(sequences):
            goldens[f"tokens.{n}"] = torch.tensor(tokens, dtype=torch.int32)
            goldens[f"logits.{n}"] = logits_of(model, tokens)
        continuation, least = greedy(model, prompt)
    logps = completion_logps(model, prompt, completion)
    (-logps.mean()).backward()
    margin, all_used = watch.close()
    distinct = len(set(continuation))
    if least < THREAD or margin < THREAD or not all_used or distinct < 12:
        print(f"  seed {seed}: top logits {least:.1e} apart, experts {margin:.1e}, {distinct} distinct tokens: another")
        return None

    goldens["prompt"] = torch.tensor(prompt, dtype=torch.int32)
    goldens["completion"] = torch.tensor(completion, dtype=torch.int32)
    goldens["logps"] = logps.detach()
    goldens["greedy"] = torch.tensor(continuation, dtype=torch.int32)
    gradients = stored_gradients(model)
    assert gradients.keys() == load_file(directory / "model.safetensors").keys()
    goldens |= {f"gradient.{name}": gradient for name, gradient in gradients.items()}

    with torch.no_grad():
        exact = logits_of(load(directory).double(), sequences[0])
    deviation = exact.std().item()
    error = (goldens["logits.0"].double() - exact).abs().max().item() / deviation
    print(f"  seed {seed}: top logits {least:.1e} apart, experts {margin:.1e}, logits {deviation:.2f} ± {error:.1e}")
    if error > 1e-5:
        return None
    adapted = adapter_goldens(directory, sequences[0], prompt, completion, modules, parameters)
    return None if adapted is None else goldens | adapted


def adapter_goldens(directory, tokens, prompt, completion, modules, parameters):
    settings = peft.LoraConfig(
        r=RANK, lora_alpha=ALPHA, target_modules=modules, target_parameters=parameters or None, lora_dropout=0.0,
        task_type="CAUSAL_LM",
    )
    fresh = peft.get_peft_model(load(directory), settings)
    with torch.no_grad():
        for name, parameter in fresh.named_parameters():
            if "lora_" in name:
                scale = 1 / parameter.shape[-1] ** 0.5 if "lora_A" in name else 0.3
                parameter.copy_((scale * torch.randn_like(parameter)).bfloat16().float())
    fresh.save_pretrained(directory / "adapter")
    (directory / "adapter" / "README.md").unlink()
    path = directory / "adapter" / "adapter_config.json"
    path.write_text(path.read_text().replace(str(directory), directory.name))
    # In bf16 as the weights: every value is exact.
    tensors = load_file(directory / "adapter" / "adapter_model.safetensors")
    tensors = {name: tensor.bfloat16().contiguous() for name, tensor in tensors.items()}
    save_file(tensors, directory / "adapter" / "adapter_model.safetensors", metadata={"format": "pt"})

    model = peft.PeftModel.from_pretrained(load(directory), directory / "adapter", is_trainable=True).eval()
    watch = RouterWatch(model)
    with torch.no_grad():
        logits = logits_of(model, tokens)
    (-completion_logps(model, prompt, completion).mean()).backward()
    margin, _ = watch.close()
    if margin < THREAD:
        print(f"  with the adapter, experts are {margin:.1e} apart: another")
        return None
    gradients = {
        name.replace(".default", ""): parameter.grad for name, parameter in model.named_parameters() if "lora_" in name
    }
    assert gradients.keys() == tensors.keys() and all(gradient.abs().max() > 0 for gradient in gradients.values())
    return {"adapterLogits.0": logits} | {f"adapterGradient.{name}": value for name, value in gradients.items()}


def main():
    root = pathlib.Path(__file__).resolve().parent / "architectures"
    versions = {module.__name__: module.__version__ for module in (torch, transformers, peft)}
    for name in sys.argv[1:] or MODELS:
        print(name)
        model_type, fields, modules, parameters = MODELS[name]
        directory = root / name
        goldens = seed = None
        while goldens is None:
            seed = 0 if seed is None else seed + 1
            goldens = attempt(seed, model_type, fields, modules, parameters, directory)
        goldens = {key: tensor.contiguous().clone() for key, tensor in goldens.items()}
        save_file(goldens, directory / "goldens.safetensors", metadata=versions | {"seed": str(seed)})
        (directory / "generation_config.json").unlink(missing_ok=True)
        size = sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())
        print(f"  {size:,} bytes")
        assert size <= 300_000


main()
