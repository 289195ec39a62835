import { ShapeError } from "../base/errors.ts";
import { allocateTogether } from "./allocate-together.ts";
import type { Device, DeviceBuffer } from "./device.ts";
import type { Parameter } from "./tape.ts";

/** What one learned array is called, how large it is, how it starts, and whether weight decay pulls on it. */
export interface ParameterDefinition {
  name: string;
  shape: readonly number[];
  /** Fills a fresh array, in the order of definition. */
  initialize: (values: Float32Array) => void;
  decays: boolean;
  /** Keeps its values among others that are trained: no gradient, no decay; default false. */
  frozen?: boolean;
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
  /** Learned numbers; gaps and frozen arrays are not counted. */
  readonly count: number;
  readonly entries: readonly Parameter[];
  private readonly byName: Map<string, Parameter>;

  /**
   * @param options trained: whether gradients are kept; filled: whether starting values are put in, default true; else zeros
   * @throws DeviceError when there is not enough memory; none is held then
   */
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
    this.count = definitions.reduce((total, { shape, frozen }) => total + (frozen ? 0 : sizeOf(shape)), 0);
    const { values, gradients, decay, entries } = allocateTogether(device, (allocate) => {
      const values = allocate("f32", length);
      const gradients = trained ? allocate("f32", length) : null;
      const decay = trained ? allocate("f32", length) : null;
      // Array by array: the host never holds more than one of them.
      const entries = definitions.map(({ name, shape, initialize, decays, frozen }, i): Parameter => {
        const count = sizeOf(shape);
        const buffer = device.view(values, offsets[i], count);
        if (filled) {
          const start = new Float32Array(count);
          initialize(start);
          device.write(buffer, start);
        }
        if (decay && decays && !frozen)
          device.enqueue("fill", { out: device.view(decay, offsets[i], count), count, value: 1 });
        // Where nothing is added to a gradient of zero, an optimizer leaves the values as they are.
        const gradient = gradients && !frozen ? device.view(gradients, offsets[i], count) : null;
        return { name, shape, buffer, gradient, format: "f32" };
      });
      return { values, gradients, decay, entries };
    });
    this.values = values;
    this.gradients = gradients;
    this.decay = decay;
    this.entries = entries;
    this.byName = new Map(entries.map((entry) => [entry.name, entry]));
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
