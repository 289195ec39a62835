import { type FileBytes, checkpointFault as fail } from "./file-bytes.ts";

/** Types of metadata values, by their number in the file. */
const VALUE_TYPES = [
  "uint8",
  "int8",
  "uint16",
  "int16",
  "uint32",
  "int32",
  "float32",
  "bool",
  "string",
  "array",
  "uint64",
  "int64",
  "float64",
] as const;

type ValueType = (typeof VALUE_TYPES)[number];

/** Least bytes that a value of the type takes: bounds how many can still follow. */
const LEAST_BYTES: Record<ValueType, number> = {
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  uint32: 4,
  int32: 4,
  float32: 4,
  bool: 1,
  string: 8,
  array: 12,
  uint64: 8,
  int64: 8,
  float64: 8,
};

/**
 * Most values in all arrays together: sixteen times what vocabulary, scores and types of 256 k tokens take, and little
 * memory. A file's own length is no bound: a list of bytes takes sixteen times its length here.
 */
const MAX_ARRAY_VALUES = 1 << 24;

/** Most bytes of a header: ten times a vocabulary of 256 k tokens with its merges. */
const MAX_HEADER_BYTES = 1 << 28;

/** Arrays in arrays; no writer nests them deeper. */
const MAX_DEPTH = 4;

/** Bytes fetched at once. */
const WINDOW = 1 << 20;

/**
 * Reads GGUF's little-endian values from a file, front to back. Every length and count is held against the bytes that are
 * left before anything is allocated for it.
 */
export class GgufReader {
  readonly #file: FileBytes;
  #view: DataView = new DataView(new ArrayBuffer(0));
  /** Where in the file the window begins. */
  #windowBegin = 0;
  /** Bytes read so far. */
  position = 0;
  #arrayValues = 0;

  constructor(file: FileBytes) {
    this.#file = file;
  }

  /** Bytes left in the file. */
  get left(): number {
    return this.#file.size - this.position;
  }

  u32(field: string): number {
    const at = this.#take(4, field);
    return this.#view.getUint32(at, true);
  }

  /** A u64 that counts or places something. @throws CheckpointError when it is no exact number here: no file is as long */
  count(field: string): number {
    const value = this.#u64(field);
    if (value > Number.MAX_SAFE_INTEGER)
      throw fail(this.#file.path, `${field}: got ${value}, more than any file can hold`);
    return Number(value);
  }

  /**
   * How many things follow.
   *
   * @param most of them that any honest file has
   * @throws CheckpointError when they are more, or as many of at least `leastBytes` each do not fit in what is left
   */
  countOf(field: string, leastBytes: number, most = Number.POSITIVE_INFINITY): number {
    const count = this.count(field);
    if (count > most) throw fail(this.#file.path, `${field}: expected at most ${most}, got ${count}`);
    if (count > this.left / leastBytes)
      throw fail(
        this.#file.path,
        `${field}: got ${count}, which needs at least ${count * leastBytes} bytes, and ${this.left} are left: truncated or not GGUF`,
      );
    return count;
  }

  text(field: string): string {
    const length = this.countOf(`${field}: length`, 1);
    const at = this.#take(length, field);
    try {
      return utf8.decode(new Uint8Array(this.#view.buffer, this.#view.byteOffset + at, length));
    } catch {
      throw fail(this.#file.path, `${field}: expected UTF-8`);
    }
  }

  /** A metadata value with its type before it; 64-bit numbers that are not exact in f64 come as bigint. */
  value(field: string): unknown {
    return this.#valueOf(this.#type(field), field, 0);
  }

  #type(field: string): ValueType {
    const number = this.u32(`${field}: type`);
    if (number >= VALUE_TYPES.length)
      throw fail(this.#file.path, `${field}: type: expected 0 … ${VALUE_TYPES.length - 1}, got ${number}`);
    return VALUE_TYPES[number];
  }

  #valueOf(type: ValueType, field: string, depth: number): unknown {
    switch (type) {
      case "string":
        return this.text(field);
      case "array":
        return this.#array(field, depth);
      case "uint64":
        return exact(this.#u64(field));
      case "int64":
        return exact(BigInt.asIntN(64, this.#u64(field)));
    }
    const at = this.#take(LEAST_BYTES[type], field);
    switch (type) {
      case "uint8":
        return this.#view.getUint8(at);
      case "int8":
        return this.#view.getInt8(at);
      case "uint16":
        return this.#view.getUint16(at, true);
      case "int16":
        return this.#view.getInt16(at, true);
      case "uint32":
        return this.#view.getUint32(at, true);
      case "int32":
        return this.#view.getInt32(at, true);
      case "float32":
        return this.#view.getFloat32(at, true);
      case "float64":
        return this.#view.getFloat64(at, true);
      case "bool":
        return this.#bool(this.#view.getUint8(at), field);
    }
  }

  #bool(byte: number, field: string): boolean {
    if (byte > 1) throw fail(this.#file.path, `${field}: expected a bool of 0 or 1, got ${byte}`);
    return byte === 1;
  }

  #array(field: string, depth: number): unknown[] {
    if (depth >= MAX_DEPTH) throw fail(this.#file.path, `${field}: expected at most ${MAX_DEPTH} arrays in each other`);
    const type = this.#type(field);
    const length = this.countOf(`${field}: length`, LEAST_BYTES[type]);
    this.#arrayValues += length;
    if (this.#arrayValues > MAX_ARRAY_VALUES)
      throw fail(this.#file.path, `${field}: expected at most ${MAX_ARRAY_VALUES} values in all arrays, got more`);
    return Array.from({ length }, () => this.#valueOf(type, field, depth + 1));
  }

  #u64(field: string): bigint {
    const at = this.#take(8, field);
    return this.#view.getBigUint64(at, true);
  }

  /** Moves on by `length` bytes and gives where in the window they begin. */
  #take(length: number, field: string): number {
    if (length > this.left)
      throw fail(
        this.#file.path,
        `${field}: expected ${length} bytes at ${this.position}, ${this.left} are left: truncated`,
      );
    if (this.position + length > MAX_HEADER_BYTES)
      throw fail(this.#file.path, `${field}: expected a header of at most ${MAX_HEADER_BYTES} bytes, got more`);
    if (this.position + length > this.#windowBegin + this.#view.byteLength) {
      const end = Math.min(this.#file.size, this.position + Math.max(length, WINDOW));
      const bytes = this.#file.read(this.position, end);
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      this.#windowBegin = this.position;
    }
    const at = this.position - this.#windowBegin;
    this.position += length;
    return at;
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function exact(value: bigint): number | bigint {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}
