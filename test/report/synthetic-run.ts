import { Rng } from "../../src/base/rng.ts";
import { wilsonInterval } from "../../src/base/statistics.ts";
import type { AttemptRecord, EvaluationSummary, ExpertUse, RunEvent } from "../../src/records/events.ts";
import type { ReportInput } from "../../src/report/page.ts";

/** Size of a made-up run. */
export interface SyntheticSize {
  seed: number;
  supervisedSteps: number;
  rlSteps: number;
  layers: number;
  experts: number;
}

const clockStart = Date.UTC(2026, 10, 21, 9, 30);

function evaluation(
  name: string,
  accuracy: number,
  formatAccuracy: number,
  n: number,
  seconds: number,
): EvaluationSummary {
  const right = Math.round(accuracy * n);
  return { name, accuracy: right / n, ci95: wilsonInterval(right, n), formatAccuracy, n, seconds };
}

function expertUse(rng: Rng, layer: number, experts: number, progress: number): ExpertUse {
  const loads = Array.from({ length: experts }, (_, e) =>
    Math.exp(0.9 * Math.sin(1.7 * e + layer + 2 * progress) * (1 - 0.55 * progress) + 0.05 * rng.normal()),
  );
  const counts = loads.map((load) => Math.round(1000 * load));
  const total = counts.reduce((sum, count) => sum + count, 0);
  const shares = counts.map((count) => count / total);
  const entropy = -shares.reduce((sum, share) => sum + (share > 0 ? share * Math.log(share) : 0), 0);
  return { layer, counts, shares, entropy, maxOverMean: Math.max(...shares) * experts };
}

function attempt(rng: Rng, stage: string, step: number, right: boolean): AttemptRecord {
  const [a, b, c] = [rng.integer(2, 99), rng.integer(2, 9), rng.integer(2, 9)];
  const product = b * c;
  const gold = String(a + product);
  const slip = right ? 0 : rng.pick([1, -1, 10]);
  const answer = String(a + product + slip);
  const completion = `${b}*${c}=${product}, ${a % 10}+${product % 10}=${(a % 10) + (product % 10)}, carry ${Math.floor(((a % 10) + (product % 10)) / 10)}, ${a}+${product}=${answer}<answer>${answer}<eos>`;
  return {
    stage,
    step,
    problem: `p${rng.integer(0, 1e6)}`,
    question: `${a}+${b}*${c}`,
    gold,
    completion,
    answer,
    stop: "eos",
    tokens: completion.length - 12,
    parts: { correct: right ? 1 : 0 },
    reward: right ? 1 : 0,
    advantage: stage === "eval" ? null : right ? 0.8164 : -1.2247,
  };
}

