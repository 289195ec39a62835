import { expect, it, vi } from "vitest";
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

it("keeps its memory from step to step: what is given back and taken anew would be cleared again", () => {
  const device = openReferenceDevice();
  const allocate = vi.spyOn(device, "allocate");
  const scope = new Scope(device);
  const step = (tensors: number) => {
    for (let i = 0; i < tensors; i++) scope.stacked(20_000);
    scope.end();
  };
  step(50);
  const first = allocate.mock.calls.length;
  expect(first).toBeGreaterThan(1);
  step(50);
  step(10);
  expect(allocate).toHaveBeenCalledTimes(first);
  // A longer step adds what is missing.
  step(60);
  expect(allocate).toHaveBeenCalledTimes(first + 1);
  scope.close();
  expect(device.memory().bytes).toBe(0);
});

it("takes back what was stacked since a mark, over slabs' ends, and keeps temporaries", async () => {
  const device = openReferenceDevice();
  const scope = new Scope(device);
  const fill = (length: number, value: number, temporary = false) => {
    const buffer = temporary ? scope.temporary("f32", length) : scope.stacked(length);
    device.enqueue("fill", { out: buffer, count: length, value });
    return buffer;
  };
  const below = fill(200_000, 1);
  const mark = scope.mark();
  for (let round = 0; round < 20; round++) {
    const [first, second] = [fill(150_000, 2), fill(300_000, 3)];
    const temporary = fill(1000, 4, true);
    for (const [buffer, value] of [[below, 1] as const, [first, 2] as const, [second, 3] as const]) {
      const values = await device.read(buffer);
      expect([values[0], values.at(-1)]).toEqual([value, value]);
    }
    scope.release(mark);
    fill(700_000, 5);
    scope.release(mark);
    expect((await device.read(temporary))[999]).toBe(4);
  }
  scope.end();
  // The most that was stacked at once, the first slab of temporaries, and roundings.
  expect(device.memory().bytes).toBeLessThan((900_000 + 2 ** 18 + 300) * 8);
  scope.close();
  expect(device.memory().bytes).toBe(0);
});
