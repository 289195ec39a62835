"""Writes kernels.json: inputs and results of PyTorch, in float64, that src/engine/devices/reference is held against.

    python test/goldens/make-kernels.py && npx biome format --write test/goldens

The versions that made the file are recorded in it. Results are PyTorch's own functions and modules; nothing here repeats
a formula except the ALiBi bias, the rotary tables and the balance of experts, which PyTorch does not have.
"""

import json
import pathlib

import torch
import torch.nn.functional as F
import transformers
from transformers.models.llama.modeling_llama import LlamaRMSNorm, apply_rotary_pos_emb

torch.set_default_dtype(torch.float64)
torch.manual_seed(20260301)


def flat(tensor):
    return tensor.detach().flatten().tolist()


def leaf(*shape, scale=1.0):
    return (torch.randn(*shape) * scale).requires_grad_()


def gradients(output, output_gradient, **leaves):
    found = torch.autograd.grad(output, list(leaves.values()), output_gradient)
    return {name: flat(gradient) for name, gradient in zip(leaves, found)}


def layer_norm():
    rows, width, eps = 5, 12, 1e-5
    x, gain, bias = leaf(rows, width, scale=3), leaf(width), leaf(width)
    y = F.layer_norm(x, (width,), gain, bias, eps)
    dy = torch.randn_like(y)
    return {
        "rows": rows, "width": width, "eps": eps,
        "x": flat(x), "gain": flat(gain), "bias": flat(bias), "y": flat(y), "dY": flat(dy),
        "gradients": gradients(y, dy, x=x, gain=gain, bias=bias),
    }


def rms_norm():
    rows, width, eps = 5, 12, 1e-6
    x, gain = leaf(rows, width, scale=3), leaf(width)
    y = F.rms_norm(x, (width,), gain, eps)
    hugging_face = LlamaRMSNorm(width, eps)
    hugging_face.weight.data = gain.detach()
    # The module computes in float32, so it only confirms the convention.
    assert torch.allclose(hugging_face(x), y, atol=1e-5)
    dy = torch.randn_like(y)
    return {
        "rows": rows, "width": width, "eps": eps,
        "x": flat(x), "gain": flat(gain), "y": flat(y), "dY": flat(dy),
        "gradients": gradients(y, dy, x=x, gain=gain),
    }


def gelu():
    x = torch.cat([torch.linspace(-9, 9, 61), torch.randn(20)]).requires_grad_()
    y = F.gelu(x)
    dy = torch.randn_like(y)
    return {"x": flat(x), "y": flat(y), "dY": flat(dy), "gradients": gradients(y, dy, x=x)}


def swiglu():
    gate, up = leaf(60, scale=4), leaf(60)
    y = F.silu(gate) * up
    dy = torch.randn_like(y)
    return {
        "gate": flat(gate), "up": flat(up), "y": flat(y), "dY": flat(dy),
        "gradients": gradients(y, dy, gate=gate, up=up),
    }


def tanh():
    x = torch.linspace(-12, 12, 61).requires_grad_()
    y = torch.tanh(x)
    dy = torch.linspace(-1, 2, 61)
    return {"x": flat(x), "y": flat(y), "dY": flat(dy), "gradients": gradients(y, dy, x=x)}


def rotary():
    rows, heads, head_dim, max_positions, theta = 7, 3, 8, 12, 10000.0
    positions = torch.tensor([3, 0, 11, 5, 5, 1, 8])
    inverse_frequency = theta ** (-torch.arange(0, head_dim, 2) / head_dim)
    angles = torch.outer(torch.arange(max_positions, dtype=torch.float64), inverse_frequency)
    x = leaf(rows, heads, head_dim)
    both = torch.cat([angles, angles], dim=-1)[positions]
    # Hugging Face wants [batch, heads, rows, head_dim].
    turned, _ = apply_rotary_pos_emb(
        x.transpose(0, 1)[None], x.transpose(0, 1)[None], both.cos()[None], both.sin()[None]
    )
    y = turned[0].transpose(0, 1)
    dy = torch.randn_like(y)
    return {
        "rows": rows, "heads": heads, "headDim": head_dim, "positions": positions.tolist(),
        "cos": flat(angles.cos()), "sin": flat(angles.sin()),
        "x": flat(x), "y": flat(y), "dY": flat(dy), "gradients": gradients(y, dy, x=x),
    }


