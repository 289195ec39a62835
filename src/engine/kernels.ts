/** Element types of device memory. */
export type DType = "f32" | "i32" | "u8";

/** Bytes of one element in the memory of a device, but for f32 on reference. */
export const bytesPerElement: Readonly<Record<DType, number>> = { f32: 4, i32: 4, u8: 1 };

/**
 * The kernels every device provides: their operands, numbers and meaning. This table is the contract between
 * `ops/` (which enqueues) and `devices/` (which compute); `devices/reference` is its living definition.
 *
 * Each entry is a signature `"buffers | numbers"`. A buffer is `name:mode`, with `?` after the name when it may be
 * null. Modes: `in` read; `out` fully overwritten; `inout` read and written (accumulated into); `w` a weight: read,
 * changes only between optimizer steps, so a device may keep a packed copy until something writes to its storage.
 * Numbers are plain doubles; sizes are element counts, whole and not negative. An operand may share memory with another
 * one of its call only where its entry says so.
 *
 * Axis letters: T rows, K inner width, N outer width, H heads, E experts, R gathered rows, V vocabulary.
 * All f32 except buffers named tokens, positions, index, segments, offsets, order, inverse, expertIds, targets: i32; and
 * blocks: u8, a weight in the format that the number `format` names (its place in `weightFormats`, see weight-formats.ts).
 *
 * Reductions are fixed by the row alone (see docs/engine.md): the value a kernel gives for a row never depends on the
 * other rows of the call, their number, or the number of threads.
 */
