import { expect, it } from "vitest";
import { openDevice } from "../../src/engine/registry.ts";
import { encodeWeight, formatNumber } from "../../src/engine/weight-formats.ts";

it.each([1, 2])("rows that belong to no expert are left as they are, on %i threads", async (threads) => {
  const device = openDevice({ name: "native", threads });
  const [rows, inner, outer, experts] = [3, 5, 4, 2];
  const buffer = (values: number[]) => {
    const made = device.allocate("f32", values.length);
    device.write(made, values);
    return made;
  };
  const filled = (length: number, value: number) => new Array<number>(length).fill(value);
  const encoded = encodeWeight("bf16", new Float32Array(experts * outer * inner).fill(1), [experts, outer, inner]);
  const blocks = device.allocate("u8", encoded.length);
  device.write(blocks, encoded);
  const w = buffer(filled(experts * outer * inner, 1));
  const offsets = device.allocate("i32", experts + 1);
  const sizes = { rows, inner, outer, experts, format: formatNumber("bf16") };
  const [x, dY] = [buffer(filled(rows * inner, 1)), buffer(filled(rows * outer, 1))];
  const [y, dX] = [buffer(filled(rows * outer, 7)), buffer(filled(rows * inner, 7))];
  device.enqueue("groupedLinear", { x, w, bias: null, offsets, y, ...sizes });
  device.enqueue("groupedLinearBlocks", { x, blocks, bias: null, offsets, y, ...sizes });
  device.enqueue("groupedLinearBackwardInput", { dY, w, offsets, dX, accumulate: 0, ...sizes });
  device.enqueue("groupedLinearBlocksBackwardInput", { dY, blocks, offsets, dX, accumulate: 0, ...sizes });
  expect([...(await device.read(y))]).toEqual(filled(rows * outer, 7));
  expect([...(await device.read(dX))]).toEqual(filled(rows * inner, 7));
  device.close();
});