def attention(tokens, heads, kv_heads, head_dim):
    q, k, v = leaf(tokens, heads, head_dim), leaf(tokens, kv_heads, head_dim), leaf(tokens, kv_heads, head_dim)
    slopes = 2.0 ** (-8 * torch.arange(1, heads + 1) / heads)
    distance = torch.arange(tokens)[:, None] - torch.arange(tokens)[None, :]
    bias = (-slopes[:, None, None] * distance).masked_fill(distance < 0, float("-inf"))
    out = F.scaled_dot_product_attention(
        q.transpose(0, 1)[None], k.transpose(0, 1)[None], v.transpose(0, 1)[None], attn_mask=bias, enable_gqa=True
    )[0].transpose(0, 1)
    dout = torch.randn_like(out)
    return {
        "rows": tokens, "heads": heads, "kvHeads": kv_heads, "headDim": head_dim, "slopes": flat(slopes),
        "q": flat(q), "k": flat(k), "v": flat(v), "out": flat(out), "dOut": flat(dout),
        "gradients": gradients(out, dout, q=q, k=k, v=v),
    }


def shared_prefix():
    """Two completions of one prompt, each computed by itself behind its own copy of the prompt."""
    prompt, completions, heads, head_dim = 4, [3, 5], 2, 4
    rows = prompt + sum(completions)
    q, k, v = leaf(rows, heads, head_dim), leaf(rows, heads, head_dim), leaf(rows, heads, head_dim)
    dout = torch.randn(rows, heads, head_dim)
    out = torch.zeros(rows, heads, head_dim)
    start = prompt
    for length in completions:
        ids = torch.cat([torch.arange(prompt), torch.arange(start, start + length)])
        whole = F.scaled_dot_product_attention(
            q[ids].transpose(0, 1)[None], k[ids].transpose(0, 1)[None], v[ids].transpose(0, 1)[None], is_causal=True
        )[0].transpose(0, 1)
        own = ids if start == prompt else ids[prompt:]
        out = out.index_put((own,), whole[-len(own):])
        start += length
    return {
        "prompt": prompt, "completions": completions, "heads": heads, "headDim": head_dim,
        "q": flat(q), "k": flat(k), "v": flat(v), "out": flat(out), "dOut": flat(dout),
        "gradients": gradients(out, dout, q=q, k=k, v=v),
    }


def token_logps():
    rows, vocabulary, temperature = 6, 19, 0.7
    logits = leaf(rows, vocabulary, scale=3)
    targets = torch.randint(vocabulary, (rows,))
    distribution = torch.distributions.Categorical(logits=logits / temperature)
    logps, entropies = distribution.log_prob(targets), distribution.entropy()
    dlogps, dentropies = torch.randn(rows), torch.randn(rows)
    (dlogits,) = torch.autograd.grad((logps * dlogps + entropies * dentropies).sum(), logits)
    return {
        "rows": rows, "vocabulary": vocabulary, "inverseTemperature": 1 / temperature,
        "logits": flat(logits), "targets": targets.tolist(), "logps": flat(logps), "entropies": flat(entropies),
        "dLogps": flat(dlogps), "dEntropies": flat(dentropies), "dLogits": flat(dlogits),
    }


def cross_entropy():
    rows, vocabulary = 8, 11
    logits = leaf(rows, vocabulary, scale=2)
    targets = torch.randint(vocabulary, (rows,))
    loss = F.cross_entropy(logits, targets)
    (dlogits,) = torch.autograd.grad(loss, logits)
    return {
        "rows": rows, "vocabulary": vocabulary, "logits": flat(logits), "targets": targets.tolist(),
        "loss": loss.item(), "dLogits": flat(dlogits),
    }


