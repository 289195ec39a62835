import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openDevice } from "../../src/engine/registry.ts";
import { encoderEmbedder, type TextEmbedder } from "../../src/pipeline/text-embedder.ts";
import { type TextPair, TextSimilarity } from "../../src/pipeline/text-similarity.ts";
import { type BertScore, rescaleScore } from "../../src/reward/bert-score.ts";

/** [precision, recall, f1] of each pair. */
type Scores = [number, number, number][];
interface Golden {
  pairs: [candidate: string, reference: string][];
  encoders: Record<string, { layer: number; plain: Scores; idf: Scores; baseline?: Scores[number]; rescaled?: Scores }>;
}

const golden: Golden = JSON.parse(readFileSync(join(import.meta.dirname, "similarity.json"), "utf8"));
const pairs = golden.pairs.map(([candidate, reference]): TextPair => ({ candidate, reference }));
const references = pairs.map(({ reference }) => reference);
const device = openDevice({ name: "native", threads: 2, precision: "f32" });
afterAll(() => device.close());

const within = 1e-4;

describe("BERTScore of 50 pairs as Python's bert-score computes it", () => {
  it.each(["bert", "roberta", "distilbert"])("%s, tiny and random", async (name) => {
    const { layer, plain, idf, baseline, rescaled } = golden.encoders[name];
    const embedder = rememberingEmbedder(join(import.meta.dirname, "encoders", name), layer);
    const found = await new TextSimilarity(embedder).score(pairs);
    expectScores(found, plain);
    expectScores(await new TextSimilarity(embedder, { idfOver: references }).score(pairs), idf);
    const [precision, recall, f1] = baseline!;
    expectScores(
      found.map((score) => rescaleScore(score, { precision, recall, f1 })),
      rescaled!,
    );
    embedder.close();
  });

  const real = join(import.meta.dirname, "../../../shared/models/all-minilm-l6-v2");
  if (!existsSync(real)) console.warn("similarity: skipped with MiniLM, which is not in ../shared/models");
  it.skipIf(!existsSync(real))("MiniLM", async () => {
    const { layer, plain, idf } = golden.encoders["all-minilm-l6-v2"];
    const embedder = rememberingEmbedder(real, layer);
    expectScores(await new TextSimilarity(embedder).score(pairs), plain);
    expectScores(await new TextSimilarity(embedder, { idfOver: references }).score(pairs), idf);
    embedder.close();
  });
});

/** An encoder that embeds each text once, however often it is asked. */
function rememberingEmbedder(path: string, layer: number): TextEmbedder {
  const embedder = encoderEmbedder(device, { kind: "directory", path }, { layer });
  const known = new Map<string, Float32Array>();
  return {
    ...embedder,
    async hiddenRows(texts) {
      const fresh = texts.filter((ids) => !known.has(ids.join()));
      const rows = await embedder.hiddenRows(fresh);
      for (const [i, ids] of fresh.entries()) known.set(ids.join(), rows[i]);
      return texts.map((ids) => known.get(ids.join())!.slice());
    },
  };
}

function expectScores(found: readonly BertScore[], expected: Scores): void {
  expect(found.length).toBe(50);
  found.forEach(({ precision, recall, f1 }, i) => {
    const [p, r, f] = expected[i];
    for (const [part, ours, theirs] of [
      ["precision", precision, p],
      ["recall", recall, r],
      ["f1", f1, f],
    ] as const)
      expect(Math.abs(ours - theirs), `${part} of pair ${i}, ${ours} for ${theirs}`).toBeLessThan(within);
  });
}
