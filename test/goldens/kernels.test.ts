import { describe, expect, it } from "vitest";
import { referenceKernels as kernels } from "../../src/engine/devices/reference/kernel-table.ts";
import { packed, segmentTable } from "../conformance/cases/segments.ts";
import goldens from "./kernels.json" with { type: "json" };

const TOLERANCE = 1e-11;

const f64 = (values: readonly number[]): Float64Array => Float64Array.from(values);
const i32 = (values: readonly number[]): Int32Array => Int32Array.from(values);
const zeros = (length: number): Float64Array => new Float64Array(length);

function expectClose(came: ArrayLike<number>, expected: readonly number[], what: string): void {
  expect(came.length, what).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const allowed = TOLERANCE * (1 + Math.abs(expected[i]));
    expect(Math.abs(came[i] - expected[i]), `${what}[${i}]`).toBeLessThanOrEqual(allowed);
  }
}

describe("the reference device agrees with PyTorch in float64", () => {
  it("layerNorm: torch.nn.functional.layer_norm", () => {
    const { rows, width, eps, gradients, ...golden } = goldens.layerNorm;
    const [x, gain, bias, dY] = [golden.x, golden.gain, golden.bias, golden.dY].map(f64);
    const [y, mean, rstd] = [zeros(rows * width), zeros(rows), zeros(rows)];
    kernels.layerNorm({ x, gain, bias, y, mean, rstd, rows, width, eps });
    expectClose(y, golden.y, "y");
    const [dX, dGain, dBias] = [zeros(rows * width), zeros(width), zeros(width)];
    kernels.layerNormBackward({ dY, x, gain, mean, rstd, dX, dGain, dBias, rows, width });
    expectClose(dX, gradients.x, "dX");
    expectClose(dGain, gradients.gain, "dGain");
    expectClose(dBias, gradients.bias, "dBias");
  });

  it("rmsNorm: torch.nn.functional.rms_norm", () => {
    const { rows, width, eps, gradients, ...golden } = goldens.rmsNorm;
    const [x, gain, dY] = [golden.x, golden.gain, golden.dY].map(f64);
    const [y, rstd] = [zeros(rows * width), zeros(rows)];
    kernels.rmsNorm({ x, gain, y, rstd, rows, width, eps });
    expectClose(y, golden.y, "y");
    const [dX, dGain] = [zeros(rows * width), zeros(width)];
    kernels.rmsNormBackward({ dY, x, gain, rstd, dX, dGain, rows, width });
    expectClose(dX, gradients.x, "dX");
    expectClose(dGain, gradients.gain, "dGain");
  });

  it("gelu: torch.nn.functional.gelu, exact", () => {
    const golden = goldens.gelu;
    const count = golden.x.length;
    const [y, dX] = [zeros(count), zeros(count)];
    kernels.gelu({ x: f64(golden.x), y, count });
    kernels.geluBackward({ dY: f64(golden.dY), x: f64(golden.x), dX, count });
    expectClose(y, golden.y, "y");
    expectClose(dX, golden.gradients.x, "dX");
  });

  it("swiglu: torch.nn.functional.silu(gate) · up", () => {
    const golden = goldens.swiglu;
    const count = golden.up.length;
    const [gate, up, dY] = [golden.gate, golden.up, golden.dY].map(f64);
    const [y, dGate, dUp] = [zeros(count), zeros(count), zeros(count)];
    kernels.swiglu({ gate, up, y, count });
    kernels.swigluBackward({ dY, gate, up, dGate, dUp, count });
    expectClose(y, golden.y, "y");
    expectClose(dGate, golden.gradients.gate, "dGate");
    expectClose(dUp, golden.gradients.up, "dUp");
  });

  it("tanh: torch.tanh", () => {
    const golden = goldens.tanh;
    const count = golden.x.length;
    const [y, dX] = [zeros(count), zeros(count)];
    kernels.tanh({ x: f64(golden.x), y, count });
    kernels.tanhBackward({ dY: f64(golden.dY), y, dX, count });
    expectClose(y, golden.y, "y");
    expectClose(dX, golden.gradients.x, "dX");
  });

  it("rotary: transformers' apply_rotary_pos_emb", () => {
    const { rows, heads, headDim, gradients, ...golden } = goldens.rotary;
    const tables = { cos: f64(golden.cos), sin: f64(golden.sin), positions: i32(golden.positions) };
    const [y, dX] = [zeros(golden.x.length), zeros(golden.x.length)];
    kernels.rotary({ x: f64(golden.x), y, ...tables, rows, heads, headDim, direction: 1 });
    kernels.rotary({ x: f64(golden.dY), y: dX, ...tables, rows, heads, headDim, direction: -1 });
    expectClose(y, golden.y, "y");
    expectClose(dX, gradients.x, "dX");
  });

  for (const golden of goldens.attention) {
    const { rows, heads, kvHeads, headDim } = golden;
    it(`attention: scaled_dot_product_attention, causal, ALiBi, ${heads} heads on ${kvHeads}`, () => {
      expectAttention(golden, {
        table: segmentTable(packed([rows])),
        slopes: f64(golden.slopes),
        ...{ rows, heads, kvHeads, headDim },
      });
    });
  }

  it("attention on a shared prompt: each completion computed behind its own copy of the prompt", () => {
    const { prompt, completions, heads, headDim, ...golden } = goldens.sharedPrefix;
    expectAttention(golden, {
      table: segmentTable(packed([prompt], ...completions.map((length): [number, number] => [length, 0]))),
      slopes: null,
      rows: prompt + completions.reduce((sum, length) => sum + length),
      ...{ heads, kvHeads: heads, headDim },
    });
  });

  it("tokenLogps: torch.distributions.Categorical at a temperature", () => {
    const { rows, vocabulary, inverseTemperature, ...golden } = goldens.tokenLogps;
    const logits = f64(golden.logits);
    const targets = i32(golden.targets);
    const [logps, entropies] = [zeros(rows), zeros(rows)];
    const shape = { rows, vocabulary, inverseTemperature };
    kernels.tokenLogps({ logits, targets, logps, entropies, ...shape });
    expectClose(logps, golden.logps, "logps");
    expectClose(entropies, golden.entropies, "entropies");
    const [dLogps, dEntropies] = [f64(golden.dLogps), f64(golden.dEntropies)];
    kernels.tokenLogpsBackward({ logits, targets, entropies, dLogps, dEntropies, ...shape });
    expectClose(logits, golden.dLogits, "dLogits");
  });

  it("tokenLogps: torch.nn.functional.cross_entropy as the negative mean", () => {
    const { rows, vocabulary, loss, ...golden } = goldens.crossEntropy;
    const logits = f64(golden.logits);
    const targets = i32(golden.targets);
    const [logps, entropies] = [zeros(rows), zeros(rows)];
    const shape = { rows, vocabulary, inverseTemperature: 1 };
    kernels.tokenLogps({ logits, targets, logps, entropies, ...shape });
    expectClose([-logps.reduce((sum, logp) => sum + logp) / rows], [loss], "loss");
    const dLogps = zeros(rows).fill(-1 / rows);
    kernels.tokenLogpsBackward({ logits, targets, entropies, dLogps, dEntropies: zeros(rows), ...shape });
    expectClose(logits, golden.dLogits, "dLogits");
  });

  it("mixture: topk, softmax over the chosen, weighted sum; transformers' load_balancing_loss_func", () => {
    const { rows, experts, active, inner, outer, gradients, ...golden } = goldens.mixture;
    const slots = rows * active;
    const [x, logits, w, dY] = [golden.x, golden.logits, golden.w, golden.dY].map(f64);
    const routing = {
      expertIds: new Int32Array(slots),
      weights: zeros(slots),
      offsets: new Int32Array(experts + 1),
      order: new Int32Array(slots),
      inverse: new Int32Array(slots),
    };
    const { weights, expertIds, offsets, order, inverse } = routing;
    kernels.moeRoute({ logits, ...routing, rows, experts, active, mode: 0, jitter: 0 });
    expect([...expertIds]).toEqual(golden.expertIds);
    expectClose(weights, golden.weights, "weights");

    const [sorted, products, y] = [zeros(slots * inner), zeros(slots * outer), zeros(rows * outer)];
    const grouped = { offsets, rows: slots, inner, outer, experts };
    kernels.moeGather({ x, order, out: sorted, rows, width: inner, active });
    kernels.groupedLinear({ x: sorted, w, bias: null, y: products, ...grouped });
    kernels.moeCombine({ x: products, weights, inverse, residual: null, y, rows, width: outer, active });
    expectClose(y, golden.y, "y");

    const [dProducts, dWeights, dW] = [zeros(slots * outer), zeros(slots), zeros(w.length)];
    const [dSorted, dX, dLogits] = [zeros(slots * inner), zeros(rows * inner), zeros(rows * experts)];
    const combined = { dY, x: products, weights, inverse, dX: dProducts, dWeights };
    kernels.moeCombineBackward({ ...combined, rows, width: outer, active });
    kernels.groupedLinearBackwardWeight({ dY: dProducts, x: sorted, dW, ...grouped });
    kernels.groupedLinearBackwardInput({ dY: dProducts, w, dX: dSorted, ...grouped, accumulate: 0 });
    kernels.moeGatherBackward({ dOut: dSorted, inverse, dX, rows, width: inner, active });
    const weighed = { logits, weights, expertIds, rows, experts, active, mode: 0, jitter: 0 };
    kernels.moeRouteBackward({ dWeights, ...weighed, dLogits });
    expectClose(dX, gradients.x, "dX");
    expectClose(dLogits, gradients.logits, "dLogits");
    expectClose(dW, gradients.w, "dW");

    const [probabilities, fractions] = [zeros(experts), zeros(experts)];
    kernels.moeBalance({ logits, offsets, probabilities, fractions, rows, experts, active });
    const balance = experts * fractions.reduce((sum, fraction, e) => sum + fraction * probabilities[e], 0);
    expectClose([balance], [golden.balance], "balance");
    const dBalance = zeros(rows * experts);
    kernels.moeBalanceBackward({ logits, fractions, dLogits: dBalance, rows, experts, scale: 1 });
    expectClose(dBalance, golden.balanceGradient, "dLogits of the balance");
  });

  it("routers: softmax before topk without renormalizing; transformers' sparsemixer at inference", () => {
    for (const golden of goldens.routers) {
      const { rows, experts, active, mode, jitter } = golden;
      const slots = rows * active;
      const [weights, dLogits] = [zeros(slots), zeros(rows * experts)];
      const [expertIds, order, inverse] = [new Int32Array(slots), new Int32Array(slots), new Int32Array(slots)];
      const shared = { logits: f64(golden.logits), weights, expertIds, rows, experts, active, mode, jitter };
      kernels.moeRoute({ ...shared, offsets: new Int32Array(experts + 1), order, inverse });
      expect([...expertIds]).toEqual(golden.expertIds);
      expectClose(weights, golden.weights, "weights");
      kernels.moeRouteBackward({ ...shared, dWeights: f64(golden.dWeights), dLogits });
      expectClose(dLogits, golden.dLogits, "dLogits");
    }
  });

  it("adamw: two steps of torch.optim.AdamW", () => {
    const { start, steps, ...settings } = goldens.adamw;
    const count = start.length;
    const param = f64(start);
    const [m, v] = [zeros(count), zeros(count)];
    steps.forEach((step, i) => {
      const corrections = { correction1: 1 - settings.beta1 ** (i + 1), correction2: 1 - settings.beta2 ** (i + 1) };
      // Half the gradient at twice the scale: gradScale is the factor of clipping and of accumulation.
      const grad = f64(step.grad).map((g) => g / 2);
      kernels.adamw({ param, grad, m, v, decay: null, count, ...settings, ...corrections, gradScale: 2 });
      expectClose(param, step.param, `param after step ${i + 1}`);
      expectClose(m, step.m, "m");
      expectClose(v, step.v, "v");
    });
  });
});

