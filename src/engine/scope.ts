import type { Device, DeviceBuffer, DType } from "./device.ts";

/** Temporaries start at multiples of this many elements: whole cache lines, and what GPUs ask of a binding's offset. */
const alignment = 64;
/** Elements of the first slab: 1 MiB. */
const firstSlab = 2 ** 18;

/** Memory of one type, handed out from the front; more slabs are added while a step runs, one remains afterwards. */
class Slabs {
  private readonly device: Device;
  private readonly dtype: DType;
  private slabs: DeviceBuffer[] = [];
  private used = 0;
  /** Elements handed out in this step. */
  private taken = 0;

  constructor(device: Device, dtype: DType) {
    this.device = device;
    this.dtype = dtype;
  }

  take(length: number): DeviceBuffer {
    const rounded = Math.ceil(length / alignment) * alignment;
    let slab = this.slabs.at(-1);
    if (!slab || this.used + rounded > slab.length) {
      slab = this.device.allocate(this.dtype, Math.max(rounded, slab?.length ?? firstSlab));
      this.slabs.push(slab);
      this.used = 0;
    }
    const buffer = this.device.view(slab, this.used, length);
    this.used += rounded;
    this.taken += rounded;
    return buffer;
  }

  reset(): void {
    if (this.slabs.length > 1) {
      const enough = this.taken;
      this.free();
      this.slabs = [this.device.allocate(this.dtype, enough)];
    }
    this.used = 0;
    this.taken = 0;
  }

  free(): void {
    for (const slab of this.slabs) this.device.free(slab);
    this.slabs = [];
    this.used = 0;
    this.taken = 0;
  }
}

/**
 * Memory that lives for one step. Temporaries are ranges of slabs that survive from step to step, so a steady loop
 * allocates nothing and holds what its largest step took; contents are undefined. `end` takes everything back at once.
 */
export class Scope {
  readonly device: Device;
  private readonly slabs: Record<DType, Slabs>;

  constructor(device: Device) {
    this.device = device;
    this.slabs = { f32: new Slabs(device, "f32"), i32: new Slabs(device, "i32") };
  }

  /** Undefined contents; valid until `end`. */
  temporary(dtype: DType, length: number): DeviceBuffer {
    return this.slabs[dtype].take(length);
  }

  /** A temporary holding `data`. */
  upload(dtype: DType, data: ArrayLike<number>): DeviceBuffer {
    const buffer = this.temporary(dtype, data.length);
    if (data.length > 0) this.device.write(buffer, data);
    return buffer;
  }

  /** Ends the step: every temporary may be handed out again. */
  end(): void {
    this.slabs.f32.reset();
    this.slabs.i32.reset();
  }

  /** Gives all memory back to the device. */
  close(): void {
    this.slabs.f32.free();
    this.slabs.i32.free();
  }
}
