import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { writeTinyModel } from "../../test/cli/tiny-model.ts";
import { openReferenceDevice } from "../engine/devices/reference/device.ts";
import { adapterModules, completeLora } from "../model/adapter.ts";
import { attachModules } from "../model/lora.ts";
import { closePolicy } from "../model/policy.ts";
import { loadPretrained } from "../model/pretrained.ts";
import { resolveModel } from "../model/resolve-model.ts";
import { defineRecipe } from "./parse-recipe.ts";
import { publishedModel } from "./published-model.ts";
import { tokenizerOf } from "./text-model.ts";

const dir = mkdtempSync(join(tmpdir(), "reckon-published-"));
beforeAll(() => writeTinyModel(dir));
afterAll(() => rmSync(dir, { recursive: true }));

it("copies an adapter that has some of its modules only, and ranks of their own, as it is", async () => {
  const lora = { rank: 2, targetModules: ["q_proj", "v_proj"] };
  const recipe = defineRecipe({
    name: "a",
    task: { kind: "words", data: "none", layout: "gsm8k", format: "hash" },
    model: { from: dir, lora },
    stages: [{ kind: "eval", name: "base" }],
  });
  const resolved = await resolveModel(dir);
  const store = publishedModel(recipe, resolved, tokenizerOf(resolved));
  const { policy: base } = loadPretrained(openReferenceDevice(), resolved);
  const options = completeLora(lora, base.config);
  // As an adapter in PEFT's format may be: without the first layer, and with another rank.
  const modules = adapterModules(base.config, options, base.weights).slice(2);
  const policy = attachModules(
    base,
    options,
    modules.map((module) => ({ ...module, rank: 3 })),
    { trained: true },
  );
  const copy = await store.freeze(policy, { kind: "now" });
  expect(copy.adapter!.modules).toEqual(policy.adapter!.modules);
  const values = async ({ device, parameters }: typeof policy) => [...(await device.read(parameters.values))];
  expect(await values(copy)).toEqual(await values(policy));
  expect(copy.parameters.gradients).toBeNull();
  closePolicy(copy);
  closePolicy(policy);
});
