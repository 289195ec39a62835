import { DeviceError, ShapeError } from "../../../base/errors.ts";
import type { Device, DeviceBuffer, DType } from "../../device.ts";
import { type KernelArguments, type KernelName, parsedKernels, wrongNumber } from "../../kernels.ts";
import { operandSizes } from "../../operand-sizes.ts";
import { NativeBuffer } from "./buffer.ts";

/** Elements a call needs in its buffers, by operand. */
export type OperandSizes = Partial<Record<string, number>>;

interface BufferPlan {
  name: string;
  dtype: DType;
  optional: boolean;
  /** Takes a second word, the version of its storage. */
  weight: boolean;
  writes: boolean;
}

interface KernelPlan {
  name: KernelName;
  index: number;
  buffers: BufferPlan[];
  numbers: string[];
  sizes: (numbers: never) => OperandSizes;
}

const plans = new Map<string, KernelPlan>(
  parsedKernels.map(({ name, buffers, numbers }, index) => [
    name,
    {
      name,
      index,
      numbers,
      sizes: operandSizes[name],
      buffers: buffers.map(({ name: operand, dtype, mode, optional }) => ({
        name: operand,
        dtype,
        optional,
        weight: mode === "w",
        writes: mode === "out" || mode === "inout",
      })),
    },
  ]),
);

/** Words of the longest call: its kernel, two for each buffer at most, its numbers. */
const LONGEST_CALL = Math.max(...parsedKernels.map(({ buffers, numbers }) => 1 + 2 * buffers.length + numbers.length));

/**
 * Calls waiting to be run, as the addon reads them: per call the kernel's place in the table, an address per buffer (and
 * the version of a weight), then the numbers. Operands are checked on the way in, as the kernels trust them.
 */
export class CommandStream {
  words = new Float64Array(4096);
  length = 0;
  /** Numbers the flushes; a storage whose `flush` equals it is used by a waiting call. */
  flush = 1;
  readonly #device: Device;
  #versions = 0;

  constructor(device: Device) {
    this.#device = device;
  }

  /** A version no storage of the device had before. */
  nextVersion(): number {
    return ++this.#versions;
  }

  /** Forgets the calls: they were run. */
  clear(): void {
    this.length = 0;
    this.flush++;
  }

  /**
   * @param more elements needed in buffers whose size the numbers do not tell
   * @throws DeviceError for a buffer of another device or a freed one
   * @throws ShapeError for a wrong element type, a buffer too short, a number that is none, or a size that is not whole
   */
  push<N extends KernelName>(kernel: N, args: KernelArguments<N, DeviceBuffer>, more?: OperandSizes): void {
    const plan = plans.get(kernel);
    if (plan === undefined) throw new DeviceError(`enqueue: no kernel is named ${kernel}; see src/engine/kernels.ts`);
    if (this.length + LONGEST_CALL > this.words.length) this.#grow();
    const { words } = this;
    const given = args as unknown as Record<string, DeviceBuffer | number | null>;
    const known = plan.sizes(args as never);
    const sizes = more ? { ...known, ...more } : known;
    let at = this.length;
    words[at++] = plan.index;
    for (const operand of plan.buffers) {
      const buffer = given[operand.name];
      if (buffer === null && operand.optional) {
        words[at++] = 0;
        if (operand.weight) words[at++] = 0;
        continue;
      }
      if (
        !(buffer instanceof NativeBuffer) ||
        buffer.device !== this.#device ||
        buffer.storage.address === 0 ||
        buffer.dtype !== operand.dtype ||
        buffer.length < (sizes[operand.name] ?? 0)
      ) {
        throw misfit(plan, operand, buffer, this.#device, given, sizes);
      }
      const { storage } = buffer;
      words[at++] = buffer.address;
      if (operand.weight) words[at++] = storage.version;
      if (operand.writes) storage.version = ++this.#versions;
      storage.flush = this.flush;
    }
    for (const name of plan.numbers) {
      const value = given[name];
      const wrong = wrongNumber(name, value);
      if (wrong) throw new ShapeError(`${kernel}: ${wrong}`);
      words[at++] = value as number;
    }
    this.length = at;
  }

  #grow(): void {
    const longer = new Float64Array(2 * this.words.length);
    longer.set(this.words);
    this.words = longer;
  }
}

/** Why a buffer cannot be an operand. */
function misfit(
  plan: KernelPlan,
  operand: BufferPlan,
  buffer: unknown,
  device: Device,
  given: Record<string, unknown>,
  sizes: OperandSizes,
): Error {
  const operation = `${plan.name}.${operand.name}`;
  const wrong = misuse(operation, buffer, device);
  if (wrong) return wrong;
  const { dtype, length } = buffer as NativeBuffer;
  if (dtype !== operand.dtype)
    return new ShapeError(`${plan.name}: ${operand.name} must be ${operand.dtype}, got ${dtype}`);
  const numbers = plan.numbers.map((name) => `${name} ${given[name]}`).join(", ");
  return new ShapeError(
    `${plan.name}: ${operand.name} must hold ${sizes[operand.name]} elements, got ${length}; check it against ${numbers}`,
  );
}

/** Why a buffer cannot be used on a device: null when it can. */
export function misuse(operation: string, buffer: unknown, device: Device): DeviceError | null {
  if (!(buffer instanceof NativeBuffer) || buffer.device !== device) {
    const came = buffer === null || buffer === undefined ? String(buffer) : "one of another device";
    return new DeviceError(`${operation}: expected a buffer of this native device, got ${came}; allocate it here`);
  }
  if (buffer.storage.address !== 0) return null;
  return new DeviceError(
    `${operation}: expected live memory, got a buffer of ${buffer.length} elements that was freed; free it after its last use`,
  );
}
