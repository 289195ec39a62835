import { DataError } from "../base/errors.ts";
import type { ExpertRecord } from "../records/events.ts";

/** Bits an id may take: those that share out bytes evenly. */
const widths = [1, 2, 4, 8, 16] as const;

/**
 * Expert ids as a run's files keep them: in as few bits as the number of experts allows, the first id in the lowest bits.
 *
 * @param ids [mixture layers × tokens × active]
 * @throws DataError when the ids do not fill whole layers
 */
export function packExperts(
  ids: ArrayLike<number>,
  { tokens, active, experts }: { tokens: number; active: number; experts: number },
): ExpertRecord {
  const layers = ids.length / (tokens * active);
  if (!Number.isInteger(layers))
    throw new DataError(
      `expert ids: expected whole layers of ${tokens} tokens × ${active} experts, got ${ids.length} ids; pass the attempt's own`,
    );
  const bits = widths.find((width) => 2 ** width >= experts) ?? 16;
  const bytes = Buffer.alloc(bytesOf(ids.length, bits));
  for (let i = 0; i < ids.length; i++) {
    if (bits === 16) bytes.writeUInt16LE(ids[i], 2 * i);
    else bytes[(i * bits) >> 3] |= ids[i] << ((i * bits) & 7);
  }
  return { shape: [layers, tokens, active], bits, base64: bytes.toString("base64") };
}

/**
 * Undoes `packExperts`.
 *
 * @returns [mixture layers × tokens × active], likeliest first
 * @throws DataError when the bytes are not those of as many ids as the shape has
 */
export function unpackExperts({ shape, bits, base64 }: ExpertRecord): Uint16Array {
  const bytes = Buffer.from(base64, "base64");
  const count = shape.reduce((product, axis) => product * axis, 1);
  if (!widths.includes(bits) || bytes.length !== bytesOf(count, bits))
    throw new DataError(
      `experts of an attempt: expected ids of [${shape}] in ${widths.join(", ")} bits each, got ${bytes.length} bytes for ` +
        `${bits} bits; the line was changed, leave it out`,
    );
  const at = (i: number) =>
    bits === 16 ? bytes.readUInt16LE(2 * i) : (bytes[(i * bits) >> 3] >> ((i * bits) & 7)) & (2 ** bits - 1);
  return Uint16Array.from({ length: count }, (_, i) => at(i));
}

const bytesOf = (count: number, bits: number): number => Math.ceil((count * bits) / 8);