export const kernelSignatures = {
  /** out = value everywhere. */
  fill: "out:out | count value",
  /** out[i] = x[i]. */
  copy: "x:in out:out | count",
  /** out[i] += scale · x[i]. */
  addScaled: "x:in out:inout | count scale",
  /** out[i] = factor · x[i]. out may be x. */
  scale: "x:in out:out | count factor",
  /**
   * out[t,i] = x[t,i] / (1 − rate) where hashIntegers(seed, firstRow + t, i) ≥ rate · 2³² (base/rng.ts), else 0: which are
   * kept follows from the numbers alone, so the gradient is the same call on dY. rate in [0, 1), seed below 2³². out may be x.
   */
  dropout: "x:in out:out | rows width rate seed firstRow",

  /** out[t] = scale · table[tokens[t]]; table [V,width]. */
  embed: "table:in tokens:in out:out | rows width scale",
  /** dTable[tokens[t]] += scale · dOut[t], in order of t. */
  embedBackward: "dOut:in tokens:in dTable:inout | rows width scale",

  /** embed on a table that is a weight in a format. */
  embedBlocks: "blocks:w tokens:in out:out | rows width vocabulary scale format",

  /** out[r] = x[index[r]]; index may repeat. */
  gatherRows: "x:in index:in out:out | rows width",
  /** out[index[r]] += x[r], in order of r; index may repeat. */
  scatterAddRows: "x:in index:in out:inout | rows width",
  /** out[index[r]] = x[r]; the other rows of out stay. No index may repeat. */
  placeRows: "x:in index:in out:inout | rows width",

  /** y[t] = x[t] · wᵀ (+ bias) (+ residual[t]); x [rows,inner], w [outer,inner]. residual may be y itself. */
  linear: "x:in w:w bias?:in residual?:in y:out | rows inner outer",
  /** dX[t] (=, or += when accumulate is 1) dY[t] · w. */
  linearBackwardInput: "dY:in w:w dX:inout | rows inner outer accumulate",
  /** dW[outer,inner] += dYᵀ · x. */
  linearBackwardWeight: "dY:in x:in dW:inout | rows inner outer",
  /** out[n] += Σ_t x[t,n]: the gradient of a bias. */
  columnSum: "x:in out:inout | rows width",

  /** Row r of expert e (offsets[e] ≤ r < offsets[e+1]): y[r] = x[r] · w[e]ᵀ (+ bias[e]); w [E,outer,inner]. */
  groupedLinear: "x:in w:w bias?:in offsets:in y:out | rows inner outer experts",
  groupedLinearBackwardInput: "dY:in w:w offsets:in dX:inout | rows inner outer experts accumulate",
  groupedLinearBackwardWeight: "dY:in x:in offsets:in dW:inout | rows inner outer experts",
  /** linear, linearBackwardInput, groupedLinear and groupedLinearBackwardInput on the decoded values of a frozen weight. */
  linearBlocks: "x:in blocks:w bias?:in residual?:in y:out | rows inner outer format",
  linearBlocksBackwardInput: "dY:in blocks:w dX:inout | rows inner outer accumulate format",
  groupedLinearBlocks: "x:in blocks:w bias?:in offsets:in y:out | rows inner outer experts format",
  groupedLinearBlocksBackwardInput: "dY:in blocks:w offsets:in dX:inout | rows inner outer experts accumulate format",
  /** out[e] += Σ over expert e's rows of x. */
  groupedColumnSum: "x:in offsets:in out:inout | rows width experts",

  /** y = (x − mean) / sqrt(var + eps) · gain (+ bias), population variance; keeps mean and 1/std per row. */
  layerNorm: "x:in gain:in bias?:in y:out mean:out rstd:out | rows width eps",
  /** dX += …; dGain += …; dBias += …. */
  layerNormBackward: "dY:in x:in gain:in mean:in rstd:in dX:inout dGain?:inout dBias?:inout | rows width",
  /** y = x / sqrt(mean(x²) + eps) · gain; keeps 1/rms per row. */
  rmsNorm: "x:in gain:in y:out rstd:out | rows width eps",
  rmsNormBackward: "dY:in x:in gain:in rstd:in dX:inout dGain?:inout | rows width",

  /**
   * Rotary positions, Hugging Face half-split layout: with c = cos[pos, i], s = sin[pos, i], i < headDim/2,
   * y_i = x_i c − x_{i+h/2} s, y_{i+h/2} = x_{i+h/2} c + x_i s; direction −1 rotates back (the gradient).
   * cos, sin [maxPositions, headDim/2]. y may be x.
   */
  rotary: "x:in cos:in sin:in positions:in y:out | rows heads headDim direction",

  /**
   * Causal attention over segments. segments is i32 [count, 6] = {queryStart, queryCount, keyStart, keysBefore, parent, stride}:
   * query i of a segment is row queryStart + i·stride of q and out; the segment's own key j is row keyStart + j·stride of k and v;
   * query i sees its own keys 0 … keysBefore + i, and all keysBefore + queryCount keys of its parent, and of the parent's
   * parent, and so on (parent −1: none; a parent precedes its children in the table). Positions run along that chain, root first.
   * score = scale · q·k − slope[h] · (position of query − position of key) (slopes null: no ALiBi).
   * Head h reads kv-head floor(h · kvHeads / heads). Keeps lse [rows, heads] = max + log Σ exp.
   * maxKeys bounds the keys of any segment's chain (for scratch).
   */
  attention: "q:in k:in v:in segments:in slopes?:in out:out lse:out | count heads kvHeads headDim scale maxKeys",
  /** Overwrites dQ, dK, dV (the query rows are the key rows: keysBefore is 0 everywhere). */
  attentionBackward:
    "dOut:in q:in k:in v:in out:in lse:in segments:in slopes?:in dQ:out dK:out dV:out | rows count heads kvHeads headDim scale maxKeys",

  /** y = x · Φ(x), Φ by the error function (the exact GELU). */
  gelu: "x:in y:out | count",
  /** dX = dY · gelu'(x). dX may be dY. */
  geluBackward: "dY:in x:in dX:out | count",
  /** y = silu(gate) · up. */
  swiglu: "gate:in up:in y:out | count",
  swigluBackward: "dY:in gate:in up:in dGate:out dUp:out | count",
  /** y = tanh(x). */
  tanh: "x:in y:out | count",
  /** dX = dY · (1 − y²). dX may be dY. */
  tanhBackward: "dY:in y:in dX:out | count",

  /**
   * Top-`active` experts of each row by logit (ties: the lower id), largest first, and their weights, by `mode`:
   * 0: softmax over the chosen logits; 1: softmax over all logits, read at the chosen, not renormalized (OLMoE);
   * 2: sparsemixer as it is at inference (arXiv:2409.12136): the j-th choice's weight is its softmax over those experts e
   * not chosen before it with (m − logit[e]) / max(|logit[e]|, m) ≤ 2 · jitter, where m is its own logit.
   * offsets [E+1]: where each expert's rows begin when the rows·active slots (slot = t·active + j) are sorted by expert,
   * stably by slot; order[r] = slot of sorted row r; inverse[slot] = r.
   */
  moeRoute: "logits:in expertIds:out weights:out offsets:out order:out inverse:out | rows experts active mode jitter",
  /** out[r] = x[floor(order[r] / active)] for the rows·active sorted rows. */
  moeGather: "x:in order:in out:out | rows width active",
  /** dX[t] += Σ_j dOut[inverse[t·active + j]], j ascending. */
  moeGatherBackward: "dOut:in inverse:in dX:inout | rows width active",
  /** y[t] = (residual[t] +) Σ_j weights[t,j] · x[inverse[t·active+j]], j ascending. residual may be y itself. */
  moeCombine: "x:in weights:in inverse:in residual?:in y:out | rows width active",
  /** With r = inverse[t·active+j]: dX[r] = weights[t,j] · dY[t]; dWeights[t,j] = dY[t] · x[r]. */
  moeCombineBackward: "dY:in x:in weights:in inverse:in dX:out dWeights:out | rows width active",
  /** dLogits (overwritten): the weights back-propagated, each through its own softmax; which experts are in it is constant. */
  moeRouteBackward: "dWeights:in logits:in weights:in expertIds:in dLogits:out | rows experts active mode jitter",
  /**
   * Load balance (Switch, arXiv:2101.03961 eq. 4, top-k): probabilities[e] = mean_t softmax(logits[t])[e];
   * fractions[e] = slots of expert e / (rows·active).
   */
  moeBalance: "logits:in offsets:in probabilities:out fractions:out | rows experts active",
  /** dLogits += scale · d(E · Σ_e fractions[e] · probabilities[e]) / dlogits. */
  moeBalanceBackward: "logits:in fractions:in dLogits:inout | rows experts scale",

  /** logp[r] = log softmax(logits[r] · inverseTemperature)[targets[r]]; entropy[r] of the same distribution (nats). */
  tokenLogps: "logits:in targets:in logps:out entropies:out | rows vocabulary inverseTemperature",
  /** In place: logits become dLogits = inverseTemperature · (dLogp · (onehot − p) − dEntropy · p · (log p + entropy)). */
  tokenLogpsBackward:
    "logits:inout targets:in entropies:in dLogps:in dEntropies:in | rows vocabulary inverseTemperature",
  /**
   * Makes tokens that have occurred less likely (arXiv:1909.05858): for each id in tokens[offsets[r] … offsets[r+1]), once
   * however often it is there, logits[r, id] is divided by penalty when positive, else multiplied by it. offsets [rows+1].
   */
  repetitionPenalty: "logits:inout tokens:in offsets:in | rows vocabulary penalty",
  /**
   * Draws tokens[r] from softmax(logits[r] · inverseTemperature) cut to the topK most likely (0: no cut), then to the
   * smallest set with mass ≥ topP (1: no cut), then to the tokens at least minP times as likely as the likeliest (0: no
   * cut), by inverse transform of uniforms[r] ∈ [0,1) over token ids ascending. Ties at the first two cuts keep the lower
   * id. inverseTemperature 0 means greedy (lowest id among the largest).
   */
  sample: "logits:in uniforms:in tokens:out | rows vocabulary inverseTemperature topK topP minP",

  /** out[0] = Σ x², accumulated in f64 in a fixed order. */
  sumSquares: "x:in out:out | count",
  /**
   * AdamW (arXiv:1711.05101): g = gradScale · grad; m, v moments; correction1 = 1 − β1^step, correction2 = 1 − β2^step;
   * param −= lr · (m̂ / (sqrt(v̂) + eps) + decay[i] · weightDecay · param). decay: 1 or 0 per element, null: 1.
   */
  adamw:
    "param:inout grad:in m:inout v:inout decay?:in | count lr beta1 beta2 eps weightDecay correction1 correction2 gradScale",
} as const;

