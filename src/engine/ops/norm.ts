import { ShapeError } from "../../base/errors.ts";
import type { DeviceBuffer } from "../device.ts";
import type { Parameter, Tape, Tensor } from "../tape.ts";

/**
 * Layer normalization: y = (x − mean) / sqrt(var + eps) · gain (+ bias), population variance. Keeps mean and 1/std.
 *
 * @param x f32 [T, D]
 * @param options gain and bias: f32 [D]; eps: added to the variance; recomputable: y may be computed again instead of being
 * kept, default false; not for one that an op changes in place
 * @returns [T, D]
 * @throws ShapeError when gain or bias is not as long as a row
 * @see arXiv:1607.06450
 */
export function layerNorm(
  tape: Tape,
  x: Tensor,
  {
    gain,
    bias,
    eps,
    recomputable = false,
  }: { gain: Parameter; bias: Parameter | null; eps: number; recomputable?: boolean },
): Tensor {
  const { rows, width } = x;
  const { device } = tape;
  requireRowLength("layerNorm", width, gain, bias);
  const mean = tape.tensor(rows, 1);
  const rstd = tape.tensor(rows, 1);
  const args = (y: DeviceBuffer) => ({
    x: x.buffer,
    gain: gain.buffer,
    bias: bias?.buffer ?? null,
    y,
    mean: mean.buffer,
    rstd: rstd.buffer,
    rows,
    width,
    eps,
  });
  const y = recomputable ? tape.computed("layerNorm", x, args) : tape.tensor(rows, width);
  if (!recomputable) tape.forward("layerNorm", args(y.buffer));
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
 * one gain, default 1; recomputable: as in `layerNorm`
 * @returns [T, D]
 * @throws ShapeError when gain is not as long as a part of a row
 * @see arXiv:1910.07467 eq. 4; eps is our addition
 */
export function rmsNorm(
  tape: Tape,
  x: Tensor,
  {
    gain,
    eps,
    heads = 1,
    recomputable = false,
  }: { gain: Parameter; eps: number; heads?: number; recomputable?: boolean },
): Tensor {
  const width = x.width / heads;
  const rows = x.rows * heads;
  const { device } = tape;
  requireRowLength("rmsNorm", width, gain);
  const rstd = tape.tensor(x.rows, heads);
  const args = (y: DeviceBuffer) => ({ x: x.buffer, gain: gain.buffer, y, rstd: rstd.buffer, rows, width, eps });
  const y = recomputable ? tape.computed("rmsNorm", x, args) : tape.tensor(x.rows, x.width);
  if (!recomputable) tape.forward("rmsNorm", args(y.buffer));
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
