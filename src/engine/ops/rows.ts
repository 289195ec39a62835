import type { DeviceBuffer } from "../device.ts";
import type { Parameter, Tape, Tensor } from "../tape.ts";
import { formatNumber } from "../weight-formats.ts";

/**
 * y[t] = scale · table[tokens[t]].
 *
 * @param table [V, D]
 * @param options tokens: i32 [T], each below V (`uploadRows` checks them); scale: multiplies every row
 * @returns [T, D]
 */
export function embed(
  tape: Tape,
  table: Parameter,
  { tokens, scale }: { tokens: DeviceBuffer; scale: number },
): Tensor {
  const rows = tokens.length;
  const width = table.shape[1];
  const y = tape.tensor(rows, width);
  const out = y.buffer;
  if (table.format === "f32") tape.forward("embed", { table: table.buffer, tokens, out, rows, width, scale });
  else {
    const [vocabulary] = table.shape;
    const format = formatNumber(table.format);
    tape.forward("embedBlocks", { blocks: table.buffer, tokens, out, rows, width, vocabulary, scale, format });
  }
  tape.onGradient(y, (dOut) => {
    if (table.gradient)
      tape.device.enqueue("embedBackward", { dOut, tokens, dTable: table.gradient, rows, width, scale });
  });
  return y;
}

/**
 * y[r] = x[index[r]]: [T, D] → [R, D].
 *
 * @param index i32 [R], each below T; may repeat, its rows' gradients then add up in order of r
 */
export function gatherRows(tape: Tape, x: Tensor, index: DeviceBuffer): Tensor {
  const rows = index.length;
  const { width } = x;
  const y = tape.tensor(rows, width);
  tape.forward("gatherRows", { x: x.buffer, index, out: y.buffer, rows, width });
  tape.onGradient(y, (dY) =>
    tape.device.enqueue("scatterAddRows", { x: dY, index, out: tape.claimZeroed(x), rows, width }),
  );
  return y;
}
