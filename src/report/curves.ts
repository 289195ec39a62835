import { formatDuration } from "./format.ts";
import { html, type Markup } from "./html.ts";
import { type LineChartSpec, lineChart } from "./line-chart.ts";
import type { Point } from "./series.ts";
import type { StageSummary } from "./summary.ts";

/** A chart of one or more logged metrics. `spread` names the metric drawn as a band around the first one. */
interface Curve extends Omit<LineChartSpec, "lines"> {
  metrics: readonly { name: string; label: string }[];
  spread?: string;
}

const one = (name: string) => [{ name, label: name }];

const loss: Curve = {
  title: "Loss",
  unit: "nats per token",
  metrics: one("loss"),
  caption: "How surprised the model is by the worked solutions. It should fall fast, then flatten.",
};

const learningRate: Curve = {
  title: "Learning rate",
  metrics: one("learning_rate"),
  exact: true,
  axis: "linear",
  caption: "The size of the optimizer's steps: warm-up first, then decay.",
};

const gradNorm: Curve = {
  title: "Gradient norm",
  metrics: one("grad_norm"),
  caption: "Before clipping. Single spikes are harmless; a steady climb means the learning rate is too high.",
};

const throughput: Curve = {
  title: "Throughput",
  unit: "tokens / s",
  metrics: one("perf/tokens_per_second"),
  axis: "linear",
  caption: "Tokens handled per second of wall-clock time. Steady is good.",
};

const stepTime: Curve = {
  title: "Time per step",
  unit: "s",
  metrics: [
    { name: "step_time", label: "step" },
    { name: "rollout/seconds", label: "rollout" },
    { name: "update/seconds", label: "update" },
  ],
  axis: "linear",
  format: formatDuration,
  caption: "Where the time goes: sampling attempts, and learning from them.",
};

const supervised: readonly Curve[] = [
  loss,
  {
    title: "Token accuracy",
    metrics: one("mean_token_accuracy"),
    axis: "linear",
    percent: true,
    caption: "How often the model's first choice is the solution's next token.",
  },
  learningRate,
  gradNorm,
  throughput,
];

const reinforcement: readonly Curve[] = [
  {
    title: "Reward",
    metrics: one("reward"),
    spread: "reward_std",
    axis: "linear",
    caption:
      "The mean over all attempts of a step; the band is one standard deviation. This is what training maximises.",
  },
  {
    title: "KL to the start",
    unit: "nats per token",
    metrics: one("kl"),
    caption: "How far the policy has moved from the model it started as. Slow growth is learning; a jump is trouble.",
  },
  {
    title: "Entropy",
    unit: "nats per token",
    metrics: one("entropy"),
    axis: "linear",
    caption: "How undecided the policy is. It falls as the model gets sure; near 0 there is nothing left to explore.",
  },
  {
    title: "Values",
    metrics: [
      { name: "values/mean", label: "values" },
      { name: "returns/mean", label: "returns" },
    ],
    spread: "values/std",
    axis: "linear",
    caption: "What the critic expects of a state, and what came of it. The two should meet; the band is one deviation.",
  },
  {
    title: "Explained variance",
    metrics: one("values/explained_variance"),
    axis: "linear",
    caption: "Share of the returns' variance that the critic foresaw: 1 is perfect, 0 is no better than their mean.",
  },
  {
    title: "Groups without spread",
    metrics: one("frac_reward_zero_std"),
    axis: "linear",
    percent: true,
    caption:
      "Share of questions whose attempts all got the same reward. They teach nothing: high means too easy or too hard.",
  },
  {
    title: "Completion length",
    unit: "tokens",
    metrics: [
      { name: "completions/mean_length", label: "mean" },
      { name: "completions/max_length", label: "longest" },
      { name: "completions/min_length", label: "shortest" },
    ],
    axis: "linear",
    caption: "How long the attempts are. Growth without reward is rambling.",
  },
  {
    title: "Cut off at the length limit",
    metrics: one("completions/clipped_ratio"),
    axis: "linear",
    percent: true,
    caption: "Share of attempts that never finished. If it stays high, allow longer completions.",
  },
  {
    title: "Clipped tokens",
    metrics: [
      { name: "clip_ratio/region_mean", label: "all" },
      { name: "clip_ratio/high_mean", label: "high" },
      { name: "clip_ratio/low_mean", label: "low" },
    ],
    axis: "linear",
    percent: true,
    caption:
      "Share of tokens whose probability ratio left the trust region. A few per cent is normal, tens are too many.",
  },
  {
    ...loss,
    title: "Policy loss",
    unit: "",
    axis: "linear",
    caption: "It hovers around zero by design: watch the reward, not this.",
  },
  gradNorm,
  learningRate,
  throughput,
  stepTime,
];

