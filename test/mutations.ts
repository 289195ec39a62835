import fc from "fast-check";

/** One way a file can be damaged, at a place that is clipped to its length. */
type Mutation =
  | { at: number; byte: number }
  | { at: number; insert: Uint8Array }
  | { at: number; cut: number }
  | { at: number; digit: number };

/** One to four mutations of a file of the given length: bytes replaced, inserted, cut out, or decimal digits overwritten. */
export function mutations(length: number): fc.Arbitrary<Mutation[]> {
  const at = fc.nat({ max: length - 1 });
  const one = fc.oneof(
    fc.record({ at, byte: fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0, 1, 0x7f, 0xff)) }),
    fc.record({ at, insert: fc.uint8Array({ maxLength: 9 }) }),
    fc.record({ at, cut: fc.nat({ max: length }) }),
    fc.record({ at, digit: fc.integer({ min: 48, max: 57 }) }),
  );
  return fc.array(one, { minLength: 1, maxLength: 4 });
}

/** A copy of the file with the mutations done in turn. */
export function mutated(file: Buffer, edits: readonly Mutation[]): Buffer {
  let bytes = Buffer.from(file);
  for (const edit of edits) {
    const at = Math.min(edit.at, bytes.length);
    if ("byte" in edit) bytes[at] = edit.byte;
    else if ("digit" in edit)
      bytes = Buffer.from(bytes.map((byte, i) => (i >= at && byte >= 48 && byte < 58 ? edit.digit : byte)));
    else if ("insert" in edit) bytes = Buffer.concat([bytes.subarray(0, at), edit.insert, bytes.subarray(at)]);
    else bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + edit.cut)]);
  }
  return bytes;
}
