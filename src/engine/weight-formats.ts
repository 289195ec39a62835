import { ShapeError } from "../base/errors.ts";
import { bf16, packBf16Bits } from "./formats/bf16.ts";
import { q4_0, q4_1, q4_K, q5_K, q6_K, q8_0 } from "./formats/gguf-blocks.ts";
import { f16 } from "./formats/half.ts";
import { int8 } from "./formats/int8.ts";
import type { MatrixCodec } from "./formats/matrix-codec.ts";
import { nf4 } from "./formats/nf4.ts";

/**
 * How a frozen weight lies in memory, other than as f32 row by row. A format's place in this list is its number in kernel
 * calls. q*: blocks of GGUF files as they are; f16: row by row; bf16: in panels of 32 rows; int8 and nf4: blocks of 64.
 */
export const weightFormats = ["bf16", "f16", "int8", "nf4", "q8_0", "q4_0", "q4_1", "q4_K", "q5_K", "q6_K"] as const;
export type WeightFormat = (typeof weightFormats)[number];

const codecs: Readonly<Record<WeightFormat, MatrixCodec>> = {
  bf16,
  f16,
  int8,
  nf4,
  q8_0,
  q4_0,
  q4_1,
  q4_K,
  q5_K,
  q6_K,
};

/** The number of a format in kernel calls. */
export const formatNumber = (format: WeightFormat): number => weightFormats.indexOf(format);

/** Elements along the inner axis that share a scale; for GGUF formats the inner axis must be a multiple of it. */
export const blockLength = (format: WeightFormat): number => codecs[format].blockLength;

/** Bytes a value takes, averaged over a large matrix. */
export const bytesPerValue = (format: WeightFormat): number => codecs[format].bytesOf(4096, 4096) / 4096 ** 2;

/** [experts, outer, inner] of a weight, experts 1 for a plain one. @throws ShapeError when it has other axes */
function axesOf(operation: string, shape: readonly number[]): [experts: number, outer: number, inner: number] {
  const axes = shape.length === 2 ? [1, ...shape] : [...shape];
  if (axes.length !== 3 || !axes.every((axis) => Number.isSafeInteger(axis) && axis >= 0))
    throw new ShapeError(
      `${operation}: expected [outer, inner] or [experts, outer, inner], got [${shape}]; only matrices have a format`,
    );
  return axes as [number, number, number];
}

/**
 * Bytes of a weight.
 *
 * @param shape [outer, inner] or [experts, outer, inner]
 * @throws ShapeError for other axes, and when an inner axis cannot be cut into the format's blocks
 */
export function bytesOf(format: WeightFormat, shape: readonly number[]): number {
  const [experts, outer, inner] = axesOf(`${format} weight`, shape);
  const codec = codecs[format];
  if (codec.wholeBlocks && inner % codec.blockLength !== 0)
    throw new ShapeError(
      `${format} weight [${shape}]: the inner axis must be a multiple of ${codec.blockLength}, got ${inner}; take another format`,
    );
  return experts * codec.bytesOf(outer, inner);
}

/**
 * The values of a weight, row by row: the living definition of its format.
 *
 * @param bytes `bytesOf(format, shape)` of them
 * @param shape [outer, inner] or [experts, outer, inner]
 * @throws ShapeError when the bytes are not those of the shape
 */
export function decodeWeight(format: WeightFormat, bytes: Uint8Array, shape: readonly number[]): Float32Array {
  const [experts, outer, inner] = axesOf(`decode ${format}`, shape);
  requireLength(`decode ${format} [${shape}]`, "bytes", bytes.length, bytesOf(format, shape));
  const values = new Float32Array(experts * outer * inner);
  const size = bytes.length / Math.max(1, experts);
  for (let e = 0; e < experts; e++) {
    const part = values.subarray(e * outer * inner, (e + 1) * outer * inner);
    codecs[format].decode(bytes.subarray(e * size, (e + 1) * size), outer, inner, part);
  }
  return values;
}

/** Formats that weights can be brought into here; the others come as bytes of a file. */
export type EncodableFormat = "bf16" | "f16" | "int8" | "nf4";

/**
 * A weight in a format: the nearest numbers it has (bf16 and f16: ties to even).
 *
 * @param values row by row
 * @param shape [outer, inner] or [experts, outer, inner]; each expert is encoded by itself
 * @throws ShapeError when the values are not as many as the shape has
 */
export function encodeWeight(format: EncodableFormat, values: Float32Array, shape: readonly number[]): Uint8Array {
  const encode = codecs[format].encode as NonNullable<MatrixCodec["encode"]>;
  return eachExpert(format, values, shape, encode);
}

/**
 * A bf16 weight from the words of a checkpoint, which are kept as they are.
 *
 * @param bits row by row
 * @throws ShapeError when the words are not as many as the shape has
 */
export function encodeBf16Bits(bits: Uint16Array, shape: readonly number[]): Uint8Array {
  return eachExpert("bf16", bits, shape, packBf16Bits);
}

function eachExpert<A extends Float32Array | Uint16Array>(
  format: WeightFormat,
  values: A,
  shape: readonly number[],
  encode: (values: A, outer: number, inner: number, to: Uint8Array) => void,
): Uint8Array {
  const [experts, outer, inner] = axesOf(`encode ${format}`, shape);
  requireLength(`encode ${format} [${shape}]`, "values", values.length, experts * outer * inner);
  const bytes = new Uint8Array(bytesOf(format, shape));
  const size = bytes.length / Math.max(1, experts);
  for (let e = 0; e < experts; e++) {
    const part = values.subarray(e * outer * inner, (e + 1) * outer * inner) as A;
    encode(part, outer, inner, bytes.subarray(e * size, (e + 1) * size));
  }
  return bytes;
}

function requireLength(operation: string, what: string, came: number, expected: number): void {
  if (came !== expected)
    throw new ShapeError(`${operation}: expected ${expected} ${what}, got ${came}; check the shape they belong to`);
}
