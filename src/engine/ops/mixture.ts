import { ShapeError } from "../../base/errors.ts";
import type { DeviceBuffer } from "../device.ts";
import type { Tape, Tensor } from "../tape.ts";

/**
 * How chosen experts are weighed. `chosen`: softmax over the chosen logits; `all`: softmax over all logits, read at the
 * chosen and not renormalized; `sparsemixer`: each choice's softmax over those not chosen before it and close to it.
 * The place in this list is the kernels' number `mode`.
 */
export const routingModes = ["chosen", "all", "sparsemixer"] as const;
export type RoutingMode = (typeof routingModes)[number];

/** Which expert takes which row, and with what weight; buffers live until the step ends. */
export interface Routing {
  /** f32 [T, active]: how much of each chosen expert's row goes into the sum, by the routing mode. */
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
 * Chooses each row's `active` experts by router logit and weighs them by `mode`. With `balanceScale` > 0, backward also
 * adds the gradient of balanceScale · E · Σ_e fraction_e · probability_e.
 *
 * @param logits f32 [T, E]
 * @param options jitter: of sparsemixer, half the relative distance at which an expert still counts as close
 * @throws ShapeError when more experts are asked for than there are, or sparsemixer for other than two
 * @see arXiv:1701.06538 (top-k gating), arXiv:2101.03961 eq. 4 (load balance; here over top-k slots), arXiv:2409.12136
 *   (sparsemixer; here as at inference, where its choice is not sampled)
 */
export function routeExperts(
  tape: Tape,
  logits: Tensor,
  {
    active,
    balanceScale,
    mode = "chosen",
    jitter = 0,
  }: { active: number; balanceScale: number; mode?: RoutingMode; jitter?: number },
): Routing {
  const { rows, width: experts } = logits;
  if (active > experts) throw new ShapeError(`routeExperts: ${active} active experts, but there are ${experts}`);
  if (mode === "sparsemixer" && active !== 2)
    throw new ShapeError(`routeExperts: sparsemixer chooses 2 experts, got ${active} active`);
  const { device, scope } = tape;
  const weights = tape.tensor(rows, active);
  const expertIds = scope.temporary("i32", rows * active);
  const offsets = scope.temporary("i32", experts + 1);
  const order = scope.temporary("i32", rows * active);
  const inverse = scope.temporary("i32", rows * active);
  const sizes = { rows, experts, active };
  const weighing = { mode: routingModes.indexOf(mode), jitter };
  tape.forward("moeRoute", {
    logits: logits.buffer,
    expertIds,
    weights: weights.buffer,
    offsets,
    order,
    inverse,
    ...sizes,
    ...weighing,
  });
  const balance =
    tape.recording && balanceScale > 0
      ? { probabilities: scope.temporary("f32", experts), fractions: scope.temporary("f32", experts) }
      : null;
  if (balance) tape.forward("moeBalance", { logits: logits.buffer, offsets, ...balance, ...sizes });
  tape.onGradient(weights, (dWeights) => {
    tape.contribute(logits, (dLogits) => {
      device.enqueue("moeRouteBackward", {
        dWeights,
        logits: logits.buffer,
        weights: weights.buffer,
        expertIds,
        dLogits,
        ...sizes,
        ...weighing,
      });
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

/** Copies each row once per chosen expert, sorted by expert: [T, D] → [T·active, D]. The copies can be made again. */
export function dispatchRows(tape: Tape, x: Tensor, routing: Routing): Tensor {
  const { width } = x;
  const { rows, active, order, inverse } = routing;
  const y = tape.computed("moeGather", { rows: rows * active, width }, (out) => ({
    x: x.buffer,
    order,
    out,
    rows,
    width,
    active,
  }));
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
