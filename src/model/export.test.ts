import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { CheckpointError, DataError } from "../base/errors.ts";
import type { Device } from "../engine/device.ts";
import { openReferenceDevice } from "../engine/devices/reference/device.ts";
import { linear } from "../engine/ops/linear.ts";
import { openDevice } from "../engine/registry.ts";
import { Tape } from "../engine/tape.ts";
import { exportModel, writeMerged } from "./export.ts";
import { readSafetensors, toFloat32 } from "./formats/safetensors.ts";
import { packSequences, uploadRows } from "./packed-batch.ts";
import { attachPeft } from "./peft.ts";
import { closePolicy, type Policy } from "./policy.ts";
import { loadPretrained } from "./pretrained.ts";
import { verifyMerged } from "./verify-export.ts";

const goldens = fileURLToPath(new URL("../../test/goldens/architectures", import.meta.url));
const names = readdirSync(goldens).filter((name) => existsSync(join(goldens, name, "goldens.safetensors")));
const dir = mkdtempSync(join(tmpdir(), "reckon-export-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Logits of ids, [T · V]. */
async function logitsOf(policy: Policy, ids: readonly number[]): Promise<Float64Array> {
  const { config, decoder, device, stepScope, weights } = policy;
  const tape = new Tape(stepScope, { recording: false });
  const batch = packSequences([{ prompt: ids, completions: [] }]);
  const { hidden } = decoder.forward(tape, weights, uploadRows(stepScope, batch, config));
  const { buffer } = linear(tape, hidden, decoder.outputHead(weights));
  const logits = Float64Array.from(await device.read(buffer), (logit) => logit * config.logitScale);
  stepScope.end();
  return logits;
}

const gapOf = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a, (value, i) => Math.abs(value - b[i])).reduce((most, gap) => Math.max(most, gap), 0);

function open(name: string, device: Device = openReferenceDevice()) {
  const directory = join(goldens, name);
  const { policy, modelType } = loadPretrained(device, { kind: "directory", path: directory });
  const golden = readSafetensors(join(directory, "goldens.safetensors")).tensors;
  const adapted = attachPeft(policy, join(directory, "adapter"), { modelType, trained: false });
  const ids = [...(golden.get("tokens.0")!.data as Int32Array)];
  const base = { modelType, baseName: `org/${name}`, baseDirectory: directory };
  return { adapted, golden, ids, base, adapter: join(directory, "adapter", "adapter_model.safetensors") };
}

describe.each(names)("%s with PEFT's adapter", (name) => {
  it("has PEFT's logits, and is exported as PEFT's own tensors", async () => {
    const { adapted, golden, ids, base, adapter } = open(name);
    const expected = toFloat32(golden.get("adapterLogits.0")!);
    expect(gapOf(await logitsOf(adapted, ids), expected)).toBeLessThan(1e-4 * Math.max(...expected.map(Math.abs)));
    const out = join(dir, `${name}-adapter`);
    const { logitError } = await exportModel(adapted, out, { ...base, form: "adapter" });
    expect(logitError).toBe(0);
    const written = readSafetensors(join(out, "adapter_model.safetensors")).tensors;
    const theirs = readSafetensors(adapter).tensors;
    expect([...written.keys()].sort()).toEqual([...theirs.keys()].sort());
    for (const [tensor, { shape, data }] of written) {
      expect(shape, tensor).toEqual(theirs.get(tensor)!.shape);
      expect(data, tensor).toEqual(toFloat32(theirs.get(tensor)!));
    }
  });

  it("is merged into a checkpoint with the same logits", async () => {
    const { adapted, golden, base } = open(name);
    const out = join(dir, `${name}-merged`);
    const { logitError, notes } = await exportModel(adapted, out, { ...base, form: "merged", dtype: "F32" });
    expect(logitError).toBeLessThan(1e-5);
    expect(notes).toEqual([]);
    expect(JSON.parse(readFileSync(join(out, "config.json"), "utf8"))).toMatchObject({
      model_type: base.modelType,
      dtype: "float32",
    });
    const stored = [...readSafetensors(join(out, "model.safetensors")).tensors.keys()].sort();
    const gradients = [...golden.keys()].filter((key) => key.startsWith("gradient."));
    expect(stored).toEqual(gradients.map((key) => key.slice("gradient.".length)).sort());
    const rounded = await exportModel(adapted, `${out}-bf16`, { ...base, form: "merged" });
    expect(rounded.logitError).toBeGreaterThan(0);
    expect(rounded.logitError).toBeLessThan(0.25);
    expect(rounded.tolerance).toBeNull();
  });

  it.each(["F32", "F16", "BF16"] as const)(
    "is merged in %s on a device that rounds operands to bf16",
    async (dtype) => {
      const device = openDevice({ name: "native", threads: 1, precision: "bf16" });
      const { adapted, base } = open(name, device);
      const out = join(dir, `${name}-${dtype}-by-bf16`);
      expect(await exportModel(adapted, out, { ...base, form: "merged", dtype })).toMatchObject({ tolerance: null });
      closePolicy(adapted);
      expect(device.memory().bytes).toBe(0);
      device.close();
    },
  );
});

describe("exportModel", () => {
  it("writes the model's own positions, whatever context it was loaded with", async () => {
    const path = join(goldens, "llama");
    const device = openReferenceDevice();
    const { policy, modelType } = loadPretrained(device, { kind: "directory", path }, { context: 16 });
    const out = mkdtempSync(join(dir, "context-"));
    await writeMerged(policy, out, { modelType, baseDirectory: null, files: null });
    const positions = (from: string) =>
      JSON.parse(readFileSync(join(from, "config.json"), "utf8")).max_position_embeddings;
    expect(positions(out)).toBe(positions(path));
    expect(positions(out)).toBeGreaterThan(16);
  });

  it("refuses a tensor that is not what was to be written", async () => {
    const { adapted, base } = open("mixtral");
    const out = mkdtempSync(join(dir, "changed-"));
    await writeMerged(adapted, out, { ...base, dtype: "F16" });
    const file = join(out, "model.safetensors");
    const bytes = readFileSync(file);
    bytes[bytes.length - 1] ^= 1;
    writeFileSync(file, bytes);
    await expect(verifyMerged(adapted, out, "F16")).rejects.toThrow(/lm_head\.weight: expected .* at \d+ of output/);
  });

  it("leaves what is there alone", async () => {
    const { adapted, base } = open("llama-linear");
    await expect(exportModel(adapted, dir, { ...base, form: "adapter" })).rejects.toThrow(DataError);
  });

  it("refuses what comes back with other logits, and leaves nothing", async () => {
    const { adapted, base } = open("llama-linear");
    const wrong = mkdtempSync(join(dir, "base-"));
    const config = JSON.parse(readFileSync(join(base.baseDirectory, "config.json"), "utf8"));
    writeFileSync(join(wrong, "config.json"), JSON.stringify({ ...config, rms_norm_eps: 0.5 }));
    const out = join(dir, "refused");
    const exported = exportModel(adapted, out, { ...base, baseDirectory: wrong, form: "merged", dtype: "F32" });
    await expect(exported).rejects.toThrow(CheckpointError);
    await expect(exported).rejects.toThrow(
      /its config.json describes another model: .* they differ by up to .* at most 0.00001/,
    );
    expect(readdirSync(dir).filter((name) => name.includes("refused"))).toEqual([]);
  });
});