export type KernelName = keyof typeof kernelSignatures;

type Split<S extends string, D extends string> = S extends `${infer A}${D}${infer B}` ? [A, ...Split<B, D>] : [S];
type BufferWords<S extends string> = S extends `${infer B} | ${string}` ? Split<B, " ">[number] : never;
type NumberWords<S extends string> = S extends `${string} | ${infer N}` ? Split<N, " ">[number] : never;

/** Arguments of kernel N on buffers of type B: one property per buffer and per number of its signature. */
export type KernelArguments<N extends KernelName, B> = {
  [W in BufferWords<(typeof kernelSignatures)[N]> as W extends `${infer Name}?:${string}`
    ? Name
    : W extends `${infer Name}:${string}`
      ? Name
      : never]: W extends `${string}?:${string}` ? B | null : B;
} & { [W in NumberWords<(typeof kernelSignatures)[N]>]: number };

/** Names of buffers that hold i32. */
const integerBuffers = new Set([
  "tokens",
  "positions",
  "index",
  "segments",
  "offsets",
  "order",
  "inverse",
  "expertIds",
  "targets",
]);

const dtypeOf = (buffer: string): DType => (buffer === "blocks" ? "u8" : integerBuffers.has(buffer) ? "i32" : "f32");

/** Names of numbers that are not sizes. */
const realNumbers = new Set([
  "value",
  "scale",
  "factor",
  "rate",
  "jitter",
  "eps",
  "direction",
  "inverseTemperature",
  "topP",
  "minP",
  "penalty",
  "lr",
  "beta1",
  "beta2",
  "weightDecay",
  "correction1",
  "correction2",
  "gradScale",
]);

