import { expect, test } from "vitest";
import { describeDevices, openDevice } from "./registry.ts";
import { testKernels } from "./self-test.ts";

test("the native device's product is the reference's, number for number, whatever the operands", async () => {
  for (const seed of [0, 1, 2 ** 31 - 1]) {
    const found = await testKernels({ seed, threads: 1 });
    expect(found).toMatchObject({ agree: true, equal: 629, count: 629 });
    expect(found.isa).toBe(describeDevices().native.chosen?.isa);
  }
});

test("bf16 operands do not show: the numbers are exact in them", async () => {
  expect(await testKernels({ precision: "bf16", threads: 1 })).toMatchObject({ agree: true });
});

test("a device that cannot be had is not a device that disagrees", async () => {
  await expect(testKernels({ isa: "abacus" })).rejects.toThrow(/abacus/);
  expect(() => openDevice({ name: "native", isa: "abacus" })).toThrow();
});
