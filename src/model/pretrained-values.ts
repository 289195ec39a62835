import { CheckpointError } from "../base/errors.ts";
import { bytesOf, encodeBf16Bits, encodeWeight, type WeightFormat } from "../engine/weight-formats.ts";
import { firstBeyondF16, narrowBf16 } from "./formats/narrow.ts";
import { elementsOf, readRows, type StoredFormat, storedFormats } from "./formats/weight-source.ts";
import type { PlacedArray } from "./pretrained-places.ts";

/** Formats that both files and memory have; bf16 lies differently in memory. */
const shared = ["f16", "bf16", "q8_0", "q4_0", "q4_1", "q4_K", "q5_K", "q6_K"] as const satisfies StoredFormat[];

/** The format in memory that holds stored values as they are. */
export function formatAsStored(format: StoredFormat): "f32" | WeightFormat {
  return shared.find((one) => one === format) ?? "f32";
}

/** All values of an array, row by row. */
export function readValues(array: PlacedArray): Float32Array {
  const { shape } = array;
  if (shape.length < 3) return matrixValues(array, 0);
  const values = new Float32Array(elementsOf(shape));
  const size = values.length / shape[0];
  for (let e = 0; e < shape[0]; e++) values.set(matrixValues(array, e), e * size);
  return values;
}

/**
 * An array's bytes in a format, expert by expert, so that only one expert's values are ever there as f32.
 *
 * @param format one that can be encoded, or the one the values are stored in
 * @throws CheckpointError when a value is too large for f16
 */
export function readBytes(array: PlacedArray, format: WeightFormat): Uint8Array {
  const { shape } = array;
  if (shape.length < 3) return matrixInFormat(array, 0, format);
  const bytes = new Uint8Array(bytesOf(format, shape));
  const size = bytes.length / shape[0];
  for (let e = 0; e < shape[0]; e++) bytes.set(matrixInFormat(array, e, format), e * size);
  return bytes;
}

function matrixInFormat(array: PlacedArray, expert: number, format: WeightFormat): Uint8Array {
  const axes = array.shape.slice(-2);
  if (format === "bf16") return encodeBf16Bits(matrixBits(array, expert), axes);
  if (format === array.format) return matrixBytes(array, expert);
  const values = matrixValues(array, expert);
  if (format === "f16") requireF16(array, expert, values);
  return encodeWeight(format as Parameters<typeof encodeWeight>[0], values, axes);
}

/** An infinite weight would make every logit a NaN. */
function requireF16({ tensors, place }: PlacedArray, expert: number, values: Float32Array): void {
  const at = firstBeyondF16(values);
  if (at === -1) return;
  const { path, name } = tensors[place.perExpert ? expert : 0];
  throw new CheckpointError(
    `${path}: tensor ${JSON.stringify(name)}: ${values[at]} is too large for f16 (at most 65504); hold the weights in bf16`,
  );
}

/** bf16 words: those stored, or the nearest. */
function matrixBits(array: PlacedArray, expert: number): Uint16Array {
  if (array.format !== "bf16") return narrowBf16(matrixValues(array, expert));
  // A copy, since words may lie at odd bytes of the file.
  return new Uint16Array(matrixBytes(array, expert).slice().buffer);
}

function matrixValues(array: PlacedArray, expert: number): Float32Array {
  const bytes = matrixBytes(array, expert);
  return readRows({ ...array.tensors[0], shape: array.shape.slice(-2), bytes: () => bytes });
}

/**
 * The stored bytes of one expert's matrix, or of all of an array without experts: the file's own memory, unless rows have to
 * change their order. Blocks lie within rows, so rows of any format can be cut and moved.
 */
function matrixBytes({ shape, place, tensors, format }: PlacedArray, expert: number): Uint8Array {
  const vector = shape.length === 1;
  const outer = vector ? 1 : shape[shape.length - 2];
  const block = storedFormats[format];
  const rowBytes = (shape[shape.length - 1] / block.length) * block.bytes;
  const { index, of } = place.part ?? { index: 0, of: 1 };
  const begin = (place.perExpert ? 0 : expert * outer * of) + index * outer;
  const bytes = tensors[place.perExpert ? expert : 0].bytes().subarray(begin * rowBytes, (begin + outer) * rowBytes);
  if (place.pairedHeads === undefined) return bytes;
  // Of a bias, each value is a row.
  return unpairRows(bytes, vector ? block.bytes : rowBytes, place.pairedHeads);
}

/** Rows 2i and 2i + 1 of each head are its rows i and i + headDim/2. */
function unpairRows(bytes: Uint8Array, rowBytes: number, heads: number): Uint8Array {
  const moved = new Uint8Array(bytes.length);
  const headDim = bytes.length / rowBytes / heads;
  for (let row = 0; row < headDim * heads; row++) {
    const place = row % headDim;
    const from = row - place + (place < headDim / 2 ? 2 * place : 2 * place - headDim + 1);
    moved.set(bytes.subarray(from * rowBytes, (from + 1) * rowBytes), row * rowBytes);
  }
  return moved;
}
