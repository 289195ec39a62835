import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openDevice } from "../../src/engine/registry.ts";
import { mathFormer } from "../../src/model/config.ts";
import { writeMerged } from "../../src/model/export.ts";
import { closePolicy, createPolicy } from "../../src/model/policy.ts";

/** The byte-level tokenizer of the goldens that is cut as SmolLM2's, with ids 0 to 2 its special tokens. */
const { files } = JSON.parse(readFileSync(new URL("../goldens/tokenizers.json", import.meta.url), "utf8")).tokenizers
  .smollm as { files: Record<string, object> };
const vocabularySize = 420;

const chatTemplate =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}" +
  "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/**
 * Writes a Llama of random weights with a tokenizer, as a model's directory on the hub.
 *
 * @param options seed: of the weights; chat: false leaves the chat template out
 */
export async function writeTinyModel(dir: string, { seed = 0, chat = true } = {}): Promise<void> {
  mkdirSync(dir, { recursive: true });
  const shape = {
    size: "tiny",
    block: "llama",
    width: 32,
    heads: 4,
    feedForward: 48,
    layers: 2,
    maxPositions: 512,
  } as const;
  const config = { ...mathFormer(shape, vocabularySize), embeddingScale: 1, initialDeviation: 0.4 };
  const device = openDevice({ name: "native", threads: 1 });
  const policy = createPolicy(device, config, { seed, trained: false });
  await writeMerged(policy, dir, { modelType: "llama", baseDirectory: null, dtype: "F32" });
  closePolicy(policy);
  device.close();
  const settings = { ...files["tokenizer_config.json"], ...(chat && { chat_template: chatTemplate }) };
  writeFileSync(join(dir, "tokenizer.json"), JSON.stringify(files["tokenizer.json"]));
  writeFileSync(join(dir, "tokenizer_config.json"), JSON.stringify(settings));
}

/** Problems to train on and to be measured on, as `wordsRecipe` names their files. */
export function writeProblems(dir: string): void {
  writeFileSync(join(dir, "train.jsonl"), rows(20, "green apples"));
  writeFileSync(join(dir, "test.jsonl"), rows(50, "old wooden boats out on the lake"));
}

/** A recipe on those problems, for the model `tiny`, in YAML. */
export const wordsRecipe = `
name: words
task:
  kind: words
  data: .
  layout: columns
  columns: { question: ask, answer: answer }
  train: { file: train.jsonl }
  test: { file: test.jsonl }
  format: hash
  instruction: Say the number.
  maxNewTokens: 8
device: { threads: 1 }
model: { from: tiny, lora: { rank: 2 } }
stages:
  - { name: base, kind: eval }
  - { name: sft, kind: sft, steps: 6, batchSize: 4, learningRate: 0.05 }
evaluation: { problems: 6 }
`;
const names = ["Ann", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hal", "Ivy", "Jo"];
const rows = (from: number, things: string) =>
  names
    .map(
      (name, i) =>
        `${JSON.stringify({ ask: `${name} has ${from + i} ${things}. How many?`, answer: `${from + i}` })}\n`,
    )
    .join("");
