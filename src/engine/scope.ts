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
  /** Storage to hand out, by type and bucket. */
  private readonly idle = { f32: new Map<number, DeviceBuffer[]>(), i32: new Map<number, DeviceBuffer[]>() };
  /** Storage handed out, and beside each the list it goes back to. */
  private readonly lent: DeviceBuffer[] = [];
  private readonly origins: DeviceBuffer[][] = [];

  constructor(device: Device) {
    this.device = device;
  }

  /** Undefined contents; valid until `end`. @throws DeviceError when there is not enough memory */
  temporary(dtype: DType, length: number): DeviceBuffer {
    const bucket = bucketLength(length);
    let list = this.idle[dtype].get(bucket);
    if (!list) this.idle[dtype].set(bucket, (list = []));
    const storage = list.pop() ?? this.device.allocate(dtype, bucket);
    this.lent.push(storage);
    this.origins.push(list);
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
    for (let i = 0; i < this.lent.length; i++) this.origins[i].push(this.lent[i]);
    this.lent.length = 0;
    this.origins.length = 0;
  }

  /** Gives all memory back to the device. */
  close(): void {
    this.end();
    for (const lists of Object.values(this.idle)) {
      for (const list of lists.values()) for (const storage of list) this.device.free(storage);
      lists.clear();
    }
  }
}
