import type { DeviceBuffer } from "../device.ts";
import type { Parameter, Tape, Tensor } from "../tape.ts";

/**
 * y += x · wᵀ in place: the second half of a low-rank addition. Keeps x; y's gradient goes on to whatever made y.
 *
 * @param y f32 [T, N]; no op may have read it yet
 * @param options x: f32 [T, R]; weight: f32 [N, R]
 * @returns y
 */
export function addProduct(tape: Tape, y: Tensor, { x, weight }: { x: Tensor; weight: Parameter }): Tensor {
  const sizes = { rows: y.rows, inner: x.width, outer: y.width };
  const { device } = tape;
  tape.forward("linear", { x: x.buffer, w: weight.buffer, bias: null, residual: y.buffer, y: y.buffer, ...sizes });
  tape.push(() => {
    const dY = y.gradient;
    if (!dY) return;
    if (weight.gradient) device.enqueue("linearBackwardWeight", { dY, x: x.buffer, dW: weight.gradient, ...sizes });
    const { gradient, fresh } = tape.claim(x);
    device.enqueue("linearBackwardInput", { dY, w: weight.buffer, dX: gradient, ...sizes, accumulate: fresh ? 0 : 1 });
  });
  return y;
}

/**
 * Row r of expert e: y[r] += x[r] · w[e]ᵀ in place, rows sorted by expert; otherwise as `addProduct`.
 *
 * @param y f32 [R, N]
 * @param options x: f32 [R, K]; weight: f32 [E, N, K]; offsets: i32 [E+1], as in `groupedLinear`
 * @returns y
 */
export function addGroupedProduct(
  tape: Tape,
  y: Tensor,
  { x, weight, offsets }: { x: Tensor; weight: Parameter; offsets: DeviceBuffer },
): Tensor {
  const sizes = { rows: y.rows, inner: x.width, outer: y.width, experts: weight.shape[0] };
  const count = y.rows * y.width;
  const { device } = tape;
  const mark = tape.scope.mark();
  const product = tape.scope.stacked(count);
  tape.forward("groupedLinear", { x: x.buffer, w: weight.buffer, bias: null, offsets, y: product, ...sizes });
  tape.forward("addScaled", { x: product, out: y.buffer, count, scale: 1 });
  tape.scope.release(mark);
  tape.push(() => {
    const dY = y.gradient;
    if (!dY) return;
    if (weight.gradient)
      device.enqueue("groupedLinearBackwardWeight", { dY, x: x.buffer, offsets, dW: weight.gradient, ...sizes });
    const { gradient, fresh } = tape.claim(x);
    device.enqueue("groupedLinearBackwardInput", {
      dY,
      w: weight.buffer,
      offsets,
      dX: gradient,
      ...sizes,
      accumulate: fresh ? 0 : 1,
    });
  });
  return y;
}
