import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openTextModel } from "../../src/pipeline/text-model.ts";
import { sampleAttempts } from "../../src/rollout/rollout.ts";

interface Golden {
  rows: { question: string; prompt: number[]; tokens: number[]; gaps: number[]; text: string }[];
}

const model = join(import.meta.dirname, "../../../shared/models/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf");
const golden: Golden = JSON.parse(readFileSync(join(import.meta.dirname, "smollm2.json"), "utf8"));
if (!existsSync(model)) console.warn("smollm2: skipped, the model's GGUF file is not here");

/** Where the two largest logits are this close, rounding decides; what follows another token is another answer. */
const closeCall = 1e-2;

it.skipIf(!existsSync(model))(
  "SmolLM2 answers from its GGUF file as transformers does on the dequantised weights",
  async () => {
    const { policy, tokenizer, close } = await openTextModel(model, {
      device: { name: "native", precision: "f32" },
      context: 256,
    });
    const chat = (content: string) => tokenizer.encodeChat([{ role: "user", content }], { addGenerationPrompt: true });
    const prompts = golden.rows.map(({ question }) => chat(question));
    expect(prompts).toEqual(golden.rows.map(({ prompt }) => prompt));
    const { attempts } = await sampleAttempts(policy, prompts, {
      temperature: 0,
      maxNewTokens: 48,
      eosId: tokenizer.stopIds,
    });
    close();
    golden.rows.forEach(({ tokens, gaps, question }, i) => {
      const found = attempts[i][0].tokens;
      const differs = tokens.findIndex((token, t) => token !== found[t]);
      if (differs >= 0) expect(gaps[differs], `${question}, token ${differs}`).toBeLessThan(closeCall);
      else expect(found, question).toEqual(tokens);
    });
    // Each answer is compared for a good part of its length.
    expect(golden.rows.flatMap(({ gaps }) => gaps).filter((gap) => gap >= closeCall).length).toBeGreaterThan(80);
  },
);
