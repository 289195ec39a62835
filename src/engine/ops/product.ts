import type { DeviceBuffer } from "../device.ts";
import type { KernelArguments, KernelName } from "../kernels.ts";
import type { Parameter } from "../tape.ts";
import { formatNumber } from "../weight-formats.ts";

/** Enqueues one kernel: a device's or a tape's. */
export type Enqueue = <N extends KernelName>(kernel: N, args: KernelArguments<N, DeviceBuffer>) => void;

/** Arguments of a kernel but for its weight. */
type Rest<N extends KernelName> = Omit<KernelArguments<N, DeviceBuffer>, "w">;

/**
 * `linear`, or its counterpart on a weight in blocks. Arguments are written out: spread, they cost a token of a 30-layer
 * model with an adapter 0.4 ms.
 */
export function enqueueLinear(enqueue: Enqueue, { buffer, format }: Parameter, rest: Rest<"linear">): void {
  const { x, bias, residual, y, rows, inner, outer } = rest;
  if (format === "f32") enqueue("linear", { x, w: buffer, bias, residual, y, rows, inner, outer });
  else
    enqueue("linearBlocks", { x, blocks: buffer, bias, residual, y, rows, inner, outer, format: formatNumber(format) });
}

/** `linearBackwardInput`, or its counterpart on a weight in blocks. */
export function enqueueLinearBackwardInput(
  enqueue: Enqueue,
  { buffer, format }: Parameter,
  rest: Rest<"linearBackwardInput">,
): void {
  if (format === "f32") enqueue("linearBackwardInput", { ...rest, w: buffer });
  else enqueue("linearBlocksBackwardInput", { ...rest, blocks: buffer, format: formatNumber(format) });
}

/** `groupedLinear`, or its counterpart on a weight in blocks. */
export function enqueueGroupedLinear(
  enqueue: Enqueue,
  { buffer, format }: Parameter,
  rest: Rest<"groupedLinear">,
): void {
  const { x, bias, offsets, y, rows, inner, outer, experts } = rest;
  if (format === "f32") enqueue("groupedLinear", { x, w: buffer, bias, offsets, y, rows, inner, outer, experts });
  else {
    const number = formatNumber(format);
    enqueue("groupedLinearBlocks", {
      x,
      blocks: buffer,
      bias,
      offsets,
      y,
      rows,
      inner,
      outer,
      experts,
      format: number,
    });
  }
}

/** `groupedLinearBackwardInput`, or its counterpart on a weight in blocks. */
export function enqueueGroupedLinearBackwardInput(
  enqueue: Enqueue,
  { buffer, format }: Parameter,
  rest: Rest<"groupedLinearBackwardInput">,
): void {
  if (format === "f32") enqueue("groupedLinearBackwardInput", { ...rest, w: buffer });
  else enqueue("groupedLinearBlocksBackwardInput", { ...rest, blocks: buffer, format: formatNumber(format) });
}
