import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Device } from "../../src/engine/device.ts";
import { openReferenceDevice } from "../../src/engine/devices/reference/device.ts";
import type { KernelName } from "../../src/engine/kernels.ts";
import { openDevice } from "../../src/engine/registry.ts";
import type { CaseBuffer, ConformanceCase } from "./case.ts";
import { conformanceCases } from "./cases.ts";
import { nativeLevels } from "./levels.ts";
import { rowCount, rowOperands } from "./row-slices.ts";
import { type CaseResult, runCase } from "./run-case.ts";

/**
 * The operand to spoil and the output that must show it: training stops at a loss that is not finite, so no kernel on the
 * way there may turn NaN into a number, nor let it reach other rows.
 */
const spoiled: Partial<Record<KernelName, [operand: string, output: string]>> = {
  linear: ["x", "y"],
  linearBackwardInput: ["dY", "dX"],
  groupedLinear: ["x", "y"],
  linearBlocks: ["x", "y"],
  linearBlocksBackwardInput: ["dY", "dX"],
  groupedLinearBlocks: ["x", "y"],
  layerNorm: ["x", "y"],
  layerNormBackward: ["dY", "dX"],
  rmsNorm: ["x", "y"],
  rmsNormBackward: ["dY", "dX"],
  rotary: ["x", "y"],
  gelu: ["x", "y"],
  geluBackward: ["x", "dX"],
  swiglu: ["gate", "y"],
  swigluBackward: ["gate", "dGate"],
  tanh: ["x", "y"],
  tanhBackward: ["y", "dX"],
  moeCombine: ["weights", "y"],
  tokenLogps: ["logits", "logps"],
  tokenLogpsBackward: ["logits", "logits"],
};

const cases = conformanceCases();

/** The case with NaN in the first number of a middle row of `operand`. */
function spoil(one: ConformanceCase, operand: string): { spoiledCase: ConformanceCase; row: number } {
  const whole = one.arguments[operand] as CaseBuffer;
  const rows = rowCount(one);
  const row = rows >> 1;
  const data = whole.data.slice();
  data[(row * data.length) / rows] = Number.NaN;
  const copy = { dtype: whole.dtype, data };
  const args = Object.fromEntries(
    Object.entries(one.arguments).map(([name, value]) => [name, value === whole ? copy : value]),
  );
  return { spoiledCase: { ...one, arguments: args }, row };
}

async function problems(device: Device, one: ConformanceCase, operand: string, output: string): Promise<string[]> {
  const { spoiledCase, row } = spoil(one, operand);
  const came = await runCase(device, spoiledCase);
  const clean = await runCase(device, one);
  const found: string[] = [];
  if (!rowOf(one, came[output], row).some(Number.isNaN)) found.push(`${one.kernel} (${one.name}): ${output} hides NaN`);
  for (const name of rowOperands[one.kernel] ?? []) {
    if (!came[name]) continue;
    for (let other = 0; other < rowCount(one); other++) {
      if (other === row) continue;
      const [a, b] = [came, clean].map((result) => Buffer.from(rowOf(one, result[name], other).buffer));
      if (!a.equals(b)) found.push(`${one.kernel} (${one.name}): NaN in row ${row} changes ${name} of row ${other}`);
    }
  }
  return found;
}

function rowOf(one: ConformanceCase, values: CaseResult[string], row: number): CaseResult[string] {
  const width = values.length / rowCount(one);
  return values.slice(row * width, (row + 1) * width);
}

function describeNotANumber(label: string, open: () => Device): void {
  describe(`${label}: NaN is passed on, within its row`, () => {
    let device: Device;
    beforeAll(() => {
      device = open();
    });
    afterAll(() => device.close());

    for (const [kernel, [operand, output]] of Object.entries(spoiled)) {
      it(kernel, async () => {
        const found: string[] = [];
        for (const one of cases) {
          if (one.kernel !== kernel || rowCount(one) === 0 || rowCount(one) > 1000) continue;
          found.push(...(await problems(device, one, operand, output)));
        }
        expect(found).toEqual([]);
      });
    }

    it("attention", async () => {
      for (const one of cases) {
        if (one.kernel !== "attention") continue;
        const heads = one.arguments.heads as number;
        const q = one.arguments.q as CaseBuffer;
        const { lse } = await runCase(device, {
          ...one,
          arguments: { ...one.arguments, q: { ...q, data: q.data.map((value, i) => (i === 0 ? Number.NaN : value)) } },
        });
        expect(lse[0], one.name).toBeNaN();
        if (heads > 1) expect(lse[1], one.name).not.toBeNaN();
      }
    });

    it("moeRoute and sample still choose what exists", async () => {
      for (const one of cases) {
        if (one.kernel !== "moeRoute" && one.kernel !== "sample") continue;
        const logits = one.arguments.logits as CaseBuffer;
        const nothing = { ...logits, data: logits.data.map(() => Number.NaN) };
        const came = await runCase(device, { ...one, arguments: { ...one.arguments, logits: nothing } });
        const { rows, experts, active, vocabulary } = one.arguments as Record<string, number>;
        if (one.kernel === "sample") {
          expect([...came.tokens].every((token) => token >= 0 && token < vocabulary)).toBe(true);
          continue;
        }
        for (let t = 0; t < rows; t++) {
          const chosen = [...came.expertIds.slice(t * active, (t + 1) * active)];
          expect(new Set(chosen).size).toBe(active);
          expect(chosen.every((e) => e >= 0 && e < experts)).toBe(true);
        }
        expect([...came.order].sort((a, b) => a - b)).toEqual([...came.order.keys()]);
        expect(came.offsets[experts]).toBe(rows * active);
      }
    });
  });
}

describeNotANumber("reference", openReferenceDevice);
for (const { isa, skipped } of nativeLevels()) {
  if (skipped) it.skip(`${isa}: ${skipped}`, () => {});
  else describeNotANumber(isa, () => openDevice({ name: "native", isa, precision: "auto", threads: 2 }));
}
