import type { DeviceInfo } from "../../device.ts";
import type { KernelName } from "../../kernels.ts";

/** Numbers of a kernel call, as far as sizes follow from them. */
type Sizes = Readonly<Record<string, number>>;

/** Columns that the native device packs a weight in; the last panel is padded. */
const panel = 32;

/** Bytes of the packed copy the native device keeps of an f32 weight, for one direction. */
export function packedBytes(
  { inner, outer, experts = 1 }: Sizes,
  kernel: KernelName,
  precision: DeviceInfo["precision"],
): number {
  const [columns, depth] = kernel.endsWith("BackwardInput") ? [inner, outer] : [outer, inner];
  return experts * Math.ceil(columns / panel) * panel * depth * (precision === "bf16" ? 2 : 4);
}

/** Queries that attention lays out side by side, at most. */
const lanes = 16;
/** Rows whose column sums are added up apart. */
const columnBlock = 64;

/** Rows of a block of a weight's gradient, and bytes of the copies of blocks that are worked on at once: one block at least. */
const gradientBlock = 256;
const gradientCopies = 2 ** 21;

/** What products, their gradients and sampling hold on each thread, whatever the model: tiles that stay in its caches. */
const tiles = 2 ** 20;

/**
 * Scratch memory of the native device once it has run such a call, about: each thread's tiles and scores of attention, the
 * copies that products on blocks and gradients of weights read rows from, partial sums of columns.
 */
export function scratchBytes(kernel: KernelName, numbers: Sizes, threads: number): number {
  const { rows = 0, inner = 0, outer = 0, width = 0, maxKeys = 0 } = numbers;
  // Memory grows by a quarter more than it has to.
  const withShared = (bytes: number) => threads * tiles + 1.25 * bytes;
  switch (kernel) {
    case "linearBlocks":
    case "groupedLinearBlocks":
      return withShared(4 * rows * inner);
    case "linearBlocksBackwardInput":
    case "groupedLinearBlocksBackwardInput":
      return withShared(4 * rows * outer);
    case "linearBackwardWeight":
    case "groupedLinearBackwardWeight":
      return withShared(
        4 * (inner + outer) * Math.min(rows, Math.max(gradientBlock, gradientCopies / (4 * (inner + outer)))),
      );
    case "attention":
    case "attentionBackward":
      return withShared(4 * threads * 2 * lanes * (maxKeys + lanes));
    case "rmsNormBackward":
    case "layerNormBackward":
      return withShared(4 * 2 * width * Math.ceil(rows / columnBlock));
    default:
      return 0;
  }
}
