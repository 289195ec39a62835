import type { Device, DeviceBuffer } from "./device.ts";
import type { Scope } from "./scope.ts";
import { Tape, type Tensor } from "./tape.ts";

/**
 * Keys and values of rows that later rows read: for the k-th kept tensor of a model, one tensor of slots, each as wide as a
 * row. Slots are the caller's to hand out. Its memory is its own, taken at first use.
 */
export class RowCache {
  /** Slots. */
  readonly rows: number;
  private readonly device: Device;
  private readonly tensors: Tensor[] = [];

  constructor(device: Device, rows: number) {
    this.device = device;
    this.rows = rows;
  }

  /** The slots of the k-th kept tensor. */
  tensor(k: number, width: number): Tensor {
    this.tensors[k] ??= {
      buffer: this.device.allocate("f32", this.rows * width),
      rows: this.rows,
      width,
      gradient: null,
    };
    return this.tensors[k];
  }

  close(): void {
    for (const { buffer } of this.tensors) this.device.free(buffer);
    this.tensors.length = 0;
  }
}

/**
 * A forward pass of some rows of longer sequences: what is kept of them is placed in slots of a cache, where attention
 * finds the rows of earlier passes too. Nothing else outlives the next `begin`.
 */
export class CachedTape extends Tape {
  private readonly cache: RowCache;
  private readonly placed = new Map<Tensor, Tensor>();
  private slots: DeviceBuffer | null = null;
  private next = 0;

  /** @param scope ended at each `begin` */
  constructor(scope: Scope, cache: RowCache) {
    super(scope, { recording: false });
    this.cache = cache;
  }

  /** Begins a pass: row r's keys and values go to slots[r]; distinct. Temporaries of the last pass are gone. */
  begin(slots: Int32Array): void {
    this.scope.end();
    this.slots = this.scope.upload("i32", slots);
    this.placed.clear();
    this.next = 0;
  }

  override kept(ops: () => Tensor): Tensor {
    const y = ops();
    const { rows, width } = y;
    const whole = this.cache.tensor(this.next++, width);
    if (this.slots === null) throw new Error("cached tape: begin a pass first");
    this.forward("placeRows", { x: y.buffer, index: this.slots, out: whole.buffer, rows, width });
    this.placed.set(y, whole);
    return y;
  }

  override whole(x: Tensor): Tensor {
    return this.placed.get(x) ?? x;
  }
}