interface AttentionGolden {
  q: number[];
  k: number[];
  v: number[];
  out: number[];
  dOut: number[];
  gradients: { q: number[]; k: number[]; v: number[] };
}

function expectAttention(
  golden: AttentionGolden,
  call: {
    table: ReturnType<typeof segmentTable>;
    slopes: Float64Array | null;
    rows: number;
    heads: number;
    kvHeads: number;
    headDim: number;
  },
): void {
  const { table, slopes, rows, heads, kvHeads, headDim } = call;
  const [q, k, v, dOut] = [golden.q, golden.k, golden.v, golden.dOut].map(f64);
  const shared = {
    ...{ q, k, v, slopes, segments: table.segments.data, count: table.count, maxKeys: table.maxKeys },
    ...{ heads, kvHeads, headDim, scale: 1 / Math.sqrt(headDim) },
  };
  const [out, lse] = [zeros(q.length), zeros(rows * heads)];
  kernels.attention({ ...shared, out, lse } as Parameters<typeof kernels.attention>[0]);
  expectClose(out, golden.out, "out");
  const [dQ, dK, dV] = [zeros(q.length), zeros(k.length), zeros(v.length)];
  kernels.attentionBackward({ ...shared, dOut, out, lse, dQ, dK, dV, rows } as Parameters<
    typeof kernels.attentionBackward
  >[0]);
  expectClose(dQ, golden.gradients.q, "dQ");
  expectClose(dK, golden.gradients.k, "dK");
  expectClose(dV, golden.gradients.v, "dV");
}
