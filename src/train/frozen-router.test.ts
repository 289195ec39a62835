import { join } from "node:path";
import { expect, it } from "vitest";
import { openReferenceDevice } from "../engine/devices/reference/device.ts";
import { Tape } from "../engine/tape.ts";
import { packSequences, uploadRows } from "../model/packed-batch.ts";
import { closePolicy, entryLogps } from "../model/policy.ts";
import { loadPretrained } from "../model/pretrained.ts";
import { describeTrained } from "../model/trained-modules.ts";
import { AdamW } from "../update/adamw.ts";

const path = join(import.meta.dirname, "../../test/goldens/architectures/qwen3_moe");

it.each([
  ["stay as they are", false],
  ["are trained where that is asked for", true],
])("routers of a published mixture that is trained whole %s", async (_, trainRouter) => {
  const device = openReferenceDevice();
  const { policy } = loadPretrained(device, { kind: "directory", path }, { trained: true, trainRouter });
  const { parameters, stepScope, weights, config } = policy;
  const values = async () => {
    const found = new Map<string, string>();
    for (const { name, buffer } of parameters.entries) found.set(name, (await device.read(buffer)).join());
    return found;
  };
  const before = await values();
  const optimizer = new AdamW(parameters, { weightDecay: 0.1 });
  for (let step = 0; step < 2; step++) {
    const batch = packSequences([{ prompt: [1, 2, 3], completions: [[4, 5, 6, 7]] }]);
    const tape = new Tape(stepScope, { recording: true });
    const { hidden } = policy.decoder.forward(tape, weights, uploadRows(stepScope, batch, config), {
      balanceScale: 0.1,
    });
    const entries = entryLogps(policy, tape, hidden, { ...batch, temperature: 1 });
    const none = new Float64Array(batch.targets.length);
    entries.seed(
      none.map(() => -0.25),
      none,
    );
    tape.backward();
    stepScope.end();
    await optimizer.step(0.01);
  }
  const after = await values();
  const same = [...before.keys()].filter((name) => before.get(name) === after.get(name));
  const routers = parameters.entries.filter(({ name }) => name.endsWith(".router.weight"));
  expect(routers.length).toBeGreaterThan(0);
  expect(same).toEqual(trainRouter ? [] : routers.map(({ name }) => name));
  const learned = parameters.entries.filter(({ name }) => !same.includes(name));
  expect(parameters.count).toBe(learned.reduce((sum, { buffer }) => sum + buffer.length, 0));
  expect(describeTrained(policy).some(({ module }) => module === "router")).toBe(trainRouter);
  optimizer.close();
  closePolicy(policy);
  expect(device.memory().bytes).toBe(0);
});
