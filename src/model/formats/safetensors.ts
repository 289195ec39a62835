import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { writeFileAtomic } from "../../base/atomic-file.ts";
import { CheckpointError } from "../../base/errors.ts";
import { findDuplicateKey } from "./json-keys.ts";

const ARRAYS = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I64: BigInt64Array,
  I32: Int32Array,
  U8: Uint8Array,
} as const;

export type SafetensorsDType = keyof typeof ARRAYS;

/** Raw values; F16 and BF16 as their 16 bits, see `toFloat32`. */
export type SafetensorsData = InstanceType<(typeof ARRAYS)[SafetensorsDType]>;

/** One tensor, row-major. An empty shape is a scalar. */
export interface SafetensorsTensor {
  dtype: SafetensorsDType;
  shape: readonly number[];
  data: SafetensorsData;
}

/** The format's own bound on the header, in bytes. */
const MAX_HEADER_BYTES = 100_000_000;

/**
 * Writes tensors in the given order, without gaps, whole or not at all; the same input gives the same bytes. The header
 * is padded with spaces so that the tensors begin at a multiple of 8 bytes.
 *
 * @param tensors by name; a Map will do
 * @param metadata text by name
 * @throws CheckpointError when data does not fit its dtype and shape, a name comes twice, or the disk is full
 * @see https://github.com/huggingface/safetensors (format)
 */
export function writeSafetensors(
  path: string,
  tensors: Iterable<readonly [string, SafetensorsTensor]>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  const list = [...tensors];
  const seen = new Set<string>();
  const entries: string[] = [];
  if (Object.keys(metadata).length > 0) entries.push(`"__metadata__":${JSON.stringify(metadata)}`);
  let offset = 0;
  for (const [name, { dtype, shape, data }] of list) {
    const bytes = data.byteLength;
    if (name === "__metadata__" || seen.has(name)) {
      throw new CheckpointError(`${path}: tensor ${JSON.stringify(name)}: expected a name of its own; rename it`);
    }
    if (!(data instanceof ARRAYS[dtype]) || shape.reduce((a, b) => a * b, 1) !== data.length) {
      throw new CheckpointError(
        `${path}: tensor ${JSON.stringify(name)}: expected ${dtype} values for shape [${shape}], got ${data.length} in ${data.constructor.name}`,
      );
    }
    seen.add(name);
    // Written by hand: an object would move names that look like numbers to the front.
    const entry = JSON.stringify({ dtype, shape, data_offsets: [offset, offset + bytes] });
    entries.push(`${JSON.stringify(name)}:${entry}`);
    offset += bytes;
  }
  const header = Buffer.from(`{${entries.join(",")}}`, "utf8");
  const padded = Buffer.alloc(Math.ceil(header.length / 8) * 8, " ");
  header.copy(padded);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  writeFileAtomic(path, parts(length, padded, list));
}

function* parts(length: Buffer, header: Buffer, tensors: readonly (readonly [string, SafetensorsTensor])[]) {
  yield length;
  yield header;
  for (const [, { data }] of tensors) yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/**
 * Reads a whole file. Nothing is allocated for tensors before the header is proven consistent with the file's size, so
 * a hostile file costs no more memory than its own length.
 *
 * @returns tensors in order of their place in the file
 * @throws CheckpointError naming file, tensor and field when the file is missing, truncated, foreign or inconsistent
 */
export function readSafetensors(path: string): {
  metadata: Record<string, string>;
  tensors: Map<string, SafetensorsTensor>;
} {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === "ENOENT" ? "no such file" : (error as Error).message;
    throw new CheckpointError(`${path}: cannot be opened (${reason}); check --model`, { cause: error });
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw fail(path, "expected a file, got a directory or device");
    const headerBytes = readHeaderLength(fd, path, stat.size);
    const header = Buffer.alloc(headerBytes);
    readExactly(fd, header, 8, path);
    const { metadata, entries } = parseHeader(header, path, stat.size - 8 - headerBytes);
    const tensors = new Map<string, SafetensorsTensor>();
    for (const { name, dtype, shape, begin, end } of entries) {
      const bytes = new Uint8Array(end - begin);
      readExactly(fd, bytes, 8 + headerBytes + begin, path);
      tensors.set(name, { dtype, shape, data: new ARRAYS[dtype](bytes.buffer) });
    }
    return { metadata, tensors };
  } finally {
    closeSync(fd);
  }
}

/**
 * The values as f32: F16 and BF16 widened exactly, F64 rounded to nearest, whole numbers converted.
 *
 * @returns the tensor's own array when it is F32, a new one otherwise
 */
export function toFloat32(tensor: SafetensorsTensor): Float32Array {
  const { dtype, data } = tensor;
  if (data instanceof Float32Array) return data;
  if (dtype === "BF16") return widenBf16(data as Uint16Array);
  if (dtype === "F16") return widenF16(data as Uint16Array);
  return Float32Array.from(data as ArrayLike<number | bigint>, Number);
}

/** bf16 is the upper half of f32. */
function widenBf16(bits: Uint16Array): Float32Array {
  const wide = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) wide[i] = bits[i] << 16;
  return new Float32Array(wide.buffer);
}

