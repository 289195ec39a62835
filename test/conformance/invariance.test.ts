import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Device } from "../../src/engine/device.ts";
import { openReferenceDevice } from "../../src/engine/devices/reference/device.ts";
import type { KernelName } from "../../src/engine/kernels.ts";
import { openDevice } from "../../src/engine/registry.ts";
import type { ConformanceCase } from "./case.ts";
import { conformanceCases } from "./cases.ts";
import { nativeLevels } from "./levels.ts";
import { decodeQueries, rowCount, rowOperands, sliceResult, sliceRows, someRanges } from "./row-slices.ts";
import { type CaseResult, runCase } from "./run-case.ts";

const cases = conformanceCases();

// Native calls never wait, so without this the test runner would not hear of a file until its end.
afterEach(() => new Promise(setImmediate));

/** One line for every row operand whose bits the call on a part of the rows did not repeat. */
async function sliceDifferences(device: Device, one: ConformanceCase): Promise<string[]> {
  const whole = await runCase(device, one);
  const found: string[] = [];
  for (const [begin, end] of someRanges(rowCount(one))) {
    const part = await runCase(device, sliceRows(one, begin, end));
    const expected = sliceResult(one, whole, begin, end);
    for (const operand of Object.keys(expected)) {
      if (!sameBits(expected[operand], part[operand])) {
        found.push(`${one.kernel} (${one.name}): ${operand} of rows ${begin} to ${end - 1} has other bits alone`);
      }
    }
  }
  return found;
}

/** One line if any query, asked alone against cached keys, has other bits than in the call on whole sequences. */
async function decodeDifferences(device: Device, one: ConformanceCase): Promise<string[]> {
  const whole = await runCase(device, one);
  const { decoding, sources } = decodeQueries(one);
  const alone = await runCase(device, decoding);
  return ["out", "lse"].flatMap((operand) => {
    const width = alone[operand].length / sources.length;
    const different = sources.filter((row, i) => {
      const expected = whole[operand].slice(row * width, (row + 1) * width);
      return !sameBits(expected, alone[operand].slice(i * width, (i + 1) * width));
    });
    return different.length === 0
      ? []
      : [`attention (${one.name}): ${operand} of rows ${different} differs when decoded`];
  });
}

function sameBits(a: CaseResult[string], b: CaseResult[string]): boolean {
  return Buffer.from(a.buffer).equals(Buffer.from(b.buffer));
}

function describeInvariance(label: string, open: () => Device): void {
  describe(`${label}: a row's bits do not depend on the other rows of the call`, () => {
    let device: Device;
    beforeAll(() => {
      device = open();
    });
    afterAll(() => device.close());

    for (const kernel of Object.keys(rowOperands) as KernelName[]) {
      it(kernel, async () => {
        const found: string[] = [];
        for (const one of cases) if (one.kernel === kernel) found.push(...(await sliceDifferences(device, one)));
        expect(found).toEqual([]);
      });
    }

    it("attention, a whole sequence against single steps", async () => {
      const found: string[] = [];
      for (const one of cases) if (one.kernel === "attention") found.push(...(await decodeDifferences(device, one)));
      expect(found).toEqual([]);
    });
  });
}

// One thread is enough: native.test.ts compares its bits with those of two.
describeInvariance("reference", openReferenceDevice);
for (const { isa, skipped } of nativeLevels()) {
  if (skipped) {
    it.skip(`${isa}: ${skipped}`, () => {});
    continue;
  }
  for (const precision of ["f32", "bf16"] as const) {
    describeInvariance(`${isa}, ${precision}`, () => openDevice({ name: "native", isa, precision, threads: 1 }));
  }
}