/** What is wrong with a number of a call: null when it is none of NaN, a fraction or negative where a size is meant. */
export function wrongNumber(name: string, value: unknown): string | null {
  if (typeof value !== "number" || Number.isNaN(value)) {
    return `${name} must be a number, got ${value}; pass every number of its signature`;
  }
  if (realNumbers.has(name) || (Number.isSafeInteger(value) && value >= 0)) return null;
  return `${name} must be a whole number from 0 on, got ${value}; check the sizes it comes from`;
}

export interface KernelBufferParameter {
  name: string;
  dtype: DType;
  mode: "in" | "out" | "inout" | "w";
  optional: boolean;
}

export interface ParsedKernel {
  name: KernelName;
  buffers: KernelBufferParameter[];
  numbers: string[];
}

/** The table, parsed: in its order, which is also the numbering of operations in a native command stream. */
export const parsedKernels: readonly ParsedKernel[] = Object.entries(kernelSignatures).map(([name, signature]) => {
  const [buffers, numbers] = signature.split(" | ");
  return {
    name: name as KernelName,
    buffers: buffers.split(" ").map((word) => {
      const [label, mode] = word.split(":");
      const optional = label.endsWith("?");
      return {
        name: optional ? label.slice(0, -1) : label,
        dtype: dtypeOf(optional ? label.slice(0, -1) : label),
        mode: mode as KernelBufferParameter["mode"],
        optional,
      };
    }),
    numbers: numbers.split(" "),
  };
});
