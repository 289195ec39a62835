"""Losses of TRL's GRPOTrainer and RLOOTrainer on given log-probabilities, with their derivatives, in f64.

usage: python test/goldens/make-policy-losses.py
writes test/goldens/policy-losses.json: the batches (tokens of attempts one after the other) and, for each case, TRL's
options, loss, metrics and d loss / d logps. TRL's own `_compute_loss` runs on a stand-in for the trainer, whose model
"computes" the log-probabilities of the batch. TRL 1.13.0, torch 2.13.0.
"""
import collections, json, pathlib
from types import SimpleNamespace
import torch, trl
from trl import GRPOTrainer, RLOOTrainer

torch.manual_seed(5)
lengths = [5, 1, 8, 3, 6, 2]
longest = max(lengths)
mask = torch.tensor([[1.0] * n + [0.0] * (longest - n) for n in lengths]).double()


def drawn(low, high):
    return (low + (high - low) * torch.rand(len(lengths), longest)).double()


old = drawn(-2.5, -0.1)


def batch(spread):
    """Ratios of tokens are exp of a number within ±spread."""
    return dict(
        logps=old + (2 * torch.rand(len(lengths), longest).double() - 1) * spread,
        old=old,
        ref=old + (2 * torch.rand(len(lengths), longest).double() - 1) * 0.5,
        entropies=drawn(0.0, 2.0),
        advantages=torch.tensor([1.2, -0.7, -1.1, 0.4, -0.3, 0.9]).double(),
        factors=drawn(0.2, 2.0),
    )


class Accelerator:
    num_processes, sync_gradients, device = 1, True, "cpu"
    gather = gather_for_metrics = staticmethod(lambda x: x)
    reduce = staticmethod(lambda x, reduction: x)
    pad_across_processes = staticmethod(lambda x, dim, pad_index: x)


def run(trainer, given, cut=(), **over):
    """`cut`: attempts that mask_truncated_completions would mask."""
    live = mask.clone()
    live[list(cut)] = 0
    logps = given["logps"].clone().requires_grad_(True)
    options = dict(loss_type="grpo", importance_sampling_level="token", beta=0.0, epsilon_low=0.2, epsilon_high=0.28,
                   delta=None, top_entropy_quantile=1.0, entropy_coef=0.0, use_vllm=False)
    options.update(over)
    self = SimpleNamespace(
        **{name: value for name, value in options.items() if name != "delta"},
        args=SimpleNamespace(delta=options["delta"], use_bias_correction_kl=False, steps_per_generation=1),
        accelerator=Accelerator(), model=SimpleNamespace(training=True), _metrics={"train": collections.defaultdict(list)},
        off_policy_mask_threshold=None, aux_loss_enabled=False, current_gradient_accumulation_steps=1,
        max_completion_length=longest, vllm_importance_sampling_correction=True,
        _entropy_bonus_enabled=options["entropy_coef"] != 0, use_adaptive_entropy=False,
        _get_per_token_logps_and_entropies=lambda *_, **__: (logps, given["entropies"], None),
    )
    self.get_high_entropy_mask = lambda *a: GRPOTrainer.get_high_entropy_mask(self, *a)
    ids = torch.ones(len(lengths), longest, dtype=torch.long)
    inputs = dict(
        prompt_ids=ids[:, :1], prompt_mask=ids[:, :1], completion_ids=ids, completion_mask=live,
        advantages=given["advantages"], old_per_token_logps=given["old"], ref_per_token_logps=given["ref"],
        old_logps=(given["old"] * live).sum(1), num_items_in_batch=live.sum(), importance_sampling_ratio=given["factors"],
    )
    loss = trainer._compute_loss(self, None, inputs)
    loss.backward()
    return dict(
        trainer=trainer.__name__, options=options, cut=list(cut), loss=loss.item(), dLogps=flat(logps.grad),
        metrics={name: values[0] for name, values in self._metrics["train"].items() if name != "entropy_coef"},
    )


def flat(padded):
    return [value for row, n in zip(padded.tolist(), lengths) for value in row[:n]]


wide, narrow = batch(0.9), batch(0.002)
cases = []
for name, given in [("wide", wide), ("narrow", narrow)]:
    asked = []
    if name == "wide":
        for loss_type in ["grpo", "bnpo", "dapo", "dr_grpo"]:
            asked += [dict(loss_type=loss_type), dict(loss_type=loss_type, beta=0.1, delta=1.6)]
        asked += [dict(loss_type="dapo", top_entropy_quantile=0.3, beta=0.05), dict(loss_type="dapo", entropy_coef=0.02)]
        asked += [dict(loss_type="dapo", use_vllm=True, beta=0.05), dict(loss_type="dapo", cut=(2, 3))]
        asked += [dict(loss_type="cispo", epsilon_high=1.4), dict(loss_type="cispo", epsilon_high=1.4, beta=0.1, use_vllm=True)]
    for loss_type in ["grpo", "dapo"]:
        sequence = dict(loss_type=loss_type, importance_sampling_level="sequence")
        bounds = dict(epsilon_low=3e-4, epsilon_high=4e-4) if name == "narrow" else {}
        asked += [dict(sequence, **bounds), dict(sequence, beta=0.1, top_entropy_quantile=0.5, **bounds)]
    cases += [dict(batch=name, **run(GRPOTrainer, given, **one)) for one in asked]
    cases.append(dict(batch=name, **run(RLOOTrainer, given, epsilon_high=0.2)))
starts = [sum(lengths[:i]) for i in range(len(lengths) + 1)]
batches = {
    name: {key: value.tolist() if value.dim() == 1 else flat(value) for key, value in given.items()}
    for name, given in [("wide", wide), ("narrow", narrow)]
}
out = pathlib.Path(__file__).parent / "policy-losses.json"
out.write_text(json.dumps(dict(trl=trl.__version__, torch=torch.__version__, starts=starts, maxLength=longest, batches=batches, cases=cases)) + "\n")
print(len(cases), "cases;", *(f"{case['loss']:.4f}" for case in cases))
