import type { DeviceBuffer } from "../device.ts";
import type { Tape, Tensor } from "../tape.ts";

/** Which expert takes which row, and with what weight; buffers live until the step ends. */
export interface Routing {
  /** f32 [T, active]: softmax over the chosen logits. */
  weights: Tensor;
  /** i32 [T, active]. */
  expertIds: DeviceBuffer;
  /** i32 [E+1]: each expert's range of sorted rows. */
  offsets: DeviceBuffer;
  /** i32 [T·active]: sorted row → slot (t·active + j). */
  order: DeviceBuffer;
  /** i32 [T·active]: slot → sorted row. */
  inverse: DeviceBuffer;
  rows: number;
  experts: number;
  active: number;
  /** f32 [E] each, when the load-balancing loss is on: mean router probability, share of slots. */
  balance: { probabilities: DeviceBuffer; fractions: DeviceBuffer } | null;
}

/**
 * Chooses each row's `active` experts by router logit; weights are the softmax over the chosen logits. With
 * `balanceScale` > 0, backward also adds the gradient of balanceScale · E · Σ_e fraction_e · probability_e.
 *
 * @param logits f32 [T, E]
 * @see arXiv:1701.06538 (top-k gating), arXiv:2101.03961 eq. 4 (load balance; here over top-k slots)
 */
export function routeExperts(
  tape: Tape,
  logits: Tensor,
  { active, balanceScale }: { active: number; balanceScale: number },
): Routing {
  const { rows, width: experts } = logits;
  const { device, scope } = tape;
  const weights = tape.tensor(rows, active);
  const expertIds = scope.temporary("i32", rows * active);
  const offsets = scope.temporary("i32", experts + 1);
  const order = scope.temporary("i32", rows * active);
  const inverse = scope.temporary("i32", rows * active);
  const sizes = { rows, experts, active };
  tape.forward("moeRoute", {
    logits: logits.buffer,
    expertIds,
    weights: weights.buffer,
    offsets,
    order,
    inverse,
    ...sizes,
  });
  const balance =
    tape.recording && balanceScale > 0
      ? { probabilities: scope.temporary("f32", experts), fractions: scope.temporary("f32", experts) }
      : null;
  if (balance) tape.forward("moeBalance", { logits: logits.buffer, offsets, ...balance, ...sizes });
  tape.onGradient(weights, (dWeights) => {
    tape.contribute(logits, (dLogits) => {
      device.enqueue("moeRouteBackward", { dWeights, weights: weights.buffer, expertIds, dLogits, ...sizes });
      if (balance)
        device.enqueue("moeBalanceBackward", {
          logits: logits.buffer,
          fractions: balance.fractions,
          dLogits,
          rows,
          experts,
          scale: balanceScale,
        });
    });
  });
  return { weights, expertIds, offsets, order, inverse, balance, ...sizes };
}

/** Copies each row once per chosen expert, sorted by expert: [T, D] → [T·active, D]. */
export function dispatchRows(tape: Tape, x: Tensor, routing: Routing): Tensor {
  const { width } = x;
  const { rows, active, order, inverse } = routing;
  const y = tape.tensor(rows * active, width);
  tape.forward("moeGather", { x: x.buffer, order, out: y.buffer, rows, width, active });
  tape.onGradient(y, (dOut) => {
    tape.device.enqueue("moeGatherBackward", {
      dOut,
      inverse,
      dX: tape.claimZeroed(x),
      rows,
      width,
      active,
    });
  });
  return y;
}

/** y[t] = residual[t] + Σ_j weight[t,j] · (row of x that slot (t,j) was sorted to): [T·active, D] → [T, D]. */
export function combineRows(
  tape: Tape,
  x: Tensor,
  { routing, residual }: { routing: Routing; residual: Tensor },
): Tensor {
  const { width } = x;
  const { rows, active, inverse, weights } = routing;
  const { device } = tape;
  const y = tape.tensor(rows, width);
  const shared = { x: x.buffer, weights: weights.buffer, inverse, rows, width, active };
  tape.forward("moeCombine", { ...shared, residual: residual.buffer, y: y.buffer });
  tape.onGradient(y, (dY) => {
    tape.contribute(x, (dX) =>
      tape.contribute(weights, (dWeights) => device.enqueue("moeCombineBackward", { ...shared, dY, dX, dWeights })),
    );
    tape.handOver(residual, y);
  });
  return y;
}
