import { Rng } from "../../../src/base/rng.ts";
import { offsetsOf } from "../cases/grouped.ts";
import { added, definePair, type GradientPair, normals, run, started, unwritten } from "./finite-differences.ts";

export function mixturePairs(): GradientPair[] {
  return [
    mixturePair("mixture of 3, 2 active", { rows: 5, experts: 3, active: 2 }),
    mixturePair("mixture of 4, 1 active", { rows: 3, experts: 4, active: 1 }),
    mixturePair("mixture of 2, all active", { rows: 4, experts: 2, active: 2 }),
    mixturePair("mixture of 4, 2 active, softmax of all", { rows: 5, experts: 4, active: 2, mode: 1 }),
    mixturePair("mixture of 5, sparsemixer", { rows: 6, experts: 5, active: 2, mode: 2, jitter: 0.3 }),
    balancePair(),
  ];
}

/** y = residual + Σ_j weight_j · (x · w[e_j]ᵀ + bias[e_j]): routed, sorted by expert, multiplied, and put back. */
function mixturePair(
  name: string,
  { mode = 0, jitter = 0, ...shape }: { rows: number; experts: number; active: number; mode?: number; jitter?: number },
): GradientPair {
  const { rows, experts, active } = shape;
  const routing = { ...shape, mode, jitter };
  const [inner, outer] = [3, 4];
  const slots = rows * active;
  const rng = new Rng(13, experts, active);
  const [weights, products] = [unwritten(slots), unwritten(slots * outer)];
  const sorted = unwritten(slots * inner);
  const [expertIds, order, inverse] = [new Int32Array(slots), new Int32Array(slots), new Int32Array(slots)];
  const offsets = new Int32Array(experts + 1);
  const grouped = { offsets, rows: slots, inner, outer, experts };
  return definePair({
    name,
    inputs: {
      x: normals(rng, rows * inner),
      // Far enough apart that no step of the differences changes a choice.
      logits: Float64Array.from({ length: rows * experts }, (_, i) => ((i * 7) % 11) * 0.3 + 0.01 * rng.normal()),
      w: normals(rng, experts * outer * inner),
      bias: normals(rng, experts * outer),
      residual: normals(rng, rows * outer),
    },
    forward({ x, logits, w, bias, residual }) {
      run("moeRoute", { logits, expertIds, weights, offsets, order, inverse, ...routing });
      run("moeGather", { x, order, out: sorted, rows, width: inner, active });
      run("groupedLinear", { x: sorted, w, bias, y: products, ...grouped });
      const y = unwritten(rows * outer);
      run("moeCombine", { x: products, weights, inverse, residual, y, rows, width: outer, active });
      return { y };
    },
    backward({ w, logits }, { y: dY }) {
      const [dProducts, dWeights] = [unwritten(slots * outer), unwritten(slots)];
      const combine = { x: products, weights, inverse, dX: dProducts, dWeights };
      run("moeCombineBackward", { dY, ...combine, rows, width: outer, active });
      const [dW, dBias] = [started(experts * outer * inner), started(experts * outer)];
      run("groupedLinearBackwardWeight", { dY: dProducts, x: sorted, dW, ...grouped });
      run("groupedColumnSum", { x: dProducts, offsets, out: dBias, rows: slots, width: outer, experts });
      const dSorted = unwritten(slots * inner);
      run("groupedLinearBackwardInput", { dY: dProducts, w, dX: dSorted, ...grouped, accumulate: 0 });
      const dX = started(rows * inner);
      run("moeGatherBackward", { dOut: dSorted, inverse, dX, rows, width: inner, active });
      const dLogits = unwritten(rows * experts);
      run("moeRouteBackward", { dWeights, logits, weights, expertIds, dLogits, ...routing });
      return { x: added(dX), logits: dLogits, w: added(dW), bias: added(dBias), residual: dY };
    },
  });
}

/** The loss itself, E · Σ_e fractions[e] · probabilities[e]; the fractions are constants. */
function balancePair(): GradientPair {
  const shape = { rows: 6, experts: 4 };
  const active = 2;
  const offsets = offsetsOf([5, 0, 4, 3]).data as Int32Array;
  const [probabilities, fractions] = [unwritten(4), unwritten(4)];
  return definePair({
    name: "moeBalance",
    inputs: { logits: normals(new Rng(14), shape.rows * shape.experts) },
    forward({ logits }) {
      run("moeBalance", { logits, offsets, probabilities, fractions, ...shape, active });
      return { loss: Float64Array.of(shape.experts * fractions.reduce((sum, f, e) => sum + f * probabilities[e], 0)) };
    },
    backward({ logits }, { loss }) {
      const dLogits = started(logits.length);
      run("moeBalanceBackward", { logits, fractions, dLogits, ...shape, scale: loss[0] });
      return { logits: added(dLogits) };
    },
  });
}
