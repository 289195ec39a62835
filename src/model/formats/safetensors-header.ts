import { CheckpointError } from "../../base/errors.ts";
import { parseBoundedJson } from "./bounded-json.ts";
import { type FileBytes, checkpointFault as fail } from "./file-bytes.ts";
import { elementsOf, type StoredFormat, storedFormats } from "./weight-source.ts";

/** Every dtype of the format, by its name in the header. */
export const safetensorsFormats = {
  F64: "f64",
  F32: "f32",
  F16: "f16",
  BF16: "bf16",
  I64: "i64",
  I32: "i32",
  I16: "i16",
  I8: "i8",
  U64: "u64",
  U32: "u32",
  U16: "u16",
  U8: "u8",
  BOOL: "bool",
  C64: "c64",
  F8_E5M2: "f8_e5m2",
  F8_E4M3: "f8_e4m3",
  F8_E8M0: "f8_e8m0",
  F8_E4M3FNUZ: "f8_e4m3fnuz",
  F8_E5M2FNUZ: "f8_e5m2fnuz",
  F6_E2M3: "f6_e2m3",
  F6_E3M2: "f6_e3m2",
  F4: "f4",
} as const satisfies Record<string, StoredFormat>;

/** Name of one of them. */
export type SafetensorsName = keyof typeof safetensorsFormats;

/** Where one tensor lies. */
export interface SafetensorsEntry {
  name: string;
  dtype: SafetensorsName;
  shape: number[];
  /** First byte, and the one after the last, from the file's beginning. */
  begin: number;
  end: number;
}

/** The format's own bound on the header, in bytes. */
const MAX_HEADER_BYTES = 100_000_000;

/** A tensor is an object of two lists, in at least 50 bytes; torch's tensors have at most 64 axes. */
const HEADER_BOUNDS = { bytes: MAX_HEADER_BYTES, depth: 3, listLength: 64, bytesPerContainer: 16 };

/** One tensor to be written. */
export interface SafetensorsPlan {
  name: string;
  dtype: SafetensorsName;
  shape: readonly number[];
}

/** Bytes of a tensor's data. */
export function bytesOf({ dtype, shape }: Omit<SafetensorsPlan, "name">): number {
  const block = storedFormats[safetensorsFormats[dtype]];
  return (elementsOf(shape) / block.length) * block.bytes;
}

/**
 * What a file begins with: the header's length, and the header, padded with spaces so that data begins at a multiple of
 * 8 bytes. Data follows in the order of the tensors, without gaps.
 *
 * @throws CheckpointError when a name comes twice, or is the one the format keeps for itself
 */
export function encodeHeader(
  path: string,
  tensors: readonly SafetensorsPlan[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const seen = new Set<string>();
  const entries: string[] = [];
  if (Object.keys(metadata).length > 0) entries.push(`"__metadata__":${JSON.stringify(metadata)}`);
  let offset = 0;
  for (const { name, dtype, shape } of tensors) {
    if (name === "__metadata__" || seen.has(name))
      throw new CheckpointError(`${path}: tensor ${JSON.stringify(name)}: expected a name of its own; rename it`);
    seen.add(name);
    const end = offset + bytesOf({ dtype, shape });
    // Written by hand: an object would move names that look like numbers to the front.
    entries.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [offset, end] })}`);
    offset = end;
  }
  const header = Buffer.from(`{${entries.join(",")}}`, "utf8");
  const padded = Math.ceil(header.length / 8) * 8;
  const bytes = Buffer.alloc(8 + padded, " ");
  bytes.writeBigUInt64LE(BigInt(padded));
  header.copy(bytes, 8);
  return bytes;
}

/**
 * Reads the header alone and proves it consistent with the file's size: tensors tile the data without overlap or hole,
 * each as long as its dtype and shape need. So a hostile file costs no more memory than its own header.
 *
 * @returns tensors in order of their place in the file
 * @throws CheckpointError naming file, tensor and field when the file is truncated, foreign or inconsistent
 * @see https://github.com/huggingface/safetensors (format)
 */
export function readSafetensorsHeader(file: FileBytes): {
  metadata: Record<string, string>;
  entries: SafetensorsEntry[];
} {
  const { path, size } = file;
  if (size < 10) throw fail(path, `expected at least 10 bytes, got ${size}: truncated or not safetensors`);
  const length = Buffer.from(file.read(0, 8)).readBigUInt64LE();
  if (length > MAX_HEADER_BYTES) {
    throw fail(path, `header length: expected at most ${MAX_HEADER_BYTES}, got ${length}: not safetensors`);
  }
  const dataBegin = 8 + Number(length);
  if (dataBegin > size) {
    throw fail(path, `header length: expected at most ${size - 8} (the rest of the file), got ${length}: truncated`);
  }
  const header = parseHeader(file.read(8, dataBegin), path, size - dataBegin);
  for (const entry of header.entries) {
    entry.begin += dataBegin;
    entry.end += dataBegin;
  }
  return header;
}

/** As `readSafetensorsHeader`, with positions from the beginning of the data. */
function parseHeader(
  bytes: Uint8Array,
  path: string,
  dataBytes: number,
): { metadata: Record<string, string>; entries: SafetensorsEntry[] } {
  let header: unknown;
  try {
    header = parseBoundedJson(bytes, HEADER_BOUNDS);
  } catch (error) {
    throw fail(path, `header: expected JSON, got ${(error as Error).message}`);
  }
  if (!isRecord(header)) throw fail(path, "header: expected a JSON object");
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

function checkEntry(name: string, value: unknown, path: string, dataBytes: number): SafetensorsEntry {
  const where = `tensor ${JSON.stringify(name.slice(0, 200))}`;
  if (!isRecord(value)) throw fail(path, `${where}: expected an object, got ${show(value)}`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== "string" || !Object.hasOwn(safetensorsFormats, dtype)) {
    const names = Object.keys(safetensorsFormats).join(", ");
    throw fail(path, `${where}: dtype: expected one of ${names}, got ${show(dtype)}`);
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
  const known = dtype as SafetensorsName;
  const block = storedFormats[safetensorsFormats[known]];
  // A product too large to be exact is also larger than any file.
  const bytes = (shape as number[]).reduce((a, b) => a * b, block.bytes) / block.length;
  if (bytes !== end - begin) {
    throw fail(
      path,
      `${where}: shape ${show(shape)} of ${dtype} needs ${bytes} bytes, data_offsets give ${end - begin}`,
    );
  }
  return { name, dtype: known, shape: shape as number[], begin, end };
}

/** Tensors must tile the data: no overlap, no hole, nothing after the last. */
function checkCoverage(entries: readonly SafetensorsEntry[], path: string, dataBytes: number): void {
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

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function show(value: unknown): string {
  return String(JSON.stringify(value)).slice(0, 80);
}
