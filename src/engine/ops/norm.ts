import { ShapeError } from "../../base/errors.ts";
import type { Parameter, Tape, Tensor } from "../tape.ts";

/**
 * Layer normalization: y = (x − mean) / sqrt(var + eps) · gain (+ bias), population variance. Keeps mean and 1/std.
 *
 * @param x f32 [T, D]
 * @param options gain and bias: f32 [D]; eps: added to the variance
 * @returns [T, D]
 * @throws ShapeError when gain or bias is not as long as a row
 * @see arXiv:1607.06450
 */
export function layerNorm(
  tape: Tape,
  x: Tensor,
  { gain, bias, eps }: { gain: Parameter; bias: Parameter | null; eps: number },
): Tensor {
  const { rows, width } = x;
  const { device } = tape;
  requireRowLength("layerNorm", width, gain, bias);
  const y = tape.tensor(rows, width);
  const mean = tape.tensor(rows, 1);
  const rstd = tape.tensor(rows, 1);
  tape.forward("layerNorm", {
    x: x.buffer,
    gain: gain.buffer,
    bias: bias?.buffer ?? null,
    y: y.buffer,
    mean: mean.buffer,
    rstd: rstd.buffer,
    rows,
    width,
    eps,
  });
  tape.onGradient(y, (dY) => {
    device.enqueue("layerNormBackward", {
      dY,
      x: x.buffer,
      gain: gain.buffer,
      mean: mean.buffer,
      rstd: rstd.buffer,
      dX: tape.claimZeroed(x),
      dGain: gain.gradient,
      dBias: bias?.gradient ?? null,
      rows,
      width,
    });
  });
  return y;
}

/**
 * Root-mean-square normalization: y = x / sqrt(mean(x²) + eps) · gain. Keeps 1/rms.
 *
 * @param x f32 [T, D]
 * @param options gain: f32 [D / heads]; eps: added to the mean square; heads: parts of a row that are normalized apart, with
 * one gain, default 1
 * @returns [T, D]
 * @throws ShapeError when gain is not as long as a part of a row
 * @see arXiv:1910.07467 eq. 4; eps is our addition
 */
export function rmsNorm(
  tape: Tape,
  x: Tensor,
  { gain, eps, heads = 1 }: { gain: Parameter; eps: number; heads?: number },
): Tensor {
  const width = x.width / heads;
  const rows = x.rows * heads;
  const { device } = tape;
  requireRowLength("rmsNorm", width, gain);
  const y = tape.tensor(x.rows, x.width);
  const rstd = tape.tensor(x.rows, heads);
  tape.forward("rmsNorm", { x: x.buffer, gain: gain.buffer, y: y.buffer, rstd: rstd.buffer, rows, width, eps });
  tape.onGradient(y, (dY) => {
    device.enqueue("rmsNormBackward", {
      dY,
      x: x.buffer,
      gain: gain.buffer,
      rstd: rstd.buffer,
      dX: tape.claimZeroed(x),
      dGain: gain.gradient,
      rows,
      width,
    });
  });
  return y;
}

function requireRowLength(operation: string, width: number, ...learned: (Parameter | null)[]): void {
  for (const one of learned)
    if (one && one.buffer.length !== width)
      throw new ShapeError(
        `${operation}: ${one.name} must have the ${width} elements of a row, got ${one.buffer.length}`,
      );
}
