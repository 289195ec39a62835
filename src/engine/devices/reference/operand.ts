import type { KernelArguments, KernelName } from "../../kernels.ts";

/** What a kernel sees of a buffer: exactly its range of the storage, f64 numbers for f32 buffers. */
export type Operand = Float64Array | Int32Array | Uint8Array;

/** The operands and numbers of kernel N on this device. */
export type Operands<N extends KernelName> = KernelArguments<N, Operand>;

/** Computes one call to its end; operands are already checked for kind and size. */
export type ReferenceKernel<N extends KernelName> = (operands: Operands<N>) => void;