/** Logged for bookkeeping, drawn nowhere: a counter, and numbers other charts hold. */
const undrawn = new Set([
  "num_tokens",
  "step_time",
  "rollout/seconds",
  "score/seconds",
  "update/seconds",
  "reward_std",
  "epoch",
]);
const mostOthers = 24;

const toSpec = (curve: Curve, metrics: ReadonlyMap<string, Point[]>, limit: number): LineChartSpec => {
  const { metrics: wanted, spread, ...rest } = curve;
  const lines = wanted.flatMap(({ name, label }, i) => {
    const points = metrics.get(name);
    return points ? [{ label, points, spread: i === 0 && spread ? metrics.get(spread) : undefined }] : [];
  });
  return { ...rest, lines, limit };
};

/** Accuracy at the measurements inside a stage; null with fewer than two. */
function accuracyCurve({ evaluations }: StageSummary, limit: number): Markup | null {
  const byStep = [...new Map(evaluations.map((e) => [e.step, e.result])).entries()].sort((a, b) => a[0] - b[0]);
  if (byStep.length < 2) return null;
  return lineChart({
    title: "Accuracy",
    axis: "linear",
    percent: true,
    limit,
    lines: [
      {
        label: "accuracy",
        points: byStep.map(([step, { accuracy }]) => ({ step, value: accuracy })),
        interval: byStep.map(
          ([
            ,
            {
              ci95: [low, high],
            },
          ]) => ({ low, high }),
        ),
      },
    ],
    caption: "On held-out problems, measured during the stage, with 95 % intervals. This is the curve that counts.",
  });
}

/** The parts a reward is the sum of, one line each; null with fewer than two. */
function rewardParts({ metrics }: StageSummary, limit: number): Markup | null {
  const parts = [...metrics].flatMap(([name, points]) => {
    const part = /^rewards\/(.+)\/mean$/.exec(name);
    return part ? [{ label: part[1].slice(0, 10), points }] : [];
  });
  if (parts.length < 2) return null;
  return lineChart({
    title: "Reward parts",
    axis: "linear",
    limit,
    lines: parts,
    caption: "What the reward is made of. A part that rises alone may be a shortcut the model found.",
  });
}

/**
 * The training curves of a stage: the known metrics of its kind in a fixed order, everything else it logged in a folded
 * block, so that no metric is lost.
 *
 * @param options.limit most points per curve
 * @returns null when the stage logged nothing to draw
 */
export function stageCurves(stage: StageSummary, options: { limit: number }): Markup | null {
  const curves = stage.kind === "rl" || stage.kind === "ppo" ? reinforcement : supervised;
  const known = curves.flatMap((curve) => lineChart(toSpec(curve, stage.metrics, options.limit)) ?? []);
  const drawn = new Set(curves.flatMap(({ metrics }) => metrics.map(({ name }) => name)));
  const charts = [
    ...known.slice(0, 1),
    accuracyCurve(stage, options.limit) ?? [],
    ...known.slice(1),
    rewardParts(stage, options.limit) ?? [],
  ].flat();
  const others = [...stage.metrics]
    .filter(([name]) => !drawn.has(name) && !undrawn.has(name) && !/^rewards\/.+\/(mean|std)$/.test(name))
    .slice(0, mostOthers)
    .flatMap(([name, points]) => {
      const spec = { title: name, lines: [{ label: name, points }], caption: "", limit: options.limit };
      return lineChart(spec) ?? [];
    });
  if (charts.length + others.length === 0) return null;
  return html`<div class="charts">${charts}</div>${
    others.length > 0 &&
    html`<details><summary>${others.length} more ${others.length === 1 ? "metric" : "metrics"}</summary><div class="charts">${others}</div></details>`
  }`;
}
