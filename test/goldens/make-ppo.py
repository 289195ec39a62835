"""Writes ppo.json: what PPO's formulas come to in PyTorch, in float64, with gradients by autograd.

    python test/goldens/make-ppo.py && npx biome format --write test/goldens

TRL 1.13 has no PPO any more; advantages, whitening, value clipping and reductions are written here as its experimental
PPOTrainer had them, on padded rows with masks.
"""

import json
import pathlib

import torch

torch.set_default_dtype(torch.float64)
torch.manual_seed(20261121)

ROWS, WIDTH = 4, 7
LENGTHS = [7, 3, 1, 5]
GAMMA, LAMBDA, CLIP, VALUE_CLIP, VALUE_WEIGHT, KL = 0.97, 0.9, 0.2, 0.25, 0.3, 0.05

mask = torch.arange(WIDTH)[None, :] < torch.tensor(LENGTHS)[:, None]


def masked_mean(values):
    return (values * mask).sum() / mask.sum()


def masked_whiten(values):
    mean = masked_mean(values)
    count = mask.sum()
    variance = masked_mean((values - mean) ** 2) * count / (count - 1)
    return (values - mean) * torch.rsqrt(variance + 1e-8)


def draw(scale, shift=0.0):
    return torch.randn(ROWS, WIDTH) * scale * mask + shift


old = draw(0.6, -1.5)
reference = old + draw(0.3)
new = (old + draw(0.3)).requires_grad_()
old_values = draw(0.5) * mask
values = (old_values + draw(0.4)).requires_grad_()
scores = torch.tensor([1.0, 0.0, 0.5, -0.25])

rewards = -KL * (old - reference) * mask
rewards[torch.arange(ROWS), torch.tensor(LENGTHS) - 1] += scores

reversed_advantages, last = [], torch.zeros(ROWS)
for t in reversed(range(WIDTH)):
    following = old_values[:, t + 1] if t < WIDTH - 1 else torch.zeros(ROWS)
    delta = rewards[:, t] + GAMMA * following - old_values[:, t]
    last = (delta + GAMMA * LAMBDA * last) * mask[:, t]
    reversed_advantages.append(last)
advantages = torch.stack(reversed_advantages[::-1], dim=1)
returns = advantages + old_values
whitened = masked_whiten(advantages)

ratio = torch.exp(new - old)
policy_loss = masked_mean(torch.max(-whitened * ratio, -whitened * torch.clamp(ratio, 1 - CLIP, 1 + CLIP)))
clamped = torch.clamp(values, old_values - VALUE_CLIP, old_values + VALUE_CLIP)
errors, clamped_errors = (values - returns) ** 2, (clamped - returns) ** 2
value_loss = 0.5 * masked_mean(torch.max(errors, clamped_errors))
loss = policy_loss + VALUE_WEIGHT * value_loss
d_logps, d_values = torch.autograd.grad(loss, [new, values])


def flat(tensor):
    return tensor.detach()[mask].tolist()


golden = {
    "madeWith": {"torch": torch.__version__, "dtype": "float64"},
    "lengths": LENGTHS,
    "options": {
        "gamma": GAMMA, "lambda": LAMBDA, "clip": CLIP, "valueClip": VALUE_CLIP, "valueCoefficient": VALUE_WEIGHT,
        "klCoefficient": KL,
    },
    "scores": scores.tolist(),
    "oldLogps": flat(old), "refLogps": flat(reference), "logps": flat(new),
    "oldValues": flat(old_values), "values": flat(values),
    "rewards": flat(rewards), "advantages": flat(advantages), "returns": flat(returns), "whitened": flat(whitened),
    "loss": loss.item(), "policyLoss": policy_loss.item(), "valueLoss": value_loss.item(),
    "valueClipShare": masked_mean((clamped_errors > errors).double()).item(),
    "dLogps": flat(d_logps), "dValues": flat(d_values),
}

target = pathlib.Path(__file__).with_name("ppo.json")
target.write_text(json.dumps(golden, indent=2) + "\n")
print(f"{target.name}: {target.stat().st_size} bytes")
