import { writeFileAtomic } from "../../base/atomic-file.ts";
import { CheckpointError } from "../../base/errors.ts";
import { decodeWeight } from "../../engine/weight-formats.ts";
import { checkpointFault, openFileBytes } from "./file-bytes.ts";
import { encodeHeader, readSafetensorsHeader } from "./safetensors-header.ts";
import { elementsOf } from "./weight-source.ts";
import { widenBf16 } from "./widen.ts";

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
  for (const [name, { dtype, shape, data }] of list) {
    if (!(data instanceof ARRAYS[dtype]) || elementsOf(shape) !== data.length) {
      throw new CheckpointError(
        `${path}: tensor ${JSON.stringify(name)}: expected ${dtype} values for shape [${shape}], got ${data.length} in ${data.constructor.name}`,
      );
    }
  }
  const header = encodeHeader(
    path,
    list.map(([name, { dtype, shape }]) => ({ name, dtype, shape })),
    metadata,
  );
  writeFileAtomic(path, parts(header, list));
}

function* parts(header: Uint8Array, tensors: readonly (readonly [string, SafetensorsTensor])[]) {
  yield header;
  for (const [, { data }] of tensors) yield bytesUnder(data);
}

function bytesUnder(data: SafetensorsData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/**
 * Reads a whole file. Nothing is allocated for tensors before the header is proven consistent with the file's size, so
 * a hostile file costs no more memory than its own length. For weights that are read one at a time, see `openSafetensors`.
 *
 * @returns tensors in order of their place in the file
 * @throws CheckpointError naming file, tensor and field when the file is missing, truncated, foreign or inconsistent
 */
export function readSafetensors(path: string): {
  metadata: Record<string, string>;
  tensors: Map<string, SafetensorsTensor>;
} {
  const file = openFileBytes(path);
  try {
    const { metadata, entries } = readSafetensorsHeader(file);
    const tensors = new Map<string, SafetensorsTensor>();
    for (const { name, dtype, shape, begin, end } of entries) {
      if (!isReadable(dtype))
        throw checkpointFault(
          path,
          `tensor ${JSON.stringify(name.slice(0, 200))}: dtype: expected one of ${Object.keys(ARRAYS).join(", ")}, got ${dtype}`,
        );
      const bytes = new Uint8Array(end - begin);
      bytes.set(file.read(begin, end));
      tensors.set(name, { dtype, shape, data: new ARRAYS[dtype](bytes.buffer) });
    }
    return { metadata, tensors };
  } finally {
    file.close();
  }
}

function isReadable(dtype: string): dtype is SafetensorsDType {
  return Object.hasOwn(ARRAYS, dtype);
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
  if (dtype === "F16") return decodeWeight("f16", bytesUnder(data), [1, data.length]);
  return Float32Array.from(data as ArrayLike<number | bigint>, Number);
}
