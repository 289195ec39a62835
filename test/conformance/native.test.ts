import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Device } from "../../src/engine/device.ts";
import { openReferenceDevice } from "../../src/engine/devices/reference/device.ts";
import { type KernelName, parsedKernels } from "../../src/engine/kernels.ts";
import { openDevice } from "../../src/engine/registry.ts";
import type { ConformanceCase } from "./case.ts";
import { conformanceCases } from "./cases.ts";
import { nativeLevels } from "./levels.ts";
import { type CaseResult, differences, runCase, withRoundedOperands } from "./run-case.ts";
import { bf16Operands } from "./tolerance.ts";

const cases = conformanceCases();
const casesByKernel = new Map<KernelName, ConformanceCase[]>();
for (const { name } of parsedKernels) {
  casesByKernel.set(
    name,
    cases.filter(({ kernel }) => kernel === name),
  );
}

// Native calls never wait, so without this the test runner would not hear of a file until its end.
afterEach(() => new Promise(setImmediate));

const reference = openReferenceDevice();
const expectations = new Map<ConformanceCase, Promise<CaseResult>>();

/** What the reference computes, once for all devices. */
function expected(conformanceCase: ConformanceCase): Promise<CaseResult> {
  const known = expectations.get(conformanceCase);
  if (known) return known;
  const result = runCase(reference, conformanceCase);
  expectations.set(conformanceCase, result);
  return result;
}

/** The same case with operands that bf16 does not change; made once, so that its expectation is too. Blocks stay as they are. */
const roundedCases = new Map(
  cases
    .filter(({ rounded }) => rounded.length > 0 && !rounded.includes("blocks"))
    .map((one) => [one, withRoundedOperands(one)]),
);

const levels = nativeLevels();

for (const { isa, skipped } of levels) {
  if (skipped) {
    it.skip(`${isa}: ${skipped}`, () => {});
    continue;
  }
  for (const precision of ["f32", "bf16"] as const) {
    describe(`${isa}, ${precision}`, () => {
      let one: Device;
      let two: Device;
      beforeAll(() => {
        one = openDevice({ name: "native", isa, precision, threads: 1 });
        two = openDevice({ name: "native", isa, precision, threads: 2 });
      });
      afterAll(() => {
        one.close();
        two.close();
      });

      for (const [kernel, kernelCases] of casesByKernel) {
        it(kernel, async () => {
          const found: string[] = [];
          for (const conformanceCase of kernelCases) {
            const result = await runCase(one, conformanceCase);
            const rounds = precision === "bf16" && conformanceCase.rounded.length > 0;
            const tolerance = rounds ? bf16Operands : conformanceCase.tolerance;
            found.push(...differences(conformanceCase, await expected(conformanceCase), result, tolerance));
            found.push(...differentBits(conformanceCase, result, await runCase(two, conformanceCase)));
            const sameOperands = roundedCases.get(conformanceCase);
            if (!rounds || !sameOperands) continue;
            // With operands that are bf16 already nothing is rounded, so what remains is f32 accumulation.
            const product = await runCase(one, sameOperands);
            found.push(...differences(sameOperands, await expected(sameOperands), product, sameOperands.tolerance));
          }
          expect(found).toEqual([]);
        });
      }
    });
  }
}

it("says which instruction sets were not run", () => {
  const missing = levels.filter(({ skipped }) => skipped);
  console.log(
    [
      `conformance: ${levels.length - missing.length} instruction sets run, ${missing.length} skipped`,
      ...missing.map(({ isa, skipped }) => `  skipped ${isa}: ${skipped}`),
    ].join("\n"),
  );
});

function differentBits({ kernel, name }: ConformanceCase, one: CaseResult, two: CaseResult): string[] {
  return Object.keys(one).flatMap((parameter) => {
    const [a, b] = [one[parameter], two[parameter]].map((values) => Buffer.from(values.buffer));
    return a.equals(b) ? [] : [`${kernel} (${name}): ${parameter} has other bits with 2 threads than with 1`];
  });
}
