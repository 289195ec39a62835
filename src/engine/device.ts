import type { DType, KernelArguments, KernelName } from "./kernels.ts";

export type { DType } from "./kernels.ts";

/**
 * A range of device memory. `offset` and `length` count elements from the start of its storage; views share storage.
 * Created by a device, only valid on it.
 */
export interface DeviceBuffer {
  readonly device: Device;
  readonly dtype: DType;
  readonly offset: number;
  readonly length: number;
}

export interface DeviceInfo {
  /** `reference` or `native`. */
  name: string;
  /** Instruction set in use: `f64` on reference, `amx`, `avx512bf16`, `avx512`, `avx2`, `neon` or `portable` on native. */
  isa: string;
  threads: number;
  /** Operand type of matrix products; accumulation is f32 (f64 on reference). */
  precision: "bf16" | "f32" | "f64";
}

/**
 * Everything the engine asks of a processor. Kernels run in the order they are enqueued; only `read` waits for them.
 * One device belongs to one JavaScript thread.
 */
export interface Device {
  readonly info: DeviceInfo;
  /** Zero-filled memory. @throws DeviceError when there is not enough. */
  allocate(dtype: DType, length: number): DeviceBuffer;
  /** A range of `buffer`'s elements, sharing its storage. */
  view(buffer: DeviceBuffer, offset: number, length: number): DeviceBuffer;
  /** Gives the storage back; views of it are invalid from here on. */
  free(buffer: DeviceBuffer): void;
  /** Copies the host's numbers; of the element's own typed array (u8: Uint8Array) without converting them. */
  write(buffer: DeviceBuffer, data: ArrayLike<number>): void;
  enqueue<N extends KernelName>(kernel: N, args: KernelArguments<N, DeviceBuffer>): void;
  /** A copy of the contents: Float32Array, Int32Array or Uint8Array (Float64Array for f32 buffers on reference). */
  read(buffer: DeviceBuffer): Promise<Float32Array | Float64Array | Int32Array | Uint8Array>;
  /** Bytes allocated now, and the most there ever were. */
  memory(): { bytes: number; peakBytes: number };
  /** Bytes held beside tensors now (scratch memory, packed copies of weights), on devices that have any. */
  overheadBytes?(): number;
  /** Frees everything and stops the threads. */
  close(): void;
}
