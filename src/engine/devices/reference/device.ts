import { DeviceError, ShapeError } from "../../../base/errors.ts";
import type { Device, DeviceBuffer, DeviceInfo, DType } from "../../device.ts";
import { type KernelArguments, type KernelName, type ParsedKernel, parsedKernels, wrongNumber } from "../../kernels.ts";
import { operandSizes } from "../../operand-sizes.ts";
import { ReferenceBuffer, ReferenceStorage } from "./buffer.ts";
import { referenceKernels } from "./kernel-table.ts";
import type { Operand } from "./operand.ts";

const kernelsByName = new Map<string, ParsedKernel>(parsedKernels.map((kernel) => [kernel.name, kernel]));

class ReferenceDevice implements Device {
  readonly info: DeviceInfo = { name: "reference", isa: "f64", threads: 1, precision: "f64" };
  readonly #live = new Set<ReferenceStorage>();
  #bytes = 0;
  #peakBytes = 0;
  #closed = false;

  allocate(dtype: DType, length: number): DeviceBuffer {
    if (this.#closed) throw new DeviceError("allocate: this reference device is closed; open another");
    if (!Number.isSafeInteger(length) || length < 0) {
      throw new DeviceError(
        `allocate: expected a whole number of elements, got ${length}; check the sizes it comes from`,
      );
    }
    const storage = createStorage(dtype, length);
    this.#live.add(storage);
    this.#bytes += storage.data?.byteLength ?? 0;
    this.#peakBytes = Math.max(this.#peakBytes, this.#bytes);
    return new ReferenceBuffer(this, dtype, storage, 0, length);
  }

  view(buffer: DeviceBuffer, offset: number, length: number): DeviceBuffer {
    const own = this.#own("view", buffer);
    own.elements("view");
    const whole = Number.isSafeInteger(offset) && Number.isSafeInteger(length);
    if (!(whole && offset >= 0 && length >= 0 && offset + length <= own.length)) {
      throw new ShapeError(
        `view: expected a range within ${own.length} elements, got ${length} from ${offset} on; check offset and length`,
      );
    }
    return new ReferenceBuffer(this, own.dtype, own.storage, own.offset + offset, length);
  }

  free(buffer: DeviceBuffer): void {
    const own = this.#own("free", buffer);
    own.elements("free");
    const data = own.storage.data as Operand;
    if (own.length !== data.length) {
      throw new DeviceError(
        `free: expected a whole allocation of ${data.length} elements, got a view of ${own.length}; free what allocate returned`,
      );
    }
    this.#bytes -= data.byteLength;
    own.storage.data = null;
    this.#live.delete(own.storage);
  }

  write(buffer: DeviceBuffer, data: ArrayLike<number>): void {
    const own = this.#own("write", buffer);
    if (data.length !== own.length) {
      throw new ShapeError(`write: expected ${own.length} numbers, got ${data.length}; write to a view of that length`);
    }
    own.elements("write").set(data);
  }

  enqueue<N extends KernelName>(kernel: N, args: KernelArguments<N, DeviceBuffer>): void {
    const parsed = kernelsByName.get(kernel);
    if (!parsed) throw new DeviceError(`enqueue: no kernel is named ${kernel}; see src/engine/kernels.ts`);
    const given = args as Record<string, DeviceBuffer | number | null | undefined>;
    const operands: Record<string, Operand | number | null> = {};
    for (const name of parsed.numbers) operands[name] = checkedNumber(kernel, name, given[name]);
    const sizes: Partial<Record<string, number>> = operandSizes[kernel](operands as KernelArguments<N, never>);
    for (const { name, dtype, optional } of parsed.buffers) {
      const buffer = given[name];
      if (optional && buffer === null) {
        operands[name] = null;
        continue;
      }
      const own = this.#own(`${kernel}.${name}`, buffer);
      if (own.dtype !== dtype) throw new ShapeError(`${kernel}: ${name} must be ${dtype}, got ${own.dtype}`);
      const size = sizes[name] ?? 0;
      if (own.length < size) {
        throw new ShapeError(
          `${kernel}: ${name} must hold ${size} elements, got ${own.length}; check it against ${describe(parsed, operands)}`,
        );
      }
      operands[name] = own.elements(`${kernel}.${name}`);
    }
    const run: (operands: never) => void = referenceKernels[kernel];
    run(operands as never);
  }

  async read(buffer: DeviceBuffer): Promise<Operand> {
    return this.#own("read", buffer).elements("read").slice();
  }

  memory(): { bytes: number; peakBytes: number } {
    return { bytes: this.#bytes, peakBytes: this.#peakBytes };
  }

  close(): void {
    for (const storage of this.#live) storage.data = null;
    this.#live.clear();
    this.#bytes = 0;
    this.#closed = true;
  }

  #own(operation: string, buffer: unknown): ReferenceBuffer {
    if (buffer instanceof ReferenceBuffer && buffer.device === this) return buffer;
    const came = buffer === null || buffer === undefined ? String(buffer) : "a buffer of another device";
    throw new DeviceError(`${operation}: expected a buffer of this reference device, got ${came}; allocate it here`);
  }
}

function createStorage(dtype: DType, length: number): ReferenceStorage {
  try {
    return new ReferenceStorage(dtype, length);
  } catch (cause) {
    throw new DeviceError(`allocate: no memory for ${length} ${dtype} elements; use a smaller model or token budget`, {
      cause,
    });
  }
}

function checkedNumber(kernel: string, name: string, value: unknown): number {
  const wrong = wrongNumber(name, value);
  if (wrong) throw new ShapeError(`${kernel}: ${wrong}`);
  return value as number;
}

function describe(parsed: ParsedKernel, operands: Record<string, unknown>): string {
  return parsed.numbers.map((name) => `${name} ${operands[name]}`).join(", ");
}

/**
 * The device whose kernels are plain TypeScript and which other devices are tested against. Buffers called f32 are kept
 * and computed in f64, so that gradients can be checked by finite differences; `memory` counts what that really takes.
 * Kernels run to their end as they are enqueued.
 */
export function openReferenceDevice(): Device {
  return new ReferenceDevice();
}
