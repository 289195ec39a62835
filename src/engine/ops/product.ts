import type { DeviceBuffer } from "../device.ts";
import type { KernelArguments, KernelName } from "../kernels.ts";
import type { Parameter } from "../tape.ts";
import { formatNumber } from "../weight-formats.ts";

/** Enqueues one kernel: a device's or a tape's. */
export type Enqueue = <N extends KernelName>(kernel: N, args: KernelArguments<N, DeviceBuffer>) => void;

/** Arguments of a kernel but for its weight. */
type Rest<N extends KernelName> = Omit<KernelArguments<N, DeviceBuffer>, "w">;

/** `linear`, or its counterpart on a weight in blocks. */
export function enqueueLinear(enqueue: Enqueue, { buffer, format }: Parameter, rest: Rest<"linear">): void {
  if (format === "f32") enqueue("linear", { ...rest, w: buffer });
  else enqueue("linearBlocks", { ...rest, blocks: buffer, format: formatNumber(format) });
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
  if (format === "f32") enqueue("groupedLinear", { ...rest, w: buffer });
  else enqueue("groupedLinearBlocks", { ...rest, blocks: buffer, format: formatNumber(format) });
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
