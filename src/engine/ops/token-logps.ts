import { ShapeError } from "../../base/errors.ts";
import type { DeviceBuffer } from "../device.ts";
import type { Parameter, Tape, Tensor } from "../tape.ts";
import { type Enqueue, enqueueLinear, enqueueLinearBackwardInput } from "./product.ts";

/** Most logits held at once: 8 Mi elements (32 MiB), whatever the rows and the vocabulary. */
export const mostLogitsAtOnce = 2 ** 23;

/** One log-probability and entropy per trained row, and the place to put the loss's derivatives with respect to them. */
export interface TokenLogps {
  /** f32 [R]. */
  logps: DeviceBuffer;
  /** f32 [R], nats. */
  entropies: DeviceBuffer;
  /** Sets what `tape.backward()` starts from. */
  seed(dLogps: ArrayLike<number>, dEntropies: ArrayLike<number>): void;
}

/**
 * Log-probability of targets[r] and entropy, of softmax((x[r] · wᵀ + bias) / temperature), in chunks of rows: logits of shape
 * [R, V] are never kept but for the last chunk's, which backward begins with; the others it computes again.
 *
 * @param x f32 [R, D], trained rows only
 * @param weight [V, D]; in another format than f32 it is frozen
 * @param bias f32 [V]
 * @param targets i32 [R]
 * @param mostLogits held at once, default 8 Mi elements
 * @param known logps and entropies that are known already (recorded by the sampler), so that forward is skipped
 */
export function tokenLogps(
  tape: Tape,
  x: Tensor,
  {
    weight,
    bias = null,
    targets,
    temperature,
    known = null,
    mostLogits = mostLogitsAtOnce,
  }: {
    weight: Parameter;
    bias?: Parameter | null;
    targets: DeviceBuffer;
    temperature: number;
    known?: { logps: DeviceBuffer; entropies: DeviceBuffer } | null;
    mostLogits?: number;
  },
): TokenLogps {
  const { rows, width: inner } = x;
  const [vocabulary] = weight.shape;
  if (targets.length !== rows)
    throw new ShapeError(`tokenLogps: ${rows} rows need as many targets, got ${targets.length}`);
  const { device, scope } = tape;
  const enqueue: Enqueue = (kernel, args) => device.enqueue(kernel, args);
  const mostRows = Math.max(1, Math.floor(mostLogits / vocabulary));
  // Of equal length: a chunk of a few rows would read the whole weight for them.
  const chunkRows = Math.max(1, Math.ceil(rows / Math.max(1, Math.ceil(rows / mostRows))));
  const chunks = Math.ceil(rows / chunkRows);
  const logps = known?.logps ?? scope.temporary("f32", rows);
  const entropies = known?.entropies ?? scope.temporary("f32", rows);
  const inverseTemperature = 1 / temperature;

  const mark = scope.mark();
  const logits = scope.stacked(chunkRows * vocabulary);
  /** Calls `body` for chunk i with what cuts it out of an array of rows, and its rows. */
  const inChunk = (
    i: number,
    body: (part: (buffer: DeviceBuffer, width: number) => DeviceBuffer, rows: number) => void,
  ) => {
    const start = i * chunkRows;
    const count = Math.min(chunkRows, rows - start);
    body((buffer, width) => device.view(buffer, start * width, count * width), count);
  };
  const computeLogits = (xPart: DeviceBuffer, count: number) =>
    enqueueLinear(enqueue, weight, {
      x: xPart,
      bias: bias?.buffer ?? null,
      residual: null,
      y: logits,
      rows: count,
      inner,
      outer: vocabulary,
    });

  for (let i = 0; !known && i < chunks; i++)
    inChunk(i, (part, count) => {
      computeLogits(part(x.buffer, inner), count);
      device.enqueue("tokenLogps", {
        logits,
        targets: part(targets, 1),
        logps: part(logps, 1),
        entropies: part(entropies, 1),
        rows: count,
        vocabulary,
        inverseTemperature,
      });
    });

  let derivatives: { dLogps: DeviceBuffer; dEntropies: DeviceBuffer } | null = null;
  const backChunk = (
    i: number,
    { dLogps, dEntropies }: NonNullable<typeof derivatives>,
    { gradient, fresh }: ReturnType<Tape["claim"]>,
  ) =>
    inChunk(i, (part, count) => {
      const xPart = part(x.buffer, inner);
      if (known || i + 1 < chunks) computeLogits(xPart, count);
      device.enqueue("tokenLogpsBackward", {
        logits,
        targets: part(targets, 1),
        entropies: part(entropies, 1),
        dLogps: part(dLogps, 1),
        dEntropies: part(dEntropies, 1),
        rows: count,
        vocabulary,
        inverseTemperature,
      });
      if (weight.gradient)
        device.enqueue("linearBackwardWeight", {
          dY: logits,
          x: xPart,
          dW: weight.gradient,
          rows: count,
          inner,
          outer: vocabulary,
        });
      if (bias?.gradient)
        device.enqueue("columnSum", { x: logits, out: bias.gradient, rows: count, width: vocabulary });
      enqueueLinearBackwardInput(enqueue, weight, {
        dY: logits,
        dX: part(gradient, inner),
        rows: count,
        inner,
        outer: vocabulary,
        accumulate: fresh ? 0 : 1,
      });
    });
  if (!tape.recording) scope.release(mark);
  tape.push(() => {
    if (derivatives) {
      const claimed = tape.claim(x);
      for (let i = chunks - 1; i >= 0; i--) backChunk(i, derivatives, claimed);
    }
    scope.release(mark);
  });

  return {
    logps,
    entropies,
    seed(dLogps, dEntropies) {
      derivatives = { dLogps: scope.upload("f32", dLogps), dEntropies: scope.upload("f32", dEntropies) };
    },
  };
}