/** A plausible run: baseline, supervised, reinforced; seeded curves with noise. The same size gives the same run. */
export function syntheticRun(size: SyntheticSize): ReportInput {
  const rng = new Rng(size.seed);
  const events: RunEvent[] = [];
  let time = clockStart;
  const noise = (scale: number) => scale * rng.normal();
  const experts = (stage: string, step: number, progress: number) =>
    events.push({
      type: "experts",
      time,
      stage,
      step,
      layers: Array.from({ length: size.layers }, (_, layer) => expertUse(rng, layer, size.experts, progress)),
    });

  events.push({
    type: "run",
    time,
    name: "quickstart",
    version: "0.1.0",
    seed: size.seed,
    device: { device: "native", isa: "avx512bf16", threads: 2, precision: "bf16" },
  });
  events.push({ type: "stage-start", time, stage: "baseline", kind: "eval", totalSteps: 0 });
  events.push({
    type: "evaluation",
    time,
    stage: "baseline",
    step: 0,
    result: evaluation("baseline", 0.003, 0.02, 1000, 1.3),
  });
  events.push({ type: "stage-end", time: (time += 1300), stage: "baseline", seconds: 1.3 });

  events.push({ type: "stage-start", time, stage: "pretrain", kind: "pretrain", totalSteps: size.supervisedSteps });
  for (let step = 1; step <= size.supervisedSteps; step++) {
    const p = step / size.supervisedSteps;
    time += 90;
    events.push({
      type: "metrics",
      time,
      stage: "pretrain",
      step,
      values: {
        loss: (0.21 + 3.4 * Math.exp(-9 * p) + 0.5 * Math.exp(-2 * p)) * Math.exp(noise(0.06)),
        learning_rate: p < 0.05 ? (2e-3 * p) / 0.05 : 1e-3 * (1 + Math.cos((Math.PI * (p - 0.05)) / 0.95)),
        grad_norm: (0.5 + 2.5 * Math.exp(-6 * p)) * Math.exp(noise(0.22)),
        mean_token_accuracy: Math.min(1, 0.93 - 0.75 * Math.exp(-5 * p) + noise(0.01)),
        "perf/tokens_per_second": 46_000 * (1 + noise(0.03)),
        aux_loss: 1.02 + 0.2 * Math.exp(-4 * p) + noise(0.01),
        num_tokens: step * 4096,
        step_time: 0.09,
      },
    });
    if (step % Math.max(1, Math.ceil(size.supervisedSteps / 300)) === 0) experts("pretrain", step, 0.5 * p);
    if (size.supervisedSteps >= 5 && step % Math.floor(size.supervisedSteps / 5) === 0)
      events.push({
        type: "evaluation",
        time,
        stage: "pretrain",
        step,
        result: evaluation("pretrain", 0.442 * p ** 0.6, 0.97, 1000, 1.8),
      });
  }
  events.push({ type: "stage-end", time, stage: "pretrain", seconds: size.supervisedSteps * 0.09 });

  events.push({ type: "stage-start", time, stage: "grpo", kind: "rl", totalSteps: size.rlSteps });
  for (let step = 1; step <= size.rlSteps; step++) {
    const p = step / size.rlSteps;
    const reward = Math.min(0.98, Math.max(0.05, 0.44 + 0.34 * (1 - Math.exp(-3 * p)) + noise(0.035)));
    time += 300;
    events.push({
      type: "metrics",
      time,
      stage: "grpo",
      step,
      values: {
        loss: noise(0.01),
        reward,
        reward_std: Math.sqrt(reward * (1 - reward)),
        frac_reward_zero_std: Math.min(1, 0.3 + 0.35 * p + noise(0.05)),
        kl: 0.0002 + 0.06 * p ** 1.4 * Math.exp(noise(0.18)),
        entropy: 0.31 * Math.exp(-1.4 * p) + 0.05 + noise(0.008),
        "clip_ratio/low_mean": Math.max(0, 0.004 + noise(0.001)),
        "clip_ratio/high_mean": Math.max(0, 0.009 + noise(0.002)),
        "clip_ratio/region_mean": Math.max(0, 0.013 + noise(0.002)),
        "completions/mean_length": 31 + 4 * p + noise(0.8),
        "completions/min_length": Math.max(1, Math.round(9 + noise(1.5))),
        "completions/max_length": Math.min(96, Math.round(74 + 8 * p + noise(4))),
        "completions/clipped_ratio": Math.max(0, 0.05 * Math.exp(-4 * p) + noise(0.004)),
        grad_norm: 0.35 * Math.exp(noise(0.25)) * (step === Math.floor(size.rlSteps / 2) ? 7 : 1),
        learning_rate: 3e-4 * (1 - 0.9 * p),
        "perf/tokens_per_second": 38_500 * (1 + noise(0.04)),
        "perf/mfu": 0.22 * (1 + noise(0.04)),
        "rewards/correct/mean": reward,
        step_time: 0.3 * (1 + noise(0.03)),
        "rollout/seconds": 0.17 * (1 + noise(0.03)),
        "update/seconds": 0.12 * (1 + noise(0.03)),
        num_tokens: step * 9000,
      },
    });
    if (step % Math.max(1, Math.ceil(size.rlSteps / 300)) === 0) experts("grpo", step, 0.5 + 0.5 * p);
    if (size.rlSteps >= 5 && step % Math.floor(size.rlSteps / 5) === 0)
      events.push({
        type: "evaluation",
        time,
        stage: "grpo",
        step,
        result: evaluation("grpo", 0.442 + (0.343 * (1 - Math.exp(-3 * p))) / (1 - Math.exp(-3)), 0.996, 1000, 1.8),
      });
  }
  events.push({
    type: "warning",
    time,
    stage: "grpo",
    step: size.rlSteps,
    message: "68 % of the groups had no spread; harder problems or a higher temperature would teach more",
  });
  events.push({ type: "stage-end", time, stage: "grpo", seconds: size.rlSteps * 0.3 });
  events.push({ type: "run-end", time, seconds: (time - clockStart) / 1000 });

  return {
    name: "quickstart",
    version: "0.1.0",
    decoding: "greedy decoding on held-out test problems",
    recipe: {
      name: "quickstart",
      seed: size.seed,
      model: { size: "tiny", experts: size.experts, activeExperts: 2 },
      task: { digits: 2, depth: 2, operators: ["+", "-", "*"] },
      stages: [
        { name: "pretrain", steps: size.supervisedSteps, learningRate: 0.002 },
        { name: "grpo", steps: size.rlSteps, groupSize: 8, clip: { low: 0.2, high: 0.28 }, beta: 0.01 },
      ],
    },
    events,
    attempts: ["grpo", "eval"].flatMap((stage) =>
      Array.from({ length: 24 }, (_, i) =>
        attempt(rng, stage, stage === "grpo" ? size.rlSteps - (i % 3) : 0, i % 3 !== 0),
      ),
    ),
  };
}
