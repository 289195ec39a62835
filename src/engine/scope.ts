import type { Device, DeviceBuffer, DType } from "./device.ts";

/** Rounds up so that similar sizes share storage: eight steps per power of two, at least 64 elements. */
function bucketLength(length: number): number {
  if (length <= 64) return 64;
  const step = 2 ** Math.max(6, Math.floor(Math.log2(length)) - 3);
  return Math.ceil(length / step) * step;
}

/**
 * Memory that lives for one step. Temporaries come from a free list that survives from step to step, so a steady loop
 * allocates nothing; contents are undefined. `end` takes everything back at once.
 */
export class Scope {
  readonly device: Device;
  private readonly idle = new Map<string, DeviceBuffer[]>();
  private lent: { key: string; storage: DeviceBuffer }[] = [];

  constructor(device: Device) {
    this.device = device;
  }

  /** Undefined contents; valid until `end`. */
  temporary(dtype: DType, length: number): DeviceBuffer {
    const bucket = bucketLength(length);
    const key = `${dtype}${bucket}`;
    const storage = this.idle.get(key)?.pop() ?? this.device.allocate(dtype, bucket);
    this.lent.push({ key, storage });
    return this.device.view(storage, 0, length);
  }

  /** A temporary holding `data`. */
  upload(dtype: DType, data: ArrayLike<number>): DeviceBuffer {
    const buffer = this.temporary(dtype, data.length);
    if (data.length > 0) this.device.write(buffer, data);
    return buffer;
  }

  /** Ends the step: every temporary may be handed out again. */
  end(): void {
    for (const { key, storage } of this.lent) {
      const list = this.idle.get(key);
      if (list) list.push(storage);
      else this.idle.set(key, [storage]);
    }
    this.lent = [];
  }

  /** Gives all memory back to the device. */
  close(): void {
    this.end();
    for (const list of this.idle.values()) for (const storage of list) this.device.free(storage);
    this.idle.clear();
  }
}
