import { expect, it } from "vitest";
import { openReferenceDevice } from "./devices/reference/device.ts";
import { Scope } from "./scope.ts";

it("hands out disjoint memory, and holds what the largest step took, not the sum of all sizes seen", async () => {
  const device = openReferenceDevice();
  const scope = new Scope(device);
  for (const length of [100_000, 300_000, 200_000, 250_000, 299_999]) {
    const buffers = [1, 2, 3].map((value) => {
      const buffer = scope.temporary("f32", length);
      device.enqueue("fill", { out: buffer, count: length, value });
      return buffer;
    });
    for (const [i, buffer] of buffers.entries()) {
      const values = await device.read(buffer);
      expect([values[0], values[length - 1]]).toEqual([i + 1, i + 1]);
    }
    scope.end();
  }
  // Three times 300,000 numbers of 8 bytes, and what rounding to cache lines adds.
  expect(device.memory().bytes).toBeLessThan(3 * 300_100 * 8);
  scope.close();
  expect(device.memory().bytes).toBe(0);
});
