import { CheckpointError } from "../../base/errors.ts";
import { decodeWeight } from "../../engine/weight-formats.ts";
import { widenBf16 } from "./widen.ts";

/**
 * How values lie in a checkpoint file: `length` neighbours of the innermost axis in `bytes` bytes. Names are those of
 * safetensors' dtypes and GGUF's types in lower case (K kept in capitals).
 */
export const storedFormats = {
  f64: { length: 1, bytes: 8 },
  f32: { length: 1, bytes: 4 },
  f16: { length: 1, bytes: 2 },
  bf16: { length: 1, bytes: 2 },
  i64: { length: 1, bytes: 8 },
  i32: { length: 1, bytes: 4 },
  i16: { length: 1, bytes: 2 },
  i8: { length: 1, bytes: 1 },
  u64: { length: 1, bytes: 8 },
  u32: { length: 1, bytes: 4 },
  u16: { length: 1, bytes: 2 },
  u8: { length: 1, bytes: 1 },
  bool: { length: 1, bytes: 1 },
  c64: { length: 1, bytes: 8 },
  f8_e5m2: { length: 1, bytes: 1 },
  f8_e4m3: { length: 1, bytes: 1 },
  f8_e8m0: { length: 1, bytes: 1 },
  f8_e4m3fnuz: { length: 1, bytes: 1 },
  f8_e5m2fnuz: { length: 1, bytes: 1 },
  f6_e2m3: { length: 4, bytes: 3 },
  f6_e3m2: { length: 4, bytes: 3 },
  f4: { length: 2, bytes: 1 },
  q8_0: { length: 32, bytes: 34 },
  q4_0: { length: 32, bytes: 18 },
  q4_1: { length: 32, bytes: 20 },
  q4_K: { length: 256, bytes: 144 },
  q5_K: { length: 256, bytes: 176 },
  q6_K: { length: 256, bytes: 210 },
} as const satisfies Record<string, { length: number; bytes: number }>;

/** Name of one of them. */
export type StoredFormat = keyof typeof storedFormats;

/** One stored tensor, not read yet. */
export interface StoredTensor {
  readonly name: string;
  /** The file it lies in, for messages. */
  readonly path: string;
  /** Outermost axis first, as PyTorch prints it; empty: a scalar. */
  readonly shape: readonly number[];
  readonly format: StoredFormat;
  /** The file's bytes, row-major, at whatever alignment the file gives them; valid until the source is closed. */
  bytes(): Uint8Array;
  /** Says that the bytes were used: the memory behind them may go, and comes back when `bytes` is read again. */
  release(): void;
}

/** The tensors of a checkpoint, of one file or several. */
export interface WeightSource {
  /** File or directory, for messages. */
  readonly path: string;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Nothing may be read afterwards. */
  close(): void;
}

/** Product of a shape; 1 for a scalar. */
export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/**
 * Rows begin … end of a tensor seen as [all outer axes together, innermost axis], as f32; the elements of a vector are
 * its rows. f16, bf16 and GGUF's blocks are widened exactly as their formats say, f64 rounded to nearest.
 *
 * @param begin first row, from 0; default 0
 * @param end row after the last; default all
 * @returns new array of (end − begin) · innermost values
 * @throws CheckpointError when the format is none of numbers that weights come in, or rows cut a block
 */
export function readRows(tensor: StoredTensor, begin = 0, end?: number): Float32Array<ArrayBuffer> {
  const { shape, format } = tensor;
  const width = shape.length > 1 ? shape[shape.length - 1] : 1;
  const rows = shape.length > 1 ? elementsOf(shape.slice(0, -1)) : elementsOf(shape);
  const last = end ?? rows;
  if (!(begin >= 0 && begin <= last && last <= rows))
    throw new CheckpointError(
      `${tensor.path}: tensor ${JSON.stringify(tensor.name)}: expected rows within 0 … ${rows}, asked for ${begin} … ${last}; ` +
        "config.json and the tensors' shapes do not fit each other",
    );
  const { length, bytes } = storedFormats[format];
  if ((begin * width) % length !== 0 || (last * width) % length !== 0)
    throw new CheckpointError(
      `${tensor.path}: tensor ${JSON.stringify(tensor.name)}: rows ${begin} … ${last} of ${width} values cut a block of ` +
        `${format} (${length} values); take a checkpoint in bf16 or f16`,
    );
  const part = tensor.bytes().subarray(((begin * width) / length) * bytes, ((last * width) / length) * bytes);
  return toF32(tensor, part, (last - begin) * width);
}

function toF32({ path, name, format }: StoredTensor, bytes: Uint8Array, values: number): Float32Array<ArrayBuffer> {
  switch (format) {
    case "f32":
      return new Float32Array(aligned(bytes));
    case "f64":
      return Float32Array.from(new Float64Array(aligned(bytes)));
    case "bf16":
      return widenBf16(new Uint16Array(aligned(bytes)));
    case "f16":
    case "q8_0":
    case "q4_0":
    case "q4_1":
    case "q4_K":
    case "q5_K":
    case "q6_K":
      return decodeWeight(format, bytes, [1, values]) as Float32Array<ArrayBuffer>;
    default:
      throw new CheckpointError(
        `${path}: tensor ${JSON.stringify(name)}: values of format ${format} cannot be read as weights, ` +
          "expected f32, f16 or bf16; take the checkpoint that has not been quantised, or a GGUF of Q8_0, Q4_K, Q5_K or Q6_K",
      );
  }
}

/** A copy that begins where typed arrays may: tensors lie at any byte of a file. */
function aligned(bytes: Uint8Array): ArrayBuffer {
  const copy = new Uint8Array(bytes.byteLength);
  copy.set(bytes);
  return copy.buffer;
}
