import type { DeviceBuffer } from "./device.ts";

/** How a tensor's contents are made, and where the memory for them comes from and goes back to. */
interface Source {
  /** Whether it was computed now: false where nothing will read the contents yet. */
  compute(buffer: DeviceBuffer): boolean;
  take(length: number): DeviceBuffer;
  release(buffer: DeviceBuffer): void;
}

/** A `Tensor` that is computed when its buffer is asked for, and again when it is asked for after `drop`. */
export class RecomputedTensor {
  readonly rows: number;
  readonly width: number;
  gradient: DeviceBuffer | null = null;
  private readonly source: Source;
  private held: DeviceBuffer | null = null;
  private computed = false;

  constructor(rows: number, width: number, source: Source) {
    this.rows = rows;
    this.width = width;
    this.source = source;
  }

  get buffer(): DeviceBuffer {
    this.held ??= this.source.take(this.rows * this.width);
    if (!this.computed) this.computed = this.source.compute(this.held);
    return this.held;
  }

  /** Gives the memory back; a buffer asked for before is not to be used from here on. */
  drop(): void {
    if (this.held) this.source.release(this.held);
    this.held = null;
    this.computed = false;
  }
}
