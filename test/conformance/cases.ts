import type { ConformanceCase } from "./case.ts";
import { activationCases } from "./cases/activation.ts";
import { attentionCases } from "./cases/attention.ts";
import { blockCases } from "./cases/blocks.ts";
import { dropoutCases } from "./cases/dropout.ts";
import { elementwiseCases } from "./cases/elementwise.ts";
import { groupedCases } from "./cases/grouped.ts";
import { matrixCases } from "./cases/matrix.ts";
import { moeCases } from "./cases/moe.ts";
import { moeBalanceCases } from "./cases/moe-balance.ts";
import { moeRouteCases } from "./cases/moe-route.ts";
import { normCases } from "./cases/norm.ts";
import { optimizerCases } from "./cases/optimizer.ts";
import { repetitionPenaltyCases } from "./cases/repetition-penalty.ts";
import { rotaryCases } from "./cases/rotary.ts";
import { rowsCases } from "./cases/rows.ts";
import { sampleCases } from "./cases/sample.ts";
import { tokenLogpsCases } from "./cases/token-logps.ts";

/**
 * Every case of every kernel, with concrete contents, the same on every call: what the harness compares, what an emulated
 * processor is fed, and what a bench can time.
 */
export function conformanceCases(): ConformanceCase[] {
  return [
    ...elementwiseCases(),
    ...rowsCases(),
    ...matrixCases(),
    ...groupedCases(),
    ...blockCases(),
    ...normCases(),
    ...rotaryCases(),
    ...attentionCases(),
    ...activationCases(),
    ...moeCases(),
    ...moeRouteCases(),
    ...moeBalanceCases(),
    ...tokenLogpsCases(),
    ...repetitionPenaltyCases(),
    ...dropoutCases(),
    ...sampleCases(),
    ...optimizerCases(),
  ];
}
