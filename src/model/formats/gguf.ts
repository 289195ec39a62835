import { type FileBytes, checkpointFault as fail, openFileBytes } from "./file-bytes.ts";
import { GgufReader } from "./gguf-reader.ts";
import { elementsOf, type StoredFormat, type StoredTensor, storedFormats, type WeightSource } from "./weight-source.ts";

/** ggml's tensor types by number, and how we store those we can hold; null: named in messages alone. */
const TENSOR_TYPES = new Map<number, [name: string, format: StoredFormat | null]>([
  [0, ["F32", "f32"]],
  [1, ["F16", "f16"]],
  [2, ["Q4_0", "q4_0"]],
  [3, ["Q4_1", "q4_1"]],
  [6, ["Q5_0", null]],
  [7, ["Q5_1", null]],
  [8, ["Q8_0", "q8_0"]],
  [9, ["Q8_1", null]],
  [10, ["Q2_K", null]],
  [11, ["Q3_K", null]],
  [12, ["Q4_K", "q4_K"]],
  [13, ["Q5_K", "q5_K"]],
  [14, ["Q6_K", "q6_K"]],
  [15, ["Q8_K", null]],
  [16, ["IQ2_XXS", null]],
  [17, ["IQ2_XS", null]],
  [18, ["IQ3_XXS", null]],
  [19, ["IQ1_S", null]],
  [20, ["IQ4_NL", null]],
  [21, ["IQ3_S", null]],
  [22, ["IQ2_S", null]],
  [23, ["IQ4_XS", null]],
  [24, ["I8", "i8"]],
  [25, ["I16", "i16"]],
  [26, ["I32", "i32"]],
  [27, ["I64", "i64"]],
  [28, ["F64", "f64"]],
  [29, ["IQ1_M", null]],
  [30, ["BF16", "bf16"]],
  [34, ["TQ1_0", null]],
  [35, ["TQ2_0", null]],
  [39, ["MXFP4", null]],
]);

const MAGIC = 0x46554747; // "GGUF"
const MAX_AXES = 4;
const DEFAULT_ALIGNMENT = 32;
/** Many times what the largest models have. */
const MAX_TENSORS = 1 << 17;
const MAX_ENTRIES = 1 << 16;
/** Least bytes of a metadata entry: an empty key, its type, one byte. */
const LEAST_ENTRY = 13;
/** Least bytes of a tensor's description: an empty name, no axes, type and offset. */
const LEAST_TENSOR = 24;

interface Placed {
  name: string;
  shape: number[];
  format: StoredFormat;
  /** First byte, and the one after the last, from the beginning of the data. */
  begin: number;
  end: number;
}

/**
 * Opens a GGUF file (versions 2 and 3, little-endian) without reading its tensors: F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q4_K,
 * Q5_K, Q6_K, and ggml's whole numbers. Everything in the header is held against the file's size; tensors must tile the
 * data up to their alignment, as ggml itself demands.
 *
 * @returns metadata by key, 64-bit numbers as bigint where f64 is not exact; tensors with the outermost axis first,
 *   where the file has the innermost first. Close the source when they have been read.
 * @throws CheckpointError naming file, key or tensor, and field when the file is missing, truncated, foreign or
 *   inconsistent, is one part of several, or has a tensor of another type
 * @see https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
export function openGguf(path: string): { source: WeightSource; metadata: Record<string, unknown> } {
  const file = openFileBytes(path);
  try {
    const reader = new GgufReader(file);
    const { tensorCount, entryCount } = readPreamble(reader, path);
    const metadata = readMetadata(reader, path, entryCount);
    const placed = readTensors(reader, path, tensorCount);
    const alignment = alignmentOf(metadata, path);
    const dataBegin = Math.ceil(reader.position / alignment) * alignment;
    checkPlaces(placed, { path, alignment, dataBytes: file.size - dataBegin });
    const tensors = new Map(placed.map((one) => [one.name, storedTensor(file, one, dataBegin)]));
    return { source: { path, tensors, close: () => file.close() }, metadata };
  } catch (error) {
    file.close();
    throw error;
  }
}

function readPreamble(reader: GgufReader, path: string): { tensorCount: number; entryCount: number } {
  if (reader.left < 24) throw fail(path, `expected at least 24 bytes, got ${reader.left}: truncated or not GGUF`);
  const magic = reader.u32("magic");
  if (magic !== MAGIC) throw fail(path, 'expected "GGUF" as the first four bytes: not GGUF');
  const version = reader.u32("version");
  if (version !== 2 && version !== 3) {
    const reason = (version & 0xffff) === 0 ? "big-endian files are not read" : "convert it with a current llama.cpp";
    throw fail(path, `version: expected 2 or 3, got ${version} (${reason})`);
  }
  const tensorCount = reader.countOf("tensor count", LEAST_TENSOR, MAX_TENSORS);
  return { tensorCount, entryCount: reader.countOf("metadata count", LEAST_ENTRY, MAX_ENTRIES) };
}

function readMetadata(reader: GgufReader, path: string, count: number): Record<string, unknown> {
  // No prototype: a key of any name is just a key.
  const metadata: Record<string, unknown> = Object.create(null);
  for (let i = 0; i < count; i++) {
    const key = reader.text(`metadata key ${i}`);
    if (key in metadata) throw fail(path, `metadata: key ${quoted(key)} comes twice`);
    metadata[key] = reader.value(`metadata ${quoted(key)}`);
  }
  const parts = metadata["split.count"];
  if (typeof parts === "number" && parts > 1)
    throw fail(path, `metadata "split.count": one of ${parts} parts; merge them first with llama-gguf-split --merge`);
  return metadata;
}

/** @throws CheckpointError unless it is what ggml allows: a power of two */
function alignmentOf(metadata: Record<string, unknown>, path: string): number {
  const alignment = metadata["general.alignment"] ?? DEFAULT_ALIGNMENT;
  if (typeof alignment !== "number" || alignment < 1 || alignment > 2 ** 31 || !Number.isInteger(Math.log2(alignment)))
    throw fail(path, `metadata "general.alignment": expected a power of two, got ${String(alignment).slice(0, 80)}`);
  return alignment;
}

