import { expect, it } from "vitest";
import { openReferenceDevice } from "../engine/devices/reference/device.ts";
import { mathFormer } from "../model/config.ts";
import { forwardFlops, measurePeakFlops } from "./flops.ts";

it("counts the head for trained entries alone, and of a mixture the experts in use", () => {
  const shape = { size: "tiny", width: 8, heads: 2, feedForward: 12, layers: 3 } as const;
  // A row of a layer: four 8×8 projections and 2 · 8·12 = 448 products; an entry: 10·8.
  expect(forwardFlops(mathFormer(shape, 10), { rows: 5, entries: 2 })).toBe(2 * (5 * 3 * 448 + 2 * 80));
  // Two of four experts, and the 4×8 router.
  const mixture = mathFormer({ ...shape, experts: 4, activeExperts: 2 }, 10);
  expect(forwardFlops(mixture, { rows: 5, entries: 0 })).toBe(2 * 5 * 3 * (256 + 2 * 192 + 32));
});

it("measures nothing on the reference device", async () => {
  const device = openReferenceDevice();
  expect(await measurePeakFlops(device)).toBeNull();
  expect(device.memory().peakBytes).toBe(0);
});
