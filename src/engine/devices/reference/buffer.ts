import { DeviceError } from "../../../base/errors.ts";
import type { Device, DeviceBuffer, DType } from "../../device.ts";
import type { Operand } from "./operand.ts";

/** What holds the elements of each type; kernels compute f32 in f64. */
const arrays = { f32: Float64Array, i32: Int32Array, u8: Uint8Array };

/** One allocation, shared by the buffer that `allocate` returned and every view of it. */
export class ReferenceStorage {
  /** Null once freed. */
  data: Operand | null;

  constructor(dtype: DType, length: number) {
    this.data = new arrays[dtype](length);
  }
}

/** A range of a storage; `elements` is a window on it, so a kernel's writes are seen by every overlapping view. */
export class ReferenceBuffer implements DeviceBuffer {
  readonly device: Device;
  readonly dtype: DType;
  readonly offset: number;
  readonly length: number;
  readonly storage: ReferenceStorage;
  readonly #window: Operand;

  constructor(device: Device, dtype: DType, storage: ReferenceStorage, offset: number, length: number) {
    this.device = device;
    this.dtype = dtype;
    this.storage = storage;
    this.offset = offset;
    this.length = length;
    this.#window = (storage.data as Operand).subarray(offset, offset + length);
  }

  /** @throws DeviceError when the storage has been freed */
  elements(operation: string): Operand {
    if (this.storage.data === null) {
      throw new DeviceError(
        `${operation}: expected live memory, got a buffer of ${this.length} elements that was freed; free it after its last use`,
      );
    }
    return this.#window;
  }
}
