import { expect, it } from "vitest";
import { CountingDevice } from "./device.ts";

it("tells what is allocated from what is resident: up to the last place that anything has used", () => {
  const device = new CountingDevice({ threads: 1, precision: "f32" });
  const slab = device.for("slabs").allocate("f32", 1000);
  const other = device.for("others").allocate("i32", 50);
  expect(device.memory()).toEqual({ bytes: 4200, peakBytes: 4200 });
  expect([device.held, device.heldAtPeak]).toEqual([{ slabs: 4000, others: 200 }, {}]);
  // A view alone uses nothing; what a call is given does, from the beginning of the allocation on.
  const [first, second] = [device.view(slab, 0, 100), device.view(slab, 300, 100)];
  device.enqueue("fill", { out: first, count: 100, value: 0 });
  expect(device.heldAtPeak).toEqual({ slabs: 400 });
  device.enqueue("fill", { out: second, count: 100, value: 0 });
  device.enqueue("fill", { out: first, count: 100, value: 0 });
  device.write(other);
  expect(device.heldAtPeak).toEqual({ slabs: 1600, others: 200 });
  device.free(slab);
  expect([device.held, device.heldAtPeak]).toEqual([
    { slabs: 0, others: 200 },
    { slabs: 1600, others: 200 },
  ]);
  expect(device.memory()).toEqual({ bytes: 200, peakBytes: 4200 });
});