function widenF16(bits: Uint16Array): Float32Array {
  const wide = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    const sign = bits[i] & 0x8000 ? -1 : 1;
    const exponent = (bits[i] >> 10) & 31;
    const fraction = bits[i] & 1023;
    if (exponent === 31) wide[i] = fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    else wide[i] = exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
  }
  return wide;
}

interface Entry {
  name: string;
  dtype: SafetensorsDType;
  shape: number[];
  begin: number;
  end: number;
}

function readHeaderLength(fd: number, path: string, fileBytes: number): number {
  if (fileBytes < 10) throw fail(path, `expected at least 10 bytes, got ${fileBytes}: truncated or not safetensors`);
  const bytes = Buffer.alloc(8);
  readExactly(fd, bytes, 0, path);
  const length = bytes.readBigUInt64LE();
  if (length > MAX_HEADER_BYTES) {
    throw fail(path, `header length: expected at most ${MAX_HEADER_BYTES}, got ${length}: not safetensors`);
  }
  if (Number(length) > fileBytes - 8) {
    throw fail(
      path,
      `header length: expected at most ${fileBytes - 8} (the rest of the file), got ${length}: truncated`,
    );
  }
  return Number(length);
}

function parseHeader(
  bytes: Buffer,
  path: string,
  dataBytes: number,
): { metadata: Record<string, string>; entries: Entry[] } {
  let header: unknown;
  let duplicate: string | null;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    header = JSON.parse(text);
    duplicate = findDuplicateKey(text);
  } catch (error) {
    throw fail(path, `header: expected JSON, got ${(error as Error).message}`);
  }
  if (!isRecord(header)) throw fail(path, "header: expected a JSON object");
  if (duplicate !== null) throw fail(path, `header: name ${JSON.stringify(duplicate)} comes twice`);
  const metadata = Object.hasOwn(header, "__metadata__") ? checkMetadata(header.__metadata__, path) : {};
  const entries = Object.entries(header)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, value]) => checkEntry(name, value, path, dataBytes));
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkCoverage(entries, path, dataBytes);
  return { metadata, entries };
}

function checkMetadata(value: unknown, path: string): Record<string, string> {
  if (!isRecord(value)) throw fail(path, "__metadata__: expected an object of text values");
  for (const [name, text] of Object.entries(value)) {
    if (typeof text !== "string") throw fail(path, `__metadata__.${name}: expected text, got ${show(text)}`);
  }
  return value as Record<string, string>;
}

function checkEntry(name: string, value: unknown, path: string, dataBytes: number): Entry {
  const where = `tensor ${JSON.stringify(name.slice(0, 200))}`;
  if (!isRecord(value)) throw fail(path, `${where}: expected an object, got ${show(value)}`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== "string" || !Object.hasOwn(ARRAYS, dtype)) {
    throw fail(path, `${where}: dtype: expected one of ${Object.keys(ARRAYS).join(", ")}, got ${show(dtype)}`);
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    throw fail(path, `${where}: shape: expected a list of whole numbers from 0, got ${show(shape)}`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw fail(path, `${where}: data_offsets: expected two whole numbers from 0, got ${show(offsets)}`);
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end) throw fail(path, `${where}: data_offsets: expected begin ≤ end, got ${show(offsets)}`);
  if (end > dataBytes) {
    throw fail(
      path,
      `${where}: data_offsets: expected at most ${dataBytes} (the file's data), got ${show(offsets)}: truncated`,
    );
  }
  const known = dtype as SafetensorsDType;
  const size = (shape as number[]).reduce((a, b) => a * b, ARRAYS[known].BYTES_PER_ELEMENT);
  if (size !== end - begin) {
    throw fail(
      path,
      `${where}: shape ${show(shape)} of ${dtype} needs ${size} bytes, data_offsets give ${end - begin}`,
    );
  }
  return { name, dtype: known, shape: shape as number[], begin, end };
}

/** Tensors must tile the data: no overlap, no hole, nothing after the last. */
function checkCoverage(entries: readonly Entry[], path: string, dataBytes: number): void {
  let covered = 0;
  for (const { name, begin, end } of entries) {
    const where = `tensor ${JSON.stringify(name.slice(0, 200))}: data_offsets`;
    if (begin < covered)
      throw fail(path, `${where}: begins at ${begin}, inside the tensor before it (ends at ${covered})`);
    if (begin > covered) throw fail(path, `${where}: begins at ${begin}, leaving bytes from ${covered} unused`);
    covered = end;
  }
  if (covered !== dataBytes) {
    throw fail(path, `expected the file to end after its last tensor (${covered} data bytes), got ${dataBytes}`);
  }
}

function readExactly(fd: number, target: Uint8Array, position: number, path: string): void {
  const mostPerCall = 1 << 30;
  for (let done = 0; done < target.byteLength; ) {
    const count = readSync(fd, target, done, Math.min(mostPerCall, target.byteLength - done), position + done);
    if (count === 0) throw fail(path, `expected ${target.byteLength} bytes at ${position}, got ${done}: truncated`);
    done += count;
  }
}

function fail(path: string, problem: string): CheckpointError {
  return new CheckpointError(`${path}: ${problem}; fetch or write the file again, or take another checkpoint`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function show(value: unknown): string {
  return String(JSON.stringify(value)).slice(0, 80);
}
