import { DeviceError, ShapeError } from "../../../base/errors.ts";
import type { Device, DeviceBuffer, DeviceInfo, DType } from "../../device.ts";
import { bytesPerElement, type KernelArguments, type KernelName } from "../../kernels.ts";
import { packedBytes, scratchBytes } from "./overhead.ts";

/** Bytes that are held, by what they were allocated for; `packed` and `scratch` are what the native device adds. */
export type HeldBytes = Readonly<Record<string, number>>;

/** One allocation. */
interface CountedStorage {
  purpose: string;
  bytes: number;
  elements: number;
  /** Bytes from its beginning up to the last that anything has used. */
  used: number;
  freed: boolean;
  /** Bytes of packed copies, by offset and direction. */
  packs: Map<number, number>;
}

class CountedBuffer implements DeviceBuffer {
  readonly device: Device;
  readonly dtype: DType;
  readonly storage: CountedStorage;
  readonly offset: number;
  readonly length: number;

  constructor(device: Device, dtype: DType, storage: CountedStorage, offset: number, length: number) {
    this.device = device;
    this.dtype = dtype;
    this.storage = storage;
    this.offset = offset;
    this.length = length;
  }
}

/** What all faces of one counting device share. */
class Ledger {
  /** By purpose: what is allocated, and what of it is resident. */
  readonly allocated = new Map<string, number>();
  readonly resident = new Map<string, number>();
  bytes = 0;
  peakBytes = 0;
  residentTotal = 0;
  residentPeak = 0;
  atPeak: Record<string, number> = {};
  scratch = 0;

  allocate(purpose: string, bytes: number): void {
    add(this.allocated, purpose, bytes);
    this.bytes += bytes;
    this.peakBytes = Math.max(this.peakBytes, this.bytes);
  }

  /** The system gives a page when it is first written to. */
  touch(purpose: string, bytes: number): void {
    add(this.resident, purpose, bytes);
    this.residentTotal += bytes;
    if (this.residentTotal <= this.residentPeak) return;
    this.residentPeak = this.residentTotal;
    this.atPeak = Object.fromEntries(this.resident);
  }

  /** Beside tensors: packed copies and scratch memory. */
  get overhead(): number {
    return (this.resident.get("packed") ?? 0) + (this.resident.get("scratch") ?? 0);
  }
}

const add = (to: Map<string, number>, purpose: string, bytes: number) =>
  to.set(purpose, (to.get(purpose) ?? 0) + bytes);

/**
 * A device that has no memory and computes nothing: it counts what a program would hold on another, and when most. Code that is run on it is the code that is run in earnest, so the count cannot fall behind it. Whatever is read from it
 * is zeros.
 */
export class CountingDevice implements Device {
  readonly info: DeviceInfo;
  readonly #ledger: Ledger;
  readonly #purpose: string;

  /** @param info of the device that is meant: its precision decides how large packed copies are; f64 is the reference's */
  constructor(info: Pick<DeviceInfo, "threads" | "precision">, purpose = "other", ledger: unknown = new Ledger()) {
    this.info = { name: "counting", isa: "none", ...info };
    this.#purpose = purpose;
    this.#ledger = ledger as Ledger;
  }

  /** The same device; what is allocated through this face of it is counted under `purpose`. */
  for(purpose: string): CountingDevice {
    return new CountingDevice(this.info, purpose, this.#ledger);
  }

  /** What is allocated now, used or not. */
  get held(): HeldBytes {
    return Object.fromEntries(this.#ledger.allocated);
  }

  /**
   * What was resident when it was most in all, packed copies and scratch memory included: of an allocation the part from its
   * beginning to the last place a call was given, as memory that nothing has written to takes none.
   */
  get heldAtPeak(): HeldBytes {
    return { ...this.#ledger.atPeak };
  }

  allocate(dtype: DType, length: number): DeviceBuffer {
    if (!Number.isSafeInteger(length) || length < 0)
      throw new DeviceError(
        `allocate: expected a whole number of elements, got ${length}; check the sizes it comes from`,
      );
    const bytes = (dtype === "f32" && this.info.precision === "f64" ? 8 : bytesPerElement[dtype]) * length;
    const purpose = this.#purpose;
    this.#ledger.allocate(purpose, bytes);
    return new CountedBuffer(
      this,
      dtype,
      { purpose, bytes, elements: length, used: 0, freed: false, packs: new Map() },
      0,
      length,
    );
  }

  view(buffer: DeviceBuffer, offset: number, length: number): DeviceBuffer {
    const own = buffer as CountedBuffer;
    if (!(offset >= 0 && length >= 0 && offset + length <= own.length))
      throw new ShapeError(
        `view: expected a range within ${own.length} elements, got ${length} from ${offset} on; check offset and length`,
      );
    return new CountedBuffer(this, own.dtype, own.storage, own.offset + offset, length);
  }

  free(buffer: DeviceBuffer): void {
    const { storage } = buffer as CountedBuffer;
    if (storage.freed) throw new DeviceError("free: expected live memory, got a buffer that was freed; free it once");
    storage.freed = true;
    this.#ledger.allocate(storage.purpose, -storage.bytes);
    this.#ledger.touch(storage.purpose, -storage.used);
    for (const bytes of storage.packs.values()) this.#ledger.touch("packed", -bytes);
  }

  write(buffer: DeviceBuffer): void {
    this.#use(buffer as CountedBuffer);
  }

  #use({ storage, offset, length }: CountedBuffer): void {
    if (storage.elements === 0) return;
    const used = (storage.bytes / storage.elements) * (offset + length);
    if (used <= storage.used) return;
    this.#ledger.touch(storage.purpose, used - storage.used);
    storage.used = used;
  }

  enqueue<N extends KernelName>(kernel: N, args: KernelArguments<N, DeviceBuffer>): void {
    for (const given of Object.values(args)) if (given instanceof CountedBuffer) this.#use(given);
    if (this.info.precision === "f64") return;
    const given = args as unknown as Record<string, number> & { w?: CountedBuffer };
    const { w } = given;
    if (w) {
      // Both directions of one weight have a copy of their own; an offset is below 2⁵⁰.
      const key = 2 * w.offset + (kernel.endsWith("BackwardInput") ? 1 : 0);
      if (!w.storage.packs.has(key)) {
        const bytes = packedBytes(given, kernel, this.info.precision);
        w.storage.packs.set(key, bytes);
        this.#ledger.touch("packed", bytes);
      }
    }
    const scratch = scratchBytes(kernel, given, this.info.threads);
    if (scratch > this.#ledger.scratch) {
      this.#ledger.touch("scratch", scratch - this.#ledger.scratch);
      this.#ledger.scratch = scratch;
    }
  }

  async read(buffer: DeviceBuffer): Promise<Float32Array | Int32Array | Uint8Array> {
    if (buffer.dtype === "f32") return new Float32Array(buffer.length);
    return buffer.dtype === "i32" ? new Int32Array(buffer.length) : new Uint8Array(buffer.length);
  }

  memory(): { bytes: number; peakBytes: number } {
    return { bytes: this.#ledger.bytes, peakBytes: this.#ledger.peakBytes };
  }

  overheadBytes(): number {
    return this.#ledger.overhead;
  }

  close(): void {}
}