def mixture():
    """Softmax over the top-k logits, and the load-balancing loss (Switch, arXiv:2101.03961 eq. 4, per slot)."""
    from transformers.models.mixtral.modeling_mixtral import load_balancing_loss_func

    rows, experts, active, inner, outer = 9, 4, 2, 5, 3
    x, logits, w = leaf(rows, inner), leaf(rows, experts), leaf(experts, outer, inner)
    top, ids = logits.topk(active, dim=-1)
    weights = top.softmax(-1)
    y = (torch.einsum("ti,eoi->teo", x, w)[torch.arange(rows)[:, None], ids] * weights[..., None]).sum(1)
    dy = torch.randn_like(y)
    shares = F.one_hot(ids.flatten(), experts).double().mean(0)
    balance = experts * (shares * logits.softmax(-1).mean(0)).sum()
    # transformers takes its softmax in float32, so it only confirms the formula; its fractions are per row, not per slot.
    assert abs(load_balancing_loss_func((logits,), experts, active).item() / active - balance.item()) < 1e-6
    return {
        "rows": rows, "experts": experts, "active": active, "inner": inner, "outer": outer,
        "x": flat(x), "logits": flat(logits), "w": flat(w), "expertIds": ids.flatten().tolist(),
        "weights": flat(weights), "y": flat(y), "dY": flat(dy),
        "gradients": gradients(y, dy, x=x, logits=logits, w=w),
        "balance": balance.item(),
        "balanceGradient": flat(torch.autograd.grad(balance, logits)[0]),
    }


def routers():
    """Softmax before top-k, not renormalized (OLMoE); sparsemixer as Phi-MoE uses it at inference."""
    from transformers.models.phimoe.modeling_phimoe import sparsemixer

    rows, experts, active = 12, 6, 2

    def record(mode, jitter, logits, weights, ids):
        dweights = torch.randn_like(weights)
        (dlogits,) = torch.autograd.grad(weights, logits, dweights)
        return {
            "rows": rows, "experts": experts, "active": active, "mode": mode, "jitter": jitter,
            "logits": flat(logits), "expertIds": ids.flatten().tolist(), "weights": flat(weights),
            "dWeights": flat(dweights), "dLogits": flat(dlogits),
        }

    logits = leaf(rows, experts, scale=2)
    found = [record(1, 0, logits, *logits.softmax(-1).topk(active, dim=-1))]
    for jitter in [0.01, 0.3]:
        logits = leaf(rows, experts, scale=2)
        found.append(record(2, jitter, logits, *sparsemixer(logits, jitter, training=False)))
    return found


def adamw():
    settings = {"lr": 0.01, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "weightDecay": 0.1}
    start = torch.randn(30)
    param = torch.nn.Parameter(start.clone())
    optimizer = torch.optim.AdamW(
        [param], lr=settings["lr"], betas=(settings["beta1"], settings["beta2"]), eps=settings["eps"],
        weight_decay=settings["weightDecay"],
    )
    steps = []
    for _ in range(2):
        param.grad = torch.randn(30)
        optimizer.step()
        state = optimizer.state[param]
        steps.append({
            "grad": flat(param.grad), "param": flat(param), "m": flat(state["exp_avg"]), "v": flat(state["exp_avg_sq"])
        })
    return {**settings, "start": flat(start), "steps": steps}


goldens = {
    "madeWith": {"torch": torch.__version__, "transformers": transformers.__version__, "dtype": "float64"},
    "layerNorm": layer_norm(),
    "rmsNorm": rms_norm(),
    "gelu": gelu(),
    "swiglu": swiglu(),
    "tanh": tanh(),
    "rotary": rotary(),
    "attention": [attention(9, 4, 2, 6), attention(5, 3, 3, 4)],
    "sharedPrefix": shared_prefix(),
    "tokenLogps": token_logps(),
    "crossEntropy": cross_entropy(),
    "mixture": mixture(),
    "adamw": adamw(),
    "routers": routers(),
}

target = pathlib.Path(__file__).with_name("kernels.json")
target.write_text(json.dumps(goldens, separators=(",", ":")) + "\n")
print(f"{target.name}: {target.stat().st_size} bytes")
