import { ShapeError } from "../base/errors.ts";
import type { KernelArguments, KernelName } from "./kernels.ts";
import { bytesOf, weightFormats } from "./weight-formats.ts";

/** Elements a call needs in each of its buffers; a buffer left out has a size only its indices know. */
type Sizes<N extends KernelName> = (numbers: KernelArguments<N, never>) => Partial<Record<string, number>>;

/** Bytes of a weight whose format a call names by number. @throws ShapeError when there is no such format, or it has no such shape */
function blockBytes(format: number, shape: readonly number[]): number {
  const name = weightFormats[format];
  if (name === undefined)
    throw new ShapeError(
      `format must be a number from 0 to ${weightFormats.length - 1}, got ${format}; see formatNumber`,
    );
  return bytesOf(name, shape);
}

/** What the shapes in the contract come to, so that a call with operands too small is refused instead of reading NaN. */
export const operandSizes: { readonly [N in KernelName]: Sizes<N> } = {
  fill: ({ count }) => ({ out: count }),
  copy: ({ count }) => ({ x: count, out: count }),
  addScaled: ({ count }) => ({ x: count, out: count }),
  scale: ({ count }) => ({ x: count, out: count }),
  dropout: ({ rows, width }) => ({ x: rows * width, out: rows * width }),

  embed: ({ rows, width }) => ({ tokens: rows, out: rows * width }),
  embedBackward: ({ rows, width }) => ({ tokens: rows, dOut: rows * width }),
  embedBlocks: ({ rows, width, vocabulary, format }) => ({
    blocks: blockBytes(format, [vocabulary, width]),
    tokens: rows,
    out: rows * width,
  }),
  gatherRows: ({ rows, width }) => ({ index: rows, out: rows * width }),
  scatterAddRows: ({ rows, width }) => ({ index: rows, x: rows * width }),
  placeRows: ({ rows, width }) => ({ index: rows, x: rows * width }),

  linear: ({ rows, inner, outer }) => ({
    x: rows * inner,
    w: outer * inner,
    bias: outer,
    residual: rows * outer,
    y: rows * outer,
  }),
  linearBackwardInput: ({ rows, inner, outer }) => ({ dY: rows * outer, w: outer * inner, dX: rows * inner }),
  linearBackwardWeight: ({ rows, inner, outer }) => ({ dY: rows * outer, x: rows * inner, dW: outer * inner }),
  columnSum: ({ rows, width }) => ({ x: rows * width, out: width }),

  groupedLinear: ({ rows, inner, outer, experts }) => ({
    x: rows * inner,
    w: experts * outer * inner,
    bias: experts * outer,
    offsets: experts + 1,
    y: rows * outer,
  }),
  groupedLinearBackwardInput: ({ rows, inner, outer, experts }) => ({
    dY: rows * outer,
    w: experts * outer * inner,
    offsets: experts + 1,
    dX: rows * inner,
  }),
  groupedLinearBackwardWeight: ({ rows, inner, outer, experts }) => ({
    dY: rows * outer,
    x: rows * inner,
    offsets: experts + 1,
    dW: experts * outer * inner,
  }),
  linearBlocks: ({ rows, inner, outer, format }) => ({
    x: rows * inner,
    blocks: blockBytes(format, [outer, inner]),
    bias: outer,
    residual: rows * outer,
    y: rows * outer,
  }),
  linearBlocksBackwardInput: ({ rows, inner, outer, format }) => ({
    dY: rows * outer,
    blocks: blockBytes(format, [outer, inner]),
    dX: rows * inner,
  }),
  groupedLinearBlocks: ({ rows, inner, outer, experts, format }) => ({
    x: rows * inner,
    blocks: blockBytes(format, [experts, outer, inner]),
    bias: experts * outer,
    offsets: experts + 1,
    y: rows * outer,
  }),
  groupedLinearBlocksBackwardInput: ({ rows, inner, outer, experts, format }) => ({
    dY: rows * outer,
    blocks: blockBytes(format, [experts, outer, inner]),
    offsets: experts + 1,
    dX: rows * inner,
  }),
  groupedColumnSum: ({ rows, width, experts }) => ({
    x: rows * width,
    offsets: experts + 1,
    out: experts * width,
  }),

  layerNorm: ({ rows, width }) => ({
    x: rows * width,
    gain: width,
    bias: width,
    y: rows * width,
    mean: rows,
    rstd: rows,
  }),
  layerNormBackward: ({ rows, width }) => ({
    dY: rows * width,
    x: rows * width,
    gain: width,
    mean: rows,
    rstd: rows,
    dX: rows * width,
    dGain: width,
    dBias: width,
  }),
  rmsNorm: ({ rows, width }) => ({ x: rows * width, gain: width, y: rows * width, rstd: rows }),
  rmsNormBackward: ({ rows, width }) => ({
    dY: rows * width,
    x: rows * width,
    gain: width,
    rstd: rows,
    dX: rows * width,
    dGain: width,
  }),
  rotary: ({ rows, heads, headDim }) => ({
    x: rows * heads * headDim,
    positions: rows,
    y: rows * heads * headDim,
  }),

  attention: ({ count, heads }) => ({ segments: count * 6, slopes: heads }),
  attentionBackward: ({ rows, count, heads, kvHeads, headDim }) => ({
    dOut: rows * heads * headDim,
    q: rows * heads * headDim,
    k: rows * kvHeads * headDim,
    v: rows * kvHeads * headDim,
    out: rows * heads * headDim,
    lse: rows * heads,
    segments: count * 6,
    slopes: heads,
    dQ: rows * heads * headDim,
    dK: rows * kvHeads * headDim,
    dV: rows * kvHeads * headDim,
  }),

  gelu: ({ count }) => ({ x: count, y: count }),
  geluBackward: ({ count }) => ({ dY: count, x: count, dX: count }),
  swiglu: ({ count }) => ({ gate: count, up: count, y: count }),
  swigluBackward: ({ count }) => ({ dY: count, gate: count, up: count, dGate: count, dUp: count }),
  tanh: ({ count }) => ({ x: count, y: count }),
  tanhBackward: ({ count }) => ({ dY: count, y: count, dX: count }),

  moeRoute: ({ rows, experts, active }) => ({
    logits: rows * experts,
    expertIds: rows * active,
    weights: rows * active,
    offsets: experts + 1,
    order: rows * active,
    inverse: rows * active,
  }),
  moeGather: ({ rows, width, active }) => ({ x: rows * width, order: rows * active, out: rows * active * width }),
  moeGatherBackward: ({ rows, width, active }) => ({
    dOut: rows * active * width,
    inverse: rows * active,
    dX: rows * width,
  }),
  moeCombine: ({ rows, width, active }) => ({
    x: rows * active * width,
    weights: rows * active,
    inverse: rows * active,
    residual: rows * width,
    y: rows * width,
  }),
  moeCombineBackward: ({ rows, width, active }) => ({
    dY: rows * width,
    x: rows * active * width,
    weights: rows * active,
    inverse: rows * active,
    dX: rows * active * width,
    dWeights: rows * active,
  }),
  moeRouteBackward: ({ rows, experts, active }) => ({
    dWeights: rows * active,
    logits: rows * experts,
    weights: rows * active,
    expertIds: rows * active,
    dLogits: rows * experts,
  }),
  moeBalance: ({ rows, experts }) => ({
    logits: rows * experts,
    offsets: experts + 1,
    probabilities: experts,
    fractions: experts,
  }),
  moeBalanceBackward: ({ rows, experts }) => ({
    logits: rows * experts,
    fractions: experts,
    dLogits: rows * experts,
  }),

  tokenLogps: ({ rows, vocabulary }) => ({
    logits: rows * vocabulary,
    targets: rows,
    logps: rows,
    entropies: rows,
  }),
  tokenLogpsBackward: ({ rows, vocabulary }) => ({
    logits: rows * vocabulary,
    targets: rows,
    entropies: rows,
    dLogps: rows,
    dEntropies: rows,
  }),
  repetitionPenalty: ({ rows, vocabulary }) => ({ logits: rows * vocabulary, offsets: rows + 1 }),
  sample: ({ rows, vocabulary }) => ({ logits: rows * vocabulary, uniforms: rows, tokens: rows }),

  sumSquares: ({ count }) => ({ x: count, out: 1 }),
  adamw: ({ count }) => ({ param: count, grad: count, m: count, v: count, decay: count }),
};
