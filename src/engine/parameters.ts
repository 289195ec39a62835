import { ShapeError } from "../base/errors.ts";
import type { Device, DeviceBuffer } from "./device.ts";
import type { Parameter } from "./tape.ts";

/** What one learned array is called, how large it is, how it starts, and whether weight decay pulls on it. */
export interface ParameterDefinition {
  name: string;
  shape: readonly number[];
  /** Fills a fresh array, in the order of definition. */
  initialize: (values: Float32Array) => void;
  decays: boolean;
}

/** Entries start at multiples of this many elements: whole cache lines, and what GPUs ask of a binding's offset. */
const alignment = 64;

const sizeOf = (shape: readonly number[]) => shape.reduce((product, axis) => product * axis, 1);

/**
 * All learned arrays of a model in one flat buffer, with their gradients (when trained) in another of the same layout:
 * the optimizer, the gradient norm and a checkpoint each deal with one array.
 */
export class Parameters {
  readonly device: Device;
  readonly values: DeviceBuffer;
  readonly gradients: DeviceBuffer | null;
  /** f32, 1 where weight decay applies. */
  readonly decay: DeviceBuffer | null;
  /** Flat length, gaps included; gaps stay zero. */
  readonly length: number;
  /** Learned numbers, gaps not counted. */
  readonly count: number;
  readonly entries: readonly Parameter[];
  private readonly byName: Map<string, Parameter>;

  /** @param options trained: whether gradients are kept; filled: whether starting values are put in, default true; else zeros */
  constructor(
    device: Device,
    definitions: readonly ParameterDefinition[],
    { trained, filled = true }: { trained: boolean; filled?: boolean },
  ) {
    this.device = device;
    const offsets: number[] = [];
    let length = 0;
    for (const { shape } of definitions) {
      offsets.push(length);
      length += Math.ceil(sizeOf(shape) / alignment) * alignment;
    }
    this.length = length;
    this.count = definitions.reduce((total, { shape }) => total + sizeOf(shape), 0);
    this.values = device.allocate("f32", length);
    this.gradients = trained ? device.allocate("f32", length) : null;
    this.decay = trained ? device.allocate("f32", length) : null;
    this.entries = definitions.map(({ name, shape }, i) => {
      const size = sizeOf(shape);
      return {
        name,
        shape,
        buffer: device.view(this.values, offsets[i], size),
        gradient: this.gradients ? device.view(this.gradients, offsets[i], size) : null,
        format: "f32",
      };
    });
    this.byName = new Map(this.entries.map((entry) => [entry.name, entry]));
    // Array by array: the host never holds more than one of them.
    definitions.forEach(({ shape, initialize, decays }, i) => {
      const count = sizeOf(shape);
      if (filled) {
        const start = new Float32Array(count);
        initialize(start);
        device.write(this.entries[i].buffer, start);
      }
      if (!this.decay || !decays) return;
      device.enqueue("fill", { out: device.view(this.decay, offsets[i], count), count, value: 1 });
    });
  }

  /** @throws ShapeError when there is no such array */
  get(name: string): Parameter {
    const found = this.byName.get(name);
    if (!found) throw new ShapeError(`no parameter ${name}; there are ${[...this.byName.keys()].join(", ")}`);
    return found;
  }

  has(name: string): boolean {
    return this.byName.has(name);
  }

  /** Copies values from a set with the same layout, e.g. the policy's into the frozen reference. */
  copyFrom(source: Parameters): void {
    if (source.length !== this.length)
      throw new ShapeError(`copyFrom: layouts differ, ${source.length} and ${this.length} elements`);
    this.device.enqueue("copy", { x: source.values, out: this.values, count: this.length });
  }

  close(): void {
    for (const buffer of [this.values, this.gradients, this.decay]) if (buffer) this.device.free(buffer);
  }
}
