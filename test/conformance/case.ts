import { hashText, Rng } from "../../src/base/rng.ts";
import type { DType } from "../../src/engine/device.ts";
import { referenceKernels } from "../../src/engine/devices/reference/kernel-table.ts";
import { type KernelArguments, type KernelName, parsedKernels } from "../../src/engine/kernels.ts";
import type { Tolerance } from "./tolerance.ts";

/** The content of one device buffer before the call. Two parameters that name the same object share one buffer. */
export interface CaseBuffer {
  dtype: DType;
  data: Float32Array | Int32Array | Uint8Array;
}

/** The arguments of a call, with contents in place of buffers. */
export type CaseArguments<N extends KernelName> = KernelArguments<N, CaseBuffer>;

/** One concrete call of one kernel: what goes in, and how close to `reference` what comes out must be. */
export interface ConformanceCase {
  kernel: KernelName;
  /** What is particular about it; unique within its kernel. */
  name: string;
  arguments: Record<string, CaseBuffer | number | null>;
  /** Bound on the f32 outputs; i32 outputs must be equal. */
  tolerance: Tolerance;
  /**
   * Operands that a device of bf16 precision rounds before it multiplies them; empty when it rounds none. A weight in blocks
   * is rounded where its decoded values are no bf16 numbers.
   */
  rounded: readonly string[];
}

/** One case of kernel N, its arguments checked by the type of the kernel's signature. */
export function defineCase<N extends KernelName>(
  kernel: N,
  name: string,
  args: CaseArguments<N>,
  { tolerance, rounded = [] }: { tolerance: Tolerance; rounded?: readonly string[] },
): ConformanceCase {
  return { kernel, name, arguments: args as ConformanceCase["arguments"], tolerance, rounded };
}

/** Random contents for the buffers of one case; the stream is named by the case, so cases do not move each other. */
export class Draw {
  readonly rng: Rng;

  constructor(kernel: KernelName, name: string) {
    this.rng = new Rng(hashText(`${kernel}/${name}`));
  }

  /** f32 normal numbers around `mean`. */
  normals(length: number, { deviation = 1, mean = 0 } = {}): CaseBuffer {
    return floats(Array.from({ length }, () => mean + deviation * this.rng.normal()));
  }

  /** f32 uniform numbers in [low, high). */
  uniforms(length: number, low = 0, high = 1): CaseBuffer {
    return floats(Array.from({ length }, () => low + (high - low) * this.rng.uniform()));
  }

  /** i32 whole numbers in [0, limit), repeating. */
  indices(length: number, limit: number): CaseBuffer {
    return integers(Array.from({ length }, () => this.rng.integer(0, limit - 1)));
  }

  /** `length` different i32 whole numbers in [0, limit), in random order. */
  distinctIndices(length: number, limit: number): CaseBuffer {
    return integers(this.rng.shuffle([...Array(limit).keys()]).slice(0, length));
  }
}

export const floats = (values: ArrayLike<number>): CaseBuffer => ({ dtype: "f32", data: Float32Array.from(values) });
export const integers = (values: ArrayLike<number>): CaseBuffer => ({ dtype: "i32", data: Int32Array.from(values) });

/** An f32 buffer that the kernel must overwrite whole: NaN shows where it does not, or where it reads. */
export const output = (length: number): CaseBuffer => floats(new Float64Array(length).fill(Number.NaN));

/** An i32 buffer that the kernel must overwrite whole. */
export const integerOutput = (length: number): CaseBuffer => integers(new Int32Array(length).fill(-1));

/**
 * What the reference leaves in each buffer of a call, rounded to f32, in the same layout as the arguments: for the cases
 * of a backward kernel, which take what their forward kept. The arguments are left as they were.
 */
export function afterReference<N extends KernelName>(kernel: N, args: CaseArguments<N>): CaseArguments<N> {
  const given = args as Record<string, CaseBuffer | number | null>;
  const computed: Record<string, Float64Array | Int32Array | Uint8Array | number | null> = {};
  for (const [name, value] of Object.entries(given)) {
    if (value === null || typeof value === "number") computed[name] = value;
    else computed[name] = value.data instanceof Float32Array ? Float64Array.from(value.data) : value.data.slice();
  }
  const run: (operands: never) => void = referenceKernels[kernel];
  run(computed as never);
  const after: Record<string, CaseBuffer | number | null> = { ...given };
  for (const { name } of parsedKernels.find((parsed) => parsed.name === kernel)?.buffers ?? []) {
    const value = computed[name];
    if (value instanceof Float64Array) after[name] = floats(value);
    else if (value instanceof Int32Array) after[name] = integers(value);
  }
  return after as CaseArguments<N>;
}
