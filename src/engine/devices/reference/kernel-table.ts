import type { KernelName } from "../../kernels.ts";
import { gelu, geluBackward, swiglu, swigluBackward, tanh, tanhBackward } from "./activation.ts";
import { attention, attentionBackward } from "./attention.ts";
import {
  embedBlocks,
  groupedLinearBlocks,
  groupedLinearBlocksBackwardInput,
  linearBlocks,
  linearBlocksBackwardInput,
} from "./blocks.ts";
import { dropout } from "./dropout.ts";
import { addScaled, copy, fill, scale } from "./elementwise.ts";
import {
  groupedColumnSum,
  groupedLinear,
  groupedLinearBackwardInput,
  groupedLinearBackwardWeight,
  linear,
  linearBackwardInput,
  linearBackwardWeight,
} from "./matrix.ts";
import { moeCombine, moeCombineBackward, moeGather, moeGatherBackward } from "./moe.ts";
import { moeBalance, moeBalanceBackward } from "./moe-balance.ts";
import { moeRoute, moeRouteBackward } from "./moe-route.ts";
import { layerNorm, layerNormBackward, rmsNorm, rmsNormBackward } from "./norm.ts";
import type { ReferenceKernel } from "./operand.ts";
import { adamw, sumSquares } from "./optimizer.ts";
import { repetitionPenalty } from "./repetition-penalty.ts";
import { rotary } from "./rotary.ts";
import { columnSum, embed, embedBackward, gatherRows, placeRows, scatterAddRows } from "./rows.ts";
import { sample } from "./sample.ts";
import { tokenLogps, tokenLogpsBackward } from "./token-logps.ts";

/** The definition of every kernel of the contract; a kernel without one does not compile. */
export const referenceKernels: { readonly [N in KernelName]: ReferenceKernel<N> } = {
  fill,
  copy,
  addScaled,
  scale,
  dropout,
  embed,
  embedBackward,
  embedBlocks,
  gatherRows,
  scatterAddRows,
  placeRows,
  linear,
  linearBackwardInput,
  linearBackwardWeight,
  columnSum,
  groupedLinear,
  groupedLinearBackwardInput,
  groupedLinearBackwardWeight,
  linearBlocks,
  linearBlocksBackwardInput,
  groupedLinearBlocks,
  groupedLinearBlocksBackwardInput,
  groupedColumnSum,
  layerNorm,
  layerNormBackward,
  rmsNorm,
  rmsNormBackward,
  rotary,
  attention,
  attentionBackward,
  gelu,
  geluBackward,
  swiglu,
  swigluBackward,
  tanh,
  tanhBackward,
  moeRoute,
  moeGather,
  moeGatherBackward,
  moeCombine,
  moeCombineBackward,
  moeRouteBackward,
  moeBalance,
  moeBalanceBackward,
  tokenLogps,
  tokenLogpsBackward,
  repetitionPenalty,
  sample,
  sumSquares,
  adamw,
};
