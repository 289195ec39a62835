import { beforeAll, describe, expect, it } from "vitest";
import { openReferenceDevice } from "../../src/engine/devices/reference/device.ts";
import { conformanceCases } from "./cases.ts";
import { arm64, buildRunner, missingTools, runEmulated } from "./emulated.ts";
import { type CaseResult, differences, runCase } from "./run-case.ts";

const missing = missingTools(arm64);
if (missing) console.warn(`skipped: the arm64 kernels under emulation: ${missing}`);

describe.skipIf(missing !== null)("kernels compiled for arm64, under emulation", () => {
  const cases = conformanceCases();
  let runner: string;
  let expected: CaseResult[];

  beforeAll(async () => {
    runner = await buildRunner(arm64);
    const device = openReferenceDevice();
    expected = [];
    for (const one of cases) expected.push(await runCase(device, one));
  });

  for (const level of ["neon", "portable"]) {
    it(`${level}: every case is as close to the reference as it must be`, async () => {
      const results = await runEmulated(arm64, runner, { level, threads: 1 }, cases);
      const wrong = cases.flatMap((one, i) => differences(one, expected[i], results[i], one.tolerance));
      expect(wrong).toEqual([]);
    });
  }

  it("gives the same bits on two threads", async () => {
    const one = await runEmulated(arm64, runner, { level: "neon", threads: 1 }, cases);
    const two = await runEmulated(arm64, runner, { level: "neon", threads: 2 }, cases);
    expect(cases.filter((_, i) => !sameBits(one[i], two[i])).map(({ kernel, name }) => `${kernel} (${name})`)).toEqual(
      [],
    );
  });
});

const bytes = (values: CaseResult[string]): Buffer => Buffer.from(values.buffer, values.byteOffset, values.byteLength);

const sameBits = (a: CaseResult, b: CaseResult): boolean =>
  Object.keys(a).every((name) => bytes(a[name]).equals(bytes(b[name])));
