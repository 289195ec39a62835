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
 * [R, V] are never kept but for the last chunk's, which backward begins with; the others it computes again. Where the head is
 * frozen and entropies stay out of the loss, forward goes on from each chunk's logits to d logp / dx, [R, D]: what there is to go back
 * to is then a multiple of each row of it, and no logits are computed twice.
 *
 * @param x f32 [R, D], trained rows only
 * @param weight [V, D]; in another format than f32 it is frozen
 * @param bias f32 [V]
 * @param targets i32 [R]
 * @param mostLogits held at once, default 8 Mi elements
 * @param entropiesTrained whether the loss depends on entropies; default true. When false, `seed` must be given zeros for them
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
    entropiesTrained = true,
    known = null,
    mostLogits = mostLogitsAtOnce,
  }: {
    weight: Parameter;
    bias?: Parameter | null;
    targets: DeviceBuffer;
    temperature: number;
    entropiesTrained?: boolean;
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
  const constant = (value: number) => scope.upload("f32", new Float32Array(rows).fill(value));
  /** out[r] (+)= factors[r] · slopes[r]: each row combined with itself alone. */
  const scaleRows = (out: DeviceBuffer, fresh: boolean, slopes: DeviceBuffer, factors: DeviceBuffer) =>
    device.enqueue("moeCombine", {
      x: slopes,
      weights: factors,
      inverse: scope.upload(
        "i32",
        Int32Array.from({ length: rows }, (_, r) => r),
      ),
      residual: fresh ? null : out,
      y: out,
      rows,
      width: inner,
      active: 1,
    });

  const frozen = !weight.gradient && !bias?.gradient;
  const slopes = tape.recording && frozen && !entropiesTrained && !known ? scope.stacked(rows * inner) : null;
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

  /** Logits become their derivatives, and those dX (+)= dLogits · weight. */
  const goBack = (
    part: (buffer: DeviceBuffer, width: number) => DeviceBuffer,
    count: number,
    {
      dLogps,
      dEntropies,
      dX,
      accumulate,
    }: { dLogps: DeviceBuffer; dEntropies: DeviceBuffer; dX: DeviceBuffer; accumulate: 0 | 1 },
  ) => {
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
        x: part(x.buffer, inner),
        dW: weight.gradient,
        rows: count,
        inner,
        outer: vocabulary,
      });
    if (bias?.gradient) device.enqueue("columnSum", { x: logits, out: bias.gradient, rows: count, width: vocabulary });
    enqueueLinearBackwardInput(enqueue, weight, {
      dY: logits,
      dX: part(dX, inner),
      rows: count,
      inner,
      outer: vocabulary,
      accumulate,
    });
  };

  const unit = slopes && {
    dLogps: constant(1),
    dEntropies: constant(0),
    dX: slopes,
    accumulate: 0 as const,
  };
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
      if (unit) goBack(part, count, unit);
    });

  let derivatives: { dLogps: DeviceBuffer; dEntropies: DeviceBuffer } | null = null;
  if (!tape.recording || slopes) scope.release(mark);
  tape.push(() => {
    if (derivatives) {
      const { gradient, fresh } = tape.claim(x);
      if (slopes) scaleRows(gradient, fresh, slopes, derivatives.dLogps);
      else {
        const to = { ...derivatives, dX: gradient, accumulate: fresh ? (0 as const) : (1 as const) };
        for (let i = chunks - 1; i >= 0; i--)
          inChunk(i, (part, count) => {
            if (known || i + 1 < chunks) computeLogits(part(x.buffer, inner), count);
            goBack(part, count, to);
          });
      }
    }
    if (!slopes) scope.release(mark);
  });

  return {
    logps,
    entropies,
    seed(dLogps, dEntropies) {
      if (!entropiesTrained && Array.prototype.some.call(dEntropies, (value) => value !== 0))
        throw new Error("tokenLogps: entropies were to stay out of the loss");
      derivatives = { dLogps: scope.upload("f32", dLogps), dEntropies: scope.upload("f32", dEntropies) };
    },
  };
}
