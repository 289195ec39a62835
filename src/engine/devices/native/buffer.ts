import type { Device, DeviceBuffer, DType } from "../../device.ts";
import { bytesPerElement } from "../../kernels.ts";
import type { SegmentRows } from "./segment-rows.ts";

/** One allocation of the addon, shared by the buffer that `allocate` returned and every view of it. */
export class NativeStorage {
  /** In bytes from the start of the process's memory; 0 once freed. */
  address: number;
  readonly elements: number;
  /** Changes whenever a kernel or the host writes here, and is never used twice on a device: names packed copies. */
  version: number;
  /** The flush that the latest call to use this storage waits for. */
  flush = 0;
  /** What attention's table of segments here came to when it was last looked at. */
  segments: (SegmentRows & { version: number; offset: number; count: number }) | null = null;

  constructor(address: number, elements: number, version: number) {
    this.address = address;
    this.elements = elements;
    this.version = version;
  }
}

/** A range of a storage. */
export class NativeBuffer implements DeviceBuffer {
  readonly device: Device;
  readonly dtype: DType;
  readonly offset: number;
  readonly length: number;
  readonly storage: NativeStorage;
  readonly address: number;

  constructor(device: Device, dtype: DType, storage: NativeStorage, offset: number, length: number) {
    this.device = device;
    this.dtype = dtype;
    this.storage = storage;
    this.offset = offset;
    this.length = length;
    this.address = storage.address + bytesPerElement[dtype] * offset;
  }
}
