import { ShapeError } from "../../base/errors.ts";
import type { DeviceBuffer } from "../device.ts";
import type { Parameter, Tape, Tensor } from "../tape.ts";
import { type Enqueue, enqueueLinear, enqueueLinearBackwardInput } from "./product.ts";

/** Most logits held at once: 16 Mi elements (64 MiB), whatever the rows and the vocabulary. */
const chunkElements = 2 ** 24;

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
 * [R, V] are never kept; backward computes each chunk again.
 *
 * @param x f32 [R, D], trained rows only
 * @param weight [V, D]; in another format than f32 it is frozen
 * @param bias f32 [V]
 * @param targets i32 [R]
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
  }: {
    weight: Parameter;
    bias?: Parameter | null;
    targets: DeviceBuffer;
    temperature: number;
    known?: { logps: DeviceBuffer; entropies: DeviceBuffer } | null;
  },
): TokenLogps {
  const { rows, width: inner } = x;
  const [vocabulary] = weight.shape;
  if (targets.length !== rows)
    throw new ShapeError(`tokenLogps: ${rows} rows need as many targets, got ${targets.length}`);
  const { device, scope } = tape;
  const enqueue: Enqueue = (kernel, args) => device.enqueue(kernel, args);
  const chunkRows = Math.max(1, Math.min(rows, Math.floor(chunkElements / vocabulary)));
  const logps = known?.logps ?? scope.temporary("f32", rows);
  const entropies = known?.entropies ?? scope.temporary("f32", rows);
  const inverseTemperature = 1 / temperature;

  /** Calls `body` with what cuts a chunk out of an array of rows, the chunk's rows, and memory for its logits. */
  const eachChunk = (
    body: (part: (buffer: DeviceBuffer, width: number) => DeviceBuffer, rows: number, logits: DeviceBuffer) => void,
  ) => {
    const mark = scope.mark();
    const logits = scope.stacked(chunkRows * vocabulary);
    for (let start = 0; start < rows; start += chunkRows) {
      const count = Math.min(chunkRows, rows - start);
      body((buffer, width) => device.view(buffer, start * width, count * width), count, logits);
    }
    scope.release(mark);
  };
  const computeLogits = (xPart: DeviceBuffer, count: number, logits: DeviceBuffer) =>
    enqueueLinear(enqueue, weight, {
      x: xPart,
      bias: bias?.buffer ?? null,
      residual: null,
      y: logits,
      rows: count,
      inner,
      outer: vocabulary,
    });

  if (!known)
    eachChunk((part, count, logits) => {
      computeLogits(part(x.buffer, inner), count, logits);
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
  tape.push(() => {
    if (!derivatives) return;
    const { dLogps, dEntropies } = derivatives;
    const { gradient, fresh } = tape.claim(x);
    eachChunk((part, count, logits) => {
      const xPart = part(x.buffer, inner);
      computeLogits(xPart, count, logits);
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
  });

  return {
    logps,
    entropies,
    seed(dLogps, dEntropies) {
      derivatives = { dLogps: scope.upload("f32", dLogps), dEntropies: scope.upload("f32", dEntropies) };
    },
  };
}
