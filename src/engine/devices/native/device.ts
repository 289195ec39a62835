import { availableMemory } from "node:process";
import { DeviceError, ShapeError } from "../../../base/errors.ts";
import type { Device, DeviceBuffer, DeviceInfo, DType } from "../../device.ts";
import { bytesPerElement, type KernelArguments, type KernelName } from "../../kernels.ts";
import type { NativeAddon, NativeHandle } from "./addon.ts";
import { NativeBuffer, NativeStorage } from "./buffer.ts";
import { SEGMENT_COLUMNS, segmentRows } from "./segment-rows.ts";
import { CommandStream, misuse, type OperandSizes } from "./stream.ts";

/** The host's arrays of each element type. */
const arrays = { f32: Float32Array, i32: Int32Array, u8: Uint8Array };

/** Words of waiting calls (some 3,000 calls) at which they are run without being asked for. */
const FLUSH_WORDS = 1 << 15;

/** Allocations from here on (bytes) are held against the memory the system says it has; smaller ones are not worth asking. */
const LARGE = 64 * 2 ** 20;

type AttentionShape = KernelArguments<"attention", DeviceBuffer>;

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(bytes < 2 ** 20 ? 3 : 0)} MiB`;

/**
 * The device whose kernels are C++. Calls collect in a command stream that the addon's threads run at a `read`, before
 * memory they use is written or freed, or when it gets long; the calling thread is one of them and waits for the rest.
 */
export class NativeDevice implements Device {
  readonly info: DeviceInfo;
  readonly #addon: NativeAddon;
  readonly #handle: NativeHandle;
  readonly #stream: CommandStream = new CommandStream(this);
  readonly #live = new Set<NativeStorage>();
  #bytes = 0;
  #peakBytes = 0;
  #closed = false;

  /** @param handle an open pool; the device closes it */
  constructor(addon: NativeAddon, handle: NativeHandle, info: DeviceInfo) {
    this.#addon = addon;
    this.#handle = handle;
    this.info = info;
  }

  allocate(dtype: DType, length: number): DeviceBuffer {
    this.#assertOpen("allocate");
    if (!Number.isSafeInteger(length) || length < 0) {
      throw new DeviceError(
        `allocate: expected a whole number of elements, got ${length}; check the sizes it comes from`,
      );
    }
    const bytes = bytesPerElement[dtype] * length;
    const address = bytes >= LARGE && bytes > availableMemory() ? 0 : this.#addon.allocate(this.#handle, bytes);
    if (address === 0) throw this.#outOfMemory("allocate", bytes);
    const storage = new NativeStorage(address, length, this.#stream.nextVersion());
    this.#live.add(storage);
    this.#bytes += bytes;
    this.#peakBytes = Math.max(this.#peakBytes, this.#bytes);
    return new NativeBuffer(this, dtype, storage, 0, length);
  }

  view(buffer: DeviceBuffer, offset: number, length: number): DeviceBuffer {
    const own = this.#own("view", buffer);
    const whole = Number.isSafeInteger(offset) && Number.isSafeInteger(length);
    if (!(whole && offset >= 0 && length >= 0 && offset + length <= own.length)) {
      throw new ShapeError(
        `view: expected a range within ${own.length} elements, got ${length} from ${offset} on; check offset and length`,
      );
    }
    return new NativeBuffer(this, own.dtype, own.storage, own.offset + offset, length);
  }

  free(buffer: DeviceBuffer): void {
    const { storage, length, dtype } = this.#own("free", buffer);
    if (length !== storage.elements) {
      throw new DeviceError(
        `free: expected a whole allocation of ${storage.elements} elements, got a view of ${length}; free what allocate returned`,
      );
    }
    try {
      this.#flushIfUsed(storage);
    } finally {
      // Also when a waiting call failed: what it was to do with this memory is over.
      this.#addon.free(this.#handle, storage.address);
      storage.address = 0;
      this.#live.delete(storage);
      this.#bytes -= bytesPerElement[dtype] * length;
    }
  }

  write(buffer: DeviceBuffer, data: ArrayLike<number>): void {
    const own = this.#own("write", buffer);
    const Elements = arrays[own.dtype];
    const elements = data instanceof Elements ? data : Elements.from(data);
    if (elements.length !== own.length) {
      throw new ShapeError(
        `write: expected ${own.length} numbers, got ${elements.length}; write to a view of that length`,
      );
    }
    this.#flushIfUsed(own.storage);
    this.#addon.write(this.#handle, own.address, elements);
    own.storage.version = this.#stream.nextVersion();
  }

  enqueue<N extends KernelName>(kernel: N, args: KernelArguments<N, DeviceBuffer>): void {
    this.#assertOpen(kernel);
    const reached = kernel === "attention" ? this.#attentionSizes(args as never) : undefined;
    this.#stream.push(kernel, args, reached);
    if (this.#stream.length > FLUSH_WORDS) this.#flush();
  }

  async read(buffer: DeviceBuffer): Promise<Float32Array | Int32Array | Uint8Array> {
    const own = this.#own("read", buffer);
    this.#flush();
    const contents = new arrays[own.dtype](own.length);
    this.#addon.read(this.#handle, own.address, contents);
    return contents;
  }

  /** Bytes of tensors; see `overheadBytes` for what kernels hold beside them. */
  memory(): { bytes: number; peakBytes: number } {
    return { bytes: this.#bytes, peakBytes: this.#peakBytes };
  }

  /** Bytes of scratch memory and of packed copies of weights. */
  overheadBytes(): number {
    return this.#closed ? 0 : this.#addon.overhead(this.#handle);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const storage of this.#live) storage.address = 0;
    this.#live.clear();
    this.#bytes = 0;
    this.#stream.clear();
    this.#addon.close(this.#handle);
  }

  /**
   * What attention needs in the operands whose rows only its table tells. The table can be read before the calls that wait
   * have run, as no kernel writes one; all layers share it, so it is looked at once.
   */
  #attentionSizes({ segments, count, heads, kvHeads, headDim }: AttentionShape): OperandSizes | undefined {
    // What is wrong with the table itself is for the stream to say.
    if (misuse("attention.segments", segments, this) || !(count * SEGMENT_COLUMNS <= segments.length)) return undefined;
    const { storage, address, offset, dtype } = segments as NativeBuffer;
    if (dtype !== "i32" || !Number.isSafeInteger(count) || count < 0) return undefined;
    let known = storage.segments;
    if (known === null || known.version !== storage.version || known.offset !== offset || known.count !== count) {
      const table = new Int32Array(count * SEGMENT_COLUMNS);
      this.#addon.read(this.#handle, address, table);
      known = storage.segments = { ...segmentRows(table), version: storage.version, offset, count };
    }
    const queryElements = known.queries * heads * headDim;
    const keyElements = known.keys * kvHeads * headDim;
    return { q: queryElements, out: queryElements, lse: known.queries * heads, k: keyElements, v: keyElements };
  }

  #flushIfUsed(storage: NativeStorage): void {
    if (storage.flush === this.#stream.flush) this.#flush();
  }

  #flush(): void {
    const { words, length } = this.#stream;
    if (length === 0) return;
    this.#stream.clear();
    const failure = this.#addon.run(this.#handle, words, length);
    if (failure === undefined) return;
    if (failure.bytes > 0) throw this.#outOfMemory(failure.message, failure.bytes);
    throw new DeviceError(`native device: ${failure.message}; check what the call was given`);
  }

  #own(operation: string, buffer: DeviceBuffer): NativeBuffer {
    this.#assertOpen(operation);
    const wrong = misuse(operation, buffer, this);
    if (wrong) throw wrong;
    return buffer as NativeBuffer;
  }

  #assertOpen(operation: string): void {
    if (this.#closed) throw new DeviceError(`${operation}: this native device is closed; open another`);
  }

  #outOfMemory(operation: string, bytes: number): DeviceError {
    return new DeviceError(
      `${operation}: no memory for ${mebibytes(bytes)} more (${mebibytes(this.#bytes)} in use by this device); lower the token budget of a micro-batch, the number of prompts or attempts, or the model's size`,
    );
  }
}