function readTensors(reader: GgufReader, path: string, count: number): Placed[] {
  const seen = new Set<string>();
  const placed: Placed[] = [];
  for (let i = 0; i < count; i++) {
    const name = reader.text(`tensor ${i}: name`);
    const where = `tensor ${quoted(name)}`;
    if (seen.has(name)) throw fail(path, `${where}: the name comes twice`);
    seen.add(name);
    const axes = reader.u32(`${where}: number of axes`);
    if (axes > MAX_AXES) throw fail(path, `${where}: number of axes: expected at most ${MAX_AXES}, got ${axes}`);
    const shape = Array.from({ length: axes }, () => reader.count(`${where}: shape`)).reverse();
    const format = readFormat(reader, path, where);
    const begin = reader.count(`${where}: offset`);
    placed.push({ name, shape, format, begin, end: begin + bytesOf(format, shape, path, where) });
  }
  return placed;
}

function readFormat(reader: GgufReader, path: string, where: string): StoredFormat {
  const number = reader.u32(`${where}: type`);
  const [name, format] = TENSOR_TYPES.get(number) ?? [null, null];
  if (format !== null) return format;
  const known = [...TENSOR_TYPES.values()].filter(([, held]) => held !== null).map(([held]) => held);
  throw fail(
    path,
    `${where}: type ${name ?? number} cannot be read, expected one of ${known.join(", ")}; take another quantisation of the model`,
  );
}

function bytesOf(format: StoredFormat, shape: readonly number[], path: string, where: string): number {
  const block = storedFormats[format];
  const inner = shape.at(-1) ?? 1;
  if (inner % block.length !== 0)
    throw fail(path, `${where}: shape [${shape}]: expected rows of whole blocks of ${block.length} for ${format}`);
  // A product too large to be exact is also larger than any file.
  return (elementsOf(shape) / block.length) * block.bytes;
}

/** Tensors must tile the data, each beginning at the first aligned place after the one before. */
function checkPlaces(
  placed: readonly Placed[],
  { path, alignment, dataBytes }: { path: string; alignment: number; dataBytes: number },
): void {
  let next = 0;
  let covered = 0;
  for (const { name, shape, format, begin, end } of [...placed].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    const where = `tensor ${quoted(name)}`;
    if (begin !== next)
      throw fail(
        path,
        `${where}: offset: expected ${next}, where the tensor before it ends (aligned to ${alignment}), got ${begin}`,
      );
    if (!(end <= dataBytes))
      throw fail(
        path,
        `${where}: shape [${shape}] of ${format} at offset ${begin} needs data of ${end} bytes, the file has ${Math.max(0, dataBytes)}: truncated`,
      );
    covered = end;
    next = Math.ceil(end / alignment) * alignment;
  }
  if (dataBytes > next)
    throw fail(path, `expected the file to end after its last tensor (${covered} data bytes), got ${dataBytes}`);
}

function storedTensor(file: FileBytes, { name, shape, format, begin, end }: Placed, dataBegin: number): StoredTensor {
  return {
    name,
    path: file.path,
    shape,
    format,
    bytes: () => file.read(dataBegin + begin, dataBegin + end),
    release: () => file.release(dataBegin + begin, dataBegin + end),
  };
}

function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 200));
}
