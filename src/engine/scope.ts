import type { Device, DeviceBuffer, DType } from "./device.ts";

/** Temporaries start at multiples of this many elements: whole cache lines, and what GPUs ask of a binding's offset. */
const alignment = 64;
/** Elements of the first slab: 1 MiB of 4-byte elements. Later ones are a quarter of all before them, up to 64 MiB. */
const firstSlab = 2 ** 18;
const largestSlab = 2 ** 24;

/** A place in memory that is handed out from the front. */
interface Place {
  slab: number;
  used: number;
  live: number;
}

/** Slabs whose ends were left over for more than this share of what was needed become one at the end of a step. */
const mostLeftOver = 1 / 8;

/**
 * Memory of one type, handed out from the front; more slabs are added while a step runs. They stay as they are: memory that
 * was given back and taken anew would be cleared by the system once more.
 */
class Slabs {
  private readonly device: Device;
  private readonly dtype: DType;
  private slabs: DeviceBuffer[] = [];
  private at: Place = { slab: 0, used: 0, live: 0 };
  /** Most elements that were handed out at once in any step. */
  peak = 0;

  constructor(device: Device, dtype: DType) {
    this.device = device;
    this.dtype = dtype;
  }

  take(length: number): DeviceBuffer {
    const rounded = Math.ceil(length / alignment) * alignment;
    const { at, slabs } = this;
    while (at.slab < slabs.length && at.used + rounded > slabs[at.slab].length) {
      at.slab++;
      at.used = 0;
    }
    if (at.slab === slabs.length) {
      const next = Math.max(firstSlab, Math.min(largestSlab, Math.floor(this.held() / 4 / alignment) * alignment));
      slabs.push(this.device.allocate(this.dtype, Math.max(rounded, next)));
    }
    const buffer = this.device.view(slabs[at.slab], at.used, length);
    at.used += rounded;
    at.live += rounded;
    this.peak = Math.max(this.peak, at.live);
    return buffer;
  }

  place(): Place {
    return { ...this.at };
  }

  backTo(place: Readonly<Place>): void {
    this.at = { ...place };
  }

  reset(): void {
    const enough = this.peak;
    if (this.slabs.length > 1 && this.held() > (1 + mostLeftOver) * enough) {
      this.free();
      this.slabs = [this.device.allocate(this.dtype, enough)];
      this.peak = enough;
    }
    this.at = { slab: 0, used: 0, live: 0 };
  }

  free(): void {
    for (const slab of this.slabs) this.device.free(slab);
    this.slabs = [];
    this.at = { slab: 0, used: 0, live: 0 };
    this.peak = 0;
  }

  private held(): number {
    return this.slabs.reduce((sum, slab) => sum + slab.length, 0);
  }
}

/** Where a scope's stack stood; see `Scope.mark`. */
export type StackMark = Readonly<Place>;

/**
 * Memory that lives for one step. Temporaries are ranges of slabs that survive from step to step, so a steady loop
 * allocates nothing and holds what its largest step took; contents are undefined. `end` takes everything back at once.
 *
 * Beside the temporaries there is a stack, whose memory can be taken back before: to what it was when a mark was set.
 */
export class Scope {
  readonly device: Device;
  private readonly lasting: Record<DType, Slabs>;
  private readonly stack: Slabs;

  constructor(device: Device) {
    this.device = device;
    this.lasting = { f32: new Slabs(device, "f32"), i32: new Slabs(device, "i32"), u8: new Slabs(device, "u8") };
    this.stack = new Slabs(device, "f32");
  }

  /** Undefined contents; valid until `end`. */
  temporary(dtype: DType, length: number): DeviceBuffer {
    return this.lasting[dtype].take(length);
  }

  /** A temporary holding `data`. */
  upload(dtype: DType, data: ArrayLike<number>): DeviceBuffer {
    const buffer = this.temporary(dtype, data.length);
    if (data.length > 0) this.device.write(buffer, data);
    return buffer;
  }

  /** f32 memory with undefined contents; valid until `end` or `release` of a mark set before. Never write to it from the host. */
  stacked(length: number): DeviceBuffer {
    return this.stack.take(length);
  }

  /** Where the stack stands. */
  mark(): StackMark {
    return this.stack.place();
  }

  /** Takes back what was stacked since `mark`: what is enqueued from here on may overwrite it. Marks are released last first. */
  release(mark: StackMark): void {
    this.stack.backTo(mark);
  }

  /** Ends the step: every temporary may be handed out again. */
  end(): void {
    for (const slabs of this.all()) slabs.reset();
  }

  /** Elements of 4 bytes that were handed out at once in any step, at most; what the slabs hold is up to an eighth more. */
  get mostElements(): number {
    const { f32, i32 } = this.lasting;
    return f32.peak + i32.peak + this.stack.peak;
  }

  /** Gives all memory back to the device. */
  close(): void {
    for (const slabs of this.all()) slabs.free();
  }

  private all(): Slabs[] {
    return [...Object.values(this.lasting), this.stack];
  }
}
