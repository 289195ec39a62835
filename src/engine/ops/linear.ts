import { ShapeError } from "../../base/errors.ts";
import type { DeviceBuffer } from "../device.ts";
import type { Parameter, Tape, Tensor } from "../tape.ts";
import {
  enqueueGroupedLinear,
  enqueueGroupedLinearBackwardInput,
  enqueueLinear,
  enqueueLinearBackwardInput,
} from "./product.ts";

/**
 * y = x · wᵀ (+ bias) (+ residual). Keeps x for backward.
 *
 * @param x f32 [T, K]
 * @param weight [N, K]; in another format than f32 it is frozen
 * @param bias f32 [N]
 * @param residual f32 [T, N], added to the product
 * @returns [T, N]
 * @throws ShapeError when inner axes or the residual do not fit
 */
export function linear(
  tape: Tape,
  x: Tensor,
  { weight, bias = null, residual = null }: { weight: Parameter; bias?: Parameter | null; residual?: Tensor | null },
): Tensor {
  const [outer, inner] = weight.shape;
  const { rows } = x;
  if (inner !== x.width)
    throw new ShapeError(
      `linear ${weight.name}: inner axes must match, got x [${rows},${x.width}] × w [${outer},${inner}]`,
    );
  if (residual && (residual.rows !== rows || residual.width !== outer))
    throw new ShapeError(
      `linear ${weight.name}: residual must be [${rows},${outer}], got [${residual.rows},${residual.width}]`,
    );
  const { device } = tape;
  const y = tape.tensor(rows, outer);
  enqueueLinear((kernel, args) => tape.forward(kernel, args), weight, {
    x: x.buffer,
    bias: bias?.buffer ?? null,
    residual: residual?.buffer ?? null,
    y: y.buffer,
    rows,
    inner,
    outer,
  });
  tape.onGradient(y, (dY) => {
    if (weight.gradient)
      device.enqueue("linearBackwardWeight", { dY, x: x.buffer, dW: weight.gradient, rows, inner, outer });
    if (bias?.gradient) device.enqueue("columnSum", { x: dY, out: bias.gradient, rows, width: outer });
    const { gradient, fresh } = tape.claim(x);
    enqueueLinearBackwardInput((kernel, args) => device.enqueue(kernel, args), weight, {
      dY,
      dX: gradient,
      rows,
      inner,
      outer,
      accumulate: fresh ? 0 : 1,
    });
    if (residual) tape.handOver(residual, y);
  });
  return y;
}

/**
 * Row r of expert e: y[r] = x[r] · w[e]ᵀ (+ bias[e]), rows sorted by expert. Keeps x for backward.
 *
 * @param x f32 [R, K]
 * @param weight [E, N, K]; in another format than f32 it is frozen
 * @param bias f32 [E, N]
 * @param offsets i32 [E+1]: expert e owns rows offsets[e] … offsets[e+1]−1
 * @returns [R, N]
 */
export function groupedLinear(
  tape: Tape,
  x: Tensor,
  { weight, bias = null, offsets }: { weight: Parameter; bias?: Parameter | null; offsets: DeviceBuffer },
): Tensor {
  const [experts, outer, inner] = weight.shape;
  const { rows } = x;
  if (inner !== x.width)
    throw new ShapeError(
      `groupedLinear ${weight.name}: inner axes must match, got x [${rows},${x.width}] × w [${experts},${outer},${inner}]`,
    );
  const { device } = tape;
  const y = tape.tensor(rows, outer);
  enqueueGroupedLinear((kernel, args) => tape.forward(kernel, args), weight, {
    x: x.buffer,
    bias: bias?.buffer ?? null,
    offsets,
    y: y.buffer,
    rows,
    inner,
    outer,
    experts,
  });
  tape.onGradient(y, (dY) => {
    if (weight.gradient)
      device.enqueue("groupedLinearBackwardWeight", {
        dY,
        x: x.buffer,
        offsets,
        dW: weight.gradient,
        rows,
        inner,
        outer,
        experts,
      });
    if (bias?.gradient)
      device.enqueue("groupedColumnSum", { x: dY, offsets, out: bias.gradient, rows, width: outer, experts });
    const { gradient, fresh } = tape.claim(x);
    enqueueGroupedLinearBackwardInput((kernel, args) => device.enqueue(kernel, args), weight, {
      dY,
      offsets,
      dX: gradient,
      rows,
      inner,
      outer,
      experts,
      accumulate: fresh ? 0 : 1,
    });
  });
  return y;
}
