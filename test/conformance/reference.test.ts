import { expect, it } from "vitest";
import { openReferenceDevice } from "../../src/engine/devices/reference/device.ts";
import { kernelSignatures } from "../../src/engine/kernels.ts";
import { conformanceCases } from "./cases.ts";
import { differences, runCase } from "./run-case.ts";

const cases = conformanceCases();

it("has a case for every kernel", () => {
  const covered = new Set(cases.map(({ kernel }) => kernel));
  expect(Object.keys(kernelSignatures).filter((kernel) => !covered.has(kernel as never))).toEqual([]);
});

it("names every case once", () => {
  const names = cases.map(({ kernel, name }) => `${kernel}: ${name}`);
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
});

it("draws the same cases every time", () => {
  const contents = (list: typeof cases) =>
    list.flatMap((one) =>
      Object.values(one.arguments).flatMap((value) => (typeof value === "object" && value ? [value.data] : [])),
    );
  const again = contents(conformanceCases());
  contents(cases).forEach((data, i) => {
    expect(Buffer.from(data.buffer).equals(Buffer.from(again[i].buffer))).toBe(true);
  });
});

it("runs every case on the reference: outputs whole and finite, inputs untouched, nothing left allocated", async () => {
  const device = openReferenceDevice();
  for (const conformanceCase of cases) {
    const result = await runCase(device, conformanceCase);
    for (const [name, values] of Object.entries(result)) {
      const where = `${conformanceCase.kernel} (${conformanceCase.name}): ${name}`;
      expect(values.every(Number.isFinite), where).toBe(true);
    }
    expect(differences(conformanceCase, result, result, conformanceCase.tolerance)).toEqual([]);
  }
  expect(device.memory().bytes).toBe(0);
});
