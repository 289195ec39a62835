import { ShapeError } from "../base/errors.ts";
import type { Device } from "../engine/device.ts";
import type { Parameter } from "../engine/tape.ts";
import { bytesOf, type WeightFormat } from "../engine/weight-formats.ts";
import type { Weights } from "./weights.ts";

/**
 * Arrays that are read and never trained, each in memory of its own and in its own format, so that a base model can stay
 * in the blocks its file has.
 */
export class FrozenWeights implements Weights {
  readonly device: Device;
  private readonly arrays = new Map<string, Parameter>();

  constructor(device: Device) {
    this.device = device;
  }

  /**
   * Copies one array to the device.
   *
   * @param shape outermost axis first, as PyTorch
   * @param data Float32Array for `f32`; the format's bytes otherwise
   * @throws ShapeError when the name is taken or the data does not fill the shape
   * @throws DeviceError when there is not enough memory
   */
  add(name: string, shape: readonly number[], format: "f32" | WeightFormat, data: Float32Array | Uint8Array): void {
    const expected = shape.reduce((product, axis) => product * axis, 1);
    if ((format === "f32") !== data instanceof Float32Array || (format === "f32" && data.length !== expected))
      throw new ShapeError(
        `weights: ${name} [${shape}] in ${format}: expected ${format === "f32" ? `${expected} f32 values` : "the format's bytes"}, ` +
          `got a ${data.constructor.name} of ${data.length}`,
      );
    this.device.write(this.reserve(name, shape, format).buffer, data);
  }

  /**
   * Takes memory for one array and leaves its contents to the caller.
   *
   * @throws ShapeError when the name is taken or the shape cannot be held in the format; DeviceError as `add`
   */
  reserve(name: string, shape: readonly number[], format: "f32" | WeightFormat): Parameter {
    if (this.arrays.has(name)) throw new ShapeError(`weights: ${name} is there already; add each array once`);
    const elements = shape.reduce((product, axis) => product * axis, 1);
    const buffer =
      format === "f32" ? this.device.allocate("f32", elements) : this.device.allocate("u8", bytesOf(format, shape));
    const array: Parameter = { name, shape: [...shape], buffer, gradient: null, format };
    this.arrays.set(name, array);
    return array;
  }

  /** All arrays, in the order they were added. */
  get entries(): readonly Parameter[] {
    return [...this.arrays.values()];
  }

  get(name: string): Parameter {
    const found = this.arrays.get(name);
    if (!found) throw new ShapeError(`no weights ${name}; there are ${[...this.arrays.keys()].join(", ")}`);
    return found;
  }

  has(name: string): boolean {
    return this.arrays.has(name);
  }

  lora(): null {
    return null;
  }

  /** Gives the memory back. */
  close(): void {
    for (const { buffer } of this.arrays.values()) this.device.free(buffer);
    this.arrays.clear();
  }
}
